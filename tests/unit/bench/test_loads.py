"""Tests of who pays whom."""

from collections import Counter

from bench.loads import zipf_table


class TestZipfTable:
    """zipf_table."""

    def test_length_and_range(self) -> None:
        """It has the length that was asked for, and names every wallet and no other."""
        table = zipf_table(100, length=5_000)
        assert len(table) == 5_000
        assert set(table) == set(range(1, 101))

    def test_frequencies(self) -> None:
        """Wallet n is about n times rarer than wallet 1."""
        counts = Counter(zipf_table(1_000, length=100_000))
        for number in (2, 5, 10, 50):
            assert abs(counts[1] / counts[number] / number - 1) < 0.05

    def test_is_the_same_each_time(self) -> None:
        """Nothing of it is left to chance."""
        assert zipf_table(50, length=500) == zipf_table(50, length=500)
