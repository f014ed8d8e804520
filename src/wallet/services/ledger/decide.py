"""
The functional core: which postings are carried out, and what is written down for them.

No I/O, no clock, no randomness: the same rows, keys, postings and instant
always give the same decision. Every rule about idempotency, ownership,
currency, status, funds and limits is here and in ``rules``.

First, holds whose time is over are ended. Then a posting is checked in this
order; the first that does not hold is the answer:

1. its idempotency key is known: the first outcome again, or a conflict;
2. its wallets exist, and the actor's side is the actor's;
3. its wallets hold its currencies;
4. its instants are to come, its quote is good, and what it follows is open;
5. its wallets are active              (recorded as FAILED);
6. the debited wallets have the money  (recorded as FAILED);
7. the credited wallets can hold it    (recorded as FAILED);
8. its source's limits allow it        (recorded as FAILED).

The first posting of an atomic batch that is refused, or that its key says was
refused before, undoes the whole batch; then nothing of it is recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from wallet.core.errors import IdempotencyConflictError
from wallet.services.ledger.book import Book, Decision, IdempotencyKey
from wallet.services.ledger.errors import BatchRejectedError, LimitExceededError
from wallet.services.ledger.failures import failure_of
from wallet.services.ledger.records import (
    AtomicBatch,
    KnownOperation,
    Outcome,
    Posting,
    Related,
    WalletRecord,
    Work,
)
from wallet.services.ledger.rules import find_failure, find_refusal, work_out

__all__ = ["Decision", "IdempotencyKey", "decide", "failure_of"]

_NOTHING_RELATED = Related()


def decide(
    wallets: Mapping[UUID, WalletRecord],
    known: Mapping[IdempotencyKey, KnownOperation],
    works: Sequence[Work],
    *,
    now: datetime,
    related: Related = _NOTHING_RELATED,
) -> Decision:
    """
    Decide on postings and batches one after the other; each sees what those before it did.

    Args:
        wallets: The holders' wallets that exist, by id, as locked.
        known: The operations that the postings' keys have led to before.
        now: The instant of the round. An entry is never older than the one
            before it in its wallet, even when the clock went back.
        related: What the postings refer to, and the holds whose time is over.
    """
    book = Book(wallets, known, related, now)
    for operation in related.operations.values():
        if operation.is_over(now):
            book.end_hold(operation)
    for work in works:
        if isinstance(work, AtomicBatch):
            _carry_out_batch(book, work)
        elif isinstance(work, Posting):
            book.decision.outcomes.append(_carry_out(book, work, on_record=True))
    return book.decision


def _carry_out_batch(book: Book, batch: AtomicBatch) -> None:
    """Decide on all postings of a batch, and take everything back where one is refused."""
    before = book.mark()
    outcomes: list[Outcome] = []
    for index, posting in enumerate(batch.postings):
        outcome = _carry_out(book, posting, on_record=False)
        if outcome.error is not None:
            book.return_to(before)
            rejected = BatchRejectedError(index=index, cause=outcome.error)
            refusal = Outcome(operation=None, wallet=None, error=rejected)
            outcomes = [refusal] * len(batch.postings)
            break
        outcomes.append(outcome)
    book.decision.outcomes += outcomes


def _carry_out(book: Book, posting: Posting, *, on_record: bool) -> Outcome:
    earlier = _find_known(book, posting)
    if earlier is not None:
        return _replay(book, posting, earlier)
    refusal = find_refusal(book, posting)
    if refusal is not None:
        return Outcome(operation=None, wallet=None, error=refusal)
    posting = work_out(book, posting)
    failure = find_failure(book, posting)
    if failure is None:
        return book.complete(posting)
    if isinstance(failure, LimitExceededError) and failure.wait is not None:
        book.decision.waits.add(failure.wait)
    if on_record:
        return book.record_failure(posting, failure)
    return Outcome(operation=None, wallet=None, error=failure)


def _find_known(book: Book, posting: Posting) -> KnownOperation | None:
    if posting.idempotency_key is None:
        return None
    return book.known.get((posting.actor_id, posting.idempotency_key))


def _replay(book: Book, posting: Posting, earlier: KnownOperation) -> Outcome:
    # What this round has done to it already is not yet where the key leads to.
    operation = book.related.get(earlier.operation.id, earlier.operation)
    if operation.request_hash != posting.request_hash:
        return Outcome(operation=None, wallet=None, error=IdempotencyConflictError())
    wallet = book.wallets[posting.wallet_id]
    if earlier.balance_after_minor is not None and earlier.held_after_minor is not None:
        wallet = replace(
            wallet,
            balance_minor=earlier.balance_after_minor,
            held_minor=earlier.held_after_minor,
        )
    return Outcome(
        operation=operation,
        wallet=wallet,
        error=failure_of(operation),
        # A retry after a COMMIT whose answer was lost finds its own operation.
        replayed=operation.id != posting.operation_id,
    )
