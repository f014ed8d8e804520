"""Rounds of many postings on real servers: what they cost, and that none takes others along."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
import redis.asyncio

from tests.support.apart import Apart
from tests.support.factories import Factory, Pair
from tests.support.ledgers import Network, captured_logs, open_ledger, open_strangers
from tests.support.observer import Observer
from tests.support.postings import ask_again, make_payment, make_topup, pays, pays_back
from tests.support.servers import Databases
from tests.support.waiting import until
from wallet.core.errors import BusyError
from wallet.core.settings import Settings
from wallet.services import database
from wallet.services.ledger import InsufficientFundsError, Ledger, Outcome, Posting
from wallet.services.ledger import rounds as rounds_module
from wallet.services.ledger.locks import Gate, new_token
from wallet.services.verification import verify

# What is wrong with a description is nothing that the ledger knows of.
REFUSE_ONE_WALLET = """
CREATE FUNCTION refuse_one_wallet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.wallet_id = '{wallet_id}' THEN
        RAISE EXCEPTION 'as the test wants it';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_one_wallet BEFORE INSERT ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_one_wallet();
"""


async def _post_all(ledger: Ledger, postings: Sequence[Posting]) -> list[Any]:
    """Post at the same moment, so that all wait for the same round."""
    return await asyncio.gather(*map(ledger.post, postings), return_exceptions=True)


def _is_fine(answer: object) -> bool:
    return isinstance(answer, Outcome) and answer.error is None


class TestBudget:
    """Two trips to Redis and four to PostgreSQL, however many postings a round holds."""

    @pytest.mark.parametrize("count", [1, 2, 50])
    async def test_round(self, pair: Pair, settings: Settings, count: int) -> None:
        """BEGIN, read and lock, write, COMMIT; lock and release."""
        async with Network.of(settings) as network:
            await network.ledger.post(pays(pair, 1))

            async with network.counted() as trips:
                answers = await _post_all(network.ledger, [pays(pair, 1) for _ in range(count)])

        assert all(map(_is_fine, answers))
        assert (trips.redis, trips.postgres) == (2, 4)

    async def test_batch_that_is_longer_than_a_round(self, pair: Pair, settings: Settings) -> None:
        """An atomic batch is one round by itself."""
        async with Network.of(settings) as network:
            await network.ledger.post(pays(pair, 1))

            async with network.counted() as trips:
                outcomes = await network.ledger.post_batch([pays(pair, 1) for _ in range(300)])

        assert all(map(_is_fine, outcomes))
        assert (trips.redis, trips.postgres) == (2, 4)


class TestRound:
    """A round of many gives what its postings give one by one."""

    @pytest.mark.parametrize("seed", range(3))
    async def test_is_the_same_as_one_by_one(
        self, databases: Databases, settings: Settings, seed: int
    ) -> None:
        """Payments, top-ups, refusals, replays and conflicts: equal answers, equal statements."""
        async with Apart.of(databases, settings) as apart:
            together = await _Village.create(Factory(apart.ledger, apart.settings))
            apiece = await _Village.create(Factory(apart.ledger, apart.settings))

            answers = await _post_all(apart.ledger, together.make_postings(seed))
            one_by_one = [
                await apart.ledger.post(posting) for posting in apiece.make_postings(seed)
            ]

            assert [together.describe(one) for one in answers] == [
                apiece.describe(one) for one in one_by_one
            ]
            assert await together.statements(apart.observer) == await apiece.statements(
                apart.observer
            )
            await verify(apart.settings, on_progress=lambda _: None)

    async def test_one_key_twice(self, pair: Pair, settings: Settings, observer: Observer) -> None:
        """The second of two in one round is a replay, and so is the third in the next."""
        async with Network.of(settings) as network:
            await network.ledger.post(pays(pair, 1))
            posting = pays(pair, 100)
            async with network.counted() as trips, observer.nothing_but(operations=1, entries=2):
                first, second = await _post_all(network.ledger, [posting, ask_again(posting)])
            (third,) = await _post_all(network.ledger, [ask_again(posting)])

        assert [one.replayed for one in (first, second, third)] == [False, True, True]
        assert first.operation.id == second.operation.id == third.operation.id
        assert trips.postgres == 4


class TestOneBadPosting:
    """One that fails takes nobody along who is in the same round."""

    async def test_refused_by_the_rules(
        self, pair: Pair, ledger: Ledger, observer: Observer
    ) -> None:
        """The others see the money as it is."""
        first, bad, last = await _post_all(ledger, [pays(pair), pays(pair, 901), pays(pair, 900)])

        assert isinstance(bad.error, InsufficientFundsError)
        assert _is_fine(first)
        assert _is_fine(last)
        assert await observer.balance_minor(pair.target_id) == 1000

    async def test_that_cannot_be_written(
        self, databases: Databases, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The round is taken apart: each of the others is carried out once."""
        async with Apart.of(databases, settings) as apart:
            pair, factory = apart.pair, Factory(apart.ledger, apart.settings)
            _, cursed = await factory.create_wallet(pair.ada)
            await apart.observer.execute(REFUSE_ONE_WALLET.format(wallet_id=cursed.id))
            bad = make_payment(pair.ada.user_id, pair.source_id, cursed.id)
            with captured_logs(rounds_module, monkeypatch) as events:
                async with apart.observer.nothing_but(operations=2, entries=4):
                    answers = await _post_all(apart.ledger, [pays(pair), bad, pays(pair)])

            assert [_is_fine(answer) for answer in answers] == [True, False, True]
            assert "as the test wants it" in str(answers[1])
            assert [event["event"] for event in events].count("round is taken apart") == 1
            assert await apart.observer.balance_minor(pair.target_id) == 200

    async def test_whose_row_is_held(self, pair: Pair, observer: Observer, ledger: Ledger) -> None:
        """It alone is Busy; the others are carried out, only later."""
        other = await Pair.create(pair.factory)
        async with observer.rows_held(other.source_id):
            first, bad, last = await _post_all(ledger, [pays(pair), pays(other), pays(pair)])

        assert isinstance(bad, BusyError)
        assert [_is_fine(first), _is_fine(last)] == [True, True]
        assert await observer.balance_minor(pair.target_id) == 200
        assert await observer.balance_minor(other.target_id) == 0

    async def test_whose_key_is_used_elsewhere_at_the_same_moment(
        self, pair: Pair, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two rounds with a key in common: one carries it out, the other finds it; all answer."""
        common = pays(pair, 50)
        async with open_strangers(2) as ledgers:
            with captured_logs(database, monkeypatch) as events:
                async with observer.rows_held(pair.source_id):
                    answering = [
                        asyncio.create_task(
                            _post_all(ledger, [pays(pair), ask_again(common), pays_back(pair, 1)])
                        )
                        for ledger in ledgers
                    ]
                    await observer.until_waiting(2)
                answers = [await answer for answer in answering]

        assert all(map(_is_fine, [*answers[0], *answers[1]]))
        assert sorted(answer[1].replayed for answer in answers) == [False, True]
        assert [event["event"] for event in events].count("transaction undone") == 1
        assert await observer.balance_minor(pair.target_id) == 2 * 100 + 50 - 2 * 1


class TestContendedWallet:
    """A wallet of the round that another process has locked."""

    async def test_holds_up_nobody_but_those_behind_it(
        self,
        pair: Pair,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
    ) -> None:
        """The rest goes on; who wants a wallet of one that waits comes after it."""
        _, third = await pair.factory.create_wallet()
        other = await Pair.create(pair.factory)
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[third.id]], token=token)
        # Bob has nothing before Ada pays him, and Ada pays him after she has paid the third.
        waiting = [
            make_payment(pair.ada.user_id, pair.source_id, third.id, 100),
            pays(pair, 900),
            pays_back(pair, 900),
        ]
        async with Network.of(settings) as network:
            answers = asyncio.create_task(_post_all(network.ledger, waiting))
            await until(lambda: network.redis.trips > 3)
            assert _is_fine(await network.ledger.post(pays(other)))
            assert not answers.done()
            await holder.release([third.id], token=token)

            assert all(map(_is_fine, await answers))
        sequences = await observer.fetch(
            "SELECT amount_minor FROM entries WHERE wallet_id = $1 AND sequence > 2"
            " ORDER BY sequence",
            pair.source_id,
        )
        assert [row["amount_minor"] for row in sequences] == [-100, -900, 900]

    async def test_order_of_one_wallet(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis
    ) -> None:
        """However often some of them are refused, a wallet's postings are in their order."""
        wallets = [(await pair.factory.create_wallet())[1].id for _ in range(3)]
        holder = Gate(redis_client)
        async with open_ledger(settings.redis_url, lock_wait_ms=20_000) as ledger:
            answers = []
            for number in range(30):
                token, held = new_token(), wallets[number % 3]
                await holder.acquire([[held]], token=token)
                answers.append(
                    asyncio.create_task(
                        ledger.post(make_payment(pair.ada.user_id, pair.source_id, held, 1))
                    )
                )
                await asyncio.sleep(0)  # it is in the queue
                await holder.release([held], token=token, held=False)
            outcomes = await asyncio.gather(*answers)

        balances = [outcome.wallet.balance_minor for outcome in outcomes if outcome.wallet]
        assert balances == list(range(999, 969, -1))


class _Village:
    """A few people with a wallet each, who do the same in the same order everywhere."""

    def __init__(self, people: list[tuple[UUID, UUID]]) -> None:
        self.people = people

    @classmethod
    async def create(cls, factory: Factory) -> "_Village":
        """Make four people: one with yen, and the others with 5.00 EUR."""
        people = []
        for balance in ("5.00 EUR", "5.00 EUR", "5.00 EUR", "500 JPY"):
            actor, wallet = await factory.create_wallet(balance=balance)
            people.append((actor.user_id, wallet.id))
        return cls(people)

    def make_postings(self, seed: int) -> list[Posting]:
        """Make payments and top-ups, some with a key that was used before."""
        choose = random.Random(seed)
        postings: list[Posting] = []
        for number in range(60):
            (actor_id, source_id), (_, target_id) = choose.sample(self.people, 2)
            amount_minor, key = choose.randint(1, 300), f"{source_id} {number}"
            match choose.randrange(8):
                case 0:
                    posting = make_topup(actor_id, source_id, amount_minor, key=key)
                case 1 if postings:
                    posting = ask_again(choose.choice(postings))
                case 2 if postings:
                    posting = make_payment(
                        actor_id,
                        source_id,
                        target_id,
                        amount_minor,
                        key=choose.choice(postings).idempotency_key,
                    )
                case 3:
                    posting = make_payment(actor_id, source_id, UUID(int=number), key=key)
                case _:
                    posting = make_payment(actor_id, source_id, target_id, amount_minor, key=key)
            postings.append(posting)
        return postings

    def describe(self, outcome: Outcome) -> tuple[object, ...]:
        """Return what an outcome says that is no id and no instant."""
        wallet = outcome.wallet
        return (
            type(outcome.error),
            outcome.replayed,
            outcome.operation and (outcome.operation.status, outcome.operation.amount_minor),
            wallet and (self._place(wallet.id), wallet.balance_minor, wallet.last_sequence),
        )

    def _place(self, wallet_id: UUID) -> int:
        return [id_ for _, id_ in self.people].index(wallet_id)

    async def statements(self, observer: Observer) -> list[list[tuple[object, ...]]]:
        """Return each wallet's lines."""
        lines = (
            "SELECT sequence, entry.amount_minor, balance_after_minor, status, kind"
            "  FROM entries AS entry JOIN operations ON operations.id = operation_id"
            " WHERE wallet_id = $1 ORDER BY sequence"
        )
        return [
            [tuple(row) for row in await observer.fetch(lines, wallet_id)]
            for _, wallet_id in self.people
        ]


def test_the_village_is_mixed() -> None:
    """What the villagers do is of all sorts."""
    village = _Village([(UUID(int=n), UUID(int=100 + n)) for n in range(4)])
    keys = [posting.idempotency_key for posting in village.make_postings(0)]
    assert len(keys) - len(set(keys)) > 5
