"""
Operations of the API that schemathesis makes up from the schema, with values that mean something.

What it draws for an id or a text is mostly an ``@``, which stands for something that
is known when the example is sent: so many examples are about wallets that are there,
and operations that somebody may still capture, cancel or reverse.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import SkipTest

import schemathesis
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    NameNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    is_abstract_type,
    parse,
    parse_type,
    parse_value,
    print_ast,
    value_from_ast_untyped,
    visit,
)
from graphql.language.ast import Node, ValueNode
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from schemathesis import Case as AnyCase
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from tests.support.players import Choice

SCHEMA_FILE = "schema.graphql"

_KNOWN = "@"

Case = AnyCase[Any]

_ID_TYPES = {
    "walletId": "Wallet",
    "sourceWalletId": "Wallet",
    "targetWalletId": "Wallet",
    "operationId": "Operation",
    "quoteId": "Quote",
    "sessionId": "Session",
    "apiKeyId": "ApiKey",
    "wallet": "Wallet",
    "operation": "Operation",
    "user": "User",
}
"""By the argument's name; where that is no more than ``id``, by the field's."""

_FOLLOWED = {
    "captureHold": "Hold",
    "voidHold": "Hold",
    "cancelTransfer": "ScheduledTransfer",
    "reverse": "Transfer",
    "closeWallet": "EmptyWallet",
}
"""What a mutation is about, where it is a kind of its own."""

_TEXTS = {
    "after": "cursor",
    "before": "cursor",
    "email": "email",
    "password": "password",
    "currentPassword": "password",
    "newPassword": "password",
    "refreshToken": "refreshToken",
    "deviceToken": "deviceToken",
}

_SLOW = frozenset(
    f"Mutation.{name}" for name in ("signup", "login", "changePassword", "startTotp", "disableTotp")
)

_GOOD_AMOUNTS = ("0.01", "1.00", "2.50", "10.00", "1", "3")
_BAD_AMOUNTS = ("0", "-1.00", "0.001", "1e3", "NaN", "Infinity", "", " 1.00", "1,00", "٣")
_HUGE_AMOUNTS = ("92233720368547758.07", "92233720368547758.08", "9" * 60, "0." + "0" * 60 + "1")
_CURRENCIES = (*("EUR",) * 20, *("USD",) * 6, *("JPY", "KWD", "XAU", "eur", "", "EURO", "€", "\0"))
_BAD_INSTANTS = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "2026-01-31",
    "now",
    "",
)
_JSON = (
    *("null", "1", "-0.0", "true", '"text"', "[]", "{}", "ENUM", "1e308"),
    *("{order: 7, lines: [{sku: \"a\", price: 1.5}]}", "9223372036854775807"),
    "9223372036854775808",
    *('{a: "\\u0000"}', '"\\u{1F600}"', "{a: 1, a: 2}", "[" * 8 + "]" * 8, "[" * 9 + "]" * 9),
    '"' + "x" * 8_190 + '"',
)  # fmt: skip


def _strategies() -> Mapping[str, st.SearchStrategy[ValueNode]]:
    known = st.just(_KNOWN)
    texts = st.one_of(known, known, known, st.text(max_size=30))
    amounts = st.sampled_from((*_GOOD_AMOUNTS * 8, *_BAD_AMOUNTS, *_HUGE_AMOUNTS))
    days = st.sampled_from((-400, -1, 0, 1, 30, 365, 366, 400))
    instants = st.one_of(days.map(_from_now), days.map(_from_now), st.sampled_from(_BAD_INSTANTS))
    lengths = st.one_of(st.integers(1, 20), st.integers(-2, 102), st.integers(-(2**31), 2**31 - 1))
    return {
        "ID": known.map(nodes.String),
        "String": texts.map(nodes.String),
        "Decimal": amounts.map(nodes.String),
        "Currency": st.sampled_from(_CURRENCIES).map(nodes.String),
        "DateTime": instants.map(nodes.String),
        "JSON": st.sampled_from(_JSON).map(parse_value),
        "Int": lengths.map(nodes.Int),
    }


def _from_now(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def make_cases(examples: settings) -> list[Case]:
    """
    Make operations of all fields of Query and Mutation, about as many of each.

    So many as *examples* says in all; of each field a few that are wrong in one place,
    and of those that hash passwords fewer. Nothing is sent.
    """
    for name, strategy in _strategies().items():
        schemathesis.graphql.scalar(name, strategy)
    shares = [
        (field, 0.25 if field.label in _SLOW else 1.0)
        for found in schemathesis.graphql.from_path(SCHEMA_FILE).get_all_operations()
        if isinstance(found, Ok)
        for field in (found.ok(),)
    ]
    each = examples.max_examples / sum(share for _, share in shares)
    return [
        case
        for field, share in shares
        for mode, part in ((GenerationMode.POSITIVE, 0.9), (GenerationMode.NEGATIVE, 0.1))
        for case in _draw(
            field.as_strategy(generation_mode=mode),
            settings(examples, max_examples=max(1, round(each * share * part))),
        )
    ]


def _draw(strategy: st.SearchStrategy[Case], examples: settings) -> list[Case]:
    """Draw examples; of what has nothing that could be wrong, there is none that is."""
    drawn: list[Case] = []

    @examples
    @given(strategy)
    def keep(case: Case) -> None:
        drawn.append(case)

    with suppress(SkipTest, InvalidArgument):
        keep()
    return drawn


@dataclass(frozen=True, slots=True)
class Example:
    """A request as it is sent; ``field`` is what it asks for."""

    field: str
    document: DocumentNode
    variables: dict[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """What its POST has."""
        return {"query": print_ast(self.document), "variables": self.variables}


def fill(schema: GraphQLSchema, case: Case, choice: Choice, *, with_variables: bool) -> Example:
    """Put what is known into a case, and its values into variables where that is wanted."""
    document = visit(parse(str(case.body)), _Filling(choice))
    types = TypeInfo(schema)
    document = visit(document, TypeInfoVisitor(types, _Naming(types)))
    variables: dict[str, Any] = {}
    if with_variables:
        document, variables = _lift(schema, document)
    return Example(case.operation.label, document, variables)


class _Filling(Visitor):
    """Puts what is known where an ``@`` is."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self._choice = choice
        self._names: list[str] = []

    def enter(self, node: Node, *_: Any) -> Node | None:
        """Remember names on the way down."""
        if isinstance(node, FieldNode | ArgumentNode | ObjectFieldNode):
            self._names.append(node.name.value)
        if isinstance(node, StringValueNode) and node.value == _KNOWN:
            return StringValueNode(value=self._look_up())
        return None

    def leave(self, node: Node, *_: Any) -> None:
        """Forget them on the way up."""
        if isinstance(node, FieldNode | ArgumentNode | ObjectFieldNode):
            self._names.pop()

    def _look_up(self) -> str:
        field, name = self._names[0], self._names[-1]
        if name in {"id", "ids"}:
            return self._choice.id(_ID_TYPES.get(self._names[-2]))
        if name in _ID_TYPES:
            return self._choice.id(_FOLLOWED.get(field, _ID_TYPES[name]))
        return self._choice.text(_TEXTS.get(name, name))


