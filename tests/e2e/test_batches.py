"""transferBatch, over HTTP: all or none, or each on its own."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support.api import Account, Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from wallet.core.ids import new_id, to_global_id
from wallet.services.batches import BATCH_LENGTH_MAX

NOBODYS = to_global_id("Wallet", new_id())


@pytest_asyncio.fixture
async def payer(guests: Guests) -> Account:
    """Somebody with 10.00 EUR."""
    return await guests.create(balance="10.00")


@pytest_asyncio.fixture
async def payee(guests: Guests) -> Account:
    """Somebody with nothing."""
    return await guests.create()


def pay(source: Account | str, target: Account | str, amount: str, **more: Any) -> dict[str, Any]:
    """Return the input of one transfer."""
    source_id, target_id = (
        side if isinstance(side, str) else side.wallet_id for side in (source, target)
    )
    return {
        "sourceWalletId": source_id,
        "targetWalletId": target_id,
        "amount": {"amount": amount, "currency": "EUR"},
        "idempotencyKey": uuid4().hex,
        **more,
    }


def kinds(answer: dict[str, Any]) -> list[str]:
    """Return the types of a batch's results."""
    return [result["__typename"] for result in answer["results"]]


async def balances(*accounts: Account) -> list[str]:
    """Return the balance of each."""
    return [await account.api.balance(account.wallet_id) for account in accounts]


@pytest.mark.parametrize("mode", ["ATOMIC", "INDEPENDENT"])
class TestBothModes:
    """What holds for every batch."""

    async def test_every_item_has_its_own_answer(
        self, payer: Account, payee: Account, mode: str
    ) -> None:
        """results[i] answers transfers[i], with the wallet as it stood after that item."""
        amounts = ["1.00", "2.00", "3.00"]

        answer = await payer.api.transfer_batch(
            [pay(payer, payee, amount, description=amount) for amount in amounts], mode=mode
        )

        assert kinds(answer) == ["OperationPayload"] * 3
        assert [result["done"]["description"] for result in answer["results"]] == amounts
        assert len({result["done"]["id"] for result in answer["results"]}) == 3
        assert [result["wallet"]["balance"]["amount"] for result in answer["results"]] == [
            "9.00",
            "7.00",
            "4.00",
        ]
        assert await balances(payer, payee) == ["4.00", "6.00"]

    async def test_items_see_each_other_in_order(self, payer: Account, mode: str) -> None:
        """Money that one item brings is there for the next."""
        second = (await payer.api.open_wallet())["wallet"]["id"]
        third = (await payer.api.open_wallet())["wallet"]["id"]

        answer = await payer.api.transfer_batch(
            [pay(payer, second, "10.00"), pay(second, third, "10.00"), pay(third, payer, "10.00")],
            mode=mode,
        )

        assert kinds(answer) == ["OperationPayload"] * 3
        assert await payer.api.balance(payer.wallet_id) == "10.00"

    async def test_whole_replay_answers_the_same(
        self, payer: Account, payee: Account, observer: Observer, mode: str
    ) -> None:
        """The same batch again is told of what became of it, and moves nothing."""
        batch = [pay(payer, payee, "1.00"), pay(payer, payee, "2.00")]
        first = await payer.api.transfer_batch(batch, mode=mode)

        async with observer.nothing_changes():
            again = await payer.api.transfer_batch(batch, mode=mode)

        assert again["results"] == [{**result, "replayed": True} for result in first["results"]]

    async def test_partial_replay_carries_out_the_rest(
        self, payer: Account, payee: Account, mode: str
    ) -> None:
        """Of a batch in which some keys are known, by whichever way, the others move money."""
        known, other = pay(payer, payee, "1.00"), pay(payer, payee, "2.00")
        single = await payer.api.transfer(
            payer.wallet_id, payee.wallet_id, "1.00", idempotencyKey=known["idempotencyKey"]
        )

        answer = await payer.api.transfer_batch([other, known], mode=mode)

        assert [result["replayed"] for result in answer["results"]] == [False, True]
        assert answer["results"][1]["done"]["id"] == single["done"]["id"]
        assert await balances(payer, payee) == ["7.00", "3.00"]

    async def test_same_key_twice_in_a_batch_moves_once(
        self, payer: Account, payee: Account, mode: str
    ) -> None:
        """The second of two equal items is a replay of the first."""
        item = pay(payer, payee, "1.00")

        answer = await payer.api.transfer_batch([item, item], mode=mode)

        assert [result["replayed"] for result in answer["results"]] == [False, True]
        assert await balances(payer, payee) == ["9.00", "1.00"]

    @pytest.mark.parametrize("length", [0, BATCH_LENGTH_MAX + 1])
    async def test_length_is_bounded(
        self, payer: Account, payee: Account, observer: Observer, mode: str, length: int
    ) -> None:
        """No item, or one too many, is InvalidInput at the list."""
        async with observer.nothing_changes():
            answer = await payer.api.transfer_batch([pay(payer, payee, "0.01")] * length, mode=mode)

        assert (answer["__typename"], answer["field"]) == ("InvalidInput", ["transfers"])

    async def test_longest(self, payer: Account, payee: Account, mode: str) -> None:
        """A thousand transfers are one request."""
        batch = [pay(payer, payee, "0.01") for _ in range(BATCH_LENGTH_MAX)]

        answer = await payer.api.transfer_batch(batch, mode=mode)

        assert kinds(answer) == ["OperationPayload"] * BATCH_LENGTH_MAX
        assert await balances(payer, payee) == ["0.00", "10.00"]

    async def test_same_batch_at_once(self, payer: Account, payee: Account, mode: str) -> None:
        """Of several equal batches at the same moment each item moves once."""
        batch = [pay(payer, payee, "0.10") for _ in range(20)]

        answers = await asyncio.gather(
            *(payer.api.transfer_batch(batch, mode=mode) for _ in range(5))
        )

        assert {tuple(kinds(answer)) for answer in answers} == {("OperationPayload",) * 20}
        for index in range(20):
            items = [answer["results"][index] for answer in answers]
            assert len({item["done"]["id"] for item in items}) == 1
            assert sorted(item["replayed"] for item in items) == [False] + [True] * 4
        assert await balances(payer, payee) == ["8.00", "2.00"]

    async def test_anonymous(self, api: Api, payer: Account, payee: Account, mode: str) -> None:
        """Nobody pays without saying who it is."""
        answer = await api.post(
            "mutation B($input: TransferBatchInput!) { transferBatch(input: $input) "
            "{ __typename } }",
            input={"transfers": [pay(payer, payee, "1.00")], "mode": mode},
        )

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


