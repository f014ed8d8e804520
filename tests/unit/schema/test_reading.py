"""What reading a document costs."""

import pytest

from wallet.schema.reading import COST_PER_TOKEN, reading_cost


class TestReadingCost:
    """reading_cost."""

    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("", 0),
            ("{", 1),
            ("{ viewer { id } }", 6),
            ('query Q($id: ID!) { wallet(id: $id) { label, "x" } }', 24),
            (" " * 3_200, 100),
            ('"' + "a" * 3_200 + '"', 100),
        ],
    )
    def test_by_tokens(self, text: str, tokens: int) -> None:
        """About as many as a document has; what is long without any counts by its length."""
        assert reading_cost(text) == tokens * COST_PER_TOKEN
