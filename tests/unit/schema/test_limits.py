"""What a document may look like."""

import time

import pytest
from graphql import DocumentNode, GraphQLSyntaxError, get_introspection_query, parse

from wallet.core.query_limits import QueryLimits
from wallet.schema.limits import (
    NUMBER_LENGTH_MAX,
    DocumentTooComplexError,
    parse_within_limits,
)

LIMITS = QueryLimits.model_construct()


def parse_(text: str) -> DocumentNode:
    """Parse a document within the limits that hold when nothing is set."""
    return parse_within_limits(text, LIMITS)


class TestParseWithinLimits:
    """parse_within_limits."""

    def test_ordinary_document_passes(self) -> None:
        """What a client sends is parsed."""
        text = "{ viewer { wallets(first: 3) { edges { node { id } } } } }"

        assert parse_(text) == parse(text)

    def test_introspection_passes(self) -> None:
        """GraphiQL's own query is within every bound."""
        text = get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        )

        assert parse_(text).definitions

    @pytest.mark.parametrize(
        "text",
        [
            "{" + "viewer{id}" * (LIMITS.query_same_name_max + 1) + "}",
            "{" + "a{" * (LIMITS.query_depth_max + 1) + "b" + "}" * (LIMITS.query_depth_max + 2),
            "{viewer{" + "...{id}" * (LIMITS.query_fragments_max // 2) + "...{x}" * 51 + "}}",
            "{viewer{wallets(first:" + "9" * (NUMBER_LENGTH_MAX + 1) + "){totalCount}}}",
            # Twelve fragments, each with the next one twice: 4,096 fields at their end.
            "{...F0}"
            + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(12))
            + "fragment F12 on Query{viewer{id}}",
            # The same without a field at its end: nothing to resolve, 2^40 times.
            "{...F0}"
            + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(40))
            + "fragment F40 on Query{...{...F41}} fragment F41 on Query{__typename}",
            "{" + "".join(f"a{i}:viewer{{id}}" for i in range(LIMITS.query_aliases_max + 1)) + "}",
            # Two roots and a fragment that has thirty more, twice.
            "{a b ...F ...F} fragment F on Query{"
            + "".join(f"f{i}" + " " for i in range(30))
            + "}",
            "mutation{"
            + "".join(f"m{i}{{a}}" for i in range(LIMITS.query_mutations_max + 1))
            + "}",
            "{" + "a @b " * (LIMITS.query_directives_max + 1) + "}",
            "{a" + " @b" * (LIMITS.query_directives_per_node_max + 1) + "}",
            "".join(f"query Q{i}{{a}}" for i in range(LIMITS.query_operations_max + 1)),
            "{a(b:[" + "1 " * LIMITS.query_values_max + "])}",
            "#" * (LIMITS.query_length_max + 1),
        ],
        ids=[
            "one name",
            "depth",
            "fragments",
            "number",
            "bomb",
            "empty bomb",
            "aliases",
            "root fields",
            "mutations",
            "directives",
            "directives of a node",
            "operations",
            "values",
            "length",
        ],
    )
    def test_too_complex_is_refused(self, text: str) -> None:
        """Each bound refuses what passes it, with a code."""
        with pytest.raises(DocumentTooComplexError) as caught:
            parse_(text)

        assert caught.value.extensions == {"code": "QUERY_TOO_COMPLEX"}

    def test_just_within_the_bounds_passes(self) -> None:
        """The largest numbers that are allowed are allowed."""
        wide = "{" + "viewer{id}" * LIMITS.query_same_name_max + "}"
        deep = "{" + "a{" * (LIMITS.query_depth_max - 1) + "b" + "}" * LIMITS.query_depth_max

        assert parse_(wide).definitions
        assert parse_(deep).definitions

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("query_depth_max", "{a{b}}"),
            ("query_fields_max", "{a b}"),
            ("query_aliases_max", "{a:b c:d}"),
            ("query_root_fields_max", "{a b}"),
            ("query_mutations_max", "mutation{a b}"),
            ("query_same_name_max", "{a a}"),
            ("query_fragments_max", "{...{a} ...{b}}"),
            ("query_operations_max", "query A{a} query B{b}"),
            ("query_values_max", "query($a:b){c(d:{e:$a})}"),
            ("query_directives_max", "{a @b c @d}"),
            ("query_directives_per_node_max", "{a @b @c}"),
            ("query_length_max", "{aaaaaaa}"),
        ],
    )
    def test_bounds_are_settings(self, name: str, text: str) -> None:
        """Each is what its setting says: as many pass, one more does not."""
        count = {"query_length_max": len(text), "query_values_max": 3}.get(name, 2)

        assert parse_within_limits(
            text, QueryLimits.model_construct(None, **{name: count})
        ).definitions
        with pytest.raises(DocumentTooComplexError, match=str(count - 1)):
            parse_within_limits(text, QueryLimits.model_construct(None, **{name: count - 1}))

    def test_too_many_tokens_are_a_syntax_error(self) -> None:
        """The parser stops at a bound of its own."""
        with pytest.raises(GraphQLSyntaxError):
            parse_("{" + " a" * (LIMITS.query_tokens_max + 1) + "}")

    def test_fragments_in_a_circle_end(self) -> None:
        """A circle is measured without walking it for ever; validation refuses it."""
        text = "{...A} fragment A on Query{...B} fragment B on Query{...A}"

        assert len(parse_(text).definitions) == 3

    def test_unknown_fragment_is_left_to_validation(self) -> None:
        """A spread of nothing brings nothing."""
        assert len(parse_("{...Nowhere}").definitions) == 1

    def test_worst_that_fits_is_cheap(self) -> None:
        """A chain of a hundred fragments costs no more than a few times its parsing."""
        text = "{viewer{...F0}}" + "".join(
            f"fragment F{index} on User{{a{index} b{index} ...F{index + 1}}}"
            for index in range(LIMITS.query_fragments_max - 1)
        )
        started = time.process_time()
        parse(text)
        parsed = time.process_time()
        parse_(text)
        checked = time.process_time()

        assert checked - parsed < 10 * (parsed - started) + 0.05
