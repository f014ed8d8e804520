"""
The ledger: the one place where money moves.

One way in, :meth:`Ledger.post`. Inside, a functional core (``decide``) and an
imperative shell: ``journal`` is the SQL, ``locks`` the Redis gate, ``rounds``
what takes postings through both.
"""

from wallet.services.ledger.errors import (
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
