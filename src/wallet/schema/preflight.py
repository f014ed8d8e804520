"""
What is checked before anything runs: what it costs, and that it can be answered.

A field that fails below a payload takes the whole answer with it, after the
money has moved; the client would read an error and pay again. So the pages
that a mutation's answer asks for are checked before any of it runs. A query
may fail where it fails: nothing has moved.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import FieldNode

from wallet.core.errors import BadRequestError, TooComplexError
from wallet.schema.costs import arguments_of
from wallet.schema.paging import check_page_length

_CURSORS = frozenset({"after", "before"})


def check_cost(cost: int, cost_max: int) -> None:
    """
    Check what a request costs.

    Raises:
        TooComplexError: It is more than *cost_max*.
    """
    if cost > cost_max:
        raise TooComplexError(
            f"This costs {cost}, and one request costs at most {cost_max}: "
            "ask for shorter pages, or for less at once."
        )


def check_pages(pages: Iterable[FieldNode], variables: Mapping[str, Any]) -> None:
    """
    Check the pages of a mutation's answer.

    Raises:
        BadRequestError: A page size is out of bounds, or a cursor is given.
    """
    for page in pages:
        arguments = arguments_of(page, variables)
        if arguments.keys() & _CURSORS:
            raise BadRequestError("A mutation answers first pages: ask for others by a query.")
        check_page_length(first=arguments.get("first"), last=arguments.get("last"))
