"""Signing up and logging in."""

import asyncio
import statistics
import time
from typing import Any
from uuid import uuid4

import pytest

from tests.support.api import LOGIN, PASSWORD, SIGNUP, Account, Api
from tests.support.observer import Observer
from tests.support.refusals import error_code, refused

VIEWER = "{ viewer { id email createdAt } }"


async def signup(api: Api, email: str, *, password: str = PASSWORD) -> Any:
    """Sign up with euros; return the answer, whatever it is."""
    return await api.run(SIGNUP, input={"email": email, "password": password, "currency": "EUR"})


async def login(api: Api, email: str, *, password: str = PASSWORD) -> Any:
    """Log in; return the answer, whatever it is."""
    return await api.run(LOGIN, input={"email": email, "password": password})


async def is_signed_in(api: Api, session: dict[str, str]) -> bool:
    """Tell whether the access token of *session* is taken."""
    response = await api.signed_in(session["accessToken"]).send({"query": VIEWER})
    if "errors" not in response.json():
        return True
    assert error_code(response) == "UNAUTHENTICATED"
    return False


class TestSignup:
    """Mutation.signup."""

    async def test_makes_an_account_with_a_wallet(self, api: Api) -> None:
        """The new user is signed in, and its first wallet's statement starts with the signup."""
        email = f"{uuid4().hex}@example.com"

        answer = await signup(api, email)

        assert answer["__typename"] == "SignupPayload"
        assert answer["wallet"]["balance"] == {"amount": "0.00"}
        assert answer["wallet"]["status"] == "ACTIVE"
        cleo = api.signed_in(answer["session"]["accessToken"])
        assert await cleo.run(VIEWER) == answer["user"]
        assert answer["user"]["email"] == email
        (line,) = (await cleo.statement(answer["wallet"]["id"]))["operations"]["edges"]
        assert (line["node"]["kind"], line["node"]["status"]) == ("SIGNUP", "COMPLETED")
        assert (line["sequence"], line["amount"]["amount"]) == (1, "0.00")
        assert line["node"]["target"]["holder"] == email

    async def test_stores_an_argon2id_hash(self, api: Api, observer: Observer) -> None:
        """What is stored of a password is its Argon2id hash, salted."""
        first, second = await api.signup(), await api.signup()

        stored = [
            await observer.value("SELECT password_hash FROM users WHERE email = $1", account.email)
            for account in (first, second)
        ]

        assert [text[:14] for text in stored] == ["$argon2id$v=19"] * 2
        assert stored[0] != stored[1]
        assert PASSWORD not in "".join(stored)

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ("X.{}+tag@Example.COM", "x.{}+tag@example.com"),
            ("e\u0301{}@xn--mnchen-3ya.example", "\u00e9{}@münchen.example"),
        ],
    )
    async def test_normalises_the_address(
        self, sent: str, stored: str, api: Api, observer: Observer
    ) -> None:
        """However it is written, an address has one form, and signs up only once."""
        unique = uuid4().hex
        sent, stored = sent.format(unique), stored.format(unique)

        answer = await signup(api, sent)

        assert answer["user"]["email"] == stored
        async with observer.nothing_changes():
            assert (await signup(api, stored.upper()))["__typename"] == "EmailTaken"
        assert (await login(api, sent))["user"] == {"id": answer["user"]["id"], "email": stored}

    async def test_wants_an_address(self, api: Api, observer: Observer) -> None:
        """What is no e-mail address is InvalidInput."""
        addresses = [
            *("a@b", "@example.com", "example.com", "a@", "a@@example.com", "a@b@example.com"),
            *(" a@example.com", "a@example.com ", "a b@example.com", "a@exa mple.com", "a@[::1]"),
            *(
                "Ada <a@example.com>",
                "a@example.com,b@example.com",
                "a..b@example.com",
                "x" * 10_000,
            ),
            *(
                '"a b"@example.com',
                "a@[127.0.0.1]",
                "a@localhost",
                "a@-example.com",
                "a\n@example.com",
            ),
            *(
                "a\u200b@example.com",
                "a\u202e@example.com",
                "a@" + "b" * 64 + ".com",
                "a@example..com",
            ),
            *("a" * 243 + "@example.com", ".a@example.com"),
        ]
        async with observer.nothing_changes():
            answers = {
                address: refused(
                    await api.send(
                        {
                            "query": SIGNUP,
                            "variables": {
                                "input": {
                                    "email": address,
                                    "password": PASSWORD,
                                    "currency": "EUR",
                                }
                            },
                        }
                    )
                )
                for address in addresses
            }

        assert answers == dict.fromkeys(addresses, ("InvalidInput", ["email"]))

    async def test_at_once_makes_one_account(self, api: Api, observer: Observer) -> None:
        """Of four signups at once with one address, in any case, one gets the account."""
        unique = uuid4().hex
        addresses = [f"{unique}@example.com", f"{unique.upper()}@EXAMPLE.com"] * 2
        before, _ = await observer.snapshot()

        answers = await asyncio.gather(*(signup(api, address) for address in addresses))

        kinds = [answer["__typename"] for answer in answers]
        assert sorted(kinds) == ["EmailTaken"] * 3 + ["SignupPayload"]
        after, _ = await observer.snapshot()
        added = {table: after[table] - before[table] for table in ("users", "sessions", "wallets")}
        assert added == {"users": 1, "sessions": 1, "wallets": 1}

    @pytest.mark.parametrize("password", ["p" * 128, "😀" * 12], ids=ascii)
    async def test_takes_any_password_of_12_to_128_characters(
        self, password: str, api: Api
    ) -> None:
        """Characters are counted, not bytes, and the same password logs in."""
        email = f"{uuid4().hex}@example.com"

        assert (await signup(api, email, password=password))["__typename"] == "SignupPayload"

        assert (await login(api, email, password=password))["__typename"] == "LoginPayload"

    async def test_same_keys_on_two_machines(self, api: Api) -> None:
        """A password typed with composed letters logs in where they come in parts."""
        email = f"{uuid4().hex}@example.com"

        await signup(api, email, password="caf\u00e9 au lait \u00e0 toi")

        answer = await login(api, email, password="cafe\u0301 au lait a\u0300 toi")
        assert answer["__typename"] == "LoginPayload"


