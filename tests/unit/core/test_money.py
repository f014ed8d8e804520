"""Money at the edge: text to minor units and back."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from wallet.core import money
from wallet.core.money import (
    AMOUNT_MINOR_MAX,
    InvalidAmountError,
    UnknownCurrencyError,
    decimals_of,
    declare_assets,
    format_amount,
    parse_amount,
)

# One code for every number of decimals that there can be.
ASSETS = {f"TEST{decimals}": decimals for decimals in range(19)}


@pytest.fixture(autouse=True, scope="module")
def _assets() -> Iterator[None]:
    """Some assets, known to these tests only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(money, "_decimals", dict(money._decimals))
        declare_assets(ASSETS)
        yield


@pytest.fixture
def _undo_declarations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares is forgotten after it."""
    monkeypatch.setattr(money, "_decimals", dict(money._decimals))


class TestDecimalsOf:
    """decimals_of."""

    @pytest.mark.parametrize(
        ("currency", "decimals"),
        [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("TEST18", 18)],
    )
    def test_known(self, currency: str, decimals: int) -> None:
        """ISO 4217 says how many decimals a currency has, the operator how many an asset has."""
        assert decimals_of(currency) == decimals

    @pytest.mark.parametrize(
        "code",
        [
            "",
            "EURO",
            "XYZ",
            "eur",
            "Eur",
            " EUR",
            "EUR\n",
            "978",
            "€",
            "EUR\x00",
            "\ud800",
            "E" * 9999,
        ],
    )
    def test_unknown(self, code: str) -> None:
        """Anything else is no currency: other spellings, numbers, nonsense."""
        with pytest.raises(UnknownCurrencyError):
            decimals_of(code)

    @pytest.mark.parametrize("code", ["XAU", "XDR", "XXX", "XTS"])
    def test_no_money(self, code: str) -> None:
        """Codes without a minor unit are nothing that a wallet holds."""
        with pytest.raises(UnknownCurrencyError):
            decimals_of(code)


class TestParseAmount:
    """parse_amount."""

    @pytest.mark.parametrize(
        ("text", "currency", "amount_minor"),
        [
            ("12.50", "EUR", 1_250),
            ("12.5", "EUR", 1_250),
            ("12", "EUR", 1_200),
            ("0.01", "EUR", 1),
            ("0.10", "EUR", 10),
            ("007.10", "EUR", 710),
            ("1250", "JPY", 1_250),
            ("1", "JPY", 1),
            ("1.250", "KWD", 1_250),
            ("1.25", "KWD", 1_250),
            ("0.001", "KWD", 1),
            ("3", "TEST0", 3),
            ("0.000000000000000001", "TEST18", 1),
            ("9.223372036854775807", "TEST18", AMOUNT_MINOR_MAX),
        ],
    )
    def test_reads_minor_units(self, text: str, currency: str, amount_minor: int) -> None:
        """A decimal text is that many of the currency's smallest unit."""
        assert parse_amount(text, currency) == amount_minor

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            " 1",
            "1 ",
            "1\n",
            "\n1",
            "1\x00",
            "-1",
            "+1",
            "−1",  # noqa: RUF001
            "1.",
            ".5",
            ".",
            "1..5",
            "1.5.0",
            "1,50",
            "1_000",
            "1 000",
            "1'000",
            "1e3",
            "1E3",
            "1e-2",
            "0x1F",
            "NaN",
            "nan",
            "sNaN",
            "Infinity",
            "-inf",
            "٣",
            "１",  # noqa: RUF001
            "²",
            "१.५०",
            "1.٣",
            "½",
            "EUR 1",
            "1 EUR",
            "\ud800",
            "12345678901234567890",
            "0" * 20,
            "0" * 19 + "1",
            "1." + "0" * 19,
            "9" * 100_000,
        ],
    )
    @pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "TEST18"])
    def test_refuses_what_is_no_plain_decimal(self, text: str, currency: str) -> None:
        """Signs, exponents, spaces, separators, words, other digits: no amount."""
        with pytest.raises(InvalidAmountError):
            parse_amount(text, currency)

    @pytest.mark.parametrize(
        ("text", "currency"),
        [("12.505", "EUR"), ("12.500", "EUR"), ("1.5", "JPY"), ("1.0", "JPY"), ("1.2345", "KWD")],
    )
    def test_never_rounds(self, text: str, currency: str) -> None:
        """More decimals than the currency has are refused, zeros included."""
        with pytest.raises(InvalidAmountError, match=f"{currency} has {decimals_of(currency)}"):
            parse_amount(text, currency)

    @pytest.mark.parametrize(
        ("text", "currency"), [("0", "EUR"), ("0.00", "EUR"), ("000", "JPY"), ("0.0", "KWD")]
    )
    def test_refuses_zero(self, text: str, currency: str) -> None:
        """Nothing is no amount."""
        with pytest.raises(InvalidAmountError, match="more than zero"):
            parse_amount(text, currency)

    @pytest.mark.parametrize(("currency", "decimals"), ASSETS.items())
    def test_largest_amount(self, currency: str, decimals: int) -> None:
        """At every number of decimals, BIGINT's largest is the largest; one more is refused."""
        largest = format_amount(AMOUNT_MINOR_MAX, currency)
        beyond = format_amount(AMOUNT_MINOR_MAX + 1, currency)

        assert parse_amount(largest, currency) == AMOUNT_MINOR_MAX
        with pytest.raises(InvalidAmountError, match="too large"):
            parse_amount(beyond, currency)

    def test_far_too_large(self) -> None:
        """An amount whose minor units have twice the digits is refused like any other."""
        with pytest.raises(InvalidAmountError, match="too large"):
            parse_amount("9" * 19 + "." + "9" * 18, "TEST18")

    def test_unknown_currency(self) -> None:
        """An amount of nothing known is no amount."""
        with pytest.raises(UnknownCurrencyError):
            parse_amount("1.00", "XYZ")

    @given(
        st.integers(1, AMOUNT_MINOR_MAX),
        st.sampled_from(["EUR", "JPY", "KWD", *ASSETS]),
    )
    @example(AMOUNT_MINOR_MAX, "EUR")
    def test_reads_what_was_written(self, amount_minor: int, currency: str) -> None:
        """parse(format(x)) is x, in every currency."""
        assert parse_amount(format_amount(amount_minor, currency), currency) == amount_minor

    @given(
        st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,19})?", fullmatch=True),
        st.sampled_from(["EUR", "JPY", "KWD", *ASSETS]),
    )
    def test_keeps_the_exact_value(self, text: str, currency: str) -> None:
        """What is taken is worth exactly what the text says, to the last decimal."""
        try:
            amount_minor = parse_amount(text, currency)
        except InvalidAmountError:
            assume(False)  # noqa: FBT003
        assert Decimal(amount_minor).scaleb(-decimals_of(currency)).compare(Decimal(text)) == 0

    @given(st.text(alphabet=st.sampled_from("0123456789.-+eE ٣_,\n")))
    def test_takes_nothing_else(self, text: str) -> None:
        """Whatever is taken is ASCII digits with at most one point between them."""
        try:
            parse_amount(text, "EUR")
        except InvalidAmountError:
            return
        assert re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", text, re.ASCII)
        assert not text.endswith("\n")


