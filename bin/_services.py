"""Kafka, PostgreSQL and Redis on loopback, for tests and for trying out.

    bin/services install [NAME...]   what they need: Debian packages, Kafka's jars
    bin/services up [NAME...]        install, start, say how to reach them
    bin/services status [--json]     what runs where
    bin/services down                stop what was started here, and remove its data
    bin/services kill NAME...        kill -9, to see what happens
    bin/services start NAME...       again, with the same port and data

NAME is kafka, postgres or redis; no NAME means all of them (and chromium, for
install). `eval "$(bin/services up)"` tells a shell how to reach them. Each server has a
port and a data folder of its own below --folder (.services), so that several sets can
run side by side. Where one of the variables FIXGW_TEST_KAFKA, FIXGW_TEST_POSTGRES,
FIXGW_TEST_REDIS names a server, that one is used and none is started. Uses the standard
library only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import glob
import hashlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KAFKA_FILES = ROOT / "bin" / "kafka"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fixgw"
VARIABLES = {
    "kafka": "FIXGW_TEST_KAFKA",
    "postgres": "FIXGW_TEST_POSTGRES",
    "redis": "FIXGW_TEST_REDIS",
}
START_S = 60.0
"""A server that does not answer by then does not start."""

STOP_S = 20.0

PORT_MIN = 12_000
"""Below are those of well-known servers."""

KAFKA_HEAP = "-Xmx512m"
"""Enough for a few million records; three servers share a small machine."""

PACKAGES = {
    "kafka": {"java": "default-jre-headless", "mvn": "maven"},
    "postgres": {"initdb": "postgresql"},
    "redis": {"redis-server": "redis-server"},
    "chromium": {"chromium": "chromium"},
}
"""Per service: the program that must be there, and the package that brings it."""

MESSAGE_FOR_APT = "run as root: apt-get update && apt-get install -y "


class ServiceError(Exception):
    """Something cannot be installed or started; the text says what to do."""


@dataclass
class Running:
    """A server that was started here. The start time tells a reused pid."""

    pid: int
    started: str
    port: int
    admin_port: int
    data: str

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return is_alive(self.pid, self.started)


# -- processes -------------------------------------------------------------------------


def process_stat(pid: int) -> tuple[str, int, str] | None:
    """State, parent and start time of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1]), fields[19]


