"""
The HTTP view: GraphQL over HTTP, as an ASGI application.

It takes the bytes of a request from the server and gives it the bytes of the
answer: Strawberry's view, and Starlette's layers for it, took 0.5 ms a request.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution.values import VariableValues
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from wallet.core.errors import RequestError
from wallet.core.logging import note
from wallet.core.query_limits import QueryLimits
from wallet.schema.bodies import (
    GraphQLRequest,
    RefusedError,
    check_length,
    check_size,
    decode_object,
    decode_parameters,
    is_json,
    read_body,
    read_names,
    read_request,
)
from wallet.schema.context import Context, Services, read_bearer_token
from wallet.schema.documents import ERRORS_MAX, Document, Plan, document_reader
from wallet.schema.execution import Execution
from wallet.schema.graphiql.page import graphiql_response
from wallet.schema.known_documents import Documents, SentDocuments, TrustedDocuments
from wallet.schema.limits import check_variables
from wallet.schema.manifests import read_manifest
from wallet.schema.negotiation import MediaType, is_sent_on_purpose, negotiate
from wallet.schema.plain_fields import find_plain_fields
from wallet.schema.preflight import check_cost, check_pages
from wallet.schema.responses import send_answer
from wallet.schema.root import make_schema
from wallet.schema.shown_errors import show_error
from wallet.schema.throttle import Throttle, ThrottledError
from wallet.services.rate_limits import address_of

_OPERATION_NAME_LENGTH_MAX = 100
_WHICH_ONE = "Say which operation runs: the document has several, and no operationName came."

_NOT_ACCEPTABLE = f"Answers are {MediaType.GRAPHQL.value} or {MediaType.JSON.value}."
_NO_OTHER_TYPE = "A request by GET is of no type, or application/json in UTF-8."
_NOT_ON_PURPOSE = (
    "A page elsewhere could have sent this: say GraphQL-Require-Preflight: 1, "
    "or any of the headers that Apollo's clients send."
)

_SAYS_WHAT = frozenset({"query", "extensions", "documentId", "doc_id", "id"})
"""Parameters of a GET that a program sends, and nobody who wants to look at the page."""

Headers = dict[bytes, bytes]


class _RequestError(Exception):
    """Raised when a request cannot be executed; nothing of it has run (GraphQL, 7.1.2)."""

    def __init__(
        self, errors: Sequence[GraphQLError], extensions: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.errors = errors
        self.extensions = extensions


class GraphQLView:
    """One endpoint for POST, for queries by GET, and for GraphiQL in a browser."""

    def __init__(self, services: Services, *, path: str) -> None:
        schema = make_schema()._schema  # noqa: SLF001  (Strawberry has no other name for it)
        self._limits: QueryLimits = services.settings
        self._documents = _documents_of(services, schema)
        self._execution = Execution(schema, find_plain_fields(schema))
        self._throttle = Throttle(services.limiter, services.settings)
        self._services = services
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no GraphQL request at all is a GraphQL error too."""
        # Of a header that comes twice, the first one counts.
        headers: Headers = dict(reversed(scope["headers"]))
        media_type = negotiate(headers.get(b"accept"))
        context = self._context_of(scope, headers)
        try:
            # Of whom has nothing left, nothing is read.
            self._throttle.check(context)
            if await self._wants_page(scope, headers, context):
                await graphiql_response(endpoint=self._path)(scope, receive, send)
                return
            result = await self._run(scope, headers, receive, context)
            answer = _shape(_answer(result), result.extensions)
            status = 200
        except RefusedError as error:
            context.note_actor()
            answer, status = _refusal(error), error.status
        except _RequestError as error:
            context.note_actor()
            answer = _shape({"errors": _show(error.errors)}, error.extensions)
            # With the older media type, 200 says no more than that there is an answer.
            status = 400 if media_type is MediaType.GRAPHQL else 200
        await send_answer(
            send,
            answer,
            status=status,
            media_type=media_type or MediaType.JSON,
            accept_encoding=headers.get(b"accept-encoding", b""),
            more_headers=context.headers,
        )

    async def _wants_page(self, scope: Scope, headers: Headers, context: Context) -> bool:
        """
        Tell whether a person asks for GraphiQL, which has assets of our own only.

        Raises:
            RefusedError: Neither that nor a request can be answered; it is paid for.
        """
        try:
            check_length(headers.get(b"content-length"), bytes_max=self._limits.body_bytes_max)
            wants_page = _is_person(scope, headers)
            if wants_page:
                self._check_page()
            elif negotiate(headers.get(b"accept")) is None:
                raise RefusedError(_NOT_ACCEPTABLE, status=406)
        except RefusedError:
            await self._throttle.take_refusal(context)
            raise
        return wants_page

    def _check_page(self) -> None:
        settings = self._services.settings
        if not settings.serves_graphiql:
            raise RefusedError(
                "GraphiQL is off: only trusted documents run here."
                if settings.trusted_documents
                else "Not Found",
                status=404,
            )

    async def _run(
        self, scope: Scope, headers: Headers, receive: Receive, context: Context
    ) -> ExecutionResult:
        """Execute a request; what goes wrong while it runs is an error of its result."""
        try:
            request = await _read(scope, headers, receive, self._limits)
            plan, variables, cost = await self._prepare(request, context, method=scope["method"])
        except (ClientDisconnect, ThrottledError):
            raise
        except Exception as error:  # noqa: BLE001  (a bug is shown as one)
            await self._throttle.take_refusal(context)
            raise _as_refusal(error) from None
        # To read a request costs something too.
        await self._throttle.take(context, cost=max(cost, 1))
        note(operation_name=plan.name[:_OPERATION_NAME_LENGTH_MAX] if plan.name else None)
        try:
            result = await self._execution.run(plan, context, variables)
        except RecursionError as error:
            raise _as_refusal(error) from None
        except Exception as error:  # noqa: BLE001  (shown as what it is, a bug, and logged)
            result = ExecutionResult(None, [_as_graphql(error)])
        await self._throttle.settle(context, cost=max(cost, 1))
        result.extensions = self._say(cost)
        return result

    async def _prepare(
        self, request: GraphQLRequest, context: Context, *, method: str
    ) -> tuple[Plan, VariableValues, int]:
        """Find out what is to run, and what it costs; nothing of it has run."""
        check_variables(request.variables, self._limits, bytes_sent=request.bytes_sent)
        document = await self._documents.find(
            request, partial(self._throttle.take_reading, context)
        )
        plan = _choose(document, request.operation_name)
        if plan.is_mutation and method == "GET":
            # Which a page elsewhere can send, without asking first.
            raise RefusedError("Mutations come by POST.", status=405)
        if document.errors:
            raise _RequestError(document.errors)
        if request.operation_name is None and len(document.plans) > 1:
            raise GraphQLError(_WHICH_ONE)
        variables = self._execution.read_variables(plan, request.variables)
        if isinstance(variables, list):
            raise _RequestError(variables)
        cost = plan.cost.of(variables.coerced)
        try:
            check_pages(plan.pages, variables.coerced)
            check_cost(cost, self._limits.query_cost_max)
        except RequestError as error:
            raise _RequestError([_as_graphql(error)], self._say(cost)) from None
        return plan, variables, cost

    def _say(self, cost: int) -> dict[str, Any]:
        return {"cost": {"requested": cost, "limit": self._limits.query_cost_max}}

    def _context_of(self, scope: Scope, headers: Headers) -> Context:
        """Note who asks; the token is checked when a resolver wants to know."""
        client = scope.get("client")
        return Context(
            services=self._services,
            access_token=read_bearer_token(headers.get(b"authorization")),
            address=address_of(client[0]) if client else "",
            sent=headers,
            scheme=scope.get("scheme", "http"),
        )


