"""What a server in production logs, and what it never does."""

import base64
import re
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.e2e.conftest import SECRETS
from tests.support.api import (
    LOGIN,
    PASSWORD,
    REFRESH,
    REQUEST_REPORT,
    TOPUP,
    WALLET,
    Account,
    Api,
)
from tests.support.logs import log_line, log_lines, read_log
from tests.support.refusals import assert_says_nothing_inner
from tests.support.servers import ApiServer
from tests.support.site import Site
from tests.support.waiting import until
from wallet.core.ids import find_id, to_global_id
from wallet.core.tokens import new_api_key
from wallet.core.totp import new_secret, write_secret, write_uri

UUID_HEX = re.compile(r"[0-9a-f]{32}")


class TestRequestLine:
    """The line that each request leaves."""

    async def send(self, site: Site, body: object, **headers: str) -> tuple[str, httpx.Response]:
        """Send a request with an id of its own; return the id and the answer."""
        request_id = uuid4().hex
        response = await site.api.client.post(
            f"{site.server.url}/graphql",
            json=body,
            headers={"X-Request-ID": request_id, **headers},
        )
        return request_id, response

    async def test_says_who_did_what_and_how_long_it_took(self, site: Site) -> None:
        """One JSON object with operation name, duration, actor and request id."""
        cleo = await site.guests.create()

        request_id, _ = await self.send(
            site,
            {"query": WALLET, "variables": {"id": cleo.wallet_id}},
            Authorization=f"Bearer {cleo.api.access_token}",
        )

        line = await log_line(site.server, event="request", request_id=request_id)
        assert line["operation_name"] == "Wallet"
        assert line["actor"] == str(find_id("User", cleo.user_id))
        assert (line["method"], line["path"], line["status"]) == ("POST", "/graphql", 200)
        assert 0 < line["duration_ms"] < 30_000
        assert line["level"] == "info"
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
        assert [each["event"] for each in log_lines(site.server)].count("request") >= 1

    async def test_of_nobody(self, site: Site) -> None:
        """A request without a token has no actor; one that was refused says with which code."""
        request_id, _ = await self.send(site, {"query": WALLET, "variables": {"id": "x"}})

        line = await log_line(site.server, event="request", request_id=request_id)
        assert "actor" not in line
        assert line["errors"] == ["UNAUTHENTICATED"]

    @pytest.mark.parametrize(
        ("body", "status"), [([], 400), ({"query": "{"}, 200), ({"query": "{ nothing }"}, 200)]
    )
    async def test_of_what_is_no_request(self, body: object, status: int, site: Site) -> None:
        """What could not be read has its line all the same."""
        request_id, response = await self.send(site, body)

        line = await log_line(site.server, event="request", request_id=request_id)
        assert (line["status"], response.status_code) == (status, status)
        assert len(line["errors"]) == 1

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/nowhere", 404), ("DELETE", "/graphql", 405), ("POST", "/healthz", 405)],
    )
    async def test_of_other_paths(self, method: str, path: str, status: int, site: Site) -> None:
        """Whatever is asked has an id, which goes back."""
        response = await site.api.client.request(method, f"{site.server.url}{path}")

        assert response.status_code == status
        assert UUID_HEX.fullmatch(response.headers["X-Request-ID"])

    async def test_of_a_long_path(self, site: Site) -> None:
        """It is cut: what it ends in is nobody's name, and may be the end of a mangled link."""
        request_id = uuid4().hex
        await site.api.client.get(
            f"{site.server.url}/{'a' * 500}", headers={"X-Request-ID": request_id}
        )

        line = await log_line(site.server, event="request", request_id=request_id)
        assert (line["path"], line["status"]) == (f"/{'a' * 199}", 404)

    async def test_of_a_body_too_long(self, site: Site) -> None:
        """So has what is refused for its length."""
        request_id, response = await self.send(site, {"query": "x" * 2_000_000})

        assert response.status_code == 413
        assert response.headers["X-Request-ID"] == request_id
        assert (await log_line(site.server, event="request", request_id=request_id))[
            "status"
        ] == 413

    async def test_probes_leave_none(self, site: Site) -> None:
        """What monitoring asks every second does not drown the rest."""
        request_id = uuid4().hex
        for path in ("/healthz", "/readyz", "/metrics"):
            response = await site.get(path, **{"X-Request-ID": request_id})
            assert response.headers["X-Request-ID"] == request_id

        await self.send(site, {"query": "{ __typename }"})
        assert request_id not in read_log(site.server)


