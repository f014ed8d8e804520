"""How long machines try, and what they tell of what they have found."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings

LONG_PROFILE = "thorough"

_SHOWN_MAX = 5


def sized(*, short: int, long: int) -> settings:
    """
    Return settings with so many examples in an ordinary run, and so many in ``make fuzz``.

    They are for what is sent to a server, and are the same in each ordinary run. None is
    sent again to be made smaller, since what a server answers depends on what it was sent
    before: each is written down as it was.
    """
    is_long = settings.get_current_profile_name() == LONG_PROFILE
    return settings(
        max_examples=long if is_long else short,
        derandomize=not is_long,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@dataclass(slots=True)
class Findings:
    """What is wrong, each with what has to be sent to see it."""

    found: list[str] = field(default_factory=list)

    def add(self, problem: str, replay: str) -> None:
        """Note one."""
        self.found.append(f"{problem}\n{replay}")

    def assert_none(self) -> None:
        """Fail with the first of them, and with how many there are."""
        shown = "\n\n".join(self.found[:_SHOWN_MAX])
        assert not self.found, f"{len(self.found)} found:\n\n{shown}"


def as_curl(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Write a request by POST as a command that sends it again."""
    words = ["curl", "-s", url]
    for name, value in {"Content-Type": "application/json", **headers}.items():
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, "--data-binary", json.dumps(body)])
