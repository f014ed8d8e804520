"""Statements: pages of a wallet's lines, and single operations."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from tests.support.factories import Factory
from tests.support.histories import History
from tests.support.ledgers import connected_apart
from tests.support.observer import Observer
from tests.support.servers import Databases
from wallet.core.ids import new_id
from wallet.core.settings import Settings
from wallet.models import OperationKind, OperationStatus
from wallet.services.actors import Actor
from wallet.services.ledger import InsufficientFundsError, Ledger
from wallet.services.statements import (
    Filter,
    Line,
    Page,
    Range,
    count_lines,
    find_operation,
    get_page,
)

ALL = Range(limit=1_000)


@dataclass(frozen=True, slots=True)
class Kept:
    """A wallet of an actor, the payee of its transfers, and its lines, newest first."""

    actor: Actor
    wallet_id: UUID
    payee: Actor
    payee_wallet_id: UUID
    lines: Sequence[Line]


@pytest_asyncio.fixture(scope="module")
async def kept(ledger: Ledger, settings: Settings) -> Kept:
    """A wallet that was opened, topped up, paid out of, paid into, and refused."""
    factory = Factory(ledger, settings)
    actor, wallet = await factory.create_wallet()
    payee, payee_wallet = await factory.create_wallet(balance="100.00 EUR")
    for _ in range(3):
        await factory.topup(actor, wallet.id, "10.00 EUR")
        await factory.transfer(actor, wallet.id, payee_wallet.id, "2.50 EUR")
        with pytest.raises(InsufficientFundsError):
            await factory.transfer(actor, wallet.id, payee_wallet.id, "900.00 EUR")
        await factory.transfer(payee, payee_wallet.id, wallet.id, "1.00 EUR")
    page = await get_page(wallet.id, ALL, Filter())
    return Kept(actor, wallet.id, payee, payee_wallet.id, page.lines)


def matches(line: Line, filter_: Filter) -> bool:
    """Tell whether a line passes a filter."""
    operation = line.operation
    return (
        (filter_.kinds is None or operation.kind in filter_.kinds)
        and (filter_.statuses is None or operation.status in filter_.statuses)
        and (filter_.from_ is None or operation.created_at >= filter_.from_)
        and (filter_.until is None or operation.created_at < filter_.until)
    )


def expected(lines: Sequence[Line], range_: Range, filter_: Filter) -> Page:
    """Cut a page out of all *lines*, newest first."""
    matching = [line for line in lines if matches(line, filter_)]
    high = 10**9 if range_.after is None else range_.after
    low = 0 if range_.before is None else range_.before
    inside = [line for line in matching if low < line.sequence < high]
    page = inside[-range_.limit :] if range_.from_oldest else inside[: range_.limit]
    newest, oldest = (page[0].sequence, page[-1].sequence) if page else (high - 1, low + 1)
    return Page(
        page,
        has_older=any(line.sequence < oldest for line in matching),
        has_newer=any(line.sequence > newest for line in matching),
        last_sequence=len(lines),
    )


def filters(lines: Sequence[Line]) -> list[Filter]:
    """Return filters that let through all, some, one and none of *lines*."""
    instant = lines[4].operation.created_at
    tick = timedelta(microseconds=1)
    return [
        Filter(),
        Filter(kinds=(OperationKind.TRANSFER,)),
        Filter(kinds=(OperationKind.OPENING,)),
        Filter(statuses=(OperationStatus.FAILED,)),
        Filter(kinds=(OperationKind.TRANSFER,), statuses=(OperationStatus.COMPLETED,)),
        Filter(from_=instant),
        Filter(until=instant),
        Filter(from_=instant, until=instant + tick),
        Filter(from_=instant + tick, until=instant),
        Filter(kinds=()),
        Filter(statuses=()),
        Filter(kinds=(OperationKind.HOLD,)),
    ]


def kinds_and_statuses() -> list[Filter]:
    """Return filters of each kind with each status, of one of both, and of holds by two."""
    statuses = [(status,) for status in OperationStatus]
    return [
        *(Filter(kinds=(kind,), statuses=one) for kind in OperationKind for one in statuses),
        *(Filter(kinds=(kind,)) for kind in OperationKind),
        *(Filter(statuses=one) for one in statuses),
        *(Filter(statuses=both) for both in itertools.combinations(OperationStatus, 2)),
    ]


class TestGetPage:
    """statements.get_page."""

    async def test_has_each_operation_once(self, kept: Kept) -> None:
        """Newest first, gapless, with running balances."""
        assert [line.sequence for line in kept.lines] == list(range(13, 0, -1))
        sums = itertools.accumulate(line.amount_minor for line in reversed(kept.lines))
        assert [line.balance_after_minor for line in kept.lines] == list(sums)[::-1]
        kinds = [line.operation.kind.value for line in reversed(kept.lines)]
        assert kinds == ["OPENING", *["TOPUP", "TRANSFER", "TRANSFER", "TRANSFER"] * 3]

    async def test_every_page(self, kept: Kept) -> None:
        """Lines and both flags are exact, whatever range and filter."""
        ends = (None, 1, 7, 13, 14)
        for filter_ in filters(kept.lines):
            for after, before, limit, from_oldest in itertools.product(
                ends, ends[:-1], (3, 100), (True, False)
            ):
                range_ = Range(limit=limit, after=after, before=before, from_oldest=from_oldest)

                page = await get_page(kept.wallet_id, range_, filter_)

                assert page == expected(kept.lines, range_, filter_), (range_, filter_)


class TestCountLines:
    """statements.count_lines."""

    async def test_counts_what_matches(self, kept: Kept) -> None:
        """As many as the filter lets through."""
        wanted = filters(kept.lines)

        counts = [await count_lines(kept.wallet_id, filter_) for filter_ in wanted]

        assert counts == [sum(matches(line, each) for line in kept.lines) for each in wanted]
        assert counts[:4] == [13, 9, 1, 3]
        assert [filter_.is_empty for filter_ in wanted] == [True] + [False] * 11


class TestEveryKindAndStatus:
    """get_page and count_lines of statements on which there is everything that there can be."""

    @pytest.mark.parametrize("is_over", [False, True])
    async def test_each(self, databases: Databases, settings: Settings, *, is_over: bool) -> None:
        """What a filter lets through is what it says, of holds that nobody has swept too."""
        own = settings.model_copy(update={"database_url": await databases.create()})
        await History.create(own)
        async with connected_apart(own), Observer.of(own.database_url) as observer:
            if is_over:
                await observer.execute(
                    "UPDATE operations SET expires_at = now() - interval '1 s'"
                    " WHERE kind = 'HOLD' AND status = 'PENDING'"
                )
            wallets = await observer.fetch("SELECT id FROM wallets WHERE owner_id IS NOT NULL")
            found = set()
            for wallet in wallets:
                everything = (await get_page(wallet["id"], ALL, Filter())).lines
                found |= {(line.operation.kind, line.operation.status) for line in everything}
                for filter_ in kinds_and_statuses():
                    page = await get_page(wallet["id"], ALL, filter_)
                    assert page == expected(everything, ALL, filter_), filter_
                    assert await count_lines(wallet["id"], filter_) == len(page.lines)

        assert {kind for kind, _ in found} == set(OperationKind) - {
            OperationKind.SIGNUP,
            OperationKind.REPORT,
            OperationKind.WITHDRAWAL,
        }
        assert ((OperationKind.HOLD, OperationStatus.PENDING) in found) is not is_over


class TestFindOperation:
    """statements.find_operation."""

    async def test_by_both_sides(self, kept: Kept) -> None:
        """Payer and payee find the same operation, with both parties."""
        paid = next(
            line.operation
            for line in kept.lines
            if line.amount_minor == -250 and line.operation.source is not None
        )

        assert await find_operation(kept.actor, paid.id) == paid
        assert await find_operation(kept.payee, paid.id) == paid
        assert paid.source is not None
        assert paid.target is not None
        assert (paid.source.owner_email, paid.target.owner_email) == (
            kept.actor.email,
            kept.payee.email,
        )

    async def test_failed_one_is_its_actors(self, kept: Kept) -> None:
        """Who was not paid knows nothing of it."""
        failed = next(
            line.operation for line in kept.lines if line.operation.status is OperationStatus.FAILED
        )

        found = await find_operation(kept.actor, failed.id)

        assert found == failed
        assert failed.error_details is not None
        assert failed.error_code == "INSUFFICIENT_FUNDS"
        assert await find_operation(kept.payee, failed.id) is None

    async def test_of_a_top_up_has_one_party(self, kept: Kept) -> None:
        """The world is no party."""
        topup = next(
            line.operation for line in kept.lines if line.operation.kind is OperationKind.TOPUP
        )

        assert topup.source is None
        assert topup.target is not None

    async def test_of_a_stranger(self, kept: Kept, factory: Factory) -> None:
        """Nobody else finds any of them; what is not there, nobody."""
        stranger = await factory.create_actor()

        found = [await find_operation(stranger, line.operation.id) for line in kept.lines]

        assert found == [None] * 13
        assert await find_operation(kept.actor, new_id()) is None
