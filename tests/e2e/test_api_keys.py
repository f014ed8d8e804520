"""API keys: what operators' services may with them, and what nobody may."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import (
    API_KEYS,
    CREATE_API_KEY,
    PASSWORD,
    REVERSE,
    REVOKE_API_KEY,
    TOPUP,
    WITHDRAW,
    Account,
    Api,
)
from tests.support.commands import Finished, run_wallet
from tests.support.guests import Guests
from tests.support.logs import read_log
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from tests.support.servers import SECRET_KEY, ApiServer
from wallet.core.ids import find_id, new_id

VIEWER = "{ viewer { id email } }"
CREATE = ("create", "--as", "{user}", "--name", "x")


@pytest_asyncio.fixture
async def operator(guests: Guests) -> Account:
    """Somebody who runs services."""
    return await guests.create(role="OPERATOR", balance="50.00", password=PASSWORD)


async def create_key(operator: Account, *scopes: str, **more: Any) -> Any:
    """Make a key; return the payload."""
    answer = await operator.api.run(
        CREATE_API_KEY,
        input={"name": "payments", "scopes": list(scopes), "password": PASSWORD, **more},
    )
    assert answer["__typename"] == "CreateApiKeyPayload", answer
    return answer


async def key_client(operator: Account, *scopes: str) -> Api:
    """Return a client that signs in with a new key."""
    return operator.api.signed_in((await create_key(operator, *scopes))["secret"])


async def is_taken(api: Api, secret: str) -> bool:
    """Tell whether a key is taken."""
    response = await api.signed_in(secret).send({"query": VIEWER})
    if "errors" not in response.json():
        return True
    assert error_code(response) == "UNAUTHENTICATED"
    return False


def funding(wallet_id: str, key: str) -> dict[str, Any]:
    """Return the variables of a top-up or withdrawal of 1.00 EUR."""
    amount = {"amount": "1.00", "currency": "EUR"}
    return {"input": {"walletId": wallet_id, "amount": amount, "idempotencyKey": key}}


class TestCreateApiKey:
    """Mutation.createApiKey."""

    async def test_shows_the_secret_once(self, operator: Account, observer: Observer) -> None:
        """What is kept of it is its hash; the list shows the rest."""
        made = await create_key(operator, "FUND", "READ", "FUND")

        listed = (await operator.api.run(API_KEYS))["apiKeys"]

        assert listed == [made["apiKey"]]
        assert listed[0]["scopes"] == ["READ", "FUND"]
        assert (listed[0]["name"], listed[0]["expiresAt"], listed[0]["lastUsedAt"]) == (
            *("payments", None, None),
        )
        form = rf"wlt_{listed[0]['prefix']}_[0-9a-f]{{64}}"
        assert re.fullmatch(form, made["secret"])
        stored = await observer.value(
            "SELECT api_keys::text FROM api_keys WHERE prefix = $1", listed[0]["prefix"]
        )
        assert made["secret"] not in stored
        assert made["secret"].rpartition("_")[2] not in stored

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"name": "\x00"}, "name"),
            ({"scopes": []}, "scopes"),
            ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ],
        ids=str,
    )
    async def test_bad_input(
        self, change: dict[str, Any], field: str, operator: Account, observer: Observer
    ) -> None:
        """What breaks a rule is refused by its field."""
        input_ = {"name": "payments", "scopes": ["READ"], "password": PASSWORD, **change}
        async with observer.nothing_changes():
            answer = await operator.api.send(
                {"query": CREATE_API_KEY, "variables": {"input": input_}}
            )

        assert refused(answer) == ("InvalidInput", [field])

    @pytest.mark.parametrize("until", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"])
    async def test_ends_with_the_calendar(self, until: str, operator: Account) -> None:
        """The last instant that there is comes back as one, with an offset."""
        made = await create_key(operator, "READ", expiresAt=until)

        listed = (await operator.api.run(API_KEYS))["apiKeys"]
        (found,) = [key for key in listed if key["id"] == made["apiKey"]["id"]]
        assert found["expiresAt"][:19] == until[:19]
        assert found["expiresAt"].endswith("+00:00")

    @pytest.mark.parametrize("password", [{}, {"password": None}, {"password": "guess"}], ids=str)
    async def test_wants_the_password(
        self, password: dict[str, Any], operator: Account, observer: Observer
    ) -> None:
        """A session alone makes no key: a key would outlive it."""
        input_ = {"name": "payments", "scopes": ["READ"], **password}
        async with observer.nothing_changes():
            answer = await operator.api.send(
                {"query": CREATE_API_KEY, "variables": {"input": input_}}
            )

        assert refused(answer) == ("InvalidCredentials", None)

    async def test_has_a_bound(self, operator: Account, observer: Observer) -> None:
        """50 keys an operator, however many ask at once."""
        await observer.fetch(
            "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at)"
            " SELECT gen_random_uuid(), $1, 'more', 'x', sha256(gen_random_uuid()::text::bytea),"
            " 'READ', now() FROM generate_series(1, 48)",
            find_id("User", operator.user_id),
        )
        input_ = {"name": "payments", "scopes": ["READ"], "password": PASSWORD}

        answers = await asyncio.gather(
            *(operator.api.run(CREATE_API_KEY, input=input_) for _ in range(5))
        )

        kinds = sorted(answer["__typename"] for answer in answers)
        assert kinds == ["CreateApiKeyPayload"] * 2 + ["LimitExceeded"] * 3


class TestScopes:
    """What a key is good for; test_rights has what it is not good for."""

    async def test_fund(self, operator: Account, bob: Account, observer: Observer) -> None:
        """A payment provider's callback: it tops up anybody's wallet, once for each event."""
        service = await key_client(operator, "FUND")
        event = uuid4().hex

        first, again = [await service.run(TOPUP, **funding(bob.wallet_id, event)) for _ in range(2)]
        out = await service.run(WITHDRAW, **funding(bob.wallet_id, uuid4().hex))

        assert (first["replayed"], again["replayed"]) == (False, True)
        assert first["done"]["id"] == again["done"]["id"]
        assert out["__typename"] == "OperationPayload"
        actor_id = await observer.value(
            "SELECT actor_id FROM operations WHERE id = $1", find_id("Operation", out["done"]["id"])
        )
        assert actor_id == find_id("User", operator.user_id)

    async def test_read(self, operator: Account) -> None:
        """Queries, as the operator itself."""
        service = await key_client(operator, "READ")

        assert (await service.run(VIEWER))["id"] == operator.user_id
        assert await service.balance(operator.wallet_id) == "50.00"

    async def test_operate(self, operator: Account, guests: Guests) -> None:
        """An operator's other work, such as giving a transfer back."""
        cleo, dora = await guests.create(balance="5.00"), await guests.create()
        paid = await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, "5.00")
        service = await key_client(operator, "OPERATE")

        reversed_ = await service.follow(REVERSE, paid["done"]["id"])

        assert reversed_["__typename"] == "OperationPayload"
        assert await cleo.api.balance(cleo.wallet_id) == "5.00"


