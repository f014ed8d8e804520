"""Many people who pay each other at random, send again what was not answered, and keep count."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.support.api import TRANSFER, Account, Api
from tests.support.servers import ApiServer
from tests.support.waiting import until

TASKS = 64
AMOUNT_MINOR_MAX = 400
TIMEOUT_S = 90.0

BUSY = "BUSY"
AWAY = "SERVICE_UNAVAILABLE"
UNANSWERED = "UNANSWERED"

PAGE_SIZE = 100

# Reading the certificates of all authorities takes long, and none is needed.
_SSL_CONTEXT = httpx.create_ssl_context()

FAILURE = ("FAILED", "0.00")
"""What a refused payment leaves on its source's statement."""


def open_client() -> httpx.AsyncClient:
    """Make an HTTP client that lets go of a connection well before a server does."""
    limits = httpx.Limits(keepalive_expiry=1)
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, verify=_SSL_CONTEXT)


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer that somebody wants, under a key of its own."""

    key: str
    source: Account
    target: Account
    amount_minor: int

    @property
    def input(self) -> dict[str, object]:
        """The transfer's input."""
        return {
            "sourceWalletId": self.source.wallet_id,
            "targetWalletId": self.target.wallet_id,
            "amount": {"amount": _decimal(self.amount_minor), "currency": "EUR"},
            "idempotencyKey": self.key,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """How a wallet stands: its balance, and how long its statement is."""

    balance_minor: int
    lines: int


class Crowd:
    """
    Sixty-four tasks that move money among a few wallets through several servers.

    What is answered by one of *tolerated* is sent again with its key until it is
    answered for good; everything else that is no plain answer is a problem.

    Args:
        servers: Where they pay; the last of them is there at the end.

    Attributes:
        moved: The operation of each payment that was answered with success, by its key.
        refused: The keys of those for which there was not enough money.
        obstacles: How often each of the tolerated codes was met.
        problems: What must never be seen.
        tries_max: How often the payment was sent that had to be sent most often.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        servers: Sequence[ApiServer],
        *,
        seed: int,
        tolerated: set[str],
    ) -> None:
        self._accounts = accounts
        self._urls = [server.url for server in servers]
        self._random = random.Random(seed)
        self._tolerated = tolerated
        self._before: dict[str, Standing] = {}
        self._payments: dict[str, Payment] = {}
        self.moved: dict[str, str] = {}
        self.refused: set[str] = set()
        self.obstacles: Counter[str] = Counter()
        self.problems: list[object] = []
        self.tries_max = 0

    @property
    def answered(self) -> int:
        """How many payments have had their last answer."""
        return len(self.moved) + len(self.refused)

    async def until_answered(self, count: int) -> None:
        """Wait until so many payments have had their last answer."""
        await until(lambda: self.answered >= count or bool(self.problems))

    async def until_met(self, code: str) -> None:
        """Wait until somebody has met an obstacle."""
        await until(lambda: self.obstacles[code] > 0 or bool(self.problems))

    async def run(self, payments: int) -> None:
        """Make so many payments, and return when each has had its last answer."""
        for account in self._accounts:
            self._before[account.wallet_id] = await self._read_standing(account)
        wanted = [self._want() for _ in range(payments)]
        self._payments = {payment.key: payment for payment in wanted}
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as tasks:
            for number in range(TASKS):
                tasks.create_task(self._pay_all(wanted[number::TASKS]))

    async def check(self) -> None:
        """Assert that every payment was carried out exactly once, as it was answered."""
        assert self.problems == []
        assert self.answered == len(self._payments)
        assert len(set(self.moved.values())) == len(self.moved)
        total_minor = 0
        for account in self._accounts:
            before, after = self._before[account.wallet_id], await self._read_standing(account)
            lines = self._expect_lines(account)
            failures = sum(self._payments[key].source is account for key in self.refused)
            statement = await self._read_statement(account, after.lines - before.lines)
            assert {id_: line for id_, line in statement.items() if line != FAILURE} == lines
            assert len(statement) == len(lines) + failures
            change_minor = sum(_minor(amount) for _, amount in lines.values())
            assert after.balance_minor == before.balance_minor + change_minor
            total_minor += change_minor
        assert total_minor == 0

    def _want(self) -> Payment:
        source, target = self._random.sample(self._accounts, 2)
        return Payment(uuid4().hex, source, target, self._random.randint(1, AMOUNT_MINOR_MAX))

    async def _pay_all(self, payments: Sequence[Payment]) -> None:
        # A pool that sixty-four tasks share is slower than all that it connects to.
        async with open_client() as client:
            for payment in payments:
                tries = 0
                while not self.problems and not await self._pay(
                    payment, client, is_first=tries == 0
                ):
                    tries += 1
                    self.tries_max = max(self.tries_max, tries + 1)
                    # What people do when they are told to try again.
                    await asyncio.sleep(self._random.uniform(0.05, 0.25))

    async def _pay(self, payment: Payment, client: httpx.AsyncClient, *, is_first: bool) -> bool:
        """Send a payment; return whether it is settled now."""
        answer = await self._send(payment, client)
        code = answer.get("code")
        if code in self._tolerated:
            self.obstacles[code] += 1
            return False
        if answer.get("__typename") == "OperationPayload" and not (is_first and answer["replayed"]):
            self.moved[payment.key] = answer["done"]["id"]
        elif code == "INSUFFICIENT_FUNDS":
            self.refused.add(payment.key)
        else:
            self.problems.append(answer)
        return True

    async def _send(self, payment: Payment, client: httpx.AsyncClient) -> dict[str, Any]:
        url, token = self._random.choice(self._urls), payment.source.api.access_token
        api = Api(url, client=client, access_token=token)
        try:
            response = await api.send({"query": TRANSFER, "variables": {"input": payment.input}})
        except httpx.TransportError as error:
            return {"code": UNANSWERED, "error": repr(error)}
        if response.status_code != 200:
            return {"status": response.status_code, "text": response.text}
        answer: dict[str, Any] = response.json()
        if "errors" in answer:
            return {"code": answer["errors"][0]["extensions"]["code"], **answer}
        transfer: dict[str, Any] = answer["data"]["transfer"]
        return transfer

    def _expect_lines(self, account: Account) -> dict[str, tuple[str, str]]:
        """Return what the answers say is on a wallet's statement: status and amount, by id."""
        lines = {}
        for key, operation_id in self.moved.items():
            payment = self._payments[key]
            if payment.source is account:
                lines[operation_id] = ("COMPLETED", f"-{_decimal(payment.amount_minor)}")
            elif payment.target is account:
                lines[operation_id] = ("COMPLETED", _decimal(payment.amount_minor))
        return lines

    async def _read_standing(self, account: Account) -> Standing:
        wallet = await self._read_page(account, first=1)
        return Standing(_minor(wallet["balance"]["amount"]), wallet["operations"]["totalCount"])

    async def _read_statement(self, account: Account, count: int) -> dict[str, tuple[str, str]]:
        """Return status and amount of the newest *count* lines of a statement, by operation."""
        after = None
        edges: list[dict[str, Any]] = []
        while len(edges) < count:
            wallet = await self._read_page(account, first=PAGE_SIZE, after=after)
            edges += wallet["operations"]["edges"]
            after = wallet["operations"]["pageInfo"]["endCursor"]
        edges = edges[:count]
        if edges:
            newest = edges[0]["sequence"]
            assert [edge["sequence"] for edge in edges] == list(range(newest, newest - count, -1))
        lines = {
            edge["node"]["id"]: (edge["node"]["status"], edge["amount"]["amount"]) for edge in edges
        }
        assert len(lines) == count
        return lines

    async def _read_page(self, account: Account, **page: Any) -> Any:
        """Read a page of a statement; where answers may get lost, a second time."""
        api = account.api.at(self._urls[-1])
        try:
            return await api.statement(account.wallet_id, **page)
        except httpx.TransportError:
            if UNANSWERED not in self._tolerated:
                raise
            return await api.statement(account.wallet_id, **page)


def _decimal(amount_minor: int) -> str:
    return f"{amount_minor // 100}.{amount_minor % 100:02}"


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))
