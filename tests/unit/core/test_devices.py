"""Device tokens."""

import pytest

from wallet.core.devices import find_device, new_device_token
from wallet.core.keys import Keys

ADA = "ada@example.com"
NEW, OLD = "the-new-key-0123456789-abcdefghijklm", "the-old-key-0123456789-abcdefghijklm"
KEYS = Keys(NEW)


class TestFindDevice:
    """find_device."""

    def test_own_token(self) -> None:
        """Each token is a device of its own, and tells nothing of the account."""
        first, second = [new_device_token(ADA, keys=KEYS) for _ in "12"]

        devices = [find_device(token, ADA, keys=KEYS) for token in (first, second)]

        assert None not in devices
        assert len(set(devices)) == 2
        assert "ada" not in first

    def test_of_the_key_before(self) -> None:
        """It is known as long as its key is."""
        token = new_device_token(ADA, keys=Keys(OLD))

        assert find_device(token, ADA, keys=Keys(NEW, OLD)) is not None
        assert find_device(token, ADA, keys=KEYS) is None

    @pytest.mark.parametrize("account", ["bob@example.com", "", "x.ada@example.com"])
    def test_of_another_account(self, account: str) -> None:
        """It is good for one account."""
        assert find_device(new_device_token(ADA, keys=KEYS), account, keys=KEYS) is None

    @pytest.mark.parametrize("token", [None, "", ".", "a.b", "\ud800.\ud800", "é.é", "x" * 10**6])
    def test_of_no_token(self, token: str | None) -> None:
        """What was not signed is no device's."""
        assert find_device(token, ADA, keys=KEYS) is None
        assert find_device(token, "\ud800", keys=KEYS) is None
