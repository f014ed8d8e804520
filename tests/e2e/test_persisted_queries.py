"""Automatic persisted queries, as Apollo Client's link sends them."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from tests.e2e.conftest import StartServer
from tests.support.api import Api
from tests.support.waiting import until
from wallet.development import RedisServer
from wallet.services.document_store import DocumentStore
from wallet.services.redis import connect

NOT_FOUND = {
    "errors": [
        {
            "message": "PersistedQueryNotFound",
            "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
        }
    ]
}


def new_document() -> str:
    """Return a document that nobody has sent before."""
    return f"query Q{uuid4().hex} {{ viewer {{ id }} }}"


def named(document: str) -> dict[str, Any]:
    """Return the extensions that name a document by its hash."""
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256}}


async def get(api: Api, **parameters: str) -> httpx.Response:
    """Ask by GET, as Apollo's link does with ``useGETForHashedQueries``."""
    return await api.client.get(
        f"{api.url}/graphql", params=parameters, headers={"Apollo-Require-Preflight": "true"}
    )


class TestPersistedQueries:
    """A document that was sent once is named from then on."""

    async def test_unknown_then_sent_then_known(self, api: Api) -> None:
        """The client tries the hash, sends the document with it, and never again."""
        document = new_document()

        first = await api.send({"extensions": named(document)})
        sent = await api.send({"query": document, "extensions": named(document)})
        again = await api.send({"extensions": named(document)})
        got = await get(api, extensions=json.dumps(named(document)))

        assert (first.status_code, first.json()) == (200, NOT_FOUND)
        assert sent.json()["data"] == {"viewer": None}
        assert again.json() == got.json() == sent.json()

    async def test_other_processes_know_it_too(self, api: Api, start_server: StartServer) -> None:
        """What one has read, all of them find."""
        document = new_document()
        await api.send({"query": document, "extensions": named(document)})

        other = Api(start_server().url, client=api.client)

        assert (await other.send({"extensions": named(document)})).json()["data"] == {
            "viewer": None
        }

    async def test_hash_of_another_document(self, api: Api) -> None:
        """Nobody puts a document of their own under somebody else's name."""
        document = new_document()

        response = await api.send({"query": "{ viewer { email } }", "extensions": named(document)})

        assert response.status_code == 400
        assert response.json()["errors"][0]["message"] == "provided sha does not match query"
        assert (await api.send({"extensions": named(document)})).json() == NOT_FOUND

    @pytest.mark.parametrize("document", ["{ nothing }", "{", "#" * 40_000])
    async def test_what_is_not_valid_is_not_kept(self, api: Api, document: str) -> None:
        """It is refused as ever, and takes no place."""
        response = await api.send({"query": document, "extensions": named(document)})

        assert response.json()["errors"]
        assert (await api.send({"extensions": named(document)})).json() == NOT_FOUND

    @pytest.mark.parametrize(
        "persisted", [{}, {"version": 2, "sha256Hash": "0" * 64}, {"version": 1}, [], "x"]
    )
    async def test_what_names_nothing(self, api: Api, persisted: object) -> None:
        """It is no request."""
        response = await api.send({"extensions": {"persistedQuery": persisted}})

        assert response.status_code == 400

    async def test_mutation_by_get(self, api: Api) -> None:
        """A name changes nothing about what a GET may do."""
        document = f"mutation M{uuid4().hex} {{ logout(input: {{}}) {{ __typename }} }}"
        await api.send({"query": document, "extensions": named(document)})

        assert (await get(api, extensions=json.dumps(named(document)))).status_code == 405

    async def test_without_redis(self, api: Api, start_server: StartServer) -> None:
        """The client sends the document, and this process knows it."""
        away = Api(start_server(redis_url="redis://127.0.0.1:1/0").url, client=api.client)
        document = new_document()

        first = await away.send({"extensions": named(document)})
        sent = await away.send({"query": document, "extensions": named(document)})
        again = await away.send({"extensions": named(document)})

        assert first.json() == NOT_FOUND
        assert again.json() == sent.json()
        assert again.json()["data"] == {"viewer": None}

    async def test_off(self, api: Api, start_server: StartServer) -> None:
        """The client is told to send whole documents only."""
        off = Api(start_server(PERSISTED_QUERIES="off").url, client=api.client)
        document = new_document()

        response = await off.send({"extensions": named(document)})
        sent = await off.send({"query": document, "extensions": named(document)})

        assert response.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
        assert sent.json()["data"] == {"viewer": None}


async def is_gone(client: Redis) -> bool:
    """Tell whether no text is kept any more."""
    return not await client.exists("wallet:{apq}:texts")


class TestDocumentStore:
    """DocumentStore."""

    async def test_is_bounded(self, redis: RedisServer) -> None:
        """What was not asked for longest makes place."""
        client = connect(redis.url)
        await client.delete("wallet:{apq}:texts", "wallet:{apq}:used")
        store = DocumentStore(client, ttl_s=60, documents_max=3)
        for name in "abcde":
            await store.save(name, f"text {name}")
        assert await client.hlen("wallet:{apq}:texts") == 3
        assert await client.zcard("wallet:{apq}:used") == 3
        assert await store.find("e") == "text e"
        assert await store.find("a") is None
        await client.aclose()

    async def test_forgets(self, redis: RedisServer) -> None:
        """After its time, a document that nobody asked for is not there any more."""
        client = connect(redis.url)
        await DocumentStore(client, ttl_s=1, documents_max=9).save("old", "text")
        store = DocumentStore(client, ttl_s=1, documents_max=9)
        # Looked at, not asked for: that would keep it.
        await until(lambda: is_gone(client))
        assert await store.find("old") is None
        await client.aclose()
