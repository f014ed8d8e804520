"""What the protocol allows a client, asked over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from tests.support.waiting import until
from wallet.app import ADDRESS_CONNECTIONS_MAX, http_limits
from wallet.core.settings import Settings, Switch
from wallet.http_protocol import HttpLimits, HttpProtocol, http_state

_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_HELLO = PlainTextResponse("hello")


@asynccontextmanager
async def serving(
    limits: HttpLimits, *, app: ASGIApp = _HELLO, keep_alive_s: int = 60
) -> AsyncIterator[tuple[int, ServerState]]:
    """Serve an application; yield the port, and what the server knows."""
    config = Config(app, timeout_keep_alive=keep_alive_s, log_config=None, lifespan="off")
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpProtocol(config=config, server_state=state, app_state=http_state(limits)),
        host="127.0.0.1",
        port=0,
    )
    async with server:
        yield server.sockets[0].getsockname()[1], state


async def until_overdue(port: int) -> None:
    """Wait until what was sent before this was asked for has had its time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET")
    assert b" 408 " in await reader.read()
    writer.close()
    await writer.wait_closed()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answer(connection: Connection) -> int:
    """Send a request; return the status of its answer."""
    reader, writer = connection
    writer.write(_REQUEST)
    return int((await reader.readuntil(b"hello")).split()[1])


async def close(connection: Connection) -> None:
    """Give a connection up."""
    connection[1].close()
    await connection[1].wait_closed()


class TestSilence:
    """A connection that nothing comes on."""

    async def test_is_ended(self) -> None:
        """One that never says anything is ended as one is that says nothing more."""
        async with serving(HttpLimits(), keep_alive_s=1) as (port, state):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

            assert not state.connections

    async def test_is_ended_between_requests(self) -> None:
        """One that had its answer is ended without another word."""
        async with serving(HttpLimits(), keep_alive_s=1) as (port, state):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_REQUEST)
            assert (await reader.read()).endswith(b"\r\n\r\nhello")
            writer.close()
            await writer.wait_closed()

            assert not state.connections


class TestPipelining:
    """Requests that come before the one before them is answered."""

    async def test_waits_its_turn(self) -> None:
        """What waits for another's answer does not run out of its own time meanwhile."""
        may_answer = asyncio.Event()

        async def answer_late(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/late":
                await may_answer.wait()
            await _HELLO(scope, receive, send)

        async with serving(HttpLimits(request_timeout_s=0.1), app=answer_late) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_REQUEST.replace(b"/", b"/late", 1) + _REQUEST[:20])
            await until_overdue(port)

            may_answer.set()
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            writer.write(_REQUEST[20:])
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()


class TestConnectionsOfOneAddress:
    """Connections that one address has open at once."""

    async def test_are_bounded(self) -> None:
        """One more is 429 at once; when one is given up, another is taken."""
        async with serving(HttpLimits(address_connections_max=2)) as (port, state):
            first, second = [await asyncio.open_connection("127.0.0.1", port) for _ in "12"]
            assert await answer(second) == 200
            third = await asyncio.open_connection("127.0.0.1", port)
            assert (await third[0].readline()).split()[1] == b"429"
            await close(third)

            assert await answer(first) == 200
            await close(first)
            await until(lambda: len(state.connections) == 1)
            another = await asyncio.open_connection("127.0.0.1", port)
            assert await answer(another) == 200
            assert await answer(second) == 200
            await close(second)
            await close(another)

    async def test_are_as_many_as_come_through_a_proxy(self) -> None:
        """Without a bound of that sort, an address has as many as it likes."""
        async with serving(HttpLimits()) as (port, _):
            many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            assert [await answer(connection) for connection in many] == [200] * 20
            for connection in many:
                await close(connection)


class TestLimits:
    """The limits of a process, by its settings."""

    @pytest.mark.parametrize(
        ("settings", "connections_max"),
        [
            ({}, ADDRESS_CONNECTIONS_MAX),
            ({"trusted_proxies": "10.0.0.1"}, None),
            ({"rate_limits": Switch.OFF}, None),
        ],
        ids=str,
    )
    def test_by_settings(self, settings: dict[str, object], connections_max: int | None) -> None:
        """Behind a proxy, and where nothing is limited, connections are not counted."""
        limits = http_limits(Settings.model_construct(**settings))  # type: ignore[arg-type]

        assert limits == HttpLimits(30, connections_max)
