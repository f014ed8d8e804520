"""Rounds of many while Redis or PostgreSQL is away, silent, or dies."""

import pytest

from tests.support.factories import Pair
from tests.support.ledgers import Network, captured_logs
from tests.support.postings import pays
from wallet.core.settings import Settings
from wallet.services.ledger import locks


class TestSilentRedis:
    """A Redis that takes what it is sent and says nothing."""

    async def test_nobody_waits_for_its_locks_back(
        self, pair: Pair, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Those behind a round that went on without it go on as well, at once."""
        async with Network.of(settings) as network:
            await network.ledger.post(pays(pair))
            await network.ledger.drain()
            with captured_logs(locks, monkeypatch) as events:
                network.redis.stall()
                await network.ledger.post(pays(pair))
                await network.ledger.post(pays(pair))
                # It is in the log when a round has waited for two answers more.
                assert "lock release failed" not in [event["event"] for event in events]
                await network.ledger.drain()

        assert "lock release failed" in [event["event"] for event in events]
