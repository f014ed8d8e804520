"""What is not there and what is somebody else's take the same way through the server, as long."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support.api import (
    CAPTURE_HOLD,
    CREATE_API_KEY,
    END_SESSION,
    OPERATION,
    PASSWORD,
    REVERSE,
    REVOKE_API_KEY,
    SESSIONS,
    TRANSFER,
    WALLET,
    WITHDRAW,
    Account,
    Api,
)
from tests.support.guests import Guests
from tests.support.site import Site
from wallet.core.ids import new_id, to_global_id

NODE = "query Node($id: ID!) { node(id: $id) { id } }"

_ASKED = 5
_SAMPLES = 15
_ATTEMPTS = 8
_ALIKE = 0.06
"""A difference of so little is none: one more query takes longer."""


@dataclass(frozen=True, slots=True)
class Things:
    """What somebody has, by its ids; or ids of the same types that nobody has."""

    user: str = field(default_factory=lambda: to_global_id("User", new_id()))
    wallet: str = field(default_factory=lambda: to_global_id("Wallet", new_id()))
    received: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    held_for: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    session: str = field(default_factory=lambda: to_global_id("Session", new_id()))
    api_key: str = field(default_factory=lambda: to_global_id("ApiKey", new_id()))

    @classmethod
    async def of_somebody(cls, guests: Guests) -> "Things":
        """Make an account that has one of each."""
        owner = await guests.create(role="OPERATOR", password=PASSWORD)
        payer = await guests.create(balance="9.00")
        received = await payer.api.transfer(payer.wallet_id, owner.wallet_id, "1.00")
        held_for = await payer.api.hold(payer.wallet_id, owner.wallet_id, "1.00")
        key = await owner.api.run(
            CREATE_API_KEY, input={"name": "key", "scopes": ["READ"], "password": PASSWORD}
        )
        (session,) = (await owner.api.run(SESSIONS))["sessions"]
        return cls(
            user=owner.user_id,
            wallet=owner.wallet_id,
            received=received["done"]["id"],
            held_for=held_for["done"]["id"],
            session=session["id"],
            api_key=key["apiKey"]["id"],
        )


def _money(**more: str) -> dict[str, Any]:
    return {
        "amount": {"amount": "1.00", "currency": "EUR"},
        "idempotencyKey": uuid4().hex,
        **more,
    }


def _follows(operation_id: str) -> dict[str, Any]:
    return {"input": {"operationId": operation_id, "idempotencyKey": uuid4().hex}}


Way = tuple[str, Callable[[Account, Things], dict[str, Any]]]
"""A document, and its variables for a stranger who reaches for things."""

WAYS: dict[str, Way] = {
    "node: a user": (NODE, lambda _, things: {"id": things.user}),
    "node: a wallet": (NODE, lambda _, things: {"id": things.wallet}),
    "wallet": (WALLET, lambda _, things: {"id": things.wallet}),
    "operation": (OPERATION, lambda _, things: {"id": things.received}),
    "captureHold": (CAPTURE_HOLD, lambda _, things: _follows(things.held_for)),
    "reverse": (REVERSE, lambda _, things: _follows(things.received)),
    "transfer": (
        TRANSFER,
        lambda stranger, things: {
            "input": _money(sourceWalletId=things.wallet, targetWalletId=stranger.wallet_id)
        },
    ),
    "withdraw": (WITHDRAW, lambda _, things: {"input": _money(walletId=things.wallet)}),
    "endSession": (END_SESSION, lambda _, things: {"input": {"sessionId": things.session}}),
    "revokeApiKey": (REVOKE_API_KEY, lambda _, things: {"input": {"apiKeyId": things.api_key}}),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Somebody who has things, and somebody else who reaches for them."""

    theirs: Things
    stranger: Account

    @classmethod
    async def on(cls, guests: Guests) -> "Case":
        """Make both on a server."""
        return cls(await Things.of_somebody(guests), await guests.create())


@pytest_asyncio.fixture(scope="module")
async def case(guests: Guests) -> Case:
    """Both on the shared server."""
    return await Case.on(guests)


@pytest_asyncio.fixture(scope="module")
async def watched(site: Site) -> Case:
    """Both on a server whose trips are counted."""
    return await Case.on(site.guests)


class TestTrips:
    """What a server asks PostgreSQL and Redis for, counted at proxies."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_are_as_many(self, way: str, site: Site, watched: Case) -> None:
        """No query and no lock more, or fewer, for what is there."""
        document, variables = WAYS[way]
        stranger = watched.stranger

        async def trips(things: Things) -> tuple[int, int]:
            """Return how many trips to PostgreSQL and to Redis several requests take."""
            before = site.postgres.trips, site.redis.trips
            for _ in range(_ASKED):
                answer = await stranger.api.post(document, **variables(stranger, things))
                assert "errors" not in answer
            return site.postgres.trips - before[0], site.redis.trips - before[1]

        # At times a new connection is made.
        nobodys, theirs = zip(
            *[(await trips(Things()), await trips(watched.theirs)) for _ in range(3)], strict=True
        )
        for one, other in zip(fewest(nobodys), fewest(theirs), strict=True):
            # Locks are given back after the answer, and the server looks after sessions by itself.
            assert abs(one - other) < _ASKED / 2, (nobodys, theirs)


def fewest(trips: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Return the fewest to each side."""
    return tuple(map(min, *trips))


class Race:
    """
    A document that is sent with three sorts of variables, in turns.

    The first and the last sort are one: what differs between these is chance.
    """

    def __init__(self, api: Api, document: str) -> None:
        self._api = api
        self._document = document
        self._took_s: tuple[list[float], ...] = ([], [], [])

    async def run(self, *variables: dict[str, Any]) -> None:
        """Send it with each sort of variables, once."""
        for each, took_s in zip(variables, self._took_s, strict=True):
            started = time.perf_counter()
            await self._api.post(self._document, **each)
            took_s.append(time.perf_counter() - started)

    @property
    def times_s(self) -> tuple[float, ...]:
        """How long each sort takes where little else is in its way: a fifth takes less."""
        return tuple(quantiles(took_s, n=5)[0] for took_s in self._took_s)

    @property
    def is_a_draw(self) -> bool:
        """Whether the middle sort differs no more from the others than they do, or hardly."""
        first_s, middle_s, last_s = self.times_s
        usual_s = (first_s + last_s) / 2
        return abs(middle_s - usual_s) <= max(_ALIKE * usual_s, 2 * abs(first_s - last_s))


class TestTimes:
    """How long a server takes."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_are_alike(self, way: str, case: Case) -> None:
        """A stranger learns no more from the time than from the answer."""
        document, variables = WAYS[way]
        race = Race(case.stranger.api, document)

        for _ in range(_ATTEMPTS):
            for _ in range(_SAMPLES):
                things = Things(), case.theirs, Things()
                await race.run(*(variables(case.stranger, each) for each in things))
            if race.is_a_draw:
                break

        assert race.is_a_draw, race.times_s

    async def test_would_show_a_transaction(self, case: Case) -> None:
        """What is measured is fine enough: for an id that is none, nothing is looked up."""
        race = Race(case.stranger.api, END_SESSION)
        nobodys, none = ({"input": {"sessionId": id_}} for id_ in (Things().session, "none"))

        for _ in range(_ATTEMPTS):
            for _ in range(_SAMPLES):
                await race.run(nobodys, none, nobodys)
            if not race.is_a_draw:
                break

        assert not race.is_a_draw, race.times_s
