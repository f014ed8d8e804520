"""Reading a GraphQL request out of HTTP: the body of a POST, or the parameters of a GET."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

_CONTENT_TYPES_CACHED_MAX = 64
_CONTENT_TYPE_LENGTH_MAX = 200
_SIGNS_PER_VALUE = 4
# Nothing is tried again, and a text without an end goes up to the body's: else each of its
# quotes would be looked at as the beginning of one, and all that follows with it.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_QUERY_BYTES_MAX = 32 * 1024
"""Longest query string of a GET; balancers let no longer one through, and longer ones are POSTs."""

_PARAMETERS_MAX = 32
_NAME_LENGTH_MAX = 40
_DOCUMENT_IDS = ("documentId", "doc_id", "id")
_UTF_8 = frozenset({b"utf-8", b"utf8"})


class RefusedError(Exception):
    """
    Raised when a request is not taken, for what it is or for how many there are.

    Attributes:
        status: The answer's.
        code: The ``extensions.code`` of the answer's error.
    """

    def __init__(self, message: str, *, status: int = 400, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code


class BodyTooLongError(RefusedError):
    """Raised when a body is longer than *bytes_max*."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"A body has at most {bytes_max:,} bytes.", status=413)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """
    What a client asks for.

    Attributes:
        document: As it was sent; None where it is only named.
        document_id: The name of a document that the server knows, or is to remember.
        bytes_sent: How long all of it was.
    """

    document: str | None
    document_id: str | None
    variables: dict[str, Any]
    operation_name: str | None
    bytes_sent: int


def check_length(announced: bytes | None, *, bytes_max: int) -> None:
    """
    Check the Content-Length of a request, where the client says it.

    Raises:
        BodyTooLongError: It is more than *bytes_max*.
    """
    if announced is not None and announced.isdigit() and int(announced) > bytes_max:
        raise BodyTooLongError(bytes_max)


async def read_body(receive: Receive, *, bytes_max: int) -> bytes:
    """
    Read the body of a request.

    Raises:
        BodyTooLongError: It is longer than *bytes_max*, whatever was announced.
        ClientDisconnect: The client went away before its end.
    """
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > bytes_max:
            raise BodyTooLongError(bytes_max)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


def is_json(content_type: bytes) -> bool:
    """Tell whether a Content-Type is JSON's, in the one encoding that JSON has."""
    return len(content_type) <= _CONTENT_TYPE_LENGTH_MAX and _is_json(content_type)


@lru_cache(maxsize=_CONTENT_TYPES_CACHED_MAX)
def _is_json(content_type: bytes) -> bool:
    essence, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    charset = dict(parameter.partition(b"=")[::2] for parameter in parameters).get(b"charset")
    return essence == b"application/json" and (charset or b"utf-8").strip(b'"') in _UTF_8


def check_size(body: bytes, *, values_max: int) -> None:
    """
    Check how much there is in a body, before it is read: 300,000 lists took 0.1 s.

    What stands in a text does not count: a document has its own bounds.

    Raises:
        RefusedError: There is more than any request needs.
    """
    signs_max = _SIGNS_PER_VALUE * values_max
    if len(body) <= signs_max:
        return
    # Quotes first: the texts are taken out of a body only where they are few.
    if _count_signs(body) > signs_max and (
        body.count(b'"') > signs_max or _count_signs(_TEXT.sub(b"", body)) > signs_max
    ):
        raise RefusedError("A request has not as many values as this.")


def _count_signs(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def decode_object(data: str | bytes) -> dict[str, Any]:
    """
    Read a JSON object.

    orjson refuses what the standard library lets through: NaN, lone surrogates,
    invalid UTF-8, and nesting that would exhaust the stack.

    Raises:
        RefusedError: It is none.
    """
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RefusedError("The body is not JSON.") from None
    if not isinstance(decoded, dict):
        raise RefusedError("A GraphQL request is a JSON object.")
    return decoded


def read_names(query: bytes) -> set[str]:
    """
    Return the names of a GET's parameters; their values are not looked at.

    Raises:
        RefusedError: It is longer than any request needs.
    """
    _check_query(query)
    names = (pair.partition(b"=")[0] for pair in query.split(b"&"))
    return {unquote(name[:_NAME_LENGTH_MAX].decode("latin-1")) for name in names}


def _check_query(query: bytes) -> None:
    """Check a query string before it is read: 64 KB of ``&a`` took 0.1 s."""
    if len(query) > _QUERY_BYTES_MAX:
        raise RefusedError(f"A query string has at most {_QUERY_BYTES_MAX:,} bytes.", status=414)
    if query.count(b"&") >= _PARAMETERS_MAX:
        raise RefusedError(f"A GET has at most {_PARAMETERS_MAX} parameters.")


def decode_parameters(query: bytes) -> dict[str, Any]:
    """
    Read the query string of a GET as the object that a POST would send.

    Raises:
        RefusedError: It is longer than any request needs, or one of its parameters is not
            JSON where it has to be.
    """
    _check_query(query)
    decoded: dict[str, Any] = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    for name in ("variables", "extensions"):
        if decoded.get(name):
            decoded[name] = decode_object(decoded[name])
    return decoded


def read_request(data: Mapping[str, Any], *, bytes_sent: int) -> GraphQLRequest:
    """
    Check the parts of a request.

    Raises:
        RefusedError: One is missing, or is not of its type.
    """
    name = data.get("operationName")
    if not isinstance(name, str | None):
        raise RefusedError("operationName is a string.")
    document = data.get("query")
    if not isinstance(document, str | None):
        raise RefusedError("The GraphQL operation's `query` must be a string or null, if provided.")
    for part in ("variables", "extensions"):
        if not isinstance(data.get(part), dict | None):
            raise RefusedError(
                f"The GraphQL operation's `{part}` must be an object or null, if provided."
            )
    document_id = _read_document_id(data)
    if not document and document_id is None:
        raise RefusedError("No GraphQL query found in the request")
    return GraphQLRequest(
        document or None, document_id, data.get("variables") or {}, name, bytes_sent
    )


def _read_document_id(data: Mapping[str, Any]) -> str | None:
    persisted = (data.get("extensions") or {}).get("persistedQuery")
    if persisted is not None:
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            raise RefusedError("Unsupported persisted query version")
        named = persisted.get("sha256Hash")
        if not isinstance(named, str) or not named:
            raise RefusedError("persistedQuery has a sha256Hash.")
        return named
    # GraphQL over HTTP has the first name, Relay's clients the others.
    for key in _DOCUMENT_IDS:
        named = data.get(key)
        if named is not None:
            if not isinstance(named, str) or not named:
                raise RefusedError(f"{key} is a string.")
            return named
    return None
