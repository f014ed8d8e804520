"""The root of the public API: every query and mutation, wired to its resolver."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from wallet.resolvers import (
    accounts,
    api_keys,
    holds,
    operators,
    queries,
    quotes,
    reports,
    second_factors,
    sessions,
    transfers,
)
from wallet.schema.accounts import User
from wallet.schema.batches import TransferBatchResult
from wallet.schema.descriptions import describe_inputs
from wallet.schema.errors import EXCEPTION_HANDLERS
from wallet.schema.inputs import quicken_inputs
from wallet.schema.lookups import Lookup
from wallet.schema.nodes import Node
from wallet.schema.operations import Operation
from wallet.schema.quotes import ExchangeRate, Quote
from wallet.schema.results import (
    CancelTransferResult,
    CaptureHoldResult,
    ChangePasswordResult,
    CloseWalletResult,
    ConfirmTotpResult,
    CreateApiKeyResult,
    CreateQuoteResult,
    DisableTotpResult,
    EndSessionResult,
    FreezeWalletResult,
    HoldResult,
    LoginResult,
    LogoutResult,
    OpenWalletResult,
    RefreshSessionResult,
    RequestReportResult,
    ReverseResult,
    RevokeApiKeyResult,
    SetWalletLimitsResult,
    SignupResult,
    StartTotpResult,
    TopupResult,
    TransferResult,
    UnfreezeWalletResult,
    VoidHoldResult,
    WithdrawResult,
)
from wallet.schema.scalars import SCALARS
from wallet.schema.wallets import Wallet


@strawberry.type(description="What can be read.")
class Query:
    """The root of queries."""

    viewer: User | None = strawberry.field(
        resolver=queries.viewer, description="The signed-in user; null when anonymous."
    )
    node: Node | None = strawberry.field(
        resolver=queries.node, description="Whatever has this id, if it is the viewer's."
    )
    nodes: list[Node | None] = strawberry.field(
        resolver=queries.nodes, description="The nodes of up to 100 ids, in their order."
    )
    wallet: Wallet | None = strawberry.field(
        resolver=queries.wallet,
        description=(
            "Null when it does not exist or is not the viewer's: the two are not told apart."
        ),
    )
    operation: Operation | None = strawberry.field(
        resolver=queries.operation,
        description=(
            "Null when it does not exist or touches none of the viewer's wallets: "
            "the two are not told apart."
        ),
    )
    exchange_rate: ExchangeRate | None = strawberry.field(
        resolver=quotes.exchange_rate,
        description=(
            "The rate that held at an instant, the newest where none is given; "
            "null when there is none."
        ),
    )
    lookup: Lookup | None = strawberry.field(
        resolver=operators.lookup,
        description="Anybody's things, for operators; FORBIDDEN for others. Each look is logged.",
    )


@strawberry.type(description="What can be done. Each answers its payload, or a typed error.")
class Mutation:
    """The root of mutations."""

    signup: SignupResult = strawberry.mutation(
        resolver=accounts.signup, description="Make an account with a first wallet; signs it in."
    )
    login: LoginResult = strawberry.mutation(
        resolver=accounts.login, description="Open a session with a password."
    )
    refresh_session: RefreshSessionResult = strawberry.mutation(
        resolver=accounts.refresh_session,
        description="Exchange a refresh token, once, for the next tokens of its session.",
    )
    logout: LogoutResult = strawberry.mutation(
        resolver=accounts.logout, description="Ends this session, or all of the viewer's."
    )
    end_session: EndSessionResult = strawberry.mutation(
        resolver=sessions.end_session, description="End one of the viewer's sessions."
    )
    change_password: ChangePasswordResult = strawberry.mutation(
        resolver=sessions.change_password,
        description="Replace the viewer's password; all its sessions end but this one.",
    )
    start_totp: StartTotpResult = strawberry.mutation(
        resolver=second_factors.start_totp,
        description="Set up a second factor: a secret for the viewer's authenticator.",
    )
    confirm_totp: ConfirmTotpResult = strawberry.mutation(
        resolver=second_factors.confirm_totp,
        description="Have login ask for a code from now on; all sessions end but this one.",
    )
    disable_totp: DisableTotpResult = strawberry.mutation(
        resolver=second_factors.disable_totp,
        description="Have login ask for the password alone again.",
    )
    create_api_key: CreateApiKeyResult = strawberry.mutation(
        resolver=api_keys.create_api_key,
        description="Make a key for one of the viewer's services; the viewer is an operator.",
    )
    revoke_api_key: RevokeApiKeyResult = strawberry.mutation(
        resolver=api_keys.revoke_api_key, description="End one of the viewer's API keys."
    )
    open_wallet: OpenWalletResult = strawberry.mutation(
        resolver=transfers.open_wallet, description="Open a further wallet."
    )
    topup: TopupResult = strawberry.mutation(
        resolver=transfers.topup, description="Bring money from outside into a wallet."
    )
    withdraw: WithdrawResult = strawberry.mutation(
        resolver=transfers.withdraw, description="Take money out of a wallet to the outside."
    )
    transfer: TransferResult = strawberry.mutation(
        resolver=transfers.transfer,
        description="Move money from one of the viewer's wallets into any other.",
    )
    transfer_batch: TransferBatchResult = strawberry.mutation(
        resolver=transfers.transfer_batch,
        description="Carry out up to 1000 transfers, all or none, or each on its own.",
    )
    cancel_transfer: CancelTransferResult = strawberry.mutation(
        resolver=holds.cancel_transfer, description="Call off a transfer that is still to come."
    )
    hold: HoldResult = strawberry.mutation(
        resolver=holds.hold, description="Reserve money of one of the viewer's wallets for another."
    )
    capture_hold: CaptureHoldResult = strawberry.mutation(
        resolver=holds.capture_hold,
        description="Take what a hold has reserved, in part or whole; the rest is released.",
    )
    void_hold: VoidHoldResult = strawberry.mutation(
        resolver=holds.void_hold, description="Let go of what a hold has reserved."
    )
    reverse: ReverseResult = strawberry.mutation(
        resolver=holds.reverse,
        description="Give a completed transfer back, in part or whole, by who received it.",
    )
    create_quote: CreateQuoteResult = strawberry.mutation(
        resolver=quotes.create_quote,
        description="Hold an exchange rate for a short while, to be used once by its id.",
    )
    close_wallet: CloseWalletResult = strawberry.mutation(
        resolver=operators.close_wallet,
        description="Close an empty wallet for good: by its owner, or an operator.",
    )
    freeze_wallet: FreezeWalletResult = strawberry.mutation(
        resolver=operators.freeze_wallet,
        description="Let no money into a wallet and none out of it; by an operator.",
    )
    unfreeze_wallet: UnfreezeWalletResult = strawberry.mutation(
        resolver=operators.unfreeze_wallet,
        description="Let money of a frozen wallet move again; by an operator.",
    )
    set_wallet_limits: SetWalletLimitsResult = strawberry.mutation(
        resolver=operators.set_wallet_limits,
        description="Say how much may leave a wallet; by an operator.",
    )
    request_report: RequestReportResult = strawberry.mutation(
        resolver=reports.request_report,
        description="Ask for a wallet's whole statement as a file; it is on record.",
    )


def make_schema() -> strawberry.Schema:
    """Build the schema; the view executes its documents, within limits."""
    describe_inputs(Mutation)
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[User, Wallet, Operation, Quote],
        exception_handlers=EXCEPTION_HANDLERS,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    quicken_inputs(schema)
    return schema
