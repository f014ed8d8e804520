"""Batches of transfers: all or none, or each on its own."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from wallet.core.errors import BusyError, InvalidInputError, NotFoundError, WalletError
from wallet.services.actors import Actor
from wallet.services.ledger import BatchRejectedError, Ledger, Outcome, Posting
from wallet.services.transfers import TransferOrder, find_converted, with_field

BATCH_LENGTH_MAX = 1_000
"""Most transfers of a batch."""

Unreadable = InvalidInputError | NotFoundError
"""Why an item of a batch is no order at all."""


class BatchMode(StrEnum):
    """Whether the transfers of a batch stand and fall together."""

    ATOMIC = "ATOMIC"
    INDEPENDENT = "INDEPENDENT"


async def transfer_batch(
    ledger: Ledger, items: Sequence[TransferOrder | Unreadable], *, actor: Actor, mode: BatchMode
) -> list[Outcome]:
    """
    Carry out up to BATCH_LENGTH_MAX transfers in their order; each sees those before it.

    Every transfer has a key and an operation of its own, as if it came alone;
    one whose key was used before answers its first outcome. ATOMIC commits all
    of them in one transaction, or nothing. INDEPENDENT carries out each by
    itself: what is refused is that item's outcome.

    Args:
        items: The orders; in the place of one that could not be read, the reason.

    Returns:
        One outcome per item.

    Raises:
        InvalidInputError: There is no item, or there are too many.
        BatchRejectedError: ATOMIC only: the first item that stood in the way. One
            that cannot be read comes before what the ledger refuses. Busy, where
            others held the wallets for the whole wait, is told of the first item.
        ServiceUnavailableError: The outcome of some is unknown; their keys tell it.
    """
    if not 1 <= len(items) <= BATCH_LENGTH_MAX:
        raise InvalidInputError(
            f"A batch has 1 to {BATCH_LENGTH_MAX} transfers.", field=("transfers",)
        )
    items = await _convert(items, actor)
    postings = [_posting_of(item, actor) for item in items]
    if mode is BatchMode.ATOMIC:
        return await _transfer_all(ledger, items, postings)
    return await _transfer_each(ledger, items, postings)


async def _convert(
    items: Sequence[TransferOrder | Unreadable], actor: Actor
) -> list[TransferOrder | Unreadable]:
    """Look up the quotes of all items, in one trip."""
    orders = [item for item in items if isinstance(item, TransferOrder)]
    converted = iter(await find_converted(orders, actor))
    return [next(converted) if isinstance(item, TransferOrder) else item for item in items]


def _posting_of(item: TransferOrder | Unreadable, actor: Actor) -> Posting | Unreadable:
    if not isinstance(item, TransferOrder):
        return item
    try:
        return item.to_posting(actor)
    except InvalidInputError as error:
        return error


async def _transfer_all(
    ledger: Ledger,
    items: Sequence[TransferOrder | Unreadable],
    postings: Sequence[Posting | Unreadable],
) -> list[Outcome]:
    for index, posting in enumerate(postings):
        if not isinstance(posting, Posting):
            raise BatchRejectedError(index=index, cause=_at(index, posting))
    try:
        return await ledger.post_batch([p for p in postings if isinstance(p, Posting)])
    except BusyError as error:
        # Which of its wallets others held, the gate does not tell.
        raise BatchRejectedError(index=0, cause=error) from None
    except BatchRejectedError as error:
        cause = _explain(error.index, items[error.index], error.cause)
        raise BatchRejectedError(index=error.index, cause=cause) from None


async def _transfer_each(
    ledger: Ledger,
    items: Sequence[TransferOrder | Unreadable],
    postings: Sequence[Posting | Unreadable],
) -> list[Outcome]:
    carried_out = iter(await ledger.post_each([p for p in postings if isinstance(p, Posting)]))
    outcomes = []
    for index, (item, posting) in enumerate(zip(items, postings, strict=True)):
        outcome = (
            next(carried_out)
            if isinstance(posting, Posting)
            else Outcome(operation=None, wallet=None, error=posting)
        )
        if outcome.error is not None:
            outcome = replace(outcome, error=_explain(index, item, outcome.error))
        outcomes.append(outcome)
    return outcomes


def _explain(index: int, item: TransferOrder | Unreadable, error: WalletError) -> WalletError:
    """Say where in the batch the value stands that is refused."""
    if isinstance(item, TransferOrder):
        error = with_field(error, item.fields)
    return _at(index, error)


def _at(index: int, error: WalletError) -> WalletError:
    if isinstance(error, InvalidInputError | NotFoundError):
        return type(error)(error.message, field=("transfers", str(index), *error.field))
    return error
