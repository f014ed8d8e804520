"""
Values in a mutation that break a rule: each gets its typed error with the path of its field.

Texts and metadata are in test_bad_texts, arguments of queries in test_bad_pages, what is no
request at all in test_bad_requests.
"""

import base64
from uuid import UUID

import pytest

from tests.support.api import OPERATION, WALLET, Account
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from tests.support.sender import Sender
from wallet.core.ids import find_id, new_id, to_global_id, world_wallet_id

BIGINT_MAX = "92233720368547758.07"

NODE = "query Node($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


both = pytest.mark.parametrize("mutation", ["topup", "transfer"])


class TestAmount:
    """MoneyInput.amount of topup and transfer."""

    @both
    async def test_is_a_positive_decimal(
        self, mutation: str, sender: Sender, observer: Observer
    ) -> None:
        """What is no positive amount of the currency is InvalidInput, and never rounded."""
        amounts = [
            *("0", "0.00", "-1", "-0.01", "+1", "12.505", "1e3", "1E-2", "NaN", "nan", "Infinity"),
            *("", " ", " 1", "1 ", "1\n", "1.", ".5", "1,00", "1_000", "0x10", "½", "١٢", "\uff11"),
            *("1\x00", "\x00", "92233720368547758.08", "9" * 30, "1" * 10_000, "0." + "0" * 9_999),
        ]
        async with observer.nothing_changes():
            answers = {
                amount: refused(
                    await sender.send(mutation, amount={"amount": amount, "currency": "EUR"})
                )
                for amount in amounts
            }

        assert answers == dict.fromkeys(amounts, ("InvalidInput", ["amount", "amount"]))

    @both
    async def test_has_no_more_decimals_than_its_currency(
        self, mutation: str, sender: Sender, observer: Observer
    ) -> None:
        """Yen have no decimals, dinars three, and a zero too much is too much."""
        amounts = [("12.5", "JPY"), ("1.0", "JPY"), ("1.2345", "KWD"), ("1.000", "EUR")]
        async with observer.nothing_changes():
            answers = [
                refused(await sender.send(mutation, amount={"amount": amount, "currency": code}))
                for amount, code in amounts
            ]

        assert answers == [("InvalidInput", ["amount", "amount"])] * len(amounts)

    @both
    async def test_is_a_string(self, mutation: str, sender: Sender, observer: Observer) -> None:
        """A JSON number is refused, even where it could be read: a float has lost digits."""
        amounts: list[object] = [1, 1.5, True, None, [], ["1.00"], {}, {"amount": "1.00"}]
        async with observer.nothing_changes():
            codes = [
                error_code(
                    await sender.send(mutation, amount={"amount": amount, "currency": "EUR"})
                )
                for amount in amounts
            ]

        assert codes == ["BAD_USER_INPUT"] * len(amounts)

    async def test_is_a_string_literal(self, ada: Account, observer: Observer) -> None:
        """A number in the document itself is refused as well."""
        document = """mutation { topup(input: { walletId: "%s", idempotencyKey: "key",
            amount: { amount: %s, currency: "EUR" } }) { __typename } }"""
        literals = ["1", "1.50", "1e3", "true", "{}", "[1]", "9" * 5_000]
        async with observer.nothing_changes():
            codes = {
                error_code(await ada.api.send({"query": document % (ada.wallet_id, literal)}))
                for literal in literals
            }

        assert codes <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COMPLEX"}

    async def test_sum_beyond_bigint_is_on_record(self, guests: Guests) -> None:
        """The top-up that a wallet cannot hold is LimitExceeded, and a FAILED operation."""
        cleo = await guests.create(balance=BIGINT_MAX)

        answers = [
            await cleo.api.topup(cleo.wallet_id, "0.01", idempotencyKey="one cent") for _ in "12"
        ]

        assert {answer["code"] for answer in answers} == {"LIMIT_EXCEEDED"}
        assert answers[0]["failed"] == answers[1]["failed"]
        statement = await cleo.api.statement(cleo.wallet_id)
        newest, *older = statement["operations"]["edges"]
        assert newest["node"] == answers[0]["failed"]
        assert newest["node"]["status"] == "FAILED"
        assert newest["node"]["errorCode"] == "LIMIT_EXCEEDED"
        assert (newest["amount"]["amount"], newest["balanceAfter"]["amount"]) == (
            "0.00",
            BIGINT_MAX,
        )
        assert len(older) == 2
        assert statement["balance"]["amount"] == BIGINT_MAX

    async def test_target_cannot_hold_it(self, guests: Guests) -> None:
        """A transfer into a full wallet moves nothing, and only the payer has it on record."""
        full = await guests.create(balance=BIGINT_MAX)
        payer = await guests.create(balance="1.00")

        answer = await payer.api.transfer(payer.wallet_id, full.wallet_id, "1.00")

        assert answer["__typename"] == "LimitExceeded"
        assert answer["failed"]["errorCode"] == "LIMIT_EXCEEDED"
        assert await payer.api.balance(payer.wallet_id) == "1.00"
        theirs = (await full.api.statement(full.wallet_id))["operations"]
        assert [edge["node"]["kind"] for edge in theirs["edges"]] == ["TOPUP", "OPENING"]


