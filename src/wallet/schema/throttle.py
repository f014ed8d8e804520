"""
What a request takes from the rate limits, and what its answer says of them.

The headers are those of the IETF's draft "RateLimit header fields for HTTP"
(draft-ietf-httpapi-ratelimit-headers): quota, window, remainder, reset.
"""

from collections.abc import Sequence

from wallet.core.errors import RateLimitedError
from wallet.core.settings import Settings
from wallet.schema.bodies import RefusedError
from wallet.schema.context import Context
from wallet.services.rate_limits import Bucket, Level, RateLimiter, Subject

REFUSED_COST = 10
"""What a request costs that is refused before anything of it runs: to read it."""

_WINDOW_S = 60


class Throttle:
    """Takes what requests cost from their user's and their address's buckets."""

    def __init__(self, limiter: RateLimiter, settings: Settings) -> None:
        self._limiter = limiter
        self._user = Bucket.per_minute("user", settings.user_cost_per_minute)
        self._address = Bucket.per_minute("address", settings.address_cost_per_minute)
        policies = (f'"{each.name}";q={each.capacity};w={_WINDOW_S}' for each in self._buckets)
        self._policy = ", ".join(policies).encode()

    @property
    def _buckets(self) -> tuple[Bucket, ...]:
        return (self._user, self._address)

    async def take(self, context: Context, *, cost: int) -> None:
        """
        Take *cost* for a request; its answer's headers say what is left.

        A token that this process has not seen before counts for its address
        alone: to learn whose it is would take a query.

        Raises:
            RefusedError: A bucket has not as much (429).
        """
        if not self._limiter.enabled:
            return
        context.headers.append((b"ratelimit-policy", self._policy))
        try:
            levels = await self._limiter.spend(*self._subjects_of(context), cost=cost)
        except RateLimitedError as error:
            context.headers.append((b"retry-after", str(error.retry_after_s).encode()))
            raise RefusedError(error.message, status=429, code=error.code.value) from None
        context.headers.append((b"ratelimit", _describe(levels)))

    def _subjects_of(self, context: Context) -> tuple[Subject, ...]:
        address = (self._address, context.address)
        actor = context.remembered_actor
        return (address,) if actor is None else ((self._user, str(actor.user_id)), address)


def _describe(levels: Sequence[Level]) -> bytes:
    return ", ".join(
        f'"{level.bucket.name}";r={level.remaining};t={level.full_in_s}' for level in levels
    ).encode()
