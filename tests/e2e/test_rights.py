"""
The rights: who is answered what, for every field of the API.

One table says it, and each of its cells is tried. What is refused changes nothing, and
is told, byte for byte, as it is told of what nobody has. A field that the table does not
have fails the tests.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from tests.support.api import Api
from tests.support.cast import Cast, Player, make_key
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.refusals import assert_says_nothing_inner
from tests.support.rights import REQUESTS, answer_of, nobodys
from tests.support.servers import ApiServer
from wallet.development import RedisServer

# What is asked for is the owner's. The counterparty has paid the owner and was paid, the
# stranger has nothing to do with either. The scope is what an API key of the operator's has
# to be good for to be answered as the operator is; "-": none will do, "any": none is asked for.
RIGHTS = """
                             anonymous       owner     counterparty stranger  operator  key
Query.viewer                 null            allowed   allowed      allowed   allowed   READ
Query.viewer: sessions       null            allowed   allowed      allowed   allowed   -
Query.viewer: API keys       null            allowed   allowed      allowed   allowed   -
Query.viewer: second factor  null            allowed   allowed      allowed   allowed   -
Query.node: User             UNAUTHENTICATED allowed   null         null      null      READ
Query.node: Wallet           UNAUTHENTICATED allowed   null         null      null      READ
Query.node: Operation        UNAUTHENTICATED allowed   allowed      null      null      READ
Query.node: Quote            UNAUTHENTICATED allowed   null         null      null      READ
Query.nodes                  UNAUTHENTICATED allowed   null         null      null      READ
Query.wallet                 UNAUTHENTICATED allowed   null         null      null      READ
Query.wallet: limits         UNAUTHENTICATED allowed   null         null      null      READ
Query.wallet: balanceAt      UNAUTHENTICATED allowed   null         null      null      READ
Query.wallet: scheduled      UNAUTHENTICATED allowed   null         null      null      READ
Query.operation: paid        UNAUTHENTICATED allowed   allowed      null      null      READ
Query.operation: failed      UNAUTHENTICATED allowed   null         null      null      READ
Query.operation: scheduled   UNAUTHENTICATED allowed   null         null      null      READ
Query.operation: hold        UNAUTHENTICATED allowed   allowed      null      null      READ
Query.exchangeRate           UNAUTHENTICATED allowed   allowed      allowed   allowed   READ
Query.lookup                 UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Lookup.user                  UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Lookup.user: address         UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Lookup.wallet                UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Lookup.operation             UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Mutation.signup              allowed         allowed   allowed      allowed   allowed   any
Mutation.login               allowed         allowed   allowed      allowed   allowed   any
Mutation.refreshSession      allowed         allowed   allowed      allowed   allowed   any
Mutation.logout              UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.endSession          UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.changePassword      UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.startTotp           UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.confirmTotp         UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.disableTotp         UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.createApiKey        UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   -
Mutation.revokeApiKey        UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.openWallet          UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.topup               UNAUTHENTICATED allowed   NotFound     NotFound  allowed   FUND
Mutation.topup: quote        UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  FUND
Mutation.topup: operators    UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   FUND
Mutation.withdraw            UNAUTHENTICATED allowed   NotFound     NotFound  allowed   FUND
Mutation.withdraw: operators UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   FUND
Mutation.transfer            UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.transfer: into it   UNAUTHENTICATED allowed   allowed      allowed   allowed   -
Mutation.transfer: quote     UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.transferBatch: all  UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.transferBatch: each UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.cancelTransfer      UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.hold                UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.captureHold         UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.voidHold            UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  -
Mutation.reverse             UNAUTHENTICATED allowed   NotFound     NotFound  allowed   OPERATE
Mutation.createQuote         UNAUTHENTICATED allowed   allowed      allowed   allowed   FUND
Mutation.closeWallet         UNAUTHENTICATED allowed   NotFound     NotFound  allowed   OPERATE
Mutation.freezeWallet        UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Mutation.unfreezeWallet      UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Mutation.setWalletLimits     UNAUTHENTICATED FORBIDDEN FORBIDDEN    FORBIDDEN allowed   OPERATE
Mutation.requestReport       UNAUTHENTICATED allowed   NotFound     NotFound  NotFound  READ
"""

SCHEMA = """
{ __schema {
    queryType { fields { name } } mutationType { fields { name } }
    subscriptionType { fields { name } } }
  lookup: __type(name: "Lookup") { fields { name } }
  node: __type(name: "Node") { possibleTypes { name } } }
