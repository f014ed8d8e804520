"""What is on a log line, and what never is."""

import asyncio
import contextvars
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
import structlog

from wallet.core.logging import begin_request, configure_logging, get_logger, note

TALKATIVE = ("asyncio", "tortoise", "tortoise.db_client", "strawberry.execution")
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Logging is as it was before, after each test."""
    root = logging.getLogger()
    level, handlers, configuration = root.level, root.handlers[:], structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    # The handlers that are there are pytest's: to replace them would close them for good.
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    structlog.configure(**configuration)


@pytest.fixture(autouse=True)
def _own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is under way when a test begins."""
    fresh: contextvars.ContextVar[dict[str, object] | None] = contextvars.ContextVar(
        "request_fields", default=None
    )
    monkeypatch.setattr("wallet.core.logging._request_fields", fresh)


class Lines:
    """Sets logging up, and reads what was logged since it was last asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._stream = StringIO()

    def set_up(self, *, json: bool, level: str = "INFO") -> None:
        """Configure logging with a standard error that can be read."""
        self._monkeypatch.setattr(sys, "stderr", self._stream)
        configure_logging(level=level, as_json=json)

    def text(self) -> str:
        """Return it as it was written."""
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return text

    def all(self) -> list[dict[str, Any]]:
        """Return it as JSON, a line each."""
        return [json.loads(line) for line in self.text().splitlines()]

    def one(self) -> dict[str, Any]:
        """Return the only line, as JSON."""
        (line,) = self.all()
        return line


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Logging that is not set up yet."""
    return Lines(monkeypatch)


@pytest.fixture
def production(lines: Lines) -> Lines:
    """Logging as in production."""
    lines.set_up(json=True)
    return lines


@pytest.fixture
def development(lines: Lines) -> Lines:
    """Logging as in development."""
    lines.set_up(json=False)
    return lines


def check_password(password: str) -> None:
    """Fail, with a password in a local variable at two levels."""
    candidate = password + "!"
    raise RuntimeError(f"cannot check {len(candidate)} characters")


class TestConfigureLogging:
    """configure_logging."""

    def test_production_writes_json(self, production: Lines) -> None:
        """One object a line: event, logger, level, a UTC time, and the fields."""
        before = datetime.now(UTC)
        get_logger("wallet.test").warning("something happened", amount=3, ok=True)
        after = datetime.now(UTC)

        line = production.one()
        assert before <= datetime.fromisoformat(line.pop("timestamp")) <= after
        assert line == {
            "event": "something happened",
            "logger": "wallet.test",
            "level": "warning",
            "amount": 3,
            "ok": True,
        }

    def test_one_line_an_event(self, production: Lines) -> None:
        """A line break in a value does not make a second line."""
        get_logger("wallet.test").info("one\ntwo", text="three\r\nfour\u2028five")

        assert production.text().count("\n") == 1

    def test_values_of_any_type(self, production: Lines) -> None:
        """What JSON does not know is written as text."""
        id_ = UUID(int=7)
        get_logger("wallet.test").info("typed", id=id_, at=datetime(2026, 1, 1, tzinfo=UTC), c=1j)

        line = production.one()
        assert (line["id"], line["at"], line["c"]) == (str(id_), "2026-01-01T00:00:00+00:00", "1j")

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("\ud800", id="surrogate"),
            pytest.param(2**64, id="long"),
            pytest.param({1: 2}, id="number as a key"),
            pytest.param({UUID(int=7): 1}, id="id as a key"),
        ],
    )
    def test_values_that_json_has_no_place_for(self, production: Lines, value: object) -> None:
        """A strange value does not cost the line it is on."""
        get_logger("wallet.test").info("strange", value=value)

        assert production.one()["event"] == "strange"

    def test_error_with_a_strange_message(self, production: Lines) -> None:
        """The line of an internal error is there, whatever its message says."""
        try:
            raise ValueError("\ud800")
        except ValueError as error:
            get_logger("wallet.test").error("internal error", error_id="1", exc_info=error)

        assert production.one()["error_id"] == "1"

    def test_libraries_take_the_same_way(self, production: Lines) -> None:
        """A record of standard logging looks like ours, with its arguments filled in."""
        logging.getLogger("some.library").error("%s of %d failed", "two", 3)

        line = production.one()
        assert (line["event"], line["logger"], line["level"]) == (
            "two of 3 failed",
            "some.library",
            "error",
        )
        assert "timestamp" in line

    def test_level(self, production: Lines) -> None:
        """What is below the level is not logged, ours or a library's."""
        get_logger("wallet.test").debug("quiet")
        logging.getLogger("some.library").debug("quiet")
        get_logger("wallet.test").info("loud")

        assert production.one()["event"] == "loud"

    def test_talkative_libraries(self, production: Lines) -> None:
        """Libraries that speak of every connection are heard from warnings on."""
        for name in TALKATIVE:
            logging.getLogger(name).info("chatter")
            logging.getLogger(name).warning(name)

        assert [line["event"] for line in production.all()] == list(TALKATIVE)

    def test_twice(self, lines: Lines) -> None:
        """To configure it again replaces what was; nothing is logged twice."""
        lines.set_up(json=False)
        lines.set_up(json=True, level="WARNING")
        logging.getLogger("some.library").warning("once")
        logging.getLogger("some.library").info("never")

        assert lines.one()["event"] == "once"

    def test_development_is_readable(self, development: Lines) -> None:
        """In development a line is text: event, logger and fields, and no colours in a file."""
        get_logger("wallet.test").info("something happened", amount=3)

        text = development.text()
        assert "something happened" in text
        assert "wallet.test" in text
        assert "amount=3" in text
        assert not text.startswith("{")
        assert "\x1b" not in text


