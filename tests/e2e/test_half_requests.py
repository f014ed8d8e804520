"""Requests that never become one: heads without end, and what comes too slowly."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from tests.support.logs import read_log
from tests.support.servers import ApiServer
from tests.support.waiting import until
from wallet.development import RedisServer
from wallet.http_protocol import HEAD_BYTES_MAX

_BODY = b'{"query":"{__typename}"}'
_POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_WHOLE = b"%bContent-Length: %d\r\n\r\n%b" % (_POST, len(_BODY), _BODY)
_ENDLESS_BYTES = 20_000_000


@pytest.fixture(scope="module")
def hasty_server(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A server that waits a second for a request."""
    with ApiServer(
        database_url=database_url,
        redis_url=redis.url,
        log=tmp_path_factory.mktemp("hasty") / "log",
        environment={"REQUEST_TIMEOUT_S": "1"},
    ) as server:
        yield server


@asynccontextmanager
async def connected(server: ApiServer) -> AsyncIterator[socket.socket]:
    """Connect to a server, and send nothing yet."""
    with socket.socket() as connection:
        connection.setblocking(False)  # noqa: FBT003  (the socket has no name for it)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
        yield connection


async def send(connection: socket.socket, *parts: bytes) -> None:
    """Send until all is sent, or the server takes no more."""
    loop = asyncio.get_running_loop()
    try:
        for part in parts:
            await loop.sock_sendall(connection, part)
    except ConnectionError:
        pass


async def answer_of(connection: socket.socket) -> bytes:
    """Return all that the server says up to where it ends the connection."""
    loop = asyncio.get_running_loop()
    content = b""
    try:
        while chunk := await loop.sock_recv(connection, 65_536):
            content += chunk
    except ConnectionError:
        pass
    return content


def status_of(answer: bytes) -> int:
    """Return the status of an answer that says in JSON what is wrong."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert b"connection: close" in head
    return int(head.split()[1])


def memory_kib(server: ApiServer) -> int:
    """Return how much memory a server's process has, in KiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


