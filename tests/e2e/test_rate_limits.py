"""RATE_LIMITS=on: how often one may sign up and log in, and what one may ask for."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import redis.asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import LOGIN, PASSWORD, SIGNUP, Account, Api
from tests.support.cast import make_key
from tests.support.guests import Guests
from tests.support.logs import read_log
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from tests.support.servers import ApiServer
from wallet.core.errors import RateLimitedError
from wallet.development import RedisServer
from wallet.development.ports import find_free_port
from wallet.schema.reading import COST_PER_TOKEN
from wallet.services.rate_limits import (
    DEVICES_BY_ADDRESS,
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    LOGIN_BY_ALL_DEVICES,
    LOGIN_BY_DEVICE,
    SIGNUP_BY_ACCOUNT,
    SIGNUP_BY_ADDRESS,
    Bucket,
    RateLimiter,
)
from wallet.services.redis import connect

NO_REQUESTS: tuple[tuple[int, str, dict[str, str], bytes], ...] = (
    (404, "GET", {"Accept": "text/html"}, b""),
    (406, "POST", {"Accept": "image/png"}, b"{}"),
    (413, "POST", {}, b" " * 1_025),
    (415, "POST", {"Content-Type": "text/plain"}, b"{}"),
    (400, "GET", {"Accept": "application/json"}, b""),
    (405, "PUT", {}, b"{}"),
)
"""Requests that are none of GraphQL's: their status, method, headers and body."""

HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture(scope="module")
def limits_url(redis: RedisServer) -> str:
    """A database of Redis in which nobody else counts."""
    return redis.url.rpartition("/")[0] + "/7"