def family(pid: int) -> list[int]:
    """A process and all below it: PostgreSQL's do their work in children."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := process_stat(int(entry))):
            parents[int(entry)] = stat[1]
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


def is_alive(pid: int, started: str) -> bool:
    """Whether a process runs: neither gone nor a zombie nor somebody else."""
    found = process_stat(pid)
    return found is not None and found[0] not in "ZX" and found[2] == started


def send(running: Running, number: int) -> list[tuple[int, str]]:
    """A signal to a server and its children; nobody else can be meant.

    Who they were: pid and start time.
    """
    meant: list[tuple[int, str]] = []
    if running.is_alive:
        for pid in family(running.pid):
            stat = process_stat(pid)
            if stat is not None:
                meant.append((pid, stat[2]))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
    return meant


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on now, and that the system gives nobody.

    One of those it hands out could be the near end of somebody's connection when a
    killed server wants it again; a client that tries a dead server often enough even
    comes to talk with itself.
    """
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    ports = range(PORT_MIN, int(given.split()[0]))
    found: list[int] = []
    for port in random.sample(ports, len(ports)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == 2:
            return found[0], found[1]
    raise ServiceError(f"no two ports from {PORT_MIN} on are free")


def wait_until(met: Callable[[], bool], what: str, seconds: float) -> None:
    """Poll until ``met``. Raises ServiceError."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise ServiceError(f"{what} within {seconds:.0f} s")
        time.sleep(0.05)


# -- installing ------------------------------------------------------------------------


def program(name: str) -> str | None:
    """Where a program is; PostgreSQL's are not on the path."""
    found = shutil.which(name)
    if found is None and name in ("initdb", "postgres", "pg_isready", "createdb"):
        versions = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
        found = versions[-1] if versions else None
    return found


def install(names: list[str]) -> None:
    """Bring what is missing. Raises ServiceError with the command for it."""
    missing = [
        package
        for name in names
        for tool, package in PACKAGES[name].items()
        if program(tool) is None
    ]
    if missing:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise ServiceError(f"missing: {MESSAGE_FOR_APT}{' '.join(missing)}")
        step("Fetching package lists", ["apt-get", "update", "-qq"])
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        step(f"Installing {', '.join(missing)}", [*command, *missing])
    if "kafka" in names:
        kafka_jars()


def kafka_jars() -> Path:
    """The folder of Kafka's jars, fetched once for this version of the list."""
    pom = KAFKA_FILES / "pom.xml"
    mark = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"kafka-{mark}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=CACHE))
    shutil.copy(pom, draft)
    jars = draft / "jars"
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    runtime = "-DincludeScope=runtime"
    step(
        "Fetching Kafka from Maven Central",
        ["mvn", "-q", "-B", "-f", str(draft / "pom.xml"), *copy, runtime],
    )
    with contextlib.suppress(OSError):  # another run was faster: theirs is as good
        jars.rename(folder)
    shutil.rmtree(draft, ignore_errors=True)
    return folder


def step(title: str, command: list[str], **more: object) -> None:
    """Run one command; its output is shown only if it fails."""
    start = time.monotonic()
    say(f"  {title} …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        **more,  # type: ignore[call-overload]
    )
    if result.returncode:
        raise ServiceError(f"{title} failed: {' '.join(command)}\n{result.stdout}")
    say(f"  {title}: {time.monotonic() - start:.0f} s")


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


# -- servers ---------------------------------------------------------------------------


class Server:
    """One kind of server: how it is prepared, started and asked."""

    name = ""

    def data_folder(self, folder: Path) -> Path:
        return folder / self.name

    def prepare(self, data: Path, port: int, admin_port: int) -> None:
        """Make the data folder, once."""

    def clear_remains(self, data: Path) -> None:
        """Before a start: take away what a killed server left in its own way."""

    def command(self, data: Path, port: int) -> list[str]:
        raise NotImplementedError

    def answers(self, port: int) -> bool:
        raise NotImplementedError

    def url(self, port: int) -> str:
        raise NotImplementedError

    user: str | None = None


class Kafka(Server):
    """A broker that is its own controller (KRaft)."""

    name = "kafka"

    def prepare(self, data: Path, port: int, admin_port: int) -> None:
        data.mkdir(parents=True)
        properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{admin_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},"
            f"CONTROLLER://127.0.0.1:{admin_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": data / "logs",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            # A killed broker may come back at once instead of after nine seconds.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
        }
        path = data / "server.properties"
        path.write_text(
            "".join(f"{key}={value}\n" for key, value in properties.items())
        )
        cluster = "Zml4Z3ctdGVzdC1jbHVzdA"
        step(
            "Formatting Kafka's storage",
            [*self._java(), "kafka.tools.StorageTool", "format", "-t", cluster]
            + ["-c", str(path)],
        )

    def _java(self) -> list[str]:
        config = f"-Dlog4j2.configurationFile={KAFKA_FILES / 'log4j2.properties'}"
        return ["java", KAFKA_HEAP, config, "-cp", f"{kafka_jars()}/*"]

    def command(self, data: Path, port: int) -> list[str]:
        return [*self._java(), "kafka.Kafka", str(data / "server.properties")]

    def answers(self, port: int) -> bool:
        # ApiVersions, version 0: key 18, version, correlation, no client id.
        body = struct.pack(">hhih", 18, 0, 7, -1)
        answer = exchange(port, struct.pack(">i", len(body)) + body)
        return len(answer) >= 10 and answer[4:10] == struct.pack(">ih", 7, 0)

    def url(self, port: int) -> str:
        return f"127.0.0.1:{port}"


