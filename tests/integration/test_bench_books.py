"""Tests of the long statements that the bench reads from."""

from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from bench.books import write_book
from tests.support.servers import Databases
from wallet.core.settings import Settings
from wallet.services.verification import verify


def _as_superuser(url: str) -> str:
    """Return the same address for the superuser, whose password is the same."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("wallet:", "postgres:", 1)))


class TestWriteBook:
    """write_book."""

    @pytest.mark.parametrize(("wallets", "entries"), [(2, 5), (60, 300)])
    async def test_holds(self, databases: Databases, wallets: int, entries: int) -> None:
        """What is written past the ledger is what the ledger would have written."""
        url = await databases.create()
        crowd = await write_book(_as_superuser(url), wallets=wallets, entries=entries)
        verified = await verify(Settings(database_url=url), on_progress=lambda _: None)
        assert verified.wallets == wallets + 1  # and the world
        assert verified.operations == wallets + entries - 1
        connection = await asyncpg.connect(url)
        try:
            last_sequence = await connection.fetchval(
                "SELECT last_sequence FROM wallets WHERE id = $1", crowd.purses[0].wallet_id
            )
        finally:
            await connection.close()
        assert last_sequence == entries
