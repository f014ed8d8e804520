"""Running in production: how it starts, and what it tells monitoring and browsers."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.api import TOPUP, WALLET
from tests.support.logs import log_line
from tests.support.observer import Observer
from tests.support.refusals import assert_says_nothing_inner
from tests.support.servers import Databases
from tests.support.site import Site, open_site
from tests.support.waiting import until
from wallet.development import RedisServer


@pytest_asyncio.fixture(scope="module")
async def strict_site(
    databases: Databases, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A server in production that does nothing without Redis, and shows GraphiQL."""
    log = tmp_path_factory.mktemp("strict") / "log"
    async with open_site(databases, redis, log, LOCK_OUTAGE="refuse", GRAPHIQL="on") as site:
        yield site


class TestStart:
    """Starting in production."""

    @pytest.mark.parametrize(
        "secret", [None, "", "short", "a" * 64, "abc" * 20, "development-only-never-in-production"]
    )
    def test_refuses_a_weak_secret(self, secret: str | None) -> None:
        """A secret that is missing, short, monotonous or known is one sentence, and an exit."""
        environment = {**os.environ, "ENVIRONMENT": "production"}
        environment.pop("SECRET_KEY", None)
        if secret is not None:
            environment["SECRET_KEY"] = secret

        result = subprocess.run(
            [sys.executable, "-m", "wallet", "serve"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert result.returncode == 1
        assert result.stdout == ""
        (sentence,) = result.stderr.splitlines()
        assert sentence.startswith("SECRET_KEY is missing or weak")
        assert not secret or secret not in sentence


class TestPages:
    """What a browser gets."""

    async def test_graphiql_is_off(self, site: Site) -> None:
        """In production there is no page, and nothing of one."""
        page = await site.get("/graphql", Accept="text/html")

        assert page.status_code in {400, 404}
        assert "text/html" not in page.headers["content-type"]
        assert (await site.get("/graphiql/x/documents.json")).status_code == 404

    async def test_graphiql_may_be_on(self, strict_site: Site) -> None:
        """GRAPHIQL=on shows it all the same."""
        page = await strict_site.get("/graphql", Accept="text/html")

        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert (await strict_site.get("/graphiql/x/documents.json")).status_code == 200


async def readyz(site: Site, **expected: str) -> httpx.Response:
    """Ask until /readyz says what is expected: an answer of a moment ago is given again."""
    answers: list[httpx.Response] = []

    async def is_said() -> bool:
        answers.append(await site.get("/readyz"))
        return bool(answers[-1].json().items() >= expected.items())

    await until(is_said)
    return answers[-1]


class TestProbes:
    """/healthz and /readyz."""

    async def test_all_is_well(self, site: Site) -> None:
        """Alive and ready, with both neighbours."""
        assert (await site.get("/healthz")).text == "ok"
        ready = await readyz(site, postgresql="up", redis="up")
        assert (ready.status_code, ready.json()) == (200, {"postgresql": "up", "redis": "up"})

    async def test_without_redis(self, site: Site) -> None:
        """Ready, since money moves without Redis, but not silent about it."""
        await site.redis.close()
        try:
            ready = await readyz(site, redis="down")
        finally:
            await site.redis.open()

        assert (ready.status_code, ready.json()) == (200, {"postgresql": "up", "redis": "down"})

    async def test_without_postgresql(self, site: Site) -> None:
        """Alive, but not ready; requests are told so, and all is well when it is back."""
        cleo = await site.guests.create()
        await site.postgres.close()
        try:
            alive = await site.get("/healthz")
            ready = await readyz(site, postgresql="down", redis="up")
            query = await cleo.api.send({"query": WALLET, "variables": {"id": cleo.wallet_id}})
            topup = await cleo.api.post(
                TOPUP,
                input={
                    "walletId": cleo.wallet_id,
                    "amount": {"amount": "1.00", "currency": "EUR"},
                    "idempotencyKey": "key",
                },
            )
        finally:
            await site.postgres.open()

        assert alive.status_code == 200
        assert (ready.status_code, ready.json()) == (503, {"postgresql": "down", "redis": "up"})
        assert_says_nothing_inner(query.text)
        for answer in (query.json(), topup):
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert (await readyz(site, postgresql="up")).status_code == 200
        assert await cleo.api.balance(cleo.wallet_id) == "0.00"

    async def test_with_a_silent_postgresql(self, site: Site) -> None:
        """A database that never answers is told to be down before the one who asks gives up."""
        started = time.perf_counter()
        site.postgres.stall()
        try:
            ready = await readyz(site, postgresql="down")
        finally:
            await site.postgres.cut()
            site.postgres.flow()

        assert ready.status_code == 503
        assert time.perf_counter() - started < 5

    async def test_when_the_database_is_gone(self, strict_site: Site, databases: Databases) -> None:
        """A PostgreSQL without our database is no PostgreSQL."""
        name = await strict_site.observer.value("SELECT current_database()")
        admin = Observer.of(databases.template_url.rpartition("/")[0] + "/postgres")
        async with admin as postgres:
            await postgres.fetch(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                await strict_site.postgres.cut()
                ready = await readyz(strict_site, postgresql="down")
            finally:
                await postgres.fetch(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

        assert ready.status_code == 503


class TestMetrics:
    """/metrics."""

    async def values(self, site: Site) -> dict[str, float]:
        """Return the samples of this process."""
        text = (await site.get("/metrics")).text
        samples = [line.rpartition(" ") for line in text.splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in samples}

    async def test_count_operations(self, site: Site) -> None:
        """Operations are counted by kind and outcome."""
        cleo, dora = await site.guests.create(), await site.guests.create()
        before = await self.values(site)

        await cleo.api.topup(cleo.wallet_id, "5.00")
        await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, "100.00")

        after = await self.values(site)
        for labels in (
            'kind="TOPUP",outcome="COMPLETED"',
            'kind="TRANSFER",outcome="INSUFFICIENT_FUNDS"',
        ):
            name = f"wallet_operations_total{{{labels}}}"
            assert after[name] == before.get(name, 0) + 1

    async def test_show_an_outage_of_redis(self, site: Site) -> None:
        """Money moves on PostgreSQL's locks alone; the metric and the log say so."""
        cleo = await site.guests.create()
        name = 'wallet_lock_outages_total{action="degrade"}'
        before = await self.values(site)
        await site.redis.close()
        try:
            answer = await cleo.api.topup(cleo.wallet_id, "5.00")
        finally:
            await site.redis.open()

        assert answer["__typename"] == "OperationPayload"
        assert (await self.values(site))[name] == before.get(name, 0) + 1
        line = await log_line(site.server, event="redis is away")
        assert (line["level"], line["action"]) == ("warning", "degrade")
        # It is of a round, and a round is of many requests.
        assert line["round"]
        assert "actor" not in line

    async def test_refusing_without_redis(self, strict_site: Site) -> None:
        """LOCK_OUTAGE=refuse answers Busy, moves nothing, and the key is still good."""
        cleo = await strict_site.guests.create()
        await strict_site.redis.close()
        try:
            async with strict_site.observer.nothing_changes():
                busy = await cleo.api.topup(cleo.wallet_id, "5.00", idempotencyKey="key")
        finally:
            await strict_site.redis.open()

        assert (busy["code"], busy["retryable"]) == ("BUSY", True)
        line = await log_line(strict_site.server, event="redis is away")
        assert (line["level"], line["action"]) == ("warning", "refuse")

    async def test_are_off_unless_asked_for(self, strict_site: Site) -> None:
        """METRICS=off, the default, shows nothing to anybody."""
        assert (await strict_site.get("/metrics")).status_code == 404
