"""Signing up, logging in, refreshing and logging out."""

import asyncio
import statistics
import time
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.support.api import LOGIN, LOGOUT, PASSWORD, REFRESH, SIGNUP, Account, Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from wallet.core.ids import find_id

VIEWER = "{ viewer { id email createdAt } }"


async def signup(api: Api, email: str, *, password: str = PASSWORD) -> Any:
    """Sign up with euros; return the answer, whatever it is."""
    return await api.run(SIGNUP, input={"email": email, "password": password, "currency": "EUR"})


async def login(api: Api, email: str, *, password: str = PASSWORD) -> Any:
    """Log in; return the answer, whatever it is."""
    return await api.run(LOGIN, input={"email": email, "password": password})


async def refresh(api: Api, token: str) -> Any:
    """Refresh a session; return the answer, whatever it is."""
    return await api.run(REFRESH, input={"refreshToken": token})


async def is_signed_in(api: Api, session: dict[str, str]) -> bool:
    """Tell whether the access token of *session* is taken."""
    response = await api.signed_in(session["accessToken"]).send({"query": VIEWER})
    if "errors" not in response.json():
        return True
    assert error_code(response) == "UNAUTHENTICATED"
    return False


class TestSignup:
    """Mutation.signup."""

    async def test_makes_an_account_with_a_wallet(self, api: Api) -> None:
        """The new user is signed in, and its first wallet's statement starts with the signup."""
        email = f"{uuid4().hex}@example.com"

        answer = await signup(api, email)

        assert answer["__typename"] == "SignupPayload"
        assert answer["wallet"]["balance"] == {"amount": "0.00"}
        assert answer["wallet"]["status"] == "ACTIVE"
        cleo = api.signed_in(answer["session"]["accessToken"])
        assert await cleo.run(VIEWER) == answer["user"]
        assert answer["user"]["email"] == email
        (line,) = (await cleo.statement(answer["wallet"]["id"]))["operations"]["edges"]
        assert (line["node"]["kind"], line["node"]["status"]) == ("SIGNUP", "COMPLETED")
        assert (line["sequence"], line["amount"]["amount"]) == (1, "0.00")
        assert line["node"]["target"]["holder"] == email

    async def test_stores_an_argon2id_hash(self, api: Api, observer: Observer) -> None:
        """What is stored of a password is its Argon2id hash, salted."""
        first, second = await api.signup(), await api.signup()

        stored = [
            await observer.value("SELECT password_hash FROM users WHERE email = $1", account.email)
            for account in (first, second)
        ]

        assert [text[:14] for text in stored] == ["$argon2id$v=19"] * 2
        assert stored[0] != stored[1]
        assert PASSWORD not in "".join(stored)

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ("X.{}+tag@Example.COM", "x.{}+tag@example.com"),
            ("e\u0301{}@xn--mnchen-3ya.example", "\u00e9{}@münchen.example"),
        ],
    )
    async def test_normalises_the_address(
        self, sent: str, stored: str, api: Api, observer: Observer
    ) -> None:
        """However it is written, an address has one form, and signs up only once."""
        unique = uuid4().hex
        sent, stored = sent.format(unique), stored.format(unique)

        answer = await signup(api, sent)

        assert answer["user"]["email"] == stored
        async with observer.nothing_changes():
            assert (await signup(api, stored.upper()))["__typename"] == "EmailTaken"
        assert (await login(api, sent))["user"] == {"id": answer["user"]["id"], "email": stored}

    async def test_wants_an_address(self, api: Api, observer: Observer) -> None:
        """What is no e-mail address is InvalidInput."""
        addresses = [
            *("a@b", "@example.com", "example.com", "a@", "a@@example.com", "a@b@example.com"),
            *(" a@example.com", "a@example.com ", "a b@example.com", "a@exa mple.com", "a@[::1]"),
            *(
                "Ada <a@example.com>",
                "a@example.com,b@example.com",
                "a..b@example.com",
                "x" * 10_000,
            ),
            *(
                '"a b"@example.com',
                "a@[127.0.0.1]",
                "a@localhost",
                "a@-example.com",
                "a\n@example.com",
            ),
            *(
                "a\u200b@example.com",
                "a\u202e@example.com",
                "a@" + "b" * 64 + ".com",
                "a@example..com",
            ),
            *("a" * 243 + "@example.com", ".a@example.com"),
        ]
        async with observer.nothing_changes():
            answers = {
                address: refused(
                    await api.send(
                        {
                            "query": SIGNUP,
                            "variables": {
                                "input": {
                                    "email": address,
                                    "password": PASSWORD,
                                    "currency": "EUR",
                                }
                            },
                        }
                    )
                )
                for address in addresses
            }

        assert answers == dict.fromkeys(addresses, ("InvalidInput", ["email"]))

    async def test_at_once_makes_one_account(self, api: Api, observer: Observer) -> None:
        """Of four signups at once with one address, in any case, one gets the account."""
        unique = uuid4().hex
        addresses = [f"{unique}@example.com", f"{unique.upper()}@EXAMPLE.com"] * 2
        before, _ = await observer.snapshot()

        answers = await asyncio.gather(*(signup(api, address) for address in addresses))

        kinds = [answer["__typename"] for answer in answers]
        assert sorted(kinds) == ["EmailTaken"] * 3 + ["SignupPayload"]
        after, _ = await observer.snapshot()
        added = {table: after[table] - before[table] for table in ("users", "sessions", "wallets")}
        assert added == {"users": 1, "sessions": 1, "wallets": 1}

    @pytest.mark.parametrize("password", ["p" * 128, "😀" * 12], ids=ascii)
    async def test_takes_any_password_of_12_to_128_characters(
        self, password: str, api: Api
    ) -> None:
        """Characters are counted, not bytes, and the same password logs in."""
        email = f"{uuid4().hex}@example.com"

        assert (await signup(api, email, password=password))["__typename"] == "SignupPayload"

        assert (await login(api, email, password=password))["__typename"] == "LoginPayload"

    async def test_same_keys_on_two_machines(self, api: Api) -> None:
        """A password typed with composed letters logs in where they come in parts."""
        email = f"{uuid4().hex}@example.com"

        await signup(api, email, password="caf\u00e9 au lait \u00e0 toi")

        answer = await login(api, email, password="cafe\u0301 au lait a\u0300 toi")
        assert answer["__typename"] == "LoginPayload"


