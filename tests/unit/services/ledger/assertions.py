"""What a decision must look like when it refuses, and a statement always."""

from collections.abc import Iterable
from dataclasses import replace

from wallet.models import OperationStatus
from wallet.services.ledger import (
    WalletRecord,
)
from wallet.services.ledger.chain import chain_hash
from wallet.services.ledger.decide import Decision
from wallet.services.ledger.errors import RecordedRefusalError
from wallet.services.ledger.records import EntryRecord


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


def follow(wallet: WalletRecord, statement: Iterable[EntryRecord]) -> WalletRecord:
    """
    Walk along a statement that goes on from *wallet*; return the row that it leads to.

    Asserts of every line that its number, its balance and its hash follow from
    the one before it, and that it is not older.
    """
    for entry in statement:
        assert entry.wallet_id == wallet.id
        assert entry.held_after_minor is not None
        assert entry.created_at >= wallet.last_entry_at
        sequence, balance_minor = (
            wallet.last_sequence + 1,
            wallet.balance_minor + entry.amount_minor,
        )
        head_hash = chain_hash(
            wallet.head_hash,
            wallet_id=wallet.id,
            operation_id=entry.operation_id,
            sequence=sequence,
            amount_minor=entry.amount_minor,
            held_change_minor=entry.held_change_minor,
            balance_after_minor=balance_minor,
            held_after_minor=entry.held_after_minor,
            created_at=entry.created_at,
        )
        assert (entry.sequence, entry.balance_after_minor) == (sequence, balance_minor)
        assert entry.hash == head_hash
        wallet = replace(
            wallet,
            balance_minor=balance_minor,
            last_sequence=sequence,
            head_hash=head_hash,
            last_entry_at=entry.created_at,
        )
    return wallet
