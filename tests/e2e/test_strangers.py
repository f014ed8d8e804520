"""
A user reaches nothing of another's, however it is asked: by cursors, quotes, keys and tokens
of theirs, in amounts and currencies that would be refused anyway.

What each field answers to whom is in test_rights.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.e2e.test_bad_pages import cursor_of, uuid_of
from tests.support.api import (
    CHANGE_PASSWORD,
    LOGIN,
    LOGOUT,
    OPEN_WALLET,
    PASSWORD,
    REFRESH,
    REQUEST_REPORT,
    SIGNUP,
    STATEMENT,
    TOPUP,
    TRANSFER,
    TRANSFER_BATCH,
    Account,
    Api,
)
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from wallet.core.ids import new_id, to_global_id

NODES = """
query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Wallet { balance { amount } }
    ... on User { email } ... on Operation { description } } }
"""


def money(**more: object) -> dict[str, object]:
    """Return the input of a mutation that moves 1.00 EUR."""
    return {
        "amount": {"amount": "1.00", "currency": "EUR"},
        "idempotencyKey": uuid4().hex,
        **more,
    }


@dataclass(frozen=True, slots=True)
class Things:
    """What somebody has, by its ids; or ids of the same types that nobody has."""

    user: str = field(default_factory=lambda: to_global_id("User", new_id()))
    wallet: str = field(default_factory=lambda: to_global_id("Wallet", new_id()))
    other_wallet: str = field(default_factory=lambda: to_global_id("Wallet", new_id()))
    completed: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    quote: str = field(default_factory=lambda: to_global_id("Quote", new_id()))

    @property
    def all(self) -> list[str]:
        """Every id."""
        return list(asdict(self).values())


def to_oneself(theirs: Things, me: Account, amount: str, currency: str) -> dict[str, Any]:
    """Return the variables of a transfer out of another's wallet."""
    return {
        "input": money(
            sourceWalletId=theirs.wallet,
            targetWalletId=me.wallet_id,
            amount={"amount": amount, "currency": currency},
        )
    }


@dataclass(frozen=True, slots=True)
class Try:
    """One way to reach for something of another's: a document, and its variables."""

    name: str
    document: str
    variables: Callable[[Things, Account], dict[str, Any]]


# What a stranger, who has a wallet and money of its own, would try.
TRIES = [
    Try("nodes", NODES, lambda theirs, me: {"ids": [*theirs.all, me.user_id]}),
    Try(
        "cursor",
        STATEMENT,
        lambda theirs, _: {"id": theirs.wallet, "after": cursor_of(uuid_of(theirs.wallet), 2)},
    ),
    Try(
        "filter",
        STATEMENT,
        lambda theirs, _: {"id": theirs.wallet, "where": {"kinds": ["TRANSFER"]}},
    ),
    Try(
        "XML",
        REQUEST_REPORT,
        lambda theirs, _: {"input": {"walletId": theirs.wallet, "format": "XML"}},
    ),
    Try(
        "quote for one's own",
        TOPUP,
        lambda theirs, me: {"input": money(walletId=me.wallet_id, quoteId=theirs.quote)},
    ),
    Try(
        "quote for another's",
        TRANSFER,
        lambda theirs, me: {
            "input": money(
                sourceWalletId=me.wallet_id,
                targetWalletId=theirs.other_wallet,
                quoteId=theirs.quote,
            )
        },
    ),
    Try(
        "between theirs",
        TRANSFER,
        lambda theirs, _: {
            "input": money(sourceWalletId=theirs.wallet, targetWalletId=theirs.other_wallet)
        },
    ),
    Try(
        "to nobody",
        TRANSFER,
        lambda theirs, _: {
            "input": money(sourceWalletId=theirs.wallet, targetWalletId=Things().wallet)
        },
    ),
    Try("in another currency", TRANSFER, lambda theirs, me: to_oneself(theirs, me, "1", "JPY")),
    Try("too much", TRANSFER, lambda theirs, me: to_oneself(theirs, me, "1000000", "EUR")),
    *(
        Try(
            f"in a batch, {mode}",
            TRANSFER_BATCH,
            lambda theirs, me, mode=mode: {  # type: ignore[misc]
                "input": {
                    "mode": mode,
                    "transfers": [
                        money(sourceWalletId=theirs.wallet, targetWalletId=me.wallet_id),
                        money(sourceWalletId=me.wallet_id, targetWalletId=Things().wallet),
                    ],
                }
            },
        )
        for mode in ("ATOMIC", "INDEPENDENT")
    ),
]

every_try = pytest.mark.parametrize("try_", [pytest.param(try_, id=try_.name) for try_ in TRIES])


