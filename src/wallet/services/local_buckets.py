"""Token buckets in the memory of one process, for when Redis is away."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

BUCKETS_MAX = 50_000
"""Most buckets that are kept; the one that was not asked for longest goes first."""


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What is asked of one bucket.

    Attributes:
        refill_ms: How long one token takes to refill.
        needed: How many tokens it has to give, or nothing is taken from any.
        wanted: How many it may give, where it has more.
        kept: How many the process still has of those that it took before. They count as
            if they were in the bucket, which holds no more than its capacity with them.
    """

    key: str
    capacity: int
    refill_ms: float
    needed: int
    wanted: int
    kept: int


@dataclass(frozen=True, slots=True)
class Taken:
    """
    What was taken from one bucket.

    Attributes:
        wait_ms: Where it had not as many as needed: how long until it has.
        left: What it has left, in whole tokens.
    """

    tokens: int
    wait_ms: int
    left: int


class LocalBuckets:
    """The same arithmetic as the script in Redis; no clock of its own."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asks: Sequence[Ask], *, now_ms: float) -> list[Taken]:
        """Take from each bucket as many as are wanted, or as it has; from none where one lacks."""
        levels = [self._level_of(ask, now_ms) for ask in asks]
        waits_ms = [
            max(0.0, (ask.needed - level) * ask.refill_ms)
            for ask, level in zip(asks, levels, strict=True)
        ]
        if max(waits_ms) > 0:
            return [
                Taken(0, -int(-wait_ms // 1), int(level))
                for wait_ms, level in zip(waits_ms, levels, strict=True)
            ]
        return [self._take(ask, level, now_ms) for ask, level in zip(asks, levels, strict=True)]

    def _take(self, ask: Ask, level: float, now_ms: float) -> Taken:
        tokens = max(ask.needed, min(ask.wanted, int(level)))
        self._buckets[ask.key] = (level - tokens, now_ms)
        self._buckets.move_to_end(ask.key)
        while len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return Taken(tokens, 0, int(level - tokens))

    def _level_of(self, ask: Ask, now_ms: float) -> float:
        tokens, at_ms = self._buckets.get(ask.key, (float(ask.capacity), now_ms))
        refilled = tokens + max(0.0, now_ms - at_ms) / ask.refill_ms
        return max(0.0, min(ask.capacity - ask.kept, refilled))
