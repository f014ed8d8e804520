"""
Documents: parsed, bounded, validated and planned once, however often they are sent.

All that depends on a document alone is one look-up for every request after the
first; what depends on the variables too is left to the execution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    specified_rules,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
)
from graphql.language.ast import DirectiveNode
from strawberry.schema.schema import validate_document

from wallet.schema.limits import LENGTH_MAX, DocumentTooComplexError, nodes_of, parse_within_limits
from wallet.schema.preflight import has_to_be_checked

_DOCUMENTS_CACHED_MAX = 512

Subfields = dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    One operation of a document, and what running it needs.

    Attributes:
        name: What the log calls it; None when it has no name.
        is_checked: Whether what it costs depends on the variables, and is checked each time.
        is_fixed: Whether its fields are the same whatever the variables are:
            they are, unless a directive leaves some of them out.
        subfields: The fields of each selection, as they are collected; shared by
            all requests where the plan is fixed.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    name: str | None
    fragments: dict[str, FragmentDetails]
    fragment_definitions: dict[str, FragmentDefinitionNode]
    is_checked: bool
    is_fixed: bool
    subfields: Subfields = field(default_factory=dict)

    @property
    def is_mutation(self) -> bool:
        """Whether it changes anything."""
        return self.operation.operation is OperationType.MUTATION


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a document; its plans are in their order."""

    errors: Sequence[GraphQLError]
    plans: tuple[Plan, ...]

    def find(self, name: str | None) -> Plan | None:
        """Return the operation of this name, or the first one when no name was given."""
        for plan in self.plans:
            if name is None or plan.name == name:
                return plan
        return None


def document_reader(schema: GraphQLSchema) -> Callable[[str], Document]:
    """
    Return a function that reads the text of a document for *schema*.

    It raises GraphQLSyntaxError when the text is none, and
    DocumentTooComplexError when it passes a bound of ``limits``.
    """

    # 2.0 ms become 2 µs: validation is most of an uncached request. Documents are bounded
    # in length, and in number here; what was refused is read again each time.
    @lru_cache(maxsize=_DOCUMENTS_CACHED_MAX)
    def read_once(text: str) -> Document:
        node = parse_within_limits(text)
        return Document(validate_document(schema, node, tuple(specified_rules)), _plans_of(node))

    def read(text: str) -> Document:
        # Before the cache, which would go through all of a text to look it up.
        if len(text) > LENGTH_MAX:
            raise DocumentTooComplexError(f"A document has at most {LENGTH_MAX} characters.")
        return read_once(text)

    return read


def _plans_of(document: DocumentNode) -> tuple[Plan, ...]:
    definitions = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    fragments = {name: FragmentDetails(node) for name, node in definitions.items()}
    is_fixed = not any(isinstance(node, DirectiveNode) for node in nodes_of(document))
    return tuple(
        Plan(
            document=document,
            operation=node,
            name=node.name.value if node.name else None,
            fragments=fragments,
            fragment_definitions=definitions,
            is_checked=has_to_be_checked(document, node),
            is_fixed=is_fixed,
        )
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    )
