"""``fixgw up`` in a folder of its own, with every process of it in reach.

Only processes that carry this exchange's data folder on their command line are ever
signalled, each by its pid; a pid that the system gave to somebody else in the meantime
is recognised by its start time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from engine.host.admin import call
from engine.journal import LogKind, RecordLog
from engine.records import EVENT_BYTES, unpack_all
from tests.live.waiting import wait_until
from tests.services import free_ports

ROOT = Path(__file__).parents[2]
DICTIONARY = ROOT / "spec" / "FIX44.xml"
START_S = 40.0
STOP_S = 30.0
SHARDS = 2
GATEWAY, SHARD_0, SHARD_1, SUPERVISOR = "gateway", "shard 0", "shard 1", "supervisor"
SIDE_DOOR, PUBLISHER, READ_MODEL = "sidedoor", "publisher", "readmodel"
BREAKER = "breaker"
PROCESSES = {GATEWAY, SHARD_0, SHARD_1}
"""What trading by FIX needs: all there is, unless everything is to run."""
CHILDREN = PROCESSES | {SIDE_DOOR, PUBLISHER, READ_MODEL, BREAKER}

SESSIONS = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptHost=127.0.0.1
SocketAcceptPort=9876
BeginString=FIX.4.4
SenderCompID=EXCHANGE
DataDictionary={dictionary}
NonStopSession=Y
"""

CONFIG = """\
sessions = "sessions.cfg"
instruments = "{root}/config/instruments.csv"
data = "data"
[shards]
count = {shards}
[shards.pins]
"BTC-USD" = 0
"ETH-USD" = 1
[engine]
# Far from now, so that no order expires under a test.
day_ends = "{day_ends}"
[sidedoor]
enabled = {all}
port = 0
[metrics]
enabled = {all}
port = 0
[readmodel]
enabled = {all}
{more}
"""


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one with the same pid."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Running: neither gone nor a zombie nor somebody else."""
        found = _stat(self.pid)
        return found is not None and found[0] not in "ZX" and found[2] == self.started

    def signal(self, number: int) -> None:
        """Send a signal, unless it is gone."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _stat(pid: int) -> tuple[str, int, str] | None:
    """State, parent and start time of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1]), fields[19]


def free_port() -> int:
    """A port that nobody listens on now, and that the system gives nobody: also not the
    near end of a connection, while its exchange is dead and to come back."""
    return free_ports()[0]


def fixgw(*arguments: str | Path) -> list[str]:
    """The command line of ``fixgw``."""
    return [sys.executable, "-m", "fixgw", *map(str, arguments)]