# By name: what stands in the way at the second place, and what is said of it there.
OBSTACLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "malformed amount": (
        {"amount": {"amount": "1.005", "currency": "EUR"}},
        {"__typename": "InvalidInput", "field": ["transfers", "1", "amount", "amount"]},
    ),
    "malformed id": (
        {"targetWalletId": "nobody"},
        {"__typename": "NotFound", "field": ["transfers", "1", "targetWalletId"]},
    ),
    "nobody's wallet": (
        {"targetWalletId": NOBODYS},
        {"__typename": "NotFound", "field": ["transfers", "1", "targetWalletId"]},
    ),
    "nobody's source": (
        {"sourceWalletId": NOBODYS},
        {"__typename": "NotFound", "field": ["transfers", "1", "sourceWalletId"]},
    ),
    "currency": (
        {"amount": {"amount": "1", "currency": "JPY"}},
        {"__typename": "CurrencyMismatch", "expected": "EUR"},
    ),
    "funds": (
        {"amount": {"amount": "9.01", "currency": "EUR"}},
        {"__typename": "InsufficientFunds", "available": {"amount": "9.00", "currency": "EUR"}},
    ),
    "empty key": (
        {"idempotencyKey": ""},
        {"__typename": "InvalidInput", "field": ["transfers", "1", "idempotencyKey"]},
    ),
}

every_obstacle = pytest.mark.parametrize(
    ("change", "refusal"), [pytest.param(*pair, id=name) for name, pair in OBSTACLES.items()]
)


