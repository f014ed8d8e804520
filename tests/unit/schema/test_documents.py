"""Documents that are read once, and executed for each request anew."""

import asyncio
import tracemalloc
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLSyntaxError, get_introspection_query

from wallet.core.query_limits import QueryLimits
from wallet.schema.documents import (
    DOCUMENTS_KEPT_BYTES_MAX,
    DOCUMENTS_KEPT_MAX,
    TOKEN_BYTES,
    document_reader,
)
from wallet.schema.execution import Execution
from wallet.schema.limits import DocumentTooComplexError
from wallet.schema.plain_fields import find_plain_fields
from wallet.schema.root import make_schema


@strawberry.type
class Cup:
    """Something with plain fields, of which one may lie."""

    size: int
    name: str | None = None

    @strawberry.field
    async def handle(self) -> "Cup":
        """Return a cup of half the size."""
        return Cup(size=self.size // 2)


@strawberry.type
class Query:
    """The root of a small schema."""

    @strawberry.field
    def cup(self, size: int = 3) -> Cup | None:
        """Return a cup."""
        return Cup(size=size)

    @strawberry.field
    def broken(self) -> Cup | None:
        """Return a cup whose size is none at all."""
        return Cup(size="large")  # type: ignore[arg-type]

    @strawberry.field
    def nothing(self) -> Cup | None:
        """Return a cup without the size that each cup has."""
        return Cup(size=None)  # type: ignore[arg-type]


_SCHEMA = strawberry.Schema(Query)._schema
_LIMITS = QueryLimits.model_construct()
_EXECUTION = Execution(_SCHEMA, find_plain_fields(_SCHEMA))
_read = document_reader(_SCHEMA, _LIMITS)


def run(text: str, **variables: Any) -> ExecutionResult:
    """Execute the only operation of a document."""
    document = _read(text)
    assert not document.errors
    plan = document.find(None)
    assert plan is not None
    coerced = _EXECUTION.read_variables(plan, variables)
    if isinstance(coerced, list):
        return ExecutionResult(None, coerced)
    return asyncio.run(_EXECUTION.run(plan, None, coerced))  # type: ignore[arg-type]


class TestDocumentReader:
    """document_reader."""

    def test_reads_a_document_once(self) -> None:
        """The same text is the same document; another one is not."""
        assert _read("{ cup { size } }") is _read("{ cup { size } }")
        assert _read("{ cup { size } }") is not _read("{ cup { name } }")

    def test_remembers_what_is_not_valid(self) -> None:
        """A document that the schema does not have is as dear to validate as any other."""
        document = _read("{ nothing_such }")

        assert len(document.errors) == 1
        assert _read("{ nothing_such }") is document

    def test_keeps_as_many_as_there_is_room_for(self) -> None:
        """Of long ones fewer than of short ones."""
        read = document_reader(_SCHEMA, _LIMITS)
        fields = " ".join(f"a{number}: cup {{ size name }}" for number in range(40))
        first = read("{ cup { size } }")
        tokens = read(f"{{ {fields} }}").plans[0].document.token_count
        count = DOCUMENTS_KEPT_BYTES_MAX // (TOKEN_BYTES * tokens)

        for number in range(count // 2):
            read(f"query A{number} {{ {fields} }}")
        assert read("{ cup { size } }") is first
        for number in range(count):
            read(f"query B{number} {{ {fields} }}")

        assert count < DOCUMENTS_KEPT_MAX
        assert read("{ cup { size } }") is not first

    def test_keeps_no_more_than_it_is_taken_for(self) -> None:
        """What a document keeps, tree and all, is within what its tokens are counted as."""
        read = document_reader(_SCHEMA, _LIMITS)
        fields = " ".join(f"a{number}: cup {{ size name }}" for number in range(40))
        read(f"query Warm {{ {fields} }}")

        tracemalloc.start()
        documents = [read(f"query Q{number} {{ {fields} }}") for number in range(3)]
        kept_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        tokens = sum(document.plans[0].document.token_count for document in documents)
        assert kept_bytes < TOKEN_BYTES * tokens

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("{", GraphQLSyntaxError),
            ("#" * (_LIMITS.query_length_max + 1), DocumentTooComplexError),
        ],
    )
    def test_refuses(self, text: str, error: type[Exception]) -> None:
        """What is no document, or too long for one, is refused each time."""
        for _ in "12":
            with pytest.raises(error):
                _read(text)

    def test_finds_operations(self) -> None:
        """By name, or the first one; None where there is none."""
        document = _read("query A { cup { size } } query B { cup { name } }")

        first, second = document.plans
        assert document.find(None) is document.find("A") is first
        assert document.find("B") is second
        assert document.find("C") is None
        assert _read("fragment A on Query { cup { size } }").find(None) is None

    @pytest.mark.parametrize(
        ("text", "pages"),
        [
            ("mutation { logout(input: {everywhere: true}) { __typename } }", 0),
            ("query { viewer { wallets { totalCount } } }", 0),
            (
                """mutation ($input: TopupInput!) { topup(input: $input) { ...A } }
                fragment A on OperationPayload { wallet { operations { totalCount } } }""",
                1,
            ),
        ],
    )
    def test_knows_the_pages_of_mutations(self, text: str, pages: int) -> None:
        """Only these are looked at again, with their variables."""
        document = document_reader(make_schema()._schema, _LIMITS)(text)

        assert not document.errors
        (plan,) = document.plans
        assert len(plan.pages) == pages


