"""The process of the publisher: its folder, its admin socket, how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from engine.host.admin import AdminServer, AuditLog, Command
from engine.host.lock import FolderLock
from engine.journal import CorruptLog
from fixgw import __version__
from fixgw.config import Config
from fixgw.fanout.errors import CannotPublish
from fixgw.fanout.publisher import Publisher

log = logging.getLogger(__name__)

LOCK_PATIENCE_S = 10.0
"""How long a restarted publisher waits for the folder of the one it replaces."""


class ExitCode:
    """Why a publisher's process ended. Those from 70 on need a person."""

    CLEAN = 0
    CANNOT_READ = 62
    CORRUPT_LOG = 70
    CANNOT_PUBLISH = 72


class PublisherProcess:
    """A publisher as its operators see it."""

    def __init__(self, config: Config) -> None:
        self.started_ns = time.time_ns()
        self.publisher = Publisher(
            [config.shard_folder(n) / "events" for n in range(config.shard_count)],
            config.kafka.bootstrap_servers,
            config.kafka.topic,
            config.folder_of("publisher"),
        )

    def status(self) -> dict[str, Any]:
        """What the admin socket answers to "status"."""
        problems = self.publisher.problems
        return {
            "process": "publisher",
            "pid": os.getpid(),
            "started_ns": self.started_ns,
            "version": __version__,
            "healthy": not problems,
            "problems": problems,
            "dependencies": {"kafka": {"up": self.publisher.connected, "seq": None}},
            "facts": self.publisher.facts(),
        }


async def serve(
    config: Config,
    stop: asyncio.Event,
    on_ready: Callable[[dict[str, Any]], None],
    on_made: Callable[[PublisherProcess], None] = lambda process: None,
) -> int:
    """Publish until ``stop`` is set; the exit code. Raises FolderInUse.

    It is ready at once, for it is there to wait for Kafka. ``on_made`` gets the parts
    before that, for who watches them.
    """
    # It tells every attempt to connect; what it comes to is told here, once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    lock = FolderLock(config.folder_of("publisher"), LOCK_PATIENCE_S)
    process = PublisherProcess(config)
    on_made(process)
    admin = await _start_admin(config, process)
    on_ready({})
    try:
        await process.publisher.run(stop)
    except CannotPublish as error:
        log.critical("nothing more is published: %s", error)
        return ExitCode.CANNOT_PUBLISH
    except CorruptLog as error:
        log.critical(
            "nothing more is published, an event log is damaged; its shard makes it "
            "anew at its next start: %s",
            error,
        )
        return ExitCode.CORRUPT_LOG
    except OSError as error:
        log.critical("the event logs cannot be read: %s", error)
        return ExitCode.CANNOT_READ
    finally:
        if admin is not None:
            await admin.close()
        lock.release()
    return ExitCode.CLEAN


async def _start_admin(config: Config, process: PublisherProcess) -> AdminServer | None:
    """The admin socket; publishing does not depend on it."""
    commands = {"status": Command(lambda _: process.status(), changes=False)}
    path = config.admin_socket("publisher")
    admin = AdminServer(path, commands, AuditLog(config.audit_log), "publisher")
    try:
        await admin.start()
    except OSError as error:
        log.error("no admin socket %s: %s", path, error)
        return None
    return admin
