"""What tests with a real Redis share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import redis

from fixgw.sidedoor.redis_state import PREFIX, RedisDown, RedisState

PATIENT_S = 20.0
"""A timeout for tests that are not about timeouts: a busy machine is no dead Redis."""


def empty(server: Any) -> str:
    """The URL of a Redis that holds nothing of ours: it may be somebody's."""
    client = redis.Redis.from_url(server.url)
    for name in client.scan_iter(f"{PREFIX}*", count=1000):
        client.delete(name)
    client.close()
    return str(server.url)


@contextlib.asynccontextmanager
async def state(
    url: str, timeout_s: float = PATIENT_S, retry_s: float = 0.05
) -> AsyncIterator[RedisState]:
    """A way to Redis that is closed in the end."""
    found = RedisState(url, timeout_s, retry_s)
    try:
        yield found
    finally:
        await found.close()


async def until_up(way: RedisState, deadline_s: float = 30.0) -> None:
    """Return when Redis is taken to be up again."""
    async with asyncio.timeout(deadline_s):
        while not way.up:
            await asyncio.sleep(0.01)


async def until_down(way: RedisState) -> None:
    """Ask until Redis is found to be down."""
    with contextlib.suppress(RedisDown):
        while True:
            await way.call(lambda client: client.ping())


@contextlib.asynccontextmanager
async def lossy(url: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """A way to a Redis that can lose an answer: the URL, and what makes it close the
    connection in place of the next answer."""
    parts = urlsplit(url)
    losing = False

    def lose() -> None:
        nonlocal losing
        losing = True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal losing
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while data := await reader.read(65_536):
                back.write(data)
                answer = await there.read(65_536)
                if losing:
                    losing = False
                    return
                writer.write(answer)
        finally:
            back.close()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", lose
    finally:
        server.close()
