"""Limits under the lock: the rolling window, whoever waits, and an overdraft in books that hold."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import pytest

from tests.support.factories import Factory, Pair
from tests.support.ledgers import Network, connected_apart, nowhere, open_ledger
from tests.support.observer import Observer
from tests.support.servers import Databases
from wallet.core.settings import Settings
from wallet.models import WalletStatus
from wallet.services.ledger import (
    InsufficientFundsError,
    LimitExceededError,
    LimitKind,
    Outcome,
    WalletUnavailableError,
)
from wallet.services.limits import get_limits
from wallet.services.verification import verify

DAY = timedelta(hours=24)


@dataclass(slots=True)
class Past:
    """A pair in a database of its own, in which what happened can be made longer ago."""

    settings: Settings
    observer: Observer
    pair: Pair

    @classmethod
    @asynccontextmanager
    async def of(cls, databases: Databases, settings: Settings) -> AsyncIterator[Self]:
        """Make Ada's wallet with 10.00 EUR; be connected to it for the body."""
        apart = settings.model_copy(update={"database_url": await databases.create()})
        async with (
            connected_apart(apart),
            open_ledger(settings.redis_url, prefix="past:") as ledger,
            Observer.of(apart.database_url) as observer,
        ):
            # Entries are append-only, but for the tables' owner who says this.
            await observer.execute("ALTER TABLE entries DISABLE TRIGGER USER")
            yield cls(apart, observer, await Pair.create(Factory(ledger, apart)))

    async def limit(self, **columns: int | None) -> None:
        """Set limits of Ada's wallet, in minor units."""
        changes = ", ".join(f"{name} = {value or 'NULL'}" for name, value in columns.items())
        await self.observer.execute(
            f"UPDATE wallets SET {changes} WHERE id = '{self.pair.source_id}'"
        )

    async def age(self, outcomes: Sequence[Outcome], by: timedelta) -> None:
        """Let operations and their entries be so much older than they are."""
        ids = [outcome.operation.id for outcome in outcomes if outcome.operation]
        for table, column in (("entries", "operation_id"), ("operations", "id")):
            await self.observer.fetch(
                f"UPDATE {table} SET created_at = created_at - $2::interval"
                f" WHERE {column} = ANY ($1)",
                ids,
                by,
            )

    async def left_at(self, outcome: Outcome) -> datetime:
        """Return when a payment left Ada's wallet."""
        assert outcome.operation is not None
        instant: datetime = await self.observer.value(
            "SELECT created_at FROM entries WHERE operation_id = $1 AND wallet_id = $2",
            outcome.operation.id,
            self.pair.source_id,
        )
        return instant

    async def refused(self, money: str) -> LimitExceededError:
        """Let Ada pay; return the limit that refuses it."""
        with pytest.raises(LimitExceededError) as caught:
            await self.pair.pay(money)
        assert caught.value.limit is LimitKind.OUTFLOW_24H
        return caught.value


class TestRollingWindow:
    """What left within 24 hours counts, to the instant."""

    async def test_what_is_older_does_not_count(
        self, databases: Databases, settings: Settings
    ) -> None:
        """Of three payments the one of 25 hours ago is forgotten."""
        async with Past.of(databases, settings) as past:
            paid = [await past.pair.pay(money) for money in ("4.00 EUR", "1.00 EUR", "0.50 EUR")]
            await past.age(paid[:1], timedelta(hours=25))
            await past.age(paid[1:2], timedelta(hours=23))
            await past.limit(outflow_24h_max_minor=300)

            limits = await get_limits(past.pair.source_id)
            await past.refused("1.51 EUR")
            await past.pair.pay("1.50 EUR")
            await past.refused("0.01 EUR")

        assert (limits.outflow_24h_minor, limits.outflow_24h_left_minor) == (150, 150)

    async def test_passes_at_the_instant_that_was_said(
        self, databases: Databases, settings: Settings
    ) -> None:
        """A second before it is refused, and from then on it passes."""
        async with Past.of(databases, settings) as past:
            paid = await past.pair.pay("3.00 EUR")
            await past.limit(outflow_24h_max_minor=300)
            await past.age([paid], DAY - timedelta(seconds=30))

            error = await past.refused("3.00 EUR")
            assert error.until == await past.left_at(paid) + DAY
            await past.age([paid], timedelta(seconds=30))
            await past.pair.pay("3.00 EUR")

    async def test_until_enough_is_a_day_old(
        self, databases: Databases, settings: Settings
    ) -> None:
        """More waits longer: for the first outflow, for two, for three, or for ever."""
        async with Past.of(databases, settings) as past:
            paid = []
            for hours in (20, 10, 5):
                paid.append(await past.pair.pay("1.00 EUR"))
                await past.age(paid[-1:], timedelta(hours=hours))
            await past.limit(outflow_24h_max_minor=300)

            until = [
                (await past.refused(money)).until
                for money in ("0.01 EUR", "1.00 EUR", "1.01 EUR", "3.00 EUR", "3.01 EUR")
            ]

            first, second, third = [await past.left_at(outcome) + DAY for outcome in paid]
        assert until == [first, first, second, third, None]

    async def test_limit_that_was_lowered(self, databases: Databases, settings: Settings) -> None:
        """What is used beyond it has to grow old first."""
        async with Past.of(databases, settings) as past:
            paid = [await past.pair.pay("2.00 EUR") for _ in range(3)]
            await past.limit(outflow_24h_max_minor=300)

            until = (await past.refused("1.00 EUR")).until

            assert until == await past.left_at(paid[1]) + DAY


