"""
The gate in Redis: whose turn it is, before anybody takes a database connection.

Waiters queue here and not on PostgreSQL's connections. The gate is not the
truth: a lock that expired, was lost, or was never there costs time, not money,
because rows are read after the row lock is taken.

One script takes locks, one gives them back. Every lock's value is the token of
the round that holds it, so that

* a retried command whose first answer was lost finds its own token and counts
  as granted, instead of waiting for itself;
* a round that outlived its lock does not free the next holder's::

      round A             Redis                 round B
      acquire ──────────► wallet = A
      (stalls)            … TTL passes …
                          wallet = B ◄───────── acquire
      release ──────────► B ≠ A: left alone

Whoever is refused claims the wallet for its process: until the claim is used
or over, the lock goes to nobody else. Without it, the process that has just
given a lock back would take it again before those that wait have asked, and
two processes at one hot wallet would not share it::

      process A           Redis                 process B
      acquire ──────────► wallet = A
                          claim = B ◄────────── acquire: refused
      release ──────────► wallet is free
      acquire: refused ─► claim = B
                          wallet = B ◄───────── acquire
                          claim = A …
"""

import secrets
import time
from collections.abc import Iterable, Sequence
from uuid import UUID

import redis.asyncio as redis

from wallet.core.logging import get_logger
from wallet.services.redis import AWAY

LOCK_TTL_MS = 15_000
"""How long a lock outlives a process that died with it; far longer than a round may take."""

_OUTAGE_PAUSE_S = 1.0
"""After Redis did not answer, it is left alone for so long: an outage costs one wait, not each."""

_CLAIM_MS = 150
"""How long a wallet is kept for a process that was refused it: a few of its pauses."""

# Wallets come as one text of ids, and not as so many keys: the client took 2.6 ms to
# pack 200 keys, of which Redis spent 0.2. All are read at once, and each is written once.

# KEYS[1]  what every lock's key begins with; a wallet's claim is its lock's key with :next
# ARGV[1]  the round's token
# ARGV[2]  time to live, ms
# ARGV[3]  the process, for its claims
# ARGV[4]  how long a claim lasts, ms
# ARGV[5]  the ids of all wallets, each once
# ARGV[6]  the postings, as the places of their wallets among those: "1 2;1 3;4 5"
# Returns one 1 (granted) or 0 per posting, as text. A posting gets all its locks or
# none; postings of one round share a token, so they may share wallets. Behind a refused
# one nobody gets its wallets in the same round, so that none is overtaken.
_ACQUIRE = """
local token, ttl_ms, process, claim_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local keys, claim_keys = {}, {}
for id in string.gmatch(ARGV[5], '%S+') do
    keys[#keys + 1] = KEYS[1] .. id
    claim_keys[#keys] = KEYS[1] .. id .. ':next'
end
local holders = redis.call('MGET', unpack(keys))
local claims = redis.call('MGET', unpack(claim_keys))
local answers, refused, taken = {}, {}, {}
for posting in string.gmatch(ARGV[6], '[^;]+') do
    local places, free = {}, 1
    for text in string.gmatch(posting, '%d+') do
        local place = tonumber(text)
        places[#places + 1] = place
        local holder, claim = holders[place], claims[place]
        if refused[place] then
            free = 0
        elseif holder ~= token and (holder or (claim and claim ~= process)) then
            free = 0
            if not claim then
                redis.call('SET', claim_keys[place], process, 'PX', claim_ms)
                claims[place] = process
            end
        end
    end
    for _, place in ipairs(places) do
        if free == 0 then
            refused[place] = true
        elseif not taken[place] then
            taken[place] = true
            redis.call('SET', keys[place], token, 'PX', ttl_ms)
            if claims[place] == process then
                redis.call('DEL', claim_keys[place])
            end
        end
    end
    answers[#answers + 1] = free
end
return table.concat(answers)
"""

# KEYS[1]  what every lock's key begins with
# ARGV[1]  the round's token
# ARGV[2]  the ids of the wallets to give back
# Returns how many were still held with that token; the others are left alone.
_RELEASE = """
local keys, held = {}, {}
for id in string.gmatch(ARGV[2], '%S+') do
    keys[#keys + 1] = KEYS[1] .. id
end
for place, holder in ipairs(redis.call('MGET', unpack(keys))) do
    if holder == ARGV[1] then
        held[#held + 1] = keys[place]
    end
end
return #held > 0 and redis.call('DEL', unpack(held)) or 0
"""

_GRANTED = ord("1")

log = get_logger(__name__)


class GateUnavailableError(Exception):
    """
    Raised when Redis cannot be reached, or does not answer in time.

    Attributes:
        asked: Whether Redis was asked, so that locks may have been taken all the same.
        reason: What it did instead of answering.
    """

    def __init__(self, *, asked: bool, reason: str) -> None:
        super().__init__()
        self.asked = asked
        self.reason = reason


def new_token() -> str:
    """Make the token of one round."""
    return secrets.token_hex(16)


class Gate:
    """Takes and gives back the locks of wallets, all of a posting's or none."""

    def __init__(self, client: redis.Redis, *, prefix: str = "wallet:lock:") -> None:
        self._prefix = prefix
        self._process = secrets.token_hex(8)
        self._acquire = client.register_script(_ACQUIRE)
        self._release = client.register_script(_RELEASE)
        self._away_until = 0.0

    async def acquire(
        self, wallets: Sequence[Sequence[UUID]], *, token: str, ttl_ms: int = LOCK_TTL_MS
    ) -> list[bool]:
        """
        Try once to lock the wallets of each posting or batch; never waits.

        Args:
            wallets: Per posting, the ids of its wallets.
            token: The round's token; what it holds already is granted again.

        Returns:
            Per posting, whether all its wallets are locked now.

        Raises:
            GateUnavailableError: Redis is away.
        """
        if time.monotonic() < self._away_until:
            raise GateUnavailableError(asked=False, reason="left alone for a moment")
        places: dict[UUID, int] = {}
        postings = ";".join(
            " ".join([str(places.setdefault(id_, len(places) + 1)) for id_ in group])
            for group in wallets
        )
        try:
            answers = await self._acquire(
                keys=[self._prefix],
                args=[token, ttl_ms, self._process, _CLAIM_MS, _text_of(places), postings],
            )
        except AWAY as error:
            self._away_until = time.monotonic() + _OUTAGE_PAUSE_S
            raise GateUnavailableError(asked=True, reason=type(error).__name__) from error
        return [answer == _GRANTED for answer in answers]

    async def release(self, wallet_ids: Sequence[UUID], *, token: str, held: bool = True) -> None:
        """
        Give back what *token* still holds; never raises.

        The money has moved by now: a release that fails is logged, and the
        time to live cleans up.

        Args:
            held: Whether all of them were granted, so that a missing one has expired.
        """
        try:
            released = await self._release(keys=[self._prefix], args=[token, _text_of(wallet_ids)])
        except AWAY as error:
            self._away_until = time.monotonic() + _OUTAGE_PAUSE_S
            log.warning("lock release failed", error=type(error).__name__)
            return
        if held and released < len(wallet_ids):
            log.warning("lock expired while held", held=len(wallet_ids), released=released)


def _text_of(wallet_ids: Iterable[UUID]) -> str:
    return " ".join([str(wallet_id) for wallet_id in wallet_ids])
