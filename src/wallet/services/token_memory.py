"""
What this process remembers of access tokens, so that a known one costs no query.

A token is remembered with its actor until it expires. What ends earlier is
learned from PostgreSQL: a poll, about once a second, reads which sessions have
ended and who is an operator now. While polls fail, nothing is remembered; so a
token never outlives its session by more than a few seconds, on any worker.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wallet.core.logging import get_logger
from wallet.services.actors import Actor
from wallet.services.database import fetch

TOKENS_MAX = 20_000
"""Most tokens remembered, 25 MB or so; beyond that the longest unused is forgotten."""

CHECKED_AGAIN_S = 60.0
"""
A token is read afresh after this long, whatever the polls say: what they cannot
see (a row that somebody deleted by hand) ends a token within a minute.
"""

POLL_S = 1.0
"""Pause between two polls."""

TRUSTED_S = 5.0
"""How long after a poll, that has succeeded, tokens are found by memory alone."""

_POLL_ABANDONED_S = 15.0
"""When a poll counts as lost: longer than any answer of PostgreSQL's is waited for."""

_STOP_TIMEOUT_S = 1.0

_ENDED_MAX = 10_000
"""Most ended sessions that a poll reads; where there are more, all tokens are forgotten."""

# The window begins before the last poll, by that poll's own clock: a transaction that
# began then and committed since is in it (each is bounded to five seconds), and so is
# what an answer has not seen that was read before and came late (ten at most). However
# long the pause between two polls was, there is no gap between their windows.
_POLL = """
SELECT now() AS read_at,
       ARRAY(SELECT family_id FROM sessions
              WHERE ended_at > coalesce($1::timestamptz, now()) - interval '15 seconds'
              LIMIT $2) AS ended,
       ARRAY(SELECT id FROM users WHERE role = 'OPERATOR') AS operators
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """
    One token's actor.

    Attributes:
        expires_at_s: When the token expires, in seconds since 1970.
        checked_again_at_s: When it is read afresh, on the monotonic clock.
    """

    actor: Actor
    expires_at_s: float
    checked_again_at_s: float


class TokenMemory:
    """
    Access tokens that were checked before, and whose sessions still live.

    One instance a process, shared by all requests. It remembers nothing until
    :meth:`watching` is entered. Operators are never remembered: what a role
    allows counts at once.
    """

    def __init__(self, *, tokens_max: int = TOKENS_MAX) -> None:
        self._tokens_max = tokens_max
        self._tokens: OrderedDict[str, _Remembered] = OrderedDict()
        self._tokens_of: dict[UUID, set[str]] = {}
        self._operators: frozenset[UUID] = frozenset()
        self._forgotten = 0
        self._read_at: datetime | None = None
        self._trusted_until_s = 0.0

    def __len__(self) -> int:
        """Return how many tokens are remembered."""
        return len(self._tokens)

    def find(self, token: str) -> Actor | None:
        """Return whom *token* speaks for; None when that is to be read from the database."""
        found = self._tokens.get(token)
        if found is None:
            return None
        now_s = time.monotonic()
        if now_s > self._trusted_until_s:
            return None
        if now_s > found.checked_again_at_s or time.time() >= found.expires_at_s:
            self._forget(token)
            return None
        self._tokens.move_to_end(token)
        return found.actor

    def mark(self) -> int:
        """Return what :meth:`remember` needs to know of the moment before a token is read."""
        return self._forgotten

    def remember(self, token: str, actor: Actor, *, expires_at_s: float, since: int) -> None:
        """
        Remember that *token* speaks for *actor*, as was read from the database.

        Args:
            since: The mark that was taken before the database was asked. Where
                anything was forgotten since, this token may be part of it.
        """
        now_s = time.monotonic()
        is_operator = actor.is_operator or actor.user_id in self._operators
        if now_s > self._trusted_until_s or since != self._forgotten or is_operator:
            return
        self._tokens[token] = _Remembered(actor, expires_at_s, now_s + CHECKED_AGAIN_S)
        self._tokens.move_to_end(token)
        self._tokens_of.setdefault(actor.family_id, set()).add(token)
        if len(self._tokens) > self._tokens_max:
            self._forget(next(iter(self._tokens)))

    def forget_session(self, family_id: UUID) -> None:
        """Forget the tokens of a session that has just ended."""
        self._forgotten += 1
        for token in tuple(self._tokens_of.get(family_id, ())):
            self._forget(token)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Remember tokens during the body, and forget those whose sessions end elsewhere."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            # What is cancelled may wait for a silent server in turn: nobody waits for that.
            await asyncio.wait({task}, timeout=_STOP_TIMEOUT_S)
            self._forget_all()

    async def poll(self) -> None:
        """Read which sessions have ended, and who is an operator; forget their tokens."""
        asked_at_s = time.monotonic()
        (row,) = await fetch(_POLL, self._read_at, _ENDED_MAX)
        went_back = self._read_at is not None and row["read_at"] < self._read_at
        if went_back or len(row["ended"]) == _ENDED_MAX:
            # What the window shows is not all that has ended.
            self._forget_all()
        for family_id in row["ended"]:
            if family_id in self._tokens_of:
                self.forget_session(family_id)
        operators = frozenset(row["operators"])
        if new := operators - self._operators:
            self._forget_users(new)
        self._operators = operators
        self._read_at = row["read_at"]
        self._trusted_until_s = asked_at_s + TRUSTED_S

    async def _watch(self) -> None:
        """Poll for ever; whatever goes wrong, tokens are not trusted until a poll succeeds."""
        failing = False
        while True:
            failed = await self._poll_failed()
            if failed and not failing:
                log.warning("sessions are not watched", error=failed)
            elif failing and not failed:
                log.info("sessions are watched again")
            failing = failed is not None
            if failing and time.monotonic() > self._trusted_until_s:
                self._forget_all()
            await asyncio.sleep(POLL_S)

    async def _poll_failed(self) -> str | None:
        """Poll once; return the name of what went wrong, None when nothing did."""
        task = asyncio.create_task(self.poll())
        task.add_done_callback(_hear_out)
        try:
            await asyncio.wait({task}, timeout=_POLL_ABANDONED_S)
        finally:
            # Nobody waits for the end of one that is cancelled: the network may be silent.
            task.cancel()
        if not task.done():
            return TimeoutError.__name__
        error = task.exception()
        return type(error).__name__ if error else None

    def _forget(self, token: str) -> None:
        forgotten = self._tokens.pop(token)
        family_id = forgotten.actor.family_id
        self._tokens_of[family_id].discard(token)
        if not self._tokens_of[family_id]:
            del self._tokens_of[family_id]

    def _forget_users(self, user_ids: frozenset[UUID]) -> None:
        self._forgotten += 1
        for token, known in tuple(self._tokens.items()):
            if known.actor.user_id in user_ids:
                self._forget(token)

    def _forget_all(self) -> None:
        self._forgotten += 1
        self._tokens.clear()
        self._tokens_of.clear()


def _hear_out(task: asyncio.Task[None]) -> None:
    """Take note of how a poll ended that nobody waited for: asyncio warns of what is not read."""
    with suppress(asyncio.CancelledError):
        task.exception()