class TestLogin:
    """Mutation.login."""

    async def test_opens_a_session_of_its_own(self, ada: Account, api: Api) -> None:
        """Each login is a further session; the others go on."""
        first, second = await login(api, ada.email), await login(api, ada.email.upper())

        assert first["user"] == second["user"] == {"id": ada.user_id, "email": ada.email}
        for session in (first["session"], second["session"]):
            assert await is_signed_in(api, session)
        assert first["session"]["refreshToken"] != second["session"]["refreshToken"]

    async def test_wrong_is_wrong(self, ada: Account, api: Api, observer: Observer) -> None:
        """A wrong password and an unknown address get the very same answer."""
        attempts = [
            {"email": ada.email, "password": PASSWORD.upper()},
            {"email": ada.email, "password": PASSWORD + " "},
            {"email": ada.email, "password": "p" * 100_000},
            {"email": f"{uuid4().hex}@example.com", "password": PASSWORD},
            {"email": "no address", "password": PASSWORD},
        ]
        async with observer.nothing_changes():
            responses = [
                await api.send({"query": LOGIN, "variables": {"input": attempt}})
                for attempt in attempts
            ]

        assert refused(responses[0]) == ("InvalidCredentials", None)
        assert {response.text for response in responses} == {responses[0].text}

    async def test_takes_as_long_for_an_unknown_address(self, ada: Account, api: Api) -> None:
        """How long a refusal takes does not tell whether there is an account."""

        async def took_s(email: str) -> float:
            started = time.perf_counter()
            await login(api, email, password="a wrong password")
            return time.perf_counter() - started

        # Hashing takes ten times as long as all the rest; others may run on this machine.
        for _ in range(5):
            known, unknown = zip(
                *[
                    (await took_s(ada.email), await took_s(f"{uuid4().hex}@example.com"))
                    for _ in range(4)
                ],
                strict=True,
            )
            medians = statistics.median(known), statistics.median(unknown)
            if max(medians) < 2 * min(medians):
                break
        else:
            pytest.fail(f"known and unknown take {medians} s")


