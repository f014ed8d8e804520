"""Opening wallets, listing them, and fetching them by their ids."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.api import OPEN_WALLET, WALLET, Account
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from tests.support.servers import ApiServer
from wallet.core.ids import find_id, new_id, to_global_id
from wallet.development import RedisServer

NODE = """
query Node($id: ID!) { node(id: $id) { __typename id
    ... on User { email } ... on Wallet { currency } ... on Operation { kind } } }
"""
NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
WALLETS = """
query Wallets($first: Int, $after: String, $last: Int, $before: String) {
    viewer { wallets(first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { id } } } } }
"""

COUNT = "SELECT count(*) FROM wallets WHERE owner_id = $1"


async def count_wallets(observer: Observer, account: Account) -> int:
    """Count an account's wallets, past the server."""
    return int(await observer.value(COUNT, find_id("User", account.user_id)))


async def page_of(account: Account, **arguments: Any) -> dict[str, Any]:
    """Read a page of an account's wallets."""
    page: dict[str, Any] = (await account.api.run(WALLETS, **arguments))["wallets"]
    return page


def ids_of(page: dict[str, Any]) -> list[str]:
    """Return the ids on a page."""
    return [edge["node"]["id"] for edge in page["edges"]]


class TestOpenWallet:
    """Mutation.openWallet."""

    async def test_opens_an_empty_wallet(self, guests: Guests, observer: Observer) -> None:
        """The new wallet is active and empty, and its statement starts with the opening."""
        cleo = await guests.create()

        opened = await cleo.api.open_wallet(currency="JPY", label="Holidays 🏝")

        wallet = opened["wallet"]
        assert (wallet["currency"], wallet["label"]) == ("JPY", "Holidays 🏝")
        assert (wallet["status"], wallet["balance"]["amount"]) == ("ACTIVE", "0")
        (line,) = (await cleo.api.statement(wallet["id"]))["operations"]["edges"]
        assert (line["node"]["kind"], line["node"]["status"]) == ("OPENING", "COMPLETED")
        assert (line["sequence"], line["amount"]["amount"]) == (1, "0")
        assert await count_wallets(observer, cleo) == 2

    @pytest.mark.parametrize("label", ["", None])
    async def test_label_may_be_left_out(self, label: str | None, guests: Guests) -> None:
        """An empty label is none; one of a hundred characters is taken."""
        cleo = await guests.create()

        assert (await cleo.api.open_wallet(label=label))["wallet"]["label"] is None
        assert (await cleo.api.open_wallet(label="😀" * 100))["wallet"]["label"] == "😀" * 100

    async def test_replay_gives_the_same_wallet(self, guests: Guests, observer: Observer) -> None:
        """The same key with the same input opens nothing more, and shows the wallet as it is."""
        cleo = await guests.create()
        opened = await cleo.api.open_wallet(label="Savings", idempotencyKey="once")
        await cleo.api.topup(opened["wallet"]["id"], "5.00")

        async with observer.nothing_changes():
            replayed = await cleo.api.open_wallet(label="Savings", idempotencyKey="once")

        assert replayed["wallet"]["id"] == opened["wallet"]["id"]
        assert replayed["wallet"]["balance"]["amount"] == "5.00"

    async def test_other_input_conflicts(self, guests: Guests, observer: Observer) -> None:
        """The same key with another currency or label is IdempotencyConflict."""
        cleo = await guests.create()
        await cleo.api.open_wallet(label="Savings", idempotencyKey="once")
        topup = await cleo.api.topup(cleo.wallet_id, "1.00", idempotencyKey="of a top-up")
        assert topup["__typename"] == "OperationPayload"

        async with observer.nothing_changes():
            answers = [
                await cleo.api.open_wallet(currency="USD", label="Savings", idempotencyKey="once"),
                await cleo.api.open_wallet(label="savings", idempotencyKey="once"),
                await cleo.api.open_wallet(idempotencyKey="once"),
                await cleo.api.open_wallet(idempotencyKey="of a top-up"),
                await cleo.api.topup(cleo.wallet_id, "1.00", idempotencyKey="once"),
            ]

        assert {answer["__typename"] for answer in answers} == {"IdempotencyConflict"}

    async def test_key_is_the_users_own(self, guests: Guests) -> None:
        """Two users with the same key have nothing to do with each other."""
        cleo, dora = await guests.create(), await guests.create()

        opened = [await each.api.open_wallet(idempotencyKey="once") for each in (cleo, dora)]

        assert opened[0]["wallet"]["id"] != opened[1]["wallet"]["id"]

    async def test_twenty_at_once_open_one(self, guests: Guests, observer: Observer) -> None:
        """However often a request is sent at the same moment, there is one wallet."""
        cleo = await guests.create()

        answers = await asyncio.gather(
            *(cleo.api.open_wallet(currency="USD", idempotencyKey="once") for _ in range(20))
        )

        assert len({answer["wallet"]["id"] for answer in answers}) == 1
        assert await count_wallets(observer, cleo) == 2


