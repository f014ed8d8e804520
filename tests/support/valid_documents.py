"""Documents that are valid for our schema, with fragments, aliases, directives and variables."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
)
from hypothesis import strategies as st

from tests.support.documents import (
    Argument,
    Directive,
    Document,
    Field,
    Fragment,
    Inline,
    Operation,
    Selection,
    Spread,
    Value,
    Variable,
)

Variables = Mapping[str, Any]
Meaning = Callable[[Variables], Any]

_LENGTHS = (-(2**31), -5, 0, 1, 2, 3, 20, 99, 100, 101, 2**31 - 1)
_NODES_MAX = 30
_DEPTH_MAX = 8
_TRANSFER = (
    '{sourceWalletId:"x" targetWalletId:"y" amount:{amount:"1.00" currency:"EUR"}'
    ' idempotencyKey:"k"}'
)

_TYPES = {
    "i0": "Int",
    "i1": "Int",
    "ids": "[ID!]!",
    "where": "OperationFilter",
    "kinds": "[OperationKind!]",
    "flag": "Boolean!",
}
"""Variables, beside those of inputs, whose name is their type's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A document with one operation, what its variables are, and what its values mean."""

    document: Document
    variables: Variables
    meanings: Mapping[str, Meaning]


def asked(schema: GraphQLSchema) -> st.SearchStrategy[Asked]:
    """Make documents that are valid for *schema*, with variables for them."""
    return st.randoms(use_true_random=False).map(lambda chance: _Author(schema, chance).write())


