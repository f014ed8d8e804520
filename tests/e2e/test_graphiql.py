"""GraphiQL in a real browser, which may talk to the server and to nothing else."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from wallet.schema.graphiql.install import InstallError, install
from wallet.schema.graphiql.page import CONTENT_SECURITY_POLICY

SCREENSHOTS = Path(__file__).parent / "screenshots"

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]

# The editors draw only the lines in sight; their model has all of them.
READ_EDITOR = "selector => document.querySelector(selector).CodeMirror.getValue()"
WRITE_EDITOR = "([selector, text]) => document.querySelector(selector).CodeMirror.setValue(text)"
RESPONSE = ".graphiql-response .CodeMirror"
QUERY = ".graphiql-query-editor .CodeMirror"
VARIABLES = '[aria-label="Variables"] .graphiql-editor:not(.hidden) .CodeMirror'
HEADERS = '[aria-label="Headers"] .graphiql-editor:not(.hidden) .CodeMirror'

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`CSP: ${violatedDirective} ${blockedURI}`));
"""


class Server(Protocol):
    """What the fixture `server` gives."""

    @property
    def url(self) -> str: ...


@dataclass
class Visit:
    """One person at the page, and what went over the wire."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    async def open(self) -> None:
        """Open the page and wait until it has the schema."""
        async with self.page.expect_response(f"{self.url}/graphql") as introspection:
            await self.page.goto(f"{self.url}/graphql")
            await expect(self.page.locator(".graphiql-execute-button")).to_be_visible()
        await (await introspection.value).finished()

    async def open_tab(self, name: str) -> None:
        """Click on the tab called *name*."""
        await self.page.locator(".graphiql-tab-button", has_text=name).click()

    async def run(self) -> dict[str, Any]:
        """Click on the execute button and answer what the response pane then shows."""
        await self.page.locator(".graphiql-execute-button").click()
        await self.page.wait_for_function(
            "selector => document.querySelector(selector).CodeMirror.getValue() !== ''",
            arg=RESPONSE,
        )
        answer: dict[str, Any] = json.loads(await self.read(RESPONSE))
        return answer

    async def run_tab(self, name: str) -> dict[str, Any]:
        """Open the tab called *name*, run it, and answer its data."""
        await self.open_tab(name)
        answer = await self.run()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def write(self, editor: str, text: str) -> None:
        """Put *text* into *editor*."""
        await self.page.evaluate(WRITE_EDITOR, [editor, text])

    async def read(self, editor: str) -> str:
        """Answer what stands in *editor*."""
        text: str = await self.page.evaluate(READ_EDITOR, editor)
        return text

    async def photograph(self, name: str) -> None:
        """Keep a screenshot for people to look at."""
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    @property
    def tabs(self) -> Locator:
        """The tabs' titles."""
        return self.page.locator(".graphiql-tab-button")

    @property
    def bar(self) -> Locator:
        """The bar that says who is signed in."""
        return self.page.locator(".bar")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium, or a skip that says what is missing."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    try:
        install()
    except InstallError as error:
        pytest.skip(f"GraphiQL's assets could not be installed: {error}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(browser: Browser, server: Server) -> AsyncIterator[Visit]:
    """The page as a newcomer finds it; at the end nothing has gone wrong or elsewhere."""
    context = await browser.new_context(viewport={"width": 1360, "height": 850})
    visit = Visit(await context.new_page(), server.url)
    context.on("request", lambda sent: visit.requests.append(sent.url))
    context.on("weberror", lambda error: visit.problems.append(str(error.error)))
    context.on(
        "console",
        lambda line: (
            visit.problems.append(line.text) if line.type in ("error", "warning") else None
        ),
    )
    await context.add_init_script(REPORT_VIOLATIONS)
    await visit.open()
    yield visit
    await context.close()

    own = urlsplit(server.url).netloc
    elsewhere = [url for url in visit.requests if urlsplit(url).netloc not in (own, "")]
    assert elsewhere == []
    assert visit.problems == []


class TestPage:
    async def test_opens_with_the_tour(self, visit: Visit) -> None:
        """A newcomer finds the four tabs, the first one open with its variables, and the schema."""
        await expect(visit.page).to_have_title("Wallet")
        await expect(visit.tabs).to_have_text(["SignUp", "TopUp", "Transfer", "Statement"])
        assert "mutation SignUp(" in await visit.read(QUERY)
        assert json.loads(await visit.read(VARIABLES))["you"]["email"] == "{{newEmail}}"
        await expect(visit.bar).to_have_text("Wallet")

        await visit.page.get_by_label("Show Documentation Explorer").click()
        await expect(visit.page.get_by_role("link", name="Mutation", exact=True)).to_be_visible()
        await visit.page.get_by_label("Show GraphiQL Explorer").click()
        await expect(visit.page.locator(".graphiql-explorer-root")).to_contain_text("openWallet")
        await visit.page.get_by_label("Hide GraphiQL Explorer").click()
        await visit.photograph("opened")
        await visit.page.emulate_media(color_scheme="dark")
        await visit.photograph("opened-dark")

    async def test_loads_nothing_from_elsewhere(self, visit: Visit) -> None:
        """The browser itself is told to refuse what is not the server's own, and does."""
        response = await visit.page.request.get(
            f"{visit.url}/graphql", headers={"Accept": "text/html"}
        )
        assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY

        async with visit.page.expect_console_message(lambda line: "CSP: connect" in line.text):
            await visit.page.evaluate("fetch('http://127.0.0.2:9/').catch(() => {})")

        visit.problems.clear()

    async def test_returning_person_keeps_their_tabs(self, visit: Visit) -> None:
        """The tour is for newcomers: what somebody made of it is there the next time."""
        await visit.open_tab("Transfer")
        await visit.write(QUERY, "query Mine { viewer { email } }")
        await expect(visit.tabs).to_have_text(["SignUp", "TopUp", "Mine", "Statement"])
        await visit.page.wait_for_function(
            '() => Object.values(localStorage).some(value => value.includes(\'"title":"Mine"\'))'
        )

        await visit.open()

        await expect(visit.tabs).to_have_text(["SignUp", "TopUp", "Mine", "Statement"])
        assert await visit.read(QUERY) == "query Mine { viewer { email } }"


class TestTour:
    async def test_moves_money(self, visit: Visit) -> None:
        """Sign up, top up, transfer, read the statement: four clicks, exact to the cent."""
        people = await visit.run_tab("SignUp")
        await expect(visit.bar).to_contain_text(f"Signed in as {people['you']['user']['email']}")
        await visit.photograph("signed-up")

        top_up = (await visit.run_tab("TopUp"))["topup"]
        assert top_up["operation"]["status"] == "COMPLETED"
        assert top_up["wallet"]["balance"] == {"amount": "100.00", "currency": "EUR"}
        await visit.photograph("topped-up")

        transfer = (await visit.run_tab("Transfer"))["transfer"]
        assert transfer["operation"]["target"]["walletId"] == people["friend"]["wallet"]["id"]
        assert transfer["wallet"]["balance"] == {"amount": "87.50", "currency": "EUR"}
        await visit.photograph("transferred")

        viewer = (await visit.run_tab("Statement"))["viewer"]
        assert viewer["email"] == people["you"]["user"]["email"]
        (wallet,) = [edge["node"] for edge in viewer["wallets"]["edges"]]
        assert wallet["id"] == people["you"]["wallet"]["id"]
        assert wallet["balance"]["amount"] == "87.50"
        lines = wallet["operations"]["edges"]
        assert [
            (line["node"]["kind"], line["amount"]["amount"], line["balanceAfter"]["amount"])
            for line in lines[:2]
        ] == [("TRANSFER", "-12.50", "87.50"), ("TOPUP", "100.00", "100.00")]
        assert {line["amount"]["amount"] for line in lines[2:]} <= {"0.00"}
        assert [line["sequence"] for line in lines] == list(range(len(lines), 0, -1))
        assert wallet["operations"]["totalCount"] == len(lines)
        await visit.photograph("statement")

    async def test_friend_logs_in_and_has_the_money(self, visit: Visit) -> None:
        """A login in any tab signs the page in as somebody else, who sees the other side."""
        people = await visit.run_tab("SignUp")
        await visit.run_tab("TopUp")
        await visit.run_tab("Transfer")
        await visit.open_tab("SignUp")
        password = json.loads(await visit.read(VARIABLES))["friend"]["password"]
        await visit.page.locator(".graphiql-tab-add").click()
        email = people["friend"]["user"]["email"]
        await visit.write(
            QUERY,
            f'mutation {{ login(input: {{ email: "{email}", password: "{password}" }}) '
            "{ ... on LoginPayload { session { accessToken refreshToken } } } }",
        )

        await visit.run()

        await expect(visit.bar).to_contain_text(f"Signed in as {email}")
        viewer = (await visit.run_tab("Statement"))["viewer"]
        assert viewer["wallets"]["edges"][0]["node"]["balance"]["amount"] == "12.50"

    async def test_same_key_moves_money_once(self, visit: Visit) -> None:
        """What the tour says about retries holds: one key, two runs, one top-up."""
        await visit.run_tab("SignUp")
        await visit.open_tab("TopUp")
        variables = await visit.read(VARIABLES)
        await visit.write(VARIABLES, variables.replace("{{newKey}}", "my own key"))

        answers = [(await visit.run())["data"]["topup"] for _ in range(2)]

        assert [answer["replayed"] for answer in answers] == [False, True]
        assert {answer["wallet"]["balance"]["amount"] for answer in answers} == {"100.00"}

    async def test_tells_what_to_do_first(self, visit: Visit) -> None:
        """A placeholder that is not known yet is a sentence in the response pane, not a request."""
        await visit.open_tab("TopUp")
        sent = len(visit.requests)

        answer = await visit.run()

        assert re.match(r"{{walletId}} is not known yet: sign up", answer["errors"][0]["message"])
        assert len(visit.requests) == sent


class TestSession:
    async def test_sign_out(self, visit: Visit) -> None:
        """Signing out ends the session on the server, and the page forgets it."""
        await visit.run_tab("SignUp")
        token = await visit.page.evaluate(
            "JSON.parse(sessionStorage['wallet-graphiql:session']).accessToken"
        )

        await visit.page.get_by_role("button", name="Sign out").click()

        await expect(visit.bar).to_have_text("Wallet")
        assert token not in await visit.page.evaluate("JSON.stringify(sessionStorage)")
        assert (await visit.run_tab("Statement"))["viewer"] is None

    async def test_survives_a_reload_and_an_expired_token(self, visit: Visit) -> None:
        """An access token that the server no longer takes is renewed unseen."""
        people = await visit.run_tab("SignUp")
        await visit.page.evaluate(
            """() => {
              const key = "wallet-graphiql:session";
              const known = JSON.parse(sessionStorage[key]);
              sessionStorage[key] = JSON.stringify({ ...known, accessToken: "not.a.token" });
            }"""
        )

        await visit.open()

        await expect(visit.bar).to_contain_text(people["you"]["user"]["email"])
        viewer = (await visit.run_tab("Statement"))["viewer"]
        assert viewer["email"] == people["you"]["user"]["email"]

    async def test_own_header_goes_first(self, visit: Visit) -> None:
        """An Authorization header typed by hand is sent as it is, and kept nowhere."""
        people = await visit.run_tab("SignUp")
        await visit.open_tab("Statement")
        await visit.page.get_by_role("button", name="Headers").click()
        await visit.write(HEADERS, '{ "authorization": "Bearer not.a.token" }')

        answer = await visit.run()

        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        kept = await visit.page.evaluate("JSON.stringify(localStorage)")
        assert "query Statement" in kept
        assert "not.a.token" not in kept
        await expect(visit.bar).to_contain_text(people["you"]["user"]["email"])
