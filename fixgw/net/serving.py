"""The process of a gateway: acceptor, outbox, links, timers, until it is told to stop.

What the sessions are served by is a parameter: the exchange with its shards, or an
application that needs none.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.host.admin import AdminServer, AuditLog
from engine.host.lock import FolderLock
from engine.journal import DurabilityLost
from fixgw.dictionary import Rulebook
from fixgw.net.acceptor import NOBODYS, Acceptor
from fixgw.net.descriptors import connections_possible
from fixgw.net.dynamic import DynamicSessions
from fixgw.net.gateway import Gateway
from fixgw.net.links import ShardLink, SocketLink
from fixgw.net.messagelog import MessageLogs
from fixgw.net.operator import Operator
from fixgw.net.tls import TlsUnusable
from fixgw.session.credentials import Credentials
from fixgw.session.identity import SessionId
from fixgw.session.session import Application, Session
from fixgw.session.settings import AcceptorSettings, SessionSettings
from fixgw.store import Outbox
from fixgw.store.disabled import DisabledDamaged, DisabledSessions
from fixgw.store.dynamic import DynamicDamaged, DynamicStore

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 10_000
"""More connections than this are closed at once: each holds a descriptor and
buffers."""

LOCK_PATIENCE_S = 10.0
LINK_PATIENCE_S = 5.0
"""A shard that is not there by then is down: its symbols are refused, others trade."""


class ExitCode:
    """Why a gateway's process ended. Those from 70 on need a person."""

    CLEAN = 0
    STORE_FAILED = 60
    CANNOT_LISTEN = 73
    DISABLED_DAMAGED = 74


@dataclass(frozen=True, slots=True)
class GatewaySetup:
    """What a gateway needs to start.

    ``application`` makes what serves its sessions; ``shard_sockets`` is where the
    shards listen, by number, and none is a gateway without orders. ``admin_socket`` is
    ``admin.sock`` in the folder, and ``audit_log`` is ``audit.log`` beside it, unless
    they are given.
    """

    number: int
    folder: Path
    settings: AcceptorSettings
    rulebooks: Mapping[str, Rulebook | None]
    """By SessionId, as text, of sessions and templates."""
    application: Callable[[Gateway], Application]
    credentials: Credentials = NOBODYS
    changed_credentials: Callable[[], Credentials | None] = lambda: None
    """Asked now and then for other credentials."""
    shard_sockets: Mapping[int, Path] = field(default_factory=dict)
    admin_socket: Path | None = None
    audit_log: Path | None = None
    version: str = ""

    @property
    def store(self) -> Path:
        """Where the outbox is: FileStorePath, which is relative to the data folder, or
        the gateway's folder."""
        path = self.settings.file_store_path
        if path is None:
            return self.folder
        return self.folder.parent / path / self.folder.name


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
    locks = [FolderLock(setup.folder, LOCK_PATIENCE_S)]
    message_logs = MessageLogs(setup.folder.parent, time.time_ns)
    try:
        if setup.store != setup.folder:
            locks.append(FolderLock(setup.store, LOCK_PATIENCE_S))
        disabled = DisabledSessions(setup.folder / "disabled.json")
        dynamic = DynamicStore(setup.store / "dynamic.json")
        outbox = Outbox(setup.store / "outbox", setup.number)
        if outbox.recovery.torn_at:
            log.warning("trimmed an unfinished record: %s", outbox.recovery.torn_at)
        serving = _Serving(setup, outbox, disabled, dynamic, message_logs, stop)
        return await serving.run(on_ready, on_operator)
    except (DisabledDamaged, DynamicDamaged) as error:
        log.critical("%s", error)
        return ExitCode.DISABLED_DAMAGED
    finally:
        message_logs.close()
        for lock in locks:
            lock.release()


