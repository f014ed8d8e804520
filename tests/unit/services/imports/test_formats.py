"""From bytes to fields: NDJSON and CSV, each row with its line."""

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wallet.core.errors import InvalidInputError
from wallet.services.imports.formats import (
    FIELDS,
    REQUIRED,
    ROW_BYTES_MAX,
    Format,
    Line,
    MalformedFileError,
    count_lines,
    read_lines,
)

HEADER = ",".join(FIELDS)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
CONTENTS = st.dictionaries(st.sampled_from([name for name in FIELDS if name != "metadata"]), TEXTS)


def _read(data: bytes, format_: Format) -> list[Line]:
    lines = list(read_lines(io.BytesIO(data), format_))
    assert count_lines(io.BytesIO(data), format_) == len(lines)
    return lines


def _ndjson(text: str) -> list[Line]:
    return _read(text.encode(), Format.NDJSON)


def _csv(*lines: str) -> list[Line]:
    return _read("\r\n".join(lines).encode(), Format.CSV)


def _malformed(data: bytes, format_: Format) -> str:
    with pytest.raises(MalformedFileError) as raised:
        list(read_lines(io.BytesIO(data), format_))
    with pytest.raises(MalformedFileError):
        count_lines(io.BytesIO(data), format_)
    return str(raised.value)


def _refused(line: Line) -> str:
    assert isinstance(line.content, InvalidInputError)
    return line.content.message


class TestNdjson:
    """A JSON object a line."""

    def test_rows(self) -> None:
        """Each row has its line; empty ones are counted, and are none."""
        lines = _ndjson('{"key": "1"}\n\n  \r\n{"key": "2", "metadata": {"a": [1]}}')

        assert lines == [
            Line(1, {"key": "1"}),
            Line(4, {"key": "2", "metadata": {"a": [1]}}),
        ]

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_byte_order_mark_and_line_ends(self, end: str) -> None:
        """What editors add is no part of a row."""
        assert _ndjson(f'\ufeff{{"key": "1"}}{end}') == [Line(1, {"key": "1"})]

    def test_empty(self) -> None:
        """An empty file has no rows."""
        assert _ndjson("") == []

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("{", "This is not JSON."),
            ("[" * 50_000, "This is not JSON."),
            ('{"key": ' + "9" * 5_000 + "}", "This is not JSON."),
            ('{"key": "1"} {}', "This is not JSON."),
            ('{"key": "1", "key": "2"}', "A name is there twice."),
            ('{"metadata": {"a": 1, "a": 1}}', "A name is there twice."),
            ('{"metadata": NaN}', "NaN and infinities are not JSON."),
            ('{"metadata": -Infinity}', "NaN and infinities are not JSON."),
            ("[]", "A row is a JSON object."),
            ('"key"', "A row is a JSON object."),
            ("null", "A row is a JSON object."),
        ],
    )
    def test_a_bad_row_is_alone(self, row: str, message: str) -> None:
        """It says what is wrong, and the rows around it are read."""
        before, bad, after = _ndjson(f'{{"key": "1"}}\n{row}\n{{"key": "2"}}')

        assert (before, after) == (Line(1, {"key": "1"}), Line(3, {"key": "2"}))
        assert (bad.number, _refused(bad)) == (2, message)

    @pytest.mark.parametrize("length", [ROW_BYTES_MAX, ROW_BYTES_MAX + 1, 3 * ROW_BYTES_MAX])
    def test_long_row(self, length: int) -> None:
        """A row that is too long is refused, and the next one begins where it ends."""
        row = '{"key": "' + "x" * (length - 11) + '"}'

        bad, after = _ndjson(f'{row}\n{{"key": "2"}}')

        assert _refused(bad) == "A row is at most 65536 bytes long."
        assert after == Line(2, {"key": "2"})

    def test_another_encoding(self) -> None:
        """Bytes that are not UTF-8 make the file malformed, and the line is named."""
        data = '{"key": "1"}\n{"key": "é"}\n'.encode("latin-1")

        assert _malformed(data, Format.NDJSON) == "Line 2 is not UTF-8."

    @given(st.lists(CONTENTS))
    def test_round_trip(self, contents: list[dict[str, str]]) -> None:
        """What is written is read."""
        lines = _ndjson("".join(json.dumps(content) + "\n" for content in contents))

        assert lines == [Line(number, dict(row)) for number, row in enumerate(contents, 1)]


