"""Claims: which client_order_id was used for what.

Before an order goes to its shard its identifier is claimed with a fingerprint of the
request. The first claim is NEW; later ones are SAME, a retry that gets the original
answer, or DIFFERENT, another order under a used identifier. A claim is a fast answer,
not the last word: the shard refuses a used ClOrdID(11) by itself, so an order whose
claim was lost still cannot be entered twice on its trading day.

A claim lasts for a day after its trading day ends: an order sent just before the end
must not be entered again by its retry just after, when the shard takes identifiers
anew.

With Redis the claims of all side doors are one set. While Redis is down each process
knows its own alone: two side doors may then both call the same identifier NEW, and the
shard decides between them.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from fixgw.sidedoor.redis_state import PREFIX, RedisDown, RedisState, script

NS_PER_DAY = 86_400 * 1_000_000_000

CLAIMS_MAX = 250_000
"""About 60 MB. The oldest is dropped for a new one; from then on its shard, which
remembers, refuses a second use instead of this process."""

RELEASES_MAX = 10_000
"""Releases that Redis has yet to be told. A claim whose release is dropped stays until
it expires: its identifier cannot be used again, and a retry of it asks the shard."""

FINGERPRINT_BYTES = 16

_CLAIM = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return '' end
return redis.call('GET', KEYS[1])
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Claim(StrEnum):
    """What a claim found."""

    NEW = "new"
    """The identifier is now the caller's: submit the order, or release the claim."""
    SAME = "same"
    """It was claimed before for the same request."""
    DIFFERENT = "different"
    """It was claimed before for another request."""


def expires_ns(now_ns: int, day_ends_ns: int) -> int:
    """When a claim of now ends: a day after the end of the trading day it is in.

    ``day_ends_ns`` is after midnight UTC.
    """
    since_end = (now_ns - day_ends_ns) % NS_PER_DAY
    return now_ns - since_end + 2 * NS_PER_DAY


class Claims:
    """The claims of one side door, shared with others through Redis if there is one.

    ``day_ends_ns``: end of the trading day, nanoseconds after midnight UTC. Memory
    holds only claims that were NEW here: only who made a claim may release it, so what
    is in memory is never out of date.
    """

    def __init__(
        self,
        day_ends_ns: int,
        redis: RedisState | None = None,
        claims_max: int = CLAIMS_MAX,
    ) -> None:
        self._day_ends_ns = day_ends_ns
        self._redis = redis
        self._claims_max = claims_max
        self._claims: OrderedDict[str, tuple[bytes, int]] = OrderedDict()
        self._releases: OrderedDict[str, bytes] = OrderedDict()

    async def claim(
        self, account: str, client_order_id: str, fingerprint: bytes, now_ns: int
    ) -> Claim:
        """Claim an identifier of an account for the request with this fingerprint."""
        name = _name(account, client_order_id)
        mark = blake2b(fingerprint, digest_size=FINGERPRINT_BYTES).digest()
        self._drop_expired(now_ns)
        if name in self._claims:
            return self._compare(self._claims[name][0], mark)
        if self._redis is not None:
            keep_ms = (expires_ns(now_ns, self._day_ends_ns) - now_ns) // 1_000_000
            try:
                await self._tell_releases()
                found = await self._run(_CLAIM, name, mark, keep_ms)
            except RedisDown:
                found = b""
            if found:
                return self._compare(found, mark)
        # While Redis was asked another task may have claimed it, and Redis gone down
        # between the two: memory decides, without waiting, so only one is NEW.
        if name in self._claims:
            return self._compare(self._claims[name][0], mark)
        self._claims[name] = mark, expires_ns(now_ns, self._day_ends_ns)
        self._releases.pop(name, None)
        if len(self._claims) > self._claims_max:
            self._claims.popitem(last=False)
        return Claim.NEW

    async def release(self, account: str, client_order_id: str) -> None:
        """Give back a claim that was NEW and whose order was never submitted."""
        name = _name(account, client_order_id)
        held = self._claims.pop(name, None)
        if held is None or self._redis is None:
            return
        self._releases[name] = held[0]
        if len(self._releases) > RELEASES_MAX:
            self._releases.popitem(last=False)
        # Also when the claim itself timed out: it may be in Redis all the same.
        with contextlib.suppress(RedisDown):
            await self._tell_releases()

    def __len__(self) -> int:
        return len(self._claims)

    async def _tell_releases(self) -> None:
        """Releases that Redis has not heard of, oldest first. Raises RedisDown."""
        while self._releases:
            name, mark = next(iter(self._releases.items()))
            await self._run(_RELEASE, name, mark)
            if self._releases.get(name) == mark:
                del self._releases[name]

    async def _run(self, source: str, name: str, *arguments: Any) -> Any:
        assert self._redis is not None

        async def action(client: Any) -> Any:
            return await script(client, source, [name], list(arguments))

        return await self._redis.call(action)

    def _drop_expired(self, now_ns: int) -> None:
        # Claims expire in the order they were made; a few per call keep up.
        for _ in range(4):
            if not self._claims:
                return
            name, (_, until_ns) = next(iter(self._claims.items()))
            if until_ns > now_ns:
                return
            del self._claims[name]

    @staticmethod
    def _compare(claimed: bytes, mark: bytes) -> Claim:
        return Claim.SAME if claimed == mark else Claim.DIFFERENT


def _name(account: str, client_order_id: str) -> str:
    # An account name holds no colon, so two pairs never make one name.
    return f"{PREFIX}claim:{account}:{client_order_id}"
