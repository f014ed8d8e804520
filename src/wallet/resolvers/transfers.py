"""Resolvers of what opens wallets and moves money."""

from collections.abc import Iterable
from uuid import UUID

from strawberry.types.nodes import Selection

from wallet.core.errors import ForbiddenError, InvalidInputError, NotFoundError
from wallet.core.inputs import (
    LABEL_LENGTH_MAX,
    check_currency,
    check_idempotency_key,
    check_optional_text,
)
from wallet.models.account import Scope
from wallet.schema.batches import (
    TransferBatchInput,
    TransferBatchPayload,
    TransferBatchResult,
)
from wallet.schema.context import Context, Info
from wallet.schema.errors import show_refusal
from wallet.schema.optional import given
from wallet.schema.results import OpenWalletResult, TopupResult, TransferResult, WithdrawResult
from wallet.schema.transfers import (
    OpenWalletInput,
    OpenWalletPayload,
    OperationPayload,
    TopupInput,
    TransferInput,
    WithdrawInput,
    read_note,
    read_quote_id,
    read_wallet_id,
)
from wallet.schema.wallets import Wallet
from wallet.services import batches, transfers, wallets
from wallet.services.actors import Actor
from wallet.services.ledger import Outcome
from wallet.services.transfers import FundingOrder, TransferOrder


async def open_wallet(info: Info, input: OpenWalletInput) -> OpenWalletResult:  # noqa: A002
    """Open a further wallet for the viewer."""
    actor = await info.context.get_actor()
    wallet = await wallets.open_wallet(
        info.context.services.ledger,
        info.context.services.settings,
        actor=actor,
        currency=check_currency(input.currency, field=("currency",)),
        label=check_optional_text(
            given(input.label), field=("label",), length_max=LABEL_LENGTH_MAX
        ),
        idempotency_key=check_idempotency_key(input.idempotency_key),
    )
    return OpenWalletPayload(wallet=Wallet.of(wallet, actor.user_id))


async def topup(info: Info, input: TopupInput) -> TopupResult:  # noqa: A002
    """Bring money from outside into a wallet."""
    actor = await info.context.get_actor(Scope.FUND)
    services = info.context.services
    order = await _read_funding(info, actor, input)
    return OperationPayload.of(
        await transfers.topup(services.ledger, services.settings.who_funds, order, actor=actor),
        actor.user_id,
    )


async def withdraw(info: Info, input: WithdrawInput) -> WithdrawResult:  # noqa: A002
    """Take money out of a wallet to the outside."""
    actor = await info.context.get_actor(Scope.FUND)
    services = info.context.services
    order = await _read_funding(info, actor, input)
    return OperationPayload.of(
        await transfers.withdraw(services.ledger, services.settings.who_funds, order, actor=actor),
        actor.user_id,
    )


async def _read_funding(
    info: Info, actor: Actor, input_: TopupInput | WithdrawInput
) -> FundingOrder:
    wallet_id = read_wallet_id(input_.wallet_id, field="wallet_id")
    await refuse_others_statement(info, actor, wallet_id)
    return FundingOrder(
        wallet_id=wallet_id,
        amount_minor=input_.amount.read(),
        currency=input_.amount.currency,
        note=read_note(input_),
        quote_id=read_quote_id(input_.quote_id) if isinstance(input_, TopupInput) else None,
    )


async def transfer(info: Info, input: TransferInput) -> TransferResult:  # noqa: A002
    """Move money from one of the viewer's wallets into any other."""
    actor = await info.context.get_actor()
    order = _read_order(input)
    return OperationPayload.of(
        await transfers.transfer(info.context.services.ledger, order, actor=actor), actor.user_id
    )


async def transfer_batch(info: Info, input: TransferBatchInput) -> TransferBatchResult:  # noqa: A002
    """Carry out many transfers at once, all or none, or each on its own."""
    actor = await info.context.get_actor()
    outcomes = await batches.transfer_batch(
        info.context.services.ledger,
        [_try_to_read_order(item) for item in input.transfers],
        actor=actor,
        mode=input.mode,
    )
    return TransferBatchPayload(
        results=[_result(outcome, actor, info.context) for outcome in outcomes]
    )


def _result(outcome: Outcome, actor: Actor, context: Context) -> TransferResult:
    if outcome.error is None:
        return OperationPayload.of(outcome, actor.user_id)
    # The union has a place for all that a transfer is refused with.
    return show_refusal(outcome.error, context)  # type: ignore[return-value]


def _read_order(input_: TransferInput) -> TransferOrder:
    return TransferOrder(
        source_id=read_wallet_id(input_.source_wallet_id, field="source_wallet_id"),
        target_id=read_wallet_id(input_.target_wallet_id, field="target_wallet_id"),
        amount_minor=input_.amount.read(),
        currency=input_.amount.currency,
        note=read_note(input_),
        quote_id=read_quote_id(input_.quote_id),
        scheduled_for=given(input_.scheduled_for),
    )


def _try_to_read_order(input_: TransferInput) -> TransferOrder | batches.Unreadable:
    try:
        return _read_order(input_)
    except (InvalidInputError, NotFoundError) as error:
        return error


async def refuse_others_statement(info: Info, actor: Actor, wallet_id: UUID) -> None:
    """Refuse an operator's mutation of another's wallet whose answer would show the statement."""
    if actor.is_operator and not await wallets.find_wallet(actor, wallet_id):
        refuse_statement(info)


def refuse_statement(info: Info) -> None:
    """Refuse, before money moves, an answer that an operator is not to see."""
    for name in ("operations", "balanceAt", "scheduledTransfers"):
        if _selects(info.selected_fields, name):
            raise ForbiddenError("Only its owner reads a wallet's statement.")


def _selects(selections: Iterable[Selection], name: str) -> bool:
    return any(
        getattr(selection, "name", None) == name or _selects(selection.selections, name)
        for selection in selections
    )
