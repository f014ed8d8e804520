"""Resolvers of wallets' states and limits, and of operators' look-ups."""

from wallet.core.inputs import DESCRIPTION_LENGTH_MAX, check_optional_text
from wallet.models.account import Scope
from wallet.resolvers.transfers import refuse_others_statement
from wallet.schema.context import Info
from wallet.schema.lookups import Lookup
from wallet.schema.operators import (
    CloseWalletInput,
    FreezeWalletInput,
    SetWalletLimitsInput,
    SetWalletLimitsPayload,
    UnfreezeWalletInput,
    WalletPayload,
)
from wallet.schema.optional import given
from wallet.schema.results import (
    CloseWalletResult,
    FreezeWalletResult,
    SetWalletLimitsResult,
    UnfreezeWalletResult,
)
from wallet.schema.transfers import read_wallet_id
from wallet.schema.wallets import Wallet, WalletLimits
from wallet.services import limits, wallet_states
from wallet.services.actors import Actor, check_operator


async def freeze_wallet(info: Info, input: FreezeWalletInput) -> FreezeWalletResult:  # noqa: A002
    """Let no money into a wallet and none out of it."""
    actor = await _get_operator(info)
    wallet_id = read_wallet_id(input.wallet_id, field="wallet_id")
    reason = check_optional_text(
        given(input.reason), field=("reason",), length_max=DESCRIPTION_LENGTH_MAX
    )
    await refuse_others_statement(info, actor, wallet_id)
    frozen = await wallet_states.freeze_wallet(
        wallet_id, actor=actor, until=given(input.until), reason=reason
    )
    return WalletPayload(wallet=Wallet.of(frozen, actor.user_id))


async def unfreeze_wallet(info: Info, input: UnfreezeWalletInput) -> UnfreezeWalletResult:  # noqa: A002
    """Let money of a wallet move again."""
    actor = await _get_operator(info)
    wallet_id = read_wallet_id(input.wallet_id, field="wallet_id")
    await refuse_others_statement(info, actor, wallet_id)
    active = await wallet_states.unfreeze_wallet(wallet_id, actor=actor)
    return WalletPayload(wallet=Wallet.of(active, actor.user_id))


async def close_wallet(info: Info, input: CloseWalletInput) -> CloseWalletResult:  # noqa: A002
    """Close an empty wallet of the viewer's, or anybody's, for good."""
    actor = await info.context.get_actor(Scope.OPERATE)
    wallet_id = read_wallet_id(input.wallet_id, field="wallet_id")
    await refuse_others_statement(info, actor, wallet_id)
    closed = await wallet_states.close_wallet(info.context.services.ledger, wallet_id, actor=actor)
    return WalletPayload(wallet=Wallet.of(closed, actor.user_id))


async def set_wallet_limits(
    info: Info,
    input: SetWalletLimitsInput,  # noqa: A002
) -> SetWalletLimitsResult:
    """Say how much may leave a wallet."""
    actor = await _get_operator(info)
    wallet_id = read_wallet_id(input.wallet_id, field="wallet_id")
    await refuse_others_statement(info, actor, wallet_id)
    wallet = await limits.set_limits(
        info.context.services.ledger, wallet_id, input.read(), actor=actor
    )
    return SetWalletLimitsPayload(
        wallet=Wallet.of(wallet, actor.user_id),
        limits=WalletLimits.of(await limits.get_limits(wallet_id)),
    )


async def lookup(info: Info) -> Lookup:
    """Let operators look things up, and nobody else."""
    return Lookup(operator=await _get_operator(info))


async def _get_operator(info: Info) -> Actor:
    actor = await info.context.get_actor(Scope.OPERATE)
    check_operator(actor)
    return actor
