"""Wallet.operations, page by page, against a reference that keeps all lines in a list."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.support.api import Account
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.statement import Arguments, Line, expected_page, shown_page
from wallet.core.ids import find_id

PAGES_A_REQUEST = 40

PAGE = """
fragment Page on OperationConnection {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor sequence amount { amount } balanceAfter { amount }
            node { id kind status errorCode createdAt amount { amount } } } }
"""


async def read_pages(
    account: Account, pages: Sequence[Arguments], *, where: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Read many pages of an account's statement, some dozens with each request."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(pages), PAGES_A_REQUEST):
        batch = pages[start : start + PAGES_A_REQUEST]
        fields = "".join(
            f"p{index}: operations({_written(arguments)}) {{ ...Page }} "
            for index, arguments in enumerate(batch)
        )
        document = (
            "query Pages($id: ID!, $where: OperationFilter) { wallet(id: $id) { "
            f"{fields} }} }} {PAGE}"
        )
        wallet = await account.api.run(document, id=account.wallet_id, where=where)
        answers += [wallet[f"p{index}"] for index in range(len(batch))]
    return answers


def _written(arguments: Arguments) -> str:
    return ", ".join(
        ["where: $where", *(f"{name}: {json.dumps(value)}" for name, value in arguments.items())]
    )


async def read_page(account: Account, **arguments: Any) -> dict[str, Any]:
    """Read one page of an account's statement."""
    (page,) = await read_pages(account, [arguments])
    return page


@dataclass(frozen=True, slots=True)
class Kept:
    """An account, and all lines of its first wallet's statement, newest first."""

    account: Account
    lines: list[Line]
    amounts: list[str]

    @property
    def cursors(self) -> list[str | None]:
        """The ends of the list, their neighbours, the middle; and no cursor at all."""
        places = (0, 1, len(self.lines) // 2, -2, -1)
        return [None, *(self.lines[place].cursor for place in places)]


@pytest_asyncio.fixture(scope="module")
async def kept(guests: Guests, observer: Observer) -> Kept:
    """A wallet with some sixty operations of all sorts, written down as they were made."""
    cleo, dora = await guests.create(), await guests.create(balance="1000.00")
    made: list[tuple[Any, str]] = []
    for step in range(12):
        made.append(((await cleo.api.topup(cleo.wallet_id, "10.00"))["done"], "10.00"))
        paid = await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, f"0.{step + 10}")
        made.append((paid["done"], f"-0.{step + 10}"))
        failed = await cleo.api.transfer(cleo.wallet_id, dora.wallet_id, "5000.00")
        made.append((failed["failed"], "0.00"))
        got = await dora.api.transfer(dora.wallet_id, cleo.wallet_id, "1.00")
        made.append((got["done"], "1.00"))
        # What fails on the other side is no line here.
        await dora.api.transfer(dora.wallet_id, cleo.wallet_id, "5000.00")
        if step % 4 == 0:
            made += await refused_while_frozen(cleo, dora, observer)
    newest_first = await everything(cleo)
    lines = [
        Line(
            len(made) - index + 1,
            operation["kind"],
            operation["status"],
            datetime.fromisoformat(operation["createdAt"]),
            cursor=newest_first[index]["cursor"],
        )
        for index, (operation, _) in enumerate(reversed(made))
    ]
    opening = newest_first[-1]
    lines.append(
        Line(
            1,
            "OPENING",
            "COMPLETED",
            datetime.fromisoformat(opening["node"]["createdAt"]),
            cursor=opening["cursor"],
        )
    )
    assert 50 <= len(lines) <= 70
    return Kept(cleo, lines, [amount for _, amount in reversed(made)] + ["0.00"])


async def refused_while_frozen(
    account: Account, other: Account, observer: Observer
) -> list[tuple[Any, str]]:
    """Try to move money in and out of a frozen wallet; return what is on record of it."""
    wallet_id = find_id("Wallet", account.wallet_id)
    await observer.fetch("UPDATE wallets SET status = 'FROZEN' WHERE id = $1", wallet_id)
    answers = [
        await account.api.transfer(account.wallet_id, other.wallet_id, "1.00"),
        await account.api.topup(account.wallet_id, "1.00"),
    ]
    await observer.fetch("UPDATE wallets SET status = 'ACTIVE' WHERE id = $1", wallet_id)
    assert {answer["__typename"] for answer in answers} == {"WalletUnavailable"}
    return [(answer["failed"], "0.00") for answer in answers]


