"""The tables, as Tortoise models: fields, constraints, pure properties."""

from wallet.models.account import ApiKey, RecoveryCode, SecondFactor, Session, User
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
    "ApiKey",
    "Entry",
    "ExchangeRate",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "Quote",
    "RecoveryCode",
    "SecondFactor",
    "Session",
    "User",
    "Wallet",
    "WalletStatus",
]
