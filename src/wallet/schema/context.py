"""What a resolver knows of its request."""

import asyncio
import re
from dataclasses import dataclass, field

import strawberry

from wallet.core.errors import TooComplexError, UnauthenticatedError
from wallet.core.logging import note
from wallet.core.settings import Settings
from wallet.services.actors import Actor
from wallet.services.ledger import Ledger
from wallet.services.rate_limits import RateLimiter
from wallet.services.sessions import authenticate
from wallet.services.token_memory import TokenMemory

ROWS_MAX = 5_000
"""Most rows that one request may ask for: page sizes count, whether the pages are full or not."""


_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Services:
    """What a process makes once and all its requests share."""

    settings: Settings
    ledger: Ledger
    limiter: RateLimiter
    memory: TokenMemory


@dataclass(slots=True)
class Context:
    """
    One request.

    Attributes:
        access_token: As it was sent; None when there was none.
        address: Whom the request comes from, for the rate limits; see ``address_of``.
        scheme, host: Where it was sent to, as the client, or a trusted proxy, says.
        actor: The signed-in user, once somebody asked for it.
        rows_left: How many rows the request may still read.
        headers: What the answer's headers say beside what they always say.
    """

    services: Services
    access_token: str | None
    address: str
    scheme: str = "http"
    host: bytes | None = None
    actor: Actor | None = None
    rows_left: int = ROWS_MAX
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def remembered_actor(self) -> Actor | None:
        """The signed-in user, where the token is known already; no query and no refusal."""
        if self.actor is None and self.access_token is not None:
            return self.services.memory.find(self.access_token)
        return self.actor

    async def find_actor(self) -> Actor | None:
        """
        Return the signed-in user; None when the request is anonymous.

        Raises:
            UnauthenticatedError: A token was sent, and it is not valid any more.
        """
        if self.access_token is None or self.actor is not None:
            return self.actor
        async with self._lock:
            if self.actor is None:
                # 0.7 ms become 5 µs: no signature to check, no query.
                self.actor = self.services.memory.find(self.access_token) or await authenticate(
                    self.access_token,
                    secret_key=self.services.settings.secret_key,
                    memory=self.services.memory,
                )
                note(actor=str(self.actor.user_id))
        return self.actor

    async def get_actor(self) -> Actor:
        """
        Return the signed-in user.

        Raises:
            UnauthenticatedError: There is none.
        """
        actor = await self.find_actor()
        if actor is None:
            raise UnauthenticatedError
        return actor

    @property
    def base_url(self) -> str:
        """
        Where this server is for who asks: PUBLIC_URL, or else where the request was sent to.

        Whoever invents a host gets it back, and nobody else does.
        """
        settings = self.services.settings
        if settings.public_url:
            return settings.public_url
        host = self.host.decode("latin-1") if self.host else ""
        if not _HOST.fullmatch(host):
            host = f"{settings.host}:{settings.port}"
        return f"{self.scheme}://{host}"

    def charge(self, rows: int) -> None:
        """
        Account for rows that a field is about to read.

        Raises:
            TooComplexError: The request has asked for more than ROWS_MAX.
        """
        self.rows_left -= rows
        if self.rows_left < 0:
            raise TooComplexError(f"One request reads at most {ROWS_MAX} rows.")


Info = strawberry.Info[Context, None]


def read_bearer_token(header: bytes | None) -> str | None:
    """Return the token; what is no Bearer header is a token that nobody issued."""
    if header is None:
        return None
    scheme, _, token = header.decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
