"""What one GraphQL request may be at most; settings like all others, fixed at start."""

from pydantic import Field
from pydantic_settings import BaseSettings


class QueryLimits(BaseSettings):
    """
    The bounds of a document, its variables and what it costs; a part of Settings.

    Attributes:
        query_length_max: Characters of a document: a comment or a string is one token,
            however long.
        query_tokens_max: Tokens of GraphQL's grammar.
        query_depth_max: How deep fields nest, fragments followed; GraphiQL's own query takes 13.
        query_fields_max: Fields and fragments of an operation, each counted as often as
            fragments bring it.
        query_aliases_max: Fields with an alias, counted the same way.
        query_root_fields_max: Fields at the root of an operation, counted the same way.
        query_mutations_max: The same of a mutation: each is a change of its own.
        query_same_name_max: Fields of a document that answer under one name: validation
            compares them pairwise.
        query_fragments_max: Fragments that a document spreads, or has inline.
        query_operations_max: Operations of a document, of which a request runs one.
        query_values_max: Values that are written in a document, not given as variables; a
            mistake in one has all of it printed.
        query_directives_max: Directives of a document.
        query_directives_per_node_max: Directives of one of its parts.
        query_cost_max: What a request may cost, in rows that it reads and writes.
        variables_bytes_max: Length of the variables, as JSON.
        variables_values_max: How many values they have, lists and objects among them.
        variables_depth_max: How deep these nest.
        body_bytes_max: Length of a request's body.
    """

    query_length_max: int = Field(default=32 * 1024, ge=1_000)
    query_tokens_max: int = Field(default=1_000, ge=100)
    query_depth_max: int = Field(default=20, ge=1, le=100)
    query_fields_max: int = Field(default=1_000, ge=1)
    query_aliases_max: int = Field(default=50, ge=0)
    query_root_fields_max: int = Field(default=60, ge=1)
    query_mutations_max: int = Field(default=50, ge=1)
    query_same_name_max: int = Field(default=60, ge=1)
    query_fragments_max: int = Field(default=60, ge=0)
    query_operations_max: int = Field(default=10, ge=1)
    query_values_max: int = Field(default=200, ge=0)
    query_directives_max: int = Field(default=50, ge=0)
    query_directives_per_node_max: int = Field(default=4, ge=0)
    query_cost_max: int = Field(default=5_000, ge=1)
    variables_bytes_max: int = Field(default=1_000_000, ge=0)
    variables_values_max: int = Field(default=12_000, ge=0)
    variables_depth_max: int = Field(default=256, ge=0)
    body_bytes_max: int = Field(default=1024 * 1024, ge=1_000)
