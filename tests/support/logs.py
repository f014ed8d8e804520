"""What a server process wrote to its log."""

import json
from typing import Any

from tests.support.servers import ApiServer
from tests.support.waiting import until


def read_log(server: ApiServer) -> str:
    """Return all that *server* has logged so far."""
    return server.log.read_text()


def log_lines(server: ApiServer) -> list[dict[str, Any]]:
    """Return the lines of a log that is in JSON, each of them an object."""
    lines = [json.loads(line) for line in read_log(server).splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def loud_lines(server: ApiServer) -> list[dict[str, Any]]:
    """Return the lines of a log in JSON that say that something is broken."""
    return [line for line in log_lines(server) if line["level"] in {"error", "critical"}]


async def log_line(server: ApiServer, **fields: object) -> dict[str, Any]:
    """Wait for the one line that has all of *fields*; a request's own comes after its answer."""

    def found() -> list[dict[str, Any]]:
        return [line for line in log_lines(server) if fields.items() <= line.items()]

    await until(lambda: bool(found()))
    (line,) = found()
    return line
