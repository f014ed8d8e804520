"""The naive version's part of the public API: transfer, and nothing else."""

import base64
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

import strawberry
from redis.asyncio import Redis
from starlette.requests import Request

from bench.naive import models
from bench.naive.transfers import RefusedError, find_user, transfer

_CENTS = 2


@strawberry.type
class Money:
    """An amount of a currency with two decimals."""

    amount: Decimal
    currency: str

    @classmethod
    def of(cls, minor: int, currency: str) -> Self:
        """Show whole cents as decimal text."""
        return cls(amount=Decimal(minor).scaleb(-_CENTS), currency=currency)


@strawberry.input
class MoneyInput:
    """An amount, as it is sent."""

    amount: Decimal
    currency: str


@strawberry.input
class TransferInput:
    """Input of transfer."""

    source_wallet_id: strawberry.ID
    target_wallet_id: strawberry.ID
    amount: MoneyInput
    idempotency_key: str


@strawberry.type
class Wallet:
    """A wallet."""

    id: strawberry.ID
    balance: Money
    available: Money

    @classmethod
    def of(cls, row: models.Wallet) -> Self:
        """Show a row."""
        balance = Money.of(row.balance_minor, row.currency)
        return cls(id=_to_id("Wallet", row.id), balance=balance, available=balance)


@strawberry.type
class Operation:
    """A transfer."""

    id: strawberry.ID
    status: str
    amount: Money
    created_at: datetime

    @classmethod
    def of(cls, row: models.Operation) -> Self:
        """Show a row."""
        return cls(
            id=_to_id("Operation", row.id),
            status=row.status,
            amount=Money.of(row.amount_minor, row.currency),
            created_at=row.created_at,
        )


@strawberry.type
class OperationPayload:
    """Money moved."""

    operation: Operation
    wallet: Wallet
    replayed: bool


@strawberry.interface
class Error:
    """Nothing moved."""

    code: str
    message: str
    retryable: bool


@strawberry.type(name="Refused")
class RefusedPayload(Error):  # noqa: N818  (a type of the API)
    """Why nothing moved."""


TransferResult = Annotated[OperationPayload | RefusedPayload, strawberry.union("TransferResult")]


@strawberry.type
class Query:
    """A schema must have one."""

    alive: bool = True


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    async def transfer(
        self,
        info: strawberry.Info[dict[str, object], None],
        input: TransferInput,  # noqa: A002  (the contract's name)
    ) -> TransferResult:
        """Move money from one of the viewer's wallets into any other."""
        request, redis = info.context["request"], info.context["redis"]
        if not isinstance(request, Request) or not isinstance(redis, Redis):
            raise TypeError("the context holds the request and Redis")
        user = await find_user(request.headers.get("authorization", "").partition(" ")[2])
        if user is None:
            raise PermissionError("Sign in first.")
        try:
            done = await transfer(
                redis,
                user,
                source_id=_read_id(input.source_wallet_id),
                target_id=_read_id(input.target_wallet_id),
                amount_minor=int(input.amount.amount.scaleb(_CENTS)),
                currency=input.amount.currency,
                idempotency_key=input.idempotency_key,
            )
        except RefusedError as error:
            return RefusedPayload(code=error.code, message=error.message, retryable=False)
        return OperationPayload(
            operation=Operation.of(done.operation),
            wallet=Wallet.of(done.wallet),
            replayed=done.replayed,
        )


def _to_id(kind: str, id_: UUID) -> strawberry.ID:
    return strawberry.ID(base64.urlsafe_b64encode(f"{kind}:{id_}".encode()).decode().rstrip("="))


def _read_id(text: str) -> UUID:
    return UUID(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")[2])


schema = strawberry.Schema(query=Query, mutation=Mutation)
