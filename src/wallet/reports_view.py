"""
Reports over HTTP: by a signed link, or with a token, for curl.

A report goes to its client as fast as that reads, and no faster. One that does not
read, or reads too slowly, is cut off: its connection is dropped, so that what it has
cannot be taken for the whole.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from wallet.core.errors import (
    BusyError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    RequestError,
    ServiceUnavailableError,
    UnauthenticatedError,
    WalletError,
)
from wallet.core.ids import find_id
from wallet.core.inputs import find_instant
from wallet.core.logging import get_logger
from wallet.http_protocol import find_abort
from wallet.models import OperationKind, OperationStatus
from wallet.models.account import Scope as KeyScope
from wallet.schema.bodies import RefusedError
from wallet.schema.context import Context, Services, read_bearer_token
from wallet.schema.throttle import Throttle
from wallet.services.database import is_timed_out, is_unreachable
from wallet.services.rate_limits import address_of
from wallet.services.reports import (
    FORMATS,
    BrokenReportError,
    InvalidLinkError,
    ReportFormat,
    ReportOrder,
    Slots,
    Snapshot,
    open_snapshot,
    read_link,
    request_report,
)
from wallet.services.statements import Filter

REPORT_COST = 100
"""What a report costs, in rows: counting the lines of a statement costs as much, however long."""

_RETRY_AFTER_S = 10
_GONE_WAIT_S = 1.0

_STATUS = {
    UnauthenticatedError: 401,
    InvalidInputError: 400,
    NotFoundError: 404,
    RateLimitedError: 429,
    BusyError: 503,
    ServiceUnavailableError: 503,
}

_PARAMETERS = frozenset({"from", "until", "kinds", "statuses"})

E_ = TypeVar("E_", bound=StrEnum)

log = get_logger(__name__)


class ReportCutShortError(Exception):
    """Raised to have the server drop a connection, where it offers no other way."""


def report_routes(services: Services) -> list[BaseRoute]:
    """Return the routes of reports; all of them share the slots of this process."""
    slots, throttle = Slots(), Throttle(services.limiter, services.settings)
    return [
        Route("/reports/statement.{extension}", _View(slots, services, throttle, _order_of_link)),
        Route(
            "/wallets/{wallet_id}/report.{extension}",
            _View(slots, services, throttle, _order_of_token),
        ),
    ]


ReadOrder = Callable[[Throttle, Context, Request], Awaitable[ReportOrder]]


class _View:
    """One way to ask for a report."""

    def __init__(
        self, slots: Slots, services: Services, throttle: Throttle, read_order: ReadOrder
    ) -> None:
        self._slots = slots
        self._services = services
        self._throttle = throttle
        self._read_order = read_order

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: with the report, or with why there is none."""
        request = Request(scope)
        context = _context_of(self._services, request)
        try:
            order = await self._find_order(context, request)
            async with (
                self._slots.taken(order.owner_id, context.address),
                open_snapshot(self._services.settings, order) as snapshot,
            ):
                delivery = _Delivery(context, scope, receive, send)
                await delivery.deliver(order, snapshot)
                return
        except RefusedError as error:
            allowed = {"Allow": "GET"} if error.status == 405 else {}
            response = _refusal(error.message, error.code, error.status, allowed)
        except (WalletError, RequestError) as error:
            response = _show(error)
        response.raw_headers.extend(context.headers)
        await response(scope, receive, send)

    async def _find_order(self, context: Context, request: Request) -> ReportOrder:
        self._throttle.check(context)
        if request.method != "GET":
            await self._throttle.take_refusal(context)
            raise RefusedError("Reports are read by GET.", status=405)
        return await self._read_order(self._throttle, context, request)


def _context_of(services: Services, request: Request) -> Context:
    return Context(
        services=services,
        access_token=read_bearer_token(_header(request, "authorization")),
        address=address_of(request.client.host) if request.client else "",
    )


async def _order_of_link(throttle: Throttle, context: Context, request: Request) -> ReportOrder:
    """Read what a link stands for; whatever is wrong with one, the answer is the same."""
    parameters = request.query_params.multi_items()
    token = parameters[0][1] if [name for name, _ in parameters] == ["token"] else ""
    with suppress(InvalidLinkError):
        order = read_link(token, keys=context.services.settings.keys, now=datetime.now(UTC))
        if order.format is _format_of(request):
            await throttle.take(context, cost=REPORT_COST, user_id=order.owner_id)
            return order
    await throttle.take_refusal(context)
    raise NotFoundError(
        "This link is wrong, or its time is over: ask for another report.", field=()
    )


async def _order_of_token(throttle: Throttle, context: Context, request: Request) -> ReportOrder:
    """Ask for a report in the name of who signs the request."""
    await throttle.take(context, cost=REPORT_COST)
    actor = await context.get_actor(KeyScope.READ)
    await throttle.settle(context, cost=REPORT_COST)
    format_ = _format_of(request)
    wallet_id = find_id("Wallet", request.path_params["wallet_id"])
    if format_ is None or wallet_id is None:
        raise NotFoundError("There is no such wallet.", field=("walletId",))
    requested = await request_report(
        context.services.ledger,
        context.services.limiter,
        actor=actor,
        wallet_id=wallet_id,
        format_=format_,
        filter_=_read_filter(request),
    )
    return requested.order


def _header(request: Request, name: str) -> bytes | None:
    value = request.headers.get(name)
    return None if value is None else value.encode("latin-1")


