"""How wallets and operations stand, as their owners read it, for tests of what is held."""

from collections.abc import Iterable
from typing import Any

from tests.support.api import Account


async def standing(account: Account) -> tuple[str, str, str]:
    """Return balance, held and available of an account's wallet."""
    wallet = await account.api.statement(account.wallet_id, first=1)
    return wallet["balance"]["amount"], wallet["held"]["amount"], wallet["available"]["amount"]


async def status_of(account: Account, operation_id: str) -> str:
    """Return what became of an operation."""
    return str((await account.api.operation(operation_id))["status"])


def kinds(answers: Iterable[Any]) -> list[str]:
    """Return the types of answers, sorted."""
    return sorted(answer["__typename"] for answer in answers)
