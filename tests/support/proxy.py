"""
A TCP proxy that counts trips and makes things go wrong, between us and a real server.

It knows neither PostgreSQL's protocol nor Redis': a trip is a turn, something
sent and something answered, which is what a network charges for. Faults are
laid in wait for a request that contains certain bytes, so a test says exactly
where in a conversation the network fails, and needs no clock to hit it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from urllib.parse import urlsplit, urlunsplit

_CHUNK_BYTES = 256 * 1024


class _Kind(Enum):
    """What a fault does to the request that it waits for."""

    HOLD_REQUEST = auto()
    HOLD_ANSWER = auto()
    LOSE_REQUEST = auto()
    LOSE_ANSWER = auto()


class Fault:
    """
    Something that will happen to one request, once.

    Attributes:
        struck: Set when the request has come by, and the fault has happened to it.
    """

    def __init__(self, kind: _Kind, pattern: bytes) -> None:
        self.kind = kind
        self.pattern = pattern
        self.struck = asyncio.Event()
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let go what is held."""
        self._over.set()

    async def last(self) -> None:
        """Wait until the test lets go."""
        self.struck.set()
        await self._over.wait()


class Proxy:
    """
    Stands before one server; connect to :attr:`url` instead of the server's own.

    Attributes:
        url: The server's URL with the proxy's port.
        trips: How many requests were answered, over all connections.
        requests: What clients sent, in order of arrival.
        connections: How many connections clients have made.
        unasked: How often the server spoke without being asked, or went on speaking.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._upstream = (parts.hostname, parts.port)
        self._parts = parts
        self._port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[Fault] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.trips = 0
        self.requests: list[bytes] = []
        self.connections = 0
        self.unasked = 0
        self._ending = asyncio.Event()
        self._ending.set()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        credentials, _, _ = self._parts.netloc.rpartition("@")
        netloc = f"{credentials}@127.0.0.1:{self._port}"
        return urlunsplit(self._parts._replace(netloc=netloc))

    async def open(self) -> None:
        """Take connections; after :meth:`close`, on the same port again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Be away: cut what is connected, and refuse what comes."""
        if self._server:
            self._server.close()
            await self.cut()
            await self._server.wait_closed()
        self._server = None

    async def cut(self) -> None:
        """Cut every connection there is; new ones are taken."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stall(self) -> None:
        """Pass nothing on from now, in no direction, and close nothing: a black hole."""
        self._flowing.clear()

    def flow(self) -> None:
        """End a stall; what was kept back arrives."""
        self._flowing.set()

    def linger(self) -> None:
        """Pass on what a server says, and not that it has closed the connection after that."""
        self._ending.clear()

    def hold_request(self, pattern: bytes) -> Fault:
        """Keep the next request with *pattern* from the server until the fault ends."""
        return self._lay(_Kind.HOLD_REQUEST, pattern)

    def hold_answer(self, pattern: bytes) -> Fault:
        """Pass on the next request with *pattern*, and keep its answer until the fault ends."""
        return self._lay(_Kind.HOLD_ANSWER, pattern)

    def lose_request(self, pattern: bytes) -> Fault:
        """Cut the connection instead of passing on the next request with *pattern*."""
        return self._lay(_Kind.LOSE_REQUEST, pattern)

    def lose_answer(self, pattern: bytes) -> Fault:
        """Pass on the next request with *pattern*; when the server has answered, cut instead."""
        return self._lay(_Kind.LOSE_ANSWER, pattern)

    def _lay(self, kind: _Kind, pattern: bytes) -> Fault:
        fault = Fault(kind, pattern)
        self._faults.append(fault)
        return fault

    def _take_fault(self, request: bytes) -> Fault | None:
        for fault in self._faults:
            if fault.pattern in request:
                self._faults.remove(fault)
                return fault
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._relay(reader, writer)
        except (asyncio.CancelledError, OSError):
            # Cut by the test, or by one of the two sides: both get to know by the end of it.
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._upstream)
        conversation = _Conversation()
        pumps = [
            asyncio.create_task(self._pass_requests(reader, server_writer, conversation)),
            asyncio.create_task(self._pass_answers(server_reader, writer, conversation)),
        ]
        try:
            # Whichever side ends first ends both.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server_writer.transport.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pass_requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        conversation: "_Conversation",
    ) -> None:
        while request := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            self.requests.append(request)
            fault = self._take_fault(request)
            if fault and fault.kind is _Kind.LOSE_REQUEST:
                fault.struck.set()
                return
            if fault and fault.kind is _Kind.HOLD_REQUEST:
                await fault.last()
            elif fault:
                conversation.fault = fault
            conversation.is_asked = True
            writer.write(request)
            await writer.drain()

    async def _pass_answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        conversation: "_Conversation",
    ) -> None:
        while answer := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            if conversation.is_asked:
                conversation.is_asked = False
                self.trips += 1
            else:
                self.unasked += 1
            fault, conversation.fault = conversation.fault, None
            if fault and fault.kind is _Kind.LOSE_ANSWER:
                fault.struck.set()
                return
            if fault:
                await fault.last()
            writer.write(answer)
            await writer.drain()
        await self._ending.wait()


class _Conversation:
    """One connection: whether the client has asked something, and what waits for the answer."""

    def __init__(self) -> None:
        self.is_asked = False
        self.fault: Fault | None = None


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """Put a proxy before the server at *url*, gone again at the end of the body."""
    proxy = Proxy(url)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.flow()
        await proxy.close()
