"""The PostgreSQL and the Redis that come from wheels."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from wallet.development import PostgresServer, RedisServer, ServerError, binaries, folders
from wallet.development.ports import is_port_free

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's death signal")


def query(url: str, *statements: str) -> Any:
    """Run *statements* in a connection of their own; return the last one's value."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of PostgreSQL that is made already."""
    folder = tmp_path_factory.mktemp("data")
    with PostgresServer(folder):
        return folder


@pytest.fixture
def postgres(data_folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server that has not been started."""
    server = PostgresServer(data_folder)
    yield server
    server.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server that has not been started."""
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


class TestPostgresServer:
    def test_makes_role_and_database(self, postgres: PostgresServer) -> None:
        """The database is the role's own, which is no superuser, in UTF-8 and with checksums."""
        postgres.start()

        assert query(
            postgres.url,
            """
            SELECT ARRAY[current_user, current_database(), pg_get_userbyid(datdba),
                         pg_encoding_to_char(encoding), datlocprovider::text, datlocale,
                         rolsuper::text, current_setting('data_checksums')]
            FROM pg_database, pg_roles WHERE datname = 'wallet' AND rolname = 'wallet'
            """,
        ) == ["wallet", "wallet", "wallet", "UTF8", "b", "C.UTF-8", "false", "on"]

    def test_listens_for_this_machine_alone(self, postgres: PostgresServer) -> None:
        """Only 127.0.0.1 reaches it, by password, with room for many connections."""
        postgres.start()

        assert query(postgres.url, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
        assert query(postgres.url, "SELECT current_setting('max_connections')") == "200"
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(f"postgresql://wallet:wrong@127.0.0.1:{postgres.port}/wallet", "SELECT 1")

    def test_keeps_data_and_address(self, postgres: PostgresServer) -> None:
        """Stopped and started again, it has the same data at the same address."""
        postgres.start()
        url = postgres.url
        query(url, "CREATE TABLE kept (value int)", "INSERT INTO kept VALUES (42)")

        postgres.stop()
        assert is_port_free(postgres.port)
        postgres.start()

        assert postgres.url == url
        assert query(url, "SELECT value FROM kept") == 42
        query(url, "DROP TABLE kept")

    def test_recovers_from_crash(self, postgres: PostgresServer) -> None:
        """What was committed before a SIGKILL is there after the next start."""
        postgres.start()
        query(postgres.url, "CREATE TABLE crashed (value int)", "INSERT INTO crashed VALUES (7)")

        postgres.kill()
        assert postgres.pid is None
        postgres.start()

        assert query(postgres.url, "SELECT value FROM crashed") == 7
        query(postgres.url, "DROP TABLE crashed")

    def test_stops_under_open_connections(self, postgres: PostgresServer) -> None:
        """Somebody's transaction does not keep it from stopping."""
        postgres.start()

        async def stop_under_transaction() -> None:
            connection = await asyncpg.connect(postgres.url)
            await connection.execute("BEGIN")
            await asyncio.to_thread(postgres.stop)
            connection.terminate()

        asyncio.run(stop_under_transaction())

        assert postgres.pid is None

    @linux_only
    def test_forgets_stale_pid_file(self, postgres: PostgresServer, data_folder: Path) -> None:
        """The number of a dead postmaster that another process has by now is no obstacle."""
        stale = data_folder / "data" / "postmaster.pid"
        sleeper = subprocess.Popen(["/bin/sleep", "60"])
        try:
            stale.write_text(f"{sleeper.pid}\n{data_folder}\n1\n5432\n\n127.0.0.1\n1 1\nready\n")
            postgres.start()
        finally:
            sleeper.kill()
            sleeper.wait()

        assert query(postgres.url, "SELECT 1") == 1

    def test_takes_settings(self, data_folder: Path) -> None:
        """Settings given to it come before its own."""
        with PostgresServer(data_folder, settings={"fsync": "off"}) as server:
            assert query(server.url, "SELECT current_setting('fsync')") == "off"

    def test_refuses_other_major(self, tmp_path: Path) -> None:
        """The data of another PostgreSQL is named with both versions, and left alone."""
        version = tmp_path / "data" / "PG_VERSION"
        version.parent.mkdir()
        version.write_text("16\n")

        with pytest.raises(ServerError, match=r"is of PostgreSQL 16, .* PostgreSQL 18") as refusal:
            PostgresServer(tmp_path).start()

        assert str(tmp_path / "data") in str(refusal.value)
        assert version.read_text() == "16\n"

    def test_refuses_taken_port(self, data_folder: Path, taken_port: int) -> None:
        """A port that somebody listens on is named."""
        server = PostgresServer(data_folder, port=taken_port)

        with pytest.raises(ServerError, match=f"Port {taken_port}, meant for PostgreSQL, is in"):
            server.start()

        assert server.pid is None

    def test_refuses_folder_in_use(
        self, postgres: PostgresServer, data_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two servers never share one folder."""
        monkeypatch.setattr(folders, "_LOCK_WAIT_S", 0.1)
        postgres.start()

        with pytest.raises(ServerError, match="in use by another run"):
            PostgresServer(data_folder).start()

        assert query(postgres.url, "SELECT 1") == 1

    def test_tells_why_it_does_not_start(self, data_folder: Path) -> None:
        """What PostgreSQL itself says about its end is in the error."""
        server = PostgresServer(data_folder, settings={"shared_buffers": "plenty"})

        with pytest.raises(ServerError, match=r'does not start: .*"shared_buffers": "plenty"'):
            server.start()

        assert server.pid is None

    def test_tells_missing_wheel(
        self, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the wheel, the error says how to get it."""
        monkeypatch.setattr(binaries, "_find_package", lambda _name: None)

        with pytest.raises(ServerError, match="There is no PostgreSQL here: run `make setup`"):
            postgres.start()


class TestRedisServer:
    def test_answers_who_knows_password(self, redis: RedisServer) -> None:
        """Its URL lets in; without the password nobody gets in."""
        redis.start()

        assert Redis.from_url(redis.url).ping()
        with pytest.raises(AuthenticationError):
            Redis.from_url(f"redis://127.0.0.1:{redis.port}").ping()

    @pytest.mark.parametrize("end", [RedisServer.stop, RedisServer.kill])
    def test_starts_again_empty(
        self, redis: RedisServer, end: Callable[[RedisServer], None]
    ) -> None:
        """Stopped or crashed, it comes back at the same address, with nothing in it."""
        redis.start()
        url = redis.url
        Redis.from_url(url).set("key", "value")

        end(redis)
        assert redis.pid is None
        redis.start()

        assert redis.url == url
        assert Redis.from_url(url).get("key") is None

    def test_refuses_taken_port(self, tmp_path: Path, taken_port: int) -> None:
        """A port that somebody listens on is named."""
        with pytest.raises(ServerError, match=f"Port {taken_port}, meant for Redis, is in use"):
            RedisServer(tmp_path, port=taken_port).start()

    def test_tells_missing_wheel(self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the machine's own and without the wheel, the error says how to get it."""
        monkeypatch.setattr(binaries, "_find_package", lambda _name: None)
        monkeypatch.setattr(shutil, "which", lambda *_arguments, **_options: None)

        with pytest.raises(ServerError, match="There is no redis-server here: run `make setup`"):
            redis.start()
