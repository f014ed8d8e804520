"""Tests of ratios, and of what is written down."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bench.loads import Load
from bench.measurements import Measurement
from bench.results import Compared, Footprint, Growth, Ratio, Results, Series, write_json


def series(
    name: str, throughputs: Sequence[int], *, times_ms: Sequence[float] = (5, 5, 5)
) -> Series:
    return Series(
        name,
        [
            Measurement(clients=8, count=count, seconds=1, p50_ms=time_ms, p99_ms=2 * time_ms)
            for count, time_ms in zip(throughputs, times_ms, strict=True)
        ],
    )


def results() -> Results:
    ours, theirs = series("ours", [300, 100, 200]), series("theirs", [100, 100, 100])
    return Results(
        at=datetime(2026, 1, 2, tzinfo=UTC),
        plan="quick",
        machine={"cores": "2"},
        versions={"Python": "3.11"},
        settings={"fsync": "on"},
        ratios=[Ratio(title="ours to theirs", ours=ours, theirs=theirs, needed=2)],
        footprints=[Footprint(title="report", megabytes=12.34, needed=150)],
        further=[series("beside", [7, 8, 9])],
        growth=[Growth("page", [ours, theirs])],
        sizes=["1 / 10", "10 / 100"],
        curves={Load.HOT: {"wallet": list(ours.rounds), "pgbench": list(theirs.rounds)}},
        verified={"api": "3 wallets"},
    )


class TestRatio:
    """Ratio."""

    def test_throughput(self) -> None:
        """It is taken round by round, and then the median of it."""
        ratio = Ratio(
            title="", ours=series("", [90, 100, 300]), theirs=series("", [30, 100, 100]), needed=3
        )
        assert (ratio.value.median, ratio.value.lowest, ratio.value.highest) == (3, 1, 3)
        assert ratio.is_reached

    def test_too_slow(self) -> None:
        """Less throughput than needed is not reached."""
        ratio = Ratio(title="", ours=series("", [99] * 3), theirs=series("", [100] * 3), needed=1)
        assert not ratio.is_reached

    @pytest.mark.parametrize(("time_ms", "reached"), [(12.0, True), (12.5, False)])
    def test_time(self, time_ms: float, reached: bool) -> None:  # noqa: FBT001
        """Of times, less is better."""
        ratio = Ratio(
            title="",
            ours=series("", [1] * 3, times_ms=[time_ms] * 3),
            theirs=series("", [1] * 3, times_ms=[10] * 3),
            needed=1.2,
            compared=Compared.TIME,
        )
        assert ratio.is_reached is reached


class TestWriteJson:
    """write_json."""

    def test_everything(self, tmp_path: Path) -> None:
        """Ratios with both sides, each single round, growth, curves and facts are in it."""
        write_json(results(), tmp_path / "latest.json")
        document = orjson.loads((tmp_path / "latest.json").read_bytes())
        (ratio,) = document["ratios"]
        assert ratio["ratio"] == {"median": 2.0, "lowest": 1.0, "highest": 3.0}
        assert ratio["reached"] is True
        assert [one["per_second"] for one in ratio["ours"]["rounds"]] == [300, 100, 200]
        assert [size["size"] for size in document["growth"][0]["sizes"]] == ["1 / 10", "10 / 100"]
        assert document["curves"]["hot"]["pgbench"][0]["clients"] == 8
        assert document["at"] == "2026-01-02T00:00:00+00:00"
        assert document["machine"] == {"cores": "2"}
        (footprint,) = document["footprints"]
        assert footprint == {"title": "report", "megabytes": 12.3, "needed": 150, "reached": True}
        assert document["verified"] == {"api": "3 wallets"}
