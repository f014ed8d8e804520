"""The path through all rooms, over HTTP."""

from tests.support.api import Api


class TestFirstTransfer:
    """Signing up, topping up, paying, and reading the statement."""

    async def test_money_arrives_and_both_statements_say_so(self, api: Api) -> None:
        """A transfer is on both statements, with balances that add up."""
        ada, bob = await api.signup(), await api.signup()
        await ada.api.topup(ada.wallet_id, "100.00")

        answer = await ada.api.transfer(ada.wallet_id, bob.wallet_id, "12.50")

        assert answer["__typename"] == "OperationPayload"
        assert answer["wallet"]["balance"]["amount"] == "87.50"
        assert await bob.api.balance(bob.wallet_id) == "12.50"
        statement = await ada.api.statement(ada.wallet_id)
        assert [
            (edge["node"]["kind"], edge["amount"]["amount"], edge["balanceAfter"]["amount"])
            for edge in statement["operations"]["edges"]
        ] == [
            ("TRANSFER", "-12.50", "87.50"),
            ("TOPUP", "100.00", "100.00"),
            ("SIGNUP", "0.00", "0.00"),
        ]
