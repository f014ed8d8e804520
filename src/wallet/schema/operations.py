"""Operations, their parties, and the operation report."""

from datetime import datetime
from typing import Self
from uuid import UUID

import orjson
import strawberry
from strawberry.scalars import JSON

from wallet.core.ids import to_global_id
from wallet.core.money import format_rate
from wallet.schema.nodes import ErrorCode, Money, Node, OperationKind, OperationStatus
from wallet.schema.optional import given
from wallet.schema.paging import PageArguments, PageInfo, to_cursor
from wallet.schema.scalars import CurrencyCode, DecimalText
from wallet.services import statements
from wallet.services.ledger import OperationRecord, WalletRecord
from wallet.services.ledger import Party as PartyRecord
from wallet.services.turns import turn_of


def mask_email(email: str) -> str:
    """Hide an address from the other side of an operation: a•••@example.com."""
    local, _, domain = email.partition("@")
    return f"{local[:1]}•••@{domain}"


@strawberry.type(description="One side of an operation, as much of it as the other side may see.")
class Party:
    """A holder's wallet, its holder masked."""

    wallet_id: strawberry.ID = strawberry.field(description="The wallet on this side.")
    currency: CurrencyCode = strawberry.field(description="The wallet's currency.")
    holder: str = strawberry.field(
        description=(
            "Masked: a•••@example.com, unless it is the viewer's own, or an operator looks it up."
        )
    )

    @classmethod
    def of(
        cls, party: PartyRecord | None, viewer_id: UUID, *, looked_up: bool = False
    ) -> Self | None:
        """Show *party* to a viewer, or an operator who looks it up; None for a system wallet."""
        if party is None:
            return None
        own = looked_up or party.owner_id == viewer_id
        return cls(
            wallet_id=strawberry.ID(to_global_id("Wallet", party.wallet_id)),
            currency=CurrencyCode(party.currency),
            holder=party.owner_email if own else mask_email(party.owner_email),
        )


@strawberry.type(
    description=(
        "What a conversion did: amount × rate = converted, rounded half-even to the target's "  # noqa: RUF001
        "minor unit."
    )
)
class Exchange:
    """A conversion, from its source to its target."""

    rate: DecimalText = strawberry.field(description="Units of the target's currency for one.")
    amount: Money = strawberry.field(description="What the source gave.")
    converted: Money = strawberry.field(description="What the target got.")

    @classmethod
    def of(cls, record: OperationRecord) -> Self | None:
        """Show the conversion of an operation; None where there was none."""
        if record.conversion is None:
            return None
        return cls(
            rate=DecimalText(format_rate(record.conversion.rate)),
            amount=Money.of(record.amount_minor, record.currency),
            converted=Money.of(record.received_minor, record.received_currency),
        )


@strawberry.type(description="Something that a person asked for, and what became of it.")
class Operation(Node):
    """An operation, as one of its parties sees it."""

    kind: OperationKind = strawberry.field(description="What was asked for.")
    status: OperationStatus = strawberry.field(description="What became of it.")
    amount: Money = strawberry.field(description="How much was asked for; never negative.")
    source: Party | None = strawberry.field(
        description="Where the money comes from; null when from outside."
    )
    target: Party | None = strawberry.field(description="Where the money goes; null when outside.")
    description: str | None = strawberry.field(description="What the actor wrote beside it.")
    metadata: JSON | None = strawberry.field(description="What the actor's program put beside it.")
    error_code: ErrorCode | None = strawberry.field(description="Why it FAILED.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    completed_at: datetime | None = strawberry.field(
        description="When it was completed, or refused; null while PENDING."
    )
    exchange: Exchange | None = strawberry.field(
        description="How it was converted; null where both sides have one currency."
    )
    returned: Money = strawberry.field(
        description="How much of what the target got was given back."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        description="The operation that this one captures, voids, cancels or gives back."
    )
    expires_at: datetime | None = strawberry.field(description="When a hold ends by itself.")
    scheduled_for: datetime | None = strawberry.field(
        description="When a transfer that was scheduled is carried out."
    )

    @classmethod
    def of(cls, record: OperationRecord, viewer_id: UUID, *, looked_up: bool = False) -> Self:
        """Show *record* to a viewer, or to an operator who looks it up."""
        return cls(
            id=strawberry.ID(to_global_id("Operation", record.id)),
            kind=record.kind,
            status=record.status,
            amount=Money.of(record.amount_minor, record.currency),
            source=Party.of(record.source, viewer_id, looked_up=looked_up),
            target=Party.of(record.target, viewer_id, looked_up=looked_up),
            description=record.description,
            metadata=orjson.loads(record.metadata) if record.metadata else None,
            error_code=ErrorCode(record.error_code) if record.error_code else None,
            created_at=record.created_at,
            completed_at=record.completed_at,
            exchange=Exchange.of(record),
            returned=Money.of(record.returned_minor, record.received_currency),
            parent_id=_id_of(record.parent_id),
            expires_at=record.expires_at,
            scheduled_for=record.scheduled_for,
        )


