"""Who pays whom: the three ways in which payers and payees are chosen."""

from bisect import bisect_left
from enum import StrEnum
from itertools import accumulate

ZIPF_EXPONENT = 1.001
"""As near to 1 as pgbench can."""

ZIPF_TABLE_LENGTH = 200_000


class Load(StrEnum):
    """How the two wallets of a transfer are chosen."""

    UNIFORM = "uniform"
    """Any two, each as likely as any other."""

    ZIPF = "zipf"
    """Few are in most of them: wallet n is n times rarer than wallet 1."""

    HOT = "hot"
    """Anybody pays wallet 1."""


def zipf_table(wallets: int, *, length: int = ZIPF_TABLE_LENGTH) -> list[int]:
    """
    Return *length* numbers of wallets, each as often as Zipf's law has it.

    A load generator that takes any of them draws from the distribution without
    any computation. It is read off at equal steps, not drawn, so it is the same
    in every run.
    """
    weights = list(accumulate(number**-ZIPF_EXPONENT for number in range(1, wallets + 1)))
    return [
        min(bisect_left(weights, (step + 0.5) / length * weights[-1]) + 1, wallets)
        for step in range(length)
    ]