class TestFormatAmount:
    """format_amount."""

    @pytest.mark.parametrize(
        ("amount_minor", "currency", "text"),
        [
            (1_250, "EUR", "12.50"),
            (0, "EUR", "0.00"),
            (1, "EUR", "0.01"),
            (-300, "EUR", "-3.00"),
            (-1, "EUR", "-0.01"),
            (-99, "EUR", "-0.99"),
            (1_250, "JPY", "1250"),
            (0, "JPY", "0"),
            (-7, "JPY", "-7"),
            (1_250, "KWD", "1.250"),
            (-5, "KWD", "-0.005"),
            (AMOUNT_MINOR_MAX, "EUR", "92233720368547758.07"),
            (-AMOUNT_MINOR_MAX, "TEST18", "-9.223372036854775807"),
            (1, "TEST18", "0.000000000000000001"),
        ],
    )
    def test_writes_all_decimals(self, amount_minor: int, currency: str, text: str) -> None:
        """An amount always has all of its currency's decimals, and a sign only below zero."""
        assert format_amount(amount_minor, currency) == text

    def test_unknown_currency(self) -> None:
        """What has no decimals cannot be written."""
        with pytest.raises(UnknownCurrencyError):
            format_amount(1, "XYZ")


@pytest.mark.usefixtures("_undo_declarations")
class TestDeclareAssets:
    """declare_assets."""

    def test_declared_assets_are_currencies(self) -> None:
        """From then on they are read and written like any currency."""
        declare_assets({"POINTS": 0, "GOLD2": 3})

        assert parse_amount("12", "POINTS") == 12
        assert format_amount(1, "GOLD2") == "0.001"

    @pytest.mark.parametrize(
        "code", ["", "AB", "points", "Points", "1UP", "GO-LD", "A" * 13, "GOLD\n", "ÄÖÜ", "GO LD"]
    )
    def test_refuses_other_codes(self, code: str) -> None:
        """A code is 3 to 12 capitals and digits, a capital first."""
        with pytest.raises(ValueError, match="no asset code"):
            declare_assets({code: 2})

    @pytest.mark.parametrize("decimals", [-1, 19])
    def test_refuses_other_decimals(self, decimals: int) -> None:
        """Decimals are 0 to 18."""
        with pytest.raises(ValueError, match="decimals"):
            declare_assets({"POINTS": decimals})

    def test_does_not_contradict_iso_4217(self) -> None:
        """The euro keeps its cents; to declare them once more is no contradiction."""
        declare_assets({"EUR": 2})

        with pytest.raises(ValueError, match="EUR has 2 decimals"):
            declare_assets({"EUR": 3})
        assert decimals_of("EUR") == 2

    def test_all_or_none(self) -> None:
        """One bad asset keeps the others from being declared."""
        with pytest.raises(ValueError, match="no asset code"):
            declare_assets({"POINTS": 0, "bad": 0})

        with pytest.raises(UnknownCurrencyError):
            decimals_of("POINTS")
