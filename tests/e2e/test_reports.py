"""Reports over HTTP: by a signed link, and with a token."""

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote, urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import Account
from tests.support.guests import Guests
from tests.support.logs import log_line, read_log
from tests.support.observer import Observer
from tests.support.refusals import error_code
from tests.support.reports import READERS
from tests.support.servers import ApiServer
from tests.support.site import Site
from tests.support.waiting import until
from wallet.core.ids import find_id, new_id, to_global_id

FORMATS = {
    "CSV": "text/csv; charset=utf-8; header=present",
    "JSON": "application/json",
    "XML": "application/xml",
}
every_format = pytest.mark.parametrize("format_", FORMATS)


@pytest_asyncio.fixture(scope="module")
async def owner(guests: Guests, bob: Account) -> Account:
    """Somebody with four lines: opened, topped up, paid, and refused."""
    owner = await guests.create(balance="50.00")
    await owner.api.transfer(owner.wallet_id, bob.wallet_id, "7.50", description="=1+1")
    await owner.api.transfer(owner.wallet_id, bob.wallet_id, "1000.00")
    return owner


async def get(
    account: Account, path: str, *, method: str = "GET", token: str | None = None
) -> httpx.Response:
    """Get a path of the account's server with its access token, or another, or none."""
    token = account.api.access_token if token is None else token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await account.api.client.request(method, f"{account.api.url}{path}", headers=headers)


def path_of(account: Account, format_: str = "CSV", query: str = "") -> str:
    """Return where an account's report is."""
    return f"/wallets/{account.wallet_id}/report.{format_.lower()}{query}"


class TestLink:
    """What requestReport answers."""

    @every_format
    async def test_leads_to_the_report(
        self, owner: Account, http: httpx.AsyncClient, format_: str
    ) -> None:
        """GET needs no header, and answers a report that adds up, with all its rows."""
        answer = await owner.api.request_report(owner.wallet_id, format_)

        response = await http.get(answer["report"]["url"])

        assert response.status_code == 200
        assert response.headers["content-type"] == FORMATS[format_]
        report = READERS[format_](response.content).check()
        assert (report.opening, report.closing) == (Decimal(0), Decimal("42.50"))
        assert len(report.lines) == answer["report"]["rowCount"]
        assert answer["report"]["format"] == format_

    async def test_is_on_record(self, owner: Account, observer: Observer) -> None:
        """It is an operation of the wallet, which says what was asked for."""
        async with observer.nothing_but(operations=1, entries=1):
            answer = await owner.api.request_report(owner.wallet_id, "JSON", kinds=["TOPUP"])

        done = answer["done"]
        assert (done["kind"], done["status"], done["amount"]["amount"]) == (
            "REPORT",
            "COMPLETED",
            "0.00",
        )
        assert done["metadata"] == {"format": "JSON", "where": {"kinds": ["TOPUP"]}}
        assert await owner.api.operation(done["id"]) == done
        assert answer["report"]["rowCount"] == 1
        expires_in = datetime.fromisoformat(answer["report"]["expiresAt"]) - datetime.now(UTC)
        assert 890 <= expires_in.total_seconds() <= 900

    async def test_headers(self, owner: Account, guests: Guests, http: httpx.AsyncClient) -> None:
        """A report is a file, which nobody keeps, guesses at or tells where it was found."""
        label = 'My "best" wal/let; é\r\nX: 1'
        opened = (await owner.api.open_wallet(label=label))["wallet"]
        url = (await owner.api.request_report(opened["id"]))["report"]["url"]

        headers = (await http.get(url)).headers

        today = f"{datetime.now(UTC):%Y-%m-%d}"
        assert headers["content-disposition"] == (
            f'attachment; filename="statement-My-best-wal-let-X-1-EUR-{today}-{today}.csv"'
        )
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "x" not in headers

    async def test_every_character_counts(self, owner: Account, http: httpx.AsyncClient) -> None:
        """Wherever it is altered, it leads nowhere, and does not tell what was wrong."""
        url = (await owner.api.request_report(owner.wallet_id))["report"]["url"]
        start = len(owner.api.url) + 1
        texts = set()

        for index in range(start, len(url)):
            other = "B" if url[index] != "B" else "C"
            response = await http.get(f"{url[:index]}{other}{url[index + 1 :]}")
            assert response.status_code == 404, index
            if index > url.index("?"):
                texts.add(response.text)

        for altered in (url[:-1], f"{url}A", f"{url}&x=1", f"{url}&token=", url.split("?")[0]):
            response = await http.get(altered)
            assert error_code(response) == "NOT_FOUND"
            texts.add(response.text)
        assert len(texts) == 1

    async def test_of_another_format(self, owner: Account, http: httpx.AsyncClient) -> None:
        """A link to CSV is none to JSON."""
        url = (await owner.api.request_report(owner.wallet_id))["report"]["url"]

        response = await http.get(url.replace("statement.csv", "statement.json"))

        assert (response.status_code, error_code(response)) == (404, "NOT_FOUND")

    async def test_on_another_process(
        self, owner: Account, start_server: StartServer, http: httpx.AsyncClient
    ) -> None:
        """Any process with the same key carries it out, to the same bytes."""
        url = (await owner.api.request_report(owner.wallet_id))["report"]["url"]
        other = start_server()
        stranger = start_server(SECRET_KEY="another-key-that-only-tests-know-0123456789")

        here = await http.get(url)
        there = await http.get(url.replace(owner.api.url, other.url))
        nowhere = await http.get(url.replace(owner.api.url, stranger.url))

        assert here.content == there.content
        assert (here.status_code, nowhere.status_code) == (200, 404)

    async def test_expires(
        self, owner: Account, start_server: StartServer, http: httpx.AsyncClient
    ) -> None:
        """When its time is over, it is like any other link that leads nowhere."""
        api = owner.api.at(start_server(REPORT_URL_TTL_S="1").url)
        report = (await api.request_report(owner.wallet_id))["report"]
        expires_at = datetime.fromisoformat(report["expiresAt"])

        await until(lambda: datetime.now(UTC) >= expires_at)

        assert error_code(await http.get(report["url"])) == "NOT_FOUND"

    async def test_knows_where_it_leads(self, owner: Account, start_server: StartServer) -> None:
        """It names the host that was asked, or PUBLIC_URL where there is one."""
        public = owner.api.at(start_server(PUBLIC_URL="https://pay.example.com/wallet/").url)

        asked = (await owner.api.request_report(owner.wallet_id))["report"]["url"]
        told = (await public.request_report(owner.wallet_id))["report"]["url"]

        assert asked.startswith(f"{owner.api.url}/reports/statement.csv?token=")
        assert told.startswith("https://pay.example.com/wallet/reports/statement.csv?token=")

    async def test_is_not_logged(self, site: Site) -> None:
        """A log is read by people who are not to read the report."""
        account = await site.guests.create()
        url = (await account.api.request_report(account.wallet_id))["report"]["url"]
        request_id = new_id().hex

        await site.api.client.get(url, headers={"X-Request-ID": request_id})

        line = await log_line(site.server, event="request", request_id=request_id)
        assert line["path"] == "/reports/statement.csv"
        token = urlsplit(url).query.removeprefix("token=")
        assert not [part for part in token.split(".") if part in read_log(site.server)]


