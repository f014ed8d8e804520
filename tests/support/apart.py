"""A ledger in a database of its own, which a test may bend as it likes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.factories import Factory, Pair
from tests.support.ledgers import connected_apart, open_ledger
from tests.support.observer import Observer
from tests.support.servers import Databases
from wallet.core.settings import Settings
from wallet.services.ledger import Ledger

# A sequence is not rolled back, so it counts tries that were undone.
FAIL_AT_FIRST = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {times} THEN
        RAISE EXCEPTION 'as the test wants it' USING ERRCODE = '{code}';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fail_at_first AFTER INSERT ON operations
    DEFERRABLE INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION fail_at_first();
"""
TRIES = "SELECT last_value FROM tries"


class Apart:
    """A pair of wallets in a database that a test may bend as it likes."""

    def __init__(self, pair: Pair, ledger: Ledger, observer: Observer, settings: Settings) -> None:
        self.pair = pair
        self.ledger = ledger
        self.observer = observer
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def of(cls, databases: Databases, settings: Settings) -> AsyncIterator["Apart"]:
        """Make the database for the body."""
        url = await databases.create()
        settings = settings.model_copy(update={"database_url": url})
        try:
            async with (
                connected_apart(settings),
                open_ledger(settings.redis_url) as ledger,
                Observer.of(url) as observer,
            ):
                pair = await Pair.create(Factory(ledger, settings))
                yield cls(pair, ledger, observer, settings)
        finally:
            await databases.drop(url)

    async def fail(self, code: str, *, times: int, when: str) -> None:
        """Have the first *times* tries undone, with this error."""
        await self.observer.execute(FAIL_AT_FIRST.format(code=code, times=times, when=when))
