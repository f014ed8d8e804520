"""What ends a run of the bench."""


class BenchError(Exception):
    """Raised when a run cannot go on; its text is a sentence for people."""


class WrongAnswerError(BenchError):
    """Raised when a contestant answered something else than was asked of it, or lost count."""
