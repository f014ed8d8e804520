"""Random things done with money, one after the other; what is refused is part of it."""

import random
from collections.abc import Awaitable, Callable
from uuid import UUID

from tests.support.histories import Hands
from wallet.core.errors import WalletError
from wallet.core.ids import new_id
from wallet.services.actors import Actor
from wallet.services.holds import PartialAmount

_AMOUNTS_MINOR = (1, 7, 250, 3_333, 9_999)


class RandomWalk:
    """Does the same with the same *seed*: new things, and what follows those of before."""

    def __init__(self, hands: Hands, seed: int) -> None:
        self._hands = hands
        self._chance = random.Random(seed)
        self._paid: list[UUID] = []
        self._converted: list[UUID] = []
        self._held: list[UUID] = []
        self._scheduled: list[UUID] = []

    async def take(self, steps: int) -> int:
        """Take so many steps; return how many of them were not refused."""
        done = 0
        kinds: list[Callable[[Actor], Awaitable[None]]] = [
            self._pay,
            self._pay_in_dollars,
            self._hold,
            self._hold,
            self._capture,
            self._end_hold,
            self._schedule,
            self._end_schedule,
            self._give_back_euros,
            self._give_back_dollars,
        ]
        for _ in range(steps):
            actor = self._chance.choice((self._hands.ada, self._hands.bob))
            try:
                await self._chance.choice(kinds)(actor)
                done += 1
            except WalletError:
                continue
        return done

    async def _pay(self, actor: Actor) -> None:
        self._paid.append(await self._hands.pay(actor, self._amount_minor()))

    async def _pay_in_dollars(self, actor: Actor) -> None:
        converted, _ = await self._hands.pay_in_dollars(actor, self._amount_minor())
        self._converted.append(converted)

    async def _hold(self, actor: Actor) -> None:
        self._held.append(await self._hands.hold(actor, self._amount_minor()))

    async def _capture(self, actor: Actor) -> None:
        part_minor = self._chance.choice((None, 1))
        self._paid.append(await self._hands.capture(actor, self._any_of(self._held), part_minor))

    async def _end_hold(self, actor: Actor) -> None:
        end = self._chance.choice((self._hands.void, self._hands.expire))
        await end(actor, self._any_of(self._held))

    async def _schedule(self, actor: Actor) -> None:
        self._scheduled.append(await self._hands.schedule(actor, self._amount_minor()))

    async def _end_schedule(self, actor: Actor) -> None:
        scheduled_id = self._any_of(self._scheduled)
        if self._chance.random() < 0.5:
            await self._hands.cancel(actor, scheduled_id)
        else:
            await self._hands.carry_out(scheduled_id)

    async def _give_back_euros(self, actor: Actor) -> None:
        await self._hands.give_back(actor, self._any_of(self._paid), self._part("EUR"))

    async def _give_back_dollars(self, actor: Actor) -> None:
        await self._hands.give_back(actor, self._any_of(self._converted), self._part("USD"))

    def _amount_minor(self) -> int:
        return self._chance.choice(_AMOUNTS_MINOR)

    def _part(self, currency: str) -> PartialAmount | None:
        part = PartialAmount(amount_minor=self._amount_minor(), currency=currency)
        return self._chance.choice((None, part))

    def _any_of(self, ids: list[UUID]) -> UUID:
        return self._chance.choice(ids or [new_id()])
