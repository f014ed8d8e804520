"""RateLimiter: token buckets on a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.ledgers import captured_logs, nowhere
from tests.support.waiting import until
from wallet.core.errors import RateLimitedError
from wallet.services import rate_limits
from wallet.services.rate_limits import LEASE_SHARE, Bucket, RateLimiter, Subject, address_of
from wallet.services.redis import connect

DAY_S = 24 * 60 * 60


@pytest_asyncio.fixture
async def limiter(redis_client: redis.asyncio.Redis) -> AsyncIterator[RateLimiter]:
    """A rate limiter that is switched on."""
    yield RateLimiter(redis_client, enabled=True)


def new_bucket(*, capacity: int, refill_s: float = DAY_S) -> Bucket:
    """Make a bucket that no other test takes from, and that does not refill by itself."""
    return Bucket(uuid4().hex, capacity=capacity, refill_s=refill_s)


async def take_all(limiter: RateLimiter, *buckets: tuple[Bucket, str]) -> int:
    """Take tokens until one is refused; return how many there were."""
    for taken in range(1_000):
        try:
            await limiter.take(*buckets)
        except RateLimitedError:
            return taken
    raise AssertionError("the bucket has no bottom")


async def age(client: redis.asyncio.Redis, bucket: Bucket, *, seconds: float) -> None:
    """Let a bucket believe that it was last asked so long ago."""
    (key,) = [key async for key in client.scan_iter(f"*:{bucket.name}:*")]
    at_ms = int(await client.hget(key, "at_ms"))  # type: ignore[arg-type]
    await client.hset(key, "at_ms", str(at_ms - int(seconds * 1000)))


class TestTake:
    """RateLimiter.take."""

    @pytest.mark.parametrize("capacity", [1, 5])
    async def test_has_so_many_tokens(self, capacity: int, limiter: RateLimiter) -> None:
        """A rested bucket holds its capacity, not one more."""
        assert await take_all(limiter, (new_bucket(capacity=capacity), "ada")) == capacity

    async def test_each_subject_has_its_own(self, limiter: RateLimiter) -> None:
        """What one has used up, another still has."""
        bucket = new_bucket(capacity=2)
        await take_all(limiter, (bucket, "ada"))

        assert await take_all(limiter, (bucket, "bob")) == 2

    async def test_takes_from_each_or_from_none(self, limiter: RateLimiter) -> None:
        """A request that one bucket refuses costs the others nothing."""
        small, large = new_bucket(capacity=1), new_bucket(capacity=3)
        assert await take_all(limiter, (large, "ada"), (small, "ada")) == 1

        assert await take_all(limiter, (large, "ada")) == 2

    async def test_refills_steadily(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """One token comes back per period, and no more than the bucket holds."""
        bucket = new_bucket(capacity=3, refill_s=DAY_S)
        await take_all(limiter, (bucket, "ada"))

        await age(redis_client, bucket, seconds=DAY_S * 0.9)
        assert await take_all(limiter, (bucket, "ada")) == 0
        await age(redis_client, bucket, seconds=DAY_S * 0.2)
        assert await take_all(limiter, (bucket, "ada")) == 1
        await age(redis_client, bucket, seconds=DAY_S * 100)
        assert await take_all(limiter, (bucket, "ada")) == 3

    async def test_clock_that_went_back_takes_nothing_away(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """When Redis' clock is set back, nobody is kept out for longer."""
        bucket = new_bucket(capacity=3)
        await limiter.take((bucket, "ada"))

        await age(redis_client, bucket, seconds=-DAY_S * 365)

        assert await take_all(limiter, (bucket, "ada")) == 2

    async def test_says_when_to_come_back(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """The refusal tells, in whole seconds, when the slowest bucket has a token."""
        slow, fast = new_bucket(capacity=1), new_bucket(capacity=1, refill_s=60)
        await limiter.take((slow, "ada"), (fast, "ada"))
        await age(redis_client, slow, seconds=DAY_S / 2)

        with pytest.raises(RateLimitedError) as caught:
            await limiter.take((fast, "ada"), (slow, "ada"))

        assert DAY_S / 2 - 60 <= caught.value.retry_after_s <= DAY_S / 2
        assert caught.value.retryable

    async def test_forgets_what_is_full_again(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """A bucket leaves Redis when it would be full anyway."""
        bucket = new_bucket(capacity=3, refill_s=60)
        await limiter.take((bucket, "ada"))

        (key,) = [key async for key in redis_client.scan_iter(f"*:{bucket.name}:*")]
        assert 0 < await redis_client.pttl(key) <= 3 * 60_000

    async def test_counts_nothing_when_off(self, redis_client: redis.asyncio.Redis) -> None:
        """Switched off, it lets everything pass and leaves no trace."""
        bucket, limiter = new_bucket(capacity=1), RateLimiter(redis_client, enabled=False)

        for _ in range(3):
            await limiter.take((bucket, "ada"))

        assert [key async for key in redis_client.scan_iter(f"*:{bucket.name}:*")] == []

    async def test_counts_by_itself_without_redis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While Redis is away each process counts alone, and the log says so, once in a while."""
        client = connect(nowhere())
        limiter, bucket = RateLimiter(client, enabled=True), new_bucket(capacity=3)

        with captured_logs(rate_limits, monkeypatch) as events:
            taken = await take_all(limiter, (bucket, "ada"))

        assert taken == 3
        assert await take_all(RateLimiter(client, enabled=True), (bucket, "ada")) == 3
        assert [event["event"] for event in events] == ["rate limits are local: redis is away"]
        assert {event["log_level"] for event in events} == {"warning"}
        await client.aclose()

    async def test_one_finds_out_for_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a pause one request asks whether Redis is back; nobody else waits for that."""
        client = connect(nowhere())
        limiter, bucket = RateLimiter(client, enabled=True, away_s=0.1), new_bucket(capacity=100)
        await limiter.take((bucket, "ada"))
        over_s = time.monotonic() + 0.1
        await until(lambda: time.monotonic() > over_s)

        with captured_logs(rate_limits, monkeypatch) as events:
            await asyncio.gather(*(limiter.take((bucket, "ada")) for _ in range(20)))

        assert [event["event"] for event in events] == ["rate limits are local: redis is away"]
        await client.aclose()


async def spend_all(limiter: RateLimiter, *subjects: Subject, cost: int) -> int:
    """Spend until it is refused; return how often it was not."""
    for spent in range(100_000):
        try:
            await limiter.spend(*subjects, cost=cost)
        except RateLimitedError:
            return spent
    raise AssertionError("the bucket has no bottom")


class TestSpend:
    """RateLimiter.spend."""

    @pytest.mark.parametrize("cost", [1, 7, 100, 1_000])
    async def test_as_much_as_there_is(self, cost: int, limiter: RateLimiter) -> None:
        """A rested bucket pays for its capacity, and for no token more."""
        bucket = new_bucket(capacity=1_000)

        assert await spend_all(limiter, (bucket, "ada"), cost=cost) == 1_000 // cost

    async def test_what_costs_more_than_a_bucket_holds(self, limiter: RateLimiter) -> None:
        """It takes all of it, so that it is possible at all."""
        bucket = new_bucket(capacity=100)

        assert await spend_all(limiter, (bucket, "ada"), cost=5_000) == 1

    async def test_says_what_is_left(self, limiter: RateLimiter) -> None:
        """Of each bucket: what it has, and when it is full again."""
        user, address = new_bucket(capacity=1_000, refill_s=2), new_bucket(capacity=5_000)

        await limiter.spend((user, "ada"), (address, "here"), cost=10)
        levels = await limiter.spend((user, "ada"), (address, "here"), cost=20)

        assert [level.remaining for level in levels] == [970, 4_970]
        assert [level.bucket for level in levels] == [user, address]
        assert levels[0].full_in_s == 60

    async def test_most_requests_ask_nobody(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """A fiftieth of a bucket is fetched at once."""
        bucket = new_bucket(capacity=1_000)
        before = await count_scripts(redis_client)
        for _ in range(100):
            await limiter.spend((bucket, "ada"), cost=1)

        assert await count_scripts(redis_client) - before == 5

    async def test_who_shares_an_address_asks_no_more_often(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """One trip for both buckets; what others have left at the address is not asked for."""
        user, address = new_bucket(capacity=1_000), new_bucket(capacity=10_000)
        await limiter.spend((user, "dan"), (address, "there"), cost=1)  # Redis has the script now
        before = await count_scripts(redis_client)
        for _ in range(20):
            for name in ("ada", "bob", "cleo"):
                await limiter.spend((user, name), (address, "here"), cost=1)

        assert await count_scripts(redis_client) - before == 3

    async def test_many_at_one_address_have_all_of_it(self, limiter: RateLimiter) -> None:
        """What one of them leases and does not use is there for the next one."""
        user, address = new_bucket(capacity=3_000), new_bucket(capacity=12_000)

        for number in range(400):
            levels = await limiter.spend((user, f"{number}"), (address, "here"), cost=30)

        assert levels[1].remaining == 0
        with pytest.raises(RateLimitedError):
            await limiter.spend((user, "ada"), (address, "here"), cost=1)

    async def test_what_is_not_used_is_not_lost(self, redis_client: redis.asyncio.Redis) -> None:
        """A process that asks again, since what it knows is old, keeps what it has taken."""
        limiter = RateLimiter(redis_client, enabled=True, lease_s=0)

        assert await spend_all(limiter, (new_bucket(capacity=1_000), "ada"), cost=1) == 1_000

    async def test_rest_makes_nobody_richer(self, redis_client: redis.asyncio.Redis) -> None:
        """What a process has kept counts as being in the bucket, and that is full at some time."""
        limiter = RateLimiter(redis_client, enabled=True, lease_s=0)
        bucket = new_bucket(capacity=1_000, refill_s=DAY_S)
        await limiter.spend((bucket, "ada"), cost=500)
        await age(redis_client, bucket, seconds=DAY_S * 10_000)

        assert await spend_all(limiter, (bucket, "ada"), cost=1) == 1_000

    async def test_never_more_than_there_is_in_many_processes(
        self, redis_client: redis.asyncio.Redis
    ) -> None:
        """However many spend at once, together they get what the bucket holds, or a little less."""
        bucket = new_bucket(capacity=1_000)
        limiters = [RateLimiter(redis_client, enabled=True) for _ in range(4)]

        spent = await asyncio.gather(
            *(spend_all(limiter, (bucket, "ada"), cost=3) for limiter in limiters for _ in range(5))
        )

        lost = len(limiters) * 1_000 // LEASE_SHARE
        assert 1_000 - lost <= sum(spent) * 3 <= 1_000

    async def test_takes_from_each_or_from_none(self, limiter: RateLimiter) -> None:
        """What one bucket refuses costs the other nothing."""
        small, large = new_bucket(capacity=50), new_bucket(capacity=1_000)
        assert await spend_all(limiter, (large, "here"), (small, "ada"), cost=10) == 5

        assert await spend_all(limiter, (large, "here"), cost=10) >= 94

    @pytest.mark.parametrize("cost", [1, 10])
    async def test_keeps_so_many_leases(self, cost: int, redis_client: redis.asyncio.Redis) -> None:
        """Of what is granted and of what is refused, those of the last few who asked."""
        limiter = RateLimiter(redis_client, enabled=True, leases_max=5)
        bucket = new_bucket(capacity=10)
        for number in range(20):
            await RateLimiter(redis_client, enabled=True).spend((bucket, f"{number}"), cost=1)
            with suppress(RateLimitedError):
                await limiter.spend((bucket, f"{number}"), cost=cost)

        assert limiter.leases_held == 5

    async def test_nothing_when_off(self, redis_client: redis.asyncio.Redis) -> None:
        """Switched off, it has nothing to say."""
        limiter = RateLimiter(redis_client, enabled=False)

        assert await limiter.spend((new_bucket(capacity=1), "ada"), cost=10) == []

    async def test_local_without_redis(self) -> None:
        """While Redis is away a bucket of this process takes over."""
        client = connect(nowhere())
        limiter = RateLimiter(client, enabled=True)

        assert await spend_all(limiter, (new_bucket(capacity=1_000), "ada"), cost=10) == 100
        await client.aclose()


class TestCheck:
    """RateLimiter.check."""

    async def test_of_who_was_refused(
        self, limiter: RateLimiter, redis_client: redis.asyncio.Redis
    ) -> None:
        """Until there is what was lacking, nobody asks Redis again; others are not concerned."""
        bucket = new_bucket(capacity=1_000, refill_s=60)
        limiter.check((bucket, "ada"))
        await limiter.spend((bucket, "ada"), cost=995)
        limiter.check((bucket, "ada"))
        with pytest.raises(RateLimitedError):
            await limiter.spend((bucket, "ada"), cost=10)
        before = await count_scripts(redis_client)

        with pytest.raises(RateLimitedError) as caught:
            limiter.check((bucket, "bob"), (bucket, "ada"))

        assert caught.value.retry_after_s >= 1
        assert await count_scripts(redis_client) == before
        limiter.check((bucket, "bob"))

    async def test_of_who_asked_for_too_much(self, limiter: RateLimiter) -> None:
        """A bucket that has something left is not empty for who asks for less."""
        bucket = new_bucket(capacity=1_000)
        await limiter.spend((bucket, "ada"), cost=900)
        with pytest.raises(RateLimitedError):
            await limiter.spend((bucket, "ada"), cost=500)

        limiter.check((bucket, "ada"))

    async def test_of_the_other_bucket(self, limiter: RateLimiter) -> None:
        """Of two buckets the one is empty that refused, and not the other."""
        small, large = new_bucket(capacity=100), new_bucket(capacity=5_000)
        await limiter.spend((small, "ada"), (large, "here"), cost=100)
        with pytest.raises(RateLimitedError):
            await limiter.spend((small, "ada"), (large, "here"), cost=1)

        limiter.check((large, "here"))
        with pytest.raises(RateLimitedError):
            limiter.check((small, "ada"))


class TestDrain:
    """RateLimiter.drain."""

    @pytest.mark.parametrize("cost", [1, 30, 500])
    async def test_takes_what_it_says(self, cost: int, limiter: RateLimiter) -> None:
        """As long as there is as much."""
        bucket = new_bucket(capacity=1_000)
        await limiter.drain((bucket, "ada"), cost=cost)
        await limiter.drain((bucket, "ada"), cost=cost)

        assert await spend_all(limiter, (bucket, "ada"), cost=1) == 1_000 - 2 * cost

    async def test_refuses_nobody(self, limiter: RateLimiter) -> None:
        """It takes the last token, and then none; the bucket owes nothing."""
        bucket = new_bucket(capacity=100, refill_s=DAY_S)
        for _ in range(5):
            await limiter.drain((bucket, "ada"), cost=70)

        assert await spend_all(limiter, (bucket, "ada"), cost=1) == 0

    async def test_nothing_when_off(self, redis_client: redis.asyncio.Redis) -> None:
        """Switched off, it leaves no trace."""
        bucket, limiter = new_bucket(capacity=1), RateLimiter(redis_client, enabled=False)

        await limiter.drain((bucket, "ada"), cost=1)

        assert [key async for key in redis_client.scan_iter(f"*:{bucket.name}:*")] == []


async def count_scripts(client: redis.asyncio.Redis) -> int:
    """Return how many scripts Redis has run."""
    stats = await client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


class TestAddressOf:
    """address_of."""

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
            ("203.0.113.7:5123", "203.0.113.7"),
            ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2:3:4:5:6]:5123", "2001:db8:1:2::/64"),
            ("[::ffff:203.0.113.7]:5123", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6%eth0", "2001:db8:1:2::/64"),
            ("", ""),
            ("[]", "[]"),
            ("nonsense", "nonsense"),
            ("nonsense:5123", "nonsense:5123"),
        ],
    )
    def test_stands_for_a_customer(self, address: str, expected: str) -> None:
        """Of IPv6 the part that a provider gives out; anything else is what it is."""
        assert address_of(address) == expected
