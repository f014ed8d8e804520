"""
The trial balance: what each currency's accounts add up to.

As the operator's books have it: what holders have is owed to them, a
liability, and stands on the credit side; what came in from outside is an
asset, and stands on the debit side. The exchange is owed what it was paid.
"""

from collections.abc import Sequence

import asyncpg

from wallet.core.records import record
from wallet.services.verification.findings import SYSTEM, BrokenLedgerError, System

_TOTALS = f"""
WITH {SYSTEM}, holders AS (
    SELECT currency,
           coalesce(sum(balance_minor) FILTER (WHERE balance_minor > 0), 0) AS credit_minor,
           coalesce(-sum(balance_minor) FILTER (WHERE balance_minor < 0), 0) AS debit_minor,
           sum(held_minor) AS held_minor
      FROM wallets
     GROUP BY currency
), outside AS (
    SELECT wallet_id, sum(amount_minor) AS total_minor
      FROM entries
     WHERE sequence IS NULL
     GROUP BY wallet_id
)
SELECT currency, credit_minor, debit_minor, held_minor,
       coalesce(world.total_minor, 0) AS world_minor,
       coalesce(exchange.total_minor, 0) AS exchange_minor
  FROM system
  JOIN holders USING (currency)
  LEFT JOIN outside AS world ON world.wallet_id = system.world_id
  LEFT JOIN outside AS exchange ON exchange.wallet_id = system.exchange_id
 ORDER BY currency
"""  # noqa: S608  (made of constants)


@record
class Account:
    """
    What one account adds up to, in minor units.

    Attributes:
        held_minor: How much of the credit is reserved by holds.
    """

    debit_minor: int = 0
    credit_minor: int = 0
    held_minor: int = 0


@record(kw_only=True)
class CurrencyBalance:
    """All accounts of one currency; both sides of it are equal in a ledger that holds."""

    currency: str
    holders: Account
    world: Account
    exchange: Account

    @property
    def total(self) -> Account:
        """Both sides of all accounts."""
        accounts = (self.holders, self.world, self.exchange)
        return Account(
            sum(account.debit_minor for account in accounts),
            sum(account.credit_minor for account in accounts),
        )


async def read_trial_balance(
    connection: asyncpg.Connection, system: System
) -> tuple[CurrencyBalance, ...]:
    """Add up all wallets and all entries of system wallets, by currency."""
    return tuple(
        CurrencyBalance(
            currency=row["currency"],
            holders=Account(
                int(row["debit_minor"]), int(row["credit_minor"]), int(row["held_minor"])
            ),
            world=_on_its_side(int(row["world_minor"])),
            exchange=_on_its_side(int(row["exchange_minor"])),
        )
        for row in await connection.fetch(_TOTALS, *system.values)
    )


def check_trial_balance(balances: Sequence[CurrencyBalance]) -> None:
    """
    Check that each currency's debits are its credits.

    Raises:
        BrokenLedgerError: One's are not.
    """
    for balance in balances:
        total = balance.total
        if total.debit_minor != total.credit_minor:
            raise BrokenLedgerError(
                f"currency {balance.currency}: its debits are {total.debit_minor} minor units, "
                f"and its credits {total.credit_minor}"
            )


def _on_its_side(total_minor: int) -> Account:
    """Return the account of a system wallet, from what its entries add up to."""
    return Account(max(-total_minor, 0), max(total_minor, 0))
