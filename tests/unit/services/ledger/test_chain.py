"""The hash chain of a wallet's entries."""

import hashlib
import struct
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.services.ledger.chain import GENESIS, chain_hash

WALLET_ID = UUID("0195a1b2-0000-7000-8000-00000000000a")
OPERATION_ID = UUID("0195a1b2-0000-7000-8000-00000000000b")
OTHER_ID = UUID("0195a1b2-0000-7000-8000-00000000000c")
BIGINTS = st.integers(-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Line:
    """The fields of an entry that its hash covers."""

    wallet_id: UUID = WALLET_ID
    operation_id: UUID = OPERATION_ID
    sequence: int = 3
    amount_minor: int = -250
    held_change_minor: int = 40
    balance_after_minor: int = 750
    held_after_minor: int = 90
    created_at: datetime = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)

    def hash(self, previous: bytes = GENESIS) -> bytes:
        """Hash the line."""
        return chain_hash(previous, **asdict(self))


class TestChainHash:
    """chain_hash: part of the stored data, so that it may never change."""

    def test_known_vector(self) -> None:
        """SHA-256 over the hash before and the fields: big-endian, 16 bytes an id, 8 a number."""
        days = (datetime(2026, 3, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        microseconds = (days * 86_400 + 12 * 3_600) * 1_000_000 + 123_456
        previous = bytes(range(32))

        expected = hashlib.sha256(
            previous
            + WALLET_ID.bytes
            + OPERATION_ID.bytes
            + struct.pack(">q", 3)
            + struct.pack(">q", -250)
            + struct.pack(">q", 40)
            + struct.pack(">q", 750)
            + struct.pack(">q", 90)
            + struct.pack(">q", microseconds)
        ).digest()

        assert Line().hash(previous) == expected

    def test_written_down(self) -> None:
        """The hash of this line is the same in every version of the software."""
        assert Line().hash().hex() == (
            "4a939e3c019343be25193cbcbf371888bf04cb4ff02e3f19056cd247efd8370c"
        )

    def test_genesis(self) -> None:
        """Before the first entry of a wallet stand 32 zero bytes."""
        assert bytes(32) == GENESIS

    @pytest.mark.parametrize(
        "change",
        [
            {"wallet_id": OTHER_ID},
            {"operation_id": OTHER_ID},
            {"sequence": 4},
            {"amount_minor": 250},
            {"held_change_minor": 0},
            {"balance_after_minor": 751},
            {"held_after_minor": -90},
            {"created_at": Line().created_at + timedelta(microseconds=1)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_every_field_counts(self, change: dict[str, Any]) -> None:
        """A line in which one field is different has another hash."""
        assert replace(Line(), **change).hash() != Line().hash()

    def test_previous_hash_counts(self) -> None:
        """A line after another predecessor has another hash."""
        assert Line().hash(b"\1" * 32) != Line().hash(b"\2" * 32)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("amount_minor", "held_change_minor"),
            ("held_change_minor", "balance_after_minor"),
            ("balance_after_minor", "held_after_minor"),
            ("sequence", "amount_minor"),
        ],
    )
    def test_fields_do_not_change_places(self, one: str, other: str) -> None:
        """The same numbers in other fields are another line."""
        line = Line()
        swapped = replace(line, **{one: getattr(line, other), other: getattr(line, one)})

        assert swapped.hash() != line.hash()

    def test_offset_does_not_matter(self) -> None:
        """An instant is hashed, however its offset is written."""
        elsewhere = Line().created_at.astimezone(timezone(timedelta(hours=5, minutes=30)))

        assert replace(Line(), created_at=elsewhere).hash() == Line().hash()

    @given(
        amount_minor=BIGINTS,
        held_change_minor=BIGINTS,
        balance_after_minor=BIGINTS,
        held_after_minor=BIGINTS,
        sequence=st.integers(1, 2**63 - 1),
        created_at=st.datetimes(timezones=st.just(UTC)),
    )
    def test_takes_whatever_a_row_can_hold(self, **fields: Any) -> None:
        """Every value of the columns has a hash of 32 bytes; none is too large."""
        assert len(replace(Line(), **fields).hash()) == 32
