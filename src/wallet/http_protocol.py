"""
What uvicorn leaves open: how much of a request may come and how long that may take.

And what an application cannot say in ASGI: that a response is to be cut off.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from wallet.core.logging import get_logger
from wallet.services.rate_limits import address_of

HEAD_BYTES_MAX = 64 * 1024
"""Longest URL and headers together; the parser reads no longer URL, and browsers send none."""

_STATE = "wallet.http"
_EXTENSION = "wallet.connection"
_FLUSH_S = 5.0
"""How long a client may take to read a last answer."""

_HEAD_TOO_LONG = f"URL and headers have at most {HEAD_BYTES_MAX:,} bytes together."
_TOO_SLOW = "The request took too long to come."
_TOO_MANY = "There are too many connections from this address."

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """
    What the protocol allows a client.

    Attributes:
        request_timeout_s: How long a request may take to come, from its first byte to
            the last one of its body.
        address_connections_max: How many connections one address may have open at once;
            None where an address is not one client's.
    """

    request_timeout_s: float = 30.0
    address_connections_max: int | None = None


_connections: Counter[str] = Counter()
"""How many connections of this process each address has open."""


class _HeadTooLongError(Exception):
    """Raised when URL and headers are longer than HEAD_BYTES_MAX; the parser stops at it."""


class HttpProtocol(HttpToolsProtocol):
    """
    uvicorn's own, with bounds for a request that comes, and a way to drop a connection.

    uvicorn keeps headers without end, and what the parser has of an unfinished
    one; it waits for ever for the first byte of a connection, and for the end
    of a request. It closes a connection in good order, and so waits until what
    was sent is read: for ever, where the client does not read.

    When a connection ends, uvicorn tells the request that came last; where several were
    sent at once, an earlier one runs still, and would answer into what is closed.
    """

    _running: RequestResponseCycle | None = None

    _head_bytes = 0
    """Length of the URL and the headers that came, trailers among them."""

    _pending_bytes = 0
    """What came since the parser last had something to say: it keeps what has no end yet."""

    _is_whole = False
    """Whether nothing is missing of the request that came last."""

    _deadline: asyncio.TimerHandle | None = None
    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request as long as for a next one."""
        super().connection_made(transport)
        self._limits: HttpLimits = self.app_state.get(_STATE, HttpLimits())
        # Of the connection itself, whatever its headers are going to say.
        self._address = address_of(self.client[0]) if self.client else ""
        _connections[self._address] += 1
        allowed = self._limits.address_connections_max
        if allowed is not None and _connections[self._address] > allowed:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY)
            return
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that runs that nobody waits for its answer; nothing else is due."""
        super().connection_lost(exc)
        self._end_running()
        _connections[self._address] -= 1
        if not _connections[self._address]:
            del _connections[self._address]
        self._unset_keepalive_if_required()
        self._unset_deadline()
        if self._ending is not None:
            self._ending.cancel()

    def data_received(self, data: bytes) -> None:
        """Read what came, as far as it may be kept; what is missing has its time."""
        self._is_whole = False
        self._pending_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._pending_bytes > HEAD_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _HEAD_TOO_LONG)
        elif not self._is_whole and self._deadline is None:
            self._set_deadline()

    def on_message_begin(self) -> None:
        """Give a request its way to drop the connection."""
        super().on_message_begin()
        self._is_whole = False
        self._head_bytes = 0
        scope: Any = self.scope
        scope["extensions"] = {_EXTENSION: {"abort": self._abort}}

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; how long it may be, its reader says."""
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request: it came in time."""
        self._is_whole = True
        self._unset_deadline()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close; the request before it is not answered any more."""
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _HEAD_TOO_LONG)
        else:
            super().send_400_response(msg)
            self._end_running()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that nothing comes on."""
        if not self.transport.is_closing():
            self._end()

    @property
    def _is_answering(self) -> bool:
        """Whether a request is answered, and not waited for; what comes meanwhile is after it."""
        running = self._running
        return (
            running is not None
            and not running.response_complete
            and (running.response_started or not running.more_body)
        )

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self._limits.request_timeout_s, self._on_overdue)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_overdue(self) -> None:
        """End what does not come; what has to wait for an answer before it has more time."""
        self._unset_deadline()
        if self._is_answering:
            self._set_deadline()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, _TOO_SLOW)

    def _count_head(self, length: int) -> None:
        self._pending_bytes = 0
        self._head_bytes += length
        if self._head_bytes > HEAD_BYTES_MAX:
            raise _HeadTooLongError

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer what does not become a request, and end the connection."""
        if self._is_answering:
            # This answer would be taken for a part of that one.
            self._abort()
            return
        if self._running is not None and not self._running.response_complete:
            # The application waits for a body, and is told that none comes any more.
            scope: Any = self._running.scope
            scope["extensions"][_EXTENSION]["status"] = status.value
            self._end_running()
        else:
            log.info("request cut off", status=status.value)
        error = {"message": message, "extensions": {"code": "BAD_REQUEST"}}
        body = orjson.dumps({"errors": [error]})
        self.transport.write(
            b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
            + b"content-type: application/json\r\n"
            + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            + body
        )
        self._end()

    def _end(self) -> None:
        """Close the connection, though the client may not read what was sent."""
        self._unset_deadline()
        self.transport.close()
        self._ending = self.loop.call_later(_FLUSH_S, self._abort)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _end_running(self) -> None:
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _abort(self) -> None:
        self.transport.abort()


def http_state(limits: HttpLimits) -> dict[str, Any]:
    """Return the state that an application's lifespan tells the protocol its limits by."""
    return {_STATE: limits}


def find_cut_off_status(scope: Scope) -> int | None:
    """Return what a request was answered whose body did not come; None where it did."""
    status: int | None = scope.get("extensions", {}).get(_EXTENSION, {}).get("status")
    return status


def find_abort(scope: Scope) -> Callable[[], None] | None:
    """Return what drops the connection of a request; None under another server."""
    extension = scope.get("extensions", {}).get(_EXTENSION)
    return extension["abort"] if extension else None
