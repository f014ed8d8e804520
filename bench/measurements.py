"""Measurements, and what follows from several of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """
    One run of one contestant under one load.

    Attributes:
        clients: How many asked at the same time, each waiting for its answer.
        count: How many transfers (or queries) were answered, and found right.
        seconds: How long that took.
        p50_ms, p99_ms: How long one answer took.
    """

    clients: int
    count: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.count / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle one of several values, and how far they lie apart."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up *values*, of which there is at least one."""
        return cls(median=statistics.median(values), lowest=min(values), highest=max(values))


def best(measurements: Sequence[Measurement]) -> Measurement:
    """Return the one with the highest throughput."""
    return max(measurements, key=lambda measurement: measurement.per_second)


def percentile(values: Sequence[float], percent: float) -> float:
    """
    Return the smallest of *values* that *percent* of them do not exceed (nearest rank).

    Raises:
        ValueError: There is no value.
    """
    if not values:
        raise ValueError("no value has no percentile")
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]
