"""Rate limits: token buckets, in memory and, where side doors share them, in Redis.

A bucket holds up to ``burst`` tokens, gains ``per_second`` of them evenly, and a
request takes one. Its level is an integer in units of a millionth of a token, its clock
counts microseconds, so that ``per_second`` is the gain per microsecond and nothing is
rounded. The script in Redis does the same arithmetic: Lua numbers are doubles, exact
for integers to 2**53, and every number here stays below that.

Time is passed in. A clock that steps back a little (two side doors, corrections) adds
nothing until it has caught up; one that steps back further starts the bucket's time
anew, or a wrong clock set right would close the door for as long as it was wrong.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.redis_state import PREFIX, RedisDown, RedisState, script

Kind = Literal["orders", "reads", "public", "cancels"]

TOKEN = 1_000_000
"""Units of one token."""

CANCELS_PER_SECOND = 500
CANCELS_BURST = 1_000
"""Cancels cost nothing: who wants out must get out. But each is work for a shard, so a
key has this much, ten times the orders it may enter."""

BUCKETS_MAX = 100_000
"""Buckets in memory, per kind: about 30 MB. The one longest unused is dropped for a new
one; it is full again by then, unless that many callers came within its last seconds."""

CLOCK_STEP_US = 10_000_000
"""Clocks of side doors differ by less, or signatures would not pass either."""

RATE_MAX = 1_000_000
"""Of tokens per second and per burst: keeps every product below 2**53."""

IPV6_PREFIX_BITS = 64
"""One line has a whole /64, and would have a bucket for each of its addresses."""

SPEND = f"""
local now, rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_after, keep_ms = tonumber(ARGV[4]), ARGV[5]
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(kept[1] or ''), tonumber(kept[2] or '')
if not level or not at then level, at = capacity, now end
local elapsed = now - at
if elapsed >= full_after then
  level, at = capacity, now
elseif elapsed > 0 then
  level, at = math.min(level + elapsed * rate, capacity), now
elseif elapsed < -{CLOCK_STEP_US} then
  level, at = math.min(level, capacity), now
else
  level = math.min(level, capacity)
end
local taken = 0
if level >= {TOKEN} then level, taken = level - {TOKEN}, 1 end
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level),
  'at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], keep_ms)
return {{taken, level, string.format('%.0f', at)}}
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a bucket fills and how much it holds. Raises ValueError out of range."""

    per_second: int
    burst: int

    def __post_init__(self) -> None:
        for value in (self.per_second, self.burst):
            if not 1 <= value <= RATE_MAX:
                raise ValueError(f"a rate of {value} is not 1 to {RATE_MAX}")

    @property
    def capacity(self) -> int:
        """Units in a full bucket."""
        return self.burst * TOKEN

    @property
    def full_after_us(self) -> int:
        """After so long any bucket is full."""
        return -(-self.capacity // self.per_second)


class Bucket(NamedTuple):
    """``level`` units at the time ``at_us``."""

    level: int
    at_us: int


@dataclass(frozen=True, slots=True)
class LimitState:
    """What a caller has left. ``reset_ms``: until the bucket is full again."""

    limit: int
    remaining: int
    reset_ms: int

    def headers(self) -> dict[str, str]:
        """As headers of an answer; RateLimit-Reset is in whole seconds, rounded up."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(-(-self.reset_ms // 1000)),
        }


def spend(bucket: Bucket | None, rate: Rate, now_us: int) -> tuple[bool, Bucket]:
    """Take a token at ``now_us``: whether there was one, and the bucket after it.

    None is a bucket never used: full. The script in Redis is this function.
    """
    level, at_us = bucket or Bucket(rate.capacity, now_us)
    elapsed = now_us - at_us
    if elapsed >= rate.full_after_us:
        level, at_us = rate.capacity, now_us
    elif elapsed > 0:
        level, at_us = min(level + elapsed * rate.per_second, rate.capacity), now_us
    elif elapsed < -CLOCK_STEP_US:
        level, at_us = min(level, rate.capacity), now_us
    else:
        level = min(level, rate.capacity)
    taken = level >= TOKEN
    if taken:
        level -= TOKEN
    return taken, Bucket(level, at_us)


