"""
The way of many rows through the ledger: in their order, each once, a bounded number at a time.

Rows go to the ledger in pieces, some of them at once, so that its rounds are
long and never wait for the next piece to be read. No row passes another that
shares a wallet with it, not even one that is Busy for now: the ledger holds those
behind it back, and when all pieces are answered, what is left of them is asked
again, in the same order and with the same keys.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from wallet.core.errors import BusyError, ServiceUnavailableError, WalletError
from wallet.services.actors import Actor
from wallet.services.imports.formats import Line
from wallet.services.imports.rows import Refusal, Row, explain, read_row
from wallet.services.ledger import Course, Ledger, Outcome, Posting

PIECE_ROWS = 256
"""Rows of a piece: reading them takes some milliseconds, in which no round goes on."""

PIECES_MAX = 8
"""
Most pieces at the ledger: enough for its two lanes of 512, and as many again that
wait. At the slowest rate that was seen, the last of them waits for some seconds.
"""

LOCK_WAIT_MS_MIN = 10_000
"""How long an import's ledger waits for a wallet at least: nobody sits before an answer."""

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""How long it waits, try after try, before what was Busy or unknown is asked again."""


class ImportStoppedError(Exception):
    """Raised when rows stayed out of reach for all tries; the same import goes on from there."""


class Audience(Protocol):
    """Who is told how an import goes."""

    def show_refusal(self, refusal: Refusal) -> None:
        """Show a row that was refused; they come in the order of the file."""

    def show_progress(self, tally: "Tally") -> None:
        """Show how far it is; told after every piece."""

    def show_pause(self, pause_s: float, reason: str) -> None:
        """Show that it waits before it asks again, and why."""


@dataclass(slots=True)
class Tally:
    """
    What became of the rows so far.

    Attributes:
        done: Carried out by this import.
        done_before: Carried out earlier, under the same keys.
        passed: Only checked, with nothing to say against them.
    """

    done: int = 0
    done_before: int = 0
    passed: int = 0
    refused: int = 0

    @property
    def settled(self) -> int:
        """How many rows have their final answer."""
        return self.done + self.done_before + self.passed + self.refused


@dataclass(slots=True)
class _Piece:
    """Some rows, and what became of each; None is not known yet."""

    rows: list[Row]
    outcomes: list[Outcome | None] = field(init=False)
    answers: asyncio.Task[list[Outcome]] | None = None

    def __post_init__(self) -> None:
        self.outcomes = [
            None if isinstance(row.order, Posting) else Outcome(None, None, error=row.order)
            for row in self.rows
        ]

    @property
    def open(self) -> list[int]:
        """The places of the rows whose answer is not known."""
        return [place for place, outcome in enumerate(self.outcomes) if outcome is None]

    def send(self, ledger: Ledger, course: Course) -> None:
        """Ask the ledger for what is open, without waiting for the answers."""
        orders = (self.rows[place].order for place in self.open)
        postings = [order for order in orders if isinstance(order, Posting)]
        self.answers = asyncio.create_task(ledger.post_each(postings, course=course))

    async def receive(self) -> Exception | None:
        """Wait for the answers; return why some are still open, None where all are known."""
        if self.answers is None:
            return None
        answers, self.answers = self.answers, None
        places = self.open
        try:
            outcomes = await answers
        except ServiceUnavailableError as error:
            return error
        busy: Exception | None = None
        for place, outcome in zip(places, outcomes, strict=True):
            if isinstance(outcome.error, BusyError):
                busy = outcome.error
            else:
                self.outcomes[place] = outcome
        return busy


class Importer:
    """
    Carries out the rows of one file.

    Args:
        actor: An operator, on whose behalf they are carried out and whose keys theirs are.
        until: Set when it is to end early: what is under way is finished.
        pauses_s: How long to wait before each further try.
    """

    def __init__(
        self,
        ledger: Ledger,
        audience: Audience,
        *,
        actor: Actor,
        until: asyncio.Event,
        pauses_s: Iterable[float] = PAUSES_S,
    ) -> None:
        self._ledger = ledger
        self._audience = audience
        self._actor = actor
        self._until = until
        self._pauses_s = tuple(pauses_s)
        self._course = Course()
        self._pieces: deque[_Piece] = deque()
        self._tries = 0
        self.tally = Tally()

    async def run(self, lines: Iterator[Line]) -> None:
        """
        Carry out all rows, or those up to where it is told to end.

        Raises:
            ImportStoppedError: PostgreSQL, or the wallets of a row, stayed out of reach.
        """
        if not self._actor.is_operator:
            raise AssertionError("only an operator imports")
        try:
            while True:
                self._send(lines)
                if not self._pieces:
                    return
                trouble = await self._pieces[0].receive()
                if trouble is None:
                    self._tell(self._pieces.popleft())
                    self._tries = 0
                elif not await self._ask_again(trouble):
                    return
        finally:
            # What is under way ends in any case, and is told of.
            await self._receive_all()
            for piece in self._pieces:
                self._tell(piece)

    def _send(self, lines: Iterator[Line]) -> None:
        """Have as many pieces at the ledger as may be."""
        while len(self._pieces) < PIECES_MAX and not self._until.is_set():
            rows = [read_row(line, self._actor) for line in itertools.islice(lines, PIECE_ROWS)]
            if not rows:
                return
            piece = _Piece(rows)
            piece.send(self._ledger, self._course)
            self._pieces.append(piece)

    async def _ask_again(self, trouble: Exception) -> bool:
        """
        Ask for all that is open once more, after a pause; return whether it was time for that.

        Raises:
            ImportStoppedError: That was the last try.
        """
        await self._receive_all()
        if self._until.is_set():
            return False
        if self._tries == len(self._pauses_s):
            raise ImportStoppedError(_reason_of(trouble)) from trouble
        pause_s = self._pauses_s[self._tries]
        self._tries += 1
        self._audience.show_pause(pause_s, _reason_of(trouble))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until.wait(), pause_s)
            return False
        # What was stuck is asked again before anything that comes behind it.
        self._course = Course()
        for piece in self._pieces:
            piece.send(self._ledger, self._course)
        return True

    async def _receive_all(self) -> None:
        for piece in self._pieces:
            await piece.receive()

    def _tell(self, piece: _Piece) -> None:
        """Count a piece's rows, and show those that were refused."""
        for row, outcome in zip(piece.rows, piece.outcomes, strict=True):
            if outcome is None:
                continue
            if outcome.error is not None:
                self.tally.refused += 1
                self._audience.show_refusal(explain(row, outcome.error))
            elif outcome.replayed:
                self.tally.done_before += 1
            else:
                self.tally.done += 1
        self._audience.show_progress(self.tally)


def _reason_of(trouble: Exception) -> str:
    if isinstance(trouble, BusyError):
        return "Wallets are busy"
    return "The database is away"


def check_lines(lines: Iterable[Line], audience: Audience, *, actor: Actor) -> Tally:
    """Check all rows as an import would before it asks the ledger; nothing moves."""
    tally = Tally()
    for count, line in enumerate(lines, 1):
        row = read_row(line, actor)
        if isinstance(row.order, WalletError):
            tally.refused += 1
            audience.show_refusal(explain(row, row.order))
        else:
            tally.passed += 1
        if count % PIECE_ROWS == 0:
            audience.show_progress(tally)
    audience.show_progress(tally)
    return tally
