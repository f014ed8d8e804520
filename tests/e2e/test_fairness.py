"""Server processes that want the same wallet at the same time, on the event loop they ship with."""

import asyncio
from itertools import count
from uuid import UUID

from tests.e2e.conftest import StartServer
from tests.support.api import Account
from tests.support.guests import Guests
from tests.support.proxy import proxy
from tests.support.waiting import until
from wallet.core.ids import find_id
from wallet.development import RedisServer
from wallet.services.ledger.locks import Gate, new_token
from wallet.services.redis import connect

PAYMENTS = 400
WAITING = 32


class TestTurns:
    """Two processes at one wallet, each with always as many payments waiting."""

    async def test_none_is_served_less_than_a_third(
        self, start_server: StartServer, guests: Guests
    ) -> None:
        """Neither keeps the wallet to itself, whichever was there first."""
        urls = [start_server(LOCK_WAIT_MS="30000").url for _ in range(2)]
        ada, bob = await guests.create(balance="100.00"), await guests.create()
        started = count()
        served = dict.fromkeys(urls, 0)

        async def pay(url: str) -> None:
            while next(started) < PAYMENTS:
                answer = await ada.api.at(url).transfer(ada.wallet_id, bob.wallet_id, "0.01")
                assert answer["__typename"] == "OperationPayload", answer
                served[url] += 1

        async with asyncio.TaskGroup() as tasks:
            for url in urls * WAITING:
                tasks.create_task(pay(url))

        print("served:", ", ".join(f"{served[url] / PAYMENTS:.0%}" for url in urls))
        assert sum(served.values()) == PAYMENTS
        assert min(served.values()) > PAYMENTS / 3
        assert await bob.api.balance(bob.wallet_id) == "4.00"


class TestWaiting:
    """A payment from a wallet that another process has locked."""

    async def test_it_never_falls_asleep(
        self, start_server: StartServer, guests: Guests, redis: RedisServer
    ) -> None:
        """It asks again and again, however early a timer fires, and is served in the end."""
        ada, bob = await guests.create(balance="1.00"), await guests.create()
        client = connect(redis.url)
        async with proxy(redis.url) as far_redis:
            server = await asyncio.to_thread(
                start_server, redis_url=far_redis.url, LOCK_WAIT_MS="30000"
            )
            holder, token = Gate(client), new_token()
            await holder.acquire([[_id_of(ada)]], token=token)
            payment = asyncio.create_task(
                ada.api.at(server.url).transfer(ada.wallet_id, bob.wallet_id, "0.50")
            )
            # One in four woke up too early on uvloop, and waited for nothing from then on.
            await until(lambda: far_redis.trips >= 30)
            await holder.release([_id_of(ada)], token=token)

            assert (await payment)["__typename"] == "OperationPayload"
        await client.aclose()


def _id_of(account: Account) -> UUID:
    id_ = find_id("Wallet", account.wallet_id)
    assert id_ is not None
    return id_
