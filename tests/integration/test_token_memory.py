"""What a process remembers of access tokens, and what makes it forget."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.integration.test_sessions import sign_in
from tests.support.factories import Factory
from tests.support.servers import KEYS
from tests.support.waiting import until
from wallet.core.errors import SessionExpiredError, UnauthenticatedError
from wallet.core.ids import new_id
from wallet.models.account import Role
from wallet.services import token_memory
from wallet.services.actors import Actor
from wallet.services.database import fetch
from wallet.services.sessions import IssuedSession, authenticate, end_sessions, refresh_session
from wallet.services.token_memory import TokenMemory

LATER_S = time.time() + 3_600


@pytest_asyncio.fixture
async def memory(database: None) -> TokenMemory:
    """A memory that has polled once, and polls no more unless a test does."""
    memory = TokenMemory()
    await memory.poll()
    return memory


def remember(memory: TokenMemory, token: str, actor: Actor) -> None:
    """Remember a token as if it had just been read."""
    memory.remember(token, actor, expires_at_s=LATER_S, since=memory.mark())


async def known(memory: TokenMemory, factory: Factory) -> tuple[IssuedSession, Actor]:
    """Sign somebody in, and have the memory know it."""
    session = await sign_in((await factory.create_actor()).user_id)
    actor = await authenticate(session.access_token, keys=KEYS, memory=memory)
    assert memory.find(session.access_token) == actor
    return session, actor


class TestFind:
    """TokenMemory.find."""

    async def test_knows_what_was_authenticated(
        self, memory: TokenMemory, factory: Factory
    ) -> None:
        """The actor is there without a query, and no other token is."""
        session, _ = await known(memory, factory)

        assert memory.find(session.access_token + "x") is None
        assert memory.find("") is None

    async def test_expires_with_the_token(
        self, memory: TokenMemory, factory: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """To the second: it is there a moment before the token's expiry, and not at it."""
        session, _ = await known(memory, factory)
        expires_at_s = session.expires_at.timestamp()

        monkeypatch.setattr(time, "time", lambda: expires_at_s - 0.001)
        assert memory.find(session.access_token) is not None
        monkeypatch.setattr(time, "time", lambda: expires_at_s)
        assert memory.find(session.access_token) is None
        assert len(memory) == 0

    async def test_trusts_no_old_poll(
        self, memory: TokenMemory, factory: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a poll for some seconds nothing is found, and nothing new is remembered."""
        session, actor = await known(memory, factory)
        clock = time.monotonic

        monkeypatch.setattr(time, "monotonic", lambda: clock() + token_memory.TRUSTED_S + 1)
        assert memory.find(session.access_token) is None
        remember(memory, "another", actor)
        await memory.poll()

        assert memory.find(session.access_token) == actor
        assert memory.find("another") is None

    async def test_is_read_afresh_after_a_while(
        self, memory: TokenMemory, factory: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What no poll can see is not believed for long."""
        session, _ = await known(memory, factory)
        clock = time.monotonic

        monkeypatch.setattr(time, "monotonic", lambda: clock() + token_memory.CHECKED_AGAIN_S + 1)
        await memory.poll()

        assert memory.find(session.access_token) is None


class TestRemember:
    """TokenMemory.remember."""

    async def test_is_bounded(self, database: None, factory: Factory) -> None:
        """The longest unused token makes room for a new one."""
        memory = TokenMemory(tokens_max=3)
        await memory.poll()
        actor = await factory.create_actor()
        for token in "abc":
            remember(memory, token, actor)
        memory.find("a")

        remember(memory, "d", actor)

        assert [token for token in "abcd" if memory.find(token)] == ["a", "c", "d"]
        assert len(memory) == 3

    async def test_before_any_poll(self, factory: Factory) -> None:
        """Nothing is remembered by a memory that nobody keeps up to date."""
        memory = TokenMemory()

        remember(memory, "a", await factory.create_actor())

        assert memory.find("a") is None
        assert len(memory) == 0

    async def test_not_what_was_read_too_early(self, memory: TokenMemory, factory: Factory) -> None:
        """A session that ended while its token was being read is not remembered."""
        actor = await factory.create_actor()
        mark = memory.mark()
        memory.forget_session(actor.family_id)

        memory.remember("a", actor, expires_at_s=LATER_S, since=mark)

        assert memory.find("a") is None

    async def test_not_operators(self, memory: TokenMemory, factory: Factory) -> None:
        """What a role allows counts at once, so it is read each time."""
        actor = await factory.create_actor()

        remember(memory, "a", replace(actor, role=Role.OPERATOR))

        assert memory.find("a") is None


class TestForget:
    """What ends a token in the memory."""

    async def test_refused_tokens_are_not_remembered(self, memory: TokenMemory) -> None:
        """Neither junk nor a token of a session that has ended takes room."""
        with pytest.raises(UnauthenticatedError):
            await authenticate("junk", keys=KEYS, memory=memory)

        assert len(memory) == 0

    @pytest.mark.parametrize("everywhere", [False, True])
    async def test_logout(self, *, everywhere: bool, memory: TokenMemory, factory: Factory) -> None:
        """At once, in the process that ends the session."""
        session, actor = await known(memory, factory)
        bystander, _ = await known(memory, factory)

        await end_sessions(actor, everywhere=everywhere, memory=memory)

        assert memory.find(session.access_token) is None
        assert memory.find(bystander.access_token) is not None

    async def test_reuse(self, memory: TokenMemory, factory: Factory) -> None:
        """At once, and so for all tokens of the session."""
        session, _ = await known(memory, factory)
        second = await refresh_session(session.refresh_token, keys=KEYS, memory=memory)
        await authenticate(second.access_token, keys=KEYS, memory=memory)

        with pytest.raises(SessionExpiredError):
            await refresh_session(session.refresh_token, keys=KEYS, memory=memory)

        assert memory.find(session.access_token) is None
        assert memory.find(second.access_token) is None

    async def test_logout_elsewhere(self, memory: TokenMemory, factory: Factory) -> None:
        """With the next poll."""
        session, actor = await known(memory, factory)
        bystander, _ = await known(memory, factory)
        await end_sessions(actor, everywhere=False)

        await memory.poll()

        assert memory.find(session.access_token) is None
        assert memory.find(bystander.access_token) is not None

    async def test_answer_that_came_late(self, memory: TokenMemory, factory: Factory) -> None:
        """What was read before the end and remembered after a poll is forgotten by the next."""
        session, actor = await known(memory, factory)
        await end_sessions(actor, everywhere=False)
        await memory.poll()
        remember(memory, session.access_token, actor)

        await memory.poll()

        assert memory.find(session.access_token) is None

    async def test_commit_that_came_late(self, memory: TokenMemory, factory: Factory) -> None:
        """A session that says that it ended some seconds ago is noticed all the same."""
        session, actor = await known(memory, factory)
        await memory.poll()
        await fetch(
            "UPDATE sessions SET ended_at = now() - interval '10 seconds'"
            " WHERE family_id = $1 RETURNING id",
            actor.family_id,
        )

        await memory.poll()

        assert memory.find(session.access_token) is None

    async def test_new_operator(self, memory: TokenMemory, factory: Factory) -> None:
        """With the next poll the new role counts, and the token is not remembered any more."""
        session, actor = await known(memory, factory)
        await fetch("UPDATE users SET role = 'OPERATOR' WHERE id = $1 RETURNING id", actor.user_id)

        await memory.poll()

        assert memory.find(session.access_token) is None
        # Even where the answer is older than the role.
        remember(memory, session.access_token, actor)
        assert memory.find(session.access_token) is None

    async def test_more_than_a_poll_reads(
        self, memory: TokenMemory, factory: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where more sessions end than are looked at, all tokens are forgotten."""
        await known(memory, factory)
        for _ in range(2):
            await end_sessions(await factory.create_actor(), everywhere=False)
        monkeypatch.setattr(token_memory, "_ENDED_MAX", 2)

        await memory.poll()

        assert len(memory) == 0


class TestWatching:
    """TokenMemory.watching."""

    @pytest.fixture
    async def watched(self, database: None) -> AsyncIterator[TokenMemory]:
        """A memory that polls, and has done so."""
        memory = TokenMemory()
        async with memory.watching():
            await until(lambda: memory._read_at is not None)
            yield memory

    async def test_forgets_what_ends_elsewhere(
        self, watched: TokenMemory, factory: Factory
    ) -> None:
        """Nobody has to ask."""
        session, actor = await known(watched, factory)

        await end_sessions(actor, everywhere=False)

        await until(lambda: watched.find(session.access_token) is None)

    async def test_outlives_polls_that_fail(
        self, watched: TokenMemory, factory: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While polls fail all is forgotten; as soon as one succeeds, tokens are remembered."""
        await known(watched, factory)
        monkeypatch.setattr(token_memory, "TRUSTED_S", 0.1)
        monkeypatch.setattr(token_memory, "POLL_S", 0.01)
        with monkeypatch.context() as broken:
            broken.setattr(token_memory, "_POLL", "SELECT nothing")
            await until(lambda: len(watched) == 0)
            remember(watched, "a", await factory.create_actor())
            assert len(watched) == 0

        async def is_remembered() -> bool:
            remember(watched, "a", await factory.create_actor())
            return watched.find("a") is not None

        await until(is_remembered)

    async def test_outlives_a_poll_without_an_answer(
        self, watched: TokenMemory, factory: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A poll that never ends is given up, and the next one is sent."""
        polls: list[asyncio.Event] = []

        async def silence(*_values: object) -> None:
            polls.append(asyncio.Event())
            await polls[-1].wait()

        monkeypatch.setattr(token_memory, "POLL_S", 0.01)
        monkeypatch.setattr(token_memory, "_POLL_ABANDONED_S", 0.01)
        monkeypatch.setattr(token_memory, "fetch", silence)

        await until(lambda: len(polls) > 2)

    async def test_ends_with_its_body(self, database: None, factory: Factory) -> None:
        """Afterwards nothing is remembered, and no task is left."""
        memory = TokenMemory()
        watching: AbstractAsyncContextManager[None] = memory.watching()
        async with watching:
            await until(lambda: memory._read_at is not None)
            remember(memory, new_id().hex, await factory.create_actor())
            assert len(memory) == 1

        assert len(memory) == 0
