"""What a resolver knows of its request."""

import asyncio
from dataclasses import dataclass, field

import strawberry

from wallet.core.errors import UnauthenticatedError
from wallet.core.logging import note
from wallet.core.settings import Settings
from wallet.services.actors import Actor
from wallet.services.document_store import DocumentStore
from wallet.services.ledger import Ledger
from wallet.services.rate_limits import RateLimiter
from wallet.services.sessions import authenticate
from wallet.services.token_memory import TokenMemory


@dataclass(frozen=True, slots=True)
class Services:
    """What a process makes once and all its requests share."""

    settings: Settings
    ledger: Ledger
    limiter: RateLimiter
    memory: TokenMemory
    documents: DocumentStore


@dataclass(slots=True)
class Context:
    """
    One request.

    Attributes:
        access_token: As it was sent; None when there was none.
        address: Whom the request comes from, for the rate limits; see ``address_of``.
        actor: The signed-in user, once somebody asked for it.
        headers: What the answer's headers say beside what they always say.
    """

    services: Services
    access_token: str | None
    address: str
    actor: Actor | None = None
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


Info = strawberry.Info[Context, None]
