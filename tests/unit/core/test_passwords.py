"""Passwords: hashed with Argon2id, off the event loop."""

import asyncio
import time

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from wallet.core import passwords
from wallet.core.errors import RateLimitedError
from wallet.core.passwords import QUEUE_MAX, check_queue, hash_password, verify_password

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
async def password_hash() -> str:
    """The hash of the password, made once."""
    return await hash_password(PASSWORD)


class TestHashPassword:
    """hash_password."""

    def test_is_argon2id(self, password_hash: str) -> None:
        """Argon2id with at least what OWASP asks for: 19 MiB and two passes."""
        parameters = extract_parameters(password_hash)

        assert parameters.type is Type.ID
        assert parameters.memory_cost >= 19 * 1024
        assert parameters.time_cost >= 2
        assert parameters.salt_len >= 16
        assert parameters.hash_len >= 32

    async def test_is_salted(self, password_hash: str) -> None:
        """The same password has another hash each time, and is in none of them."""
        other = await hash_password(PASSWORD)

        assert other != password_hash
        assert PASSWORD not in other

    async def test_leaves_the_event_loop_alone(self) -> None:
        """While a password is hashed, everybody else is served."""
        hashing = asyncio.create_task(hash_password(PASSWORD))
        turns = 0
        while not hashing.done():
            await asyncio.sleep(0)
            turns += 1

        # On the loop itself it would have been done at the second turn.
        assert turns > 10


class TestVerifyPassword:
    """verify_password."""

    async def test_right(self, password_hash: str) -> None:
        """The password that was hashed is the right one."""
        assert await verify_password(PASSWORD, password_hash)

    @pytest.mark.parametrize(
        "other",
        ["", "Correct horse battery staple", PASSWORD + "\x00"],
    )
    async def test_wrong(self, password_hash: str, other: str) -> None:
        """Any other is wrong: case and what follows a NUL count."""
        assert not await verify_password(other, password_hash)

    async def test_same_keys_on_another_machine(self) -> None:
        """Two ways to encode the same characters are the same password (NFKC)."""
        composed, decomposed = "pässwörd-långt-\ufb01", "pa\u0308sswo\u0308rd-la\u030angt-fi"

        assert composed != decomposed
        assert await verify_password(decomposed, await hash_password(composed))

    async def test_nobody(self) -> None:
        """Without an account every password is wrong."""
        assert not await verify_password(PASSWORD, None)

    async def test_nobody_takes_as_long(self, password_hash: str) -> None:
        """An account that does not exist costs what one costs that does: the same parameters."""
        assert extract_parameters(passwords._NOBODYS_HASH) == extract_parameters(password_hash)

        async def measure_s(hash_: str | None) -> float:
            started = time.perf_counter()
            await verify_password("a wrong password", hash_)
            return time.perf_counter() - started

        # Without any work the answer would come a hundred times as fast.
        fastest_s = min([await measure_s(password_hash) for _ in range(2)])
        assert await measure_s(None) > fastest_s / 10

    @pytest.mark.parametrize("hash_", ["", "!", "$argon2id$", "plain text", "$2b$12$" + "a" * 53])
    async def test_no_hash(self, hash_: str) -> None:
        """Where a row has no valid hash, nobody logs in."""
        assert not await verify_password(PASSWORD, hash_)

    async def test_lone_surrogates(self, password_hash: str) -> None:
        """What is no text is nobody's password, and no error."""
        assert not await verify_password("\ud800" * 12, password_hash)


class TestQueue:
    """How many wait."""

    @pytest.mark.parametrize("exists", [True, False], ids=["account", "nobody"])
    async def test_is_bounded(self, password_hash: str, *, exists: bool) -> None:
        """Whoever is too late is refused at once, whether there is an account or not."""
        hash_ = password_hash if exists else None
        waiting = await self._fill(hash_)

        refusals = [
            await asyncio.wait_for(self._refusal(hash_), timeout=0.5) for hash_ in (hash_, None)
        ]
        with pytest.raises(RateLimitedError):
            check_queue()
        with pytest.raises(RateLimitedError):
            await hash_password(PASSWORD)

        assert not any(task.done() for task in waiting[2:])
        assert [str(each) for each in refusals] == [str(refusals[0])] * 2
        assert await asyncio.gather(*waiting[:3]) == [False] * 3
        await self._leave(waiting)

    async def test_who_goes_away_leaves_it(self, password_hash: str) -> None:
        """What nobody waits for any more takes nobody's place."""
        await self._leave(await self._fill(password_hash))

        assert await verify_password(PASSWORD, password_hash)

    @staticmethod
    async def _fill(hash_: str | None) -> list[asyncio.Task[bool]]:
        waiting = [asyncio.create_task(verify_password("guess", hash_)) for _ in range(QUEUE_MAX)]
        await asyncio.sleep(0)
        return waiting

    @staticmethod
    async def _leave(waiting: list[asyncio.Task[bool]]) -> None:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    @staticmethod
    async def _refusal(hash_: str | None) -> RateLimitedError:
        with pytest.raises(RateLimitedError) as caught:
            await verify_password(PASSWORD, hash_)
        return caught.value
