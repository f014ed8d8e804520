"""Sessions whose refresh token a browser keeps, and no script can read."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import StartServer
from tests.e2e.test_accounts import is_signed_in
from tests.support.api import LOGIN, LOGOUT, PASSWORD, REFRESH, SIGNUP, Account, Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from wallet.schema.cookies import DEVICE_COOKIE, REFRESH_COOKIE

NOTHING: dict[str, Any] = {"refreshToken": ""}
APP = "https://app.example.com"


class Page:
    """A page in a browser: what it sends, and the cookies that its browser keeps for it."""

    def __init__(self, api: Api, *, origin: str | None = None) -> None:
        self.api = api
        self.cookies: dict[str, str] = {}
        self.headers = {"X-Session-Transport": "cookie", "Origin": origin or api.url}

    async def send(self, document: str, **input_: Any) -> httpx.Response:
        """Send a mutation with the browser's cookies, and keep those of the answer."""
        headers = dict(self.headers)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        if self.api.access_token:
            headers["Authorization"] = f"Bearer {self.api.access_token}"
        response = await self.api.client.post(
            f"{self.api.url}/graphql",
            json={"query": document, "variables": {"input": input_}},
            headers=headers,
        )
        self.api.client.cookies.clear()
        for name, morsel in cookies_of(response).items():
            self.cookies[name] = morsel.value
            if morsel["max-age"] == "0":
                del self.cookies[name]
        return response

    async def run(self, document: str, **input_: Any) -> Any:
        """Send a mutation; return its answer."""
        (answer,) = (await self.send(document, **input_)).json()["data"].values()
        return answer

    async def login(self, account: Account) -> Any:
        """Sign in; return the session as the page sees it."""
        return (await self.run(LOGIN, email=account.email, password=PASSWORD))["session"]


def cookies_of(response: httpx.Response) -> dict[str, "Morsel[str]"]:
    """Read the cookies that an answer sets."""
    found: SimpleCookie = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        found.load(header)
    return dict(found)


@pytest.fixture
def page(api: Api) -> Page:
    """A page of the server's own origin."""
    return Page(api)


class TestLogin:
    """Signing in from a page."""

    @pytest.mark.parametrize("document", [LOGIN, SIGNUP], ids=["login", "signup"])
    async def test_keeps_the_tokens_from_the_page(
        self, document: str, page: Page, ada: Account
    ) -> None:
        """The refresh token and the device's are in cookies alone, for us and nobody else."""
        more = {"email": f"x{ada.email}", "currency": "EUR"} if document is SIGNUP else {}

        response = await page.send(document, **{"email": ada.email, "password": PASSWORD, **more})

        (answer,) = response.json()["data"].values()
        assert (answer["session"]["refreshToken"], answer["deviceToken"]) == ("", "")
        assert await is_signed_in(page.api, answer["session"])
        cookies = cookies_of(response)
        assert cookies.keys() == {REFRESH_COOKIE, DEVICE_COOKIE}
        for cookie in cookies.values():
            assert cookie.value not in response.text
            assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (
                *(True, True, "Strict"),
            )
            assert (cookie["path"], cookie["domain"]) == ("/", "")
        assert cookies[REFRESH_COOKIE]["max-age"] == str(30 * 24 * 60 * 60)

    async def test_sets_none_unasked(self, api: Api, ada: Account) -> None:
        """Who does not ask for cookies gets none."""
        body = {"query": LOGIN, "variables": {"input": {"email": ada.email, "password": PASSWORD}}}

        response = await api.send(body)

        assert "set-cookie" not in response.headers
        assert response.json()["data"]["login"]["session"]["refreshToken"]


