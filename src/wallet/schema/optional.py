"""Optional arguments and input fields."""

from typing import TypeVar

from strawberry import UNSET

T = TypeVar("T")


def given(value: T | None) -> T | None:
    """Return a value, with None for what the client left out."""
    return None if value is UNSET else value
