"""What a run says of itself while it runs, on standard error."""

import time

import click

_started = time.monotonic()


def say(message: str) -> None:
    """Show a line of progress with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _started), 60)
    click.echo(f"{minutes:3d}:{seconds:02d}  {message}", err=True)
