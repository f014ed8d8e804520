"""Scalars of the public API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from graphql import GraphQLError

from wallet.schema.scalars import SCALARS, CurrencyCode, DecimalText

NO_TEXT = [None, True, 1, 12.5, float("nan"), [], ["12.50"], {}, {"amount": "12.50"}]


def parser_of(scalar: object) -> Callable[[Any], Any]:
    """Return what reads a scalar."""
    parse = SCALARS[scalar].parse_value
    assert parse is not None
    return parse


class TestDecimal:
    """The Decimal scalar."""

    @pytest.mark.parametrize("text", ["12.50", "NaN", "", "1e3"])
    def test_leaves_text_to_the_service(self, text: str) -> None:
        """A bad amount is InvalidInput with the path of its field, not a GraphQL error."""
        assert parser_of(DecimalText)(text) == text

    @pytest.mark.parametrize("value", NO_TEXT)
    def test_refuses_numbers(self, value: object) -> None:
        """A number may have lost digits on its way, so it is refused."""
        with pytest.raises(GraphQLError, match="never a number"):
            parser_of(DecimalText)(value)


class TestCurrency:
    """The Currency scalar."""

    def test_leaves_text_to_the_service(self) -> None:
        """An unknown currency is InvalidInput, not a GraphQL error."""
        assert parser_of(CurrencyCode)("XYZ") == "XYZ"

    @pytest.mark.parametrize("value", NO_TEXT)
    def test_refuses_anything_else(self, value: object) -> None:
        """A currency is a string."""
        with pytest.raises(GraphQLError, match="is a string"):
            parser_of(CurrencyCode)(value)


class TestDateTime:
    """The DateTime scalar."""

    @pytest.mark.parametrize(
        "text",
        ["2026-01-31T12:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31T06:30:00.000000-05:30"],
    )
    def test_reads_instants(self, text: str) -> None:
        """Whatever the offset, the instant is read as UTC."""
        instant = parser_of(datetime)(text)

        assert instant == datetime(2026, 1, 31, 12, tzinfo=UTC)
        assert instant.tzinfo is UTC

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "now",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00z",
            "20260131T120000Z",
            "2026-W05-6T12:00:00Z",
            " 2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00Z\n",
            "2026-01-31T12:00:00.1234567Z",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:60Z",
            "٢٠٢٦-01-31T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-31T25:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "10000-01-01T00:00:00Z",
            "\x00",
            "\ud800",
            "1" * 100_000,
            0,
            1_769_860_800,
            12.5,
            True,
            [],
            {},
        ],
    )
    def test_refuses_anything_else(self, value: object) -> None:
        """No offset, no such day, beyond the calendar, no text: a GraphQL error, and no other."""
        with pytest.raises(GraphQLError, match="ISO 8601"):
            parser_of(datetime)(value)

    def test_writes_instants(self) -> None:
        """An instant is written with its offset."""
        write = SCALARS[datetime].serialize
        assert write is not None

        written = write(datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=timezone(timedelta(0))))

        assert written == "2026-01-31T12:00:00.000005+00:00"
