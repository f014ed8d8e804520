"""Filling: people sign up, open wallets and top them up, all through the API."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx

from bench.crowd import CURRENCY, Crowd, Purse
from bench.errors import WrongAnswerError
from wallet.core.ids import find_id
from wallet.core.keys import Keys
from wallet.core.tokens import AccessClaims, read_access_token

_FUNDS = "100000.00"
_PASSWORD = "a password that only the bench knows"  # noqa: S105  (nobody else can reach it)
_AT_ONCE = 16
_FIELDS_PER_REQUEST = 25

_SIGNUP = """
mutation SignUp($input: SignupInput!) {
  signup(input: $input) {
    __typename
    ... on SignupPayload { wallet { id } session { accessToken } }
    ... on Error { code message }
  }
}
"""


async def fill(
    url: str,
    *,
    wallets: int,
    per_person: int,
    secret_key: str,
    on_progress: Callable[[int], None],
) -> Crowd:
    """
    Make *wallets* wallets with money in them, *per_person* for each person.

    Args:
        on_progress: Told now and then how many wallets there are.

    Raises:
        WrongAnswerError: The API refused something.
    """
    # Reading the certificates of all authorities takes long, and none is needed.
    context = httpx.create_ssl_context()
    gate = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def settle(number: int) -> tuple[AccessClaims, list[UUID]]:
        nonlocal done
        async with gate:
            count = min(per_person, wallets - number * per_person)
            settled = await _settle(client, number, wallets=count, secret_key=secret_key)
        done += count
        on_progress(done)
        return settled

    async with httpx.AsyncClient(base_url=url, timeout=60, verify=context) as client:
        settled = await asyncio.gather(*map(settle, range(-(-wallets // per_person))))
    return Crowd(
        people=[claims for claims, _ in settled],
        purses=[Purse(id_, owner) for owner, (_, ids) in enumerate(settled) for id_ in ids],
    )


async def _settle(
    client: httpx.AsyncClient, number: int, *, wallets: int, secret_key: str
) -> tuple[AccessClaims, list[UUID]]:
    """Sign one person up, with *wallets* wallets that hold money."""
    account = {"email": f"payer-{number}@example.com", "password": _PASSWORD, "currency": CURRENCY}
    signed_up = (await _ask(client, _SIGNUP, {"input": account}, token=None))["signup"]
    token = signed_up["session"]["accessToken"]
    opened = await _ask_many(
        client,
        "openWallet",
        "OpenWallet",
        [{"currency": CURRENCY, "idempotencyKey": uuid4().hex} for _ in range(wallets - 1)],
        token=token,
    )
    ids = [answer["wallet"]["id"] for answer in (signed_up, *opened)]
    amount = {"amount": _FUNDS, "currency": CURRENCY}
    await _ask_many(
        client,
        "topup",
        "Topup",
        [{"walletId": id_, "amount": amount, "idempotencyKey": uuid4().hex} for id_ in ids],
        token=token,
    )
    found = [find_id("Wallet", id_) for id_ in ids]
    return read_access_token(token, keys=Keys(secret_key)).claims, [id_ for id_ in found if id_]


async def _ask_many(
    client: httpx.AsyncClient, field: str, type_: str, inputs: Sequence[object], *, token: str
) -> list[Any]:
    """Ask for one mutation many times, many of them in each request; return the answers."""
    answers: list[Any] = []
    for start in range(0, len(inputs), _FIELDS_PER_REQUEST):
        some = inputs[start : start + _FIELDS_PER_REQUEST]
        data = await _ask(
            client,
            _document(field, type_, len(some)),
            {f"input{number}": input_ for number, input_ in enumerate(some)},
            token=token,
        )
        answers.extend(data.values())
    return answers


def _document(field: str, type_: str, count: int) -> str:
    """Return a document with *field* in it *count* times, each under a name of its own."""
    variables = ", ".join(f"$input{number}: {type_}Input!" for number in range(count))
    fields = "\n".join(
        f"a{number}: {field}(input: $input{number}) {{ ...Answer }}" for number in range(count)
    )
    payload = "OpenWalletPayload" if field == "openWallet" else "OperationPayload"
    return (
        f"mutation Many({variables}) {{\n{fields}\n}}\n"
        f"fragment Answer on {type_}Result {{\n  __typename\n"
        f"  ... on {payload} {{ wallet {{ id }} }}\n  ... on Error {{ code message }}\n}}\n"
    )


async def _ask(
    client: httpx.AsyncClient, document: str, variables: dict[str, Any], *, token: str | None
) -> dict[str, Any]:
    """Return the data of a mutation all of whose fields answer their payload."""
    response = await client.post(
        "/graphql",
        json={"query": document, "variables": variables},
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    data = response.json().get("data") if response.status_code == 200 else None
    if not data or not all(answer["__typename"].endswith("Payload") for answer in data.values()):
        raise WrongAnswerError(
            f"The filling was refused: {response.status_code} {response.text[:500]}"
        )
    return dict(data)
