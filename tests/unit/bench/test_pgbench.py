"""Tests of what is read from pgbench."""

import pytest

from bench.errors import BenchError, WrongAnswerError
from bench.pgbench import read_output, read_times

OUTPUT = """pgbench (18.4)
transaction type: script.sql
scaling factor: 1
query mode: prepared
number of clients: 16
number of threads: 1
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 3000
number of failed transactions: 0 (0.000%)
latency average = 10.616 ms
initial connection time = 42.123 ms
tps = 1500.500000 (without initial connection time)
"""


class TestReadTimes:
    """read_times."""

    def test_microseconds(self) -> None:
        """The third word of a line is its time; the result is in ms."""
        lines = ["0 1 5123 0 1700000000 123456", "3 1 250 0 1700000000 123999", ""]
        assert read_times(lines) == [5.123, 0.25]


class TestReadOutput:
    """read_output."""

    def test_measurement(self) -> None:
        """Count and throughput are pgbench's, the percentiles are those of the times."""
        measured = read_output(OUTPUT, [float(time) for time in range(1, 101)], clients=16)
        assert measured.clients == 16
        assert measured.count == 3000
        assert measured.per_second == pytest.approx(1500.5)
        assert (measured.p50_ms, measured.p99_ms) == (50, 99)

    def test_failed(self) -> None:
        """A transaction that failed fails the run."""
        output = OUTPUT.replace("failed transactions: 0 (0.000%)", "failed transactions: 2 (0.1%)")
        with pytest.raises(WrongAnswerError, match="2 transactions"):
            read_output(output, [1.0], clients=16)

    def test_nothing_done(self) -> None:
        """A run in which nothing was done is no measurement."""
        with pytest.raises(BenchError, match="said nothing"):
            read_output(OUTPUT.partition("number of failed")[0], [], clients=16)