class TestRequestId:
    """X-Request-ID."""

    @pytest.mark.parametrize(
        "request_id", ["a", "A-z_0.9", "x" * 64, "0b0e7f0a-6f0c-4e0c-9b0a-2f6f0a7c1d11"]
    )
    async def test_is_taken(self, request_id: str, site: Site) -> None:
        """A harmless one is the client's, on each line and in the answer."""
        response = await site.get("/graphql?query={__typename}", **{"X-Request-ID": request_id})

        assert response.headers["X-Request-ID"] == request_id
        line = await log_line(site.server, event="request", request_id=request_id)
        assert line["path"] == "/graphql"

    @pytest.mark.parametrize(
        "request_id", ["", "x" * 65, "a b", "a;b", "é", '{"a":1}', "a\tb", "<script>", "%0a"]
    )
    async def test_is_replaced(self, request_id: str, site: Site) -> None:
        """Any other is replaced, and not even logged."""
        response = await site.api.client.get(
            f"{site.server.url}/graphql?query={{__typename}}",
            headers={b"X-Request-ID": request_id.encode()},
        )

        given = response.headers["X-Request-ID"]
        assert UUID_HEX.fullmatch(given)
        await log_line(site.server, event="request", request_id=given)
        assert request_id not in {line.get("request_id") for line in log_lines(site.server)}


class TestOutcome:
    """The line that each operation leaves."""

    async def outcomes(self, site: Site, account: Account) -> list[tuple[str, str, bool]]:
        """Return kind, outcome and whether it was a replay of all that an account has done."""
        # The last request's own line comes after all of its others.
        response = await account.api.send({"query": "{ __typename }"})
        await log_line(site.server, event="request", request_id=response.headers["X-Request-ID"])
        actor = str(find_id("User", account.user_id))
        return [
            (line["kind"], line["outcome"], line["replayed"])
            for line in log_lines(site.server)
            if line["event"] == "operation" and line.get("actor") == actor
        ]

    async def test_of_money(self, site: Site) -> None:
        """What was completed, what was refused and why, and what was only a replay."""
        cleo, dora = await site.guests.create(), await site.guests.create()

        topup = await cleo.api.topup(cleo.wallet_id, "5.00")
        for _ in "12":
            await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, "1.00", idempotencyKey="key")
        await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, "2.00", idempotencyKey="key")
        await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, "100.00")
        await cleo.api.transfer(dora.wallet_id, cleo.wallet_id, "1.00")

        assert await self.outcomes(site, cleo) == [
            ("OPENING", "COMPLETED", False),
            ("TOPUP", "COMPLETED", False),
            ("TRANSFER", "COMPLETED", False),
            ("TRANSFER", "COMPLETED", True),
            ("TRANSFER", "IDEMPOTENCY_CONFLICT", False),
            ("TRANSFER", "INSUFFICIENT_FUNDS", False),
            ("TRANSFER", "NOT_FOUND", False),
        ]
        line = await log_line(
            site.server, operation_id=str(find_id("Operation", topup["done"]["id"]))
        )
        assert (line["kind"], line["level"]) == ("TOPUP", "info")
        assert line["operation_name"] == "Topup"

    async def test_of_accounts(self, site: Site) -> None:
        """Who signed up, logged in and out, and that somebody tried."""
        cleo = await site.api.signup()
        user = str(find_id("User", cleo.user_id))

        await site.api.run(LOGIN, input={"email": cleo.email, "password": "a wrong password"})
        refreshed = await site.api.run(REFRESH, input={"refreshToken": cleo.refresh_token})
        await site.api.run(REFRESH, input={"refreshToken": cleo.refresh_token})

        assert refreshed["__typename"] == "RefreshSessionPayload"
        signup = await log_line(site.server, event="signup", user=user)
        await log_line(
            site.server,
            event="operation",
            kind="SIGNUP",
            outcome="COMPLETED",
            request_id=signup["request_id"],
        )
        events = {line["event"]: line for line in log_lines(site.server)}
        assert "login refused" in events
        assert events["refresh token reused"]["level"] == "warning"


