"""
What a request takes from the rate limits, and what its answer says of them.

The headers are those of the IETF's draft "RateLimit header fields for HTTP"
(draft-ietf-httpapi-ratelimit-headers): quota, window, remainder, reset.
"""

from collections.abc import Sequence
from uuid import UUID

from wallet.core.errors import RateLimitedError
from wallet.core.settings import Settings
from wallet.schema.bodies import RefusedError
from wallet.schema.context import Context
from wallet.schema.reading import reading_cost
from wallet.schema.token_owners import TokenOwners
from wallet.services.rate_limits import Bucket, Level, RateLimiter, Subject

REFUSED_COST = 10
"""What a request costs that is refused before anything of it runs: to read it."""

_WINDOW_S = 60


class ThrottledError(RefusedError):
    """Raised when a bucket has not as much as a request costs (429); it takes nothing."""


class Throttle:
    """Takes what requests cost from their user's and their address's buckets."""

    def __init__(self, limiter: RateLimiter, settings: Settings) -> None:
        self._limiter = limiter
        self._owners = TokenOwners()
        self._user = Bucket.per_minute("user", settings.user_cost_per_minute)
        self._address = Bucket.per_minute("address", settings.address_cost_per_minute)
        policies = (f'"{each.name}";q={each.capacity};w={_WINDOW_S}' for each in self._buckets)
        self._policy = ", ".join(policies).encode()

    @property
    def _buckets(self) -> tuple[Bucket, ...]:
        return (self._user, self._address)

    def check(self, context: Context) -> None:
        """
        Refuse a request of whom nothing more is read for now: a bucket is known to be empty.

        Raises:
            ThrottledError: It is.
        """
        if not self._limiter.enabled:
            return
        context.counted_for = self._subjects_of(context)
        try:
            self._limiter.check(*context.counted_for)
        except RateLimitedError as error:
            raise self._refusal(context, error) from None

    async def take(self, context: Context, *, cost: int, user_id: UUID | None = None) -> None:
        """
        Take *cost* for a request; its answer's headers say what is left.

        A token that this process has not seen before counts for its address
        alone: to learn whose it is would take a query. See :meth:`settle`.

        Args:
            user_id: Whom it is counted for, where no token says it.

        Raises:
            ThrottledError: A bucket has not as much.
        """
        if not self._limiter.enabled:
            return
        if user_id is not None:
            address = (self._address, context.address)
            context.counted_for = ((self._user, str(user_id)), address)
        levels = await self._spend(context, *context.counted_for, cost=cost)
        context.headers.append((b"ratelimit-policy", self._policy))
        context.headers.append((b"ratelimit", _describe(levels)))

    async def take_reading(self, context: Context, text: str) -> None:
        """
        Take what it costs to read a document that is not known, from the address alone.

        As much as a refusal costs is in the cost of every request, and is paid with that.

        Raises:
            ThrottledError: The bucket has not as much.
        """
        if self._limiter.enabled:
            cost = reading_cost(text) - REFUSED_COST
            if cost > 0:
                await self._spend(context, (self._address, context.address), cost=cost)

    async def take_refusal(self, context: Context) -> None:
        """
        Take what a request costs that is refused before anything of it runs.

        Raises:
            ThrottledError: A bucket has not as much.
        """
        await self.take(context, cost=REFUSED_COST)

    async def settle(self, context: Context, *, cost: int) -> None:
        """
        Take the *cost* of a request from its user, if only running it has told who that is.

        It has run: where the bucket has not as much, it is empty then, and the
        next request with this token is refused.
        """
        is_counted = len(context.counted_for) == len(self._buckets)
        if (
            not self._limiter.enabled
            or is_counted
            or context.actor is None
            or context.access_token is None
        ):
            return
        user_id = context.actor.user_id
        self._owners.note(context.access_token, user_id)
        await self._limiter.drain((self._user, str(user_id)), cost=cost)

    async def _spend(self, context: Context, *subjects: Subject, cost: int) -> list[Level]:
        try:
            return await self._limiter.spend(*subjects, cost=cost)
        except RateLimitedError as error:
            raise self._refusal(context, error) from None

    def _refusal(self, context: Context, error: RateLimitedError) -> "ThrottledError":
        context.headers.append((b"ratelimit-policy", self._policy))
        context.headers.append((b"retry-after", str(error.retry_after_s).encode()))
        return ThrottledError(error.message, status=429, code=error.code.value)

    def _subjects_of(self, context: Context) -> tuple[Subject, ...]:
        address = (self._address, context.address)
        user_id = self._find_user(context)
        if user_id is None:
            return (address,)
        return ((self._user, str(user_id)), address)

    def _find_user(self, context: Context) -> UUID | None:
        actor = context.remembered_actor
        if actor is not None:
            return actor.user_id
        return self._owners.find(context.access_token) if context.access_token else None


def _describe(levels: Sequence[Level]) -> bytes:
    return ", ".join(
        f'"{level.bucket.name}";r={level.remaining};t={level.full_in_s}' for level in levels
    ).encode()
