"""The curves as a picture: throughput and latency against the number of clients."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from bench.measurements import Measurement
from bench.results import Curves, Results

_COLOURS = {"wallet": "#1b6ca8", "pgbench": "#7a7a7a", "naive": "#d1803a"}
_LABELS = {
    "wallet": "wallet, 2 workers",
    "pgbench": "pgbench, plain SQL",
    "naive": "naive, 2 workers",
}
_TITLES = {
    "uniform": "any wallet pays any other",
    "zipf": "few are in most of them (Zipf)",
    "hot": "all pay one wallet",
}


def draw(results: Results, path: Path) -> None:
    """Draw the curves of a run into a PNG file."""
    mpl.use("Agg")
    figure = Figure(
        figsize=(13, 7.5), dpi=110, layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1)
    )
    axes = figure.subplots(2, len(results.curves), sharex=True, sharey="row", squeeze=False)
    for column, (load, lines) in enumerate(results.curves.items()):
        throughput, latency = axes[0][column], axes[1][column]
        throughput.set_title(_TITLES[load.value])
        for name, points in lines.items():
            _draw_throughput(throughput, name, points)
            _draw_latency(latency, name, points)
        latency.set_xlabel("clients")
        for one in (throughput, latency):
            _scale(one, results.curves)
        throughput.set_ylim(bottom=0)
        latency.set_yscale("log")
        latency.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes[0][0].set_ylabel("transfers per second")
    axes[1][0].set_ylabel("ms: p50 (line), p99 (dashes)")
    axes[0][0].legend(frameon=False)
    machine, versions = results.machine, results.versions
    figure.suptitle(
        f"One transfer per request or transaction. {machine['processor']}, "
        f"{machine['cores']} cores shared by servers and load; "
        f"PostgreSQL {versions['PostgreSQL']}, fsync on",
        fontsize=10,
    )
    figure.savefig(path)


def _draw_throughput(axes: Axes, name: str, points: list[Measurement]) -> None:
    axes.plot(
        [point.clients for point in points],
        [point.per_second for point in points],
        marker="o",
        color=_COLOURS[name],
        label=_LABELS[name],
    )


def _draw_latency(axes: Axes, name: str, points: list[Measurement]) -> None:
    clients = [point.clients for point in points]
    colour = _COLOURS[name]
    axes.plot(clients, [point.p50_ms for point in points], marker="o", color=colour)
    axes.plot(clients, [point.p99_ms for point in points], linestyle="--", color=colour)


def _scale(axes: Axes, curves: Curves) -> None:
    counts = sorted(
        {
            point.clients
            for lines in curves.values()
            for points in lines.values()
            for point in points
        }
    )
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, labels=[str(count) for count in counts])
    axes.grid(visible=True, color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)
