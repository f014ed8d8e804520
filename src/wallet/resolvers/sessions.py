"""Resolvers of what a signed-in user does with its sessions and its password."""

from wallet.core.errors import NotFoundError
from wallet.core.ids import find_id
from wallet.schema.context import Info
from wallet.schema.results import ChangePasswordResult, EndSessionResult
from wallet.schema.sessions import (
    ChangePasswordInput,
    ChangePasswordPayload,
    EndSessionInput,
    EndSessionPayload,
)
from wallet.services import accounts, sessions


async def end_session(info: Info, input: EndSessionInput) -> EndSessionResult:  # noqa: A002
    """End one of the viewer's sessions."""
    actor = await info.context.get_actor()
    family_id = find_id("Session", input.session_id)
    if family_id is None:
        raise NotFoundError("There is no such session.", field=("session_id",))
    await sessions.end_session(actor, family_id, memory=info.context.services.memory)
    if family_id == actor.family_id:
        info.context.forget_session()
    return EndSessionPayload(session_id=input.session_id)


async def change_password(info: Info, input: ChangePasswordInput) -> ChangePasswordResult:  # noqa: A002
    """Replace the viewer's password, and end its other sessions."""
    services = info.context.services
    ended = await accounts.change_password(
        services.limiter,
        actor=await info.context.get_actor(),
        current_password=input.current_password,
        new_password=input.new_password,
        memory=services.memory,
    )
    return ChangePasswordPayload(sessions_ended=ended)
