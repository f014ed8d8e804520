"""freezeWallet, unfreezeWallet and closeWallet, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.e2e.test_bad_pages import uuid_of
from tests.support.api import CAPTURE_HOLD, FREEZE_WALLET, TOPUP, TRANSFER, VOID_HOLD, Account
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.servers import ApiServer
from tests.support.waiting import until
from wallet.core.ids import new_id, to_global_id, world_wallet_id

ONE_EURO = {"amount": "1.00", "currency": "EUR"}


@pytest_asyncio.fixture(scope="module")
async def operator(guests: Guests) -> Account:
    """Somebody who may freeze and close anybody's wallet."""
    return await guests.create(role="OPERATOR")


@pytest_asyncio.fixture
async def owner(guests: Guests) -> Account:
    """Somebody with 10.00 EUR."""
    return await guests.create(balance="10.00")


@pytest_asyncio.fixture
async def other(guests: Guests) -> Account:
    """Somebody else with 10.00 EUR."""
    return await guests.create(balance="10.00")


async def close(account: Account, url: str) -> Any:
    """Close an account's wallet; what is busy is asked again."""
    answer: Any = {"__typename": "Busy"}
    while answer["__typename"] == "Busy":
        answer = await account.api.at(url).close(account.wallet_id)
    return answer


def in_an_hour() -> str:
    """Return an instant that is still to come."""
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


