"""Sessions: tokens that are exchanged, reused, outlived and ended."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.factories import Factory
from tests.support.servers import KEYS
from wallet.core.errors import SessionExpiredError, UnauthenticatedError
from wallet.core.ids import new_id
from wallet.core.keys import Keys
from wallet.core.tokens import AccessClaims, hash_token, issue_access_token
from wallet.services.actors import Actor
from wallet.services.database import Row, fetch, run_transaction
from wallet.services.ledger import Ledger
from wallet.services.sessions import (
    KEPT_FOR,
    SESSIONS_MAX,
    IssuedSession,
    authenticate,
    end_sessions,
    forget_sessions,
    list_sessions,
    open_session,
    refresh_session,
)
from wallet.services.worker import work_once

_SESSIONS = """
SELECT family_id, used_at IS NOT NULL AS used, ended_at IS NOT NULL AS ended
  FROM sessions WHERE user_id = $1 ORDER BY created_at, id
"""

_MORE = """
INSERT INTO sessions (id, family_id, user_id, token_hash, created_at, expires_at)
SELECT family_id, family_id, $1, sha256(family_id::text::bytea),
       now() - interval '1 minute', now() + interval '1 day'
  FROM unnest($2::uuid[]) AS made (family_id)
RETURNING id
"""


async def open_more(user_id: UUID, number: int) -> None:
    """Open so many sessions that were used a minute ago."""
    await fetch(_MORE, user_id, [new_id() for _ in range(number)])


async def sign_in(user_id: UUID) -> IssuedSession:
    """Open a session."""
    return await run_transaction(lambda connection: open_session(connection, user_id, keys=KEYS))


async def actor_of(session: IssuedSession) -> Actor:
    """Return who is signed in with a session."""
    return await authenticate(session.access_token, keys=KEYS)


async def refresh(session: IssuedSession) -> IssuedSession:
    """Exchange a session's refresh token."""
    return await refresh_session(session.refresh_token, keys=KEYS)


async def use_long_ago(session: IssuedSession) -> None:
    """Let a session have been used last an hour ago."""
    await fetch(
        "UPDATE sessions SET created_at = now() - interval '1 hour'"
        " WHERE token_hash = $1 RETURNING id",
        hash_token(session.refresh_token),
    )


async def expire(session: IssuedSession, *, ago: timedelta) -> None:
    """Let a session's newest token have expired so long ago."""
    await fetch(
        "UPDATE sessions SET created_at = now() - interval '1 day' - $2::interval,"
        "                    expires_at = now() - $2::interval"
        " WHERE token_hash = $1 RETURNING id",
        hash_token(session.refresh_token),
        ago,
    )


async def is_alive(session: IssuedSession) -> bool:
    """Tell whether a session's access token is taken."""
    try:
        await authenticate(session.access_token, keys=KEYS)
    except UnauthenticatedError:
        return False
    return True


async def rows_of(actor: Actor) -> list[Row]:
    """Read all tokens of a user, oldest first."""
    return await fetch(_SESSIONS, actor.user_id)


class TestOpenSession:
    """sessions.open_session."""

    async def test_begins_a_family(self, factory: Factory) -> None:
        """Each session is a family of its own, and its token is stored as a hash."""
        actor = await factory.create_actor()

        session = await sign_in(actor.user_id)

        rows = await fetch(
            "SELECT family_id, user_id, expires_at - created_at AS lasts FROM sessions"
            " WHERE token_hash = $1",
            hash_token(session.refresh_token),
        )
        assert len(rows) == 1
        assert rows[0]["user_id"] == actor.user_id
        assert rows[0]["family_id"] != actor.family_id
        assert rows[0]["lasts"].days == 30

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            (None, None),
            ("", None),
            ("\x00\u202e\ud800 ", None),
            ("Phone\x00 1", "Phone 1"),
            ("x" * 10_000, "x" * 200),
        ],
        ids=ascii,
    )
    async def test_keeps_the_name_of_the_client(
        self, sent: str | None, stored: str | None, factory: Factory
    ) -> None:
        """As much of it as can be shown, and for as long as the session is refreshed."""
        actor = await factory.create_actor()
        session = await run_transaction(
            lambda connection: open_session(connection, actor.user_id, keys=KEYS, user_agent=sent)
        )
        await refresh(session)

        listed, _ = await list_sessions(actor.user_id, first_id=None)

        assert listed.user_agent == stored


