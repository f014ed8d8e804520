"""What hypothesis makes of the ledger: wallets of all sorts, and what people ask of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

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

# Nobody has these; people ask for them all the same.
NOBODYS_WALLETS = (make_wallet(ADA), make_wallet(BOB, currency="JPY"))

_SMALL = st.integers(0, 1_000)
_HUGE = st.integers(BIGINT_MAX - 1_000, BIGINT_MAX)
_STATUSES = st.sampled_from([WalletStatus.ACTIVE] * 8 + [WalletStatus.FROZEN, WalletStatus.CLOSED])
_KEYS = st.sampled_from(["a", "b", "c", None])


@dataclass(frozen=True, slots=True)
class Scenario:
    """A ledger as it stands, what is asked of it, and when."""

    memory: Memory
    postings: list[Posting]
    now: datetime


def instants() -> SearchStrategy[datetime]:
    """Instants around NOW: clocks differ, and go back."""
    return st.integers(-5_000_000, 5_000_000).map(lambda us: NOW + timedelta(microseconds=us))


@st.composite
def wallets(draw: DrawFn) -> WalletRecord:
    """A wallet that the table's constraints allow."""
    held_minor = draw(st.one_of(st.just(0), _SMALL, _HUGE))
    overdraft_minor = draw(st.one_of(st.just(0), _SMALL, _HUGE))
    lowest_minor = max(held_minor - overdraft_minor, -BIGINT_MAX)
    return make_wallet(
        draw(st.sampled_from(OWNERS)),
        currency=draw(st.sampled_from(("EUR", *CURRENCIES))),
        status=draw(_STATUSES),
        balance_minor=draw(
            st.one_of(
                st.integers(lowest_minor, min(lowest_minor + 1_000, BIGINT_MAX)),
                st.integers(max(lowest_minor, BIGINT_MAX - 1_000), BIGINT_MAX),
            )
        ),
        held_minor=held_minor,
        overdraft_minor=overdraft_minor,
        last_sequence=draw(st.integers(0, 1_000_000)),
        head_hash=draw(st.binary(min_size=32, max_size=32)),
        last_entry_at=draw(instants()),
    )


@st.composite
def postings(draw: DrawFn, among: list[WalletRecord]) -> Posting:
    """A new request: mostly one that makes sense, sometimes by the wrong person or currency."""
    wallet = draw(st.sampled_from(among))
    other = draw(st.sampled_from([item for item in among if item.id != wallet.id]))
    amount_minor = draw(
        st.one_of(
            st.integers(1, 1_000),
            st.integers(BIGINT_MAX - 1_000, BIGINT_MAX),
            # Just what can be spent, and one more.
            st.integers(0, 1).map(lambda more: wallet.spendable_minor + more),
        ).filter(lambda amount_minor: 0 < amount_minor <= BIGINT_MAX)
    )
    currency = draw(st.sampled_from([wallet.currency] * 8 + list(CURRENCIES)))
    actor_id = draw(st.sampled_from([wallet.owner_id] * 8 + list(OWNERS)))
    key = draw(_KEYS)
    match draw(st.sampled_from(["transfer"] * 4 + ["topup", "operator", "withdrawal", "opening"])):
        case "transfer":
            return make_transfer(
                wallet, other, amount_minor, currency=currency, actor_id=actor_id, key=key
            )
        case "topup":
            return make_topup(wallet, amount_minor, currency=currency, actor_id=actor_id, key=key)
        case "operator":
            return make_topup(
                wallet,
                amount_minor,
                currency=currency,
                actor_id=OPERATOR,
                by_operator=True,
                key=key,
            )
        case "withdrawal":
            return make_withdrawal(
                wallet, amount_minor, currency=currency, actor_id=actor_id, key=key
            )
        case _:
            return make_opening(wallet, key=key)


@st.composite
def scenarios(draw: DrawFn, *, always_keyed: bool = False) -> Scenario:
    """
    Some wallets, and a sequence of requests for them.

    Keys come back with the same and with other input; unknown and foreign
    wallets are asked for; a posting is retried under its own operation's id.
    """
    existing = draw(st.lists(wallets(), min_size=2, max_size=5))
    sequence: list[Posting] = []
    for _ in range(draw(st.integers(1, 12))):
        keyed = [posting for posting in sequence if posting.idempotency_key is not None]
        match draw(st.sampled_from(["new"] * 4 + ["again", "retried"])) if keyed else "new":
            case "again":
                sequence.append(ask_again(draw(st.sampled_from(keyed))))
            case "retried":
                sequence.append(draw(st.sampled_from(keyed)))
            case _:
                posting = draw(postings([*existing, *NOBODYS_WALLETS]))
                if always_keyed and posting.idempotency_key is None:
                    posting = with_key(posting, f"only {len(sequence)}")
                sequence.append(posting)
    return Scenario(Memory.of(existing), sequence, draw(instants()))


def with_key(posting: Posting, key: str) -> Posting:
    """Return *posting* with a key that no other one has."""
    return replace(posting, idempotency_key=key, request_hash=posting.operation_id.bytes * 2)
