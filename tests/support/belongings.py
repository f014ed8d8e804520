"""What the owner has, and others may ask for: each found, or made, when it is asked for."""

import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.api import CONFIRM_TOTP, PASSWORD, SESSIONS, START_TOTP
from tests.support.cast import Cast, Player
from tests.support.due import from_now
from wallet.core.ids import find_id, to_global_id
from wallet.core.totp import STEP_S, code_at

_API_KEY = """
INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at)
VALUES (gen_random_uuid(), $1, 'mine', 'x', sha256(gen_random_uuid()::text::bytea), 'READ', now())
RETURNING id
"""

Make = Callable[[Cast, Player], Awaitable[str]]
"""Returns an id, an address, a token or a code; it may depend on who is going to ask."""


async def nothing(cast: Cast, me: Player) -> str:
    """Say that a request is for nothing of anybody's."""
    return ""


def has(name: str) -> Make:
    """Find what the owner has."""

    async def find(cast: Cast, me: Player) -> str:
        return str(getattr(cast.owner, name))

    return find


async def empty_wallet(cast: Cast, me: Player) -> str:
    """Find the owner's wallet without money; one that is closed is answered as it is."""
    return cast.empty_id


async def spare_wallet(cast: Cast, me: Player) -> str:
    """Find the owner's wallet that nothing else is done with."""
    return cast.spare_id


async def paid(cast: Cast, me: Player) -> str:
    """Have the owner pay its counterparty."""
    return _id_of(await cast.owner.api.transfer(*_wallets(cast.owner, cast.counterparty), "0.01"))


async def failed(cast: Cast, me: Player) -> str:
    """Have the owner try to pay its counterparty more than it has."""
    answer = await cast.owner.api.transfer(*_wallets(cast.owner, cast.counterparty), "99999.00")
    return str(answer["failed"]["id"])


async def received(cast: Cast, me: Player) -> str:
    """Have the counterparty pay the owner."""
    pair = _wallets(cast.counterparty, cast.owner)
    return _id_of(await cast.counterparty.api.transfer(*pair, "0.01"))


async def held(cast: Cast, me: Player) -> str:
    """Have the counterparty reserve money for the owner."""
    pair = _wallets(cast.counterparty, cast.owner)
    return _id_of(await cast.counterparty.api.hold(*pair, "0.01"))


async def scheduled(cast: Cast, me: Player) -> str:
    """Have the owner pay its counterparty tomorrow."""
    pair = _wallets(cast.owner, cast.counterparty)
    return _id_of(await cast.owner.api.transfer(*pair, "0.01", scheduledFor=from_now(days=1)))


async def quote(cast: Cast, me: Player) -> str:
    """Have the owner ask what a euro is in dollars."""
    return str((await cast.owner.api.create_quote("1.00", "USD"))["quote"]["id"])


async def session(cast: Cast, me: Player) -> str:
    """Sign the owner in elsewhere; return that session's id."""
    elsewhere = cast.owner.api.signed_in(
        (await cast.guests.open_session(cast.owner))["accessToken"]
    )
    first, *_ = (await elsewhere.run(SESSIONS))["sessions"]
    return str(first["id"])


async def api_key(cast: Cast, me: Player) -> str:
    """Give the owner an API key: who is no operator makes none, and keeps none."""
    (made,) = await cast.observer.fetch(_API_KEY, find_id("User", cast.owner.user_id))
    return to_global_id("ApiKey", made["id"])


async def no_second_factor(cast: Cast, me: Player) -> str:
    """Leave who asks without a second factor."""
    await cast.observer.fetch(
        "DELETE FROM second_factors WHERE user_id = $1", find_id("User", me.user_id)
    )
    return ""


async def code_to_confirm(cast: Cast, me: Player) -> str:
    """Have who asks begin with a second factor; return its code. Who is nobody has none."""
    await no_second_factor(cast, me)
    if me.api.access_token is None or me.api.access_token.startswith("wlt_"):
        return "000000"
    started = await me.api.run(START_TOTP, input={"password": PASSWORD})
    secret = base64.b32decode(started["secret"])
    return code_at(secret, int(time.time()) // STEP_S)


async def code_to_disable(cast: Cast, me: Player) -> str:
    """Have who asks set a second factor up; return a recovery code. Who is nobody has none."""
    code = await code_to_confirm(cast, me)
    if code == "000000":
        return code
    confirmed = await me.api.run(CONFIRM_TOTP, input={"code": code})
    return str(confirmed["recoveryCodes"][0])


def _wallets(source: Player, target: Player) -> tuple[str, str]:
    return source.wallet_id, target.wallet_id


def _id_of(answer: dict[str, Any]) -> str:
    return str(answer["done"]["id"])
