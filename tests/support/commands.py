"""The `wallet` command as a process of its own."""

import asyncio
import os
import sys
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
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wallet",
        *arguments,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, errors = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Finished(process.returncode, output.decode(), errors.decode())
