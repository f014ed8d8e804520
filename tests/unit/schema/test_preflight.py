"""What is checked before a mutation runs."""

from typing import Any

import pytest

from wallet.core.errors import BadRequestError
from wallet.core.query_limits import QueryLimits
from wallet.schema.documents import document_reader
from wallet.schema.preflight import check_pages
from wallet.schema.root import make_schema

_read = document_reader(make_schema()._schema, QueryLimits.model_construct())

_TOPUP = """
mutation Topup($input: TopupInput!, $first: Int = 5, $after: String) {
    topup(input: $input) { ...Answer }
}
fragment Answer on OperationPayload {
    wallet { ... on Wallet { operations(first: $first, after: $after) { totalCount } } }
}
"""


def topup(field: str) -> str:
    """Return a mutation that asks for a field of the wallet."""
    return f"""mutation ($input: TopupInput!) {{
        topup(input: $input) {{ ... on OperationPayload {{ wallet {{ {field} }} }} }} }}"""


def check(text: str, name: str | None = None, **variables: Any) -> None:
    """Check an operation of a document that is valid."""
    document = _read(text)
    assert not document.errors
    plan = document.find(name)
    assert plan is not None
    check_pages(plan.pages, variables)


class TestCheckPages:
    """check_pages."""

    @pytest.mark.parametrize("variables", [{}, {"first": 1}, {"first": 100}, {"after": None}])
    def test_first_pages_pass(self, variables: dict[str, Any]) -> None:
        """Pages of 1 to 100 pass, with defaults, and without cursors."""
        check(_TOPUP, **variables)

    @pytest.mark.parametrize("variables", [{"first": 0}, {"first": 101}, {"first": -1}])
    def test_page_size_out_of_bounds_is_refused(self, variables: dict[str, Any]) -> None:
        """A page that could not be answered stops the mutation."""
        with pytest.raises(BadRequestError):
            check(_TOPUP, **variables)

    @pytest.mark.parametrize(
        "field",
        [
            "operations(last: 101) { totalCount }",
            "operations(first: 1, last: 1) { totalCount }",
            "scheduledTransfers(first: 0) { id }",
        ],
    )
    def test_literal_out_of_bounds_is_refused(self, field: str) -> None:
        """The same where the size is written in the document, of whatever has pages."""
        with pytest.raises(BadRequestError):
            check(topup(field))

    def test_cursor_is_refused(self) -> None:
        """Whose a cursor is cannot be known before; further pages are for queries."""
        with pytest.raises(BadRequestError):
            check(_TOPUP, after="AAAA")

    def test_query_is_left_alone(self) -> None:
        """A query may fail where it fails: nothing has moved."""
        check('{ wallet(id: "x") { operations(first: 101, after: "x") { totalCount } } }')

    def test_only_the_chosen_operation_counts(self) -> None:
        """Of several operations, the one that runs is checked."""
        good = topup("id").replace("mutation", "mutation Good")
        bad = topup("operations(first: 0) { totalCount }").replace("mutation", "mutation Bad")

        check(good + bad, "Good")
        with pytest.raises(BadRequestError):
            check(good + bad, "Bad")
