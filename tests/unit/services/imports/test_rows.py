"""From fields to postings: what a row may say."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.core.errors import InvalidInputError, NotFoundError
from wallet.core.ids import new_id, to_global_id, world_wallet_id
from wallet.models import OperationKind
from wallet.models.account import Role
from wallet.services.actors import Actor
from wallet.services.imports.formats import FIELDS, Line
from wallet.services.imports.rows import Refusal, explain, read_row
from wallet.services.ledger import Posting, WalletNotFoundError

OPERATOR = Actor(new_id(), "operator@example.com", Role.OPERATOR, datetime.now(UTC), new_id())
ADA, BOB = (UUID(f"01a2043d-3c8b-7d21-9c54-00000000000{digit}") for digit in "ab")
TOPUP: dict[str, object] = {
    "kind": "topup",
    "wallet": to_global_id("Wallet", ADA),
    "amount": "12.50",
    "currency": "EUR",
    "key": "row-1",
}
TRANSFER: dict[str, object] = {
    "kind": "transfer",
    "source": to_global_id("Wallet", ADA),
    "target": to_global_id("Wallet", BOB),
    "amount": "12.50",
    "currency": "EUR",
    "key": "row-2",
}


def _read(content: dict[str, object]) -> Posting:
    row = read_row(Line(7, content), OPERATOR)
    assert isinstance(row.order, Posting)
    return row.order


def _refuse(content: dict[str, object]) -> Refusal:
    row = read_row(Line(7, content), OPERATOR)
    assert not isinstance(row.order, Posting)
    return explain(row, row.order)


class TestReadRow:
    """read_row."""

    def test_topup(self) -> None:
        """It goes from the world into any wallet, with the operator's key."""
        posting = _read({**TOPUP, "description": "Bonus", "metadata": {"b": 1, "a": None}})

        assert posting.kind is OperationKind.TOPUP
        assert (posting.source_id, posting.target_id) == (world_wallet_id("EUR"), ADA)
        assert (posting.amount_minor, posting.currency) == (1250, "EUR")
        assert (posting.actor_id, posting.owner_id) == (OPERATOR.user_id, None)
        assert posting.idempotency_key == "row-1"
        assert (posting.description, posting.metadata) == ("Bonus", '{"a":null,"b":1}')

    def test_transfer(self) -> None:
        """It goes from any wallet into any other."""
        posting = _read(TRANSFER)

        assert posting.kind is OperationKind.TRANSFER
        assert (posting.source_id, posting.target_id, posting.amount_minor) == (ADA, BOB, 1250)
        assert (posting.actor_id, posting.owner_id) == (OPERATOR.user_id, None)

    def test_plain_ids(self) -> None:
        """A wallet may be named as the database does; it is the same request."""
        plain = {**TRANSFER, "source": str(ADA), "target": str(BOB)}

        assert _read(plain).request_hash == _read(TRANSFER).request_hash

    def test_null_is_left_out(self) -> None:
        """As in the API, what is null was not given."""
        nulls: dict[str, object] = dict.fromkeys(("source", "target", "description", "metadata"))

        assert _read({**TOPUP, **nulls}).request_hash == _read(TOPUP).request_hash

    @pytest.mark.parametrize(
        ("content", "field", "message"),
        [
            ({**TOPUP, "kind": "withdrawal"}, "kind", 'A row is a "topup" or a "transfer".'),
            ({**TOPUP, "kind": ["topup"]}, "kind", 'A row is a "topup" or a "transfer".'),
            ({}, "kind", 'A row is a "topup" or a "transfer".'),
            ({**TOPUP, "amuont": "1"}, "amuont", "There is no such field."),
            ({**TOPUP, "target": str(BOB)}, "target", "A topup has none."),
            ({**TRANSFER, "wallet": str(BOB)}, "wallet", "A transfer has none."),
            ({**TRANSFER, "target": None}, "target", "This is missing."),
            ({**TRANSFER, "target": TRANSFER["source"]}, "target", "Source and target are the"),
            ({**TOPUP, "key": None}, "key", "This is missing."),
            ({**TOPUP, "key": ""}, "key", "This takes 1 to 255 characters."),
            ({**TOPUP, "key": "x" * 256}, "key", "This takes 1 to 255 characters."),
            ({**TOPUP, "key": 1}, "key", "This is a text."),
            ({**TOPUP, "key": "\ud800"}, "key", "NUL and lone surrogates are not text."),
            ({**TOPUP, "amount": 12.5}, "amount", "and never a number."),
            ({**TOPUP, "amount": 12}, "amount", "and never a number."),
            ({**TOPUP, "amount": "12.505"}, "amount", "EUR has 2 decimals."),
            ({**TOPUP, "amount": "-1"}, "amount", "An amount is a positive decimal number"),
            ({**TOPUP, "amount": "1e3"}, "amount", "An amount is a positive decimal number"),
            ({**TOPUP, "amount": "0"}, "amount", "An amount is more than zero."),
            ({**TOPUP, "currency": "EURO"}, "currency", "This is no currency code of ISO 4217."),
            ({**TOPUP, "currency": {}}, "currency", "This is a text."),
            ({**TOPUP, "description": "x" * 501}, "description", "at most 500 characters."),
            ({**TOPUP, "description": []}, "description", "This is a text."),
            ({**TOPUP, "metadata": "x" * 9_000}, "metadata", "At most 8192 bytes."),
            ({**TOPUP, "metadata": {"a": 2**63}}, "metadata", "Numbers are within 64 bits."),
        ],
    )
    def test_bad_rows(self, content: dict[str, object], field: str, message: str) -> None:
        """Each is refused with its line, and the field that stands in the way."""
        refusal = _refuse(content)

        assert (refusal.line, refusal.code, refusal.field) == (7, "INVALID_INPUT", field)
        assert message in refusal.message

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nobody",
            to_global_id("User", ADA),
            str(ADA).upper(),
            ADA.hex,
            f"urn:uuid:{ADA}",
            f"{{{ADA}}}",
        ],
    )
    def test_what_is_no_id_is_nobodys_wallet(self, text: str) -> None:
        """It is the same as a wallet that does not exist."""
        assert _refuse({**TOPUP, "wallet": text}) == Refusal(
            7, "row-1", "NOT_FOUND", "wallet", "There is no such wallet."
        )

    def test_unreadable(self) -> None:
        """A row that is none has no key and no field."""
        error = InvalidInputError("This is not JSON.", field=())
        row = read_row(Line(3, error), OPERATOR)

        assert explain(row, error) == Refusal(3, "", "INVALID_INPUT", "", "This is not JSON.")

    @given(
        st.dictionaries(
            st.sampled_from(FIELDS) | st.text(max_size=5),
            st.none()
            | st.sampled_from(["topup", "transfer", "EUR", "1.00", str(ADA), str(BOB)])
            | st.text()
            | st.integers()
            | st.floats()
            | st.lists(st.none()),
        )
    )
    def test_anything(self, content: dict[str, Any]) -> None:
        """Whatever a row says, it is a posting, or is refused with a reason."""
        row = read_row(Line(1, content), OPERATOR)

        assert isinstance(row.order, Posting | InvalidInputError | NotFoundError)


class TestExplain:
    """explain."""

    @pytest.mark.parametrize(
        ("content", "wallet_id", "field"),
        [(TOPUP, ADA, "wallet"), (TRANSFER, ADA, "source"), (TRANSFER, BOB, "target")],
    )
    def test_wallet_that_the_ledger_did_not_find(
        self, content: dict[str, object], wallet_id: UUID, field: str
    ) -> None:
        """It says which of the row's wallets that is."""
        row = read_row(Line(7, content), OPERATOR)

        refusal = explain(row, WalletNotFoundError(wallet_id=wallet_id))

        assert (refusal.code, refusal.field) == ("NOT_FOUND", field)
        assert refusal.key == content["key"]
