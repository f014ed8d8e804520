"""What a refused request leaves in the log: one line, which says what was refused, and to whom."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.support.api import WALLET, Account
from tests.support.logs import log_line, log_lines
from tests.support.refusals import json_bytes
from tests.support.servers import Databases
from tests.support.site import Site, open_site
from wallet.core.ids import find_id, new_id, to_global_id
from wallet.development import RedisServer
from wallet.request_log import CLIENT_GONE
from wallet.schema.documents import ERRORS_MAX

VIEWER = "{ viewer { id } }"
NOBODYS = to_global_id("Wallet", new_id())
MARKER = "a-secret-that-somebody-sends"

_PAGE = """
mutation Topup($input: TopupInput!, $first: Int) { topup(input: $input) {
    ... on OperationPayload { wallet { operations(first: $first) { totalCount } } } } }
"""
_TOPUP = {
    "walletId": NOBODYS,
    "amount": {"amount": "1.00", "currency": "EUR"},
    "idempotencyKey": MARKER,
}
_WALLETS = "".join(f'a{i}: wallet(id: "{i}") {{ id }} ' for i in range(40))
_WALLETS_OF_VIEWER = "{ viewer { wallets(first: 50) { totalCount } } }"
_STATEMENTS = """
query Statements($ids: [ID!]!) { nodes(ids: $ids) {
    ... on Wallet { operations(first: 100) { edges { node { id } } } } } }
"""


def _body(document: str, **variables: object) -> dict[str, Any]:
    return {"query": document, "variables": variables}


REFUSED: dict[str, tuple[object, str]] = {
    "a body that is none": (b'{"password": "%b' % MARKER.encode(), "BAD_REQUEST"),
    "a body without a document": ({"variables": {"password": MARKER}}, "BAD_REQUEST"),
    "a body of the wrong type": ([_body(VIEWER, password=MARKER)], "BAD_REQUEST"),
    "a body too long": ({"query": VIEWER, "password": MARKER * 50_000}, "BAD_REQUEST"),
    "an unknown operation": (
        {**_body(VIEWER, password=MARKER), "operationName": MARKER},
        "BAD_REQUEST",
    ),
    "no document": (_body(f'{{ "{MARKER}'), "GRAPHQL_PARSE_FAILED"),
    "a document too long": (_body("{" + f"{MARKER} " * 2_000 + "}"), "QUERY_TOO_COMPLEX"),
    "too many aliases": (
        _body("{" + "".join(f"a{i}: __typename " for i in range(60)) + "}"),
        "QUERY_TOO_COMPLEX",
    ),
    "too many variables": (
        _body(VIEWER, a=[[MARKER]] * 20_000),
        "QUERY_TOO_COMPLEX",
    ),
    "an unknown field": (
        _body(f'{{ nothing(password: "{MARKER}") }}'),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "hundreds of unknown fields": (
        _body("{ viewer {" + "".join(f"emial{i} " for i in range(400)) + "} }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "what the schema has": (
        _body("{ __schema { types { name } } }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a variable of the wrong type": (_body(WALLET, id=[MARKER]), "BAD_USER_INPUT"),
    "hundreds of wrong variables": (
        _body(_STATEMENTS, ids=[[MARKER]] * 500),
        "BAD_USER_INPUT",
    ),
    "a variable that is missing": (_body(WALLET, password=MARKER), "BAD_USER_INPUT"),
    "too high a cost": (_body(_STATEMENTS, ids=[MARKER] * 100), "QUERY_TOO_COMPLEX"),
    "a page that cannot be answered": (
        _body(_PAGE, input=_TOPUP, first=101),
        "BAD_USER_INPUT",
    ),
}
"""Bodies, with the code that each is refused with before anything of it runs."""


@pytest_asyncio.fixture(scope="module")
async def cleo(site: Site) -> Account:
    """Somebody whom the server remembers."""
    account = await site.guests.create()
    await account.api.run(VIEWER)
    return account


@pytest_asyncio.fixture(scope="module")
async def tight(
    databases: Databases, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A server in production on which a user may spend 100 a minute."""
    log = tmp_path_factory.mktemp("tight") / "log"
    limits: dict[str, str] = {"RATE_LIMITS": "on", "USER_COST_PER_MINUTE": "100"}
    async with open_site(databases, redis, log, **limits) as site:
        yield site


def lines_of(site: Site, request_id: str, *, before: int) -> list[dict[str, Any]]:
    """
    Return what was logged of a request after so many lines, by us or by a library.

    What a library logs may be without the request's id; a round of the ledger has none.
    """
    return [
        line
        for line in log_lines(site.server)[before:]
        if line.get("request_id") == request_id or not line["logger"].startswith("wallet.")
    ]


def actor_of(account: Account) -> str:
    """Return the id under which the log knows an account."""
    return str(find_id("User", account.user_id))


