"""
What the schema says of itself, where Strawberry has no place to say it.

The enums of the rooms below know no GraphQL, and an input is described once, at its type.
"""

from collections.abc import Mapping
from enum import StrEnum

import strawberry
from strawberry.types.base import has_object_definition
from strawberry.types.enum import has_enum_definition


def mark_enum(
    enum: type[StrEnum], description: str, values: Mapping[str, str], *, name: str | None = None
) -> None:
    """
    Show *enum* in the schema; in place, so that it stays what it is to the rooms below.

    Args:
        values: What each value means, by its name.
        name: What the schema calls it, where that is another name.
    """
    strawberry.enum(enum, name=name, description=description)
    if has_enum_definition(enum):
        for value in enum.__strawberry_definition__.values:
            value.description = values.get(value.name)


def describe_inputs(root: type) -> None:
    """Have every argument of *root*'s fields that is an input say what its type says."""
    fields = root.__strawberry_definition__.fields if has_object_definition(root) else []
    for argument in (argument for field in fields for argument in field.arguments):
        if argument.description is None and has_object_definition(argument.type):
            argument.description = argument.type.__strawberry_definition__.description