class _Author:
    """Writes one document by chance, of a bounded number of parts."""

    def __init__(self, schema: GraphQLSchema, chance: Random) -> None:
        self._schema = schema
        self._chance = chance
        self._left = _NODES_MAX
        self._aliases = 0
        self._fragments: dict[str, Fragment] = {}
        self._used: set[str] = set()
        self._meanings: dict[str, Meaning] = {}

    def write(self) -> Asked:
        kind = self._chance.choice(("query", "query", "mutation"))
        root = self._schema.query_type if kind == "query" else self._schema.mutation_type
        assert root is not None
        selections = self._selections(root, depth=0)
        variables = tuple(Variable(name, self._type_of(name)) for name in sorted(self._used))
        operation = Operation(kind, selections, variables=variables)
        definitions: list[Operation | Fragment] = [operation, *self._fragments.values()]
        self._chance.shuffle(definitions)
        values = {name: self._value_of(name) for name in self._used}
        return Asked(Document(tuple(definitions)), values, self._meanings)

    def _type_of(self, name: str) -> str:
        return _TYPES.get(name) or f"{name}!"

    def _value_of(self, name: str) -> Any:
        choice = self._chance.choice
        values: dict[str, Any] = {
            "i0": choice((*_LENGTHS, None)),
            "i1": choice((*_LENGTHS, None)),
            "ids": ["x"] * choice((0, 1, 7, 99, 100, 101, 5_000)),
            "where": choice((None, {}, {"kinds": ["TOPUP"]})),
            "kinds": choice((None, [], ["TOPUP", "HOLD"])),
            "flag": choice((True, False)),
            "TransferBatchInput": {"transfers": [{}] * choice((0, 1, 2, 999, 1_000, 1_001))},
        }
        return values.get(name, {})

    def _selections(self, type_: GraphQLNamedType, depth: int) -> tuple[Selection, ...]:
        wanted = self._chance.randint(1, 3)
        return tuple(self._selection(type_, depth) for _ in range(wanted))

    def _selection(self, type_: GraphQLNamedType, depth: int) -> Selection:
        self._left -= 1
        luck = self._chance.random()
        if self._left > 0 and depth < _DEPTH_MAX:
            if is_abstract_type(type_) and luck < 0.7:
                inner = self._chance.choice(self._schema.get_possible_types(type_))
                return Inline(inner.name, self._directives(), self._selections(inner, depth + 1))
            if luck < 0.15:
                on = self._chance.choice((None, type_.name))
                return Inline(on, self._directives(), self._selections(type_, depth + 1))
            if luck < 0.4:
                return Spread(self._fragment(type_, depth), self._directives())
        return self._field(type_, depth)

    def _fragment(self, type_: GraphQLNamedType, depth: int) -> str:
        known = [name for name, each in self._fragments.items() if each.on == type_.name]
        if known and self._chance.random() < 0.6:
            return self._chance.choice(known)
        # Known from its end on: none brings itself.
        made = self._selections(type_, depth + 1)
        name = f"F{len(self._fragments)}"
        self._fragments[name] = Fragment(name, type_.name, made)
        return name

    def _field(self, type_: GraphQLNamedType, depth: int) -> Field:
        # Each has a name of its own in the answer, so that none is in another's way.
        self._aliases += 1
        alias = f"x{self._aliases}"
        goes_on = self._left > 0 and depth < _DEPTH_MAX
        fields = type_.fields if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) else {}
        deep = [
            name for name, field in fields.items() if is_composite_type(get_named_type(field.type))
        ]
        # What pages are below comes more often than what is free.
        names = [*fields, *deep * 3] if goes_on else [name for name in fields if name not in deep]
        if not names or self._chance.random() < 0.05:
            return Field("__typename", alias, (), self._directives())
        name = self._chance.choice(names)
        field = fields[name]
        inner = get_named_type(field.type)
        below = self._selections(inner, depth + 1) if is_composite_type(inner) else ()
        return Field(name, alias, self._arguments(field), self._directives(), below)

    def _directives(self) -> tuple[Directive, ...]:
        if self._chance.random() < 0.9:
            return ()
        self._used.add("flag")
        return (
            Directive(self._chance.choice(("skip", "include")), (Argument("if", Value("$flag")),)),
        )

    def _arguments(self, field: GraphQLField) -> tuple[Argument, ...]:
        given = []
        for name, argument in field.args.items():
            if is_required_argument(argument) or self._chance.random() < 0.6:
                text, meaning = self._argument(name, str(get_nullable_type(argument.type)))
                self._meanings[text] = meaning
                self._used.update(re.findall(r"\$(\w+)", text))
                given.append(Argument(name, Value(text)))
        return tuple(given)

    def _argument(self, name: str, type_name: str) -> tuple[str, Meaning]:
        """Return an argument's value, as it is written and as what it means."""
        choice = self._chance.choice
        match name:
            case "first" | "last":
                length, variable = choice(_LENGTHS), choice(("i0", "i1"))
                return choice(
                    (
                        (str(length), lambda _: length),
                        (f"${variable}", lambda variables: variables.get(variable)),
                        ("null", lambda _: None),
                    )
                )
            case "ids":
                few = choice((0, 1, 3))
                return choice(
                    (
                        ("[" + '"x" ' * few + "]", lambda _: ["x"] * few),
                        ('"x"', lambda _: "x"),
                        ("$ids", lambda variables: variables.get("ids")),
                    )
                )
            case "where":
                return choice(
                    (
                        ("{}", lambda _: {}),
                        ("{kinds:[TOPUP]}", lambda _: {"kinds": ["TOPUP"]}),
                        ("{kinds:$kinds}", lambda variables: {"kinds": variables.get("kinds")}),
                        ("$where", lambda variables: variables.get("where")),
                        ("null", lambda _: None),
                    )
                )
            case "input":
                few = choice((0, 1, 3))
                if type_name == "TransferBatchInput" and choice((True, False)):
                    text = "{transfers:[" + _TRANSFER * few + "]}"
                    return text, lambda _: {"transfers": [{}] * few}
                return f"${type_name}", lambda variables: variables.get(type_name)
            case _:
                text = {
                    "Int": "7",
                    "Boolean": "true",
                    "Currency": '"EUR"',
                    "DateTime": '"2026-01-31T12:00:00Z"',
                }.get(type_name, '"x"')
                return text, lambda _: text
