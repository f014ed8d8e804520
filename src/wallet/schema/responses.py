"""An answer on the wire: its status, its headers, its bytes."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.types import Send

from wallet.schema.negotiation import MediaType, takes_gzip

Header = tuple[bytes, bytes]

COMPRESSED_BYTES_MIN = 1_024
"""Answers below this are sent as they are: they fit into a packet either way."""

_GZIP_LEVEL = 4
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

_ALWAYS = (
    # Answers are somebody's own, and are answered anew each time.
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept, Accept-Encoding"),
    # An answer that a browser is made to show as a page loads nothing, and is in no frame.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


async def send_answer(
    send: Send,
    answer: Mapping[str, Any],
    *,
    status: int,
    media_type: MediaType,
    accept_encoding: bytes,
    more_headers: Sequence[Header] = (),
) -> None:
    """Send *answer* as JSON, compressed where that helps and the client takes it."""
    body = orjson.dumps(answer)
    headers = [(b"content-type", media_type.content_type), *_ALWAYS, *more_headers]
    if len(body) >= COMPRESSED_BYTES_MIN and takes_gzip(accept_encoding):
        body = _compress(body)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    if status == 405:
        headers.append((b"allow", b"GET, POST"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _compress(body: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(body) + packer.flush()