@pytest_asyncio.fixture(scope="module")
async def owner(guests: Guests) -> Account:
    """Somebody with money and a past."""
    return await guests.create(balance="50.00")


@pytest_asyncio.fixture(scope="module")
async def payee(guests: Guests) -> Account:
    """Whom the owner has paid."""
    return await guests.create()


@pytest_asyncio.fixture(scope="module")
async def stranger(guests: Guests) -> Account:
    """Somebody who has nothing to do with either."""
    return await guests.create(balance="50.00")


@pytest_asyncio.fixture(scope="module")
async def things(owner: Account, payee: Account, rates: None) -> Things:
    """What the owner has."""
    other = (await owner.api.open_wallet(label="Savings"))["wallet"]["id"]
    paid = await owner.api.transfer(
        owner.wallet_id, payee.wallet_id, "7.50", description="the rent", metadata={"flat": 3}
    )
    return Things(
        user=owner.user_id,
        wallet=owner.wallet_id,
        other_wallet=other,
        completed=paid["done"]["id"],
        quote=(await owner.api.create_quote("1.00", "USD"))["quote"]["id"],
    )


async def send(account: Account, try_: Try, things: Things, *, api: Api | None = None) -> str:
    """Try it as *account*; return the body of the answer."""
    body = {"query": try_.document, "variables": try_.variables(things, account)}
    return (await (api or account.api).send(body)).text


class TestTries:
    """The tries above."""

    @every_try
    async def test_reach_something(self, try_: Try, owner: Account, things: Things) -> None:
        """Each try, made by the owner, finds what it is after: it would show if it were found."""
        mine = await send(owner, try_, things)
        nobodys = await send(owner, try_, Things())

        # An owner who pays out of the wallet into it, or to nobody, gets another refusal.
        assert mine != nobodys


class TestStranger:
    """Somebody else who is signed in."""

    @every_try
    async def test_gets_what_nobody_gets(
        self,
        try_: Try,
        stranger: Account,
        owner: Account,
        things: Things,
        observer: Observer,
    ) -> None:
        """The answer is, byte for byte, the one for ids that do not exist; nothing changes."""
        async with observer.nothing_changes():
            theirs = await send(stranger, try_, things)
            nobodys = await send(stranger, try_, Things())

        assert theirs == nobodys
        for secret in (*things.all, owner.email, "42.50", "the rent"):
            assert secret not in theirs

    async def test_cursor_of_another_is_of_no_use(self, stranger: Account, things: Things) -> None:
        """A cursor of the owner's wallet opens nothing in one's own, and tells nothing."""
        answers = [
            await stranger.api.send(
                {
                    "query": STATEMENT,
                    "variables": {
                        "id": stranger.wallet_id,
                        "after": cursor_of(uuid_of(wallet), position),
                    },
                }
            )
            for wallet in (things.wallet, Things().wallet)
            for position in (1, 2, 1_000)
        ]

        assert {error_code(answer) for answer in answers} == {"BAD_USER_INPUT"}
        assert len({answer.text for answer in answers}) == 1

    async def test_key_of_another_is_ones_own(
        self, stranger: Account, owner: Account, payee: Account
    ) -> None:
        """An idempotency key that somebody else has used answers nothing of theirs."""
        key = uuid4().hex
        theirs = await owner.api.transfer(
            owner.wallet_id, payee.wallet_id, "0.01", idempotencyKey=key
        )

        mine = await stranger.api.transfer(
            stranger.wallet_id, payee.wallet_id, "0.01", idempotencyKey=key
        )

        assert (mine["__typename"], mine["replayed"]) == ("OperationPayload", False)
        assert mine["done"]["id"] != theirs["done"]["id"]


class TestAnonymous:
    """Nobody in particular."""

    @every_try
    async def test_gets_what_nobody_gets(
        self, try_: Try, stranger: Account, things: Things, api: Api, observer: Observer
    ) -> None:
        """Whatever is asked, the answer is to sign in; nothing changes."""
        async with observer.nothing_changes():
            theirs = await send(stranger, try_, things, api=api)
            nobodys = await send(stranger, try_, Things(), api=api)

        assert theirs == nobodys
        assert '"UNAUTHENTICATED"' in theirs
        assert '"__typename"' not in theirs


