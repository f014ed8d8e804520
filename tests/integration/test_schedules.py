"""Scheduled transfers at the very moment of their cancellation, and several who carry them out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from tests.support.due import assert_books_hold
from tests.support.factories import Pair
from tests.support.ledgers import open_strangers
from tests.support.observer import Observer
from wallet.models import OperationStatus
from wallet.services.ledger import Ledger, NotPendingError
from wallet.services.schedules import cancel_transfer, carry_out_due
from wallet.services.statements import find_operation
from wallet.services.transfers import Note, TransferOrder, transfer
from wallet.services.worker import DUE_MAX

TRIES = 40


async def schedule(ledger: Ledger, pair: Pair, observer: Observer) -> UUID:
    """Let Ada schedule 0.01 EUR for Bob; its time has come already."""
    order = TransferOrder(
        source_id=pair.source_id,
        target_id=pair.target_id,
        amount_minor=1,
        currency="EUR",
        note=Note(idempotency_key=uuid4().hex),
        scheduled_for=datetime.now(UTC) + timedelta(days=1),
    )
    outcome = await transfer(ledger, order, actor=pair.ada)
    assert outcome.operation is not None
    await observer.fetch(
        "UPDATE operations SET scheduled_for = now() WHERE id = $1", outcome.operation.id
    )
    return outcome.operation.id


async def try_to_cancel(ledger: Ledger, pair: Pair, operation_id: UUID) -> bool:
    """Call a transfer off; return whether that was in time."""
    try:
        await cancel_transfer(ledger, operation_id, actor=pair.ada, idempotency_key=uuid4().hex)
    except NotPendingError:
        return False
    return True


class TestCarryOutDue:
    """schedules.carry_out_due, in processes that know nothing of each other."""

    async def test_or_cancel(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """At the same moment, whoever is first: it is called off, or carried out, and not both."""
        seen = set()
        moved = 0
        async with open_strangers(3) as (first, second, third):
            for number in range(TRIES):
                id_ = await schedule(ledger, pair, observer)
                asked: list[Callable[[], Awaitable[object]]] = [
                    partial(carry_out_due, first, limit=DUE_MAX),
                    partial(try_to_cancel, second, pair, id_),
                    partial(carry_out_due, third, limit=DUE_MAX),
                ]
                turn = number % 3
                await asyncio.gather(*(ask() for ask in asked[turn:] + asked[:turn]))
                found = await find_operation(pair.ada, id_)
                assert found is not None
                seen.add(found.status)
                moved += found.status is OperationStatus.COMPLETED

        assert seen <= {OperationStatus.COMPLETED, OperationStatus.CANCELLED}
        assert await pair.factory.balance_minor(pair.bob, pair.target_id) == moved
        await assert_books_hold(observer)

    async def test_in_several_processes_at_once(
        self, pair: Pair, ledger: Ledger, observer: Observer
    ) -> None:
        """Each of them is carried out once."""
        ids = [await schedule(ledger, pair, observer) for _ in range(50)]

        async with open_strangers(4) as ledgers:
            await asyncio.gather(*(carry_out_due(each, limit=DUE_MAX) for each in ledgers))

        found = [await find_operation(pair.ada, id_) for id_ in ids]
        assert {each.status for each in found if each} == {OperationStatus.COMPLETED}
        assert await pair.factory.balance_minor(pair.bob, pair.target_id) == 50
        await assert_books_hold(observer)

    async def test_so_many_at_a_time(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """The limit is kept, and the earliest come first."""
        ids = [await schedule(ledger, pair, observer) for _ in range(5)]

        went = [await carry_out_due(ledger, limit=2) for _ in range(4)]

        assert went == [(2, 0), (2, 0), (1, 0), (0, 0)]
        at = [found.completed_at for id_ in ids if (found := await find_operation(pair.ada, id_))]
        assert at == sorted(each for each in at if each)
