"""Second factors: many that use one code at once, past the hashing of passwords."""

import asyncio
import base64
from uuid import UUID

import pytest

from tests.support.factories import Factory
from tests.support.servers import KEYS
from wallet.core.totp import code_at
from wallet.services.database import Connection, fetch, run_transaction
from wallet.services.rate_limits import RateLimiter
from wallet.services.second_factors import confirm_totp, start_totp, use_code

_NOW = "SELECT extract(epoch FROM now())::bigint AS now_s"
_FORGET = "UPDATE second_factors SET last_step = 0 WHERE user_id = $1 RETURNING user_id"


class TestUseCode:
    """second_factors.use_code."""

    @pytest.mark.parametrize("kind", ["authenticator", "recovery"])
    async def test_at_once(self, kind: str, factory: Factory, limiter: RateLimiter) -> None:
        """Of twenty uses of one code at once, one counts; what is rolled back does not."""
        actor = await factory.create_actor()
        started = await start_totp(actor, keys=KEYS)
        (now,) = await fetch(_NOW)
        code = code_at(base64.b32decode(started.secret), now["now_s"] // 30)
        confirmed = await confirm_totp(limiter, actor=actor, code=code, keys=KEYS)
        await fetch(_FORGET, actor.user_id)
        if kind == "recovery":
            code = confirmed.recovery_codes[0]

        with pytest.raises(ZeroDivisionError):
            await run_transaction(lambda connection: _use_and_fail(connection, actor.user_id, code))
        used = await asyncio.gather(
            *(
                run_transaction(
                    lambda connection: use_code(connection, actor.user_id, code, keys=KEYS)
                )
                for _ in range(20)
            )
        )

        assert sorted(used) == [False] * 19 + [True]


async def _use_and_fail(connection: Connection, user_id: UUID, code: str) -> None:
    assert await use_code(connection, user_id, code, keys=KEYS)
    raise ZeroDivisionError