async def everything(account: Account) -> list[dict[str, Any]]:
    """Read all edges, in one page."""
    page = await read_page(account, first=100)
    assert not page["pageInfo"]["hasNextPage"]
    edges: list[dict[str, Any]] = page["edges"]
    return edges


def combinations(
    kept: Kept, lengths: Iterable[Mapping[str, int]], cursors: Iterable[str | None]
) -> list[dict[str, Any]]:
    """Return all arguments that lengths and cursors make together."""
    cursors = list(cursors)
    return [
        {
            **length,
            **({"after": after} if after else {}),
            **({"before": before} if before else {}),
        }
        for length, after, before in itertools.product(lengths, cursors, cursors)
    ]


class TestLines:
    """What each line says."""

    async def test_are_the_operations_in_order(self, kept: Kept) -> None:
        """One line for each operation that concerns the wallet, gapless, newest first."""
        edges = await everything(kept.account)

        assert [edge["sequence"] for edge in edges] == [line.sequence for line in kept.lines]
        assert [edge["sequence"] for edge in edges] == list(range(len(edges), 0, -1))
        assert [
            (edge["node"]["kind"], edge["node"]["status"], edge["node"]["createdAt"])
            for edge in edges
        ] == [(line.kind, line.status, line.created_at.isoformat()) for line in kept.lines]
        times = [line.created_at for line in kept.lines]
        assert times == sorted(times, reverse=True)

    async def test_add_up(self, kept: Kept) -> None:
        """Amounts are signed, and each balance is the sum of the amounts up to its line."""
        edges = await everything(kept.account)

        assert [edge["amount"]["amount"] for edge in edges] == kept.amounts
        cents = [int(Decimal(amount) * 100) for amount in kept.amounts]
        sums = list(itertools.accumulate(reversed(cents)))[::-1]
        assert [edge["balanceAfter"]["amount"] for edge in edges] == [
            f"{total // 100}.{total % 100:02}" for total in sums
        ]
        balance = await kept.account.api.balance(kept.account.wallet_id)
        assert edges[0]["balanceAfter"]["amount"] == balance

    async def test_of_what_failed_say_why(self, kept: Kept) -> None:
        """A failed operation says why, and how much it would have been; others say nothing."""
        edges = await everything(kept.account)

        failed = [edge for edge in edges if edge["node"]["status"] == "FAILED"]
        reasons = [(edge["node"]["errorCode"], edge["node"]["amount"]["amount"]) for edge in failed]
        assert reasons.count(("INSUFFICIENT_FUNDS", "5000.00")) == 12
        assert reasons.count(("WALLET_UNAVAILABLE", "1.00")) == 6
        assert len(reasons) == 18
        completed = [edge for edge in edges if edge["node"]["status"] != "FAILED"]
        assert {edge["node"]["errorCode"] for edge in completed} == {None}


class TestPages:
    """first, last, after and before."""

    async def test_every_combination(self, kept: Kept) -> None:
        """Lines, both flags, both cursors and the total are exact for all arguments together."""
        lengths: list[dict[str, int]] = [
            *({}, {"first": 1}, {"first": 7}, {"first": len(kept.lines) - 1}, {"first": 100}),
            *({"last": 1}, {"last": 7}, {"last": len(kept.lines) - 1}, {"last": 100}),
        ]
        pages = combinations(kept, lengths, kept.cursors)

        answers = await read_pages(kept.account, pages)

        for arguments, answer in zip(pages, answers, strict=True):
            assert shown_page(answer) == expected_page(kept.lines, arguments, {}), arguments

    @pytest.mark.parametrize("length", [1, 7, 20, 100])
    async def test_walk_forwards(self, length: int, kept: Kept) -> None:
        """From the newest page to page after page, each line comes once, in order."""
        page = await read_page(kept.account, first=length)
        walked = [edge["sequence"] for edge in page["edges"]]
        while page["pageInfo"]["hasNextPage"]:
            page = await read_page(kept.account, first=length, after=page["pageInfo"]["endCursor"])
            assert page["pageInfo"]["hasPreviousPage"]
            walked += [edge["sequence"] for edge in page["edges"]]

        assert walked == [line.sequence for line in kept.lines]

    @pytest.mark.parametrize("length", [1, 7, 20, 100])
    async def test_walk_backwards(self, length: int, kept: Kept) -> None:
        """From the oldest page to page before page, each line comes once, in order."""
        page = await read_page(kept.account, last=length)
        walked = [edge["sequence"] for edge in page["edges"]]
        while page["pageInfo"]["hasPreviousPage"]:
            page = await read_page(
                kept.account, last=length, before=page["pageInfo"]["startCursor"]
            )
            assert page["pageInfo"]["hasNextPage"]
            walked = [edge["sequence"] for edge in page["edges"]] + walked

        assert walked == [line.sequence for line in kept.lines]

    async def test_stay_where_they_are(self, guests: Guests) -> None:
        """New lines come on top: pages under way go on as if nothing had happened."""
        cleo = await guests.create()
        for _ in range(7):
            await cleo.api.topup(cleo.wallet_id, "1.00")
        first = await read_page(cleo, first=3)
        for _ in range(2):
            await cleo.api.topup(cleo.wallet_id, "1.00")

        second = await read_page(cleo, first=3, after=first["pageInfo"]["endCursor"])
        again = await read_page(cleo, last=3, before=second["pageInfo"]["startCursor"])
        new = await read_page(cleo, before=first["pageInfo"]["startCursor"])

        assert [edge["sequence"] for edge in first["edges"]] == [8, 7, 6]
        assert [edge["sequence"] for edge in second["edges"]] == [5, 4, 3]
        assert again["edges"] == first["edges"]
        assert first["pageInfo"]["hasPreviousPage"] is False
        assert again["pageInfo"]["hasPreviousPage"] is True
        assert [edge["sequence"] for edge in new["edges"]] == [10, 9]
        assert (first["totalCount"], second["totalCount"]) == (8, 10)

    async def test_of_a_new_wallet(self, guests: Guests) -> None:
        """A wallet that nothing has happened to has the one line of its opening."""
        cleo = await guests.create()

        page = await read_page(cleo)

        assert shown_page(page) == {
            "sequences": [1],
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": page["edges"][0]["cursor"],
            "totalCount": 1,
        }


