"""A machine makes up operations from the schema: each is answered, and no money is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from random import Random, randrange
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import build_schema

from tests.support.api import Api
from tests.support.commands import run_wallet
from tests.support.conformity import assert_conforms
from tests.support.due import assert_books_hold
from tests.support.examples import SCHEMA_FILE, Case, Example, fill, make_cases
from tests.support.fuzzing import Findings, as_curl, sized
from tests.support.guests import Guests
from tests.support.logs import loud_lines, read_log
from tests.support.observer import Observer
from tests.support.players import Cast, Choice
from tests.support.rates import store_rates
from tests.support.refusals import assert_says_nothing_inner
from tests.support.servers import ApiServer, Databases
from wallet.development import RedisServer

SHORT = 400
SIZE = sized(short=SHORT, long=6_000)
SEED = 1 if SIZE.derandomize else randrange(10**9)

_WHO = ("olga", "olga", "olga", "ada", "ada", "ada", "service", "nobody")

_FRESH_EVERY = 150
"""After so many examples there is something new to freeze, capture, cancel and reverse."""


class Play:
    """
    Sends examples in somebody's name, and looks at each answer.

    Attributes:
        answered: How many examples of a field were answered with data.
        outcomes: How many examples had which outcome: a type, a code, data or null.
    """

    def __init__(self, server: ApiServer, cast: Cast, client: httpx.Client) -> None:
        self.findings = Findings()
        self.sent = 0
        self.answered: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._server = server
        self._cast = cast
        self._client = client
        self._chance = Random(SEED)
        self._schema = build_schema(Path(SCHEMA_FILE).read_text())
        self._loop = asyncio.get_running_loop()

    def send_all(self, cases: list[Case]) -> None:
        """Send examples one after the other, in any order; not from the event loop's thread."""
        self._chance.shuffle(cases)
        for case in cases:
            self._send(case)
            if self.sent % _FRESH_EVERY == 0:
                for person in (self._cast.ada, self._cast.olga):
                    self._wait(self._cast.sign_in_anew(person))
                    self._wait(self._cast.do_something_of_everything(person))

    def _send(self, case: Case) -> None:
        who = self._chance.choice(_WHO)
        person = self._cast.person(who)
        own = self._cast.own[person.user_id if person else ""]
        example = fill(
            self._schema,
            case,
            Choice(self._chance, self._cast.known, own),
            with_variables=self._chance.random() < 0.5,
        )
        answer = self._ask(who, example)
        if person is not None and "UNAUTHENTICATED" in _codes(answer):
            # Another example has ended the session.
            self._wait(self._cast.sign_in_anew(person))
            answer = self._ask(who, example)
        self.sent += 1
        self.outcomes[_outcome(answer)] += 1
        self.answered[example.field] += answer.get("data") is not None
        self._cast.known.learn(answer)

    def _ask(self, who: str, example: Example) -> dict[str, Any]:
        """Return the answer to an example; note what is wrong with it."""
        token = self._cast.token(who)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = self._client.post("/graphql", json=example.body, headers=headers)
            return self._check(example, response)
        except (AssertionError, LookupError, ValueError, httpx.HTTPError) as error:
            replay = as_curl(f"{self._server.url}/graphql", example.body, headers)
            self.findings.add(f"{who}: {error!r}", replay)
            return {}

    def _check(self, example: Example, response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, f"{response.status_code}: {response.text}"
        assert response.headers["content-type"].startswith("application/json")
        assert_says_nothing_inner(response.text)
        answer: dict[str, Any] = response.json()
        assert {"data", "errors"} & answer.keys(), answer
        assert "INTERNAL" not in _codes(answer), answer
        if answer.get("data") is not None:
            assert_conforms(self._schema, example.document, answer["data"])
        return answer

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def share(self, ending: str) -> float:
        """Return the share of examples whose outcome ends so."""
        return sum(n for kind, n in self.outcomes.items() if kind.endswith(ending)) / self.sent


def _codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def _outcome(answer: dict[str, Any]) -> str:
    """Say in a word what an answer is."""
    values = [*(answer.get("data") or {}).values()]
    if not values:
        return (_codes(answer) or ["wrong"])[0]
    if values[0] is None:
        return "null"
    return str(values[0].get("__typename", "data")) if isinstance(values[0], dict) else "data"


@pytest_asyncio.fixture
async def database(databases: Databases) -> AsyncIterator[Observer]:
    """A database of the test's own, with rates."""
    url = await databases.create()
    await store_rates(url)
    async with Observer.of(url) as observer:
        yield observer


@pytest.fixture
def production(database: Observer, redis: RedisServer, tmp_path: Path) -> Iterator[ApiServer]:
    """A server whose log is read by programs, and where people fund themselves."""
    with ApiServer(
        database_url=database.url,
        redis_url=redis.url,
        log=tmp_path / "log",
        environment={
            "ENVIRONMENT": "production",
            "FUNDING": "owner",
            "MAX_WALLETS_PER_USER": "1000",
        },
    ) as server:
        yield server


@pytest_asyncio.fixture
async def play(
    production: ApiServer, database: Observer, http: httpx.AsyncClient
) -> AsyncIterator[Play]:
    """People with a bit of everything, on a server of their own."""
    cast = await Cast.of(Guests(Api(production.url, client=http), database))
    with httpx.Client(base_url=production.url, timeout=30) as client:
        yield Play(production, cast, client)


class TestSchema:
    """Every field of Query and Mutation."""

    @pytest.mark.timeout(3_600 if SIZE.max_examples > SHORT else 240)
    async def test_is_answered(self, play: Play, production: ApiServer, database: Observer) -> None:
        """Whatever is asked of it, the answer has the promised shape, and the books hold."""
        cases = await asyncio.to_thread(make_cases, SIZE)

        await asyncio.to_thread(play.send_all, cases)

        print(f"{play.sent} examples: {dict(play.outcomes.most_common())}")
        play.findings.assert_none()
        assert production.is_running()
        assert "Traceback" not in read_log(production)
        assert loud_lines(production) == []
        await assert_books_hold(database)
        verified = await run_wallet("verify", DATABASE_URL=database.url)
        assert verified.exit_code == 0, verified
        # A machine that never gets further than the door has tried nothing.
        assert sum(play.answered.values()) > play.sent / 2
        assert play.share("Payload") > 0.08
        assert {case.operation.label for case in cases} == set(+play.answered)
