"""
Device tokens: what a client shows to be one that has signed in to an account before.

They open nothing. A login with one is counted apart from those of strangers, so
that whoever guesses an account's password slows strangers down and not its
owner ("device cookies", OWASP: Slow Down Online Guessing Attacks with Device
Cookies). Nothing is stored of them: they are signed, for one account each.
"""

import base64
import hashlib
import hmac
import secrets

from wallet.core.keys import Keys

DEVICE_TOKEN_TTL_S = 365 * 24 * 60 * 60
"""How long a browser keeps one."""

_PURPOSE = "devices"
_ID_BYTES = 16
_LENGTH_MAX = 200


def new_device_token(account: str, *, keys: Keys) -> str:
    """Make a token for a client that has just signed in to *account*, a normalised address."""
    device_id = secrets.token_urlsafe(_ID_BYTES)
    return f"{device_id}.{_sign(keys.for_purpose(_PURPOSE)[0], device_id, account)}"


def find_device(token: str | None, account: str, *, keys: Keys) -> str | None:
    """Return the id of the device that *token* is of; None when it is none of *account*'s."""
    if token is None or len(token) > _LENGTH_MAX:
        return None
    device_id, _, signature = token.partition(".")
    given = signature.encode("utf-8", "replace")
    for key in keys.for_purpose(_PURPOSE):
        if hmac.compare_digest(_sign(key, device_id, account).encode(), given):
            return device_id
    return None


def _sign(key: bytes, device_id: str, account: str) -> str:
    signed = f"{device_id}.{account}".encode("utf-8", "replace")
    digest = hmac.digest(key, signed, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