class TestRequestReport:
    """What requestReport refuses."""

    @pytest.mark.parametrize("where", [{"kinds": ["TOPUP"]}, {"statuses": []}])
    async def test_xml_takes_a_period_alone(
        self, owner: Account, observer: Observer, where: dict[str, list[str]]
    ) -> None:
        """A bank's statement leaves nothing out."""
        async with observer.nothing_changes():
            answer = await owner.api.request_report(owner.wallet_id, "XML", **where)

        assert answer["__typename"] == "InvalidInput"
        assert answer["field"] == ["where", *where]

    async def test_xml_of_an_asset(self, start_server: StartServer, guests: Guests) -> None:
        """ISO 20022 has no place for an asset of one's own; the other formats have."""
        account = await guests.create()
        api = account.api.at(start_server(ASSETS="POINTS=0").url)
        wallet_id = (await api.open_wallet(currency="POINTS"))["wallet"]["id"]

        assert (await api.request_report(wallet_id, "XML"))["field"] == ["format"]
        assert (await api.request_report(wallet_id, "CSV"))["report"]["rowCount"] == 2

    async def test_too_often(self, start_server: StartServer, guests: Guests) -> None:
        """Thirty at once, and then one has to wait, both ways."""
        account = await guests.create()
        server = start_server(RATE_LIMITS="on")
        api = account.api.at(server.url)
        answers = [await api.request_report(account.wallet_id) for _ in range(31)]

        assert {answer["__typename"] for answer in answers[:30]} == {"RequestReportPayload"}
        assert answers[30]["__typename"] == "RateLimited"
        assert 1 <= answers[30]["retryAfterSeconds"] <= 60
        account.api = api
        response = await get(account, path_of(account))
        assert (response.status_code, error_code(response)) == (429, "RATE_LIMITED")
        assert 1 <= int(response.headers["retry-after"]) <= 60


