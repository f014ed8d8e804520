"""The ledger's shell on real servers."""

from tests.support.factories import Factory


class TestPost:
    """Ledger.post."""

    async def test_transfer_moves_money(self, factory: Factory) -> None:
        """Both wallets show the transfer."""
        ada, source = await factory.create_wallet(balance="10.00 EUR")
        bob, target = await factory.create_wallet()

        outcome = await factory.transfer(ada, source.id, target.id, "2.50 EUR")

        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 750
        assert await factory.balance_minor(bob, target.id) == 250
