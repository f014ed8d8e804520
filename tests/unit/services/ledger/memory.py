"""A ledger without a database: what one decision wrote is what the next one reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from tests.unit.services.ledger.samples import NOW
from wallet.core.errors import WalletError
from wallet.services.ledger import Outcome, WalletRecord
from wallet.services.ledger.decide import Decision, IdempotencyKey, decide
from wallet.services.ledger.records import (
    EntryRecord,
    KnownOperation,
    OperationRecord,
    QuoteRecord,
    Related,
    WalletLimits,
    Work,
)


@dataclass(slots=True)
class Memory:
    """
    Rows and keys as the tables would hold them, and all that was ever written.

    Attributes:
        limits: The most that may leave a wallet at once, and within a day.
        sides: By operation, the wallet that is the actor's side.
    """

    wallets: dict[UUID, WalletRecord]
    known: dict[IdempotencyKey, KnownOperation] = field(default_factory=dict)
    operations: list[OperationRecord] = field(default_factory=list)
    entries: list[EntryRecord] = field(default_factory=list)
    quotes: dict[UUID, QuoteRecord] = field(default_factory=dict)
    limits: dict[UUID, tuple[int | None, int | None]] = field(default_factory=dict)
    sides: dict[UUID, UUID] = field(default_factory=dict)

    @classmethod
    def of(cls, wallets: Iterable[WalletRecord]) -> "Memory":
        """Start with *wallets*, and nothing written yet."""
        return cls({wallet.id: wallet for wallet in wallets})

    def copy(self) -> "Memory":
        """Return a second ledger that stands where this one does."""
        return Memory(
            dict(self.wallets),
            dict(self.known),
            list(self.operations),
            list(self.entries),
            dict(self.quotes),
            dict(self.limits),
            dict(self.sides),
        )

    def decide(self, *works: Work, now: datetime = NOW) -> Decision:
        """Decide on a round, and write nothing."""
        related = self._read_related(works, now)
        return decide(self.wallets, self.known, works, now=now, related=related)

    def post(self, *works: Work, now: datetime = NOW) -> Decision:
        """Decide on a round, and keep what it writes."""
        decision = self.decide(*works, now=now)
        self.wallets |= decision.wallets
        for work in works:
            self.sides |= {posting.operation_id: posting.wallet_id for posting in work.postings}
        self.operations = [decision.changed.get(each.id, each) for each in self.operations]
        self.operations += decision.operations
        self.entries += decision.entries
        for key, known in self.known.items():
            if known.operation.id in decision.changed:
                self.known[key] = self._known_of(decision.changed[known.operation.id])
        for quote_id, operation_id in decision.used_quotes.items():
            self.quotes[quote_id] = replace(self.quotes[quote_id], operation_id=operation_id)
        for operation in decision.operations:
            if operation.idempotency_key is not None:
                self.known[operation.actor_id, operation.idempotency_key] = self._known_of(
                    operation
                )
        return decision

    def operation(self, operation_id: UUID) -> OperationRecord:
        """Return an operation as it is now."""
        return next(each for each in self.operations if each.id == operation_id)

    def _read_related(self, works: Iterable[Work], now: datetime) -> Related:
        """Read what the journal reads beside the wallets."""
        postings = [posting for work in works for posting in work.postings]
        wallet_ids = {wallet_id for work in works for wallet_id in work.wallet_ids}
        followed = {posting.parent_id or posting.carries_out_id for posting in postings}
        quoted = {posting.conversion.quote_id for posting in postings if posting.conversion}
        return Related(
            {
                each.id: each
                for each in self.operations
                if each.id in followed or (each.source_id in wallet_ids and each.is_over(now))
            },
            {id_: quote for id_, quote in self.quotes.items() if id_ in quoted},
            {id_: self._limits_of(id_, now) for id_ in self.limits.keys() & wallet_ids},
        )

    def _limits_of(self, wallet_id: UUID, now: datetime) -> WalletLimits:
        at_once, within_a_day = self.limits[wallet_id]
        outflows = [
            entry
            for entry in self.entries
            if entry.wallet_id == wallet_id
            and entry.amount_minor < 0
            and entry.created_at > now - timedelta(hours=24)
        ]
        return WalletLimits(
            outflow_max_minor=at_once,
            outflow_24h_max_minor=within_a_day,
            outflow_24h_minor=-sum(entry.amount_minor for entry in outflows),
        )

    def _known_of(self, operation: OperationRecord) -> KnownOperation:
        """Look an operation up as the journal does: with the entry of the actor's side."""
        # The details go through a jsonb column.
        operation = replace(
            operation, error_details=orjson.loads(orjson.dumps(operation.error_details))
        )
        for entry in self.entries:
            if (entry.operation_id, entry.wallet_id) == (operation.id, self.sides[operation.id]):
                return KnownOperation(operation, entry.balance_after_minor, entry.held_after_minor)
        assert operation.scheduled_for is not None, f"operation {operation.id} has no entry"
        return KnownOperation(operation, None, None)


def describe_error(error: WalletError | None) -> tuple[object, ...] | None:
    """Return all that an error says, for comparison: exceptions are equal to themselves only."""
    if error is None:
        return None
    said = {
        name: describe_error(value) if isinstance(value, WalletError) else value
        for name, value in vars(error).items()
    }
    return type(error), str(error), said


def describe(decision: Decision) -> dict[str, Any]:
    """Return all that a decision says, for comparison."""
    return {
        "wallets": decision.wallets,
        "operations": decision.operations,
        "entries": decision.entries,
        "changed": decision.changed,
        "used quotes": decision.used_quotes,
        "outcomes": [describe_outcome(outcome) for outcome in decision.outcomes],
    }


def describe_outcome(outcome: Outcome) -> tuple[object, ...]:
    """Return all that an outcome says, for comparison."""
    return (outcome.operation, outcome.wallet, outcome.replayed, describe_error(outcome.error))
