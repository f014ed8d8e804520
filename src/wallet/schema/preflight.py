"""
What is checked before a mutation runs: that its answer can be given, and what it costs.

A field that fails below a payload takes the whole answer with it, after the
money has moved; the client would read an error and pay again. So the pages
that a mutation's answer asks for are checked before any of it runs. A batch
costs what its transfers cost, and its answer's pages as often as it has items.
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
from wallet.services.batches import BATCH_LENGTH_MAX

_CONNECTIONS = frozenset({"operations", "wallets"})
_BATCH = "transferBatch"
_CURSORS = frozenset({"after", "before"})

_TRANSFER_ROWS = 5
"""What a transfer of a batch costs: an operation, two entries and two wallets."""


def has_to_be_checked(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """
    Tell whether check_mutation has anything to check, whatever the variables are.

    Most mutations are no batch and ask for no page; to walk a transfer again for
    each request took 25 µs.
    """
    return operation.operation is OperationType.MUTATION and any(
        isinstance(node, FieldNode) and node.name.value in {*_CONNECTIONS, _BATCH}
        for node in nodes_of(document)
    )


def check_mutation(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]
) -> None:
    """
    Check what a mutation and its answer's pages cost; queries may fail where they fail.

    Raises:
        BadRequestError: A page size is out of bounds, or a cursor is given.
        TooComplexError: It is more than one request may read and write.
    """
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not OperationType.MUTATION:
        return
    rows = _Pages(document, {**_defaults(operation), **variables}).count(operation.selection_set)
    if rows > ROWS_MAX:
        raise TooComplexError(f"One request reads and writes at most {ROWS_MAX} rows.")


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
        if node.name.value == _BATCH:
            return self._length_of(node) * (_TRANSFER_ROWS + self.count(node.selection_set))
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

    def _length_of(self, node: FieldNode) -> int:
        """Return how many items a batch has; what is no batch is refused elsewhere."""
        batch = self._arguments_of(node).get("input")
        transfers = batch.get("transfers") if isinstance(batch, dict) else None
        # GraphQL takes a single item for a list of one.
        length = len(transfers) if isinstance(transfers, list) else 1
        return min(length, BATCH_LENGTH_MAX)

    def _arguments_of(self, node: FieldNode) -> dict[str, Any]:
        return {
            argument.name.value: value_from_ast_untyped(argument.value, self.variables)
            for argument in node.arguments or ()
        }

    def _rows_of(self, node: FieldNode) -> int:
        values = self._arguments_of(node)
        # A variable that was not given counts as an argument that was not.
        arguments = {n: v for n, v in values.items() if v is not None and v is not Undefined}
        if arguments.keys() & _CURSORS:
            raise BadRequestError("A mutation answers first pages: ask for others by a query.")
        limit = check_page_length(first=arguments.get("first"), last=arguments.get("last"))
        return limit + PAGE_OVERHEAD_ROWS
