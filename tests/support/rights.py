"""A request for everything that the API has, and what it was answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.support.api import (
    API_KEYS,
    CANCEL_TRANSFER,
    CAPTURE_HOLD,
    CHANGE_PASSWORD,
    CLOSE_WALLET,
    CONFIRM_TOTP,
    CREATE_API_KEY,
    CREATE_QUOTE,
    DISABLE_TOTP,
    END_SESSION,
    EXCHANGE_RATE,
    FREEZE_WALLET,
    HOLD,
    LIMITS,
    LOGIN,
    LOGOUT,
    OPEN_WALLET,
    OPERATION,
    PASSWORD,
    REFRESH,
    REQUEST_REPORT,
    REVERSE,
    REVOKE_API_KEY,
    SESSIONS,
    SET_WALLET_LIMITS,
    SIGNUP,
    START_TOTP,
    STATEMENT,
    TOPUP,
    TRANSFER,
    TRANSFER_BATCH,
    UNFREEZE_WALLET,
    VOID_HOLD,
    WITHDRAW,
)
from tests.support.belongings import (
    Make,
    api_key,
    code_to_confirm,
    code_to_disable,
    empty_wallet,
    failed,
    has,
    held,
    no_second_factor,
    nothing,
    paid,
    quote,
    received,
    scheduled,
    session,
    spare_wallet,
)
from tests.support.cast import Player
from tests.support.due import from_now
from wallet.core.ids import new_id, parse_global_id, to_global_id

VIEWER = "{ viewer { id email createdAt wallets { totalCount } } }"
NODE = """
query Node($id: ID!) { node(id: $id) { id
    ... on User { email wallets { totalCount } }
    ... on Wallet { balance { amount } operations { totalCount } }
    ... on Operation { amount { amount } source { holder } target { holder } }
    ... on Quote { rate amount { amount } } } }
"""
NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { id } }"
LOOK_UP = """
query LookUp($id: ID!) { lookup { %s(id: $id) { id %s } } }
"""
LOOK_UP_ADDRESS = "query LookUp($email: String!) { lookup { user(email: $email) { id } } }"
BALANCE_AT = """
query BalanceAt($id: ID!, $at: DateTime!) { wallet(id: $id) { balanceAt(at: $at) { amount } } }
"""
SCHEDULED = "query Scheduled($id: ID!) { wallet(id: $id) { scheduledTransfers { id } } }"

_TYPED_CODES = {"Forbidden": "FORBIDDEN", "SessionExpired": "UNAUTHENTICATED"}

Variables = Callable[[str, Player], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Request:
    """
    One thing that can be asked for.

    Attributes:
        variables: Of the document, for a thing and for who asks.
        thing: Makes, or finds, what of the owner's is asked for: an id or an address.
        by_operators: Sent to a server that lets operators alone move money in and out.
    """

    document: str
    variables: Variables
    thing: Make = nothing
    by_operators: bool = False


def money(amount: str = "0.01", currency: str = "EUR", **more: object) -> dict[str, Any]:
    """Return the variables of a mutation that moves money."""
    return {
        "input": {
            "amount": {"amount": amount, "currency": currency},
            "idempotencyKey": uuid4().hex,
            **more,
        }
    }


def batch(mode: str) -> Variables:
    """Return the variables of a batch of one transfer out of a wallet."""
    return lambda wallet, me: {
        "input": {
            "mode": mode,
            "transfers": [money(sourceWalletId=wallet, targetWalletId=me.savings_id)["input"]],
        }
    }


def newcomer() -> dict[str, str]:
    """Return the input of a signup."""
    return {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "currency": "EUR"}


def by_id(thing: str, _: Player) -> dict[str, Any]:
    """Return the variables of a query by id."""
    return {"id": thing}


def follow(operation_id: str, _: Player) -> dict[str, Any]:
    """Return the variables of a mutation that follows an operation."""
    return {"input": {"operationId": operation_id, "idempotencyKey": uuid4().hex}}


def into_wallet(wallet_id: str, _: Player) -> dict[str, Any]:
    """Return the variables of a top-up or a withdrawal."""
    return money(walletId=wallet_id)


def of_wallet(**more: object) -> Variables:
    """Return the variables of a mutation of a wallet."""
    return lambda wallet_id, _: {"input": {"walletId": wallet_id, **more}}


def inputs(**fields: object) -> Variables:
    """Return the variables of a mutation that is for nothing of anybody's."""
    return lambda *_: {"input": fields}


