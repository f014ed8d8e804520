"""Whether an answer is what the schema promises for the document that asked."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    is_abstract_type,
)

_INT_MAX = 2**31 - 1


def _is_instant(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_decimal(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def _is_currency(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Z0-9_]{3,}", value) is not None


def _is_int(value: object) -> bool:
    return type(value) is int and -_INT_MAX <= value <= _INT_MAX


_SCALARS: Mapping[str, Callable[[object], bool]] = {
    "ID": _is_text,
    "String": _is_text,
    "Boolean": lambda value: isinstance(value, bool),
    "Int": _is_int,
    "Decimal": _is_decimal,
    "Currency": _is_currency,
    "DateTime": _is_instant,
    "JSON": lambda _value: True,
}

Fields = dict[str, list[FieldNode]]


def assert_conforms(schema: GraphQLSchema, document: DocumentNode, data: object) -> None:
    """
    Assert that *data* has what the only operation of *document* asks for, each of its type.

    Fragments are inline, and where a type may be one of several, it is asked for.
    """
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    root_type = schema.get_root_type(operation.operation)
    assert root_type is not None
    assert isinstance(data, dict)
    _check_object(schema, root_type, [operation.selection_set], data)


def _check(
    schema: GraphQLSchema, type_: GraphQLOutputType, asked: list[FieldNode], value: Any
) -> None:
    name = asked[0].name.value
    if isinstance(type_, GraphQLNonNull):
        assert value is not None, f"{name} is null"
        type_ = type_.of_type
    if value is None:
        return
    if isinstance(type_, GraphQLList):
        assert isinstance(value, list), name
        for item in value:
            _check(schema, type_.of_type, asked, item)
    elif isinstance(type_, GraphQLEnumType):
        assert value in type_.values, f"{name} is {value!r}"
    elif isinstance(type_, GraphQLScalarType):
        assert _SCALARS[type_.name](value), f"{name} is {value!r}"
    else:
        assert isinstance(value, dict), name
        object_type = schema.type_map[value["__typename"]] if is_abstract_type(type_) else type_
        if is_abstract_type(type_):
            assert schema.is_sub_type(type_, object_type), f"{name} is {object_type}"
        _check_object(
            schema, object_type, [node.selection_set for node in asked if node.selection_set], value
        )


def _check_object(
    schema: GraphQLSchema,
    type_: GraphQLNamedType,
    selections: list[SelectionSetNode],
    value: dict[str, Any],
) -> None:
    assert isinstance(type_, GraphQLObjectType)
    fields: Fields = {}
    for each in selections:
        _collect(schema, type_, each, fields)
    assert list(value) == list(fields)
    for name, asked in fields.items():
        if asked[0].name.value == "__typename":
            assert value[name] == type_.name
        else:
            _check(schema, type_.fields[asked[0].name.value].type, asked, value[name])


def _collect(
    schema: GraphQLSchema, type_: GraphQLObjectType, selections: SelectionSetNode, fields: Fields
) -> None:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            fields.setdefault((node.alias or node.name).value, []).append(node)
        else:
            assert isinstance(node, InlineFragmentNode)
            assert node.type_condition is not None
            wanted = schema.type_map[node.type_condition.name.value]
            if wanted is type_ or (is_abstract_type(wanted) and schema.is_sub_type(wanted, type_)):
                _collect(schema, type_, node.selection_set, fields)
