"""The whole view, asked without a server, and how long that takes whatever else is at work."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message

from wallet.schema.view import GraphQLView

_ATTEMPTS = 40
_ADDITIONS = 25_000
_LOOKS = 4

ADDITIONS_A_SECOND = 20_000_000
"""How many an idle core of an ordinary machine does."""


def add_up(additions: int) -> float:
    """Return the CPU time, in seconds, that so many additions take."""
    started = time.process_time()
    total = 0
    for number in range(additions):
        total += number
    return time.process_time() - started


def slowness() -> float:
    """Return how many times slower than an idle core this one is, with all that runs beside it."""
    # Of several looks the best: what comes between for a moment does not count.
    return max(
        1.0, min(add_up(_ADDITIONS) for _ in range(_LOOKS)) * ADDITIONS_A_SECOND / _ADDITIONS
    )


def takes_s(work: Callable[[int], float], *, enough_s: float, attempts: int = _ATTEMPTS) -> float:
    """
    Return the CPU time that *work* takes on an idle core, in seconds; rather more than less.

    Args:
        work: Is done once with the number of each attempt; returns the CPU time that it took.
        enough_s: What takes less is not done again.
    """
    took_s = []
    for attempt in range(attempts):
        before = slowness()
        cpu_s = work(attempt)
        took_s.append(cpu_s / min(before, slowness()))
        if min(took_s) < enough_s:
            break  # Others that are at work only make it slower.
    return min(took_s)


def ask(view: GraphQLView, body: bytes) -> tuple[float, int, bytes]:
    """Send a request by POST; see ``call``."""
    headers = [(b"content-type", b"application/json")]
    return call(view, {"method": "POST", "query_string": b"", "headers": headers}, body)


def call(
    view: GraphQLView, scope: dict[str, object], body: bytes = b""
) -> tuple[float, int, bytes]:
    """Send a request; return the CPU time it took, in seconds, its status and its answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> float:
        started = time.process_time()
        await view(
            {"type": "http", "path": "/graphql", **scope},
            receive,
            send,
        )
        return time.process_time() - started

    took_s = asyncio.run(answer())
    start, end = sent
    return took_s, start["status"], end["body"]
