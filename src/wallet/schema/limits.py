"""
What a document may look like: bounds that are checked before it is validated.

Validation compares fields pairwise, and execution resolves every field that a
fragment brings, as often as it brings it: a few kilobytes could keep a process
busy for seconds. So a document is walked once, each fragment once, in time
linear in its length; whatever passes is cheap to validate.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from graphql.language.ast import FloatValueNode, IntValueNode, Node

LENGTH_MAX = 32 * 1024
"""Longest document, in characters: comments and strings are one token each, however long."""

TOKENS_MAX = 2_000
"""Longest document, in tokens of the GraphQL grammar."""

DEPTH_MAX = 20
"""Deepest nesting of fields, fragments followed; introspection in GraphiQL takes 13."""

FIELDS_MAX = 1_000
"""Most fields of an operation, each counted as often as its fragments bring it."""

SAME_NAME_MAX = 60
"""Most fields of a document that answer under one name: validation compares them pairwise."""

FRAGMENTS_MAX = 100
"""Most fragments, spread or inline."""

NUMBER_LENGTH_MAX = 40
"""Longest number, in characters."""


class DocumentTooComplexError(GraphQLError):
    """Raised when a document passes one of the bounds; nothing of it has run."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "QUERY_TOO_COMPLEX"})


def parse_within_limits(text: str) -> DocumentNode:
    """
    Parse *text* and check it against the bounds of this module.

    Raises:
        GraphQLSyntaxError: It is no GraphQL document, or has too many tokens.
        DocumentTooComplexError: It passes another bound.
    """
    document = parse(text, max_tokens=TOKENS_MAX)
    _check_nodes(document)
    _Walk(document).check()
    return document


def nodes_of(document: DocumentNode) -> Iterator[Node]:
    """Yield every node of a document once, in no particular order."""
    waiting: list[Node] = [document]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(_children(node))


def _check_nodes(document: DocumentNode) -> None:
    """Count what validation compares."""
    names: Counter[str] = Counter()
    fragments = 0
    for node in nodes_of(document):
        if isinstance(node, FieldNode):
            names[(node.alias or node.name).value] += 1
        elif isinstance(node, IntValueNode | FloatValueNode):
            if len(node.value) > NUMBER_LENGTH_MAX:
                raise DocumentTooComplexError(f"A number has at most {NUMBER_LENGTH_MAX} digits.")
        elif node.kind in {"fragment_spread", "inline_fragment"}:
            fragments += 1
    if fragments > FRAGMENTS_MAX:
        raise DocumentTooComplexError(f"A document has at most {FRAGMENTS_MAX} fragments.")
    if names and max(names.values()) > SAME_NAME_MAX:
        raise DocumentTooComplexError(f"At most {SAME_NAME_MAX} fields of a document share a name.")


def _children(node: Node) -> list[Node]:
    children: list[Node] = []
    for key in node.keys:
        value = getattr(node, key, None)
        if isinstance(value, Node):
            children.append(value)
        elif isinstance(value, list | tuple):
            children.extend(item for item in value if isinstance(item, Node))
    return children


@dataclass(frozen=True, slots=True)
class _Size:
    """How many fields a selection brings, and how deep they nest."""

    fields: int = 0
    depth: int = 0


@dataclass(slots=True)
class _Walk:
    """Measures operations; each fragment is measured once."""

    document: DocumentNode
    _fragments: dict[str, FragmentDefinitionNode] = field(default_factory=dict)
    _measured: dict[str, _Size] = field(default_factory=dict)

    def check(self) -> None:
        definitions = self.document.definitions
        self._fragments = {
            node.name.value: node
            for node in definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        for node in definitions:
            if isinstance(node, OperationDefinitionNode):
                size = self._measure(node.selection_set)
                if size.depth > DEPTH_MAX:
                    raise DocumentTooComplexError(f"Fields nest at most {DEPTH_MAX} deep.")
                if size.fields > FIELDS_MAX:
                    raise DocumentTooComplexError(f"An operation has at most {FIELDS_MAX} fields.")

    def _measure(self, selections: SelectionSetNode) -> _Size:
        fields = depth = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                size = self._measure_fragment(node.name.value)
            elif isinstance(node, FieldNode):
                inner = self._measure(node.selection_set) if node.selection_set else _Size()
                size = _Size(inner.fields + 1, inner.depth + 1)
            else:
                size = self._measure(node.selection_set)  # type: ignore[attr-defined]
            fields += size.fields
            depth = max(depth, size.depth)
        return _Size(fields, depth)

    def _measure_fragment(self, name: str) -> _Size:
        if name not in self._measured:
            # A fragment inside itself counts as empty here; validation refuses it.
            self._measured[name] = _Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._measured[name] = self._measure(fragment.selection_set)
        return self._measured[name]
