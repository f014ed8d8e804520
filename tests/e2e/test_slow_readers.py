"""Reports whose readers are slow, or gone: what they hold, and for how long."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import pytest_asyncio

from bench.books import write_book
from tests.e2e.conftest import StartServer
from tests.support.logs import read_log
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, ApiServer, Databases
from tests.support.waiting import until
from wallet.core.ids import to_global_id
from wallet.core.keys import Keys
from wallet.core.tokens import issue_access_token

LINES = 60_000
"""More than the buffers between a server and a client hold: some 10 MB, where these hold 5."""

_SNAPSHOTS = """
SELECT pid FROM pg_stat_activity
 WHERE application_name = 'wallet report' AND datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Book:
    """A long statement, and who may read it."""

    database_url: str
    path: str
    token: str
    observer: Observer

    @property
    def headers(self) -> dict[str, str]:
        """What its reader sends."""
        return {"Authorization": f"Bearer {self.token}"}

    async def snapshots(self) -> int:
        """Count the snapshots that the database keeps."""
        return len(await self.observer.fetch(_SNAPSHOTS))

    async def until_let_go(self) -> None:
        """Wait until the database keeps none."""

        async def let_go() -> bool:
            return await self.snapshots() == 0

        await until(let_go)


@pytest_asyncio.fixture(scope="module")
async def book(databases: Databases) -> AsyncIterator[Book]:
    """A wallet with more lines than any buffer holds, in a database of its own."""
    url = await databases.create()
    parts = urlsplit(url)
    superuser = urlunsplit(parts._replace(netloc=parts.netloc.replace("wallet:", "postgres:", 1)))
    crowd = await write_book(superuser, wallets=2, entries=LINES)
    token, _ = issue_access_token(crowd.people[0], keys=Keys(SECRET_KEY))
    path = f"/wallets/{to_global_id('Wallet', crowd.purses[0].wallet_id)}/report.csv"
    async with Observer.of(url) as observer:
        yield Book(url, path, token, observer)


@asynccontextmanager
async def reader(server: ApiServer, book: Book) -> AsyncIterator[socket.socket]:
    """Ask for the book, and read its first bytes and nothing more."""
    with socket.socket() as connection:
        # What the client does not read waits at the server, and not in the kernel.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)  # noqa: FBT003  (the socket has no name for it)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", server.port))
        request = (
            f"GET {book.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {book.token}\r\n\r\n"
        )
        await loop.sock_sendall(connection, request.encode())
        first = await loop.sock_recv(connection, 1024)
        assert first.startswith(b"HTTP/1.1 200 ")
        yield connection


def memory_kib(server: ApiServer) -> int:
    """Return how much memory a server's process has, in KiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


async def read_all(server: ApiServer, book: Book, http: httpx.AsyncClient) -> bytes:
    """Read a report to its end."""
    return (await http.get(f"{server.url}{book.path}", headers=book.headers)).content


async def rest_of(connection: socket.socket) -> bytes:
    """Read what is left for a client, up to where its connection ends."""
    loop = asyncio.get_running_loop()
    content = b""
    try:
        while chunk := await loop.sock_recv(connection, 1 << 20):
            content += chunk
    except ConnectionError:
        pass
    return content


class TestSlowReader:
    """A client that stops reading."""

    @pytest.mark.parametrize(
        "setting", [{"REPORT_STALL_S": "1"}, {"REPORT_TIMEOUT_S": "2"}], ids=["stall", "timeout"]
    )
    async def test_is_cut_off(
        self, start_server: StartServer, book: Book, setting: dict[str, str]
    ) -> None:
        """After a bounded time the database lets go, and what was sent does not look whole."""
        server = start_server(database_url=book.database_url, **setting)
        async with reader(server, book) as connection:
            assert await book.snapshots() == 1

            await book.until_let_go()
            await until(lambda: "report cut short" in read_log(server))

            content = await rest_of(connection)
        assert b"CLOSING_BALANCE" not in content
        assert not content.endswith(b"0\r\n\r\n")
        assert "too slow" in read_log(server)
        assert "Traceback" not in read_log(server)

    async def test_holds_no_memory(
        self, start_server: StartServer, book: Book, http: httpx.AsyncClient
    ) -> None:
        """What it does not read is not made: the process stays as large as it was."""
        server = start_server(database_url=book.database_url, REPORT_STALL_S="3")
        whole = len(await read_all(server, book, http))
        before = memory_kib(server)
        async with reader(server, book), reader(server, book):
            await until(lambda: read_log(server).count("report cut short") == 2)
            grown = memory_kib(server) - before

        assert whole > 8_000_000
        assert grown * 1024 < whole / 2
        await book.until_let_go()

    async def test_keeps_nobody_else_from_theirs(
        self, start_server: StartServer, book: Book, http: httpx.AsyncClient
    ) -> None:
        """One has two reports at a time; a third waits, and is told to come again."""
        server = start_server(database_url=book.database_url, REPORT_STALL_S="60")
        async with reader(server, book), reader(server, book):
            third = await http.get(f"{server.url}{book.path}", headers=book.headers)
            assert (third.status_code, third.headers["retry-after"]) == (503, "10")
            assert (await http.get(f"{server.url}/readyz")).status_code == 200

        await book.until_let_go()
        assert b"CLOSING_BALANCE" in await read_all(server, book, http)


class TestGoneReader:
    """A client that goes away half-way."""

    async def test_ends_the_query(self, start_server: StartServer, book: Book) -> None:
        """The database lets go at once, long before any time is over."""
        server = start_server(database_url=book.database_url)
        async with reader(server, book):
            assert await book.snapshots() == 1

        await book.until_let_go()
        await until(lambda: "client gone" in read_log(server))
        assert "Traceback" not in read_log(server)


class TestGoneDatabase:
    """A database that goes away half-way."""

    async def test_never_looks_whole(self, start_server: StartServer, book: Book) -> None:
        """The connection breaks off, and has neither its last line nor its last chunk."""
        server = start_server(database_url=book.database_url)
        async with reader(server, book) as connection:
            ended = await book.observer.fetch(
                f"SELECT pg_terminate_backend(pid) FROM ({_SNAPSHOTS}) AS snapshots"
            )
            assert len(ended) == 1

            content = await rest_of(connection)

        assert b"CLOSING_BALANCE" not in content
        assert not content.endswith(b"0\r\n\r\n")
        assert "report cut short" in read_log(server)

    async def test_is_an_error_to_a_client(
        self, start_server: StartServer, book: Book, http: httpx.AsyncClient
    ) -> None:
        """A client of HTTP does not take half for the whole."""
        server = start_server(database_url=book.database_url)
        request = http.build_request("GET", f"{server.url}{book.path}", headers=book.headers)
        response = await http.send(request, stream=True)
        await book.observer.fetch(
            f"SELECT pg_terminate_backend(pid) FROM ({_SNAPSHOTS}) AS snapshots"
        )

        with pytest.raises(httpx.TransportError):
            await response.aread()

        await response.aclose()


class TestStoppedServer:
    """A server that is stopped half-way."""

    async def test_lets_go(self, start_server: StartServer, book: Book) -> None:
        """It ends in time, the report breaks off, and the database lets go."""
        server = start_server(database_url=book.database_url)
        async with reader(server, book) as connection:
            assert await asyncio.to_thread(server.stop) is not None
            content = await rest_of(connection)

        assert b"CLOSING_BALANCE" not in content
        await book.until_let_go()
