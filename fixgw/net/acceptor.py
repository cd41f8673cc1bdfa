"""The process of a gateway: acceptor, outbox, links, timers."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.host.admin import AdminServer, AuditLog
from engine.host.lock import FolderLock
from engine.journal import DurabilityLost
from fixgw.dictionary import Dictionary
from fixgw.net.connection import FixConnection
from fixgw.net.gateway import TICK_S, Gateway
from fixgw.net.links import ShardLink, SocketLink
from fixgw.net.operator import Operator
from fixgw.orders.exchange import Exchange
from fixgw.orders.routing import ShardMap
from fixgw.session.session import Session
from fixgw.session.settings import AcceptorSettings
from fixgw.store import Outbox
from fixgw.store.disabled import DisabledDamaged, DisabledSessions

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 10_000
"""More connections than this are closed at once: each holds a descriptor and
buffers."""

LOCK_PATIENCE_S = 10.0
LINK_PATIENCE_S = 5.0
"""A shard that is not there by then is down: its symbols are refused, others trade."""

CLOSE_PATIENCE_S = 3.0
"""How long clients may take to answer the Logout when the gateway stops."""


class ExitCode:
    """Why a gateway's process ended. Those from 70 on need a person."""

    CLEAN = 0
    STORE_FAILED = 60
    CANNOT_LISTEN = 73
    DISABLED_DAMAGED = 74


@dataclass(frozen=True, slots=True)
class GatewaySetup:
    """What a gateway needs to start.

    ``admin_socket`` is ``admin.sock`` in the folder, and ``audit_log`` is ``audit.log``
    beside it, unless they are given.
    """

    number: int
    folder: Path
    settings: AcceptorSettings
    dictionaries: dict[str, Dictionary | None]
    """By SessionId, as text."""
    shards: ShardMap
    shard_socket: Callable[[int], Path]
    admin_socket: Path | None = None
    audit_log: Path | None = None
    version: str = ""


class Acceptor:
    """A running gateway: connections in, sessions behind them."""

    def __init__(
        self, gateway: Gateway, settings: AcceptorSettings, connections_max: int
    ) -> None:
        self.connections: set[FixConnection] = set()
        self._gateway = gateway
        self._settings = settings
        self._connections_max = connections_max
        self._logon_timeout_s = max(
            session.logon_timeout_s for session in settings.sessions
        )
        self._server: asyncio.Server | None = None
        self._timers: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def listen(self) -> None:
        """Begin to accept connections. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: FixConnection(
                self._gateway, self._logon_timeout_s, self._opened, self._closed
            ),
            self._settings.host or None,
            self._settings.port,
            backlog=512,
        )
        self._timers = [
            loop.create_task(self._every(TICK_S, self._gateway.tick)),
            loop.create_task(self._every(1.0, self._check_progress)),
        ]

    async def close(self) -> None:
        """Log everybody out, wait a little for the answers, close."""
        if self._server is not None:
            self._server.close()
        self._gateway.log_out_all("The gateway is shutting down")
        deadline = asyncio.get_running_loop().time() + CLOSE_PATIENCE_S
        while self._gateway.connected and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for timer in self._timers:
            timer.cancel()
        for connection in list(self.connections):
            connection.shut_down()
        await asyncio.sleep(0)

    def _opened(self, connection: FixConnection, sock: socket.socket) -> bool:
        self.connections.add(connection)
        settings = self._settings
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, settings.no_delay)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, settings.keep_alive)
        for option, size in (
            (socket.SO_SNDBUF, settings.send_buffer_bytes),
            (socket.SO_RCVBUF, settings.receive_buffer_bytes),
        ):
            if size:
                sock.setsockopt(socket.SOL_SOCKET, option, size)
        return len(self.connections) <= self._connections_max

    def _closed(self, connection: FixConnection) -> None:
        self.connections.discard(connection)

    def _check_progress(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            connection.check_progress(now)

    @staticmethod
    async def _every(seconds: float, action: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            action()


async def serve(
    setup: GatewaySetup,
    stop: asyncio.Event,
    on_ready: Callable[[int], None],
    on_operator: Callable[[Operator], None] | None = None,
) -> int:
    """Run the gateway until ``stop`` is set; the exit code.

    ``on_ready`` is called with the port once clients can connect: after every shard is
    linked, or has had its time to be. Before it, ``on_operator`` is called with what
    tells the gateway's status and figures.
    """
    lock = FolderLock(setup.folder, LOCK_PATIENCE_S)
    try:
        disabled = DisabledSessions(setup.folder / "disabled.json")
    except DisabledDamaged as error:
        log.critical("%s", error)
        lock.release()
        return ExitCode.DISABLED_DAMAGED
    outbox = Outbox(setup.folder / "outbox", setup.number)
    if outbox.recovery.torn_at:
        log.warning("trimmed an unfinished record: %s", outbox.recovery.torn_at)
    code = ExitCode.CLEAN

    def fatal(error: BaseException) -> None:
        nonlocal code
        log.critical("the gateway stops: %s", error, exc_info=error)
        code = ExitCode.STORE_FAILED
        stop.set()

    gateway = Gateway(setup.number, outbox, time.time_ns, fatal)
    application = Exchange(setup.shards, gateway)
    gateway.add_sessions(
        [
            Session(
                settings,
                setup.dictionaries[str(settings.session_id)],
                application,
                outbox.numbers(settings.session_id.key),
            )
            for settings in setup.settings.sessions
        ]
    )
    for hosted in gateway.sessions:
        hosted.enabled = disabled.get(hosted.session.session_id) is None
    links: dict[int, ShardLink] = {
        shard: SocketLink(shard, gateway, setup.shard_socket(shard), setup.number)
        for shard in range(setup.shards.count)
    }
    gateway.use_links(links)
    await _wait_for_links(links)
    acceptor = Acceptor(gateway, setup.settings, CONNECTIONS_MAX)
    try:
        await acceptor.listen()
    except OSError as error:
        host, port = setup.settings.host, setup.settings.port
        log.critical("cannot listen on %s:%d: %s", host, port, error.strerror)
        return ExitCode.CANNOT_LISTEN
    operator = Operator(
        gateway,
        disabled,
        setup.folder,
        setup.version,
        acceptor.port,
        lambda: len(acceptor.connections),
    )
    admin = AdminServer(
        setup.admin_socket or setup.folder / "admin.sock",
        operator.commands(),
        AuditLog(setup.audit_log or setup.folder.parent / "audit.log"),
        operator.process,
    )
    await admin.start()
    if on_operator is not None:
        on_operator(operator)
    # What was made until now lives as long as the process: the collector need not look
    # at it again.
    gc.collect()
    gc.freeze()
    on_ready(acceptor.port)
    await stop.wait()
    await admin.close()
    await acceptor.close()
    for link in links.values():
        await link.close()
    if code == ExitCode.CLEAN:
        try:
            gateway.stop()
            outbox.close()
        except DurabilityLost as error:
            fatal(error)
    lock.release()
    return code


async def _wait_for_links(links: dict[int, ShardLink]) -> None:
    deadline = asyncio.get_running_loop().time() + LINK_PATIENCE_S
    while not all(link.is_up for link in links.values()):
        if asyncio.get_running_loop().time() > deadline:
            down = [str(shard) for shard, link in links.items() if not link.is_up]
            log.error("shards not reached: %s", ", ".join(down))
            return
        await asyncio.sleep(0.005)
