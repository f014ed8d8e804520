"""
What is checked before a mutation runs: that its answer can be given.

A field that fails below a payload takes the whole answer with it, after the
money has moved; the client would read an error and pay again. So the pages
that a mutation's answer asks for are checked before any of it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    get_operation_ast,
    value_from_ast_untyped,
)
from graphql.language.ast import InlineFragmentNode

from wallet.core.errors import BadRequestError, TooComplexError
from wallet.schema.context import ROWS_MAX
from wallet.schema.limits import nodes_of
from wallet.schema.paging import PAGE_OVERHEAD_ROWS, check_page_length

_CONNECTIONS = frozenset({"operations", "wallets"})
_CURSORS = frozenset({"after", "before"})


def asks_for_pages(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """
    Tell whether check_mutation has anything to check, whatever the variables are.

    Most mutations ask for no page; walking a transfer again for each request took 25 µs.
    """
    return operation.operation is OperationType.MUTATION and any(
        isinstance(node, FieldNode) and node.name.value in _CONNECTIONS
        for node in nodes_of(document)
    )


def check_mutation(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]
) -> None:
    """
    Check the pages that a mutation's answer asks for; queries may fail where they fail.

    Raises:
        BadRequestError: A page size is out of bounds, or a cursor is given.
        TooComplexError: The pages are more than one request may read.
    """
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not OperationType.MUTATION:
        return
    rows = _Pages(document, {**_defaults(operation), **variables}).count(operation.selection_set)
    if rows > ROWS_MAX:
        raise TooComplexError(f"One request reads at most {ROWS_MAX} rows.")


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }


@dataclass(slots=True)
class _Pages:
    """Counts the rows that a selection asks for, each fragment as often as it is spread."""

    document: DocumentNode
    variables: dict[str, Any]
    _counted: dict[str, int] = field(default_factory=dict)

    def count(self, selections: SelectionSetNode | None) -> int:
        """Return the rows of all pages in a selection."""
        return sum(self._count_one(node) for node in selections.selections) if selections else 0

    def _count_one(self, node: SelectionNode) -> int:
        if isinstance(node, FragmentSpreadNode):
            return self._count_fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            return self.count(node.selection_set)
        if not isinstance(node, FieldNode):
            return 0
        own = self._rows_of(node) if node.name.value in _CONNECTIONS else 0
        return own + self.count(node.selection_set)

    def _count_fragment(self, name: str) -> int:
        if name not in self._counted:
            fragment = next(
                node
                for node in self.document.definitions
                if isinstance(node, FragmentDefinitionNode) and node.name.value == name
            )
            self._counted[name] = self.count(fragment.selection_set)
        return self._counted[name]

    def _rows_of(self, node: FieldNode) -> int:
        values = {
            argument.name.value: value_from_ast_untyped(argument.value, self.variables)
            for argument in node.arguments or ()
        }
        # A variable that was not given counts as an argument that was not.
        arguments = {n: v for n, v in values.items() if v is not None and v is not Undefined}
        if arguments.keys() & _CURSORS:
            raise BadRequestError("A mutation answers first pages: ask for others by a query.")
        limit = check_page_length(first=arguments.get("first"), last=arguments.get("last"))
        return limit + PAGE_OVERHEAD_ROWS
