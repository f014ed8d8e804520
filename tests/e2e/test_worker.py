"""`wallet worker`: several of them, and what happens when they, or what they need, go away."""

import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.cluster import Cluster
from tests.support.commands import Finished, run_wallet
from tests.support.due import assert_books_hold
from tests.support.factories import Factory, Pair
from tests.support.ledgers import connected_apart, nowhere, open_ledger
from tests.support.observer import Observer
from tests.support.postings import holds, pays_later
from tests.support.servers import SECRET_KEY
from tests.support.waiting import until
from tests.support.workers import Worker
from wallet.core.settings import Settings

MANY = 300
PAIRS = 6

StartWorker = Callable[..., Worker]

_LET_ALL_PASS = """
UPDATE operations SET expires_at = expires_at - interval '400 days',
                      scheduled_for = scheduled_for - interval '400 days'
 WHERE status = 'PENDING'
"""
_LEFT = """
SELECT count(*) FROM operations
 WHERE status = 'PENDING' AND (expires_at <= now() OR scheduled_for <= now())
"""
_NEVER_LOGGED = ("Traceback", "worker failed", "cannot be ended", "is stuck", "never ")
_ENDS = """
SELECT coalesce(sum(CASE WHEN kind = 'VOID' THEN 1 END), 0) AS ended,
       coalesce(sum(CASE WHEN scheduled_for IS NOT NULL AND status = 'COMPLETED' THEN 1 END), 0)
           AS carried_out
  FROM operations
"""


@pytest_asyncio.fixture(scope="module")
async def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A PostgreSQL and a Redis of their own."""
    with Cluster.of(tmp_path_factory.mktemp("cluster")) as cluster:
        migrated = await run_wallet("migrate", DATABASE_URL=cluster.postgres.url)
        assert migrated.exit_code == 0, migrated.errors
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The same, with what the test before has stopped started again."""
    shared_cluster.mend()
    return shared_cluster


