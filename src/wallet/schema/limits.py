"""
What a document may look like: bounds that are checked before it is validated.

Validation compares fields pairwise, and execution resolves every field that a
fragment brings, as often as it brings it: a few kilobytes could keep a process
busy for seconds. So a document is walked before, each fragment once, in time
linear in its length; whatever passes is cheap to validate.

It is one rule, with bounds that are fixed at start: rules that are made for each
request would switch off the cache of documents that were validated before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    parse,
)
from graphql.language.ast import FloatValueNode, IntValueNode, Node

from wallet.core.query_limits import QueryLimits

NUMBER_LENGTH_MAX = 40
"""Longest number, in characters."""


STRING_LENGTH_MAX = 128 * 1024
"""Longest text among the variables, in characters."""

_VALUES = frozenset(
    {
        "variable",
        "int_value",
        "float_value",
        "string_value",
        "boolean_value",
        "null_value",
        "enum_value",
        "list_value",
        "object_value",
    }
)

_NO_CHILDREN = frozenset({"loc", "name", "alias", "type_condition"})
"""Keys of a node below which nothing is counted; most nodes are names."""


class DocumentTooComplexError(GraphQLError):
    """Raised when a document passes one of the bounds; nothing of it has run."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "QUERY_TOO_COMPLEX"})


def check_document_length(text: str, limits: QueryLimits) -> None:
    """
    Check a text before anything else looks at it.

    Raises:
        DocumentTooComplexError: It is too long.
    """
    if len(text) > limits.query_length_max:
        raise DocumentTooComplexError(
            f"A document has at most {limits.query_length_max} characters."
        )


def parse_within_limits(text: str, limits: QueryLimits) -> DocumentNode:
    """
    Parse *text* and check it against *limits*.

    Raises:
        GraphQLSyntaxError: It is no GraphQL document, or has too many tokens.
        DocumentTooComplexError: It passes another bound.
    """
    check_document_length(text, limits)
    document = parse(text, max_tokens=limits.query_tokens_max)
    _Counts().add(document).check(limits)
    _Walk(document, limits).check()
    return document


def check_variables(variables: dict[str, Any], limits: QueryLimits, *, bytes_sent: int) -> None:
    """
    Check the variables of a request, before they are read as what they are of.

    Args:
        bytes_sent: How long the request was that they came with.

    Raises:
        DocumentTooComplexError: They are too many, nest too deeply, or are too long.
    """
    count = depth = 0
    level: list[dict[str, Any] | list[Any]] = [variables]
    while level:
        count += sum(map(len, level))
        _check(count, limits.variables_values_max, "The variables have at most {} values.")
        values = [
            value
            for container in level
            for value in (container.values() if isinstance(container, dict) else container)
        ]
        if bytes_sent > STRING_LENGTH_MAX:
            longest = max((len(value) for value in values if isinstance(value, str)), default=0)
            _check(longest, STRING_LENGTH_MAX, "A text has at most {} characters.")
        level = [value for value in values if isinstance(value, dict | list)]
        depth += bool(level)
        _check(depth, limits.variables_depth_max, "The variables nest at most {} deep.")
    if bytes_sent > limits.variables_bytes_max:
        message = "The variables have at most {} bytes, as JSON."
        _check(len(orjson.dumps(variables)), limits.variables_bytes_max, message)


def nodes_of(document: Node) -> Iterator[Node]:
    """Yield a node and every node below it once, but for names, in no particular order."""
    waiting: list[Node] = [document]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(_children(node))


def _children(node: Node) -> list[Node]:
    children: list[Node] = []
    for key in node.keys:
        if key not in _NO_CHILDREN:
            value = getattr(node, key, None)
            if isinstance(value, Node):
                children.append(value)
            elif value and isinstance(value, list | tuple):
                children.extend(item for item in value if isinstance(item, Node))
    return children


def _check(count: int, at_most: int, message: str) -> None:
    if count > at_most:
        raise DocumentTooComplexError(message.format(at_most))


