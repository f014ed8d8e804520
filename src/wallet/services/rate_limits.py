"""
Rate limits: token buckets in Redis, one script for all buckets of a request.

A bucket holds so many tokens and refills steadily; a request takes what it
costs from each of its buckets, or from none (the classic token bucket, as in
RFC 2697's meters). Buckets keep Redis' own clock, so every process agrees.
While Redis is away, each process counts by itself.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

import redis.asyncio as redis

from wallet.core.errors import RateLimitedError
from wallet.core.logging import get_logger
from wallet.services.local_buckets import LocalBuckets, Taken
from wallet.services.redis import AWAY

# KEYS     the buckets
# ARGV     how many tokens are needed, and how many are wanted; then per bucket:
#          its capacity, and the milliseconds that one token takes to refill
# Returns  how many were taken from each bucket; where that is none, the milliseconds
#          until there are as many as needed, else 0; and what each bucket has left.
_TAKE = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local needed, amount = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait_ms, levels = 0, {}
for index, key in ipairs(KEYS) do
    local capacity, refill_ms = tonumber(ARGV[2 * index + 1]), tonumber(ARGV[2 * index + 2])
    local bucket = redis.call('HMGET', key, 'tokens', 'at_ms')
    local tokens, at_ms = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now_ms
    tokens = math.min(capacity, tokens + math.max(0, now_ms - at_ms) / refill_ms)
    levels[index] = tokens
    amount = math.min(amount, math.floor(tokens))
    if tokens < needed then
        wait_ms = math.max(wait_ms, math.ceil((needed - tokens) * refill_ms))
    end
end
local answer = {0, wait_ms}
if wait_ms == 0 then
    answer[1] = math.max(amount, needed)
end
for index, key in ipairs(KEYS) do
    local capacity, refill_ms = tonumber(ARGV[2 * index + 1]), tonumber(ARGV[2 * index + 2])
    levels[index] = levels[index] - answer[1]
    answer[index + 2] = math.floor(levels[index])
    if answer[1] > 0 then
        redis.call('HSET', key, 'tokens', tostring(levels[index]), 'at_ms', now_ms)
        redis.call('PEXPIRE', key, math.ceil(capacity * refill_ms))
    end
end
return answer
"""

LEASE_SHARE = 50
"""A process takes a fiftieth of a bucket at once, and most requests need no trip to Redis."""

LEASE_S = 5.0
"""How long it keeps what it has taken and not used; what is left then is lost, and refills."""

_LEASES_MAX = 20_000
_ADDRESSES_CACHED_MAX = 4_096
_AWAY_S = 5.0
"""How long Redis is not asked after it did not answer."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    How often something may be asked.

    Attributes:
        capacity: How many at once, after a rest.
        refill_s: How many seconds one more takes.
    """

    name: str
    capacity: int
    refill_s: float

    @classmethod
    def per_minute(cls, name: str, capacity: int) -> "Bucket":
        """Make a bucket that is full again after a minute."""
        return cls(name, capacity, 60 / capacity)


SIGNUP_BY_ADDRESS = Bucket("signup-address", capacity=20, refill_s=60)
SIGNUP_BY_ACCOUNT = Bucket("signup-account", capacity=5, refill_s=60)
LOGIN_BY_ADDRESS = Bucket("login-address", capacity=30, refill_s=2)
LOGIN_BY_ACCOUNT = Bucket("login-account", capacity=10, refill_s=30)
REPORT_BY_USER = Bucket("report-user", capacity=30, refill_s=60)
LOGIN_BY_DEVICE = Bucket("login-device", capacity=10, refill_s=30)
LOGIN_BY_ALL_DEVICES = Bucket("login-all-devices", capacity=50, refill_s=10)
DEVICES_BY_ADDRESS = Bucket("login-devices-address", capacity=120, refill_s=1)
PASSWORD_BY_SESSION = Bucket("password-session", capacity=10, refill_s=30)
CODE = Bucket("code", capacity=5, refill_s=30)
CODE_BY_ACCOUNT = Bucket("code-account", capacity=30, refill_s=10)

Subject = tuple[Bucket, str]
"""A bucket, and whose it is."""


