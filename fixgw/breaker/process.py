"""The process of the circuit breaker: its links, its folder, its admin socket."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from engine import decimals
from engine.host.admin import AdminError, AdminServer, AuditLog, Command
from engine.host.arguments import Arguments
from engine.host.lock import FolderLock
from engine.records import EVENT_BYTES
from fixgw import __version__
from fixgw.breaker.breaker import Breaker
from fixgw.breaker.state import StateDamaged, StateFile
from fixgw.config import Config
from fixgw.net.links import ShardLink, SocketLink

log = logging.getLogger(__name__)

BREAKER_NUMBER = 3000
"""The number of the breaker where records and links name a gateway."""

LOCK_PATIENCE_S = 10.0
"""How long a restarted breaker waits for the folder of the one it replaces."""


class ExitCode:
    """Why a breaker's process ended. Those from 70 on need a person."""

    CLEAN = 0
    STATE_NOT_WRITTEN = 60
    STATE_DAMAGED = 74


class BreakerProcess:
    """A breaker with its links. Raises StateDamaged."""

    def __init__(
        self,
        config: Config,
        on_fatal: Callable[[BaseException], None],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.started_ns = clock()
        self._on_fatal = on_fatal
        self._clock = clock
        self._taken = dict.fromkeys(range(config.shard_count), 0)
        self._moved: list[tuple[int, str]] = []
        self._look_due = False
        self._level: set[int] = set()
        self._links: dict[int, ShardLink] = {}
        self.breaker = Breaker(
            config.shard_count,
            config.breaker.levels,
            config.breaker.halt_s,
            config.day_ends_ns,
            StateFile(config.folder_of("breaker") / "state.json"),
            clock,
            self._tell,
        )

    def connect(self, config: Config) -> None:
        """Link to the shards' processes."""
        links: dict[int, ShardLink] = {
            shard: SocketLink(shard, self, config.shard_socket(shard), BREAKER_NUMBER)
            for shard in range(config.shard_count)
        }
        self.use_links(links)

    def use_links(self, links: dict[int, ShardLink]) -> None:
        """The links by shard, with this as their sink."""
        self._links = links
        for shard, link in links.items():
            link.opening = partial(self._opening, shard)
            if link.is_up:
                link.tell(link.opening())

    async def close(self) -> None:
        """End the links."""
        for link in self._links.values():
            await link.close()

    # -- the shards' events ------------------------------------------------------------

    def taken(self, shard: int) -> int:
        """See EventSink."""
        return self._taken[shard]

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        """See EventSink."""
        known = self._taken[shard] + 1 - first
        if known >= count:
            return
        events = events[known * EVENT_BYTES :]
        self._taken[shard] = first + count - 1
        moved = self.breaker.markets[shard].take(events)
        if self.is_level:
            self._moved += [(shard, symbol) for symbol in sorted(moved)]
            self._schedule()

    @property
    def is_level(self) -> bool:
        """Whether the past of every shard is known: before, the index is nothing."""
        return len(self._level) == len(self._taken)

    def _schedule(self) -> None:
        if not self._look_due:
            self._look_due = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._look_due = False
        moved, self._moved = self._moved, []
        try:
            self.breaker.look(moved)
        except OSError as error:
            self._on_fatal(error)

    def _opening(self, shard: int) -> bytes:
        """A link is up: its past is known, and what it missed is said first."""
        self._level.add(shard)
        if self.is_level:
            self._schedule()
        return self.breaker.halts(shard)

    def _tell(self, shard: int, commands: bytes) -> None:
        self._links[shard].tell(commands)

    # -- operators ---------------------------------------------------------------------

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "status": Command(lambda _: self.status(), changes=False),
            "breaker.release": Command(self._release, changes=True),
        }

    def status(self) -> dict[str, Any]:
        """What the admin socket answers to "status"."""
        breaker = self.breaker
        down = [shard for shard, link in sorted(self._links.items()) if not link.is_up]
        problems = [
            f"shard {shard} is not linked: its instruments count with their last prices"
            for shard in down
        ]
        halted = breaker.is_halted
        if halted:
            until = breaker.state.halted_until_ns // 1_000_000_000
            problems.append(
                f"the market is halted: it has fallen by {breaker.state.highest} %, "
                f"until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"
            )
        return {
            "process": "breaker",
            "pid": os.getpid(),
            "started_ns": self.started_ns,
            "version": __version__,
            "healthy": not problems,
            "problems": problems,
            "dependencies": {
                f"shard {shard}": None if shard not in down else "is not linked"
                for shard in self._links
            },
            "facts": {
                "index": decimals.render(breaker.index) if self.is_level else "",
                "level": breaker.state.highest,
                "halted": halted,
                "halted_until_ns": breaker.state.halted_until_ns if halted else None,
                "instruments": sum(market.count for market in breaker.markets),
                "day": breaker.state.day,
                "levels": [
                    {"percent": percent, "halt_s": halt_s or None}
                    for percent, halt_s in breaker.levels
                ],
                "firings": [
                    {
                        "percent": firing.percent,
                        "index": decimals.render(firing.index),
                        "time_ns": firing.time_ns,
                        "until_ns": firing.until_ns,
                    }
                    for firing in breaker.state.firings
                ],
            },
        }

    def _release(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "reason")
        arguments.text_or_none("reason", 200)
        was = self.breaker.is_halted
        try:
            self.breaker.release()
        except OSError as error:
            raise AdminError("CONFLICT", f"it cannot be written: {error}") from None
        return {"changed": was}


async def serve(
    config: Config,
    stop: asyncio.Event,
    on_ready: Callable[[dict[str, Any]], None],
    on_made: Callable[[BreakerProcess], None] = lambda process: None,
) -> int:
    """Watch over the market until ``stop`` is set; the exit code. Raises FolderInUse.

    It is ready when it is linked to all shards and knows their past.
    """
    lock = FolderLock(config.folder_of("breaker"), LOCK_PATIENCE_S)
    code = ExitCode.CLEAN

    def fatal(error: BaseException) -> None:
        nonlocal code
        log.critical("the breaker stops: %s", error)
        code = ExitCode.STATE_NOT_WRITTEN
        stop.set()

    try:
        process = BreakerProcess(config, fatal)
    except StateDamaged as error:
        log.critical("%s", error)
        lock.release()
        return ExitCode.STATE_DAMAGED
    process.connect(config)
    on_made(process)
    admin = AdminServer(
        config.admin_socket("breaker"),
        process.commands(),
        AuditLog(config.audit_log),
        "breaker",
    )
    await admin.start()
    while not process.is_level and not stop.is_set():
        await asyncio.sleep(0.01)
    on_ready({})
    await stop.wait()
    await admin.close()
    await process.close()
    lock.release()
    return code
