"""The secret keys of a process."""

from wallet.core.keys import Keys

NEW, OLD = "the-new-key-0123456789-abcdefghijklm", "the-old-key-0123456789-abcdefghijklm"


class TestKeys:
    """Keys."""

    def test_first_signs_and_all_verify(self) -> None:
        """Each is found by its name, and the name follows from the key alone."""
        keys = Keys(NEW, OLD)

        assert list(keys) == [NEW, OLD]
        assert keys.current == NEW
        assert keys.find(keys.current_id) == NEW
        assert keys.find(Keys(OLD).current_id) == OLD
        assert keys.find("another") is None

    def test_name_tells_nothing(self) -> None:
        """It is short, and no part of the key."""
        assert len(Keys(NEW).current_id) == 8
        assert Keys(NEW).current_id not in NEW

    def test_purposes_share_nothing(self) -> None:
        """What one purpose's key has signed is good for no other, and under no other secret."""
        derived = [
            key for purpose in ("devices", "codes") for key in Keys(NEW, OLD).for_purpose(purpose)
        ]

        assert len(set(derived)) == 4
        assert {len(key) for key in derived} == {32}
        assert Keys(OLD).for_purpose("codes") == derived[3:]
