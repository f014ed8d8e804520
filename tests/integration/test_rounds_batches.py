"""Atomic batches on real servers: all or none, under all their locks, in one transaction."""

import asyncio

from tests.support.factories import Pair
from tests.support.ledgers import open_strangers
from tests.support.observer import Observer
from tests.support.postings import ask_again, pays


class TestPostBatchAtTheSameTime:
    """Ledger.post_batch, in two processes at once, and with no gate between them."""

    async def test_batch_that_meets_itself_is_a_replay(
        self, pair: Pair, observer: Observer
    ) -> None:
        """What was carried out while we waited for its rows is not told as rejected."""
        # Together they take all that is there, so that a second time there is not enough.
        batch = [pays(pair, 600), pays(pair, 400)]
        async with open_strangers(2) as ledgers:
            async with observer.rows_held(pair.source_id):
                # Both have looked for the keys by the time they wait for the row.
                answers = [
                    asyncio.create_task(ledger.post_batch([ask_again(one) for one in batch]))
                    for ledger in ledgers
                ]
                await observer.until_waiting(2)
            outcomes = await asyncio.gather(*answers)

        assert sorted([one.replayed for one in answer] for answer in outcomes) == [
            [False, False],
            [True, True],
        ]
        assert await observer.balance_minor(pair.target_id) == 1000
