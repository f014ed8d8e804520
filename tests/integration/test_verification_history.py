"""`wallet verify` on a ledger in which everything that money does was done."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from tests.support.chance import RandomWalk
from tests.support.histories import Hands, History
from tests.support.ledgers import connected_apart, open_ledger
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, Databases
from wallet.core.ids import exchange_wallet_id, new_id, world_wallet_id
from wallet.core.settings import Settings
from wallet.services.verification import (
    Account,
    BrokenLedgerError,
    CurrencyBalance,
    Verified,
    holds,
    verify,
)

MISMATCHED = "its entries do not match a {} that is {}"
MISFIT = "is a {} that does not fit the operation it follows"
ENDED = "is a {} that is {}, with {} captures and {} voids"


@pytest_asyncio.fixture(scope="module")
async def original(databases: Databases, settings: Settings) -> AsyncIterator[History]:
    """The history, in a database of its own."""
    url = await databases.create()
    yield await History.create(settings.model_copy(update={"database_url": url}))
    await databases.drop(url)


@pytest_asyncio.fixture
async def history(original: History) -> AsyncIterator[History]:
    """The history as it was, to be tampered with."""
    yield original
    await original.database.restore()


async def _verify(url: str) -> Verified:
    settings = Settings(database_url=url, secret_key=SECRET_KEY)
    return await verify(settings, on_progress=lambda _: None)


async def _find(history: History) -> str:
    """Return what verify says of a history that does not hold."""
    with pytest.raises(BrokenLedgerError) as raised:
        await _verify(history.database.url)
    return str(raised.value)


def _set(name: str, values: str) -> str:
    """Return the statement that changes an operation."""
    return f"UPDATE operations SET {values} WHERE id = '{{{name}}}'"


class TestHealthy:
    """What the services have written holds."""

    async def test_everything_once(self, history: History) -> None:
        """Holds, reversals, scheduled transfers and conversions, in whatever way they ended."""
        verified = await _verify(history.database.url)

        euros, dollars = verified.trial_balance
        assert euros == CurrencyBalance(
            currency="EUR",
            # 200.00 came in, and 2.50 were captured; 3.07 of 17.00 that became dollars
            # came back, and then all of 7.00.
            holders=Account(credit_minor=20_000 - 693, held_minor=500),
            world=Account(debit_minor=20_000 + 2_000),
            exchange=Account(credit_minor=2_000 + 693),
        )
        assert dollars == CurrencyBalance(
            currency="USD",
            holders=Account(credit_minor=2_169 + 1_084 - 333),
            world=Account(),
            exchange=Account(debit_minor=2_169 + 1_084 - 333),
        )

    @pytest.mark.parametrize("seed", range(4))
    async def test_anything_in_any_order(
        self, databases: Databases, settings: Settings, seed: int
    ) -> None:
        """Whatever is tried, and whatever of it is refused, the ledger holds afterwards."""
        url = await databases.create()
        apart = settings.model_copy(update={"database_url": url})
        async with (
            connected_apart(apart),
            Observer.of(url) as observer,
            open_ledger(apart.redis_url) as ledger,
        ):
            hands = Hands(ledger, apart, observer)
            await hands.open()
            done = await RandomWalk(hands, seed).take(120)
        verified = await _verify(url)
        await databases.drop(url)

        assert verified.operations > done > 40
        assert [balance.currency for balance in verified.trial_balance] == ["EUR", "USD"]
        assert verified.trial_balance[1].holders.credit_minor > 0

    async def test_batches_do_not_lose_a_void(
        self, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However few rows are read at a time, the end of each hold is looked at."""
        monkeypatch.setattr(holds, "_BATCH_ROWS", 1)
        await history.tamper(_set("expired", "status = 'CANCELLED'"))

        assert (await _find(history)).startswith(f"operation {history.ids['expired']}: ")


