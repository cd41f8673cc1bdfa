"""The admin socket of a process: its commands, who gave them, and their answers.

A Unix stream socket that only its owner may use. One JSON object per line in, one per
line out, in the order of the requests of a connection::

    {"id": 1, "command": "instruments.halt", "arguments": {"symbol": "ACME"}}
    {"id": 1, "ok": true, "result": {...}}
    {"id": 1, "ok": false, "error": {"code": "NOT_FOUND", "message": "..."}}

A command that changes something is written to the audit log before it is run and again
with its outcome. What cannot be audited is not done.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import errno
import inspect
import json
import logging
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.host.admincall import AdminError, NotRunning, call, json_line
from engine.host.audit import AuditLog
from engine.host.sockets import reachable

__all__ = ["AdminError", "AdminServer", "AuditLog", "Command", "NotRunning", "call"]

log = logging.getLogger(__name__)

LINE_BYTES_MAX = 1024 * 1024
"""A request longer than this is refused: no command comes near it, and a peer that
never ends its line must not fill the memory."""

CONNECTIONS_MAX = 64
"""Callers at once. Each is a command line or a script of the owner: more are a fault
of theirs and must not use up the files of the process."""

COMMAND_S_MAX = 60.0
"""A command that takes longer is abandoned, so that no caller waits for ever."""

CLOSE_GRACE_S = 1.0
"""How long the end of a process waits for the answers of commands under way."""

_PEER = struct.Struct("3i")
"""struct ucred: pid, uid, gid."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``run`` gets the arguments and gives a result JSON can hold.

    ``run`` may be a coroutine function; it raises AdminError to refuse. ``changes``
    marks a command that is audited.
    """

    run: Callable[[dict[str, Any]], Awaitable[Any] | Any]
    changes: bool


class AdminServer:
    """Serves the commands of one process to any number of callers at once.

    ``process`` names it in the audit log. The socket's file is made by :meth:`start`
    and removed by :meth:`close`; one that a killed process left is replaced.
    """

    def __init__(
        self,
        path: Path,
        commands: Mapping[str, Command],
        audit: AuditLog,
        process: str,
    ) -> None:
        self._path = path
        self._commands = commands
        self._audit = audit
        self._process = process
        self._server: asyncio.Server | None = None
        self._file: tuple[int, int] | None = None
        self._callers: dict[asyncio.Task[None], _Caller] = {}

    async def start(self) -> None:
        """Begin to serve. Raises OSError, EADDRINUSE if another process serves it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            with reachable(self._path) as name:
                _remove_stale(self._path, name)
                listener.bind(name)
                # Nobody can connect before listen(), so there is no open moment; and
                # no umask, which would hold for the files of other threads as well.
                os.chmod(name, 0o600)
            found = self._path.lstat()
            self._file = (found.st_dev, found.st_ino)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=LINE_BYTES_MAX
            )
        except BaseException:
            listener.close()
            raise

    async def close(self) -> None:
        """Take no more requests, let those under way end, remove the socket's file."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with contextlib.suppress(FileNotFoundError):
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._file:
                self._path.unlink()
        own = asyncio.current_task()
        for task, caller in self._callers.items():
            caller.last = True
            if not caller.busy:
                task.cancel()
        tasks = [task for task in self._callers if task is not own]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, as a task of its own."""
        task = asyncio.current_task()
        assert task is not None
        if self._server is None:
            writer.close()
            return
        caller = _Caller(*_peer(writer))
        self._callers[task] = caller
        try:
            if len(self._callers) > CONNECTIONS_MAX:
                message = f"{CONNECTIONS_MAX} callers are served at once: try later"
                writer.write(_refusal(None, AdminError("BUSY", message)))
                await writer.drain()
                return
            while not caller.last:
                try:
                    line = await reader.readuntil(b"\n")
                except asyncio.LimitOverrunError:
                    message = f"a request has at most {LINE_BYTES_MAX} bytes"
                    writer.write(_refusal(None, AdminError("LINE_TOO_LONG", message)))
                    await writer.drain()
                    return
                caller.busy = True
                writer.write(await self._answer(line, caller))
                await writer.drain()
                caller.busy = False
        except (asyncio.IncompleteReadError, ConnectionError):
            # The caller has left. A line without its end is no request.
            pass
        except asyncio.CancelledError:
            # By close(): an end in order. The stream's own bookkeeping would report a
            # cancelled task as an error of the loop.
            pass
        finally:
            del self._callers[task]
            writer.close()

    async def _answer(self, line: bytes, caller: _Caller) -> bytes:
        """The answer to one line, whatever it holds."""
        number: int | str | None = None
        name = "?"
        try:
            request = _parse(line)
            number = request.get("id")
            name, arguments = _named(request)
            command = self._find(name)
            result = await self._run(name, command, arguments, caller)
            return json_line({"id": number, "ok": True, "result": result})
        except AdminError as error:
            return _refusal(number, error)
        except Exception:
            log.exception("admin command %s failed", name)
            message = f"{name} failed inside {self._process}: its log says where"
            return _refusal(number, AdminError("INTERNAL", message))

    def _find(self, name: str) -> Command:
        command = self._commands.get(name)
        if command is not None:
            return command
        near = difflib.get_close_matches(name, self._commands, n=1)
        advice = (
            f"did you mean {near[0]}?"
            if near
            else f"it knows {', '.join(sorted(self._commands))}"
        )
        message = f"{self._process} has no command {name[:80]!r}: {advice}"
        raise AdminError("UNKNOWN_COMMAND", message)

    async def _run(
        self, name: str, command: Command, arguments: dict[str, Any], caller: _Caller
    ) -> Any:
        if not command.changes:
            return await _within_limit(name, command, arguments)
        facts = {
            "pid": caller.pid,
            "uid": caller.uid,
            "process": self._process,
            "command": name,
            "arguments": arguments,
        }
        await self._note("nothing was changed", **facts, outcome="begun")
        outcome = "failed: INTERNAL"
        try:
            result = await _within_limit(name, command, arguments)
            outcome = "done"
        except AdminError as error:
            outcome = f"refused: {error.code}: {error.message}"
            raise
        except asyncio.CancelledError:
            outcome = "abandoned: the process stops"
            raise
        finally:
            await self._note("the command was run", **facts, outcome=outcome)
        return result

    async def _note(self, consequence: str, **facts: Any) -> None:
        """Audit without holding up the event loop for the disk."""
        try:
            await asyncio.shield(asyncio.to_thread(self._audit.write, **facts))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            log.error("cannot write the audit log %s: %s", self._audit.path, error)
            raise AdminError(
                "AUDIT_FAILED",
                f"{consequence}, but the audit log {self._audit.path} cannot be "
                f"written: {error}",
            ) from error


