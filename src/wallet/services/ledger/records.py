"""
What the ledger takes, works on and gives back: plain records, no database and no clock.

All amounts are whole minor units of the wallet's currency.
"""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from wallet.core.errors import WalletError
from wallet.core.records import record
from wallet.models import OperationKind, OperationStatus, WalletStatus


@record
class Party:
    """One side of an operation: a holder's wallet. A system wallet is no party."""

    wallet_id: UUID
    currency: str
    owner_id: UUID
    owner_email: str


@record(kw_only=True)
class WalletRecord:
    """A holder's wallet as its row says; under the ledger's lock it is the truth."""

    id: UUID
    owner_id: UUID
    owner_email: str
    currency: str
    label: str | None
    status: WalletStatus
    balance_minor: int
    held_minor: int
    overdraft_minor: int
    last_sequence: int
    head_hash: bytes
    last_entry_at: datetime
    created_at: datetime

    @property
    def available_minor(self) -> int:
        """The holder's own money that no hold has reserved."""
        return self.balance_minor - self.held_minor

    @property
    def spendable_minor(self) -> int:
        """What may leave now: the available money and a granted overdraft."""
        return self.available_minor + self.overdraft_minor

    @property
    def party(self) -> Party:
        """This wallet as one side of an operation."""
        return Party(self.id, self.currency, self.owner_id, self.owner_email)

    def after(
        self, *, balance_minor: int, held_minor: int, head_hash: bytes, last_entry_at: datetime
    ) -> Self:
        """Return the row after one more entry; dataclasses.replace takes twice as long."""
        return type(self)(
            id=self.id,
            owner_id=self.owner_id,
            owner_email=self.owner_email,
            currency=self.currency,
            label=self.label,
            status=self.status,
            balance_minor=balance_minor,
            held_minor=held_minor,
            overdraft_minor=self.overdraft_minor,
            last_sequence=self.last_sequence + 1,
            head_hash=head_hash,
            last_entry_at=last_entry_at,
            created_at=self.created_at,
        )


@record
class Leg:
    """The signed change that a posting makes to one wallet."""

    wallet_id: UUID
    amount_minor: int
    is_system: bool = False


@record(kw_only=True)
class Posting:
    """
    An operation with its legs, handed to the ledger to be carried out.

    Attributes:
        operation_id: The operation's id, made by the caller; retries keep it.
        wallet_id: The actor's side: the wallet that the answer shows, and whose
            statement records a refusal.
        owner_id: Who must own that wallet; None when the actor's role is enough.
        legs: One per wallet, debits first; they add up to 0.
        request_hash: SHA-256 of the request, beside its idempotency key.
        metadata: JSON text.
    """

    operation_id: UUID
    kind: OperationKind
    actor_id: UUID
    wallet_id: UUID
    owner_id: UUID | None
    source_id: UUID | None
    target_id: UUID | None
    amount_minor: int
    currency: str
    legs: tuple[Leg, ...]
    idempotency_key: str | None = None
    request_hash: bytes | None = None
    description: str | None = None
    metadata: str | None = None

    @property
    def holder_legs(self) -> tuple[Leg, ...]:
        """The legs whose wallets are locked and kept in sequence."""
        return tuple(leg for leg in self.legs if not leg.is_system)

    @property
    def postings(self) -> tuple["Posting", ...]:
        """This posting alone, where others are batches."""
        return (self,)


@record
class AtomicBatch:
    """
    Postings that are carried out all or none, in their order; each sees those before it.

    What is refused of one refuses them all, and leaves no record.
    """

    postings: tuple[Posting, ...]


Work = Posting | AtomicBatch
"""What the ledger takes: a posting by itself, or several that stand and fall together."""


@record(kw_only=True)
class OperationRecord:
    """An operation as it was written down."""

    id: UUID
    kind: OperationKind
    status: OperationStatus
    actor_id: UUID
    source_id: UUID | None
    target_id: UUID | None
    source: Party | None
    target: Party | None
    amount_minor: int
    currency: str
    description: str | None
    metadata: str | None
    error_code: str | None
    error_details: dict[str, Any] | None
    idempotency_key: str | None
    request_hash: bytes | None
    created_at: datetime
    completed_at: datetime | None


@record(kw_only=True)
class EntryRecord:
    """One line of one wallet's statement. A system wallet's lines have no place in a sequence."""

    operation_id: UUID
    wallet_id: UUID
    amount_minor: int
    held_change_minor: int
    created_at: datetime
    sequence: int | None
    balance_after_minor: int | None
    held_after_minor: int | None
    hash: bytes | None


@record
class KnownOperation:
    """
    An operation that an idempotency key has led to before.

    The last two are the actor's side as it stood right after it.
    """

    operation: OperationRecord
    balance_after_minor: int
    held_after_minor: int


@record
class Outcome:
    """
    What became of a posting.

    Attributes:
        operation: What was written down; None when the posting was refused
            before it became an operation.
        wallet: The actor's side as it stands after the operation.
        error: Why it was refused; None when the money moved.
        replayed: Whether this is the answer to an earlier request, again.
    """

    operation: OperationRecord | None
    wallet: WalletRecord | None
    error: WalletError | None = None
    replayed: bool = False
