"""Whatever a document asks for, it costs what one would add up by hand."""

from typing import Any

from graphql import GraphQLNamedType, get_named_type, get_nullable_type, is_list_type
from hypothesis import given, note

from tests.support.documents import Field, Inline, Selection, expand, write
from tests.support.valid_documents import Asked, asked
from wallet.core.query_limits import QueryLimits
from wallet.schema.documents import document_reader
from wallet.schema.root import make_schema
from wallet.schema.weights import FREE, ITEMS, TOTAL, WEIGHTS

_SCHEMA = make_schema()._schema
_UNBOUNDED = {
    name: 10**6
    for name, field in QueryLimits.model_fields.items()
    if field.annotation is int and name.startswith("query_")
}
_read = document_reader(_SCHEMA, QueryLimits.model_construct(None, **_UNBOUNDED))


class _Hand:
    """Adds up what an operation costs, with every fragment and every variable put in."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def add_up(self) -> int:
        """Return the rows of the document's operation."""
        (operation,) = self._asked.document.operations
        kind = operation.kind.title()
        tree = expand(operation.selections, self._asked.document.fragments)
        return sum(self._cost(*each) for each in self._fields(_SCHEMA.type_map[kind], tree))

    def _fields(
        self, type_: GraphQLNamedType, tree: tuple[Selection, ...]
    ) -> list[tuple[GraphQLNamedType, Field]]:
        """Return the fields of a selection, each with the type that it is looked up in."""
        found = []
        for node in tree:
            if isinstance(node, Field):
                found.append((type_, node))
            else:
                assert isinstance(node, Inline)
                inner = _SCHEMA.type_map[node.on] if node.on else type_
                found.extend(self._fields(inner, node.selections))
        return found

    def _cost(self, parent: GraphQLNamedType, node: Field) -> int:
        if node.name == "__typename":
            return 0
        field: Any = parent.fields[node.name]  # type: ignore[attr-defined]
        weight = WEIGHTS.get((parent.name, node.name), FREE)
        below = self._fields(get_named_type(field.type), node.selections)
        weights = [WEIGHTS.get((type_.name, each.name), FREE) for type_, each in below]
        costs = [self._cost(*each) for each in below]
        if weight.length is None:
            return weight.rows + sum(costs)
        arguments = self._arguments(node)
        length = weight.length.read(arguments)
        if is_list_type(get_nullable_type(field.type)):
            return weight.rows + length * (weight.each + sum(costs))
        pairs = list(zip(weights, costs, strict=True))
        items = sum(cost for each, cost in pairs if each is ITEMS)
        once = sum(cost for each, cost in pairs if each is not ITEMS)
        counted = weights.count(TOTAL) if weight.counted_by in arguments else 0
        return weight.rows + once + length * (weight.each + items) + counted * weight.count_rows

    def _arguments(self, node: Field) -> dict[str, Any]:
        values = {
            each.name: self._asked.meanings[each.value.text](self._asked.variables)
            for each in node.arguments
        }
        return {name: value for name, value in values.items() if value is not None}


class TestCost:
    """Cost.of, as the plan of a document has it."""

    @given(asked(_SCHEMA))
    def test_is_what_a_hand_adds_up(self, asked: Asked) -> None:
        """Fragments that are looked through once cost as often as they are brought."""
        text = write(asked.document)
        note(f"{text}\n{asked.variables}")

        document = _read(text)

        assert document.errors == []
        (plan,) = document.plans
        assert plan.cost.of(asked.variables) == _Hand(asked).add_up()
