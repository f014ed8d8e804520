"""
Passwords: Argon2id (RFC 9106), off the event loop.

They are compared after NFKC (NIST SP 800-63B, 5.1.1.2), so that the same keys
pressed on two machines are the same password.

Hashing is slow on purpose; a few threads of its own keep it away from the
event loop and bound how much memory a burst of logins can take. Those that wait
for a thread are bounded too: whoever comes after QUEUE_MAX others is refused at
once, and not served when nobody waits for the answer any more.
"""

import asyncio
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from wallet.core.errors import RateLimitedError

T = TypeVar("T")

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 128

QUEUE_MAX = 64
"""Most passwords of a process that are hashed or wait for it: a few seconds of work."""

_RETRY_AFTER_S = 2


def _zeros(length: int) -> str:
    return b64encode(bytes(length)).rstrip(b"=").decode()


_hasher = PasswordHasher()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_queue: set[object] = set()

# Verified against when an account does not exist, so that a login takes the same time.
# Written, not computed: nobody knows what is hashed to zeros, and to compute a hash was an
# eighth of what a process does to start.
_NOBODYS_HASH = (
    f"$argon2id$v={ARGON2_VERSION}"
    f"$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${_zeros(_hasher.salt_len)}${_zeros(_hasher.hash_len)}"
)


def check_queue() -> None:
    """
    Refuse whoever would have to wait for too many others, before anything is done for them.

    Raises:
        RateLimitedError: QUEUE_MAX passwords are being hashed, or wait.
    """
    if len(_queue) >= QUEUE_MAX:
        raise RateLimitedError(retry_after_s=_RETRY_AFTER_S)


async def hash_password(password: str) -> str:
    """
    Return the Argon2id hash of *password*, with its parameters and a random salt.

    Raises:
        RateLimitedError: As ``check_queue``.
    """
    normalised = _normalise(password)
    return await _work(lambda: _hasher.hash(normalised))


async def verify_password(password: str, password_hash: str | None) -> bool:
    """
    Tell whether *password* is the one that was hashed.

    None stands for an account that does not exist: the answer is False, after as
    much work as for one that does.

    Raises:
        RateLimitedError: As ``check_queue``, with and without an account.
    """
    # What no signup would take is nobody's, and not worth hashing a megabyte.
    candidate = password if len(password) <= PASSWORD_LENGTH_MAX else ""
    normalised = _normalise(candidate)
    return await _work(lambda: _verify(normalised, password_hash))


async def _work(work: Callable[[], T]) -> T:
    check_queue()
    place = object()
    _queue.add(place)
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _queue.remove(place)


def _normalise(password: str) -> bytes:
    # What is no text (a lone surrogate) is nobody's password, and no error either.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


def _verify(password: bytes, password_hash: str | None) -> bool:
    try:
        _hasher.verify(password_hash or _NOBODYS_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
