"""The ledger's SQL: what is read under the lock, and what is written at once."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from tortoise.exceptions import IntegrityError

from tests.support.factories import Pair
from tests.support.observer import Observer
from wallet.core.ids import new_id, world_wallet_id
from wallet.models import OperationKind, OperationStatus
from wallet.services.database import is_taken, transaction
from wallet.services.ledger.decide import Decision, decide
from wallet.services.ledger.journal import Page, lock_and_read
from wallet.services.ledger.records import EntryRecord, KnownOperation, Leg, Posting
from wallet.services.ledger.writing import write


def _posting(pair: Pair, *, amount_minor: int = 250, key: str | None = None) -> Posting:
    """Make a transfer of *amount_minor* that says all that a posting can say."""
    return Posting(
        operation_id=new_id(),
        kind=OperationKind.TRANSFER,
        actor_id=pair.ada.user_id,
        wallet_id=pair.source_id,
        owner_id=pair.ada.user_id,
        source_id=pair.source_id,
        target_id=pair.target_id,
        amount_minor=amount_minor,
        currency="EUR",
        legs=(Leg(pair.source_id, -amount_minor), Leg(pair.target_id, amount_minor)),
        idempotency_key=key,
        request_hash=bytes(range(32)) if key else None,
        description="Für Kaffee ☕, 100 % \\ 'quoted'",
        # As jsonb writes it: short keys first.
        metadata='{"{": "}", "order": ["a", 1, null]}',
    )


async def _read(*postings: Posting) -> Page:
    """Read in a transaction of its own."""
    async with transaction() as connection:
        return await lock_and_read(connection, postings)


async def _carry_out(*postings: Posting) -> Decision:
    """Read, decide and write, as a round does."""
    async with transaction() as connection:
        page = await lock_and_read(connection, postings)
        decision = decide(page.wallets, page.known, postings, now=page.read_at)
        await write(connection, decision)
    return decision


class TestLockAndRead:
    """journal.lock_and_read."""

    async def test_reads_the_wallets_as_they_are(self, pair: Pair) -> None:
        """Every field of both holders' wallets, owners' addresses included."""
        page = await _read(_posting(pair))

        assert set(page.wallets) == {pair.source_id, pair.target_id}
        source = page.wallets[pair.source_id]
        assert source.owner_id == pair.ada.user_id
        assert source.owner_email == pair.ada.email
        assert (source.balance_minor, source.held_minor, source.last_sequence) == (1000, 0, 2)
        assert len(source.head_hash) == 32
        assert page.wallets[pair.target_id].owner_email == pair.bob.email
        assert page.known == {}

    async def test_reads_no_wallet_that_is_missing(self, pair: Pair) -> None:
        """What does not exist is not there, and nobody waits for it."""
        missing = replace(_posting(pair), legs=(Leg(uuid4(), -1), Leg(pair.target_id, 1)))

        page = await _read(missing)

        assert set(page.wallets) == {pair.target_id}

    async def test_reads_nothing_at_all(self, pair: Pair) -> None:
        """Where neither wallet nor key is known there is no instant either, and no error."""
        page = await _read(replace(_posting(pair), legs=(Leg(uuid4(), 0),)))

        assert page.wallets == {}
        assert page.known == {}

    async def test_leaves_system_wallets_free(self, pair: Pair, observer: Observer) -> None:
        """The world has no row that anybody waits for."""
        world_id = world_wallet_id("EUR")
        topup = replace(
            _posting(pair),
            legs=(Leg(world_id, -100, is_system=True), Leg(pair.source_id, 100)),
        )
        async with transaction() as connection:
            page = await lock_and_read(connection, [topup])
            assert set(page.wallets) == {pair.source_id}
            assert await observer.is_row_held(pair.source_id)
            assert not await observer.is_row_held(world_id)

    async def test_locks_until_the_transaction_ends(self, pair: Pair, observer: Observer) -> None:
        """The rows are held from the read on, and free after it."""
        async with transaction() as connection:
            await lock_and_read(connection, [_posting(pair)])
            assert await observer.is_row_held(pair.source_id)
            assert await observer.is_row_held(pair.target_id)
        assert not await observer.is_row_held(pair.source_id)
        assert not await observer.is_row_held(pair.target_id)

    async def test_reads_what_is_there_after_the_wait(self, pair: Pair, observer: Observer) -> None:
        """Not the rows, and not the time, from before the lock was had."""
        async with observer.rows_held(pair.source_id, commit=True) as other:
            reading = asyncio.create_task(_read(_posting(pair)))
            await observer.until_waiting(1)
            await other.execute(
                "UPDATE wallets SET label = 'changed' WHERE id = $1", pair.source_id
            )
            before_it_is_free = await other.fetchval("SELECT clock_timestamp()")
        page = await reading

        assert page.wallets[pair.source_id].label == "changed"
        assert page.read_at >= before_it_is_free

    async def test_finds_what_a_key_has_led_to(self, pair: Pair) -> None:
        """The whole operation, and the actor's side as it stood right after it."""
        posting = _posting(pair, key="known")
        written = (await _carry_out(posting)).operations[0]
        await pair.pay("1.00 EUR")

        page = await _read(replace(posting, operation_id=new_id()))

        assert page.known[pair.ada.user_id, "known"] == KnownOperation(written, 750, 0)

    async def test_finds_keys_of_the_actor_alone(self, pair: Pair) -> None:
        """Another user's key of the same name is another key."""
        posting = _posting(pair, key="known")
        await _carry_out(posting)

        page = await _read(replace(posting, actor_id=pair.bob.user_id))

        assert page.known == {}

    async def test_finds_a_key_that_was_used_for_another_wallet(self, pair: Pair) -> None:
        """It has no entry there, and is known all the same."""
        posting = _posting(pair, key="known")
        written = (await _carry_out(posting)).operations[0]
        _, other = await pair.factory.create_wallet(pair.ada)

        page = await _read(replace(posting, wallet_id=other.id, legs=(Leg(other.id, 0),)))

        found = page.known[pair.ada.user_id, "known"]
        assert found.operation.id == written.id
        assert found.balance_after_minor is None

    @pytest.mark.parametrize("order", [1, -1])
    async def test_key_that_comes_with_other_input_as_well(self, pair: Pair, order: int) -> None:
        """The wallet is the one of the request that the key was used for, not of the other one."""
        posting = _posting(pair, key="known")
        written = (await _carry_out(posting)).operations[0]
        conflict = replace(posting, wallet_id=pair.target_id, request_hash=bytes(32))

        page = await _read(*[posting, conflict][::order])

        assert page.known == {(pair.ada.user_id, "known"): KnownOperation(written, 750, 0)}

    async def test_finds_a_failure_with_its_reason(self, pair: Pair) -> None:
        """What a replay needs to say the same again."""
        posting = _posting(pair, amount_minor=9_999, key="known")
        written = (await _carry_out(posting)).operations[0]

        page = await _read(posting)

        found = page.known[pair.ada.user_id, "known"].operation
        assert found == written
        assert found.status is OperationStatus.FAILED
        assert found.error_details == {"available_minor": 1000, "currency": "EUR"}


