"""The Authorization header: what is nobody's token opens nothing and changes nothing."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.e2e.test_bad_requests import VIEWER, topup_of
from tests.support.api import LOGOUT, TOPUP, TRANSFER, Account
from tests.support.observer import Observer
from tests.support.refusals import error_code, json_bytes, refused
from tests.support.servers import SECRET_KEY
from wallet.core.ids import new_id


def claims_of(account: Account) -> dict[str, Any]:
    """Read the claims of an account's token."""
    claims: dict[str, Any] = jwt.decode(
        account.api.access_token or "", options={"verify_signature": False}
    )
    return claims


def token_of(account: Account, *, key: str = SECRET_KEY, **changes: object) -> str:
    """Sign a token as the server does, but for *changes* of its claims; None leaves one out."""
    claims = {**claims_of(account), **changes}
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm="HS256")


def tampered(account: Account, other: Account) -> str:
    """Return the account's token with somebody else's claims under the old signature."""
    header, _, signature = (account.api.access_token or "").split(".")
    return f"{header}.{(other.api.access_token or '').split('.')[1]}.{signature}"


class TestToken:
    """The Authorization header."""

    @staticmethod
    async def send(account: Account, header: bytes, body: dict[str, Any]) -> httpx.Response:
        """Send *body* with an Authorization header of any bytes."""
        headers = {b"Authorization": header, b"Content-Type": b"application/json"}
        return await account.api.client.post(
            f"{account.api.url}/graphql", content=json_bytes(body), headers=headers
        )

    async def test_a_good_one_is_taken(self, ada: Account) -> None:
        """The refusals below are for what is wrong with the token, not for how it is sent."""
        token = token_of(ada)

        for header in (f"Bearer {token}", f"bearer  {token}"):
            response = await self.send(ada, header.encode(), {"query": VIEWER})
            assert response.json()["data"] == {"viewer": {"id": ada.user_id}}

    async def test_others_are_nobodys(self, ada: Account, bob: Account, observer: Observer) -> None:
        """Expired, foreign, tampered, of no session, no Bearer: UNAUTHENTICATED, and no money."""
        now = datetime.now(UTC)
        own = ada.api.access_token or ""
        tokens = {
            "empty": "",
            "no token": "x",
            "three dots": "...",
            "a little more": own + "x",
            "without its signature": own.rpartition(".")[0] + ".",
            "signed by somebody else": token_of(ada, key="k" * 40),
            "unsigned": jwt.encode(claims_of(ada), "", algorithm="none"),
            "of somebody else's claims": tampered(ada, bob),
            "expired": token_of(ada, exp=now - timedelta(seconds=1)),
            "without expiry": token_of(ada, exp=None),
            "of another issuer": token_of(ada, iss="somebody"),
            "without issuer": token_of(ada, iss=None),
            "without session": token_of(ada, sid=None),
            "of nobody": token_of(ada, sub=str(new_id())),
            "of no session": token_of(ada, sid=str(new_id())),
            "of somebody else's session": token_of(ada, sid=claims_of(bob)["sid"]),
            "subject is no uuid": token_of(ada, sub="x"),
            "subject has NUL": token_of(ada, sub="\x00"),
            "session is a number": token_of(ada, sid=1),
            "claims are no object": base64.urlsafe_b64encode(b"1").decode(),
            "long": "a" * 60_000,
            "not ascii": "é",
        }
        headers = {name: f"Bearer {token}".strip().encode() for name, token in tokens.items()}
        headers["without a scheme"] = own.encode()
        headers["of another scheme"] = f"Basic {own}".encode()
        headers["bytes"] = b"Bearer \xff\xfe"

        async with observer.nothing_changes():
            codes = {
                name: {
                    error_code(await self.send(ada, header, body))
                    for body in ({"query": VIEWER}, topup_of(ada))
                }
                for name, header in headers.items()
            }

        assert codes == {name: {"UNAUTHENTICATED"} for name in headers}

    async def test_logout_with_an_expired_one(self, ada: Account, observer: Observer) -> None:
        """logout says it in its own words: the session has ended."""
        expired = token_of(ada, exp=datetime.now(UTC) - timedelta(seconds=1))
        body = {"query": LOGOUT, "variables": {"input": {"everywhere": True}}}
        async with observer.nothing_changes():
            answers = [
                refused(await ada.api.signed_in(token).send(body)) for token in (expired, None)
            ]

        assert answers == [("SessionExpired", None)] * 2
        assert await ada.api.balance(ada.wallet_id) == "100.00"

    @pytest.mark.parametrize("document", [TOPUP, TRANSFER])
    async def test_nobody_moves_money(
        self, document: str, ada: Account, bob: Account, observer: Observer
    ) -> None:
        """Without a token, money does not move, and nothing is said of the wallets."""
        sides = {"sourceWalletId": ada.wallet_id, "targetWalletId": bob.wallet_id}
        input_ = {
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": uuid4().hex,
            **({"walletId": ada.wallet_id} if document == TOPUP else sides),
        }
        async with observer.nothing_changes():
            response = await ada.api.signed_in(None).send(
                {"query": document, "variables": {"input": input_}}
            )

        assert error_code(response) == "UNAUTHENTICATED"