class Postgres(Server):
    """A cluster of its own. The server refuses to run as root."""

    name = "postgres"

    def __init__(self) -> None:
        if os.geteuid() == 0:
            with contextlib.suppress(KeyError):
                self.user = pwd.getpwnam("postgres").pw_name

    def data_folder(self, folder: Path) -> Path:
        """Where the server's user can reach it: not below a folder of root's."""
        if self.user is None:
            return folder / self.name
        mark = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"fixgw-postgres-{mark}"

    def prepare(self, data: Path, port: int, admin_port: int) -> None:
        data.mkdir(parents=True, mode=0o700)
        if self.user:
            shutil.chown(data, self.user)
        initdb = program("initdb")
        assert initdb
        flags = ["-D", str(data), "-U", "fixgw", "-A", "trust", "-E", "UTF8"]
        step(
            "Making a PostgreSQL cluster",
            [initdb, *flags, "--locale=C.UTF-8", "--no-sync"],
            user=self.user,
            cwd="/",
        )

    def clear_remains(self, data: Path) -> None:
        """See Server. A killed server nobody has taken note of yet counts as running
        with itself, and where process 1 is no init, that is for ever."""
        (data / "postmaster.pid").unlink(missing_ok=True)

    def command(self, data: Path, port: int) -> list[str]:
        server = program("postgres")
        assert server
        flags = ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
        return [server, "-D", str(data), *flags, "-c", "max_connections=50"]

    def answers(self, port: int) -> bool:
        ready = program("pg_isready")
        assert ready
        command = [ready, "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        return subprocess.run(command, cwd="/").returncode == 0

    def url(self, port: int) -> str:
        return f"postgresql://fixgw@127.0.0.1:{port}/postgres"


class Redis(Server):
    """With a log of its writes: API keys live there, and must survive it."""

    name = "redis"

    def prepare(self, data: Path, port: int, admin_port: int) -> None:
        data.mkdir(parents=True)

    def command(self, data: Path, port: int) -> list[str]:
        flags = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(data)]
        log = ["--appendonly", "yes", "--appendfsync", "everysec"]
        return ["redis-server", *flags, "--save", "", *log]

    def answers(self, port: int) -> bool:
        return exchange(port, b"PING\r\n").startswith(b"+PONG")

    def url(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}/0"


def exchange(port: int, request: bytes) -> bytes:
    """One request, and what comes back at first; empty if nobody is there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as link:
            link.settimeout(2.0)
            link.sendall(request)
            return link.recv(4096)
    except OSError:
        return b""


SERVERS: dict[str, type[Server]] = {
    "kafka": Kafka,
    "postgres": Postgres,
    "redis": Redis,
}


# -- a set of servers ------------------------------------------------------------------


class Services:
    """The servers of one folder, known from its state.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._state = self.folder / "state.json"
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time per folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def known(self) -> dict[str, Running]:
        """What was started here, alive or not."""
        try:
            rows = json.loads(self._state.read_text())
        except FileNotFoundError:
            return {}
        return {name: Running(**row) for name, row in rows.items()}

    def _note(self, known: dict[str, Running]) -> None:
        rows = {name: vars(running) for name, running in known.items()}
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(rows, indent=2))
        draft.replace(self._state)

    def url(self, name: str) -> str:
        """How to reach a server; empty when there is none."""
        given = os.environ.get(VARIABLES[name], "")
        known = self.known().get(name)
        if given or known is None:
            return given
        return SERVERS[name]().url(known.port)

    def start(self, name: str) -> None:
        """Start a server, again if it was there before, and wait for its answer."""
        if os.environ.get(VARIABLES[name]):
            return
        known = self.known()
        running = known.get(name)
        if running is not None and running.is_alive:
            return
        server = SERVERS[name]()
        if running is None:
            data = server.data_folder(self.folder)
            running = Running(0, "", *free_ports(), str(data))
            shutil.rmtree(data, ignore_errors=True)
            server.prepare(data, running.port, running.admin_port)
        server.clear_remains(Path(running.data))
        log = self.folder / f"{name}.log"
        begun = time.monotonic()
        with log.open("ab") as out:
            process = subprocess.Popen(
                server.command(Path(running.data), running.port),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                user=server.user,
                start_new_session=True,
            )
        self._reap(name)
        self._children[name] = process
        running.pid = process.pid
        stat = process_stat(process.pid)
        running.started = stat[2] if stat else ""
        known[name] = running
        self._note(known)

        def answers() -> bool:
            if process.poll() is not None:
                raise ServiceError(f"{name} ended at its start: see {log}")
            return server.answers(running.port)

        wait_until(answers, f"{name} does not answer (see {log})", START_S)
        say(f"  {name}: {server.url(running.port)}, {time.monotonic() - begun:.1f} s")

    def signal(self, name: str, number: int) -> None:
        """A signal to a server that was started here. Raises ServiceError."""
        running = self.known().get(name)
        if running is None or not running.is_alive:
            raise ServiceError(f"{name} was not started here, or has ended")
        meant = send(running, number)
        if number == signal.SIGKILL:
            wait_until(
                lambda: not any(is_alive(*process) for process in meant),
                f"{name} does not die",
                STOP_S,
            )
            self._reap(name)

    def _reap(self, name: str) -> None:
        """Take note of the end of a server that is a child of this process."""
        child = self._children.pop(name, None)
        if child is not None:
            child.wait(STOP_S)

    def down(self) -> None:
        """Stop everything that was started here, and remove its data."""
        known = self.known()
        for running in known.values():
            send(running, signal.SIGCONT)
            if running.is_alive:
                # PostgreSQL: fast shutdown; the others take it as an end in order.
                os.kill(running.pid, signal.SIGINT)
        for name, running in known.items():
            try:
                wait_until(lambda r=running: not r.is_alive, f"{name} runs on", STOP_S)
            except ServiceError:
                send(running, signal.SIGKILL)
            self._reap(name)
            shutil.rmtree(running.data, ignore_errors=True)
        self._state.unlink(missing_ok=True)