@pytest_asyncio.fixture
async def observer(cluster: Cluster) -> AsyncIterator[Observer]:
    """A second pair of eyes on their database."""
    async with Observer.of(cluster.postgres.url) as observer:
        yield observer


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers; they end with the test, and none of them has met what it did not foresee."""
    started: list[Worker] = []

    def start(**environment: str) -> Worker:
        worker = Worker(
            database_url=cluster.postgres.url,
            redis_url=cluster.redis.url,
            log=tmp_path / f"worker-{len(started)}.log",
            environment=environment,
        )
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.stop()
        log = worker.log.read_text()
        assert [
            word
            for word in ("Traceback", "worker failed", "cannot be ended", "stuck", "never ")
            if word in log
        ] == [], log


async def make_due(cluster: Cluster, count: int = MANY, *, redis_url: str | None = None) -> None:
    """Make *count* holds that are over, and as many transfers whose time has come."""
    url = redis_url or cluster.redis.url
    settings = Settings(database_url=cluster.postgres.url, redis_url=url, secret_key=SECRET_KEY)
    async with connected_apart(settings), open_ledger(url, lock_wait_ms=10_000) as ledger:
        pairs = [await Pair.create(Factory(ledger, settings)) for _ in range(PAIRS)]
        postings = [make(pairs[n % PAIRS]) for make in (holds, pays_later) for n in range(count)]
        outcomes = await ledger.post_each(postings)
    assert {outcome.error for outcome in outcomes} == {None}
    async with Observer.of(cluster.postgres.url) as observer:
        await observer.fetch(_LET_ALL_PASS)


async def is_done(observer: Observer) -> bool:
    """Tell whether nothing is due any more."""
    return not await observer.value(_LEFT)


async def count_ends(observer: Observer) -> tuple[int, int]:
    """Count the holds that were ended, and the transfers that were carried out."""
    (row,) = await observer.fetch(_ENDS)
    return row["ended"], row["carried_out"]


async def once(cluster: Cluster) -> Finished:
    """Run a worker that ends by itself."""
    return await run_wallet(
        "worker",
        "--once",
        DATABASE_URL=cluster.postgres.url,
        REDIS_URL=cluster.redis.url,
        SECRET_KEY=SECRET_KEY,
    )


class TestWorkers:
    """Any number of them."""

    async def test_three_at_once(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """Each hold ends, and each transfer is carried out, exactly once."""
        before = await count_ends(observer)
        await make_due(cluster)

        workers = [start() for _ in range(3)]
        await until(lambda: is_done(observer))

        ended, carried_out = await count_ends(observer)
        assert (ended - before[0], carried_out - before[1]) == (MANY, MANY)
        assert all(worker.is_running() for worker in workers)
        await assert_books_hold(observer)

    async def test_what_comes_later(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """A worker with nothing to do finds what falls due, and says how much that was."""
        worker = start()
        await make_due(cluster, PAIRS)

        await until(lambda: is_done(observer))

        await until(lambda: worker.log.read_text().count(f"={PAIRS}") >= 1)
        await assert_books_hold(observer)

    async def test_killed_while_it_works(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """What it had in hand is undone, and done by the next one, once."""
        before = await count_ends(observer)
        await make_due(cluster)
        wallet_id = await observer.value(
            "SELECT source_wallet_id FROM operations WHERE kind = 'HOLD' AND status = 'PENDING'"
        )
        async with observer.rows_held(wallet_id):
            worker = start()
            await observer.until_waiting(1)
            worker.kill()

        worker.start()
        await until(lambda: is_done(observer))

        ended, carried_out = await count_ends(observer)
        assert (ended - before[0], carried_out - before[1]) == (MANY, MANY)
        await assert_books_hold(observer)

    async def test_killed_again_and_again(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """Wherever it was, nothing is done twice, and at last all is done."""
        before = await count_ends(observer)
        await make_due(cluster)
        left = await observer.value(_LEFT)
        worker = start()
        for _ in range(5):

            async def is_further(left: int = left) -> bool:
                return int(await observer.value(_LEFT)) < left or left == 0

            await until(is_further)
            worker.kill()
            left = await observer.value(_LEFT)
            await assert_books_hold(observer)
            worker.start()
        await until(lambda: is_done(observer))

        ended, carried_out = await count_ends(observer)
        assert (ended - before[0], carried_out - before[1]) == (MANY, MANY)
        await assert_books_hold(observer)


class TestOutages:
    """What it needs goes away, and comes back."""

    async def test_postgres_is_restarted(self, cluster: Cluster, start: StartWorker) -> None:
        """It says so once in a while, goes on by itself, and does what is due then."""
        worker = start()
        cluster.postgres.stop()
        await until(lambda: "database is away" in worker.log.read_text())

        cluster.postgres.start()
        await make_due(cluster, 20)

        async with Observer.of(cluster.postgres.url) as observer:
            await until(lambda: is_done(observer))
            await assert_books_hold(observer)
        assert worker.is_running()

    async def test_postgres_is_not_there_yet(self, cluster: Cluster, start: StartWorker) -> None:
        """A worker that is started first waits, and can be ended while it does."""
        cluster.postgres.stop()
        worker, other = start(), start()
        await until(lambda: "database is away" in other.log.read_text())

        assert other.stop() == 0

        cluster.postgres.start()
        await make_due(cluster, 20)
        async with Observer.of(cluster.postgres.url) as observer:
            await until(lambda: is_done(observer))
        assert worker.is_running()

    async def test_redis_is_away(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """With LOCK_OUTAGE=degrade, PostgreSQL's locks are enough for two workers."""
        before = await count_ends(observer)
        workers = [start(), start()]
        cluster.redis.stop()
        await make_due(cluster, redis_url=nowhere())

        await until(lambda: is_done(observer))

        ended, carried_out = await count_ends(observer)
        assert (ended - before[0], carried_out - before[1]) == (MANY, MANY)
        assert all(worker.is_running() for worker in workers)
        await assert_books_hold(observer)

    async def test_redis_is_away_and_work_stops(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """With LOCK_OUTAGE=refuse it waits, and does all when Redis is back."""
        worker = start(LOCK_OUTAGE="refuse")
        cluster.redis.stop()
        await make_due(cluster, 20, redis_url=nowhere())

        await until(lambda: "due, and wait" in worker.log.read_text())
        assert await observer.value(_LEFT) == 40
        cluster.redis.start()

        await until(lambda: is_done(observer))
        await assert_books_hold(observer)


class TestEnd:
    """SIGTERM, SIGINT, and --once."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_ends_by_itself(self, start: StartWorker, number: signal.Signals) -> None:
        """At once when it has nothing to do, in good order, and says so."""
        worker = start()

        begun = time.monotonic()
        exit_code = worker.stop(number)

        assert exit_code == 0
        assert time.monotonic() - begun < 10
        assert "worker stopped" in worker.log.read_text()

    async def test_what_it_has_begun_is_done(
        self, cluster: Cluster, observer: Observer, start: StartWorker
    ) -> None:
        """Asked to end in the middle, it leaves no lock and nothing half done."""
        await make_due(cluster)
        worker = start()

        assert worker.stop() == 0

        await assert_books_hold(observer)
        done = await once(cluster)
        assert done.exit_code == 0
        assert await is_done(observer)
        await assert_books_hold(observer)

    async def test_once(self, cluster: Cluster, observer: Observer) -> None:
        """All that is due, also more than one go takes; then it ends."""
        before = await count_ends(observer)
        await make_due(cluster, 2 * MANY)

        done = await once(cluster)

        assert (done.exit_code, done.output) == (0, "")
        ended, carried_out = await count_ends(observer)
        assert (ended - before[0], carried_out - before[1]) == (2 * MANY, 2 * MANY)
        await assert_books_hold(observer)

    async def test_once_without_a_database(self, cluster: Cluster) -> None:
        """One sentence, and a bad exit code."""
        cluster.postgres.stop()

        done = await once(cluster)

        assert done.exit_code == 1
        assert "The database cannot be reached" in done.errors
        assert "Traceback" not in done.errors