def headers_without_end() -> Iterator[bytes]:
    """Write headers of 60 KB each."""
    for number in range(_ENDLESS_BYTES // 60_000):
        yield b"x%d: %b\r\n" % (number, b"y" * 60_000)


# By name: what comes before a body, and has no end.
ENDLESS = {
    "headers": lambda: [_POST, *headers_without_end()],
    "a header": lambda: [_POST, b"x: ", *[b"y" * 60_000] * (_ENDLESS_BYTES // 60_000)],
    "a name of a header": lambda: [_POST, *[b"y" * 60_000] * (_ENDLESS_BYTES // 60_000)],
    "a URL": lambda: [b"GET /graphql?", *[b"a=1&" * 15_000] * (_ENDLESS_BYTES // 60_000)],
    "empty lines": lambda: [b"\r\n" * 30_000] * (_ENDLESS_BYTES // 60_000),
    "trailers": lambda: [
        _POST,
        b"Transfer-Encoding: chunked\r\n\r\n18\r\n%b\r\n0\r\n" % _BODY,
        *headers_without_end(),
    ],
    "an extension of a chunk": lambda: [
        _POST,
        b"Transfer-Encoding: chunked\r\n\r\n18;",
        *[b"y" * 60_000] * (_ENDLESS_BYTES // 60_000),
    ],
}


class TestHead:
    """What comes before a body: the URL and the headers."""

    @pytest.mark.parametrize("name", ENDLESS)
    async def test_without_end(self, server: ApiServer, name: str) -> None:
        """It is cut off at 64 KB: the process keeps none of it, and serves on."""
        before = memory_kib(server)
        async with connected(server) as connection:
            await send(connection, *ENDLESS[name]())
            grown = memory_kib(server) - before
            await answer_of(connection)

        assert grown < _ENDLESS_BYTES // 1024 // 4
        async with connected(server) as connection:
            await send(connection, _WHOLE.replace(b"Host: x", b"Host: x\r\nConnection: close"))
            assert b'{"__typename":"Query"}' in await answer_of(connection)

    @pytest.mark.parametrize(
        "head",
        [
            b"%bx: %b\r\n\r\n" % (_POST, b"y" * HEAD_BYTES_MAX),
            b"%bx: %b" % (_POST, b"y" * 8 * HEAD_BYTES_MAX),
            _POST + b"".join(b"x%d: %b\r\n" % (number, b"y" * 6_500) for number in range(12)),
            b"GET /graphql?%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"y" * HEAD_BYTES_MAX),
        ],
        ids=["a header", "half a header", "headers", "a URL"],
    )
    async def test_too_long(self, server: ApiServer, head: bytes) -> None:
        """It is 431, and the connection ends, whether all of it came or not."""
        async with connected(server) as connection:
            await send(connection, head)
            answer = await answer_of(connection)

        assert status_of(answer) == 431

    async def test_is_counted_anew(self, server: ApiServer) -> None:
        """Requests on one connection have as much each, and as much again as a body."""
        head = b"%bx: %b\r\n" % (_POST, b"y" * (HEAD_BYTES_MAX - 200))
        body = _BODY.replace(b"{__", b"{%b__" % (b" " * 30_000))
        request = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        async with connected(server) as connection:
            await send(connection, request, request)
            await send(connection, request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
            answer = await answer_of(connection)

        assert answer.count(b'{"__typename":"Query"}') == 3


# By name: what has come when no more comes.
HALVES = {
    "half a line": b"POST /gra",
    "two headers": b"POST /graphql HTTP/1.1\r\nHost: x\r\n",
    "no body": b"%bContent-Length: 24\r\n\r\n" % _POST,
    "half a body": b'%bContent-Length: 24\r\n\r\n{"query":' % _POST,
    "half a chunk": b'%bTransfer-Encoding: chunked\r\n\r\n18\r\n{"query":' % _POST,
    "no trailers": b"%bTransfer-Encoding: chunked\r\n\r\n18\r\n%b\r\n0\r\n" % (_POST, _BODY),
    "an empty line": b"\r\n",
    "half of a second request": _WHOLE + b"POST /gra",
}


class TestSlowRequest:
    """A request that does not come to its end."""

    @pytest.mark.parametrize("name", HALVES)
    async def test_is_cut_off(self, hasty_server: ApiServer, name: str) -> None:
        """After REQUEST_TIMEOUT_S it is 408, and its connection is free for others."""
        async with connected(hasty_server) as connection:
            await send(connection, HALVES[name])
            answer = await answer_of(connection)

        assert status_of(answer[answer.rindex(b"HTTP/1.1 ") :]) == 408
        assert (b"HTTP/1.1 200" in answer) is HALVES[name].startswith(_WHOLE)

    async def test_has_no_more_time_by_the_byte(self, hasty_server: ApiServer) -> None:
        """What comes byte by byte has as long as what does not come."""
        async with connected(hasty_server) as connection:
            answer = asyncio.create_task(answer_of(connection))
            for number in range(10_000):
                if answer.done():
                    break
                await send(connection, b"%bx: " % _POST if number == 0 else b"y")
                await asyncio.wait({answer}, timeout=0.05)

            assert status_of(await answer) == 408

    async def test_is_a_line_of_the_log(self, hasty_server: ApiServer) -> None:
        """It says 408, as the answer did, and is no bug."""
        async with connected(hasty_server) as connection:
            await send(connection, HALVES["half a body"])
            await answer_of(connection)

        await until(lambda: "status=408" in read_log(hasty_server))
        assert "Traceback" not in read_log(hasty_server)

    async def test_answers_take_longer(self, hasty_server: ApiServer) -> None:
        """Only what comes has a deadline: a connection stays open between requests."""
        async with connected(hasty_server) as connection, connected(hasty_server) as slow:
            await send(connection, _WHOLE)
            await send(slow, b"POST /gra")
            assert status_of(await answer_of(slow)) == 408

            await send(connection, _WHOLE.replace(b"Host: x", b"Host: x\r\nConnection: close"))
            answer = await answer_of(connection)

        assert answer.count(b'{"__typename":"Query"}') == 2
