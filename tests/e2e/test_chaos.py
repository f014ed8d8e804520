"""Everything at once, and things that die half-way: the money moves exactly once all the same."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.api import PASSWORD, Account, Api
from tests.support.cluster import Cluster
from tests.support.commands import run_wallet
from tests.support.crowd import AWAY, BUSY, UNANSWERED, Crowd, open_client
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, ApiServer
from tests.support.waiting import until
from wallet.core.ids import find_id
from wallet.core.settings import Settings
from wallet.services.verification import verify

WALLETS = 8
PAYMENTS = 256


@pytest_asyncio.fixture(scope="module")
async def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Two server processes on a PostgreSQL and a Redis of their own."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    with Cluster.of(folder) as cluster:
        migrated = await run_wallet("migrate", DATABASE_URL=cluster.postgres.url)
        assert migrated.exit_code == 0, migrated.errors
        cluster.add_servers()
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The same, with all that the test before has killed started again."""
    shared_cluster.mend()
    return shared_cluster


@pytest_asyncio.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that the accounts share."""
    async with open_client() as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def accounts(shared_cluster: Cluster, client: httpx.AsyncClient) -> list[Account]:
    """Eight people with 10.00 EUR each, and a password that only they know."""
    api = Api(shared_cluster.first.url, client=client)
    accounts = await asyncio.gather(*(api.signup() for _ in range(WALLETS)))
    for account in accounts:
        topup = await account.api.topup(account.wallet_id, "10.00")
        assert topup["__typename"] == "OperationPayload", topup
    return list(accounts)


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
        urls = [cluster.first.url, cluster.second.url]
        crowd = Crowd(accounts, urls, seed=1, tolerated={BUSY})

        await crowd.run(2 * PAYMENTS)

        await _check(cluster, crowd, accounts)
        assert len(crowd.moved) > PAYMENTS
        verified = await run_wallet("verify", DATABASE_URL=cluster.postgres.url)
        assert verified.exit_code == 0, verified.errors

    async def test_redis_stops_half_way_and_work_goes_on(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """LOCK_OUTAGE=degrade: row locks alone keep the books."""
        urls = [cluster.first.url, cluster.second.url]
        crowd = Crowd(accounts, urls, seed=2, tolerated={BUSY})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.redis.stop()

        await running

        for server in (cluster.first, cluster.second):
            assert "redis is away" in server.log.read_text()
        await _check(cluster, crowd, accounts)

    async def test_redis_stops_half_way_and_work_stops(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """LOCK_OUTAGE=refuse: Busy while Redis is away, and all gets done when it is back."""
        servers = cluster.add_servers(LOCK_OUTAGE="refuse")
        crowd = Crowd(accounts, [server.url for server in servers], seed=3, tolerated={BUSY})
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
        for server in servers:
            server.stop()

    async def test_postgres_is_killed_half_way(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """What was not answered for good is sent again when it is back, and moves exactly once."""
        urls = [cluster.first.url, cluster.second.url]
        crowd = Crowd(accounts, urls, seed=5, tolerated={BUSY, AWAY})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.postgres.kill()
        await until(lambda: crowd.obstacles[AWAY] > 0)
        cluster.postgres.start()

        await running

        await _check(cluster, crowd, accounts)

    async def test_server_is_killed_half_way(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """What it did not answer is sent to the other one, and moves its money exactly once."""
        urls = [cluster.first.url, cluster.second.url]
        crowd = Crowd(accounts, urls, seed=4, tolerated={BUSY, UNANSWERED})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.first.kill()

        await running

        assert crowd.obstacles[UNANSWERED]
        await _check(cluster, crowd, accounts)

    async def test_server_is_asked_to_end_half_way(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """It ends by itself in good order, leaves no lock behind, and the other one goes on."""
        urls = [cluster.first.url, cluster.second.url]
        crowd = Crowd(accounts, urls, seed=6, tolerated={BUSY, UNANSWERED})
        running = asyncio.create_task(crowd.run(PAYMENTS))
        await crowd.until_answered(PAYMENTS // 2)
        cluster.first.terminate()

        await running
        await until(lambda: cluster.first.exit_code() is not None)

        assert cluster.first.exit_code() in {0, -signal.SIGTERM}
        assert await _locks(cluster) == []
        await _check(cluster, crowd, accounts)


class TestOneKey:
    """The same idempotency key many times at once, over two server processes."""

    async def test_one_operation_and_nineteen_replays(
        self, cluster: Cluster, accounts: list[Account]
    ) -> None:
        """Everybody is told of the same operation, and the money moves once."""
        ada, bob = await _two_more(cluster, accounts)

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
        ada, bob = await _two_more(cluster, accounts)

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
        server = cluster.second
        wallet_ids = [id_ for a in accounts if (id_ := find_id("Wallet", a.wallet_id))]
        async with Observer.of(cluster.postgres.url) as observer:
            async with observer.rows_held(*wallet_ids):
                topups = [
                    asyncio.create_task(account.api.at(server.url).topup(account.wallet_id, "1.00"))
                    for account in accounts
                ]
                await observer.until_waiting(WALLETS)
                before = [await observer.balance_minor(id_) for id_ in wallet_ids]
                server.terminate()
                await until(lambda: _refuses(server))
                assert server.exit_code() is None
            answers = await asyncio.gather(*topups)
            await until(lambda: server.exit_code() is not None)

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


async def _two_more(cluster: Cluster, accounts: list[Account]) -> tuple[Account, Account]:
    """Open two more wallets, the first with 10.00 EUR."""
    ada, bob = accounts[:2]
    pair = []
    for account in (ada, bob):
        api = account.api.at(cluster.first.url)
        wallet = (await api.open_wallet())["wallet"]
        pair.append(
            Account(
                api=api,
                email=account.email,
                user_id=account.user_id,
                wallet_id=wallet["id"],
                currency="EUR",
                refresh_token=account.refresh_token,
            )
        )
    await pair[0].api.topup(pair[0].wallet_id, "10.00")
    return pair[0], pair[1]


async def _send_at_once(
    cluster: Cluster, ada: Account, bob: Account, amounts: list[str]
) -> list[dict[str, Any]]:
    """Send a transfer of each amount under one key, in turn to one server and the other."""
    apis = [ada.api.at(cluster.first.url), ada.api.at(cluster.second.url)]
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


def _refuses(server: ApiServer) -> bool:
    """Tell whether nobody listens on a server's port any more."""
    try:
        httpx.get(f"{server.url}/healthz", timeout=1)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False
    return False


async def _locks(cluster: Cluster) -> list[str]:
    """Return the locks that are held in Redis."""
    client = redis.asyncio.from_url(cluster.redis.url)
    try:
        return [str(key) async for key in client.scan_iter("wallet:lock:*")]
    finally:
        await client.aclose()
