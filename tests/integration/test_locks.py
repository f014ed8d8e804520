"""The gate in Redis: locks of all a posting's wallets or none, held by a token, for a while."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.ledgers import captured_logs, nowhere
from tests.support.proxy import Proxy, proxy
from tests.support.waiting import until
from wallet.development import RedisServer
from wallet.services.ledger import locks
from wallet.services.ledger.locks import LOCK_TTL_MS, Gate, GateUnavailableError, new_token
from wallet.services.redis import connect

PREFIX = "test:lock:"

# Two milliseconds more than any other test asks for, so that a proxy knows it by them.
TTL_MS = LOCK_TTL_MS + 2
ACQUIRE = str(TTL_MS).encode()


@pytest.fixture
def gate(redis_client: redis.asyncio.Redis) -> Gate:
    """A gate with keys of its own."""
    return Gate(redis_client, prefix=PREFIX)


@pytest_asyncio.fixture
async def far_redis(redis: RedisServer) -> AsyncIterator[Proxy]:
    """The run's Redis behind a network that a test can break."""
    async with proxy(redis.url) as far_redis:
        yield far_redis


@pytest_asyncio.fixture
async def far_gate(far_redis: Proxy) -> AsyncIterator[Gate]:
    """A gate behind that network; Redis knows its scripts already."""
    client = connect(far_redis.url)
    gate = Gate(client, prefix=PREFIX)
    await _lock(gate, uuid4())
    await gate.release([uuid4()], token=new_token(), held=False)
    yield gate
    await client.aclose()


class Keys:
    """What is in Redis itself, past the gate."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def holder(self, wallet_id: UUID) -> str | None:
        """Return the token that holds a wallet."""
        value = await self._client.get(f"{PREFIX}{wallet_id}")
        return value.decode() if isinstance(value, bytes) else value

    async def ttl_ms(self, wallet_id: UUID) -> int:
        """Return how long a wallet stays locked; -2 when it is not, -1 when for good."""
        return int(await self._client.pttl(f"{PREFIX}{wallet_id}"))

    async def until_expired(self, wallet_id: UUID) -> None:
        """Wait until a lock's time is over."""

        async def expired() -> bool:
            return await self.ttl_ms(wallet_id) == -2

        await until(expired)


@pytest.fixture
def keys(redis_client: redis.asyncio.Redis) -> Keys:
    """Reads what Redis holds."""
    return Keys(redis_client)


async def _lock(gate: Gate, *wallets: UUID, ttl_ms: int = LOCK_TTL_MS) -> str:
    """Lock wallets that are free; return the token."""
    token = new_token()
    assert await gate.acquire([wallets], token=token, ttl_ms=ttl_ms) == [True]
    return token


class TestAcquire:
    """Gate.acquire."""

    async def test_locks_every_wallet_for_a_while(self, gate: Gate, keys: Keys) -> None:
        """Each wallet's key carries the token and ends by itself."""
        source, target = uuid4(), uuid4()

        token = await _lock(gate, source, target)

        for wallet in (source, target):
            assert await keys.holder(wallet) == token
            assert 0 < await keys.ttl_ms(wallet) <= LOCK_TTL_MS

    async def test_posting_gets_all_its_locks_or_none(self, gate: Gate, keys: Keys) -> None:
        """One wallet that is taken leaves the other ones of the posting free."""
        taken, first, last = uuid4(), uuid4(), uuid4()
        holder = await _lock(gate, taken)

        assert await gate.acquire([[first, taken, last]], token=new_token()) == [False]

        assert await keys.holder(first) is None
        assert await keys.holder(taken) == holder
        assert await keys.holder(last) is None

    async def test_one_is_granted_while_another_is_refused(self, gate: Gate, keys: Keys) -> None:
        """Each posting of a call gets its own answer."""
        taken, beside_it, *free = (uuid4() for _ in range(5))
        await _lock(gate, taken)
        token = new_token()

        granted = await gate.acquire([[free[0]], [beside_it, taken], free[1:]], token=token)

        assert granted == [True, False, True]
        assert await keys.holder(beside_it) is None
        assert [await keys.holder(wallet) for wallet in free] == [token] * 3

    async def test_postings_of_one_round_share_wallets(self, gate: Gate, keys: Keys) -> None:
        """A round's postings do not stand in each other's way, and do in everybody else's."""
        ada, bob, eve = uuid4(), uuid4(), uuid4()
        token = new_token()

        assert await gate.acquire([[ada, bob], [bob, eve], [eve, ada]], token=token) == [True] * 3

        for wallet in (ada, bob, eve):
            assert await keys.holder(wallet) == token
            assert await gate.acquire([[wallet]], token=new_token()) == [False]

    async def test_refused_posting_leaves_what_its_round_shares(
        self, gate: Gate, keys: Keys
    ) -> None:
        """A wallet of a granted posting stays locked when a later posting with it is refused."""
        shared, taken = uuid4(), uuid4()
        await _lock(gate, taken)
        token = new_token()

        assert await gate.acquire([[shared], [shared, taken]], token=token) == [True, False]

        assert await keys.holder(shared) == token

    async def test_same_token_is_granted_again(self, gate: Gate, keys: Keys) -> None:
        """A retried command finds its own token, and its time starts anew."""
        ada, bob = uuid4(), uuid4()
        token = await _lock(gate, ada, bob, ttl_ms=LOCK_TTL_MS // 2)

        assert await gate.acquire([[ada, bob]], token=token) == [True]

        assert await keys.ttl_ms(ada) > LOCK_TTL_MS // 2

    async def test_opposite_directions_exclude_each_other(self, gate: Gate) -> None:
        """Of many that take the same two wallets in either order, one is inside at a time."""
        pair = [uuid4(), uuid4()]
        inside, entered = 0, 0

        async def enter(wallets: list[UUID]) -> None:
            nonlocal inside, entered
            token = new_token()

            async def granted() -> bool:
                return (await gate.acquire([wallets], token=token))[0]

            await until(granted)
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)  # whoever could come in would do so now
            assert inside == 1
            inside -= 1
            entered += 1
            await gate.release(wallets, token=token)

        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(enter(pair if number % 2 else pair[::-1]))

        assert entered == 20

    async def test_expired_lock_is_free(self, gate: Gate, keys: Keys) -> None:
        """A lock that outlived its time while it was held is the next one's."""
        wallet = uuid4()
        await _lock(gate, wallet, ttl_ms=1)
        await keys.until_expired(wallet)

        token = await _lock(gate, wallet)

        assert await keys.holder(wallet) == token


