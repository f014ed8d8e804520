"""Who may bring money in: FUNDING, and the role that ``wallet grant-operator`` gives."""

import asyncio
import os
import sys
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.api import TOPUP, Account, Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import refused
from tests.support.servers import ApiServer
from tests.support.waiting import until
from wallet.core.ids import new_id, to_global_id
from wallet.development import RedisServer
from wallet.development.ports import find_free_port


async def run_wallet(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the ``wallet`` command; return its exit code, output and error output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wallet", *arguments),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


@pytest.fixture(scope="module")
def funded_by_operators(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A server on which only operators bring money in."""
    with ApiServer(
        database_url=database_url,
        redis_url=redis.url,
        log=tmp_path_factory.mktemp("operators") / "log",
        environment={"FUNDING": "operator"},
    ) as server:
        yield server


class TestGrantOperator:
    """``wallet grant-operator``."""

    async def test_makes_an_account_an_operator(
        self,
        guests: Guests,
        funded_by_operators: ApiServer,
        observer: Observer,
        database_url: str,
    ) -> None:
        """Within seconds, without a new login, the account may do more."""
        cleo, dora = await guests.create(), await guests.create()
        api = cleo.api.at(funded_by_operators.url)
        assert (await api.topup(dora.wallet_id, "1.00"))["__typename"] == "Forbidden"

        code, out, error = await run_wallet(
            "grant-operator", cleo.email.upper(), DATABASE_URL=database_url
        )

        assert (code, out) == (0, f"{cleo.email.upper()} is an operator now.\n")
        assert "operator granted" in error

        async def may_do_more() -> bool:
            answer = await api.topup(dora.wallet_id, "1.00")
            return bool(answer["__typename"] == "OperationPayload")

        await until(may_do_more)
        roles = await observer.fetch(
            "SELECT email, role FROM users WHERE email = ANY ($1)", [cleo.email, dora.email]
        )
        assert dict(roles) == {cleo.email: "OPERATOR", dora.email: "USER"}

    async def test_of_nobody_fails(self, observer: Observer, database_url: str) -> None:
        """An address without an account is one sentence, and exit code 1."""
        operators = "SELECT count(*) FROM users WHERE role = 'OPERATOR'"
        before = await observer.value(operators)

        code, out, error = await run_wallet(
            "grant-operator", "nobody@example.com", DATABASE_URL=database_url
        )

        assert (code, out) == (1, "")
        assert error == "There is no account with this address.\n"
        assert await observer.value(operators) == before

    async def test_without_a_database_fails(self) -> None:
        """A database out of reach is one sentence, and no traceback."""
        code, _, error = await run_wallet(
            "grant-operator",
            "ada@example.com",
            DATABASE_URL=f"postgresql://wallet@127.0.0.1:{find_free_port()}/wallet",
        )

        assert code == 1
        assert error.splitlines()[-1].startswith("The database cannot be reached")
        assert "Traceback" not in error


class TestFundingOperator:
    """FUNDING=operator."""

    @pytest.fixture
    async def operator(self, guests: Guests, funded_by_operators: ApiServer) -> Api:
        """An operator's client."""
        account = await guests.create(role="OPERATOR")
        return account.api.at(funded_by_operators.url)

    async def test_owner_is_refused(
        self, ada: Account, funded_by_operators: ApiServer, observer: Observer
    ) -> None:
        """Nobody makes money for themselves; not a word is said about which wallets there are."""
        api = ada.api.at(funded_by_operators.url)
        async with observer.nothing_changes():
            responses = [
                await api.send(
                    {
                        "query": TOPUP,
                        "variables": {
                            "input": {
                                "walletId": wallet_id,
                                "amount": {"amount": "1.00", "currency": "EUR"},
                                "idempotencyKey": uuid4().hex,
                            }
                        },
                    }
                )
                for wallet_id in (ada.wallet_id, to_global_id("Wallet", new_id()))
            ]

        assert [refused(response) for response in responses] == [("Forbidden", None)] * 2
        assert responses[0].text == responses[1].text

    async def test_operator_tops_up_anybodys_wallet(self, guests: Guests, operator: Api) -> None:
        """The owner has the money and the line in its statement; a replay answers it again."""
        cleo = await guests.create()

        answers = [
            await operator.topup(cleo.wallet_id, "12.50", idempotencyKey="payment 1") for _ in "12"
        ]

        assert [answer["replayed"] for answer in answers] == [False, True]
        assert await cleo.api.balance(cleo.wallet_id) == "12.50"
        newest = (await cleo.api.statement(cleo.wallet_id))["operations"]["edges"][0]
        assert (newest["node"]["kind"], newest["amount"]["amount"]) == ("TOPUP", "12.50")
        assert newest["node"]["id"] == answers[0]["done"]["id"]

    async def test_operator_sees_no_more_for_it(
        self, guests: Guests, operator: Api, http: httpx.AsyncClient
    ) -> None:
        """Bringing money in is no right to read: neither the statement nor the holder's name."""
        cleo, other = await guests.create(balance="5.00"), await guests.create()
        await cleo.api.transfer(cleo.wallet_id, other.wallet_id, "1.00", description="rent")
        document = """mutation Topup($input: TopupInput!) { topup(input: $input) {
            ... on OperationPayload { operation { target { holder } } wallet {
                operations { edges { node { description target { holder } } } } } } } }"""

        response = await operator.send(
            {
                "query": document,
                "variables": {
                    "input": {
                        "walletId": cleo.wallet_id,
                        "amount": {"amount": "1.00", "currency": "EUR"},
                        "idempotencyKey": uuid4().hex,
                    }
                },
            }
        )

        assert cleo.email not in response.text
        assert "rent" not in response.text
        assert (
            await operator.run("query ($id: ID!) { wallet(id: $id) { id } }", id=cleo.wallet_id)
            is None
        )

    async def test_operator_pays_out_of_nobodys_wallet(
        self, guests: Guests, operator: Api, observer: Observer
    ) -> None:
        """The role is for money from outside: transfers stay with the source's owner."""
        cleo, other = await guests.create(balance="5.00"), await guests.create()

        async with observer.nothing_changes():
            answer = await operator.transfer(cleo.wallet_id, other.wallet_id, "1.00")

        assert (answer["__typename"], answer["field"]) == ("NotFound", ["sourceWalletId"])


class TestFundingOwner:
    """FUNDING=owner, which is the default."""

    async def test_owner_tops_up_its_own(self, guests: Guests) -> None:
        """Points and game coins come from whoever holds them."""
        cleo = await guests.create()

        answer = await cleo.api.topup(cleo.wallet_id, "12.50")

        assert answer["wallet"]["balance"]["amount"] == "12.50"

    async def test_nobody_else_does(self, guests: Guests, ada: Account, observer: Observer) -> None:
        """Somebody else's wallet is not there."""
        cleo = await guests.create()

        async with observer.nothing_changes():
            answer = await cleo.api.topup(ada.wallet_id, "12.50")

        assert (answer["__typename"], answer["field"]) == ("NotFound", ["walletId"])
