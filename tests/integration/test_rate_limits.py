"""RateLimiter: token buckets on a real Redis."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.ledgers import captured_logs, nowhere
from wallet.core.errors import RateLimitedError
from wallet.services import rate_limits
from wallet.services.rate_limits import Bucket, RateLimiter
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

    async def test_lets_pass_without_redis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While Redis is away nobody is kept out, and the log says so."""
        client = connect(nowhere())
        bucket = new_bucket(capacity=1)

        with captured_logs(rate_limits, monkeypatch) as events:
            for _ in range(2):
                await RateLimiter(client, enabled=True).take((bucket, "ada"))

        assert [event["event"] for event in events] == ["rate limits are off: redis is away"] * 2
        assert {event["log_level"] for event in events} == {"warning"}
        await client.aclose()
