"""What operators do by the services themselves: states, limits, look-ups, keys; and passwords."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.factories import Factory, Pair
from wallet.core.errors import (
    ForbiddenError,
    InvalidCredentialsError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
)
from wallet.core.ids import new_id, to_global_id
from wallet.models import WalletStatus
from wallet.models.account import Role, Scope
from wallet.services import api_keys, limits, lookups, wallet_states
from wallet.services.accounts import change_password, find_user_id, get_operator, grant_operator
from wallet.services.actors import Actor
from wallet.services.ledger import Ledger, WalletNotEmptyError, WalletUnavailableError
from wallet.services.rate_limits import RateLimiter
from wallet.services.worker import work_once


@pytest.fixture
def operator(pair: Pair) -> Actor:
    """Bob, as an operator."""
    return replace(pair.bob, role=Role.OPERATOR)


class TestStates:
    """freeze_wallet, unfreeze_wallet and close_wallet."""

    async def test_there_and_back(self, pair: Pair, operator: Actor, ledger: Ledger) -> None:
        """Each may be asked for again; a closed wallet stays closed."""
        until = datetime.now(UTC) + timedelta(days=1)
        for _ in "12":
            frozen = await wallet_states.freeze_wallet(
                pair.target_id, actor=operator, until=until, reason="a look"
            )
            assert (frozen.status, frozen.frozen_until) == (WalletStatus.FROZEN, until)
        for _ in "12":
            active = await wallet_states.unfreeze_wallet(pair.target_id, actor=operator)
            assert active.status is WalletStatus.ACTIVE
        for _ in "12":
            closed = await wallet_states.close_wallet(ledger, pair.target_id, actor=pair.bob)
            assert closed.status is WalletStatus.CLOSED
        with pytest.raises(WalletUnavailableError):
            await wallet_states.unfreeze_wallet(pair.target_id, actor=operator)
        with pytest.raises(WalletUnavailableError):
            await wallet_states.freeze_wallet(
                pair.target_id, actor=operator, until=None, reason=None
            )

    async def test_refusals(self, pair: Pair, operator: Actor, ledger: Ledger) -> None:
        """Not by anybody, not of nothing, not into the past, and not with money in it."""
        with pytest.raises(ForbiddenError):
            await wallet_states.unfreeze_wallet(pair.source_id, actor=pair.ada)
        with pytest.raises(NotFoundError):
            await wallet_states.unfreeze_wallet(new_id(), actor=operator)
        with pytest.raises(InvalidInputError):
            await wallet_states.freeze_wallet(
                pair.source_id, actor=operator, until=datetime(2000, 1, 1, tzinfo=UTC), reason=None
            )
        with pytest.raises(NotFoundError):
            await wallet_states.close_wallet(ledger, pair.source_id, actor=pair.bob)
        with pytest.raises(WalletNotEmptyError):
            await wallet_states.close_wallet(ledger, pair.source_id, actor=pair.ada)
        await wallet_states.freeze_wallet(pair.target_id, actor=operator, until=None, reason=None)
        with pytest.raises(WalletUnavailableError):
            await wallet_states.close_wallet(ledger, pair.target_id, actor=pair.bob)


class TestLimits:
    """set_limits and get_limits."""

    async def test_are_set_and_taken_away(
        self, pair: Pair, operator: Actor, ledger: Ledger
    ) -> None:
        """What is not named stays as it is; None is no limit."""
        amounts = {"outflow_max": "5.00", "outflow_24h_max": "9.00", "overdraft": "1.00"}
        await limits.set_limits(ledger, pair.source_id, amounts, actor=operator)
        await limits.set_limits(ledger, pair.source_id, {"outflow_max": None}, actor=operator)

        found = await limits.get_limits(pair.source_id)

        assert (found.outflow_max_minor, found.outflow_24h_max_minor) == (None, 900)
        assert found.overdraft_minor == 100

    async def test_refusals(self, pair: Pair, operator: Actor, ledger: Ledger) -> None:
        """Not by anybody, not of nothing, and not what is no amount."""
        with pytest.raises(ForbiddenError):
            await limits.set_limits(ledger, pair.source_id, {}, actor=pair.ada)
        with pytest.raises(NotFoundError):
            await limits.set_limits(ledger, new_id(), {"overdraft": "1.00"}, actor=operator)
        with pytest.raises(InvalidInputError):
            await limits.set_limits(ledger, pair.source_id, {"overdraft": "1.001"}, actor=operator)


class TestLookups:
    """Looks at anybody's things."""

    async def test_found_or_not(self, pair: Pair, operator: Actor) -> None:
        """By id and by address; what is not there is None."""
        ada = to_global_id("User", pair.ada.user_id)
        found = await lookups.look_up_user(operator, ada)
        by_email = await lookups.look_up_user_by_email(operator, pair.ada.email.upper())
        wallet = await lookups.look_up_wallet(operator, to_global_id("Wallet", pair.source_id))

        assert found is not None
        assert by_email is not None
        assert found.id == by_email.id == pair.ada.user_id
        assert wallet is not None
        assert wallet.owner_id == pair.ada.user_id
        for missing in (to_global_id("User", new_id()), "nothing"):
            assert await lookups.look_up_user(operator, missing) is None
            assert await lookups.look_up_wallet(operator, missing) is None
            assert await lookups.look_up_operation(operator, missing) is None
        assert await lookups.look_up_user_by_email(operator, "nobody@example.com") is None
        assert await lookups.look_up_user_by_email(operator, "no address") is None


