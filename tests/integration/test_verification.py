"""`wallet verify`: a ledger that holds passes, and each way of tampering is found and named."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.books import Books
from tests.support.commands import run_wallet
from tests.support.factories import Factory, Pair
from tests.support.ledgers import connected_apart, nowhere, open_ledger
from tests.support.servers import SECRET_KEY, Databases
from wallet.core.ids import new_id
from wallet.core.settings import Settings
from wallet.development.ports import find_free_port
from wallet.services.verification import (
    Account,
    BrokenLedgerError,
    CurrencyBalance,
    Verified,
    chains,
    verify,
)

UNBALANCED = "its EUR entries add up to {} minor units, not 0"
TRIAL_BALANCE = CurrencyBalance(
    currency="EUR",
    holders=Account(credit_minor=1000),
    world=Account(debit_minor=1000),
    exchange=Account(),
)
MISMATCHED = "its entries do not match a {} that is {}"


@pytest_asyncio.fixture(scope="module")
async def original(databases: Databases, settings: Settings) -> AsyncIterator[Books]:
    """The books, in a database of their own."""
    url = await databases.create()
    yield await Books.create(settings.model_copy(update={"database_url": url}))
    await databases.drop(url)


@pytest_asyncio.fixture
async def books(original: Books) -> AsyncIterator[Books]:
    """The books as they were, to be tampered with."""
    yield original
    await original.restore()


async def _verify(url: str) -> Verified:
    settings = Settings(database_url=url, secret_key=SECRET_KEY)
    return await verify(settings, on_progress=lambda _: None)


async def _find(books: Books) -> str:
    """Return what verify says of books that do not hold."""
    with pytest.raises(BrokenLedgerError) as raised:
        await _verify(books.url)
    return str(raised.value)


class TestHealthy:
    """A ledger that nobody has tampered with."""

    async def test_passes_and_is_counted(self, books: Books) -> None:
        """Three wallets with the world; the openings, a top-up, two transfers and a failure."""
        verified = await _verify(books.url)

        assert verified == Verified(
            wallets=3, entries=8, operations=6, trial_balance=(TRIAL_BALANCE,)
        )

    async def test_no_wallet_at_all_passes(self, databases: Databases) -> None:
        """An empty ledger holds."""
        url = await databases.create()
        assert await _verify(url) == Verified()
        await databases.drop(url)

    async def test_passes_while_money_moves(self, books: Books, settings: Settings) -> None:
        """All is read from one snapshot, so that what happens meanwhile breaks nothing."""
        far = settings.model_copy(update={"database_url": books.url})
        async with connected_apart(far), open_ledger(nowhere()) as ledger:
            pair = await Pair.create(Factory(ledger, far))
            entries = [(await _verify(books.url)).entries]
            paying = asyncio.create_task(_pay_many_times(pair))
            while not paying.done():
                entries.append((await _verify(books.url)).entries)
            await paying
            entries.append((await _verify(books.url)).entries)

        assert entries == sorted(entries)
        assert entries[-1] > entries[0]

    async def test_batches_do_not_lose_a_row(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However few rows are read at a time, all are, and progress is told."""
        monkeypatch.setattr(chains, "_BATCH_ROWS", 1)
        monkeypatch.setattr(chains, "_PROGRESS_EVERY", 3)
        told: list[int] = []

        verified = await verify(
            Settings(database_url=books.url, secret_key=SECRET_KEY), on_progress=told.append
        )

        assert verified.entries == 8
        assert told == [3, 6]


async def _pay_many_times(pair: Pair) -> None:
    for _ in range(20):
        await pair.pay("0.01 EUR")


