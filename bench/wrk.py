"""wrk: many clients over HTTP, each of whose answers is checked by load.lua."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from bench.crowd import Crowd
from bench.errors import BenchError, WrongAnswerError
from bench.loads import zipf_table
from bench.measurements import Measurement
from bench.programs import find_wrk, run_program

_SCRIPT = Path(__file__).with_name("load.lua")
_DOCUMENTS = Path(__file__).with_name("documents")
_ANSWER_WAIT_S = 60
_ERRORS = ("connect_errors", "read_errors", "write_errors", "status_errors", "timeouts")


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    What is asked.

    Attributes:
        name: Of the scenario in load.lua, and of its document.
        options: For load.lua.
        size: How many transfers one request carries; each counts.
    """

    name: str
    options: dict[str, str]
    size: int = 1


class Wrk:
    """
    Drives load at one API on behalf of a crowd.

    Args:
        folder: Where the files for load.lua may lie.
        secret_key: What the servers check tokens with.
    """

    def __init__(self, crowd: Crowd, *, folder: Path, secret_key: str) -> None:
        self._program = find_wrk()
        self._crowd = crowd
        self._secret_key = secret_key
        name = secrets.token_hex(4)
        self._crowd_file = folder / f"crowd-{name}"
        self._zipf_file = folder / f"zipf-{name}"
        self._zipf_file.write_text("\n".join(map(str, zipf_table(len(crowd.purses)))) + "\n")

    def run(
        self, url: str, scenario: Scenario, *, clients: int, seconds: int, run: str = ""
    ) -> Measurement:
        """
        Have *clients* ask for *seconds*, each anew as soon as it is answered.

        Args:
            run: What all idempotency keys begin with: new for each run that moves money.

        Raises:
            WrongAnswerError: An answer was wrong, or did not come in a minute.
        """
        self._crowd.write(self._crowd_file, secret_key=self._secret_key)
        options = {
            **scenario.options,
            "scenario": scenario.name,
            "document": str(_DOCUMENTS / f"{scenario.name}.graphql"),
            "crowd": str(self._crowd_file),
            "zipf": str(self._zipf_file),
            "size": str(scenario.size),
            "clients": str(clients),
            "run": run,
        }
        command: list[str | Path] = [
            self._program,
            "-s",
            _SCRIPT,
            "--timeout",
            f"{_ANSWER_WAIT_S}s",
        ]
        # One thread, so that the cores are left to the servers.
        command += ["-t", "1", "-c", str(clients), "-d", f"{seconds}s", f"{url}/graphql", "--"]
        command += [f"{name}={value}" for name, value in options.items()]
        output = run_program(command, wait_s=seconds + _ANSWER_WAIT_S)
        return read_output(output, clients=clients, size=scenario.size, port=urlsplit(url).port)


def read_output(output: str, *, clients: int, size: int, port: int | None) -> Measurement:
    """
    Read what wrk printed; the last line is load.lua's.

    Raises:
        WrongAnswerError: An answer was wrong, or did not come in a minute.
        BenchError: There is no such line.
    """
    try:
        found = orjson.loads(output.strip().rpartition("\n")[2])
    except orjson.JSONDecodeError:
        raise BenchError(f"wrk said nothing of its answers: {output.strip()[-500:]}") from None
    where = f"With {clients} clients on port {port}"
    if found["wrong"]:
        raise WrongAnswerError(
            f"{where}, {found['wrong']} of {found['answers']} answers were wrong; "
            f"the first: {found['first_wrong']}"
        )
    problems = [f"{found[name]} {name.replace('_', ' ')}" for name in _ERRORS if found[name]]
    if problems:
        raise WrongAnswerError(f"{where}: {', '.join(problems)}.")
    return Measurement(
        clients=clients,
        count=found["answers"] * size,
        seconds=found["duration_us"] / 1e6,
        p50_ms=found["p50_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
    )
