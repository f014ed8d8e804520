"""The schema as people read it: nothing without a description, no deprecation without a date."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    DirectiveNode,
    DocumentNode,
    Node,
    StringValueNode,
    Visitor,
    parse,
    visit,
)

ROOT = Path(__file__).parents[3]
SCHEMA_SDL = (ROOT / "schema.graphql").read_text()

DESCRIBED = {
    "scalar_type_definition",
    "object_type_definition",
    "interface_type_definition",
    "union_type_definition",
    "enum_type_definition",
    "input_object_type_definition",
    "directive_definition",
    "field_definition",
    "input_value_definition",
    "enum_value_definition",
}
DATED = re.compile(r"\buntil \d{4}-\d{2}-\d{2}\b")


class _Definitions(Visitor):
    """Collects what can have a description, with the names of what it stands in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Node]] = []

    def enter(
        self, node: Node, _key: object, _parent: object, _path: object, ancestors: list[object]
    ) -> None:
        """Take down a definition."""
        if node.kind in DESCRIBED:
            around = [above for above in ancestors if getattr(above, "kind", None) in DESCRIBED]
            place = ".".join(part.name.value for part in (*around, node))  # type: ignore[attr-defined]
            self.found.append((place, node))


def find_definitions(document: DocumentNode) -> list[tuple[str, Node]]:
    """Return all that can have a description, with its place: ``Wallet.operations.first``."""
    definitions = _Definitions()
    visit(document, definitions)
    return definitions.found


def find_undescribed(document: DocumentNode) -> list[str]:
    """Return the places of what has no description, or an empty one."""
    return [
        place
        for place, node in find_definitions(document)
        if not (node.description and node.description.value.strip())  # type: ignore[attr-defined]
    ]


def find_undated(document: DocumentNode) -> list[str]:
    """Return the places of deprecations that do not say until when."""
    return [
        place
        for place, node in find_definitions(document)
        for directive in getattr(node, "directives", None) or ()
        if directive.name.value == "deprecated" and not DATED.search(_reason_of(directive))
    ]


def _reason_of(directive: DirectiveNode) -> str:
    reasons: Iterator[str] = (
        argument.value.value
        for argument in directive.arguments or ()
        if isinstance(argument.value, StringValueNode)
    )
    return next(reasons, "")


class TestDescriptions:
    """schema.graphql."""

    def test_everything_is_described(self) -> None:
        """Every type, field, argument, input field and enum value says what it is."""
        assert find_undescribed(parse(SCHEMA_SDL)) == []

    @pytest.mark.parametrize(
        ("place", "definition"),
        [
            ("Wallet", '"""One holder\'s money in one currency."""\n'),
            ("Wallet.balance", '"""Posted money. balance = available + held."""\n'),
            ("Wallet.balanceAt.at", '"""The instant, inclusive."""\n'),
            ("MoneyInput.amount", '"""Positive, such as "12.50"."""\n'),
            ("WalletStatus.FROZEN", '"""No money moves, until an operator says otherwise."""\n'),
        ],
    )
    def test_finds_what_is_not(self, place: str, definition: str) -> None:
        """Each kind of definition is missed where its description is taken away."""
        assert definition in SCHEMA_SDL

        assert place in find_undescribed(parse(SCHEMA_SDL.replace(definition, "")))


class TestDeprecations:
    """schema.graphql."""

    def test_all_are_dated(self) -> None:
        """A deprecation says until when what it marks is there."""
        assert find_undated(parse(SCHEMA_SDL)) == []

    @pytest.mark.parametrize(
        ("directive", "undated"),
        [
            ('@deprecated(reason: "Use balance; it is here until 2027-06-30.")', []),
            ('@deprecated(reason: "Use balance.")', ["Wallet.money"]),
            ('@deprecated(reason: "Use balance, until summer.")', ["Wallet.money"]),
            ("@deprecated", ["Wallet.money"]),
        ],
    )
    def test_finds_what_is_not(self, directive: str, undated: list[str]) -> None:
        """A reason without a date, or none at all, is found."""
        document = parse(f"type Wallet {{ money: Int {directive} }}")

        assert find_undated(document) == undated
