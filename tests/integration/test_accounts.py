"""Accounts and sessions: what the API's own tests do not reach, or reach more slowly."""

import pytest

from tests.support.factories import Factory
from wallet.services.accounts import grant_operator, normalise_email
from wallet.services.database import fetch


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
