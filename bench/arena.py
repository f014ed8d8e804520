"""Where transfers are compared: three databases with the same people, and who works on each."""

import asyncio
from dataclasses import dataclass

from bench.contestants import Api, PlainSql
from bench.crowd import Crowd
from bench.fill import fill
from bench.loads import Load
from bench.naive.database import prepare
from bench.pgbench import Pgbench, number_wallets
from bench.plans import Plan
from bench.progress import say
from bench.stage import Stage
from bench.tally import NAIVE_TRANSFERS, WALLET_TRANSFERS, Tally
from bench.wrk import Wrk

WORKERS = 2

API_DATABASE = "api"
SQL_DATABASE = "pgbench"
NAIVE_DATABASE = "naive"

_WARM_UP_CLIENTS = 32
_PROGRESS_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Arena:
    """
    The contestants, ready.

    Attributes:
        wallet: The wallet with two processes.
        wallet_alone: The wallet with one process, on the same database.
    """

    wallet: Api
    wallet_alone: Api
    plain_sql: PlainSql
    naive: Api

    def warm_up(self, *, seconds: int) -> None:
        """Have everybody open its connections and prepare its statements, off the record."""
        for one in (self.plain_sql, self.wallet, self.naive, self.wallet_alone):
            one.transfer(Load.UNIFORM, clients=_WARM_UP_CLIENTS, seconds=seconds)


def open_arena(stage: Stage, plan: Plan) -> Arena:
    """Fill a database through the API, copy it for the others, and start their servers."""
    wallet_url = stage.create_wallet_database(API_DATABASE)
    crowd = _fill(stage, plan, wallet_url)
    # Nobody may be connected to what is copied: the server that took the filling has ended.
    sql_url = stage.create_database(SQL_DATABASE, template=API_DATABASE)
    asyncio.run(number_wallets(sql_url, crowd))
    naive_url = stage.create_database(NAIVE_DATABASE)
    asyncio.run(prepare(naive_url, crowd))
    say("starting the contestants")
    wallet, alone, naive = (
        stage.serve("wallet", "serve", database_url=wallet_url, workers=WORKERS),
        stage.serve("wallet", "serve", database_url=wallet_url, workers=1),
        stage.serve("bench.naive", database_url=naive_url, workers=WORKERS),
    )
    for server in (wallet, alone, naive):
        server.wait_until_ready()
    wrk = Wrk(crowd, folder=stage.folder, secret_key=stage.secret_key)
    tally = Tally(wallet_url, WALLET_TRANSFERS)
    arena = Arena(
        wallet=Api("wallet", wallet.url, wrk, tally),
        wallet_alone=Api("wallet, 1 worker", alone.url, wrk, tally),
        plain_sql=PlainSql(Pgbench(sql_url, wallets=len(crowd.purses)), sql_url),
        naive=Api("naive", naive.url, wrk, Tally(naive_url, NAIVE_TRANSFERS)),
    )
    arena.warm_up(seconds=plan.warm_up_seconds)
    return arena


def _fill(stage: Stage, plan: Plan, database_url: str) -> Crowd:
    told = 0

    def show(wallets: int) -> None:
        nonlocal told
        if wallets - told >= _PROGRESS_EVERY:
            told = wallets
            say(f"{wallets:,} wallets")

    say(f"filling {plan.wallets:,} wallets through the API")
    server = stage.serve("wallet", "serve", database_url=database_url, workers=WORKERS)
    server.wait_until_ready()
    try:
        return asyncio.run(
            fill(
                server.url,
                wallets=plan.wallets,
                per_person=plan.wallets_per_person,
                secret_key=stage.secret_key,
                on_progress=show,
            )
        )
    finally:
        server.stop()
