"""Real server processes for the end-to-end tests."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.api import PASSWORD, Account, Api
from tests.support.commands import run_wallet
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.rates import store_rates
from tests.support.sender import Sender
from tests.support.servers import LOGS, SECRET_KEY, ApiServer, Databases
from tests.support.site import Site, open_site
from tests.support.workers import Worker
from wallet.development import RedisServer

StartServer = Callable[..., ApiServer]

# What has the form of 32 random bytes: 43 characters, in upper and in lower case.
_RANDOM = r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{43}(?![\w-])"

# Passwords, keys, access tokens (a signature and all), API keys, hashes of passwords;
# refresh tokens, and the signatures of device tokens and of links to reports; TOTP
# secrets, in Base32 and as a link; recovery codes. Codes of six digits could be anything.
SECRETS = [
    re.compile(re.escape(PASSWORD)),
    re.compile(re.escape(SECRET_KEY)),
    re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    re.compile(r"wlt_[0-9A-Za-z]+_[\w-]{20,}"),
    re.compile(r"\$argon2id?\$"),
    re.compile(_RANDOM),
    re.compile(r"(?<!\w)(?=[A-Z]*[2-7])[A-Z2-7]{32}(?![\w=])"),
    re.compile(r"otpauth://"),
    re.compile(r"(?<![\w-])(?=[a-z-]*[2-7])[a-z2-7]{4}(?:-[a-z2-7]{4}){3}(?![\w-])"),
]
StartWorker = Callable[..., Worker]
Work = Callable[[], Awaitable[None]]

# Reading the certificates of all authorities takes longer than most tests, and none is needed.
_SSL_CONTEXT = httpx.create_ssl_context()


@pytest.fixture(scope="session", autouse=True)
def logs_without_secrets() -> Iterator[None]:
    """Whatever the tests sent, no server has written a secret into its log."""
    yield
    found = {
        secret.pattern: match[0][:20]
        for log in LOGS
        if log.exists()
        for secret in SECRETS
        if (match := secret.search(log.read_text(errors="replace")))
    }
    assert found == {}


@pytest_asyncio.fixture(scope="session")
async def database_url(databases: Databases) -> str:
    """A database that the end-to-end tests share."""
    return await databases.create()


@pytest.fixture(scope="session")
def server(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A server that the end-to-end tests share; its attribute ``url`` says where."""
    log = tmp_path_factory.mktemp("server") / "log"
    with ApiServer(
        database_url=database_url, redis_url=redis.url, log=log, environment={}
    ) as server:
        yield server


@pytest.fixture
def start_server(database_url: str, redis: RedisServer, tmp_path: Path) -> Iterator[StartServer]:
    """Start further servers, on the shared database or another, with settings of the test's own."""
    started: list[ApiServer] = []

    def start(
        *,
        database_url: str = database_url,
        redis_url: str = redis.url,
        **environment: str,
    ) -> ApiServer:
        server = ApiServer(
            database_url=database_url,
            redis_url=redis_url,
            log=tmp_path / f"server-{len(started)}.log",
            environment=environment,
        )
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def start_worker(database_url: str, redis: RedisServer, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers, on the shared database or another; they end with the test."""
    started: list[Worker] = []

    def start(
        *, database_url: str = database_url, redis_url: str = redis.url, **environment: str
    ) -> Worker:
        worker = Worker(
            database_url=database_url,
            redis_url=redis_url,
            log=tmp_path / f"worker-{len(started)}.log",
            environment=environment,
        )
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with room for many requests at once."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(timeout=30, limits=limits, verify=_SSL_CONTEXT) as client:
        yield client


@pytest.fixture
def api(server: ApiServer, http: httpx.AsyncClient) -> Api:
    """A client of the shared server that is not signed in."""
    return Api(server.url, client=http)


@pytest_asyncio.fixture(scope="session")
async def observer(database_url: str) -> AsyncIterator[Observer]:
    """A second pair of eyes on the shared database, past the server."""
    async with Observer.of(database_url) as observer:
        yield observer


@pytest_asyncio.fixture(scope="session")
async def guests(server: ApiServer, observer: Observer) -> AsyncIterator[Guests]:
    """Makes accounts on the shared server without hashing a password."""
    # What lies idle is given up before the server does so, perhaps at this very moment.
    limits = httpx.Limits(max_connections=200, keepalive_expiry=2)
    async with httpx.AsyncClient(timeout=30, limits=limits, verify=_SSL_CONTEXT) as client:
        yield Guests(Api(server.url, client=client), observer)


@pytest_asyncio.fixture(scope="module")
async def ada(guests: Guests) -> Account:
    """Somebody with 100.00 EUR and a password, for tests in which nothing may change."""
    account = await guests.api.signup()
    await account.api.topup(account.wallet_id, "100.00")
    return account


@pytest_asyncio.fixture(scope="module")
async def bob(guests: Guests) -> Account:
    """Somebody else with 100.00 EUR, for tests in which nothing may change."""
    return await guests.create(balance="100.00")


@pytest_asyncio.fixture(scope="session")
async def rates(database_url: str) -> None:
    """What a euro was worth yesterday, in the shared database: 1.25 dollars, 150.5 yen."""
    await store_rates(database_url)


@pytest_asyncio.fixture
async def payer(guests: Guests) -> Account:
    """Somebody with 10.00 EUR."""
    return await guests.create(balance="10.00")


@pytest_asyncio.fixture
async def shop(guests: Guests) -> Account:
    """Somebody with nothing, who is to be paid."""
    return await guests.create()


@pytest.fixture
def work(database_url: str, redis: RedisServer) -> Work:
    """Do what is due, by a worker that ends then."""

    async def work() -> None:
        done = await run_wallet(
            "worker",
            "--once",
            DATABASE_URL=database_url,
            REDIS_URL=redis.url,
            SECRET_KEY=SECRET_KEY,
        )
        assert done.exit_code == 0, done
        assert "Traceback" not in done.errors, done

    return work


@pytest.fixture
def sender(ada: Account, bob: Account) -> Sender:
    """Ada's mutations, and what she may get wrong in them."""
    return Sender(ada, bob)


@pytest_asyncio.fixture(scope="session")
async def site(
    databases: Databases, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A server in production, with metrics, and the ways to its neighbours."""
    log = tmp_path_factory.mktemp("production") / "log"
    async with open_site(databases, redis, log, METRICS="on") as site:
        yield site
