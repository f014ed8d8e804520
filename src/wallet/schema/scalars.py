"""Scalars of the public API."""

from datetime import datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from wallet.core.inputs import find_instant

DecimalText = NewType("DecimalText", str)
"""A decimal as it is sent; ``core.money`` reads it, so that a bad one is InvalidInput."""

CurrencyCode = NewType("CurrencyCode", str)
"""A currency code as it is sent; ``core.inputs`` checks it."""


def _parse_decimal(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError('A Decimal is a string such as "12.50", never a number.')
    return value


def _parse_currency(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError('A Currency is a string such as "EUR".')
    return value


def _parse_datetime(value: object) -> datetime:
    instant = find_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise GraphQLError(
            'A DateTime is an instant in ISO 8601 with an offset, such as "2026-01-31T12:00:00Z".'
        )
    return instant


SCALARS: dict[object, ScalarDefinition] = {
    DecimalText: strawberry.scalar(
        name="Decimal",
        description=(
            'Exact decimal number, sent as a JSON string: "12.50". Never a float; NaN, '
            "infinities and exponents are refused."
        ),
        serialize=str,
        parse_value=_parse_decimal,
    ),
    CurrencyCode: strawberry.scalar(
        name="Currency",
        description='ISO 4217 code ("EUR"), or an asset that the operator has declared.',
        serialize=str,
        parse_value=_parse_currency,
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Instant in UTC, ISO 8601 with an offset.",
        serialize=datetime.isoformat,
        parse_value=_parse_datetime,
    ),
}