class TestTamperedEntry:
    """An entry that was changed, moved or removed is named by its wallet and sequence."""

    @pytest.mark.parametrize(
        ("change", "sequence", "finding"),
        [
            ("amount_minor = amount_minor + 1", 2, "its running balance is not the sum"),
            ("balance_after_minor = 999999", 2, "its running balance is not the sum"),
            ("held_after_minor = 1", 2, "its running balance is not the sum"),
            ("held_change_minor = 1", 2, "its running balance is not the sum"),
            ("hash = sha256('another')", 3, "its hash does not fit the chain"),
            ("operation_id = '{failure_id}'", 2, "its hash does not fit the chain"),
            ("created_at = created_at - interval '1 hour'", 2, "is older than the entry before it"),
            ("created_at = created_at + interval '1 us'", 3, "its hash does not fit the chain"),
        ],
    )
    async def test_changed(self, books: Books, change: str, sequence: int, finding: str) -> None:
        """Whatever is changed of an entry, it is this entry that does not hold."""
        await books.tamper(
            f"UPDATE entries SET {change} WHERE wallet_id = '{{bob_id}}' AND sequence = {sequence}",
        )

        found = await _find(books)

        assert found.startswith(f"wallet {books.bob_id}, entry {sequence}: {finding}")

    async def test_consistently_changed(self, books: Books) -> None:
        """An amount that was raised together with all balances after it breaks the chain."""
        await books.tamper(
            "UPDATE entries SET balance_after_minor = balance_after_minor + 100"
            " WHERE wallet_id = '{bob_id}' AND sequence >= 2",
            "UPDATE entries SET amount_minor = amount_minor + 100"
            " WHERE wallet_id = '{bob_id}' AND sequence = 2",
            "UPDATE wallets SET balance_minor = balance_minor + 100 WHERE id = '{bob_id}'",
        )

        assert await _find(books) == (
            f"wallet {books.bob_id}, entry 2: its hash does not fit the chain"
        )

    async def test_moved_to_another_place(self, books: Books) -> None:
        """A sequence with a gap is named where it goes on."""
        await books.tamper(
            "UPDATE entries SET sequence = 7 WHERE wallet_id = '{bob_id}' AND sequence = 3",
        )

        assert await _find(books) == f"wallet {books.bob_id}, entry 7: follows entry 2"

    async def test_removed_from_the_middle(self, books: Books) -> None:
        """The entry after the one that is missing is named."""
        await books.tamper("DELETE FROM entries WHERE wallet_id = '{bob_id}' AND sequence = 2")

        assert await _find(books) == f"wallet {books.bob_id}, entry 3: follows entry 1"

    async def test_removed_from_the_end(self, books: Books) -> None:
        """The wallet's row knows of an entry that is not there."""
        await books.tamper("DELETE FROM entries WHERE wallet_id = '{bob_id}' AND sequence = 3")

        assert (await _find(books)).startswith(f"wallet {books.bob_id}: its last sequence is not")

    async def test_all_removed(self, books: Books) -> None:
        """A wallet without a single entry is not taken for a new one."""
        await books.tamper("DELETE FROM entries WHERE wallet_id = '{bob_id}'")

        assert (await _find(books)).startswith(f"wallet {books.bob_id}: ")

    async def test_taken_out_of_the_chain(self, books: Books) -> None:
        """A holder's entry without a sequence would be on no statement."""
        await books.tamper(
            "UPDATE entries SET sequence = NULL, balance_after_minor = NULL,"
            " held_after_minor = NULL, hash = NULL"
            " WHERE wallet_id = '{bob_id}' AND sequence = 1",
            "UPDATE entries SET sequence = sequence - 1 WHERE wallet_id = '{bob_id}'",
        )

        assert (await _find(books)).startswith(f"wallet {books.bob_id}, entry 1: ")

    async def test_systems_entry_put_into_a_chain(self, books: Books) -> None:
        """A system wallet keeps none."""
        await books.tamper(
            "UPDATE entries SET sequence = 1, balance_after_minor = amount_minor,"
            " held_after_minor = 0, hash = sha256('') WHERE wallet_id = '{world_id}'",
        )

        assert (await _find(books)).startswith(f"wallet {books.world_id}")


