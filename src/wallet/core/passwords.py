"""
Passwords: Argon2id (RFC 9106), off the event loop.

They are compared after NFKC (NIST SP 800-63B, 5.1.1.2), so that the same keys
pressed on two machines are the same password.

Hashing is slow on purpose; a few threads of its own keep it away from the
event loop and bound how much memory a burst of logins can take.
"""

import asyncio
import unicodedata
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 128


def _zeros(length: int) -> str:
    return b64encode(bytes(length)).rstrip(b"=").decode()


_hasher = PasswordHasher()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")

# Verified against when an account does not exist, so that a login takes the same time.
# Written, not computed: nobody knows what is hashed to zeros, and to compute a hash was an
# eighth of what a process does to start.
_NOBODYS_HASH = (
    f"$argon2id$v={ARGON2_VERSION}"
    f"$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${_zeros(_hasher.salt_len)}${_zeros(_hasher.hash_len)}"
)


async def hash_password(password: str) -> str:
    """Return the Argon2id hash of *password*, with its parameters and a random salt."""
    return await asyncio.get_running_loop().run_in_executor(
        _threads, _hasher.hash, _normalise(password)
    )


async def verify_password(password: str, password_hash: str | None) -> bool:
    """
    Tell whether *password* is the one that was hashed.

    None stands for an account that does not exist: the answer is False, after as
    much work as for one that does.
    """
    # What no signup would take is nobody's, and not worth hashing a megabyte.
    candidate = password if len(password) <= PASSWORD_LENGTH_MAX else ""
    return await asyncio.get_running_loop().run_in_executor(
        _threads, _verify, _normalise(candidate), password_hash
    )


def _normalise(password: str) -> bytes:
    # What is no text (a lone surrogate) is nobody's password, and no error either.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


def _verify(password: bytes, password_hash: str | None) -> bool:
    try:
        _hasher.verify(password_hash or _NOBODYS_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