class TestBound:
    """How many sessions one user has."""

    async def test_ends_the_longest_unused(self, factory: Factory) -> None:
        """One more than there may be ends the one that was used longest ago; others go on."""
        actor, bystander = await factory.create_actor(), await factory.create_actor()
        unused = await sign_in(actor.user_id)
        refreshed = await refresh(await self._sign_in_long_ago(actor.user_id))
        await open_more(actor.user_id, SESSIONS_MAX - 3)
        assert [await is_alive(each) for each in (unused, refreshed)] == [True, True]
        assert len(await list_sessions(actor.user_id, first_id=None)) == SESSIONS_MAX
        await use_long_ago(unused)

        newest = await sign_in(actor.user_id)

        assert not await is_alive(unused)
        assert [await is_alive(each) for each in (newest, refreshed)] == [True, True]
        assert len(await list_sessions(actor.user_id, first_id=None)) == SESSIONS_MAX
        assert len(await list_sessions(bystander.user_id, first_id=None)) == 1

    async def test_is_not_of_refreshing(self, factory: Factory) -> None:
        """Who has as many as may be goes on with each of them."""
        actor = await factory.create_actor()
        session = await sign_in(actor.user_id)
        await open_more(actor.user_id, SESSIONS_MAX - 2)

        session = await refresh(session)

        assert await is_alive(session)
        assert len(await list_sessions(actor.user_id, first_id=None)) == SESSIONS_MAX

    @staticmethod
    async def _sign_in_long_ago(user_id: UUID) -> IssuedSession:
        session = await sign_in(user_id)
        await use_long_ago(session)
        return session


class TestForgetSessions:
    """sessions.forget_sessions, and the worker that calls it."""

    async def test_long_over(self, factory: Factory, ledger: Ledger) -> None:
        """What lives stays, and what may still come back and end its family."""
        actor = await factory.create_actor()
        living, young, old = [await sign_in(actor.user_id) for _ in "123"]
        used = await sign_in(actor.user_id)
        newest = await refresh(used)
        await expire(young, ago=KEPT_FOR - timedelta(minutes=1))
        await expire(used, ago=KEPT_FOR - timedelta(minutes=1))
        await expire(old, ago=KEPT_FOR + timedelta(minutes=1))

        await work_once(ledger)

        hashes = [hash_token(each.refresh_token) for each in (living, young, used, newest, old)]
        found = await fetch(
            "SELECT token_hash FROM sessions WHERE token_hash = ANY ($1::bytea[])", hashes
        )
        assert {row["token_hash"] for row in found} == set(hashes[:-1])
        with pytest.raises(SessionExpiredError):
            await refresh(used)
        assert [await is_alive(each) for each in (living, newest)] == [True, False]

    async def test_bounded(self, factory: Factory) -> None:
        """So many at once, and no more."""
        actor = await factory.create_actor()
        while await forget_sessions(limit=500):
            pass
        for session in [await sign_in(actor.user_id) for _ in "123"]:
            await expire(session, ago=KEPT_FOR * 2)

        assert [await forget_sessions(limit=2) for _ in "123"] == [2, 1, 0]


class TestAuthenticate:
    """sessions.authenticate."""

    async def test_tells_who_it_is(self, factory: Factory) -> None:
        """The actor is the user, with its role, in this session."""
        actor = await factory.create_actor()
        session = await sign_in(actor.user_id)
        await fetch("UPDATE users SET role = 'OPERATOR' WHERE id = $1 RETURNING id", actor.user_id)

        found = await actor_of(session)

        assert (found.user_id, found.email) == (actor.user_id, actor.email)
        assert found.family_id == (await rows_of(actor))[-1]["family_id"] != actor.family_id
        assert found.is_operator
        assert not actor.is_operator

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00", "x" * 100_000])
    async def test_of_no_token(self, token: str, database: None) -> None:
        """What is no token of ours is nobody's."""
        with pytest.raises(UnauthenticatedError):
            await authenticate(token, keys=KEYS)

    async def test_of_another_key(self, factory: Factory) -> None:
        """A token that another key signed is nobody's."""
        session = await sign_in((await factory.create_actor()).user_id)

        with pytest.raises(UnauthenticatedError):
            await authenticate(session.access_token, keys=Keys("k" * 40))

    async def test_of_another_pair(self, factory: Factory) -> None:
        """A user and a session that do not belong together are nobody."""
        actor, other = await factory.create_actor(), await factory.create_actor()
        for user_id, family_id in (
            (actor.user_id, other.family_id),
            (actor.user_id, new_id()),
            (new_id(), actor.family_id),
        ):
            token, _ = issue_access_token(
                AccessClaims(user_id=user_id, family_id=family_id), keys=KEYS
            )
            with pytest.raises(UnauthenticatedError):
                await authenticate(token, keys=KEYS)