class TestSecrets:
    """What is never logged."""

    async def test_are_not_in_the_log(self, site: Site) -> None:
        """No password, no token and no variable, wherever a client puts them."""
        password, email = f"secret {uuid4().hex}", f"{uuid4().hex}@example.com"
        note, marker = f"note {uuid4().hex}", uuid4().hex
        cleo = await site.api.signup(email=email, password=password)
        login = await site.api.run(LOGIN, input={"email": email, "password": password})
        refreshed = await site.api.run(REFRESH, input={"refreshToken": cleo.refresh_token})
        await site.api.run(REFRESH, input={"refreshToken": cleo.refresh_token})
        wrong = f"wrong {uuid4().hex}"
        await site.api.run(LOGIN, input={"email": email, "password": wrong})
        dora = await site.guests.create()
        moved = await dora.api.topup(
            dora.wallet_id, "1.00", description=note, metadata={"m": marker}, idempotencyKey=marker
        )
        assert moved["__typename"] == "OperationPayload"
        await self.misplace(site, marker)

        log = read_log(site.server)
        secrets = {
            "password": password,
            "wrong password": wrong,
            "access token": cleo.api.access_token,
            "signature": (cleo.api.access_token or "").rpartition(".")[2],
            "guest's token": dora.api.access_token,
            "refresh token": cleo.refresh_token,
            "login's access token": login["session"]["accessToken"],
            "login's refresh token": login["session"]["refreshToken"],
            "next access token": refreshed["session"]["accessToken"],
            "next refresh token": refreshed["session"]["refreshToken"],
            "description": note,
            "misplaced, metadata, key": marker,
            "hash": "$argon2",
            "database's password": site.postgres.url.split("@")[0].rpartition(":")[2],
            "redis's password": site.redis.url.split("@")[0].rpartition(":")[2],
        }
        assert [name for name, secret in secrets.items() if (secret or "") in log] == []
        assert "request" in {line["event"] for line in log_lines(site.server)}

    @staticmethod
    async def misplace(site: Site, marker: str) -> None:
        """Send *marker* in every place where a client may put a secret by mistake."""
        url = f"{site.server.url}/graphql"
        client = site.api.client
        basic = base64.b64encode(f"user:{marker}".encode()).decode()
        for headers in (
            {"Authorization": f"Bearer {marker}"},
            {"Authorization": f"Basic {basic}"},
            {"Authorization": marker},
            {"Cookie": f"session={marker}", "User-Agent": marker, "X-Request-ID": f"{marker} !"},
        ):
            await client.post(url, json={"query": "{ viewer { id } }"}, headers=headers)
        await client.post(url, content=f'{{"query": "{marker}'.encode())
        await client.post(
            url,
            content=f'{{"password": "{marker}'.encode(),
            headers={"Content-Type": "application/json"},
        )
        await site.api.post(LOGIN, input={"email": "a@example.com", "password": [marker]})
        await site.api.post(LOGIN, input={"email": "a@example.com", "passwort": marker})
        await site.api.post(LOGIN, nothing=marker)
        await site.api.post(f'{{ nothing(password: "{marker}") }}')
        await site.api.post(f'{{ "{marker}')
        variables = quote(f'{{"a": "{marker}"}}')
        parameters = f"query={{__typename}}&variables={variables}"
        last = await client.get(f"{url}?{parameters}")
        await log_line(site.server, event="request", request_id=last.headers["X-Request-ID"])

    async def test_line_ends_forge_no_line(self, site: Site) -> None:
        """Each line is one JSON object, whatever a path says."""
        response = await site.get("/%0a%7b%22event%22%3a%22forged%22%7d")

        line = await log_line(
            site.server, event="request", request_id=response.headers["X-Request-ID"]
        )
        assert line["path"] == '/\n{"event":"forged"}'
        assert "forged" not in {each["event"] for each in log_lines(site.server)}


