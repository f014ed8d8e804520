"""
Values that break a rule: each gets its typed error with the path of its field, and changes nothing.

What is no GraphQL request at all is in test_bad_requests.
"""

import base64
import struct
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.api import (
    LOGIN,
    OPEN_WALLET,
    OPERATION,
    REFRESH,
    SIGNUP,
    STATEMENT,
    TOPUP,
    TRANSFER,
    WALLET,
    Account,
    Api,
)
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from wallet.core.ids import find_id, new_id, to_global_id, world_wallet_id

BIGINT_MAX = "92233720368547758.07"

NODE = "query Node($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
WALLETS = """
query Wallets($first: Int, $after: String, $last: Int, $before: String) {
    viewer { wallets(first: $first, after: $after, last: $last, before: $before) {
        totalCount edges { cursor node { id } } } } }
"""


class Money:
    """Sends top-ups and transfers of 1.00 EUR that are right in all but what a test changes."""

    def __init__(self, ada: Account, bob: Account) -> None:
        self.ada, self.bob = ada, bob

    async def topup(self, **changes: Any) -> httpx.Response:
        """Top up Ada's wallet."""
        return await self.send(TOPUP, walletId=self.ada.wallet_id, **changes)

    async def transfer(self, **changes: Any) -> httpx.Response:
        """Transfer from Ada to Bob."""
        sides = {"sourceWalletId": self.ada.wallet_id, "targetWalletId": self.bob.wallet_id}
        return await self.send(TRANSFER, **{**sides, **changes})

    async def send(self, document: str, **input_: Any) -> httpx.Response:
        """Send a mutation as Ada."""
        filled = {
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": uuid4().hex,
            **input_,
        }
        return await self.ada.api.send({"query": document, "variables": {"input": filled}})

    async def named(self, mutation: str, **changes: Any) -> httpx.Response:
        """Send one of the two."""
        send = {"topup": self.topup, "transfer": self.transfer}[mutation]
        return await send(**changes)


@pytest.fixture
def money(ada: Account, bob: Account) -> Money:
    """Ada's requests for money."""
    return Money(ada, bob)


both = pytest.mark.parametrize("mutation", ["topup", "transfer"])


class TestAmount:
    """MoneyInput.amount of topup and transfer."""

    @both
    @pytest.mark.parametrize(
        "amount",
        [
            "0", "0.00", "-1", "-0.01", "+1", "12.505", "1e3", "1E-2", "NaN", "nan", "Infinity",
            "-inf", "", " ", " 1", "1 ", "1\n", "1.", ".5", "1,00", "1_000", "0x10", "½", "١٢", "１",
            "𝟏", "1\x00", "\x00", "92233720368547758.08", "9" * 30, "1" * 10_000,
            "0." + "0" * 10_000 + "1",
        ],
        ids=lambda amount: ascii(amount)[1:20],
    )  # fmt: skip
    async def test_is_refused(
        self, mutation: str, amount: str, money: Money, observer: Observer
    ) -> None:
        """What is no positive amount of the currency is InvalidInput, and never rounded."""
        async with observer.nothing_changes():
            response = await money.named(mutation, amount={"amount": amount, "currency": "EUR"})

        assert refused(response) == ("InvalidInput", ["amount", "amount"])

    @both
    @pytest.mark.parametrize(
        ("amount", "currency"), [("12.5", "JPY"), ("0.1", "JPY"), ("1.2345", "KWD"), ("1.5", "ISK")]
    )
    async def test_has_no_more_decimals_than_its_currency(
        self, mutation: str, amount: str, currency: str, money: Money, observer: Observer
    ) -> None:
        """Yen have no decimals, dinars three; more are refused before anything else is looked at."""
        async with observer.nothing_changes():
            response = await money.named(mutation, amount={"amount": amount, "currency": currency})

        assert refused(response) == ("InvalidInput", ["amount", "amount"])

    @both
    @pytest.mark.parametrize("amount", [1, 1.5, True, None, [], ["1.00"], {}, {"amount": "1.00"}])
    async def test_is_a_string(
        self, mutation: str, amount: object, money: Money, observer: Observer
    ) -> None:
        """A JSON number is refused, even where it could be read: a float has lost digits by then."""
        async with observer.nothing_changes():
            response = await money.named(mutation, amount={"amount": amount, "currency": "EUR"})

        assert error_code(response) == "BAD_USER_INPUT"

    @pytest.mark.parametrize("literal", ["1", "1.50", "true", "EUR", "{}", "[1]", "9" * 5_000])
    async def test_is_a_string_literal(
        self, literal: str, ada: Account, observer: Observer
    ) -> None:
        """A number in the document itself is refused as well."""
        document = (
            f'mutation {{ topup(input: {{ walletId: "{ada.wallet_id}", idempotencyKey: "key", '
            f'amount: {{ amount: {literal}, currency: "EUR" }} }}) {{ __typename }} }}'
        )

        async with observer.nothing_changes():
            response = await ada.api.send({"query": document})

        assert error_code(response) in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}

    async def test_sum_beyond_bigint_is_on_record(self, api: Api, observer: Observer) -> None:
        """The top-up that a wallet cannot hold any more is LimitExceeded, and a FAILED operation."""
        cleo = await api.signup()
        await cleo.api.topup(cleo.wallet_id, BIGINT_MAX)

        answers = [
            await cleo.api.topup(cleo.wallet_id, "0.01", idempotencyKey="one cent") for _ in "12"
        ]

        assert {answer["code"] for answer in answers} == {"LIMIT_EXCEEDED"}
        assert answers[0]["failed"] == answers[1]["failed"]
        statement = await cleo.api.statement(cleo.wallet_id)
        newest, *older = statement["operations"]["edges"]
        assert newest["node"] == answers[0]["failed"]
        assert (newest["node"]["status"], newest["node"]["errorCode"]) == (
            "FAILED",
            "LIMIT_EXCEEDED",
        )
        assert (newest["amount"]["amount"], newest["balanceAfter"]["amount"]) == (
            "0.00",
            BIGINT_MAX,
        )
        assert len(older) == 2
        assert statement["balance"]["amount"] == BIGINT_MAX

    async def test_target_cannot_hold_it(self, api: Api) -> None:
        """A transfer into a wallet that is full moves nothing, and only the payer has it on record."""
        full, payer = await api.signup(), await api.signup()
        await full.api.topup(full.wallet_id, BIGINT_MAX)
        await payer.api.topup(payer.wallet_id, "1.00")

        answer = await payer.api.transfer(payer.wallet_id, full.wallet_id, "1.00")

        assert answer["__typename"] == "LimitExceeded"
        assert answer["failed"]["errorCode"] == "LIMIT_EXCEEDED"
        assert await payer.api.balance(payer.wallet_id) == "1.00"
        theirs = (await full.api.statement(full.wallet_id))["operations"]
        assert [edge["node"]["kind"] for edge in theirs["edges"]] == ["TOPUP", "SIGNUP"]


