"""The schema keeps every promise of the contract."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
    print_ast,
)

from wallet.schema.root import make_schema

CONTRACT_SDL = (Path(__file__).parent / "contract.graphql").read_text()
CONTRACT = build_schema(CONTRACT_SDL)
PROMISED = {
    name: type_
    for name, type_ in CONTRACT.type_map.items()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The schema of this code, as clients read it."""
    return build_schema(make_schema().as_str())


def find_broken_promises(schema: GraphQLSchema, promised: GraphQLNamedType) -> Iterator[str]:
    """Yield what of a type of the contract the schema does not keep; it may well have more."""
    name = promised.name
    type_ = schema.type_map.get(name)
    if type_ is None:
        yield f"{name} is missing"
    elif type(type_) is not type(promised):
        yield f"{name} is a {type(type_).__name__}, not a {type(promised).__name__}"
    else:
        yield from _find_broken_members(name, type_, promised)


def _find_broken_members(name: str, type_: Any, promised: GraphQLNamedType) -> Iterator[str]:
    match promised:
        case GraphQLObjectType() | GraphQLInterfaceType():
            yield from _find_missing(
                name,
                {interface.name for interface in type_.interfaces},
                {interface.name for interface in promised.interfaces},
            )
            yield from _find_broken_fields(name, type_.fields, promised.fields)
        case GraphQLInputObjectType():
            yield from _find_broken_inputs(name, type_.fields, promised.fields)
        case GraphQLUnionType():
            yield from _find_missing(
                name,
                {member.name for member in type_.types},
                {member.name for member in promised.types},
            )
        case GraphQLEnumType():
            yield from _find_missing(name, set(type_.values), set(promised.values))


def _find_missing(name: str, there: set[str], promised: set[str]) -> Iterator[str]:
    for member in sorted(promised - there):
        yield f"{name} lacks {member}"


def _find_broken_fields(
    name: str, there: Mapping[str, GraphQLField], promised: Mapping[str, GraphQLField]
) -> Iterator[str]:
    yield from _find_missing(name, set(there), set(promised))
    for field in sorted(promised.keys() & there.keys()):
        path = f"{name}.{field}"
        yield from _compare_types(path, there[field], promised[field])
        yield from _find_broken_inputs(path, there[field].args, promised[field].args)


def _find_broken_inputs(
    name: str, there: Mapping[str, Any], promised: Mapping[str, Any]
) -> Iterator[str]:
    """Compare input fields, or arguments; what is new must be optional."""
    yield from _find_missing(name, set(there), set(promised))
    for input_, value in sorted(there.items()):
        path = f"{name}.{input_}"
        if input_ not in promised:
            if _is_required(value):
                yield f"{path} is new, and required"
            continue
        yield from _compare_types(path, value, promised[input_])
        if _default_of(value) != _default_of(promised[input_]):
            yield f"{path} has another default"


def _default_of(value: GraphQLInputField | GraphQLArgument) -> str | None:
    """Return a default as it is written; both schemas are built from text."""
    if value.default is None:
        return None
    assert value.default.literal is not None
    return print_ast(value.default.literal)


def _is_required(value: GraphQLInputField | GraphQLArgument) -> bool:
    if isinstance(value, GraphQLInputField):
        return is_required_input_field(value)
    return is_required_argument(value)


def _compare_types(path: str, there: Any, promised: Any) -> Iterator[str]:
    if str(there.type) != str(promised.type):
        yield f"{path} is {there.type}, not {promised.type}"


class TestMakeSchema:
    """make_schema."""

    @pytest.mark.parametrize("name", sorted(PROMISED))
    def test_keeps_its_promises(self, schema: GraphQLSchema, name: str) -> None:
        """All that the contract says of a type holds: fields, arguments, nullability, members."""
        assert list(find_broken_promises(schema, PROMISED[name])) == []

    def test_roots(self, schema: GraphQLSchema) -> None:
        """Clients find queries and mutations where they are used to."""
        assert schema.query_type is schema.type_map["Query"]
        assert schema.mutation_type is schema.type_map["Mutation"]

    def test_contract_is_whole(self) -> None:
        """The copy of the contract here has not lost half of itself."""
        assert len(PROMISED) > 50
        assert {"Query", "Mutation", "TransferResult", "OperationFilter", "Money"} <= set(PROMISED)


class TestFindBrokenPromises:
    """find_broken_promises: a comparison that finds nothing would prove nothing."""

    @pytest.mark.parametrize(
        ("old", "new", "found"),
        [
            ("Money", "Cash", "Money is missing"),
            (
                "type Forbidden implements Error {",
                "type Forbidden {",
                "Forbidden lacks Error",
            ),
            ("email: String!  ", "", "SignupInput lacks email"),
            ("label: String\n", "label: String!\n", "Wallet.label is String!, not String"),
            ("balanceAfter: Money!", "balanceAfter: Money", "OperationEdge.balanceAfter is Money,"),
            ("nodes(ids: [ID!]!): [Node]!", "nodes(ids: [ID]!): [Node]!", "Query.nodes.ids is"),
            ("wallet(id: ID!): Wallet", "wallet(key: ID!): Wallet", "Query.wallet lacks id"),
            ("wallet(id: ID!)", "wallet(id: ID!, now: Int!)", "Query.wallet.now is new, and"),
            (
                "currency: Currency!  label: String ",
                "currency: Currency! ",
                "OpenWalletInput lacks",
            ),
            (
                "input LoginInput { ",
                "input LoginInput { code: String! ",
                "LoginInput.code is new, and required",
            ),
            ("Boolean! = false", "Boolean! = true", "LogoutInput.everywhere has another default"),
            ("Boolean! = false", "Boolean!", "LogoutInput.everywhere has another default"),
            ("FROZEN ", "", "WalletStatus lacks FROZEN"),
            ("NotFound | InsufficientFunds", "NotFound", "TransferResult lacks InsufficientFunds"),
            (
                "scalar Currency",
                "enum Currency { EUR }",
                "Currency is a GraphQLEnumType, not a GraphQLScalarType",
            ),
        ],
    )
    def test_finds(self, old: str, new: str, found: str) -> None:
        """Each way to break a promise is named."""
        assert old in CONTRACT_SDL
        changed = build_schema(CONTRACT_SDL.replace(old, new), assume_valid=True)

        broken = [
            line
            for promised in PROMISED.values()
            for line in find_broken_promises(changed, promised)
        ]

        assert any(found in line for line in broken), broken

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("type Money {", "type More { x: Int } type Money { cents: Int! "),
            ("wallet(id: ID!)", "wallet(id: ID!, now: Int)"),
            ("wallet(id: ID!)", "wallet(id: ID!, now: Int! = 1)"),
            ("input LoginInput { ", "input LoginInput { code: String "),
            ("FROZEN ", "FROZEN MELTED "),
            ("NotFound | InsufficientFunds", "NotFound | Forbidden | InsufficientFunds"),
        ],
    )
    def test_lets_the_schema_grow(self, old: str, new: str) -> None:
        """New types, fields, members, and optional inputs break nothing."""
        assert old in CONTRACT_SDL
        changed = build_schema(CONTRACT_SDL.replace(old, new), assume_valid=True)

        for promised in PROMISED.values():
            assert list(find_broken_promises(changed, promised)) == []