@pytest.fixture(scope="module")
def limited(
    database_url: str, limits_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A server with limits, behind a balancer that it trusts to say where requests come from."""
    with ApiServer(
        database_url=database_url,
        redis_url=limits_url,
        log=tmp_path_factory.mktemp("limited") / "log",
        environment={"RATE_LIMITS": "on", "TRUSTED_PROXIES": "127.0.0.1"},
    ) as server:
        yield server


class Door:
    """Sends signups and logins from an address of one's choice, through full buckets."""

    def __init__(self, server: ApiServer, http: httpx.AsyncClient, limiter: RateLimiter) -> None:
        self._url = server.url
        self._http = http
        self._limiter = limiter

    async def send(self, document: str, *, address: str, **input_: str) -> httpx.Response:
        """Send a mutation from *address*."""
        return await self._http.post(
            f"{self._url}/graphql",
            json={"query": document, "variables": {"input": input_}},
            headers={"X-Forwarded-For": address},
        )

    async def login(self, email: str, *, address: str, password: str = PASSWORD) -> httpx.Response:
        """Log in from *address*."""
        return await self.send(LOGIN, address=address, email=email, password=password)

    async def signup(self, email: str, *, address: str) -> httpx.Response:
        """Sign up from *address*."""
        return await self.send(
            SIGNUP, address=address, email=email, password=PASSWORD, currency="EUR"
        )

    async def empty(self, bucket: Bucket, subject: str, *, but: int) -> None:
        """Take all tokens but the last few, as so many attempts would have."""
        for _ in range(bucket.capacity - but):
            await self._limiter.take((bucket, subject))


@pytest_asyncio.fixture
async def door(limited: ApiServer, limits_url: str, http: httpx.AsyncClient) -> AsyncIterator[Door]:
    """The way in to the limited server, with all buckets full."""
    client = connect(limits_url)
    await client.flushdb()
    yield Door(limited, http, RateLimiter(client, enabled=True))
    await client.aclose()


def kind_of(response: httpx.Response) -> str:
    """Return the type of a mutation's answer."""
    (answer,) = response.json()["data"].values()
    return str(answer["__typename"])


def assert_limited(response: httpx.Response, bucket: Bucket) -> None:
    """Assert that a request was refused, and told when a token of *bucket* will be there."""
    assert refused(response) == ("RateLimited", None)
    (answer,) = response.json()["data"].values()
    assert answer["retryable"] is True
    assert 1 <= answer["retryAfterSeconds"] <= bucket.refill_s


class TestLogin:
    """Mutation.login under limits."""

    async def test_by_account(self, door: Door, ada: Account, observer: Observer) -> None:
        """Who guesses one account's password is stopped, from wherever, with the right one too."""
        await door.empty(LOGIN_BY_ACCOUNT, ada.email, but=1)
        assert kind_of(await door.login(ada.email, address=HERE, password="guess")) == (
            "InvalidCredentials"
        )

        async with observer.nothing_changes():
            refusals = [
                await door.login(email, address=address, password=password)
                for email in (ada.email, ada.email.upper())
                for address in (HERE, ELSEWHERE)
                for password in ("guess", PASSWORD)
            ]

        for refusal in refusals:
            assert_limited(refusal, LOGIN_BY_ACCOUNT)
        other = await door.login(f"{uuid4().hex}@example.com", address=HERE)
        assert kind_of(other) == "InvalidCredentials"

    async def test_by_address(self, door: Door, ada: Account, observer: Observer) -> None:
        """Who tries many accounts from one address is stopped; the accounts are not."""
        await door.empty(LOGIN_BY_ADDRESS, HERE, but=1)
        first = await door.login(f"{uuid4().hex}@example.com", address=HERE)
        assert kind_of(first) == "InvalidCredentials"
        # The bucket refills while the password is hashed.
        await self.empty_for_good(door)

        async with observer.nothing_changes():
            refusal = await door.login(ada.email, address=HERE)

        assert_limited(refusal, LOGIN_BY_ADDRESS)
        assert kind_of(await door.login(ada.email, address=ELSEWHERE)) == "LoginPayload"

    @staticmethod
    async def empty_for_good(door: Door) -> None:
        """Take what tokens there are."""
        with pytest.raises(RateLimitedError):
            await door.empty(LOGIN_BY_ADDRESS, HERE, but=0)


class TestDevices:
    """Mutation.login of somebody whose password is being guessed."""

    @staticmethod
    async def token_of(door: Door, email: str, *, address: str) -> str:
        """Sign up on a device; return the token that the device is given."""
        response = await door.signup(email, address=address)
        return str(response.json()["data"]["signup"]["deviceToken"])

    async def test_owner_gets_in(self, door: Door, observer: Observer) -> None:
        """A thousand guesses from everywhere are slowed down; a device of the owner's is not."""
        email = f"{uuid4().hex}@example.com"
        token = await self.token_of(door, email, address=HERE)
        addresses = [f"198.51.{high}.{low}" for high in range(100, 104) for low in range(250)]

        async with observer.nothing_changes():
            kinds = [
                kind_of(await door.login(email, address=address, password="guess"))
                for address in addresses
            ]

        # The bucket refills while passwords are hashed, and others use this machine.
        assert kinds.count("InvalidCredentials") <= LOGIN_BY_ACCOUNT.capacity + 4
        assert kinds.count("RateLimited") >= 980
        stranger = await door.login(email, address=ELSEWHERE)
        assert_limited(stranger, LOGIN_BY_ACCOUNT)
        # From whatever address, be it one that has guessed.
        for address in (HERE, addresses[0]):
            owner = await door.send(
                LOGIN, address=address, email=email, password=PASSWORD, deviceToken=token
            )
            assert kind_of(owner) == "LoginPayload"
            token = owner.json()["data"]["login"]["deviceToken"]

    async def test_device_is_limited_too(self, door: Door, observer: Observer) -> None:
        """Whoever has stolen one guesses no quicker, and slows nobody else down."""
        email = f"{uuid4().hex}@example.com"
        token = await self.token_of(door, email, address=HERE)
        await door.empty(LOGIN_BY_DEVICE, token.partition(".")[0], but=0)

        async with observer.nothing_changes():
            refusal = await door.send(
                LOGIN, address=HERE, email=email, password=PASSWORD, deviceToken=token
            )

        assert_limited(refusal, LOGIN_BY_DEVICE)
        assert kind_of(await door.login(email, address=ELSEWHERE)) == "LoginPayload"

    async def test_stays_the_same_device(self, door: Door) -> None:
        """However often it signs in, it is one device, and is counted as one."""
        email = f"{uuid4().hex}@example.com"
        first = await self.token_of(door, email, address=HERE)

        answer = await self.login(door, email, token=first)

        again = str(answer.json()["data"]["login"]["deviceToken"])
        assert again.partition(".")[0] == first.partition(".")[0]
        # The login has taken one as well.
        await door.empty(LOGIN_BY_DEVICE, again.partition(".")[0], but=1)
        assert_limited(await self.login(door, email, token=first), LOGIN_BY_DEVICE)

    async def test_all_devices_are_limited(self, door: Door, observer: Observer) -> None:
        """Whoever has many of one account's guesses no quicker than with a few."""
        email = f"{uuid4().hex}@example.com"
        token = await self.token_of(door, email, address=HERE)
        await door.empty(LOGIN_BY_ALL_DEVICES, email, but=0)

        async with observer.nothing_changes():
            refusal = await self.login(door, email, token=token)

        assert_limited(refusal, LOGIN_BY_ALL_DEVICES)
        assert kind_of(await door.login(email, address=ELSEWHERE)) == "LoginPayload"

    async def test_one_device_leaves_the_others_enough(self, door: Door) -> None:
        """What its own bucket refuses it takes from nobody else's."""
        email = f"{uuid4().hex}@example.com"
        tokens = [
            await self.token_of(door, email, address=HERE),
            (await door.login(email, address=HERE)).json()["data"]["login"]["deviceToken"],
        ]
        for _ in range(LOGIN_BY_ALL_DEVICES.capacity):
            await self.login(door, email, token=tokens[0], password="guess")

        refusal, other = [await self.login(door, email, token=token) for token in tokens]

        assert_limited(refusal, LOGIN_BY_DEVICE)
        assert kind_of(other) == "LoginPayload"

    async def test_of_many_accounts(self, door: Door, observer: Observer) -> None:
        """Whoever has tokens of many accounts is stopped at their address."""
        email = f"{uuid4().hex}@example.com"
        token = await self.token_of(door, email, address=HERE)
        await door.empty(DEVICES_BY_ADDRESS, HERE, but=0)
        # It refills meanwhile.
        with pytest.raises(RateLimitedError):
            await door.empty(DEVICES_BY_ADDRESS, HERE, but=0)

        async with observer.nothing_changes():
            refusal = await self.login(door, email, token=token)

        assert_limited(refusal, DEVICES_BY_ADDRESS)
        elsewhere = await self.login(door, email, token=token, address=ELSEWHERE)
        assert kind_of(elsewhere) == "LoginPayload"

    async def test_strangers_at_the_same_address(self, door: Door) -> None:
        """Who guesses beside the owner, on one network, does not keep the owner out."""
        email = f"{uuid4().hex}@example.com"
        token = await self.token_of(door, email, address=HERE)
        for bucket, subject in ((LOGIN_BY_ADDRESS, HERE), (LOGIN_BY_ACCOUNT, email)):
            await door.empty(bucket, subject, but=0)

        assert kind_of(await self.login(door, email, token=token)) == "LoginPayload"

    @staticmethod
    async def login(
        door: Door, email: str, *, token: str, address: str = HERE, password: str = PASSWORD
    ) -> httpx.Response:
        """Log in on a device."""
        return await door.send(
            LOGIN, address=address, email=email, password=password, deviceToken=token
        )

    async def test_of_another_account(self, door: Door, ada: Account) -> None:
        """A token is good for the account that it was given for, and junk for none."""
        theirs = await self.token_of(door, f"{uuid4().hex}@example.com", address=HERE)
        await door.empty(LOGIN_BY_ACCOUNT, ada.email, but=0)

        for token in (theirs, theirs.partition(".")[0] + ".", "", "x" * 10_000, "\ud800.é"):
            refusal = await door.send(
                LOGIN,
                address=ELSEWHERE,
                email=ada.email,
                password=PASSWORD,
                deviceToken=token.encode("utf-8", "replace").decode(),
            )
            assert_limited(refusal, LOGIN_BY_ACCOUNT)


class TestSignup:
    """Mutation.signup under limits."""

    async def test_by_account(self, door: Door, observer: Observer) -> None:
        """Who signs up with one address again and again is stopped."""
        email = f"{uuid4().hex}@example.com"
        await door.empty(SIGNUP_BY_ACCOUNT, email, but=2)
        kinds = [kind_of(await door.signup(email, address=HERE)) for _ in "12"]
        assert kinds == ["SignupPayload", "EmailTaken"]

        async with observer.nothing_changes():
            refusal = await door.signup(email.upper(), address=ELSEWHERE)

        assert_limited(refusal, SIGNUP_BY_ACCOUNT)

    async def test_by_address(self, door: Door, observer: Observer) -> None:
        """Who makes accounts in numbers is stopped; others are not."""
        await door.empty(SIGNUP_BY_ADDRESS, HERE, but=1)
        first = await door.signup(f"{uuid4().hex}@example.com", address=HERE)
        assert kind_of(first) == "SignupPayload"

        async with observer.nothing_changes():
            refusal = await door.signup(f"{uuid4().hex}@example.com", address=HERE)

        assert_limited(refusal, SIGNUP_BY_ADDRESS)
        other = await door.signup(f"{uuid4().hex}@example.com", address=ELSEWHERE)
        assert kind_of(other) == "SignupPayload"

    async def test_bad_input_costs_no_token(self, door: Door) -> None:
        """Typing errors do not count."""
        await door.empty(SIGNUP_BY_ADDRESS, HERE, but=1)

        kinds = [kind_of(await door.signup("no address", address=HERE)) for _ in "12"]

        assert kinds == ["InvalidInput"] * 2


class TestBuckets:
    """What the limits leave in Redis."""

    async def test_say_nobodys_name(self, door: Door, limits_url: str) -> None:
        """Neither an e-mail address nor an IP address is readable in Redis; all of it expires."""
        email = f"{uuid4().hex}@example.com"
        await door.login(email, address=HERE)

        client: Any = redis.asyncio.Redis.from_url(limits_url)
        try:
            keys = [key.decode() for key in await client.keys("*")]
            expiries = [await client.pttl(key) for key in keys]
        finally:
            await client.aclose()

        assert {"login-account", "login-address"} <= {key.split(":")[2] for key in keys}
        assert not [key for key in keys if email in key or HERE in key]
        assert min(expiries) > 0


class TestForwardedFor:
    """Where a request comes from."""

    async def test_is_not_believed_from_anybody(
        self, start_server: StartServer, limits_url: str, http: httpx.AsyncClient, door: Door
    ) -> None:
        """Without a trusted proxy in front, a client cannot choose its address."""
        server = start_server(redis_url=limits_url, RATE_LIMITS="on")
        await door.empty(SIGNUP_BY_ADDRESS, "127.0.0.1", but=0)
        input_ = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "currency": "EUR"}

        response = await http.post(
            f"{server.url}/graphql",
            json={"query": SIGNUP, "variables": {"input": input_}},
            headers={"X-Forwarded-For": HERE, "X-Real-IP": HERE, "Forwarded": f"for={HERE}"},
        )

        assert_limited(response, SIGNUP_BY_ADDRESS)


