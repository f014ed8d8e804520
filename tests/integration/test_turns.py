"""One user reads a few statements at once; nobody else waits for that."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.support.factories import Factory
from tests.support.ledgers import connected_apart
from tests.support.observer import Observer
from wallet.core.settings import Settings
from wallet.models import OperationKind
from wallet.schema.operations import load_operations
from wallet.schema.paging import read_page
from wallet.services import turns
from wallet.services.database import fetch, transaction
from wallet.services.ledger import WalletRecord
from wallet.services.statements import Filter
from wallet.services.turns import AT_ONCE_MAX, turn_of

# As many names as a document may give to fields.
NAMES = 50
POOL_SIZE = 16

_READING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%period%'
"""


@pytest_asyncio.fixture
async def pool(settings: Settings) -> AsyncIterator[None]:
    """A pool of the size that a server's has."""
    async with connected_apart(settings.model_copy(update={"database_pool_size": POOL_SIZE})):
        yield


async def count(wallet: WalletRecord, user_id: UUID) -> int:
    """Ask for a total, as a field of a document does."""
    page = read_page(wallet.id, first=1, after=None, last=None, before=None)
    wanted = Filter(kinds=(OperationKind.TOPUP,))
    loaded = await load_operations(wallet, page, wanted, viewer_id=user_id, looked_up=False)
    total: int = await loaded.total_count()
    return total


class TestReading:
    """What a request reads of statements."""

    @pytest.mark.usefixtures("pool")
    async def test_leaves_connections_to_others(self, factory: Factory, observer: Observer) -> None:
        """While fifty pages of one user stand still, others read and write; then all are there."""
        actor, wallet = await factory.create_wallet(balance="10.00 EUR")
        async with observer.connected() as connection, connection.transaction():
            await connection.execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
            tasks = [asyncio.create_task(count(wallet, actor.user_id)) for _ in range(NAMES)]
            await observer.until_waiting(AT_ONCE_MAX)
            async with asyncio.timeout(2):
                read = await asyncio.gather(*(fetch("SELECT 1 AS one") for _ in range(NAMES)))
                async with transaction() as client:
                    await client.execute_query("SELECT 1")
            waiting = await observer.value(_READING)
        counts = await asyncio.gather(*tasks)

        assert read == [[{"one": 1}]] * NAMES
        assert waiting == AT_ONCE_MAX
        assert counts == [1] * NAMES


class TestTurnOf:
    """turns.turn_of."""

    async def test_in_turn(self) -> None:
        """A few at once, the others as they came; another user does not wait."""
        user_id, order, at_once = uuid4(), [], 0

        async def read(number: int) -> None:
            nonlocal at_once
            async with turn_of(user_id):
                at_once += 1
                assert at_once <= AT_ONCE_MAX
                order.append(number)
                async with turn_of(uuid4()):
                    await asyncio.sleep(0)
                at_once -= 1

        await asyncio.gather(*(read(number) for number in range(NAMES)))

        assert order == list(range(NAMES))

    async def test_after_what_failed_or_was_given_up(self) -> None:
        """A turn ends with its body, however that ends."""
        user_id = uuid4()

        async def fail() -> None:
            async with turn_of(user_id):
                raise ValueError

        async def never_end() -> None:
            async with turn_of(user_id):
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(never_end()) for _ in range(AT_ONCE_MAX * 2)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(AT_ONCE_MAX + 1):
            with pytest.raises(ValueError, match=r"^$"):
                await fail()

    async def test_leaves_nothing(self) -> None:
        """Of a user who reads no more nothing is kept."""
        user_id = uuid4()

        async with turn_of(user_id):
            assert user_id in turns._turns

        assert user_id not in turns._turns
