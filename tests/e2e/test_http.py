"""GraphQL over HTTP: statuses, media types, what another site can send, compression, CORS."""

import gzip
from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import Account, Api
from tests.support.observer import Observer
from tests.support.servers import ApiServer

NEW = "application/graphql-response+json"
OLD = "application/json"
ORIGIN = "https://app.example.com"

# By name: what cannot be executed, and the code that says why.
NOT_EXECUTED = {
    "not parsed": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "not valid": ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    "bad variable": (
        {"query": "query ($id: ID!) { wallet(id: $id) { id } }", "variables": {"id": None}},
        "BAD_USER_INPUT",
    ),
    "which one": (
        {"query": "query A { viewer { id } } query B { viewer { id } }"},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "too complex": ({"query": "{" * 30 + "}" * 30}, None),
}


async def post(api: Api, body: object, **headers: str) -> httpx.Response:
    """Send a body by POST, with headers of the test's own."""
    return await api.client.post(f"{api.url}/graphql", json=body, headers=headers)


async def get(api: Api, headers: Mapping[str, str], **parameters: str) -> httpx.Response:
    """Send a request by GET."""
    return await api.client.get(f"{api.url}/graphql?{urlencode(parameters)}", headers=headers)


class TestMediaTypes:
    """The answer's media type and status."""

    @pytest.mark.parametrize("media_type", [NEW, OLD])
    async def test_executed(self, api: Api, media_type: str) -> None:
        """What was executed is 200, in the type that was asked for."""
        response = await post(api, {"query": "{ viewer { id } }"}, Accept=media_type)

        assert response.status_code == 200
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert response.json()["data"] == {"viewer": None}

    @pytest.mark.parametrize("name", NOT_EXECUTED)
    async def test_not_executed(self, api: Api, name: str) -> None:
        """It is 400 in the newer type and 200 in the older one, and has no data in either."""
        body, code = NOT_EXECUTED[name]
        new = await post(api, body, Accept=NEW)
        old = await post(api, body, Accept=OLD)

        assert (new.status_code, old.status_code) == (400, 200)
        assert new.json() == old.json()
        assert "data" not in new.json()
        if code is not None:
            assert new.json()["errors"][0]["extensions"]["code"] == code

    @pytest.mark.parametrize("media_type", [NEW, OLD])
    async def test_executed_with_an_error(self, api: Api, media_type: str) -> None:
        """A field that failed is no failed request: 200, and data says what there is."""
        query = 'query { wallet(id: "x") { id } }'
        response = await post(api, {"query": query}, Accept=media_type)

        assert response.status_code == 200
        assert response.json()["data"] == {"wallet": None}
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

    async def test_not_acceptable(self, ada: Account, observer: Observer) -> None:
        """A client that takes neither type is told so, and nothing is done."""
        async with observer.nothing_changes():
            response = await post(
                ada.api,
                {"query": "mutation { logout(input: {}) { __typename } }"},
                Accept="text/event-stream",
                Authorization=f"Bearer {ada.api.access_token}",
            )

        assert response.status_code == 406
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/json; charset=utf-16", "application/graphql+json", ""],
    )
    async def test_unsupported_content_type(self, api: Api, content_type: str) -> None:
        """A body is JSON in UTF-8."""
        response = await api.client.post(
            f"{api.url}/graphql",
            content=b'{"query": "{ viewer { id } }"}',
            headers={"Content-Type": content_type},
        )

        assert response.status_code == 415

    async def test_too_long(self, api: Api) -> None:
        """A body that is too long is 413, and says what a body may have."""
        response = await post(api, {"query": "{ viewer { id } }", "x": "x" * 1_100_000})

        assert response.status_code == 413
        assert response.json()["errors"][0]["message"] == "A body has at most 1,048,576 bytes."

    async def test_is_nobody_elses_and_kept_nowhere(self, api: Api) -> None:
        """Answers are not cached, and not taken for what they are not."""
        response = await post(api, {"query": "{ viewer { id } }"})

        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


