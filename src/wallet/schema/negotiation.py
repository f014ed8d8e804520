"""
What both sides of a request agree on: the answer's media type, and who may send it.

GraphQL over HTTP (the GraphQL Foundation's draft) names two media types: with
``application/graphql-response+json`` a status below 300 says that the request
was executed; with ``application/json``, the older one, the body alone says it.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache

from wallet.schema.bodies import is_json

_HEADERS_CACHED_MAX = 256

_HEADER_LENGTH_MAX = 1_000
"""Longest Accept that is read; a browser's own has a hundred characters."""


class MediaType(Enum):
    """A media type that answers come in."""

    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"

    @property
    def content_type(self) -> bytes:
        """The Content-Type of an answer."""
        return f"{self.value}; charset=utf-8".encode()


_RANGES: Mapping[str, MediaType] = {
    MediaType.GRAPHQL.value: MediaType.GRAPHQL,
    MediaType.JSON.value: MediaType.JSON,
    # Whoever takes anything is taken for an older client.
    "application/*": MediaType.JSON,
    "*/*": MediaType.JSON,
}

_PREFLIGHT_HEADERS = (
    b"x-apollo-operation-name",
    b"apollo-require-preflight",
    b"graphql-require-preflight",
)


def negotiate(accept: bytes | None) -> MediaType | None:
    """
    Choose the media type of an answer by an Accept header (RFC 9110, 12.5.1).

    Returns:
        The one with the highest weight; of two alike, the newer one. None
        when neither will do.
    """
    # Cut before it is remembered: of what is longer, hundreds would be kept in full.
    return _choose(accept[:_HEADER_LENGTH_MAX]) if accept else MediaType.JSON


@lru_cache(maxsize=_HEADERS_CACHED_MAX)
def _choose(accept: bytes) -> MediaType | None:
    weights: dict[MediaType, float] = {}
    refused: set[MediaType] = set()
    for range_, weight in _read_weighted(accept):
        media_type = _RANGES.get(range_)
        if media_type is None:
            continue
        if weight == 0 and range_ == media_type.value:
            refused.add(media_type)
        weights[media_type] = max(weight, weights.get(media_type, 0.0))
    fitting = [each for each in MediaType if weights.get(each) and each not in refused]
    return max(fitting, key=lambda each: weights[each], default=None)


def takes_gzip(accept_encoding: bytes) -> bool:
    """Tell whether a client takes an answer that is compressed with gzip."""
    return _has_gzip(accept_encoding[:_HEADER_LENGTH_MAX])


@lru_cache(maxsize=_HEADERS_CACHED_MAX)
def _has_gzip(accept_encoding: bytes) -> bool:
    weights = dict(_read_weighted(accept_encoding))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def is_sent_on_purpose(headers: Mapping[bytes, bytes]) -> bool:
    """
    Tell whether a request has a header that no form and no image of another site can send.

    A browser asks the server before it sends such a header elsewhere, and CORS
    answers it. The same three headers as Apollo Server's CSRF prevention has. Of
    the values of Content-Type only JSON's counts: some browsers were found to
    send others than a form's without asking (GHSA-9q82-xgwf-vj6h).
    """
    if any(headers.get(name) for name in _PREFLIGHT_HEADERS):
        return True
    return is_json(headers.get(b"content-type", b""))


def _read_weighted(header: bytes) -> Iterator[tuple[str, float]]:
    """Read ``a;q=0.5, b`` as pairs; what has no weight has 1, and a bad one has 0."""
    for item in header.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = _read_weight(value.strip())
        yield name, weight


def _read_weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
