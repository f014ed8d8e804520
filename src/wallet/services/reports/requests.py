"""Asking for a report: it is an operation like any other, on the record of its wallet."""

from dataclasses import replace
from uuid import UUID

from wallet.core.errors import NotFoundError
from wallet.core.ids import new_id
from wallet.core.records import record
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.ledger import Ledger, Leg, OperationRecord, Posting
from wallet.services.rate_limits import REPORT_BY_USER, RateLimiter
from wallet.services.reports.orders import (
    ReportFormat,
    ReportOrder,
    check_currency,
    check_filter,
    describe,
    distinct,
)
from wallet.services.reports.snapshots import check_amounts, count_lines
from wallet.services.statements import Filter
from wallet.services.transfers import completed
from wallet.services.turns import turn_of
from wallet.services.wallets import find_wallet


@record
class RequestedReport:
    """A report that was asked for, the operation that says so, and how many lines it has."""

    order: ReportOrder
    operation: OperationRecord
    row_count: int


async def request_report(
    ledger: Ledger,
    limiter: RateLimiter,
    *,
    actor: Actor,
    wallet_id: UUID,
    format_: ReportFormat,
    filter_: Filter,
) -> RequestedReport:
    """
    Put on record that the actor asks for a report of one of its wallets.

    The report ends with the line of this very operation, where its period does not
    end before.

    Raises:
        InvalidInputError: The format has no place for the filter, for the currency,
            or for an amount.
        RateLimitedError: The actor asks too often.
        NotFoundError: There is no such wallet, or it is not the actor's.
        BusyError: Others held the wallet for the whole wait.
    """
    check_filter(format_, filter_)
    filter_ = distinct(filter_)
    await limiter.take((REPORT_BY_USER, str(actor.user_id)))
    wallet = await find_wallet(actor, wallet_id)
    if wallet is None:
        raise NotFoundError("There is no such wallet.", field=("wallet_id",))
    check_currency(format_, wallet.currency)
    order = ReportOrder(
        operation_id=new_id(),
        wallet_id=wallet_id,
        owner_id=actor.user_id,
        format=format_,
        filter=filter_,
        asked_at=wallet.last_entry_at,
        last_sequence=wallet.last_sequence,
    )
    async with turn_of(actor.user_id):
        await check_amounts(order)
    posting = Posting(
        operation_id=order.operation_id,
        kind=OperationKind.REPORT,
        actor_id=actor.user_id,
        wallet_id=wallet_id,
        owner_id=actor.user_id,
        source_id=None,
        target_id=wallet_id,
        amount_minor=0,
        currency=wallet.currency,
        legs=(Leg(wallet_id, 0),),
        metadata=describe(format_, filter_),
    )
    outcome = completed(await ledger.post(posting), {wallet_id: ("wallet_id",)})
    if outcome.operation is None or outcome.wallet is None:
        raise AssertionError("a completed posting has an operation and a wallet")
    order = replace(
        order,
        asked_at=outcome.operation.created_at,
        last_sequence=outcome.wallet.last_sequence,
    )
    async with turn_of(actor.user_id):
        return RequestedReport(order, outcome.operation, await count_lines(order))
