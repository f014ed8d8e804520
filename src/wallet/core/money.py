"""
Money at the edge: decimal text to whole minor units and back.

Inside, an amount is an ``int`` in its currency's minor unit (1250 = 12.50 EUR;
1250 JPY; 1.250 KWD). Currencies and their decimals are those of ISO 4217,
and the assets that the operator declares.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

import iso4217

AMOUNT_MINOR_MAX = 2**63 - 1
"""The largest amount and the largest balance: what a BIGINT column holds."""

_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,19})(?:\.(?P<fraction>[0-9]{1,18}))?")
_ASSET_CODE = re.compile(r"[A-Z][A-Z0-9]{2,11}")
_ASSET_DECIMALS_MAX = 18

# Codes without a minor unit (gold, special drawing rights, "no currency") are no money to hold.
_decimals: dict[str, int] = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None
}


class UnknownCurrencyError(ValueError):
    """Raised when a code is neither of ISO 4217 nor a declared asset."""


class InvalidAmountError(ValueError):
    """Raised when a text is not a positive amount of the currency; says why."""


def check_assets(assets: Mapping[str, int]) -> None:
    """
    Check the operator's own assets (points, game coins).

    Args:
        assets: Decimals by code; a code is 3 to 12 capitals and digits, decimals are 0 to 18.

    Raises:
        ValueError: A code is malformed or contradicts ISO 4217, or decimals are out of range.
    """
    for code, decimals in assets.items():
        if not _ASSET_CODE.fullmatch(code):
            raise ValueError(f"{code!r} is no asset code: 3 to 12 capitals and digits")
        if not 0 <= decimals <= _ASSET_DECIMALS_MAX:
            raise ValueError(f"{code} has {decimals} decimals: 0 to {_ASSET_DECIMALS_MAX} are")
        if _decimals.get(code, decimals) != decimals:
            raise ValueError(f"{code} has {_decimals[code]} decimals already")


def declare_assets(assets: Mapping[str, int]) -> None:
    """
    Add assets to the known currencies.

    Raises:
        ValueError: See check_assets.
    """
    check_assets(assets)
    _decimals.update(assets)


def decimals_of(currency: str) -> int:
    """
    Return how many decimals the minor unit of *currency* has: 2 for EUR, 0 for JPY.

    Raises:
        UnknownCurrencyError: The code is not known.
    """
    try:
        return _decimals[currency]
    except KeyError:
        raise UnknownCurrencyError("This is no currency code of ISO 4217.") from None


def parse_amount(text: str, currency: str, *, allow_zero: bool = False) -> int:
    """
    Read a positive decimal text as minor units of *currency*: "12.5" EUR is 1250.

    Nothing is rounded: more decimals than the currency has are refused, as are
    signs, exponents, spaces and digits that are not ASCII.

    Raises:
        UnknownCurrencyError: The currency is not known.
        InvalidAmountError: The text is no such amount, or is beyond AMOUNT_MINOR_MAX.
    """
    decimals = decimals_of(currency)
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise InvalidAmountError('An amount is a positive decimal number such as "12.50".')
    fraction = match["fraction"] or ""
    if len(fraction) > decimals:
        raise InvalidAmountError(f"{currency} has {decimals} decimals.")
    amount_minor = int(match["whole"] + fraction.ljust(decimals, "0"))
    if amount_minor == 0 and not allow_zero:
        raise InvalidAmountError("An amount is more than zero.")
    if amount_minor > AMOUNT_MINOR_MAX:
        raise InvalidAmountError("The amount is too large.")
    return amount_minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Write minor units with all decimals of *currency*: -300 EUR is "-3.00"."""
    decimals = decimals_of(currency)
    if decimals == 0:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def format_rate(rate: Decimal) -> str:
    """Write an exchange rate without an exponent and without zeros at its end: "1.0845"."""
    text = format(rate, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
