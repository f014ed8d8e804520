"""The table that a run ends with."""

from collections.abc import Iterable, Sequence

from bench.measurements import Measurement, Spread
from bench.results import Compared, Footprint, Growth, Ratio, Results, Series

_GAP = "  "

_RATIO_HEADINGS = (
    "ratio",
    "median",
    "spread",
    "needed",
    "reached",
    "clients",
    "per second",
    "spread",
    "p50 ms",
    "p99 ms",
)


def render(results: Results) -> str:
    """Return the table as text: ratios with what is behind each, then the rest."""
    parts = []
    if results.ratios:
        parts.append(_render_ratios(results.ratios))
    if results.footprints:
        parts.append(_render_footprints(results.footprints))
    if results.further:
        parts.append(_render_series("beside them", results.further))
    if results.growth:
        parts.append(_render_growth(results.sizes, results.growth))
    if results.curves:
        parts.append(_render_curves(results))
    parts.append(_render_facts(results))
    return "\n\n".join(parts)


def _render_ratios(ratios: Iterable[Ratio]) -> str:
    rows: list[Sequence[str]] = [_RATIO_HEADINGS]
    for ratio in ratios:
        sign = "≤" if ratio.compared is Compared.TIME else "≥"
        reached = "yes" if ratio.is_reached else "NO"
        value = ratio.value
        rows.append(
            (
                ratio.title,
                f"{value.median:.2f}",
                f"{value.lowest:.2f}-{value.highest:.2f}",
                f"{sign} {ratio.needed:g}",
                reached,
            )
        )
        rows.extend(
            (f"  {series.name}", "", "", "", "", *_cells(series))
            for series in (ratio.ours, ratio.theirs)
        )
    return align(rows)


def _render_footprints(footprints: Iterable[Footprint]) -> str:
    rows: list[Sequence[str]] = [("memory above rest", "MB", "needed", "reached")]
    rows.extend(
        (
            f"  {one.title}",
            f"{one.megabytes:.0f}",
            f"< {one.needed:g}",
            "yes" if one.is_reached else "NO",
        )
        for one in footprints
    )
    return align(rows)


def _render_series(title: str, all_series: Iterable[Series]) -> str:
    rows: list[Sequence[str]] = [(title, "clients", "per second", "spread", "p50 ms", "p99 ms")]
    rows.extend((f"  {series.name}", *_cells(series)) for series in all_series)
    return align(rows)


def _render_growth(sizes: Sequence[str], growth: Iterable[Growth]) -> str:
    rows: list[Sequence[str]] = [("one client, p50 ms, by wallets / entries of the first", *sizes)]
    rows.extend(
        (f"  {one.what}", *(_range(series.p50_ms, decimals=2) for series in one.series))
        for one in growth
    )
    return align(rows)


def _render_curves(results: Results) -> str:
    names = dict.fromkeys(name for lines in results.curves.values() for name in lines)
    rows: list[Sequence[str]] = [("per second (p99 ms)", "clients", *names)]
    for load, lines in results.curves.items():
        rows.extend(
            (load.value, str(points[0].clients), *map(_point, points))
            for points in zip(*lines.values(), strict=True)
        )
    return align(rows)


def _render_facts(results: Results) -> str:
    facts = (
        ("machine", results.machine),
        ("versions", results.versions),
        ("settings", results.settings),
        ("verified", results.verified),
    )
    return "\n".join(
        f"{title}: " + "; ".join(f"{name} {value}" for name, value in values.items())
        for title, values in facts
        if values
    )


def _cells(series: Series) -> tuple[str, ...]:
    per_second = series.per_second
    return (
        str(series.clients),
        f"{per_second.median:,.0f}",
        f"{per_second.lowest:,.0f}-{per_second.highest:,.0f}",
        f"{series.p50_ms.median:.1f}",
        f"{series.p99_ms.median:.1f}",
    )


def _point(measurement: Measurement) -> str:
    return f"{measurement.per_second:,.0f} ({measurement.p99_ms:,.0f})"


def _range(spread: Spread, *, decimals: int) -> str:
    low, middle, high = (
        f"{value:.{decimals}f}" for value in (spread.lowest, spread.median, spread.highest)
    )
    return middle if low == high else f"{middle} ({low}-{high})"


def align(rows: Sequence[Sequence[str]]) -> str:
    """Set rows in columns, the first to the left and the others to the right."""
    columns = max(len(row) for row in rows)
    widths = [
        max((len(row[column]) for row in rows if column < len(row)), default=0)
        for column in range(columns)
    ]
    return "\n".join(
        _GAP.join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    )