REQUESTS: dict[str, Request] = {
    "Query.viewer": Request(VIEWER, lambda *_: {}),
    "Query.viewer: sessions": Request(SESSIONS, lambda *_: {}),
    "Query.viewer: API keys": Request(API_KEYS, lambda *_: {}),
    "Query.viewer: second factor": Request("{ viewer { totpEnabled } }", lambda *_: {}),
    "Query.node: User": Request(NODE, by_id, has("user_id")),
    "Query.node: Wallet": Request(NODE, by_id, has("wallet_id")),
    "Query.node: Operation": Request(NODE, by_id, paid),
    "Query.node: Quote": Request(NODE, by_id, quote),
    "Query.nodes": Request(NODES, lambda thing, _: {"ids": [thing]}, has("wallet_id")),
    "Query.wallet": Request(STATEMENT, by_id, has("wallet_id")),
    "Query.wallet: limits": Request(LIMITS, by_id, has("wallet_id")),
    "Query.wallet: balanceAt": Request(
        BALANCE_AT, lambda thing, _: {"id": thing, "at": from_now()}, has("wallet_id")
    ),
    "Query.wallet: scheduled": Request(SCHEDULED, by_id, has("wallet_id")),
    "Query.operation: paid": Request(OPERATION, by_id, paid),
    "Query.operation: failed": Request(OPERATION, by_id, failed),
    "Query.operation: scheduled": Request(OPERATION, by_id, scheduled),
    "Query.operation: hold": Request(OPERATION, by_id, held),
    "Query.exchangeRate": Request(EXCHANGE_RATE, lambda *_: {"base": "EUR", "quote": "USD"}),
    "Query.lookup": Request("{ lookup { __typename } }", lambda *_: {}),
    "Lookup.user": Request(LOOK_UP % ("user", "email"), by_id, has("user_id")),
    "Lookup.user: address": Request(
        LOOK_UP_ADDRESS, lambda thing, _: {"email": thing}, has("email")
    ),
    "Lookup.wallet": Request(LOOK_UP % ("wallet", "label"), by_id, has("wallet_id")),
    "Lookup.operation": Request(LOOK_UP % ("operation", "kind"), by_id, paid),
    "Mutation.signup": Request(SIGNUP, lambda *_: {"input": newcomer()}),
    "Mutation.login": Request(
        LOGIN, lambda email, _: {"input": {"email": email, "password": PASSWORD}}, has("email")
    ),
    "Mutation.refreshSession": Request(
        REFRESH, lambda token, _: {"input": {"refreshToken": token}}, has("refresh_token")
    ),
    "Mutation.logout": Request(LOGOUT, inputs()),
    "Mutation.endSession": Request(
        END_SESSION, lambda thing, _: {"input": {"sessionId": thing}}, session
    ),
    "Mutation.changePassword": Request(
        CHANGE_PASSWORD, inputs(currentPassword=PASSWORD, newPassword=PASSWORD)
    ),
    "Mutation.startTotp": Request(START_TOTP, inputs(password=PASSWORD), no_second_factor),
    "Mutation.confirmTotp": Request(
        CONFIRM_TOTP, lambda code, _: {"input": {"code": code}}, code_to_confirm
    ),
    "Mutation.disableTotp": Request(
        DISABLE_TOTP,
        lambda code, _: {"input": {"code": code, "password": PASSWORD}},
        code_to_disable,
    ),
    "Mutation.createApiKey": Request(
        CREATE_API_KEY, inputs(name="mine", scopes=["READ"], password=PASSWORD)
    ),
    "Mutation.revokeApiKey": Request(
        REVOKE_API_KEY, lambda thing, _: {"input": {"apiKeyId": thing}}, api_key
    ),
    "Mutation.openWallet": Request(
        OPEN_WALLET, lambda *_: {"input": {"currency": "EUR", "idempotencyKey": uuid4().hex}}
    ),
    "Mutation.topup": Request(TOPUP, into_wallet, has("wallet_id")),
    "Mutation.topup: operators": Request(TOPUP, into_wallet, has("wallet_id"), by_operators=True),
    "Mutation.topup: quote": Request(
        TOPUP, lambda thing, me: money("1.00", walletId=me.dollars_id, quoteId=thing), quote
    ),
    "Mutation.withdraw": Request(WITHDRAW, into_wallet, has("wallet_id")),
    "Mutation.withdraw: operators": Request(
        WITHDRAW, into_wallet, has("wallet_id"), by_operators=True
    ),
    "Mutation.transfer": Request(
        TRANSFER,
        lambda thing, me: money(sourceWalletId=thing, targetWalletId=me.savings_id),
        has("wallet_id"),
    ),
    "Mutation.transfer: into it": Request(
        TRANSFER,
        lambda thing, me: money(sourceWalletId=me.wallet_id, targetWalletId=thing),
        has("savings_id"),
    ),
    "Mutation.transfer: quote": Request(
        TRANSFER,
        lambda thing, me: money(
            "1.00", sourceWalletId=me.wallet_id, targetWalletId=me.dollars_id, quoteId=thing
        ),
        quote,
    ),
    "Mutation.transferBatch: all": Request(TRANSFER_BATCH, batch("ATOMIC"), has("wallet_id")),
    "Mutation.transferBatch: each": Request(TRANSFER_BATCH, batch("INDEPENDENT"), has("wallet_id")),
    "Mutation.cancelTransfer": Request(CANCEL_TRANSFER, follow, scheduled),
    "Mutation.hold": Request(
        HOLD,
        lambda thing, me: money(sourceWalletId=thing, targetWalletId=me.savings_id),
        has("wallet_id"),
    ),
    "Mutation.captureHold": Request(CAPTURE_HOLD, follow, held),
    "Mutation.voidHold": Request(VOID_HOLD, follow, held),
    "Mutation.reverse": Request(REVERSE, follow, received),
    "Mutation.createQuote": Request(
        CREATE_QUOTE, inputs(amount={"amount": "1.00", "currency": "EUR"}, to="USD")
    ),
    "Mutation.closeWallet": Request(CLOSE_WALLET, of_wallet(), empty_wallet),
    "Mutation.freezeWallet": Request(FREEZE_WALLET, of_wallet(), spare_wallet),
    "Mutation.unfreezeWallet": Request(UNFREEZE_WALLET, of_wallet(), spare_wallet),
    "Mutation.setWalletLimits": Request(
        SET_WALLET_LIMITS, of_wallet(outflowMax="1.00"), spare_wallet
    ),
    "Mutation.requestReport": Request(REQUEST_REPORT, of_wallet(format="CSV"), has("wallet_id")),
}


def nobodys(thing: str) -> str | None:
    """Return a thing like this one that nobody has; None where it is no id and no address."""
    if "@" in thing:
        return f"{uuid4().hex}@example.com"
    parsed = parse_global_id(thing)
    return to_global_id(parsed[0], new_id()) if parsed else None


def answer_of(response: httpx.Response) -> str:
    """
    Return what a request with one root field was answered.

    It is "allowed", "null", the code of the GraphQL error, or the name of the
    mutation's typed error; a typed Forbidden is FORBIDDEN, and a SessionExpired is
    UNAUTHENTICATED. Of a batch it is what its first transfer was answered.
    """
    body = response.json()
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}
    if codes:
        (code,) = codes
        return str(code)
    return _answer_of(body["data"])


def _answer_of(value: Any) -> str:
    match value:
        case None | [None]:
            return "null"
        case {"__typename": "BatchRejected", "cause": inner}:
            return _answer_of(inner)
        case {"__typename": "TransferBatchPayload", "results": [inner]}:
            return _answer_of(inner)
        case {"__typename": str(name)} if not name.endswith("Payload") and len(value) > 1:
            return _TYPED_CODES.get(name, name)
        case {**fields} if len(fields) == 1:
            return _answer_of(*fields.values())
    return "allowed"
