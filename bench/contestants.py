"""Who is compared: the wallet, plain SQL, and the naive version; all are asked alike."""

from dataclasses import dataclass
from typing import Protocol

from bench.loads import Load
from bench.measurements import Measurement
from bench.pgbench import Pgbench
from bench.tally import Tally, check_sequences
from bench.wrk import Scenario, Wrk

BATCH_SIZE = 100


class Contestant(Protocol):
    """Somebody who carries out transfers."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    def transfer(self, load: Load, *, clients: int, seconds: int) -> Measurement:
        """
        Carry out transfers for *seconds*, one per request or transaction.

        Raises:
            WrongAnswerError: An answer was wrong, or more or less has moved.
        """


@dataclass(frozen=True, slots=True)
class PlainSql:
    """Transfers in plain SQL, driven by pgbench: the raw limit."""

    pgbench: Pgbench
    database_url: str
    name: str = "pgbench"

    def transfer(self, load: Load, *, clients: int, seconds: int) -> Measurement:
        """Carry out transfers, one per transaction."""
        return check_sequences(
            self.database_url,
            lambda: self.pgbench.measure(load, clients=clients, seconds=seconds),
        )


@dataclass(frozen=True, slots=True)
class Api:
    """The API of the wallet, or that of the naive version."""

    name: str
    url: str
    wrk: Wrk
    tally: Tally

    def transfer(self, load: Load, *, clients: int, seconds: int) -> Measurement:
        """Carry out transfers, one per request."""
        return self._move(Scenario("transfer", {"load": load.value}), clients, seconds)

    def transfer_batches(self, mode: str, *, clients: int, seconds: int) -> Measurement:
        """Carry out transfers, many per request; each of them counts."""
        return self._move(Scenario("batch", {"mode": mode}, size=BATCH_SIZE), clients, seconds)

    def query(self, scenario: Scenario, *, clients: int, seconds: int) -> Measurement:
        """Ask what moves nothing."""
        return self.wrk.run(self.url, scenario, clients=clients, seconds=seconds)

    def _move(self, scenario: Scenario, clients: int, seconds: int) -> Measurement:
        return self.tally.check(
            lambda run: self.wrk.run(self.url, scenario, clients=clients, seconds=seconds, run=run),
            in_flight_max=clients * scenario.size,
        )
