"""What the protocol allows a client, asked over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

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
