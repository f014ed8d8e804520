"""A machine makes up requests from the first byte on: each is answered, and nothing moves."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random, randrange

import pytest

from tests.support.api import Account
from tests.support.fuzzing import Findings, sized
from tests.support.logs import loud_lines, read_log
from tests.support.observer import Observer
from tests.support.raw_http import RequestAuthor
from tests.support.refusals import assert_says_nothing_inner
from tests.support.servers import ApiServer
from tests.support.sockets import Answer, NoAnswerError, as_command, exchange, read_answers
from wallet.development import RedisServer

SHORT = 1_500
SIZE = sized(short=SHORT, long=20_000)
SEED = 1 if SIZE.derandomize else randrange(10**9)
_AT_ONCE = 30

_TEXTS = {
    b"ok",
    b"Not Found",
    b"Method Not Allowed",
    b"Invalid HTTP request received.",
}


@pytest.fixture
def open_server(database_url: str, redis: RedisServer, tmp_path: Path) -> Iterator[ApiServer]:
    """A server that shows all it has, and whose log is read by programs."""
    with ApiServer(
        database_url=database_url,
        redis_url=redis.url,
        log=tmp_path / "log",
        environment={
            "ENVIRONMENT": "production",
            "FUNDING": "owner",
            "GRAPHIQL": "on",
            "METRICS": "on",
        },
    ) as server:
        yield server


def check(answer: Answer) -> None:
    """Assert that an answer says what a client may know, and is no bug."""
    assert answer.status < 500, answer
    text = answer.body.decode(errors="replace")
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not text:
        return  # HEAD has no more than a head.
    if "json" in kind and answer.headers.get("content-encoding") is None:
        assert_says_nothing_inner(text)
        said = json.loads(text)
        codes = [error["extensions"]["code"] for error in said.get("errors", ())]
        assert "INTERNAL" not in codes, answer
    elif kind == "text/plain" and "wallet_" not in text:
        assert answer.body in _TEXTS, answer


class TestRequests:
    """Whatever comes over a socket."""

    @pytest.mark.timeout(3_600 if SIZE.max_examples > SHORT else 240)
    async def test_change_nothing(
        self, open_server: ApiServer, ada: Account, bob: Account, observer: Observer
    ) -> None:
        """Each that HTTP can read is answered below 500, and the next good one as ever."""
        author = RequestAuthor(Random(SEED), ada, bob)
        findings, statuses = Findings(), Counter[int]()
        api = ada.api.at(open_server.url)

        async def send(sent: bytes, *, is_framed: bool) -> None:
            received = await exchange(open_server.port, sent, is_framed=is_framed)
            try:
                answers = list(read_answers(received)) if is_framed else list(_some(received))
                assert answers or not is_framed, "no answer came"
                for answer in answers:
                    statuses[answer.status] += 1
                    check(answer)
            except (AssertionError, NoAnswerError, ValueError, KeyError) as error:
                findings.add(repr(error), as_command(open_server.port, sent))

        async with observer.nothing_changes():
            for _ in range(SIZE.max_examples // _AT_ONCE):
                written = [author.write() for _ in range(_AT_ONCE)]
                await asyncio.gather(*(send(sent, is_framed=framed) for sent, framed in written))
                good = await api.post("{ viewer { id } }")
                assert good["data"] == {"viewer": {"id": ada.user_id}}

        print(statuses)
        findings.assert_none()
        assert statuses[200] > SIZE.max_examples / 10
        assert open_server.is_running()
        assert "Traceback" not in read_log(open_server)
        assert loud_lines(open_server) == []


def _some(received: bytes) -> Iterator[Answer]:
    """Read the answers that are whole; what comes then was not waited for."""
    answers = read_answers(received)
    while True:
        try:
            yield next(answers)
        except (NoAnswerError, StopIteration):
            return