class TestRequests:
    """What requests cost, whatever they ask for."""

    QUERY = "{ viewer { id } }"

    @pytest.fixture
    def tight(self, start_server: StartServer, limits_url: str) -> ApiServer:
        """A server on which one user may spend 100 a minute, and one address 500."""
        return start_server(
            redis_url=limits_url,
            RATE_LIMITS="on",
            TRUSTED_PROXIES="127.0.0.1",
            USER_COST_PER_MINUTE="100",
            ADDRESS_COST_PER_MINUTE="500",
        )

    async def ask(
        self, server: ApiServer, account: Account | Api, http: httpx.AsyncClient, *, address: str
    ) -> httpx.Response:
        """Send a query from an address."""
        api = account.api if isinstance(account, Account) else account
        headers = {"X-Forwarded-For": address}
        if api.access_token is not None:
            headers["Authorization"] = f"Bearer {api.access_token}"
        return await http.post(f"{server.url}/graphql", json={"query": self.QUERY}, headers=headers)

    async def until_refused(
        self, server: ApiServer, account: Account, http: httpx.AsyncClient, *, address: str
    ) -> httpx.Response:
        """Ask until it is refused."""
        for _ in range(600):
            response = await self.ask(server, account, http, address=address)
            if response.status_code != 200:
                return response
        raise AssertionError("the bucket has no bottom")

    async def test_answers_say_what_is_left(
        self, tight: ApiServer, door: Door, ada: Account, http: httpx.AsyncClient
    ) -> None:
        """Quota, window, remainder and reset, of the user and of the address."""
        await self.ask(tight, ada, http, address=HERE)  # from here on, its token is known
        responses = [await self.ask(tight, ada, http, address=HERE) for _ in "12"]

        policy = '"user";q=100;w=60, "address";q=500;w=60'
        assert {response.headers["ratelimit-policy"] for response in responses} == {policy}
        first, second = (read_remaining(response) for response in responses)
        assert second["user"] < first["user"] <= 100
        assert second["address"] < first["address"] <= 500

    async def test_by_user(
        self, tight: ApiServer, door: Door, ada: Account, bob: Account, http: httpx.AsyncClient
    ) -> None:
        """Who has spent all is told when to come back, from wherever; others go on."""
        refusal = await self.until_refused(tight, ada, http, address=HERE)
        elsewhere = await self.until_refused(tight, ada, http, address=ELSEWHERE)

        for response in (refusal, elsewhere):
            assert response.status_code == 429
            assert error_code(response) == "RATE_LIMITED"
            assert 1 <= int(response.headers["retry-after"]) <= 60
        assert (await self.ask(tight, bob, http, address=HERE)).status_code == 200

    @pytest.mark.parametrize("role", ["USER", "OPERATOR"])
    async def test_of_a_token_that_is_new(
        self, role: str, tight: ApiServer, door: Door, guests: Guests
    ) -> None:
        """The first request with a token counts for its user, whose it is found to be, too."""
        account = await guests.create(role=role)
        api = account.api.at(tight.url)
        body = {"query": "{ viewer { wallets(first: 50) { totalCount } } }"}

        first, second = await api.send(body), await api.send(body)

        assert first.status_code == 200
        assert first.json()["extensions"]["cost"]["requested"] > 50
        assert (second.status_code, error_code(second)) == (429, "RATE_LIMITED")

    async def test_of_an_api_key(
        self, tight: ApiServer, door: Door, guests: Guests, observer: Observer
    ) -> None:
        """A key counts for its operator, and what it asks for beyond that moves nothing."""
        operator = await guests.create(role="OPERATOR", password=PASSWORD)
        api = operator.api.signed_in(await make_key(operator, "READ")).at(tight.url)
        body = {"query": "{ viewer { wallets(first: 50) { totalCount } } }"}
        assert (await api.send(body)).status_code == 200

        async with observer.nothing_changes():
            refusal = await api.send(body)

        assert (refusal.status_code, error_code(refusal)) == (429, "RATE_LIMITED")

    async def test_by_address(
        self, tight: ApiServer, door: Door, api: Api, http: httpx.AsyncClient
    ) -> None:
        """Nobody in particular is counted by address, and what is refused counts for more."""
        statuses = [
            (
                await http.post(
                    f"{tight.url}/graphql", json={"query": "{"}, headers={"X-Forwarded-For": HERE}
                )
            ).status_code
            for _ in range(70)
        ]

        assert set(statuses[:45]) == {200}
        assert statuses[-1] == 429
        assert (await self.ask(tight, api, http, address=ELSEWHERE)).status_code == 200

    async def send_new(
        self, server: ApiServer, http: httpx.AsyncClient, document: str
    ) -> httpx.Response:
        """Send a document that stands for nobody in particular."""
        return await http.post(
            f"{server.url}/graphql", json={"query": document}, headers={"X-Forwarded-For": HERE}
        )

    async def test_documents_cost_once(
        self, tight: ApiServer, door: Door, http: httpx.AsyncClient
    ) -> None:
        """Reading one is counted by its tokens; from then on it is known, whoever sends it."""
        document = "{ __typename " + "".join(f"a{i}: __typename " for i in range(5)) + "}"
        at_first = await self.send_new(tight, http, "{ __typename }")
        responses = [await self.send_new(tight, http, document) for _ in "123"]

        left = [read_remaining(response)["address"] for response in (at_first, *responses)]
        assert {response.status_code for response in responses} == {200}
        assert left[0] - left[1] > 18 * COST_PER_TOKEN - 60
        assert left[1] - left[3] < 10
        assert left[0] > 450

    async def test_of_many_at_once_one_pays(
        self, tight: ApiServer, door: Door, http: httpx.AsyncClient
    ) -> None:
        """A document that a whole crowd sends to a process which has just begun is read once."""
        document = "{ __typename " + "".join(f"a{i}: __typename " for i in range(5)) + "}"

        responses = await asyncio.gather(*(self.send_new(tight, http, document) for _ in range(20)))

        assert {response.status_code for response in responses} == {200}

    async def test_documents_that_are_always_new(
        self, tight: ApiServer, door: Door, http: httpx.AsyncClient
    ) -> None:
        """Who has not enough left is refused before a document is read, good or bad."""
        documents = [
            "{" + "".join(f"b{i}{j}: __typename " for i in range(7)) + f"{end}"
            for j, end in enumerate(["}", "}", "}", "", "nothing }", "}"])
        ]

        responses = [await self.send_new(tight, http, document) for document in documents]

        assert {response.status_code for response in responses[:2]} == {200}
        for response in responses[2:]:
            assert (response.status_code, error_code(response)) == (429, "RATE_LIMITED")
            assert int(response.headers["retry-after"]) >= 1

    async def test_nothing_is_read_of_who_has_nothing_left(
        self, start_server: StartServer, limits_url: str, door: Door, http: httpx.AsyncClient
    ) -> None:
        """The refusal comes before the body; others are answered."""
        server = start_server(
            redis_url=limits_url,
            RATE_LIMITS="on",
            TRUSTED_PROXIES="127.0.0.1",
            ADDRESS_COST_PER_MINUTE="100",
        )
        while (await self.send_new(server, http, "{")).status_code != 429:
            pass

        status = await status_without_body(server, address=HERE)

        assert status == b"HTTP/1.1 429 Too Many Requests"
        other = await http.post(
            f"{server.url}/graphql",
            json={"query": "{ __typename }"},
            headers={"X-Forwarded-For": ELSEWHERE},
        )
        assert other.status_code == 200

    async def test_of_what_is_no_request(
        self, start_server: StartServer, limits_url: str, door: Door, http: httpx.AsyncClient
    ) -> None:
        """It takes as much as any refusal, says what is left, and comes to an end."""
        server = start_server(
            redis_url=limits_url,
            RATE_LIMITS="on",
            TRUSTED_PROXIES="127.0.0.1",
            ADDRESS_COST_PER_MINUTE="100",
            GRAPHIQL="off",
            BODY_BYTES_MAX="1024",
        )
        for number, (status, method, headers, body) in enumerate(NO_REQUESTS):
            responses = [
                await http.request(
                    method,
                    f"{server.url}/graphql?&a&a",
                    headers={"X-Forwarded-For": f"198.51.100.{number}", **headers},
                    content=body,
                )
                for _ in range(14)
            ]

            assert {response.status_code for response in responses[:10]} == {status}
            assert read_remaining(responses[1])["address"] <= 81
            assert "ratelimit-policy" in responses[1].headers
            assert responses[-1].status_code == 429

    async def test_of_who_is_refused(self, tight: ApiServer, door: Door, ada: Account) -> None:
        """What is refused counts for its user as for its address, however short it is."""
        api = ada.api.at(tight.url)
        assert (await api.send({"query": self.QUERY})).status_code == 200  # its token is known now

        first, second = [await api.send({"query": "{"}) for _ in "12"]

        left = [read_remaining(response) for response in (first, second)]
        assert 5 <= left[0]["user"] - left[1]["user"] <= 10
        assert 0 <= left[0]["address"] - left[1]["address"] <= 10

    async def test_off_says_nothing(self, api: Api) -> None:
        """Switched off, there is nothing to say."""
        response = await api.send({"query": self.QUERY})

        assert not [name for name in response.headers if name.startswith("ratelimit")]


