"""
What is right, said naively: who has what, what became of each operation, and what is refused.

It knows no entries, no rounds and no sweeps. A hold is over when the clock says
so. Every method does what is asked, or answers the code of what stands in the
way and changes nothing but the record of a failure.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

from wallet.core.errors import ErrorCode
from wallet.models import OperationKind, OperationStatus, WalletStatus

_PENDING = OperationStatus.PENDING

RECORDED = {
    ErrorCode.WALLET_UNAVAILABLE,
    ErrorCode.INSUFFICIENT_FUNDS,
    ErrorCode.LIMIT_EXCEEDED,
}
"""What leaves a FAILED operation."""


@dataclass(slots=True)
class Account:
    """A wallet; *paid* is when how much left it."""

    overdraft: int = 0
    at_once: int | None = None
    within_a_day: int | None = None
    balance: int = 0
    status: WalletStatus = WalletStatus.ACTIVE
    paid: list[tuple[datetime, int]] = field(default_factory=list)


@dataclass(slots=True)
class Deed:
    """An operation; *given_back* is what its source has got of what its target *returned*."""

    kind: OperationKind
    source: UUID
    target: UUID
    amount: int
    received: int
    status: OperationStatus = OperationStatus.COMPLETED
    expires_at: datetime | None = None
    returned: int = 0
    given_back: int = 0


@dataclass(frozen=True, slots=True)
class Promise:
    """A quote, and whether it was given to who pays by it."""

    quote_id: UUID
    until: datetime
    is_payers: bool


class Model:
    """All accounts and deeds, as they stand at *now*."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.accounts: dict[UUID, Account] = {}
        self.deeds: dict[UUID, Deed] = {}
        self.quotes_used: set[UUID] = set()

    # -- what is so -------------------------------------------------------------------------

    def status_of(self, id_: UUID) -> OperationStatus:
        """Tell what became of a deed; a hold past its time is EXPIRED."""
        deed = self.deeds[id_]
        is_over = deed.expires_at is not None and deed.expires_at <= self.now
        return OperationStatus.EXPIRED if deed.status is _PENDING and is_over else deed.status

    def held(self, wallet_id: UUID) -> int:
        """Add up the open holds on a wallet."""
        return sum(
            deed.amount
            for id_, deed in self.deeds.items()
            if deed.kind is OperationKind.HOLD
            and deed.source == wallet_id
            and self.status_of(id_) is _PENDING
        )

    # -- what is asked ------------------------------------------------------------------------

    def topup(self, wallet_id: UUID, amount: int) -> ErrorCode | None:
        """Let money in."""
        if self.accounts[wallet_id].status is not WalletStatus.ACTIVE:
            return ErrorCode.WALLET_UNAVAILABLE
        self.accounts[wallet_id].balance += amount
        return None

    def pay(self, id_: UUID, deed: Deed, promise: Promise | None = None) -> ErrorCode | None:
        """Carry out a transfer or a hold."""
        if promise and (
            not promise.is_payers
            or promise.quote_id in self.quotes_used
            or promise.until <= self.now
        ):
            return ErrorCode.QUOTE_EXPIRED
        error = self._find_obstacle(deed)
        if error is not None:
            self.deeds[id_] = deed
            deed.status = OperationStatus.FAILED
            return error
        self.deeds[id_] = deed
        if deed.kind is OperationKind.HOLD:
            deed.status = _PENDING
        else:
            self._move(deed)
        if promise:
            self.quotes_used.add(promise.quote_id)
        return None

    def do_all(self, deeds: Iterable[Callable[[], ErrorCode | None]]) -> ErrorCode | None:
        """Do all of them, or nothing: then say why."""
        before = deepcopy((self.accounts, self.deeds, self.quotes_used))
        for do in deeds:
            error = do()
            if error is not None:
                self.accounts, self.deeds, self.quotes_used = before
                return error
        return None

    def capture(self, hold_id: UUID, amount: int, id_: UUID) -> ErrorCode | None:
        """Give the target its money, and the source the rest."""
        if self.status_of(hold_id) is not _PENDING:
            return ErrorCode.NOT_PENDING
        hold = self.deeds[hold_id]
        deed = Deed(OperationKind.CAPTURE, hold.source, hold.target, amount, amount)
        self.deeds[id_] = deed
        if not self._are_active(hold):
            deed.status = OperationStatus.FAILED
            return ErrorCode.WALLET_UNAVAILABLE
        hold.status = OperationStatus.COMPLETED
        self._move(deed)
        return None

    def call_off(self, id_: UUID) -> ErrorCode | None:
        """Void a hold, or cancel a scheduled transfer."""
        if self.status_of(id_) is not _PENDING:
            return ErrorCode.NOT_PENDING
        self.deeds[id_].status = OperationStatus.CANCELLED
        return None

    def schedule(self, id_: UUID, deed: Deed) -> ErrorCode | None:
        """Remember a transfer for later."""
        self.deeds[id_] = deed
        deed.status = _PENDING if self._are_active(deed) else OperationStatus.FAILED
        return None if deed.status is _PENDING else ErrorCode.WALLET_UNAVAILABLE

    def carry_out(self, id_: UUID) -> ErrorCode | None:
        """Carry out what was scheduled."""
        if self.status_of(id_) is not _PENDING:
            return ErrorCode.NOT_PENDING
        deed = self.deeds[id_]
        error = self._find_obstacle(deed)
        deed.status = OperationStatus.FAILED if error else OperationStatus.COMPLETED
        if error is None:
            self._move(deed)
        return error

    def reverse(self, id_: UUID, amount: int | None) -> ErrorCode | None:
        """Give a part of what a target got back, or all that is left of it."""
        deed = self.deeds[id_]
        if (
            deed.kind not in {OperationKind.TRANSFER, OperationKind.CAPTURE}
            or deed.status is not OperationStatus.COMPLETED
        ):
            return ErrorCode.NOT_REVERSIBLE
        part = deed.received - deed.returned if amount is None else amount
        given_back = round(Fraction(deed.amount * (deed.returned + part), deed.received))
        if amount is not None and (
            amount > deed.received - deed.returned or given_back == deed.given_back
        ):
            return ErrorCode.INVALID_INPUT
        if not self._are_active(deed):
            return ErrorCode.WALLET_UNAVAILABLE
        if self._spendable(deed.target) < part:
            return ErrorCode.INSUFFICIENT_FUNDS
        self._take(deed.target, part)
        self.accounts[deed.source].balance += given_back - deed.given_back
        deed.returned, deed.given_back = deed.returned + part, given_back
        if deed.returned == deed.received:
            deed.status = OperationStatus.REVERSED
        return None

    # -- how ----------------------------------------------------------------------------------

    def _are_active(self, deed: Deed) -> bool:
        return all(
            self.accounts[id_].status is WalletStatus.ACTIVE for id_ in (deed.source, deed.target)
        )

    def _spendable(self, wallet_id: UUID) -> int:
        account = self.accounts[wallet_id]
        return account.balance - self.held(wallet_id) + account.overdraft

    def _find_obstacle(self, deed: Deed) -> ErrorCode | None:
        account = self.accounts[deed.source]
        if not self._are_active(deed):
            return ErrorCode.WALLET_UNAVAILABLE
        if self._spendable(deed.source) < deed.amount:
            return ErrorCode.INSUFFICIENT_FUNDS
        if account.at_once is not None and deed.amount > account.at_once:
            return ErrorCode.LIMIT_EXCEEDED
        yesterday = self.now - timedelta(days=1)
        today = sum(amount for at, amount in account.paid if at > yesterday)
        if account.within_a_day is not None and (
            today + self.held(deed.source) + deed.amount > account.within_a_day
        ):
            return ErrorCode.LIMIT_EXCEEDED
        return None

    def _move(self, deed: Deed) -> None:
        self._take(deed.source, deed.amount)
        self.accounts[deed.target].balance += deed.received

    def _take(self, wallet_id: UUID, amount: int) -> None:
        self.accounts[wallet_id].balance -= amount
        self.accounts[wallet_id].paid.append((self.now, amount))
