"""
The secret keys of a process: one signs, and all of them verify.

So a key is replaced without signing anybody out: the next one is made known to
every process, then it signs, and the old one goes when nothing of it is left.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator

_ID_BYTES = 6


class Keys:
    """
    One key that signs, and others that only verify.

    What is made for one purpose is good for no other: each but the access
    tokens, which were there first, has a key of its own that follows from the
    secret one (as in HKDF's expansion, RFC 5869).
    """

    def __init__(self, current: str, *others: str) -> None:
        self.current = current
        self._by_id = {_id_of(key): key for key in (current, *others)}

    def __iter__(self) -> Iterator[str]:
        """Yield every key, the one that signs first."""
        return iter(self._by_id.values())

    @property
    def current_id(self) -> str:
        """The public name of the key that signs."""
        return next(iter(self._by_id))

    def find(self, key_id: str) -> str | None:
        """Return the key of this name; None when there is none."""
        return self._by_id.get(key_id)

    def for_purpose(self, purpose: str) -> list[bytes]:
        """Return 256 bits for *purpose* from every key, from the one that signs first."""
        return [_derive(key, purpose) for key in self]


def _id_of(key: str) -> str:
    """Name a key by what follows from it, and tells nothing of it."""
    return base64.urlsafe_b64encode(_derive(key, "key id")[:_ID_BYTES]).decode()


def _derive(key: str, purpose: str) -> bytes:
    return hmac.digest(key.encode(), f"wallet: {purpose}".encode(), hashlib.sha256)
