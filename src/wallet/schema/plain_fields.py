"""
Plain fields: an attribute of an object, as it is or as a scalar writes it.

Nine of ten fields of an answer are plain. For these the way through a resolver,
its info and the completion of its value is one attribute and one call.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

Reader = Callable[[Any], Any]
"""Takes an object and returns the field's value as it is answered, or NOT_PLAIN."""

PlainFields = Mapping[str, Mapping[str, Reader]]
"""The readers of plain fields, by the names of type and field."""

NOT_PLAIN = object()
"""What a reader answers when there is more to say: the long way knows how to say it."""

_DEFINITION = "strawberry-definition"


def find_plain_fields(schema: GraphQLSchema) -> PlainFields:
    """Return readers for all fields of *schema* that are plain."""
    return {
        type_.name: _readers_of(type_)
        for type_ in schema.type_map.values()
        if is_object_type(type_)
    }


def _readers_of(type_: GraphQLObjectType) -> dict[str, Reader]:
    readers: dict[str, Reader] = {"__typename": lambda _source: type_.name}
    for name, field in type_.fields.items():
        definition = field.extensions.get(_DEFINITION)
        if isinstance(definition, StrawberryField) and definition.is_basic_field:
            reader = _reader_of(field, definition.python_name)
            if reader is not None:
                readers[name] = reader
    return readers


def _reader_of(field: GraphQLField, attribute: str) -> Reader | None:
    required = is_non_null_type(field.type)
    type_ = get_nullable_type(field.type)
    return _read_leaf(attribute, type_, required=required) if is_leaf_type(type_) else None


def _read_leaf(attribute: str, type_: GraphQLLeafType, *, required: bool) -> Reader:
    write = type_.coerce_output_value

    def read(source: Any) -> Any:  # noqa: ANN401
        try:
            value = getattr(source, attribute)
            if value is None:
                return NOT_PLAIN if required else None
            written = write(value)
        except Exception:  # noqa: BLE001  (raised again, with its place, on the long way)
            return NOT_PLAIN
        return NOT_PLAIN if written is None or written is Undefined else written

    return read
