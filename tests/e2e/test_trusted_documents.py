"""With TRUSTED_DOCUMENTS, the documents of a manifest run, and nothing else."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support.api import Api

WHO = "query Who { viewer { id } }"
WHO_ID = hashlib.sha256(WHO.encode()).hexdigest()
BATCH = "query Many($n: Int) { viewer { wallets(first: $n) { totalCount } } }"

BY_ID = {WHO_ID: WHO, "many": BATCH}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": WHO_ID, "name": "Who", "type": "query", "body": WHO},
        {"id": "many", "name": "Many", "type": "query", "body": BATCH},
    ],
}


@pytest.fixture(params=[BY_ID, APOLLO], ids=["graphql-codegen and relay", "apollo"])
def trusting(
    request: pytest.FixtureRequest, api: Api, start_server: StartServer, tmp_path: Path
) -> Api:
    """A client of a server with a manifest."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(request.param))
    return Api(start_server(TRUSTED_DOCUMENTS=str(manifest)).url, client=api.client)


class TestTrustedDocuments:
    """TRUSTED_DOCUMENTS."""

    async def test_only_they_run(self, trusting: Api) -> None:
        """By each of the names that clients use, or to the letter; not even introspection."""
        for body in (
            {"documentId": WHO_ID},
            {"documentId": f"sha256:{WHO_ID}"},
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": WHO_ID}}},
            {"doc_id": WHO_ID},
            {"id": WHO_ID},
            {"query": WHO},
        ):
            answer = (await trusting.send(body)).json()
            assert answer["data"] == {"viewer": None}, body
        many = (await trusting.send({"id": "many", "variables": {"n": 7}})).json()
        assert many["extensions"]["cost"]["requested"] == 1 + 10 + 7

        for document in ("{ __typename }", "{ __schema { types { name } } }", f"{WHO} ", "{"):
            answer = (await trusting.send({"query": document})).json()
            assert answer["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
            assert answer.get("data") is None
        unknown = (await trusting.send({"query": WHO, "documentId": "0" * 64})).json()
        assert unknown["errors"][0]["message"] == "PersistedQueryNotFound"
        page = await trusting.client.get(f"{trusting.url}/graphql", headers={"Accept": "text/html"})
        assert page.status_code == 404
        assert "only trusted documents" in page.text

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("{", "cannot be read"),
            ("{}", "has no documents"),
            ("[]", "documents by id"),
            ('{"a": 1}', "documents by id"),
            ('{"broken": "{"}', "broken"),
            ('{"wrong": "{ nothing }"}', "wrong is not valid"),
            ('{"part": "fragment A on Query { __typename }"}', "part"),
            (json.dumps({"deep": "{ a" * 30 + " }" * 30}), "deep"),
        ],
    )
    def test_bad_manifest_stops_the_start(self, content: str, said: str, tmp_path: Path) -> None:
        """One sentence names the document; nothing is served."""
        manifest = tmp_path / "manifest.json"
        manifest.write_text(content)

        ended = subprocess.run(
            [sys.executable, "-m", "wallet", "serve"],
            env={"TRUSTED_DOCUMENTS": str(manifest), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert ended.returncode == 1
        assert said in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1
