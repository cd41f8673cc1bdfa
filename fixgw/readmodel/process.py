"""The process of the read model: a consumer, watched and steered from outside."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from engine.host.admin import AdminError, AdminServer, AuditLog, Command
from engine.journal import CorruptLog
from fixgw import __version__
from fixgw.config import Config
from fixgw.readmodel.consumer import Consumer
from fixgw.readmodel.database import (
    Database,
    DatabaseDown,
    DatabaseInUse,
    DatabaseRefused,
    Progress,
)
from fixgw.readmodel.kafka import KafkaSource
from fixgw.readmodel.names import Names
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.readmodel.sources import LogSource, Source, StreamBroken
from fixgw.readmodel.sqlite import SqliteDatabase

log = logging.getLogger(__name__)

NAME = "readmodel"

PREDECESSOR_S_MAX = 10.0
"""How long a restarted read model waits for the one it replaces."""


class ExitCode:
    """Why the process ended. Those from 70 on need a person."""

    CLEAN = 0
    CORRUPT_LOG = 70
    STREAM_BROKEN = 72
    DATABASE_REFUSED = 74


def database_of(config: Config) -> Database:
    """The configured database, not yet open."""
    if config.readmodel.database == "sqlite":
        return SqliteDatabase(config.folder_of(NAME) / "readmodel.sqlite")
    return PostgresDatabase(config.readmodel.database)


def source_of(config: Config) -> Source:
    """The configured source, not yet open."""
    return (
        KafkaSource(config) if config.readmodel.source == "kafka" else LogSource(config)
    )


class ReadModel:
    """What the process tells and does besides consuming."""

    def __init__(self, config: Config, consumer: Consumer) -> None:
        self._config = config
        self.consumer = consumer
        self._started_ns = time.time_ns()

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "status": Command(lambda _: self.status(), changes=False),
            "readmodel.adopt": Command(self._adopt, changes=True),
        }

    def status(self) -> dict[str, Any]:
        """What the admin socket tells."""
        now_ns = time.time_ns()
        figures = self.consumer.figures
        problems = figures.problems(now_ns)
        return {
            "process": NAME,
            "pid": os.getpid(),
            "started_ns": self._started_ns,
            "version": __version__,
            "healthy": not problems,
            "problems": list(problems.values()),
            "dependencies": {
                side: {"up": side not in problems} for side in ("source", "database")
            },
            "facts": {
                "lag_s": round(figures.lag_s(now_ns), 3),
                "lag": {
                    f"shard {shard}": count for shard, count in figures.lag.items()
                },
                "positions": {
                    f"shard {shard}": known.seq
                    for shard, known in sorted(figures.progress.items())
                },
                "events": figures.events,
                "rows": figures.rows,
                "duplicates": figures.duplicates,
                "retries": figures.retries,
                "source": self._config.readmodel.source,
                "database": self.consumer.database.name,
            },
        }

    async def _adopt(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Take over what a rebuild made beside our database, if it still is that."""
        database = self.consumer.database
        try:
            # To the end, even if whoever asked for it no longer waits.
            await asyncio.shield(self._take_over(arguments.get("positions")))
        except DatabaseInUse as error:
            raise AdminError("CONFLICT", str(error)) from error
        except (DatabaseDown, DatabaseRefused) as error:
            raise AdminError("UNAVAILABLE", str(error)) from error
        return {"database": database.name}

    async def _take_over(self, positions: object) -> None:
        other = self.consumer.database.beside()
        try:
            progress = await asyncio.to_thread(other.open)
            if positions_of(progress) != positions:
                raise AdminError(
                    "CONFLICT",
                    f"{other.name} is not what the rebuild left there: was there "
                    "another one? The old tables are still in place",
                )
            await self.consumer.adopt(other)
        finally:
            await asyncio.to_thread(other.close)


def positions_of(progress: dict[int, Progress]) -> dict[str, int]:
    """The last event taken of each shard, as JSON can hold it."""
    return {str(shard): known.seq for shard, known in progress.items()}


async def serve(
    config: Config,
    names: Names,
    stop: asyncio.Event,
    on_ready: Callable[[dict[str, Any]], None],
    on_made: Callable[[ReadModel], None] = lambda model: None,
) -> int:
    """Run the read model until ``stop`` is set; the exit code.

    It is ready at once, for it is there to wait for source and database. ``on_made``
    gets the parts before that, for who watches them.
    """
    # It tells every attempt to connect; what it comes to is told here, once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    consumer = Consumer(source_of(config), database_of(config), names)
    model = ReadModel(config, consumer)
    admin = await _start_admin(config, model, stop)
    on_made(model)
    on_ready({"database": consumer.database.name})
    try:
        await consumer.run(stop)
    except StreamBroken as error:
        log.critical("the read model stops: %s", error)
        return ExitCode.STREAM_BROKEN
    except DatabaseRefused as error:
        log.critical("the read model stops: %s", error)
        return ExitCode.DATABASE_REFUSED
    except CorruptLog as error:
        log.critical(
            "the read model stops, an event log is damaged; its shard makes it anew at "
            "its next start: %s",
            error,
        )
        return ExitCode.CORRUPT_LOG
    finally:
        if admin is not None:
            await admin.close()
        await consumer.close()
    return ExitCode.CLEAN


async def _start_admin(
    config: Config, model: ReadModel, stop: asyncio.Event
) -> AdminServer | None:
    """The admin socket; the tables do not depend on it."""
    path = config.admin_socket(NAME)
    admin = AdminServer(path, model.commands(), AuditLog(config.audit_log), NAME)
    deadline = time.monotonic() + PREDECESSOR_S_MAX
    while True:
        try:
            await admin.start()
        except OSError as error:
            late = time.monotonic() > deadline
            if error.errno != errno.EADDRINUSE or late or stop.is_set():
                log.error("no admin socket %s: %s", path, error)
                return None
            await asyncio.sleep(0.05)
        else:
            return admin
