"""Accounts made past signup: hashing a password takes longer than most tests."""

from typing import Any
from uuid import UUID, uuid4

from tests.support.api import Account, Api
from tests.support.observer import Observer
from tests.support.servers import KEYS
from wallet.core.ids import new_id, to_global_id
from wallet.core.passwords import hash_password
from wallet.core.tokens import (
    AccessClaims,
    hash_token,
    issue_access_token,
    new_refresh_token,
)

# The hash of no password.
_NO_PASSWORD = "!"

_USER = """
INSERT INTO users (id, email, password_hash, role, created_at) VALUES ($1, $2, $3, $4, now())
"""
_SESSION = """
INSERT INTO sessions (id, family_id, user_id, token_hash, created_at, expires_at)
VALUES ($1, $2, $3, $4, now(), now() + interval '30 days')
"""


class Guests:
    """
    Writes users and sessions into the database of a server, and opens wallets by its API.

    Attributes:
        api: A client that is not signed in.
    """

    def __init__(self, api: Api, observer: Observer) -> None:
        self.api = api
        self._observer = observer

    async def create(
        self,
        *,
        currency: str = "EUR",
        balance: str | None = None,
        role: str = "USER",
        password: str | None = None,
    ) -> Account:
        """Make a user with a session and a wallet, topped up with *balance*."""
        user_id, email = new_id(), f"{uuid4().hex}@example.com"
        password_hash = _NO_PASSWORD if password is None else await hash_password(password)
        await self._observer.fetch(_USER, user_id, email, password_hash, role)
        session = await self._open_session(user_id)
        api = self.api.signed_in(session["accessToken"])
        opened = await api.open_wallet(currency=currency)
        wallet_id = opened["wallet"]["id"]
        if balance is not None:
            topup = await api.topup(wallet_id, balance, currency=currency)
            assert topup["__typename"] == "OperationPayload", topup
        return Account(
            api=api,
            email=email,
            user_id=to_global_id("User", user_id),
            wallet_id=wallet_id,
            currency=currency,
            refresh_token=session["refreshToken"],
        )

    async def open_session(self, account: Account) -> dict[str, str]:
        """Sign an account in once more; return the session as the API would."""
        rows = await self._observer.fetch("SELECT id FROM users WHERE email = $1", account.email)
        return await self._open_session(rows[0]["id"])

    async def _open_session(self, user_id: UUID) -> dict[str, Any]:
        family_id, refresh_token = new_id(), new_refresh_token()
        await self._observer.fetch(
            _SESSION, new_id(), family_id, user_id, hash_token(refresh_token)
        )
        access_token, _ = issue_access_token(
            AccessClaims(user_id=user_id, family_id=family_id), keys=KEYS
        )
        return {"accessToken": access_token, "refreshToken": refresh_token}