class TestLogin:
    """Mutation.login."""

    async def test_opens_a_session_of_its_own(self, ada: Account, api: Api) -> None:
        """Each login is a further session; the others go on."""
        first, second = await login(api, ada.email), await login(api, ada.email.upper())

        assert first["user"] == second["user"] == {"id": ada.user_id, "email": ada.email}
        for session in (first["session"], second["session"]):
            assert await is_signed_in(api, session)
        assert first["session"]["refreshToken"] != second["session"]["refreshToken"]

    async def test_wrong_is_wrong(self, ada: Account, api: Api, observer: Observer) -> None:
        """A wrong password and an unknown address get the very same answer."""
        attempts = [
            {"email": ada.email, "password": PASSWORD.upper()},
            {"email": ada.email, "password": PASSWORD + " "},
            {"email": ada.email, "password": "p" * 100_000},
            {"email": f"{uuid4().hex}@example.com", "password": PASSWORD},
            {"email": "no address", "password": PASSWORD},
        ]
        async with observer.nothing_changes():
            responses = [
                await api.send({"query": LOGIN, "variables": {"input": attempt}})
                for attempt in attempts
            ]

        assert refused(responses[0]) == ("InvalidCredentials", None)
        assert {response.text for response in responses} == {responses[0].text}

    async def test_takes_as_long_for_an_unknown_address(self, ada: Account, api: Api) -> None:
        """How long a refusal takes does not tell whether there is an account."""

        async def took_s(email: str) -> float:
            started = time.perf_counter()
            await login(api, email, password="a wrong password")
            return time.perf_counter() - started

        # Hashing takes ten times as long as all the rest; others may run on this machine.
        for _ in range(5):
            known, unknown = zip(
                *[
                    (await took_s(ada.email), await took_s(f"{uuid4().hex}@example.com"))
                    for _ in range(4)
                ],
                strict=True,
            )
            medians = statistics.median(known), statistics.median(unknown)
            if max(medians) < 2 * min(medians):
                break
        else:
            pytest.fail(f"known and unknown take {medians} s")
