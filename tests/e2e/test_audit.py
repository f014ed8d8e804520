"""GraphQL over HTTP, as the authors of graphql-http audit a server: all of it."""

import json

from tests.support.node import run_node
from tests.support.servers import ApiServer

AUDITS = 61


class TestAudit:
    """What `make audit` runs."""

    async def test_everything_holds(self, server: ApiServer) -> None:
        """Every MUST, SHOULD and MAY."""
        results = json.loads(await run_node("audit.mjs", f"{server.url}/graphql"))

        failed = [result for result in results if result["status"] != "ok"]
        for result in failed:
            print(f"\n{result['status']}: {result['name']}: {result['reason']}")
        print(f"\n{len(results) - len(failed)} of {len(results)} audits hold.")
        assert failed == []
        assert len(results) == AUDITS
