"""What is no GraphQL request, or nobody's: a GraphQL error with a code, and nothing changes."""

import json
import time
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from tests.support.api import TOPUP, Account, Api
from tests.support.observer import Observer
from tests.support.refusals import assert_says_nothing_inner, error_code, json_bytes

VIEWER = "{ viewer { id } }"

_JSON = b'{"query":"{viewer{id}}",%s}'
_DEEP = b"[" * 100_000 + b"]" * 100_000

NO_REQUESTS = [
    *(b"", b" ", b"null", b"1", b"true", b"[]", b'"x"', b"{", b"{}", b"NaN", b"x", b"\x00"),
    *(b"\xff\xfe", b'{"query":"{viewer{id}}\xff"}', b"\xef\xbb\xbf{}", b'{"query":"\xed\xa0\x80"}'),
    *(b"[" * 100_000, b'{"a":' * 100_000, _DEEP, _JSON % b'"variables":{"a":%s}' % _DEEP),
    *(b'{"query":null}', b'{"query":1}', b'{"query":["{viewer{id}}"]}', b'{"query":""}'),
    *(b'{"id":"x"}', b'[{"query":"{viewer{id}}"}]', b'[[{"query":"{viewer{id}}"}]]'),
    *(_JSON % b'"variables":%s' % value for value in (b"[]", b"1", b'"x"', b"true")),
    *(_JSON % b'"extensions":%s' % value for value in (b"[]", b"1", b'"x"')),
    *(_JSON % b'"operationName":%s' % value for value in (b"1", b"[]", b"{}", b"true")),
    *(_JSON % b'"operationName":"%s"' % name for name in (b"X", b"\\u0000", b"\\ud800")),
    *(_JSON % b'"operationName":"%s"' % (b"A" * 10_000), _JSON % b'"variables":{"a":1e999}'),
]

NO_DOCUMENTS = [
    *("{a" * 100_000, "{viewer" * 100_000, "{nodes(ids:" + "[" * 100_000, "{" * 100_000),
    *("{node(id:" + "{a:" * 100_000, "query($a:" + "[" * 100_000, "{a@b(c:" + "[" * 50_000),
    *("{" + "...{" * 100_000, "{", "}", " ", "\x00", "{viewer{id}}\x00", "{viewer{id}", "..."),
    *("#" * 900_000, '"' * 99, '{a(b:"' + "x" * 900_000 + '")}', "é{viewer{id}}", "query"),
    *("mutation {", "subscription { }", "extend", "{viewer{id}} {viewer{id}"),
]

INVALID_DOCUMENTS = [
    *("{ nothing }", "mutation { nothing }", "subscription { viewer { id } }", "{ viewer }"),
    *("{ viewer { id { a } } }", "{ viewer(a: 1) { id } }", "{ node { id } }", "{ ...A }"),
    *("query Q { viewer { id } } query Q { viewer { id } }", "{ viewer @nothing { id } }"),
    "query($a: Nothing) { node(id: $a) { id } }",
    "{ ...A } fragment A on Query { ...A }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    *("fragment A on Query { viewer { id } }", "type A { b: Int }", "schema { query: Query }"),
    "{ __schema { types {" + " fields { type {" * 9 + " name" + " } }" * 9 + " } } }",
]

COSTLY_DOCUMENTS = [
    "{" + "viewer{id}" * 490 + "}",
    "{" + "viewer{id}" * 1_000 + "}",
    "{" + "viewer{...{...{id}}}" * 180 + "}",
    "{" + "__typename " * 1_990 + "}",
    "{...F0}" + "".join(f"fragment F{i} on Query{{...F{i + 1}}}" for i in range(240)),
    "{...F0}"
    + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(60))
    + "fragment F60 on Query{viewer{id}}",
    "{" + "".join(f"a{i}:viewer{{id email createdAt}}" for i in range(230)) + "}",
    "mutation{" + "".join(f"a{i}:logout(input:{{}}){{__typename}}" for i in range(250)) + "}",
]


def topup_of(account: Account) -> dict[str, Any]:
    """Return a request that would top up the account's wallet by 1.00 EUR."""
    return {
        "query": TOPUP,
        "variables": {
            "input": {
                "walletId": account.wallet_id,
                "amount": {"amount": "1.00", "currency": "EUR"},
                "idempotencyKey": uuid4().hex,
            }
        },
    }


