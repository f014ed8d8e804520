"""What is checked before a mutation runs."""

from typing import Any

import pytest
from graphql import parse

from wallet.core.errors import BadRequestError, TooComplexError
from wallet.schema.preflight import check_mutation

_TOPUP = """
mutation Topup($first: Int = 5, $after: String) {
    topup { ...Answer }
}
fragment Answer on OperationPayload {
    wallet { ... on Wallet { operations(first: $first, after: $after) { totalCount } } }
}
"""


def check(text: str, **variables: Any) -> None:
    """Check the only operation of a document."""
    check_mutation(parse(text), None, variables)


class TestCheckMutation:
    """check_mutation."""

    @pytest.mark.parametrize("variables", [{}, {"first": 1}, {"first": 100}, {"after": None}])
    def test_first_pages_pass(self, variables: dict[str, Any]) -> None:
        """Pages of 1 to 100 pass, with defaults, and without cursors."""
        check(_TOPUP, **variables)

    @pytest.mark.parametrize("variables", [{"first": 0}, {"first": 101}, {"first": -1}])
    def test_page_size_out_of_bounds_is_refused(self, variables: dict[str, Any]) -> None:
        """A page that could not be answered stops the mutation."""
        with pytest.raises(BadRequestError):
            check(_TOPUP, **variables)

    def test_literal_out_of_bounds_is_refused(self) -> None:
        """The same where the size is written in the document."""
        with pytest.raises(BadRequestError):
            check("mutation { topup { wallet { operations(last: 101) { totalCount } } } }")

    def test_first_and_last_are_refused(self) -> None:
        """The same for both at once."""
        with pytest.raises(BadRequestError):
            check("mutation { topup { wallet { operations(first: 1, last: 1) { totalCount } } } }")

    def test_cursor_is_refused(self) -> None:
        """Whose a cursor is cannot be known before; further pages are for queries."""
        with pytest.raises(BadRequestError):
            check(_TOPUP, after="AAAA")

    def test_more_rows_than_a_request_may_read_are_refused(self) -> None:
        """Every alias counts, through fragments too."""
        topups = " ".join(f"a{index}: topup {{ ...Answer }}" for index in range(50))
        text = f"""
            mutation {{ {topups} }}
            fragment Answer on OperationPayload {{
                wallet {{ operations(first: 100) {{ totalCount }} }}
            }}
        """

        with pytest.raises(TooComplexError):
            check(text)

    def test_query_is_left_alone(self) -> None:
        """A query may fail where it fails: nothing has moved."""
        check('query { wallet { operations(first: 101, after: "x") { totalCount } } }')

    def test_only_the_chosen_operation_counts(self) -> None:
        """Of several operations, the one that runs is checked."""
        text = """
            mutation Good { topup { wallet { id } } }
            mutation Bad { topup { wallet { operations(first: 0) { totalCount } } } }
        """

        check_mutation(parse(text), "Good", {})
        with pytest.raises(BadRequestError):
            check_mutation(parse(text), "Bad", {})
