"""
Plain fields: an attribute of an object, as a scalar or an enum writes it.

Nine of ten fields of an answer are plain. For these the way through a resolver,
its info and the completion of its value is one attribute and one call.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
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

PlainFields = Mapping[str, Mapping[str, Reader]]
"""The readers of a schema's plain fields, by the names of type and field."""

NOT_PLAIN = object()
"""What a reader answers when there is more to say: the long way knows how to say it."""

_DEFINITION = "strawberry-definition"


def find_plain_fields(schema: GraphQLSchema) -> PlainFields:
    """Return the readers of all fields of *schema* that are plain."""
    return {
        type_.name: _readers_of(type_)
        for type_ in schema.type_map.values()
        if is_object_type(type_)
    }


def _readers_of(type_: GraphQLObjectType) -> dict[str, Reader]:
    readers: dict[str, Reader] = {"__typename": lambda _source: type_.name}
    for name, field in type_.fields.items():
        definition = field.extensions.get(_DEFINITION)
        leaf = get_nullable_type(field.type)
        if (
            isinstance(definition, StrawberryField)
            and definition.is_basic_field
            and is_leaf_type(leaf)
        ):
            required = is_non_null_type(field.type)
            readers[name] = _reader(definition.python_name, leaf, required=required)
    return readers


def _reader(attribute: str, type_: GraphQLLeafType, *, required: bool) -> Reader:
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
