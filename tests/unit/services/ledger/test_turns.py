"""Whose turn it is inside a process."""

import asyncio
from uuid import UUID

import pytest

from wallet.services.ledger.turns import Turns

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestTake:
    """Turns.take and Turns.give_back."""

    async def test_first_come_first_served(self) -> None:
        """Three that want the same wallet get it in the order in which they came."""
        turns, order = Turns(), list[int]()

        async def use(number: int) -> None:
            await turns.take([A])
            order.append(number)
            await settle()
            turns.give_back([A])

        await asyncio.gather(*(use(number) for number in range(3)))

        assert order == [0, 1, 2]

    async def test_others_do_not_wait(self) -> None:
        """Whoever wants other wallets is not held up."""
        turns = Turns()
        await turns.take([A, B])

        await asyncio.wait_for(turns.take([C]), 1)

    async def test_opposite_directions_end(self) -> None:
        """A to B and B to A at once do not wait for each other."""
        turns = Turns()

        async def use(wallets: list[UUID]) -> None:
            await turns.take(wallets)
            await settle()
            turns.give_back(wallets)

        await asyncio.wait_for(
            asyncio.gather(*(use([A, B] if n % 2 else [B, A]) for n in range(20))), 5
        )

    async def test_cancelled_waiter_leaves_nothing(self) -> None:
        """It holds none of its wallets, and those behind it move up."""
        turns = Turns()
        await turns.take([B])
        waiter = asyncio.create_task(turns.take([A, B]))
        await settle()
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter

        await asyncio.wait_for(turns.take([A]), 1)
        turns.give_back([A, B])

        assert not turns._turns