class TestTampered:
    """What was changed is named: the row, and what is wrong with it."""

    @pytest.mark.parametrize(
        ("statement", "operation", "finding"),
        [
            (_set("captured", "status = 'CANCELLED'"), "captured", ("HOLD", "CANCELLED", 1, 0)),
            (_set("voided", "status = 'COMPLETED'"), "voided", ("HOLD", "COMPLETED", 0, 1)),
            (_set("void", "kind = 'CAPTURE'"), "voided", ("HOLD", "CANCELLED", 1, 0)),
            (
                _set("scheduled", "status = 'CANCELLED', completed_at = now()"),
                "scheduled",
                ("TRANSFER", "CANCELLED", 0, 0),
            ),
            (
                _set("called_off", "status = 'PENDING', completed_at = NULL"),
                "called_off",
                ("TRANSFER", "PENDING", 0, 1),
            ),
        ],
    )
    async def test_ends(
        self, history: History, statement: str, operation: str, finding: tuple[object, ...]
    ) -> None:
        """A hold, or a scheduled transfer, that did not end as it says."""
        await history.tamper(statement)

        assert await _find(history) == (
            f"operation {history.ids[operation]}: {ENDED.format(*finding)}"
        )

    @pytest.mark.parametrize(
        ("statement", "pending_minor"),
        [
            (_set("pending", "status = 'COMPLETED', completed_at = now()"), 0),
            (_set("pending", "amount_minor = 400"), 400),
            (_set("captured", "status = 'PENDING', completed_at = NULL"), 900),
        ],
    )
    async def test_held(self, history: History, statement: str, pending_minor: int) -> None:
        """A wallet of which more or less is held than its holds have reserved."""
        await history.tamper(statement)

        assert await _find(history) == (
            f"wallet {history.ids['ada']}: 500 minor units of it are held, "
            f"and its pending holds are of {pending_minor}"
        )

    @pytest.mark.parametrize(
        ("hold", "status", "void"),
        [("expired", "CANCELLED", "expiry"), ("voided", "EXPIRED", "void")],
    )
    async def test_expiry(self, history: History, hold: str, status: str, void: str) -> None:
        """A hold that somebody ended, and that says it ended by itself; and the reverse."""
        await history.tamper(_set(hold, f"status = '{status}'"))

        assert await _find(history) == (
            f"operation {history.ids[hold]}: is a HOLD that is {status}, "
            f"and operation {history.ids[void]} is not what ends such a hold"
        )

    @pytest.mark.parametrize(
        ("statement", "operation", "finding"),
        [
            (
                _set("topup", "status = 'REVERSED'"),
                "topup",
                "is a TOPUP, which cannot be REVERSED",
            ),
            (
                _set("void", "status = 'FAILED', error_code = 'BUSY'"),
                "void",
                "is a VOID, which cannot be FAILED",
            ),
            (
                _set("payment", "status = 'PENDING', completed_at = NULL"),
                "payment",
                "is a TRANSFER, which cannot be PENDING",
            ),
            (_set("capture", "parent_id = NULL"), "capture", MISFIT.format("CAPTURE")),
            (_set("capture", "parent_id = '{payment}'"), "capture", MISFIT.format("CAPTURE")),
            (_set("capture", "amount_minor = 401"), "capture", MISFIT.format("CAPTURE")),
            (_set("payment", "parent_id = '{captured}'"), "payment", MISFIT.format("TRANSFER")),
            (_set("void", "amount_minor = 299"), "void", MISFIT.format("VOID")),
            (_set("calling_off", "parent_id = '{payment}'"), "calling_off", MISFIT.format("VOID")),
            (_set("reversal", "parent_id = '{voided}'"), "reversal", MISFIT.format("REVERSAL")),
            (
                _set("reversal", "source_wallet_id = '{ada}', target_wallet_id = '{bob}'"),
                "reversal",
                MISFIT.format("REVERSAL"),
            ),
            (
                _set("converted", "target_currency = 'GBP'"),
                "converted",
                "is a TRANSFER in EUR, and its wallets are not",
            ),
        ],
    )
    async def test_kinds(
        self, history: History, statement: str, operation: str, finding: str
    ) -> None:
        """An operation that cannot be what it says, or not after what it follows."""
        await history.tamper(statement)

        assert await _find(history) == f"operation {history.ids[operation]}: {finding}"

    @pytest.mark.parametrize(
        ("statement", "operation", "finding"),
        [
            (
                _set("payment", "returned_minor = 400"),
                "payment",
                "400 minor units of it were given back, and its reversals are of 500",
            ),
            (
                _set("failed_reversal", "status = 'COMPLETED', error_code = NULL"),
                None,
                "0 minor units of it were given back, and its reversals are of 10000",
            ),
            (
                _set("payment", "status = 'REVERSED'"),
                "payment",
                "is REVERSED, and of 1000 minor units 500 were given back",
            ),
            (
                _set("reversed", "status = 'COMPLETED'"),
                "reversed",
                "is COMPLETED, and of 200 minor units 200 were given back",
            ),
            (
                _set("converted_part", "target_amount_minor = 308"),
                "converted",
                "for 333 of 1084 minor units 308 of 1000 were given back, which is not its share",
            ),
        ],
    )
    async def test_reversals(
        self, history: History, statement: str, operation: str | None, finding: str
    ) -> None:
        """What was given back is what was received, and no more of what was paid than its share."""
        await history.tamper(statement)

        found = await _find(history)
        assert found.endswith(f": {finding}")
        assert operation is None or str(history.ids[operation]) in found

    @pytest.mark.parametrize(
        ("statement", "operation", "finding"),
        [
            (_set("capture", "amount_minor = 240"), "capture", ("CAPTURE", "COMPLETED")),
            (_set("captured", "amount_minor = 401"), "captured", ("HOLD", "COMPLETED")),
            (_set("topup", "target_amount_minor = 1"), "topup", ("TOPUP", "COMPLETED")),
            (
                _set("failed", "status = 'COMPLETED', error_code = NULL"),
                "failed",
                ("TRANSFER", "COMPLETED"),
            ),
            (
                _set("carried_out", "status = 'FAILED', error_code = 'BUSY'"),
                "carried_out",
                ("TRANSFER", "FAILED"),
            ),
            (
                """INSERT INTO entries (operation_id, wallet_id, amount_minor, held_change_minor,
                created_at) VALUES ('{scheduled}', '{world}', 0, 0, now())""",
                "scheduled",
                ("TRANSFER", "PENDING"),
            ),
            (
                """UPDATE entries SET wallet_id = '{world}'
                WHERE operation_id = '{converted}' AND wallet_id = '{exchange}'""",
                "converted",
                ("TRANSFER", "COMPLETED"),
            ),
            (
                """INSERT INTO entries (operation_id, wallet_id, amount_minor, held_change_minor,
                created_at) VALUES ('{failed_hold}', '{exchange_usd}', 0, 0, now())""",
                "failed_hold",
                ("HOLD", "FAILED"),
            ),
        ],
    )
    async def test_entries(
        self, history: History, statement: str, operation: str, finding: tuple[str, str]
    ) -> None:
        """An operation that has moved or held something else than it says."""
        await history.tamper(statement)

        assert await _find(history) == (
            f"operation {history.ids[operation]}: {MISMATCHED.format(*finding)}"
        )

    @pytest.mark.parametrize(
        "change",
        [
            "amount_minor = amount_minor + 1",
            "target_amount_minor = target_amount_minor + 1",
            "rate = rate * 2",
            "user_id = '{bob_user}'",
        ],
    )
    async def test_quote_of_something_else(self, history: History, change: str) -> None:
        """A quote that is not of what it was used for."""
        await history.tamper(f"UPDATE quotes SET {change} WHERE id = '{{quote}}'")

        assert await _find(history) == (
            f"quote {history.ids['quote']}: "
            f"does not fit operation {history.ids['converted']}, which used it"
        )

    async def test_quote_for_nothing(self, history: History) -> None:
        """A quote that was used up by something that failed."""
        await history.tamper(
            "UPDATE quotes SET operation_id = '{failed_hold}' WHERE id = '{quote}'"
        )

        assert (await _find(history)).startswith(f"quote {history.ids['quote']}: does not fit")

    async def test_conversion_without_a_quote(self, history: History) -> None:
        """A quote that could be used once more."""
        await history.tamper("UPDATE quotes SET operation_id = NULL WHERE id = '{topup_quote}'")

        assert await _find(history) == (
            f"operation {history.ids['topup']}: was converted with 0 quotes, not with one"
        )

    async def test_conversion_with_two_quotes(self, history: History) -> None:
        """A second quote that says it was used for the same, where no key refuses it."""
        key = "ADD CONSTRAINT quotes_operation_key UNIQUE (operation_id)"
        await history.tamper(
            "ALTER TABLE quotes DROP CONSTRAINT quotes_operation_key",
            f"""INSERT INTO quotes (id, user_id, rate, amount_minor, currency,
            target_amount_minor, target_currency, created_at, expires_at, operation_id)
            SELECT '{new_id()}', user_id, rate, amount_minor, currency, target_amount_minor,
            target_currency, created_at, expires_at, operation_id
            FROM quotes WHERE id = '{{quote}}'""",
        )
        found = await _find(history)
        await history.database.restore()
        await history.tamper(f"ALTER TABLE quotes {key}")

        assert found == (
            f"operation {history.ids['converted']}: was converted with 2 quotes, not with one"
        )

    async def test_wallet_of_nobody(self, history: History) -> None:
        """A system wallet that is none of those there are."""
        wallet_id = new_id()
        await history.tamper(_wallet(wallet_id, "EUR", "NULL"))

        assert await _find(history) == (
            f"wallet {wallet_id}: has no owner, and is neither the world nor the exchange of EUR"
        )

    async def test_exchange_of_somebody(self, history: History) -> None:
        """A system wallet that somebody calls their own, before it has an entry."""
        await history.tamper(
            _wallet(world_wallet_id("GBP"), "GBP", "NULL"),
            _wallet(exchange_wallet_id("GBP"), "GBP", "'{ada_user}'"),
        )

        assert await _find(history) == (
            f"wallet {exchange_wallet_id('GBP')}: "
            "has an owner, and is the world or the exchange of GBP"
        )

    async def test_currency_without_a_world(self, history: History) -> None:
        """A holder's wallet into which nothing could ever come from outside."""
        await history.tamper(_wallet(new_id(), "GBP", "'{ada_user}'"))

        assert await _find(history) == "currency GBP: has no world wallet"


def _wallet(wallet_id: UUID, currency: str, owner: str) -> str:
    """Return the statement that makes an empty wallet."""
    return (
        "INSERT INTO wallets (id, owner_id, currency, status, balance_minor, held_minor,"
        " overdraft_minor, last_sequence, head_hash, last_entry_at, created_at)"
        f" VALUES ('{wallet_id}', {owner}, '{currency}', 'ACTIVE', 0, 0, 0, 0,"
        f" '\\x{bytes(32).hex()}', now(), now())"
    )
