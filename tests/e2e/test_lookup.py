"""lookup, over HTTP: operators read anybody's things, and the log says so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.test_bad_pages import uuid_of
from tests.support.api import (
    LOOK_UP_OPERATION,
    LOOK_UP_USER,
    LOOK_UP_WALLET,
    STATEMENT,
    Account,
    Api,
)
from tests.support.guests import Guests
from tests.support.logs import log_lines
from tests.support.observer import Observer
from tests.support.refusals import error_code
from tests.support.servers import ApiServer
from wallet.core.ids import new_id, to_global_id, world_wallet_id
from wallet.development import RedisServer

NOBODYS = "nobody's id"


@pytest.fixture(scope="module")
def logging_server(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A server whose log is read by programs."""
    with ApiServer(
        database_url=database_url,
        redis_url=redis.url,
        log=tmp_path_factory.mktemp("lookup") / "log",
        environment={"ENVIRONMENT": "production"},
    ) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def operator(guests: Guests) -> Account:
    """Somebody who looks things up."""
    return await guests.create(role="OPERATOR")


@pytest_asyncio.fixture(scope="module")
async def owner(guests: Guests) -> Account:
    """Somebody with 10.00 EUR."""
    return await guests.create(balance="10.00")


@pytest_asyncio.fixture(scope="module")
async def other(guests: Guests) -> Account:
    """Whom the owner has paid."""
    return await guests.create()


@pytest_asyncio.fixture(scope="module")
async def paid(owner: Account, other: Account) -> str:
    """The operation of that payment."""
    answer = await owner.api.transfer(
        owner.wallet_id, other.wallet_id, "2.50", description="the rent"
    )
    await owner.api.transfer(
        owner.wallet_id,
        other.wallet_id,
        "1.00",
        scheduledFor=(datetime.now(UTC) + timedelta(days=1)).isoformat(),
    )
    return str(answer["done"]["id"])


class Looks:
    """An operator's look-ups at a server, and what its log says of them."""

    def __init__(self, api: Api, server: ApiServer) -> None:
        self._api = api.at(server.url)
        self._server = server
        self._seen = 0

    async def up(self, document: str, **variables: Any) -> Any:
        """Send a look-up; return what is below it."""
        answer = await self._api.run(document, now=datetime.now(UTC).isoformat(), **variables)
        (found,) = answer.values()
        return found

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines of looks since the last time; they were written before the answer."""
        looks = [line for line in log_lines(self._server) if line["event"] == "operator look"]
        new, self._seen = looks[self._seen :], len(looks)
        return new


@pytest.fixture
def looks(operator: Account, logging_server: ApiServer) -> Looks:
    """The operator's look-ups."""
    looks = Looks(operator.api, logging_server)
    looks.logged()
    return looks


