"""The list of one's sessions, ending one of them, and changing the password."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.conftest import StartServer
from tests.e2e.test_accounts import is_signed_in, login
from tests.e2e.test_sessions import refresh
from tests.support.api import CHANGE_PASSWORD, END_SESSION, PASSWORD, SESSIONS, Account, Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import refused
from tests.support.waiting import until
from wallet.core.ids import new_id, to_global_id

NEW_PASSWORD = "a longer stable and a battery"


async def sessions_of(api: Api) -> Any:
    """Read the viewer's list of sessions."""
    return (await api.run(SESSIONS))["sessions"]


async def change(api: Api, *, current: str = PASSWORD, new: str = NEW_PASSWORD) -> Any:
    """Change the viewer's password; return the answer, whatever it is."""
    return await api.run(CHANGE_PASSWORD, input={"currentPassword": current, "newPassword": new})


class TestSessions:
    """User.sessions."""

    async def test_lists_those_that_live(self, guests: Guests, api: Api) -> None:
        """The one that asks is first and says so; what has ended, or is another's, is not there."""
        cleo = await guests.create()
        other, ended = [await guests.open_session(cleo) for _ in "12"]
        await guests.create()
        await refresh(api, ended["refreshToken"])
        await refresh(api, ended["refreshToken"])

        seen = await sessions_of(cleo.api)

        assert [session["current"] for session in seen] == [True, False]
        mirrored = await sessions_of(api.signed_in(other["accessToken"]))
        assert [session["id"] for session in mirrored] == [session["id"] for session in seen][::-1]

    async def test_says_when_and_where(self, ada: Account, api: Api) -> None:
        """When it was opened and refreshed, when it would end, and what the client is called."""
        api.client.headers["User-Agent"] = "Phone/1.0 (Example OS) " + "x" * 300
        session = (await login(api, ada.email))["session"]
        api.client.headers["User-Agent"] = "another"
        session = (await refresh(api, session["refreshToken"]))["session"]

        seen, *_ = await sessions_of(api.signed_in(session["accessToken"]))

        opened, used, ends = [
            datetime.fromisoformat(seen[name]) for name in ("createdAt", "lastUsedAt", "expiresAt")
        ]
        assert opened <= used
        assert (ends - used).days == 30
        assert seen["userAgent"].startswith("Phone/1.0 (")
        assert len(seen["userAgent"]) == 200


class TestEndSession:
    """Mutation.endSession."""

    async def test_ends_one(self, guests: Guests, api: Api, start_server: StartServer) -> None:
        """Its tokens are refused, here at once and on another server soon; this one goes on."""
        cleo = await guests.create()
        other = await guests.open_session(cleo)
        there = api.at(start_server().url)
        assert await is_signed_in(there, other)
        _, listed = await sessions_of(cleo.api)

        answer = await cleo.api.run(END_SESSION, input={"sessionId": listed["id"]})

        assert answer == {"__typename": "EndSessionPayload", "sessionId": listed["id"]}
        assert not await is_signed_in(api, other)
        assert (await refresh(api, other["refreshToken"]))["__typename"] == "SessionExpired"
        assert len(await sessions_of(cleo.api)) == 1

        async def is_noticed() -> bool:
            return not await is_signed_in(there, other)

        await until(is_noticed)

    async def test_ends_this_one(self, guests: Guests, api: Api) -> None:
        """Which is a logout."""
        cleo = await guests.create()
        (listed,) = await sessions_of(cleo.api)

        await cleo.api.run(END_SESSION, input={"sessionId": listed["id"]})

        assert not await is_signed_in(api, {"accessToken": cleo.api.access_token or ""})

    async def test_of_another(self, guests: Guests, api: Api, observer: Observer) -> None:
        """One that lives but is another's, one that has ended, and none at all: all the same."""
        cleo, dora = await guests.create(), await guests.create()
        ended = await guests.open_session(cleo)
        _, over = await sessions_of(cleo.api)
        (theirs,) = await sessions_of(dora.api)
        await cleo.api.run(END_SESSION, input={"sessionId": over["id"]})
        ids = [theirs["id"], over["id"], to_global_id("Session", new_id()), cleo.user_id, "x"]

        async with observer.nothing_changes():
            answers = [
                await cleo.api.send(
                    {"query": END_SESSION, "variables": {"input": {"sessionId": id_}}}
                )
                for id_ in ids
            ]

        assert refused(answers[0]) == ("NotFound", ["sessionId"])
        assert {answer.text for answer in answers} == {answers[0].text}
        assert await is_signed_in(api, {"accessToken": dora.api.access_token or ""})
        assert not await is_signed_in(api, ended)


