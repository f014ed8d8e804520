"""What is sealed with the secret key."""

import pytest

from wallet.core.keys import Keys
from wallet.core.seals import BrokenSealError, reseal, seal, unseal

NEW, OLD = (
    Keys("the-new-key-0123456789-abcdefghijklm"),
    Keys("the-old-key-0123456789-abcdefghijklm"),
)
BOTH = Keys(NEW.current, OLD.current)


class TestSeals:
    """seal, unseal and reseal."""

    def test_opens(self) -> None:
        """What was sealed is read back, and cannot be seen before."""
        sealed = seal(b"the secret", keys=NEW)

        assert unseal(sealed, keys=NEW) == b"the secret"
        assert b"secret" not in sealed
        assert sealed != seal(b"the secret", keys=NEW)

    def test_follows_the_keys(self) -> None:
        """The old key opens as long as it is there; what was sealed again does without it."""
        sealed = seal(b"the secret", keys=OLD)

        assert unseal(sealed, keys=BOTH) == b"the secret"
        assert unseal(reseal(sealed, keys=BOTH), keys=NEW) == b"the secret"
        for broken in (sealed, b"", b"x", sealed[:-1]):
            with pytest.raises(BrokenSealError):
                unseal(broken, keys=NEW)
