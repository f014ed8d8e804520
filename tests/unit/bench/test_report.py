"""Tests of the table."""

from bench.report import align, render
from tests.unit.bench.test_results import results


class TestAlign:
    """align."""

    def test_columns(self) -> None:
        """The first column goes to the left, the others to the right; short rows end early."""
        rows = [("name", "n", "median"), ("a", "1,000"), ("bcdef", "2", "3.5")]
        assert align(rows).split("\n") == [
            "name       n  median",
            "a      1,000",
            "bcdef      2     3.5",
        ]


class TestRender:
    """render."""

    def test_ratio(self) -> None:
        """A ratio shows its median and spread, what is needed, and both sides."""
        title, ours, theirs = render(results()).split("\n")[1:4]
        assert title.split() == ["ours", "to", "theirs", "2.00", "1.00-3.00", "≥", "2", "yes"]
        assert ours.split() == ["ours", "8", "200", "100-300", "5.0", "10.0"]
        assert theirs.split()[:3] == ["theirs", "8", "100"]

    def test_the_rest(self) -> None:
        """What was measured beside the ratios, growth, curves and facts follow."""
        text = render(results())
        for words in (
            "beside",
            "report",
            "< 150",
            "10 / 100",
            "300 (10)",
            "cores 2",
            "fsync on",
            "3 wallets",
        ):
            assert words in text

    def test_one_section(self) -> None:
        """A run of one section shows that one, and the facts."""
        found = results()
        found.ratios, found.footprints, found.further, found.growth = [], [], [], []
        assert render(found).startswith("per second (p99 ms)")
