"""Arguments of connections that break a rule: a GraphQL error with a code, and no page."""

import base64
import struct
from collections.abc import Mapping
from uuid import UUID

import pytest

from tests.support.api import STATEMENT, Account
from tests.support.refusals import error_code, json_bytes

WALLETS = """
query Wallets($first: Int, $after: String, $last: Int, $before: String) {
    viewer { wallets(first: $first, after: $after, last: $last, before: $before) {
        totalCount edges { cursor node { id } } } } }
"""
NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"

connections = pytest.mark.parametrize("connection", ["operations", "wallets"])


async def ask(account: Account, connection: str, **arguments: object) -> str:
    """Ask for a page with *arguments*; return the code of the error."""
    document = {"operations": STATEMENT, "wallets": WALLETS}[connection]
    given = {"id": account.wallet_id} if connection == "operations" else {}
    return error_code(
        await account.api.send({"query": document, "variables": {**given, **arguments}})
    )


def uuid_of(global_id: str) -> UUID:
    """Read the UUID in a global id of whatever type."""
    padded = global_id + "=" * (-len(global_id) % 4)
    return UUID(base64.urlsafe_b64decode(padded).decode().partition(":")[2])


def cursor_of(list_id: UUID, position: int) -> str:
    """Write a cursor as the server does."""
    return base64.urlsafe_b64encode(struct.pack(">16sQ", list_id.bytes, position)).decode()


class TestCursor:
    """after and before."""

    @connections
    @pytest.mark.parametrize("argument", ["after", "before"])
    async def test_is_of_the_list(
        self, connection: str, argument: str, ada: Account, bob: Account
    ) -> None:
        """A cursor that this list never gave out is refused, whoever it was made for."""
        wallet, user = uuid_of(ada.wallet_id), uuid_of(ada.user_id)
        own, other = (wallet, user) if connection == "operations" else (user, wallet)
        valid = cursor_of(own, 1)
        cursors: dict[str, object] = {
            "empty": "",
            "malformed": "x",
            "nul": "\x00",
            "not ascii": "é",
            "long": "A" * 10_000,
            "short": valid[:-4],
            "plain number": "1",
            "negative number": "-1",
            "zero": cursor_of(own, 0),
            "negative": base64.urlsafe_b64encode(struct.pack(">16sq", own.bytes, -1)).decode(),
            "beyond bigint": cursor_of(own, 2**63),
            "of the other list": cursor_of(other, 1),
            "of somebody else's wallet": cursor_of(uuid_of(bob.wallet_id), 1),
            "of somebody else": cursor_of(uuid_of(bob.user_id), 1),
            "an id": ada.wallet_id,
            "padded": valid + "=",
            "with a line end": valid + "\n",
            "a number": 1,
            "a list": [valid],
        }

        codes = {
            name: await ask(ada, connection, **{argument: cursor})
            for name, cursor in cursors.items()
        }

        assert codes == dict.fromkeys(cursors, "BAD_USER_INPUT")

    async def test_lone_surrogate_is_no_json(self, ada: Account) -> None:
        """Half a character, as a JSON escape in a cursor or an id, is refused with the body."""
        variables: list[dict[str, object]] = [
            {"id": ada.wallet_id, "after": "\ud800"},
            {"id": "\udfff"},
        ]

        codes = [
            error_code(
                await ada.api.send_bytes(json_bytes({"query": STATEMENT, "variables": each}))
            )
            for each in variables
        ]

        assert codes == ["BAD_REQUEST"] * 2

    async def test_of_the_list_is_taken(self, ada: Account) -> None:
        """The cursors of the refusals above are made as the server makes its own."""
        statement = await ada.api.statement(ada.wallet_id)

        assert [edge["cursor"] for edge in statement["operations"]["edges"]] == [
            cursor_of(uuid_of(ada.wallet_id), 2),
            cursor_of(uuid_of(ada.wallet_id), 1),
        ]

    @pytest.mark.parametrize("argument", ["after", "before"])
    @pytest.mark.parametrize("position", [3, 2**31, 2**62, 2**63 - 1])
    async def test_beyond_the_end(self, position: int, argument: str, ada: Account) -> None:
        """A position that the list has not reached, however far, is a refusal or a plain page."""
        cursor = cursor_of(uuid_of(ada.wallet_id), position)
        variables = {"id": ada.wallet_id, argument: cursor}

        response = await ada.api.send({"query": STATEMENT, "variables": variables})

        if "errors" in response.json():
            assert error_code(response) == "BAD_USER_INPUT"
        else:
            page = response.json()["data"]["wallet"]["operations"]
            assert len(page["edges"]) == (0 if argument == "before" else 2)
            assert page["pageInfo"]["hasNextPage"] == (argument == "before")
            assert not page["pageInfo"]["hasPreviousPage"]