@pytest.fixture(scope="module")
def three_each(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A server on which everybody may have three wallets, and that knows assets."""
    with ApiServer(
        database_url=database_url,
        redis_url=redis.url,
        log=tmp_path_factory.mktemp("three") / "log",
        environment={"MAX_WALLETS_PER_USER": "3", "ASSETS": "POINTS=0, GOLD=3,TOKEN=18"},
    ) as server:
        yield server


class TestLimit:
    """MAX_WALLETS_PER_USER."""

    async def test_is_exact_at_once(
        self, guests: Guests, three_each: ApiServer, observer: Observer
    ) -> None:
        """Of ten that open a wallet at the same moment, as many get one as may."""
        cleo = await guests.create()
        api = cleo.api.at(three_each.url)

        answers = await asyncio.gather(*(api.open_wallet() for _ in range(10)))

        kinds = sorted(answer["__typename"] for answer in answers)
        assert kinds == ["LimitExceeded"] * 8 + ["OpenWalletPayload"] * 2
        assert await count_wallets(observer, cleo) == 3

    async def test_refusal_changes_nothing(
        self, guests: Guests, three_each: ApiServer, observer: Observer
    ) -> None:
        """The refused key is not used up, and a replay at the limit still finds its wallet."""
        cleo = await guests.create()
        api = cleo.api.at(three_each.url)
        opened = await api.open_wallet(idempotencyKey="second")
        await api.open_wallet(idempotencyKey="third")
        input_ = {"currency": "EUR", "idempotencyKey": "fourth"}

        async with observer.nothing_changes():
            response = await api.send({"query": OPEN_WALLET, "variables": {"input": input_}})
            replayed = await api.open_wallet(idempotencyKey="second")

        assert refused(response) == ("LimitExceeded", None)
        assert replayed["wallet"]["id"] == opened["wallet"]["id"]
        # The shared server allows more.
        fourth = await cleo.api.open_wallet(idempotencyKey="fourth")
        assert fourth["__typename"] == "OpenWalletPayload"

    @pytest.mark.parametrize(
        ("currency", "amount", "balance"),
        [
            ("POINTS", "12", "12"),
            ("GOLD", "0.5", "0.500"),
            ("TOKEN", "1.5", "1." + "5".ljust(18, "0")),
        ],
    )
    async def test_assets_are_money_too(
        self, currency: str, amount: str, balance: str, guests: Guests, three_each: ApiServer
    ) -> None:
        """What the operator declares in ASSETS has the decimals declared there."""
        cleo = await guests.create()
        api = cleo.api.at(three_each.url)
        wallet = (await api.open_wallet(currency=currency))["wallet"]

        topup = await api.topup(wallet["id"], amount, currency=currency)
        too_fine = await api.topup(wallet["id"], balance + "0.1", currency=currency)

        assert topup["wallet"]["balance"]["amount"] == balance
        assert too_fine["__typename"] == "InvalidInput"
        # Elsewhere nobody has heard of it.
        assert (await cleo.api.open_wallet(currency=currency))["field"] == ["currency"]


class TestCurrencies:
    """Minor units, from one end to the other."""

    @pytest.mark.parametrize(
        ("currency", "paid", "left", "moved"),
        [
            ("EUR", "12.50", "87.50", "12.50"),
            ("JPY", "12", "88", "12"),
            ("KWD", "12.345", "87.655", "12.345"),
            ("KWD", "0.001", "99.999", "0.001"),
            ("CLF", "0.0001", "99.9999", "0.0001"),
        ],
    )
    async def test_have_their_own_decimals(
        self, currency: str, paid: str, left: str, moved: str, guests: Guests
    ) -> None:
        """None for yen, three for dinars: exact in the answer, the balance and the statement."""
        payer = await guests.create(currency=currency, balance="100")
        payee = await guests.create(currency=currency)

        answer = await payer.api.transfer(payer.wallet_id, payee.wallet_id, paid, currency=currency)

        assert answer["done"]["amount"] == {"amount": moved, "currency": currency}
        assert answer["wallet"]["balance"]["amount"] == left
        line = (await payee.api.statement(payee.wallet_id))["operations"]["edges"][0]
        assert (line["amount"]["amount"], line["balanceAfter"]["amount"]) == (moved, moved)


@pytest_asyncio.fixture(scope="module")
async def owner(guests: Guests) -> Account:
    """Somebody with seven wallets."""
    cleo = await guests.create()
    for _ in range(6):
        await cleo.api.open_wallet()
    return cleo


class TestViewerWallets:
    """User.wallets."""

    async def test_are_listed_oldest_first(self, owner: Account, observer: Observer) -> None:
        """Without arguments, the first twenty, and how many there are."""
        rows = await observer.fetch(
            "SELECT id FROM wallets WHERE owner_id = $1 ORDER BY created_at",
            find_id("User", owner.user_id),
        )

        page = await page_of(owner)

        assert ids_of(page) == [to_global_id("Wallet", row["id"]) for row in rows]
        assert page["totalCount"] == 7
        assert page["pageInfo"] == {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": page["edges"][-1]["cursor"],
        }

    @pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 100])
    async def test_pages_visit_each_once(self, length: int, owner: Account) -> None:
        """Forwards and backwards, page after page, each wallet comes once."""
        everything = ids_of(await page_of(owner))
        forwards: list[str] = []
        page = await page_of(owner, first=length)
        forwards += ids_of(page)
        while page["pageInfo"]["hasNextPage"]:
            page = await page_of(owner, first=length, after=page["pageInfo"]["endCursor"])
            assert page["pageInfo"]["hasPreviousPage"]
            forwards += ids_of(page)
        backwards: list[str] = []
        page = await page_of(owner, last=length)
        backwards = ids_of(page) + backwards
        while page["pageInfo"]["hasPreviousPage"]:
            page = await page_of(owner, last=length, before=page["pageInfo"]["startCursor"])
            assert page["pageInfo"]["hasNextPage"]
            backwards = ids_of(page) + backwards

        assert forwards == backwards == everything

    async def test_between_two_cursors(self, owner: Account) -> None:
        """after and before together leave what is between them, also where that is nothing."""
        edges = (await page_of(owner))["edges"]
        ids, cursors = [edge["node"]["id"] for edge in edges], [edge["cursor"] for edge in edges]

        between = await page_of(owner, after=cursors[1], before=cursors[4])
        first = await page_of(owner, after=cursors[1], before=cursors[4], first=1)
        last = await page_of(owner, after=cursors[1], before=cursors[4], last=1)
        nothing = await page_of(owner, after=cursors[3], before=cursors[4])
        crossed = await page_of(owner, after=cursors[4], before=cursors[1])

        assert ids_of(between) == ids[2:4]
        assert ids_of(first) == ids[2:3]
        assert ids_of(last) == ids[3:4]
        for page in (nothing, crossed):
            assert page["edges"] == []
            assert page["pageInfo"] == {
                "hasNextPage": True,
                "hasPreviousPage": True,
                "startCursor": None,
                "endCursor": None,
            }
            assert page["totalCount"] == 7

    async def test_cursors_stay_where_they_are(self, guests: Guests) -> None:
        """A wallet that is opened in between comes last, and moves nothing else."""
        cleo = await guests.create()
        await cleo.api.open_wallet()
        first = await page_of(cleo, first=1)
        opened = await cleo.api.open_wallet()

        rest = await page_of(cleo, after=first["pageInfo"]["endCursor"])

        assert len(rest["edges"]) == 2
        assert ids_of(rest)[-1] == opened["wallet"]["id"]


@pytest_asyncio.fixture(scope="module")
async def ids(guests: Guests) -> tuple[Account, dict[str, str]]:
    """An account, and the ids of what it has, by type."""
    cleo = await guests.create()
    topup = await cleo.api.topup(cleo.wallet_id, "1.00")
    return cleo, {
        "User": cleo.user_id,
        "Wallet": cleo.wallet_id,
        "Operation": topup["done"]["id"],
    }


class TestNode:
    """Query.wallet, Query.node and Query.nodes."""

    async def test_finds_each_type_by_its_id(self, ids: tuple[Account, dict[str, str]]) -> None:
        """What has an id is found by it, as what it is."""
        cleo, own = ids

        found = {type_: await cleo.api.run(NODE, id=id_) for type_, id_ in own.items()}

        assert found == {
            "User": {"__typename": "User", "id": own["User"], "email": cleo.email},
            "Wallet": {"__typename": "Wallet", "id": own["Wallet"], "currency": "EUR"},
            "Operation": {"__typename": "Operation", "id": own["Operation"], "kind": "TOPUP"},
        }
        assert (await cleo.api.run(WALLET, id=own["Wallet"]))["balance"]["amount"] == "1.00"
        assert await cleo.api.run(WALLET, id=own["Operation"]) is None

    async def test_keeps_the_order(self, ids: tuple[Account, dict[str, str]], ada: Account) -> None:
        """As many nodes as ids, in their order: duplicates twice, what is not there null."""
        cleo, own = ids
        nobodys = to_global_id("Wallet", new_id())
        asked = [own["Wallet"], nobodys, own["Operation"], own["Wallet"], ada.user_id, own["User"]]

        found = await cleo.api.run(NODES, ids=asked)

        expected = ["Wallet", None, "Operation", "Wallet", None, "User"]
        assert [node and node["__typename"] for node in found] == expected
        assert [node and node["id"] for node in found] == [
            id_ if type_ else None for id_, type_ in zip(asked, expected, strict=True)
        ]

    @pytest.mark.parametrize("count", [0, 1, 100])
    async def test_takes_up_to_100_ids(
        self, count: int, ids: tuple[Account, dict[str, str]]
    ) -> None:
        """None, one or a hundred are taken."""
        cleo, own = ids

        found = await cleo.api.run(NODES, ids=[own["Wallet"]] * count)

        assert found == [{"__typename": "Wallet", "id": own["Wallet"]}] * count

    async def test_refuses_101(self, ids: tuple[Account, dict[str, str]]) -> None:
        """One more is refused, all of them."""
        cleo, own = ids
        body = {"query": NODES, "variables": {"ids": [own["Wallet"]] * 101}}

        assert error_code(await cleo.api.send(body)) == "BAD_USER_INPUT"
