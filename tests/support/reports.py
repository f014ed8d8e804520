"""Reports, read back by readers that others have written."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lxml import etree
from pycamt.parser import Camt053Parser

# As ISO 20022 publishes it.
_SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("camt.053.001.08.xsd")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What every format says of a line."""

    kind: str
    amount: Decimal
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What every format says."""

    opening: Decimal
    closing: Decimal
    lines: list[Line]

    def check(self) -> "Report":
        """Assert that the lines lead from the opening balance to the closing one."""
        assert self.opening + sum(line.amount for line in self.lines) == self.closing
        return self

    @property
    def kinds(self) -> list[str]:
        """The kinds of the lines, in their order."""
        return [line.kind for line in self.lines]


def read_csv(content: bytes) -> Report:
    """Read a report with Python's own csv, as strict as it gets."""
    assert content.endswith(b"\r\n")
    text = io.StringIO(content.decode("utf-8"), newline="")
    first, *lines, last = csv.DictReader(text, strict=True)
    assert all(None not in row and None not in row.values() for row in (first, *lines, last))
    assert (first["kind"], last["kind"]) == ("OPENING_BALANCE", "CLOSING_BALANCE")
    return Report(
        opening=Decimal(first["balanceAfter"]),
        closing=Decimal(last["balanceAfter"]),
        lines=[
            Line(
                kind=row["kind"],
                amount=Decimal(row["amount"]),
                description=row["description"] or None,
            )
            for row in lines
        ],
    )


def read_json(content: bytes) -> Report:
    """Read a report with Python's own json."""
    document = json.loads(content)
    return Report(
        opening=Decimal(document["openingBalance"]),
        closing=Decimal(document["closingBalance"]),
        lines=[
            Line(
                kind=item["kind"],
                amount=Decimal(item["amount"]),
                description=item["description"],
            )
            for item in document["operations"]
        ],
    )


def read_xml(content: bytes) -> Report:
    """Check a report against the schema of ISO 20022, and read it with pycamt."""
    _SCHEMA.assertValid(etree.fromstring(content))
    parser = Camt053Parser(content)
    (statement,) = parser.get_statement_info()
    entries = parser.get_transactions()
    kinds = [node.text for node in parser.tree.iterfind(".//{*}BkTxCd/{*}Prtry/{*}Cd")]
    signs = {"CRDT": 1, "DBIT": -1}
    return Report(
        opening=Decimal(statement["OpeningBalance"]),
        closing=Decimal(statement["ClosingBalance"]),
        lines=[
            Line(
                kind=kind,
                amount=Decimal(entry["Amount"]) * signs[entry["CreditDebitIndicator"]],
                description=entry.get("RemittanceInformation"),
            )
            for kind, entry in zip(kinds, entries, strict=True)
        ],
    )


READERS: Mapping[str, Callable[[bytes], Report]] = {
    "CSV": read_csv,
    "JSON": read_json,
    "XML": read_xml,
}
