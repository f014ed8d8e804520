"""What hypothesis makes of the ledger: wallets of all sorts, and what people ask of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.unit.services.ledger.memory import Memory
from tests.unit.services.ledger.samples import (
    ADA,
    BIGINT_MAX,
    BOB,
    NOW,
    OPERATOR,
    ask_again,
    make_opening,
    make_topup,
    make_transfer,
    make_wallet,
    make_withdrawal,
)
from wallet.models import WalletStatus
from wallet.services.ledger import Posting, WalletRecord

CURRENCIES = ("EUR", "JPY", "KWD")
OWNERS = (ADA, BOB, UUID(int=0xCA7))
KINDS = ("transfer", "topup", "topup by operator", "withdrawal", "opening")

_SMALL = st.integers(0, 1_000)
_HUGE = st.integers(BIGINT_MAX - 1_000, BIGINT_MAX)
_SOMETIMES = st.one_of(*[st.just(0)] * 4, _SMALL, _SMALL, _HUGE)
_INSTANTS = st.integers(-5_000_000, 5_000_000).map(lambda us: NOW + timedelta(microseconds=us))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A ledger as it stands, what is asked of it, and when."""

    memory: Memory
    postings: list[Posting]
    now: datetime


class WalletShape(NamedTuple):
    """
    What a wallet is made from.

    Attributes:
        balance: How far the balance is from the least that its held money and
            overdraft allow; negative counts from the most.
    """

    owner_id: UUID
    currency: str
    status: WalletStatus
    held_minor: int
    overdraft_minor: int
    balance: int
    last_entry_at: datetime

    def make(self) -> WalletRecord:
        """Make a wallet that the table's constraints allow."""
        lowest_minor = max(self.held_minor - self.overdraft_minor, -BIGINT_MAX)
        return make_wallet(
            self.owner_id,
            currency=self.currency,
            status=self.status,
            balance_minor=(
                min(lowest_minor + self.balance, BIGINT_MAX)
                if self.balance >= 0
                else max(BIGINT_MAX + self.balance + 1, lowest_minor)
            ),
            held_minor=self.held_minor,
            overdraft_minor=self.overdraft_minor,
            last_sequence=abs(self.balance),
            head_hash=bytes([self.balance % 256]) * 32,
            last_entry_at=self.last_entry_at,
        )


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong with a request, if anything: None is what fits the wallet."""

    actor_id: UUID | None = None
    currency: str | None = None
    wallet: WalletRecord | None = None
    other: WalletRecord | None = None


class RequestShape(NamedTuple):
    """
    What a posting is made from.

    Attributes:
        wallet, other: Which wallets; counted round.
        amount: -1 is all that can be spent, -2 one more; -3 is all that the wallet
            that is paid has room for, -4 one more.
        repeat: Ask an earlier keyed request again instead, or retry its very operation.
    """

    wallet: int
    other: int
    kind: str
    misfit: Misfit
    amount: int
    key: str | None
    repeat: str

    def make(self, wallets: list[WalletRecord], earlier: list[Posting]) -> Posting:
        """Make the posting, given those before it."""
        if earlier and self.repeat != "no":
            posting = earlier[self.wallet % len(earlier)]
            return ask_again(posting) if self.repeat == "ask again" else posting
        return self._make_new(wallets)

    def _make_new(self, wallets: list[WalletRecord]) -> Posting:
        at = self.wallet % len(wallets)
        wallet = self.misfit.wallet or wallets[at]
        other = (
            self.misfit.other or wallets[(at + 1 + self.other % (len(wallets) - 1)) % len(wallets)]
        )
        actor_id = self.misfit.actor_id or wallet.owner_id
        currency = self.misfit.currency or wallet.currency
        paid = other if self.kind == "transfer" else wallet
        amount_minor = {
            -1: wallet.spendable_minor,
            -2: wallet.spendable_minor + 1,
            -3: BIGINT_MAX - paid.balance_minor,
            -4: BIGINT_MAX - paid.balance_minor + 1,
        }.get(self.amount, self.amount)
        amount_minor = max(1, min(amount_minor, BIGINT_MAX))
        match self.kind:
            case "transfer":
                return make_transfer(
                    wallet,
                    other,
                    amount_minor,
                    currency=currency,
                    actor_id=actor_id,
                    key=self.key,
                )
            case "topup":
                return make_topup(
                    wallet, amount_minor, currency=currency, actor_id=actor_id, key=self.key
                )
            case "topup by operator":
                return make_topup(
                    wallet,
                    amount_minor,
                    currency=currency,
                    actor_id=OPERATOR,
                    by_operator=True,
                    key=self.key,
                )
            case "withdrawal":
                return make_withdrawal(
                    wallet, amount_minor, currency=currency, actor_id=actor_id, key=self.key
                )
            case _:
                return make_opening(wallet, key=self.key)


_WALLET_SHAPES = st.builds(
    WalletShape,
    owner_id=st.sampled_from(OWNERS),
    currency=st.sampled_from((*["EUR"] * 8, *CURRENCIES)),
    status=st.sampled_from((*[WalletStatus.ACTIVE] * 14, WalletStatus.FROZEN, WalletStatus.CLOSED)),
    held_minor=_SOMETIMES,
    overdraft_minor=_SOMETIMES,
    balance=st.one_of(_SMALL, _SMALL, st.integers(-1_000, -1)),
    last_entry_at=_INSTANTS,
)

_REQUEST_SHAPES = st.builds(
    RequestShape,
    wallet=st.integers(0, 11),
    other=st.integers(0, 11),
    kind=st.sampled_from((*["transfer"] * 5, *KINDS)),
    misfit=st.sampled_from(
        (
            *[Misfit()] * 30,
            *(Misfit(actor_id=owner_id) for owner_id in OWNERS),
            Misfit(currency="JPY"),
            # Nobody has these.
            Misfit(wallet=make_wallet()),
            Misfit(other=make_wallet()),
        )
    ),
    amount=st.one_of(st.integers(1, 100), st.integers(1, 1_000), st.integers(-4, -1), _HUGE),
    key=st.sampled_from((*"abcde", None, None, None)),
    repeat=st.sampled_from((*["no"] * 6, "ask again", "retry")),
)


def scenarios(*, always_keyed: bool = False) -> SearchStrategy[Scenario]:
    """
    Some wallets, and a sequence of requests for them.

    Keys come back with the same and with other input; unknown and foreign
    wallets are asked for; a posting is retried under its own operation's id.
    """
    return st.builds(
        _make_scenario,
        st.lists(_WALLET_SHAPES, min_size=2, max_size=5),
        st.lists(_REQUEST_SHAPES, min_size=5, max_size=15),
        _INSTANTS,
        st.just(always_keyed),
    )


def _make_scenario(
    wallet_shapes: list[WalletShape],
    request_shapes: list[RequestShape],
    now: datetime,
    always_keyed: bool,  # noqa: FBT001
) -> Scenario:
    existing = [shape.make() for shape in wallet_shapes]
    postings: list[Posting] = []
    for shape in request_shapes:
        keyed = [posting for posting in postings if posting.idempotency_key is not None]
        posting = shape.make(existing, keyed)
        if always_keyed and posting.idempotency_key is None:
            posting = replace(
                posting,
                idempotency_key=f"only {len(postings)}",
                request_hash=posting.operation_id.bytes * 2,
            )
        postings.append(posting)
    return Scenario(Memory.of(existing), postings, now)
