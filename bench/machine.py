"""What the figures were measured on: the machine, and the versions of all that took part."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from bench.programs import find_pgbench, find_wrk

_LIBRARIES = (
    "asyncpg",
    "graphql-core",
    "redis",
    "starlette",
    "strawberry-graphql",
    "tortoise-orm",
    "uvicorn",
    "uvloop",
)


def describe_machine() -> dict[str, str]:
    """Return the machine's processor, cores, memory and system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


async def describe_versions(database_url: str, redis_url: str) -> dict[str, str]:
    """Return the versions of the servers, the load generators and the libraries."""
    connection = await asyncpg.connect(database_url)
    try:
        postgres = str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
    redis: Redis = Redis.from_url(redis_url)
    try:
        info = await redis.info("server")
    finally:
        await redis.aclose()
    return {
        "Python": platform.python_version(),
        "PostgreSQL": postgres,
        "Redis": str(info["redis_version"]),
        "wrk": _first_line(find_wrk(), "-v").removeprefix("wrk ").partition(" ")[0],
        "pgbench": _first_line(find_pgbench(), "--version").rpartition(") ")[2],
        **{name: version(name) for name in _LIBRARIES},
    }


def _first_line(program: Path, option: str) -> str:
    """Return the first line that a program says; wrk ends with an exit code of 1 after it."""
    done = subprocess.run([program, option], capture_output=True, check=False, text=True)
    return (done.stdout or done.stderr).partition("\n")[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
