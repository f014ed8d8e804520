"""How records are shown to a viewer: money, wallets, operations and their parties."""

from dataclasses import replace

import pytest
from strawberry.scalars import JSON

from tests.unit.services.ledger.samples import (
    ADA,
    BOB,
    NOW,
    OPERATOR,
    by_id,
    make_topup,
    make_transfer,
    make_wallet,
)
from wallet.core.errors import ErrorCode
from wallet.core.ids import to_global_id
from wallet.core.money import UnknownCurrencyError
from wallet.models import OperationStatus
from wallet.schema.nodes import Money
from wallet.schema.operations import Operation, Party, mask_email
from wallet.schema.wallets import Wallet
from wallet.services.ledger import OperationRecord
from wallet.services.ledger.decide import decide


class TestMoneyOf:
    """Money.of."""

    @pytest.mark.parametrize(
        ("amount_minor", "currency", "amount"),
        [
            (1_250, "EUR", "12.50"),
            (0, "EUR", "0.00"),
            (-300, "EUR", "-3.00"),
            (1_250, "JPY", "1250"),
            (1_250, "KWD", "1.250"),
        ],
    )
    def test_has_all_decimals(self, amount_minor: int, currency: str, amount: str) -> None:
        """The amount always has all decimals of its currency."""
        assert Money.of(amount_minor, currency) == Money(amount=amount, currency=currency)  # type: ignore[arg-type]

    def test_unknown_currency(self) -> None:
        """An amount of nothing known is never shown as some number."""
        with pytest.raises(UnknownCurrencyError):
            Money.of(1, "XYZ")


class TestMaskEmail:
    """mask_email."""

    @pytest.mark.parametrize(
        ("email", "masked"),
        [
            ("ada@example.com", "a•••@example.com"),
            ("a@example.com", "a•••@example.com"),
            ("ada.lovelace+tea@mail.example.org", "a•••@mail.example.org"),
            ("ünal@example.com", "ü•••@example.com"),
            ("日本@example.jp", "日•••@example.jp"),
        ],
    )
    def test_shows_one_character(self, email: str, masked: str) -> None:
        """One character and the domain are shown; not even the length of the rest is."""
        assert mask_email(email) == masked


class TestPartyOf:
    """Party.of."""

    def test_own(self) -> None:
        """A viewer sees its own address in full."""
        wallet = make_wallet(ADA)

        party = Party.of(wallet.party, ADA)

        assert party is not None
        assert party.holder == wallet.owner_email
        assert party.wallet_id == to_global_id("Wallet", wallet.id)
        assert party.currency == "EUR"

    def test_other(self) -> None:
        """The other side sees as much as is needed to recognise somebody."""
        wallet = make_wallet(ADA)

        party = Party.of(wallet.party, BOB)

        assert party is not None
        assert party.holder == mask_email(wallet.owner_email)
        assert wallet.owner_email not in repr(party)

    def test_system_wallet(self) -> None:
        """The world is nobody."""
        assert Party.of(None, ADA) is None


class TestWalletOf:
    """Wallet.of."""

    def test_available_and_held_make_the_balance(self) -> None:
        """Balance, held and available are shown in the wallet's currency."""
        wallet = make_wallet(
            currency="KWD", balance_minor=5_000, held_minor=1_250, overdraft_minor=99, label="Tea"
        )

        shown = Wallet.of(wallet, ADA)

        assert shown.id == to_global_id("Wallet", wallet.id)
        assert (shown.balance.amount, shown.held.amount, shown.available.amount) == (
            "5.000",
            "1.250",
            "3.750",
        )
        assert (shown.currency, shown.label, shown.status) == ("KWD", "Tea", wallet.status)
        assert shown.created_at == wallet.created_at


class TestOperationOf:
    """Operation.of."""

    def transfer(self, amount_minor: int) -> OperationRecord:
        """Return the operation of a transfer from ada, who has 10.00 EUR, to bob."""
        ada, bob = make_wallet(balance_minor=1_000), make_wallet(BOB)
        posting = replace(
            make_transfer(ada, bob, amount_minor), description="tea", metadata='{"cups":[1,2]}'
        )
        (operation,) = decide(by_id(ada, bob), {}, [posting], now=NOW).operations
        return operation

    def test_completed(self) -> None:
        """A viewer sees what was asked, the parties, and the metadata as it was sent."""
        record = self.transfer(250)
        assert record.source is not None
        assert record.target is not None

        shown = Operation.of(record, ADA)

        assert shown.id == to_global_id("Operation", record.id)
        assert shown.amount == Money.of(250, "EUR")
        assert shown.source == Party.of(record.source, ADA)
        assert shown.target == Party.of(record.target, ADA)
        assert shown.description == "tea"
        assert shown.metadata == JSON({"cups": [1, 2]})
        assert (shown.status, shown.error_code) == (OperationStatus.COMPLETED, None)
        assert shown.created_at == shown.completed_at == NOW

    def test_each_side_sees_the_other_masked(self) -> None:
        """Neither side learns the other's address, and a third party learns none."""
        record = self.transfer(250)
        assert record.source is not None
        assert record.target is not None
        emails = {ADA: record.source.owner_email, BOB: record.target.owner_email}

        for viewer_id in (ADA, BOB, OPERATOR):
            shown = Operation.of(record, viewer_id)
            assert shown.source is not None
            assert shown.target is not None
            visible = {shown.source.holder, shown.target.holder} & set(emails.values())
            assert visible == ({emails[viewer_id]} if viewer_id in emails else set())

    def test_failed(self) -> None:
        """A refused attempt says why."""
        shown = Operation.of(self.transfer(1_001), ADA)

        assert shown.status is OperationStatus.FAILED
        assert shown.error_code is ErrorCode.INSUFFICIENT_FUNDS
        assert shown.amount == Money.of(1_001, "EUR")

    def test_without_extras(self) -> None:
        """What was not said is null; money from outside has no source."""
        wallet = make_wallet()
        (record,) = decide(by_id(wallet), {}, [make_topup(wallet, 1)], now=NOW).operations

        shown = Operation.of(record, ADA)

        assert (shown.source, shown.description, shown.metadata) == (None, None, None)
