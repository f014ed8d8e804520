"""Exchange rates: exact decimals, and what an amount comes to."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.core.money import AMOUNT_MINOR_MAX, decimals_of, declare_assets
from wallet.core.rates import (
    MARGIN_BPS_MAX,
    RATE_DECIMALS,
    RATE_WHOLE_DIGITS_MAX,
    convert,
    cross_rate,
    less_margin,
    round_rate,
)

STEP = Fraction(1, 10**RATE_DECIMALS)
"""From one rate to the next."""

# 0, 2, 3, 8 and 18 decimals.
CURRENCIES = ["JPY", "EUR", "KWD", "QCOIN", "QWEI"]

rates = st.decimals(
    min_value=Decimal(1).scaleb(-RATE_DECIMALS),
    max_value=Decimal(10**RATE_WHOLE_DIGITS_MAX - 1),
    places=RATE_DECIMALS,
    allow_nan=False,
    allow_infinity=False,
)
published = st.integers(1, 10**12).map(lambda digits: Decimal(digits).scaleb(-6))
amounts = st.integers(1, AMOUNT_MINOR_MAX)
currencies = st.sampled_from(CURRENCIES)


@pytest.fixture(autouse=True, scope="module")
def _assets() -> None:
    """Assets with more decimals than any currency of ISO 4217."""
    declare_assets({"QCOIN": 8, "QWEI": 18})


def is_nearest_even(rounded: int, exact: Fraction) -> bool:
    """Tell whether *rounded* is the nearest whole number, and of two as near the even one."""
    distance = abs(exact - rounded)
    return distance < Fraction(1, 2) or (distance == Fraction(1, 2) and rounded % 2 == 0)


class TestRoundRate:
    """round_rate."""

    @given(rates)
    def test_rate_stays_what_it_is(self, rate: Decimal) -> None:
        """What has 18 decimals is not changed, however many digits it has."""
        assert round_rate(Fraction(rate)) == rate

    @given(st.fractions(0, 10**RATE_WHOLE_DIGITS_MAX))
    def test_half_even(self, value: Fraction) -> None:
        """Anything else goes to the nearest, and from the middle to the even one."""
        assert is_nearest_even(int(Fraction(round_rate(value)) / STEP), value / STEP)

    @pytest.mark.parametrize(("halves", "steps"), [(1, 0), (3, 2), (5, 2), (7, 4)])
    def test_middle(self, halves: int, steps: int) -> None:
        """Exactly between two rates, the even one is meant."""
        assert Fraction(round_rate(halves * STEP / 2)) == steps * STEP

    def test_precision_of_the_thread_does_not_count(self) -> None:
        """Whatever somebody has set decimals to, a rate is exact."""
        with localcontext() as context:
            context.prec = 3
            rate = round_rate(Fraction("123456789.123456789123456789"))
        assert rate == Decimal("123456789.123456789123456789")


class TestCrossRate:
    """cross_rate."""

    def test_through_the_third(self) -> None:
        """How many yen a dollar is, of how many of both a euro is."""
        rate = cross_rate(Decimal("1.25"), Decimal("175.68"))
        assert rate == Decimal("140.544")

    def test_is_rounded_once(self) -> None:
        """What never ends is cut at 18 decimals, to the nearest."""
        assert cross_rate(Decimal(3), Decimal(2)) == Decimal("0.666666666666666667")

    @given(published, published)
    def test_is_exact(self, base: Decimal, quote: Decimal) -> None:
        """Nothing but the last of 18 decimals is rounded."""
        rate = cross_rate(base, quote)
        assert rate is not None
        exact = Fraction(quote) / Fraction(base) / STEP
        assert is_nearest_even(int(Fraction(rate) / STEP), exact)

    @given(rates, rates)
    def test_can_be_written_or_is_none(self, base: Decimal, quote: Decimal) -> None:
        """There is none rather than one that does not fit, and none is 0."""
        rate = cross_rate(base, quote)
        if rate is not None:
            assert 0 < rate < 10**RATE_WHOLE_DIGITS_MAX
            assert rate.as_tuple().exponent == -RATE_DECIMALS

    def test_too_small_and_too_large(self) -> None:
        """The ends of what a rate can be."""
        small, large = Decimal(1).scaleb(-RATE_DECIMALS), Decimal(10**17)
        assert cross_rate(large, small) is None
        assert cross_rate(small, large) is None


class TestLessMargin:
    """less_margin."""

    def test_basis_points(self) -> None:
        """150 of them are one and a half per cent."""
        assert less_margin(Decimal("2.0"), 150) == Decimal("1.97")

    @given(rates)
    def test_no_margin(self, rate: Decimal) -> None:
        """Without one, the rate is the published one."""
        assert less_margin(rate, 0) == rate

    @given(rates, st.integers(0, MARGIN_BPS_MAX))
    def test_is_never_for_the_client(self, rate: Decimal, margin_bps: int) -> None:
        """With a margin a client gets no more than without."""
        assert 0 <= less_margin(rate, margin_bps) <= rate


class TestConvert:
    """convert."""

    @pytest.mark.parametrize(
        ("amount_minor", "currency", "rate", "target", "converted_minor"),
        [
            (1_000, "EUR", "1.1172", "USD", 1_117),
            (1_000, "EUR", "175.68", "JPY", 1_757),
            (100, "JPY", "0.0057", "EUR", 57),
            (1, "JPY", "0.001905", "KWD", 2),
            (1_000, "KWD", "2.92", "EUR", 292),
            (1, "EUR", "1", "QWEI", 10**16),
            (10**16, "QWEI", "1", "EUR", 1),
            # In the middle, to the even one.
            (1, "EUR", "0.5", "USD", 0),
            (3, "EUR", "0.5", "USD", 2),
            (5, "EUR", "0.5", "USD", 2),
            (7, "EUR", "0.5", "USD", 4),
            (250, "EUR", "1", "JPY", 2),
            (350, "EUR", "1", "JPY", 4),
            (15 * 10**15, "QWEI", "1", "EUR", 2),
            (25 * 10**15, "QWEI", "1", "EUR", 2),
            (25 * 10**15 + 1, "QWEI", "1", "EUR", 3),
            # Too little, and too much: who asks decides what to say of it.
            (1, "JPY", "0.0000000001", "EUR", 0),
            (AMOUNT_MINOR_MAX, "EUR", "2", "USD", 2 * AMOUNT_MINOR_MAX),
        ],
    )
    def test_amounts(
        self, amount_minor: int, currency: str, rate: str, target: str, converted_minor: int
    ) -> None:
        """Between any decimals, rounded half-even to the target's minor unit."""
        assert convert(amount_minor, currency, Decimal(rate), target) == converted_minor

    @given(amounts, currencies, rates, currencies)
    def test_is_exact(self, amount_minor: int, currency: str, rate: Decimal, target: str) -> None:
        """Amount times rate is what is converted, up to half a minor unit, for any of them."""
        converted_minor = convert(amount_minor, currency, rate, target)

        exact = (
            Fraction(amount_minor, 10 ** decimals_of(currency))
            * Fraction(rate)
            * 10 ** decimals_of(target)
        )
        assert is_nearest_even(converted_minor, exact)