def _documents_of(services: Services, schema: GraphQLSchema) -> Documents:
    settings = services.settings
    suggests = not settings.is_production
    if settings.trusted_documents is not None:
        # What is in the manifest may ask for anything.
        read = document_reader(schema, settings, suggests=suggests)
        return TrustedDocuments(*read_manifest(settings.trusted_documents, read), read)
    read = document_reader(schema, settings, shows_schema=settings.shows_schema, suggests=suggests)
    return SentDocuments(read, services.documents if settings.persisted_queries else None)


def _as_refusal(error: Exception) -> RefusedError | _RequestError:
    """Return what a client is told that a request was not executed for."""
    match error:
        case RefusedError() | _RequestError():
            return error
        case RecursionError():
            return RefusedError("The document is nested too deeply.")
        case GraphQLError():
            return _RequestError([error])
        case _:
            return _RequestError([_as_graphql(error)])


def _as_graphql(error: Exception) -> GraphQLError:
    """Wrap an error of ours, which says its own sentence, or a bug, which is masked and logged."""
    return GraphQLError(str(error), original_error=error)


def _is_person(scope: Scope, headers: Headers) -> bool:
    """Tell whether somebody asks with a browser, and not a program with a query."""
    if scope["method"] != "GET":
        return False
    accept = headers.get(b"accept", b"")
    return (b"text/html" in accept or b"*/*" in accept) and not (
        read_names(scope["query_string"]) & _SAYS_WHAT
    )


async def _read(
    scope: Scope, headers: Headers, receive: Receive, limits: QueryLimits
) -> GraphQLRequest:
    if scope["method"] == "POST":
        body = await read_body(receive, bytes_max=limits.body_bytes_max)
        if not is_json(headers.get(b"content-type", b"")):
            raise RefusedError("A request by POST is application/json, in UTF-8.", status=415)
        check_size(body, values_max=limits.variables_values_max)
        return read_request(decode_object(body), bytes_sent=len(body))
    if scope["method"] == "GET":
        content_type = headers.get(b"content-type")
        if content_type and not is_json(content_type):
            raise RefusedError(_NO_OTHER_TYPE, status=415)
        if not is_sent_on_purpose(headers):
            raise RefusedError(_NOT_ON_PURPOSE)
        return read_request(
            decode_parameters(scope["query_string"]), bytes_sent=len(scope["query_string"])
        )
    raise RefusedError("GraphQL only supports GET and POST requests.", status=405)


def _choose(document: Document, name: str | None) -> Plan:
    plan = document.find(name)
    if plan is None:
        raise RefusedError(
            "Can't get GraphQL operation type"
            if name is None
            else f'Unknown operation named "{name[:_OPERATION_NAME_LENGTH_MAX]}".'
        )
    return plan


def _answer(result: ExecutionResult) -> dict[str, Any]:
    """Answer a request that was executed."""
    if result.errors:
        return {"data": result.data, "errors": _show(result.errors)}
    return {"data": result.data}


def _shape(answer: dict[str, Any], extensions: dict[str, Any] | None) -> dict[str, Any]:
    """Put what an answer says beside its data and errors into it."""
    if extensions:
        answer["extensions"] = extensions
    return answer


def _show(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Write errors; each leaves through ``show_error``."""
    shown = [show_error(error) for error in errors[:ERRORS_MAX]]
    note(errors=sorted({error["extensions"]["code"] for error in shown}))
    return shown


def _refusal(error: RefusedError) -> dict[str, Any]:
    note(errors=[error.code])
    return {"errors": [{"message": error.message, "extensions": {"code": error.code}}]}