class TestCsv:
    """RFC 4180, with a header."""

    def test_rows(self) -> None:
        """Columns come in any order, and those that are optional may be missing."""
        lines = _csv("key,amount,kind,currency,wallet", "1,2.50,topup,EUR,w", "2,3,topup,EUR,w")

        assert lines[1].content == {
            "key": "2",
            "amount": "3",
            "kind": "topup",
            "currency": "EUR",
            "wallet": "w",
        }
        assert [line.number for line in lines] == [2, 3]

    def test_empty_cells_and_lines(self) -> None:
        """An empty cell is left out, an empty line is no row; both are counted."""
        lines = _csv(HEADER, "", "topup,w,,,1,EUR,k,,", "", "topup,w,,,1,EUR,l,,", "")

        assert [line.number for line in lines] == [3, 5]
        assert lines[0].content == {
            "kind": "topup",
            "wallet": "w",
            "amount": "1",
            "currency": "EUR",
            "key": "k",
        }

    def test_quoted(self) -> None:
        """Quotes keep commas, quotes and line ends; a row has the line on which it begins."""
        lines = _csv(
            HEADER, 'topup,w,,,1,EUR,k,"a ""b"", c\r\n\r\nd",', 'topup,w,,,1,EUR,l,,"{""a"": 1}"'
        )

        first, second = (line.content for line in lines)
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        assert first["description"] == 'a "b", c\r\n\r\nd'
        assert second["metadata"] == {"a": 1}
        assert [line.number for line in lines] == [2, 5]

    def test_byte_order_mark(self) -> None:
        """What spreadsheets put before the header is no part of it."""
        assert len(_csv(f"\ufeff{HEADER}", "topup,w,,,1,EUR,k,,")) == 1

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("topup,w", "The header has 9 columns, and this row 2."),
            ("topup,w,,,1,EUR,k,,,", "The header has 9 columns, and this row 10."),
            ("topup,w,,,1,EUR,k,,{", "This is not JSON."),
            ('topup,w,,,1,EUR,k,,"{""a"": 1, ""a"": 1}"', "A name is there twice."),
        ],
    )
    def test_a_bad_row_is_alone(self, row: str, message: str) -> None:
        """It says what is wrong, and the rows around it are read."""
        good = "topup,w,,,1,EUR,k,,"
        before, bad, after = _csv(HEADER, good, row, good)

        assert isinstance(before.content, dict)
        assert isinstance(after.content, dict)
        assert (bad.number, _refused(bad)) == (3, message)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "The first line of a CSV names its columns."),
            ("\r\n", "The first line of a CSV names its columns."),
            (HEADER.upper(), "'KIND' is no column"),
            (HEADER.replace(",", ";"), "is no column"),
            (f"{HEADER},amuont", "'amuont' is no column"),
            (f"{HEADER},key", "A column is there twice."),
            *(
                (HEADER.replace(f"{name},", ""), f"There is no column {name!r}.")
                for name in REQUIRED
            ),
        ],
    )
    def test_bad_header(self, text: str, message: str) -> None:
        """Columns that are misspelt are not ignored."""
        assert message in _malformed(text.encode(), Format.CSV)

    @pytest.mark.parametrize(
        "rows",
        [
            'topup,w,,,1,EUR,k,"never ends,\r\n',
            'topup,w,,,1,EUR,k,"a"b,\r\n',
            "topup,w,,,1,EUR,k,,\rtopup,w,,,1,EUR,k,,\r",
            'topup,w,,,1,EUR,k,"' + "many lines\r\n" * 10_000,
            "x" * (ROW_BYTES_MAX + 1),
        ],
    )
    def test_rows_that_cannot_be_told_apart(self, rows: str) -> None:
        """After a quote too many all rows would be others: none is read."""
        assert "ine" in _malformed(f"{HEADER}\r\n{rows}".encode(), Format.CSV)

    def test_another_encoding(self) -> None:
        """Bytes that are not UTF-8 make the file malformed, and the line is named."""
        data = f"{HEADER}\ntopup,w,,,1,EUR,k,é,".encode("utf-16")

        assert _malformed(data, Format.CSV) == "Line 1 is not UTF-8."

    @given(st.lists(CONTENTS.filter(bool)))
    @example([{"key": "a\nb", "kind": "\n"}, {"key": '"'}, {"key": "\ufeff,\x00"}])
    def test_round_trip(self, contents: list[dict[str, str]]) -> None:
        """What is written is read, with the line on which each row begins."""
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, FIELDS, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        numbers = []
        for content in contents:
            numbers.append(file.getvalue().count("\n") + 1)
            writer.writerow(content)

        lines = _csv(file.getvalue())

        assert lines == [
            Line(number, dict(row)) for number, row in zip(numbers, contents, strict=True)
        ]


class TestAnyBytes:
    """Files that nobody has made with care."""

    @given(
        st.sampled_from(Format),
        st.tuples(st.sampled_from(["", f"{HEADER}\n"]).map(str.encode), st.binary()).map(b"".join),
    )
    @example(Format.CSV, HEADER.encode() + b"\n\x00")
    @example(Format.NDJSON, b"\xef\xbb\xbf\xef\xbb\xbf{}")
    def test_rows_or_a_clean_refusal(self, format_: Format, data: bytes) -> None:
        """Whatever they are, they have rows, bad rows, or are malformed; both passes agree."""
        try:
            lines = list(read_lines(io.BytesIO(data), format_))
        except MalformedFileError:
            with pytest.raises(MalformedFileError):
                count_lines(io.BytesIO(data), format_)
        else:
            assert count_lines(io.BytesIO(data), format_) == len(lines)
            assert all(isinstance(line.content, dict | InvalidInputError) for line in lines)
            assert len({line.number for line in lines}) == len(lines)

    @given(st.text(st.sampled_from('{}[]",:\\\n\r x1é'), max_size=60), st.sampled_from(Format))
    def test_nearly_right(self, text: str, format_: Format) -> None:
        """Neither do those break anything that look nearly right."""
        data = (HEADER + "\n" + text if format_ is Format.CSV else text).encode()
        try:
            lines = list(read_lines(io.BytesIO(data), format_))
        except MalformedFileError:
            return
        assert count_lines(io.BytesIO(data), format_) == len(lines)