class TestRefreshSession:
    """Mutation.refreshSession with a cookie."""

    async def test_takes_the_cookie(self, page: Page, ada: Account) -> None:
        """A page that was loaded again goes on with what its browser has kept."""
        await page.login(ada)
        first = page.cookies[REFRESH_COOKIE]

        answer = await page.run(REFRESH, **NOTHING)

        assert answer["session"]["refreshToken"] == ""
        assert await is_signed_in(page.api, answer["session"])
        assert page.cookies[REFRESH_COOKIE] != first
        again = await page.run(REFRESH, **NOTHING)
        assert again["__typename"] == "RefreshSessionPayload"

    async def test_reuse_ends_the_session(self, page: Page, ada: Account) -> None:
        """As it does with a token in the body; and the browser forgets the cookie."""
        await page.login(ada)
        used = page.cookies[REFRESH_COOKIE]
        answer = await page.run(REFRESH, **NOTHING)
        newest = page.cookies[REFRESH_COOKIE]

        page.cookies[REFRESH_COOKIE] = used
        reused = await page.run(REFRESH, **NOTHING)

        assert reused["__typename"] == "SessionExpired"
        assert REFRESH_COOKIE not in page.cookies
        assert not await is_signed_in(page.api, answer["session"])
        page.cookies[REFRESH_COOKIE] = newest
        assert (await page.run(REFRESH, **NOTHING))["__typename"] == "SessionExpired"

    async def test_takes_a_token_into_a_cookie(self, page: Page, guests: Guests) -> None:
        """A page that has kept its token itself may change over."""
        cleo = await guests.create()

        answer = await page.run(REFRESH, refreshToken=cleo.refresh_token)

        assert answer["session"]["refreshToken"] == ""
        assert page.cookies.keys() == {REFRESH_COOKIE}

    async def test_without_the_header(self, page: Page, ada: Account, observer: Observer) -> None:
        """What a form could send does not use the cookie."""
        await page.login(ada)
        del page.headers["X-Session-Transport"]

        async with observer.nothing_changes():
            response = await page.send(REFRESH, **NOTHING)

        assert refused(response) == ("SessionExpired", None)

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "null",
            "",
            "http://127.0.0.1",
            "http://[",
            "{url}.evil.example",
            "http://evil.example/{url}",
            APP,
            "*",
        ],
    )
    async def test_from_elsewhere(
        self, origin: str, page: Page, ada: Account, observer: Observer
    ) -> None:
        """A page of another origin gets no cookie and uses none; nothing happens."""
        await page.login(ada)
        page.headers["Origin"] = origin.format(url=page.api.url)
        if not origin:
            del page.headers["Origin"]

        async with observer.nothing_changes():
            responses = [
                await page.send(REFRESH, **NOTHING),
                await page.send(LOGIN, email=ada.email, password=PASSWORD),
            ]

        assert [error_code(response) for response in responses] == ["BAD_USER_INPUT"] * 2
        assert not any("set-cookie" in response.headers for response in responses)

    async def test_from_an_origin_of_ours(
        self, api: Api, ada: Account, start_server: StartServer
    ) -> None:
        """CORS_ORIGINS names the pages that may; the browser is told so when it asks first."""
        page = Page(api.at(start_server(CORS_ORIGINS=APP).url), origin=APP)

        await page.login(ada)
        answer = await page.run(REFRESH, **NOTHING)
        preflight = await api.client.options(
            f"{page.api.url}/graphql",
            headers={
                "Origin": APP,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-session-transport",
            },
        )

        assert answer["__typename"] == "RefreshSessionPayload"
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-credentials"] == "true"


class TestLogout:
    """Mutation.logout of a page."""

    async def test_forgets_the_cookie(self, page: Page, ada: Account) -> None:
        """The session ends; the device stays known, for the next login."""
        session = await page.login(ada)
        kept = page.cookies[REFRESH_COOKIE]
        page.api = page.api.signed_in(session["accessToken"])

        answer = await page.run(LOGOUT)

        assert answer["sessionsEnded"] == 1
        assert page.cookies.keys() == {DEVICE_COOKIE}
        page.cookies[REFRESH_COOKIE] = kept
        page.api = page.api.signed_in(None)
        assert (await page.run(REFRESH, **NOTHING))["__typename"] == "SessionExpired"