class TestTamperedWallet:
    """A wallet's row that does not agree with its entries is named by the wallet."""

    @pytest.mark.parametrize(
        ("change", "finding"),
        [
            ("balance_minor = balance_minor + 1", "its balance is not the sum of its entries"),
            ("held_minor = 1", "its balance is not the sum of its entries"),
            ("head_hash = sha256('another')", "its head is not its last entry's hash"),
            ("last_entry_at = now()", "its last entry's time is not its last entry's"),
            ("last_sequence = last_sequence + 1", "its last sequence is not its last"),
        ],
    )
    async def test_changed(self, books: Books, change: str, finding: str) -> None:
        """Balance, hold, head and sequence are what the entries say."""
        await books.tamper(f"UPDATE wallets SET {change} WHERE id = '{{ada_id}}'")

        assert await _find(books) == f"wallet {books.ada_id}: {finding}"

    async def test_first_of_several_is_named(self, books: Books) -> None:
        """Wallets are walked in the order of their ids."""
        await books.tamper(
            "UPDATE wallets SET balance_minor = balance_minor + 1 WHERE owner_id IS NOT NULL"
        )

        first = min(books.ada_id, books.bob_id)
        assert (await _find(books)).startswith(f"wallet {first}: ")


class TestTamperedOperation:
    """An operation that its entries do not bear out is named by its id."""

    @pytest.mark.parametrize(
        ("statement", "operation", "finding"),
        [
            (
                "UPDATE entries SET amount_minor = -999 WHERE wallet_id = '{world_id}'",
                "topup_id",
                UNBALANCED.format(1),
            ),
            (
                "DELETE FROM entries WHERE wallet_id = '{world_id}'",
                "topup_id",
                UNBALANCED.format(1000),
            ),
            (
                "UPDATE operations SET amount_minor = 251 WHERE id = '{payment_id}'",
                "payment_id",
                MISMATCHED.format("TRANSFER", "COMPLETED"),
            ),
            (
                "UPDATE operations SET amount_minor = 1 WHERE id = '{topup_id}'",
                "topup_id",
                MISMATCHED.format("TOPUP", "COMPLETED"),
            ),
            (
                """UPDATE operations SET source_wallet_id = target_wallet_id,
                target_wallet_id = source_wallet_id WHERE id = '{payment_id}'""",
                "payment_id",
                MISMATCHED.format("TRANSFER", "COMPLETED"),
            ),
            (
                "UPDATE operations SET currency = 'USD' WHERE id = '{payment_id}'",
                "payment_id",
                "is a TRANSFER in USD, and its wallets are not",
            ),
            (
                """INSERT INTO entries (operation_id, wallet_id, amount_minor, held_change_minor,
                created_at) VALUES ('{payment_id}', '{world_id}', 0, 0, now())""",
                "payment_id",
                MISMATCHED.format("TRANSFER", "COMPLETED"),
            ),
            (
                """UPDATE operations SET status = 'FAILED', error_code = 'BUSY'
                WHERE id = '{payment_id}'""",
                "payment_id",
                MISMATCHED.format("TRANSFER", "FAILED"),
            ),
            (
                """UPDATE operations SET status = 'COMPLETED', error_code = NULL
                WHERE id = '{failure_id}'""",
                "failure_id",
                MISMATCHED.format("TRANSFER", "COMPLETED"),
            ),
        ],
    )
    async def test_changed(
        self, books: Books, statement: str, operation: str, finding: str
    ) -> None:
        """Sum, amount, direction and status are what the entries say."""
        await books.tamper(statement)

        assert await _find(books) == f"operation {getattr(books, operation)}: {finding}"

    @pytest.mark.parametrize(
        "change",
        [
            "source_sequence = NULL",
            "target_sequence = target_sequence + 1",
            "source_sequence = target_sequence, target_sequence = source_sequence",
        ],
    )
    async def test_place_of_a_line(self, books: Books, change: str) -> None:
        """Where its lines stand is what the statements say, which are filtered by it."""
        await books.tamper(f"UPDATE operations SET {change} WHERE id = '{{payment_id}}'")

        assert await _find(books) == (
            f"operation {books.payment_id}: its lines have other places than it says"
        )

    async def test_without_entries(self, books: Books) -> None:
        """An operation that is on nobody's statement never took place."""
        operation_id = new_id()
        await books.tamper(
            "INSERT INTO operations (id, kind, status, actor_id, target_wallet_id, amount_minor,"
            " currency, created_at, completed_at)"
            f" SELECT '{operation_id}', 'OPENING', 'COMPLETED', owner_id, id, 0, currency,"
            " now(), now() FROM wallets WHERE id = '{bob_id}'",
        )

        assert await _find(books) == (
            f"operation {operation_id}: {MISMATCHED.format('OPENING', 'COMPLETED')}"
        )

    async def test_money_from_nowhere(self, books: Books) -> None:
        """An entry with a right hash and a right balance, and nobody who paid it."""
        await books.credit_bob(books.failure_id)

        assert await _find(books) == f"operation {books.failure_id}: {UNBALANCED.format(5000)}"

    async def test_money_under_a_strange_operation(self, books: Books) -> None:
        """A whole top-up of Bob's wallet that says it is the opening of Ada's."""
        await books.credit_bob(books.opening_id)
        await books.tamper(
            """INSERT INTO entries (operation_id, wallet_id, amount_minor, held_change_minor,
            created_at) VALUES ('{opening_id}', '{world_id}', -5000, 0, now())"""
        )

        assert await _find(books) == (
            f"operation {books.opening_id}: {MISMATCHED.format('OPENING', 'COMPLETED')}"
        )


