"""The way to Redis: one pool, short timeouts, and a breaker.

Redis is shared memory between side doors, never the only copy of something that
matters: whoever calls here has an answer of its own for :class:`RedisDown`. A Redis
that refuses connections fails at once; one that hangs costs the calls that are under
way one timeout, then the breaker is open and nobody waits for it any more. While it is
open, a task tries Redis once per :data:`RETRY_S`; requests come back to it when that
has worked.

The probe writes, because a Redis that is full, read-only or loading still answers PING.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

T = TypeVar("T")

TIMEOUT_S = 0.25
"""For one call, waiting for a connection included. A healthy Redis answers in 1 ms, but
a machine that is busy may hold up either side for a tenth of a second; and it is still
short against a client's patience."""

RETRY_S = 1.0
"""How often a Redis that is down is tried: as often as health is looked at."""

CONNECTIONS_MAX = 16
"""A call takes less than 1 ms, so a few connections carry thousands per second."""

PREFIX = "fixgw:"
"""Begins the name of everything kept in Redis, which others may use too."""

log = logging.getLogger(__name__)


class RedisDown(Exception):
    """Redis did not do it, or not in time; whether it did is unknown. Go on without."""


class RedisState:
    """Redis behind a breaker. ``url`` as in the configuration.

    ``timeout_s`` and ``retry_s`` are for tests. Raises ValueError for a URL that is
    none.
    """

    def __init__(
        self, url: str, timeout_s: float = TIMEOUT_S, retry_s: float = RETRY_S
    ) -> None:
        self._timeout_s = timeout_s
        self._retry_s = retry_s
        self.where = shown(url)
        """Host and port, without the password."""
        self.problem = ""
        """Why Redis is taken to be down; empty while it is up."""
        self._probing: asyncio.Task[None] | None = None
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            # A repeated SET NX would find its own first try and call it another's.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self._redis: Redis = Redis(connection_pool=self._pool)

    @property
    def up(self) -> bool:
        """Whether the last that was heard of Redis is good."""
        return not self.problem

    async def call(self, action: Callable[[Redis], Awaitable[T]]) -> T:
        """What ``action`` gives. Raises RedisDown: at once while Redis is known to be
        down, else after at most the timeout."""
        if self.problem:
            raise RedisDown(self.problem)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await action(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._went_down(_reason(error, self._timeout_s))
            raise RedisDown(self.problem) from error

    async def close(self) -> None:
        """End the probe and all connections."""
        if self._probing is not None:
            await end(self._probing)
            self._probing = None
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()
            await self._pool.disconnect()

    def _went_down(self, reason: str) -> None:
        if self.problem:
            return
        self.problem = reason
        log.warning(
            "redis at %s is down: %s; this process goes on with what it knows itself",
            self.where,
            reason,
        )
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    async def _probe(self) -> None:
        """Try Redis until it works; then let the calls through again."""
        while True:
            await asyncio.sleep(self._retry_s)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._redis.set(f"{PREFIX}probe", 1, px=1000)
            except (RedisError, OSError, TimeoutError) as error:
                self.problem = _reason(error, self._timeout_s)
                continue
            self.problem = ""
            self._probing = None
            log.warning("redis at %s is back", self.where)
            return


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: once is not always enough, because
    ``asyncio.wait_for`` of Python 3.11 may swallow it."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)


def shown(url: str) -> str:
    """A Redis URL without user, password and options, for logs and messages."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return host or parts.path


def _reason(error: BaseException, timeout_s: float) -> str:
    """Why, in a few words; texts of Redis errors hold no passwords."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {timeout_s * 1000:.0f} ms"
    return str(error) or type(error).__name__


def script(redis: Redis, source: str, keys: list[str], arguments: list[Any]) -> Any:
    """Run a Lua script, sending its text only when Redis does not know it yet."""
    return redis.register_script(source)(keys=keys, args=arguments)