async def refuse(
    site: Site, body: object, *, token: str | None = None, method: str = "POST", query: str = ""
) -> tuple[httpx.Response, dict[str, Any]]:
    """
    Send what is refused; return the answer, and the one line that the log has of it.

    Asserts that nobody has logged another.
    """
    headers = {"Content-Type": "application/json", "X-Request-ID": uuid4().hex}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    before = len(log_lines(site.server))
    response = await site.api.client.request(
        method,
        f"{site.server.url}/graphql{query}",
        content=body if isinstance(body, bytes) else json_bytes(body),
        headers=headers,
    )
    request_id = response.headers["X-Request-ID"]
    line = await log_line(site.server, event="request", request_id=request_id)
    assert lines_of(site, request_id, before=before) == [line]
    assert MARKER not in str(line)
    assert (line["level"], line["status"]) == ("info", response.status_code)
    return response, line


def codes_of(response: httpx.Response) -> set[str]:
    """Return the codes of an answer's errors, of which there are a few at most."""
    errors = response.json()["errors"]
    assert 1 <= len(errors) <= ERRORS_MAX
    return {error["extensions"]["code"] for error in errors}


class TestRefusedRequest:
    """The line of a request that is refused."""

    @pytest.mark.parametrize("name", REFUSED)
    async def test_is_the_only_one(self, name: str, site: Site, cleo: Account) -> None:
        """It has the code and the actor, and nothing of what was sent."""
        body, code = REFUSED[name]

        response, line = await refuse(site, body, token=cleo.api.access_token)

        assert line["errors"] == [code]
        assert codes_of(response) == {code}
        assert line["actor"] == actor_of(cleo)

    @pytest.mark.parametrize("name", REFUSED)
    async def test_of_nobody(self, name: str, site: Site) -> None:
        """Who is not signed in is refused the same way, and the line has no actor."""
        body, code = REFUSED[name]

        _, line = await refuse(site, body)

        assert line["errors"] == [code]
        assert "actor" not in line

    @pytest.mark.parametrize(
        "token",
        [MARKER, f"wlt_{MARKER}", f"eyJ.{MARKER}.x"],
        ids=["none", "API key", "JWT"],
    )
    async def test_of_a_bad_token(self, token: str, site: Site) -> None:
        """A token that opens nothing is not logged, however many fields it was sent for."""
        for document in (VIEWER, f"{{ {_WALLETS} }}"):
            response, line = await refuse(site, _body(document), token=token)
            assert line["errors"] == ["UNAUTHENTICATED"]
            assert codes_of(response) == {"UNAUTHENTICATED"}
            assert "actor" not in line

    async def test_of_pages_of_pages(self, site: Site, cleo: Account) -> None:
        """Fields that fail one by one while it runs, a hundred of them, leave one line too."""
        pages = "".join(f"a{i}: operations(first: 1000) {{ totalCount }} " for i in range(40))

        response, line = await refuse(
            site,
            _body(f"query ($id: ID!) {{ wallet(id: $id) {{ {pages} }} }}", id=cleo.wallet_id),
            token=cleo.api.access_token,
        )

        assert line["errors"] == ["BAD_USER_INPUT"]
        assert codes_of(response) == {"BAD_USER_INPUT"}
        assert line["actor"] == actor_of(cleo)

    @pytest.mark.parametrize(
        ("method", "query"), [("GET", f"?query={VIEWER}&variables={MARKER}"), ("DELETE", "")]
    )
    async def test_of_a_method(self, method: str, query: str, site: Site, cleo: Account) -> None:
        """So does what was not sent on purpose, or by a method that means something else."""
        response, line = await refuse(
            site, _body(VIEWER), token=cleo.api.access_token, method=method, query=query
        )

        assert line["errors"] == ["BAD_REQUEST"]
        assert codes_of(response) == {"BAD_REQUEST"}
        assert line["actor"] == actor_of(cleo)

    async def test_of_the_throttle(self, tight: Site) -> None:
        """Who asks too much is refused with a line each time, which says who that is."""
        cleo = await tight.guests.create()
        await cleo.api.run(VIEWER)
        while (await cleo.api.send(_body("{"))).status_code != 429:
            pass

        for body in (_body(_WALLETS_OF_VIEWER), _body("{"), MARKER.encode()):
            response, line = await refuse(tight, body, token=cleo.api.access_token)
            assert (response.status_code, line["errors"]) == (429, ["RATE_LIMITED"])
            assert line["actor"] == actor_of(cleo)


class TestWhoGoesAway:
    """A client that is gone before it has said what it wants."""

    async def test_leaves_one_line(self, site: Site) -> None:
        """That is nobody's bug: no traceback, and a status of its own."""
        request_id, before = uuid4().hex, len(log_lines(site.server))
        _, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\nX-Request-ID: %b\r\n\r\n{"query"' % request_id.encode()
        )
        await writer.drain()
        writer.transport.abort()

        line = await log_line(site.server, event="request", request_id=request_id)
        # What the server itself would have said of it comes after the line.
        await refuse(site, _body("{"))

        assert (line["status"], line["level"]) == (CLIENT_GONE, "info")
        assert lines_of(site, request_id, before=before) == [line]