def said(lines: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """Return what of each line differs between looks."""
    return [(line["what"], line["id"], line["found"]) for line in lines]


class TestUser:
    """lookup.user."""

    async def test_by_id_and_by_email(
        self, looks: Looks, owner: Account, paid: str, observer: Observer
    ) -> None:
        """The address, its wallets with their statements; each of them is a look of its own."""
        async with observer.nothing_changes():
            found = [
                await looks.up(LOOK_UP_USER, id=owner.user_id),
                await looks.up(LOOK_UP_USER, email=owner.email.upper()),
            ]

        assert found[0] == found[1]
        assert (found[0]["id"], found[0]["email"]) == (owner.user_id, owner.email)
        assert found[0]["createdAt"]
        (edge,) = found[0]["wallets"]["edges"]
        assert edge["node"]["id"] == owner.wallet_id
        assert edge["node"]["operations"]["edges"][0]["node"]["id"] == paid
        user, wallet = str(uuid_of(owner.user_id)), str(uuid_of(owner.wallet_id))
        assert (
            said(looks.logged())
            == [
                ("user", user, True),
                ("wallet", wallet, True),
                ("statement", wallet, True),
            ]
            * 2
        )

    async def test_nobody(self, looks: Looks, owner: Account) -> None:
        """What is not found is null, and a look all the same."""
        missing = new_id()
        ids = [to_global_id("User", missing), owner.wallet_id, NOBODYS, "x" * 1_000]
        emails = ["nobody@example.com", "no address", "a\x00@example.com", ""]

        found = [
            *[await looks.up(LOOK_UP_USER, id=id_) for id_ in ids],
            *[await looks.up(LOOK_UP_USER, email=email) for email in emails],
        ]

        assert found == [None] * 8
        assert said(looks.logged()) == [
            ("user", str(missing), False),
            ("user", owner.wallet_id, False),
            ("user", NOBODYS, False),
            ("user", "x" * 254, False),
            *(("user", email, False) for email in emails),
        ]

    async def test_by_one_of_them(self, operator: Account, owner: Account, looks: Looks) -> None:
        """Neither, or both, is no question."""
        now = datetime.now(UTC).isoformat()
        for variables in ({}, {"id": owner.user_id, "email": owner.email}, {"id": None}):
            answer = await operator.api.send(
                {"query": LOOK_UP_USER, "variables": {"now": now, **variables}}
            )

            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert looks.logged() == []


class TestWallet:
    """lookup.wallet."""

    async def test_statement_with_whole_addresses(
        self, looks: Looks, owner: Account, other: Account, operator: Account, paid: str
    ) -> None:
        """All that its owner reads, and who is on the other side."""
        await operator.api.set_limits(owner.wallet_id, outflow24hMax="50.00")

        wallet = await looks.up(LOOK_UP_WALLET, id=owner.wallet_id, first=1)

        assert (wallet["ownerId"], wallet["balance"]["amount"]) == (owner.user_id, "7.50")
        assert wallet["balanceAt"]["amount"] == "7.50"
        assert wallet["limits"]["outflow24hLeft"]["amount"] == "47.50"
        (edge,) = wallet["operations"]["edges"]
        assert (edge["node"]["id"], edge["node"]["description"]) == (paid, "the rent")
        (scheduled,) = wallet["scheduledTransfers"]
        for operation in (edge["node"], scheduled):
            assert operation["source"]["holder"] == owner.email
            assert operation["target"]["holder"] == other.email

    async def test_is_logged(
        self, looks: Looks, owner: Account, operator: Account, paid: str
    ) -> None:
        """Who looked at what, on a line of the request, at level info."""
        await looks.up(LOOK_UP_WALLET, id=owner.wallet_id)

        lines = looks.logged()

        id_ = str(uuid_of(owner.wallet_id))
        assert said(lines) == [("wallet", id_, True), ("statement", id_, True)]
        for line in lines:
            assert line["actor_id"] == str(uuid_of(operator.user_id))
            assert line["level"] == "info"
            assert line["request_id"]

    async def test_nobodys(self, looks: Looks) -> None:
        """A wallet that is not there, and those of the system, are null."""
        missing, system = new_id(), world_wallet_id("EUR")
        ids = [to_global_id("Wallet", missing), to_global_id("Wallet", system), NOBODYS]

        found = [await looks.up(LOOK_UP_WALLET, id=id_) for id_ in ids]

        assert found == [None] * 3
        assert said(looks.logged()) == [
            ("wallet", str(missing), False),
            ("wallet", str(system), False),
            ("wallet", NOBODYS, False),
        ]

    async def test_by_no_other_way(
        self, operator: Account, owner: Account, paid: str, looks: Looks
    ) -> None:
        """The queries of owners answer operators what they answer anybody."""
        wallet = await operator.api.run(STATEMENT, id=owner.wallet_id)
        operation = await operator.api.operation(paid)

        assert (wallet, operation) == (None, None)
        assert looks.logged() == []

    async def test_costs_what_reading_costs(
        self, operator: Account, owner: Account, looks: Looks
    ) -> None:
        """A request reads no more for being an operator's."""
        pages = " ".join(
            f'w{number}: wallet(id: "{owner.wallet_id}") {{ ...Page }}' for number in range(48)
        )
        page = "fragment Page on Wallet { operations(first: 100) { edges { node { id } } } }"

        answer = await operator.api.send({"query": f"{{ lookup {{ {pages} }} }} {page}"})

        codes = {error["extensions"]["code"] for error in answer.json()["errors"]}
        assert codes == {"QUERY_TOO_COMPLEX"}


class TestOperation:
    """lookup.operation."""

    async def test_of_anybody(
        self, looks: Looks, owner: Account, other: Account, paid: str
    ) -> None:
        """With both sides' addresses."""
        found = await looks.up(LOOK_UP_OPERATION, id=paid)

        assert (found["id"], found["description"]) == (paid, "the rent")
        assert found["source"]["holder"] == owner.email
        assert found["target"]["holder"] == other.email
        assert said(looks.logged()) == [("operation", str(uuid_of(paid)), True)]

    async def test_nobodys(self, looks: Looks, owner: Account) -> None:
        """Null, and a look all the same."""
        missing = new_id()

        found = [
            await looks.up(LOOK_UP_OPERATION, id=id_)
            for id_ in (to_global_id("Operation", missing), owner.wallet_id)
        ]

        assert found == [None] * 2
        assert said(looks.logged()) == [
            ("operation", str(missing), False),
            ("operation", owner.wallet_id, False),
        ]


class TestOthers:
    """Whoever is no operator."""

    async def test_is_not_logged_as_a_look(
        self, owner: Account, other: Account, logging_server: ApiServer, looks: Looks
    ) -> None:
        """Nothing was looked at."""
        answer = await other.api.at(logging_server.url).send(
            {"query": LOOK_UP_OPERATION, "variables": {"id": owner.wallet_id}}
        )

        assert error_code(answer) == "FORBIDDEN"
        assert looks.logged() == []
