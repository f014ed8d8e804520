"""What /readyz tells a balancer: whether PostgreSQL and Redis answer, as of about a second ago."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from wallet.core.logging import get_logger

PROBE_TIMEOUT_S = 2.0

REMEMBERED_S = 1.0
"""How long an answer is given again: however often anybody asks, it is one query a second."""

log = get_logger(__name__)

Probe = Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Who answers."""

    postgresql: bool
    redis: bool


class Probes:
    """Asks PostgreSQL and Redis, one question at a time, and remembers what they said."""

    def __init__(
        self, postgresql: Probe, redis: Probe, *, remembered_s: float = REMEMBERED_S
    ) -> None:
        self._postgresql = postgresql
        self._redis = redis
        self._remembered_s = remembered_s
        self._asking: asyncio.Task[Readiness] | None = None
        self._until_s = 0.0

    async def ask(self) -> Readiness:
        """Return what is known; who asks meanwhile waits for the same answer."""
        asking = self._asking
        if asking is None or (asking.done() and time.monotonic() >= self._until_s):
            asking = self._asking = asyncio.create_task(self._ask())
        # A client that goes away leaves the others their answer.
        return await asyncio.shield(asking)

    async def _ask(self) -> Readiness:
        answers = await asyncio.gather(_answers(self._postgresql()), _answers(self._redis()))
        self._until_s = time.monotonic() + self._remembered_s
        return Readiness(*answers)


async def _answers(probe: Coroutine[Any, Any, object]) -> bool:
    """Tell whether a probe ends well within a second or two; never raises."""
    task = asyncio.create_task(probe)
    # One that is cancelled may wait for a silent server in turn: nobody waits for that.
    await asyncio.wait({task}, timeout=PROBE_TIMEOUT_S)
    if not task.done():
        task.cancel()
        return False
    if error := task.exception():
        log.warning("not ready", error=type(error).__name__)
        return False
    return True
