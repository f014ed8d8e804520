"""Claims at the gate in Redis: whoever is refused has the next turn."""

from uuid import UUID, uuid4

import pytest
import redis.asyncio

from tests.support.waiting import until
from wallet.services.ledger.locks import Gate, new_token

PREFIX = "test:claim:"


class Process:
    """A process at the gate: it asks, and gives back what it has."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._gate = Gate(client, prefix=PREFIX)
        self._token = new_token()

    async def ask(self, *wallets: UUID) -> bool:
        """Ask for one posting's wallets."""
        return (await self.ask_for_each(wallets))[0]

    async def ask_for_each(self, *postings: tuple[UUID, ...]) -> list[bool]:
        """Ask for the wallets of several postings, in a new round."""
        self._token = new_token()
        return await self._gate.acquire(postings, token=self._token)

    async def give_back(self, *wallets: UUID) -> None:
        """Give back what the last round has."""
        await self._gate.release(wallets, token=self._token)


@pytest.fixture
def one(redis_client: redis.asyncio.Redis) -> Process:
    """A process."""
    return Process(redis_client)


@pytest.fixture
def two(redis_client: redis.asyncio.Redis) -> Process:
    """Another process."""
    return Process(redis_client)


async def _claims(client: redis.asyncio.Redis, *wallets: UUID) -> list[bool]:
    """Tell of each wallet whether somebody claims it."""
    return [bool(await client.exists(f"{PREFIX}{wallet}:next")) for wallet in wallets]


class TestClaim:
    """Gate.acquire, after a refusal."""

    async def test_refused_process_has_the_next_turn(self, one: Process, two: Process) -> None:
        """Who gives a wallet back does not get it again before the one who was refused."""
        wallet = uuid4()
        assert await one.ask(wallet)
        assert not await two.ask(wallet)
        await one.give_back(wallet)

        assert not await one.ask(wallet)
        assert await two.ask(wallet)

    async def test_turns_alternate(self, one: Process, two: Process) -> None:
        """Two that always want a wallet have it in turns, however often one of them asks."""
        wallet, holder, other = uuid4(), one, two
        assert await holder.ask(wallet)
        for _ in range(5):
            assert not await other.ask(wallet)
            await holder.give_back(wallet)
            assert not await holder.ask(wallet)
            assert not await holder.ask(wallet)
            assert await other.ask(wallet)
            holder, other = other, holder

    async def test_used_claim_is_gone(
        self, one: Process, two: Process, redis_client: redis.asyncio.Redis
    ) -> None:
        """After its turn a process has no advantage."""
        wallet = uuid4()
        await one.ask(wallet)
        await two.ask(wallet)
        assert await _claims(redis_client, wallet) == [True]
        await one.give_back(wallet)
        assert await two.ask(wallet)

        assert await _claims(redis_client, wallet) == [False]
        await two.give_back(wallet)
        assert await one.ask(wallet)

    async def test_ends_by_itself(
        self, one: Process, two: Process, redis_client: redis.asyncio.Redis
    ) -> None:
        """A process that never comes back keeps nobody out for long."""
        wallet = uuid4()
        await one.ask(wallet)
        await two.ask(wallet)
        await one.give_back(wallet)
        assert 0 < await redis_client.pttl(f"{PREFIX}{wallet}:next") <= 150

        async def granted() -> bool:
            return await one.ask(wallet)

        await until(granted)

    async def test_is_not_in_its_own_way(
        self, one: Process, two: Process, redis_client: redis.asyncio.Redis
    ) -> None:
        """Any round of the process that claims a wallet may have it, and uses the claim."""
        wallet, other = uuid4(), uuid4()
        await one.ask(wallet)
        await two.ask(wallet, other)
        await one.give_back(wallet)

        assert await two.ask(wallet)
        assert await _claims(redis_client, wallet, other) == [False, False]

    async def test_first_of_those_refused_has_it(
        self, one: Process, two: Process, redis_client: redis.asyncio.Redis
    ) -> None:
        """A third that is refused as well comes after the second."""
        wallet, three = uuid4(), Process(redis_client)
        await one.ask(wallet)
        await two.ask(wallet)
        await three.ask(wallet)
        await one.give_back(wallet)

        assert not await three.ask(wallet)
        assert await two.ask(wallet)

    async def test_only_of_what_others_have(
        self, one: Process, two: Process, redis_client: redis.asyncio.Redis
    ) -> None:
        """A wallet that was free is anybody's still, though the posting was refused."""
        held, free = uuid4(), uuid4()
        await one.ask(held)
        await two.ask(held, free)

        assert await _claims(redis_client, held, free) == [True, False]
        assert await one.ask(free)

    async def test_crossing_claims_end(self, one: Process, two: Process) -> None:
        """Two that have claimed one each of two wallets do not wait for each other for ever."""
        ada, bob = uuid4(), uuid4()
        await one.ask(ada)
        assert not await two.ask(ada, bob)
        await one.give_back(ada)
        await two.ask(bob)
        assert not await one.ask(ada, bob)
        await two.give_back(bob)

        async def either() -> bool:
            return await one.ask(ada, bob) or await two.ask(ada, bob)

        await until(either)


class TestBehindRefused:
    """Gate.acquire: postings behind one of their round that is refused."""

    async def test_nobody_gets_its_wallets(self, one: Process, two: Process) -> None:
        """Whatever it would have had stays free, and none of its round overtakes it."""
        held, shared, further, free = (uuid4() for _ in range(4))
        await one.ask(held)

        granted = await two.ask_for_each(
            (held, shared), (shared, further), (further,), (free,), (free, shared)
        )

        assert granted == [False, False, False, True, False]
        assert await one.ask_for_each((shared, further)) == [True]

    async def test_those_before_it_do(self, one: Process, two: Process) -> None:
        """Who comes before it may share a wallet with it."""
        held, shared = uuid4(), uuid4()
        await one.ask(held)

        assert await two.ask_for_each((shared,), (shared, held), (shared,)) == [True, False, False]
