"""How long and how large: the full run, and the quick one."""

from dataclasses import dataclass, replace

ROUNDS = 3
"""How often each comparison is made; the median counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    The sizes of a run.

    Attributes:
        name: Of the files in the folder of results.
        wallets, wallets_per_person: What the API is filled with.
        curve_clients: How many ask at once, point by point of the curves.
        batch_clients: Among these, the best number for batches is looked for.
        warm_up_seconds: How long everybody runs before anything is measured.
        curve_seconds, round_seconds, reading_seconds: How long one measurement takes.
        depth: How many lines lie before the deep page.
        growth_rounds: How often each request is measured at each size.
        growth: Wallets, and entries of the first of them, in each of three databases.
    """

    name: str
    wallets: int
    wallets_per_person: int
    curve_clients: tuple[int, ...]
    batch_clients: tuple[int, ...]
    warm_up_seconds: int
    curve_seconds: int
    round_seconds: int
    reading_seconds: int
    depth: int
    growth_rounds: int
    growth: tuple[tuple[int, int], ...]

    def lasting(self, seconds: int | None) -> "Plan":
        """Return this plan with measurements of *seconds* each; as it is when None."""
        if seconds is None:
            return self
        return replace(self, curve_seconds=seconds, round_seconds=seconds, reading_seconds=seconds)


FULL = Plan(
    name="latest",
    wallets=10_000,
    wallets_per_person=50,
    curve_clients=(1, 4, 16, 64, 256),
    batch_clients=(2, 4, 8, 16),
    warm_up_seconds=3,
    curve_seconds=4,
    round_seconds=8,
    reading_seconds=3,
    depth=1_000_000,
    growth_rounds=ROUNDS,
    growth=((100, 10_000), (1_000, 100_000), (10_000, 1_000_100)),
)

QUICK = Plan(
    name="quick",
    wallets=200,
    wallets_per_person=50,
    curve_clients=(4, 64),
    batch_clients=(8,),
    warm_up_seconds=1,
    curve_seconds=1,
    round_seconds=1,
    reading_seconds=1,
    depth=5_000,
    growth_rounds=1,
    growth=((5, 51), (50, 510), (500, 50_100)),
)