class TestCurrency:
    """Currency codes, wherever one is taken."""

    @pytest.mark.parametrize(
        "code", ["XXX", "XTS", "XAU", "eur", "EU", "EURO", "", "€", "BTC", "\x00", "E" * 10_000]
    )
    @pytest.mark.parametrize("mutation", ["topup", "transfer", "openWallet", "signup"])
    async def test_unknown_is_refused(
        self, mutation: str, code: str, money: Money, observer: Observer
    ) -> None:
        """What ISO 4217 does not know, or knows as no money, is InvalidInput."""
        api = money.ada.api
        async with observer.nothing_changes():
            match mutation:
                case "openWallet":
                    input_: dict[str, Any] = {"currency": code, "idempotencyKey": uuid4().hex}
                    response = await api.send(
                        {"query": OPEN_WALLET, "variables": {"input": input_}}
                    )
                case "signup":
                    input_ = {"email": f"{uuid4().hex}@example.com", "password": "p" * 12}
                    input_["currency"] = code
                    response = await api.send({"query": SIGNUP, "variables": {"input": input_}})
                case _:
                    amount = {"amount": "1", "currency": code}
                    response = await money.named(mutation, amount=amount)

        path = ["amount", "currency"] if mutation in {"topup", "transfer"} else ["currency"]
        assert refused(response) == ("InvalidInput", path)

    @both
    async def test_is_the_wallets(self, mutation: str, money: Money, observer: Observer) -> None:
        """Dollars do not go into a wallet of euros."""
        async with observer.nothing_changes():
            response = await money.named(mutation, amount={"amount": "1.00", "currency": "USD"})

        assert refused(response) == ("CurrencyMismatch", None)
        (answer,) = response.json()["data"].values()
        assert answer["expected"] == "EUR"


