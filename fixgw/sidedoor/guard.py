"""The guard of the side door: who is asking, how often, and for the second time?

One object the application holds. Everything it needs besides the configuration is in
the modules beside it; here is the order in which they are asked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from fixgw.config import Config
from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.idempotency import Claim, Claims
from fixgw.sidedoor.keyring import POLL_S, STALE_S_MAX, FileSource, KeyRing
from fixgw.sidedoor.keys import KeyFile, KeysUnavailable, Role
from fixgw.sidedoor.limits import (
    CANCELS_BURST,
    CANCELS_PER_SECOND,
    Kind,
    Limits,
    LimitState,
    Rate,
    address_owner,
)
from fixgw.sidedoor.redis_keys import RedisSource
from fixgw.sidedoor.redis_state import RedisState, end
from fixgw.sidedoor.replays import SeenSignatures
from fixgw.sidedoor.signing import Headers, check_window, read_request, refusal

__all__ = [
    "Caller",
    "Claim",
    "Guard",
    "Kind",
    "LimitState",
    "Role",
    "require",
    "require_in_window",
]

log = logging.getLogger(__name__)

_RANK = {Role.READ: 0, Role.TRADE: 1, Role.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request. ``good_until_ns``: when its receive window ends."""

    key_id: str
    account: str
    role: Role
    good_until_ns: int = 0


def require(caller: Caller, role: Role) -> None:
    """Raises ApiError 403 for a caller whose key may do less than ``role``."""
    if _RANK[caller.role] < _RANK[role]:
        raise ApiError(
            403,
            "ROLE_INSUFFICIENT",
            f"key {caller.key_id} has the role {caller.role.value}, this takes "
            f"{role.value}; 'fixgw keys create --role {role.value}' makes one that may",
        )


def require_in_window(caller: Caller, now_ns: int) -> None:
    """Raises ApiError 401 for a request that waited here beyond its receive window: its
    sender no longer expects it to be done."""
    if now_ns > caller.good_until_ns:
        raise refusal(
            "TIMESTAMP_OUTSIDE_WINDOW",
            "the request waited here until its receive window had passed; nothing was "
            "done, send it again with a new timestamp",
        )


class Guard:
    """Keys, signatures, limits and claims of one side door process.

    Belongs to one event loop: ``start`` and ``close`` it there. ``clock`` gives ns
    since the epoch.
    """

    def __init__(
        self,
        keys: KeyRing,
        seen: SeenSignatures,
        limits: Limits,
        claims: Claims,
        window_ms: int,
        redis: RedisState | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._keys = keys
        self._seen = seen
        self._limits = limits
        self._claims = claims
        self._window_ms = window_ms
        self._redis = redis
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, config: Config, clock: Callable[[], int] = time.time_ns) -> Guard:
        """The guard a configuration describes. Raises ValueError for a Redis URL that
        is none; whether Redis can be reached shows later."""
        door = config.sidedoor
        redis = RedisState(config.redis.url) if config.redis.url else None
        if redis is None:
            keys = KeyRing(FileSource(KeyFile(door.keys)))
        else:
            keys = KeyRing(RedisSource(redis), STALE_S_MAX)
        rates: dict[Kind, Rate] = {
            "orders": Rate(door.orders_per_second, door.orders_burst),
            "reads": Rate(door.reads_per_second, door.reads_burst),
            "public": Rate(door.public_per_second, door.public_burst),
            "cancels": Rate(CANCELS_PER_SECOND, CANCELS_BURST),
        }
        return cls(
            keys=keys,
            seen=SeenSignatures(door.receive_window_ms, redis),
            limits=Limits(rates, redis),
            claims=Claims(config.day_ends_ns, redis),
            window_ms=door.receive_window_ms,
            redis=redis,
            clock=clock,
        )

    async def authenticate(
        self,
        headers: Headers,
        method: str | bytes,
        path: str | bytes,
        query: str | bytes,
        body: bytes,
        now_ns: int,
    ) -> Caller:
        """Who signed this request.

        ``path`` and ``query`` are as they were on the wire, in ASGI ``raw_path`` and
        ``query_string``; ``headers`` best so too (``scope["headers"]``), so that a
        header sent twice is seen. Raises ApiError and nothing else: 401 for what the
        caller did wrong, 429 when it outruns the memory against replays, 503 when the
        keys cannot be read.
        """
        request = read_request(headers, method, path, query, body)
        # Before the work that a stranger could ask for at will.
        check_window(request.timestamp_ms, self._window_ms, now_ns)
        try:
            key = await self._keys.find(request.key_id)
        except KeysUnavailable:
            raise ApiError(
                503,
                "KEYS_UNAVAILABLE",
                "API keys cannot be read at the moment; try again in 1 s",
                {"Retry-After": "1"},
            ) from None
        if key is None:
            raise refusal("KEY_UNKNOWN", f"there is no key {request.key_id}")
        if not request.by(key.secret):
            raise refusal(
                "SIGNATURE_INVALID",
                "the signature is not that of timestamp, method, path, query and body "
                "under the secret of this key",
            )
        if key.disabled:
            raise refusal("KEY_DISABLED", f"key {key.key_id} is disabled")
        # Last: only who has the secret can use up this memory.
        await self._seen.first(key.key_id, request.signature, now_ns)
        good_until_ns = (request.timestamp_ms + self._window_ms) * 1_000_000
        return Caller(key.key_id, key.account, key.role, good_until_ns)

    async def still_valid(self, caller: Caller) -> bool:
        """Whether the caller's key is still in force as it was: for connections that
        outlive a request. Keys that cannot be read for too long are not."""
        try:
            key = await self._keys.find(caller.key_id)
        except KeysUnavailable:
            return False
        return (
            key is not None
            and not key.disabled
            and (key.account, key.role) == (caller.account, caller.role)
        )

    async def spend(self, who: Caller | str, kind: Kind, now_ns: int) -> LimitState:
        """Count a request against the limit of a caller, or of a client address.

        What is left, for :meth:`LimitState.headers`. Raises ApiError 429 with those
        headers and Retry-After.
        """
        owner = who.key_id if isinstance(who, Caller) else address_owner(who)
        return await self._limits.spend(kind, owner, now_ns)

    async def claim(
        self, account: str, client_order_id: str, fingerprint: bytes
    ) -> Claim:
        """Claim an order's identifier for its account, before it is submitted."""
        now_ns = self._clock()
        return await self._claims.claim(account, client_order_id, fingerprint, now_ns)

    async def release(self, account: str, client_order_id: str) -> None:
        """Give back a claim that was NEW and whose order was not submitted."""
        await self._claims.release(account, client_order_id)

    @property
    def redis_up(self) -> bool | None:
        """Whether Redis answers; None without one."""
        return None if self._redis is None else self._redis.up

    def health(self) -> list[str]:
        """What is wrong, in sentences for an operator; empty: nothing."""
        problems = self._keys.problems()
        if self._redis is not None and not self._redis.up:
            problems.append(
                f"redis at {self._redis.where} is down: {self._redis.problem}; limits, "
                "replays and claims are those of this process alone"
            )
        return problems

    def start(self) -> None:
        """Look after the keys also while nobody asks, so that health is up to date."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            try:
                await self._keys.refresh()
            except Exception:
                log.exception("the look at the API keys failed; it goes on")
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """Stop looking, and end the connections to Redis."""
        if self._looking is not None:
            await end(self._looking)
            self._looking = None
        if self._redis is not None:
            await self._redis.close()
