"""Who may ask: whose a thing is, whom it was shared with, a stranger, an operator, nobody."""

from dataclasses import dataclass, replace
from typing import Self

from tests.support.api import CREATE_API_KEY, PASSWORD, Account
from tests.support.guests import Guests
from tests.support.observer import Observer

_ROLES = {
    "owner": "USER",
    "counterparty": "USER",
    "stranger": "USER",
    "operator": "OPERATOR",
}


@dataclass(slots=True)
class Player(Account):
    """A user, with a second wallet in euro, and a third in dollars."""

    savings_id: str = ""
    dollars_id: str = ""

    @classmethod
    async def of(cls, account: Account) -> Self:
        """Open the further wallets."""
        savings, dollars = [
            (await account.api.open_wallet(currency=currency))["wallet"]["id"]
            for currency in ("EUR", "USD")
        ]
        return cls(
            api=account.api,
            email=account.email,
            user_id=account.user_id,
            wallet_id=account.wallet_id,
            currency=account.currency,
            refresh_token=account.refresh_token,
            savings_id=savings,
            dollars_id=dollars,
        )


@dataclass(frozen=True, slots=True)
class Cast:
    """
    Whoever may ask.

    Attributes:
        players: By their roles: the owner has what is asked for; the counterparty has
            paid the owner and was paid; the stranger has nothing to do with either, and
            neither has the operator.
        empty_id: A wallet of the owner's without money.
        spare_id: A wallet of the owner's that operators may do with as they like.
    """

    guests: Guests
    observer: Observer
    players: dict[str, Player]
    empty_id: str
    spare_id: str

    @classmethod
    async def gather(cls, guests: Guests, observer: Observer) -> Self:
        """Make them, each with 100.00 EUR."""
        players = {
            name: await Player.of(
                await guests.create(balance="100.00", role=role, password=PASSWORD)
            )
            for name, role in _ROLES.items()
        }
        owner = players["owner"].api
        empty, spare = [(await owner.open_wallet())["wallet"]["id"] for _ in range(2)]
        return cls(guests, observer, players, empty_id=empty, spare_id=spare)

    @property
    def owner(self) -> Player:
        """Who has what is asked for."""
        return self.players["owner"]

    @property
    def counterparty(self) -> Player:
        """Whom the owner deals with."""
        return self.players["counterparty"]

    def player(self, role: str) -> Player:
        """Return who plays *role*; who is anonymous has a stranger's wallets, and no token."""
        if role == "anonymous":
            stranger = self.players["stranger"]
            return replace(stranger, api=stranger.api.signed_in(None))
        return self.players[role]

    async def signed_in(self) -> Self:
        """Return the same people with new sessions: some requests end the one that they have."""
        return replace(
            self, players={role: await self._sign_in(who) for role, who in self.players.items()}
        )

    async def _sign_in(self, player: Player) -> Player:
        session = await self.guests.open_session(player)
        return replace(
            player,
            api=player.api.signed_in(session["accessToken"]),
            refresh_token=session["refreshToken"],
        )


async def make_key(operator: Account, scope: str) -> str:
    """Make an API key that is good for one thing; return its secret."""
    made = await operator.api.run(
        CREATE_API_KEY, input={"name": scope, "scopes": [scope], "password": PASSWORD}
    )
    return str(made["secret"])
