"""One log line per request, and a request id that client and log share."""

import os
import re
import time

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallet.core.logging import begin_request, get_logger
from wallet.http_protocol import find_cut_off_status

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

_PATH_LENGTH_MAX = 200
"""Ours are shorter. A link that was mangled on its way may end in what was its signature."""

CLIENT_GONE = 499
"""The status of a request whose client went away before its end, as nginx has it."""

log = get_logger(__name__)


class RequestLog:
    """
    Gives every request an id and logs one line when it is answered.

    The id is the client's X-Request-ID where it is harmless, else a new one;
    it is on every line of the request, and goes back in the same header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _read_request_id(scope)
        begin_request(request_id=request_id)
        started = time.perf_counter()
        status = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            # It is no bug, and nobody is there to be told, or has been already.
            status = find_cut_off_status(scope) or CLIENT_GONE
        except Exception:
            log.exception("request failed")
            if status is None:
                await internal_error()(scope, receive, send_with_id)
            raise
        finally:
            level = "debug" if scope["path"] in _PROBES else "info"
            getattr(log, level)(
                "request",
                method=scope["method"],
                path=scope["path"][:_PATH_LENGTH_MAX],
                status=status or 500,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )


def _read_request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _REQUEST_ID.fullmatch(value):
                return str(value.decode())
            break
    return os.urandom(16).hex()


def internal_error() -> Response:
    """Answer a bug without a word about it; the request's log line has its traceback."""
    return JSONResponse(
        {"errors": [{"message": "Internal error.", "extensions": {"code": "INTERNAL"}}]},
        status_code=500,
    )
