"""Reading, and what everything costs as the database grows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bench.books import write_book
from bench.contestants import Api
from bench.crowd import Crowd
from bench.loads import Load
from bench.measurements import Measurement
from bench.plans import Plan
from bench.progress import say
from bench.results import Compared, Growth, Ratio
from bench.stage import Stage
from bench.tally import WALLET_TRANSFERS, Tally, fetch_value
from bench.transfers import Measure, measure_rounds
from bench.wrk import Scenario, Wrk
from wallet.schema.paging import to_cursor

_ALONE = 1
"""Clients: cost is what one request takes that nobody else's delays."""

_OVERVIEW = "viewer and wallet"
_PAGE = "first page of 50"
_TRANSFER = "single transfer"


@dataclass(frozen=True, slots=True)
class Library:
    """
    A database with one long statement in it, and a server.

    Attributes:
        size: For people.
        pid: Of its server.
    """

    size: str
    name: str
    database_url: str
    crowd: Crowd
    api: Api
    pid: int


def open_libraries(stage: Stage, plan: Plan) -> list[Library]:
    """Write a book of each size, and start a server of one process on each."""
    opened = []
    for number, (wallets, entries) in enumerate(plan.growth):
        say(f"writing {wallets:,} wallets, the first with {entries:,} entries")
        name = f"book_{number}"
        database_url = stage.create_wallet_database(name)
        crowd = asyncio.run(write_book(stage.superuser_url(name), wallets=wallets, entries=entries))
        server = stage.serve("wallet", "serve", database_url=database_url, workers=1)
        opened.append((server, name, database_url, crowd, f"{wallets:,} / {entries:,}"))
    libraries = []
    for server, name, database_url, crowd, size in opened:
        server.wait_until_ready()
        wrk = Wrk(crowd, folder=stage.folder, secret_key=stage.secret_key)
        api = Api(name, server.url, wrk, Tally(database_url, WALLET_TRANSFERS))
        libraries.append(Library(size, name, database_url, crowd, api, server.pid))
    return libraries


def compare_depths(library: Library, plan: Plan) -> Ratio:
    """Compare a page a long way down a statement with its first one."""
    deep = f"page of 50 at entry {plan.depth:,}"
    series = measure_rounds(
        {
            name: partial(_read_page, library, depth=depth, seconds=plan.reading_seconds)
            for name, depth in ((_PAGE, 0), (deep, plan.depth))
        }
    )
    return Ratio(
        title=f"{deep}, to the first page",
        ours=series[deep],
        theirs=series[_PAGE],
        needed=1.2,
        compared=Compared.TIME,
    )


def measure_growth(libraries: Sequence[Library], plan: Plan) -> list[Growth]:
    """Measure what each request costs in databases of several sizes."""
    seconds = plan.reading_seconds
    measures: dict[str, Measure] = {}
    for library in libraries:
        size, api = library.size, library.api
        measures[f"{_OVERVIEW}, {size}"] = partial(
            api.query, Scenario("overview", {}), clients=_ALONE, seconds=seconds
        )
        measures[f"{_PAGE}, {size}"] = partial(_read_page, library, depth=0, seconds=seconds)
        measures[f"{_TRANSFER}, {size}"] = partial(
            api.transfer, Load.UNIFORM, clients=_ALONE, seconds=seconds
        )
    series = measure_rounds(measures, rounds=plan.growth_rounds)
    return [
        Growth(what, [series[f"{what}, {library.size}"] for library in libraries])
        for what in (_OVERVIEW, _PAGE, _TRANSFER)
    ]


def _read_page(library: Library, *, depth: int, seconds: int) -> Measurement:
    """Read the page below the newest *depth* lines of wallet 1, again and again."""
    wallet_id = library.crowd.purses[0].wallet_id
    last_sequence = fetch_value(
        library.database_url, "SELECT last_sequence FROM wallets WHERE id = $1", wallet_id
    )
    newest = last_sequence - depth
    after = to_cursor(wallet_id, newest + 1) if depth else ""
    scenario = Scenario("page", {"after": after, "newest": str(newest)})
    return library.api.query(scenario, clients=_ALONE, seconds=seconds)
