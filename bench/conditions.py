"""The conditions that belong beside every figure."""

import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import artifacts
from common import ROOT
from contenders import Contender


def gather(
    contenders: list[Contender], made: artifacts.Artifacts, data: Path
) -> dict[str, str]:
    """Name to text, in the order of printing."""
    found = {
        "command": shlex.join(["bin/bench", *sys.argv[1:]]),
        "commit": commit(),
        "machine": f"{cpu_model()}, {os.cpu_count()} cores, {memory()}",
        "load before": "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "fixgw build": f"{artifacts.version('cc')}, {extension_flags()}",
        "load client": f"{artifacts.version('gcc')}, "
        + " ".join(artifacts.CLIENT_FLAGS),
    }
    if made.acceptor:
        found["quickfix build"] = (
            f"{quickfix_version()}; acceptor: {artifacts.version('g++')}, "
            + " ".join(artifacts.ACCEPTOR_FLAGS)
        )
    if made.dictionary:
        found["dictionary"] = str(made.dictionary).removeprefix(f"{ROOT}/")
    found["disk"] = f"{file_system(data)} (data folder of both)"
    for contender in contenders:
        found[contender.name] = (
            f"{contender.durability}; validation {contender.validation}"
        )
    found["network"] = "loopback TCP, TCP_NODELAY, one session, one client process in C"
    return found


def output(*command: str) -> str:
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def commit() -> str:
    name = output("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = output("git", "status", "--porcelain")
    return f"{name} with uncommitted changes" if changed else name


def first_match(pattern: str, path: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else ""


def cpu_model() -> str:
    model = first_match(r"^model name\s*:\s*(.+)$", "/proc/cpuinfo")
    return model or platform.machine()


def memory() -> str:
    kib = int(first_match(r"^MemTotal:\s*(\d+)", "/proc/meminfo") or 0)
    return f"{kib / 2**20:.1f} GiB"


def extension_flags() -> str:
    """The flags of the compiled modules, as setup.py states them."""
    listed = first_match(r"extra_compile_args=\[([^\]]*)\]", str(ROOT / "setup.py"))
    return " ".join(re.findall(r'"([^"]+)"', listed)) or "flags unknown"


def quickfix_version() -> str:
    package = "${Package} ${Version}"
    return output("dpkg-query", "-W", f"-f={package}", "libquickfix-dev") or "QuickFIX"


def file_system(folder: Path) -> str:
    """Type and device of the mount that holds the folder."""
    best, kind = "", "unknown"
    path = str(folder.resolve())
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, mount, type_ = line.split()[:3]
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, f"{type_} on {device}"
    return kind
