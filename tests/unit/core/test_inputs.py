"""What a text, a key, an amount or metadata must look like."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.core.errors import InvalidInputError
from wallet.core.inputs import (
    IDEMPOTENCY_KEY_LENGTH_MAX,
    METADATA_BYTES_MAX,
    METADATA_DEPTH_MAX,
    check_currency,
    check_idempotency_key,
    check_metadata,
    check_money,
    check_optional_text,
    check_text,
)

UNSTORABLE = ["\x00", "a\x00b", "\ud800", "\udfff", "x\udc00", "\ud83d", "\ud83d\ude00"]

# What JSON can say, as far as it is taken: storable text, numbers of 64 bits.
STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-1e15, 1e15),
    STORABLE,
)


def nest(depth: int, wrap: Callable[[object], object]) -> object:
    """Wrap a number *depth* times, without recursion."""
    value: object = 1
    for _ in range(depth):
        value = wrap(value)
    return value


def in_list(value: object) -> object:
    """Wrap in a list."""
    return [value]


def in_dict(value: object) -> object:
    """Wrap in an object."""
    return {"key": value}


def json_values(depth: int) -> st.SearchStrategy[Any]:
    """JSON that nests at most *depth* deep."""
    if depth == 0:
        return SCALARS
    inner = json_values(depth - 1)
    return st.one_of(
        SCALARS,
        st.lists(inner, max_size=3),
        st.dictionaries(STORABLE, inner, max_size=3),
    )


class TestCheckText:
    """check_text."""

    @pytest.mark.parametrize("text", ["", "a", "äöü€", "😀" * 5, "a\tb\nc", "\x01", "\ufffd"])
    def test_stays_as_it_is(self, text: str) -> None:
        """A text of the right length is stored as it came."""
        assert check_text(text, field=("label",), length_max=5) == text

    @pytest.mark.parametrize(("length_min", "text"), [(0, "123456"), (3, "12"), (3, ""), (1, "")])
    def test_length(self, length_min: int, text: str) -> None:
        """A text that is too short or too long is refused; the length is in characters."""
        with pytest.raises(InvalidInputError) as raised:
            check_text(text, field=("a", "b"), length_min=length_min, length_max=5)

        assert raised.value.field == ("a", "b")
        assert "5 characters" in raised.value.message

    @pytest.mark.parametrize("text", UNSTORABLE)
    def test_unstorable(self, text: str) -> None:
        """NUL and lone surrogates are refused, wherever they stand."""
        with pytest.raises(InvalidInputError, match="NUL and lone surrogates") as raised:
            check_text(text, field=("label",), length_max=5)

        assert raised.value.field == ("label",)


class TestCheckOptionalText:
    """check_optional_text."""

    @pytest.mark.parametrize("text", [None, ""])
    def test_left_out(self, text: str | None) -> None:
        """An empty text counts as left out."""
        assert check_optional_text(text, field=("label",), length_max=5) is None

    def test_given(self) -> None:
        """A given one is checked like any text."""
        assert check_optional_text("tea", field=("label",), length_max=5) == "tea"
        with pytest.raises(InvalidInputError) as raised:
            check_optional_text("coffee", field=("label",), length_max=5)
        assert raised.value.field == ("label",)


class TestCheckIdempotencyKey:
    """check_idempotency_key."""

    @pytest.mark.parametrize("key", ["k", " ", "ключ", "k" * IDEMPOTENCY_KEY_LENGTH_MAX])
    def test_valid(self, key: str) -> None:
        """1 to 255 characters, whatever they are."""
        assert check_idempotency_key(key) == key

    @pytest.mark.parametrize("key", ["", "k" * 256, "k" * 100_000, *UNSTORABLE])
    def test_invalid(self, key: str) -> None:
        """Empty, too long or unstorable keys are refused, by the name of the argument."""
        with pytest.raises(InvalidInputError) as raised:
            check_idempotency_key(key)

        assert raised.value.field == ("idempotency_key",)
        assert "\x00" not in raised.value.message


class TestCheckCurrency:
    """check_currency."""

    def test_known(self) -> None:
        """A code of ISO 4217 stays as it is."""
        assert check_currency("KWD", field=("currency",)) == "KWD"

    @pytest.mark.parametrize("code", ["", "eur", "XYZ", "EUR ", *UNSTORABLE])
    def test_unknown(self, code: str) -> None:
        """Any other is refused, by the path of its field."""
        with pytest.raises(InvalidInputError) as raised:
            check_currency(code, field=("quote", "currency"))

        assert raised.value.field == ("quote", "currency")


class TestCheckMoney:
    """check_money."""

    def test_valid(self) -> None:
        """The answer is minor units."""
        assert check_money("12.50", "EUR") == 1_250

    @pytest.mark.parametrize("currency", ["", "XYZ", "eur", "\x00"])
    def test_currency_comes_first(self, currency: str) -> None:
        """Without a currency no amount can be read, so the currency is named."""
        with pytest.raises(InvalidInputError) as raised:
            check_money("nonsense", currency)

        assert raised.value.field == ("amount", "currency")

    @pytest.mark.parametrize(
        "amount",
        [
            "0",
            "-1",
            "12.505",
            "1e3",
            "NaN",
            "",
            " 1",
            "9" * 18,
            "92233720368547758.08",
            *UNSTORABLE,
        ],
    )
    def test_invalid_amount(self, amount: str) -> None:
        """What is no amount of the currency is refused, by the path of the amount."""
        with pytest.raises(InvalidInputError) as raised:
            check_money(amount, "EUR")

        assert raised.value.field == ("amount", "amount")
        assert raised.value.__cause__ is None


class TestCheckMetadata:
    """check_metadata."""

    def test_left_out(self) -> None:
        """No metadata is no text; empty metadata is some."""
        assert check_metadata(None) is None
        assert check_metadata({}) == "{}"

    def test_canonical(self) -> None:
        """The same metadata is the same text, in whatever order its keys came."""
        one = check_metadata({"b": [1, 2.5, None, True], "a": "ä"})
        other = check_metadata({"a": "ä", "b": [1, 2.5, None, True]})

        assert one == other == '{"a":"ä","b":[1,2.5,null,true]}'

    @given(json_values(3))
    def test_comes_back_as_it_was(self, metadata: object) -> None:
        """What is written reads as what was sent."""
        text = check_metadata(metadata)

        assert (None if text is None else json.loads(text)) == metadata

    @pytest.mark.parametrize("wrap", [in_list, in_dict])
    def test_depth(self, wrap: Callable[[object], object]) -> None:
        """Eight levels are taken, nine are not."""
        assert check_metadata(nest(METADATA_DEPTH_MAX, wrap)) is not None
        with pytest.raises(InvalidInputError, match="8 levels") as raised:
            check_metadata(nest(METADATA_DEPTH_MAX + 1, wrap))
        assert raised.value.field == ("metadata",)

    def test_depth_in_a_corner(self) -> None:
        """One deep branch is enough, wherever it stands, and empty levels count."""
        empty: object = []
        for _ in range(METADATA_DEPTH_MAX):
            empty = [empty]
        for metadata in (
            {"a": 1, "z": nest(METADATA_DEPTH_MAX, in_list)},
            [0, {"a": [1, nest(METADATA_DEPTH_MAX - 2, in_dict)]}],
            empty,
        ):
            with pytest.raises(InvalidInputError, match="8 levels"):
                check_metadata(metadata)

    @pytest.mark.parametrize("wrap", [in_list, in_dict])
    def test_depth_does_not_exhaust_the_stack(self, wrap: Callable[[object], object]) -> None:
        """Ten thousand levels are refused like nine."""
        with pytest.raises(InvalidInputError, match="8 levels"):
            check_metadata(nest(10_000, wrap))

    @pytest.mark.parametrize("character", ["x", "é", "😀"])
    def test_size(self, character: str) -> None:
        """8 KiB of UTF-8 are taken, one byte more is not."""
        width = len(character.encode())
        room = METADATA_BYTES_MAX - len('{"k":""}')
        fits = character * (room // width) + "x" * (room % width)

        assert check_metadata({"k": fits}) is not None
        with pytest.raises(InvalidInputError, match="8192 bytes") as raised:
            check_metadata({"k": fits + "x"})
        assert raised.value.field == ("metadata",)

    @pytest.mark.parametrize("text", UNSTORABLE)
    @pytest.mark.parametrize(
        "place",
        [
            lambda text: text,
            lambda text: [text],
            lambda text: {"key": text},
            lambda text: {text: 1},
            lambda text: {"a": [{"b": {text: []}}]},
        ],
        ids=["alone", "item", "value", "key", "deep key"],
    )
    def test_unstorable(self, text: str, place: Callable[[str], object]) -> None:
        """NUL and lone surrogates are refused in keys and in values, at any depth."""
        with pytest.raises(InvalidInputError, match="NUL and lone surrogates") as raised:
            check_metadata(place(text))

        assert raised.value.field == ("metadata",)

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1.5, -1e15, 5e-324, True])
    def test_numbers(self, number: float) -> None:
        """Numbers of 64 bits come back as they were."""
        text = check_metadata([number])

        assert text is not None
        assert json.loads(text) == [number]
        assert type(json.loads(text)[0]) is type(number)

    @pytest.mark.parametrize(
        "number",
        [2**63, -(2**63) - 1, 10**5_000, float("nan"), float("inf"), float("-inf"), 1e300, 2.0**64],
        ids=["+1", "-1", "long", "nan", "inf", "-inf", "float", "2**64"],
    )
    def test_other_numbers(self, number: float) -> None:
        """Numbers that would not come back as they were are refused."""
        for metadata in (number, {"n": [number]}):
            with pytest.raises(InvalidInputError) as raised:
                check_metadata(metadata)
            assert raised.value.field == ("metadata",)
