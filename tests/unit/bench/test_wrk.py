"""Tests of what is read from wrk."""

import orjson
import pytest

from bench.errors import BenchError, WrongAnswerError
from bench.measurements import Measurement
from bench.wrk import read_output


def write_output(**changes: object) -> str:
    found = {
        "answers": 500,
        "wrong": 0,
        "first_wrong": "",
        "duration_us": 2_000_000,
        "p50_us": 1_500,
        "p99_us": 9_000,
        "connect_errors": 0,
        "read_errors": 0,
        "write_errors": 0,
        "status_errors": 0,
        "timeouts": 0,
        **changes,
    }
    return f"Running 2s test\n  1 threads\n\n{orjson.dumps(found).decode()}\n\n"


class TestReadOutput:
    """read_output."""

    def test_measurement(self) -> None:
        """Answers, time and percentiles come from the last line, in seconds and ms."""
        assert read_output(write_output(), clients=4, size=1, port=80) == Measurement(
            clients=4, count=500, seconds=2.0, p50_ms=1.5, p99_ms=9.0
        )

    def test_batches(self) -> None:
        """Each transfer of a batch counts."""
        assert read_output(write_output(), clients=4, size=100, port=80).per_second == 25_000

    def test_wrong_answer(self) -> None:
        """One wrong answer fails the run, and is shown."""
        output = write_output(wrong=1, first_wrong='200 {"code":"BUSY"}')
        with pytest.raises(WrongAnswerError, match=r"1 of 500 answers were wrong.*BUSY"):
            read_output(output, clients=4, size=1, port=80)

    @pytest.mark.parametrize(
        "name", ["connect_errors", "read_errors", "write_errors", "status_errors", "timeouts"]
    )
    def test_error(self, name: str) -> None:
        """An answer that never came fails the run."""
        with pytest.raises(WrongAnswerError, match=f"3 {name.replace('_', ' ')}"):
            read_output(write_output(**{name: 3}), clients=4, size=1, port=80)

    def test_no_line(self) -> None:
        """What wrk says when the script is broken is shown."""
        with pytest.raises(BenchError, match="attempt to index"):
            read_output("attempt to index a nil value\n", clients=4, size=1, port=80)