class TestRefreshSession:
    """Mutation.refreshSession."""

    async def test_gives_the_next_tokens(self, api: Api, guests: Guests) -> None:
        """A refresh token is good for the next ones, which work as the first did."""
        cleo = await guests.create()

        first = await refresh(api, cleo.refresh_token)
        second = await refresh(api, first["session"]["refreshToken"])

        for answer in (first, second):
            assert answer["__typename"] == "RefreshSessionPayload"
            assert await is_signed_in(api, answer["session"])
        assert await is_signed_in(api, {"accessToken": cleo.api.access_token or ""})
        tokens = {cleo.refresh_token} | {
            answer["session"]["refreshToken"] for answer in (first, second)
        }
        assert len(tokens) == 3

    async def test_reuse_ends_the_session(
        self, api: Api, guests: Guests, observer: Observer
    ) -> None:
        """A used token means that two hold it: nothing of its session works any more."""
        cleo = await guests.create()
        other = await guests.open_session(cleo)
        first = (await refresh(api, cleo.refresh_token))["session"]
        newest = (await refresh(api, first["refreshToken"]))["session"]

        async with observer.nothing_changes():
            reused = await refresh(api, cleo.refresh_token)

            assert reused["__typename"] == "SessionExpired"
            assert (await refresh(api, newest["refreshToken"]))["__typename"] == "SessionExpired"
            assert (await refresh(api, first["refreshToken"]))["__typename"] == "SessionExpired"
            assert not await is_signed_in(api, newest)
            assert not await is_signed_in(api, first)
            assert not await is_signed_in(api, {"accessToken": cleo.api.access_token or ""})
        assert await is_signed_in(api, other)
        assert (await refresh(api, other["refreshToken"]))["__typename"] == "RefreshSessionPayload"

    async def test_twice_at_once_ends_the_session(self, api: Api, guests: Guests) -> None:
        """Of two that send one token at once, one gets the next; then the session ends."""
        cleo = await guests.create()

        answers = await asyncio.gather(*(refresh(api, cleo.refresh_token) for _ in range(2)))

        kinds = sorted(answer["__typename"] for answer in answers)
        assert kinds == ["RefreshSessionPayload", "SessionExpired"]
        (winner,) = [answer["session"] for answer in answers if "session" in answer]
        assert not await is_signed_in(api, winner)
        assert (await refresh(api, winner["refreshToken"]))["__typename"] == "SessionExpired"

    async def test_too_old(self, api: Api, guests: Guests, observer: Observer) -> None:
        """After its time a refresh token is refused, and the session's access token with it."""
        cleo = await guests.create()
        user_id = find_id("User", cleo.user_id)
        await observer.fetch(
            "UPDATE sessions SET created_at = now() - interval '31 days', expires_at = now()"
            " WHERE user_id = $1",
            user_id,
        )

        async with observer.nothing_changes():
            answer = await refresh(api, cleo.refresh_token)

        assert answer["__typename"] == "SessionExpired"
        assert not await is_signed_in(api, {"accessToken": cleo.api.access_token or ""})

    async def test_stores_no_token(self, api: Api, guests: Guests, observer: Observer) -> None:
        """Whoever reads the table of sessions can sign in with nothing of it."""
        cleo = await guests.create()

        rows = await observer.fetch(
            "SELECT sessions::text AS text FROM sessions WHERE user_id = $1",
            find_id("User", cleo.user_id),
        )

        assert len(rows) == 1
        assert cleo.refresh_token not in rows[0]["text"]
        assert cleo.refresh_token.encode().hex() not in rows[0]["text"]


