"""Device tokens."""

from datetime import UTC, datetime, timedelta

import pytest

from wallet.core.devices import (
    DEVICE_TOKEN_TTL_S,
    Lock,
    find_device,
    new_device_id,
    write_device_token,
)
from wallet.core.keys import Keys

CHANGED_AT = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Lock("ada@example.com", CHANGED_AT)
NEW, OLD = "the-new-key-0123456789-abcdefghijklm", "the-old-key-0123456789-abcdefghijklm"
KEYS = Keys(NEW)
NOW_S = 1_800_000_000


def write(*, lock: Lock = ADA, keys: Keys = KEYS, device_id: str = "device") -> str:
    """Make a token, now."""
    return write_device_token(device_id, lock, keys=keys, now_s=NOW_S)


def find(token: str | None, *, lock: Lock = ADA, keys: Keys = KEYS, after_s: int = 0) -> str | None:
    """Look whose it is, later."""
    return find_device(token, lock, keys=keys, now_s=NOW_S + after_s)


class TestFindDevice:
    """find_device."""

    def test_own_token(self) -> None:
        """Each device has an id of its own, and its token tells nothing of the account."""
        ids = [new_device_id() for _ in "12"]

        tokens = [write(device_id=id_) for id_ in ids]

        assert len(set(ids)) == 2
        assert [find(token) for token in tokens] == ids
        assert "ada" not in tokens[0]

    def test_of_the_key_before(self) -> None:
        """It is known as long as its key is."""
        token = write(keys=Keys(OLD))

        assert find(token, keys=Keys(NEW, OLD)) is not None
        assert find(token) is None

    @pytest.mark.parametrize("account", ["bob@example.com", "", "x.ada@example.com"])
    def test_of_another_account(self, account: str) -> None:
        """It is good for one account."""
        assert find(write(), lock=Lock(account, CHANGED_AT)) is None

    @pytest.mark.parametrize("changed_at", [None, CHANGED_AT + timedelta(microseconds=1)])
    def test_of_before_a_change(self, changed_at: datetime | None) -> None:
        """It is good for the password and second factor that it was made under."""
        assert find(write(), lock=Lock(ADA.account, changed_at)) is None
        assert find(write(lock=Lock(ADA.account, changed_at))) is None

    def test_too_old(self) -> None:
        """It is good as long as a browser keeps it, and nobody makes it younger."""
        token = write()
        younger = token.replace(str(NOW_S), str(NOW_S + 1))

        assert find(token, after_s=DEVICE_TOKEN_TTL_S - 1) == "device"
        assert find(token, after_s=DEVICE_TOKEN_TTL_S) is None
        assert find(younger, after_s=1) is None

    @pytest.mark.parametrize(
        "token",
        [
            *(None, "", ".", "..", "a.b", "a.1.b", "a.².b", "a.-1.b", f"a.{'9' * 150}.b"),
            *("\ud800.\ud800", "é.1.é", "x" * 10**6),
        ],
        ids=lambda token: ascii(token)[:20],
    )
    def test_of_no_token(self, token: str | None) -> None:
        """What was not signed is no device's."""
        assert find(token) is None
        assert find(token, lock=Lock("\ud800", None)) is None