def state_of(bucket: Bucket, rate: Rate) -> LimitState:
    """What a bucket means to its caller."""
    missing = rate.capacity - bucket.level
    reset_ms = -(-missing // (rate.per_second * 1000))
    return LimitState(rate.burst, bucket.level // TOKEN, reset_ms)


def retry_after_s(bucket: Bucket, rate: Rate) -> int:
    """Whole seconds until there is a token, at least 1."""
    missing = TOKEN - bucket.level
    return max(1, -(-missing // (rate.per_second * 1_000_000)))


class Buckets:
    """Buckets by owner, at most ``count_max``; the one longest unused goes first."""

    def __init__(self, rate: Rate, count_max: int = BUCKETS_MAX) -> None:
        self.rate = rate
        self._count_max = count_max
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def spend(self, owner: str, now_us: int) -> tuple[bool, Bucket]:
        """Take one of the owner's tokens."""
        taken, bucket = spend(self._buckets.get(owner), self.rate, now_us)
        self.put(owner, bucket)
        return taken, bucket

    def put(self, owner: str, bucket: Bucket) -> None:
        """What the owner's bucket is now; idle ones are dropped on the way."""
        buckets = self._buckets
        buckets[owner] = bucket
        buckets.move_to_end(owner)
        # Two per call, so that a table that was full once empties itself again.
        for _ in range(2):
            oldest = next(iter(buckets))
            idle_us = bucket.at_us - buckets[oldest].at_us
            if idle_us < self.rate.full_after_us and len(buckets) <= self._count_max:
                break
            del buckets[oldest]

    def __len__(self) -> int:
        return len(self._buckets)


class Limits:
    """All buckets of a side door, one set per kind of request."""

    def __init__(
        self, rates: Mapping[Kind, Rate], redis: RedisState | None = None
    ) -> None:
        self._redis = redis
        self._buckets = {kind: Buckets(rate) for kind, rate in rates.items()}

    async def spend(self, kind: Kind, owner: str, now_ns: int) -> LimitState:
        """Take one of the owner's tokens of this kind; what is left.

        Raises ApiError 429 when there is none.
        """
        buckets = self._buckets[kind]
        taken, bucket = await self._spend(kind, buckets, owner, now_ns // 1000)
        state = state_of(bucket, buckets.rate)
        if taken:
            return state
        wait_s = retry_after_s(bucket, buckets.rate)
        raise ApiError(
            429,
            "RATE_LIMITED",
            f"more {kind} than {buckets.rate.per_second} per second; "
            f"try again in {wait_s} s",
            {**state.headers(), "Retry-After": str(wait_s)},
        )

    async def _spend(
        self, kind: Kind, buckets: Buckets, owner: str, now_us: int
    ) -> tuple[bool, Bucket]:
        if self._redis is None:
            return buckets.spend(owner, now_us)
        rate = buckets.rate
        name = f"{PREFIX}limit:{kind}:{owner}"
        keep_ms = rate.full_after_us // 1000 + CLOCK_STEP_US // 1000
        numbers = [now_us, rate.per_second, rate.capacity, rate.full_after_us, keep_ms]

        async def action(client: Any) -> Any:
            return await script(client, SPEND, [name], numbers)

        try:
            taken, level, at_us = await self._redis.call(action)
        except RedisDown:
            return buckets.spend(owner, now_us)
        bucket = Bucket(int(level), int(at_us))
        # Should Redis go away, this process goes on from here and not from full.
        buckets.put(owner, bucket)
        return bool(taken), bucket


def address_owner(address: str) -> str:
    """The bucket of a client address: the /64 of an IPv6 address, which is one line,
    and the IPv4 address in one that only maps it."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        network = ipaddress.ip_network((found, IPV6_PREFIX_BITS), strict=False)
        return str(network.network_address)
    return str(found)