@dataclass(slots=True)
class _Caller:
    """One connection: whose it is, and whether a request of it is under way."""

    pid: int
    uid: int
    busy: bool = False
    last: bool = False


def _remove_stale(path: Path, name: str) -> None:
    """Remove the file a killed process left. Raises OSError if it is in use."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, f"{path} is no socket: move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, f"another process serves {path}: stop it first")


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Pid and uid of the process at the other end, as the system knows them."""
    link = writer.get_extra_info("socket")
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, _ = _PEER.unpack(raw)
    return pid, uid


def _parse(line: bytes) -> dict[str, Any]:
    """The request in a line. Raises AdminError."""
    try:
        request = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise AdminError("BAD_REQUEST", f"a request is one JSON object: {error}") from (
            None
        )
    if not isinstance(request, dict):
        raise AdminError("BAD_REQUEST", "a request is one JSON object")
    number = request.get("id")
    if isinstance(number, bool) or not isinstance(number, int | str | None):
        raise AdminError("BAD_REQUEST", "id is a number or a text")
    return request


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _named(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a request. Raises AdminError."""
    name = request.get("command")
    if not isinstance(name, str):
        raise AdminError("BAD_REQUEST", "command is missing, or no text")
    arguments = request.get("arguments", {})
    if not isinstance(arguments, dict):
        raise AdminError("BAD_REQUEST", "arguments is no JSON object")
    return name, arguments


async def _within_limit(name: str, command: Command, arguments: dict[str, Any]) -> Any:
    result = command.run(arguments)
    if not inspect.isawaitable(result):
        return result
    limit = asyncio.timeout(COMMAND_S_MAX)
    try:
        async with limit:
            return await result
    except TimeoutError:
        if not limit.expired():
            raise
        message = f"{name} was abandoned after {COMMAND_S_MAX:g} s"
        raise AdminError("TIMEOUT", message) from None


def _refusal(number: int | str | None, error: AdminError) -> bytes:
    told = {"code": error.code, "message": error.message}
    return json_line({"id": number, "ok": False, "error": told})
