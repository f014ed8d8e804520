"""What was used most recently, as much of it as there is room for."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """
    Values by their keys; what was not used for longest makes room for others.

    Args:
        items_max: How many are kept at most.
        bytes_max: How large they are together at most, by what they are said to be.
    """

    def __init__(self, *, items_max: int, bytes_max: int) -> None:
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._kept: OrderedDict[str, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def __contains__(self, key: str) -> bool:
        """Tell whether a value is kept; it is not used by that."""
        return key in self._kept

    def find(self, key: str) -> V | None:
        """Return a value, which is used by that; None when it is not kept."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: str, value: V, *, size: int) -> None:
        """Keep a value that takes *size* bytes, or as good as that, in place of an older one."""
        _, size_before = self._kept.pop(key, (None, 0))
        self._kept[key] = (value, size)
        self._bytes += size - size_before
        while len(self._kept) > self._items_max or self._bytes > self._bytes_max:
            _, (_, size_of_oldest) = self._kept.popitem(last=False)
            self._bytes -= size_of_oldest