class TestUnderTheLock:
    """Whoever waits for a wallet's row goes by what it says when the wait is over."""

    @pytest.mark.parametrize(
        "limit", ["outflow_max_minor = 0", "outflow_24h_max_minor = 0", "overdraft_minor = 0"]
    )
    async def test_limit_that_was_set_meanwhile(
        self, pair: Pair, observer: Observer, limit: str
    ) -> None:
        """A payment that began before the limit was set, and waited, is refused by it."""
        await observer.execute(
            f"UPDATE wallets SET overdraft_minor = 500 WHERE id = '{pair.source_id}'"
        )
        async with open_ledger(nowhere()) as ledger:
            async with observer.rows_held(pair.source_id, commit=True) as holder:
                payment = asyncio.create_task(pair.pay("12.00 EUR", ledger=ledger))
                await observer.until_waiting(1)
                await holder.execute(f"UPDATE wallets SET {limit} WHERE id = $1", pair.source_id)
            with pytest.raises((LimitExceededError, InsufficientFundsError)):
                await payment

        assert await observer.balance_minor(pair.source_id) == 1000

    async def test_freeze_that_was_set_meanwhile(self, pair: Pair, observer: Observer) -> None:
        """The same goes for its state, with the end of it."""
        async with open_ledger(nowhere()) as ledger:
            async with observer.rows_held(pair.target_id, commit=True) as holder:
                payment = asyncio.create_task(pair.pay(ledger=ledger))
                await observer.until_waiting(1)
                end = await holder.fetchval(
                    "UPDATE wallets SET status = 'FROZEN', frozen_until = now() + interval '1 hour'"
                    " WHERE id = $1 RETURNING frozen_until",
                    pair.target_id,
                )
            with pytest.raises(WalletUnavailableError) as caught:
                await payment

        error = caught.value
        assert (error.status, error.wallet_id) == (WalletStatus.FROZEN, pair.target_id)
        assert error.until == end

    async def test_outflow_while_waiting(self, pair: Pair, observer: Observer) -> None:
        """Of many at once that know nothing of each other, as many pass as the limit leaves."""
        await observer.execute(
            f"UPDATE wallets SET outflow_24h_max_minor = 300 WHERE id = '{pair.source_id}'"
        )
        async with open_ledger(nowhere()) as one, open_ledger(nowhere()) as another:
            answers = await asyncio.gather(
                *(
                    pair.pay("1.00 EUR", ledger=ledger)
                    for _ in range(10)
                    for ledger in (one, another)
                ),
                return_exceptions=True,
            )

        kinds = [type(answer) for answer in answers]
        assert (kinds.count(Outcome), kinds.count(LimitExceededError)) == (3, 17)
        assert await observer.balance_minor(pair.source_id) == 700


class TestBudget:
    """What a limit costs in trips."""

    async def test_trips(self, pair: Pair, settings: Settings, observer: Observer) -> None:
        """None for what passes; one more for what is refused, which says until when."""
        await observer.execute(
            f"UPDATE wallets SET outflow_24h_max_minor = 300 WHERE id = '{pair.source_id}'"
        )
        async with Network.of(settings) as network:
            await pair.pay("1.00 EUR", ledger=network.ledger)
            with pytest.raises(LimitExceededError):
                await pair.pay("3.00 EUR", ledger=network.ledger)
            async with network.counted() as passed:
                await pair.pay("1.00 EUR", ledger=network.ledger)
            async with network.counted() as refused:
                with pytest.raises(LimitExceededError):
                    await pair.pay("3.00 EUR", ledger=network.ledger)

        assert (passed.redis, passed.postgres) == (2, 4)
        assert (refused.redis, refused.postgres) == (2, 5)


class TestOverdraft:
    """Spending what one does not have."""

    async def test_books_hold(self, databases: Databases, settings: Settings) -> None:
        """Down to the overdraft and not a cent more, also all at once; the books hold."""
        async with Past.of(databases, settings) as past:
            await past.limit(overdraft_minor=500)
            answers = await asyncio.gather(
                *(past.pair.pay("1.00 EUR") for _ in range(20)), return_exceptions=True
            )
            with pytest.raises(InsufficientFundsError) as caught:
                await past.pair.pay("0.01 EUR")
            balance_minor = await past.observer.balance_minor(past.pair.source_id)
            await verify(past.settings, on_progress=lambda _: None)

        kinds = [type(answer) for answer in answers]
        assert (kinds.count(Outcome), kinds.count(InsufficientFundsError)) == (15, 5)
        assert (balance_minor, caught.value.available_minor) == (-500, -500)
