"""Transfers, compared: curves over the number of clients, and the ratios of the design."""

from collections.abc import Callable, Sequence
from functools import partial

from bench.arena import Arena
from bench.contestants import BATCH_SIZE, Api, Contestant
from bench.errors import BenchError
from bench.loads import Load
from bench.measurements import Measurement, best
from bench.plans import ROUNDS, Plan
from bench.progress import say
from bench.results import Curves, Ratio, Series

_CLIENTS_DEFAULT = 32
"""Where no curve was measured, so that nobody's best is known."""

ATOMIC = "ATOMIC"
INDEPENDENT = "INDEPENDENT"

Measure = Callable[[], Measurement]


def measure_curves(arena: Arena, plan: Plan) -> Curves:
    """Measure everybody under every load, with few clients and with many."""
    contestants: Sequence[Contestant] = (arena.wallet, arena.plain_sql, arena.naive)
    curves: Curves = {load: {one.name: [] for one in contestants} for load in Load}
    for load in Load:
        for clients in plan.curve_clients:
            for one in contestants:
                measured = one.transfer(load, clients=clients, seconds=plan.curve_seconds)
                curves[load][one.name].append(measured)
                _say(f"{load}, {one.name}", measured)
    return curves


def measure_ratios(arena: Arena, plan: Plan, curves: Curves) -> tuple[list[Ratio], list[Series]]:
    """
    Compare side by side, each with the number of clients at which it is best.

    Returns:
        The ratios that the design names, and what else was measured beside them.
    """
    series = measure_rounds(_measures(arena, plan, curves))
    wallet, sql, naive = arena.wallet.name, arena.plain_sql.name, arena.naive.name

    def ratio(title: str, ours: str, theirs: str, needed: float) -> Ratio:
        return Ratio(title=title, ours=series[ours], theirs=series[theirs], needed=needed)

    uniform, hot = f"{wallet}, uniform", f"{wallet}, hot"
    # Like pgbench, one transaction for each: an ATOMIC one is told beside it.
    batch = f"{wallet}, batch of {BATCH_SIZE} {INDEPENDENT}"
    ratios = [
        ratio("single transfers, uniform, to pgbench", uniform, f"{sql}, uniform", 0.5),
        ratio("single transfers, uniform, to naive", uniform, f"{naive}, uniform", 6),
        ratio("all to one wallet, to pgbench", hot, f"{sql}, hot", 2),
        ratio(f"batches of {BATCH_SIZE}, to pgbench", batch, f"{sql}, uniform", 2),
    ]
    told = {one.name for ratio in ratios for one in (ratio.ours, ratio.theirs)}
    return ratios, [one for name, one in series.items() if name not in told]


def measure_rounds(measures: dict[str, Measure], *, rounds: int = ROUNDS) -> dict[str, Series]:
    """
    Take each measurement once in every round, so that all see the same changes of weather.

    Raises:
        BenchError: Somebody answered nothing, so that there is nothing to compare.
    """
    found: dict[str, list[Measurement]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        for name, measure in measures.items():
            measured = measure()
            if not measured.count:
                raise BenchError(f"{name}: no answer in {measured.seconds:.0f} s.")
            found[name].append(measured)
            _say(f"round {number}, {name}", measured)
    return {name: Series(name, measurements) for name, measurements in found.items()}


def _measures(arena: Arena, plan: Plan, curves: Curves) -> dict[str, Measure]:
    """Return what is measured in each round, in this order."""
    measures: dict[str, Measure] = {}
    seconds = plan.round_seconds
    for load in (Load.UNIFORM, Load.HOT):
        for one in (arena.plain_sql, arena.wallet, arena.naive, arena.wallet_alone):
            if one is arena.naive and load is Load.HOT:
                continue  # nothing is asked of it, and its curve shows it
            clients = _best_clients(curves, load, one.name)
            measures[f"{one.name}, {load}"] = partial(
                one.transfer, load, clients=clients, seconds=seconds
            )
    for api, mode in (
        (arena.wallet, ATOMIC),
        (arena.wallet, INDEPENDENT),
        (arena.wallet_alone, INDEPENDENT),
    ):
        clients = _best_batch_clients(api, mode, plan)
        measures[f"{api.name}, batch of {BATCH_SIZE} {mode}"] = partial(
            api.transfer_batches, mode, clients=clients, seconds=seconds
        )
    return measures


def _best_clients(curves: Curves, load: Load, name: str) -> int:
    """Return the number of clients at which somebody was best; one process is like two."""
    points = curves.get(load, {}).get(name.partition(",")[0])
    return best(points).clients if points else _CLIENTS_DEFAULT


def _best_batch_clients(api: Api, mode: str, plan: Plan) -> int:
    if len(plan.batch_clients) == 1:
        return plan.batch_clients[0]
    found = []
    for clients in plan.batch_clients:
        found.append(api.transfer_batches(mode, clients=clients, seconds=plan.curve_seconds))
        _say(f"{api.name}, batch of {BATCH_SIZE} {mode}", found[-1])
    return best(found).clients


def _say(what: str, measured: Measurement) -> None:
    say(
        f"{what}, {measured.clients} clients: {measured.per_second:,.0f}/s, "
        f"p50 {measured.p50_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms"
    )
