"""Whatever a document is, the view answers it, soon, and never with a bug."""

from collections.abc import Mapping
from typing import Any

import orjson
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.support.asking import ask, takes_s
from tests.support.documents import documents, write
from tests.support.refusals import assert_says_nothing_inner
from tests.support.valid_documents import asked
from wallet.schema.documents import ERRORS_MAX
from wallet.schema.root import make_schema
from wallet.schema.view import GraphQLView

_TAKES_MAX_S = 0.25

_TOKENS = (
    *(
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "=",
        "!",
        "|",
        "&",
        "$",
        "@",
        "...",
        "...F",
        "$a",
        "@skip",
    ),
    *("query", "mutation", "subscription", "fragment", "on", "extend", "type", "schema", "input"),
    *("Query", "User", "viewer", "wallets", "node", "id", "first", "__typename", "__schema", "F"),
    *(
        '"x"',
        '"',
        '"""',
        "1",
        "-1",
        "1.5",
        "null",
        "true",
        "#",
        "\n",
        ",",
        "\ufeff",
        "\0",
        "é",
        "\\u",
    ),
)
_BRACKETS = (
    *(("{a", "}"), ("{viewer", "}"), ("...{", "}"), ("...on User{", "}"), ("(a:[", "])")),
    *(("[", "]"), ("{a:", "}"), ("query($a:[", "]"), ("@skip(if:", ")"), ("", ""), ('"', '"')),
)

_schema = make_schema()._schema


def _cut(text: str, start: int, end: int, times: int) -> str:
    """Take a piece of a text out, or put it in several times."""
    start, end = sorted((start % (len(text) + 1), end % (len(text) + 1)))
    return text[:start] + text[start:end] * times + text[end:]


_places = st.integers(0, 3_000)
_valid = asked(_schema).map(lambda each: (write(each.document), each.variables))
_texts = st.one_of(
    documents(circular=True).map(write),
    st.lists(st.sampled_from(_TOKENS), max_size=40).map(" ".join),
    st.text(max_size=50),
    st.builds(
        lambda pair, times, inside: pair[0] * times + inside + pair[1] * times,
        st.sampled_from(_BRACKETS),
        st.integers(1, 3_000),
        st.sampled_from(("a", "id", "1", "", "{", "...F")),
    ),
    st.builds(
        _cut, _valid.map(lambda each: each[0]), _places, _places, st.sampled_from((0, 2, 20, 200))
    ),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abi"), inner, max_size=3)
    ),
    max_leaves=6,
)
_names = st.sampled_from(("a", "i0", "i1", "ids", "where", "kinds", "flag", "input", "x"))
_requests = st.one_of(
    st.tuples(_texts, st.dictionaries(_names, _json, max_size=3)),
    _valid,
    st.tuples(_valid.map(lambda each: each[0]), st.dictionaries(_names, _json, max_size=5)),
)


def _as_body(text: str, variables: Mapping[str, Any]) -> bytes:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS
    return orjson.dumps({"query": text, "variables": variables}, default=str, option=options)


def check(status: int, answer: bytes) -> None:
    """Assert that an answer is one of GraphQL's, of a few errors, none of them a bug."""
    assert status in {200, 400, 413}
    assert_says_nothing_inner(answer.decode())
    answered = orjson.loads(answer)
    assert {"data", "errors"} & answered.keys()
    codes = [error["extensions"]["code"] for error in answered.get("errors", ())]
    assert "INTERNAL" not in codes
    assert len(codes) <= ERRORS_MAX
    # GraphiQL's own question has the longest answer.
    assert len(answer) < 200_000


class TestView:
    """GraphQLView, asked whatever a machine makes up."""

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(_requests)
    def test_answers(self, view: GraphQLView, request_: tuple[str, Mapping[str, Any]]) -> None:
        """It is a GraphQL answer of a few errors, and takes a fraction of a second."""
        body = _as_body(*request_)
        note(body)

        def work(_attempt: int) -> float:
            cpu_s, status, answer = ask(view, body)
            check(status, answer)
            return cpu_s

        assert takes_s(work, enough_s=_TAKES_MAX_S, attempts=3) < _TAKES_MAX_S
