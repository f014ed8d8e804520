"""
The rules: what stands in a posting's way, as the book stands.

Pure functions. What ``find_refusal`` finds leaves no trace; what
``find_failure`` finds is put on record.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from wallet.core.errors import InvalidInputError, WalletError
from wallet.core.ids import exchange_wallet_id
from wallet.core.money import AMOUNT_MINOR_MAX, format_amount
from wallet.core.rates import round_rate
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.ledger.book import Book
from wallet.services.ledger.errors import (
    CurrencyMismatchError,
    InsufficientFundsError,
    LimitExceededError,
    LimitKind,
    NotPendingError,
    NotReversibleError,
    QuoteExpiredError,
    RecordedRefusalError,
    WalletNotFoundError,
    WalletUnavailableError,
)
from wallet.services.ledger.records import (
    Conversion,
    Leg,
    OperationRecord,
    Posting,
    WalletLimits,
    WalletRecord,
)

HOLD_TTL = timedelta(days=7)
"""How long a hold lasts unless it says otherwise."""

SCHEDULE_MAX = timedelta(days=366)
"""How far ahead a hold may end, or a transfer be scheduled."""

OUTFLOW_WINDOW = timedelta(hours=24)

REVERSIBLE = frozenset({OperationKind.TRANSFER, OperationKind.CAPTURE})
"""What moves money from one holder to another."""

_LIMITED = frozenset({OperationKind.TRANSFER, OperationKind.WITHDRAWAL, OperationKind.HOLD})
"""What limits are asked about: a capture was asked about when its money was held."""

_ALWAYS = frozenset({OperationKind.VOID, OperationKind.REPORT})
"""What no state of a wallet forbids: its money is let go, and its owner may read of it."""

_TOO_MUCH_FOR_A_WALLET = "The wallet cannot hold that much."
_TOO_FAR = f"At most {SCHEDULE_MAX.days} days ahead."


def find_refusal(book: Book, posting: Posting) -> WalletError | None:
    """Return why a posting is none that can become an operation; None when it can."""
    # The actor's side first: somebody else's wallet gives the same answer as none,
    # whatever stands on the other side.
    own = book.wallets.get(posting.wallet_id)
    if own is None or posting.owner_id not in {None, own.owner_id}:
        return WalletNotFoundError(wallet_id=posting.wallet_id)
    for leg in posting.holder_legs:
        if leg.wallet_id not in book.wallets:
            return WalletNotFoundError(wallet_id=leg.wallet_id)
    return (
        _find_wrong_currency(book, posting)
        or _find_wrong_time(book, posting)
        or _find_used_quote(book, posting)
        or _find_ended_parent(book, posting)
    )


def _find_wrong_currency(book: Book, posting: Posting) -> WalletError | None:
    if posting.kind is OperationKind.REVERSAL:
        return None  # It gives back what was moved between these very wallets.
    for wallet in book.wallets_of(posting):
        is_converted = posting.conversion is not None and wallet.id == posting.target_id
        expected = posting.conversion.currency if is_converted and posting.conversion else None
        if wallet.currency != (expected or posting.currency):
            return CurrencyMismatchError(expected=wallet.currency)
    return None


def _find_wrong_time(book: Book, posting: Posting) -> WalletError | None:
    for at, field in ((posting.expires_at, "expires_at"), (posting.scheduled_for, "scheduled_for")):
        if at is not None and at <= book.now:
            return InvalidInputError("This instant is over.", field=(field,))
        if at is not None and at > book.now + SCHEDULE_MAX:
            return InvalidInputError(_TOO_FAR, field=(field,))
    return None


def _find_used_quote(book: Book, posting: Posting) -> WalletError | None:
    quote_id = posting.conversion.quote_id if posting.conversion else None
    if quote_id is None:
        return None
    quote = book.quotes.get(quote_id)
    if quote is None or quote.user_id != posting.actor_id:
        return QuoteExpiredError()  # It was forgotten between two looks at it.
    if (quote.amount_minor, quote.currency) != (posting.amount_minor, posting.currency):
        part = "currency" if quote.currency != posting.currency else "amount"
        amount = f"{format_amount(quote.amount_minor, quote.currency)} {quote.currency}"
        return InvalidInputError(f"This quote is for {amount}.", field=("amount", part))
    is_used = quote.operation_id is not None or quote_id in book.decision.used_quotes
    return QuoteExpiredError() if is_used or quote.expires_at <= book.now else None


def _find_ended_parent(book: Book, posting: Posting) -> WalletError | None:
    if posting.parent_id is None and posting.carries_out_id is None:
        return None
    parent = book.parent_of(posting)
    if posting.kind is not OperationKind.REVERSAL:
        is_pending = parent.status is OperationStatus.PENDING
        return None if is_pending else NotPendingError(status=parent.status)
    if parent.kind not in REVERSIBLE or parent.status is not OperationStatus.COMPLETED:
        return NotReversibleError("This operation cannot be given back.")
    return _find_too_much_back(parent, posting)


def _find_too_much_back(parent: OperationRecord, posting: Posting) -> WalletError | None:
    left_minor = parent.received_minor - parent.returned_minor
    if posting.takes_rest:
        return None
    if posting.amount_minor > left_minor:
        left = f"{format_amount(left_minor, parent.received_currency)} {parent.received_currency}"
        return InvalidInputError(
            f"Of this operation, {left} are left to give back.", field=("amount", "amount")
        )
    if _share_of(parent, posting.amount_minor) == 0:
        return InvalidInputError(
            "So little would give nothing back in the other currency.", field=("amount", "amount")
        )
    return None


def work_out(book: Book, posting: Posting) -> Posting:
    """Return a posting with all that depends on the book: its amounts, where it follows another."""
    match posting.kind:
        case OperationKind.HOLD if posting.expires_at is None:
            return replace(posting, expires_at=book.now + HOLD_TTL)
        case OperationKind.CAPTURE:
            return _work_out_capture(book.parent_of(posting), posting)
        case OperationKind.VOID:
            return _work_out_void(book.parent_of(posting), posting)
        case OperationKind.REVERSAL:
            return _work_out_reversal(book.parent_of(posting), posting)
        case _:
            return posting


def _work_out_capture(hold: OperationRecord, posting: Posting) -> Posting:
    source, target = posting.legs
    amount_minor = posting.amount_minor
    return replace(
        posting,
        legs=(
            # The rest is released.
            replace(source, amount_minor=-amount_minor, held_change_minor=-hold.amount_minor),
            replace(target, amount_minor=amount_minor),
        ),
    )


def _work_out_void(parent: OperationRecord, posting: Posting) -> Posting:
    # A transfer that is still to come has reserved nothing.
    held_minor = parent.amount_minor if parent.kind is OperationKind.HOLD else 0
    source, *others = posting.legs
    return replace(posting, legs=(replace(source, held_change_minor=-held_minor), *others))


def _work_out_reversal(parent: OperationRecord, posting: Posting) -> Posting:
    amount_minor = (
        parent.received_minor - parent.returned_minor
        if posting.takes_rest
        else posting.amount_minor
    )
    share_minor = _share_of(parent, amount_minor)
    giver, taker = posting.legs
    legs: tuple[Leg, ...] = (
        replace(giver, amount_minor=-amount_minor),
        replace(taker, amount_minor=share_minor),
    )
    conversion = None
    if parent.conversion is not None:
        conversion = Conversion(
            amount_minor=share_minor,
            currency=parent.currency,
            rate=round_rate(1 / Fraction(parent.conversion.rate)),
        )
        legs += exchange_legs(amount_minor, parent.conversion.currency, conversion)
    return replace(posting, amount_minor=amount_minor, legs=legs, conversion=conversion)


def _share_of(parent: OperationRecord, amount_minor: int) -> int:
    """
    Return what the source gets back for *amount_minor* of what the target received.

    In the proportion of the whole, rounded half-even on what was given back
    altogether, so that several parts add up to exactly what was paid.
    """
    if parent.conversion is None:
        return amount_minor

    def back(returned_minor: int) -> int:
        return round(Fraction(parent.amount_minor * returned_minor, parent.received_minor))

    return back(parent.returned_minor + amount_minor) - back(parent.returned_minor)


def exchange_legs(
    amount_minor: int, currency: str, conversion: Conversion | None
) -> tuple[Leg, ...]:
    """Return the legs of both exchange wallets, so that each currency adds up to 0."""
    if conversion is None:
        return ()
    return (
        Leg(exchange_wallet_id(currency), amount_minor, is_system=True),
        Leg(exchange_wallet_id(conversion.currency), -conversion.amount_minor, is_system=True),
    )


def find_failure(book: Book, posting: Posting) -> RecordedRefusalError | None:
    """Return what is refused under the lock, and recorded; None when the money may move."""
    if posting.kind in _ALWAYS:
        return None
    for wallet in book.wallets_of(posting):
        if wallet.status is not WalletStatus.ACTIVE:
            return WalletUnavailableError(
                status=wallet.status,
                operation=None,
                wallet_id=wallet.id,
                until=wallet.frozen_until,
            )
    if posting.scheduled_for is not None:
        return None  # The money has to be there at its time, and not before.
    return (
        _find_missing_funds(book, posting)
        or _find_overflow(book, posting)
        or _find_limit(book, posting)
    )


def _find_missing_funds(book: Book, posting: Posting) -> RecordedRefusalError | None:
    for leg in posting.holder_legs:
        wallet = book.wallets[leg.wallet_id]
        change_minor = leg.available_change_minor
        if change_minor < 0 and wallet.spendable_minor < -change_minor:
            return InsufficientFundsError(
                available_minor=wallet.available_minor, currency=wallet.currency, operation=None
            )
    return None


def _find_overflow(book: Book, posting: Posting) -> RecordedRefusalError | None:
    for leg in posting.holder_legs:
        if book.wallets[leg.wallet_id].balance_minor + leg.amount_minor > AMOUNT_MINOR_MAX:
            return LimitExceededError(
                _TOO_MUCH_FOR_A_WALLET, operation=None, limit=LimitKind.BALANCE
            )
    return None


def _find_limit(book: Book, posting: Posting) -> RecordedRefusalError | None:
    """Ask the limits of the wallet that pays; what is held counts as if it had left."""
    limits = book.limits.get(posting.source_id) if posting.source_id else None
    if limits is None or posting.kind not in _LIMITED or posting.source_id is None:
        return None
    currency = posting.currency
    most_minor = limits.outflow_max_minor
    if most_minor is not None and posting.amount_minor > most_minor:
        most = format_amount(most_minor, currency)
        return LimitExceededError(
            f"At most {most} {currency} may leave this wallet at once.",
            operation=None,
            limit=LimitKind.OUTFLOW,
        )
    return _find_limit_24h(book.wallets[posting.source_id], limits, posting, now=book.now)


def _find_limit_24h(
    wallet: WalletRecord, limits: WalletLimits, posting: Posting, *, now: datetime
) -> RecordedRefusalError | None:
    most_minor = limits.outflow_24h_max_minor
    if most_minor is None:
        return None
    left_minor = most_minor - limits.outflow_24h_minor - wallet.held_minor
    wait_minor = posting.amount_minor - left_minor
    if wait_minor <= 0:
        return None
    # What is held does not grow old, and what is more than the limit never fits.
    can_wait = posting.amount_minor + wallet.held_minor <= most_minor
    # By then all is old enough, what left in this very round too.
    until = limits.free_from.get(wait_minor, now + OUTFLOW_WINDOW)
    most, left = (format_amount(m, wallet.currency) for m in (most_minor, max(left_minor, 0)))
    return LimitExceededError(
        f"At most {most} {wallet.currency} may leave this wallet within 24 hours; {left} are left.",
        operation=None,
        limit=LimitKind.OUTFLOW_24H,
        until=until if can_wait else None,
        wait=(wallet.id, wait_minor) if can_wait else None,
    )
