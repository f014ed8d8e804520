"""Bulk imports through a real ledger: each row once, in its order, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.factories import Factory, Pair
from tests.support.imports import (
    Fields,
    Witness,
    create_operator,
    lines_of,
    relay,
    topup,
    transfer,
)
from tests.support.ledgers import Network, nowhere, open_ledger
from tests.support.observer import Observer
from wallet.core.ids import new_id
from wallet.core.settings import LockOutage, Settings
from wallet.development import RedisServer
from wallet.services.actors import Actor
from wallet.services.imports import Importer, ImportStoppedError, Tally, check_lines
from wallet.services.imports.importer import PIECE_ROWS, PIECES_MAX
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate, new_token

SOON = (0.01,) * 3


@pytest_asyncio.fixture(scope="module")
async def ledger(database: None, redis: RedisServer) -> AsyncIterator[Ledger]:
    """A ledger as patient as the command's: on a busy machine thousands of rows take a while."""
    async with open_ledger(redis.url, lock_wait_ms=30_000) as ledger:
        yield ledger


@pytest_asyncio.fixture
async def operator(factory: Factory) -> Actor:
    """Somebody who may import."""
    return await create_operator(factory)


async def _import(
    ledger: Ledger,
    operator: Actor,
    rows: Sequence[Fields],
    *,
    witness: Witness | None = None,
    until: asyncio.Event | None = None,
    pauses_s: Sequence[float] = SOON,
) -> tuple[Tally, Witness]:
    witness = witness or Witness()
    importer = Importer(
        ledger, witness, actor=operator, until=until or asyncio.Event(), pauses_s=pauses_s
    )
    await importer.run(lines_of(rows))
    return importer.tally, witness


