"""Transfers that are still to come, as their owners ask for them."""

from typing import Any

from tests.support.api import Account
from tests.support.due import from_now

SCHEDULED = """
query Scheduled($id: ID!, $first: Int) { wallet(id: $id) {
    scheduledTransfers(first: $first) { id status scheduledFor amount { amount } } } }
"""


async def schedule(payer: Account, shop: Account, amount: str = "4.00", **more: Any) -> Any:
    """Schedule a transfer for tomorrow, unless said otherwise."""
    more = {"scheduledFor": from_now(days=1), **more}
    return await payer.api.transfer(payer.wallet_id, shop.wallet_id, amount, **more)


async def scheduled(account: Account, first: int | None = None) -> list[Any]:
    """Return the transfers out of an account's wallet that are still to come."""
    variables = {"id": account.wallet_id} | ({"first": first} if first else {})
    found = await account.api.run(SCHEDULED, **variables)
    return list(found["scheduledTransfers"])


async def balances(*accounts: Account) -> list[str]:
    """Return the balance of each."""
    return [await account.api.balance(account.wallet_id) for account in accounts]
