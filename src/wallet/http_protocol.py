"""What an application cannot say in ASGI: that a response is to be cut off."""

from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_EXTENSION = "wallet.abort"


class HttpProtocol(HttpToolsProtocol):
    """
    uvicorn's own, which lets an application drop the connection at once.

    uvicorn closes a connection in good order, and so waits until what was sent is
    read: for ever, where the client does not read.

    When a connection ends, uvicorn tells the request that came last; where several were
    sent at once, an earlier one runs still, and would answer into what is closed.
    """

    _running: RequestResponseCycle | None = None

    def on_message_begin(self) -> None:
        """Give a request its way to drop the connection."""
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {_EXTENSION: {"abort": self._abort}}

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that runs that nobody waits for its answer."""
        super().connection_lost(exc)
        self._end_running()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close; the request before it is not answered any more."""
        super().send_400_response(msg)
        self._end_running()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _end_running(self) -> None:
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _abort(self) -> None:
        self.transport.abort()


def find_abort(scope: Scope) -> Callable[[], None] | None:
    """Return what drops the connection of a request; None under another server."""
    extension = scope.get("extensions", {}).get(_EXTENSION)
    return extension["abort"] if extension else None
