"""
Time-based one-time passwords (TOTP, RFC 6238: SHA-1, 30 s, 6 digits), and recovery codes.

SHA-1, because that is what every authenticator knows; HMAC asks no more of it.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote

STEP_S = 30
RECOVERY_CODES = 10
"""How many recovery codes one gets at a time."""

_DIGITS = 6
_SECRET_BYTES = 20
_RECOVERY_BYTES = 10
_WINDOW = (0, -1, 1)
_ISSUER = "Wallet"


def new_secret() -> bytes:
    """Make a secret: 160 random bits, as RFC 4226 recommends."""
    return secrets.token_bytes(_SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time-step (HOTP, RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def find_step(secret: bytes, code: str, *, now_s: int) -> int | None:
    """
    Return the time-step that *code* is of: this one, the one before or the next one.

    Clocks differ, and typing takes time (RFC 6238, section 5.2). Whoever takes
    a code remembers its step, and takes none of it, or of an earlier one, again.
    """
    given = code.encode("utf-8", "replace")
    for shift in _WINDOW:
        step = now_s // STEP_S + shift
        if hmac.compare_digest(code_at(secret, step).encode(), given):
            return step
    return None


def is_totp(code: str) -> bool:
    """Tell whether a code has the form of an authenticator's."""
    return len(code) == _DIGITS and code.isdecimal()


def write_secret(secret: bytes) -> str:
    """Write a secret as people type it into an authenticator."""
    return base64.b32encode(secret).decode()


def write_uri(secret: bytes, account: str) -> str:
    """Write a secret as an authenticator scans it (otpauth, the Key URI Format)."""
    label = quote(f"{_ISSUER}:{account}", safe="@")
    return f"otpauth://totp/{label}?secret={write_secret(secret)}&issuer={_ISSUER}"


def new_recovery_code() -> str:
    """Make a recovery code: 80 random bits, in four groups of four."""
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def normalise_code(text: str) -> str:
    """Return the one spelling of a code, however it was typed."""
    return text.lower().replace(" ", "").replace("-", "")
