"""
Rate limits: token buckets in Redis, one script for all buckets of a request.

A bucket holds so many tokens and refills steadily; a request takes what it
costs from each of its buckets, or from none (the classic token bucket, as in
RFC 2697's meters). Buckets keep Redis' own clock, so every process agrees.
While Redis is away, each process counts by itself.
"""

import hashlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

import redis.asyncio as redis

from wallet.core.errors import RateLimitedError
from wallet.core.logging import get_logger
from wallet.services.local_buckets import Ask, LocalBuckets, Taken
from wallet.services.redis import AWAY

# KEYS     the buckets
# ARGV     per bucket: its capacity; the milliseconds that one token takes to refill; how
#          many tokens are needed, and how many are wanted; and how many the process has kept
#          of those that it took before: they count as if they were in the bucket
# Returns  per bucket: how many were taken; where it has not as many as needed, the
#          milliseconds until it has, else 0; and what it has left. Where one has too few,
#          nothing is taken from any.
_TAKE = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local levels, answer, lacks = {}, {}, false
for index, key in ipairs(KEYS) do
    local first = 5 * index - 4
    local capacity, refill_ms = tonumber(ARGV[first]), tonumber(ARGV[first + 1])
    local needed, kept = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 4])
    local bucket = redis.call('HMGET', key, 'tokens', 'at_ms')
    local tokens, at_ms = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now_ms
    tokens = tokens + math.max(0, now_ms - at_ms) / refill_ms
    levels[index] = math.max(0, math.min(capacity - kept, tokens))
    local wait_ms = math.max(0, math.ceil((needed - levels[index]) * refill_ms))
    lacks = lacks or wait_ms > 0
    answer[3 * index - 2], answer[3 * index - 1] = 0, wait_ms
    answer[3 * index] = math.floor(levels[index])
end
if lacks then
    return answer
end
for index, key in ipairs(KEYS) do
    local first = 5 * index - 4
    local capacity, refill_ms = tonumber(ARGV[first]), tonumber(ARGV[first + 1])
    local needed, wanted = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3])
    local amount = math.max(needed, math.min(wanted, math.floor(levels[index])))
    local level = levels[index] - amount
    answer[3 * index - 2], answer[3 * index] = amount, math.floor(level)
    if amount > 0 then
        redis.call('HSET', key, 'tokens', tostring(level), 'at_ms', now_ms)
        redis.call('PEXPIRE', key, math.ceil(capacity * refill_ms))
    end
end
return answer
"""

LEASE_SHARE = 50
"""A process takes a fiftieth of a bucket at once, and most requests need no trip to Redis."""

LEASE_S = 5.0
"""How long it spends what it has taken without asking again what the bucket has."""

_NEXT_TO_NOTHING = 100
"""A bucket that has refused, and has not a hundredth of what it holds, counts as empty."""

LEASES_MAX = 20_000
"""Most leases that a process keeps; the one that was renewed longest ago goes first."""

_ADDRESSES_CACHED_MAX = 4_096
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](:[0-9]+)?|(?P<four>[0-9.]+):[0-9]+")
AWAY_S = 5.0
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
    """
    Tokens of one bucket that this process has taken and not used yet.

    Attributes:
        left_behind: What the bucket had left when it was asked last.
        until_s: When it is asked again, on the monotonic clock.
        empty_until_s: How long it has next to nothing, and not what was asked for last.
    """

    bucket: Bucket
    tokens: int = 0
    left_behind: int = 0
    until_s: float = 0.0
    empty_until_s: float = 0.0

    def note(self, taken: Taken, *, now_s: float) -> None:
        """Note what Redis said of the bucket."""
        self.left_behind = taken.left
        is_empty = taken.wait_ms > 0 and taken.left * _NEXT_TO_NOTHING < self.bucket.capacity
        self.empty_until_s = now_s + min(taken.wait_ms / 1000, LEASE_S) if is_empty else 0.0

    def price(self, cost: int) -> int:
        """Return what is paid: what costs more than the bucket ever holds takes all of it."""
        return min(cost, self.bucket.capacity)

    def set_apart(self, cost: int) -> int:
        """Take what there is, up to *cost*, out of everybody's sight."""
        tokens = min(self.tokens, self.price(cost))
        self.tokens -= tokens
        return tokens

    @property
    def level(self) -> Level:
        """What there is here and in the bucket."""
        return Level(self.bucket, self.left_behind + self.tokens)


