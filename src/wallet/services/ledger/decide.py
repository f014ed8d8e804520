"""
The functional core: which postings are carried out, and what is written down for them.

No I/O, no clock, no randomness: the same rows, keys, postings and instant
always give the same decision. Every rule about idempotency, ownership,
currency, status, funds and limits is here.

A posting is checked in this order; the first that does not hold is the answer:

1. its idempotency key is known: the first outcome again, or a conflict;
2. its wallets exist, and the actor's side is the actor's;
3. its wallets hold its currency;
4. its wallets are active              (recorded as FAILED);
5. the debited wallets have the money  (recorded as FAILED);
6. the credited wallets can hold it    (recorded as FAILED).

The first posting of an atomic batch that is refused, or that its key says was
refused before, undoes the whole batch; then nothing of it is recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from wallet.core.errors import IdempotencyConflictError, WalletError
from wallet.core.money import AMOUNT_MINOR_MAX
from wallet.models import OperationStatus, WalletStatus
from wallet.services.ledger.chain import chain_hash
from wallet.services.ledger.errors import (
    BatchRejectedError,
    CurrencyMismatchError,
    InsufficientFundsError,
    LimitExceededError,
    RecordedRefusalError,
    WalletNotFoundError,
    WalletUnavailableError,
)
from wallet.services.ledger.records import (
    AtomicBatch,
    EntryRecord,
    KnownOperation,
    Leg,
    OperationRecord,
    Outcome,
    Posting,
    WalletRecord,
    Work,
)

IdempotencyKey = tuple[UUID, str]
"""An idempotency key belongs to its actor."""


@dataclass(slots=True)
class Decision:
    """
    What to write, and what to answer.

    Attributes:
        wallets: The rows that changed, as they are to be.
        outcomes: One per posting, in their order; those of a rejected batch all
            carry the same BatchRejectedError.
    """

    wallets: dict[UUID, WalletRecord] = field(default_factory=dict)
    operations: list[OperationRecord] = field(default_factory=list)
    entries: list[EntryRecord] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


def decide(
    wallets: Mapping[UUID, WalletRecord],
    known: Mapping[IdempotencyKey, KnownOperation],
    works: Sequence[Work],
    *,
    now: datetime,
) -> Decision:
    """
    Decide on postings and batches one after the other; each sees what those before it did.

    Args:
        wallets: The holders' wallets that exist, by id, as locked.
        known: The operations that the postings' keys have led to before.
        now: The instant of the round. An entry is never older than the one
            before it in its wallet, even when the clock went back.
    """
    book = _Book(dict(wallets), dict(known), now)
    for work in works:
        if isinstance(work, AtomicBatch):
            book.carry_out_batch(work)
        else:
            book.carry_out(work)
    return book.decision


@dataclass(frozen=True, slots=True)
class _Mark:
    """How a book stood at one moment: its rows and keys, and how much was to be written."""

    wallets: dict[UUID, WalletRecord]
    known: dict[IdempotencyKey, KnownOperation]
    changed: dict[UUID, WalletRecord]
    operations: int
    entries: int


class _Book:
    """The rows and keys as they stand between two postings of a round."""

    def __init__(
        self,
        wallets: dict[UUID, WalletRecord],
        known: dict[IdempotencyKey, KnownOperation],
        now: datetime,
    ) -> None:
        self.wallets = wallets
        self.known = known
        self.now = now
        self.decision = Decision()

    def carry_out(self, posting: Posting) -> None:
        """Decide on one posting, and remember it for those that follow."""
        self.decision.outcomes.append(self._outcome_of(posting, on_record=True))

    def carry_out_batch(self, batch: AtomicBatch) -> None:
        """Decide on all postings of a batch, and take everything back where one is refused."""
        before = self._mark()
        outcomes: list[Outcome] = []
        for index, posting in enumerate(batch.postings):
            outcome = self._outcome_of(posting, on_record=False)
            if outcome.error is not None:
                self._return_to(before)
                rejected = BatchRejectedError(index=index, cause=outcome.error)
                refusal = Outcome(operation=None, wallet=None, error=rejected)
                outcomes = [refusal] * len(batch.postings)
                break
            outcomes.append(outcome)
        self.decision.outcomes += outcomes

    def _mark(self) -> _Mark:
        """Remember how things stand before a batch."""
        return _Mark(
            dict(self.wallets),
            dict(self.known),
            dict(self.decision.wallets),
            len(self.decision.operations),
            len(self.decision.entries),
        )

    def _return_to(self, mark: _Mark) -> None:
        """Take back all that was decided since *mark*."""
        self.wallets, self.known, self.decision.wallets = mark.wallets, mark.known, mark.changed
        del self.decision.operations[mark.operations :]
        del self.decision.entries[mark.entries :]

    def _outcome_of(self, posting: Posting, *, on_record: bool) -> Outcome:
        earlier = self._find_known(posting)
        if earlier is not None:
            return self._replay(posting, earlier)
        refusal = self._find_refusal(posting)
        if refusal is not None:
            return Outcome(operation=None, wallet=None, error=refusal)
        failure = self._find_failure(posting)
        if failure is None:
            return self._complete(posting)
        if on_record:
            return self._record_failure(posting, failure)
        return Outcome(operation=None, wallet=None, error=failure)

    # -- 1: idempotency -----------------------------------------------------------------

    def _find_known(self, posting: Posting) -> KnownOperation | None:
        if posting.idempotency_key is None:
            return None
        return self.known.get((posting.actor_id, posting.idempotency_key))

    def _replay(self, posting: Posting, earlier: KnownOperation) -> Outcome:
        operation = earlier.operation
        if operation.request_hash != posting.request_hash:
            return Outcome(operation=None, wallet=None, error=IdempotencyConflictError())
        return Outcome(
            operation=operation,
            wallet=replace(
                self.wallets[posting.wallet_id],
                balance_minor=earlier.balance_after_minor,
                held_minor=earlier.held_after_minor,
            ),
            error=failure_of(operation),
            # A retry after a COMMIT whose answer was lost finds its own operation.
            replayed=operation.id != posting.operation_id,
        )

    # -- 2 and 3: what is refused before it becomes an operation -------------------------

    def _find_refusal(self, posting: Posting) -> WalletError | None:
        # The actor's side first: somebody else's wallet gives the same answer as none,
        # whatever stands on the other side.
        own = self.wallets.get(posting.wallet_id)
        if own is None or posting.owner_id not in {None, own.owner_id}:
            return WalletNotFoundError(wallet_id=posting.wallet_id)
        for leg in posting.holder_legs:
            if leg.wallet_id not in self.wallets:
                return WalletNotFoundError(wallet_id=leg.wallet_id)
        for wallet in self._wallets_of(posting):
            if wallet.currency != posting.currency:
                return CurrencyMismatchError(expected=wallet.currency)
        return None

    # -- 4, 5 and 6: what is refused and recorded ------------------------------------------

    def _find_failure(self, posting: Posting) -> RecordedRefusalError | None:
        for wallet in self._wallets_of(posting):
            if wallet.status is not WalletStatus.ACTIVE:
                return WalletUnavailableError(status=wallet.status, operation=None)
        for leg in posting.holder_legs:
            wallet = self.wallets[leg.wallet_id]
            if leg.amount_minor < 0 and wallet.spendable_minor < -leg.amount_minor:
                return InsufficientFundsError(
                    available_minor=wallet.available_minor,
                    currency=wallet.currency,
                    operation=None,
                )
        for leg in posting.holder_legs:
            balance_minor = self.wallets[leg.wallet_id].balance_minor + leg.amount_minor
            if balance_minor > AMOUNT_MINOR_MAX:
                return LimitExceededError(_TOO_MUCH_FOR_A_WALLET, operation=None)
        return None

    # -- what is written -------------------------------------------------------------------

    def _complete(self, posting: Posting) -> Outcome:
        at = self._instant_of(posting.legs)
        operation = self._write_operation(posting, at=at, failure=None)
        for leg in posting.legs:
            self._write_entry(operation, leg, at=at)
        return self._remember(posting, operation, failure=None)

    def _record_failure(self, posting: Posting, failure: RecordedRefusalError) -> Outcome:
        leg = Leg(posting.wallet_id, 0)
        at = self._instant_of((leg,))
        operation = self._write_operation(posting, at=at, failure=failure)
        self._write_entry(operation, leg, at=at)
        return self._remember(posting, operation, failure=failure_of(operation))

    def _instant_of(self, legs: Iterable[Leg]) -> datetime:
        latest = (self.wallets[leg.wallet_id].last_entry_at for leg in legs if not leg.is_system)
        return max(self.now, *latest)

    def _write_operation(
        self, posting: Posting, *, at: datetime, failure: RecordedRefusalError | None
    ) -> OperationRecord:
        source = self.wallets.get(posting.source_id) if posting.source_id else None
        target = self.wallets.get(posting.target_id) if posting.target_id else None
        operation = OperationRecord(
            id=posting.operation_id,
            kind=posting.kind,
            status=OperationStatus.FAILED if failure else OperationStatus.COMPLETED,
            actor_id=posting.actor_id,
            source_id=posting.source_id,
            target_id=posting.target_id,
            source=source.party if source else None,
            target=target.party if target else None,
            amount_minor=posting.amount_minor,
            currency=posting.currency,
            description=posting.description,
            metadata=posting.metadata,
            error_code=failure.code if failure else None,
            error_details=_details_of(failure) if failure else None,
            idempotency_key=posting.idempotency_key,
            request_hash=posting.request_hash,
            created_at=at,
            completed_at=at,
        )
        self.decision.operations.append(operation)
        return operation

    def _write_entry(self, operation: OperationRecord, leg: Leg, *, at: datetime) -> None:
        if leg.is_system:
            self.decision.entries.append(
                EntryRecord(
                    operation_id=operation.id,
                    wallet_id=leg.wallet_id,
                    amount_minor=leg.amount_minor,
                    held_change_minor=0,
                    created_at=at,
                    sequence=None,
                    balance_after_minor=None,
                    held_after_minor=None,
                    hash=None,
                )
            )
            return
        before = self.wallets[leg.wallet_id]
        sequence = before.last_sequence + 1
        balance_minor = before.balance_minor + leg.amount_minor
        entry_hash = chain_hash(
            before.head_hash,
            wallet_id=before.id,
            operation_id=operation.id,
            sequence=sequence,
            amount_minor=leg.amount_minor,
            held_change_minor=0,
            balance_after_minor=balance_minor,
            held_after_minor=before.held_minor,
            created_at=at,
        )
        self.decision.entries.append(
            EntryRecord(
                operation_id=operation.id,
                wallet_id=before.id,
                amount_minor=leg.amount_minor,
                held_change_minor=0,
                created_at=at,
                sequence=sequence,
                balance_after_minor=balance_minor,
                held_after_minor=before.held_minor,
                hash=entry_hash,
            )
        )
        after = before.after(
            balance_minor=balance_minor,
            held_minor=before.held_minor,
            head_hash=entry_hash,
            last_entry_at=at,
        )
        self.wallets[before.id] = self.decision.wallets[before.id] = after

    def _remember(
        self, posting: Posting, operation: OperationRecord, *, failure: WalletError | None
    ) -> Outcome:
        wallet = self.wallets[posting.wallet_id]
        if posting.idempotency_key is not None:
            self.known[posting.actor_id, posting.idempotency_key] = KnownOperation(
                operation, wallet.balance_minor, wallet.held_minor
            )
        return Outcome(operation=operation, wallet=wallet, error=failure)

    def _wallets_of(self, posting: Posting) -> list[WalletRecord]:
        return [self.wallets[leg.wallet_id] for leg in posting.holder_legs]


_TOO_MUCH_FOR_A_WALLET = "The wallet cannot hold that much."


def _details_of(failure: RecordedRefusalError) -> dict[str, object]:
    """Return what a replay needs to answer the same refusal again."""
    match failure:
        case InsufficientFundsError():
            return {"available_minor": failure.available_minor, "currency": failure.currency}
        case WalletUnavailableError():
            return {"status": failure.status.value}
        case _:
            return {"message": failure.message}


def failure_of(operation: OperationRecord) -> RecordedRefusalError | None:
    """Return the refusal that a FAILED operation records; None for every other operation."""
    details = operation.error_details or {}
    match operation.error_code:
        case None:
            return None
        case InsufficientFundsError.code:
            return InsufficientFundsError(
                available_minor=details["available_minor"],
                currency=details["currency"],
                operation=operation,
            )
        case WalletUnavailableError.code:
            return WalletUnavailableError(
                status=WalletStatus(details["status"]), operation=operation
            )
        case _:
            return LimitExceededError(details["message"], operation=operation)