class TestLogout:
    """Mutation.logout."""

    @staticmethod
    async def logout(api: Api, session: dict[str, str], **input_: bool) -> Any:
        """Log *session* out."""
        return await api.signed_in(session["accessToken"]).run(LOGOUT, input=input_)

    @pytest.mark.parametrize("input_", [{}, {"everywhere": False}], ids=str)
    async def test_ends_this_session(
        self, input_: dict[str, bool], api: Api, guests: Guests
    ) -> None:
        """Its tokens are refused from this moment; the user's other sessions go on."""
        cleo = await guests.create()
        this, other = [await guests.open_session(cleo) for _ in "12"]

        answer = await self.logout(api, this, **input_)

        assert answer == {"__typename": "LogoutPayload", "sessionsEnded": 1}
        assert not await is_signed_in(api, this)
        assert (await refresh(api, this["refreshToken"]))["__typename"] == "SessionExpired"
        assert await is_signed_in(api, other)
        assert await is_signed_in(api, {"accessToken": cleo.api.access_token or ""})

    async def test_everywhere_ends_all_of_the_viewers(
        self, api: Api, guests: Guests, ada: Account
    ) -> None:
        """All sessions of the user end, refreshed ones as well, and nobody else's."""
        cleo = await guests.create()
        sessions = [await guests.open_session(cleo) for _ in "12"]
        sessions.append((await refresh(api, cleo.refresh_token))["session"])

        answer = await self.logout(api, sessions[0], everywhere=True)

        assert answer == {"__typename": "LogoutPayload", "sessionsEnded": 3}
        for session in sessions:
            assert not await is_signed_in(api, session)
            assert (await refresh(api, session["refreshToken"]))["__typename"] == "SessionExpired"
        assert await is_signed_in(api, {"accessToken": ada.api.access_token or ""})

    async def test_twice(self, api: Api, guests: Guests, observer: Observer) -> None:
        """There is nothing to end in a session that has ended."""
        cleo = await guests.create()
        session = {"accessToken": cleo.api.access_token or ""}
        await self.logout(api, session)

        async with observer.nothing_changes():
            answer = await self.logout(api, session, everywhere=True)

        assert answer["__typename"] == "SessionExpired"

    @pytest.mark.parametrize("input_", [{}, {"everywhere": True}], ids=str)
    async def test_that_meets_a_refresh(
        self,
        input_: dict[str, bool],
        api: Api,
        guests: Guests,
        observer: Observer,
        database_url: str,
    ) -> None:
        """A refresh under way at the same moment does not save the session from its logout."""
        cleo = await guests.create()
        session = {"accessToken": cleo.api.access_token or ""}
        holder = await asyncpg.connect(database_url)
        try:
            # Both wait behind this lock, the refresh in front.
            async with holder.transaction():
                await holder.execute(
                    "SELECT FROM sessions WHERE user_id = $1 FOR UPDATE",
                    find_id("User", cleo.user_id),
                )
                refreshing = asyncio.create_task(refresh(api, cleo.refresh_token))
                await observer.until_waiting(1)
                ending = asyncio.create_task(self.logout(api, session, **input_))
                await observer.until_waiting(2)
        finally:
            await holder.close()

        refreshed, ended = await refreshing, await ending

        assert ended["__typename"] == "LogoutPayload"
        for each in (session, refreshed.get("session", session)):
            assert not await is_signed_in(api, each)
        if "session" in refreshed:
            again = await refresh(api, refreshed["session"]["refreshToken"])
            assert again["__typename"] == "SessionExpired"
