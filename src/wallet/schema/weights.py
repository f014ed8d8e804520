"""
What the fields of the schema cost, in rows that they read and write.

A list without a weight would be free however long it is, so a test goes through
the schema and asks for the weight of every list, of every field with arguments,
and of every field of Query and Mutation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wallet.schema.nodes import NODES_MAX
from wallet.schema.paging import PAGE_LENGTH_DEFAULT, PAGE_LENGTH_MAX, PAGE_OVERHEAD_ROWS
from wallet.services.api_keys import KEYS_MAX
from wallet.services.batches import BATCH_LENGTH_MAX
from wallet.services.sessions import SESSIONS_MAX

Arguments = Mapping[str, Any]
"""The arguments of a field that were given, variables put in."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A list of about as many items, whatever is asked."""

    length: int

    def read(self, _arguments: Arguments) -> int:
        """Return how many items there are."""
        return self.length


class Page:
    """A page, as long as ``first`` or ``last`` says."""

    @staticmethod
    def read(arguments: Arguments) -> int:
        """Return how many items it has; what is out of bounds is refused elsewhere."""
        lengths = [
            length
            for length in (arguments.get("first"), arguments.get("last"))
            if isinstance(length, int)
        ]
        return min(max(0, *lengths) if lengths else PAGE_LENGTH_DEFAULT, PAGE_LENGTH_MAX)


@dataclass(frozen=True, slots=True)
class Given:
    """As many items as the client gives; what is more than *length_max* is refused elsewhere."""

    path: tuple[str, ...]
    length_max: int

    def read(self, arguments: Arguments) -> int:
        """Return how many were given."""
        value: Any = arguments
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        # GraphQL takes a single item for a list of one.
        return min(len(value), self.length_max) if isinstance(value, list | tuple) else 1


@dataclass(frozen=True, slots=True)
class Weight:
    """
    What one field costs.

    Attributes:
        rows: Once, whatever it answers.
        length: How many items it answers; None where it is no list and no connection.
        each: For each item, beside what is asked of the item.
        count_rows: What counting all items costs, where *counted_by* is given.
        counted_by: The argument with which the total is not known without counting.
    """

    rows: int = 0
    length: Fixed | Page | Given | None = None
    each: int = 1
    count_rows: int = 0
    counted_by: str | None = None


FREE = Weight()
"""What costs nothing of its own: it is in memory already, with what it belongs to."""

ITEMS = Weight()
"""The items of the field that it stands below, which says how many there are."""

TOTAL = Weight()
"""The number of the items of the field that it stands below, which says what counting costs."""

_ROW = Weight(rows=1)
_PAGE = Weight(rows=PAGE_OVERHEAD_ROWS, length=Page())

_CHANGE = Weight(rows=5)
"""An operation, two entries and two wallets."""

_COUNT = Weight(rows=100)
"""A statement is counted, by its filter."""

_DAY = Weight(rows=10)
"""What left a wallet within a day is added up."""

_PASSWORD = Weight(rows=100)
"""A password is hashed, which is slow on purpose."""

WEIGHTS: Mapping[tuple[str, str], Weight] = {
    ("Query", "viewer"): _ROW,
    ("Query", "node"): _ROW,
    ("Query", "nodes"): Weight(length=Given(("ids",), NODES_MAX)),
    ("Query", "wallet"): _ROW,
    ("Query", "operation"): _ROW,
    ("Query", "exchangeRate"): _ROW,
    ("Query", "lookup"): FREE,
    ("Lookup", "user"): _ROW,
    ("Lookup", "wallet"): _ROW,
    ("Lookup", "operation"): _ROW,
    ("Mutation", "signup"): _PASSWORD,
    ("Mutation", "login"): _PASSWORD,
    ("Mutation", "refreshSession"): _CHANGE,
    ("Mutation", "logout"): _CHANGE,
    ("Mutation", "endSession"): _CHANGE,
    ("Mutation", "changePassword"): _PASSWORD,
    ("Mutation", "startTotp"): _PASSWORD,
    ("Mutation", "confirmTotp"): _CHANGE,
    ("Mutation", "disableTotp"): _PASSWORD,
    ("Mutation", "createApiKey"): _PASSWORD,
    ("Mutation", "revokeApiKey"): _CHANGE,
    ("Mutation", "openWallet"): _CHANGE,
    ("Mutation", "closeWallet"): _CHANGE,
    ("Mutation", "freezeWallet"): _CHANGE,
    ("Mutation", "unfreezeWallet"): _CHANGE,
    ("Mutation", "setWalletLimits"): _CHANGE,
    ("Mutation", "requestReport"): _COUNT,
    ("Mutation", "topup"): _CHANGE,
    ("Mutation", "withdraw"): _CHANGE,
    ("Mutation", "transfer"): _CHANGE,
    ("Mutation", "transferBatch"): Weight(
        length=Given(("input", "transfers"), BATCH_LENGTH_MAX), each=_CHANGE.rows
    ),
    ("Mutation", "createQuote"): _CHANGE,
    ("Mutation", "cancelTransfer"): _CHANGE,
    ("Mutation", "hold"): _CHANGE,
    ("Mutation", "captureHold"): _CHANGE,
    ("Mutation", "voidHold"): _CHANGE,
    ("Mutation", "reverse"): _CHANGE,
    ("TransferBatchPayload", "results"): ITEMS,
    ("User", "wallets"): _PAGE,
    ("User", "sessions"): Weight(rows=PAGE_OVERHEAD_ROWS, length=Fixed(SESSIONS_MAX)),
    ("User", "apiKeys"): Weight(rows=PAGE_OVERHEAD_ROWS, length=Fixed(KEYS_MAX)),
    ("User", "totpEnabled"): _ROW,
    ("ApiKey", "scopes"): FREE,
    ("ConfirmTotpPayload", "recoveryCodes"): FREE,
    ("WalletConnection", "edges"): ITEMS,
    ("Wallet", "operations"): Weight(
        rows=PAGE_OVERHEAD_ROWS, length=Page(), count_rows=100, counted_by="where"
    ),
    ("OperationConnection", "edges"): ITEMS,
    ("OperationConnection", "totalCount"): TOTAL,
    ("Wallet", "scheduledTransfers"): _PAGE,
    ("Wallet", "balanceAt"): _ROW,
    ("Wallet", "limits"): _DAY,
    ("InvalidInput", "field"): FREE,
    ("NotFound", "field"): FREE,
    # Introspection: about as many as the schema has, so that GraphiQL's own query passes, and
    # the same a dozen times does not.
    ("__Schema", "types"): Weight(length=Fixed(120)),
    ("__Schema", "directives"): Weight(length=Fixed(8)),
    ("__Type", "fields"): Weight(length=Fixed(6)),
    ("__Type", "inputFields"): Weight(length=Fixed(2)),
    ("__Type", "enumValues"): Weight(length=Fixed(2)),
    ("__Type", "interfaces"): Weight(length=Fixed(1)),
    ("__Type", "possibleTypes"): Weight(length=Fixed(2)),
    ("__Field", "args"): Weight(length=Fixed(1)),
    ("__Directive", "args"): Weight(length=Fixed(1)),
    ("__Directive", "locations"): FREE,
}
"""By type and field; what is not here is FREE."""
