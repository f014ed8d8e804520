"""What operators look up: anybody's users, wallets and operations."""

from typing import Annotated

import strawberry

from wallet.core.errors import BadRequestError
from wallet.schema.accounts import User
from wallet.schema.operations import Operation
from wallet.schema.optional import given
from wallet.schema.wallets import Wallet
from wallet.services import lookups
from wallet.services.actors import Actor

UserId = Annotated[strawberry.ID | None, strawberry.argument(description="The user's id.")]
UserEmail = Annotated[str | None, strawberry.argument(description="The user's address.")]
WalletId = Annotated[strawberry.ID, strawberry.argument(description="The wallet's id.")]
OperationId = Annotated[strawberry.ID, strawberry.argument(description="The operation's id.")]


@strawberry.type(description="Whatever an operator looks up. Each look is logged.")
class Lookup:
    """Look-ups by id, of anybody's things."""

    operator: strawberry.Private[Actor]

    @strawberry.field(description="The user with this id, or with this address: give one of them.")
    async def user(
        self,
        id: UserId = strawberry.UNSET,  # noqa: A002
        email: UserEmail = strawberry.UNSET,
    ) -> User | None:
        """Look up a user, with its wallets."""
        global_id, address = given(id), given(email)
        if global_id is not None and address is None:
            found = await lookups.look_up_user(self.operator, global_id)
        elif address is not None and global_id is None:
            found = await lookups.look_up_user_by_email(self.operator, address)
        else:
            raise BadRequestError("Give either id or email.")
        return User.of(found.id, found, looked_up_by=self.operator.user_id) if found else None

    @strawberry.field(description="The wallet with this id, with its statement.")
    async def wallet(self, id: WalletId) -> Wallet | None:  # noqa: A002
        """Look up a wallet."""
        found = await lookups.look_up_wallet(self.operator, id)
        return Wallet.of(found, self.operator.user_id, looked_up=True) if found else None

    @strawberry.field(description="The operation with this id; its holders are not masked.")
    async def operation(self, id: OperationId) -> Operation | None:  # noqa: A002
        """Look up an operation."""
        found = await lookups.look_up_operation(self.operator, id)
        return Operation.of(found, self.operator.user_id, looked_up=True) if found else None
