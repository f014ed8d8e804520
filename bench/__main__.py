"""`python -m bench`: fill, measure, compare, verify, report."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.arena import API_DATABASE, NAIVE_DATABASE, SQL_DATABASE, WORKERS, open_arena
from bench.errors import BenchError
from bench.machine import describe_machine, describe_versions
from bench.naive.database import verify as verify_naive
from bench.plans import FULL, QUICK, ROUNDS, Plan
from bench.programs import find_pgbench, find_wrk
from bench.progress import say
from bench.reading import compare_depths, measure_growth, open_libraries
from bench.report import render
from bench.reports import compare_report
from bench.results import Results, write_json
from bench.stage import API_SETTINGS, POSTGRES_SETTINGS, Stage, open_stage
from bench.tally import fetch_value
from bench.transfers import measure_curves, measure_ratios
from wallet.development import ServerError
from wallet.development.processes import follow_parent

SECTIONS = ("curves", "ratios", "reading", "report")

_FOLDER = Path(__file__).with_name("results")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Smaller and shorter: under two minutes.")
@click.option(
    "--only",
    type=click.Choice(SECTIONS),
    multiple=True,
    help="Only this section, or these; nothing is written to the results then.",
)
@click.option(
    "--seconds", type=click.IntRange(1, 600), help="How long each single measurement takes."
)
@click.option("--strict", is_flag=True, help="Fail when a ratio is not reached.")
def main(*, quick: bool, only: tuple[str, ...], seconds: int | None, strict: bool) -> None:
    """
    Compare the wallet with plain SQL and with a naive version, and print one table.

    It starts servers of its own and stops them. A run with a wrong answer, or
    whose books do not hold at the end, is a failed run: the exit code is 1.
    """
    _end_in_order()
    plan = (QUICK if quick else FULL).lasting(seconds)
    try:
        find_wrk()
        find_pgbench()
        results = run(plan, only or SECTIONS)
    except (BenchError, ServerError) as error:
        click.echo(f"The bench failed: {error}", err=True)
        sys.exit(1)
    click.echo(render(results))
    if not only:
        # What it needs takes a second to load.
        from bench.picture import draw

        _FOLDER.mkdir(exist_ok=True)
        write_json(results, _FOLDER / f"{plan.name}.json")
        draw(results, _FOLDER / f"{plan.name}.png")
    missed = [ratio.title for ratio in results.ratios if not ratio.is_reached]
    missed += [footprint.title for footprint in results.footprints if not footprint.is_reached]
    if missed and strict:
        click.echo(f"Not reached: {'; '.join(missed)}.", err=True)
        sys.exit(1)


def run(plan: Plan, sections: Sequence[str]) -> Results:
    """
    Run some sections on servers of their own, and verify all books at the end.

    Raises:
        BenchError: An answer was wrong, or a book does not hold.
    """
    say("starting PostgreSQL and Redis")
    with open_stage() as stage:
        results = _begin(stage, plan)
        verified: list[str] = []
        if {"curves", "ratios"} & set(sections):
            arena = open_arena(stage, plan)
            verified += [API_DATABASE, SQL_DATABASE]
            if "curves" in sections:
                results.curves = measure_curves(arena, plan)
            if "ratios" in sections:
                results.ratios, results.further = measure_ratios(arena, plan, results.curves)
            results.verified[NAIVE_DATABASE] = asyncio.run(
                verify_naive(stage.database_url(NAIVE_DATABASE))
            )
        if {"reading", "report"} & set(sections):
            libraries = open_libraries(stage, plan)
            verified += [library.name for library in libraries]
            if "reading" in sections:
                results.ratios.append(compare_depths(libraries[-1], plan))
                results.growth = measure_growth(libraries, plan)
                results.sizes = [library.size for library in libraries]
            if "report" in sections:
                ratio, footprint = compare_report(stage, libraries[-1], plan)
                results.ratios.append(ratio)
                results.footprints.append(footprint)
        results.verified |= _verify(stage, verified)
    say("done")
    return results


def _begin(stage: Stage, plan: Plan) -> Results:
    database_url = stage.database_url("wallet")
    fsync, commit = (
        str(fetch_value(database_url, f"SHOW {name}")) for name in ("fsync", "synchronous_commit")
    )
    return Results(
        at=datetime.now(UTC),
        plan=plan.name,
        machine=describe_machine(),
        versions=asyncio.run(describe_versions(database_url, stage.redis_url)),
        settings={
            "wallets": f"{plan.wallets:,}",
            "rounds": f"{ROUNDS} (growth: {plan.growth_rounds})",
            "seconds per measurement": (
                f"{plan.curve_seconds} (curves), {plan.round_seconds} (ratios), "
                f"{plan.reading_seconds} (reading)"
            ),
            "workers": str(WORKERS),
            "fsync": fsync,
            "synchronous_commit": commit,
            **POSTGRES_SETTINGS,
            **API_SETTINGS,
        },
    )


def _verify(stage: Stage, names: Sequence[str]) -> dict[str, str]:
    """Run `wallet verify` on each database, two at a time; it says what it read."""
    say("verifying the books")

    def verify(name: str) -> str:
        said = stage.run_wallet("verify", database_url=stage.database_url(name))
        return said.removeprefix("The ledger holds: ")

    with ThreadPoolExecutor(2) as threads:
        return dict(zip(names, threads.map(verify, names), strict=True))


def _end_in_order() -> None:
    """Have SIGTERM unwind as an error does, so that every server is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if "MAKELEVEL" in os.environ:
        # `make bench` is what people started and what they kill; a killed make tells nobody.
        follow_parent(signal.SIGTERM)


if __name__ == "__main__":
    main()
