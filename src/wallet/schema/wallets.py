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
from wallet.services.limits import Limits, get_limits
from wallet.services.lookups import log_look
from wallet.services.statements import Filter, get_balance_at, list_scheduled
from wallet.services.turns import turn_of

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


@strawberry.type(description="How much may leave a wallet. An operator sets it.")
class WalletLimits:
    """Limits, and how much of them is used."""

    outflow_max: Money | None = strawberry.field(
        description="The most that leaves at once; null when there is no limit."
    )
    outflow_24h_max: Money | None = strawberry.field(
        name="outflow24hMax",
        description="The most that leaves within any 24 hours; null when there is no limit.",
    )
    outflow_24h_used: Money | None = strawberry.field(
        name="outflow24hUsed",
        description=(
            "What left within the last 24 hours, and what is held; null when there is no limit."
        ),
    )
    outflow_24h_left: Money | None = strawberry.field(
        name="outflow24hLeft",
        description="What the limit still lets through now; null when there is no limit.",
    )
    overdraft: Money = strawberry.field(description="How far below 0 the wallet may go.")

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """Write the limits out."""

        def money(amount_minor: int | None) -> Money | None:
            return None if amount_minor is None else Money.of(amount_minor, limits.currency)

        return cls(
            outflow_max=money(limits.outflow_max_minor),
            outflow_24h_max=money(limits.outflow_24h_max_minor),
            outflow_24h_used=money(limits.outflow_24h_minor),
            outflow_24h_left=money(limits.outflow_24h_left_minor),
            overdraft=Money.of(limits.overdraft_minor, limits.currency),
        )


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
    frozen_until: datetime | None = strawberry.field(
        description="When its freeze is over by itself; null when it has no end, or there is none."
    )
    owner_id: strawberry.ID | None = strawberry.field(
        description="The user whose it is; null but for the owner and operators' look-ups."
    )
    record: strawberry.Private[WalletRecord]
    viewer_id: strawberry.Private[UUID]
    looked_up: strawberry.Private[bool]

    @classmethod
    def of(cls, record: WalletRecord, viewer_id: UUID, *, looked_up: bool = False) -> Self:
        """
        Show *record* to a viewer: its owner, or an operator who has just changed it.

        Args:
            looked_up: Whether an operator looks it up, and reads what its owner reads.
        """
        is_shown = looked_up or viewer_id == record.owner_id
        return cls(
            id=strawberry.ID(to_global_id("Wallet", record.id)),
            currency=CurrencyCode(record.currency),
            label=record.label,
            status=record.status,
            balance=Money.of(record.balance_minor, record.currency),
            held=Money.of(record.held_minor, record.currency),
            available=Money.of(record.available_minor, record.currency),
            created_at=record.created_at,
            frozen_until=record.frozen_until,
            owner_id=(strawberry.ID(to_global_id("User", record.owner_id)) if is_shown else None),
            record=record,
            viewer_id=viewer_id,
            looked_up=looked_up,
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
        """Load a page of the statement; only its owner reads it, and operators' look-ups."""
        self._check_reader()
        page = read_page(
            self.record.id,
            first=given(first),
            after=given(after),
            last=given(last),
            before=given(before),
        )
        if self.looked_up:
            log_look(self.viewer_id, "statement", self.record.id)
        return await load_operations(
            self.record,
            page,
            where.read() if where else Filter(),
            viewer_id=self.viewer_id,
            looked_up=self.looked_up,
        )

    @strawberry.field(
        description="Its transfers that are still to come, the soonest first; 1 to 100 of them."
    )
    async def scheduled_transfers(self, first: First = 20) -> list[Operation]:
        """List what is PENDING and out of this wallet; only its owner reads it."""
        self._check_reader()
        page = read_page(self.record.id, first=first, after=None, last=None, before=None)
        found = await list_scheduled(self.record.id, limit=page.limit)
        return [Operation.of(record, self.viewer_id, looked_up=self.looked_up) for record in found]

    @strawberry.field(description="The balance as it stood at that instant.")
    async def balance_at(
        self,
        at: Annotated[datetime, strawberry.argument(description="The instant, inclusive.")],
    ) -> Money:
        """Look up the newest line up to an instant; only its owner reads it."""
        self._check_reader()
        balance_minor = await get_balance_at(self.record.id, at)
        return Money.of(balance_minor, self.record.currency)

    @strawberry.field(
        description="How much may leave it; null but for the owner and operators' look-ups."
    )
    async def limits(self) -> WalletLimits | None:
        """Read the limits, and how much of them is used."""
        if not self._is_reader:
            return None
        async with turn_of(self.viewer_id):
            return WalletLimits.of(await get_limits(self.record.id))

    @property
    def _is_reader(self) -> bool:
        return self.looked_up or self.viewer_id == self.record.owner_id

    def _check_reader(self) -> None:
        if not self._is_reader:
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
    def of(
        cls,
        owner_id: UUID,
        wallets: Sequence[WalletRecord],
        page: PageArguments,
        *,
        looked_up_by: UUID | None = None,
    ) -> Self:
        """
        Cut a page out of all of a user's wallets: a setting bounds how many there are.

        Args:
            looked_up_by: The operator who looks; each wallet is a look of its own.
        """
        start = min(page.after or 0, len(wallets))
        end = len(wallets) if page.before is None else min(page.before - 1, len(wallets))
        if page.backwards:
            start = max(start, end - page.limit)
        else:
            end = min(end, start + page.limit)
        if looked_up_by is not None:
            for wallet in wallets[start:end]:
                log_look(looked_up_by, "wallet", wallet.id)
        edges = [
            WalletEdge(
                cursor=to_cursor(owner_id, position),
                node=Wallet.of(
                    wallet, looked_up_by or owner_id, looked_up=looked_up_by is not None
                ),
            )
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
