"""
What a text, a key, an amount or metadata must look like, whoever sends it.

Each function returns the value as it is stored, or raises InvalidInputError
with the path of the field. Paths use the names of the services' arguments.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from wallet.core.errors import InvalidInputError
from wallet.core.money import InvalidAmountError, UnknownCurrencyError, decimals_of, parse_amount

IDEMPOTENCY_KEY_LENGTH_MAX = 255
LABEL_LENGTH_MAX = 100
DESCRIPTION_LENGTH_MAX = 500
METADATA_BYTES_MAX = 8 * 1024
METADATA_DEPTH_MAX = 8

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1

# PostgreSQL stores no NUL, and UTF-8 has no surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""The grammar of RFC 3339, a profile of ISO 8601; seconds may be left out."""

_LAST_INSTANT = datetime.max.replace(tzinfo=UTC) - timedelta(microseconds=1)
"""The very last one is infinity to asyncpg, which reads it back without an offset."""

Path = tuple[str, ...]


def find_instant(text: str) -> datetime | None:
    """Read an instant in ISO 8601 with an offset, as one in UTC; None when it is none."""
    # The standard library reads more than ISO 8601 allows, any separator among it.
    if not _INSTANT.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return min(instant, _LAST_INSTANT)


def check_text(text: str, *, field: Path, length_max: int, length_min: int = 0) -> str:
    """Check the length of *text*, in characters, and that it can be stored."""
    if not length_min <= len(text) <= length_max:
        expected = f"{length_min} to {length_max}" if length_min else f"at most {length_max}"
        raise InvalidInputError(f"This takes {expected} characters.", field=field)
    if _UNSTORABLE.search(text):
        raise InvalidInputError("NUL and lone surrogates are not text.", field=field)
    return text


def check_optional_text(text: str | None, *, field: Path, length_max: int) -> str | None:
    """Check a text that may be left out; an empty one counts as left out."""
    return check_text(text, field=field, length_max=length_max) if text else None


def check_idempotency_key(key: str) -> str:
    """Check a client's idempotency key: 1 to 255 characters."""
    return check_text(
        key, field=("idempotency_key",), length_min=1, length_max=IDEMPOTENCY_KEY_LENGTH_MAX
    )


def check_currency(code: str, *, field: Path) -> str:
    """Check that *code* is a currency of ISO 4217 or a declared asset."""
    try:
        decimals_of(code)
    except UnknownCurrencyError as error:
        raise InvalidInputError(str(error), field=field) from None
    return code


def check_money(amount: str, currency: str) -> int:
    """Read a positive amount as minor units of *currency*; see ``money.parse_amount``."""
    check_currency(currency, field=("amount", "currency"))
    try:
        return parse_amount(amount, currency)
    except InvalidAmountError as error:
        raise InvalidInputError(str(error), field=("amount", "amount")) from None


def check_limit(amount: str, currency: str, *, field: Path) -> int:
    """Read an amount that may be 0 as minor units of *currency*, which is known to be one."""
    try:
        return parse_amount(amount, currency, allow_zero=True)
    except InvalidAmountError as error:
        raise InvalidInputError(str(error), field=field) from None


def check_metadata(metadata: object) -> str | None:
    """Write metadata as canonical JSON text: at most 8 KiB of UTF-8, nested at most 8 deep."""
    if metadata is None:
        return None
    field = ("metadata",)
    for count, (value, depth) in enumerate(_walk(metadata)):
        # Each value takes at least a byte: what has more of them need not be written out.
        if count > METADATA_BYTES_MAX:
            raise InvalidInputError(f"At most {METADATA_BYTES_MAX} bytes.", field=field)
        if depth > METADATA_DEPTH_MAX:
            raise InvalidInputError(f"At most {METADATA_DEPTH_MAX} levels deep.", field=field)
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise InvalidInputError("NUL and lone surrogates are not text.", field=field)
        if isinstance(value, int | float) and not _fits(value):
            raise InvalidInputError("Numbers are within 64 bits.", field=field)
    text = json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if len(text.encode()) > METADATA_BYTES_MAX:
        raise InvalidInputError(f"At most {METADATA_BYTES_MAX} bytes.", field=field)
    return text


def _fits(number: float) -> bool:
    """
    Tell whether a number comes back as it was sent.

    A float beyond 64 bits may be what a reader of JSON made of a longer whole
    number; NaN is smaller than nothing.
    """
    if isinstance(number, int):
        return _INTEGER_MIN <= number <= _INTEGER_MAX
    return abs(number) < _INTEGER_MAX


def _walk(value: object, depth: int = 0) -> Iterator[tuple[object, int]]:
    """Yield every value and key with its depth; stops going down where it is too deep."""
    if isinstance(value, dict):
        yield value, depth + 1
        if depth < METADATA_DEPTH_MAX:
            for key, item in value.items():
                yield key, depth + 1
                yield from _walk(item, depth + 1)
    elif isinstance(value, list):
        yield value, depth + 1
        if depth < METADATA_DEPTH_MAX:
            for item in value:
                yield from _walk(item, depth + 1)
    else:
        yield value, depth
