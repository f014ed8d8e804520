"""How many reports a process makes at once."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from wallet.core.errors import BusyError
from wallet.core.ids import new_id
from wallet.services.reports import Slots


class TestTaken:
    """Slots.taken."""

    async def test_so_many_at_once(self) -> None:
        """When all are taken, one waits for a while and is told to come again."""
        slots = Slots(at_once=2, per_user=2, wait_s=0.01)
        async with slots.taken(new_id(), str(new_id())), slots.taken(new_id(), str(new_id())):
            with pytest.raises(BusyError):
                async with slots.taken(new_id(), str(new_id())):
                    raise AssertionError("there was no slot")
        async with slots.taken(new_id(), str(new_id())):
            pass

    async def test_so_many_for_one(self) -> None:
        """Nobody takes all of them."""
        slots = Slots(at_once=8, per_user=2, wait_s=0.01)
        greedy = new_id()
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(slots.taken(greedy, str(new_id())))
            with pytest.raises(BusyError):
                await stack.enter_async_context(slots.taken(greedy, str(new_id())))
            await stack.enter_async_context(slots.taken(new_id(), str(new_id())))

    async def test_so_many_from_one_address(self) -> None:
        """Nor does anybody by having many accounts."""
        slots = Slots(at_once=8, per_user=2, per_address=4, wait_s=0.01)
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(slots.taken(new_id(), "here"))
            with pytest.raises(BusyError):
                await stack.enter_async_context(slots.taken(new_id(), "here"))
            for _ in range(4):
                await stack.enter_async_context(slots.taken(new_id(), str(new_id())))
        async with slots.taken(new_id(), "here"):
            pass

    async def test_who_waits_gets_what_is_freed(self) -> None:
        """A slot that is given back, also by an error, goes to one that waits."""
        slots = Slots(at_once=1, per_user=1, wait_s=30)

        async def fail() -> None:
            async with slots.taken(new_id(), str(new_id())):
                await asyncio.sleep(0)
                raise ConnectionError

        failures = await asyncio.gather(*(fail() for _ in range(20)), return_exceptions=True)

        assert {type(failure) for failure in failures} == {ConnectionError}