class TestCurrency:
    """Currency codes, wherever one is taken."""

    @pytest.mark.parametrize("mutation", ["topup", "transfer", "openWallet", "signup"])
    async def test_is_known(self, mutation: str, sender: Sender, observer: Observer) -> None:
        """What ISO 4217 does not know, or knows as no money, is InvalidInput."""
        codes = ["XXX", "XTS", "XAU", "eur", "EU", "EURO", "", "€", "BTC", "\x00", "E" * 10_000]
        of_money = mutation in {"topup", "transfer"}
        async with observer.nothing_changes():
            answers = {
                code: refused(
                    await sender.send(mutation, amount={"amount": "1", "currency": code})
                    if of_money
                    else await sender.send(mutation, currency=code)
                )
                for code in codes
            }

        path = ["amount", "currency"] if of_money else ["currency"]
        assert answers == dict.fromkeys(codes, ("InvalidInput", path))

    @both
    async def test_is_the_wallets(self, mutation: str, sender: Sender, observer: Observer) -> None:
        """Dollars do not go into a wallet of euros."""
        async with observer.nothing_changes():
            response = await sender.send(mutation, amount={"amount": "1.00", "currency": "USD"})

        assert refused(response) == ("CurrencyMismatch", None)
        (answer,) = response.json()["data"].values()
        assert answer["expected"] == "EUR"


def bad_ids(ada: Account) -> dict[str, str]:
    """Return ids that name no wallet of anybody's, some of them very nearly Ada's own."""
    own = find_id("Wallet", ada.wallet_id)
    assert own is not None
    return {
        "empty": "",
        "malformed": "x",
        "long": "A" * 10_000,
        "nul": "\x00",
        "not ascii": "é",
        "a user's": ada.user_id,
        "of another type with the wallet's uuid": to_global_id("Operation", own),
        "of no type": _to_base64(str(own)),
        "type alone": _to_base64("Wallet:"),
        "nobody's": to_global_id("Wallet", new_id()),
        "nil": to_global_id("Wallet", UUID(int=0)),
        "the world's": to_global_id("Wallet", world_wallet_id("EUR")),
        "plain uuid": str(own),
        "padded": ada.wallet_id + "=",
        "with a line end": ada.wallet_id + "\n",
        "in capitals": _to_base64(f"Wallet:{str(own).upper()}"),
        "in braces": _to_base64(f"Wallet:{{{own}}}"),
        "number": "1",
    }


def _to_base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


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
        self, mutation: str, field: str, sender: Sender, observer: Observer
    ) -> None:
        """Malformed, of another type, of nobody: NotFound, with the path of the id."""
        ids = bad_ids(sender.ada)
        async with observer.nothing_changes():
            answers = {
                name: refused(await sender.send(mutation, **{field: id_}))
                for name, id_ in ids.items()
            }

        assert answers == dict.fromkeys(ids, ("NotFound", [field]))

    async def test_somebody_elses_is_not_found(self, sender: Sender, observer: Observer) -> None:
        """Somebody else's wallet is not topped up and not paid out of."""
        others = sender.bob.wallet_id
        async with observer.nothing_changes():
            topup = await sender.send("topup", walletId=others)
            transfer = await sender.send(
                "transfer", sourceWalletId=others, targetWalletId=sender.ada.wallet_id
            )

        assert refused(topup) == ("NotFound", ["walletId"])
        assert refused(transfer) == ("NotFound", ["sourceWalletId"])

    async def test_is_text(self, sender: Sender, observer: Observer) -> None:
        """What is no id at all is refused before any resolver runs."""
        ids: list[object] = [None, 1.5, True, {}, ["x", "y"]]
        async with observer.nothing_changes():
            codes = [error_code(await sender.send("transfer", targetWalletId=id_)) for id_ in ids]

        assert codes == ["BAD_USER_INPUT"] * len(ids)

    async def test_is_null_in_queries(self, ada: Account) -> None:
        """Queries answer null, without an error, as for what does not exist."""
        ids = {id_ for id_ in bad_ids(ada).values() if id_ != ada.user_id}

        answers = [
            await ada.api.post(document, id=id_)
            for document in (WALLET, OPERATION, NODE)
            for id_ in ids
        ]
        answers.append(await ada.api.post(OPERATION, id=ada.user_id))
        together = await ada.api.post(NODES, ids=list(ids))

        assert [set(answer) for answer in answers] == [{"data", "extensions"}] * len(answers)
        assert {value for answer in answers for value in answer["data"].values()} == {None}
        assert together["data"] == {"nodes": [None] * len(ids)}
        assert "errors" not in together

    async def test_same_wallet_on_both_sides(self, sender: Sender, observer: Observer) -> None:
        """Nobody pays a wallet out of itself."""
        async with observer.nothing_changes():
            response = await sender.send("transfer", targetWalletId=sender.ada.wallet_id)

        assert refused(response) == ("InvalidInput", ["targetWalletId"])
