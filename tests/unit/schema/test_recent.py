"""What was used most recently."""

from wallet.schema.recent import Recent


class TestRecent:
    """recent.Recent."""

    def test_keeps_what_there_is_room_for(self) -> None:
        """By number and by size, whichever is reached first; the longest unused makes room."""
        recent = Recent[int](items_max=3, bytes_max=100)
        for number in range(4):
            recent.keep(str(number), number, size=1)
        assert [recent.find(str(number)) for number in range(4)] == [None, 1, 2, 3]

        assert recent.find("1") == 1
        recent.keep("large", 9, size=99)

        assert [recent.find(key) for key in ("1", "2", "3", "large")] == [1, None, None, 9]

    def test_counts_each_once(self) -> None:
        """A value in place of another one counts by its own size, and what is gone not at all."""
        recent = Recent[int](items_max=3, bytes_max=100)
        for number in range(10):
            recent.keep("same", number, size=60)
        recent.keep("other", 1, size=40)

        assert (recent.find("same"), recent.find("other")) == (9, 1)

    def test_what_is_too_large(self) -> None:
        """There is no room for it, nor for anything else meanwhile; afterwards there is again."""
        recent = Recent[int](items_max=3, bytes_max=100)
        recent.keep("large", 1, size=101)
        recent.keep("small", 2, size=100)

        assert (recent.find("large"), recent.find("small")) == (None, 2)
