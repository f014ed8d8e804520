"""
The book of one round: rows, keys and operations as they stand between two postings.

What is decided is written down here, and taken back where a batch is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from wallet.core.errors import WalletError
from wallet.core.ids import expiry_id
from wallet.models import OperationKind, OperationStatus
from wallet.services.ledger.chain import chain_hash
from wallet.services.ledger.errors import RecordedRefusalError
from wallet.services.ledger.failures import details_of, failure_of
from wallet.services.ledger.records import (
    EntryRecord,
    KnownOperation,
    Leg,
    OperationRecord,
    Outcome,
    Posting,
    QuoteRecord,
    Related,
    WalletLimits,
    WalletRecord,
)

IdempotencyKey = tuple[UUID, str]
"""An idempotency key belongs to its actor."""


@dataclass(slots=True)
class Decision:
    """
    What to write, and what to answer.

    Attributes:
        wallets: The rows that changed, as they are to be.
        changed: Operations of earlier rounds, as they are to be.
        used_quotes: By quote, the operation that it was used for.
        waits: Wallets whose limit refused something, and how much would have to be older
            than 24 hours first. When that is so, nobody has looked up yet.
        outcomes: One per posting, in their order; those of a rejected batch all
            carry the same BatchRejectedError.
    """

    wallets: dict[UUID, WalletRecord] = field(default_factory=dict)
    operations: list[OperationRecord] = field(default_factory=list)
    changed: dict[UUID, OperationRecord] = field(default_factory=dict)
    used_quotes: dict[UUID, UUID] = field(default_factory=dict)
    entries: list[EntryRecord] = field(default_factory=list)
    waits: set[tuple[UUID, int]] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mark:
    """How a book stood at one moment, and how much was to be written."""

    wallets: dict[UUID, WalletRecord]
    known: dict[IdempotencyKey, KnownOperation]
    related: dict[UUID, OperationRecord]
    limits: dict[UUID, WalletLimits]
    changed_wallets: dict[UUID, WalletRecord]
    changed: dict[UUID, OperationRecord]
    used_quotes: dict[UUID, UUID]
    operations: int
    entries: int


class Book:
    """The rows and keys as they stand between two postings of a round."""

    def __init__(
        self,
        wallets: Mapping[UUID, WalletRecord],
        known: Mapping[IdempotencyKey, KnownOperation],
        related: Related,
        now: datetime,
    ) -> None:
        self.wallets = dict(wallets)
        self.known = dict(known)
        self.related = dict(related.operations)
        self.quotes: Mapping[UUID, QuoteRecord] = related.quotes
        self.limits = dict(related.limits)
        self.now = now
        self.decision = Decision()

    def mark(self) -> Mark:
        """Remember how things stand before a batch."""
        decision = self.decision
        return Mark(
            dict(self.wallets),
            dict(self.known),
            dict(self.related),
            dict(self.limits),
            dict(decision.wallets),
            dict(decision.changed),
            dict(decision.used_quotes),
            len(decision.operations),
            len(decision.entries),
        )

    def return_to(self, mark: Mark) -> None:
        """Take back all that was decided since *mark*."""
        decision = self.decision
        self.wallets, self.known, self.related = mark.wallets, mark.known, mark.related
        self.limits = mark.limits
        decision.wallets, decision.changed = mark.changed_wallets, mark.changed
        decision.used_quotes = mark.used_quotes
        del decision.operations[mark.operations :]
        del decision.entries[mark.entries :]

    def wallets_of(self, posting: Posting) -> list[WalletRecord]:
        """Return the holders' wallets of a posting, as they stand now."""
        return [self.wallets[leg.wallet_id] for leg in posting.holder_legs]

    def parent_of(self, posting: Posting) -> OperationRecord:
        """Return the operation that a posting follows, as it stands now."""
        parent_id = posting.parent_id or posting.carries_out_id
        if parent_id is None or parent_id not in self.related:
            raise AssertionError(f"operation {posting.operation_id} follows none that was read")
        return self.related[parent_id]

    # -- what is written -------------------------------------------------------------------

    def complete(self, posting: Posting) -> Outcome:
        """Write a posting down that nothing stands in the way of."""
        is_scheduled = posting.scheduled_for is not None
        legs = () if is_scheduled else posting.legs
        at = self._instant_of(legs or posting.legs)
        is_pending = is_scheduled or posting.kind is OperationKind.HOLD
        status = OperationStatus.PENDING if is_pending else OperationStatus.COMPLETED
        operation = self._write_operation(posting, at=at, status=status)
        for leg in legs:
            self._write_entry(operation, leg, at=at)
            self._count_outflow(leg)
        self._change_parent(posting, at=at)
        if posting.conversion and posting.conversion.quote_id:
            self.decision.used_quotes[posting.conversion.quote_id] = operation.id
        return self._remember(posting, operation, failure=None)

    def record_failure(self, posting: Posting, failure: RecordedRefusalError) -> Outcome:
        """Write a refusal down, with a line on the statement of the actor's side."""
        leg = Leg(posting.wallet_id, 0)
        at = self._instant_of((leg,))
        operation = self._write_operation(
            posting, at=at, status=OperationStatus.FAILED, failure=failure
        )
        self._write_entry(operation, leg, at=at)
        return self._remember(posting, operation, failure=failure_of(operation))

    def end_hold(self, hold: OperationRecord) -> None:
        """Give back what a hold has reserved whose time is over; nobody had to ask for it."""
        if hold.source_id is None:
            raise AssertionError(f"hold {hold.id} has no source")
        leg = Leg(hold.source_id, 0, held_change_minor=-hold.amount_minor)
        at = self._instant_of((leg,))
        ending = replace(
            hold,
            id=expiry_id(hold.id),
            kind=OperationKind.VOID,
            status=OperationStatus.COMPLETED,
            parent_id=hold.id,
            description=None,
            metadata=None,
            idempotency_key=None,
            request_hash=None,
            expires_at=None,
            created_at=at,
            completed_at=at,
        )
        self.decision.operations.append(ending)
        self._write_entry(ending, leg, at=at)
        # It was over at its time, whenever this is put on record.
        self._change(replace(hold, status=OperationStatus.EXPIRED, completed_at=hold.expires_at))

    def _instant_of(self, legs: Iterable[Leg]) -> datetime:
        latest = (self.wallets[leg.wallet_id].last_entry_at for leg in legs if not leg.is_system)
        return max(self.now, *latest)

    def _write_operation(
        self,
        posting: Posting,
        *,
        at: datetime,
        status: OperationStatus,
        failure: RecordedRefusalError | None = None,
    ) -> OperationRecord:
        completed_at = None if status is OperationStatus.PENDING else at
        error_code = failure.code.value if failure else None
        error_details = details_of(failure) if failure else None
        if posting.carries_out_id is not None:
            operation = replace(
                self.parent_of(posting),
                status=status,
                error_code=error_code,
                error_details=error_details,
                completed_at=completed_at,
            )
            self._change(operation)
            return operation
        source = self.wallets.get(posting.source_id) if posting.source_id else None
        target = self.wallets.get(posting.target_id) if posting.target_id else None
        operation = OperationRecord(
            id=posting.operation_id,
            kind=posting.kind,
            status=status,
            actor_id=posting.actor_id,
            source_id=posting.source_id,
            target_id=posting.target_id,
            source=source.party if source else None,
            target=target.party if target else None,
            amount_minor=posting.amount_minor,
            currency=posting.currency,
            description=posting.description,
            metadata=posting.metadata,
            error_code=error_code,
            error_details=error_details,
            idempotency_key=posting.idempotency_key,
            request_hash=posting.request_hash,
            created_at=at,
            completed_at=completed_at,
            conversion=posting.conversion,
            parent_id=posting.parent_id,
            expires_at=posting.expires_at,
            scheduled_for=posting.scheduled_for,
        )
        self.decision.operations.append(operation)
        return operation

    def _change(self, operation: OperationRecord) -> None:
        """Let an operation of an earlier round be as it is from now on."""
        self.related[operation.id] = self.decision.changed[operation.id] = operation

    def _change_parent(self, posting: Posting, *, at: datetime) -> None:
        """Carry over to a hold, or to a transfer, what a posting did to it."""
        if posting.parent_id is None:
            return
        parent = self.parent_of(posting)
        match posting.kind:
            case OperationKind.CAPTURE:
                status = OperationStatus.COMPLETED
                self._change(replace(parent, status=status, completed_at=at))
            case OperationKind.VOID:
                status = OperationStatus.CANCELLED
                self._change(replace(parent, status=status, completed_at=at))
            case _:
                returned_minor = parent.returned_minor + posting.amount_minor
                is_whole = returned_minor == parent.received_minor
                status = OperationStatus.REVERSED if is_whole else parent.status
                self._change(replace(parent, status=status, returned_minor=returned_minor))

    def _count_outflow(self, leg: Leg) -> None:
        limits = self.limits.get(leg.wallet_id)
        if limits is not None and leg.amount_minor < 0:
            self.limits[leg.wallet_id] = replace(
                limits, outflow_24h_minor=limits.outflow_24h_minor - leg.amount_minor
            )

    def _write_entry(self, operation: OperationRecord, leg: Leg, *, at: datetime) -> None:
        if leg.is_system:
            self.decision.entries.append(_system_entry(operation, leg, at=at))
            return
        before = self.wallets[leg.wallet_id]
        sequence = before.last_sequence + 1
        balance_minor = before.balance_minor + leg.amount_minor
        held_minor = before.held_minor + leg.held_change_minor
        entry_hash = chain_hash(
            before.head_hash,
            wallet_id=before.id,
            operation_id=operation.id,
            sequence=sequence,
            amount_minor=leg.amount_minor,
            held_change_minor=leg.held_change_minor,
            balance_after_minor=balance_minor,
            held_after_minor=held_minor,
            created_at=at,
        )
        self.decision.entries.append(
            EntryRecord(
                operation_id=operation.id,
                wallet_id=before.id,
                amount_minor=leg.amount_minor,
                held_change_minor=leg.held_change_minor,
                created_at=at,
                sequence=sequence,
                balance_after_minor=balance_minor,
                held_after_minor=held_minor,
                hash=entry_hash,
            )
        )
        after = before.after(
            balance_minor=balance_minor,
            held_minor=held_minor,
            head_hash=entry_hash,
            last_entry_at=at,
        )
        self.wallets[before.id] = self.decision.wallets[before.id] = after

    def _remember(
        self, posting: Posting, operation: OperationRecord, *, failure: WalletError | None
    ) -> Outcome:
        wallet = self.wallets[posting.wallet_id]
        if operation.idempotency_key is not None:
            self.known[operation.actor_id, operation.idempotency_key] = KnownOperation(
                operation, wallet.balance_minor, wallet.held_minor
            )
        return Outcome(operation=operation, wallet=wallet, error=failure)


def _system_entry(operation: OperationRecord, leg: Leg, *, at: datetime) -> EntryRecord:
    """Return a line of a system wallet: it has no place in a sequence, and no running balance."""
    return EntryRecord(
        operation_id=operation.id,
        wallet_id=leg.wallet_id,
        amount_minor=leg.amount_minor,
        held_change_minor=0,
        created_at=at,
        sequence=None,
        balance_after_minor=None,
        held_after_minor=None,
        hash=None,
    )
