"""Tests of what the load generator is told of people and wallets."""

from pathlib import Path
from uuid import uuid4

from bench.crowd import Crowd, Purse
from wallet.core.ids import find_id
from wallet.core.keys import Keys
from wallet.core.tokens import AccessClaims, read_access_token

SECRET_KEY = "a-secret-key-that-only-tests-know-0123456789"


class TestCrowd:
    """Crowd."""

    def test_write(self, tmp_path: Path) -> None:
        """People come first, each with a valid token; wallets name their owner's line."""
        people = [AccessClaims(uuid4(), uuid4()) for _ in range(2)]
        purses = [Purse(uuid4(), 0), Purse(uuid4(), 1), Purse(uuid4(), 1)]
        Crowd(people, purses).write(tmp_path / "crowd", secret_key=SECRET_KEY)
        lines = [line.split(" ") for line in (tmp_path / "crowd").read_text().splitlines()]
        assert [kind for kind, *_ in lines] == ["person"] * 2 + ["wallet"] * 3
        read = [read_access_token(token, keys=Keys(SECRET_KEY)) for _, token in lines[:2]]
        assert [token.claims for token in read] == people
        assert [(int(owner) - 1, find_id("Wallet", id_)) for _, owner, id_ in lines[2:]] == [
            (purse.owner, purse.wallet_id) for purse in purses
        ]
