"""
Links to reports: signed with HMAC-SHA256 (RFC 2104), good for a while, on any process.

A token is its order as Base64 of JSON, and the signature of that text. All that
the report depends on is in it, so whoever has it needs no header, and whoever
changes a character of it has nothing.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from wallet.core.keys import Keys
from wallet.models import OperationKind, OperationStatus
from wallet.services.reports.orders import ReportFormat, ReportOrder
from wallet.services.statements import Filter

_PURPOSE = "links to reports"

_TOKEN_LENGTH_MAX = 2048


class InvalidLinkError(ValueError):
    """Raised when a token is malformed, altered, expired or not ours: never told apart."""


def sign_link(order: ReportOrder, *, expires_at: datetime, keys: Keys) -> str:
    """Return the token of a link to *order* that is good until *expires_at*, a whole second."""
    payload = _encode(orjson.dumps(_to_payload(order, expires_at)))
    key, *_ = keys.for_purpose(_PURPOSE)
    return f"{payload}.{_sign(payload, key)}"


def read_link(token: str, *, keys: Keys, now: datetime) -> ReportOrder:
    """
    Return the order of a link.

    Raises:
        InvalidLinkError: It is malformed, altered, expired or not ours.
    """
    payload, _, signature = token.partition(".")
    if len(token) > _TOKEN_LENGTH_MAX or not token.isascii():
        raise InvalidLinkError
    # As text, not as the bytes that it decodes to: those can be written in several ways.
    signatures = [_sign(payload, key) for key in keys.for_purpose(_PURPOSE)]
    if not any(hmac.compare_digest(signature, each) for each in signatures):
        raise InvalidLinkError
    fields = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    if now.timestamp() >= fields["expires"]:
        raise InvalidLinkError
    return _from_payload(fields)


def _sign(payload: str, key: bytes) -> str:
    return _encode(hmac.digest(key, payload.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _to_payload(order: ReportOrder, expires_at: datetime) -> dict[str, Any]:
    filter_ = order.filter
    return {
        "operation": order.operation_id.hex,
        "wallet": order.wallet_id.hex,
        "owner": order.owner_id.hex,
        "format": order.format,
        "kinds": filter_.kinds,
        "statuses": filter_.statuses,
        "from": _timestamp(filter_.from_),
        "until": _timestamp(filter_.until),
        "asked": _timestamp(order.asked_at),
        "last": order.last_sequence,
        "expires": int(expires_at.timestamp()),
    }


def _from_payload(fields: dict[str, Any]) -> ReportOrder:
    kinds, statuses = fields["kinds"], fields["statuses"]
    return ReportOrder(
        operation_id=UUID(fields["operation"]),
        wallet_id=UUID(fields["wallet"]),
        owner_id=UUID(fields["owner"]),
        format=ReportFormat(fields["format"]),
        filter=Filter(
            kinds=None if kinds is None else tuple(map(OperationKind, kinds)),
            statuses=None if statuses is None else tuple(map(OperationStatus, statuses)),
            from_=_instant(fields["from"]),
            until=_instant(fields["until"]),
        ),
        asked_at=datetime.fromisoformat(fields["asked"]),
        last_sequence=fields["last"],
    )


def _timestamp(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat() if instant else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
