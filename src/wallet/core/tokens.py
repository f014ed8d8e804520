"""
Access tokens (JWT, RFC 7519, HS256); refresh tokens and API keys (random, stored hashed).
"""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from wallet.core.keys import Keys

ACCESS_TOKEN_TTL_S = 15 * 60
REFRESH_TOKEN_TTL_S = 30 * 24 * 60 * 60

_ALGORITHM = "HS256"
_ISSUER = "wallet"
_REFRESH_TOKEN_BYTES = 32
_API_KEY_MARK = "wlt_"
_API_KEY_BYTES = 32
_API_KEY_PREFIX_BYTES = 4
_ACCESS_TOKEN_LENGTH_MAX = 2048


class InvalidTokenError(ValueError):
    """Raised when an access token is malformed, tampered with, expired or not ours."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Who an access token speaks for: a user, in one session (its family of refresh tokens)."""

    user_id: UUID
    family_id: UUID


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """An access token that is ours, and good until *expires_at_s* (seconds since 1970)."""

    claims: AccessClaims
    expires_at_s: int


def issue_access_token(claims: AccessClaims, *, keys: Keys) -> tuple[str, datetime]:
    """Sign an access token; return it with the instant at which it expires."""
    now = datetime.now(UTC).replace(microsecond=0)
    expires_at = now + timedelta(seconds=ACCESS_TOKEN_TTL_S)
    token = jwt.encode(
        {
            "iss": _ISSUER,
            "sub": str(claims.user_id),
            "sid": str(claims.family_id),
            "iat": now,
            "exp": expires_at,
        },
        keys.current,
        algorithm=_ALGORITHM,
        headers={"kid": keys.current_id},
    )
    return token, expires_at


def read_access_token(token: str, *, keys: Keys) -> CheckedToken:
    """
    Check an access token's signature, issuer and expiry, and read it.

    The key that it names has to be one of *keys*; one that names none, as they
    once did, may be signed with any of them.

    Raises:
        InvalidTokenError: The token is malformed, tampered with, expired or not ours.
    """
    if len(token) > _ACCESS_TOKEN_LENGTH_MAX:
        raise InvalidTokenError
    try:
        payload = _decode(token, keys)
        claims = AccessClaims(user_id=UUID(payload["sub"]), family_id=UUID(payload["sid"]))
        return CheckedToken(claims, expires_at_s=int(payload["exp"]))
    except (jwt.InvalidTokenError, ValueError, AttributeError, TypeError) as error:
        raise InvalidTokenError from error


def _decode(token: str, keys: Keys) -> dict[str, Any]:
    key_id = jwt.get_unverified_header(token).get("kid")
    if key_id is not None:
        key = keys.find(key_id)
        if key is None:
            raise InvalidTokenError
        return _verify(token, key)
    for key in keys:
        with suppress(jwt.InvalidSignatureError):
            return _verify(token, key)
    raise InvalidTokenError


def _verify(token: str, key: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        key,
        algorithms=[_ALGORITHM],
        issuer=_ISSUER,
        # The clock that signed may be ahead of this one; only the expiry counts.
        options={"require": ["iss", "sub", "sid", "iat", "exp"], "verify_iat": False},
    )


def new_refresh_token() -> str:
    """Make a refresh token: 256 random bits as URL-safe text."""
    return secrets.token_urlsafe(_REFRESH_TOKEN_BYTES)


def new_api_key() -> tuple[str, str]:
    """
    Make an API key; return it with its prefix, which is no secret.

    ``wlt_1a2b3c4d_…``: what scans code for secrets knows it by its form, and
    256 random bits follow.
    """
    prefix = secrets.token_hex(_API_KEY_PREFIX_BYTES)
    return f"{_API_KEY_MARK}{prefix}_{secrets.token_hex(_API_KEY_BYTES)}", prefix


def is_api_key(token: str) -> bool:
    """Tell whether a bearer token means to be an API key."""
    return token.startswith(_API_KEY_MARK)


def hash_token(token: str) -> bytes:
    """
    Return what is stored of a refresh token, or of an API key.

    A plain SHA-256 does: the token has too many random bits to be guessed, so a
    slow hash would protect nothing.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