class TestFilter:
    """where."""

    @staticmethod
    def wheres(kept: Kept) -> list[dict[str, Any]]:
        """Return filters that let through much, little and nothing."""
        middle, later = kept.lines[30].created_at, kept.lines[10].created_at
        tick = timedelta(microseconds=1)
        elsewhere = middle.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
        return [
            {},
            {"kinds": ["TOPUP"]},
            {"kinds": ["TRANSFER", "OPENING", "TRANSFER"]},
            {"statuses": ["FAILED"]},
            {"kinds": ["TRANSFER"], "statuses": ["COMPLETED"]},
            {"kinds": ["OPENING"]},
            {"from": middle.isoformat()},
            {"from": (middle + tick).isoformat()},
            {"until": middle.isoformat()},
            {"until": (middle + tick).isoformat()},
            {"from": middle.isoformat(), "until": later.isoformat()},
            {"from": elsewhere, "until": later.isoformat(), "statuses": ["FAILED"]},
            # Nothing is of that kind, of that status, or of no kind at all.
            {"kinds": ["HOLD", "REPORT"]},
            {"statuses": ["PENDING"]},
            {"kinds": []},
            {"statuses": []},
            # Contradictions.
            {"from": later.isoformat(), "until": middle.isoformat()},
            {"from": middle.isoformat(), "until": middle.isoformat()},
            {"kinds": ["OPENING"], "statuses": ["FAILED"]},
        ]

    async def test_every_page_of_every_filter(self, kept: Kept) -> None:
        """Lines, both flags and the total are exact for pages of what a filter lets through."""
        lengths: list[dict[str, int]] = [{"first": 3}, {"first": 100}, {"last": 3}]
        pages = combinations(kept, lengths, kept.cursors[::2])
        for where in self.wheres(kept):
            answers = await read_pages(kept.account, pages, where=where)

            for arguments, answer in zip(pages, answers, strict=True):
                expected = expected_page(kept.lines, arguments, where)
                assert shown_page(answer) == expected, (arguments, where)

    async def test_lets_through_what_the_test_thinks(self, kept: Kept) -> None:
        """The filters above are worth trying: some let through much, some little, some nothing."""
        counts = [sum(line.matches(where) for line in kept.lines) for where in self.wheres(kept)]

        assert counts[0] == len(kept.lines)
        assert min(counts[:12]) >= 1
        assert counts[6] == counts[7] + 1 == 31
        assert counts[9] == counts[8] + 1
        assert counts[10] == 20
        assert counts[12:] == [0] * 7

    async def test_nothing_given_is_no_filter(self, kept: Kept) -> None:
        """null, for a condition or for all of them, lets everything through."""
        nothing = dict.fromkeys(("kinds", "statuses", "from", "until"))

        answers = [
            (await read_pages(kept.account, [{"first": 5}], where=where))[0]
            for where in (None, {}, nothing)
        ]

        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["totalCount"] == len(kept.lines)
