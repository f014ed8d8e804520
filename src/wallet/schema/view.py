"""
The HTTP view: GraphQL over HTTP on Starlette.

What a body may look like, what an error may say, and who is asking.
"""

import re
from typing import Any
from uuid import uuid4

import orjson
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from wallet.core.errors import (
    RequestError,
    ServiceUnavailableError,
    TooComplexError,
    WalletError,
)
from wallet.core.logging import get_logger, note
from wallet.schema.context import Context, Services
from wallet.schema.graphiql.page import graphiql_response
from wallet.schema.root import Schema
from wallet.services.database import is_timed_out, is_unreachable

_ERRORS_SHOWN_MAX = 10

# GraphQL's own errors end with the value that was sent, in Python's spelling: a
# client knows it, and a password may be part of it.
_VALUE = re.compile(r"(?:, found| Found|(?<=value)(?<!invalid value)): .*", re.DOTALL)

log = get_logger(__name__)


class GraphQLView(GraphQL[Context, None]):
    """One endpoint for POST, for queries by GET, and for GraphiQL in a browser."""

    def __init__(self, schema: Schema, services: Services, *, path: str) -> None:
        super().__init__(
            schema,
            graphql_ide="graphiql" if services.settings.serves_graphiql else None,
            subscription_protocols=(),
        )
        self._services = services
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no GraphQL request at all is a GraphQL error too."""
        try:
            response: Response = await self.run(Request(scope, receive))
        except HTTPException as error:
            response = _refuse(error.reason, status=error.status_code)
        await response(scope, receive, send)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """Note who asks; the token is checked when a resolver wants to know."""
        del response
        return Context(
            services=self._services,
            access_token=_read_bearer_token(request.headers.get("authorization")),
            address=request.client.host if request.client else "",
        )

    async def render_graphql_ide(self, request: Request) -> Response:
        """Show GraphiQL, from our own assets."""
        del request
        return graphiql_response(endpoint=self._path)

    def decode_json(self, data: str | bytes) -> object:
        """
        Read a request body, or the variables of a GET.

        orjson refuses what the standard library lets through: NaN, lone
        surrogates, invalid UTF-8, and nesting that would exhaust the stack.
        """
        try:
            decoded = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise HTTPException(400, "The body is not JSON.") from None
        if not isinstance(decoded, dict):
            raise HTTPException(400, "A GraphQL request is a JSON object.")
        name = decoded.get("operationName")
        if not isinstance(name, str | None):
            raise HTTPException(400, "operationName is a string.")
        return decoded

    def encode_json(self, data: object) -> bytes:
        """Write a response body."""
        return orjson.dumps(data)

    async def execute_operation(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Execute a document; one that nests deeper than the parser can go is refused."""
        try:
            return await super().execute_operation(*args, **kwargs)
        except RecursionError:
            raise HTTPException(400, "The document is nested too deeply.") from None

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """Shape the answer; every error leaves through ``_show``."""
        del request
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = [_show(error) for error in result.errors[:_ERRORS_SHOWN_MAX]]
            note(errors=sorted({error["extensions"]["code"] for error in response["errors"]}))
        if result.extensions:
            response["extensions"] = result.extensions
        return response  # type: ignore[return-value]


def _read_bearer_token(header: str | None) -> str | None:
    """Return the token; what is no Bearer header is a token that nobody issued."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _refuse(message: str, *, status: int) -> Response:
    note(errors=["BAD_REQUEST"])
    return JSONResponse(
        {"errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]},
        status_code=status,
        headers={"Allow": "GET, POST"} if status == 405 else None,
    )


def _show(error: GraphQLError) -> dict[str, Any]:
    """Write one error with a code; a bug is masked, with an id that the log has too."""
    shown: dict[str, Any] = {"message": _without_value(error.message)}
    if error.locations:
        shown["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    cause = _cause_of(error)
    if cause is None:
        shown["extensions"] = {"code": _code_of(error), **(error.extensions or {})}
    elif isinstance(cause, RequestError):
        shown |= {"message": cause.message, "extensions": {"code": cause.code}}
    elif isinstance(cause, WalletError):
        # A refusal that this field's union has no place for.
        shown |= {"message": cause.message, "extensions": {"code": cause.code.value}}
    elif is_timed_out(cause):
        log.warning("query took too long")
        shown |= {
            "message": "The query takes too long: ask for less at once.",
            "extensions": {"code": TooComplexError.code},
        }
    elif is_unreachable(cause):
        log.warning("database is away", error=type(cause).__name__)
        away = ServiceUnavailableError()
        shown |= {"message": away.message, "extensions": {"code": away.code}}
    else:
        error_id = uuid4().hex
        log.error("internal error", error_id=error_id, exc_info=cause)
        shown |= {
            "message": f"Internal error {error_id}.",
            "extensions": {"code": "INTERNAL", "id": error_id},
        }
    return shown


def _cause_of(error: GraphQLError) -> BaseException | None:
    """Return the exception of ours behind an error; None when GraphQL itself refused."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _code_of(error: GraphQLError) -> str:
    if error.path is not None:
        return "BAD_USER_INPUT"
    if error.message.startswith("Syntax Error"):
        return "GRAPHQL_PARSE_FAILED"
    return "BAD_USER_INPUT" if error.message.startswith("Variable") else "GRAPHQL_VALIDATION_FAILED"


def _without_value(message: str) -> str:
    """Take the sent value out of a message of GraphQL's own."""
    kept = _VALUE.sub("", message).replace("not to be None.", "not to be null.")
    return kept if kept.endswith((".", "?")) else f"{kept}."
