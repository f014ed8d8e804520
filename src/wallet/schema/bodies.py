"""Reading a GraphQL request out of HTTP: the body of a POST, or the parameters of a GET."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

BODY_BYTES_MAX = 1024 * 1024
_CONTENT_TYPES_CACHED_MAX = 64
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
    """Raised when a body is longer than BODY_BYTES_MAX."""

    def __init__(self) -> None:
        super().__init__(f"A body has at most {BODY_BYTES_MAX:,} bytes.", status=413)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client asks for."""

    document: str
    variables: dict[str, Any]
    operation_name: str | None


def check_length(announced: bytes | None) -> None:
    """
    Check the Content-Length of a request, where the client says it.

    Raises:
        BodyTooLongError: It is more than BODY_BYTES_MAX.
    """
    if announced is not None and announced.isdigit() and int(announced) > BODY_BYTES_MAX:
        raise BodyTooLongError


async def read_body(receive: Receive) -> bytes:
    """
    Read the body of a request.

    Raises:
        BodyTooLongError: It is longer than BODY_BYTES_MAX, whatever was announced.
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
        if length > BODY_BYTES_MAX:
            raise BodyTooLongError
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


@lru_cache(maxsize=_CONTENT_TYPES_CACHED_MAX)
def is_json(content_type: bytes) -> bool:
    """Tell whether a Content-Type is JSON's, in the one encoding that JSON has."""
    essence, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    charset = dict(parameter.partition(b"=")[::2] for parameter in parameters).get(b"charset")
    return essence == b"application/json" and (charset or b"utf-8").strip(b'"') in _UTF_8


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


def decode_parameters(parameters: Mapping[str, str]) -> dict[str, Any]:
    """
    Read the parameters of a GET as the object that a POST would send.

    Raises:
        RefusedError: One of them is not JSON where it has to be.
    """
    decoded: dict[str, Any] = dict(parameters)
    for name in ("variables", "extensions"):
        if decoded.get(name):
            decoded[name] = decode_object(decoded[name])
    return decoded


def read_request(data: Mapping[str, Any]) -> GraphQLRequest:
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
    if not document:
        raise RefusedError("No GraphQL query found in the request")
    return GraphQLRequest(document, data.get("variables") or {}, name)
