"""Real clients, as people use them, against a real server."""

import re
import shutil

from tests.support.node import CLIENTS, run_node
from tests.support.servers import ApiServer

RELAY_COMPILER = "node_modules/relay-compiler/cli.js"
CODEGEN = "node_modules/@graphql-codegen/cli/esm/bin.js"
TSC = "node_modules/typescript/bin/tsc"

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def find_any(source: str) -> list[str]:
    """Return the lines of TypeScript that say any, comments aside."""
    lines = _COMMENT.sub("", source).splitlines()
    return [line for line in lines if re.search(r"\bany\b", line)]


class TestClients:
    """The programs of tests/clients; each fails by itself."""

    async def test_apollo(self, server: ApiServer) -> None:
        """Apollo Client pages with relayStylePagination, and reads typed errors."""
        assert "8 lines in 3 pages" in await run_node("apollo.mjs", f"{server.url}/graphql")

    async def test_apollo_persisted(self, server: ApiServer) -> None:
        """Apollo Client sends the hash of a query, its text once, and then the hash alone."""
        assert "its hash" in await run_node("persisted.mjs", f"{server.url}/graphql")

    async def test_urql(self, server: ApiServer) -> None:
        """Pages by cursor; a mutation has its queries asked again."""
        assert "5 lines" in await run_node("urql.mjs", f"{server.url}/graphql")

    async def test_relay(self, server: ApiServer) -> None:
        """relay-compiler takes a connection that is refetched by id, and Relay pages it."""
        shutil.rmtree(CLIENTS / "relay" / "__generated__", ignore_errors=True)
        await run_node(RELAY_COMPILER, "relay/relay.config.json")

        assert "6 lines in 3 pages" in await run_node("relay/page.js", f"{server.url}/graphql")

    async def test_codegen(self, server: ApiServer) -> None:
        """The client preset's types hold a program, without a cast or an any, and it runs."""
        generated = CLIENTS / "codegen" / "generated"
        shutil.rmtree(generated, ignore_errors=True)
        await run_node(CODEGEN, "--config", "codegen/codegen.mjs")
        await run_node(TSC, "--project", "codegen/tsconfig.json")

        for file in (generated / "graphql.ts", CLIENTS / "codegen" / "program.ts"):
            assert find_any(file.read_text()) == []
        assert "The program ran." in await run_node("codegen/run.mjs", f"{server.url}/graphql")
