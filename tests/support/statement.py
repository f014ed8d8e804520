"""A naive statement: all lines in a list, and pages cut out of it with scissors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PAGE_LENGTH_DEFAULT = 20

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the statement, as the test knows it."""

    sequence: int
    kind: str
    status: str
    created_at: datetime
    cursor: str = ""

    def matches(self, where: Mapping[str, Any]) -> bool:
        """Tell whether all conditions hold."""
        return (
            ("kinds" not in where or self.kind in where["kinds"])
            and ("statuses" not in where or self.status in where["statuses"])
            and ("from" not in where or self.created_at >= datetime.fromisoformat(where["from"]))
            and ("until" not in where or self.created_at < datetime.fromisoformat(where["until"]))
        )


def expected_page(
    newest_first: Sequence[Line], arguments: Arguments, where: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the page as a reader with scissors would cut it out of the whole list."""
    sequences = {line.cursor: line.sequence for line in newest_first}
    after = sequences[arguments["after"]] if "after" in arguments else None
    before = sequences[arguments["before"]] if "before" in arguments else None
    matching = [line for line in newest_first if line.matches(where)]
    page = [
        line
        for line in matching
        if (after is None or line.sequence < after) and (before is None or line.sequence > before)
    ]
    if "last" in arguments:
        page = page[-arguments["last"] :]
    else:
        page = page[: arguments.get("first", PAGE_LENGTH_DEFAULT)]
    if page:
        newer, older = page[0].sequence + 1, page[-1].sequence - 1
    else:
        # What lies at the ends of the range or beyond them.
        newer, older = (10**9 if after is None else after), (0 if before is None else before)
    return {
        "sequences": [line.sequence for line in page],
        "hasPreviousPage": any(line.sequence >= newer for line in matching),
        "hasNextPage": any(line.sequence <= older for line in matching),
        "startCursor": page[0].cursor if page else None,
        "endCursor": page[-1].cursor if page else None,
        "totalCount": len(matching),
    }


def shown_page(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the server answered in the same form."""
    return {
        "sequences": [edge["sequence"] for edge in page["edges"]],
        **page["pageInfo"],
        "totalCount": page["totalCount"],
    }