def bad_ids(ada: Account) -> dict[str, str]:
    """Return ids that are of no wallet that Ada can name as one side of her transfer."""
    own = find_id("Wallet", ada.wallet_id)
    assert own is not None
    return {
        "empty": "",
        "malformed": "x",
        "long": "A" * 10_000,
        "nul": "\x00",
        "not ascii": "é",
        "of another type": ada.user_id,
        "of another type with the wallet's uuid": to_global_id("Operation", own),
        "of no type": base64.urlsafe_b64encode(str(own).encode()).decode(),
        "type alone": base64.urlsafe_b64encode(b"Wallet:").decode().rstrip("="),
        "nobody's": to_global_id("Wallet", new_id()),
        "nil": to_global_id("Wallet", UUID(int=0)),
        "the world's": to_global_id("Wallet", world_wallet_id("EUR")),
        "plain uuid": str(own),
        "padded": ada.wallet_id + "=",
        "with a line end": ada.wallet_id + "\n",
        "in capitals": base64.urlsafe_b64encode(f"Wallet:{str(own).upper()}".encode())
        .decode()
        .rstrip("="),
        "number": "1",
    }


class TestIds:
    """Global ids: what is not a wallet of the right person is nobody's, and never an error."""

    @pytest.mark.parametrize(
        ("mutation", "field"),
        [
            ("topup", "walletId"),
            ("transfer", "sourceWalletId"),
            ("transfer", "targetWalletId"),
        ],
    )
    async def test_is_not_found(
        self, mutation: str, field: str, money: Money, observer: Observer
    ) -> None:
        """Malformed, of another type, of nobody: NotFound, with the path of the id."""
        ids = bad_ids(money.ada)
        if field != "targetWalletId":
            ids["somebody else's"] = money.bob.wallet_id
        async with observer.nothing_changes():
            answers = {
                name: refused(await money.named(mutation, **{field: id_}))
                for name, id_ in ids.items()
            }

        # Somebody else's source with one's own wallet as the target is no other question.
        assert answers == dict.fromkeys(ids, ("NotFound", [field]))

    @pytest.mark.parametrize("id_", [None, 1.5, True, {}, ["x", "y"]], ids=repr)
    async def test_is_text(self, id_: object, money: Money, observer: Observer) -> None:
        """What is no id at all is refused before any resolver runs."""
        async with observer.nothing_changes():
            response = await money.transfer(targetWalletId=id_)

        assert error_code(response) == "BAD_USER_INPUT"

    async def test_is_null_in_queries(self, ada: Account) -> None:
        """Queries answer null, without an error, as for what does not exist."""
        ids = bad_ids(ada)
        # These two name the viewer itself, which a node may be.
        for_nodes = {name: id_ for name, id_ in ids.items() if id_ != ada.user_id}

        wallets = {id_: await ada.api.post(WALLET, id=id_) for id_ in ids.values()}
        operations = {id_: await ada.api.post(OPERATION, id=id_) for id_ in ids.values()}
        single = {id_: await ada.api.post(NODE, id=id_) for id_ in for_nodes.values()}
        together = await ada.api.post(NODES, ids=list(for_nodes.values()))

        assert wallets == dict.fromkeys(ids.values(), {"data": {"wallet": None}})
        assert operations == dict.fromkeys(ids.values(), {"data": {"operation": None}})
        assert single == dict.fromkeys(for_nodes.values(), {"data": {"node": None}})
        assert together == {"data": {"nodes": [None] * len(for_nodes)}}

    async def test_same_wallet_on_both_sides(self, money: Money, observer: Observer) -> None:
        """Nobody pays a wallet out of itself."""
        async with observer.nothing_changes():
            response = await money.transfer(targetWalletId=money.ada.wallet_id)

        assert refused(response) == ("InvalidInput", ["targetWalletId"])

    async def test_too_many(self, ada: Account) -> None:
        """More than 100 ids at once are refused as a whole."""
        response = await ada.api.send({"query": NODES, "variables": {"ids": [ada.wallet_id] * 101}})

        assert error_code(response) == "BAD_USER_INPUT"


def cursor_of(list_id: UUID, position: int) -> str:
    """Write a cursor as the server would."""
    return base64.urlsafe_b64encode(struct.pack(">16sQ", list_id.bytes, position)).decode()