async def status_without_body(server: ApiServer, *, address: str) -> bytes:
    """Announce a body and send none of it; return the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\nX-Forwarded-For: %b\r\n\r\n" % address.encode()
    )
    try:
        async with asyncio.timeout(5):
            return (await reader.readline()).rstrip()
    finally:
        writer.close()


def read_remaining(response: httpx.Response) -> dict[str, int]:
    """Return what each bucket has left, by its name."""
    found = re.finditer(r'"(?P<name>[a-z]+)";r=(?P<left>[0-9]+)', response.headers["ratelimit"])
    return {match["name"]: int(match["left"]) for match in found}


class TestReports:
    """What reports cost, by link and with a token."""

    @pytest.fixture
    def tight(self, start_server: StartServer, limits_url: str) -> ApiServer:
        """A server on which a user's minute is two reports, and an address's five."""
        return start_server(
            redis_url=limits_url,
            RATE_LIMITS="on",
            TRUSTED_PROXIES="127.0.0.1",
            USER_COST_PER_MINUTE="200",
            ADDRESS_COST_PER_MINUTE="500",
        )

    async def test_by_user(
        self, tight: ApiServer, door: Door, ada: Account, observer: Observer
    ) -> None:
        """Both ways count for the user, whose answers say what is left of both buckets."""
        here, elsewhere = {"X-Forwarded-For": HERE}, {"X-Forwarded-For": ELSEWHERE}
        link = await ada.api.request_report(ada.wallet_id)
        by_link = link["report"]["url"].replace(ada.api.url, tight.url)
        by_token = f"{tight.url}/wallets/{ada.wallet_id}/report.csv"
        signed = {"Authorization": f"Bearer {ada.api.access_token}"}

        first = await ada.api.client.get(by_token, headers=here | signed)
        second = await ada.api.client.get(by_link, headers=here)
        async with observer.nothing_changes():
            refusals = [
                await ada.api.client.get(by_link, headers=elsewhere),
                await ada.api.client.get(by_token, headers=elsewhere | signed),
            ]

        assert [first.status_code, second.status_code] == [200, 200]
        assert read_remaining(second)["user"] < 100
        assert read_remaining(second)["address"] < 400
        for refusal in refusals:
            assert (refusal.status_code, error_code(refusal)) == (429, "RATE_LIMITED")
            assert int(refusal.headers["retry-after"]) >= 1
            assert "ratelimit-policy" in refusal.headers

    @pytest.mark.parametrize(
        ("path", "status"),
        [("/wallets/x/report.csv", 401), ("/reports/statement.csv?token=x", 404)],
    )
    async def test_by_address(
        self, path: str, status: int, tight: ApiServer, door: Door, http: httpx.AsyncClient
    ) -> None:
        """Who tries keys or links is stopped."""
        headers = {"X-Forwarded-For": HERE, "Authorization": "Bearer wlt_x"}

        responses = [await http.get(f"{tight.url}{path}", headers=headers) for _ in range(60)]

        assert {response.status_code for response in responses[:5]} == {status}
        assert responses[-1].status_code == 429
        assert (await http.get(f"{tight.url}{path}")).status_code == status


class TestWithoutRedis:
    """Limits while Redis is away."""

    async def test_counts_by_itself_and_says_so(
        self, start_server: StartServer, http: httpx.AsyncClient
    ) -> None:
        """People get in, buckets of the process's own count, and the log tells the operator."""
        server = start_server(redis_url=f"redis://127.0.0.1:{find_free_port()}/0", RATE_LIMITS="on")
        api = Api(server.url, client=http)

        account = await api.signup()
        answers = [
            await api.run(LOGIN, input={"email": account.email, "password": "a guess"})
            for _ in range(LOGIN_BY_ACCOUNT.capacity + 1)
        ]

        assert await account.api.balance(account.wallet_id) == "0.00"
        assert {answer["__typename"] for answer in answers[:-1]} == {"InvalidCredentials"}
        assert answers[-1]["__typename"] == "RateLimited"
        assert "rate limits are local: redis is away" in read_log(server)
