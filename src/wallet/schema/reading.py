"""What it takes to read a document that a process does not know: to parse, validate and plan it."""

import re

COST_PER_TOKEN = 10
"""In rows, as other costs are: the worst documents take 0.1 ms of an idle core for a token."""

_LENGTH_PER_TOKEN = 32
"""Long texts and gaps in a document are read sign by sign; of ordinary ones, ten are a token."""

_TOKEN = re.compile(r"\w+|[^\s\w,]")


def reading_cost(text: str) -> int:
    """Return what reading *text* costs, by about as many tokens as it has; in 1 µs for each."""
    tokens = len(_TOKEN.findall(text))
    return COST_PER_TOKEN * max(tokens, len(text) // _LENGTH_PER_TOKEN)
