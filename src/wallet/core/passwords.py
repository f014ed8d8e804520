"""
Passwords: Argon2id (RFC 9106), off the event loop.

They are compared after NFKC (NIST SP 800-63B, 5.1.1.2), so that the same keys
pressed on two machines are the same password.

Hashing is slow on purpose; a few threads of its own keep it away from the
event loop and bound how much memory a burst of logins can take.
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 128

_hasher = PasswordHasher()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")

# Verified against when an account does not exist, so that a login takes the same time.
_NOBODYS_HASH = _hasher.hash("the password of an account that does not exist")


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
    return await asyncio.get_running_loop().run_in_executor(
        _threads, _verify, _normalise(password), password_hash
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
