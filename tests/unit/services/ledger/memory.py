"""A ledger without a database: what one decision wrote is what the next one reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from tests.unit.services.ledger.samples import NOW
from wallet.core.errors import WalletError
from wallet.services.ledger import Outcome, WalletRecord
from wallet.services.ledger.decide import Decision, IdempotencyKey, decide
from wallet.services.ledger.records import EntryRecord, KnownOperation, OperationRecord, Work


@dataclass(slots=True)
class Memory:
    """Rows and keys as the tables would hold them, and all that was ever written."""

    wallets: dict[UUID, WalletRecord]
    known: dict[IdempotencyKey, KnownOperation] = field(default_factory=dict)
    operations: list[OperationRecord] = field(default_factory=list)
    entries: list[EntryRecord] = field(default_factory=list)

    @classmethod
    def of(cls, wallets: Iterable[WalletRecord]) -> "Memory":
        """Start with *wallets*, and nothing written yet."""
        return cls({wallet.id: wallet for wallet in wallets})

    def copy(self) -> "Memory":
        """Return a second ledger that stands where this one does."""
        return Memory(
            dict(self.wallets), dict(self.known), list(self.operations), list(self.entries)
        )

    def decide(self, *works: Work, now: datetime = NOW) -> Decision:
        """Decide on a round, and write nothing."""
        return decide(self.wallets, self.known, works, now=now)

    def post(self, *works: Work, now: datetime = NOW) -> Decision:
        """Decide on a round, and keep what it writes."""
        decision = self.decide(*works, now=now)
        self.wallets |= decision.wallets
        self.operations += decision.operations
        self.entries += decision.entries
        actors_side = {
            posting.operation_id: posting.wallet_id for work in works for posting in work.postings
        }
        for operation in decision.operations:
            if operation.idempotency_key is not None:
                self.known[operation.actor_id, operation.idempotency_key] = self._known_of(
                    operation, actors_side[operation.id]
                )
        return decision

    def _known_of(self, operation: OperationRecord, wallet_id: UUID) -> KnownOperation:
        """Look an operation up as the journal does: with the entry of the actor's side."""
        for entry in self.entries:
            if (entry.operation_id, entry.wallet_id) == (operation.id, wallet_id):
                assert entry.balance_after_minor is not None
                assert entry.held_after_minor is not None
                return KnownOperation(
                    # The details go through a jsonb column.
                    replace(
                        operation, error_details=orjson.loads(orjson.dumps(operation.error_details))
                    ),
                    entry.balance_after_minor,
                    entry.held_after_minor,
                )
        raise AssertionError(f"operation {operation.id} has no entry of the actor's side")


def describe_error(error: WalletError | None) -> tuple[object, ...] | None:
    """Return all that an error says, for comparison: exceptions are equal to themselves only."""
    return None if error is None else (type(error), str(error), vars(error))


def describe(decision: Decision) -> dict[str, Any]:
    """Return all that a decision says, for comparison."""
    return {
        "wallets": decision.wallets,
        "operations": decision.operations,
        "entries": decision.entries,
        "outcomes": [describe_outcome(outcome) for outcome in decision.outcomes],
    }


def describe_outcome(outcome: Outcome) -> tuple[object, ...]:
    """Return all that an outcome says, for comparison."""
    return (outcome.operation, outcome.wallet, outcome.replayed, describe_error(outcome.error))