class TestGet:
    """Queries by GET."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Apollo-Require-Preflight": "true"},
            {"X-Apollo-Operation-Name": "Viewer"},
            {"GraphQL-Require-Preflight": "1"},
            {"Content-Type": "application/json"},
        ],
    )
    async def test_with_a_header_that_no_form_sends(
        self, ada: Account, headers: dict[str, str]
    ) -> None:
        """It answers as a POST does."""
        headers = {**headers, "Accept": OLD, "Authorization": f"Bearer {ada.api.access_token}"}
        response = await get(ada.api, headers, query="{ viewer { id } }")

        assert response.json()["data"] == {"viewer": {"id": ada.user_id}}

    @pytest.mark.parametrize("content_type", [None, ""])
    async def test_as_a_form_sends_it(self, api: Api, content_type: str | None) -> None:
        """What a page of another site can send is refused before it is looked at."""
        headers = {
            "Accept": OLD,
            **({} if content_type is None else {"Content-Type": content_type}),
        }
        response = await get(api, headers, query="{")

        assert response.status_code == 400
        assert "GraphQL-Require-Preflight" in response.json()["errors"][0]["message"]

    @pytest.mark.parametrize("more", [{}, {"GraphQL-Require-Preflight": "1"}], ids=str)
    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "multipart/form-data", "message/x", "application/graphql", "x", ";"],
    )
    async def test_of_another_content_type(
        self, ada: Account, content_type: str, more: dict[str, str]
    ) -> None:
        """A Content-Type that is not JSON's is refused, and is no proof of anything."""
        headers = {"Accept": OLD, "Content-Type": content_type, **more}
        headers["Authorization"] = f"Bearer {ada.api.access_token}"
        response = await get(ada.api, headers, query="{ viewer { id } }")

        assert response.status_code == 415
        assert "data" not in response.json()

    async def test_mutation(self, ada: Account, observer: Observer) -> None:
        """Mutations come by POST only."""
        headers = {"Apollo-Require-Preflight": "1", "Accept": NEW}
        headers["Authorization"] = f"Bearer {ada.api.access_token}"
        query = "mutation { logout(input: { everywhere: true }) { __typename } }"
        async with observer.nothing_changes():
            response = await get(ada.api, headers, query=query)

        assert response.status_code == 405
        assert "POST" in response.headers["allow"]


class TestCompression:
    """Answers that are compressed."""

    QUERY = "{ __schema { types { name description } } }"

    async def test_long_answer(self, api: Api) -> None:
        """A long one is, for who takes it."""
        packed = await self.send_raw(api, self.QUERY, "gzip")
        plain = await self.send_raw(api, self.QUERY, "identity")

        assert packed[0]["content-encoding"] == "gzip"
        assert "content-encoding" not in plain[0]
        assert len(packed[1]) < len(plain[1]) / 2
        assert gzip.decompress(packed[1]) == plain[1]
        assert int(packed[0]["content-length"]) == len(packed[1])

    async def test_short_answer(self, api: Api) -> None:
        """A short one is not."""
        headers, body = await self.send_raw(api, "{ viewer { id } }", "gzip")

        assert "content-encoding" not in headers
        assert orjson.loads(body)["data"] == {"viewer": None}

    @staticmethod
    async def send_raw(api: Api, query: str, encoding: str) -> tuple[httpx.Headers, bytes]:
        """Return the headers and the bytes of an answer, as they were sent."""
        request = api.client.build_request(
            "POST",
            f"{api.url}/graphql",
            json={"query": query},
            headers={"Accept-Encoding": encoding},
        )
        response = await api.client.send(request, stream=True)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        await response.aclose()
        return response.headers, body


class TestCors:
    """Pages of other origins."""

    @pytest_asyncio.fixture
    async def open_server(self, start_server: StartServer) -> ApiServer:
        """A server that one other origin may read."""
        return start_server(CORS_ORIGINS=f"{ORIGIN}, https://admin.example.com:8443")

    @staticmethod
    async def preflight(api: Api, url: str, origin: str) -> httpx.Response:
        """Ask as a browser does before it sends a request to another origin."""
        return await api.client.options(
            f"{url}/graphql",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type",
            },
        )

    async def test_closed(self, api: Api) -> None:
        """Unless said otherwise, no other origin may read anything."""
        preflight = await self.preflight(api, api.url, ORIGIN)
        answer = await post(api, {"query": "{ viewer { id } }"}, Origin=ORIGIN)

        assert preflight.status_code == 405
        for response in (preflight, answer):
            assert "access-control-allow-origin" not in response.headers

    async def test_open_for_one(self, api: Api, open_server: ApiServer) -> None:
        """An origin that is listed may, with its token."""
        preflight = await self.preflight(api, open_server.url, ORIGIN)
        answer = await post(api.at(open_server.url), {"query": "{ viewer { id } }"}, Origin=ORIGIN)

        assert preflight.status_code == 200
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        for response in (preflight, answer):
            assert response.headers["access-control-allow-origin"] == ORIGIN
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "https://app.example.com.evil.example", "null"]
    )
    async def test_closed_for_others(self, api: Api, open_server: ApiServer, origin: str) -> None:
        """One that is not listed may not."""
        preflight = await self.preflight(api, open_server.url, origin)
        answer = await post(
            api.at(open_server.url),
            {"query": "{ viewer { id } }", "operationName": None},
            Origin=origin,
            **{"X-Request-ID": uuid4().hex},
        )

        assert preflight.status_code == 400
        for response in (preflight, answer):
            assert "access-control-allow-origin" not in response.headers
