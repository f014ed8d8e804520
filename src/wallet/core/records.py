"""
Records: values that nobody changes once they are made.

``dataclass(frozen=True)`` sets each field through ``object.__setattr__``: one
of 13 fields took 10.9 µs to make, and 6.0 without; a transfer makes a hundred
fields. So that nobody changes one is left to the type checker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True)
def record(
    cls: type[T] | None = None, /, *, kw_only: bool = False
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class a dataclass with slots that the type checker takes for frozen."""

    def decorate(cls: type[T]) -> type[T]:
        return dataclass(slots=True, kw_only=kw_only)(cls)

    return decorate if cls is None else decorate(cls)
