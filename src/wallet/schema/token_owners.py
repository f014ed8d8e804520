"""Whose tokens were, a moment ago: enough to count what they ask for, and for nothing else."""

import hashlib
import time
from collections import OrderedDict
from uuid import UUID

OWNERS_MAX = 20_000
"""Most tokens whose owner is known, 5 MB or so; the one that was noted longest ago goes first."""

KNOWN_S = 60.0
"""How long one counts for its owner without being read: it may have ended in the meantime."""


class TokenOwners:
    """
    The owners of tokens that the memory of tokens does not keep.

    Those of API keys and of operators are read each time, since what they may do
    counts at once. Here only a hash of them is kept, and it opens nothing.
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[bytes, tuple[UUID, float]] = OrderedDict()

    def find(self, token: str) -> UUID | None:
        """Return whose *token* was; None when that is not known."""
        user_id, until_s = self._owners.get(_hash(token), (None, 0.0))
        return user_id if time.monotonic() < until_s else None

    def note(self, token: str, user_id: UUID) -> None:
        """Note that *token* was just found to be of this user."""
        key = _hash(token)
        self._owners[key] = (user_id, time.monotonic() + KNOWN_S)
        self._owners.move_to_end(key)
        while len(self._owners) > OWNERS_MAX:
            self._owners.popitem(last=False)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