# -- command line ----------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bin/services",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = ["install", "up", "down", "status", "kill", "start"]
    parser.add_argument("command", choices=commands)
    parser.add_argument("names", nargs="*", metavar="NAME")
    default = Path(os.environ.get("FIXGW_SERVICES", ROOT / ".services"))
    parser.add_argument("--folder", type=Path, default=default)
    parser.add_argument("--json", action="store_true", help="status as JSON")
    options = parser.parse_args()
    known = [*SERVERS, "chromium"] if options.command == "install" else [*SERVERS]
    for name in options.names:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    if options.command in ("kill", "start") and not options.names:
        parser.error(f"{options.command} needs a NAME")
    if options.command == "down" and options.names:
        parser.error("down takes no NAME: it stops everything that was started here")
    names = options.names or known
    services = Services(options.folder)
    try:
        run(services, options.command, names, options.json)
    except ServiceError as error:
        say(f"bin/services: {error}")
        sys.exit(1)


def run(services: Services, command: str, names: list[str], as_json: bool) -> None:
    if command == "install":
        install(names)
        return
    if command == "status":
        status(services, names, as_json)
        return
    with services.locked():
        if command == "up":
            install([name for name in names if not os.environ.get(VARIABLES[name])])
            for name in names:
                services.start(name)
            for name in names:
                print(f"export {VARIABLES[name]}={services.url(name)}")
        elif command == "start":
            for name in names:
                if name not in services.known():
                    raise ServiceError(f"{name} was not there before: use up {name}")
                services.start(name)
        elif command == "kill":
            for name in names:
                services.signal(name, signal.SIGKILL)
        else:
            services.down()


def status(services: Services, names: list[str], as_json: bool) -> None:
    rows = {}
    for name in names:
        running = services.known().get(name)
        url = services.url(name)
        if os.environ.get(VARIABLES[name]):
            state = f"named by {VARIABLES[name]}"
        elif running is None:
            state = "not started"
        elif not running.is_alive:
            state = "ended"
        else:
            alive = SERVERS[name]().answers(running.port)
            state = "answers" if alive else "does not answer"
        rows[name] = {"state": state, "url": url, "pid": running and running.pid}
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for name, row in rows.items():
        print(f"{name:<10} {row['state']:<16} {row['url']}")


if __name__ == "__main__":
    main()
