"""Tests of what follows from several measurements."""

import pytest

from bench.measurements import Measurement, Spread, best, percentile


def measure(*, clients: int = 8, count: int = 100, seconds: float = 2.0) -> Measurement:
    return Measurement(clients=clients, count=count, seconds=seconds, p50_ms=5, p99_ms=9)


class TestMeasurement:
    """Measurement."""

    def test_per_second(self) -> None:
        """Throughput is what was counted by how long it took."""
        assert measure(count=300, seconds=1.5).per_second == 200


class TestSpread:
    """Spread."""

    def test_of_three(self) -> None:
        """The median is the middle value, whatever the order."""
        assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, lowest=1.0, highest=3.0)

    def test_of_one(self) -> None:
        """One value is its own median, and spreads nowhere."""
        assert Spread.of([4.0]) == Spread(median=4.0, lowest=4.0, highest=4.0)


class TestBest:
    """best."""

    def test_highest_throughput(self) -> None:
        """The best is who did most in a second, not who did most."""
        quick = measure(clients=4, count=100, seconds=1)
        assert best([measure(clients=8, count=150, seconds=2), quick]) is quick


class TestPercentile:
    """percentile."""

    @pytest.mark.parametrize(
        ("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1), (0, 1)]
    )
    def test_nearest_rank(self, percent: float, expected: float) -> None:
        """It is a value that was there, and that many do not exceed it."""
        assert percentile(list(range(100, 0, -1)), percent) == expected

    def test_of_few(self) -> None:
        """Of few values, the ninety-ninth percentile is the largest."""
        assert percentile([1.0, 9.0, 2.0], 99) == 9.0

    def test_of_none(self) -> None:
        """No value has no percentile."""
        with pytest.raises(ValueError, match="no value"):
            percentile([], 50)
