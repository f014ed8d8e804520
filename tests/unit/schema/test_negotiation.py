"""What both sides of a request agree on."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.schema.bodies import is_json
from wallet.schema.negotiation import MediaType, is_sent_on_purpose, negotiate, takes_gzip


class TestNegotiate:
    """negotiate."""

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            (None, MediaType.JSON),
            (b"", MediaType.JSON),
            (b"*/*", MediaType.JSON),
            (b"application/*", MediaType.JSON),
            (b"application/json", MediaType.JSON),
            (b"application/json; charset=utf-8", MediaType.JSON),
            (b"application/graphql-response+json", MediaType.GRAPHQL),
            (b"Application/GraphQL-Response+JSON", MediaType.GRAPHQL),
            # What Apollo's and urql's clients send.
            (b"application/graphql-response+json,application/json;q=0.9", MediaType.GRAPHQL),
            (
                b"application/graphql-response+json, application/json, text/event-stream",
                MediaType.GRAPHQL,
            ),
            (b"application/json, application/graphql-response+json", MediaType.GRAPHQL),
            (b"application/graphql-response+json;q=0.2, application/json", MediaType.JSON),
            (b"application/graphql-response+json;q=0, */*", MediaType.JSON),
            (
                b"application/json;q=0, */*;q=0.1, application/graphql-response+json;q=0.1",
                MediaType.GRAPHQL,
            ),
            (b"text/html,application/xhtml+xml,*/*;q=0.8", MediaType.JSON),
        ],
    )
    def test_takes_what_the_client_prefers(self, accept: bytes, expected: MediaType) -> None:
        """The highest weight counts, and of two alike the newer one."""
        assert negotiate(accept) is expected

    @pytest.mark.parametrize(
        "accept",
        [b"text/html", b"text/event-stream", b"application/json;q=0", b"*/*;q=0", b"nonsense"],
    )
    def test_nothing_will_do(self, accept: bytes) -> None:
        """A client that takes neither gets neither."""
        assert negotiate(accept) is None

    @given(st.binary(max_size=200))
    def test_whatever_comes(self, accept: bytes) -> None:
        """No header breaks it."""
        assert negotiate(accept) in {None, *MediaType}
        assert takes_gzip(accept) in {True, False}
        assert is_sent_on_purpose({b"content-type": accept}) in {True, False}
        assert is_json(accept) in {True, False}


class TestWhatIsRemembered:
    """What is kept of the headers that came."""

    @pytest.mark.parametrize("read", [negotiate, takes_gzip, is_json])
    def test_is_short(self, read: Callable[[bytes], object]) -> None:
        """Long ones are not kept: hundreds of 60 KB each would be many megabytes."""
        tracemalloc.start()
        try:
            for number in range(300):
                read(b"application/json;x=%d;%b" % (number, b"y" * 60_000))
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert kept < 1_000_000


class TestTakesGzip:
    """takes_gzip."""

    @pytest.mark.parametrize(
        ("accept_encoding", "expected"),
        [
            (b"", False),
            (b"gzip", True),
            (b"gzip, deflate, br", True),
            (b"br, *", True),
            (b"gzip;q=0, *", False),
            (b"gzip;q=0", False),
            (b"identity", False),
            (b"x-gzip-not", False),
        ],
    )
    def test_by_weight(self, accept_encoding: bytes, *, expected: bool) -> None:
        """Only who takes it gets it."""
        assert takes_gzip(accept_encoding) is expected


class TestIsSentOnPurpose:
    """is_sent_on_purpose."""

    @pytest.mark.parametrize(
        "headers",
        [
            {b"x-apollo-operation-name": b"Viewer"},
            {b"apollo-require-preflight": b"true"},
            {b"graphql-require-preflight": b"1"},
            {b"content-type": b"application/json"},
            {b"content-type": b"text/plain", b"apollo-require-preflight": b"1"},
        ],
    )
    def test_what_a_form_cannot_send(self, headers: dict[bytes, bytes]) -> None:
        """A browser asks before it sends these to another site."""
        assert is_sent_on_purpose(headers)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {b"apollo-require-preflight": b""},
            {b"content-type": b""},
            {b"content-type": b"text/plain"},
            {b"content-type": b"TEXT/PLAIN; charset=application/json"},
            {b"content-type": b"multipart/form-data; boundary=x"},
            {b"content-type": b"application/x-www-form-urlencoded"},
            {b"content-type": b"message/x"},
            {b"content-type": b"application/graphql"},
            {b"content-type": b"application/jsonx"},
            {b"content-type": b"x"},
            {b"accept": b"application/json", b"origin": b"https://elsewhere.example"},
        ],
    )
    def test_what_a_form_can_send(self, headers: dict[bytes, bytes]) -> None:
        """These come without being asked for."""
        assert not is_sent_on_purpose(headers)


class TestIsJson:
    """is_json."""

    @pytest.mark.parametrize(
        "content_type",
        [
            b"application/json",
            b"Application/JSON",
            b"application/json;charset=utf-8",
            b'application/json; charset="UTF-8"',
            b"application/json; profile=x",
        ],
    )
    def test_is(self, content_type: bytes) -> None:
        """JSON, in UTF-8."""
        assert is_json(content_type)

    @pytest.mark.parametrize(
        "content_type",
        [
            b"",
            b"text/plain",
            b"application/json-patch+json",
            b"xapplication/json",
            b"application/graphql",
            b"application/json; charset=utf-16",
            b"application/json; charset=latin-1",
            b"text/plain; charset=application/json",
            b"application/json; charset=utf-8; x=" + b"y" * 1_000,
        ],
    )
    def test_is_not(self, content_type: bytes) -> None:
        """Anything else."""
        assert not is_json(content_type)
