"""
Whose turn it is inside this process: first come, first served, per wallet.

Of all postings in this process that want a wallet, only the one whose turn it
is asks the gate in Redis for it. A crowd in front of one wallet then costs no
more asking than one payer does, and nobody is overtaken.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class _Turn:
    """One wallet's queue, and how many stand in it, the holder included."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Turns:
    """The queues of the wallets that somebody in this process wants now."""

    def __init__(self) -> None:
        self._turns: dict[UUID, _Turn] = {}

    async def take(self, wallet_ids: Sequence[UUID]) -> None:
        """
        Wait until it is this caller's turn at all of *wallet_ids*; when cancelled, hold none.

        They are taken in the order of their ids, so that no two callers wait
        for each other.
        """
        taken: list[UUID] = []
        try:
            for wallet_id in sorted(wallet_ids):
                turn = self._turns.setdefault(wallet_id, _Turn())
                turn.users += 1
                try:
                    await turn.lock.acquire()
                except BaseException:
                    self._leave(wallet_id, turn)
                    raise
                taken.append(wallet_id)
        except BaseException:
            self.give_back(taken)
            raise

    def give_back(self, wallet_ids: Sequence[UUID]) -> None:
        """Let the next one have its turn at each of *wallet_ids*."""
        for wallet_id in wallet_ids:
            turn = self._turns[wallet_id]
            turn.lock.release()
            self._leave(wallet_id, turn)

    def _leave(self, wallet_id: UUID, turn: _Turn) -> None:
        turn.users -= 1
        if turn.users == 0:
            del self._turns[wallet_id]