class TestWrite:
    """writing.write."""

    async def test_writes_all_that_was_decided(self, pair: Pair, observer: Observer) -> None:
        """Operation, entries and wallet rows, as the decision has them."""
        posting = _posting(pair, key="written")
        async with observer.nothing_but(operations=1, entries=2):
            decision = await _carry_out(posting)

        rows = await observer.fetch(
            "SELECT * FROM entries WHERE operation_id = $1", posting.operation_id
        )
        assert {row["wallet_id"]: dict(row) for row in rows} == {
            entry.wallet_id: {name: getattr(entry, name) for name in EntryRecord.__annotations__}
            for entry in decision.entries
        }
        page = await _read(_posting(pair))
        assert page.wallets == decision.wallets
        operation = (
            await observer.fetch("SELECT * FROM operations WHERE id = $1", posting.operation_id)
        )[0]
        assert operation["description"] == posting.description
        assert (
            operation["created_at"] == operation["completed_at"] == decision.entries[0].created_at
        )

    async def test_writes_a_round_of_many(self, pair: Pair, observer: Observer) -> None:
        """Each posting sees what those before it did, and all are written at once."""
        postings = [_posting(pair, amount_minor=400, key=f"round {number}") for number in range(3)]

        async with observer.nothing_but(operations=3, entries=5):
            decision = await _carry_out(*postings)

        assert [outcome.error is None for outcome in decision.outcomes] == [True, True, False]
        assert await observer.balance_minor(pair.source_id) == 200
        assert await observer.balance_minor(pair.target_id) == 800

    @pytest.mark.parametrize("taken", ["key", "sequence"])
    async def test_place_that_is_taken_refuses_everything(
        self, pair: Pair, observer: Observer, taken: str
    ) -> None:
        """A key or a place in a sequence that is in use: a unique violation, and nothing stays."""
        first = _posting(pair, key="taken")
        decision = await _carry_out(first)
        again = _decide_again(decision, new_key=taken == "sequence")

        async with observer.nothing_changes():
            with pytest.raises(IntegrityError) as raised:
                await _write(again)

        assert is_taken(raised.value)


def _decide_again(decision: Decision, *, new_key: bool) -> Decision:
    """Return what somebody would write who has not seen *decision*; or all but its key."""
    id_: UUID = new_id()
    operation = replace(decision.operations[0], id=id_)
    entries = [replace(entry, operation_id=id_) for entry in decision.entries]
    if new_key:
        operation = replace(operation, idempotency_key="new")
    else:
        entries = [replace(entry, sequence=(entry.sequence or 0) + 1) for entry in entries]
    return Decision(wallets=decision.wallets, operations=[operation], entries=entries)


async def _write(decision: Decision) -> None:
    async with transaction() as connection:
        await write(connection, decision)
