"""
Install what a lock file names, showing how far it is: `python install.py requirements/x.txt`.

Standard library only, and run as a file, since nothing is installed before it.
"""

import re
import subprocess
import sys
from pathlib import Path

_PIP = ("pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar=off")
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][^=]*==", re.MULTILINE)
_SETTLED = ("Collecting ", "Requirement already satisfied: ")


def main(lock: str) -> int:
    """Install every package of the file *lock*, each checked by its hash; return the exit code."""
    total = len(_REQUIREMENT.findall(Path(lock).read_text()))
    print(f"Installing {total} packages of {lock} …", flush=True)
    command = [sys.executable, "-m", *_PIP, "--no-deps", "--require-hashes", "-r", lock]
    said: list[str] = []
    settled = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            said.append(line.rstrip())
            settled += line.startswith(_SETTLED)
            _show(
                "writing them to disk"
                if line.startswith("Installing collected")
                else f"{min(settled, total)} of {total}"
            )
    _show("")
    if pip.returncode != 0:
        reasons = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
        reason = (reasons or said[-1:] or ["pip gave no reason"])[0]
        print(f"The packages of {lock} could not be installed: {reason}", file=sys.stderr)
        return 1
    return 0


def _show(progress: str) -> None:
    """Write *progress* over itself, where somebody is looking."""
    if sys.stdout.isatty():
        print(f"\r\033[K{'  ' if progress else ''}{progress}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