def _id_of(operation_id: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(to_global_id("Operation", operation_id)) if operation_id else None


@strawberry.type(description="One line of the wallet's statement.")
class OperationEdge:
    """An entry with its operation."""

    cursor: str = strawberry.field(description="Where this line stands; for after and before.")
    node: Operation = strawberry.field(description="The operation behind the line.")
    sequence: int = strawberry.field(description="1, 2, 3 … within the wallet, without gaps.")
    amount: Money = strawberry.field(
        description=(
            "Signed change of this wallet's balance; 0.00 for what moved nothing "
            "(a failed transfer, a report)."
        )
    )
    balance_after: Money = strawberry.field(description="The wallet's balance after this line.")


@strawberry.type(description="A page of a wallet's statement, newest first.")
class OperationConnection:
    """A page of entries."""

    edges: list[OperationEdge] = strawberry.field(description="The lines of the page.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    wallet: strawberry.Private[WalletRecord]
    viewer_id: strawberry.Private[UUID]
    filter: strawberry.Private[statements.Filter]
    total: strawberry.Private[int | None]

    @strawberry.field(description="How many lines match, on all pages.")
    async def total_count(self) -> int:
        """Count only when somebody asks."""
        if self.total is not None:
            return self.total
        async with turn_of(self.viewer_id):
            return await statements.count_lines(self.wallet.id, self.filter)


@strawberry.input(description="Which operations to show. All given conditions hold together.")
class OperationFilter:
    """Conditions on operations."""

    kinds: list[OperationKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Any of these kinds."
    )
    statuses: list[OperationStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Any of these statuses."
    )
    from_: datetime | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="Inclusive."
    )
    until: datetime | None = strawberry.field(default=strawberry.UNSET, description="Exclusive.")

    def read(self) -> statements.Filter:
        """Return the conditions as the service takes them."""
        kinds, statuses = given(self.kinds), given(self.statuses)
        return statements.Filter(
            kinds=None if kinds is None else tuple(kinds),
            statuses=None if statuses is None else tuple(statuses),
            from_=given(self.from_),
            until=given(self.until),
        )


async def load_operations(
    wallet: WalletRecord,
    page: PageArguments,
    filter_: statements.Filter,
    *,
    viewer_id: UUID,
    looked_up: bool,
) -> OperationConnection:
    """Load one page of a wallet's statement, for its owner or an operator who looks it up."""
    range_ = statements.Range(
        limit=page.limit, after=page.after, before=page.before, from_oldest=page.backwards
    )
    async with turn_of(viewer_id):
        found = await statements.get_page(wallet.id, range_, filter_)
    edges = [
        OperationEdge(
            cursor=to_cursor(wallet.id, line.sequence),
            node=Operation.of(line.operation, viewer_id, looked_up=looked_up),
            sequence=line.sequence,
            amount=Money.of(line.amount_minor, wallet.currency),
            balance_after=Money.of(line.balance_after_minor, wallet.currency),
        )
        for line in found.lines
    ]
    return OperationConnection(
        edges=edges,
        page_info=PageInfo(
            # Newest first: what comes next is older.
            has_next_page=found.has_older,
            has_previous_page=found.has_newer,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        wallet=wallet,
        viewer_id=viewer_id,
        filter=filter_,
        # Sequences have no gaps: the last one counts them all.
        total=found.last_sequence if filter_.is_empty else None,
    )
