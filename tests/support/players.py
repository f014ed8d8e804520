"""People with a bit of everything, and all ids that their answers have named."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.api import (
    API_KEYS,
    CREATE_API_KEY,
    PASSWORD,
    SESSIONS,
    Account,
)
from tests.support.due import from_now
from tests.support.guests import Guests
from wallet.core.ids import new_id, parse_global_id, to_global_id

_KEPT_MAX = 40

_RUBBISH = ("", "x", "V2FsbGV0OngK", "-1", "\ud7ff", "9" * 300, to_global_id("Wallet", new_id()))


Pools = defaultdict[str, deque[str]]


@dataclass(slots=True)
class Known:
    """What clients know, the latest of each: ids by their type, texts by what they are."""

    ids: Pools = field(default_factory=lambda: defaultdict(_kept))
    texts: Pools = field(default_factory=lambda: defaultdict(_kept))

    def learn(self, answer: object) -> None:
        """Take every id, cursor and token out of an answer."""
        for name, text in _texts_of(answer):
            if name in {"cursor", "startCursor", "endCursor"}:
                keep(self.texts["cursor"], text)
            elif name in {"refreshToken", "deviceToken"}:
                keep(self.texts[name], text)
            elif (parsed := parse_global_id(text)) is not None:
                keep(self.ids[parsed[0]], text)


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Chooses from what is known, by chance.

    Attributes:
        own: The ids of whoever asks, by their type.
    """

    chance: Random
    known: Known
    own: Pools

    def id(self, type_name: str | None) -> str:
        """Choose an id, mostly of this type; now and then of another, or rubbish."""
        luck = self.chance.random()
        if luck < 0.05:
            return self.chance.choice(_RUBBISH)
        if luck < 0.10 or type_name is None:
            type_name = self.chance.choice(list(self.known.ids))
        of_type = self.own.get(type_name) if luck < 0.75 else None
        return self.chance.choice(of_type or self.known.ids[type_name] or _RUBBISH)

    def text(self, kind: str) -> str:
        """Choose a text of this kind; where none is known, make one up."""
        texts = self.known.texts.get(kind)
        if texts and self.chance.random() < 0.9:
            return self.chance.choice(texts)
        return f"{kind} {self.chance.randrange(10**9)}"


def keep(pool: deque[str], text: str) -> None:
    """Put a text into a pool, once."""
    if text not in pool:
        pool.append(text)


def _pools() -> Pools:
    return defaultdict(_kept)


def _kept() -> deque[str]:
    return deque(maxlen=_KEPT_MAX)


def _texts_of(answer: object, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(answer, str):
        yield name, answer
    elif isinstance(answer, dict):
        for key, value in answer.items():
            yield from _texts_of(value, key)
    elif isinstance(answer, list):
        for value in answer:
            yield from _texts_of(value, name)


@dataclass(slots=True)
class Cast:
    """
    Ada, who has a password and a bit of everything; Olga, an operator who has it too; a stranger.

    Attributes:
        key: The secret of an API key of Olga's.
    """

    guests: Guests
    known: Known
    ada: Account
    olga: Account
    stranger: Account
    key: str
    own: dict[str, Pools] = field(default_factory=lambda: defaultdict(_pools))

    @classmethod
    async def of(cls, guests: Guests) -> "Cast":
        """Let them sign up and do something of everything."""
        known = Known()
        ada = await guests.api.signup()
        olga = await guests.create(role="OPERATOR", password=PASSWORD)
        stranger = await guests.create(balance="50.00")
        created = await olga.api.run(
            CREATE_API_KEY,
            input={
                "name": "robot",
                "scopes": ["READ", "FUND", "OPERATE"],
                "password": PASSWORD,
            },
        )
        cast = cls(guests, known, ada, olga, stranger, created["secret"])
        known.texts["email"].extend([ada.email, olga.email, stranger.email])
        known.texts["password"].append(PASSWORD)
        for account in (ada, olga, stranger):
            known.learn([account.user_id, account.wallet_id])
            known.texts["refreshToken"].append(account.refresh_token)
        known.learn([await olga.api.run(API_KEYS), await ada.api.run(SESSIONS)])
        await cast.do_something_of_everything(ada)
        await cast.do_something_of_everything(olga)
        return cast

    async def do_something_of_everything(self, account: Account) -> None:
        """Open wallets for an account, and move money in all ways that leave something to do."""
        api, stranger = account.api, self.stranger
        euros, dollars, empty = [
            (await api.open_wallet(currency=currency))["wallet"]["id"]
            for currency in ("EUR", "USD", "EUR")
        ]
        # A wallet of their own each time: an example may have frozen the last one.
        theirs = (await stranger.api.open_wallet())["wallet"]["id"]
        moved = [
            await api.topup(euros, "500.00"),
            await api.topup(dollars, "500.00", currency="USD"),
            await stranger.api.topup(theirs, "9.00"),
            # What only the stranger can give back or capture.
            await api.transfer(euros, theirs, "5.00"),
            await api.hold(euros, theirs, "6.00"),
        ]
        own = {
            "Transfer": await stranger.api.transfer(theirs, euros, "1.00"),
            "Hold": await stranger.api.hold(theirs, euros, "1.00"),
            "ScheduledTransfer": await api.transfer(
                euros, theirs, "1.00", scheduledFor=from_now(days=1)
            ),
        }
        quote = (await api.create_quote("1.00", "USD"))["quote"]["id"]
        pools = self.own[account.user_id]
        for kind, answer in own.items():
            keep(pools[kind], answer["done"]["id"])
            keep(self.known.ids[kind], answer["done"]["id"])
        for kind, id_ in (("Wallet", euros), ("Wallet", dollars), ("EmptyWallet", empty)):
            keep(pools[kind], id_)
        keep(pools["Quote"], quote)
        for session in (await api.run(SESSIONS))["sessions"]:
            keep(pools["Session"], session["id"])
        self.known.learn([euros, dollars, theirs, quote, moved, list(own.values())])
        self.known.learn(await api.statement(euros))

    async def sign_in_anew(self, account: Account) -> None:
        """Open a session for somebody whose last one has ended."""
        session: dict[str, Any] = await self.guests.open_session(account)
        account.api.access_token = session["accessToken"]
        self.known.texts["refreshToken"].append(session["refreshToken"])

    def person(self, who: str) -> Account | None:
        """Return one of them; None for nobody. Olga's services have a key of hers."""
        return {"ada": self.ada, "olga": self.olga, "service": self.olga}.get(who)

    def token(self, who: str) -> str | None:
        """Return what somebody signs in with."""
        if who == "service":
            return self.key
        person = self.person(who)
        return person.api.access_token if person else None
