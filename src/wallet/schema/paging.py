"""
Connections, after Relay's cursor connections: page arguments, cursors, PageInfo.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from uuid import UUID

import strawberry

from wallet.core.errors import BadRequestError

PAGE_LENGTH_DEFAULT = 20
PAGE_LENGTH_MAX = 100

PAGE_OVERHEAD_ROWS = 10
"""What a page costs beside its rows: a statement's trip, in rows."""

_CURSOR = struct.Struct(">16sQ")

# Well within a BIGINT, so that the neighbours of a position are too.
_POSITION_MAX = 2**62


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's PageInfo; both flags are exact."""

    has_next_page: bool = strawberry.field(description="Whether there are items after this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether there are items before this page."
    )
    start_cursor: str | None = strawberry.field(description="Cursor of the first item.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item.")


@dataclass(frozen=True, slots=True)
class PageArguments:
    """
    The page that a client asks for.

    Attributes:
        backwards: Take the last *limit* items of the range, not the first.
        after, before: Positions in the list, exclusive.
    """

    limit: int
    backwards: bool
    after: int | None
    before: int | None


def read_page(
    list_id: UUID, *, first: int | None, after: str | None, last: int | None, before: str | None
) -> PageArguments:
    """
    Check a connection's arguments.

    Args:
        list_id: The list that the cursors must be of.

    Raises:
        BadRequestError: first and last together, or out of 1 to 100, or a
            cursor that is none of this list.
    """
    return PageArguments(
        limit=check_page_length(first=first, last=last),
        backwards=last is not None,
        after=None if after is None else _read_cursor(list_id, after),
        before=None if before is None else _read_cursor(list_id, before),
    )


def check_page_length(*, first: int | None, last: int | None) -> int:
    """
    Return how many items a page holds at most.

    Raises:
        BadRequestError: first and last together, or out of 1 to 100.
    """
    if first is not None and last is not None:
        raise BadRequestError("Give either first or last, not both.")
    for name, length in (("first", first), ("last", last)):
        if length is not None and not 1 <= length <= PAGE_LENGTH_MAX:
            raise BadRequestError(f"{name} is 1 to {PAGE_LENGTH_MAX}.")
    return first or last or PAGE_LENGTH_DEFAULT


def to_cursor(list_id: UUID, position: int) -> str:
    """Write the cursor of a position: opaque, and of no use in any other list."""
    return base64.urlsafe_b64encode(_CURSOR.pack(list_id.bytes, position)).decode()


def _read_cursor(list_id: UUID, cursor: str) -> int:
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        list_bytes, position = _CURSOR.unpack(raw)
    except (binascii.Error, ValueError, struct.error):
        raise BadRequestError("This is no cursor.") from None
    known = list_bytes == list_id.bytes and 0 < position <= _POSITION_MAX
    # A position has one cursor: other spellings of the same bytes are refused.
    if not known or to_cursor(list_id, position) != cursor:
        raise BadRequestError("This is no cursor of this list.")
    return int(position)