class _Naming(Visitor):
    """Asks for the type where it may be one of several."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode | None:
        """Put ``__typename`` first."""
        if not is_abstract_type(self._types.get_parent_type()):
            return None
        first = FieldNode(name=NameNode(value="__typename"))
        return SelectionSetNode(selections=(first, *node.selections))


def _lift(schema: GraphQLSchema, document: DocumentNode) -> tuple[DocumentNode, dict[str, Any]]:
    """Put the arguments of the first field into variables."""
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    first, *others = operation.selection_set.selections
    root_type = schema.get_root_type(operation.operation)
    assert isinstance(first, FieldNode)
    assert root_type is not None
    arguments = root_type.fields[first.name.value].args
    lifted = [node for node in first.arguments or () if node.name.value in arguments]
    if len(lifted) != len(first.arguments or ()):
        return document, {}
    definitions = tuple(
        VariableDefinitionNode(
            variable=VariableNode(name=node.name),
            type=parse_type(str(arguments[node.name.value].type)),
        )
        for node in lifted
    )
    named = tuple(
        ArgumentNode(name=node.name, value=VariableNode(name=node.name)) for node in lifted
    )
    field = FieldNode(name=first.name, arguments=named, selection_set=first.selection_set)
    whole = OperationDefinitionNode(
        operation=operation.operation,
        variable_definitions=definitions,
        selection_set=SelectionSetNode(selections=(field, *others)),
    )
    values = {node.name.value: value_from_ast_untyped(node.value) for node in lifted}
    return DocumentNode(definitions=(whole,)), values
