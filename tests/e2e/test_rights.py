"""
A user reaches nothing of another's, whatever is asked; "not yours" is no other answer than
"not there".

Each field of Query and Mutation is in one of two tables, and a field that is in neither fails the
tests: whoever adds one says here how a stranger would try it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.e2e.test_bad_pages import cursor_of, uuid_of
from tests.support.api import (
    CANCEL_TRANSFER,
    CAPTURE_HOLD,
    CHANGE_PASSWORD,
    CLOSE_WALLET,
    CONFIRM_TOTP,
    CREATE_API_KEY,
    CREATE_QUOTE,
    DISABLE_TOTP,
    END_SESSION,
    EXCHANGE_RATE,
    FREEZE_WALLET,
    HOLD,
    LOGIN,
    LOGOUT,
    LOOK_UP_OPERATION,
    LOOK_UP_USER,
    LOOK_UP_WALLET,
    OPEN_WALLET,
    OPERATION,
    PASSWORD,
    REFRESH,
    REQUEST_REPORT,
    REVERSE,
    REVOKE_API_KEY,
    SESSIONS,
    SET_WALLET_LIMITS,
    SIGNUP,
    START_TOTP,
    STATEMENT,
    TOPUP,
    TRANSFER,
    TRANSFER_BATCH,
    UNFREEZE_WALLET,
    VOID_HOLD,
    WITHDRAW,
    Account,
    Api,
)
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused
from wallet.core.ids import new_id, to_global_id

NODE = """
query Node($id: ID!) { node(id: $id) { __typename id
    ... on User { email wallets { edges { node { id balance { amount } } } } }
    ... on Wallet { balance { amount } operations { totalCount edges { node { id } } } }
    ... on Operation { amount { amount } description source { holder } target { holder } }
    ... on Quote { rate amount { amount } converted { amount } } } }
"""
NODES = """
query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Wallet { balance { amount } }
    ... on User { email } ... on Operation { description } } }
"""
SCHEMA = """
{ __schema { queryType { fields { name } } mutationType { fields { name } } }
  __type(name: "Node") { possibleTypes { name } } }
"""


def money(**more: object) -> dict[str, object]:
    """Return the input of a mutation that moves 1.00 EUR."""
    return {
        "amount": {"amount": "1.00", "currency": "EUR"},
        "idempotencyKey": uuid4().hex,
        **more,
    }


def follows(operation_id: str) -> dict[str, object]:
    """Return the variables of a mutation that follows an operation."""
    return {"input": {"operationId": operation_id, "idempotencyKey": uuid4().hex}}


@dataclass(frozen=True, slots=True)
class Things:
    """What somebody has, by its ids; or ids of the same types that nobody has."""

    user: str = field(default_factory=lambda: to_global_id("User", new_id()))
    wallet: str = field(default_factory=lambda: to_global_id("Wallet", new_id()))
    other_wallet: str = field(default_factory=lambda: to_global_id("Wallet", new_id()))
    empty_wallet: str = field(default_factory=lambda: to_global_id("Wallet", new_id()))
    completed: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    failed: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    received: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    scheduled: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    held_for: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    also_held_for: str = field(default_factory=lambda: to_global_id("Operation", new_id()))
    quote: str = field(default_factory=lambda: to_global_id("Quote", new_id()))
    api_key: str = field(default_factory=lambda: to_global_id("ApiKey", new_id()))
    session: str = field(default_factory=lambda: to_global_id("Session", new_id()))

    @property
    def all(self) -> list[str]:
        """Every id."""
        return list(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Try:
    """One way to reach for something of another's: a document, and its variables."""

    name: str
    document: str
    variables: Callable[[Things, Account], dict[str, Any]]


