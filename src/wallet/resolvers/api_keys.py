"""Resolvers of API keys; no key makes or ends keys."""

from wallet.core.errors import NotFoundError
from wallet.core.ids import find_id
from wallet.schema.api_keys import (
    ApiKey,
    CreateApiKeyInput,
    CreateApiKeyPayload,
    RevokeApiKeyInput,
    RevokeApiKeyPayload,
)
from wallet.schema.context import Info
from wallet.schema.optional import given
from wallet.schema.results import CreateApiKeyResult, RevokeApiKeyResult
from wallet.services import accounts, api_keys
from wallet.services.actors import check_operator


async def create_api_key(info: Info, input: CreateApiKeyInput) -> CreateApiKeyResult:  # noqa: A002
    """Make a key for one of the viewer's services: a key outlives the session that asks for it."""
    actor = await info.context.get_actor()
    check_operator(actor)
    services = info.context.services
    await accounts.confirm_password(services.limiter, actor, given(input.password) or "")
    record, secret = await api_keys.create_api_key(
        actor.user_id,
        name=input.name,
        scopes=frozenset(input.scopes),
        expires_at=given(input.expires_at),
    )
    return CreateApiKeyPayload(api_key=ApiKey.of(record), secret=secret)


async def revoke_api_key(info: Info, input: RevokeApiKeyInput) -> RevokeApiKeyResult:  # noqa: A002
    """End one of the viewer's keys."""
    actor = await info.context.get_actor()
    key_id = find_id("ApiKey", input.api_key_id)
    if key_id is None:
        raise NotFoundError("There is no such key.", field=("api_key_id",))
    return RevokeApiKeyPayload(
        api_key=ApiKey.of(await api_keys.revoke_api_key(actor.user_id, key_id))
    )
