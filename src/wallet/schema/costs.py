"""
What an operation costs, in rows: known before it runs, and exact for full pages.

Page sizes multiply: 50 wallets with 100 operations each are 50 times 100. What a
document says of them is added up once, when it is read; what it leaves to the
variables stays a formula, of as many terms as it has such pages. Directives do
not count: what ``@skip`` may leave out costs as if it were there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_list_type,
    value_from_ast_untyped,
)
from graphql.language.ast import InlineFragmentNode, VariableNode

from wallet.schema.limits import nodes_of
from wallet.schema.weights import FREE, ITEMS, TOTAL, WEIGHTS, Page, Weight

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """So many rows, and the terms that depend on the variables."""

    rows: int = 0
    terms: tuple["_Term", ...] = ()

    def of(self, variables: Variables) -> int:
        """Return the rows, for the variables of a request."""
        rows = self.rows
        for term in self.terms:
            rows += term.length(variables) * term.each.of(variables)
        return rows


@dataclass(frozen=True, slots=True)
class _Term:
    """As many times a cost as the variables say."""

    length: Callable[[Variables], int]
    each: Cost


_NOTHING = Cost()


def _add(costs: Iterable[Cost]) -> Cost:
    every = list(costs)
    return Cost(
        sum(cost.rows for cost in every), tuple(term for cost in every for term in cost.terms)
    )


def _times(length: int | Callable[[Variables], int], each: Cost) -> Cost:
    if each == _NOTHING or length == 0:
        return _NOTHING
    if not isinstance(length, int):
        return Cost(terms=(_Term(length, each),))
    if not each.terms:
        return Cost(length * each.rows)
    return Cost(terms=(_Term(lambda _variables: length, each),))


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    What is known of a selection before it runs.

    Attributes:
        once: What it costs as often as it is resolved.
        each: What it costs for each item of the page that it is a selection of.
        totals: How often the total of that page is asked for.
        pages: The fields that answer pages.
    """

    once: Cost = _NOTHING
    each: Cost = _NOTHING
    totals: int = 0
    pages: tuple[FieldNode, ...] = ()


def estimate(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Estimate:
    """Look through an operation that is valid for *schema*."""
    root_type = schema.get_root_type(operation.operation)
    if root_type is None:
        return Estimate()
    return _Estimator(schema, fragments).of_selections(root_type, operation.selection_set)


def arguments_of(node: FieldNode, variables: Variables) -> dict[str, Any]:
    """Return the arguments of a field that were given, and are not null."""
    values = {
        argument.name.value: (
            variables.get(argument.value.name.value)
            if isinstance(argument.value, VariableNode)
            else value_from_ast_untyped(argument.value, dict(variables))
        )
        for argument in node.arguments or ()
    }
    return {
        name: value
        for name, value in values.items()
        if value is not None and value is not Undefined
    }


@dataclass(slots=True)
class _Estimator:
    """Looks through selections, through each fragment once."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    _known: dict[str, Estimate] = field(default_factory=dict)

    def of_selections(self, parent: GraphQLNamedType, selections: SelectionSetNode) -> Estimate:
        parts = [self._of_one(parent, node) for node in selections.selections]
        return Estimate(
            once=_add(part.once for part in parts),
            each=_add(part.each for part in parts),
            totals=sum(part.totals for part in parts),
            pages=tuple(page for part in parts for page in part.pages),
        )

    def _of_one(self, parent: GraphQLNamedType, node: SelectionNode) -> Estimate:
        if isinstance(node, FieldNode):
            return self._of_field(parent, node)
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in self._known:
                self._known[name] = self._of_fragment(parent, self.fragments[name])
            return self._known[name]
        return self._of_fragment(parent, node)  # type: ignore[arg-type]

    def _of_fragment(
        self, parent: GraphQLNamedType, node: FragmentDefinitionNode | InlineFragmentNode
    ) -> Estimate:
        condition = node.type_condition
        type_ = self.schema.type_map[condition.name.value] if condition else parent
        return self.of_selections(type_, node.selection_set)

    def _of_field(self, parent: GraphQLNamedType, node: FieldNode) -> Estimate:
        definition = self.schema.get_field(parent, node.name.value)  # type: ignore[arg-type]
        weight = WEIGHTS.get((parent.name, node.name.value), FREE)
        if definition is None:
            return Estimate()
        if weight is TOTAL:
            return Estimate(totals=1)
        inner = (
            self.of_selections(get_named_type(definition.type), node.selection_set)
            if node.selection_set
            else Estimate()
        )
        if weight is ITEMS:
            return Estimate(each=inner.once, pages=inner.pages)
        pages = (node, *inner.pages) if isinstance(weight.length, Page) else inner.pages
        is_list = is_list_type(get_nullable_type(definition.type))
        return Estimate(once=_weigh(node, weight, inner, is_list=is_list), pages=pages)


def _weigh(node: FieldNode, weight: Weight, inner: Estimate, *, is_list: bool) -> Cost:
    """Return what a field costs with all that is below it."""
    own = Cost(weight.rows)
    if weight.length is None:
        return _add((own, inner.once))
    # A list is its items; a connection has them, and what there is once, below it.
    below, once = (inner.once, _NOTHING) if is_list else (inner.each, inner.once)
    each = _add((Cost(weight.each), below))
    parts = [own, once, _times(_length_of(node, weight.length.read), each)]
    if inner.totals and weight.counted_by in {a.name.value for a in node.arguments or ()}:

        def is_counted(arguments: Mapping[str, Any]) -> int:
            return int(weight.counted_by in arguments)

        # Asked for under several names, it is counted for each.
        rows = Cost(weight.count_rows * inner.totals)
        parts.append(_times(_length_of(node, is_counted), rows))
    return _add(parts)


def _length_of(
    node: FieldNode, read: Callable[[Mapping[str, Any]], int]
) -> int | Callable[[Variables], int]:
    """Return a length; where variables are among the arguments, what reads it from them."""
    has_variables = any(
        isinstance(part, VariableNode)
        for argument in node.arguments or ()
        for part in nodes_of(argument.value)
    )
    if not has_variables:
        return read(arguments_of(node, {}))
    return lambda variables: read(arguments_of(node, variables))