class TestPages:
    """first, last, after and before of both connections."""

    @staticmethod
    def uuid_of(global_id: str) -> UUID:
        """Read the UUID in a global id of whatever type."""
        padded = global_id + "=" * (-len(global_id) % 4)
        return UUID(base64.urlsafe_b64decode(padded).decode().partition(":")[2])

    @pytest.mark.parametrize("argument", ["after", "before"])
    @pytest.mark.parametrize("connection", ["operations", "wallets"])
    async def test_cursor_is_of_the_list(
        self, connection: str, argument: str, ada: Account, bob: Account
    ) -> None:
        """A cursor that the list never gave out is refused: malformed, negative, another list's."""
        wallet, user = self.uuid_of(ada.wallet_id), self.uuid_of(ada.user_id)
        own, other = (wallet, user) if connection == "operations" else (user, wallet)
        document, id_ = (STATEMENT, {"id": ada.wallet_id}) if own == wallet else (WALLETS, {})
        valid = cursor_of(own, 1)
        assert "errors" not in await ada.api.post(document, **id_, **{argument: valid})
        cursors = {
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
            "the type's other list": cursor_of(other, 1),
            "somebody else's": cursor_of(self.uuid_of(bob.wallet_id), 1),
            "an id": ada.wallet_id,
            "padded": valid + "=",
            "with a line end": valid + "\n",
        }

        codes = {
            name: error_code(
                await ada.api.send({"query": document, "variables": {**id_, argument: cursor}})
            )
            for name, cursor in cursors.items()
        }

        assert codes == dict.fromkeys(cursors, "BAD_USER_INPUT")

    @pytest.mark.parametrize("argument", ["after", "before"])
    @pytest.mark.parametrize("position", [2**31, 2**62, 2**63 - 1])
    async def test_cursor_far_beyond_the_end(
        self, position: int, argument: str, ada: Account
    ) -> None:
        """A cursor of the own wallet that no entry has reached is an empty page or none at all."""
        cursor = cursor_of(self.uuid_of(ada.wallet_id), position)
        variables = {"id": ada.wallet_id, argument: cursor}

        response = await ada.api.send({"query": STATEMENT, "variables": variables})

        if "errors" in response.json():
            assert error_code(response) == "BAD_USER_INPUT"
        else:
            operations = response.json()["data"]["wallet"]["operations"]
            assert len(operations["edges"]) == (0 if argument == "before" else 2)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"first": 1, "last": 1}, {"first": 0}, {"last": 0}, {"first": 101}, {"last": 101},
            {"first": -1}, {"last": -1}, {"first": 0, "last": None}, {"first": 2**31 - 1},
            {"first": 2**31}, {"first": 1.5}, {"first": "1"}, {"last": True}, {"first": []},
            {"after": 1}, {"before": True},
        ],
        ids=str,
    )  # fmt: skip
    async def test_length_is_1_to_100(self, arguments: dict[str, object], ada: Account) -> None:
        """Both connections take first or last, 1 to 100, and refuse anything else."""
        for document, id_ in ((STATEMENT, {"id": ada.wallet_id}), (WALLETS, {})):
            response = await ada.api.send({"query": document, "variables": {**id_, **arguments}})

            assert error_code(response) == "BAD_USER_INPUT"

    @pytest.mark.parametrize("digits", [10, 20, 5_000])
    async def test_length_is_no_huge_literal(self, digits: int, ada: Account) -> None:
        """A number in the document that fits no Int is refused, however long it is."""
        document = f"{{ viewer {{ wallets(first: {'9' * digits}) {{ totalCount }} }} }}"

        response = await ada.api.send({"query": document})

        assert error_code(response) in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


class TestFilter:
    """OperationFilter."""

    @pytest.mark.parametrize("end", ["from", "until"])
    @pytest.mark.parametrize(
        "instant",
        [
            "2026-01-01T00:00:00", "2026-01-01", "2026-01-01Z", "0000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
            "2026-01-01T25:00:00Z", "2026-01-01T00:00:00+25:00", "yesterday", "", "\x00",
            "2026-01-01T00:00:00Z\n", "2026-01-01T00:00:00\x00Z", "٢٠٢٦-01-01T00:00:00Z",
            "2" * 10_000, 0, 1767225600, 1.5, True, [], {},
        ],
        ids=lambda instant: ascii(instant)[:30],
    )  # fmt: skip
    async def test_instant_has_an_offset(self, instant: object, end: str, ada: Account) -> None:
        """What is no instant with an offset, between the years 1 and 9999, is refused."""
        variables = {"id": ada.wallet_id, "where": {end: instant}}

        response = await ada.api.send({"query": STATEMENT, "variables": variables})

        assert error_code(response) == "BAD_USER_INPUT"

    @pytest.mark.parametrize(
        "where",
        [
            {"kinds": ["PAYMENT"]}, {"kinds": ["topup"]}, {"kinds": [None]}, {"kinds": [1]},
            {"statuses": ["DONE"]}, {"statuses": "\x00"}, {"until": "x"}, {"since": "2026"}, [], 1,
            "TOPUP",
        ],
        ids=str,
    )  # fmt: skip
    async def test_unknown_is_refused(self, where: object, ada: Account) -> None:
        """Kinds, statuses and conditions that there are not are refused."""
        variables = {"id": ada.wallet_id, "where": where}

        response = await ada.api.send({"query": STATEMENT, "variables": variables})

        assert error_code(response) == "BAD_USER_INPUT"

    @pytest.mark.parametrize(
        "instant",
        ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00-12:00"],
    )
    async def test_ends_of_time_are_instants(self, instant: str, ada: Account) -> None:
        """The first and the last instant that can be written are taken."""
        statement = await ada.api.statement(ada.wallet_id, where={"from": instant})
        until = await ada.api.statement(ada.wallet_id, where={"until": instant})

        found = statement["operations"]["totalCount"], until["operations"]["totalCount"]
        assert sum(found) == 2


