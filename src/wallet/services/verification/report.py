"""What is said of a ledger that holds: a table for people, a document for machines."""

from collections.abc import Sequence
from typing import Any

from wallet.core.money import UnknownCurrencyError, decimals_of, format_amount
from wallet.services.verification import Account, CurrencyBalance, Verified

_HEADINGS = ("Currency", "Account", "Debit", "Credit", "Held")
_TEXT_COLUMNS = 2


def to_text(verified: Verified) -> str:
    """Write the counts, and the trial balance as a table: one line for each account."""
    counts = (
        f"The ledger holds: {verified.wallets:,} wallets, "
        f"{verified.operations:,} operations, {verified.entries:,} entries."
    )
    if not verified.trial_balance:
        return counts
    rows = [row for balance in verified.trial_balance for row in _rows(balance)]
    notes = [
        f"{balance.currency} is not declared (ASSETS): its amounts are whole minor units."
        for balance in verified.trial_balance
        if _find_decimals(balance.currency) is None
    ]
    table = "\n".join(_align([_HEADINGS, *rows]))
    return "\n\n".join([counts, table, *(["\n".join(notes)] if notes else [])])


def to_document(verified: Verified) -> dict[str, Any]:
    """Return the same for JSON; amounts are decimal texts, as everywhere outside."""
    return {
        "holds": True,
        "wallets": verified.wallets,
        "operations": verified.operations,
        "entries": verified.entries,
        "trial_balance": [_document(balance) for balance in verified.trial_balance],
    }


def _document(balance: CurrencyBalance) -> dict[str, Any]:
    def sides(account: Account) -> dict[str, str]:
        return {
            "debit": _format(account.debit_minor, balance.currency),
            "credit": _format(account.credit_minor, balance.currency),
        }

    held = _format(balance.holders.held_minor, balance.currency)
    return {
        "currency": balance.currency,
        "decimals": _find_decimals(balance.currency),
        "holders": {**sides(balance.holders), "held": held},
        "outside_world": sides(balance.world),
        "exchange": sides(balance.exchange),
        "total": sides(balance.total),
    }


def _rows(balance: CurrencyBalance) -> list[tuple[str, ...]]:
    accounts = {
        "Holders": balance.holders,
        "Outside world": balance.world,
        "Exchange": balance.exchange,
        "Total": balance.total,
    }
    held = _format(balance.holders.held_minor, balance.currency)
    return [
        (
            balance.currency,
            name,
            _format(account.debit_minor, balance.currency),
            _format(account.credit_minor, balance.currency),
            held if account is balance.holders else "",
        )
        for name, account in accounts.items()
    ]


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows as lines, texts to the left and amounts to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < _TEXT_COLUMNS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _find_decimals(currency: str) -> int | None:
    """Return the decimals of a currency; None of an asset that is no longer declared."""
    try:
        return decimals_of(currency)
    except UnknownCurrencyError:
        return None


def _format(amount_minor: int, currency: str) -> str:
    known = _find_decimals(currency) is not None
    return format_amount(amount_minor, currency) if known else str(amount_minor)