class TestCommand:
    """`wallet verify` as people run it."""

    async def test_exits_0_when_the_ledger_holds(self, books: Books) -> None:
        """And says how much it has looked at, and what it adds up to."""
        finished = await run_wallet("verify", DATABASE_URL=books.url)

        assert finished.exit_code == 0, finished.errors
        assert finished.output == (
            "The ledger holds: 3 wallets, 6 operations, 8 entries.\n"
            "\n"
            "Currency  Account        Debit  Credit  Held\n"
            "EUR       Holders         0.00   10.00  0.00\n"
            "EUR       Outside world  10.00    0.00\n"
            "EUR       Exchange        0.00    0.00\n"
            "EUR       Total          10.00   10.00\n"
        )

    async def test_json(self, books: Books) -> None:
        """The same for machines, as one document."""
        finished = await run_wallet("verify", "--json", DATABASE_URL=books.url)

        assert finished.exit_code == 0, finished.errors
        assert json.loads(finished.output) == {
            "holds": True,
            "wallets": 3,
            "operations": 6,
            "entries": 8,
            "trial_balance": [
                {
                    "currency": "EUR",
                    "decimals": 2,
                    "holders": {"debit": "0.00", "credit": "10.00", "held": "0.00"},
                    "outside_world": {"debit": "10.00", "credit": "0.00"},
                    "exchange": {"debit": "0.00", "credit": "0.00"},
                    "total": {"debit": "10.00", "credit": "10.00"},
                }
            ],
        }

    async def test_json_of_what_does_not_hold(self, books: Books) -> None:
        """A document as well, and the exit code and the sentence as without it."""
        await books.tamper("UPDATE wallets SET balance_minor = 7 WHERE id = '{ada_id}'")

        finished = await run_wallet("verify", "--json", DATABASE_URL=books.url)

        finding = f"wallet {books.ada_id}: its balance is not the sum of its entries"
        assert finished.exit_code == 1
        assert json.loads(finished.output) == {"holds": False, "finding": finding}
        assert finished.errors == f"The ledger does not hold: {finding}.\n"

    async def test_exits_1_and_names_the_row(self, books: Books) -> None:
        """One sentence on the standard error."""
        await books.tamper("UPDATE wallets SET balance_minor = 7 WHERE id = '{ada_id}'")

        finished = await run_wallet("verify", DATABASE_URL=books.url)

        assert finished.exit_code == 1
        assert finished.output == ""
        assert finished.errors == (
            f"The ledger does not hold: wallet {books.ada_id}: "
            "its balance is not the sum of its entries.\n"
        )

    async def test_exits_1_where_there_is_no_database(self) -> None:
        """One sentence without the password; a check that did not run is no check passed."""
        finished = await run_wallet(
            "verify",
            DATABASE_URL=f"postgresql://wallet:hunter2@127.0.0.1:{find_free_port()}/wallet",
        )

        assert finished.exit_code == 1
        assert finished.errors.startswith("The database cannot be reached: ")
        assert finished.errors.count("\n") == 1
        assert "hunter2" not in finished.errors
