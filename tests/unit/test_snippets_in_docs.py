"""The programs that a guide shows are those that the tests run."""

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "clients.md"
CLIENTS = ROOT / "tests" / "clients"
SOURCES = [
    "apollo.mjs",
    "persisted.mjs",
    "urql.mjs",
    "relay/relay.config.json",
    "relay/statement.js",
    "relay/page.js",
    "codegen/codegen.mjs",
    "codegen/program.ts",
]

_FENCE = re.compile(r"^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(r"^ *// docs: (?!end)\w+\n(.*?)^ *// docs: end$", re.MULTILINE | re.DOTALL)


def read_marked(name: str) -> list[str]:
    """Return what a program shows to the guide; a file without marks shows itself."""
    source = (CLIENTS / name).read_text()
    return [textwrap.dedent(part) for part in _MARKED.findall(source)] or [source]


class TestSnippets:
    """docs/guides/clients.md."""

    @pytest.mark.parametrize("name", SOURCES)
    def test_program(self, name: str) -> None:
        """What a program shows is in the guide, to the letter."""
        shown = _FENCE.findall(GUIDE.read_text())

        for part in read_marked(name):
            assert part in shown

    def test_nothing_else(self) -> None:
        """No snippet of the guide is of anything that is not run."""
        run = {part for name in SOURCES for part in read_marked(name)}

        assert set(_FENCE.findall(GUIDE.read_text())) <= run
