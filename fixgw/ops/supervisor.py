"""Runs the processes of the exchange on one machine, and restarts those that die."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.host.sockets import reachable
from fixgw import __version__

log = logging.getLogger(__name__)

BACKOFF_S_FIRST = 0.1
BACKOFF_S_MAX = 5.0
STABLE_S = 10.0
"""A child that lived this long is restarted at once again when it dies."""

READY_PATIENCE_S = 15.0
"""The exchange opens without those that are not needed for trading after this long."""

STOP_PATIENCE_S = 15.0
"""After this long a child that should stop is killed."""

LOOK_S = 2.0
"""How often a child is asked whether it still answers."""

SILENT_S_MAX = 5.0
"""A child that has not answered for this long counts as hung. It is only told: a
process that was stopped on purpose, or has a great deal to do, is not to be killed."""

FINAL_EXIT_CODES = range(70, 80)
"""A child that ended like this needs a person: restarting it would change nothing."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child to run. ``arguments`` stand behind ``fixgw``.

    ``port_option``: the fact "port" it reports is given to later starts with it.
    ``needed``: the exchange does not open before it is ready. ``essential``: when it
    has halted there is nothing left to run. ``admin_socket``: where it is asked whether
    it still answers.
    """

    name: str
    arguments: list[str]
    port_option: str = ""
    needed: bool = False
    essential: bool = False
    admin_socket: Path | None = None


class Child:
    """One child process and its restarts.

    A socket pair joins it to us: it says through it that it is ready, and finds it
    closed when we are gone, however we went.
    """

    def __init__(
        self,
        spec: ChildSpec,
        on_ready: Callable[[Child], None],
        on_halted: Callable[[Child, int], None],
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.starts = 0
        self.facts: dict[str, Any] = {}
        self.ready = asyncio.Event()
        self.settled = asyncio.Event()
        """It was ready once, or never will be."""
        self.halted = False
        self.hung = False
        self.pid: int | None = None
        self._on_ready = on_ready
        self._on_halted = on_halted
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def problem(self) -> str | None:
        """Why it does not do its work now; None if it does."""
        if self.halted:
            return "has halted and needs a person: see its last lines in the log"
        if not self.ready.is_set():
            return "is not ready"
        return "does not answer: it hangs, or was stopped" if self.hung else None

    async def stop(self) -> None:
        """Ask it to end, wait, and kill it if it does not."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_PATIENCE_S)
            except TimeoutError:
                log.error("%s does not end and is killed", self.name)
                process.kill()
                await process.wait()
        self._task.cancel()

    async def _run(self) -> None:
        backoff_s = BACKOFF_S_FIRST
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                how = _how(code := await self._run_once())
            except OSError as error:
                how, code = f"cannot be started: {error}", -1
            if self._stopping:
                break
            if code in FINAL_EXIT_CODES:
                self.halted = True
                log.critical(
                    "%s has halted (exit code %d) and is not restarted: see its last "
                    "lines above",
                    self.name,
                    code,
                )
                self._on_halted(self, code)
                break
            if loop.time() - started > STABLE_S:
                backoff_s = BACKOFF_S_FIRST
            log.error(
                "%s ended: %s; it is started again in %.1f s",
                self.name,
                how,
                backoff_s,
            )
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
        self.settled.set()

    def _arguments(self) -> list[str]:
        """Later starts take the port the first one got: clients know no other."""
        option = self.spec.port_option
        if not option or "port" not in self.facts:
            return self.spec.arguments
        return [*self.spec.arguments, option, str(self.facts["port"])]

    async def _run_once(self) -> int:
        ours, theirs = socket.socketpair()
        try:
            theirs.set_inheritable(True)
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "fixgw", *self._arguments()),
                *("--supervisor-fd", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C reaches the whole group: only we are to act on it.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid
        self.starts += 1
        reader, writer = await asyncio.open_connection(sock=ours)
        watching = asyncio.get_running_loop().create_task(self._watch(reader))
        try:
            return await self._process.wait()
        finally:
            watching.cancel()
            writer.close()
            self.ready.clear()
            self.hung = False

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        line = await reader.readline()
        if not line.endswith(b"\n"):
            return
        self.facts = json.loads(line)
        self.ready.set()
        self.settled.set()
        self._on_ready(self)
        while self.spec.admin_socket is not None:
            await asyncio.sleep(LOOK_S)
            answers = await _answers(self.spec.admin_socket)
            if answers is self.hung:
                log.log(
                    logging.INFO if answers else logging.ERROR,
                    "%s answers again" if answers else "%s does not answer",
                    self.name,
                )
            self.hung = not answers


async def _answers(admin_socket: Path) -> bool:
    """Whether the process behind an admin socket says anything, in time.

    One that has no such socket, for whatever reason, has said so itself.
    """
    try:
        async with asyncio.timeout(SILENT_S_MAX):
            with reachable(admin_socket) as name:
                reader, writer = await asyncio.open_unix_connection(name)
            try:
                # Nobody knows this command: any answer will do, and this costs least.
                writer.write(b'{"command": "alive"}\n')
                await reader.read(1)
            finally:
                writer.close()
    except (FileNotFoundError, ConnectionRefusedError):
        return True
    except OSError:
        # Too late, or so many wait already that no more are taken.
        return False
    return True


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


class Supervision:
    """The children of one exchange, started stage by stage."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.exit_code = 0
        self.started_ns = time.time_ns()
        self.children: list[Child] = []
        self._stages: list[list[Child]] = []
        self.is_up = False

    async def start(self, stages: Sequence[Sequence[ChildSpec]]) -> None:
        """Start each stage once the one before it is ready, halted, or told to stop."""
        for specs in stages:
            if self.stop.is_set():
                return
            children = [Child(spec, self._ready_again, self._halted) for spec in specs]
            self.children += children
            self._stages.append(children)
            needed = any(spec.needed for spec in specs)
            await _settled(children, self.stop, None if needed else READY_PATIENCE_S)
            for child in children:
                if not child.settled.is_set() and not self.stop.is_set():
                    log.error(
                        "%s is not ready yet, the exchange opens without", child.name
                    )
        self.is_up = not self.stop.is_set()

    async def end(self) -> None:
        """Stop all children: those of the last stage first, together."""
        for children in reversed(self._stages):
            await asyncio.gather(*(child.stop() for child in children))

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """What each child reported when it was ready, by its name."""
        return {child.name: child.facts for child in self.children if child.facts}

    def status(self) -> dict[str, Any]:
        """What the supervisor's admin socket tells."""
        problems = [
            f"{child.name} {child.problem}" for child in self.children if child.problem
        ]
        restarts = sum(max(0, child.starts - 1) for child in self.children)
        return {
            "process": "supervisor",
            "pid": os.getpid(),
            "started_ns": self.started_ns,
            "version": __version__,
            "healthy": not problems,
            "problems": problems,
            "dependencies": {
                child.name: {"up": not child.problem} for child in self.children
            },
            "facts": {
                "children": len(self.children),
                "restarts": restarts,
                "pids": {child.name: child.pid for child in self.children},
                "starts": {child.name: child.starts for child in self.children},
            },
        }

    def _ready_again(self, child: Child) -> None:
        if self.is_up:
            log.info("%s is back", child.name)

    def _halted(self, child: Child, code: int) -> None:
        if child.spec.essential:
            self.exit_code = code
            self.stop.set()


async def _settled(
    children: list[Child], stop: asyncio.Event, patience_s: float | None
) -> None:
    """Wait until each child is ready or will never be, or everything is to stop."""

    async def all_settled() -> None:
        for child in children:
            await child.settled.wait()

    tasks = [asyncio.ensure_future(all_settled()), asyncio.ensure_future(stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=patience_s)
    for task in tasks:
        task.cancel()
