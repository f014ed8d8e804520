"""
Exchange rates: exact decimals, and what an amount comes to by one of them.

A rate has 18 decimals. It is worked out as a fraction and rounded half-even
once, so that no precision on the way decides what comes out.
"""

from decimal import Context, Decimal
from fractions import Fraction

from wallet.core.money import decimals_of

RATE_DECIMALS = 18
"""How many decimals a rate is kept with."""

RATE_WHOLE_DIGITS_MAX = 18
"""How many digits stand before the point at most: what turned round is still more than 0."""

MARGIN_BPS_MAX = 9_999
"""A margin of 10,000 basis points would leave nothing."""

_RATE_LIMIT = Decimal(10) ** RATE_WHOLE_DIGITS_MAX

# More digits than any rate has: what is made with it is never rounded by it.
_EXACT = Context(prec=80)


def round_rate(value: Fraction) -> Decimal:
    """Return *value* with RATE_DECIMALS decimals, rounded half-even."""
    return Decimal(round(value * 10**RATE_DECIMALS)).scaleb(-RATE_DECIMALS, _EXACT)


def cross_rate(base: Decimal, quote: Decimal) -> Decimal | None:
    """
    Return the rate between two currencies of which a third has rates.

    Args:
        base: Units of the base currency for one unit of the third.
        quote: Units of the quote currency for one unit of the third.

    Returns:
        Units of the quote currency for one of the base currency; None when
        that is too large or too small to be written with RATE_DECIMALS.
    """
    rate = round_rate(Fraction(quote) / Fraction(base))
    return rate if 0 < rate < _RATE_LIMIT else None


def less_margin(rate: Decimal, margin_bps: int) -> Decimal:
    """Return a rate less a margin in basis points (100 = 1 %); 0 where nothing is left of it."""
    return round_rate(Fraction(rate) * (10_000 - margin_bps) / 10_000)


def convert(amount_minor: int, currency: str, rate: Decimal, target_currency: str) -> int:
    """
    Return what an amount comes to, in minor units of *target_currency*.

    The amount times the rate, exactly, rounded half-even to the minor unit; it may
    be 0, or more than AMOUNT_MINOR_MAX.

    Args:
        amount_minor: In the minor unit of *currency*.
        rate: Units of *target_currency* for one unit of *currency*.
    """
    amount = Fraction(amount_minor, _units(currency))
    return round(amount * Fraction(rate) * _units(target_currency))


def _units(currency: str) -> int:
    """Return how many minor units are one of *currency*."""
    units: int = 10 ** decimals_of(currency)
    return units
