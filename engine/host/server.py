"""The process of one shard: its folder, its clock, and links over a Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.host.admin import AdminServer, AuditLog
from engine.host.frames import (
    RECORDS_PER_FRAME_MAX,
    Frame,
    FrameReader,
    FrameType,
    LinkError,
    pack_frame,
)
from engine.host.host import ShardHost
from engine.host.lock import FolderLock
from engine.host.operator import Operator
from engine.host.phasekeeper import Timetable
from engine.host.service import HistoryMissing, ShardService
from engine.host.sockets import reachable
from engine.records import EVENT_BYTES, InstrumentCommand, LimitsCommand

log = logging.getLogger(__name__)

TICK_S = 1.0
LOCK_PATIENCE_S = 10.0
"""How long a restarted shard waits for the folder of the one it replaces."""


class ExitCode:
    """Why a shard's process ended. Those from 70 on need a person."""

    CLEAN = 0
    DURABILITY_LOST = 60
    CORRUPT_LOG = 70
    HISTORY_MISSING = 71


class GatewayPort(asyncio.Protocol):
    """One accepted link."""

    def __init__(
        self, service: ShardService, fatal: Callable[[BaseException], None]
    ) -> None:
        self._service = service
        self._fatal = fatal
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._attached = False
        self.gateway = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=64 * 1024 * 1024)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._attached:
            self._service.detach(self)
            log.info("gateway %d has left", self.gateway)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
            self._reader.feed(b"")
        except (LinkError, ValueError) as error:
            log.error("link refused: %s", error)
            self._transport.write(
                pack_frame(FrameType.REFUSED, 0, payload=str(error).encode())
            )
            self._transport.close()
        except HistoryMissing as error:
            self._fatal(error)

    def _take(self, frame: Frame) -> None:
        assert self._transport is not None
        if frame.type is FrameType.COMMANDS and self._attached:
            self._service.submit(self, frame.number, frame.payload)
        elif frame.type is FrameType.HELLO and not self._attached:
            host = self._service.host
            self.gateway = frame.number
            self._service.attach(self, frame.extra, frame.number)
            self._attached = True
            self._transport.write(
                pack_frame(
                    FrameType.WELCOME,
                    host.command_seq,
                    host.event_seq,
                    count=host.shard.shard_id,
                )
            )
            log.info("gateway %d has joined at event %d", self.gateway, frame.extra)
        else:
            raise LinkError(f"unexpected {frame.type.name}")

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        while count > RECORDS_PER_FRAME_MAX:
            size = RECORDS_PER_FRAME_MAX * EVENT_BYTES
            self._transport.write(
                pack_frame(
                    FrameType.EVENTS, first, 0, events[:size], RECORDS_PER_FRAME_MAX
                )
            )
            first, count = first + RECORDS_PER_FRAME_MAX, count - RECORDS_PER_FRAME_MAX
            events = events[size:]
        self._transport.write(
            pack_frame(FrameType.EVENTS, first, committed, events, count)
        )

    def backlog(self) -> int:
        assert self._transport is not None
        return self._transport.get_write_buffer_size()


async def serve(
    shard_id: int,
    folder: Path,
    socket_path: Path,
    instruments: Sequence[InstrumentCommand],
    day_ends_ns: int,
    stop: asyncio.Event,
    on_ready: Callable[[dict[str, int]], None],
    *,
    admin_socket: Path | None = None,
    audit_log: Path | None = None,
    version: str = "",
    on_operator: Callable[[Operator], None] | None = None,
    timetable: Timetable | None = None,
    limits: Sequence[LimitsCommand] = (),
) -> int:
    """Run the shard until ``stop`` is set; the exit code. Raises CorruptLog and
    OtherLayout at start.

    ``on_ready`` is called with a few figures once gateways can connect, before it
    ``on_operator`` with what tells the shard's status and figures. ``admin_socket`` is
    ``admin.sock`` in the folder, and ``audit_log`` is ``audit.log`` beside it, unless
    they are given. ``timetable`` keeps the phases; ``limits`` are set where others are
    in force.
    """
    lock = FolderLock(folder, LOCK_PATIENCE_S)
    host = ShardHost(shard_id, folder, time.time_ns, day_ends_ns, timetable)
    for torn in host.replay.trimmed:
        log.warning("trimmed an unfinished, never acknowledged record: %s", torn)
    log.info(
        "shard %d: %d commands replayed, %d open orders",
        shard_id,
        host.replay.commands,
        host.replay.open_orders,
    )
    code = ExitCode.CLEAN

    def fatal(error: BaseException) -> None:
        nonlocal code
        log.critical("shard %d stops: %s", shard_id, error)
        missing = isinstance(error, HistoryMissing)
        code = ExitCode.HISTORY_MISSING if missing else ExitCode.DURABILITY_LOST
        stop.set()

    host.define(instruments)
    host.limit(limits)
    host.run_due()
    service = ShardService(host, fatal)
    operator = Operator(service, folder, version, time.time_ns)
    admin = AdminServer(
        admin_socket or folder / "admin.sock",
        operator.commands(),
        AuditLog(audit_log or folder.parent / "audit.log"),
        operator.process,
    )
    await admin.start()
    with contextlib.suppress(FileNotFoundError):
        socket_path.unlink()
    socket_path.parent.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    old_mask = os.umask(0o177)
    with reachable(socket_path) as name:
        server = await loop.create_unix_server(
            lambda: GatewayPort(service, fatal), name
        )
    os.umask(old_mask)

    async def tick() -> None:
        while True:
            service.tick()
            await asyncio.sleep(TICK_S)

    ticking = loop.create_task(tick())
    if on_operator is not None:
        on_operator(operator)
    on_ready(
        {
            "instruments": len(host.shard.terms()),
            "open_orders": host.shard.open_orders,
            "commands": host.command_seq,
        }
    )
    await stop.wait()
    ticking.cancel()
    await admin.close()
    server.close()
    service.stop()
    if code == ExitCode.CLEAN:
        host.close()
    lock.release()
    return code


def stop_on_signals(stop: asyncio.Event, parent: int | None) -> None:
    """Set ``stop`` on SIGINT, SIGTERM, and when the ``parent`` pipe is closed.

    A child whose supervisor is gone must not live on: it would keep folder and port.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if parent is not None:

        def parent_gone() -> None:
            loop.remove_reader(parent)
            stop.set()

        loop.add_reader(parent, parent_gone)
