"""What an application cannot say in ASGI: that a response is to be cut off."""

from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION = "wallet.abort"


class HttpProtocol(HttpToolsProtocol):
    """
    uvicorn's own, which lets an application drop the connection at once.

    uvicorn closes a connection in good order, and so waits until what was sent is
    read: for ever, where the client does not read.
    """

    def on_message_begin(self) -> None:
        """Give a request its way to drop the connection."""
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {_EXTENSION: {"abort": self._abort}}

    def _abort(self) -> None:
        self.transport.abort()


def find_abort(scope: Scope) -> Callable[[], None] | None:
    """Return what drops the connection of a request; None under another server."""
    extension = scope.get("extensions", {}).get(_EXTENSION)
    return extension["abort"] if extension else None
