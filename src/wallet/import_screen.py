"""What a person sees of an import: progress and refusals on standard error, the end on output."""

import sys
import time
from types import TracebackType
from typing import Self

import click

from wallet.services.imports import Refusal, Report, Tally

SHOWN_MAX = 20
"""Most refused rows on the screen where a report has all of them."""

_TELL_EVERY_S = 10.0
"""How often a line tells the progress where there is no terminal for a bar."""

_CLEAR_LINE = "\r\x1b[K"


class Screen:
    """
    Shows one import.

    Args:
        total: How many rows the file has.
        report: Where all refused rows are written; None shows all of them here.
        report_name: What it is called.
    """

    def __init__(self, total: int, report: Report | None, *, report_name: str) -> None:
        self.total = total
        self._report = report
        self._report_name = report_name
        self._is_terminal = sys.stderr.isatty()
        self._told_at = time.monotonic()
        self._refused = 0
        # A bar of nothing would be full at once.
        self._bar = click.progressbar(
            length=max(total, 1),
            label="Importing",
            file=sys.stderr,
            show_pos=True,
            hidden=not self._is_terminal,
        )

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._bar.render_progress()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the line of the bar."""
        self._bar.render_finish()

    def show_refusal(self, refusal: Refusal) -> None:
        """Write a refused row into the report, and show the first ones."""
        self._refused += 1
        if self._report:
            self._report.write(refusal)
            if self._refused > SHOWN_MAX:
                return
        place = f"line {refusal.line}" + (f", {refusal.field}" if refusal.field else "")
        self._say(f"{place}: {refusal.code} {refusal.message}")
        if self._report and self._refused == SHOWN_MAX:
            self._say("Further refused rows are only in the report.")

    def show_progress(self, tally: Tally) -> None:
        """Move the bar; without one, say now and then how far it is."""
        if self._is_terminal:
            self._bar.update(tally.settled - self._bar.pos)
        elif time.monotonic() - self._told_at > _TELL_EVERY_S:
            self._told_at = time.monotonic()
            self._say(f"{tally.settled:,} of {self.total:,} rows …")

    def show_pause(self, pause_s: float, reason: str) -> None:
        """Say that it waits, and why."""
        self._say(f"{reason}; trying again in {pause_s:g} s.")

    def say_how_far(self, tally: Tally) -> str:
        """Say how far one is that did not come to its end, and how it goes on."""
        return (
            f"{tally.settled:,} of {self.total:,} rows have their answer{_parts(tally)}."
            f"{self._where(tally)} The same command goes on from here."
        )

    def say_all(self, tally: Tally, *, is_dry: bool) -> str:
        """Say what became of all rows."""
        nothing_moved = (
            " Nothing moved. What the wallets say to it, and which keys were used before, "
            "only an import tells."
        )
        return (
            f"{self.total:,} rows{_parts(tally)}.{nothing_moved if is_dry else ''}"
            f"{self._where(tally)}"
        )

    def _where(self, tally: Tally) -> str:
        """Say where the refused rows are, if there are any."""
        if not tally.refused or not self._report:
            return ""
        return f" The refused rows are in {self._report_name}."

    def close(self, text: str) -> None:
        """Say how it ended."""
        if self._is_terminal:
            self._bar.render_finish()
            self._bar.hidden = True
        click.echo(text)

    def _say(self, text: str) -> None:
        """Write a line above the bar, without what a file's names could do to a terminal."""
        shown = "".join(
            char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text
        )
        click.echo(f"{_CLEAR_LINE if self._is_terminal else ''}{shown}", err=True)


def _parts(tally: Tally) -> str:
    parts = [
        (tally.done, "carried out"),
        (tally.done_before, "done before"),
        (tally.passed, "well-formed"),
        (tally.refused, "refused"),
    ]
    said = ", ".join(f"{count:,} {what}" for count, what in parts if count)
    return f": {said}" if said else ""
