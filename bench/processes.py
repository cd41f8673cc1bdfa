"""What Linux tells about a server: its processes, their CPU time, its port."""

import os
import socket
from pathlib import Path

LISTEN = "0A"  # the state column of /proc/net/tcp
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Looks instead of connecting: a probe would reach the server as a bad session, and
    a connect to a free port of the ephemeral range can connect to itself."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                return True
    return False


def family(root: int) -> list[int]:
    """The process and all its descendants, also those in its session that lost their
    parent (servers are started as leaders of a session of their own)."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(int(entry))):
            parents[int(entry)] = (int(fields[1]), int(fields[3]))
    found = [root] if root in parents else []
    for pid in found:  # grows while it is walked
        found += [p for p, (parent, _) in parents.items() if parent == pid]
    found += [p for p, (_, session) in parents.items() if session == root]
    return list(dict.fromkeys(found))


def started(pid: int) -> str:
    """When the process started: with the id, what tells it from a later one."""
    fields = stat_fields(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat from the state on (field 3); empty if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold anything


def cpu_ns(root: int) -> dict[int, int]:
    """CPU time of each process of the family, nanoseconds."""
    return {pid: process_cpu_ns(pid) for pid in family(root)}


def cpu_between(before: dict[int, int], after: dict[int, int]) -> int:
    return sum(ns - before.get(pid, 0) for pid, ns in after.items())


def process_cpu_ns(pid: int) -> int:
    """From the scheduler's own clock where it is shown: the ticks of ``stat`` are
    10 ms, a fifth of what 100,000 orders may cost. Children that ended are in ``stat``
    only."""
    fields = stat_fields(pid)
    if not fields:
        return 0
    ended_ns = (int(fields[13]) + int(fields[14])) * TICK_NS
    live_ns = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            live_ns += int((task / "schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        live_ns = 0
    return (live_ns or (int(fields[11]) + int(fields[12])) * TICK_NS) + ended_ns
