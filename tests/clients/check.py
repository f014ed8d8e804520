"""Check the schema for what breaks clients, and by the rules of graphql-eslint."""

import subprocess
import sys
from pathlib import Path

from tests.support.node import CLIENTS, find_node

ROOT = Path(__file__).parents[2]

BREAKING = [str(CLIENTS / "breaking.mjs"), "schema.released.graphql", "schema.graphql"]
RULES = [
    str(CLIENTS / "node_modules" / "eslint" / "bin" / "eslint.js"),
    "--config",
    str(CLIENTS / "eslint.config.mjs"),
    "--max-warnings=0",
    "schema.graphql",
]


def main() -> int:
    """Run both at once, since each waits long for its disk; answer the exit code."""
    checks = [
        subprocess.Popen([find_node(), *check], cwd=ROOT, stdin=subprocess.DEVNULL)
        for check in (BREAKING, RULES)
    ]
    return max(check.wait() for check in checks)


if __name__ == "__main__":
    sys.exit(main())
