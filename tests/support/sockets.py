"""Bytes sent over a socket, and the answers that come back."""

import asyncio
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_ANSWER_WAIT_S = 20.0
_SILENCE_S = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came over the socket."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswerError(Exception):
    """Raised when what came is no whole answer."""


def read_answers(received: bytes) -> Iterator[Answer]:
    """
    Read answers that came one after the other; of HTTP's ways, those that the server uses.

    Raises:
        NoAnswerError: One of them is not whole, or none at all.
    """
    while received:
        head, found, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if not found or words[0] != "HTTP/1.1" or not words[1].isdigit():
            raise NoAnswerError(repr(head[:200]))
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        status = int(words[1])
        if status == 100:
            received = rest
            continue
        if "chunked" in headers.get("transfer-encoding", ""):
            body, received = _read_chunks(rest)
        elif "content-length" in headers:
            # An answer to HEAD says how long its body would be: the next one follows at once.
            length = 0 if rest.startswith(b"HTTP/1.1 ") else int(headers["content-length"])
            body, received = rest[:length], rest[length:]
            if len(body) < length:
                raise NoAnswerError("its body is not whole")
        else:
            body, received = rest, b""
        yield Answer(status, headers, body)


def _read_chunks(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, found, rest = rest.partition(b"\r\n")
        if not found:
            raise NoAnswerError("its chunks do not end")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if length == 0:
            return body, rest


async def exchange(port: int, sent: bytes, *, is_framed: bool) -> bytes:
    """
    Send bytes; return what comes back.

    Where an answer has to come, it is waited for; else until nothing more comes for
    a moment. Either way the connection is closed then, also in the middle.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(sent)
        while not (is_framed and _is_whole(received)):
            async with asyncio.timeout(_ANSWER_WAIT_S if is_framed else _SILENCE_S):
                some = await reader.read(65_536)
            if not some:
                break
            received += some
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return received


def _is_whole(received: bytes) -> bool:
    try:
        return bool(list(read_answers(received)))
    except NoAnswerError:
        return False


def as_command(port: int, sent: bytes) -> str:
    """Write bytes as a command that sends them again."""
    write = shlex.join(["python3", "-c", f"import sys; sys.stdout.buffer.write({sent!r})"])
    return f"{write} | nc 127.0.0.1 {port}"
