"""Holds past their time, as rounds of the ledger find them: in any number."""

from uuid import UUID

import pytest

from tests.support.due import assert_books_hold
from tests.support.factories import Pair
from tests.support.observer import Observer
from tests.support.postings import holds, pays
from wallet.core.errors import BusyError
from wallet.services.ledger import Ledger
from wallet.services.ledger.journal import ENDED_MAX
from wallet.services.worker import Found


async def let_all_pass(observer: Observer, wallet_id: UUID) -> None:
    """Let the time of all holds on a wallet be over."""
    await observer.fetch(
        "UPDATE operations SET expires_at = now() - interval '1 s'"
        " WHERE kind = 'HOLD' AND source_wallet_id = $1",
        wallet_id,
    )


async def unended(observer: Observer, wallet_id: UUID) -> int:
    """Count the holds on a wallet of which nobody has written down that they are over."""
    return int(
        await observer.value(
            "SELECT count(*) FROM operations WHERE kind = 'HOLD' AND status = 'PENDING'"
            " AND source_wallet_id = $1",
            wallet_id,
        )
    )


class TestHoldsThatAreOver:
    """What a round does before its first posting."""

    @pytest.mark.parametrize("count", [1, ENDED_MAX - 1, ENDED_MAX, 2 * ENDED_MAX + 10])
    async def test_none_is_in_the_way_of_a_payment(
        self, pair: Pair, ledger: Ledger, observer: Observer, count: int
    ) -> None:
        """However many there are, they are put on record and the money is spent."""
        await pair.factory.topup(pair.ada, pair.source_id, f"{count}.00 EUR")
        await ledger.post_each([holds(pair, 100) for _ in range(count)])
        await let_all_pass(observer, pair.source_id)

        outcome = await ledger.post(pays(pair, 1_000 + 100 * count))

        assert outcome.error is None
        assert outcome.wallet is not None
        assert (outcome.wallet.balance_minor, outcome.wallet.held_minor) == (0, 0)
        assert await unended(observer, pair.source_id) == 0
        await assert_books_hold(observer)

    async def test_sweep_ends_them_and_no_other(
        self, pair: Pair, ledger: Ledger, observer: Observer
    ) -> None:
        """Open holds stay, and a second sweep finds nothing to do."""
        await ledger.post_each([holds(pair) for _ in range(3)])
        await let_all_pass(observer, pair.source_id)
        await ledger.post(holds(pair))

        await ledger.sweep([pair.source_id])
        async with observer.nothing_changes():
            await ledger.sweep([pair.source_id, pair.target_id])

        assert await unended(observer, pair.source_id) == 1
        await assert_books_hold(observer)

    async def test_more_than_one_round_ends(
        self, pair: Pair, ledger: Ledger, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A round gives up after so many, having ended those; the next goes on where it was."""
        monkeypatch.setattr("wallet.services.ledger.transactions._TRANSACTIONS_MAX", 1)
        await ledger.post_each([holds(pair) for _ in range(ENDED_MAX + 1)])
        await let_all_pass(observer, pair.source_id)

        with pytest.raises(BusyError):
            await ledger.post(pays(pair))
        left = await unended(observer, pair.source_id)
        outcome = await ledger.post(pays(pair))

        assert left == 1
        assert outcome.error is None
        await assert_books_hold(observer)


class TestFound:
    """worker.Found: when a worker goes again at once."""

    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            (Found(0, 0), False),
            (Found(499, 0), False),
            (Found(500, 0), True),
            (Found(500, 499), True),
            (Found(500, 500), False),
        ],
    )
    def test_is_more_due(self, found: Found, expected: bool) -> None:  # noqa: FBT001
        """Where there may be more, unless others are in the way of all that was found."""
        assert found.is_more_due is expected
