"""What an operation costs before it runs."""

from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_introspection_query,
    get_nullable_type,
    is_list_type,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support import api
from wallet.core.query_limits import QueryLimits
from wallet.schema.documents import document_reader
from wallet.schema.root import make_schema
from wallet.schema.weights import WEIGHTS

_SCHEMA = make_schema()._schema
_LIMITS = QueryLimits.model_construct()
_read = document_reader(_SCHEMA, _LIMITS)

# As GraphiQL asks; what it asks for besides is about arguments and costs nothing.
_INTROSPECTION = get_introspection_query(
    specified_by_url=True, schema_description=True, input_value_deprecation=True
)

_DOCUMENTS = {
    name: value
    for name, value in vars(api).items()
    if isinstance(value, str) and value.strip().startswith(("query ", "mutation "))
}


def cost(text: str, **variables: Any) -> int:
    """Return what the only operation of a valid document costs."""
    document = _read(text)
    assert not document.errors
    (plan,) = document.plans
    return plan.cost.of(variables)


def has_to_be_weighed(type_name: str, field: GraphQLField) -> bool:
    """Tell whether a field may read something, or answer many."""
    return (
        type_name in {"Query", "Mutation"}
        or is_list_type(get_nullable_type(field.type))
        or (bool(field.args) and not type_name.startswith("__"))
        or str(field.type).rstrip("!").endswith("Connection")
    )


class TestWeights:
    """WEIGHTS."""

    def test_every_field_that_reads_has_one(self) -> None:
        """A new list, connection, query or mutation fails here until it says what it costs."""
        missing = [
            f"{type_.name}.{name}"
            for type_ in _SCHEMA.type_map.values()
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
            for name, field in type_.fields.items()
            if has_to_be_weighed(type_.name, field) and (type_.name, name) not in WEIGHTS
        ]

        assert missing == [], " ".join(missing)

    def test_each_is_of_a_field(self) -> None:
        """What is not in the schema any more has no weight."""
        for type_name, name in WEIGHTS:
            type_ = _SCHEMA.type_map[type_name]
            assert isinstance(type_, GraphQLObjectType)
            assert name in type_.fields