def nested(depth: int, *, inner: object = 1) -> object:
    """Return an object in an object in an object."""
    return inner if depth == 0 else {"a": nested(depth - 1, inner=inner)}


def nested_lists(depth: int) -> object:
    """Return a list in a list in a list."""
    return [] if depth == 1 else [nested_lists(depth - 1)]


class TestMetadata:
    """metadata of topup and transfer."""

    @both
    @pytest.mark.parametrize(
        "metadata",
        [
            {"a": "x" * (8 * 1024 - 7)},
            "x" * (8 * 1024 - 1),
            ["é" * (4 * 1024)],
            {"é" * (4 * 1024): 1},
            nested(9),
            nested(200),
            nested_lists(9),
            {"a": [nested(7)]},
            "\x00",
            {"a": "b\x00"},
            {"\x00": 1},
            [[["\x00"]]],
            nested(8, inner="\x00"),
            2**63,
            2**64,
            10**30,
            -(2**63) - 1,
            {"a": [10**25]},
            int("9" * 300),
        ],
        ids=lambda metadata: str(metadata)[:20].replace("\x00", "NUL"),
    )
    async def test_is_refused(
        self, mutation: str, metadata: object, money: Money, observer: Observer
    ) -> None:
        """Over 8 KiB, over 8 levels, NUL, whole numbers of more than 64 bits: InvalidInput."""
        async with observer.nothing_changes():
            response = await money.named(mutation, metadata=metadata)

        assert refused(response) == ("InvalidInput", ["metadata"])

    @pytest.mark.parametrize(
        "literal",
        [
            '"\\u0000"', '{ a: "\\u0000" }', '{ a: ["\\u{0}"] }', "1e999", "-1e999", "9" * 25,
            "9" * 5_000, "{ a: " * 9 + "1" + "}" * 9, "[" * 150 + "]" * 150,
        ],
        ids=lambda literal: literal[:20],
    )  # fmt: skip
    async def test_literal_is_refused(self, literal: str, ada: Account, observer: Observer) -> None:
        """The rules hold for values that are written into the document, too."""
        document = (
            f'mutation {{ topup(input: {{ walletId: "{ada.wallet_id}", idempotencyKey: "key", '
            f'amount: {{ amount: "1", currency: "EUR" }}, metadata: {literal} }}) '
            "{ __typename ... on Error { code message } ... on InvalidInput { field } } }"
        )

        async with observer.nothing_changes():
            response = await ada.api.send({"query": document})

        assert refused(response) == ("InvalidInput", ["metadata"])

    @pytest.mark.parametrize(
        "metadata",
        [
            {"a": "x" * (8 * 1024 - 8)}, nested(8), nested_lists(8), 2**63 - 1, -(2**63), 0, -1.5,
            1e308, 5e-324, 0.1, True, False, "", [], {}, {"": None}, {"b": 1, "a": [None, "é", "😀"]},
            "\u2028\ufffe", "NaN", {"__proto__": 1},
        ],
        ids=lambda metadata: str(metadata)[:20],
    )  # fmt: skip
    async def test_comes_back_as_it_was_sent(
        self, metadata: object, api: Api, ada: Account
    ) -> None:
        """What is taken is the same in the answer, in a replay, and read from the database."""
        # A transfer that fails writes it down all the same, and moves nothing.
        input_ = {
            "sourceWalletId": ada.wallet_id,
            "targetWalletId": ada.wallet_id,
            "amount": {"amount": "1000000.00", "currency": "EUR"},
            "idempotencyKey": uuid4().hex,
            "metadata": metadata,
        }
        payee = await ada.api.open_wallet(idempotencyKey="of test_comes_back_as_it_was_sent")
        input_["targetWalletId"] = payee["wallet"]["id"]

        answers = [await ada.api.run(TRANSFER, input=input_) for _ in "12"]

        found = await ada.api.run(OPERATION, id=answers[0]["failed"]["id"])
        seen = [answers[0]["failed"], answers[1]["failed"], found]
        assert [operation["metadata"] for operation in seen] == [metadata] * 3
        assert {type(operation["metadata"]) for operation in seen} == {type(metadata)}
