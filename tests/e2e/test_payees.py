"""Who is paid sees its side of it, and no more."""

from dataclasses import dataclass

import pytest_asyncio

from tests.support.api import OPERATION, STATEMENT, Account
from tests.support.guests import Guests

NODE = "query Node($id: ID!) { node(id: $id) { __typename id } }"


@dataclass(frozen=True, slots=True)
class Paid:
    """Two people, a transfer between them, and one that failed."""

    payer: Account
    payee: Account
    completed: str
    failed: str


@pytest_asyncio.fixture(scope="module")
async def paid(guests: Guests) -> Paid:
    """A rent, and more than the payer had."""
    payer, payee = await guests.create(balance="50.00"), await guests.create()
    rent = await payer.api.transfer(
        payer.wallet_id, payee.wallet_id, "7.50", description="the rent", metadata={"flat": 3}
    )
    failed = await payer.api.transfer(payer.wallet_id, payee.wallet_id, "1000.00")
    return Paid(payer, payee, rent["done"]["id"], failed["failed"]["id"])


class TestPayee:
    """Who is paid sees its side of it."""

    async def test_sees_a_transfer_with_the_payer_masked(self, paid: Paid) -> None:
        """The amount, the text and a hint of who paid; the payer sees as little of the payee."""
        seen = await paid.payee.api.run(OPERATION, id=paid.completed)
        sent = await paid.payer.api.run(OPERATION, id=paid.completed)

        assert seen["amount"] == {"amount": "7.50", "currency": "EUR"}
        assert (seen["description"], seen["metadata"]) == ("the rent", {"flat": 3})
        assert seen["source"] == {
            "walletId": paid.payer.wallet_id,
            "currency": "EUR",
            "holder": f"{paid.payer.email[0]}•••@example.com",
        }
        assert seen["target"]["holder"] == paid.payee.email
        assert sent["source"]["holder"] == paid.payer.email
        assert sent["target"]["holder"] == f"{paid.payee.email[0]}•••@example.com"
        assert {name: seen[name] for name in seen.keys() - {"source", "target"}} == {
            name: sent[name] for name in sent.keys() - {"source", "target"}
        }

    async def test_has_it_in_its_statement(self, paid: Paid) -> None:
        """Its own line, with its own balance; not a word of the payer's."""
        body = {"query": STATEMENT, "variables": {"id": paid.payee.wallet_id}}
        response = await paid.payee.api.send(body)

        lines = response.json()["data"]["wallet"]["operations"]["edges"]
        (line,) = [line for line in lines if line["node"]["id"] == paid.completed]
        assert (line["amount"]["amount"], line["balanceAfter"]["amount"]) == ("7.50", "7.50")
        assert paid.payer.email not in response.text

    async def test_sees_nothing_of_a_failed_one(self, paid: Paid) -> None:
        """A transfer that did not happen is on the payer's record alone."""
        statement = await paid.payee.api.statement(paid.payee.wallet_id)

        lines = statement["operations"]["edges"]
        assert paid.failed not in [line["node"]["id"] for line in lines]
        for document in (OPERATION, NODE):
            assert await paid.payee.api.run(document, id=paid.failed) is None
        assert (await paid.payer.api.run(OPERATION, id=paid.failed))["status"] == "FAILED"

    async def test_reaches_nothing_else_of_the_payers(self, paid: Paid) -> None:
        """The payer's wallet id, which the transfer shows, opens nothing."""
        for id_ in (paid.payer.wallet_id, paid.payer.user_id):
            assert await paid.payee.api.run(NODE, id=id_) is None
