"""Resolvers of what is read. What is not the viewer's is null, like what does not exist."""

import asyncio
from typing import Annotated

import strawberry

from wallet.core.errors import BadRequestError
from wallet.core.ids import find_id, parse_global_id
from wallet.models.account import Scope
from wallet.resolvers.quotes import quote
from wallet.schema.accounts import User
from wallet.schema.context import Info
from wallet.schema.nodes import NODES_MAX, Node
from wallet.schema.operations import Operation
from wallet.schema.wallets import Wallet
from wallet.services.statements import find_operation
from wallet.services.wallets import find_wallet

WalletId = Annotated[strawberry.ID, strawberry.argument(description="The wallet's id.")]
OperationId = Annotated[strawberry.ID, strawberry.argument(description="The operation's id.")]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="The id of any node.")]
NodeIds = Annotated[
    list[strawberry.ID], strawberry.argument(description=f"Up to {NODES_MAX} ids of any nodes.")
]


async def viewer(info: Info) -> User | None:
    """Return the signed-in user."""
    actor = await info.context.find_actor(Scope.READ)
    return User.of(actor.user_id, actor) if actor else None


async def wallet(info: Info, id: WalletId) -> Wallet | None:  # noqa: A002
    """Return one of the viewer's wallets."""
    actor = await info.context.get_actor(Scope.READ)
    wallet_id = find_id("Wallet", id)
    record = await find_wallet(actor, wallet_id) if wallet_id else None
    return Wallet.of(record, actor.user_id) if record else None


async def operation(info: Info, id: OperationId) -> Operation | None:  # noqa: A002
    """Return an operation that one of the viewer's wallets has a part in."""
    actor = await info.context.get_actor(Scope.READ)
    operation_id = find_id("Operation", id)
    record = await find_operation(actor, operation_id) if operation_id else None
    return Operation.of(record, actor.user_id) if record else None


async def node(info: Info, id: NodeId) -> Node | None:  # noqa: A002
    """Return whatever of the viewer's has this id."""
    actor = await info.context.get_actor(Scope.READ)
    match parse_global_id(id):
        case ("User", user_id) if user_id == actor.user_id:
            return User.of(actor.user_id, actor)
        case ("Wallet", _):
            return await wallet(info, id)
        case ("Operation", _):
            return await operation(info, id)
        case ("Quote", _):
            return await quote(info, id)
        case _:
            return None


async def nodes(info: Info, ids: NodeIds) -> list[Node | None]:
    """Return the nodes of several ids, in their order."""
    if len(ids) > NODES_MAX:
        raise BadRequestError(f"At most {NODES_MAX} ids at once.")
    return list(await asyncio.gather(*(node(info, id_) for id_ in ids)))
