"""Two workers are replaced one after the other while many pay."""

import asyncio
import os
import signal
from itertools import count

import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import Account
from tests.support.crowd import BUSY, UNANSWERED, Crowd
from tests.support.guests import Guests
from tests.support.processes import find_workers
from tests.support.servers import ApiServer
from tests.support.waiting import until

PAYMENTS = 300


@pytest_asyncio.fixture
async def accounts(guests: Guests) -> list[Account]:
    """Eight people with 10.00 EUR each."""
    return [await guests.create(balance="10.00") for _ in range(8)]


async def _restart(server: ApiServer) -> None:
    """Have all workers replaced, and wait until the old ones are gone."""
    old = find_workers(server.pid)
    assert len(old) == 2
    os.kill(server.pid, signal.SIGHUP)
    await until(lambda: len(find_workers(server.pid) - old) == 2 and not old & _running(server))


def _running(server: ApiServer) -> set[int]:
    return find_workers(server.pid)


class TestRollingRestart:
    """SIGHUP to ``wallet serve`` with WORKERS=2."""

    async def test_no_answer_is_lost_that_one_retry_would_not_find(
        self, start_server: StartServer, accounts: list[Account]
    ) -> None:
        """Sixty-four payers see at most one broken connection in a row, and every cent is right."""
        server = start_server(WORKERS="2", LOCK_WAIT_MS="5000")
        restarting = asyncio.create_task(_restart(server))
        crowds = []
        for seed in count():
            crowd = Crowd(accounts, [server], seed=seed, tolerated={UNANSWERED, BUSY})
            await crowd.run(PAYMENTS)
            await crowd.check()
            crowds.append(crowd)
            if restarting.done():
                break
        await restarting

        assert max(crowd.tries_max for crowd in crowds) <= 2
        assert sum(crowd.obstacles[BUSY] for crowd in crowds) == 0
        assert "Traceback" not in server.log.read_text()
