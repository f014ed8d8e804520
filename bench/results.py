"""What a run found, and how it is written down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from bench.loads import Load
from bench.measurements import Measurement, Spread


class Compared(StrEnum):
    """What is divided by what."""

    THROUGHPUT = "throughput"
    """Ours by theirs; more is better."""

    TIME = "time"
    """The median time of one answer, ours by theirs; less is better."""


@dataclass(frozen=True, slots=True)
class Series:
    """The same measurement, taken once in every round."""

    name: str
    rounds: Sequence[Measurement]

    @property
    def per_second(self) -> Spread:
        """Throughput."""
        return Spread.of([measurement.per_second for measurement in self.rounds])

    @property
    def p50_ms(self) -> Spread:
        """How long half of the answers took at most."""
        return Spread.of([measurement.p50_ms for measurement in self.rounds])

    @property
    def p99_ms(self) -> Spread:
        """How long all but a hundredth of the answers took at most."""
        return Spread.of([measurement.p99_ms for measurement in self.rounds])

    @property
    def clients(self) -> int:
        """How many asked at the same time."""
        return self.rounds[0].clients


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """
    A comparison, round by round, with what the design asks of it.

    Attributes:
        needed: What it must reach (throughput), or must not pass (time).
    """

    title: str
    ours: Series
    theirs: Series
    needed: float
    compared: Compared = Compared.THROUGHPUT

    @property
    def value(self) -> Spread:
        """The ratio: that of the rounds, each of which ran side by side."""
        pairs = zip(self.ours.rounds, self.theirs.rounds, strict=True)
        if self.compared is Compared.TIME:
            return Spread.of([ours.p50_ms / theirs.p50_ms for ours, theirs in pairs])
        return Spread.of([ours.per_second / theirs.per_second for ours, theirs in pairs])

    @property
    def is_reached(self) -> bool:
        """Whether the median is what the design asks for."""
        if self.compared is Compared.TIME:
            return self.value.median <= self.needed
        return self.value.median >= self.needed


@dataclass(frozen=True, slots=True)
class Growth:
    """What one request costs a lone client as the database grows."""

    what: str
    series: Sequence[Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """How much memory something took at most above what its process has at rest."""

    title: str
    megabytes: float
    needed: float

    @property
    def is_reached(self) -> bool:
        """Whether it is less than the design asks for."""
        return self.megabytes < self.needed


Curves = dict[Load, dict[str, list[Measurement]]]
"""By load and contestant, a measurement for each number of clients."""


@dataclass(slots=True, kw_only=True)
class Results:
    """All that a run found; sections that did not run are empty."""

    at: datetime
    plan: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    ratios: list[Ratio] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    further: list[Series] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    curves: Curves = field(default_factory=dict)
    verified: dict[str, str] = field(default_factory=dict)


def write_json(results: Results, path: Path) -> None:
    """Write everything, each single measurement included."""
    document = {
        "at": results.at.isoformat(timespec="seconds"),
        "plan": results.plan,
        "machine": results.machine,
        "versions": results.versions,
        "settings": results.settings,
        "ratios": [_ratio(ratio) for ratio in results.ratios],
        "footprints": [
            {
                "title": footprint.title,
                "megabytes": round(footprint.megabytes, 1),
                "needed": footprint.needed,
                "reached": footprint.is_reached,
            }
            for footprint in results.footprints
        ],
        "further": [_series(series) for series in results.further],
        "growth": [
            {
                "what": growth.what,
                "sizes": [
                    {"size": size, **_series(series)}
                    for size, series in zip(results.sizes, growth.series, strict=True)
                ],
            }
            for growth in results.growth
        ],
        "curves": {
            load.value: {name: list(map(_measurement, points)) for name, points in lines.items()}
            for load, lines in results.curves.items()
        },
        "verified": results.verified,
    }
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def _ratio(ratio: Ratio) -> dict[str, Any]:
    return {
        "title": ratio.title,
        "compared": ratio.compared.value,
        "ratio": _spread(ratio.value),
        "needed": ratio.needed,
        "reached": ratio.is_reached,
        "ours": _series(ratio.ours),
        "theirs": _series(ratio.theirs),
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "name": series.name,
        "clients": series.clients,
        "per_second": _spread(series.per_second),
        "p50_ms": _spread(series.p50_ms),
        "p99_ms": _spread(series.p99_ms),
        "rounds": list(map(_measurement, series.rounds)),
    }


def _spread(spread: Spread) -> dict[str, float]:
    return {
        "median": round(spread.median, 3),
        "lowest": round(spread.lowest, 3),
        "highest": round(spread.highest, 3),
    }


def _measurement(measurement: Measurement) -> dict[str, float]:
    return {
        "clients": measurement.clients,
        "count": measurement.count,
        "seconds": round(measurement.seconds, 3),
        "per_second": round(measurement.per_second, 1),
        "p50_ms": round(measurement.p50_ms, 3),
        "p99_ms": round(measurement.p99_ms, 3),
    }
