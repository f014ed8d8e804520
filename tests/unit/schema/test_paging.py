"""Connections: page arguments, cursors, and pages of a list."""

import base64
import struct
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.services.ledger.samples import ADA, make_wallet
from wallet.core.errors import BadRequestError
from wallet.schema.paging import (
    PAGE_LENGTH_DEFAULT,
    PAGE_LENGTH_MAX,
    PageArguments,
    read_page,
    to_cursor,
)
from wallet.schema.wallets import WalletConnection
from wallet.services.ledger import WalletRecord

LIST = UUID("0195a1b2-c3d4-7e5f-8a6b-7c8d9e0fabcd")
OTHER_LIST = UUID("0195a1b2-c3d4-7e5f-8a6b-7c8d9e0fabce")


def read(
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> PageArguments:
    """Read page arguments of LIST."""
    return read_page(LIST, first=first, after=after, last=last, before=before)


class TestReadPage:
    """read_page."""

    def test_nothing_said(self) -> None:
        """The first twenty."""
        assert PAGE_LENGTH_DEFAULT == 20
        assert read() == PageArguments(limit=20, backwards=False, after=None, before=None)

    @pytest.mark.parametrize("length", [1, 2, PAGE_LENGTH_MAX])
    def test_length(self, length: int) -> None:
        """1 to 100 items, from the start or from the end."""
        assert PAGE_LENGTH_MAX == 100
        assert read(first=length) == PageArguments(length, False, None, None)  # noqa: FBT003
        assert read(last=length) == PageArguments(length, True, None, None)  # noqa: FBT003

    @pytest.mark.parametrize("length", [0, -1, 101, 2**31 - 1, -(2**31)])
    def test_other_length(self, length: int) -> None:
        """Any other length is refused, by its name."""
        with pytest.raises(BadRequestError, match=r"^first is 1 to 100"):
            read(first=length)
        with pytest.raises(BadRequestError, match=r"^last is 1 to 100"):
            read(last=length)

    @pytest.mark.parametrize(("first", "last"), [(1, 1), (0, 0), (20, 101)])
    def test_first_and_last(self, first: int, last: int) -> None:
        """A page is counted from one side."""
        with pytest.raises(BadRequestError, match="either first or last"):
            read(first=first, last=last)

    def test_cursors(self) -> None:
        """A cursor is a position, exclusive; both may be given."""
        assert read(after=to_cursor(LIST, 3), before=to_cursor(LIST, 9)) == PageArguments(
            limit=20,
            backwards=False,
            after=3,
            before=9,
        )

    @given(st.integers(1, 2**62))
    def test_reads_what_was_written(self, position: int) -> None:
        """read(to_cursor(x)) is x."""
        cursor = to_cursor(LIST, position)

        assert read(after=cursor).after == position
        assert read(before=cursor).before == position

    @pytest.mark.parametrize("side", ["after", "before"])
    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "1",
            "-1",
            "=",
            "!!!!",
            "курсор",
            "\x00",
            "\ud800",
            "null",
            "A" * 31,
            "A" * 33,
            "A" * 1_000_000,
            to_cursor(LIST, 3)[:-1],
            to_cursor(LIST, 3) + "=",
            to_cursor(LIST, 3) + "AAAA",
            " " + to_cursor(LIST, 3),
            to_cursor(LIST, 3) + "\n",
            to_cursor(OTHER_LIST, 3),
            to_cursor(UUID(int=0), 3),
            to_cursor(LIST, 0),
            to_cursor(LIST, 2**62 + 1),
            to_cursor(LIST, 2**63),
            to_cursor(LIST, 2**64 - 1),
            base64.urlsafe_b64encode(LIST.bytes + struct.pack(">q", -1)).decode(),
            base64.urlsafe_b64encode(LIST.bytes).decode(),
        ],
    )
    def test_no_cursor_of_this_list(self, side: str, cursor: str) -> None:
        """Malformed, negative, out of range, or of another list: refused, and no other error."""
        with pytest.raises(BadRequestError, match="no cursor"):
            read(**{side: cursor})  # type: ignore[arg-type]

    def test_other_spelling(self) -> None:
        """A position has one cursor: the other alphabet of Base64 is refused."""
        list_id = UUID(bytes=b"\xfb\xff\xbf" * 5 + b"\xff")
        cursor = to_cursor(list_id, 3)
        spelled = cursor.replace("-", "+").replace("_", "/")

        assert spelled != cursor
        with pytest.raises(BadRequestError, match="no cursor"):
            read_page(list_id, first=None, after=spelled, last=None, before=None)