class TestAtomic:
    """All or none."""

    @every_obstacle
    async def test_one_that_is_refused_refuses_all(
        self,
        payer: Account,
        payee: Account,
        observer: Observer,
        change: dict[str, Any],
        refusal: dict[str, Any],
    ) -> None:
        """Nothing moves, no attempt is on record, and the answer says which and why."""
        batch = [pay(payer, payee, "1.00"), pay(payer, payee, "1.00"), pay(payer, payee, "1.00")]
        async with observer.nothing_changes():
            answer = await payer.api.transfer_batch([batch[0], {**batch[1], **change}, batch[2]])

        assert (answer["__typename"], answer["index"]) == ("BatchRejected", 1)
        assert answer["cause"].items() >= refusal.items()
        assert (answer["code"], answer["retryable"]) == (answer["cause"]["code"], False)
        assert answer["cause"].get("failed") is None

        # No key is burnt: the same items without the obstacle are carried out.
        assert kinds(await payer.api.transfer_batch(batch)) == ["OperationPayload"] * 3

    async def test_source_and_target_are_the_same(
        self, payer: Account, payee: Account, observer: Observer
    ) -> None:
        """A wallet cannot pay itself, in whichever place."""
        async with observer.nothing_changes():
            answer = await payer.api.transfer_batch(
                [pay(payer, payee, "1.00"), pay(payer, payer, "1.00")]
            )

        assert answer["cause"]["field"] == ["transfers", "1", "targetWalletId"]

    async def test_conflict(self, payer: Account, payee: Account, observer: Observer) -> None:
        """A key that was used for something else stands in the way."""
        used = pay(payer, payee, "1.00")
        await payer.api.transfer_batch([used])

        async with observer.nothing_changes():
            answer = await payer.api.transfer_batch(
                [
                    pay(payer, payee, "2.00"),
                    pay(payer, payee, "3.00", idempotencyKey=used["idempotencyKey"]),
                ]
            )

        assert (answer["index"], answer["cause"]["__typename"]) == (1, "IdempotencyConflict")

    async def test_recorded_failure_stands_in_the_way(
        self, payer: Account, payee: Account, observer: Observer
    ) -> None:
        """A key whose transfer was refused before says so again, with that operation."""
        key = uuid4().hex
        failed = await payer.api.transfer(
            payer.wallet_id, payee.wallet_id, "99.00", idempotencyKey=key
        )

        async with observer.nothing_changes():
            answer = await payer.api.transfer_batch(
                [pay(payer, payee, "1.00"), pay(payer, payee, "99.00", idempotencyKey=key)]
            )

        assert (answer["index"], answer["cause"]["__typename"]) == (1, "InsufficientFunds")
        assert answer["cause"]["failed"]["id"] == failed["failed"]["id"]


class TestIndependent:
    """Each on its own."""

    @every_obstacle
    async def test_one_that_is_refused_leaves_the_others_alone(
        self, payer: Account, payee: Account, change: dict[str, Any], refusal: dict[str, Any]
    ) -> None:
        """The others move, and the refused one has its own answer in its own place."""
        batch = [pay(payer, payee, "1.00"), pay(payer, payee, "1.00"), pay(payer, payee, "1.00")]

        answer = await payer.api.transfer_batch(
            [batch[0], {**batch[1], **change}, batch[2]], mode="INDEPENDENT"
        )

        expected = ["OperationPayload", refusal["__typename"], "OperationPayload"]
        assert kinds(answer) == expected
        assert answer["results"][1].items() >= refusal.items()
        assert await balances(payer, payee) == ["8.00", "2.00"]

    async def test_refusal_is_on_record_and_replayed(
        self, payer: Account, payee: Account, observer: Observer
    ) -> None:
        """An item without the money is a FAILED operation, now and when it is asked again."""
        batch = [pay(payer, payee, "99.00"), pay(payer, payee, "1.00")]
        first = await payer.api.transfer_batch(batch, mode="INDEPENDENT")

        async with observer.nothing_changes():
            again = await payer.api.transfer_batch(batch, mode="INDEPENDENT")

        assert kinds(first) == kinds(again) == ["InsufficientFunds", "OperationPayload"]
        assert first["results"][0]["failed"]["status"] == "FAILED"
        assert again["results"][0] == first["results"][0]


class TestCost:
    """A batch counts as what it costs, before any of it runs."""

    PAGES = """
    mutation Pay($input: TransferBatchInput!) { transferBatch(input: $input) { __typename
        ... on TransferBatchPayload { results { __typename
            ... on OperationPayload { wallet { operations(first: 100) { totalCount } } } } } } }
    """
    TWICE = """
    mutation Pay($input: TransferBatchInput!) {
        a: transferBatch(input: $input) { __typename }
        b: transferBatch(input: $input) { __typename } }
    """

    @pytest.mark.parametrize(("document", "length"), [(PAGES, 44), (TWICE, 501)])
    async def test_too_much_is_refused_before_it_runs(
        self, payer: Account, payee: Account, observer: Observer, document: str, length: int
    ) -> None:
        """The answer's pages count as often as the batch has items; so do two batches."""
        batch = [pay(payer, payee, "0.01") for _ in range(length)]
        async with observer.nothing_changes():
            answer = await payer.api.post(document, input={"transfers": batch})

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["QUERY_TOO_COMPLEX"]

        answer = await payer.api.post(document, input={"transfers": batch[:-1]})
        assert "errors" not in answer, answer
