"""Passwords: hashed with Argon2id, off the event loop."""

import asyncio
import time

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from wallet.core import passwords
from wallet.core.passwords import hash_password, verify_password

PASSWORD = "correct horse battery staple"


class TestHashPassword:
    """hash_password."""

    async def test_is_argon2id(self) -> None:
        """Argon2id with at least what OWASP asks for: 19 MiB and two passes."""
        parameters = extract_parameters(await hash_password(PASSWORD))

        assert parameters.type is Type.ID
        assert parameters.memory_cost >= 19 * 1024
        assert parameters.time_cost >= 2
        assert parameters.salt_len >= 16
        assert parameters.hash_len >= 32

    async def test_is_salted(self) -> None:
        """The same password has another hash each time, and is in none of them."""
        hashes = {await hash_password(PASSWORD) for _ in range(3)}

        assert len(hashes) == 3
        assert not any(PASSWORD in hash_ for hash_ in hashes)

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

    async def test_right(self) -> None:
        """The password that was hashed is the right one."""
        assert await verify_password(PASSWORD, await hash_password(PASSWORD))

    @pytest.mark.parametrize(
        "other",
        ["", "Correct horse battery staple", PASSWORD + " ", PASSWORD[:-1], PASSWORD + "\x00"],
    )
    async def test_wrong(self, other: str) -> None:
        """Any other is wrong: case, spaces, and what follows a NUL count."""
        assert not await verify_password(other, await hash_password(PASSWORD))

    @pytest.mark.parametrize(
        ("typed_here", "typed_there"),
        [
            ("pässwörd-långt", "pa\u0308sswo\u0308rd-la\u030angt"),
            ("ﬁve thousand fish", "five thousand fish"),
        ],
    )
    async def test_same_keys_on_another_machine(self, typed_here: str, typed_there: str) -> None:
        """Two ways to encode the same characters are the same password (NFKC)."""
        assert typed_here != typed_there
        assert await verify_password(typed_there, await hash_password(typed_here))

    async def test_nobody(self) -> None:
        """Without an account every password is wrong, even the one behind the stand-in."""
        assert not await verify_password(PASSWORD, None)
        assert not await verify_password("the password of an account that does not exist", None)

    async def test_nobody_takes_as_long(self) -> None:
        """An account that does not exist costs what one costs that does: the same parameters."""
        hash_ = await hash_password(PASSWORD)
        assert extract_parameters(passwords._NOBODYS_HASH) == extract_parameters(hash_)

        async def fastest_s(password_hash: str | None) -> float:
            times = []
            for _ in range(3):
                started = time.perf_counter()
                await verify_password("a wrong password", password_hash)
                times.append(time.perf_counter() - started)
            return min(times)

        # Without any work the answer would come a hundred times as fast.
        assert await fastest_s(None) > await fastest_s(hash_) / 10

    @pytest.mark.parametrize("hash_", ["", "!", "$argon2id$", "plain text", "$2b$12$" + "a" * 53])
    async def test_no_hash(self, hash_: str) -> None:
        """Where a row has no valid hash, nobody logs in."""
        assert not await verify_password(PASSWORD, hash_)

    async def test_lone_surrogates(self) -> None:
        """What is no text is nobody's password, and no error."""
        assert not await verify_password("\ud800" * 12, None)
        assert not await verify_password("\ud800" * 12, await hash_password(PASSWORD))