class TestFieldsWithoutId:
    """Fields that take no id of a user's things."""

    async def test_viewer_is_oneself(
        self, stranger: Account, owner: Account, api: Api, things: Things
    ) -> None:
        """The viewer is who asks, or nobody; cursors of another's wallets are of no use."""
        document = """query ($after: String) { viewer { id email
            wallets(after: $after) { totalCount edges { node { id } } } } }"""

        mine = await stranger.api.run(document)
        others = [
            await stranger.api.send(
                {"query": document, "variables": {"after": cursor_of(uuid_of(user), 1)}}
            )
            for user in (things.user, Things().user)
        ]

        assert (mine["id"], mine["email"]) == (stranger.user_id, stranger.email)
        assert [edge["node"]["id"] for edge in mine["wallets"]["edges"]] == [stranger.wallet_id]
        assert await api.run(document) is None
        assert [error_code(other) for other in others] == ["BAD_USER_INPUT"] * 2
        assert others[0].text == others[1].text

    async def test_signup_takes_nobodys_account(
        self, stranger: Account, ada: Account, api: Api, observer: Observer
    ) -> None:
        """With somebody's address one gets no session, and their password stays what it is."""
        input_ = {"email": ada.email.upper(), "password": "another password", "currency": "EUR"}
        body = {"query": SIGNUP, "variables": {"input": input_}}
        async with observer.nothing_changes():
            answers = [await each.send(body) for each in (stranger.api, api)]

        assert [refused(answer) for answer in answers] == [("EmailTaken", None)] * 2
        login = await api.run(LOGIN, input={"email": ada.email, "password": PASSWORD})
        assert login["user"]["id"] == ada.user_id

    async def test_login_tells_nothing(
        self, stranger: Account, ada: Account, observer: Observer
    ) -> None:
        """Without the password, an account is as good as none."""
        async with observer.nothing_changes():
            answers = [
                await stranger.api.send(
                    {
                        "query": LOGIN,
                        "variables": {"input": {"email": email, "password": "a wrong password"}},
                    }
                )
                for email in (ada.email, "nobody@example.com")
            ]

        assert refused(answers[0]) == ("InvalidCredentials", None)
        assert answers[0].text == answers[1].text

    async def test_refresh_tells_nothing(
        self, stranger: Account, guests: Guests, observer: Observer
    ) -> None:
        """A token that was once somebody's is as good as none."""
        cleo = await guests.create()
        await cleo.api.run(LOGOUT, input={})
        async with observer.nothing_changes():
            answers = [
                await stranger.api.send(
                    {"query": REFRESH, "variables": {"input": {"refreshToken": token}}}
                )
                for token in (cleo.refresh_token, "nobody's")
            ]

        assert refused(answers[0]) == ("SessionExpired", None)
        assert answers[0].text == answers[1].text

    async def test_logout_ends_nobody_elses_sessions(
        self, owner: Account, guests: Guests, api: Api
    ) -> None:
        """Everywhere means all of one's own sessions."""
        cleo = await guests.create()

        ended = await cleo.api.run(LOGOUT, input={"everywhere": True})
        anonymous = await api.run(LOGOUT, input={"everywhere": True})

        assert ended["sessionsEnded"] == 1
        assert anonymous["__typename"] == "SessionExpired"
        assert (await owner.api.run("{ viewer { id } }"))["id"] == owner.user_id

    async def test_changes_no_password_but_ones_own(
        self, stranger: Account, ada: Account, api: Api, observer: Observer
    ) -> None:
        """Another's password changes nothing of theirs; without signing in, nothing changes."""
        input_ = {"currentPassword": PASSWORD, "newPassword": "another password"}
        body = {"query": CHANGE_PASSWORD, "variables": {"input": input_}}
        async with observer.nothing_changes():
            mine = await stranger.api.send(body)
            anonymous = await api.send(body)

        assert refused(mine) == ("InvalidCredentials", None)
        assert error_code(anonymous) == "UNAUTHENTICATED"
        login = await api.run(LOGIN, input={"email": ada.email, "password": PASSWORD})
        assert login["user"]["id"] == ada.user_id

    async def test_opens_wallets_for_oneself(
        self, stranger: Account, owner: Account, api: Api, observer: Observer
    ) -> None:
        """Another's key opens a wallet of one's own; without signing in, none."""
        key = uuid4().hex
        theirs = (await owner.api.open_wallet(idempotencyKey=key))["wallet"]["id"]

        mine = (await stranger.api.open_wallet(idempotencyKey=key))["wallet"]["id"]
        async with observer.nothing_changes():
            anonymous = await api.send(
                {
                    "query": OPEN_WALLET,
                    "variables": {"input": {"currency": "EUR", "idempotencyKey": key}},
                }
            )

        assert mine != theirs
        assert await stranger.api.balance(mine) == "0.00"
        assert error_code(anonymous) == "UNAUTHENTICATED"
