"""Lines of reports as PostgreSQL writes them, read back by readers that others have written."""

import csv
import io
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from lxml import etree

from wallet.core.ids import new_id
from wallet.core.settings import Settings
from wallet.services.reports import FORMATS, ReportFormat

_TEXTS = """
SELECT {line} AS line
  FROM (SELECT number AS sequence, 1::bigint AS amount_minor, 1::bigint AS balance_after_minor,
               now() AS created_at, now() AS completed_at, 'TRANSFER' AS kind,
               'COMPLETED' AS status, '{id}'::uuid AS operation_id, NULL::uuid AS parent_id,
               NULL AS error_code, NULL::numeric AS rate, NULL AS metadata, text AS description,
               'a•••@example.com' AS counterparty, '{id}'::uuid AS counterparty_wallet_id,
               'EUR' AS counterparty_currency
          FROM unnest($1::text[]) WITH ORDINALITY AS given (text, number)) AS line
 ORDER BY sequence
"""

# Every character that some format has a word for, alone, before and after others; and long ones.
SPECIAL = [chr(code) for code in (*range(1, 0x30), 0x3C, 0x3D, 0x3E, 0x40, 0x5C, 0x7F, 0x85, 0xA0)]
SPECIAL += [
    "\u2028",
    "\ufeff",
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\uff1d",
    "\U0001f600",
    "é",
    "e\u0301",
]
TEXTS = [
    *SPECIAL,
    *(f"{character}cmd|' /C calc'!A0" for character in SPECIAL),
    *(f"a{character}{character}b" for character in SPECIAL),
    *(f"x{character}" for character in SPECIAL),
    "]]>",
    "</Ustrd>",
    "&amp;",
    "\\",
    '\\"',
    "'=1",
    "x" * 140,
    "x" * 141,
    "&" * 500,
    "\U0001f600" * 500,
    "\r\n" * 250,
]


@pytest_asyncio.fixture
async def connection(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own."""
    connection = await asyncpg.connect(settings.database_url)
    yield connection
    await connection.close()


class TestLineSql:
    """Texts of people, in every format."""

    async def write(self, connection: asyncpg.Connection, format_: ReportFormat) -> list[str]:
        """Let PostgreSQL write a line for each of the texts."""
        line = FORMATS[format_].line_sql("EUR")
        rows = await connection.fetch(_TEXTS.format(line=line, id=new_id()), TEXTS)
        return [row["line"] for row in rows]

    async def test_csv(self, connection: asyncpg.Connection) -> None:
        """A text comes back as it was, but for the apostrophe before what might be a formula."""
        lines = await self.write(connection, ReportFormat.CSV)

        rows = list(csv.reader(io.StringIO("".join(lines), newline=""), strict=True))

        assert len(rows) == len(TEXTS)
        dangerous = set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
        for row, text in zip(rows, TEXTS, strict=True):
            assert row[8] == (f"'{text}" if text[0] in dangerous else text)
            assert row[8][0] not in dangerous

    async def test_json(self, connection: asyncpg.Connection) -> None:
        """A text comes back as it was."""
        lines = await self.write(connection, ReportFormat.JSON)

        assert [json.loads(line)["description"] for line in lines] == TEXTS

    async def test_xml(self, connection: asyncpg.Connection) -> None:
        """A text comes back as it was, but for what XML cannot say; in pieces of 140 characters."""
        lines = await self.write(connection, ReportFormat.XML)

        forbidden = {*map(chr, range(32)), "\ufffe", "\uffff"} - set("\t\n\r")
        for line, text in zip(lines, TEXTS, strict=True):
            pieces = [node.text for node in etree.fromstring(line).iter("Ustrd")]
            assert "".join(pieces) == "".join(each for each in text if each not in forbidden)
            assert all(1 <= len(piece) <= 140 for piece in pieces)
