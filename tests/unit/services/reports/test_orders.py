"""What a format can show, and what it cannot."""

from datetime import UTC, datetime

import pytest

from wallet.core import money
from wallet.core.errors import InvalidInputError
from wallet.core.money import declare_assets
from wallet.models import OperationKind, OperationStatus
from wallet.services.reports.orders import (
    ReportFormat,
    check_currency,
    check_filter,
    describe,
    distinct,
)
from wallet.services.statements import Filter

KINDS = Filter(kinds=(OperationKind.TRANSFER,))
STATUSES = Filter(statuses=(OperationStatus.FAILED,))
PERIOD = Filter(from_=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 2, 1, tzinfo=UTC))


class TestCheckFilter:
    """check_filter."""

    @pytest.mark.parametrize(("filter_", "field"), [(KINDS, "kinds"), (STATUSES, "statuses")])
    def test_xml_leaves_nothing_out(self, filter_: Filter, field: str) -> None:
        """A bank's statement has every booking of its period."""
        with pytest.raises(InvalidInputError) as refusal:
            check_filter(ReportFormat.XML, filter_)

        assert refusal.value.field == ("where", field)

    @pytest.mark.parametrize("format_", ReportFormat)
    def test_period(self, format_: ReportFormat) -> None:
        """All of them take a period."""
        check_filter(format_, PERIOD)

    @pytest.mark.parametrize("format_", [ReportFormat.CSV, ReportFormat.JSON])
    def test_others(self, format_: ReportFormat) -> None:
        """The others show which lines they are asked for."""
        check_filter(format_, KINDS)
        check_filter(format_, STATUSES)


class TestCheckCurrency:
    """check_currency."""

    @pytest.mark.parametrize(("asset", "decimals"), [("POINTS", 0), ("G0D", 2), ("XQA", 6)])
    def test_xml_has_no_place_for_it(
        self, asset: str, decimals: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """ISO 20022 takes three letters, and five decimals; the others take any asset."""
        monkeypatch.setattr(money, "_decimals", dict(money._decimals))
        declare_assets({asset: decimals})

        with pytest.raises(InvalidInputError) as refusal:
            check_currency(ReportFormat.XML, asset)

        assert refusal.value.field == ("format",)
        check_currency(ReportFormat.CSV, asset)
        check_currency(ReportFormat.JSON, asset)

    @pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "CLF"])
    def test_currency(self, currency: str) -> None:
        """What ISO 4217 knows, ISO 20022 does."""
        check_currency(ReportFormat.XML, currency)


class TestDistinct:
    """distinct."""

    def test_each_once(self) -> None:
        """However often a kind is named, a link names it once; nothing named stays nothing."""
        named = Filter(kinds=(OperationKind.TRANSFER, OperationKind.HOLD) * 100, statuses=())

        assert distinct(named) == Filter(
            kinds=(OperationKind.HOLD, OperationKind.TRANSFER), statuses=()
        )
        assert distinct(PERIOD) == PERIOD


class TestDescribe:
    """describe."""

    def test_says_what_was_asked_for(self) -> None:
        """The format, and the filter where there is one."""
        assert describe(ReportFormat.CSV, Filter()) == '{"format":"CSV"}'
        assert describe(ReportFormat.JSON, KINDS) == (
            '{"format":"JSON","where":{"kinds":["TRANSFER"]}}'
        )
