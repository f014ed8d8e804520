"""What is said of a ledger that holds."""

import pytest

from wallet.services.verification import Account, BrokenLedgerError, CurrencyBalance, Verified
from wallet.services.verification.report import to_document, to_text
from wallet.services.verification.trial_balance import check_trial_balance

EUROS = CurrencyBalance(
    currency="EUR",
    holders=Account(debit_minor=500, credit_minor=123_456_789, held_minor=2_005),
    world=Account(debit_minor=123_455_289),
    exchange=Account(debit_minor=1_000),
)
YEN = CurrencyBalance(
    currency="JPY",
    holders=Account(credit_minor=1_250),
    world=Account(),
    exchange=Account(debit_minor=1_250),
)
GOLD = CurrencyBalance(
    currency="GOLDCOINS",
    holders=Account(credit_minor=7),
    world=Account(debit_minor=7),
    exchange=Account(),
)


class TestToText:
    """to_text."""

    def test_table(self) -> None:
        """Amounts have their currency's decimals and are aligned to the right."""
        assert to_text(Verified(7, 12_345, 6_789, (EUROS, YEN))) == (
            "The ledger holds: 7 wallets, 6,789 operations, 12,345 entries.\n"
            "\n"
            "Currency  Account             Debit      Credit   Held\n"
            "EUR       Holders              5.00  1234567.89  20.05\n"
            "EUR       Outside world  1234552.89        0.00\n"
            "EUR       Exchange            10.00        0.00\n"
            "EUR       Total          1234567.89  1234567.89\n"
            "JPY       Holders                 0        1250      0\n"
            "JPY       Outside world           0           0\n"
            "JPY       Exchange             1250           0\n"
            "JPY       Total                1250        1250"
        )

    def test_asset_that_is_no_longer_declared(self) -> None:
        """Its decimals are not known, so minor units are shown, and a note says so."""
        assert to_text(Verified(3, 4, 5, (GOLD,))) == (
            "The ledger holds: 3 wallets, 5 operations, 4 entries.\n"
            "\n"
            "Currency   Account        Debit  Credit  Held\n"
            "GOLDCOINS  Holders            0       7     0\n"
            "GOLDCOINS  Outside world      7       0\n"
            "GOLDCOINS  Exchange           0       0\n"
            "GOLDCOINS  Total              7       7\n"
            "\n"
            "GOLDCOINS is not declared (ASSETS): its amounts are whole minor units."
        )

    def test_no_wallet_at_all(self) -> None:
        """There is no table without a currency."""
        assert to_text(Verified()) == "The ledger holds: 0 wallets, 0 operations, 0 entries."


class TestToDocument:
    """to_document."""

    def test_asset_that_is_no_longer_declared(self) -> None:
        """Its decimals are null, and its amounts minor units."""
        (balance,) = to_document(Verified(3, 4, 5, (GOLD,)))["trial_balance"]

        assert balance["decimals"] is None
        assert balance["total"] == {"debit": "7", "credit": "7"}


class TestCheckTrialBalance:
    """check_trial_balance."""

    def test_equal_sides(self) -> None:
        """Whatever stands on which side, both are the same."""
        check_trial_balance([EUROS, YEN])

    def test_unequal_sides(self) -> None:
        """The first currency whose sides differ is named, with both."""
        broken = CurrencyBalance(
            currency="USD",
            holders=Account(credit_minor=10),
            world=Account(debit_minor=7),
            exchange=Account(debit_minor=2),
        )

        with pytest.raises(BrokenLedgerError) as raised:
            check_trial_balance([YEN, broken])

        assert str(raised.value) == (
            "currency USD: its debits are 9 minor units, and its credits 10"
        )
