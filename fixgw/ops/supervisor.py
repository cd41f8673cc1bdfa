"""Runs the processes of the exchange on one machine, and restarts those that die."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from engine.host.server import stop_on_signals

log = logging.getLogger(__name__)

BACKOFF_S_FIRST = 0.1
BACKOFF_S_MAX = 5.0
STABLE_S = 10.0
"""A child that lived this long is restarted at once again when it dies."""

STOP_PATIENCE_S = 15.0
"""After this long a child that should stop is killed."""

FINAL_EXIT_CODES = range(70, 80)
"""A child that ended like this needs a person: restarting it would change nothing."""


class Child:
    """One child process and its restarts.

    A socket pair joins it to us: it says through it that it is ready, and finds it
    closed when we are gone, however we went.
    """

    def __init__(
        self,
        name: str,
        arguments: list[str],
        on_ready: Callable[[Child], None],
        on_halted: Callable[[Child, int], None],
    ) -> None:
        self.name = name
        self.facts: dict[str, Any] = {}
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.halted = False
        self.pid: int | None = None
        self._arguments = list(arguments)
        self._on_ready = on_ready
        self._on_halted = on_halted
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def keep_port(self) -> None:
        """Later starts take the port this one got: clients know no other."""
        self._arguments += ["--port", str(self.facts["port"])]

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
            code = await self._run_once()
            self.ready.clear()
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
                _how(code),
                backoff_s,
            )
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
        self.ended.set()

    async def _run_once(self) -> int:
        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fixgw",
                *self._arguments,
                "--supervisor-fd",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C reaches the whole group: only we are to act on it.
                start_new_session=True,
            )
        finally:
            theirs.close()
        self.pid = self._process.pid
        reader, writer = await asyncio.open_connection(sock=ours)
        watching = asyncio.get_running_loop().create_task(self._watch(reader))
        code = await self._process.wait()
        watching.cancel()
        writer.close()
        return code

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        line = await reader.readline()
        if line:
            self.facts = json.loads(line)
            self.ready.set()
            self._on_ready(self)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def report_ready(supervisor_fd: int | None, facts: dict[str, Any]) -> None:
    """A child tells its supervisor that it is ready."""
    if supervisor_fd is not None:
        os.write(supervisor_fd, json.dumps(facts).encode() + b"\n")


async def supervise(
    shard_arguments: list[list[str]],
    gateway_arguments: list[str],
    on_up: Callable[[dict[str, dict[str, Any]]], None],
) -> int:
    """Start the shards, then the gateway; keep them running until told to stop.

    ``on_up`` gets the facts each child reported, by its name, once all are ready. The
    exit code: 0, or that of a gateway that halted.
    """
    stop = asyncio.Event()
    stop_on_signals(stop, None)
    exit_code = 0

    def ready_again(child: Child) -> None:
        if up:
            log.info("%s is back", child.name)

    def halted(child: Child, code: int) -> None:
        nonlocal exit_code
        if child.name == "gateway":
            exit_code = code
            stop.set()

    up = False
    children = [
        Child(f"shard {number}", arguments, ready_again, halted)
        for number, arguments in enumerate(shard_arguments)
    ]
    await _ready_or_ended(children, stop)
    if not stop.is_set():
        gateway = Child("gateway", gateway_arguments, ready_again, halted)
        children.append(gateway)
        await _ready_or_ended([gateway], stop)
    if not stop.is_set():
        if gateway.facts:
            gateway.keep_port()
        on_up({child.name: child.facts for child in children if child.facts})
        up = True
        await stop.wait()
    for child in reversed(children):
        await child.stop()
    return exit_code


async def _ready_or_ended(children: list[Child], stop: asyncio.Event) -> None:
    """Wait until each child is ready or will never be, or everything is to stop."""

    async def settled(child: Child) -> None:
        waits = [
            asyncio.ensure_future(event.wait()) for event in (child.ready, child.ended)
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def all_settled() -> None:
        await asyncio.gather(*(settled(child) for child in children))

    async def stopping() -> None:
        await stop.wait()

    tasks = [asyncio.create_task(all_settled()), asyncio.create_task(stopping())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
