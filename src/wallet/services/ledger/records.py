"""
What the ledger takes, works on and gives back: plain records, no database and no clock.

All amounts are whole minor units of the wallet's currency.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
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
    """
    A holder's wallet as its row says; under the ledger's lock it is the truth.

    Attributes:
        frozen_until: When a freeze is over by itself; None while it has no end.
            Once it is over, the wallet is ACTIVE here, whatever its row says.
    """

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
    frozen_until: datetime | None = None

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
            frozen_until=self.frozen_until,
        )


@record
class Leg:
    """
    The signed change that a posting makes to one wallet.

    Attributes:
        amount_minor: Of its balance.
        held_change_minor: Of what is reserved in it.
    """

    wallet_id: UUID
    amount_minor: int
    is_system: bool = False
    held_change_minor: int = 0

    @property
    def available_change_minor(self) -> int:
        """How much more can be spent afterwards."""
        return self.amount_minor - self.held_change_minor


@record(kw_only=True)
class Conversion:
    """
    What the other side of a posting gets, in another currency.

    Attributes:
        rate: Units of *currency* for one unit of the posting's own.
        quote_id: The quote that fixes it; None where an operation before did.
    """

    amount_minor: int
    currency: str
    rate: Decimal
    quote_id: UUID | None = None


@record(kw_only=True)
class QuoteRecord:
    """A rate held for its maker, for one amount, to be used once."""

    id: UUID
    user_id: UUID
    amount_minor: int
    currency: str
    target_amount_minor: int
    target_currency: str
    rate: Decimal
    created_at: datetime
    expires_at: datetime
    operation_id: UUID | None


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
        conversion: What the target gets where its currency is another one.
        parent_id: The hold that is captured or voided, the transfer that is reversed.
            What such a posting moves depends on it: its legs only name the wallets,
            and their amounts are worked out under the lock.
        takes_rest: Whether a reversal gives back all that is left.
        expires_at: When a hold ends by itself; None is HOLD_TTL from now.
        scheduled_for: When a transfer is to be carried out, and not now.
        carries_out_id: The scheduled transfer that this posting carries out.
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
    conversion: Conversion | None = None
    parent_id: UUID | None = None
    takes_rest: bool = False
    expires_at: datetime | None = None
    scheduled_for: datetime | None = None
    carries_out_id: UUID | None = None

    @property
    def holder_legs(self) -> tuple[Leg, ...]:
        """The legs whose wallets are locked and kept in sequence."""
        return tuple(leg for leg in self.legs if not leg.is_system)

    @property
    def postings(self) -> tuple["Posting", ...]:
        """This posting alone, where others are batches."""
        return (self,)

    @property
    def wallet_ids(self) -> tuple[UUID, ...]:
        """The wallets that are locked for it, each once."""
        return tuple(dict.fromkeys(leg.wallet_id for leg in self.legs if not leg.is_system))


@record
class AtomicBatch:
    """
    Postings that are carried out all or none, in their order; each sees those before it.

    What is refused of one refuses them all, and leaves no record.
    """

    postings: tuple[Posting, ...]

    @property
    def wallet_ids(self) -> tuple[UUID, ...]:
        """The wallets that are locked for it, each once."""
        return tuple(dict.fromkeys(id_ for posting in self.postings for id_ in posting.wallet_ids))


@record
class Sweep:
    """A look at wallets for no other reason than to end their holds whose time is over."""

    wallet_ids: tuple[UUID, ...]

    @property
    def postings(self) -> tuple[Posting, ...]:
        """Nobody has asked for anything."""
        return ()


Work = Posting | AtomicBatch | Sweep
"""What the ledger takes: a posting by itself, several that stand and fall together, or a sweep."""


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
    conversion: Conversion | None = None
    parent_id: UUID | None = None
    expires_at: datetime | None = None
    scheduled_for: datetime | None = None
    returned_minor: int = 0

    def is_over(self, now: datetime) -> bool:
        """Tell whether it is a hold whose time is over, and nobody has put that on record."""
        return (
            self.kind is OperationKind.HOLD
            and self.status is OperationStatus.PENDING
            and self.expires_at is not None
            and self.expires_at <= now
        )

    @property
    def received_minor(self) -> int:
        """What the target got, in its own currency."""
        return self.conversion.amount_minor if self.conversion else self.amount_minor

    @property
    def received_currency(self) -> str:
        """The currency of what the target got."""
        return self.conversion.currency if self.conversion else self.currency


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

    The last two are the actor's side as it stood right after it; None while
    it has no entry there, as a transfer that is still to come.
    """

    operation: OperationRecord
    balance_after_minor: int | None
    held_after_minor: int | None


@record(kw_only=True)
class WalletLimits:
    """
    How much may leave a wallet, and how much has; minor units, None is no limit.

    Attributes:
        outflow_24h_minor: What left it in the 24 hours before the round, and in it.
        free_from: By how much has to be older than 24 hours first, when it is; only
            what was looked up for a refusal.
    """

    outflow_max_minor: int | None
    outflow_24h_max_minor: int | None
    outflow_24h_minor: int = 0
    free_from: Mapping[int, datetime] = field(default_factory=dict)


@record
class Related:
    """
    What postings refer to beside their wallets, as it stands under the lock.

    Attributes:
        operations: Holds, transfers that are reversed or carried out, and the holds on
            the wallets whose time is over; by id.
        limits: By wallet; one that is not here has none.
    """

    operations: Mapping[UUID, OperationRecord] = field(default_factory=dict)
    quotes: Mapping[UUID, QuoteRecord] = field(default_factory=dict)
    limits: Mapping[UUID, WalletLimits] = field(default_factory=dict)


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
