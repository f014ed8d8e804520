"""setWalletLimits and Wallet.limits, over HTTP: what may leave a wallet, and how much of it has."""

import asyncio
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import CAPTURE_HOLD, REVERSE, SET_WALLET_LIMITS, VOID_HOLD, WITHDRAW, Account
from tests.support.guests import Guests
from tests.support.ledgers import nowhere
from tests.support.observer import Observer
from tests.support.servers import ApiServer
from wallet.core.ids import new_id, to_global_id, world_wallet_id


@pytest_asyncio.fixture(scope="module")
async def operator(guests: Guests) -> Account:
    """Somebody who may limit anybody's wallet."""
    return await guests.create(role="OPERATOR")


@pytest_asyncio.fixture
async def owner(guests: Guests) -> Account:
    """Somebody with 100.00 EUR."""
    return await guests.create(balance="100.00")


@pytest_asyncio.fixture
async def other(guests: Guests) -> Account:
    """Somebody to be paid."""
    return await guests.create()


async def used_and_left(owner: Account) -> tuple[str, str]:
    """Return how much of the limit per day is used, and how much is left."""
    limits = await owner.api.limits(owner.wallet_id)
    return limits["outflow24hUsed"]["amount"], limits["outflow24hLeft"]["amount"]


class TestSet:
    """setWalletLimits."""

    async def test_absent_stays_and_null_is_none(self, owner: Account, operator: Account) -> None:
        """Each limit is set by itself; null takes it away, and an overdraft back to 0."""
        nothing = await owner.api.limits(owner.wallet_id)
        steps: list[dict[str, str | None]] = [
            {"outflowMax": "20", "outflow24hMax": "50.5", "overdraft": "5"},
            {"outflowMax": None},
            {"overdraft": None},
            {"outflow24hMax": "0"},
            {},
        ]

        answers = [(await operator.api.set_limits(owner.wallet_id, **step)) for step in steps]

        assert {answer["__typename"] for answer in answers} == {"SetWalletLimitsPayload"}
        shown = [
            tuple(
                limits[name] and limits[name]["amount"]
                for name in ("outflowMax", "outflow24hMax", "outflow24hLeft", "overdraft")
            )
            for limits in (nothing, *(answer["limits"] for answer in answers))
        ]
        assert shown == [
            (None, None, None, "0.00"),
            ("20.00", "50.50", "50.50", "5.00"),
            (None, "50.50", "50.50", "5.00"),
            (None, "50.50", "50.50", "0.00"),
            (None, "0.00", "0.00", "0.00"),
            (None, "0.00", "0.00", "0.00"),
        ]
        assert await owner.api.limits(owner.wallet_id) == answers[-1]["limits"]

    @pytest.mark.parametrize(
        "amount", ["-1", "1.005", "1e3", "NaN", "", "x", "92233720368547758.08"]
    )
    @pytest.mark.parametrize("field", ["outflowMax", "outflow24hMax", "overdraft"])
    async def test_bad_amount(
        self, owner: Account, operator: Account, observer: Observer, field: str, amount: str
    ) -> None:
        """It is named, and nothing changes."""
        async with observer.nothing_changes():
            answer = await operator.api.set_limits(owner.wallet_id, **{field: amount})

        assert (answer["__typename"], answer["field"]) == ("InvalidInput", [field])

    async def test_in_the_wallets_currency(self, guests: Guests, operator: Account) -> None:
        """Yen have no decimals."""
        cleo = await guests.create(currency="JPY")

        refused = await operator.api.set_limits(cleo.wallet_id, outflowMax="1.50")
        done = await operator.api.set_limits(cleo.wallet_id, outflowMax="150")

        assert (refused["__typename"], refused["field"]) == ("InvalidInput", ["outflowMax"])
        assert done["limits"]["outflowMax"] == {"amount": "150", "currency": "JPY"}

    async def test_of_no_wallet(
        self, guests: Guests, operator: Account, observer: Observer
    ) -> None:
        """What does not exist is not found, system wallets neither; a closed one stays as it is."""
        closed = await guests.create()
        await closed.api.close(closed.wallet_id)
        system = to_global_id("Wallet", world_wallet_id("EUR"))
        async with observer.nothing_changes():
            missing = [
                await operator.api.set_limits(id_, outflowMax="1")
                for id_ in (to_global_id("Wallet", new_id()), system, "x")
            ]
            final = await operator.api.set_limits(closed.wallet_id, outflowMax="1")

        assert {(each["__typename"], *each["field"]) for each in missing} == {
            ("NotFound", "walletId")
        }
        assert (final["__typename"], final["status"]) == ("WalletUnavailable", "CLOSED")

    async def test_statement_stays_the_owners(
        self, owner: Account, operator: Account, observer: Observer
    ) -> None:
        """To limit is no right to read, and nothing is changed then."""
        document = SET_WALLET_LIMITS.replace("wallet {", "wallet { operations { totalCount }")
        async with observer.nothing_changes():
            refused = await operator.api.run(
                document, input={"walletId": owner.wallet_id, "outflowMax": "1"}
            )

        assert refused["__typename"] == "Forbidden"


