"""
Documents: parsed, bounded, validated and planned once, however often they are sent.

All that depends on a document alone is one look-up for every request after the
first; what depends on the variables too is left to the execution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from sys import getsizeof

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
)
from graphql.language.ast import DirectiveNode

from wallet.core.query_limits import QueryLimits
from wallet.schema.costs import Cost, Estimate, estimate
from wallet.schema.limits import check_document_length, nodes_of, parse_within_limits
from wallet.schema.recent import Recent

ERRORS_MAX = 10
"""Most errors of a document that are looked for, and answered."""

DOCUMENTS_KEPT_MAX = 512

DOCUMENTS_KEPT_BYTES_MAX = 32 * 1024 * 1024
"""How large they are together, text and tree: 35 of the largest, or all 512 of 70 tokens."""

TOKEN_BYTES = 900
"""What a document keeps for each token: the token, its part of the tree, and of the plan."""

_ABOUT_THE_SCHEMA = frozenset({"__schema", "__type"})

Subfields = dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    One operation of a document, and what running it needs.

    Attributes:
        name: What the log calls it; None when it has no name.
        cost: What it costs, once its variables are known.
        pages: Those of its fields that answer pages, where it is a mutation.
        is_fixed: Whether its fields are the same whatever the variables are:
            they are, unless a directive leaves some of them out.
        is_constant: Whether its answer is the same each time: it asks for nothing but
            what the schema has.
        subfields: The fields of each selection, as they are collected; shared by
            all requests where the plan is fixed.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    name: str | None
    fragments: dict[str, FragmentDetails]
    fragment_definitions: dict[str, FragmentDefinitionNode]
    cost: Cost
    pages: tuple[FieldNode, ...]
    is_fixed: bool
    is_constant: bool
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
    tokens: int

    def find(self, name: str | None) -> Plan | None:
        """Return the operation of this name, or the first one when no name was given."""
        for plan in self.plans:
            if name is None or plan.name == name:
                return plan
        return None


class DocumentReader:
    """Reads the text of a document; what it was given before, it has ready."""

    def __init__(self, read: Callable[[str], Document], limits: QueryLimits) -> None:
        self._read = read
        self._limits = limits
        self._known = Recent[Document](
            items_max=DOCUMENTS_KEPT_MAX, bytes_max=DOCUMENTS_KEPT_BYTES_MAX
        )

    def knows(self, text: str) -> bool:
        """
        Tell whether *text* takes no reading.

        Raises:
            DocumentTooComplexError: It is too long to be looked up.
        """
        check_document_length(text, self._limits)
        return text in self._known

    def __call__(self, text: str) -> Document:
        """
        Return what is known of a document, valid or not.

        Raises:
            GraphQLSyntaxError: The text is none.
            DocumentTooComplexError: It passes a limit.
        """
        # Before the cache, which would go through all of a text to look it up.
        check_document_length(text, self._limits)
        document = self._known.find(text)
        if document is None:
            document = self._read(text)
            size = getsizeof(text) + TOKEN_BYTES * document.tokens
            self._known.keep(text, document, size=size)
        return document


def document_reader(
    schema: GraphQLSchema,
    limits: QueryLimits,
    *,
    shows_schema: bool = True,
    suggests: bool = True,
) -> DocumentReader:
    """
    Return what reads the text of a document for *schema*, and holds it to *limits*.

    Args:
        shows_schema: Whether a document may ask what the schema has.
        suggests: Whether who writes an unknown name is told of known ones.
    """
    rules = [*specified_rules, *([] if shows_schema else [NoSchemaIntrospectionCustomRule])]

    # 2.0 ms become 2 µs: validation is most of an uncached request. What was refused is
    # read again each time.
    def read(text: str) -> Document:
        node = parse_within_limits(text, limits)
        errors = validate(schema, node, rules, max_errors=ERRORS_MAX, hide_suggestions=not suggests)
        return Document(errors, _plans_of(schema, node, is_valid=not errors), node.token_count)

    return DocumentReader(read, limits)


def _plans_of(schema: GraphQLSchema, document: DocumentNode, *, is_valid: bool) -> tuple[Plan, ...]:
    definitions = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    fragments = {name: FragmentDetails(node) for name, node in definitions.items()}
    is_fixed = not any(isinstance(node, DirectiveNode) for node in nodes_of(document))
    plans = []
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            # What is not valid does not run, and cannot be looked through by its types.
            known = estimate(schema, node, definitions) if is_valid else Estimate()
            plans.append(
                Plan(
                    document=document,
                    operation=node,
                    name=node.name.value if node.name else None,
                    fragments=fragments,
                    fragment_definitions=definitions,
                    cost=known.once,
                    pages=known.pages if node.operation is OperationType.MUTATION else (),
                    is_fixed=is_fixed,
                    is_constant=is_fixed and _asks_for_schema(node),
                )
            )
    return tuple(plans)


def _asks_for_schema(operation: OperationDefinitionNode) -> bool:
    return not operation.variable_definitions and all(
        isinstance(node, FieldNode) and node.name.value in _ABOUT_THE_SCHEMA
        for node in operation.selection_set.selections
    )