class TestCost:
    """Cost.of, as the plan of a document has it."""

    @pytest.mark.parametrize(
        ("text", "rows"),
        [
            ("{ __typename }", 0),
            ("{ viewer { id email } }", 1),
            ('{ wallet(id: "x") { id balance { amount } } }', 1),
            ('{ wallet(id: "x") { limits { outflow24hUsed { amount } } } }', 1 + 10),
            # The page and a trip for it, at its default length.
            ("{ viewer { wallets { edges { node { id } } } } }", 1 + 10 + 20),
            ("{ viewer { wallets(last: 7) { totalCount } } }", 1 + 10 + 7),
            # 50 times 100, and a trip for each of the 50.
            (
                """{ viewer { wallets(first: 50) { edges { node {
                    operations(first: 100) { edges { node { id } } } } } } } }""",
                1 + 10 + 50 * (1 + 10 + 100),
            ),
            # What stands beside the items is there once.
            (
                """{ wallet(id: "x") { operations(first: 3) {
                    pageInfo { hasNextPage } edges { sequence } totalCount } } }""",
                1 + 10 + 3,
            ),
            # With a filter there is something to count.
            (
                """{ wallet(id: "x") { operations(first: 3, where: {kinds: [TOPUP]}) {
                    totalCount n: totalCount } } }""",
                1 + 10 + 3 + 2 * 100,
            ),
            ('{ nodes(ids: ["a", "b"]) { id ... on Wallet { operations { totalCount } } } }', 62),
            ('{ nodes(ids: "a") { id } }', 1),
            ('{ wallet(id: "x") { scheduledTransfers(first: 5) { id } } }', 1 + 10 + 5),
        ],
    )
    def test_of_a_document(self, text: str, rows: int) -> None:
        """Without variables it is known from the document alone."""
        assert cost(text) == rows
        (plan,) = _read(text).plans
        assert plan.cost.terms == ()

    def test_of_variables(self) -> None:
        """Page sizes that variables say multiply all the same."""
        text = """query ($w: Int, $o: Int = 5, $where: OperationFilter) { viewer {
            wallets(first: $w) { edges { node { ...A } } } } }
            fragment A on Wallet { operations(last: $o, where: $where) {
                totalCount edges { node { id } } } }"""

        assert cost(text, w=2, o=3) == 1 + 10 + 2 * (1 + 10 + 3)
        assert cost(text, w=None, o=5) == 1 + 10 + 20 * (1 + 10 + 5)
        assert cost(text, w=2, o=3, where={}) == 1 + 10 + 2 * (1 + 10 + 3 + 100)
        assert cost(text, w=2, o=3, where=None) == cost(text, w=2, o=3)

    def test_of_ids(self) -> None:
        """As many as are asked for, up to what the field takes at all."""
        text = """query ($ids: [ID!]!) { nodes(ids: $ids) {
            ... on Wallet { operations(first: 100) { edges { node { id } } } } } }"""

        assert cost(text, ids=["x"] * 30) == 30 * 111
        assert cost(text, ids=["x"] * 5_000) == 100 * 111

    def test_of_a_batch(self) -> None:
        """Each transfer, and what is asked of its answer; a thousand of them are allowed."""
        text = """mutation ($input: TransferBatchInput!) { transferBatch(input: $input) {
            ... on TransferBatchPayload { results { ... on OperationPayload {
                wallet { id %s } } } } } }"""
        batch: dict[str, Any] = {"transfers": [{}] * 1_000}

        assert cost(text % "", input=batch) == 5_000 == _LIMITS.query_cost_max
        assert cost(text % "operations(first: 1) { totalCount }", input=batch) == 16_000
        assert cost(text % "operations(first: 1) { totalCount }", input={"transfers": []}) == 0

    def test_of_fragments(self) -> None:
        """A fragment costs as often as it is brought, and by the page that brings it."""
        text = """{ viewer { a: wallets(first: 2) { ...W } b: wallets(first: 30) { ...W ...W } } }
            fragment W on WalletConnection {
                edges { node { operations(first: 1) { totalCount } } } }"""

        assert cost(text) == 1 + (10 + 2 * (1 + 11)) + (10 + 30 * (1 + 11 + 11))

    def test_directives_do_not_count(self) -> None:
        """What may be left out costs as if it were there."""
        text = "query ($a: Boolean!) { viewer { wallets @skip(if: $a) { totalCount } } }"

        assert cost(text, a=True) == cost(text, a=False) == 31

    @given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
    def test_never_less_than_a_page(self, first: int, last: int) -> None:
        """Whatever is asked for, it is between no item and a hundred."""
        text = """query ($first: Int, $last: Int) { viewer {
            wallets(first: $first, last: $last) { totalCount } } }"""
        rows = cost(text, first=first, last=last) - 11

        assert 0 <= rows <= 100
        assert rows >= min(first, 100)
        assert rows >= min(last, 100)

    def test_introspection_passes(self) -> None:
        """GraphiQL may ask what there is; a dozen times at once it may not."""
        assert cost(_INTROSPECTION) < _LIMITS.query_cost_max / 2
        many = " ".join(f"a{i}: __schema {{ ...S }}" for i in range(12))
        text = f"""{{ {many} }}
            fragment S on __Schema {{ types {{ name fields {{ name args {{ name }} }} }} }}"""
        assert cost(text) > _LIMITS.query_cost_max

    @pytest.mark.parametrize("name", _DOCUMENTS)
    def test_ordinary_documents_pass(self, name: str) -> None:
        """What a client sends has room to spare, at the longest pages."""
        # An operator's page has the statements of twenty wallets.
        most = _LIMITS.query_cost_max if name == "LOOK_UP_USER" else 500

        assert cost(_DOCUMENTS[name], first=100) <= most