@pytest.mark.parametrize("json_lines", [True, False], ids=["production", "development"])
class TestSecrets:
    """What must never be on a line, in either form."""

    @pytest.fixture(autouse=True)
    def _configured(self, json_lines: bool, lines: Lines) -> None:  # noqa: FBT001
        """Logging in one of its forms."""
        lines.set_up(json=json_lines)

    @pytest.mark.parametrize(
        "name",
        [
            *("password", "access_token", "refresh_token", "secret_key", "authorization"),
            *("variables", "device_token", "code", "secret", "cookie"),
        ],
    )
    def test_fields(self, lines: Lines, name: str) -> None:
        """A secret that is passed as a field is hidden; that it was passed is not."""
        get_logger("wallet.test").info("oops", **{name: PASSWORD})

        text = lines.text()
        assert PASSWORD not in text
        assert name in text
        assert "[hidden]" in text

    def test_fields_of_the_request(self, lines: Lines) -> None:
        """A secret that was noted for the request is hidden on each of its lines."""
        begin_request(request_id="r1")
        note(access_token=PASSWORD)
        get_logger("wallet.test").info("ours")
        logging.getLogger("some.library").info("theirs")

        text = lines.text()
        assert PASSWORD not in text
        assert text.count("[hidden]") == 2

    @pytest.mark.parametrize("logger", ["ours", "theirs"])
    def test_tracebacks_have_no_locals(self, lines: Lines, logger: str) -> None:
        """A traceback says where and why, and not what was in the variables."""
        own_variable = PASSWORD
        try:
            check_password(own_variable)
        except RuntimeError:
            if logger == "ours":
                get_logger("wallet.test").exception("internal error")
            else:
                logging.getLogger("some.library").exception("internal error")

        text = lines.text()
        assert "check_password" in text
        assert "cannot check 29 characters" in text
        assert PASSWORD not in text

    def test_tracebacks_of_causes_have_no_locals(self, lines: Lines) -> None:
        """The same holds for the errors behind an error, and for one that is handed over."""
        try:
            try:
                check_password(PASSWORD)
            except RuntimeError as error:
                raise LookupError("no account") from error
        except LookupError as error:
            caught = error
        get_logger("wallet.test").error("internal error", exc_info=caught)

        text = lines.text()
        assert "no account" in text
        assert "cannot check 29 characters" in text
        assert PASSWORD not in text


class TestBeginRequest:
    """begin_request, and note."""

    def test_fields_are_on_every_line(self, production: Lines) -> None:
        """What a request began with, and what was noted since, is on each further line."""
        begin_request(request_id="r1")
        get_logger("wallet.test").info("first")
        note(actor="a1")
        logging.getLogger("some.library").warning("second")

        first, second = production.all()
        assert first["request_id"] == second["request_id"] == "r1"
        assert "actor" not in first
        assert second["actor"] == "a1"

    def test_next_request_starts_anew(self, production: Lines) -> None:
        """Nothing of one request is on the lines of the next."""
        begin_request(request_id="r1")
        note(actor="a1")
        begin_request(request_id="r2")
        get_logger("wallet.test").info("line")

        line = production.one()
        assert line["request_id"] == "r2"
        assert "actor" not in line

    def test_line_goes_before_request(self, production: Lines) -> None:
        """Where a line says something of the same name, the line counts."""
        begin_request(kind="request")
        get_logger("wallet.test").info("line", kind="line")

        assert production.one()["kind"] == "line"

    def test_outside_of_a_request(self, production: Lines) -> None:
        """Without a request there is nothing to note on."""
        note(actor="a1")
        get_logger("wallet.test").info("line")

        assert "actor" not in production.one()

    async def test_tasks_of_a_request_share_its_fields(self, production: Lines) -> None:
        """What one task of a request learns is on the lines of all; other requests know nothing."""

        async def learn() -> None:
            note(actor="a1")

        async def serve(request_id: str, *, signed_in: bool) -> None:
            begin_request(request_id=request_id)
            if signed_in:
                await asyncio.create_task(learn())
            get_logger("wallet.test").info("served")

        await asyncio.gather(serve("r1", signed_in=True), serve("r2", signed_in=False))

        by_request = {line["request_id"]: line.get("actor") for line in production.all()}
        assert by_request == {"r1": "a1", "r2": None}


class TestGetLogger:
    """get_logger."""

    def test_before_logging_is_set_up(self, lines: Lines) -> None:
        """A module's logger that was made first takes the same way as any other."""
        logger = get_logger("wallet.early")
        lines.set_up(json=True)
        logger.info("line")

        assert lines.one()["logger"] == "wallet.early"
