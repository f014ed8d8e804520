"""Resolvers of holds, of what follows an operation, and of reversals."""

from uuid import UUID

import strawberry

from wallet.core.errors import NotFoundError
from wallet.core.ids import find_id
from wallet.core.inputs import (
    DESCRIPTION_LENGTH_MAX,
    check_idempotency_key,
    check_optional_text,
)
from wallet.models.account import Scope
from wallet.resolvers.transfers import refuse_statement
from wallet.schema.context import Info
from wallet.schema.holds import (
    CancelTransferInput,
    CaptureHoldInput,
    HoldInput,
    ReverseInput,
    VoidHoldInput,
    read_part,
)
from wallet.schema.optional import given
from wallet.schema.results import (
    CancelTransferResult,
    CaptureHoldResult,
    HoldResult,
    ReverseResult,
    VoidHoldResult,
)
from wallet.schema.transfers import OperationPayload, read_note, read_wallet_id
from wallet.services import holds, reversals, schedules
from wallet.services.transfers import TransferOrder


async def hold(info: Info, input: HoldInput) -> HoldResult:  # noqa: A002
    """Reserve money of one of the viewer's wallets for any other."""
    actor = await info.context.get_actor()
    order = TransferOrder(
        source_id=read_wallet_id(input.source_wallet_id, field="source_wallet_id"),
        target_id=read_wallet_id(input.target_wallet_id, field="target_wallet_id"),
        amount_minor=input.amount.read(),
        currency=input.amount.currency,
        note=read_note(input),
    )
    outcome = await holds.hold(
        info.context.services.ledger, order, actor=actor, expires_at=given(input.expires_at)
    )
    return OperationPayload.of(outcome, actor.user_id)


async def capture_hold(info: Info, input: CaptureHoldInput) -> CaptureHoldResult:  # noqa: A002
    """Take what a hold has reserved for one of the viewer's wallets."""
    actor = await info.context.get_actor()
    outcome = await holds.capture_hold(
        info.context.services.ledger,
        _read_operation_id(input.operation_id),
        read_part(input),
        actor=actor,
        idempotency_key=check_idempotency_key(input.idempotency_key),
    )
    return OperationPayload.of(outcome, actor.user_id)


async def void_hold(info: Info, input: VoidHoldInput) -> VoidHoldResult:  # noqa: A002
    """Let go of what a hold has reserved for one of the viewer's wallets."""
    actor = await info.context.get_actor()
    outcome = await holds.void_hold(
        info.context.services.ledger,
        _read_operation_id(input.operation_id),
        actor=actor,
        idempotency_key=check_idempotency_key(input.idempotency_key),
    )
    return OperationPayload.of(outcome, actor.user_id)


async def cancel_transfer(info: Info, input: CancelTransferInput) -> CancelTransferResult:  # noqa: A002
    """Call off a transfer of the viewer's that is still to come."""
    actor = await info.context.get_actor()
    outcome = await schedules.cancel_transfer(
        info.context.services.ledger,
        _read_operation_id(input.operation_id),
        actor=actor,
        idempotency_key=check_idempotency_key(input.idempotency_key),
    )
    return OperationPayload.of(outcome, actor.user_id)


async def reverse(info: Info, input: ReverseInput) -> ReverseResult:  # noqa: A002
    """Give back what a transfer brought into one of the viewer's wallets."""
    actor = await info.context.get_actor(Scope.OPERATE)
    operation_id = _read_operation_id(input.operation_id)
    part = read_part(input)
    if actor.is_operator:
        refuse_statement(info)
    outcome = await reversals.reverse(
        info.context.services.ledger,
        operation_id,
        part,
        actor=actor,
        idempotency_key=check_idempotency_key(input.idempotency_key),
        description=check_optional_text(
            given(input.description), field=("description",), length_max=DESCRIPTION_LENGTH_MAX
        ),
    )
    return OperationPayload.of(outcome, actor.user_id)


def _read_operation_id(text: strawberry.ID) -> UUID:
    operation_id = find_id("Operation", text)
    if operation_id is None:
        raise NotFoundError("There is no such operation.", field=("operation_id",))
    return operation_id
