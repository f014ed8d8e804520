"""Everything at once, and things that die half-way: the money moves exactly once all the same."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.api import PASSWORD, Account, Api
from tests.support.cluster import Cluster
from tests.support.commands import run_wallet
from tests.support.crowd import AWAY, BUSY, UNANSWERED, Crowd, open_client
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, ApiServer
from tests.support.waiting import until
from wallet.core.ids import find_id
from wallet.core.settings import Settings
from wallet.services.verification import verify

WALLETS = 8
PAYMENTS = 240


@pytest_asyncio.fixture(scope="module")
async def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A PostgreSQL and a Redis of their own, and two server processes on them when asked for."""
    with Cluster.of(tmp_path_factory.mktemp("cluster")) as cluster:
        migrated = await run_wallet("migrate", DATABASE_URL=cluster.postgres.url)
        assert migrated.exit_code == 0, migrated.errors
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The same, with what the test before has killed started again."""
    shared_cluster.mend()
    return shared_cluster


@pytest_asyncio.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that the accounts share."""
    async with open_client() as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def accounts(shared_cluster: Cluster, client: httpx.AsyncClient) -> list[Account]:
    """Eight people with 10.00 EUR each; the first of them has a password that nobody may see."""
    api = Api(shared_cluster.pair()[0].url, client=client)
    ada = await api.signup()
    topup = await ada.api.topup(ada.wallet_id, "10.00")
    assert topup["__typename"] == "OperationPayload", topup
    async with Observer.of(shared_cluster.postgres.url) as observer:
        guests = Guests(api, observer)
        return [ada, *[await guests.create(balance="10.00") for _ in range(WALLETS - 1)]]


async def _check(cluster: Cluster, crowd: Crowd, accounts: list[Account]) -> None:
    """Assert that the crowd's money, the whole ledger, and the logs are as they should be."""
    await crowd.check()
    settings = Settings(database_url=cluster.postgres.url, secret_key=SECRET_KEY)
    await verify(settings, on_progress=lambda _: None)
    tokens = [str(account.api.access_token) for account in accounts]
    cluster.check_logs([PASSWORD, *tokens, *(account.refresh_token for account in accounts)])