class TestBody:
    """The body of a POST."""

    @pytest.mark.parametrize("content", NO_REQUESTS, ids=lambda content: repr(content[:50]))
    async def test_is_a_request(self, content: bytes, ada: Account) -> None:
        """What is no JSON object with a document in it is 400."""
        response = await ada.api.send_bytes(content)

        assert response.status_code == 400
        assert error_code(response) == "BAD_REQUEST"

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/graphql",
            "application/xml",
            "text/plain; charset=application/json",
        ],
    )
    async def test_says_that_it_is_json(
        self, content_type: str, ada: Account, observer: Observer
    ) -> None:
        """What a page elsewhere can send without asking first is not carried out."""
        content = json_bytes(topup_of(ada))
        async with observer.nothing_changes():
            response = await ada.api.send_bytes(content, content_type=content_type)

        assert error_code(response) == "BAD_REQUEST"

    async def test_form_upload_is_not_carried_out(self, ada: Account, observer: Observer) -> None:
        """GraphQL's multipart requests are not offered."""
        form = {"operations": json.dumps(topup_of(ada)), "map": "{}"}
        headers = {"Authorization": f"Bearer {ada.api.access_token}"}
        async with observer.nothing_changes():
            response = await ada.api.client.post(
                f"{ada.api.url}/graphql", files={"0": b"x"}, data=form, headers=headers
            )

        assert error_code(response) == "BAD_REQUEST"

    @pytest.mark.parametrize("length", ["announced", "not announced"])
    async def test_is_at_most_1_mib(self, length: str, ada: Account, observer: Observer) -> None:
        """2 MB are 413, whether the length is said beforehand or not."""
        content = json_bytes({**topup_of(ada), "padding": "x" * 2_000_000})

        async def stream() -> Any:
            for start in range(0, len(content), 50_000):
                yield content[start : start + 50_000]

        async with observer.nothing_changes():
            response = await ada.api.client.post(
                f"{ada.api.url}/graphql",
                content=content if length == "announced" else stream(),
                headers={
                    "Authorization": f"Bearer {ada.api.access_token}",
                    "Content-Type": "application/json",
                },
            )

        assert response.status_code == 413
        assert_says_nothing_inner(response.text)

    async def test_is_not_a_batch(self, ada: Account, observer: Observer) -> None:
        """Several requests in one array are refused, all of them."""
        async with observer.nothing_changes():
            response = await ada.api.send([topup_of(ada), topup_of(ada)])

        assert error_code(response) == "BAD_REQUEST"


class TestMethod:
    """HTTP methods other than POST."""

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    async def test_is_not_allowed(self, method: str, ada: Account, observer: Observer) -> None:
        """A method that means something else does nothing."""
        async with observer.nothing_changes():
            response = await ada.api.client.request(
                method,
                f"{ada.api.url}/graphql",
                json=topup_of(ada),
                headers={"Authorization": f"Bearer {ada.api.access_token}"},
            )

        assert response.status_code == 405
        assert error_code(response) == "BAD_REQUEST"

    @staticmethod
    async def get(api: Api, **parameters: str) -> httpx.Response:
        """Send a request by GET, from something that is no browser."""
        return await api.client.get(
            f"{api.url}/graphql?{urlencode(parameters)}",
            headers={
                "Authorization": f"Bearer {api.access_token}",
                "Accept": "application/json",
                "GraphQL-Require-Preflight": "1",
            },
        )

    async def test_get_reads(self, ada: Account) -> None:
        """Queries may come by GET."""
        response = await self.get(ada.api, query=VIEWER)

        assert response.json()["data"] == {"viewer": {"id": ada.user_id}}

    @pytest.mark.parametrize("name", ["Topup", None])
    async def test_get_changes_nothing(
        self, name: str | None, ada: Account, observer: Observer
    ) -> None:
        """A mutation by GET, alone or chosen by its name beside a query, is refused."""
        body = topup_of(ada)
        parameters = {"variables": json.dumps(body["variables"])}
        if name is None:
            parameters["query"] = body["query"]
        else:
            parameters |= {"query": f"query A {VIEWER} {body['query']}", "operationName": name}
        async with observer.nothing_changes():
            response = await self.get(ada.api, **parameters)

        assert error_code(response) == "BAD_REQUEST"

    @pytest.mark.parametrize(
        "parameters",
        [
            {"query": ""},
            {"query": VIEWER, "variables": "[1]"},
            {"query": VIEWER, "variables": "x"},
            {"query": VIEWER, "variables": "\ufffd"},
            {"query": VIEWER, "extensions": "x"},
            {"query": VIEWER, "operationName": "B"},
            {"variables": "{}"},
        ],
        ids=str,
    )
    async def test_get_is_a_request(self, parameters: dict[str, str], ada: Account) -> None:
        """What a POST may not say, a GET may not say either."""
        assert error_code(await self.get(ada.api, **parameters)) == "BAD_REQUEST"

    @pytest.mark.parametrize("accept", ["*/*", "application/json"])
    @pytest.mark.parametrize(
        ("query", "status"), [("&a" * 100, 400), ("query=" + "a" * 40_000, 414)]
    )
    async def test_get_is_short(self, query: str, status: int, accept: str, api: Api) -> None:
        """A query string has few parameters and a bounded length, whoever asks for what."""
        response = await api.client.get(
            f"{api.url}/graphql?{query}",
            headers={"Accept": accept, "GraphQL-Require-Preflight": "1"},
        )

        assert response.status_code == status
        assert error_code(response) == "BAD_REQUEST"