class TestApiKeys:
    """Keys of an operator's services."""

    async def test_from_making_to_revoking(self, factory: Factory) -> None:
        """It signs in with its scopes for as long as it lives."""
        owner = await factory.create_actor()
        await grant_operator(owner.email)
        made, secret = await api_keys.create_api_key(
            owner.user_id, name="callback", scopes=frozenset({Scope.FUND}), expires_at=None
        )

        actor = await api_keys.authenticate_api_key(secret)
        listed = await api_keys.list_api_keys(owner.user_id)

        assert (actor.user_id, actor.scopes) == (owner.user_id, frozenset({Scope.FUND}))
        assert [key.id for key in listed] == [made.id]
        await api_keys.revoke_api_key(owner.user_id, made.id)
        for wrong in (secret, secret[:-1] + "x", "wlt_nothing"):
            with pytest.raises(UnauthenticatedError):
                await api_keys.authenticate_api_key(wrong)
        with pytest.raises(NotFoundError):
            await api_keys.revoke_api_key(owner.user_id, new_id())

    async def test_not_for_everybody(self, factory: Factory) -> None:
        """Who is no operator has none, and a key has a name and a scope."""
        owner = await factory.create_actor()
        with pytest.raises(ForbiddenError):
            await api_keys.create_api_key(
                owner.user_id, name="x", scopes=frozenset({Scope.READ}), expires_at=None
            )


class TestAccounts:
    """Operators by their address, and passwords."""

    async def test_get_operator(self, factory: Factory) -> None:
        """Only who is one."""
        actor = await factory.create_actor()
        with pytest.raises(ForbiddenError):
            await get_operator(actor.email)
        with pytest.raises(NotFoundError):
            await get_operator("nobody@example.com")
        await grant_operator(actor.email)

        assert (await get_operator(actor.email)).user_id == actor.user_id
        assert await find_user_id(actor.email) == actor.user_id
        assert await find_user_id("no address") is None

    async def test_change_password(self, factory: Factory, limiter: RateLimiter) -> None:
        """Not without the one that counts until now, and not to a weak one."""
        actor = await factory.create_actor()
        with pytest.raises(InvalidInputError):
            await change_password(limiter, actor=actor, current_password="x", new_password="x")
        with pytest.raises(InvalidCredentialsError):
            await change_password(
                limiter, actor=actor, current_password="wrong", new_password="a better password"
            )


class TestWorker:
    """work_once."""

    async def test_nothing_is_left(self, ledger: Ledger) -> None:
        """It goes on until there is nothing more to do, and says so."""
        for _ in range(20):
            if not await work_once(ledger):
                break

        assert not await work_once(ledger)