class TestSearch:
    """The search through all logs at the end of the tests; see conftest."""

    @staticmethod
    def is_found(text: str) -> bool:
        """Tell whether a line with *text* in it would be noticed."""
        return any(secret.search(f'{{"event": "x {text}", "n": 1}}') for secret in SECRETS)

    async def test_knows_secrets(self, ada: Account) -> None:
        """Each secret that has a form is known by it, wherever it stands."""
        answer = await ada.api.run(
            REQUEST_REPORT, input={"walletId": ada.wallet_id, "format": "CSV"}
        )
        signed_in = await ada.api.run(LOGIN, input={"email": ada.email, "password": PASSWORD})
        secrets = {
            "password": PASSWORD,
            "access token": signed_in["session"]["accessToken"],
            "refresh token": signed_in["session"]["refreshToken"],
            "device token": signed_in["deviceToken"],
            "link to a report": answer["report"]["url"],
            "TOTP secret": write_secret(b"0123456789-abcdefghi"),
            "TOTP link": write_uri(new_secret(), "ada@example.com"),
            "recovery code": "abcd-efgh-ijkl-mno2",
            "API key": new_api_key()[0],
        }

        for name, secret in secrets.items():
            for text in (secret, f"token={secret}&x=1", f"'{secret}',", f"/a/{secret}"):
                assert self.is_found(text), name

    @pytest.mark.parametrize(
        "text",
        [
            str(uuid4()),
            uuid4().hex,
            f"/wallets/{to_global_id('Wallet', uuid4())}/report.csv",
            "request_id=abc-def-0123456789",
            "tests/e2e/test_logging.py::TestSearch::test_knows_secrets",
            "QUERY_DIRECTIVES_PER_NODE_MAX",
            "a-long-word-that-some-people-write-in-a-log-42",
        ],
        ids=["uuid", "hexadecimal", "path", "request", "test", "setting", "words"],
    )
    def test_takes_nothing_else_for_one(self, text: str) -> None:
        """What logs are full of is none."""
        assert not self.is_found(text)


class TestInternalError:
    """A bug, provoked by a table that is gone."""

    @pytest.mark.parametrize("document", ["query", "mutation"])
    async def test_is_masked_and_can_be_found(self, document: str, site: Site) -> None:
        """The client gets an id and nothing else; under this id the log has the traceback."""
        cleo = await site.guests.create()
        input_ = {
            "walletId": cleo.wallet_id,
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": "key",
        }
        body = {
            "query": WALLET if document == "query" else TOPUP,
            "variables": {"id": cleo.wallet_id} if document == "query" else {"input": input_},
        }
        await site.observer.fetch("ALTER TABLE wallets RENAME TO gone")
        try:
            response = await cleo.api.send(body)
        finally:
            await site.observer.fetch("ALTER TABLE gone RENAME TO wallets")

        assert response.status_code == 200
        assert_says_nothing_inner(response.text)
        answer = response.json()
        assert not any((answer["data"] or {}).values())
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        error_id = error["extensions"]["id"]
        assert error["message"] == f"Internal error {error_id}."
        line = await log_line(site.server, event="internal error", error_id=error_id)
        assert line["request_id"] == response.headers["X-Request-ID"]
        assert line["level"] == "error"
        assert "wallets" in str(line["exception"])
        assert await cleo.api.balance(cleo.wallet_id) == "0.00"


class TestReadable:
    """The log in development."""

    async def test_is_for_people(self, server: ApiServer, api: Api) -> None:
        """The shared server's log has a line per request, which is not JSON."""
        response = await api.send({"query": "query Hello { __typename }"})

        request_id = response.headers["X-Request-ID"]
        await until(lambda: request_id in read_log(server))
        (line,) = [line for line in read_log(server).splitlines() if request_id in line]
        assert "request" in line
        assert "operation_name=Hello" in line
        assert not line.startswith("{")
