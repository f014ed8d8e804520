"""Rows of imports, and who is told how one goes."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from tests.support.factories import Factory
from wallet.core.ids import to_global_id
from wallet.models.account import Role
from wallet.services.actors import Actor
from wallet.services.imports import Line, Refusal, Tally

Fields = dict[str, object]


def topup(wallet_id: UUID, amount: str, *, key: str | None = None, currency: str = "EUR") -> Fields:
    """Make the row of a top-up."""
    return {
        "kind": "topup",
        "wallet": to_global_id("Wallet", wallet_id),
        "amount": amount,
        "currency": currency,
        "key": key or uuid4().hex,
    }


def transfer(source_id: UUID, target_id: UUID, amount: str, *, key: str | None = None) -> Fields:
    """Make the row of a transfer in euro."""
    return {
        "kind": "transfer",
        "source": to_global_id("Wallet", source_id),
        "target": to_global_id("Wallet", target_id),
        "amount": amount,
        "currency": "EUR",
        "key": key or uuid4().hex,
    }


def relay(wallet_ids: Sequence[UUID], *, rows: int) -> list[Fields]:
    """
    Make rows that need their order: 1.00 comes into the first wallet and goes round.

    Each but the first takes what the one before it has brought.
    """
    passes = [
        transfer(
            wallet_ids[number % len(wallet_ids)], wallet_ids[(number + 1) % len(wallet_ids)], "1.00"
        )
        for number in range(rows - 1)
    ]
    return [topup(wallet_ids[0], "1.00"), *passes]


def lines_of(rows: Sequence[Fields]) -> Iterator[Line]:
    """Return rows as a file has them that begins with the first."""
    return (Line(number, dict(row)) for number, row in enumerate(rows, 1))


def ndjson(rows: Sequence[Fields]) -> str:
    """Write rows as NDJSON."""
    return "".join(json.dumps(row) + "\n" for row in rows)


async def create_operator(factory: Factory) -> Actor:
    """Make an actor who is an operator here; its account is none."""
    return replace(await factory.create_actor(), role=Role.OPERATOR)


@dataclass(slots=True)
class Witness:
    """Remembers what an import told."""

    refusals: list[Refusal] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    pauses: list[str] = field(default_factory=list)
    on_progress: Callable[[], object] = bool
    on_pause: Callable[[], object] = bool

    def show_refusal(self, refusal: Refusal) -> None:
        """Remember a refused row."""
        self.refusals.append(refusal)

    def show_progress(self, tally: Tally) -> None:
        """Remember how far it is."""
        self.tallies.append(replace(tally))
        self.on_progress()

    def show_pause(self, pause_s: float, reason: str) -> None:
        """Remember why it waits."""
        self.pauses.append(reason)
        self.on_pause()

    @property
    def refused(self) -> list[tuple[int, str, str]]:
        """Where and why rows were refused."""
        return [(refusal.line, refusal.code, refusal.field) for refusal in self.refusals]
