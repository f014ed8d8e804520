"""Wallets, and a user's list of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry

from wallet.core.errors import ForbiddenError
from wallet.core.ids import to_global_id
from wallet.schema.nodes import Money, Node, WalletStatus
from wallet.schema.operations import (
    Operation,
    OperationConnection,
    OperationFilter,
    load_operations,
)
from wallet.schema.optional import given
from wallet.schema.paging import (
    PageArguments,
    PageInfo,
    read_page,
    to_cursor,
)
from wallet.schema.scalars import CurrencyCode
from wallet.services.ledger import WalletRecord
from wallet.services.statements import Filter, get_balance_at, list_scheduled

First = Annotated[
    int | None,
    strawberry.argument(description="The first so many items, 1 to 100; 20 if not said."),
]
Last = Annotated[
    int | None, strawberry.argument(description="The last so many items, 1 to 100; not with first.")
]
After = Annotated[
    str | None, strawberry.argument(description="Only items after the one with this cursor.")
]
Before = Annotated[
    str | None, strawberry.argument(description="Only items before the one with this cursor.")
]
Where = Annotated[
    OperationFilter | None, strawberry.argument(description="Which operations to show.")
]


@strawberry.type(description="One holder's money in one currency.")
class Wallet(Node):
    """A wallet, as a viewer sees it."""

    currency: CurrencyCode = strawberry.field(description="What it holds; never changes.")
    label: str | None = strawberry.field(description="The owner's own name for it.")
    status: WalletStatus = strawberry.field(description="Whether money may move.")
    balance: Money = strawberry.field(description="Posted money. balance = available + held.")
    held: Money = strawberry.field(description="Reserved by open holds.")
    available: Money = strawberry.field(description="What can be spent now.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    record: strawberry.Private[WalletRecord]
    viewer_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, record: WalletRecord, viewer_id: UUID) -> Self:
        """Show *record* to a viewer: its owner, or an operator who has just topped it up."""
        return cls(
            id=strawberry.ID(to_global_id("Wallet", record.id)),
            currency=CurrencyCode(record.currency),
            label=record.label,
            status=record.status,
            balance=Money.of(record.balance_minor, record.currency),
            held=Money.of(record.held_minor, record.currency),
            available=Money.of(record.available_minor, record.currency),
            created_at=record.created_at,
            record=record,
            viewer_id=viewer_id,
        )

    @strawberry.field(
        description=(
            "The operation report: newest first. first and last are 1 to 100; "
            "20 when neither is given."
        )
    )
    async def operations(
        self,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        where: Where = strawberry.UNSET,
    ) -> OperationConnection:
        """Load a page of the statement; only its owner reads it."""
        self._check_reader()
        page = read_page(
            self.record.id,
            first=given(first),
            after=given(after),
            last=given(last),
            before=given(before),
        )
        return await load_operations(
            self.record,
            page,
            where.read() if where else Filter(),
            viewer_id=self.viewer_id,
        )

    @strawberry.field(
        description="Its transfers that are still to come, the soonest first; 1 to 100 of them."
    )
    async def scheduled_transfers(self, first: First = 20) -> list[Operation]:
        """List what is PENDING and out of this wallet; only its owner reads it."""
        self._check_reader()
        page = read_page(self.record.id, first=first, after=None, last=None, before=None)
        found = await list_scheduled(self.record.id, limit=page.limit)
        return [Operation.of(record, self.viewer_id) for record in found]

    @strawberry.field(description="The balance as it stood at that instant.")
    async def balance_at(
        self,
        at: Annotated[datetime, strawberry.argument(description="The instant, inclusive.")],
    ) -> Money:
        """Look up the newest line up to an instant; only its owner reads it."""
        self._check_reader()
        balance_minor = await get_balance_at(self.record.id, at)
        return Money.of(balance_minor, self.record.currency)

    def _check_reader(self) -> None:
        if self.viewer_id != self.record.owner_id:
            raise ForbiddenError("Only its owner reads a wallet's statement.")


@strawberry.type(description="One wallet in a list of wallets.")
class WalletEdge:
    """A wallet with its cursor."""

    cursor: str = strawberry.field(description="Where this wallet stands; for after and before.")
    node: Wallet = strawberry.field(description="The wallet.")


@strawberry.type(description="A page of a user's wallets, oldest first.")
class WalletConnection:
    """A page of wallets."""

    edges: list[WalletEdge] = strawberry.field(description="The wallets of the page.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="How many wallets there are, on all pages.")

    @classmethod
    def of(cls, owner_id: UUID, wallets: Sequence[WalletRecord], page: PageArguments) -> Self:
        """Cut a page out of all of a user's wallets: a setting bounds how many there are."""
        start = min(page.after or 0, len(wallets))
        end = len(wallets) if page.before is None else min(page.before - 1, len(wallets))
        if page.backwards:
            start = max(start, end - page.limit)
        else:
            end = min(end, start + page.limit)
        edges = [
            WalletEdge(cursor=to_cursor(owner_id, position), node=Wallet.of(wallet, owner_id))
            for position, wallet in enumerate(wallets[start:end], start + 1)
        ]
        return cls(
            edges=edges,
            page_info=PageInfo(
                has_next_page=end < len(wallets),
                has_previous_page=start > 0,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
            total_count=len(wallets),
        )