@dataclass(slots=True)
class _Counts:
    """How often a document has what validation goes through again and again."""

    names: Counter[str] = field(default_factory=Counter)
    fragments: int = 0
    operations: int = 0
    values: int = 0
    directives: int = 0
    directives_of_a_node: int = 0
    number_length: int = 0

    def add(self, document: DocumentNode) -> "_Counts":
        """Count every node of a document."""
        for node in nodes_of(document):
            if isinstance(node, FieldNode):
                self.names[(node.alias or node.name).value] += 1
            elif node.kind in _VALUES:
                self.values += 1
                if isinstance(node, IntValueNode | FloatValueNode):
                    self.number_length = max(self.number_length, len(node.value))
            elif isinstance(node, OperationDefinitionNode):
                self.operations += 1
            elif node.kind in {"fragment_spread", "inline_fragment"}:
                self.fragments += 1
            directives = len(getattr(node, "directives", None) or ())
            self.directives += directives
            self.directives_of_a_node = max(self.directives_of_a_node, directives)
        return self

    def check(self, limits: QueryLimits) -> None:
        """Raise where a count is too high."""
        same_name, same_name_max = max(self.names.values(), default=0), limits.query_same_name_max
        of_a_node, of_a_node_max = self.directives_of_a_node, limits.query_directives_per_node_max
        for count, at_most, message in (
            (self.number_length, NUMBER_LENGTH_MAX, "A number has at most {} digits."),
            (self.operations, limits.query_operations_max, "A document has at most {} operations."),
            (self.fragments, limits.query_fragments_max, "A document has at most {} fragments."),
            (self.values, limits.query_values_max, "At most {} values are in a document."),
            (self.directives, limits.query_directives_max, "A document has at most {} directives."),
            (of_a_node, of_a_node_max, "At most {} directives stand at one place."),
            (same_name, same_name_max, "At most {} fields of a document share a name."),
        ):
            _check(count, at_most, message)


@dataclass(frozen=True, slots=True)
class _Size:
    """
    What a selection brings.

    Attributes:
        fields: Fields and fragments, at any depth.
        aliases: Those of its fields that have one.
        roots: Its own fields, not those below them.
        depth: How deep the fields nest.
    """

    fields: int = 0
    aliases: int = 0
    roots: int = 0
    depth: int = 0


@dataclass(slots=True)
class _Walk:
    """Measures operations; each fragment is measured once."""

    document: DocumentNode
    limits: QueryLimits
    _fragments: Mapping[str, FragmentDefinitionNode] = field(default_factory=dict)
    _measured: dict[str, _Size] = field(default_factory=dict)

    def check(self) -> None:
        """Raise where an operation is too large; what no operation spreads never runs."""
        definitions = self.document.definitions
        self._fragments = {
            node.name.value: node
            for node in definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        for node in definitions:
            if isinstance(node, OperationDefinitionNode):
                self._check(node.operation, self._measure(node.selection_set))

    def _check(self, operation: OperationType, size: _Size) -> None:
        limits = self.limits
        _check(size.depth, limits.query_depth_max, "Fields nest at most {} deep.")
        _check(
            size.fields,
            limits.query_fields_max,
            "At most {} fields and fragments are in an operation.",
        )
        _check(size.aliases, limits.query_aliases_max, "An operation has at most {} aliases.")
        _check(size.roots, limits.query_root_fields_max, "An operation has at most {} root fields.")
        if operation is OperationType.MUTATION:
            _check(size.roots, limits.query_mutations_max, "A request has at most {} mutations.")

    def _measure(self, selections: SelectionSetNode) -> _Size:
        fields = aliases = roots = depth = 0
        for node in selections.selections:
            size = self._measure_one(node)
            fields += size.fields
            aliases += size.aliases
            roots += size.roots
            depth = max(depth, size.depth)
        return _Size(fields, aliases, roots, depth)

    def _measure_one(self, node: SelectionNode) -> _Size:
        if isinstance(node, FieldNode):
            inner = self._measure(node.selection_set) if node.selection_set else _Size()
            has_alias = node.alias is not None
            return _Size(inner.fields + 1, inner.aliases + has_alias, 1, inner.depth + 1)
        if isinstance(node, FragmentSpreadNode):
            inner = self._measure_fragment(node.name.value)
        else:
            inner = self._measure(node.selection_set)  # type: ignore[attr-defined]
        # An empty fragment counts too: a bomb may have nothing but fragments in it.
        return _Size(inner.fields + 1, inner.aliases, inner.roots, inner.depth)

    def _measure_fragment(self, name: str) -> _Size:
        if name not in self._measured:
            # A fragment inside itself counts as empty here; validation refuses it.
            self._measured[name] = _Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._measured[name] = self._measure(fragment.selection_set)
        return self._measured[name]