# By field: what a stranger, who has a wallet and an operation of its own, would try.
TRIES: dict[str, list[Try]] = {
    "node": [
        Try("user", NODE, lambda theirs, _: {"id": theirs.user}),
        Try("wallet", NODE, lambda theirs, _: {"id": theirs.wallet}),
        Try("operation", NODE, lambda theirs, _: {"id": theirs.completed}),
        Try("failed operation", NODE, lambda theirs, _: {"id": theirs.failed}),
        Try("quote", NODE, lambda theirs, _: {"id": theirs.quote}),
    ],
    "nodes": [Try("all", NODES, lambda theirs, me: {"ids": [*theirs.all, me.user_id]})],
    "wallet": [
        Try("statement", STATEMENT, lambda theirs, _: {"id": theirs.wallet}),
        Try(
            "cursor of it",
            STATEMENT,
            lambda theirs, _: {
                "id": theirs.wallet,
                "after": cursor_of(uuid_of(theirs.wallet), 2),
            },
        ),
        Try(
            "filtered",
            STATEMENT,
            lambda theirs, _: {"id": theirs.wallet, "where": {"kinds": ["TRANSFER"]}},
        ),
    ],
    "operation": [
        Try("completed", OPERATION, lambda theirs, _: {"id": theirs.completed}),
        Try("failed", OPERATION, lambda theirs, _: {"id": theirs.failed}),
        Try("scheduled", OPERATION, lambda theirs, _: {"id": theirs.scheduled}),
        Try("hold", OPERATION, lambda theirs, _: {"id": theirs.held_for}),
    ],
    "revokeApiKey": [
        Try("key", REVOKE_API_KEY, lambda theirs, _: {"input": {"apiKeyId": theirs.api_key}})
    ],
    "endSession": [
        Try("session", END_SESSION, lambda theirs, _: {"input": {"sessionId": theirs.session}})
    ],
    "hold": [
        Try(
            "for oneself",
            HOLD,
            lambda theirs, me: {
                "input": money(sourceWalletId=theirs.wallet, targetWalletId=me.wallet_id)
            },
        ),
    ],
    "captureHold": [Try("hold", CAPTURE_HOLD, lambda theirs, _: follows(theirs.held_for))],
    "voidHold": [Try("hold", VOID_HOLD, lambda theirs, _: follows(theirs.also_held_for))],
    "cancelTransfer": [
        Try("scheduled", CANCEL_TRANSFER, lambda theirs, _: follows(theirs.scheduled))
    ],
    "reverse": [Try("received", REVERSE, lambda theirs, _: follows(theirs.received))],
    "closeWallet": [
        Try("wallet", CLOSE_WALLET, lambda theirs, _: {"input": {"walletId": theirs.wallet}}),
        Try(
            "empty wallet",
            CLOSE_WALLET,
            lambda theirs, _: {"input": {"walletId": theirs.empty_wallet}},
        ),
    ],
    "requestReport": [
        Try(
            format_.lower(),
            REQUEST_REPORT,
            lambda theirs, _, format_=format_: {  # type: ignore[misc]
                "input": {"walletId": theirs.wallet, "format": format_}
            },
        )
        for format_ in ("CSV", "XML")
    ],
    "topup": [
        Try("wallet", TOPUP, lambda theirs, _: {"input": money(walletId=theirs.wallet)}),
        Try(
            "quote",
            TOPUP,
            lambda theirs, me: {"input": money(walletId=me.wallet_id, quoteId=theirs.quote)},
        ),
    ],
    "withdraw": [
        Try("wallet", WITHDRAW, lambda theirs, _: {"input": money(walletId=theirs.wallet)})
    ],
    "transfer": [
        Try(
            "to oneself",
            TRANSFER,
            lambda theirs, me: {
                "input": money(sourceWalletId=theirs.wallet, targetWalletId=me.wallet_id)
            },
        ),
        Try(
            "to another of theirs",
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
        Try(
            "quote",
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
            "in another currency",
            TRANSFER,
            lambda theirs, me: {
                "input": money(
                    sourceWalletId=theirs.wallet,
                    targetWalletId=me.wallet_id,
                    amount={"amount": "1", "currency": "JPY"},
                )
            },
        ),
        Try(
            "too much",
            TRANSFER,
            lambda theirs, me: {
                "input": money(
                    sourceWalletId=theirs.wallet,
                    targetWalletId=me.wallet_id,
                    amount={"amount": "1000000", "currency": "EUR"},
                )
            },
        ),
    ],
    "transferBatch": [
        Try(
            mode.lower(),
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
    ],
}

# By field that takes no id, or answers operators only: the test below that tries it.
OTHERS: dict[str, str] = {
    "viewer": "test_viewer_is_oneself",
    "signup": "test_signup_takes_nobodys_account",
    "login": "test_login_tells_nothing",
    "refreshSession": "test_refresh_tells_nothing",
    "logout": "test_logout_ends_nobody_elses_sessions",
    "createApiKey": "test_makes_no_key_for_who_is_no_operator",
    "startTotp": "test_sets_up_no_second_factor_but_ones_own",
    "confirmTotp": "test_sets_up_no_second_factor_but_ones_own",
    "disableTotp": "test_sets_up_no_second_factor_but_ones_own",
    "changePassword": "test_changes_no_password_but_ones_own",
    "openWallet": "test_opens_wallets_for_oneself",
    "exchangeRate": "test_rates_are_for_who_is_signed_in",
    "createQuote": "test_makes_quotes_for_oneself",
    "lookup": "test_operators_alone_look_things_up",
    "freezeWallet": "test_operators_alone_change_wallets",
    "unfreezeWallet": "test_operators_alone_change_wallets",
    "setWalletLimits": "test_operators_alone_change_wallets",
}

every_try = pytest.mark.parametrize(
    "try_",
    [
        pytest.param(try_, id=f"{name}-{try_.name}")
        for name, tries in TRIES.items()
        for try_ in tries
    ],
)


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
async def things(
    owner: Account, payee: Account, rates: None, guests: Guests, observer: Observer
) -> Things:
    """What the owner has, some of it from a time as an operator."""
    api_key = await make_key_of(owner, observer)
    elsewhere = guests.api.signed_in((await guests.open_session(owner))["accessToken"])
    session, *_ = (await elsewhere.run(SESSIONS))["sessions"]
    other = (await owner.api.open_wallet(label="Savings"))["wallet"]["id"]
    # Closing one that is closed already answers it as it is, as often as it is tried.
    empty = (await owner.api.open_wallet(label="Spare"))["wallet"]["id"]
    await owner.api.close(empty)
    paid = await owner.api.transfer(
        owner.wallet_id, payee.wallet_id, "7.50", description="the rent", metadata={"flat": 3}
    )
    failed = await owner.api.transfer(owner.wallet_id, payee.wallet_id, "1000.00")
    received = await payee.api.transfer(payee.wallet_id, owner.wallet_id, "1.00")
    holds = [await payee.api.hold(payee.wallet_id, owner.wallet_id, "1.00") for _ in range(2)]
    scheduled = await owner.api.transfer(
        owner.wallet_id,
        payee.wallet_id,
        "1.00",
        scheduledFor=(datetime.now(UTC) + timedelta(days=1)).isoformat(),
    )
    return Things(
        user=owner.user_id,
        wallet=owner.wallet_id,
        other_wallet=other,
        empty_wallet=empty,
        completed=paid["done"]["id"],
        failed=failed["failed"]["id"],
        received=received["done"]["id"],
        scheduled=scheduled["done"]["id"],
        held_for=holds[0]["done"]["id"],
        also_held_for=holds[1]["done"]["id"],
        quote=(await owner.api.create_quote("1.00", "USD"))["quote"]["id"],
        api_key=api_key,
        session=session["id"],
    )


async def make_key_of(account: Account, observer: Observer) -> str:
    """Make an API key for somebody who is an operator just for that; return its id."""
    role = "UPDATE users SET role = $2 WHERE email = $1"
    await observer.fetch(role, account.email, "OPERATOR")
    made = await account.api.run(CREATE_API_KEY, input={"name": "mine", "scopes": ["READ"]})
    await observer.fetch(role, account.email, "USER")
    return str(made["apiKey"]["id"])


async def send(account: Account, try_: Try, things: Things, *, api: Api | None = None) -> str:
    """Try it as *account*; return the body of the answer."""
    body = {"query": try_.document, "variables": try_.variables(things, account)}
    return (await (api or account.api).send(body)).text


class TestTables:
    """The tables above."""

    async def test_have_every_field_of_the_schema(self, api: Api) -> None:
        """A new field or node type comes with the ways in which a stranger would try it."""
        answer = (await api.post(SCHEMA))["data"]

        types = answer["__schema"]["queryType"], answer["__schema"]["mutationType"]
        fields = {each["name"] for type_ in types for each in type_["fields"]}
        assert fields == TRIES.keys() | OTHERS.keys()
        nodes = {each["name"] for each in answer["__type"]["possibleTypes"]}
        assert nodes == {"User", "Wallet", "Operation", "Quote"}

    def test_name_tests_that_there_are(self) -> None:
        """What is in the second table is tried by a test of its own."""
        assert [name for name in OTHERS.values() if not hasattr(TestFieldsWithoutId, name)] == []

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
        for secret in (*things.all, owner.email, "43.50", "the rent"):
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
    """Fields that take no id of a user's things, or answer operators only."""

    async def test_operators_alone_look_things_up(
        self, stranger: Account, owner: Account, api: Api, things: Things, observer: Observer
    ) -> None:
        """Whatever is asked, and be it one's own, the answer is the same: FORBIDDEN."""
        now = datetime.now(UTC).isoformat()
        tries: list[tuple[str, list[dict[str, Any]]]] = [
            (
                LOOK_UP_USER,
                [
                    *({"id": id_} for id_ in (things.user, Things().user, stranger.user_id, "x")),
                    *({"email": email} for email in (owner.email, "nobody@example.com", "")),
                    {},
                ],
            ),
            (
                LOOK_UP_WALLET,
                [{"id": id_} for id_ in (things.wallet, Things().wallet, stranger.wallet_id, "x")],
            ),
            (
                LOOK_UP_OPERATION,
                [{"id": id_} for id_ in (things.completed, Things().completed, "x")],
            ),
        ]
        async with observer.nothing_changes():
            for document, variables in tries:
                bodies = [
                    {"query": document, "variables": {"now": now, **each}} for each in variables
                ]
                answers = [await stranger.api.send(body) for body in bodies]
                anonymous = [await api.send(body) for body in bodies]

                assert {error_code(answer) for answer in answers} == {"FORBIDDEN"}
                assert {error_code(answer) for answer in anonymous} == {"UNAUTHENTICATED"}
                assert len({answer.text for answer in answers}) == 1

    async def test_operators_alone_change_wallets(
        self, stranger: Account, api: Api, things: Things, observer: Observer
    ) -> None:
        """Nobody learns which wallets there are, or changes one's own."""
        wallets = (things.wallet, Things().wallet, stranger.wallet_id, "x")
        changes: list[tuple[str, dict[str, str]]] = [
            (FREEZE_WALLET, {}),
            (FREEZE_WALLET, {"until": "2020-01-01T00:00:00Z", "reason": "x" * 501}),
            (UNFREEZE_WALLET, {}),
            (SET_WALLET_LIMITS, {"outflowMax": "1.00"}),
            (SET_WALLET_LIMITS, {"overdraft": "no amount"}),
        ]
        async with observer.nothing_changes():
            for document, more in changes:
                bodies = [
                    {"query": document, "variables": {"input": {"walletId": wallet, **more}}}
                    for wallet in wallets
                ]
                answers = [await stranger.api.send(body) for body in bodies]
                anonymous = [await api.send(body) for body in bodies]

                assert {refused(answer) for answer in answers} == {("Forbidden", None)}
                assert {error_code(answer) for answer in anonymous} == {"UNAUTHENTICATED"}
                assert len({answer.text for answer in answers}) == 1

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

    async def test_sets_up_no_second_factor_but_ones_own(
        self, stranger: Account, ada: Account, api: Api, observer: Observer
    ) -> None:
        """Another's password is none of one's own; without signing in, nothing changes."""
        tries: list[tuple[str, dict[str, str]]] = [
            (START_TOTP, {"password": PASSWORD}),
            (CONFIRM_TOTP, {"code": "000000"}),
            (DISABLE_TOTP, {"password": PASSWORD, "code": "000000"}),
        ]
        async with observer.nothing_changes():
            for document, input_ in tries:
                body = {"query": document, "variables": {"input": input_}}
                assert refused(await stranger.api.send(body)) == ("InvalidCredentials", None)
                assert error_code(await api.send(body)) == "UNAUTHENTICATED"

    async def test_makes_no_key_for_who_is_no_operator(
        self, stranger: Account, api: Api, observer: Observer
    ) -> None:
        """Users have no services."""
        input_ = {"name": "mine", "scopes": ["READ"]}
        body = {"query": CREATE_API_KEY, "variables": {"input": input_}}
        async with observer.nothing_changes():
            mine = await stranger.api.send(body)
            anonymous = await api.send(body)

        assert refused(mine) == ("Forbidden", None)
        assert error_code(anonymous) == "UNAUTHENTICATED"

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

    async def test_rates_are_for_who_is_signed_in(
        self, stranger: Account, api: Api, rates: None
    ) -> None:
        """They are the same for everybody, and there for nobody in particular."""
        variables = {"base": "EUR", "quote": "USD"}

        answer = await stranger.api.run(EXCHANGE_RATE, **variables)
        anonymous = await api.send({"query": EXCHANGE_RATE, "variables": variables})

        assert answer["rate"] == "1.25"
        assert error_code(anonymous) == "UNAUTHENTICATED"

    async def test_makes_quotes_for_oneself(
        self, stranger: Account, owner: Account, api: Api, rates: None
    ) -> None:
        """A quote is its maker's alone; without signing in, there is none."""
        mine = (await stranger.api.create_quote("1.00", "USD"))["quote"]["id"]
        anonymous = await api.send(
            {
                "query": CREATE_QUOTE,
                "variables": {
                    "input": {"amount": {"amount": "1.00", "currency": "EUR"}, "to": "USD"}
                },
            }
        )

        assert (await stranger.api.run(NODE, id=mine))["id"] == mine
        assert await owner.api.run(NODE, id=mine) is None
        assert error_code(anonymous) == "UNAUTHENTICATED"
