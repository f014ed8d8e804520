"""What `make check` says of a schema that changes under the clients of the last release."""

from pathlib import Path

import pytest

from tests.support.node import run_node

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "schema.released.graphql"


async def compare(schema: Path) -> str:
    """Compare a schema with the released one; what breaks its clients fails."""
    return await run_node("breaking.mjs", str(RELEASED), str(schema))


class TestBreaking:
    """tests/clients/breaking.mjs."""

    async def test_schema(self) -> None:
        """What is written down now breaks nobody."""
        await compare(ROOT / "schema.graphql")

    @pytest.mark.parametrize(
        ("old", "new", "found"),
        [
            (
                '  """Reserved by open holds."""\n  held: Money!\n',
                "",
                "Field 'held' was removed",
            ),
            ("  label: String\n", "  label: Int\n", "Field 'Wallet.label' changed type"),
            ("  wallet(\n", "  purse(\n", "Field 'wallet' was removed"),
        ],
    )
    async def test_fails(self, tmp_path: Path, old: str, new: str, found: str) -> None:
        """A field that is removed, renamed or of another type is named, and fails it."""
        released = RELEASED.read_text()
        assert old in released
        changed = tmp_path / "schema.graphql"
        changed.write_text(released.replace(old, new))

        with pytest.raises(AssertionError, match=found):
            await compare(changed)

    async def test_shows_what_may_surprise(self, tmp_path: Path) -> None:
        """A new value of an enum is shown, and lets pass."""
        changed = tmp_path / "schema.graphql"
        changed.write_text(
            RELEASED.read_text().replace("enum BatchMode {", "enum BatchMode {\n  HALF")
        )

        assert "'HALF' was added to enum 'BatchMode'" in await compare(changed)