class TestRefreshSession:
    """sessions.refresh_session."""

    async def test_replaces_the_token(self, factory: Factory) -> None:
        """The old token is used up, its successor joins the family, and both access tokens work."""
        actor = await factory.create_actor()
        first = await sign_in(actor.user_id)

        second = await refresh(first)

        rows = (await rows_of(actor))[-2:]
        assert [(row["used"], row["ended"]) for row in rows] == [(True, False), (False, False)]
        assert rows[0]["family_id"] == rows[1]["family_id"]
        assert await is_alive(first)
        assert await is_alive(second)

    async def test_reuse_ends_the_family(self, factory: Factory) -> None:
        """A used token that comes back ends its family, and no other session of the user."""
        actor = await factory.create_actor()
        other = await sign_in(actor.user_id)
        first = await sign_in(actor.user_id)
        second = await refresh(first)

        with pytest.raises(SessionExpiredError):
            await refresh(first)

        assert not await is_alive(second)
        assert await is_alive(other)
        with pytest.raises(SessionExpiredError):
            await refresh(second)
        await refresh(other)

    async def test_many_at_once(self, factory: Factory) -> None:
        """Of many that send one token at once, one gets the next, and then the family ends."""
        session = await sign_in((await factory.create_actor()).user_id)

        outcomes = await asyncio.gather(
            *(refresh(session) for _ in range(6)), return_exceptions=True
        )

        issued = [outcome for outcome in outcomes if isinstance(outcome, IssuedSession)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, SessionExpiredError)]
        assert (len(issued), len(refused)) == (1, 5)
        assert not await is_alive(issued[0])
        assert not await is_alive(session)

    @pytest.mark.parametrize("token", ["", "x", "\x00", "é", "x" * 100_000])
    async def test_of_no_token(self, token: str, database: None) -> None:
        """An unknown token is an ended session."""
        with pytest.raises(SessionExpiredError):
            await refresh_session(token, keys=KEYS)

    async def test_too_old(self, factory: Factory) -> None:
        """After 30 days there is nothing to refresh, and asking ends nothing."""
        actor = await factory.create_actor()
        session = await sign_in(actor.user_id)
        await fetch(
            "UPDATE sessions SET created_at = now() - interval '31 days', expires_at = now()"
            " WHERE token_hash = $1 RETURNING id",
            hash_token(session.refresh_token),
        )
        before = await rows_of(actor)

        with pytest.raises(SessionExpiredError):
            await refresh(session)

        assert await rows_of(actor) == before
        assert not await is_alive(session)

    async def test_after_logout(self, factory: Factory) -> None:
        """An ended session is not refreshed."""
        session = await sign_in((await factory.create_actor()).user_id)
        await end_sessions(await actor_of(session), everywhere=False)

        with pytest.raises(SessionExpiredError):
            await refresh(session)


class TestEndSessions:
    """sessions.end_sessions."""

    async def test_this_one(self, factory: Factory) -> None:
        """The actor's session ends, refreshed as often as it was; it counts as one."""
        actor = await factory.create_actor()
        mine = await refresh(await sign_in(actor.user_id))
        other = await sign_in(actor.user_id)

        assert await end_sessions(await actor_of(mine), everywhere=False) == 1

        assert not await is_alive(mine)
        assert await is_alive(other)

    async def test_everywhere(self, factory: Factory) -> None:
        """All of the actor's sessions end, and nobody else's."""
        actor, bystander = await factory.create_actor(), await factory.create_actor()
        mine = [await sign_in(actor.user_id) for _ in range(2)]
        theirs = await sign_in(bystander.user_id)

        assert await end_sessions(actor, everywhere=True) == 3

        assert [await is_alive(session) for session in mine] == [False, False]
        assert await is_alive(theirs)

    async def test_twice(self, factory: Factory) -> None:
        """What has ended does not end again."""
        actor = await factory.create_actor()
        await end_sessions(actor, everywhere=True)
        before = await rows_of(actor)

        assert await end_sessions(actor, everywhere=True) == 0
        assert await end_sessions(actor, everywhere=False) == 0

        assert await rows_of(actor) == before
