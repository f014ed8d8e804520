"""
Ids: UUIDv7 (RFC 9562) inside, opaque global ids at the edge.

A global id is the URL-safe Base64 of ``Type:uuid``, after Relay's object
identification. What does not decode is nobody's id; it is never an error.

Ids are of the standard class until somebody who knows a quicker one says so.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from uuid import UUID, uuid5

import uuid_utils

_GLOBAL_ID_LENGTH_MAX = 120
_IDS_CACHED_MAX = 16_384

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_SYSTEM_WALLETS = UUID("6b0f2a63-0d0e-5c0c-9c62-0f6f6f2d9b11")
"""The namespace of system wallets; part of the stored data, never to change."""


def _make_standard(value: str | bytes) -> UUID:
    return UUID(value) if isinstance(value, str) else UUID(bytes=value)


_make: Callable[[str | bytes], UUID] = _make_standard


def use_ids_made_by(make: Callable[[str | bytes], UUID]) -> None:
    """Let ids be made by *make* from now on: of a subclass of UUID, equal to the standard one."""
    global _make  # noqa: PLW0603  (one class of ids a process, chosen when it starts)
    _make = make


def new_id() -> UUID:
    """Make a UUIDv7: ordered by time, so that new rows lie side by side in an index."""
    return _make(uuid_utils.uuid7().bytes)


def made_at(id_: UUID) -> datetime:
    """Return when an id of ours was made, to the millisecond: a UUIDv7 begins with it."""
    return datetime.fromtimestamp(int.from_bytes(id_.bytes[:6]) / 1000, UTC)


@cache
def world_wallet_id(currency: str) -> UUID:
    """
    Return the id of the world wallet of *currency*.

    It follows from the code (UUIDv5), so that every process knows it without
    a look-up, and two that open the first wallet of a currency make one world.
    """
    return _make(uuid5(_SYSTEM_WALLETS, f"world:{currency}").bytes)


@cache
def exchange_wallet_id(currency: str) -> UUID:
    """Return the id of the exchange wallet of *currency*, the other side of conversions."""
    return _make(uuid5(_SYSTEM_WALLETS, f"exchange:{currency}").bytes)


def expiry_id(hold_id: UUID) -> UUID:
    """
    Return the id of the operation that ends a hold whose time is over.

    It follows from the hold's id, so that two that find it at once write it once.
    """
    return _make(uuid5(_SYSTEM_WALLETS, f"expiry:{hold_id}").bytes)


# Who pays and who is paid comes again: 7 µs become less than 1, both ways.
@lru_cache(maxsize=_IDS_CACHED_MAX)
def to_global_id(type_name: str, id_: UUID) -> str:
    """Write the global id of a row: opaque, stable, unique over all types."""
    return base64.urlsafe_b64encode(f"{type_name}:{id_}".encode()).decode().rstrip("=")


def parse_global_id(text: str) -> tuple[str, UUID] | None:
    """Read a global id as (type name, id); None when it is not one of ours."""
    # Before the cache, which would keep whatever was sent.
    return None if len(text) > _GLOBAL_ID_LENGTH_MAX else _parse_global_id(text)


@lru_cache(maxsize=_IDS_CACHED_MAX)
def _parse_global_id(text: str) -> tuple[str, UUID] | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        type_name, _, id_text = raw.decode().partition(":")
        id_ = _make(id_text)
    except (binascii.Error, ValueError):
        return None
    # One row has one id: other spellings of the same UUID are refused.
    return (type_name, id_) if to_global_id(type_name, id_) == text else None


def find_id(type_name: str, text: str) -> UUID | None:
    """Read a global id of *type_name*; None when it is malformed or of another type."""
    parsed = parse_global_id(text)
    return parsed[1] if parsed and parsed[0] == type_name else None


def find_uuid(text: str) -> UUID | None:
    """Read a UUID as databases show it: lower case, with hyphens; None when it is none."""
    return _make(text) if _UUID.fullmatch(text) else None
