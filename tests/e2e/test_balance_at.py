"""Wallet.balanceAt, over HTTP: the balance as it stood at an instant."""

from datetime import datetime, timedelta
from typing import Any

import pytest_asyncio

from tests.support.api import CAPTURE_HOLD, Account
from tests.support.due import from_now
from tests.support.observer import Observer
from tests.support.refusals import error_code
from wallet.core.ids import find_id

BALANCE_AT = """
query BalanceAt($id: ID!, $at: DateTime!) {
    wallet(id: $id) { balanceAt(at: $at) { amount currency } } }
"""
TICK = timedelta(microseconds=1)


@pytest_asyncio.fixture
async def busy(payer: Account, shop: Account) -> Account:
    """The payer, with a past of several sorts."""
    await payer.api.transfer(payer.wallet_id, shop.wallet_id, "2.50")
    held = await payer.api.hold(payer.wallet_id, shop.wallet_id, "3.00")
    await payer.api.transfer(payer.wallet_id, shop.wallet_id, "99.00")
    await shop.api.follow(CAPTURE_HOLD, held["done"]["id"], "1.00")
    await payer.api.topup(payer.wallet_id, "0.75")
    return payer


async def balance_at(account: Account, at: str) -> str:
    """Return what a wallet's balance was."""
    found = await account.api.run(BALANCE_AT, id=account.wallet_id, at=at)
    assert found["balanceAt"]["currency"] == "EUR"
    return str(found["balanceAt"]["amount"])


class TestBalanceAt:
    """Of its owner's wallet."""

    async def test_at_every_line(self, busy: Account, observer: Observer) -> None:
        """After a line from its very instant on; before the first, 0; in the future, as now."""
        lines = await observer.fetch(
            "SELECT created_at, balance_after_minor FROM entries WHERE wallet_id = $1"
            " ORDER BY sequence",
            find_id("Wallet", busy.wallet_id),
        )
        instants: list[datetime] = [line["created_at"] for line in lines]
        balances = [f"{line['balance_after_minor'] / 100:.2f}" for line in lines]

        assert len(set(instants)) == len(lines) == 7
        assert [await balance_at(busy, at.isoformat()) for at in instants] == balances
        assert [await balance_at(busy, (at - TICK).isoformat()) for at in instants] == [
            "0.00",
            *balances[:-1],
        ]
        assert await balance_at(busy, from_now(days=-4_000)) == "0.00"
        assert await balance_at(busy, from_now(days=4_000)) == balances[-1] == "7.25"

    async def test_several_lines_of_one_instant(self, payer: Account, shop: Account) -> None:
        """All of them count."""
        answer = await payer.api.transfer_batch(
            [
                {
                    "sourceWalletId": payer.wallet_id,
                    "targetWalletId": shop.wallet_id,
                    "amount": {"amount": "1.00", "currency": "EUR"},
                    "idempotencyKey": f"{payer.user_id} {number}",
                }
                for number in range(3)
            ]
        )
        (at,) = {result["done"]["createdAt"] for result in answer["results"]}
        before = (datetime.fromisoformat(at) - TICK).isoformat()

        assert [await balance_at(payer, each) for each in (before, at)] == ["10.00", "7.00"]

    async def test_instant_of_another_zone(self, payer: Account) -> None:
        """It is the same instant."""
        assert await balance_at(payer, "2099-01-01T00:00:00+02:00") == "10.00"

    async def test_no_instant(self, payer: Account) -> None:
        """A time without an offset is none."""
        for at in ("2026-01-01T00:00:00", "2026-01-01", "yesterday", 0):
            body: dict[str, Any] = {
                "query": BALANCE_AT,
                "variables": {"id": payer.wallet_id, "at": at},
            }
            assert error_code(await payer.api.send(body)) == "BAD_USER_INPUT"

    async def test_of_another(self, payer: Account, shop: Account) -> None:
        """There is no such wallet."""
        found = await shop.api.run(BALANCE_AT, id=payer.wallet_id, at=from_now(days=1))

        assert found is None
