"""What a document may look like."""

import time

import pytest
from graphql import GraphQLSyntaxError, get_introspection_query, parse

from wallet.schema import limits
from wallet.schema.limits import DocumentTooComplexError, parse_within_limits


class TestParseWithinLimits:
    """parse_within_limits."""

    def test_ordinary_document_passes(self) -> None:
        """What a client sends is parsed."""
        text = "{ viewer { wallets(first: 3) { edges { node { id } } } } }"

        assert parse_within_limits(text) == parse(text)

    def test_introspection_passes(self) -> None:
        """GraphiQL's own query is within every bound."""
        text = get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        )

        assert parse_within_limits(text).definitions

    @pytest.mark.parametrize(
        "text",
        [
            "{" + "viewer{id}" * (limits.SAME_NAME_MAX + 1) + "}",
            "{" + "a{" * (limits.DEPTH_MAX + 1) + "b" + "}" * (limits.DEPTH_MAX + 2),
            "{viewer{" + "...{id}" * (limits.FRAGMENTS_MAX // 2) + "...{x}" * 51 + "}}",
            "{viewer{wallets(first:" + "9" * (limits.NUMBER_LENGTH_MAX + 1) + "){totalCount}}}",
            # Twelve fragments, each with the next one twice: 4,096 fields at their end.
            "{...F0}"
            + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(12))
            + "fragment F12 on Query{viewer{id}}",
        ],
        ids=["one name", "depth", "fragments", "number", "bomb"],
    )
    def test_too_complex_is_refused(self, text: str) -> None:
        """Each bound refuses what passes it, with a code."""
        with pytest.raises(DocumentTooComplexError) as caught:
            parse_within_limits(text)

        assert caught.value.extensions == {"code": "QUERY_TOO_COMPLEX"}

    def test_just_within_the_bounds_passes(self) -> None:
        """The largest numbers that are allowed are allowed."""
        wide = "{" + "viewer{id}" * limits.SAME_NAME_MAX + "}"
        deep = "{" + "a{" * (limits.DEPTH_MAX - 1) + "b" + "}" * limits.DEPTH_MAX

        assert parse_within_limits(wide).definitions
        assert parse_within_limits(deep).definitions

    def test_too_many_tokens_are_a_syntax_error(self) -> None:
        """The parser stops at a bound of its own."""
        with pytest.raises(GraphQLSyntaxError):
            parse_within_limits("{" + " a" * (limits.TOKENS_MAX + 1) + "}")

    def test_fragments_in_a_circle_end(self) -> None:
        """A circle is measured without walking it for ever; validation refuses it."""
        text = "{...A} fragment A on Query{...B} fragment B on Query{...A}"

        assert len(parse_within_limits(text).definitions) == 3

    def test_unknown_fragment_is_left_to_validation(self) -> None:
        """A spread of nothing brings nothing."""
        assert len(parse_within_limits("{...Nowhere}").definitions) == 1

    def test_worst_that_fits_is_cheap(self) -> None:
        """A chain of a hundred fragments costs no more than a few times its parsing."""
        text = "{...F0}" + "".join(
            f"fragment F{index} on Query{{a{index} b{index} ...F{index + 1}}}"
            for index in range(limits.FRAGMENTS_MAX - 1)
        )
        started = time.process_time()
        parse(text)
        parsed = time.process_time()
        parse_within_limits(text)
        checked = time.process_time()

        assert checked - parsed < 10 * (parsed - started) + 0.05