class TestRun:
    """Execution.run."""

    def test_answers_in_the_order_of_the_document(self) -> None:
        """Whether a field is plain or has a resolver."""
        result = run("{ cup { name handle { size __typename } size } again: cup { size } }")

        assert result.errors is None
        assert str(result.data) == str(
            {
                "cup": {"name": None, "handle": {"size": 1, "__typename": "Cup"}, "size": 3},
                "again": {"size": 3},
            }
        )

    def test_fields_that_hang_on_variables(self) -> None:
        """What one request leaves out, the next one has."""
        text = """query ($a: Boolean!) {
            cup { size name @include(if: $a) handle @skip(if: $a) { size } } }"""

        for with_name in (True, False, True):
            result = run(text, a=with_name)
            assert result.data is not None
            assert list(result.data["cup"]) == ["size", "name" if with_name else "handle"]

    def test_arguments_that_hang_on_variables(self) -> None:
        """A plan that is shared by all requests has no request's values in it."""
        text = (
            "query ($s: Int!) { cup(size: $s) { ...A } } fragment A on Cup { size handle { size } }"
        )

        for size in (4, 8, 4):
            assert run(text, s=size).data == {"cup": {"size": size, "handle": {"size": size // 2}}}

    @pytest.mark.parametrize("field", ["broken", "nothing"])
    def test_plain_field_that_cannot_be_written(self, field: str) -> None:
        """It is an error with its place, and null as far up as it has to be."""
        result = run(f"{{ {field} {{ size }} cup {{ size }} }}")

        assert result.data == {field: None, "cup": {"size": 3}}
        assert result.errors is not None
        assert [error.path for error in result.errors] == [[field, "size"]]

    def test_variables_that_are_wrong(self) -> None:
        """They are errors without data."""
        result = run("query ($s: Int!) { cup(size: $s) { size } }", s="large")

        assert result.data is None
        assert result.errors is not None
        assert "$s" in result.errors[0].message

    def test_introspection(self) -> None:
        """GraphiQL's own query goes the same way."""
        result = run(get_introspection_query())

        assert result.errors is None
        assert result.data is not None
        assert result.data["__schema"]["queryType"]["name"] == "Query"


class TestFindPlainFields:
    """find_plain_fields."""

    def test_of_our_schema(self) -> None:
        """What has a resolver, an object or a list behind it is not plain."""
        plain = find_plain_fields(make_schema()._schema)

        assert set(plain["Wallet"]) == {
            "__typename",
            "id",
            "currency",
            "label",
            "status",
            "createdAt",
            "frozenUntil",
            "ownerId",
        }
        assert set(plain["Query"]) == set(plain["Mutation"]) == {"__typename"}
        assert set(plain["InvalidInput"]) == {"__typename", "code", "message", "retryable"}
