"""The `wallet` command as a process of its own."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command said, and how it ended."""

    exit_code: int
    output: str
    errors: str


async def run_wallet(*arguments: str, **environment: str) -> Finished:
    """Run ``wallet`` to its end, with settings on top of our environment."""
    async with started_wallet(*arguments, **environment) as process:
        return await finish(process)


async def send_to_wallet(sent: bytes, *arguments: str, **environment: str) -> Finished:
    """Run ``wallet`` to its end, with *sent* on its standard input."""
    async with started_wallet(*arguments, **environment) as process:
        return await finish(process, sent)


@asynccontextmanager
async def started_wallet(*arguments: str, **environment: str) -> AsyncIterator[Process]:
    """Start ``wallet`` for the body; one that has not ended by then is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wallet",
        *arguments,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def finish(process: Process, sent: bytes = b"") -> Finished:
    """Send a command that was started all that it has to read, and wait for its end."""
    async with asyncio.timeout(TIMEOUT_S):
        output, errors = await process.communicate(sent)
    assert process.returncode is not None
    return Finished(process.returncode, output.decode(), errors.decode())