class Exchange:
    """One exchange: its files, its processes, what it said.

    ``port`` 0 takes a free one at each start. Only shards and gateway run, unless
    ``everything`` is to; ``more`` is further text for fixgw.toml; it
    begins in the section [readmodel].
    """

    def __init__(
        self,
        folder: Path,
        clients: Sequence[str] = ("BUYER", "SELLER"),
        port: int = 0,
        *,
        everything: bool = False,
        more: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.sessions = folder / "sessions.cfg"
        self.config = folder / "fixgw.toml"
        self.wanted_port = port
        self.port = 0
        self.http_port = 0
        self.banner = ""
        self.sessions.write_text(
            SESSIONS.format(dictionary=DICTIONARY)
            + "".join(f"\n[SESSION]\nTargetCompID={client}\n" for client in clients)
        )
        noon_off = time.gmtime(time.time() + 12 * 3600)
        self.config.write_text(
            CONFIG.format(
                root=ROOT,
                shards=SHARDS,
                day_ends=time.strftime("%H:00:00", noon_off),
                all=str(everything).lower(),
                more=more,
            )
        )
        self._out_path = folder / "stdout.txt"
        self._err_path = folder / "stderr.txt"
        self._err_path.touch()
        self._popen: subprocess.Popen[bytes] | None = None
        self._returns: Counter[str] = Counter()

    def command(self) -> list[str]:
        """The command line of its supervisor."""
        return fixgw(
            *("up", "--config", self.config, "--data", self.data),
            *("--sessions", self.sessions, "--port", self.wanted_port),
            *("--log-format", "json"),
        )

    # -- life --------------------------------------------------------------------------

    def launch(self) -> None:
        """Start it, and do not wait."""
        assert self._popen is None, "it runs already"
        out: IO[bytes]
        err: IO[bytes]
        with self._out_path.open("wb") as out, self._err_path.open("ab") as err:
            self._popen = subprocess.Popen(
                self.command(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def start(self) -> Exchange:
        """Start it, and wait for its banner."""
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Wait for the whole banner, and take the port from it."""
        popen = self._popen
        assert popen is not None

        def ready() -> bool:
            if popen.poll() is not None:
                pytest.fail(f"up ended with {popen.returncode}\n{self.errors()}")
            return self.is_ready

        wait_until(ready, "the banner of up", START_S, self.errors)
        self.banner = self._out_path.read_text()
        assert re.match(r"fixgw \S+ is ready\n", self.banner), self.banner
        found = re.search(r"FIX\S* acceptor +127\.0\.0\.1:(\d+)\n", self.banner)
        assert found, self.banner
        self.port = int(found[1])
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\n", self.banner)
        self.http_port = int(found[1]) if found else 0

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it as a person would, and require a clean end."""
        assert self._popen is not None
        processes = self.processes()
        self._popen.send_signal(number)
        code = self.wait_ended(STOP_S)
        assert code == 0, f"up ended with {code}\n{self.errors()}"
        left = [name for name, process in processes.items() if process.is_alive]
        assert not left, f"up left {left} behind\n{self.errors()}"

    def wait_ended(self, deadline_s: float) -> int:
        """The exit code of the supervisor."""
        popen = self._popen
        assert popen is not None
        wait_until(
            lambda: popen.poll() is not None, "the end of up", deadline_s, self.errors
        )
        self._popen = None
        return int(popen.returncode)

    @property
    def has_ended(self) -> bool:
        """Whether the supervisor is gone."""
        return self._popen is None or self._popen.poll() is not None

    @property
    def is_ready(self) -> bool:
        """Whether the whole banner was written."""
        return "Ctrl-C" in self._out_path.read_text()

    def clean_up(self) -> None:
        """Leave nothing running, whatever the test did. Also repeats what was said."""
        sys.stderr.write(self.errors())
        for process in self._ours():
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait(STOP_S)
            self._popen = None
        wait_until(lambda: not self._ours(), "the end of every process")

    # -- processes ---------------------------------------------------------------------

    def processes(self) -> dict[str, Process]:
        """Supervisor and children that run now, by name."""
        assert self._popen is not None
        found = {}
        for process in self._ours():
            name = _role(process.pid)
            if process.pid == self._popen.pid:
                found[SUPERVISOR] = process
            elif name in CHILDREN and _parent(process.pid) == self._popen.pid:
                found[name] = process
        return found

    def kill(self, *names: str) -> dict[str, Process]:
        """Kill -9 these processes, the supervisor first; they are gone afterwards."""
        processes = self.processes()
        victims = {
            name: processes[name]
            for name in sorted(names, key=lambda name: name != SUPERVISOR)
        }
        for process in victims.values():
            process.signal(signal.SIGKILL)
        if SUPERVISOR in names and self._popen is not None:
            self._popen.wait(STOP_S)
            self._popen = None
        wait_until(
            lambda: not any(process.is_alive for process in victims.values()),
            f"the death of {names}",
        )
        return victims

    def wait_back(self, name: str, killed: Process, deadline_s: float = 30.0) -> None:
        """Wait until the supervisor says that ``name`` is back, as another process."""
        said = f"{name} is back"
        wait_until(
            lambda: (
                self.said(said) > self._returns[name]
                and self.processes().get(name, killed) != killed
            ),
            said,
            deadline_s,
            self.errors,
        )
        self._returns[name] = self.said(said)

    def wait_linked(self, deadline_s: float = 15.0) -> None:
        """Wait until the gateway can give orders to every shard."""

        def linked() -> bool:
            facts = call(self.data / "gateway-0" / "admin.sock", "status")["facts"]
            return all(link["up"] for link in facts["links"])

        wait_until(linked, "the links of the gateway", deadline_s, self.errors)

    def _ours(self) -> list[Process]:
        """Every live process with our data folder on its command line."""
        marker = str(self.data).encode()
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and marker in _arguments(int(entry)):
                stat = _stat(int(entry))
                if stat is not None and stat[0] not in "ZX":
                    found.append(Process(int(entry), stat[2]))
        return found

    # -- what it said ------------------------------------------------------------------

    def errors(self) -> str:
        """All of its stderr."""
        return self._err_path.read_text()

    def logged(self) -> list[dict[str, Any]]:
        """Its log lines. A line that is no JSON object fails the test."""
        lines = []
        for line in self.errors().splitlines():
            entry = json.loads(line)
            assert isinstance(entry, dict), line
            lines.append(entry)
        return lines

    def said(self, text: str) -> int:
        """How many log lines contain ``text``."""
        return sum(text in line for line in self.errors().splitlines())

    # -- what it stored ----------------------------------------------------------------

    def events(self, copy: Path) -> dict[int, list[Any]]:
        """The events in the logs of each shard, read from a copy of the data folder."""
        assert self._popen is None, "a copy of a living log proves nothing"
        shutil.copytree(self.data, copy, ignore=shutil.ignore_patterns("*.sock"))
        result = {}
        for shard in range(SHARDS):
            folder = copy / f"shard-{shard}" / "events"
            log = RecordLog(folder, LogKind.EVENTS, shard)
            assert not log.recovery.torn_at, log.recovery
            result[shard] = [
                event
                for record in log.read(1)
                for event in unpack_all(record.payload, EVENT_BYTES)
            ]
            log.close()
            assert [event.seq for event in result[shard]] == list(
                range(1, len(result[shard]) + 1)
            )
        return result


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return stat[1] if stat else 0


def _role(pid: int) -> str:
    """``gateway``, ``shard 1``, …, from a command line; empty for anything else."""
    arguments = [argument.decode() for argument in _arguments(pid)]
    if "fixgw" not in arguments:
        return ""
    behind = arguments[arguments.index("fixgw") + 1 :] or [""]
    if behind[0] in (GATEWAY, SIDE_DOOR, PUBLISHER, READ_MODEL, BREAKER):
        return behind[0]
    return " ".join(behind[:2]) if behind[:1] == ["shard"] else ""