@dataclass(frozen=True, slots=True)
class Level:
    """How much a bucket has left."""

    bucket: Bucket
    remaining: int

    @property
    def full_in_s(self) -> int:
        """In how many seconds it is full again, if nothing more is taken."""
        return -int(-(self.bucket.capacity - self.remaining) * self.bucket.refill_s // 1)


@dataclass(slots=True)
class _Lease:
    """Tokens that this process has taken and not used yet."""

    tokens: int
    left_behind: tuple[int, ...]
    until: float


class RateLimiter:
    """Takes tokens from buckets; lets everything pass when switched off."""

    def __init__(self, client: redis.Redis, *, enabled: bool) -> None:
        self.enabled = enabled
        self._script = client.register_script(_TAKE)
        self._local = LocalBuckets()
        self._leases: OrderedDict[tuple[Subject, ...], _Lease] = OrderedDict()
        self._away_until = 0.0

    async def take(self, *subjects: Subject) -> None:
        """
        Take one token from each bucket, or none.

        Raises:
            RateLimitedError: One of them is empty.
        """
        if self.enabled:
            await self._ask(subjects, needed=1, wanted=1)

    async def spend(self, *subjects: Subject, cost: int) -> list[Level]:
        """
        Take *cost* tokens from each bucket, or none; return what is left of them.

        Exact in that nobody gets more than a bucket has. A process takes more
        than it needs at once, so one of several may refuse a little early.

        Raises:
            RateLimitedError: One of them has not as many.
        """
        if not self.enabled:
            return []
        smallest = min(bucket.capacity for bucket, _ in subjects)
        # What costs more than the bucket ever holds takes all of it.
        cost = min(cost, smallest)
        lease = self._leases.get(subjects)
        if lease is None or lease.tokens < cost or lease.until < time.monotonic():
            lease = await self._renew_lease(subjects, cost=cost, wanted=smallest // LEASE_SHARE)
        lease.tokens -= cost
        return [
            Level(bucket, left + lease.tokens)
            for (bucket, _), left in zip(subjects, lease.left_behind, strict=True)
        ]

    async def _renew_lease(
        self, subjects: tuple[Subject, ...], *, cost: int, wanted: int
    ) -> _Lease:
        """Take more tokens for *subjects*; what is left of the lease before goes into it."""
        # Out of everybody's sight while we wait, so that nobody spends it twice.
        held = self._take_lease(subjects)
        try:
            needed = max(1, cost - held)
            taken = await self._ask(subjects, needed=needed, wanted=max(needed, wanted))
            held += taken.tokens
        finally:
            # Another request may have brought one in the meantime.
            tokens = held + self._take_lease(subjects)
            lease = _Lease(tokens, (0,) * len(subjects), time.monotonic() + LEASE_S)
            self._leases[subjects] = lease
        lease.left_behind = taken.left
        if len(self._leases) > _LEASES_MAX:
            self._leases.popitem(last=False)
        return lease

    def _take_lease(self, subjects: tuple[Subject, ...]) -> int:
        lease = self._leases.pop(subjects, None)
        return lease.tokens if lease is not None and lease.until >= time.monotonic() else 0

    async def _ask(self, subjects: Sequence[Subject], *, needed: int, wanted: int) -> Taken:
        taken = await self._take(subjects, needed, wanted)
        if taken.wait_ms > 0:
            raise RateLimitedError(retry_after_s=-(-taken.wait_ms // 1000))
        return taken

    async def _take(self, subjects: Sequence[Subject], needed: int, wanted: int) -> Taken:
        keys = _keys(subjects)
        rates = [(bucket.capacity, bucket.refill_s * 1000) for bucket, _ in subjects]
        if time.monotonic() >= self._away_until:
            try:
                tokens, wait_ms, *left = await self._script(
                    keys=keys, args=[needed, wanted, *(value for rate in rates for value in rate)]
                )
            except AWAY as error:
                self._away_until = time.monotonic() + _AWAY_S
                # Keeping everybody out would be the larger harm, and nobody the smaller one.
                log.warning("rate limits are local: redis is away", error=type(error).__name__)
            else:
                return Taken(tokens, wait_ms, tuple(left))
        now_ms = time.monotonic() * 1000
        return self._local.take(keys, rates, needed=needed, wanted=wanted, now_ms=now_ms)


@lru_cache(maxsize=_ADDRESSES_CACHED_MAX)
def address_of(address: str) -> str:
    """
    Return whom an address stands for: of IPv6, its /64, which one customer has alone.

    Within it anybody can have any number of addresses.
    """
    try:
        six = IPv6Address(address)
    except AddressValueError:
        return address
    if six.ipv4_mapped is not None:
        return str(six.ipv4_mapped)
    return f"{IPv6Address(int(six) >> 64 << 64)}/64"


def _keys(subjects: Sequence[Subject]) -> list[str]:
    # Hashed, so that neither an address nor an e-mail stands in Redis in clear.
    return [
        f"wallet:rate:{bucket.name}:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"
        for bucket, subject in subjects
    ]