def _format_of(request: Request) -> ReportFormat | None:
    extension = request.path_params["extension"]
    by_extension = {format_.lower(): format_ for format_ in ReportFormat}
    return by_extension.get(extension)


def _read_filter(request: Request) -> Filter:
    """
    Read the filter of Wallet.operations from a query; lists are separated by commas.

    Raises:
        InvalidInputError: A parameter is none of these, comes twice, or makes no sense.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in _PARAMETERS or name in given:
            known = ", ".join(sorted(_PARAMETERS))
            raise InvalidInputError(f"The parameters are {known}, each once.", field=(name[:40],))
        given[name] = value
    return Filter(
        kinds=_read_list("kinds", given, OperationKind),
        statuses=_read_list("statuses", given, OperationStatus),
        from_=_read_instant("from", given),
        until=_read_instant("until", given),
    )


def _read_list(name: str, given: Mapping[str, str], members: type[E_]) -> tuple[E_, ...] | None:
    if name not in given:
        return None
    texts = given[name].split(",")
    if not set(texts) <= set(members):
        listed = ", ".join(members)
        raise InvalidInputError(f"These are, separated by commas: {listed}.", field=(name,))
    return tuple(members(text) for text in texts)


def _read_instant(name: str, given: Mapping[str, str]) -> datetime | None:
    if name not in given:
        return None
    instant = find_instant(given[name])
    if instant is None:
        raise InvalidInputError(
            "This is an instant in ISO 8601 with an offset, such as 2026-01-31T12:00:00Z "
            "(in a URL, a + is written %2B).",
            field=(name,),
        )
    return instant


class _Delivery:
    """One report on its way to a client."""

    def __init__(self, context: Context, scope: Scope, receive: Receive, send: Send) -> None:
        self._stall_s = context.services.settings.report_stall_s
        self._timeout_s = context.services.settings.report_timeout_s
        self._more_headers = context.headers
        self._scope = scope
        self._receive = receive
        self._send = send

    async def deliver(self, order: ReportOrder, snapshot: Snapshot) -> None:
        """Send the report, or as much of it as the client, and the time, allow."""
        gone = asyncio.create_task(self._until_gone())
        try:
            reason = await self._send_all(order, snapshot, gone)
            if reason is not None:
                log.warning("report cut short", reason=reason)
                await self._cut_off(gone)
        finally:
            gone.cancel()

    async def _send_all(
        self, order: ReportOrder, snapshot: Snapshot, gone: asyncio.Task[None]
    ) -> str | None:
        """Send everything; return why that did not come to its end, None when it did."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(_start(order, snapshot, self._more_headers))
                async with aclosing(snapshot.write()) as chunks:
                    async for chunk in chunks:
                        async with asyncio.timeout(self._stall_s):
                            await self._send(_body(chunk, more=True))
                        if gone.done():
                            return "client gone"
                await self._send(_body(b"", more=False))
        except TimeoutError:
            return "too slow"
        except BrokenReportError:
            log.exception("report is broken")
            return "broken"
        except Exception as error:
            if not is_unreachable(error) and not is_timed_out(error):
                raise
            return type(error).__name__
        return None

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _cut_off(self, gone: asyncio.Task[None]) -> None:
        """
        Drop the connection: a response that were closed in good order would look whole.

        Raises:
            ReportCutShortError: The server has no way to do so; it closes it by itself then.
        """
        if gone.done():
            return
        abort = find_abort(self._scope)
        if abort is None:
            raise ReportCutShortError
        abort()
        await asyncio.wait({gone}, timeout=_GONE_WAIT_S)


def _start(
    order: ReportOrder, snapshot: Snapshot, more_headers: Sequence[tuple[bytes, bytes]]
) -> dict[str, object]:
    headers = {
        "Content-Type": FORMATS[order.format].media_type,
        "Content-Disposition": f'attachment; filename="{_file_name(order, snapshot)}"',
        **_PRIVATE,
    }
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            *more_headers,
        ],
    }


def _body(content: bytes, *, more: bool) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _file_name(order: ReportOrder, snapshot: Snapshot) -> str:
    """Name the file after the wallet and the period; of a label, what is safe everywhere."""
    statement = snapshot.statement
    label = re.sub(r"[^A-Za-z0-9]+", "-", statement.label or "").strip("-")
    parts = (
        "statement",
        *([label] if label else []),
        statement.currency,
        f"{statement.from_:%Y-%m-%d}",
        f"{statement.until:%Y-%m-%d}",
    )
    return f"{'-'.join(parts)}.{order.format.lower()}"


# What is behind a link is one person's, and the link is a key to it.
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _show(error: WalletError | RequestError) -> Response:
    """Answer a refusal, in the form of GraphQL's errors."""
    headers: dict[str, str] = {}
    status = _STATUS[type(error)]
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    elif status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    field = error.field if isinstance(error, InvalidInputError) else ()
    return _refusal(error.message, str(error.code), status, headers, field=field)


def _refusal(
    message: str,
    code: str,
    status: int,
    headers: Mapping[str, str],
    *,
    field: tuple[str, ...] = (),
) -> Response:
    extensions: dict[str, object] = {"code": code}
    if field:
        extensions["field"] = list(field)
    return JSONResponse(
        {"errors": [{"message": message, "extensions": extensions}]},
        status_code=status,
        headers={**_PRIVATE, **headers},
    )
