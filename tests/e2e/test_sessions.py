"""Refreshing sessions and ending them."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from tests.e2e.conftest import StartServer
from tests.e2e.test_accounts import is_signed_in
from tests.support.api import LOGOUT, REFRESH, Account, Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.servers import ApiServer
from tests.support.waiting import until
from wallet.core.ids import find_id


async def refresh(api: Api, token: str) -> Any:
    """Refresh a session; return the answer, whatever it is."""
    return await api.run(REFRESH, input={"refreshToken": token})


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


class TestElsewhere:
    """What one server has ended, another one remembers for seconds at most."""

    @pytest.fixture
    def elsewhere(self, start_server: StartServer) -> ApiServer:
        """A second server on the same database."""
        return start_server()

    @staticmethod
    async def until_signed_out(api: Api, account: Account) -> float:
        """Wait until the account's access token is refused; return how long that took."""
        started = time.monotonic()

        async def is_signed_out() -> bool:
            return not await is_signed_in(api, {"accessToken": account.api.access_token or ""})

        await until(is_signed_out)
        return time.monotonic() - started

    @pytest.mark.parametrize("how", ["logout", "logout everywhere", "reuse"])
    async def test_is_over_within_seconds(
        self, how: str, api: Api, guests: Guests, elsewhere: ApiServer
    ) -> None:
        """The token is taken by memory there, and refused soon after; another user's is not."""
        cleo, dora = await guests.create(), await guests.create()
        there = api.at(elsewhere.url)
        for account in (cleo, dora, cleo, dora):
            assert await is_signed_in(there, {"accessToken": account.api.access_token or ""})

        if how == "reuse":
            await refresh(api, cleo.refresh_token)
            await refresh(api, cleo.refresh_token)
        else:
            await cleo.api.run(LOGOUT, input={"everywhere": how != "logout"})

        assert not await is_signed_in(api, {"accessToken": cleo.api.access_token or ""})
        # Twice what is promised, for a machine that is busy with other tests.
        assert await self.until_signed_out(there, cleo) < 6
        assert await is_signed_in(there, {"accessToken": dora.api.access_token or ""})


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
