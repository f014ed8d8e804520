"""What production does not tell: what the schema has, what a name could have meant, what broke."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.conftest import StartServer
from tests.support.api import Account, Api
from tests.support.refusals import error_code
from tests.support.servers import ApiServer
from wallet.core.ids import new_id, to_global_id

STRONG = "kJ8#vQ2!zR6^tY4&wE9*uI1(oP3)aS5-dF7=gH0+"

INTROSPECTION = '{ __schema { types { name } } __type(name: "Wallet") { name } }'

# Each has a name that is almost one of the schema's.
ALMOST = {
    "field": "{ viewr { id } }",
    "field of a type": "{ viewer { emial } }",
    "argument": '{ wallet(idd: "x") { id } }',
    "type": "{ viewer { ... on Usre { id } } }",
    "variable's type": "query ($id: IDD!) { wallet(id: $id) { id } }",
    "directive": "{ viewer @skp(if: true) { id } }",
    "input field": "mutation { logout(input: { everywher: true }) { __typename } }",
    "enum value": '{ wallet(id: "x") { operations(where: { kinds: [TRANSFR] }) { totalCount } } }',
}


@pytest.fixture
def strict(start_server: StartServer) -> ApiServer:
    """A server as in production."""
    return start_server(ENVIRONMENT="production", SECRET_KEY=STRONG, FUNDING="owner")


class TestSchema:
    """What the schema has."""

    async def test_is_not_told_in_production(self, api: Api, strict: ApiServer) -> None:
        """Introspection is refused, and __typename is not."""
        refusal = await api.at(strict.url).send({"query": INTROSPECTION})
        answer = await api.at(strict.url).send({"query": "{ __typename viewer { __typename } }"})

        assert error_code(refusal) == "GRAPHQL_VALIDATION_FAILED"
        assert "data" not in refusal.json()
        assert answer.json()["data"] == {"__typename": "Query", "viewer": None}

    async def test_may_be_told(self, api: Api, start_server: StartServer) -> None:
        """INTROSPECTION=on tells it all the same, and so does GRAPHIQL=on, which needs it."""
        for setting in ({"INTROSPECTION": "on"}, {"GRAPHIQL": "on"}):
            server = start_server(ENVIRONMENT="production", SECRET_KEY=STRONG, **setting)
            answer = await api.at(server.url).post(INTROSPECTION)
            assert answer["data"]["__type"] == {"name": "Wallet"}
            server.stop()

    async def test_is_told_in_development(self, api: Api) -> None:
        """Who builds a client may look."""
        assert (await api.post(INTROSPECTION))["data"]["__type"] == {"name": "Wallet"}


class TestSuggestions:
    """Names that are almost right."""

    async def test_none_in_production(self, api: Api, strict: ApiServer) -> None:
        """Whatever is misspelt, nobody is told how it is spelt."""
        for document in ALMOST.values():
            response = await api.at(strict.url).send({"query": document})
            assert error_code(response) == "GRAPHQL_VALIDATION_FAILED"
            assert "did you mean" not in response.text.lower()

    async def test_some_in_development(self, api: Api) -> None:
        """Who builds a client is helped."""
        texts = [(await api.send({"query": document})).text for document in ALMOST.values()]

        assert sum("Did you mean" in text for text in texts) >= len(texts) / 2


class TestNotYours:
    """What is somebody else's, and what is not there at all."""

    @staticmethod
    async def ask(api: Api, **things: str) -> list[Any]:
        """Ask in every way for things by their ids."""
        return [
            await api.post("query ($id: ID!) { wallet(id: $id) { id } }", id=things["wallet"]),
            await api.post("query ($id: ID!) { node(id: $id) { id } }", id=things["wallet"]),
            await api.post("query ($id: ID!) { node(id: $id) { id } }", id=things["user"]),
            await api.topup(things["wallet"], "1.00"),
            await api.withdraw(things["wallet"], "1.00"),
        ]

    async def test_are_told_alike(self, ada: Account, bob: Account) -> None:
        """In text and in code."""
        theirs = await self.ask(ada.api, wallet=bob.wallet_id, user=bob.user_id)
        nobodys = await self.ask(
            ada.api, wallet=to_global_id("Wallet", new_id()), user=to_global_id("User", new_id())
        )

        assert theirs == nobodys


class TestHeaders:
    """What every answer says to a browser."""

    async def test_of_an_answer(self, api: Api) -> None:
        """It is kept nowhere, taken for nothing else, framed nowhere, and loads nothing."""
        response = await api.send({"query": "{ viewer { id } }"})

        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers

    async def test_of_the_page(self, api: Api, http: httpx.AsyncClient) -> None:
        """GraphiQL runs no script but ours."""
        page = await http.get(f"{api.url}/graphql", headers={"Accept": "text/html"})

        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe-eval" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"

    async def test_of_what_is_not_there(self, api: Api, http: httpx.AsyncClient) -> None:
        """A path that leads nowhere says so, and no more."""
        response = await http.get(f"{api.url}/{uuid4().hex}")

        assert (response.status_code, response.text) == (404, "Not Found")