class TestWithToken:
    """GET /wallets/{id}/report.{csv,json,xml}."""

    @every_format
    async def test_does_the_same(self, owner: Account, observer: Observer, format_: str) -> None:
        """It answers the report at once, and is on record."""
        async with observer.nothing_but(operations=1, entries=1):
            response = await get(owner, path_of(owner, format_))

        assert response.status_code == 200
        assert response.headers["content-type"] == FORMATS[format_]
        assert READERS[format_](response.content).check().closing == Decimal("42.50")

    async def test_filter(self, owner: Account) -> None:
        """It takes the filter of Wallet.operations."""
        query = "?kinds=TOPUP,TRANSFER&statuses=COMPLETED&from=2020-01-01T00:00:00Z"

        response = await get(owner, path_of(owner, "JSON", query))

        report = READERS["JSON"](response.content).check()
        assert report.kinds == ["TOPUP", "TRANSFER", "NOT_SHOWN"]

    @pytest.mark.parametrize(
        ("format_", "query", "field"),
        [
            ("CSV", "?from=yesterday", "from"),
            ("CSV", "?until=2026-01-01T00:00:00", "until"),
            ("CSV", "?from=2026-01-01T00:00:00+01:00", "from"),
            ("CSV", "?kinds=transfer", "kinds"),
            ("CSV", "?kinds=", "kinds"),
            ("CSV", "?statuses=DONE", "statuses"),
            ("CSV", "?kinds=TOPUP&kinds=TOPUP", "kinds"),
            ("CSV", "?form=2026-01-01T00:00:00Z", "form"),
            ("XML", "?kinds=TOPUP", "where"),
        ],
    )
    async def test_bad_parameters(
        self, owner: Account, observer: Observer, format_: str, query: str, field: str
    ) -> None:
        """What makes no sense is named, and nothing is on record."""
        async with observer.nothing_changes():
            response = await get(owner, path_of(owner, format_, query))

        assert (response.status_code, error_code(response)) == (400, "INVALID_INPUT")
        assert response.json()["errors"][0]["extensions"]["field"][0] == field

    async def test_offset(self, owner: Account) -> None:
        """An offset is taken where its + is written as a URL has it."""
        instant = quote("2020-01-01T00:00:00+01:00")

        assert (await get(owner, path_of(owner, "CSV", f"?from={instant}"))).status_code == 200

    async def test_of_nobodys_wallet(
        self, owner: Account, bob: Account, observer: Observer
    ) -> None:
        """Somebody else's wallet is, byte for byte, one that is not there."""
        nobodys = to_global_id("Wallet", new_id())
        async with observer.nothing_changes():
            answers = [
                await get(owner, f"/wallets/{wallet_id}/report.csv")
                for wallet_id in (bob.wallet_id, nobodys, owner.user_id, "x", "%00", "..%2F")
            ]
            answers.append(await get(owner, f"/wallets/{owner.wallet_id}/report.pdf"))

        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers[:5]}) == 1

    @pytest.mark.parametrize("token", ["", "nonsense"])
    async def test_of_nobody(self, owner: Account, observer: Observer, token: str) -> None:
        """Without a token that is good there is nothing to see, whosever wallet it is."""
        async with observer.nothing_changes():
            answers = [
                await get(owner, f"/wallets/{wallet_id}/report.csv", token=token)
                for wallet_id in (owner.wallet_id, to_global_id("Wallet", new_id()))
            ]

        assert [answer.status_code for answer in answers] == [401, 401]
        assert answers[0].headers["www-authenticate"] == "Bearer"
        assert error_code(answers[0]) == "UNAUTHENTICATED"
        assert answers[0].text == answers[1].text

    @pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
    async def test_only_by_get(self, owner: Account, observer: Observer, method: str) -> None:
        """Nothing but GET makes a report."""
        async with observer.nothing_changes():
            response = await get(owner, path_of(owner), method=method)

        assert (response.status_code, response.headers["allow"]) == (405, "GET")

    async def test_of_a_frozen_wallet(
        self, guests: Guests, observer: Observer, server: ApiServer
    ) -> None:
        """What no money may leave, its owner may still read."""
        account = await guests.create(balance="5.00")
        await observer.fetch(
            "UPDATE wallets SET status = 'FROZEN' WHERE id = $1",
            find_id("Wallet", account.wallet_id),
        )

        response = await get(account, path_of(account))

        assert READERS["CSV"](response.content).check().closing == Decimal("5.00")
