"""Resolver of what asks for reports."""

from datetime import UTC, datetime, timedelta

from wallet.models.account import Scope
from wallet.schema.context import Info
from wallet.schema.reports import RequestReportInput, RequestReportPayload
from wallet.schema.results import RequestReportResult
from wallet.schema.transfers import read_wallet_id
from wallet.services.reports import request_report as request
from wallet.services.reports import sign_link
from wallet.services.statements import Filter


async def request_report(info: Info, input: RequestReportInput) -> RequestReportResult:  # noqa: A002
    """Answer a link to a report of one of the viewer's wallets."""
    actor = await info.context.get_actor(Scope.READ)
    services = info.context.services
    requested = await request(
        services.ledger,
        services.limiter,
        actor=actor,
        wallet_id=read_wallet_id(input.wallet_id, field="wallet_id"),
        format_=input.format,
        filter_=input.where.read() if input.where else Filter(),
    )
    ttl = timedelta(seconds=services.settings.report_url_ttl_s)
    expires_at = datetime.now(UTC).replace(microsecond=0) + ttl
    token = sign_link(requested.order, expires_at=expires_at, keys=services.settings.keys)
    name = f"statement.{input.format.value.lower()}"
    return RequestReportPayload.of(
        requested,
        url=f"{info.context.base_url}/reports/{name}?token={token}",
        expires_at=expires_at,
    )
