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
    WalletNotFoundError,
    WalletUnavailableError,
)
from wallet.services.ledger.records import (
    Leg,
    OperationRecord,
    Outcome,
    Party,
    Posting,
    WalletRecord,
)
from wallet.services.ledger.rounds import Ledger

__all__ = [
    "BatchRejectedError",
    "CurrencyMismatchError",
    "InsufficientFundsError",
    "Ledger",
    "Leg",
    "LimitExceededError",
    "OperationRecord",
    "Outcome",
    "Party",
    "Posting",
    "WalletNotFoundError",
    "WalletRecord",
    "WalletUnavailableError",
]
