"""Texts and metadata in a mutation that break a rule: InvalidInput, with the path of the field."""

import json
from collections.abc import Mapping
from uuid import uuid4

import pytest

from tests.support.api import OPERATION, Account
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from tests.support.sender import Sender


class TestTexts:
    """Keys, labels, descriptions, addresses and passwords."""

    @pytest.mark.parametrize(
        ("mutation", "field", "texts"),
        [
            ("topup", "idempotencyKey", ["", "k" * 256, "😀" * 256, "a\x00", "k" * 100_000]),
            ("transfer", "idempotencyKey", ["", "k" * 256, "a\x00"]),
            ("openWallet", "idempotencyKey", ["", "k" * 256, "a\x00"]),
            ("openWallet", "label", ["l" * 101, "😀" * 101, "\x00", "a\x00b"]),
            ("topup", "description", ["d" * 501, "\x00", "a\x00b"]),
            ("transfer", "description", ["d" * 501, "\x00", "a\x00b"]),
            ("signup", "password", ["", "p" * 11, "😀" * 11, "p" * 129, "\x00" * 12, "p" * 99_999]),
            ("signup", "email", ["\x00", "a\x00@example.com", "a@example.com\x00"]),
        ],
    )
    async def test_is_refused(
        self, mutation: str, field: str, texts: list[str], sender: Sender, observer: Observer
    ) -> None:
        """Too short, too long, or with NUL: InvalidInput, with the path of the text."""
        async with observer.nothing_changes():
            answers = [refused(await sender.send(mutation, **{field: text})) for text in texts]

        assert answers == [("InvalidInput", [field])] * len(texts)

    @pytest.mark.parametrize(
        ("mutation", "field", "kind"),
        [
            ("login", "email", "InvalidCredentials"),
            ("login", "password", "InvalidCredentials"),
            ("refreshSession", "refreshToken", "SessionExpired"),
        ],
    )
    async def test_opens_no_session(
        self, mutation: str, field: str, kind: str, sender: Sender, observer: Observer
    ) -> None:
        """What nobody can have as an address, password or token is simply the wrong one."""
        async with observer.nothing_changes():
            answers = [
                refused(await sender.send(mutation, **{field: text}))
                for text in ("", "a\x00", "x" * 10_000)
            ]

        assert answers == [(kind, None)] * 3

    @pytest.mark.parametrize(
        ("mutation", "change"),
        [
            ("signup", {"email": "\ud800@example.com"}),
            ("signup", {"password": "\udfff" * 12}),
            ("signup", {"currency": "\ud800"}),
            ("login", {"email": "\ud800"}),
            ("login", {"password": "\ud800"}),
            ("refreshSession", {"refreshToken": "\ud800"}),
            ("openWallet", {"label": "a\ud800b"}),
            ("openWallet", {"idempotencyKey": "\ud83d"}),
            ("topup", {"walletId": "\ud800"}),
            ("transfer", {"description": "\udc00\ud800"}),
            ("transfer", {"metadata": {"a": ["\ud800"]}}),
            ("transfer", {"metadata": {"\udc00": 1}}),
            ("transfer", {"amount": {"amount": "\ud800", "currency": "EUR"}}),
        ],
    )
    async def test_lone_surrogate_is_no_json(
        self, mutation: str, change: Mapping[str, object], sender: Sender, observer: Observer
    ) -> None:
        """Half a character, as a JSON escape, is refused before anything is done."""
        async with observer.nothing_changes():
            response = await sender.send(mutation, **change)

        assert error_code(response) == "BAD_REQUEST"

    async def test_lone_surrogate_is_no_literal(self, ada: Account, observer: Observer) -> None:
        """Half a character, as an escape in the document, is refused by the parser."""
        document = """mutation { topup(input: { walletId: "%s", idempotencyKey: "key",
            amount: { amount: "1", currency: "EUR" }, %s }) { __typename } }"""
        notes = [
            *(
                'description: "\\ud800"',
                'description: "\\udc00\\ud800"',
                'description: "\\u{d800}"',
            ),
            *('description: "\\u{110000}"', 'metadata: "\\ud83d"', 'metadata: { a: ["\\udfff"] }'),
        ]
        async with observer.nothing_changes():
            codes = [
                error_code(await ada.api.send({"query": document % (ada.wallet_id, note)}))
                for note in notes
            ]

        assert codes == ["GRAPHQL_PARSE_FAILED"] * len(notes)


