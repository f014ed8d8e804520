"""
Device tokens: what a client shows to be one that has signed in to an account before.

They open nothing. A login with one is counted apart from those of strangers, so
that whoever guesses an account's password slows strangers down and not its
owner ("device cookies", OWASP: Slow Down Online Guessing Attacks with Device
Cookies). Nothing is stored of them: they are signed, for one account each, and
for what signs in to it: a new password or second factor ends them all.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from wallet.core.keys import Keys

DEVICE_TOKEN_TTL_S = 365 * 24 * 60 * 60
"""How long one is good, and how long a browser keeps it; each login begins it anew."""

_PURPOSE = "devices"
_ID_BYTES = 16
_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Lock:
    """
    What a device token is good for.

    Attributes:
        account: A normalised address.
        changed_at: When its password or second factor was changed last; None for never.
    """

    account: str
    changed_at: datetime | None


def new_device_id() -> str:
    """Make the id of a device that is new to an account."""
    return secrets.token_urlsafe(_ID_BYTES)


def write_device_token(device_id: str, lock: Lock, *, keys: Keys, now_s: int) -> str:
    """Make a token for a client that has just signed in."""
    return f"{device_id}.{now_s}.{_sign(keys.for_purpose(_PURPOSE)[0], device_id, now_s, lock)}"


def find_device(token: str | None, lock: Lock, *, keys: Keys, now_s: int) -> str | None:
    """Return the id of the device that *token* is of; None when it is none, or not any more."""
    if token is None or len(token) > _LENGTH_MAX:
        return None
    device_id, _, rest = token.partition(".")
    issued, _, signature = rest.partition(".")
    if not (issued.isascii() and issued.isdigit()):
        return None
    issued_s, given = int(issued), signature.encode("utf-8", "replace")
    if now_s - issued_s >= DEVICE_TOKEN_TTL_S:
        return None
    for key in keys.for_purpose(_PURPOSE):
        if hmac.compare_digest(_sign(key, device_id, issued_s, lock).encode(), given):
            return device_id
    return None


def _sign(key: bytes, device_id: str, issued_s: int, lock: Lock) -> str:
    changed_at = lock.changed_at.isoformat() if lock.changed_at else ""
    # No part but the last, which is no client's to choose, can have a line's end in it.
    signed = f"{device_id}\n{issued_s}\n{changed_at}\n{lock.account}"
    digest = hmac.digest(key, signed.encode("utf-8", "replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