class TestCrowd:
    """Sixty-four tasks move money at random among eight wallets, over two server processes."""

    async def test_in_good_weather(self, cluster: Cluster, accounts: list[Account]) -> None:
        """Every answer is true, and none is anything but success, no funds, or Busy."""
        servers = cluster.pair()
        crowd = Crowd(accounts, servers, seed=1, tolerated={BUSY})

        await crowd.run(2 * PAYMENTS)

        await _check(cluster, crowd, accounts)
        assert len(crowd.moved) > PAYMENTS
        verified = await run_wallet("verify", DATABASE_URL=cluster.postgres.url)
        assert verified.exit_code == 0, verified.errors

    async def test_redis_stops_half_way_and_work_goes_on(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """LOCK_OUTAGE=degrade: row locks alone keep the books."""
        servers = cluster.pair("degrade")
        crowd = Crowd(accounts, servers, seed=2, tolerated={BUSY})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.redis.stop()

        await running

        for server in servers:
            assert "redis is away" in server.log.read_text()
        await _check(cluster, crowd, accounts)

    async def test_redis_stops_half_way_and_work_stops(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """LOCK_OUTAGE=refuse: Busy while Redis is away, and all gets done when it is back."""
        servers = cluster.pair("refuse")
        crowd = Crowd(accounts, servers, seed=3, tolerated={BUSY})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.redis.stop()

        for server in servers:
            await _until_busy(accounts[0], server)
        answered = crowd.answered
        for server in servers:
            assert await _is_busy(accounts[0], server)
        assert crowd.answered == answered < PAYMENTS
        cluster.redis.start()
        await running

        await _check(cluster, crowd, accounts)

    async def test_server_is_asked_to_end_half_way(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """It ends by itself in good order, leaves no lock behind, and the other one goes on."""
        servers = cluster.pair("refuse")
        crowd = Crowd(accounts, servers, seed=4, tolerated={BUSY, UNANSWERED})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        servers[0].terminate()

        await running
        await until(lambda: not servers[0].is_running())

        assert servers[0].exit_code() in {0, -signal.SIGTERM}
        assert await _locks(cluster) == []
        await _check(cluster, crowd, accounts)

    async def test_postgres_is_killed_half_way(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """What was not answered for good is sent again when it is back, and moves exactly once."""
        servers = cluster.pair()
        crowd = Crowd(accounts, servers, seed=5, tolerated={BUSY, AWAY})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.postgres.kill()
        await crowd.until_met(AWAY)
        cluster.postgres.start()

        await running

        await _check(cluster, crowd, accounts)

    async def test_server_is_killed_half_way(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """What it did not answer is sent to the other one, and moves its money exactly once."""
        servers = cluster.pair()
        crowd = Crowd(accounts, servers, seed=6, tolerated={BUSY, UNANSWERED})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        servers[0].kill()

        # Its locks live on for their time; who wants these wallets waits that long.
        await running

        assert crowd.obstacles[UNANSWERED]
        await _check(cluster, crowd, accounts)


class TestOneKey:
    """The same idempotency key many times at once, over two server processes."""

    async def test_one_operation_and_nineteen_replays(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """Everybody is told of the same operation, and the money moves once."""
        ada, bob = await _open_two_wallets(cluster, accounts)

        answers = await _send_at_once(cluster, ada, bob, ["1.00"] * 20)

        assert [answer["__typename"] for answer in answers] == ["OperationPayload"] * 20
        assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 19
        assert len({answer["done"]["id"] for answer in answers}) == 1
        assert {answer["wallet"]["balance"]["amount"] for answer in answers} == {"9.00"}
        assert await ada.api.balance(ada.wallet_id) == "9.00"
        assert await bob.api.balance(bob.wallet_id) == "1.00"

    async def test_another_amount_is_a_conflict(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """Whichever amount is first moves once; each request for the other one is a conflict."""
        ada, bob = await _open_two_wallets(cluster, accounts)

        answers = await _send_at_once(cluster, ada, bob, ["1.00", "2.00"] * 10)

        moved = [answer for answer in answers if answer["__typename"] == "OperationPayload"]
        amounts = {answer["done"]["amount"]["amount"] for answer in moved}
        assert len(moved) == 10
        assert len(amounts) == 1
        assert sorted(answer["replayed"] for answer in moved) == [False] + [True] * 9
        conflicts = [answer["__typename"] for answer in answers if answer not in moved]
        assert conflicts == ["IdempotencyConflict"] * 10
        assert await bob.api.balance(bob.wallet_id) == amounts.pop()


class TestGracefulEnd:
    """SIGTERM while requests are under way."""

    async def test_requests_under_way_are_answered(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """It takes nobody new, answers those it has, gives their locks back, and ends."""
        _, server = cluster.pair()
        wallet_ids = [id_ for a in accounts if (id_ := find_id("Wallet", a.wallet_id))]
        async with Observer.of(cluster.postgres.url) as observer:
            async with observer.rows_held(*wallet_ids):
                topups = [
                    asyncio.create_task(account.api.at(server.url).topup(account.wallet_id, "1.00"))
                    for account in accounts
                ]
                await until(lambda: _has_in_flight(server, WALLETS))
                before = [await observer.balance_minor(id_) for id_ in wallet_ids]
                server.terminate()
                await until(lambda: not _listens(server))
                assert server.is_running()
            answers = await asyncio.gather(*topups)
            await until(lambda: not server.is_running())

            assert server.exit_code() in {0, -signal.SIGTERM}
            assert await _locks(cluster) == []
            # On a slow machine the rows may have been held for longer than they wait.
            kinds = [answer["__typename"] for answer in answers]
            assert set(kinds) <= {"OperationPayload", "Busy"}
            after = [await observer.balance_minor(id_) for id_ in wallet_ids]
            assert after == [
                balance + 100 * (kind == "OperationPayload")
                for balance, kind in zip(before, kinds, strict=True)
            ]


async def _open_two_wallets(cluster: Cluster, accounts: list[Account]) -> tuple[Account, Account]:
    """Open a further wallet for each of two people, the first with 10.00 EUR."""
    pair = []
    for account in accounts[:2]:
        api = account.api.at(cluster.pair()[0].url)
        wallet_id = (await api.open_wallet())["wallet"]["id"]
        pair.append(replace(account, api=api, wallet_id=wallet_id))
    await pair[0].api.topup(pair[0].wallet_id, "10.00")
    return pair[0], pair[1]


async def _send_at_once(
    cluster: Cluster, ada: Account, bob: Account, amounts: list[str]
) -> list[dict[str, Any]]:
    """Send a transfer of each amount under one key, two to one server and two to the other."""
    apis = [ada.api.at(server.url) for server in cluster.pair()]
    answers: list[dict[str, Any]] = await asyncio.gather(
        *(
            apis[number // 2 % 2].transfer(
                ada.wallet_id, bob.wallet_id, amount, idempotencyKey=bob.wallet_id
            )
            for number, amount in enumerate(amounts)
        )
    )
    return answers


async def _is_busy(account: Account, server: ApiServer) -> bool:
    """Ask for a top-up that is refused without the gate; return whether it is."""
    answer = await account.api.at(server.url).topup(account.wallet_id, "0.01")
    return bool(answer["__typename"] == "Busy")


async def _until_busy(account: Account, server: ApiServer) -> None:
    """Wait until a server has taken note that Redis is away."""
    await until(lambda: _is_busy(account, server))


def _listens(server: ApiServer) -> bool:
    """Tell whether a server still takes connections."""
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


async def _has_in_flight(server: ApiServer, postings: int) -> bool:
    """Tell whether so many postings are waited for in a server."""
    async with open_client() as client:
        text = (await client.get(f"{server.url}/metrics")).text
    return f"wallet_postings_in_flight {postings}.0" in text


async def _locks(cluster: Cluster) -> list[str]:
    """Return the locks that are held in Redis."""
    client = redis.asyncio.from_url(cluster.redis.url)
    try:
        keys = [str(key) async for key in client.scan_iter("wallet:lock:*")]
        return [key for key in keys if ":next" not in key]
    finally:
        await client.aclose()
