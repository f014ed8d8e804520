"""Token buckets in the memory of one process, for when Redis is away."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

BUCKETS_MAX = 50_000
"""Most buckets that are kept; the one that was not asked for longest goes first."""


@dataclass(frozen=True, slots=True)
class Taken:
    """
    What was taken from some buckets.

    Attributes:
        tokens: How many, from each.
        wait_ms: Where there were not enough: how long until there are.
        left: What each bucket has left, in whole tokens.
    """

    tokens: int
    wait_ms: int
    left: tuple[int, ...]


class LocalBuckets:
    """The same arithmetic as the script in Redis; no clock of its own."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(
        self,
        keys: Sequence[str],
        rates: Sequence[tuple[int, float]],
        *,
        needed: int,
        wanted: int,
        now_ms: float,
    ) -> Taken:
        """
        Take up to *wanted* tokens from each bucket, at least *needed*; else from none.

        Args:
            rates: Per bucket its capacity, and the milliseconds that one token takes to refill.
        """
        levels = [
            self._level_of(key, capacity, refill_ms, now_ms)
            for key, (capacity, refill_ms) in zip(keys, rates, strict=True)
        ]
        waits = [
            max(0.0, (needed - level) * refill_ms)
            for level, (_, refill_ms) in zip(levels, rates, strict=True)
        ]
        if max(waits) > 0:
            return Taken(0, -int(-max(waits) // 1), tuple(int(level) for level in levels))
        tokens = max(needed, min(wanted, *(int(level) for level in levels)))
        for key, level in zip(keys, levels, strict=True):
            self._buckets[key] = (level - tokens, now_ms)
            self._buckets.move_to_end(key)
        while len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return Taken(tokens, 0, tuple(int(level - tokens) for level in levels))

    def _level_of(self, key: str, capacity: int, refill_ms: float, now_ms: float) -> float:
        tokens, at_ms = self._buckets.get(key, (float(capacity), now_ms))
        return min(capacity, tokens + max(0.0, now_ms - at_ms) / refill_ms)
