"""What an operator may ask of a gateway: its state, its sessions; and the table of all
commands of its admin socket."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.host.admin import Command
from engine.host.arguments import Arguments
from fixgw.net.gateway import Gateway
from fixgw.net.hosted import End, Hosted
from fixgw.net.sessioncommands import SessionCommands
from fixgw.session.describing import as_keys
from fixgw.session.directory import Directory
from fixgw.store.disabled import DisabledSessions

LIST_MAX = 1_000
"""Sessions in one answer: what is written as JSON in one go, some milliseconds."""

FROM_MAX = 1_000_000
"""More than there can be, listed and dynamic."""

PAGE_SESSIONS = 256
"""Sessions described between two turns of the event loop: about a millisecond."""

DISK_FREE_BYTES_MIN = 1024 * 1024 * 1024
"""Less free space than four segments of the outbox is a problem: a gateway that cannot
write stops."""


class Operator:
    """The operator's side of one gateway. Lives on its event loop.

    ``folder`` is the gateway's, ``port`` the one it listens on, and ``connections``
    tells how many there are.
    """

    process = "gateway"

    def __init__(
        self,
        gateway: Gateway,
        disabled: DisabledSessions,
        folder: Path,
        version: str,
        port: int,
        connections: Callable[[], int],
    ) -> None:
        self.gateway = gateway
        self._disabled = disabled
        self._folder = folder
        self._port = port
        self._connections = connections
        self._version = version
        self._started_ns = gateway.clock()
        self._directory = Directory(
            hosted.session.session_id for hosted in gateway.sessions
        )
        gateway.on_added = self._added
        self._sessions = SessionCommands(gateway, self._directory, disabled)

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "status": Command(self._status, changes=False),
            "sessions.list": Command(self._list, changes=False),
            "sessions.show": Command(self._show, changes=False),
            **self._sessions.commands(),
        }

    def _added(self, hosted: Hosted) -> None:
        """A dynamic session, made while the gateway runs."""
        session = hosted.session.session_id
        hosted.enabled = self._disabled.get(session) is None
        self._directory.add(session)

    # -- the gateway -------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """How the gateway is, in the form every process answers "status"."""
        links = self.gateway.links
        totals = self.gateway.totals()
        figures = totals.figures
        free = shutil.disk_usage(self._folder).free
        dependencies = {
            f"shard {shard}": None if link.is_up else "is not linked"
            for shard, link in sorted(links.items())
        }
        problems = [
            f"{name} {problem}: orders for its symbols are refused"
            for name, problem in dependencies.items()
            if problem
        ]
        if free < DISK_FREE_BYTES_MIN:
            problems.append(
                f"{free // 2**20} MiB are free where {self._folder} is: a gateway that "
                "cannot write its outbox stops"
            )
        return {
            "process": self.process,
            "pid": os.getpid(),
            "started_ns": self._started_ns,
            "version": self._version,
            "healthy": not problems,
            "problems": problems,
            "dependencies": dependencies,
            "facts": {
                "port": self._port,
                "sessions": totals.sessions,
                "logged_on": totals.logged_on,
                "disabled": totals.disabled,
                "connections": self._connections(),
                "unconfirmed_commands": totals.unconfirmed,
                "messages_in": figures.messages_in,
                "messages_out": figures.messages_out,
                "logons": figures.logons,
                "orders": totals.orders,
                "rejects": totals.rejects,
                "business_rejects": totals.business_rejects,
                "disconnects": totals.disconnects,
                "links": [
                    {
                        "shard": shard,
                        "up": link.is_up,
                        "last_event": self.gateway.taken(shard),
                        "unconfirmed_commands": link.unconfirmed,
                    }
                    for shard, link in sorted(links.items())
                ],
                "disk_free_bytes": free,
            },
        }

    def _status(self, given: dict[str, Any]) -> dict[str, Any]:
        Arguments(given)
        return self.status()

    # -- its sessions ------------------------------------------------------------------

    async def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "from", "limit")
        first = arguments.number("from", 0, 0, FROM_MAX)
        limit = arguments.number("limit", LIST_MAX, 1, LIST_MAX)
        sessions = self.gateway.sessions
        end = min(first + limit, len(sessions))
        rows: list[dict[str, Any]] = []
        for place in range(first, end, PAGE_SESSIONS):
            page = sessions[place : min(place + PAGE_SESSIONS, end)]
            rows += [self._row(hosted) for hosted in page]
            await asyncio.sleep(0)
        return {
            "time_ns": self.gateway.clock(),
            "sessions": rows,
            "next": end if end < len(sessions) else None,
        }

    def _row(self, hosted: Hosted) -> dict[str, Any]:
        session = hosted.session
        numbers, condition = session.numbers, session.condition
        logged_on = session.is_logged_on
        return {
            "session": str(session.session_id),
            "name": self._directory.name(session.session_id),
            "state": session.state.name,
            "enabled": hosted.enabled,
            "logged_on_since_ns": hosted.logged_on_ns if logged_on else None,
            "peer": hosted.connection.peer if hosted.connection else None,
            "next_in": numbers.next_in,
            "next_out": numbers.next_out,
            "epoch": numbers.epoch,
            "heartbeat_s": session.heart_bt_int_s if logged_on else None,
            "queued": condition.queued,
            "unconfirmed": numbers.next_in - hosted.processed_in,
            "replaying": condition.replaying,
            "missing": condition.missing,
        }

    def _show(self, given: dict[str, Any]) -> dict[str, Any]:
        hosted = self._sessions.named(Arguments(given, "session"))
        session = hosted.session
        disabling = self._disabled.get(session.session_id)
        return {
            **self._row(hosted),
            "key": f"{hosted.key:016x}",
            "command": hosted.at_work or None,
            "processed_in": hosted.processed_in,
            "window_start_ns": session.numbers.window or None,
            "unsent_bytes": hosted.connection.unsent if hosted.connection else 0,
            "disabled_since_ns": disabling.since_ns if disabling else None,
            "disabled_text": disabling.text if disabling else None,
            "last_disconnect": _end(hosted.last_end),
            "last_refused": _end(hosted.last_refused),
            "counters": {
                "logons": hosted.logons,
                "refused": hosted.refused,
                "messages_in": hosted.messages_in,
                "messages_out": hosted.messages_out,
                "bytes_in": hosted.bytes_in,
                "bytes_out": hosted.bytes_out,
                "rejects": hosted.rejects,
                "business_rejects": hosted.business_rejects,
            },
            "settings": as_keys(session.settings),
        }


def _end(end: End | None) -> dict[str, Any] | None:
    if end is None:
        return None
    return {
        "reason": end.reason.name,
        "number": int(end.reason),
        "text": end.text,
        "peer": end.peer,
        "time_ns": end.time_ns,
    }