class _Serving:
    """One run of a gateway: puts its parts together, and ends them in order."""

    def __init__(
        self,
        setup: GatewaySetup,
        outbox: Outbox,
        disabled: DisabledSessions,
        dynamic: DynamicStore,
        message_logs: MessageLogs,
        stop: asyncio.Event,
    ) -> None:
        self._setup = setup
        self._outbox = outbox
        self._disabled = disabled
        self._stop = stop
        self._code = ExitCode.CLEAN
        self._gateway = Gateway(setup.number, outbox, time.time_ns, self._fatal)
        self._gateway.message_logs = message_logs
        self._application = setup.application(self._gateway)
        settings = setup.settings
        self._gateway.add_sessions(
            [self._session(each, each.session_id) for each in settings.sessions]
        )
        self._dynamic = DynamicSessions(
            self._gateway,
            settings.templates,
            settings.dynamic_sessions_max,
            self._session,
            dynamic,
        )
        self._dynamic.restore()
        for hosted in self._gateway.sessions:
            hosted.enabled = disabled.get(hosted.session.session_id) is None

    def _session(self, settings: SessionSettings, template: SessionId) -> Session:
        """A session with the numbers that the outbox has for it, and the rulebook of
        its template, which may be itself."""
        return Session(
            settings,
            self._setup.rulebooks[str(template)],
            self._application,
            self._outbox.numbers(settings.session_id.key),
        )

    def _fatal(self, error: BaseException) -> None:
        log.critical("the gateway stops: %s", error, exc_info=error)
        self._code = ExitCode.STORE_FAILED
        self._stop.set()

    async def run(
        self,
        on_ready: Callable[[int], None],
        on_operator: Callable[[Operator], None] | None,
    ) -> int:
        """See serve."""
        setup, gateway = self._setup, self._gateway
        links: dict[int, ShardLink] = {
            shard: SocketLink(shard, gateway, path, setup.number)
            for shard, path in setup.shard_sockets.items()
        }
        gateway.use_links(links)
        await _wait_for_links(links)
        for attachment in gateway.attachments:
            attachment.start()
        try:
            acceptor = Acceptor(
                gateway,
                setup.settings,
                connections_possible(CONNECTIONS_MAX),
                setup.credentials,
                self._dynamic if setup.settings.templates else None,
                setup.changed_credentials,
            )
            await acceptor.listen()
        except TlsUnusable as error:
            log.critical("%s", error)
            self._code = ExitCode.CANNOT_LISTEN
        except OSError as error:
            host, port = setup.settings.host or "*", setup.settings.port
            reason = error.strerror or str(error)
            log.critical("cannot listen on %s:%d: %s", host, port, reason)
            self._code = ExitCode.CANNOT_LISTEN
        else:
            await self._serve(acceptor, on_ready, on_operator)
        for attachment in gateway.attachments:
            await attachment.close()
        for link in links.values():
            await link.close()
        self._store()
        return self._code

    async def _serve(
        self,
        acceptor: Acceptor,
        on_ready: Callable[[int], None],
        on_operator: Callable[[Operator], None] | None,
    ) -> None:
        setup = self._setup
        operator = Operator(
            self._gateway,
            self._disabled,
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
        # What was made until now lives as long as the process: the collector need not
        # look at it again.
        gc.collect()
        gc.freeze()
        on_ready(acceptor.port)
        await self._stop.wait()
        await admin.close()
        await acceptor.close()

    def _store(self) -> None:
        """The last flush, unless the store is what failed."""
        if self._code == ExitCode.STORE_FAILED:
            return
        try:
            self._gateway.stop()
            self._outbox.close()
        except DurabilityLost as error:
            self._fatal(error)


async def _wait_for_links(links: dict[int, ShardLink]) -> None:
    deadline = asyncio.get_running_loop().time() + LINK_PATIENCE_S
    while not all(link.is_up for link in links.values()):
        if asyncio.get_running_loop().time() > deadline:
            down = [str(shard) for shard, link in links.items() if not link.is_up]
            log.error("shards not reached: %s", ", ".join(down))
            return
        await asyncio.sleep(0.005)
