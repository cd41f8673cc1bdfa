"""The process of the side door: feed, projections, pages, links."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.host.admin import AdminServer, AuditLog, Command
from engine.host.service import ShardService
from fixgw import __version__
from fixgw.config import Config
from fixgw.net.links import EventSink, LocalLink, ShardLink, SocketLink
from fixgw.orders.routing import ShardMap
from fixgw.sidedoor.accounts import Accounts
from fixgw.sidedoor.app import create_app
from fixgw.sidedoor.desk import Desk
from fixgw.sidedoor.dispatch import Dispatcher
from fixgw.sidedoor.feed import Feed
from fixgw.sidedoor.figures import Figures
from fixgw.sidedoor.guard import Guard
from fixgw.sidedoor.health import facts, readiness
from fixgw.sidedoor.httpserver import HttpServer, listen
from fixgw.sidedoor.hub import Hub
from fixgw.sidedoor.identity import SIDE_DOOR_NUMBER
from fixgw.sidedoor.market import Market
from fixgw.sidedoor.private import PrivateStreams
from fixgw.sidedoor.services import Services

log = logging.getLogger(__name__)

LINK_PATIENCE_S = 5.0
"""A shard that is not there by then is down: its symbols are refused, others trade."""


class ExitCode:
    """Why a side door's process ended. Those from 70 on need a person."""

    CLEAN = 0
    PROJECTION_FAILED = 61
    CANNOT_LISTEN = 73


OnChange = Callable[[int, bool], None]


class _Told:
    """A link that tells when it goes up or down. To be mixed in before a link form."""

    shard: int
    _up = False
    _on_change: OnChange

    @property
    def is_up(self) -> bool:
        """Whether commands can be given, and all events are known."""
        return self._up

    @is_up.setter
    def is_up(self, up: bool) -> None:
        changed, self._up = self._up != up, up
        if changed:
            self._on_change(self.shard, up)


class ToldSocketLink(_Told, SocketLink):
    """A SocketLink that tells when it goes up or down."""

    def __init__(
        self, shard: int, sink: EventSink, path: Path, on_change: OnChange
    ) -> None:
        self._on_change = on_change
        super().__init__(shard, sink, path, SIDE_DOOR_NUMBER)


class ToldLocalLink(_Told, LocalLink):
    """A LocalLink that tells when it goes up or down."""

    def __init__(
        self, shard: int, sink: EventSink, service: ShardService, on_change: OnChange
    ) -> None:
        self._on_change = on_change
        super().__init__(shard, sink, service)


class SideDoor:
    """All parts of a side door, put together. Links come with :meth:`use_links`.

    ``on_fatal`` is called when what it shows can no longer be trusted.
    """

    def __init__(
        self,
        config: Config,
        on_fatal: Callable[[BaseException], None],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.started_ns = clock()
        figures = Figures()
        market, accounts = Market(), Accounts()
        dispatcher = Dispatcher(ShardMap(config.shard_count, config.pins), figures)
        guard = Guard.open(config, clock)
        private = PrivateStreams(accounts)
        # The accounts come first: who hears of a trade may ask for its orders.
        self.feed = Feed([accounts, market], on_fatal)
        self.services = Services(
            config=config,
            clock=clock,
            guard=guard,
            market=market,
            accounts=accounts,
            private=private,
            dispatcher=dispatcher,
            desk=Desk(guard, accounts, dispatcher, figures, clock),
            hub=Hub(market, private, guard, clock),
            figures=figures,
        )
        self._links: Mapping[int, ShardLink] = {}

    def use_links(self, links: Mapping[int, ShardLink]) -> None:
        """The links by shard, with :attr:`feed` as their sink."""
        self._links = links
        self.services.dispatcher.use_links(links)

    def connect(self) -> None:
        """Link to the shards' processes."""
        config, on_change = self.services.config, self.feed.on_link
        self.use_links(
            {
                shard: ToldSocketLink(
                    shard, self.feed, config.shard_socket(shard), on_change
                )
                for shard in range(config.shard_count)
            }
        )

    async def wait_for_links(self) -> None:
        """Wait until all shards are linked, or have had their time to be."""
        loop = asyncio.get_running_loop()
        deadline, taken = loop.time() + LINK_PATIENCE_S, self.feed.events
        while down := self.services.dispatcher.down:
            if self.feed.events != taken:
                # The past is on its way: as long as it comes, it is waited for.
                deadline, taken = loop.time() + LINK_PATIENCE_S, self.feed.events
            if loop.time() > deadline:
                log.error("shards not reached: %s", ", ".join(map(str, down)))
                return
            await asyncio.sleep(0.005)

    def status(self) -> dict[str, Any]:
        """What the admin socket answers to "status"."""
        found = readiness(self.services)
        return {
            "process": "sidedoor",
            "pid": os.getpid(),
            "started_ns": self.started_ns,
            "version": __version__,
            "healthy": not found["problems"],
            "problems": found["problems"],
            "dependencies": found["dependencies"],
            "facts": facts(self.services),
        }

    async def close(self) -> None:
        """End the links and what the guard keeps open."""
        for link in self._links.values():
            await link.close()
        await self.services.guard.close()


async def serve(
    config: Config,
    stop: asyncio.Event,
    on_ready: Callable[[dict[str, Any]], None],
    on_made: Callable[[SideDoor], None] = lambda door: None,
) -> int:
    """Run the side door until ``stop`` is set; the exit code.

    ``on_ready`` is called with the port once requests are answered: after every shard
    is linked and its past is known, or it has had its time. ``on_made`` gets the parts
    before that, for who watches them.
    """
    code = ExitCode.CLEAN

    def fatal(_: BaseException) -> None:
        nonlocal code
        code = ExitCode.PROJECTION_FAILED
        stop.set()

    try:
        listener = listen(config.sidedoor.host, config.sidedoor.port)
    except OSError as error:
        host, port = config.sidedoor.host, config.sidedoor.port
        log.critical("cannot listen on %s:%d: %s", host, port, error.strerror)
        return ExitCode.CANNOT_LISTEN
    port = listener.getsockname()[1]
    door = SideDoor(config, fatal)
    on_made(door)
    admin = await _start_admin(config, door)
    # Every event there ever was comes now; none of what is made of it is garbage.
    gc.disable()
    door.connect()
    server = HttpServer(create_app(door.services), listener, door.services.figures)
    await server.start()
    door.services.guard.start()
    await _either(stop, door.wait_for_links())
    gc.enable()
    gc.collect()
    gc.freeze()
    if not stop.is_set():
        log.info("events taken: %d", door.feed.events)
        on_ready({"port": port})
    await stop.wait()
    await door.services.hub.close()
    await server.stop()
    await door.close()
    if admin is not None:
        await admin.close()
    return code


async def _either(stop: asyncio.Event, doing: Any) -> None:
    """Wait for ``doing``, but no longer than until ``stop`` is set."""
    tasks = [asyncio.ensure_future(doing), asyncio.ensure_future(stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _start_admin(config: Config, door: SideDoor) -> AdminServer | None:
    """The admin socket; trading does not depend on it."""
    commands = {"status": Command(lambda _: door.status(), changes=False)}
    path = config.admin_socket("sidedoor")
    admin = AdminServer(path, commands, AuditLog(config.audit_log), "sidedoor")
    try:
        await admin.start()
    except OSError as error:
        log.error("no admin socket %s: %s", path, error)
        return None
    return admin