class RateLimiter:
    """Takes tokens from buckets; lets everything pass when switched off."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        enabled: bool,
        leases_max: int = LEASES_MAX,
        lease_s: float = LEASE_S,
        away_s: float = AWAY_S,
    ) -> None:
        self.enabled = enabled
        self._leases_max = leases_max
        self._lease_s = lease_s
        self._script = client.register_script(_TAKE)
        self._local = LocalBuckets()
        self._leases: OrderedDict[Subject, _Lease] = OrderedDict()
        self._is_away = False
        self._away_s = away_s
        self._away_until = 0.0

    @property
    def leases_held(self) -> int:
        """How many leases there are."""
        return len(self._leases)

    async def take(self, *subjects: Subject) -> None:
        """
        Take one token from each bucket, or none.

        Raises:
            RateLimitedError: One of them is empty.
        """
        if self.enabled:
            _check(await self._take([_ask(subject, needed=1, wanted=1) for subject in subjects]))

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
        leases = self._find_leases(subjects, cost)
        if leases is None:
            leases = await self._renew_leases(subjects, cost)
        else:
            for lease in leases:
                lease.tokens -= cost
        return [lease.level for lease in leases]

    def check(self, *subjects: Subject) -> None:
        """
        Refuse at once where a bucket is known to be empty; no trip, and nothing is taken.

        It has refused, and until it has what it lacked then, it refuses all: to find that
        out for each request anew would cost as much as to answer some.

        Raises:
            RateLimitedError: One of them is.
        """
        now_s = time.monotonic()
        for subject in subjects:
            lease = self._leases.get(subject)
            if lease is not None and lease.empty_until_s > now_s:
                raise RateLimitedError(retry_after_s=math.ceil(lease.empty_until_s - now_s))

    async def drain(self, subject: Subject, *, cost: int) -> None:
        """Take *cost* tokens from a bucket, or as many as it has: it refuses nobody."""
        if not self.enabled:
            return
        lease = self._lease_of(subject)
        lacking = lease.price(cost) - lease.tokens
        if lacking > 0:
            wanted = lacking + lease.bucket.capacity // LEASE_SHARE
            ask = _ask(subject, needed=0, wanted=wanted, kept=lease.tokens)
            (taken,) = await self._take([ask])
            lease.tokens += taken.tokens
            lease.left_behind = taken.left
            lease.until_s = time.monotonic() + self._lease_s
        lease.tokens = max(0, lease.tokens - lease.price(cost))

    def _find_leases(self, subjects: Sequence[Subject], cost: int) -> list[_Lease] | None:
        """Return the leases of *subjects*; None where one of them cannot pay, or is old."""
        now_s = time.monotonic()
        leases = []
        for subject in subjects:
            lease = self._leases.get(subject)
            if lease is None or lease.tokens < cost or lease.until_s < now_s:
                return None
            leases.append(lease)
        return leases

    async def _renew_leases(self, subjects: Sequence[Subject], cost: int) -> list[_Lease]:
        """
        Pay *cost* for *subjects*, and take more tokens for what comes after, in one trip.

        All leases are filled up, whichever of them lacks: that of an address, which many
        users share, is filled by each of their trips, and seldom needs one of its own.
        """
        leases = [self._lease_of(subject) for subject in subjects]
        # Nobody spends it twice while we wait; what more there is, others may spend.
        apart = [lease.set_apart(cost) for lease in leases]
        try:
            parts = zip(subjects, leases, apart, strict=True)
            taken = await self._take([_refill(*part, cost=cost) for part in parts])
            now_s = time.monotonic()
            for lease, each in zip(leases, taken, strict=True):
                lease.note(each, now_s=now_s)
            _check(taken)
        except BaseException:
            for lease, tokens in zip(leases, apart, strict=True):
                lease.tokens += tokens
            raise
        for lease, tokens, more in zip(leases, apart, taken, strict=True):
            lease.tokens += tokens + more.tokens - lease.price(cost)
            lease.until_s = now_s + self._lease_s
        return leases

    def _lease_of(self, subject: Subject) -> _Lease:
        lease = self._leases.get(subject)
        if lease is None:
            lease = self._leases[subject] = _Lease(subject[0])
            # Of what is refused too: nobody fills the memory by asking from everywhere.
            while len(self._leases) > self._leases_max:
                self._leases.popitem(last=False)
        else:
            self._leases.move_to_end(subject)
        return lease

    async def _take(self, asks: Sequence[Ask]) -> list[Taken]:
        now_s = time.monotonic()
        if now_s >= self._away_until:
            if self._is_away:
                # One request finds out for all whether it is back: where Redis is silent, it waits.
                self._away_until = now_s + self._away_s
            try:
                answer = await self._script(
                    keys=[ask.key for ask in asks],
                    args=[
                        value
                        for ask in asks
                        for value in (
                            ask.capacity,
                            ask.refill_ms,
                            ask.needed,
                            ask.wanted,
                            ask.kept,
                        )
                    ],
                )
            except AWAY as error:
                self._is_away = True
                self._away_until = time.monotonic() + self._away_s
                # Keeping everybody out would be the larger harm, and nobody the smaller one.
                log.warning("rate limits are local: redis is away", error=type(error).__name__)
            else:
                self._is_away, self._away_until = False, 0.0
                return [Taken(*answer[at : at + 3]) for at in range(0, len(answer), 3)]
        return self._local.take(asks, now_ms=time.monotonic() * 1000)


@lru_cache(maxsize=_ADDRESSES_CACHED_MAX)
def address_of(address: str) -> str:
    """
    Return whom an address stands for: of IPv6, its /64, which one customer has alone.

    Within it anybody can have any number of addresses. Some proxies write a port
    behind it, and brackets around it: neither tells who asks.
    """
    written = _WITH_PORT.fullmatch(address)
    if written is not None:
        address = written["six"] or written["four"]
    try:
        six = IPv6Address(address)
    except AddressValueError:
        return address
    if six.ipv4_mapped is not None:
        return str(six.ipv4_mapped)
    return f"{IPv6Address(int(six) >> 64 << 64)}/64"


def _check(taken: Sequence[Taken]) -> None:
    wait_ms = max(each.wait_ms for each in taken)
    if wait_ms > 0:
        raise RateLimitedError(retry_after_s=-(-wait_ms // 1000))


def _refill(subject: Subject, lease: _Lease, apart: int, *, cost: int) -> Ask:
    """Ask for what *cost* lacks beside what is set apart, and to have a full lease after it."""
    needed = lease.price(cost) - apart
    wanted = lease.bucket.capacity // LEASE_SHARE - lease.tokens
    return _ask(subject, needed=needed, wanted=max(needed, wanted), kept=lease.tokens + apart)


def _ask(subject: Subject, *, needed: int, wanted: int, kept: int = 0) -> Ask:
    bucket, whose = subject
    # Hashed, so that neither an address nor an e-mail stands in Redis in clear.
    key = f"wallet:rate:{bucket.name}:{hashlib.sha256(whose.encode()).hexdigest()[:32]}"
    return Ask(key, bucket.capacity, bucket.refill_s * 1000, needed, wanted, kept)
