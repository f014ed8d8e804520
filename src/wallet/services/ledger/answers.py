"""
What is put on record of an answer: a log line and a count for each of its postings.
"""

from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.logging import get_logger
from wallet.core.metrics import OPERATIONS
from wallet.services.ledger.queue import Job
from wallet.services.ledger.records import Outcome, Posting

log = get_logger(__name__)


def log_answer(job: Job, answer: list[Outcome] | BaseException) -> None:
    """Put on record what became of a job; an error that nobody foresaw is its round's own line."""
    if isinstance(answer, list):
        for posting, outcome in zip(job.work.postings, answer, strict=True):
            _log_outcome(posting, outcome)
    elif isinstance(answer, BusyError | ServiceUnavailableError):
        result = "BUSY" if isinstance(answer, BusyError) else "UNKNOWN"
        for posting in job.work.postings:
            OPERATIONS.labels(kind=posting.kind.value, outcome=result).inc()
            log.warning("operation", kind=posting.kind.value, outcome=result)


def _log_outcome(posting: Posting, outcome: Outcome) -> None:
    result = outcome.error.code.value if outcome.error else "COMPLETED"
    OPERATIONS.labels(kind=posting.kind.value, outcome=result).inc()
    log.info(
        "operation",
        kind=posting.kind.value,
        outcome=result,
        operation_id=str(outcome.operation.id) if outcome.operation else None,
        replayed=outcome.replayed,
    )
