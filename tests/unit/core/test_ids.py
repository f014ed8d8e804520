"""Ids inside and at the edge."""

import base64
import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.core.ids import find_id, made_at, new_id, parse_global_id, to_global_id, world_wallet_id

ID = UUID("0195a1b2-c3d4-7e5f-8a6b-7c8d9e0fabcd")


def encode(text: str) -> str:
    """Encode as global ids are."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class TestNewId:
    """new_id."""

    def test_is_a_uuid7_of_now(self) -> None:
        """Version 7 of RFC 9562: it starts with the time in milliseconds."""
        before_ms = time.time_ns() // 1_000_000
        id_ = new_id()
        after_ms = time.time_ns() // 1_000_000

        assert isinstance(id_, UUID)
        assert (id_.version, id_.variant) == (7, RFC_4122)
        assert before_ms <= id_.int >> 80 <= after_ms

    def test_is_ordered(self) -> None:
        """Ids made one after the other are in that order, within a millisecond too."""
        ids = [new_id() for _ in range(2_000)]

        assert ids == sorted(ids)
        assert len(set(ids)) == len(ids)


class TestMadeAt:
    """made_at."""

    def test_is_now(self) -> None:
        """An id says when it was made, to the millisecond."""
        before = datetime.now(UTC) - timedelta(milliseconds=1)

        assert before <= made_at(new_id()) <= datetime.now(UTC)


class TestWorldWalletId:
    """world_wallet_id: part of the stored data."""

    def test_never_changes(self) -> None:
        """Each currency's world has the same id in every process and every version."""
        namespace = UUID("6b0f2a63-0d0e-5c0c-9c62-0f6f6f2d9b11")

        assert world_wallet_id("EUR") == uuid5(namespace, "world:EUR")
        assert world_wallet_id("EUR") == world_wallet_id("EUR")

    def test_differs_by_currency(self) -> None:
        """No two currencies share a world."""
        currencies = ["EUR", "JPY", "KWD", "POINTS"]

        assert len({world_wallet_id(currency) for currency in currencies}) == len(currencies)


class TestToGlobalId:
    """to_global_id."""

    def test_is_url_safe_base64_of_type_and_id(self) -> None:
        """It is what clients keep, so it never changes; it has no padding."""
        assert to_global_id("Wallet", ID) == (
            base64.urlsafe_b64encode(f"Wallet:{ID}".encode()).decode().rstrip("=")
        )
        assert set(to_global_id("User", ID)).isdisjoint("+/=")

    def test_differs_by_type(self) -> None:
        """One row's id is no other type's id."""
        assert to_global_id("Wallet", ID) != to_global_id("Operation", ID)


class TestParseGlobalId:
    """parse_global_id."""

    @given(st.sampled_from(["User", "Wallet", "Operation", "A"]), st.uuids())
    def test_reads_what_was_written(self, type_name: str, id_: UUID) -> None:
        """parse(to(x)) is x."""
        assert parse_global_id(to_global_id(type_name, id_)) == (type_name, id_)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "=",
            "Wallet",
            "1",
            str(ID),
            f"Wallet:{ID}",
            "!!!!",
            "ЪЪЪЪ",
            "\x00",
            "\ud800",
            "V2FsbGV0",
            encode("Wallet"),
            encode("Wallet:"),
            encode("Wallet:1"),
            encode(f"Wallet;{ID}"),
            encode(f"Wallet:{ID}0"),
            encode(f"Wallet:{ID} "),
            encode(f"Wallet: {ID}"),
            encode(f"Wallet:Wallet:{ID}"),
            encode(f"Wallet:{ID}\x00"),
            base64.urlsafe_b64encode(b"Wallet:\xff\xfe").decode(),
        ],
    )
    def test_malformed(self, text: str) -> None:
        """What does not decode is nobody's id, and no error."""
        assert parse_global_id(text) is None

    @pytest.mark.parametrize(
        "text",
        [
            encode(f"Wallet:{str(ID).upper()}"),
            encode(f"Wallet:{ID.hex}"),
            encode(f"Wallet:{{{ID}}}"),
            encode(f"Wallet:urn:uuid:{ID}"),
            encode(f"Wallet:{ID}") + "=",
            encode(f"Wallet:{ID}") + "==",
            " " + encode(f"Wallet:{ID}"),
            encode(f"Wallet:{ID}") + "\n",
            # The last character has bits to spare: another one decodes to the same bytes.
            encode(f"Wallet:{ID}")[:-1] + chr(ord(encode(f"Wallet:{ID}")[-1]) + 1),
        ],
    )
    def test_other_spelling(self, text: str) -> None:
        """One row has one id: another way to write the same UUID is nobody's."""
        assert parse_global_id(text) is None

    def test_standard_base64(self) -> None:
        """The alphabet with + and / is another spelling, too."""
        text = next(
            text
            for text in (to_global_id(name, ID) for name in ("A>?", "AB>?", "ABC>?", "A~~~", "??>"))
            if {"-", "_"} & set(text)
        )

        assert parse_global_id(text) is not None
        assert parse_global_id(text.replace("-", "+").replace("_", "/")) is None

    def test_too_long(self) -> None:
        """No type has a name that long; a megabyte is not even decoded."""
        assert parse_global_id(to_global_id("T" * 100, ID)) is None
        assert parse_global_id("A" * 1_000_000) is None

    @given(st.text(max_size=60))
    def test_any_text(self, text: str) -> None:
        """Whatever comes in, the answer is None or the one spelling of an id."""
        parsed = parse_global_id(text)

        assert parsed is None or to_global_id(*parsed) == text


class TestFindId:
    """find_id."""

    def test_of_the_type(self) -> None:
        """The id of a wallet, where a wallet's is asked for."""
        assert find_id("Wallet", to_global_id("Wallet", ID)) == ID

    @pytest.mark.parametrize("type_name", ["Operation", "wallet", "", "Wallet "])
    def test_of_another_type(self, type_name: str) -> None:
        """An id of another type is nobody's."""
        assert find_id("Wallet", to_global_id(type_name, ID)) is None

    def test_malformed(self) -> None:
        """What is no id is nobody's."""
        assert find_id("Wallet", str(uuid4())) is None
