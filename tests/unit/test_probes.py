"""What /readyz knows, and how often it asks."""

import asyncio

from wallet.probes import Probes, Readiness


class Neighbour:
    """Counts how often it is asked; answers when it may, or not well."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_well = True
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self) -> None:
        """Answer, or raise."""
        self.asked += 1
        await self.may_answer.wait()
        if not self.is_well:
            raise ConnectionError


class TestAsk:
    """Probes.ask."""

    async def test_says_who_answers(self) -> None:
        """Each for itself."""
        postgresql, redis = Neighbour(), Neighbour()
        redis.is_well = False

        assert await Probes(postgresql.ask, redis.ask).ask() == Readiness(
            postgresql=True, redis=False
        )

    async def test_asks_once_for_all(self) -> None:
        """However many want to know at once, and soon after, it is one question."""
        postgresql, redis = Neighbour(), Neighbour()
        postgresql.may_answer.clear()
        probes = Probes(postgresql.ask, redis.ask, remembered_s=60)
        waiting = [asyncio.create_task(probes.ask()) for _ in range(50)]
        await asyncio.sleep(0)
        waiting.pop().cancel()
        postgresql.may_answer.set()

        answers = await asyncio.gather(*waiting)

        assert set(answers) == {Readiness(postgresql=True, redis=True)}
        postgresql.is_well = False
        assert await probes.ask() == answers[0]
        assert (postgresql.asked, redis.asked) == (1, 1)

    async def test_asks_again(self) -> None:
        """What is old is found out anew."""
        postgresql, redis = Neighbour(), Neighbour()
        probes = Probes(postgresql.ask, redis.ask, remembered_s=0)
        assert (await probes.ask()).postgresql
        postgresql.is_well = False

        assert not (await probes.ask()).postgresql