class TestDocument:
    """The document of a request."""

    @pytest.mark.parametrize("document", NO_DOCUMENTS, ids=lambda document: repr(document[:20]))
    async def test_is_graphql(self, document: str, ada: Account) -> None:
        """What cannot be parsed, be it for its depth, is an error with a code, and a short one."""
        response = await ada.api.send({"query": document})

        assert error_code(response) in {
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
            "QUERY_TOO_COMPLEX",
        }
        assert len(response.text) < 2_000

    @pytest.mark.parametrize("document", INVALID_DOCUMENTS)
    async def test_is_valid(self, document: str, ada: Account) -> None:
        """What the schema does not have is an error with a code."""
        response = await ada.api.send({"query": document})

        codes = {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "BAD_REQUEST", "QUERY_TOO_COMPLEX"}
        assert error_code(response) in codes

    @pytest.mark.parametrize("document", COSTLY_DOCUMENTS, ids=lambda document: document[:30])
    async def test_costs_little(self, document: str, api: Api) -> None:
        """What would keep the process busy is refused, or answered, in no time at all."""
        took_s = []
        for attempt in "123":
            started = time.perf_counter()
            response = await api.send({"query": f"{document} # {attempt}"})
            took_s.append(time.perf_counter() - started)

        assert_says_nothing_inner(response.text)
        assert response.status_code < 500
        assert min(took_s) < 0.5

    async def test_reads_a_bounded_number_of_rows(self, ada: Account) -> None:
        """However pages are multiplied, one request does not read whole ledgers."""
        document = """query ($ids: [ID!]!) { nodes(ids: $ids) {
            ... on Wallet { operations(first: 100) { edges { node { id } } } } } }"""

        answer = await ada.api.post(document, ids=[ada.wallet_id] * 100)

        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        # Before anything was read: there is no half of an answer.
        assert "data" not in answer
        assert answer["extensions"]["cost"] == {"requested": 100 * 111, "limit": 5_000}

    async def test_says_what_it_costs(self, ada: Account) -> None:
        """Every answer of an operation does, also that of one which is carried out."""
        document = "query ($n: Int) { viewer { wallets(first: $n) { totalCount } } }"

        for length in (3, 50):
            answer = await ada.api.post(document, n=length)
            assert answer["extensions"]["cost"] == {"requested": 11 + length, "limit": 5_000}
            assert "errors" not in answer

    async def test_of_several_operations_needs_a_name(
        self, ada: Account, observer: Observer
    ) -> None:
        """Where nobody says which of several operations is meant, none is carried out."""
        body = topup_of(ada)
        async with observer.nothing_changes():
            unnamed = await ada.api.send({**body, "query": f"{body['query']} query A {VIEWER}"})
            query = await ada.api.send({"query": f"query A {VIEWER} query B {VIEWER}"})
            named = await ada.api.send(
                {"query": f"{body['query']} query A {VIEWER}", "operationName": "A"}
            )

        assert error_code(unnamed) in {"BAD_REQUEST", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
        assert error_code(query) == error_code(unnamed)
        assert named.json()["data"] == {"viewer": {"id": ada.user_id}}

    async def test_input_is_not_repeated(self, api: Api, observer: Observer) -> None:
        """An error does not send back what was sent: a password may be part of it."""
        document = "mutation Signup($input: SignupInput!) { signup(input: $input) { __typename } }"
        input_ = {"email": "a@example.com", "password": "the secret itself", "currency": "EUR"}
        broken: list[object] = [
            {**input_, "more": 1},
            {**input_, "passwort": "the secret itself"},
            [input_],
            {**input_, "password": ["the secret itself"]},
            "the secret itself",
        ]
        async with observer.nothing_changes():
            responses = [
                await api.send({"query": document, "variables": {"input": value}})
                for value in broken
            ]

        assert [error_code(response) for response in responses] == ["BAD_USER_INPUT"] * 5
        assert [response.text for response in responses if "secret" in response.text] == []