class TestChangePassword:
    """Mutation.changePassword."""

    async def test_ends_all_others(self, api: Api) -> None:
        """The new password counts and the old one does not; only this session goes on."""
        cleo = await api.signup()
        others = [(await login(api, cleo.email))["session"] for _ in "12"]

        answer = await change(cleo.api)

        assert answer == {"__typename": "ChangePasswordPayload", "sessionsEnded": 2}
        for other in others:
            assert not await is_signed_in(api, other)
            assert (await refresh(api, other["refreshToken"]))["__typename"] == "SessionExpired"
        again = await refresh(api, cleo.refresh_token)
        assert await is_signed_in(api, again["session"])
        assert (await login(api, cleo.email))["__typename"] == "InvalidCredentials"
        signed_in = await login(api, cleo.email, password=NEW_PASSWORD)
        assert signed_in["__typename"] == "LoginPayload"

    @pytest.mark.parametrize(
        ("passwords", "refusal"),
        [
            ((PASSWORD + "x", NEW_PASSWORD), ("InvalidCredentials", None)),
            (("p" * 100_000, NEW_PASSWORD), ("InvalidCredentials", None)),
            ((PASSWORD, "p" * 11), ("InvalidInput", ["newPassword"])),
            ((PASSWORD, "p" * 129), ("InvalidInput", ["newPassword"])),
        ],
        ids=["wrong", "endless", "short", "long"],
    )
    async def test_refusals(
        self,
        passwords: tuple[str, str],
        refusal: tuple[str, list[str] | None],
        ada: Account,
        api: Api,
        observer: Observer,
    ) -> None:
        """A wrong password, or a new one that signup would not take, changes nothing."""
        input_ = dict(zip(("currentPassword", "newPassword"), passwords, strict=True))
        async with observer.nothing_changes():
            answer = await ada.api.send({"query": CHANGE_PASSWORD, "variables": {"input": input_}})

        assert refused(answer) == refusal
        assert (await login(api, ada.email))["__typename"] == "LoginPayload"

    async def test_at_once(self, api: Api) -> None:
        """Of several changes at once one counts; the session whose change it was goes on."""
        cleo = await api.signup()
        clients = [cleo.api] + [
            api.signed_in((await login(api, cleo.email))["session"]["accessToken"]) for _ in "12"
        ]

        answers = await asyncio.gather(
            *(
                change(client, new=f"{NEW_PASSWORD} {number}")
                for number, client in enumerate(clients)
            )
        )

        (winner,) = [
            number
            for number, answer in enumerate(answers)
            if answer["__typename"] == "ChangePasswordPayload"
        ]
        assert {answer["__typename"] for answer in answers} == {
            "ChangePasswordPayload",
            "InvalidCredentials",
        }
        assert len(await sessions_of(clients[winner])) == 1
        last = await login(api, cleo.email, password=f"{NEW_PASSWORD} {winner}")
        assert last["__typename"] == "LoginPayload"

    async def test_that_meets_a_login(self, api: Api, observer: Observer) -> None:
        """A login with the old password, checked before the change, opens no session after it."""
        cleo = await api.signup()
        async with observer.connected() as holder, holder.transaction():
            await holder.execute("SELECT FROM users WHERE email = $1 FOR UPDATE", cleo.email)
            changing = asyncio.create_task(change(cleo.api))
            await observer.until_waiting(1)
            signing_in = asyncio.create_task(login(api, cleo.email))
            await observer.until_waiting(2)

        changed, signed_in = await asyncio.gather(changing, signing_in)

        assert changed["__typename"] == "ChangePasswordPayload"
        assert signed_in["__typename"] == "InvalidCredentials"
        assert len(await sessions_of(cleo.api)) == 1
