"""The tables, as Tortoise models: fields, constraints, pure properties."""

from wallet.models.account import Session, User
from wallet.models.exchange import ExchangeRate, Quote
from wallet.models.ledger import (
    Entry,
    Operation,
    OperationKind,
    OperationStatus,
    Wallet,
    WalletStatus,
)

__all__ = [
    "Entry",
    "ExchangeRate",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "Quote",
    "Session",
    "User",
    "Wallet",
    "WalletStatus",
]
