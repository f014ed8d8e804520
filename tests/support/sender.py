"""Mutations that are right in all but what a test changes."""

from typing import Any
from uuid import uuid4

import httpx

from tests.support.api import (
    LOGIN,
    OPEN_WALLET,
    REFRESH,
    SIGNUP,
    TOPUP,
    TRANSFER,
    Account,
)
from tests.support.refusals import json_bytes


class Sender:
    """Sends mutations as Ada: top-ups of her wallet, transfers to Bob, and others."""

    def __init__(self, ada: Account, bob: Account) -> None:
        self.ada, self.bob = ada, bob

    async def send(self, mutation: str, **changes: Any) -> httpx.Response:
        """Send a mutation by its name."""
        money = {
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": uuid4().hex,
        }
        mutations: dict[str, tuple[str, dict[str, object]]] = {
            "topup": (TOPUP, {"walletId": self.ada.wallet_id, **money}),
            "transfer": (
                TRANSFER,
                {
                    "sourceWalletId": self.ada.wallet_id,
                    "targetWalletId": self.bob.wallet_id,
                    **money,
                },
            ),
            "openWallet": (OPEN_WALLET, {"currency": "EUR", "idempotencyKey": uuid4().hex}),
            "signup": (
                SIGNUP,
                {"email": f"{uuid4().hex}@example.com", "password": "p" * 12, "currency": "EUR"},
            ),
            "login": (LOGIN, {"email": self.ada.email, "password": "no password of hers"}),
            "refreshSession": (REFRESH, {"refreshToken": "nobody's"}),
        }
        document, usual = mutations[mutation]
        body = {"query": document, "variables": {"input": {**usual, **changes}}}
        return await self.ada.api.send_bytes(json_bytes(body))
