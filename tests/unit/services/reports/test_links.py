"""Links to reports: what was signed is read back, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.core.ids import new_id
from wallet.core.keys import Keys
from wallet.models import OperationKind, OperationStatus
from wallet.services.reports import (
    InvalidLinkError,
    ReportFormat,
    ReportOrder,
    read_link,
    sign_link,
)
from wallet.services.statements import Filter

KEY = "the-key-of-these-tests-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG"
KEYS = Keys(KEY)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
INSTANTS = st.datetimes(timezones=st.just(UTC))
FILTERS = st.builds(
    Filter,
    kinds=st.none() | st.lists(st.sampled_from(OperationKind), unique=True).map(tuple),
    statuses=st.none() | st.lists(st.sampled_from(OperationStatus), unique=True).map(tuple),
    from_=st.none() | INSTANTS,
    until=st.none() | INSTANTS,
)
ORDERS = st.builds(
    ReportOrder,
    operation_id=st.uuids(),
    wallet_id=st.uuids(),
    owner_id=st.uuids(),
    format=st.sampled_from(ReportFormat),
    filter=FILTERS,
    asked_at=INSTANTS,
    last_sequence=st.integers(1, 2**63 - 1),
)
ORDER = ReportOrder(
    operation_id=new_id(),
    wallet_id=new_id(),
    owner_id=new_id(),
    format=ReportFormat.CSV,
    filter=Filter(kinds=(OperationKind.TRANSFER,), until=NOW),
    asked_at=NOW,
    last_sequence=7,
)


def is_read(token: str, *, key: str = KEY, now: datetime = NOW) -> bool:
    """Tell whether a token leads anywhere."""
    try:
        read_link(token, keys=Keys(key), now=now)
    except InvalidLinkError:
        return False
    return True


class TestReadLink:
    """read_link."""

    @given(order=ORDERS)
    def test_reads_what_was_signed(self, order: ReportOrder) -> None:
        """The order comes back as it was: wallet, format, filter and all."""
        token = sign_link(order, expires_at=LATER, keys=KEYS)

        assert read_link(token, keys=KEYS, now=NOW) == order

    def test_every_character_counts(self) -> None:
        """A token with one character changed, left out or added is no link."""
        token = sign_link(ORDER, expires_at=LATER, keys=KEYS)

        for index, character in enumerate(token):
            others = {"A", "b", "-", "_", ".", "=", "é", "\0", chr(ord(character) ^ 1)} - {
                character
            }
            changed = [f"{token[:index]}{other}{token[index + 1 :]}" for other in others]
            changed += [token[:index] + token[index + 1 :], f"{token[:index]}A{token[index:]}"]
            assert [each for each in changed if each != token and is_read(each)] == []

    @pytest.mark.parametrize("token", ["", ".", "..", "a.b", "e30.", "x" * 100_000])
    def test_nonsense(self, token: str) -> None:
        """What nobody signed is no link."""
        assert not is_read(token)

    def test_no_signature_fits_two_orders(self) -> None:
        """The signature of one order is none for another."""
        mine = sign_link(ORDER, expires_at=LATER, keys=KEYS)
        theirs = sign_link(replace(ORDER, wallet_id=new_id()), expires_at=LATER, keys=KEYS)

        assert not is_read(f"{theirs.split('.')[0]}.{mine.split('.')[1]}")

    def test_expires(self) -> None:
        """It is good up to its instant, and not at it."""
        token = sign_link(ORDER, expires_at=LATER, keys=KEYS)

        assert is_read(token, now=LATER - timedelta(microseconds=1))
        assert not is_read(token, now=LATER)

    def test_other_key(self) -> None:
        """A process with another key has nothing to do with it."""
        token = sign_link(ORDER, expires_at=LATER, keys=KEYS)

        assert not is_read(token, key=KEY[::-1])
