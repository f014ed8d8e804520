"""
Cookies: where a browser keeps what no script of its page is to read.

A page asks for them with ``X-Session-Transport: cookie``. They are sent to us
alone (``__Host-``), over TLS, and never with a request from another site. What
makes a request that uses one the page's own: a header that no form can send,
so that a page of another origin has to ask first (a preflight), and an Origin
that is ours or one of CORS_ORIGINS.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from wallet.core.errors import BadRequestError

REFRESH_COOKIE = "__Host-wallet_refresh"
DEVICE_COOKIE = "__Host-wallet_device"

TRANSPORT_HEADER = "X-Session-Transport"
_TRANSPORT = TRANSPORT_HEADER.lower().encode()

Sent = Mapping[bytes, bytes]


def are_wanted(sent: Sent, *, cors_origins: str) -> bool:
    """
    Tell whether a page asks that its browser keep its tokens.

    Raises:
        BadRequestError: It does, and is of an origin that may not.
    """
    if sent.get(_TRANSPORT, b"").strip().lower() != b"cookie":
        return False
    origin = sent.get(b"origin", b"").decode("latin-1")
    host = sent.get(b"host", b"").decode("latin-1")
    if not origin or (origin not in cors_origins.split(",") and not _is_at(origin, host)):
        raise BadRequestError("Only a page of an origin of ours keeps its session in a cookie.")
    return True


def read_cookie(sent: Sent, name: str) -> str | None:
    """Return the value of a cookie; None when it was not sent."""
    for pair in sent.get(b"cookie", b"").decode("latin-1").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return None


def write_cookie(name: str, value: str, *, ttl_s: int) -> tuple[bytes, bytes]:
    """Return the header that has a browser keep *value*, or, with no time to live, forget it."""
    text = f"{name}={value}; Path=/; Max-Age={ttl_s}; Secure; HttpOnly; SameSite=Strict"
    return b"set-cookie", text.encode()


def _is_at(origin: str, host: str) -> bool:
    """Tell whether an origin is this host's; where a proxy ends TLS, its scheme is not ours."""
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False
