"""The root of the public API: every query and mutation, wired to its resolver."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from wallet.core.logging import note
from wallet.resolvers import accounts, queries, transfers
from wallet.schema.accounts import User
from wallet.schema.batches import TransferBatchResult
from wallet.schema.errors import EXCEPTION_HANDLERS
from wallet.schema.limits import ParseWithinLimits
from wallet.schema.nodes import Node
from wallet.schema.operations import Operation
from wallet.schema.preflight import check_mutation
from wallet.schema.results import (
    LoginResult,
    LogoutResult,
    OpenWalletResult,
    RefreshSessionResult,
    SignupResult,
    TopupResult,
    TransferResult,
)
from wallet.schema.scalars import SCALARS
from wallet.schema.wallets import Wallet

_DOCUMENTS_CACHED_MAX = 512
_OPERATION_NAME_LENGTH_MAX = 100


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
    open_wallet: OpenWalletResult = strawberry.mutation(
        resolver=transfers.open_wallet, description="Open a further wallet."
    )
    topup: TopupResult = strawberry.mutation(
        resolver=transfers.topup, description="Bring money from outside into a wallet."
    )
    transfer: TransferResult = strawberry.mutation(
        resolver=transfers.transfer,
        description="Move money from one of the viewer's wallets into any other.",
    )
    transfer_batch: TransferBatchResult = strawberry.mutation(
        resolver=transfers.transfer_batch,
        description="Carry out up to 1000 transfers, all or none, or each on its own.",
    )


class ChooseOperation(SchemaExtension):
    """Knows which operation of a document runs, checks it, and notes its name for the log."""

    def on_execute(self) -> Iterator[None]:
        """Refuse to choose among several; Strawberry would take the first."""
        context = self.execution_context
        if context._provided_operation_name is None and _count_operations(context) > 1:  # noqa: SLF001  (no other name for it)
            raise GraphQLError(
                "Say which operation runs: the document has several, and no operationName came."
            )
        name = context.operation_name
        if context.graphql_document is not None:
            check_mutation(context.graphql_document, name, context.variables or {})
        note(operation_name=name[:_OPERATION_NAME_LENGTH_MAX] if name else None)
        yield


def _count_operations(context: ExecutionContext) -> int:
    definitions = context.graphql_document.definitions if context.graphql_document else ()
    return sum(isinstance(node, OperationDefinitionNode) for node in definitions)


class Schema(strawberry.Schema):
    """Strawberry's schema; the view logs errors, each once and without source excerpts."""

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,
    ) -> None:
        """Leave the errors to the view."""


def make_schema() -> Schema:
    """Build the schema; extensions are made per request, their caches are shared."""
    extensions: list[Any] = [
        ChooseOperation,
        # 2.0 ms become 0.21 ms a mutation: validation is most of an uncached request.
        ParseWithinLimits,
        lambda: ValidationCache(maxsize=_DOCUMENTS_CACHED_MAX),
    ]
    return Schema(
        query=Query,
        mutation=Mutation,
        types=[User, Wallet, Operation],
        extensions=extensions,
        exception_handlers=EXCEPTION_HANDLERS,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