class TestEnd:
    """When a key is good for nothing any more."""

    async def test_revoked(
        self, operator: Account, api: Api, start_server: StartServer, observer: Observer
    ) -> None:
        """It is refused from the next request on, by every server; other keys go on."""
        made, other = await create_key(operator, "READ"), await create_key(operator, "READ")
        there = api.at(start_server().url)
        for server in (api, there):
            assert await is_taken(server, made["secret"])

        answer = await operator.api.run(REVOKE_API_KEY, input={"apiKeyId": made["apiKey"]["id"]})

        assert answer["apiKey"]["id"] == made["apiKey"]["id"]
        for server in (there, api):
            assert not await is_taken(server, made["secret"])
            assert await is_taken(server, other["secret"])
        listed = (await operator.api.run(API_KEYS))["apiKeys"]
        assert [key["id"] for key in listed] == [other["apiKey"]["id"]]
        async with observer.nothing_changes():
            again = await operator.api.run(REVOKE_API_KEY, input={"apiKeyId": made["apiKey"]["id"]})
        assert again["__typename"] == "NotFound"

    async def test_expired(self, operator: Account, api: Api, observer: Observer) -> None:
        """From its instant on."""
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        made = await create_key(operator, "READ", expiresAt=until)
        assert await is_taken(api, made["secret"])

        await observer.fetch(
            "UPDATE api_keys SET created_at = now() - interval '2 days', expires_at = now()"
            " WHERE prefix = $1",
            made["apiKey"]["prefix"],
        )

        assert not await is_taken(api, made["secret"])

    async def test_owner_is_no_operator_any_more(
        self, operator: Account, api: Api, observer: Observer
    ) -> None:
        """A key is no better than whom it speaks for, and does not come back with the role."""
        made = await create_key(operator, "READ")
        role = "UPDATE users SET role = $2 WHERE email = $1"

        await observer.fetch(role, operator.email, "USER")

        assert not await is_taken(api, made["secret"])
        await observer.fetch(role, operator.email, "OPERATOR")
        assert not await is_taken(api, made["secret"])
        assert (await operator.api.run(API_KEYS))["apiKeys"] == []
        assert await is_taken(api, (await create_key(operator, "READ"))["secret"])

    @pytest.mark.parametrize(
        "change",
        [
            lambda key: key[:-1],
            lambda key: key + "0",
            lambda key: key.upper(),
            lambda key: key.replace("wlt_", "wlt_wlt_"),
            lambda _: "wlt_",
            lambda _: "wlt_" + "é" * 3,
        ],
        ids=["shorter", "longer", "upper", "twice", "none", "no ascii"],
    )
    async def test_another_key(self, change: Any, operator: Account, api: Api) -> None:
        """What was not issued is nobody's."""
        made = await create_key(operator, "READ")
        headers = {b"Authorization": f"Bearer {change(made['secret'])}".encode()}

        response = await api.client.post(
            f"{api.url}/graphql", json={"query": VIEWER}, headers=headers
        )

        assert error_code(response) == "UNAUTHENTICATED"

    async def test_use_is_noted(self, operator: Account, api: Api) -> None:
        """To the minute, also when many use it at once."""
        made = await create_key(operator, "READ")

        assert all(await asyncio.gather(*(is_taken(api, made["secret"]) for _ in range(10))))

        (listed,) = (await operator.api.run(API_KEYS))["apiKeys"]
        assert datetime.now(UTC) - datetime.fromisoformat(listed["lastUsedAt"]) < timedelta(
            minutes=1
        )


