"""What an error of GraphQL may say: a code and a sentence, no value, and nothing of a bug."""

import re
from typing import Any
from uuid import uuid4

from graphql import GraphQLError

from wallet.core.errors import (
    RequestError,
    ServiceUnavailableError,
    TooComplexError,
    WalletError,
)
from wallet.core.logging import get_logger
from wallet.services.database import is_timed_out, is_unreachable

# GraphQL's own errors end with the value that was sent, in Python's spelling: a
# client knows it, and a password may be part of it.
_VALUE = re.compile(r"(?:, found| Found|(?<=value)(?<!invalid value)): .*", re.DOTALL)

_MESSAGE_LENGTH_MAX = 500

log = get_logger(__name__)


def show_error(error: GraphQLError) -> dict[str, Any]:
    """Write one error with a code; a bug is masked, with an id that the log has too."""
    shown: dict[str, Any] = {"message": _without_value(error.message)}
    if error.locations:
        shown["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    cause = _cause_of(error)
    if cause is None:
        if "code" in (error.extensions or {}):
            # A sentence of ours, to the letter: clients of Apollo's look for some of them.
            shown["message"] = error.message
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
    if len(kept) > _MESSAGE_LENGTH_MAX:
        # Names are repeated, and a client may make them as long as it likes.
        kept = f"{kept[:_MESSAGE_LENGTH_MAX]} …"
    return kept if kept.endswith((".", "?")) else f"{kept}."
