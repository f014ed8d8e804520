"""From fields to postings: what a row of an import may say, checked as the API checks it."""

from uuid import UUID

from wallet.core.errors import InvalidInputError, NotFoundError, WalletError
from wallet.core.ids import find_id, find_uuid
from wallet.core.inputs import (
    DESCRIPTION_LENGTH_MAX,
    check_idempotency_key,
    check_metadata,
    check_money,
    check_optional_text,
)
from wallet.core.records import record
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.imports.formats import FIELDS, Line
from wallet.services.ledger import Posting, WalletNotFoundError
from wallet.services.transfers import FundingOrder, Note, TransferOrder

_KNOWN = frozenset(FIELDS)

_NAMES = {"idempotency_key": "key", "target_wallet_id": "target"}
"""What the API calls otherwise than a row does."""


@record
class Row:
    """
    A row that was read.

    Attributes:
        line: The number of the line on which it begins.
        key: Its key, where it has one that can be shown.
        order: What it asks of the ledger; or why it cannot be asked.
    """

    line: int
    key: str
    order: Posting | WalletError


@record
class Refusal:
    """
    Why a row is not in the ledger.

    Attributes:
        field: Which of its fields stood in the way; empty where none did by itself.
    """

    line: int
    key: str
    code: str
    field: str
    message: str


def read_row(line: Line, actor: Actor) -> Row:
    """Check a row and turn it into the posting that carries it out for *actor*, an operator."""
    content = line.content
    if isinstance(content, InvalidInputError):
        return Row(line.number, "", content)
    key = content.get("key")
    shown = key if isinstance(key, str) else ""
    try:
        return Row(line.number, shown, _read_order(content, actor))
    except (InvalidInputError, NotFoundError) as error:
        return Row(line.number, shown, error)


def explain(row: Row, error: WalletError) -> Refusal:
    """Say of a row why it was refused, in the words of its fields."""
    field = ""
    if isinstance(error, WalletNotFoundError) and isinstance(row.order, Posting):
        field = _field_of(row.order, error.wallet_id)
    elif isinstance(error, InvalidInputError | NotFoundError) and error.field:
        field = _NAMES.get(error.field[-1], error.field[-1])
    return Refusal(row.line, row.key, error.code.value, field, error.message)


def _field_of(posting: Posting, wallet_id: UUID) -> str:
    if posting.kind is OperationKind.TOPUP:
        return "wallet"
    return "source" if wallet_id == posting.source_id else "target"


def _read_order(content: dict[str, object], actor: Actor) -> Posting:
    if not _KNOWN.issuperset(content):
        unknown = next(name for name in content if name not in _KNOWN)
        raise InvalidInputError("There is no such field.", field=(unknown,))
    match content.get("kind"):
        case "topup":
            _check_absent(content, "source", "target", kind="topup")
            wallet_id = _read_wallet_id(content, "wallet")
            amount_minor, currency, note = _read_rest(content)
            return FundingOrder(
                wallet_id=wallet_id, amount_minor=amount_minor, currency=currency, note=note
            ).to_posting(OperationKind.TOPUP, actor)
        case "transfer":
            _check_absent(content, "wallet", kind="transfer")
            source_id = _read_wallet_id(content, "source")
            target_id = _read_wallet_id(content, "target")
            amount_minor, currency, note = _read_rest(content)
            return TransferOrder(
                source_id=source_id,
                target_id=target_id,
                amount_minor=amount_minor,
                currency=currency,
                note=note,
            ).to_posting(actor, from_anybody=True)
    raise InvalidInputError('A row is a "topup" or a "transfer".', field=("kind",))


def _read_rest(content: dict[str, object]) -> tuple[int, str, Note]:
    """Read what all kinds have: the amount in minor units, its currency, and the note."""
    amount = content.get("amount")
    if isinstance(amount, int | float):
        raise InvalidInputError(
            'An amount is a text such as "12.50", and never a number.', field=("amount",)
        )
    currency = _read_text(content, "currency")
    note = Note(
        idempotency_key=check_idempotency_key(_read_text(content, "key")),
        description=check_optional_text(
            _read_optional_text(content, "description"),
            field=("description",),
            length_max=DESCRIPTION_LENGTH_MAX,
        ),
        metadata=check_metadata(content.get("metadata")),
    )
    return check_money(_read_text(content, "amount"), currency), currency, note


def _read_wallet_id(content: dict[str, object], name: str) -> UUID:
    """Read a wallet's id, as the API or the database shows it; any other is nobody's wallet."""
    text = _read_text(content, name)
    wallet_id = find_id("Wallet", text) or find_uuid(text)
    if wallet_id is None:
        raise NotFoundError("There is no such wallet.", field=(name,))
    return wallet_id


def _read_text(content: dict[str, object], name: str) -> str:
    text = _read_optional_text(content, name)
    if text is None:
        raise InvalidInputError("This is missing.", field=(name,))
    return text


def _read_optional_text(content: dict[str, object], name: str) -> str | None:
    value = content.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidInputError("This is a text.", field=(name,))


def _check_absent(content: dict[str, object], *names: str, kind: str) -> None:
    for name in names:
        if content.get(name) is not None:
            raise InvalidInputError(f"A {kind} has none.", field=(name,))
