"""Whatever a document looks like, its bounds are counted as one would count them by hand."""

from contextlib import suppress

import pytest
from graphql import parse
from hypothesis import given, note
from hypothesis import strategies as st

from tests.support.documents import Document, count, count_expanded, documents, write
from wallet.core.query_limits import QueryLimits
from wallet.schema.limits import NUMBER_LENGTH_MAX, DocumentTooComplexError, parse_within_limits

_BOUNDS = (
    "query_depth_max",
    "query_fields_max",
    "query_aliases_max",
    "query_root_fields_max",
    "query_mutations_max",
    "query_same_name_max",
    "query_fragments_max",
    "query_operations_max",
    "query_values_max",
    "query_directives_max",
    "query_directives_per_node_max",
)

_UNBOUNDED = dict.fromkeys((*_BOUNDS, "query_tokens_max", "query_length_max"), 10**6)


class TestParseWithinLimits:
    """parse_within_limits, beside a count of everything, fragments put where they are spread."""

    @given(documents(), st.sampled_from(_BOUNDS), st.integers(-2, 1))
    def test_decides_as_a_count_does(self, document: Document, bound: str, room: int) -> None:
        """It refuses just what is more than a bound, whichever that is, and to the very last."""
        counts = {**count(document), **count_expanded(document)}
        at_most = max(0, counts.get(bound, 0) + room)
        limits = QueryLimits.model_construct(None, **{**_UNBOUNDED, bound: at_most})
        text = write(document)
        note(text)

        if counts["number_length"] > NUMBER_LENGTH_MAX:
            with pytest.raises(
                DocumentTooComplexError, match=f"at most {NUMBER_LENGTH_MAX} digits"
            ):
                parse_within_limits(text, limits)
        elif counts.get(bound, 0) > at_most:
            with pytest.raises(DocumentTooComplexError, match=rf"\b{at_most}\b") as caught:
                parse_within_limits(text, limits)
            assert caught.value.extensions == {"code": "QUERY_TOO_COMPLEX"}
        else:
            assert parse_within_limits(text, limits) == parse(text)

    @given(documents(circular=True))
    def test_comes_to_an_end(self, document: Document) -> None:
        """Where fragments bring themselves too, it is read or refused, and nothing else."""
        text = write(document)
        note(text)
        # What is refused is refused with a code, as above; nothing else is raised.
        with suppress(DocumentTooComplexError):
            assert parse_within_limits(text, QueryLimits.model_construct()) == parse(text)
