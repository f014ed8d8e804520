"""Logins: on which device they are, how many codes may be tried, and how many wait."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from itertools import count
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.observer import Observer
from tests.support.servers import KEYS
from wallet.core.errors import RateLimitedError
from wallet.core.ids import new_id
from wallet.core.passwords import QUEUE_MAX, verify_password
from wallet.core.settings import Settings
from wallet.core.totp import code_at
from wallet.services.accounts import SignedUp, change_password, signup
from wallet.services.actors import Actor, Visitor
from wallet.services.database import fetch
from wallet.services.ledger import Ledger
from wallet.services.logins import login
from wallet.services.rate_limits import (
    CODE,
    CODE_BY_ACCOUNT,
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    RateLimiter,
)
from wallet.services.second_factors import (
    confirm_totp,
    disable_totp,
    limit_codes,
    remove_second_factor,
    start_totp,
)
from wallet.services.sessions import authenticate

PASSWORD, NEW_PASSWORD = "correct horse battery staple", "a longer stable and a battery"
_NOW = "SELECT extract(epoch FROM now())::bigint AS now_s"


class Owner:
    """Somebody with an account, on one device."""

    def __init__(self, limiter: RateLimiter, settings: Settings, actor: Actor, token: str) -> None:
        self.limiter = limiter
        self.actor = actor
        self.token = token
        self.password = PASSWORD
        self._settings = settings
        self._recovery_codes: list[str] = []

    async def is_known(self) -> bool:
        """Tell whether a login from the device is known to be from it; keep the new token."""
        known, code = self.token, self._recovery_codes.pop() if self._recovery_codes else None
        logged_in = await login(
            self.limiter,
            self._settings,
            email=self.actor.email,
            password=self.password,
            visitor=Visitor(address="203.0.113.7", device_token=known),
            code=code,
        )
        self.token = logged_in.device_token
        return self.token.partition(".")[0] == known.partition(".")[0]

    async def change_password(self) -> None:
        """Choose another password."""
        await change_password(
            self.limiter,
            actor=self.actor,
            current_password=self.password,
            new_password=NEW_PASSWORD,
        )
        self.password = NEW_PASSWORD

    async def enable(self) -> None:
        """Set up a second factor."""
        started = await start_totp(self.actor, keys=KEYS)
        (now,) = await fetch(_NOW)
        code = code_at(base64.b32decode(started.secret), now["now_s"] // 30)
        confirmed = await confirm_totp(self.limiter, actor=self.actor, code=code, keys=KEYS)
        self._recovery_codes = confirmed.recovery_codes

    async def disable(self) -> None:
        """Do without the second factor."""
        code = self._recovery_codes.pop()
        await disable_totp(self.limiter, actor=self.actor, code=code, keys=KEYS)
        self._recovery_codes = []

    async def lose(self) -> None:
        """Have the second factor removed by hand."""
        await remove_second_factor(self.actor.user_id)
        self._recovery_codes = []


@pytest_asyncio.fixture
async def owner(ledger: Ledger, limiter: RateLimiter, settings: Settings) -> Owner:
    """Somebody who has just signed up."""
    signed_up: SignedUp = await signup(
        ledger,
        limiter,
        settings,
        email=f"{uuid4().hex}@example.com",
        password=PASSWORD,
        currency="EUR",
        visitor=Visitor(address="203.0.113.7"),
    )
    actor = await authenticate(signed_up.session.access_token, keys=KEYS)
    return Owner(limiter, settings, actor, signed_up.device_token)


class TestDevice:
    """logins.login with a device's token."""

    async def test_is_kept(self, owner: Owner) -> None:
        """From login to login it is the same."""
        assert [await owner.is_known() for _ in "123"] == [True] * 3

    async def test_ends_with_the_password(self, owner: Owner) -> None:
        """A new password makes all devices new to the account."""
        await owner.change_password()

        assert [await owner.is_known() for _ in "12"] == [False, True]

    @pytest.mark.parametrize("end", [Owner.disable, Owner.lose], ids=["disabled", "removed"])
    async def test_ends_with_the_second_factor(
        self, end: Callable[[Owner], Awaitable[None]], owner: Owner
    ) -> None:
        """Each change of it ends those of before, and no change brings one back."""
        before = owner.token
        await owner.enable()
        assert [await owner.is_known() for _ in "12"] == [False, True]
        between = owner.token

        await end(owner)

        for token in (before, between):
            owner.token = token
            assert not await owner.is_known()
        assert await owner.is_known()

    async def test_outlives_what_was_refused(self, owner: Owner) -> None:
        """What changes nothing ends nothing."""
        await start_totp(owner.actor, keys=KEYS)
        assert not await remove_second_factor(new_id())
        with pytest.raises(Exception, match="code is wrong"):
            await confirm_totp(owner.limiter, actor=owner.actor, code="x", keys=KEYS)
        with pytest.raises(Exception, match="password is wrong"):
            await change_password(
                owner.limiter,
                actor=owner.actor,
                current_password="guess",
                new_password=NEW_PASSWORD,
            )

        assert await owner.is_known()


class TestLimitCodes:
    """second_factors.limit_codes."""

    async def test_counts_whoever_comes(self, redis_client: redis.asyncio.Redis) -> None:
        """Each has a few; many together have no more than the account has; others have theirs."""
        limiter, user_id = RateLimiter(redis_client, enabled=True), new_id()
        assert await self._try(limiter, user_id, lambda _: "one") == CODE.capacity

        rest = await self._try(limiter, user_id, str)

        assert rest == CODE_BY_ACCOUNT.capacity - CODE.capacity
        assert await self._try(limiter, new_id(), lambda _: uuid4().hex) == CODE_BY_ACCOUNT.capacity

    def test_one_alone_never_empties_it(self) -> None:
        """It refills more quickly than anybody's own, and is larger."""
        assert CODE_BY_ACCOUNT.refill_s < CODE.refill_s
        assert CODE_BY_ACCOUNT.capacity > CODE.capacity

    @staticmethod
    async def _try(limiter: RateLimiter, user_id: UUID, guesser: Callable[[int], str]) -> int:
        """Try codes until one is refused; return how many were not."""
        for tried in count():
            try:
                await limit_codes(limiter, user_id, f"{user_id} {guesser(tried)}")
            except RateLimitedError:
                return tried
        raise AssertionError


class TestQueue:
    """Logins while too many passwords wait to be hashed."""

    @pytest.mark.parametrize("is_there", [True, False], ids=["account", "nobody"])
    async def test_is_told_before_anything_is_done(
        self,
        owner: Owner,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
        *,
        is_there: bool,
    ) -> None:
        """With and without an account the same, and it costs no token of any bucket."""
        limiter, address = RateLimiter(redis_client, enabled=True), uuid4().hex
        email = owner.actor.email if is_there else f"{uuid4().hex}@example.com"
        waiting = [asyncio.create_task(verify_password("guess", None)) for _ in range(QUEUE_MAX)]
        await asyncio.sleep(0)

        async with observer.nothing_changes():
            with pytest.raises(RateLimitedError) as caught:
                await login(
                    limiter,
                    settings,
                    email=email,
                    password=PASSWORD,
                    visitor=Visitor(address=address),
                )

        assert (caught.value.retryable, caught.value.retry_after_s) == (True, 2)
        for bucket, subject in ((LOGIN_BY_ADDRESS, address), (LOGIN_BY_ACCOUNT, email)):
            (level,) = await limiter.spend((bucket, subject), cost=1)
            assert level.remaining == bucket.capacity - 1
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