class TestRelease:
    """Gate.release."""

    async def test_gives_back_what_the_token_holds(
        self, gate: Gate, keys: Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The wallets are free for others, and there is nothing to say about it."""
        ada, bob = uuid4(), uuid4()
        token = await _lock(gate, ada, bob)

        with captured_logs(locks, monkeypatch) as events:
            await gate.release([ada, bob], token=token)

        assert [await keys.holder(wallet) for wallet in (ada, bob)] == [None, None]
        assert events == []

    async def test_leaves_the_next_holder_alone(
        self, gate: Gate, keys: Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A round that outlived its lock frees nobody else's, and the log says so."""
        wallet, other = uuid4(), uuid4()
        late = await _lock(gate, wallet, ttl_ms=1)
        assert await gate.acquire([[other]], token=late) == [True]
        await keys.until_expired(wallet)
        next_holder = await _lock(gate, wallet)

        with captured_logs(locks, monkeypatch) as events:
            await gate.release([wallet, other], token=late)

        assert await keys.holder(wallet) == next_holder
        assert await keys.holder(other) is None
        assert [(event["event"], event["held"], event["released"]) for event in events] == [
            ("lock expired while held", 2, 1)
        ]

    async def test_never_raises(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The money has moved: a release that fails is a line in the log."""
        client = connect(nowhere())

        with captured_logs(locks, monkeypatch) as events:
            await Gate(client).release([uuid4()], token=new_token())

        await client.aclose()
        assert [event["event"] for event in events] == ["lock release failed"]


class TestLostAnswer:
    """A script that Redis ran, and whose answer never arrived."""

    async def test_acquire_is_granted_on_retry(
        self, far_gate: Gate, far_redis: Proxy, keys: Keys
    ) -> None:
        """The retry finds its own token instead of waiting for itself."""
        ada, bob = uuid4(), uuid4()
        fault = far_redis.lose_answer(ACQUIRE)

        token = await _lock(far_gate, ada, bob, ttl_ms=TTL_MS)

        assert fault.struck.is_set()
        assert [await keys.holder(wallet) for wallet in (ada, bob)] == [token, token]

    async def test_release_is_done_all_the_same(
        self, far_gate: Gate, far_redis: Proxy, keys: Keys
    ) -> None:
        """The retry of a release finds nothing, and disturbs nobody."""
        wallet = uuid4()
        token = await _lock(far_gate, wallet)
        fault = far_redis.lose_answer(token.encode())

        await far_gate.release([wallet], token=token)

        assert fault.struck.is_set()
        assert await keys.holder(wallet) is None


class TestOutage:
    """A Redis that is away, silent, or back."""

    async def test_refused_connection_raises(self) -> None:
        """Where nobody listens, the caller gets to know, and that Redis was asked."""
        client = connect(nowhere())
        with pytest.raises(GateUnavailableError) as raised:
            await Gate(client).acquire([[uuid4()]], token=new_token())
        await client.aclose()
        assert raised.value.asked

    async def test_silence_raises(self, far_gate: Gate, far_redis: Proxy) -> None:
        """A Redis that takes the question and does not answer is away, and soon."""
        far_redis.stall()

        async with asyncio.timeout(LOCK_TTL_MS / 1000):
            with pytest.raises(GateUnavailableError) as raised:
                await far_gate.acquire([[uuid4()]], token=new_token())

        assert raised.value.asked

    async def test_it_is_left_alone_for_a_pause_and_then_asked_again(
        self, far_gate: Gate, far_redis: Proxy
    ) -> None:
        """An outage costs one wait, not one for each posting; after it the gate works again."""
        await far_redis.close()
        with pytest.raises(GateUnavailableError):
            await far_gate.acquire([[uuid4()]], token=new_token())
        await far_redis.open()
        connections = far_redis.connections

        with pytest.raises(GateUnavailableError) as raised:
            await far_gate.acquire([[uuid4()]], token=new_token())
        assert not raised.value.asked
        assert far_redis.connections == connections

        async def works() -> bool:
            try:
                return (await far_gate.acquire([[uuid4()]], token=new_token()))[0]
            except GateUnavailableError:
                return False

        await until(works)