def nested(depth: int, inner: object = 1) -> object:
    """Return an object in an object in an object."""
    return inner if depth == 0 else {"a": nested(depth - 1, inner)}


def as_json(value: object) -> str:
    """Write a value as JSON, keys in order, whole numbers without a fraction."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)  # type: ignore[call-overload]


def nested_lists(depth: int) -> object:
    """Return a list in a list in a list."""
    return [] if depth == 1 else [nested_lists(depth - 1)]


class TestMetadata:
    """metadata of topup and transfer."""

    @pytest.mark.parametrize("mutation", ["topup", "transfer"])
    @pytest.mark.parametrize(
        "values",
        [
            pytest.param(
                [{"a": "x" * 8_185}, "x" * 8_191, ["é" * 4_096], {"é" * 4_096: 1}, "x" * 100_000],
                id="over 8 KiB",
            ),
            pytest.param(
                [nested(9), nested(200), nested_lists(9), {"a": [nested(7)]}], id="over 8 deep"
            ),
            pytest.param(["\x00", {"a": "b\x00"}, {"\x00": 1}, [[["\x00"]]]], id="NUL"),
            pytest.param(
                [2**63, 2**64, 10**30, -(2**63) - 1, {"a": [10**25]}, int("9" * 300), 1e300],
                id="huge number",
            ),
        ],
    )
    async def test_is_refused(
        self, mutation: str, values: list[object], sender: Sender, observer: Observer
    ) -> None:
        """What cannot be stored, or would come back as something else, is InvalidInput."""
        async with observer.nothing_changes():
            answers = [refused(await sender.send(mutation, metadata=value)) for value in values]

        assert answers == [("InvalidInput", ["metadata"])] * len(values)

    async def test_literal_is_refused(self, ada: Account, observer: Observer) -> None:
        """The rules hold for values that are written into the document, too."""
        document = """mutation { topup(input: { walletId: "%s", idempotencyKey: "key",
            amount: { amount: "1", currency: "EUR" }, metadata: %s }) {
            __typename ... on Error { code message } ... on InvalidInput { field } } }"""
        literals = [
            *('"\\u0000"', '{ a: "\\u0000" }', '{ a: ["\\u{0}"] }', "1e999", "-1e999", "9" * 25),
            *("{ a: " * 9 + "1" + "}" * 9, "[" * 150 + "]" * 150),
        ]
        async with observer.nothing_changes():
            answers = [
                refused(await ada.api.send({"query": document % (ada.wallet_id, literal)}))
                for literal in literals
            ]
            long = await ada.api.send({"query": document % (ada.wallet_id, "9" * 5_000)})

        assert answers == [("InvalidInput", ["metadata"])] * len(literals)
        assert error_code(long) == "QUERY_TOO_COMPLEX"

    async def test_comes_back_as_it_was_sent(self, sender: Sender) -> None:
        """What is taken is the same in the answer, in a replay, and read from the database."""
        values: list[object] = [
            *({"a": "x" * 8_184}, nested(8), nested_lists(8), 2**63 - 1, -(2**63), 0, -1.5, 1e9),
            *(5e-324, 0.1, 1.0, True, False, "", [], {}, {"": None}, "\u2028\ufffe", "NaN"),
            *({"b": 1, "a": [None, "é", "😀"]}, {"__proto__": "x"}, 2**53 + 1),
        ]
        # A transfer that fails writes it down all the same, and moves nothing.
        amount = {"amount": "1000000.00", "currency": "EUR"}
        seen = []
        for value in values:
            key = uuid4().hex
            answers = [
                (
                    await sender.send("transfer", metadata=value, amount=amount, idempotencyKey=key)
                ).json()["data"]["transfer"]["failed"]
                for _ in "12"
            ]
            found = await sender.ada.api.run(OPERATION, id=answers[0]["id"])
            seen.append([operation["metadata"] for operation in (*answers, found)])

        # As JSON, 1 is not true; whether it is 1 or 1.0 is no matter.
        assert [[as_json(value) for value in three] for three in seen] == [
            [as_json(value)] * 3 for value in values
        ]
