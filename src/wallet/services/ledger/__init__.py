"""
The ledger: the one place where money moves.

One way in, :meth:`Ledger.post`. Inside, a functional core (``decide``) and an
imperative shell: ``queue`` is who waits, ``locks`` the Redis gate, ``journal``
the SQL, ``rounds`` what takes postings through all of them, many at a time.
"""

from wallet.services.ledger.errors import (
    BatchRejectedError,
    CurrencyMismatchError,
    InsufficientFundsError,
    LimitExceededError,
    LimitKind,
    NotPendingError,
    NotReversibleError,
    QuoteExpiredError,
    WalletNotEmptyError,
    WalletNotFoundError,
    WalletUnavailableError,
)
from wallet.services.ledger.queue import Course
from wallet.services.ledger.records import (
    Conversion,
    Leg,
    OperationRecord,
    Outcome,
    Party,
    Posting,
    QuoteRecord,
    WalletRecord,
)
from wallet.services.ledger.rounds import Ledger
from wallet.services.ledger.rules import REVERSIBLE, exchange_legs

__all__ = [
    "REVERSIBLE",
    "BatchRejectedError",
    "Conversion",
    "Course",
    "CurrencyMismatchError",
    "InsufficientFundsError",
    "Ledger",
    "Leg",
    "LimitExceededError",
    "LimitKind",
    "NotPendingError",
    "NotReversibleError",
    "OperationRecord",
    "Outcome",
    "Party",
    "Posting",
    "QuoteExpiredError",
    "QuoteRecord",
    "WalletNotEmptyError",
    "WalletNotFoundError",
    "WalletRecord",
    "WalletUnavailableError",
    "exchange_legs",
]
