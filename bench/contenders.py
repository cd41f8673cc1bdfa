"""The servers that are compared, and how each is started and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import processes
from artifacts import Artifacts
from common import ROOT, BenchError, progress, tail

START_SECONDS_MAX = 30  # the first start of ours may write a journal segment
STOP_SECONDS_MAX = 15

SESSIONS = """\
[DEFAULT]
ConnectionType=acceptor
BeginString=FIX.4.4
SenderCompID=EXCHANGE
NonStopSession=Y
SocketAcceptHost=127.0.0.1
SocketAcceptPort={port}

[SESSION]
TargetCompID=BENCH1
"""


@dataclass(frozen=True)
class Contender:
    """One server. ``command`` gives its argument list for a folder of its own and a
    port, and may write files into that folder."""

    name: str
    title: str
    durability: str
    validation: str
    command: Callable[[Artifacts, Path, int], list[str]]
    # Ours ends on SIGINT; the QuickFIX acceptor when its standard input does.
    ends_on_signal: bool


FIXGW = """\
sessions = "sessions.cfg"
instruments = "{config}/instruments.csv"
data = "data"
# What is measured is the way of an order; QuickFIX has nothing beside it either.
[sidedoor]
enabled = false
[readmodel]
enabled = false
[metrics]
enabled = false
"""


def fixgw_command(artifacts: Artifacts, folder: Path, port: int) -> list[str]:
    sessions = folder / "sessions.cfg"
    sessions.write_text(SESSIONS.format(port=port))
    config = folder / "fixgw.toml"
    config.write_text(FIXGW.format(config=Path(__file__).parents[1] / "config"))
    command = [sys.executable, "-m", "fixgw", "up", "--config", str(config)]
    return [*command, "--port", str(port)]


def quickfix(server: str, store: str) -> Contender:
    def command(artifacts: Artifacts, folder: Path, port: int) -> list[str]:
        assert artifacts.acceptor
        assert artifacts.dictionary
        dictionary = str(artifacts.dictionary)
        arguments = [str(port), dictionary, str(folder), server, store]
        return [str(artifacts.acceptor), *arguments]

    threaded = server == "threaded"
    acceptor = "ThreadedSocketAcceptor" if threaded else "SocketAcceptor"
    stores = {"file": "FileStore", "memory": "MemoryStore"}
    lasting = {
        "file": "written to the kernel, never synced",
        "memory": "nothing survives the process",
    }
    return Contender(
        name=f"quickfix-{store}" + ("-threaded" if threaded else ""),
        title=f"QuickFIX C++ {stores[store]}" + (" thr." if threaded else ""),
        durability=f"{acceptor}, {stores[store]}: {lasting[store]}",
        validation="on (FIX44.xml of QuickFIX), no log",
        command=command,
        ends_on_signal=False,
    )


OURS = Contender(
    name="fixgw",
    title="fixgw",
    durability="command journal, fdatasync before every acknowledgement",
    validation="as the product ships, matching and risk checks included",
    command=fixgw_command,
    ends_on_signal=True,
)
CONTENDERS = {
    contender.name: contender
    for contender in (
        OURS,
        quickfix("socket", "file"),
        quickfix("socket", "memory"),
        quickfix("threaded", "file"),
        quickfix("threaded", "memory"),
    )
}


@dataclass(frozen=True)
class Server:
    """A running contender."""

    pid: int
    port: int
    log: Path


@contextmanager
def running(
    contender: Contender, artifacts: Artifacts, folder: Path
) -> Iterator[Server]:
    """Starts the contender in an empty folder; on exit ends it with its children."""
    port = processes.free_port()
    log = folder / "server.log"
    command = contender.command(artifacts, folder, port)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the benchmark, which then ends us
        )
    try:
        wait_until_ready(contender, process, port, log)
        yield Server(process.pid, port, log)
        if process.poll() is not None:
            raise BenchError(f"{contender.name} ended during the run:\n{tail(log)}")
    finally:
        stop(contender, process)


def wait_until_ready(
    contender: Contender, process: subprocess.Popen[bytes], port: int, log: Path
) -> None:
    """Both contenders print a line with ``ready`` once their port is listening."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(
                f"{contender.name} ended with status {process.returncode} before it "
                f"listened:\n{tail(log)}"
            )
        if b"ready" in log.read_bytes() and processes.is_listening(port):
            return
        time.sleep(0.02)
    raise BenchError(
        f"{contender.name} was not ready on port {port} after {START_SECONDS_MAX} s:\n"
        f"{tail(log)}"
    )


def stop(contender: Contender, process: subprocess.Popen[bytes]) -> None:
    """Asks first; then ends what is left of the processes we started, by id."""
    members = {pid: processes.started(pid) for pid in processes.family(process.pid)}
    if process.stdin:
        process.stdin.close()
    if contender.ends_on_signal and process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        progress(f"{contender.name} did not end in {STOP_SECONDS_MAX} s, killing it")
        process.kill()
        process.wait()
    for pid, started in members.items():
        if started and processes.started(pid) == started:
            progress(f"{contender.name} left process {pid} behind, killing it")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