class TestToCursor:
    """to_cursor."""

    def test_is_opaque_and_url_safe(self) -> None:
        """It is one token of characters that need no escaping, of the same length always."""
        cursors = {to_cursor(LIST, position) for position in (1, 2, 255, 256, 2**62)}

        assert len(cursors) == 5
        assert {len(cursor) for cursor in cursors} == {32}
        assert not set("".join(cursors)) & set("+/=")

    def test_differs_by_list(self) -> None:
        """The cursor of a position is another one in another list."""
        assert to_cursor(LIST, 1) != to_cursor(OTHER_LIST, 1)


def naive_page(count: int, page: PageArguments) -> tuple[list[int], bool, bool]:
    """Return positions, has_next and has_previous, as Relay's algorithm says, item by item."""
    inside = [
        position
        for position in range(1, count + 1)
        if (page.after is None or position > page.after)
        and (page.before is None or position < page.before)
    ]
    shown = inside[-page.limit :] if page.backwards else inside[: page.limit]
    if shown:
        return shown, shown[-1] < count, shown[0] > 1
    # Nothing lies between the cursors; what they leave out lies before and after the page.
    has_next = page.before is not None and page.before <= count
    has_previous = page.after is not None and page.after >= 1 and count >= 1
    return [], has_next, has_previous


def show(wallets: list[WalletRecord], page: PageArguments) -> tuple[list[int], bool, bool]:
    """Cut a page out of a list of wallets; return what ``naive_page`` returns."""
    connection = WalletConnection.of(ADA, wallets, page)
    assert connection.total_count == len(wallets)
    shown = [edge.node.record for edge in connection.edges]
    positions = [wallets.index(wallet) + 1 for wallet in shown]
    cursors = [edge.cursor for edge in connection.edges]
    assert cursors == [to_cursor(ADA, position) for position in positions]
    info = connection.page_info
    assert (info.start_cursor, info.end_cursor) == (
        (cursors[0], cursors[-1]) if cursors else (None, None)
    )
    return positions, info.has_next_page, info.has_previous_page


class TestWalletConnectionOf:
    """WalletConnection.of."""

    @pytest.mark.parametrize("backwards", [False, True], ids=["first", "last"])
    @pytest.mark.parametrize("count", range(6))
    def test_every_page(self, count: int, backwards: bool) -> None:  # noqa: FBT001
        """Every combination of length and cursors gives the items, cursors and flags it should."""
        wallets = [make_wallet() for _ in range(count)]
        positions = (None, *range(1, count + 1))
        for limit, after, before in product(range(1, count + 2), positions, positions):
            page = PageArguments(limit, backwards, after, before)

            assert show(wallets, page) == naive_page(count, page), page

    @pytest.mark.parametrize(
        "backwards",
        [pytest.param(False, id="first"), pytest.param(True, id="last")],
    )
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_cursors_beyond_the_end(self, count: int, backwards: bool) -> None:  # noqa: FBT001
        """A cursor that the list has not reached yet leaves out nothing, and shifts nothing."""
        wallets = [make_wallet() for _ in range(count)]
        positions = (None, 1, count + 1, count + 3, 2**62)
        for limit, after, before in product((1, 2, 20), positions, positions):
            page = PageArguments(limit, backwards, after, before)

            assert show(wallets, page) == naive_page(count, page), page

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    def test_walk(self, limit: int) -> None:
        """Page after page shows every wallet once, forwards and backwards, and then ends."""
        wallets = [make_wallet() for _ in range(7)]
        forwards: list[str] = []
        page = read_page(ADA, first=limit, after=None, last=None, before=None)
        while True:
            connection = WalletConnection.of(ADA, wallets, page)
            forwards += [edge.node.id for edge in connection.edges]
            if not connection.page_info.has_next_page:
                break
            page = read_page(
                ADA, first=limit, after=connection.page_info.end_cursor, last=None, before=None
            )
        backwards: list[str] = []
        page = read_page(ADA, first=None, after=None, last=limit, before=None)
        while True:
            connection = WalletConnection.of(ADA, wallets, page)
            backwards = [*(edge.node.id for edge in connection.edges), *backwards]
            if not connection.page_info.has_previous_page:
                break
            page = read_page(
                ADA, first=None, after=None, last=limit, before=connection.page_info.start_cursor
            )

        whole = WalletConnection.of(ADA, wallets, PageArguments(100, False, None, None))  # noqa: FBT003
        assert forwards == backwards == [edge.node.id for edge in whole.edges]
        assert len(set(forwards)) == 7