class TestCommand:
    """`wallet api-keys`."""

    @staticmethod
    async def run(database_url: str, *arguments: str) -> Finished:
        """Run it on the shared database."""
        return await run_wallet(
            "api-keys", *arguments, DATABASE_URL=database_url, SECRET_KEY=SECRET_KEY
        )

    async def test_makes_lists_and_revokes(
        self, operator: Account, api: Api, database_url: str, server: ApiServer
    ) -> None:
        """The key works until it is revoked; its secret is shown once, and in no log."""
        mine = ("--as", operator.email)
        made = await self.run(
            *(database_url, "create", *mine, "--name", "bank", "--scope", "fund"),
            *("--scope", "read", "--expires-in", "90d"),
        )
        secret = made.output.strip()
        assert (made.exit_code, await is_taken(api, secret)) == (0, True), made.errors

        listed = await self.run(database_url, "list", *mine)
        key_id, prefix, scopes, *_, name = listed.output.split()
        revoked = await self.run(database_url, "revoke", *mine, key_id)

        assert (scopes, name) == ("read,fund", "bank")
        assert secret.startswith(prefix.rstrip("…"))
        assert revoked.exit_code == 0
        assert not await is_taken(api, secret)
        assert (await self.run(database_url, "list", *mine)).output == ""
        bits = secret.rpartition("_")[2]
        for text in (listed.output, made.errors, revoked.errors, read_log(server)):
            assert bits not in text

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("list", "--as", "nobody@example.com"), "There is no account"),
            ((*CREATE, "--scope", "read"), "Only an operator"),
            (
                (
                    "create",
                    "--as",
                    "{user}",
                    "--name",
                    "x",
                    "--scope",
                    "read",
                    "--expires-in",
                    "1y",
                ),
                "--expires-in is",
            ),
            (("revoke", "--as", "{user}", str(new_id())), "There is no such key."),
        ],
        ids=["nobody", "no operator", "duration", "no key"],
    )
    async def test_refusals(
        self, arguments: tuple[str, ...], sentence: str, bob: Account, database_url: str
    ) -> None:
        """One sentence, and exit code 1."""
        finished = await self.run(
            database_url, *(argument.format(user=bob.email) for argument in arguments)
        )

        assert (finished.exit_code, finished.output) == (1, "")
        assert finished.errors.splitlines()[-1].startswith(sentence)
