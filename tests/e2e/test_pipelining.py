"""Several requests at once over one connection, and rubbish behind them: no bug, and no alarm."""

import json

import pytest

from tests.e2e.conftest import StartServer
from tests.support.api import Account
from tests.support.logs import log_line, loud_lines
from tests.support.servers import ApiServer
from tests.support.sockets import exchange, read_answers

_BODY = json.dumps({"query": "{ __typename }"}).encode()


def request(body: bytes, *, request_id: str = "first", token: str | None = None) -> bytes:
    """Return a whole request."""
    head = (
        "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nX-Request-ID: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture
def production(start_server: StartServer) -> ApiServer:
    """A server whose log is read by programs."""
    return start_server(ENVIRONMENT="production")


class TestPipelining:
    """Several requests at once over one connection."""

    async def test_are_answered_in_their_order(self, production: ApiServer) -> None:
        """Each has its answer."""
        sent = request(_BODY) + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        received = await exchange(production.port, sent, is_framed=False)

        first, second = read_answers(received)
        assert json.loads(first.body)["data"] == {"__typename": "Query"}
        assert second.body == b"ok"

    @pytest.mark.parametrize("between", [b"", request(_BODY, request_id="second")])
    async def test_rubbish_behind_a_request(
        self, between: bytes, production: ApiServer, ada: Account
    ) -> None:
        """The connection is refused as a whole; who was being answered makes no alarm."""
        # It reads from the database, so that the connection is closed before it is done.
        read = json.dumps({"query": "{ viewer { id wallets { totalCount } } }"}).encode()
        first = request(read, token=ada.api.access_token)
        sent = first + between + b"\0rubbish\r\n\r\n"
        received = await exchange(production.port, sent, is_framed=False)

        (answer,) = read_answers(received)
        assert (answer.status, answer.body) == (400, b"Invalid HTTP request received.")
        await log_line(production, event="request", request_id="first")
        assert loud_lines(production) == []