class TestFreeze:
    """freezeWallet."""

    async def test_neither_pays_nor_is_paid(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """Each attempt is refused and names the wallet, its status, and that there is no end."""
        answer = await operator.api.freeze(owner.wallet_id)

        assert answer["__typename"] == "WalletPayload"
        assert (answer["wallet"]["status"], answer["wallet"]["frozenUntil"]) == ("FROZEN", None)
        refused = [
            await owner.api.transfer(owner.wallet_id, other.wallet_id, "1.00"),
            await other.api.transfer(other.wallet_id, owner.wallet_id, "1.00"),
            await owner.api.topup(owner.wallet_id, "1.00"),
            await owner.api.withdraw(owner.wallet_id, "1.00"),
            await owner.api.hold(owner.wallet_id, other.wallet_id, "1.00"),
        ]
        assert {each["__typename"] for each in refused} == {"WalletUnavailable"}
        assert {(e["status"], e["walletId"], e["until"]) for e in refused} == {
            ("FROZEN", owner.wallet_id, None)
        }
        assert {each["failed"]["status"] for each in refused} == {"FAILED"}
        assert await owner.api.balance(owner.wallet_id) == "10.00"

    async def test_again_is_the_same(
        self, owner: Account, operator: Account, observer: Observer
    ) -> None:
        """The same freeze answers the wallet as it is."""
        first = await operator.api.freeze(owner.wallet_id)

        async with observer.nothing_changes():
            again = await operator.api.freeze(owner.wallet_id)

        assert again == first

    async def test_says_until_when(self, owner: Account, other: Account, operator: Account) -> None:
        """A refusal names the end of the freeze, and so does a replay of it."""
        end = in_an_hour()

        frozen = await operator.api.freeze(owner.wallet_id, until=end, reason="chargeback")
        refused = [
            await other.api.transfer(
                other.wallet_id, owner.wallet_id, "1.00", idempotencyKey="frozen"
            )
            for _ in "12"
        ]

        assert frozen["wallet"]["frozenUntil"] == end
        assert [(e["status"], e["until"], e["walletId"]) for e in refused] == [
            ("FROZEN", end, owner.wallet_id)
        ] * 2
        assert refused[0] == refused[1]
        assert "chargeback" not in str([frozen, *refused])

    async def test_ends_by_itself(
        self, owner: Account, other: Account, operator: Account, observer: Observer
    ) -> None:
        """From its end on money moves, and the wallet is shown as active."""
        await operator.api.freeze(owner.wallet_id, until=in_an_hour())
        refused = await owner.api.transfer(owner.wallet_id, other.wallet_id, "1.00")
        await observer.fetch(
            "UPDATE wallets SET frozen_until = now() WHERE id = $1", uuid_of(owner.wallet_id)
        )

        shown = await owner.api.statement(owner.wallet_id, first=1)
        paid = await owner.api.transfer(owner.wallet_id, other.wallet_id, "1.00")

        assert refused["__typename"] == "WalletUnavailable"
        assert shown["status"] == "ACTIVE"
        assert (paid["__typename"], paid["wallet"]["status"]) == ("OperationPayload", "ACTIVE")
        row = "SELECT status FROM wallets WHERE id = $1"
        assert await observer.value(row, uuid_of(owner.wallet_id)) == "FROZEN"

    async def test_end_can_be_moved(self, owner: Account, operator: Account) -> None:
        """The newest freeze counts: with an end, without, and with one again."""
        ends = [in_an_hour(), None, in_an_hour()]

        answers = [await operator.api.freeze(owner.wallet_id, until=end) for end in ends]

        assert [answer["wallet"]["frozenUntil"] for answer in answers] == ends

    async def test_refusals(
        self, owner: Account, operator: Account, guests: Guests, observer: Observer
    ) -> None:
        """An end that is over, a reason too long, and wallets that are nobody's."""
        closed = await guests.create()
        await closed.api.close(closed.wallet_id)
        system = to_global_id("Wallet", world_wallet_id("EUR"))
        async with observer.nothing_changes():
            late = await operator.api.freeze(owner.wallet_id, until="2020-01-01T00:00:00Z")
            long = await operator.api.freeze(owner.wallet_id, reason="x" * 501)
            missing = [
                await operator.api.freeze(id_)
                for id_ in (to_global_id("Wallet", new_id()), system, owner.user_id, "x")
            ]
            final = await operator.api.freeze(closed.wallet_id)

        assert (late["__typename"], late["field"]) == ("InvalidInput", ["until"])
        assert (long["__typename"], long["field"]) == ("InvalidInput", ["reason"])
        assert {(each["__typename"], *each["field"]) for each in missing} == {
            ("NotFound", "walletId")
        }
        assert (final["__typename"], final["status"]) == ("WalletUnavailable", "CLOSED")

    async def test_statement_stays_the_owners(
        self, owner: Account, operator: Account, observer: Observer
    ) -> None:
        """To freeze is no right to read, and nothing is frozen then; limits are not shown."""
        document = FREEZE_WALLET.replace("frozenUntil", "frozenUntil operations { totalCount }")
        async with observer.nothing_changes():
            refused = await operator.api.run(document, input={"walletId": owner.wallet_id})
        frozen = await operator.api.freeze(owner.wallet_id)

        assert refused["__typename"] == "Forbidden"
        assert (frozen["wallet"]["limits"], frozen["wallet"]["ownerId"]) == (None, None)

    async def test_is_logged(self, owner: Account, operator: Account, server: ApiServer) -> None:
        """Who froze what, until when, and why."""
        await operator.api.freeze(owner.wallet_id, reason="chargeback 42")

        line = await _find_text(server, "chargeback 42")

        assert "wallet status" in line
        assert str(uuid_of(owner.wallet_id)) in line
        assert str(uuid_of(operator.user_id)) in line

    async def test_nothing_moves_once_it_is_answered(
        self, guests: Guests, operator: Account, server: ApiServer, start_server: StartServer
    ) -> None:
        """Of fifty payments through two servers, those that were not carried out before fail."""
        urls = [server.url, start_server().url]
        for attempt in range(5):
            payer, payee = await guests.create(balance="50.00"), await guests.create()
            payments = [
                asyncio.create_task(
                    payer.api.at(urls[number % 2]).settle(
                        TRANSFER,
                        sourceWalletId=payer.wallet_id,
                        targetWalletId=payee.wallet_id,
                        amount=ONE_EURO,
                    )
                )
                for number in range(50)
            ]
            await until(lambda tasks=payments, n=attempt * 8: sum(t.done() for t in tasks) >= n)  # type: ignore[misc]
            await operator.api.at(urls[1]).freeze(payer.wallet_id)
            balance = await payer.api.balance(payer.wallet_id)
            answers = await asyncio.gather(*payments)

            moved = sum(answer["__typename"] == "OperationPayload" for answer in answers)
            failed = sum(answer["__typename"] == "WalletUnavailable" for answer in answers)
            assert moved + failed == 50
            assert balance == await payer.api.balance(payer.wallet_id) == f"{50 - moved}.00"


class TestUnfreeze:
    """unfreezeWallet."""

    async def test_money_moves_again(
        self, owner: Account, other: Account, operator: Account
    ) -> None:
        """What was frozen, with an end or without, pays and is paid; again is the same."""
        for more in ({}, {"until": in_an_hour()}):
            await operator.api.freeze(owner.wallet_id, **more)

            answers = [await operator.api.unfreeze(owner.wallet_id) for _ in "12"]
            paid = await owner.api.transfer(owner.wallet_id, other.wallet_id, "1.00")

            assert answers[0] == answers[1]
            assert answers[0]["wallet"]["status"] == "ACTIVE"
            assert answers[0]["wallet"]["frozenUntil"] is None
            assert paid["__typename"] == "OperationPayload"

    async def test_refusals(self, guests: Guests, operator: Account, observer: Observer) -> None:
        """A closed wallet stays closed; one that is nobody's is not found."""
        closed = await guests.create()
        await closed.api.close(closed.wallet_id)
        async with observer.nothing_changes():
            final = await operator.api.unfreeze(closed.wallet_id)
            missing = await operator.api.unfreeze(to_global_id("Wallet", new_id()))

        assert (final["__typename"], final["status"]) == ("WalletUnavailable", "CLOSED")
        assert final["walletId"] == closed.wallet_id
        assert (missing["__typename"], missing["field"]) == ("NotFound", ["walletId"])


class TestClose:
    """closeWallet."""

    async def test_owner_closes_its_own(
        self, owner: Account, other: Account, observer: Observer
    ) -> None:
        """Empty, it is closed for good: it is not paid, and closing it again changes nothing."""
        await owner.api.transfer(owner.wallet_id, other.wallet_id, "10.00")

        closed = await owner.api.close(owner.wallet_id)
        async with observer.nothing_changes():
            again = await owner.api.close(owner.wallet_id)
        refused = await other.api.transfer(other.wallet_id, owner.wallet_id, "1.00")

        assert closed["wallet"]["status"] == "CLOSED"
        assert again == closed
        assert (refused["__typename"], refused["status"]) == ("WalletUnavailable", "CLOSED")
        assert await owner.api.balance(owner.wallet_id) == "0.00"

    async def test_makes_room_for_another(self, guests: Guests, start_server: StartServer) -> None:
        """A closed wallet does not count for the most wallets that a user has."""
        cleo = await guests.create()
        api = cleo.api.at(start_server(MAX_WALLETS_PER_USER="1").url)

        refused = await api.open_wallet()
        await api.close(cleo.wallet_id)
        opened = await api.open_wallet()

        assert refused["__typename"] == "LimitExceeded"
        assert opened["__typename"] == "OpenWalletPayload"

    async def test_not_empty(self, owner: Account, operator: Account, observer: Observer) -> None:
        """Money in it is named, by the owner and an operator alike."""
        async with observer.nothing_changes():
            answers = [await api.close(owner.wallet_id) for api in (owner.api, operator.api)]

        assert answers[0] == answers[1]
        assert (answers[0]["__typename"], answers[0]["code"]) == (
            "WalletNotEmpty",
            "WALLET_NOT_EMPTY",
        )
        assert (answers[0]["balance"]["amount"], answers[0]["held"]["amount"]) == ("10.00", "0.00")

    async def test_overdrawn_is_not_empty(
        self, guests: Guests, other: Account, operator: Account, observer: Observer
    ) -> None:
        """Who owes money does not walk away."""
        cleo = await guests.create()
        await operator.api.set_limits(cleo.wallet_id, overdraft="5.00")
        await cleo.api.transfer(cleo.wallet_id, other.wallet_id, "2.00")

        async with observer.nothing_changes():
            answer = await cleo.api.close(cleo.wallet_id)

        assert (answer["__typename"], answer["balance"]["amount"]) == ("WalletNotEmpty", "-2.00")

    async def test_holds(
        self, guests: Guests, other: Account, operator: Account, observer: Observer
    ) -> None:
        """An open hold stands in the way; one that is over does not, swept or not."""
        cleo = await guests.create()
        await operator.api.set_limits(cleo.wallet_id, overdraft="5.00")
        held = await cleo.api.hold(cleo.wallet_id, other.wallet_id, "2.00")
        open_ = await cleo.api.close(cleo.wallet_id)
        await observer.fetch(
            "UPDATE operations SET expires_at = now() - interval '1 minute' WHERE id = $1",
            uuid_of(held["done"]["id"]),
        )

        closed = await cleo.api.close(cleo.wallet_id)

        assert (open_["__typename"], open_["held"]["amount"]) == ("WalletNotEmpty", "2.00")
        assert closed["wallet"]["status"] == "CLOSED"
        assert (await cleo.api.operation(held["done"]["id"]))["status"] == "EXPIRED"

    async def test_frozen_is_for_operators(
        self, guests: Guests, operator: Account, observer: Observer
    ) -> None:
        """Its owner does not close what an operator froze."""
        cleo = await guests.create()
        end = in_an_hour()
        await operator.api.freeze(cleo.wallet_id, until=end)

        async with observer.nothing_changes():
            refused = await cleo.api.close(cleo.wallet_id)
        closed = await operator.api.close(cleo.wallet_id)

        assert refused["__typename"] == "WalletUnavailable"
        assert (refused["status"], refused["until"]) == ("FROZEN", end)
        assert (closed["wallet"]["status"], closed["wallet"]["frozenUntil"]) == ("CLOSED", None)

    async def test_holds_for_it(self, guests: Guests, owner: Account, observer: Observer) -> None:
        """What is held for a closed wallet is not captured, and can be let go."""
        cleo = await guests.create()
        held = (await owner.api.hold(owner.wallet_id, cleo.wallet_id, "2.00"))["done"]["id"]
        await cleo.api.close(cleo.wallet_id)

        captured = await cleo.api.follow(CAPTURE_HOLD, held)
        voided = await cleo.api.follow(VOID_HOLD, held)

        assert (captured["__typename"], captured["walletId"]) == (
            "WalletUnavailable",
            cleo.wallet_id,
        )
        assert voided["__typename"] == "OperationPayload"
        assert await observer.balance_minor(uuid_of(owner.wallet_id)) == 1000
        wallet = await owner.api.statement(owner.wallet_id, first=1)
        assert wallet["available"]["amount"] == "10.00"

    async def test_race_with_a_topup(
        self, guests: Guests, server: ApiServer, start_server: StartServer
    ) -> None:
        """Either the money comes first and it stays open, or it is closed, and empty."""
        urls = [server.url, start_server().url]
        seen = set()
        for number in range(40):
            cleo = await guests.create()

            closed, paid = await asyncio.gather(
                close(cleo, urls[number % 2]),
                cleo.api.at(urls[(number // 2) % 2]).settle(
                    TOPUP, walletId=cleo.wallet_id, amount=ONE_EURO
                ),
            )

            outcome = (closed["__typename"], paid["__typename"])
            seen.add(outcome)
            wallet = await cleo.api.statement(cleo.wallet_id, first=1)
            assert (*outcome, wallet["status"], wallet["balance"]["amount"]) in {
                ("WalletPayload", "WalletUnavailable", "CLOSED", "0.00"),
                ("WalletNotEmpty", "OperationPayload", "ACTIVE", "1.00"),
            }
        assert seen


async def _find_text(server: ApiServer, text: str) -> str:
    def lines() -> list[str]:
        return [line for line in server.log.read_text().splitlines() if text in line]

    await until(lambda: bool(lines()))
    (line,) = lines()
    return line
