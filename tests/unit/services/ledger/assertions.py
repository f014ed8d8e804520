"""What a decision must look like when it refuses."""

from dataclasses import replace

from wallet.models import OperationStatus
from wallet.services.ledger import (
    WalletRecord,
)
from wallet.services.ledger.decide import Decision
from wallet.services.ledger.errors import RecordedRefusalError


def assert_nothing_written(decision: Decision) -> None:
    """Assert that a round leaves no trace."""
    assert decision.operations == []
    assert decision.entries == []
    assert decision.wallets == {}


def assert_refused_unrecorded(
    decision: Decision, error: type[Exception], **attributes: object
) -> None:
    """Assert that the only posting was refused before it became an operation."""
    assert_nothing_written(decision)
    (outcome,) = decision.outcomes
    assert type(outcome.error) is error
    assert vars(outcome.error).items() >= attributes.items()
    assert (outcome.operation, outcome.wallet, outcome.replayed) == (None, None, False)


def assert_recorded_failure(
    decision: Decision,
    error: type[RecordedRefusalError],
    *,
    on: WalletRecord,
    **attributes: object,
) -> None:
    """Assert one FAILED operation, with one 0 entry: on the actor's side *on*."""
    (outcome,), (operation,), (entry,) = decision.outcomes, decision.operations, decision.entries
    assert type(outcome.error) is error
    assert vars(outcome.error).items() >= {**attributes, "operation": operation}.items()
    assert operation.status is OperationStatus.FAILED
    assert operation.error_code == error.code
    assert outcome.operation == operation
    assert (entry.operation_id, entry.wallet_id) == (operation.id, on.id)
    assert (entry.amount_minor, entry.held_change_minor) == (0, 0)
    assert (entry.balance_after_minor, entry.held_after_minor) == (on.balance_minor, on.held_minor)
    assert entry.sequence == on.last_sequence + 1
    assert set(decision.wallets) == {on.id}
    assert outcome.wallet == decision.wallets[on.id]
    assert entry.hash is not None
    assert outcome.wallet == replace(
        on, last_sequence=entry.sequence, head_hash=entry.hash, last_entry_at=entry.created_at
    )