"""
ROLES = ("anonymous", "owner", "counterparty", "stranger", "operator")
SCOPES = ("READ", "FUND", "OPERATE")

Attempt = Callable[[str, Player], Awaitable[str]]
Service = Callable[[str], Player]


def read_table() -> tuple[list[str], dict[str, list[str]]]:
    """Read RIGHTS: its columns, and its cells by the name of the request."""
    first, *rows = RIGHTS.strip("\n").splitlines()
    width = first.index("anonymous")
    return first.split(), {row[:width].strip(): row[width:].split() for row in rows}


COLUMNS, ROWS = read_table()
EXPECTED = [
    pytest.param(name, role, answer, id=f"{name}-{role}")
    for name, answers in ROWS.items()
    for role, answer in zip(COLUMNS[:-1], answers, strict=False)
]
BY_KEY = [
    pytest.param(
        name, scope, answer if needed in {scope, "any"} else "FORBIDDEN", id=f"{name}-{scope}"
    )
    for name, (*_, answer, needed) in ROWS.items()
    for scope in SCOPES
]


@pytest_asyncio.fixture(scope="module")
async def everybody(rates: None, guests: Guests, observer: Observer) -> Cast:
    """All roles, and what the owner has."""
    return await Cast.gather(guests, observer)


@pytest_asyncio.fixture
async def cast(everybody: Cast) -> Cast:
    """All roles, with sessions that the test may end."""
    return await everybody.signed_in()


@pytest_asyncio.fixture(scope="module")
async def keys(everybody: Cast) -> dict[str, str]:
    """API keys of the operator's, each good for one thing."""
    operator = (await everybody.signed_in()).player("operator")
    return {scope: await make_key(operator, scope) for scope in SCOPES}


@pytest.fixture
def service(cast: Cast, keys: dict[str, str]) -> Service:
    """Speak for the operator, by the key of a scope."""
    operator = cast.player("operator")
    return lambda scope: replace(operator, api=operator.api.signed_in(keys[scope]))


@pytest.fixture(scope="module")
def funding_by_operators(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a server is that lets operators alone move money in and out."""
    log = tmp_path_factory.mktemp("funding") / "log"
    with ApiServer(
        database_url=database_url,
        redis_url=redis.url,
        log=log,
        environment={"FUNDING": "operator"},
    ) as server:
        yield server.url


@pytest.fixture
def attempt(cast: Cast, observer: Observer, funding_by_operators: str) -> Attempt:
    """Ask something as somebody, and see to what holds for every answer."""

    async def attempt(name: str, me: Player) -> str:
        asked = REQUESTS[name]
        api = me.api.at(funding_by_operators) if asked.by_operators else me.api
        thing = await asked.thing(cast, me)
        nobody_has = nobodys(thing)

        async def send(thing: str) -> httpx.Response:
            return await api.send(
                {"query": asked.document, "variables": asked.variables(thing, me)}
            )

        before = await observer.snapshot()
        response = await send(thing)
        assert_says_nothing_inner(response.text)
        answer = answer_of(response)
        if answer == "allowed":
            # It was this very thing that was answered.
            assert nobody_has is None or answer_of(await send(nobody_has)) != "allowed"
        else:
            if nobody_has is not None:
                assert (await send(nobody_has)).text == response.text
            assert await observer.snapshot() == before
        return answer

    return attempt


class TestTable:
    """RIGHTS and REQUESTS."""

    async def test_have_every_field_of_the_schema(self, api: Api) -> None:
        """A field that is new comes with who may have it, and with a request for it."""
        answer = (await api.post(SCHEMA))["data"]
        roots = answer["__schema"]
        owners = {
            "Query": roots["queryType"],
            "Mutation": roots["mutationType"],
            "Subscription": roots["subscriptionType"] or {"fields": []},
            "Lookup": answer["lookup"],
        }

        fields = {
            f"{owner}.{field['name']}"
            for owner, type_ in owners.items()
            for field in type_["fields"]
        }
        nodes = {f"Query.node: {type_['name']}" for type_ in answer["node"]["possibleTypes"]}

        assert {name.partition(":")[0] for name in ROWS} == fields
        assert {name for name in ROWS if name.startswith("Query.node:")} == nodes
        assert ROWS.keys() == REQUESTS.keys()

    def test_say_all_of_it(self) -> None:
        """Each row has an answer for each role, and the scope."""
        assert [*ROLES, "key"] == COLUMNS
        assert {len(answers) for answers in ROWS.values()} == {len(COLUMNS)}


class TestRights:
    """Each cell of the table."""

    @pytest.mark.parametrize(("name", "role", "expected"), EXPECTED)
    async def test_of_people(
        self, name: str, role: str, expected: str, cast: Cast, attempt: Attempt
    ) -> None:
        """Who asks is answered as the table says."""
        assert await attempt(name, cast.player(role)) == expected

    @pytest.mark.parametrize(("name", "scope", "expected"), BY_KEY)
    async def test_of_keys(
        self, name: str, scope: str, expected: str, service: Service, attempt: Attempt
    ) -> None:
        """An operator's key is answered as the operator where its scope is right, and refused."""
        assert await attempt(name, service(scope)) == expected