class TestLength:
    """first and last, and how many ids."""

    @connections
    async def test_is_1_to_100(self, connection: str, ada: Account) -> None:
        """Either first or last, 1 to 100; anything else is refused."""
        pages: list[Mapping[str, object]] = [
            *({"first": 1, "last": 1}, {"first": 0}, {"last": 0}, {"first": 101}, {"last": 101}),
            *({"first": -1}, {"last": -1}, {"first": 0, "last": None}, {"first": 2**31 - 1}),
            *({"first": 2**31}, {"last": -(2**63)}, {"first": 10**40}, {"first": 1.5}),
            *({"first": "1"}, {"last": True}, {"first": [2, 3]}, {"last": {}}),
        ]

        codes = [await ask(ada, connection, **page) for page in pages]

        assert codes == ["BAD_USER_INPUT"] * len(pages)

    @pytest.mark.parametrize("digits", [10, 20, 5_000])
    async def test_is_no_huge_literal(self, digits: int, ada: Account) -> None:
        """A number in the document that fits no Int is refused, however long it is."""
        document = f"{{ viewer {{ wallets(first: {'9' * digits}) {{ totalCount }} }} }}"

        response = await ada.api.send({"query": document})

        codes = {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COMPLEX"}
        assert error_code(response) in codes

    async def test_of_ids_is_at_most_100(self, ada: Account) -> None:
        """More than 100 ids at once are refused as a whole."""
        body = {"query": NODES, "variables": {"ids": [ada.wallet_id] * 101}}

        assert error_code(await ada.api.send(body)) == "BAD_USER_INPUT"


class TestFilter:
    """OperationFilter."""

    @pytest.mark.parametrize("end", ["from", "until"])
    async def test_instant_has_an_offset(self, end: str, ada: Account) -> None:
        """What is no instant with an offset, between the years 1 and 9999, is refused."""
        instants: list[object] = [
            *("2026-01-01T00:00:00", "2026-01-01", "2026-01-01Z", "yesterday", "", "\x00", "now()"),
            *("0000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "infinity", "2" * 10_000),
            *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z"),
            *("2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00Z\n", " 2026-01-01T00:00:00Z"),
            *("2026-01-01T00:00:00\x00Z", "2026-01-01x00:00:00Z", "2026-01-01\x0000:00:00Z"),
            *("٢٠٢٦-01-01T00:00:00Z", 0, 1767225600, 1.5, True, [], {}),
        ]

        codes = {
            ascii(instant)[:40]: await ask(ada, "operations", where={end: instant})
            for instant in instants
        }

        assert codes == dict.fromkeys(codes, "BAD_USER_INPUT")
        assert len(codes) == len(instants)

    async def test_unknown_is_refused(self, ada: Account) -> None:
        """Kinds, statuses and conditions that there are not are refused."""
        filters: list[object] = [
            *({"kinds": ["PAYMENT"]}, {"kinds": ["topup"]}, {"kinds": [None]}, {"kinds": [1]}),
            *({"statuses": ["DONE"]}, {"statuses": "\x00"}, {"since": "2026-01-01T00:00:00Z"}),
            *([], 1, "TOPUP"),
        ]

        codes = [await ask(ada, "operations", where=where) for where in filters]

        assert codes == ["BAD_USER_INPUT"] * len(filters)

    @pytest.mark.parametrize(
        "instant",
        [
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
            "2026-01-01T00:00:00-12:00",
            "2026-01-01T00:00:00.5+05:30",
        ],
    )
    async def test_ends_of_time_are_instants(self, instant: str, ada: Account) -> None:
        """The first and the last instant that can be written are taken."""
        since = await ada.api.statement(ada.wallet_id, where={"from": instant})
        until = await ada.api.statement(ada.wallet_id, where={"until": instant})

        counts = since["operations"]["totalCount"], until["operations"]["totalCount"]
        assert sum(counts) == 2