class TestOutflowMax:
    """The largest single outflow."""

    async def test_as_much_and_no_more(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """Transfers, withdrawals and holds up to it pass, of whatever number."""
        await operator.api.set_limits(owner.wallet_id, outflowMax="2.00")

        passed = [
            await owner.api.transfer(owner.wallet_id, other.wallet_id, "2.00"),
            await owner.api.withdraw(owner.wallet_id, "2.00"),
            await owner.api.hold(owner.wallet_id, other.wallet_id, "2.00"),
        ]
        refused = [
            await owner.api.transfer(owner.wallet_id, other.wallet_id, "2.01"),
            await owner.api.withdraw(owner.wallet_id, "2.01"),
            await owner.api.hold(owner.wallet_id, other.wallet_id, "2.01"),
        ]

        assert {each["__typename"] for each in passed} == {"OperationPayload"}
        assert {(e["__typename"], e["limit"], e["until"]) for e in refused} == {
            ("LimitExceeded", "OUTFLOW", None)
        }
        assert {each["failed"]["errorCode"] for each in refused} == {"LIMIT_EXCEEDED"}
        assert refused[0]["message"] == "At most 2.00 EUR may leave this wallet at once."
        assert await owner.api.balance(owner.wallet_id) == "96.00"

    async def test_nothing_may_leave(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """0 is a limit; what comes in is not limited."""
        await operator.api.set_limits(owner.wallet_id, outflowMax="0")

        refused = await owner.api.transfer(owner.wallet_id, other.wallet_id, "0.01")
        paid = await owner.api.topup(owner.wallet_id, "1000.00")

        assert (refused["__typename"], paid["__typename"]) == ("LimitExceeded", "OperationPayload")

    async def test_scheduled_is_asked_at_its_time(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """A transfer that is still to come is taken, whatever the limit is now."""
        await operator.api.set_limits(owner.wallet_id, outflowMax="0")
        tomorrow = (datetime.now().astimezone() + timedelta(days=1)).isoformat()

        answer = await owner.api.transfer(
            owner.wallet_id, other.wallet_id, "1.00", scheduledFor=tomorrow
        )

        assert answer["__typename"] == "OperationPayload"


class TestOutflow24h:
    """The outflow per rolling 24 hours; the window itself is in tests/integration."""

    async def test_names_what_and_until_when(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """As much passes again a day after enough has left, and a replay says the same."""
        await operator.api.set_limits(owner.wallet_id, outflow24hMax="5.00")
        paid = await owner.api.transfer(owner.wallet_id, other.wallet_id, "3.00")

        refused = [
            await owner.api.transfer(
                owner.wallet_id, other.wallet_id, "2.01", idempotencyKey="again"
            )
            for _ in "12"
        ]
        never = await owner.api.transfer(owner.wallet_id, other.wallet_id, "5.01")

        left_at = datetime.fromisoformat(paid["done"]["completedAt"])
        assert refused[0] == refused[1]
        assert (refused[0]["__typename"], refused[0]["limit"]) == ("LimitExceeded", "OUTFLOW_24H")
        assert datetime.fromisoformat(refused[0]["until"]) == left_at + timedelta(hours=24)
        assert refused[0]["message"] == (
            "At most 5.00 EUR may leave this wallet within 24 hours; 2.00 are left."
        )
        assert (never["limit"], never["until"]) == ("OUTFLOW_24H", None)
        assert await used_and_left(owner) == ("3.00", "2.00")

    async def test_hold_counts_once(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """Held money counts; captured it counts as what left, and what is released does not."""
        await operator.api.set_limits(owner.wallet_id, outflow24hMax="5.00")
        seen = []
        held = [
            (await owner.api.hold(owner.wallet_id, other.wallet_id, "1.50"))["done"]["id"]
            for _ in "12"
        ]
        seen.append(await used_and_left(owner))
        refused = await owner.api.transfer(owner.wallet_id, other.wallet_id, "2.01")
        await other.api.follow(CAPTURE_HOLD, held[0], "1.00")
        seen.append(await used_and_left(owner))
        await other.api.follow(VOID_HOLD, held[1])
        seen.append(await used_and_left(owner))
        last = await owner.api.transfer(owner.wallet_id, other.wallet_id, "4.00")
        none = await owner.api.withdraw(owner.wallet_id, "0.01")

        assert seen == [("3.00", "2.00"), ("2.50", "2.50"), ("1.00", "4.00")]
        # All that stands in the way is held: it does not leave by growing old.
        assert (refused["__typename"], refused["until"]) == ("LimitExceeded", None)
        assert last["__typename"] == "OperationPayload"
        assert none["__typename"] == "LimitExceeded"
        assert await used_and_left(owner) == ("5.00", "0.00")

    async def test_capture_is_not_asked_again(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """What was let through as a hold is captured, even where a limit was set since."""
        held = (await owner.api.hold(owner.wallet_id, other.wallet_id, "3.00"))["done"]["id"]
        await operator.api.set_limits(owner.wallet_id, outflowMax="0", outflow24hMax="1.00")

        captured = await other.api.follow(CAPTURE_HOLD, held)

        assert captured["__typename"] == "OperationPayload"
        assert await used_and_left(owner) == ("3.00", "0.00")

    async def test_what_comes_back_does_not_free_it(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """A reversal is money that comes in; to give back is to let money out, and not limited."""
        await operator.api.set_limits(owner.wallet_id, outflow24hMax="5.00")
        await operator.api.set_limits(other.wallet_id, outflow24hMax="0")
        paid = await owner.api.transfer(owner.wallet_id, other.wallet_id, "5.00")

        back = await other.api.follow(REVERSE, paid["done"]["id"])
        refused = await owner.api.transfer(owner.wallet_id, other.wallet_id, "0.01")

        assert (back["__typename"], refused["__typename"]) == ("OperationPayload", "LimitExceeded")
        assert await used_and_left(owner) == ("5.00", "0.00")
        assert await used_and_left(other) == ("5.00", "0.00")

    async def test_lower_than_what_is_used(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """Nothing is left then, and a limit that is taken away lets all through."""
        await owner.api.transfer(owner.wallet_id, other.wallet_id, "5.00")
        lowered = await operator.api.set_limits(owner.wallet_id, outflow24hMax="2.00")
        refused = await owner.api.transfer(owner.wallet_id, other.wallet_id, "0.01")
        await operator.api.set_limits(owner.wallet_id, outflow24hMax=None)
        paid = await owner.api.transfer(owner.wallet_id, other.wallet_id, "50.00")

        assert lowered["limits"]["outflow24hUsed"]["amount"] == "5.00"
        assert lowered["limits"]["outflow24hLeft"]["amount"] == "0.00"
        assert refused["__typename"] == "LimitExceeded"
        assert paid["__typename"] == "OperationPayload"

    async def test_batches(self, owner: Account, other: Account, operator: Account) -> None:
        """Each of a batch sees what those before it let out, and waits for it."""
        await operator.api.set_limits(owner.wallet_id, outflow24hMax="2.00")
        batch = [
            {
                "sourceWalletId": owner.wallet_id,
                "targetWalletId": other.wallet_id,
                "amount": {"amount": "1.00", "currency": "EUR"},
                "idempotencyKey": f"batch {number}",
            }
            for number in range(3)
        ]

        atomic = await owner.api.transfer_batch(batch)
        each = (await owner.api.transfer_batch(batch, mode="INDEPENDENT"))["results"]

        assert (atomic["index"], atomic["cause"]["__typename"]) == (2, "LimitExceeded")
        assert [one["__typename"] for one in each] == [*["OperationPayload"] * 2, "LimitExceeded"]
        left_at = datetime.fromisoformat(each[0]["done"]["completedAt"])
        assert datetime.fromisoformat(each[2]["until"]) == left_at + timedelta(hours=24)

    @pytest.mark.parametrize("with_redis", [True, False], ids=["with redis", "without"])
    async def test_twenty_at_once_through_two_servers(
        self,
        owner: Account,
        operator: Account,
        server: ApiServer,
        start_server: StartServer,
        *,
        with_redis: bool,
    ) -> None:
        """As many withdrawals get through as the limit leaves, with or without the gate."""
        urls = (
            [server.url, start_server().url]
            if with_redis
            else [start_server(redis_url=nowhere()).url for _ in "12"]
        )
        await operator.api.set_limits(owner.wallet_id, outflow24hMax="7.00")

        answers = await asyncio.gather(
            *(
                owner.api.at(urls[number % 2]).settle(
                    WITHDRAW, walletId=owner.wallet_id, amount={"amount": "1.00", "currency": "EUR"}
                )
                for number in range(20)
            )
        )

        kinds = sorted(answer["__typename"] for answer in answers)
        assert kinds == ["LimitExceeded"] * 13 + ["OperationPayload"] * 7
        assert await owner.api.balance(owner.wallet_id) == "93.00"
        assert await used_and_left(owner) == ("7.00", "0.00")


class TestOverdraft:
    """How far below 0 a wallet goes."""

    async def test_not_a_cent_more(self, guests: Guests, other: Account, operator: Account) -> None:
        """Own money first, then what is granted; what is available stays the difference."""
        cleo = await guests.create(balance="1.00")
        await operator.api.set_limits(cleo.wallet_id, overdraft="5.00")

        paid = await cleo.api.transfer(cleo.wallet_id, other.wallet_id, "6.00")
        refused = [
            await cleo.api.transfer(cleo.wallet_id, other.wallet_id, "0.01"),
            await cleo.api.withdraw(cleo.wallet_id, "0.01"),
            await cleo.api.hold(cleo.wallet_id, other.wallet_id, "0.01"),
        ]

        assert paid["wallet"]["balance"]["amount"] == "-5.00"
        assert paid["wallet"]["available"]["amount"] == "-5.00"
        assert {each["__typename"] for each in refused} == {"InsufficientFunds"}
        assert await cleo.api.balance(cleo.wallet_id) == "-5.00"

    async def test_not_below_what_is_overdrawn(
        self, guests: Guests, other: Account, operator: Account, observer: Observer
    ) -> None:
        """What is held counts; the refusal says how much it is."""
        cleo = await guests.create()
        await operator.api.set_limits(cleo.wallet_id, overdraft="5.00")
        await cleo.api.transfer(cleo.wallet_id, other.wallet_id, "2.00")
        await cleo.api.hold(cleo.wallet_id, other.wallet_id, "1.00")

        async with observer.nothing_changes():
            refused = [
                await operator.api.set_limits(cleo.wallet_id, overdraft=overdraft)
                for overdraft in ("2.99", "0", None)
            ]
        done = await operator.api.set_limits(cleo.wallet_id, overdraft="3.00")

        assert {(each["__typename"], *each["field"]) for each in refused} == {
            ("InvalidInput", "overdraft")
        }
        assert {each["message"] for each in refused} == {
            "The wallet is overdrawn by 3.00 EUR already."
        }
        assert done["limits"]["overdraft"]["amount"] == "3.00"
