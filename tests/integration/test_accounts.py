"""Accounts and sessions: what the API's own tests do not reach, or reach more slowly."""

from uuid import uuid4

import pytest

from tests.support.factories import Factory
from tests.support.observer import Observer
from wallet.core.errors import EmailTakenError, InvalidCredentialsError, InvalidInputError
from wallet.core.settings import Settings
from wallet.services.accounts import SignedUp, grant_operator, normalise_email, signup
from wallet.services.actors import Visitor
from wallet.services.database import fetch
from wallet.services.ledger import Ledger
from wallet.services.logins import LoggedIn, login
from wallet.services.rate_limits import RateLimiter
from wallet.services.sessions import authenticate

PASSWORD = "correct horse battery staple"
VISITOR = Visitor(address="203.0.113.7", user_agent="tests")


class Desk:
    """Where people sign up and log in."""

    def __init__(self, ledger: Ledger, limiter: RateLimiter, settings: Settings) -> None:
        self._ledger = ledger
        self._limiter = limiter
        self._settings = settings

    async def signup(
        self, email: str, *, password: str = PASSWORD, currency: str = "EUR"
    ) -> SignedUp:
        """Sign up."""
        return await signup(
            self._ledger,
            self._limiter,
            self._settings,
            email=email,
            password=password,
            currency=currency,
            visitor=VISITOR,
        )

    async def login(self, email: str, *, password: str = PASSWORD) -> LoggedIn:
        """Log in."""
        return await login(
            self._limiter, self._settings, email=email, password=password, visitor=VISITOR
        )


@pytest.fixture
def desk(ledger: Ledger, limiter: RateLimiter, settings: Settings) -> Desk:
    """Signups and logins, without limits."""
    return Desk(ledger, limiter, settings)


class TestSignup:
    """accounts.signup."""

    async def test_makes_all_of_it(
        self, desk: Desk, settings: Settings, observer: Observer
    ) -> None:
        """A user, a wallet, an operation with its entry, and a session."""
        before, _ = await observer.snapshot()

        signed_up = await desk.signup(f"Ada.{uuid4().hex}@Example.com")

        after, _ = await observer.snapshot()
        added = {table: after[table] - before[table] for table in after}
        assert {table for table, rows in added.items() if rows == 1} >= {
            *("users", "sessions", "operations", "entries")
        }
        assert signed_up.user.email == signed_up.user.email.lower()
        assert signed_up.wallet.owner_id == signed_up.user.id
        actor = await authenticate(signed_up.session.access_token, keys=settings.keys)
        assert actor.user_id == signed_up.user.id

    async def test_taken(self, desk: Desk, observer: Observer) -> None:
        """A second account with the address, in whatever case, is not made."""
        email = f"{uuid4().hex}@example.com"
        await desk.signup(email)

        async with observer.nothing_changes():
            with pytest.raises(EmailTakenError):
                await desk.signup(email.upper())

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"email": "no address"}, "email"),
            ({"email": ""}, "email"),
            ({"email": "a@" + "b" * 300 + ".com"}, "email"),
            ({"password": "p" * 11}, "password"),
            ({"password": "p" * 129}, "password"),
            ({"currency": "XXX"}, "currency"),
        ],
    )
    async def test_bad_input(
        self, change: dict[str, str], field: str, desk: Desk, observer: Observer
    ) -> None:
        """What breaks a rule is refused by its field."""
        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError) as caught:
                await desk.signup(**{"email": f"{uuid4().hex}@example.com", **change})

        assert caught.value.field == (field,)


class TestLogin:
    """logins.login."""

    async def test_opens_a_session(self, desk: Desk, settings: Settings) -> None:
        """The right password, with the address in any case, signs in."""
        email = f"{uuid4().hex}@example.com"
        signed_up = await desk.signup(email)

        logged_in = await desk.login(email.upper())

        assert logged_in.user.id == signed_up.user.id
        actor = await authenticate(logged_in.session.access_token, keys=settings.keys)
        assert actor.user_id == signed_up.user.id

    async def test_wrong(self, desk: Desk, observer: Observer) -> None:
        """Wrong, unknown, and what cannot be an address or a password: all the same."""
        email = f"{uuid4().hex}@example.com"
        await desk.signup(email)
        attempts = [
            (email, PASSWORD + "x"),
            (email, "p" * 100_000),
            (f"{uuid4().hex}@example.com", PASSWORD),
            ("\ud800", "\ud800"),
        ]
        async with observer.nothing_changes():
            for address, password in attempts:
                with pytest.raises(InvalidCredentialsError):
                    await desk.login(address, password=password)


class TestNormaliseEmail:
    """accounts.normalise_email."""

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ("ada@example.com", "ada@example.com"),
            ("Ada.L@Example.COM", "ada.l@example.com"),
            ("ada+tag@example.com", "ada+tag@example.com"),
            ("ada@MÜNCHEN.example", "ada@münchen.example"),
            ("ada@xn--mnchen-3ya.example", "ada@münchen.example"),
            ("ada@\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25.com", "ada@example.com"),
            ("e\u0301da@example.com", "\u00e9da@example.com"),
            ("ÉDA@example.com", "éda@example.com"),
            ("ada@example.test", "ada@example.test"),
            # Two domains, and two letters that are no two others: different people.
            ("ada@stra\u00dfe.example", "ada@stra\u00dfe.example"),
            ("stra\u00dfe@example.com", "stra\u00dfe@example.com"),
            ("\ufb01@example.com", "\ufb01@example.com"),
        ],
    )
    def test_gives_one_spelling(self, sent: str, stored: str) -> None:
        """Case, composition and the encoding of a domain do not matter; all else does."""
        assert normalise_email(sent) == stored
        assert normalise_email(stored) == stored

    @pytest.mark.parametrize("text", ["", "x", "a@", "@a", "a@b", "\x00", "\ud800", "a@b..c"])
    def test_knows_what_is_none(self, text: str) -> None:
        """What is no address has no spelling."""
        assert normalise_email(text) is None


class TestGrantOperator:
    """accounts.grant_operator."""

    async def test_is_for_one_account(self, factory: Factory) -> None:
        """One account becomes an operator, by any spelling of its address; twice does no harm."""
        chosen, other = await factory.create_actor(), await factory.create_actor()

        assert [await grant_operator(chosen.email.upper()) for _ in "12"] == [True, True]

        rows = await fetch(
            "SELECT role FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id = $2",
            [chosen.user_id, other.user_id],
            other.user_id,
        )
        assert [row["role"] for row in rows] == ["OPERATOR", "USER"]

    @pytest.mark.parametrize("email", ["nobody@example.com", "no address", ""])
    async def test_of_nobody(self, email: str, factory: Factory) -> None:
        """An address without an account makes nobody an operator."""
        operators = "SELECT count(*) AS operators FROM users WHERE role = 'OPERATOR'"
        before = await fetch(operators)

        assert await grant_operator(email) is False

        assert await fetch(operators) == before
