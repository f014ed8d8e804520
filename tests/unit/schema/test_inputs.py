"""Inputs that are built the quick way."""

from dataclasses import asdict
from typing import Any

import pytest
import strawberry
from strawberry import UNSET
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments

from wallet.schema.inputs import quicken_inputs


@strawberry.input
class Part:
    """An input inside an input."""

    amount: str
    weight_kg: int | None = None


@strawberry.input
class Order:
    """An input with all that ours have."""

    first_part: Part
    parts: list[Part]
    other_part: Part | None = strawberry.UNSET
    note: str | None = strawberry.UNSET
    tags: list[str] | None = None


@strawberry.type
class Query:
    """The root of a small schema."""

    @strawberry.field
    def order(self, order: Order) -> str:
        """Return what was ordered."""
        return repr(order)


FULL = {
    "firstPart": {"amount": "1", "weightKg": 3},
    "parts": [{"amount": "2"}, {"amount": "3", "weightKg": None}],
    "otherPart": {"amount": "4"},
    "note": None,
    "tags": ["a", "b"],
}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (FULL, None),
        ({**FULL, "otherPart": None, "note": "x"}, None),
        ({"firstPart": {"amount": "1"}, "parts": []}, UNSET),
    ],
    ids=["full", "null", "left out"],
)
def test_builds_what_strawberry_builds(sent: dict[str, Any], expected: object) -> None:
    """Nested, listed, null or left out: the instances are equal."""
    schema = strawberry.Schema(Query, config=StrawberryConfig())
    field = schema.get_field_for_type("order", "Query")
    assert field is not None

    def build() -> Any:
        return convert_arguments(
            {"order": sent},
            field.arguments,
            scalar_registry=schema.schema_converter.scalar_registry,
            config=schema.config,
        )["order"]

    slow = build()
    quicken_inputs(schema)
    quick = build()

    assert isinstance(quick, Order)
    assert asdict(quick) == asdict(slow)
    assert quick.note is (expected if expected is UNSET else sent["note"])
