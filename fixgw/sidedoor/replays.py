"""The memory against replays: no signature is accepted twice.

With Redis the memory is that of all side doors; while it is down each has its own, and
a request that one of them took could be replayed at another for as long as its window
is open. An order is protected from that by its client_order_id.
"""

from __future__ import annotations

from typing import Any

from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.redis_state import PREFIX, RedisDown, RedisState
from fixgw.sidedoor.signing import refusal

SIGNATURES_MAX = 200_000
"""Signatures remembered, about 40 MB: 20,000 requests per second for a window of 5 s on
both sides. Above it requests are refused until the oldest may be forgotten: a signature
dropped early could be replayed."""

SIGNATURES_PER_KEY_MAX = 20_000
"""So that one key cannot use up the memory of all. Two thousand requests per second,
far above every rate limit."""

FORGET_PER_CALL = 1_000
"""Far more than come with one call, and done in less than a millisecond."""


class SeenSignatures:
    """Signatures accepted within the window; none is accepted twice.

    A signature is remembered for two windows after it came: its timestamp may be one
    window ahead, and is good for one window more.
    """

    def __init__(
        self,
        window_ms: int,
        redis: RedisState | None = None,
        count_max: int = SIGNATURES_MAX,
        per_key_max: int = SIGNATURES_PER_KEY_MAX,
    ) -> None:
        self._keep_ms = 2 * window_ms + 1
        self._redis = redis
        self._count_max = count_max
        self._per_key_max = per_key_max
        self._seen: dict[tuple[str, bytes], int] = {}
        self._per_key: dict[str, int] = {}

    async def first(self, key_id: str, signature: bytes, now_ns: int) -> None:
        """Remember a signature. Raises ApiError: 401 REPLAYED when it was seen before,
        429 when no more can be remembered."""
        now_ms = now_ns // 1_000_000
        self._forget(now_ms)
        entry = key_id, signature
        if entry in self._seen:
            raise _replayed()
        held = self._per_key.get(key_id, 0)
        if held >= self._per_key_max or len(self._seen) >= self._count_max:
            raise ApiError(
                429,
                "RATE_LIMITED",
                "more requests within the receive window than can be told from "
                "replays; try again in 1 s",
                {"Retry-After": "1"},
            )
        # Before the wait for Redis: a copy that comes meanwhile must find it.
        self._seen[entry] = now_ms
        self._per_key[key_id] = held + 1
        if self._redis is not None and not await self._first_in_redis(entry):
            raise _replayed()

    def __len__(self) -> int:
        return len(self._seen)

    async def _first_in_redis(self, entry: tuple[str, bytes]) -> bool:
        assert self._redis is not None
        key_id, signature = entry
        name = f"{PREFIX}seen:{key_id}:{signature.hex()}"

        async def action(client: Any) -> Any:
            return await client.set(name, 1, nx=True, px=self._keep_ms)

        try:
            return bool(await self._redis.call(action))
        except RedisDown:
            return True

    def _forget(self, now_ms: int) -> None:
        # The dictionary is in the order of arrival. A distance, not a difference: after
        # the clock was set back, entries from its future must not stay for ever.
        for _ in range(FORGET_PER_CALL):
            if not self._seen:
                return
            entry = next(iter(self._seen))
            if abs(now_ms - self._seen[entry]) <= self._keep_ms:
                return
            del self._seen[entry]
            left = self._per_key[entry[0]] - 1
            if left:
                self._per_key[entry[0]] = left
            else:
                del self._per_key[entry[0]]


def _replayed() -> ApiError:
    return refusal(
        "REPLAYED",
        "this very request was received before; sign each with a new timestamp",
    )
