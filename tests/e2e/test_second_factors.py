"""The second factor: codes of an authenticator, and recovery codes."""

import asyncio
import base64
import time
from typing import Any

import pytest

from tests.e2e.conftest import StartServer
from tests.e2e.test_accounts import is_signed_in
from tests.e2e.test_key_rotation import NEW_KEY
from tests.support.api import (
    CONFIRM_TOTP,
    DISABLE_TOTP,
    LOGIN,
    PASSWORD,
    START_TOTP,
    Account,
    Api,
)
from tests.support.commands import run_wallet
from tests.support.logs import read_log
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, ApiServer
from tests.support.waiting import until
from wallet.core.ids import find_id
from wallet.core.totp import STEP_S, code_at

WRONG = "InvalidCredentials"
LOGGED_IN = "LoginPayload"


class Authenticator:
    """Somebody's authenticator, and what they have written down."""

    def __init__(self, account: Account, secret: str) -> None:
        self.account = account
        self.secret = base64.b32decode(secret)
        self.recovery_codes: list[str] = []

    def code(self, shift: int = 0) -> str:
        """Return the code of now, or of so many half minutes later."""
        return code_at(self.secret, int(time.time()) // STEP_S + shift)

    async def login(self, api: Api, code: str | None, *, password: str = PASSWORD) -> Any:
        """Log in; return the answer, whatever it is."""
        code_ = {} if code is None else {"code": code}
        return await api.run(
            LOGIN, input={"email": self.account.email, "password": password, **code_}
        )

    async def forget_steps(self, observer: Observer) -> None:
        """Let codes be good that were used, as those of later half minutes are."""
        await observer.fetch(
            "UPDATE second_factors SET last_step = 0 WHERE user_id = $1",
            find_id("User", self.account.user_id),
        )


async def start(account: Account) -> Authenticator:
    """Begin to set up a second factor."""
    answer = await account.api.run(START_TOTP, input={"password": PASSWORD})
    assert answer["__typename"] == "StartTotpPayload", answer
    assert answer["secret"] in answer["uri"]
    return Authenticator(account, answer["secret"])


async def enable(api: Api, observer: Observer) -> Authenticator:
    """Sign somebody up who has a second factor."""
    authenticator = await start(await api.signup())
    # No code of this test's is too old before it has come.
    await until(lambda: time.time() % STEP_S < STEP_S * 2 / 3)
    confirmed = await authenticator.account.api.run(
        CONFIRM_TOTP, input={"code": authenticator.code()}
    )
    assert confirmed["__typename"] == "ConfirmTotpPayload", confirmed
    authenticator.recovery_codes = confirmed["recoveryCodes"]
    await authenticator.forget_steps(observer)
    return authenticator


def kinds(answers: list[Any]) -> list[str]:
    """Return the types of answers, sorted."""
    return sorted(answer["__typename"] for answer in answers)


class TestConfirmTotp:
    """Mutation.startTotp and confirmTotp."""

    async def test_ends_sessions_without_it(self, api: Api, observer: Observer) -> None:
        """From then on login asks for a code; the sessions opened without one have ended."""
        cleo = await api.signup()
        authenticator = await start(cleo)
        before = await authenticator.login(api, None)
        wrong = await cleo.api.run(CONFIRM_TOTP, input={"code": authenticator.code(5)})
        assert not (await cleo.api.run("{ viewer { totpEnabled } }"))["totpEnabled"]

        code = authenticator.code()
        answer = await cleo.api.run(CONFIRM_TOTP, input={"code": code})

        assert wrong["__typename"] == WRONG
        assert before["__typename"] == LOGGED_IN
        assert answer["sessionsEnded"] == 1
        assert len(set(answer["recoveryCodes"])) == 10
        assert not await is_signed_in(api, before["session"])
        assert (await cleo.api.run("{ viewer { totpEnabled } }"))["totpEnabled"]
        async with observer.nothing_changes():
            answers = [
                await authenticator.login(api, None),
                await authenticator.login(api, None, password="a wrong password"),
                # Used to confirm.
                await authenticator.login(api, code),
            ]
            again = await cleo.api.run(START_TOTP, input={"password": PASSWORD})
        assert [each["__typename"] for each in answers] == ["SecondFactorRequired", WRONG, WRONG]
        assert again["__typename"] == "SecondFactorEnabled"

    async def test_starts_again(self, api: Api) -> None:
        """Until it is confirmed a new secret replaces the last one."""
        cleo = await api.signup()
        first, second = await start(cleo), await start(cleo)

        answers = [
            await cleo.api.run(CONFIRM_TOTP, input={"code": each.code()})
            for each in (first, second)
        ]

        assert [each["__typename"] for each in answers] == [WRONG, "ConfirmTotpPayload"]

    async def test_stores_nothing_readable(
        self, api: Api, observer: Observer, server: ApiServer
    ) -> None:
        """Neither the secret nor a recovery code is in the database, or in the log."""
        authenticator = await enable(api, observer)

        stored = await observer.value(
            "SELECT string_agg(second_factors::text || recovery_codes::text, '')"
            "  FROM second_factors JOIN recovery_codes USING (user_id) WHERE user_id = $1",
            find_id("User", authenticator.account.user_id),
        )

        assert authenticator.secret.hex() not in stored
        log = read_log(server)
        for text in (
            base64.b32encode(authenticator.secret).decode(),
            *authenticator.recovery_codes,
        ):
            assert text not in stored
            assert text.encode().hex() not in stored
            assert text not in log


class TestLogin:
    """Mutation.login of somebody with a second factor."""

    @pytest.mark.parametrize("shift", [-1, 0, 1])
    async def test_code(self, shift: int, api: Api, observer: Observer) -> None:
        """A code of about now opens a session, once; an older one then opens none."""
        authenticator = await enable(api, observer)
        codes = [
            authenticator.code(shift),
            authenticator.code(shift),
            authenticator.code(shift - 1),
        ]

        answers = [await authenticator.login(api, code) for code in codes]

        assert [each["__typename"] for each in answers] == [LOGGED_IN, WRONG, WRONG]
        assert await is_signed_in(api, answers[0]["session"])

    @pytest.mark.parametrize("code", ["", "000", "0000000", "x" * 100_000, "abcd-efgh", "\x00"])
    async def test_no_code(
        self, code: str, api: Api, observer: Observer, pia: Authenticator
    ) -> None:
        """What is none is wrong, and changes nothing."""
        async with observer.nothing_changes():
            assert (await pia.login(api, code))["__typename"] == WRONG

    async def test_code_at_once(
        self, api: Api, observer: Observer, start_server: StartServer
    ) -> None:
        """Of many that send one code at once, to two servers, one is let in."""
        authenticator = await enable(api, observer)
        there, code = api.at(start_server().url), authenticator.code()

        answers = await asyncio.gather(
            *(authenticator.login(each, code) for each in (api, there) * 2)
        )

        assert kinds(answers) == [WRONG] * 3 + [LOGGED_IN]

    async def test_recovery_code_at_once(self, api: Api, observer: Observer) -> None:
        """Of several that send one recovery code at once, one is let in; other codes stay good."""
        authenticator = await enable(api, observer)
        code, other, *_ = authenticator.recovery_codes

        answers = await asyncio.gather(*(authenticator.login(api, code) for _ in range(4)))

        assert kinds(answers) == [WRONG] * 3 + [LOGGED_IN]
        typed = other.upper().replace("-", " ")
        assert (await authenticator.login(api, typed))["__typename"] == LOGGED_IN

    async def test_of_another(self, api: Api, observer: Observer, pia: Authenticator) -> None:
        """Another's codes open nothing."""
        authenticator = await enable(api, observer)

        for code in (pia.code(), pia.recovery_codes[0]):
            assert (await authenticator.login(api, code))["__typename"] == WRONG
        assert (await pia.login(api, pia.recovery_codes[0]))["__typename"] == LOGGED_IN

    async def test_guessing_is_slow(
        self, api: Api, observer: Observer, start_server: StartServer
    ) -> None:
        """Five wrong codes, and then one in half a minute, be the address what it may."""
        authenticator = await enable(api, observer)
        limited = api.at(start_server(RATE_LIMITS="on").url)

        answers = [await authenticator.login(limited, "000000") for _ in range(7)]

        assert [each["__typename"] for each in answers] == [WRONG] * 5 + ["RateLimited"] * 2
        assert 1 <= answers[-1]["retryAfterSeconds"] <= 30

    @pytest.fixture
    async def pia(self, api: Api, observer: Observer) -> Authenticator:
        """Somebody else with a second factor."""
        return await enable(api, observer)


class TestDisableTotp:
    """Mutation.disableTotp."""

    async def test_wants_both(self, api: Api, observer: Observer) -> None:
        """The password and a code; afterwards the password alone signs in."""
        authenticator = await enable(api, observer)
        client = authenticator.account.api
        wrong = [
            {"password": "a wrong password", "code": authenticator.code()},
            {"password": PASSWORD, "code": authenticator.code(5)},
        ]
        async with observer.nothing_changes():
            for input_ in wrong:
                answer = await client.run(DISABLE_TOTP, input=input_)
                assert answer["__typename"] == WRONG

        good = {"password": PASSWORD, "code": authenticator.recovery_codes[0]}
        answer = await client.run(DISABLE_TOTP, input=good)

        assert answer == {"__typename": "DisableTotpPayload", "totpEnabled": False}
        assert (await authenticator.login(api, None))["__typename"] == LOGGED_IN
        assert (await client.run(DISABLE_TOTP, input=good))["__typename"] == WRONG
        await start(authenticator.account)

    async def test_by_command(self, api: Api, observer: Observer, database_url: str) -> None:
        """`wallet disable-totp` helps who has lost all of it."""
        authenticator = await enable(api, observer)
        command = ("disable-totp", authenticator.account.email)

        finished = [await run_wallet(*command, DATABASE_URL=database_url) for _ in "12"]

        assert [each.exit_code for each in finished] == [0, 1]
        assert (await authenticator.login(api, None))["__typename"] == LOGGED_IN


class TestRotation:
    """Second factors, and a new secret key."""

    async def test_reseal(self, api: Api, observer: Observer, start_server: StartServer) -> None:
        """`wallet reseal` takes them to the new key; without it, recovery codes still open."""
        database_url = observer.url
        authenticator = await enable(api, observer)
        new = api.at(start_server(SECRET_KEY=NEW_KEY).url)
        assert (await authenticator.login(new, authenticator.code()))["__typename"] == WRONG
        recovery = authenticator.recovery_codes[0]
        assert (await authenticator.login(new, recovery))["__typename"] == LOGGED_IN

        keys = {"DATABASE_URL": database_url, "SECRET_KEY": NEW_KEY}
        broken = await run_wallet("reseal", **keys)
        resealed = await run_wallet("reseal", **keys, OTHER_SECRET_KEYS=SECRET_KEY)

        try:
            assert (broken.exit_code, resealed.exit_code) == (1, 0)
            answer = await authenticator.login(new, authenticator.code())
            assert answer["__typename"] == LOGGED_IN
        finally:
            # As the other tests know them.
            keys = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY}
            await run_wallet("reseal", **keys, OTHER_SECRET_KEYS=NEW_KEY)