class TestRows:
    """What becomes of each row."""

    async def test_topups_and_transfers(
        self, pair: Pair, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """An operator's rows go into and out of anybody's wallets, each seeing those before it."""
        rows = [
            topup(pair.target_id, "5.00"),
            transfer(pair.target_id, pair.source_id, "4.00"),
            transfer(pair.source_id, pair.target_id, "14.00"),
        ]

        async with observer.nothing_but(operations=3, entries=6):
            tally, witness = await _import(ledger, operator, rows)

        assert tally == Tally(done=3)
        assert witness.refusals == []
        assert await observer.balance_minor(pair.source_id) == 0
        assert await observer.balance_minor(pair.target_id) == 1500

    async def test_refused_rows_have_their_lines(
        self, pair: Pair, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """What cannot be read, and what the ledger refuses, in the file's order; the rest is in."""
        rows: list[Fields] = [
            {**topup(pair.source_id, "1.00"), "amount": 1.0},
            topup(pair.source_id, "1.00"),
            topup(new_id(), "1.00"),
            transfer(pair.source_id, new_id(), "1.00"),
            transfer(pair.source_id, pair.target_id, "11.01"),
            topup(pair.source_id, "1", currency="JPY"),
            {"kind": "topup"},
            transfer(pair.source_id, pair.target_id, "11.00"),
        ]

        tally, witness = await _import(ledger, operator, rows)

        assert tally == Tally(done=2, refused=6)
        assert witness.refused == [
            (1, "INVALID_INPUT", "amount"),
            (3, "NOT_FOUND", "wallet"),
            (4, "NOT_FOUND", "target"),
            (5, "INSUFFICIENT_FUNDS", ""),
            (6, "CURRENCY_MISMATCH", ""),
            (7, "INVALID_INPUT", "wallet"),
        ]
        assert [refusal.key for refusal in witness.refusals[1:3]] == [
            rows[2]["key"],
            rows[3]["key"],
        ]
        assert await observer.balance_minor(pair.target_id) == 1100

    async def test_again(
        self, pair: Pair, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """The same rows once more are done already, and what was refused is refused again."""
        rows = [
            topup(pair.target_id, "1.00"),
            transfer(pair.target_id, pair.source_id, "9.00"),
            transfer(pair.source_id, pair.target_id, "2.00"),
        ]
        _, first = await _import(ledger, operator, rows)

        async with observer.nothing_changes():
            tally, second = await _import(ledger, operator, rows)

        assert tally == Tally(done_before=2, refused=1)
        assert second.refusals == first.refusals
        assert second.refused == [(2, "INSUFFICIENT_FUNDS", "")]

    async def test_key_twice_in_one_file(
        self, pair: Pair, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """The same row again moves nothing; another one under its key is refused."""
        row = topup(pair.source_id, "1.00", key="row-1")
        rows = [row, row, {**row, "amount": "2.00"}]

        tally, witness = await _import(ledger, operator, rows)

        assert tally == Tally(done=1, done_before=1, refused=1)
        assert witness.refused == [(3, "IDEMPOTENCY_CONFLICT", "")]
        assert await observer.balance_minor(pair.source_id) == 1100

    async def test_keys_are_the_operators(
        self, pair: Pair, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """A key that somebody else has used is free."""
        await pair.pay("1.00 EUR", key="mine")

        tally, _ = await _import(ledger, operator, [topup(pair.source_id, "1.00", key="mine")])

        assert tally == Tally(done=1)

    async def test_only_an_operator(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """Nobody else gets here."""
        async with observer.nothing_changes():
            with pytest.raises(AssertionError):
                await _import(ledger, pair.ada, [topup(pair.source_id, "1.00")])

    async def test_no_row(self, operator: Actor, ledger: Ledger, observer: Observer) -> None:
        """An empty file is imported at once."""
        async with observer.nothing_changes():
            assert (await _import(ledger, operator, []))[0] == Tally()


class TestOrder:
    """Rows of one wallet keep their order."""

    async def test_over_many_pieces(
        self, factory: Factory, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """Each row needs the one before it, more of them than the ledger is given at once."""
        wallets = [(await factory.create_wallet())[1].id for _ in range(7)]
        count = PIECE_ROWS * (PIECES_MAX + 1)

        tally, witness = await _import(ledger, operator, relay(wallets, rows=count))

        assert tally == Tally(done=count)
        settled = [tally.settled for tally in witness.tallies]
        assert settled == list(range(PIECE_ROWS, count + 1, PIECE_ROWS))
        assert sum([await observer.balance_minor(wallet) for wallet in wallets]) == 100

    async def test_nobody_passes_a_busy_row(
        self,
        pair: Pair,
        operator: Actor,
        redis: RedisServer,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
    ) -> None:
        """Rows that need what a busy one brings wait for it, though their wallets are free."""
        _, third = await pair.factory.create_wallet()
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.source_id]], token=token)
        released: list[asyncio.Task[None]] = []

        def release() -> None:
            releasing = holder.release([pair.source_id], token=token)
            released.append(asyncio.create_task(releasing))

        rows = [
            transfer(pair.source_id, pair.target_id, "10.00"),
            transfer(pair.target_id, third.id, "10.00"),
            topup(pair.target_id, "1.00"),
        ]
        witness = Witness(on_pause=release)
        async with open_ledger(redis.url, lock_wait_ms=50) as ledger:
            tally, _ = await _import(ledger, operator, rows, witness=witness)

        assert tally == Tally(done=3)
        assert set(witness.pauses) == {"Wallets are busy"}
        assert await observer.balance_minor(third.id) == 1000
        assert await observer.balance_minor(pair.target_id) == 100

    async def test_busy_for_good(
        self,
        pair: Pair,
        operator: Actor,
        redis: RedisServer,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
    ) -> None:
        """After all tries it stops; what needs no such wallet is in, what is behind is not."""
        other = await Pair.create(pair.factory)
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.source_id]], token=token)
        rows = [
            topup(pair.source_id, "1.00"),
            transfer(pair.source_id, pair.target_id, "1.00"),
            transfer(other.source_id, other.target_id, "1.00"),
        ]
        witness = Witness()
        async with open_ledger(redis.url, lock_wait_ms=50) as ledger:
            async with observer.nothing_but(operations=1, entries=2):
                with pytest.raises(ImportStoppedError, match="Wallets are busy"):
                    await _import(ledger, operator, rows, witness=witness)
            await holder.release([pair.source_id], token=token)
            tally, _ = await _import(ledger, operator, rows)

        assert witness.tallies[-1] == Tally(done=1)
        assert len(witness.pauses) == len(SOON)
        assert tally == Tally(done=2, done_before=1)


class TestEndingEarly:
    """An import that is told to end."""

    async def test_under_way_is_finished(
        self, factory: Factory, operator: Actor, ledger: Ledger, observer: Observer
    ) -> None:
        """No further rows are begun; what has been is told, and the next import does the rest."""
        wallets = [(await factory.create_wallet())[1].id for _ in range(3)]
        rows = relay(wallets, rows=PIECE_ROWS * (PIECES_MAX + 3))
        until = asyncio.Event()

        tally, _ = await _import(
            ledger, operator, rows, until=until, witness=Witness(on_progress=until.set)
        )

        assert tally == Tally(done=PIECE_ROWS * PIECES_MAX)
        rest, _ = await _import(ledger, operator, rows)
        assert rest == Tally(done=PIECE_ROWS * 3, done_before=tally.done)
        assert sum([await observer.balance_minor(wallet) for wallet in wallets]) == 100

    async def test_while_it_waits(
        self, pair: Pair, operator: Actor, settings: Settings, observer: Observer
    ) -> None:
        """It does not sit through a pause."""
        until = asyncio.Event()
        async with Network.of(settings) as network, observer.nothing_changes():
            await network.postgres.close()
            tally, witness = await _import(
                network.ledger,
                operator,
                [topup(pair.source_id, "1.00")],
                until=until,
                witness=Witness(on_pause=until.set),
                pauses_s=(3600.0,),
            )

        assert tally == Tally()
        assert witness.pauses == ["The database is away"]


class TestOutages:
    """Servers that are away while it runs."""

    async def test_database_comes_back(
        self, factory: Factory, operator: Actor, settings: Settings, observer: Observer
    ) -> None:
        """It goes on from there, and every row is in once."""
        wallets = [(await factory.create_wallet())[1].id for _ in range(5)]
        rows = relay(wallets, rows=1_000)
        async with Network.of(settings) as network:
            opening: list[asyncio.Task[None]] = []

            def reopen() -> None:
                if not opening:
                    opening.append(asyncio.create_task(network.postgres.open()))

            witness = Witness(on_pause=reopen)
            fault = network.postgres.hold_answer(b"COMMIT")
            importing = asyncio.create_task(
                _import(network.ledger, operator, rows, witness=witness)
            )
            await fault.struck.wait()
            await network.postgres.close()
            tally, _ = await importing

        assert set(witness.pauses) == {"The database is away"}
        assert tally == Tally(done=1_000)
        assert sum([await observer.balance_minor(wallet) for wallet in wallets]) == 100

    async def test_database_stays_away(
        self, pair: Pair, operator: Actor, settings: Settings, observer: Observer
    ) -> None:
        """After all tries it stops, and nothing has moved."""
        async with Network.of(settings) as network, observer.nothing_changes():
            await network.postgres.close()
            with pytest.raises(ImportStoppedError, match="The database is away"):
                await _import(network.ledger, operator, [topup(pair.source_id, "1.00")])

    async def test_without_redis(self, pair: Pair, operator: Actor, observer: Observer) -> None:
        """With LOCK_OUTAGE=degrade it goes on without, in its order."""
        async with open_ledger(nowhere(), lock_outage=LockOutage.DEGRADE) as ledger:
            tally, _ = await _import(
                ledger, operator, relay([pair.source_id, pair.target_id], rows=600)
            )

        assert tally == Tally(done=600)
        assert await observer.balance_minor(pair.target_id) == 100

    async def test_redis_is_needed(self, pair: Pair, operator: Actor, observer: Observer) -> None:
        """With LOCK_OUTAGE=refuse it stops, and nothing has moved."""
        async with (
            observer.nothing_changes(),
            open_ledger(nowhere(), lock_outage=LockOutage.REFUSE) as ledger,
        ):
            with pytest.raises(ImportStoppedError, match="Wallets are busy"):
                await _import(ledger, operator, [topup(pair.source_id, "1.00")])


class TestCheckLines:
    """check_lines."""

    async def test_checks_each_row(self, pair: Pair, operator: Actor, observer: Observer) -> None:
        """What can be told without the ledger is told, and nothing moves."""
        rows = [
            topup(pair.source_id, "1.00"),
            topup(pair.source_id, "1.001"),
            topup(new_id(), "1.00"),
        ]
        witness = Witness()
        async with observer.nothing_changes():
            tally = check_lines(lines_of(rows), witness, actor=operator)

        assert tally == Tally(passed=2, refused=1)
        assert witness.refused == [(2, "INVALID_INPUT", "amount")]
