"""Builds what the benchmark needs, on the spot, in ``build/bench/``.

The load client and the QuickFIX acceptor are compiled when their source, compiler or
flags changed; Debian's QuickFIX library is installed when it is missing and we may.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from common import BENCH, BUILD, ROOT, BenchError, progress

CLIENT_FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-O2"]
# C++14 is the last standard that knows the throw() lists of QuickFIX 1.15's headers,
# and an override has to repeat them: hence no warning about those.
ACCEPTOR_FLAGS = ["-std=c++14", "-Wall", "-Wextra", "-Wno-deprecated", "-O2"]
ACCEPTOR_LIBRARIES = ["-lquickfix", "-lpthread"]
PACKAGES = ["libquickfix-dev", "g++"]
INSTALL = "apt-get update && apt-get install -y " + " ".join(PACKAGES)
HEADER = Path("quickfix/Application.h")
INCLUDE = [Path("/usr/include"), Path("/usr/local/include")]


@dataclass(frozen=True)
class Artifacts:
    """The programs and files of one run."""

    client: Path
    acceptor: Path | None
    dictionary: Path | None


def build(with_quickfix: bool, dictionary: Path | None) -> Artifacts:
    """Makes everything, or raises BenchError with the command that would help."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if with_quickfix:
        require_quickfix()
    cc = compiler(["gcc", "cc"])
    client = compiled(cc, CLIENT_FLAGS, "load_client.c", [])
    if not with_quickfix:
        return Artifacts(client, None, None)
    cxx = compiler(["g++", "c++"])
    acceptor = compiled(
        cxx, ACCEPTOR_FLAGS, "quickfix_acceptor.cpp", ACCEPTOR_LIBRARIES
    )
    return Artifacts(client, acceptor, dictionary or find_dictionary())


def require_quickfix() -> None:
    present = any((folder / HEADER).exists() for folder in INCLUDE)
    if present and shutil.which("g++"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BenchError(
            "Debian's QuickFIX library or g++ is missing. As root:\n"
            f"  {INSTALL}\n"
            "or leave QuickFIX out: bin/bench --contender fixgw"
        )
    progress(f"installing {' and '.join(PACKAGES)} from the distribution's packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["sh", "-c", INSTALL], environment)


def compiler(names: list[str]) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise BenchError(f"no {names[0]} on PATH. Debian: apt-get install {names[0]}")


def compiled(tool: str, flags: list[str], source: str, libraries: list[str]) -> Path:
    """The program made from bench/<source>; compiles only what changed."""
    path = BENCH / source
    target = BUILD / path.stem
    stamp = target.with_suffix(".stamp")
    command = [tool, *flags, str(path), "-o", str(target), *libraries]
    wanted = hashlib.sha256(
        path.read_bytes() + "\0".join([*command, version(tool)]).encode()
    ).hexdigest()
    if target.exists() and stamp.exists() and stamp.read_text() == wanted:
        return target
    progress(f"compiling {path.relative_to(ROOT)}")
    run(command)
    stamp.write_text(wanted)
    return target


def version(tool: str) -> str:
    """The first line of ``tool --version``."""
    result = subprocess.run([tool, "--version"], capture_output=True, text=True)
    return (result.stdout.splitlines() or ["unknown"])[0]


def find_dictionary() -> Path:
    """QuickFIX's own FIX44.xml.

    Debian's packages carry no dictionary, so it comes from the QuickFIX Python package:
    from the installed one, else out of its source archive.
    """
    installed = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"
    fetched = BUILD / "FIX44.xml"
    for path in (installed, fetched):
        if path.exists():
            return path
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirement = project["optional-dependencies"]["quickfix"][0]
    progress(f"taking FIX44.xml out of the source archive of {requirement}")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        pip += ["-q", "--no-input", "--no-deps", "--no-build-isolation"]
        run([*pip, "--no-binary", ":all:", "-d", folder, requirement])
        archives = list(Path(folder).glob("*.tar.gz"))
        for archive in archives:
            with tarfile.open(archive) as tar:
                for member in tar:
                    content = tar.extractfile(member) if member.isfile() else None
                    if content and re.search(r"/spec/FIX44\.xml$", member.name):
                        fetched.write_bytes(content.read())
                        return fetched
    raise BenchError("no FIX44.xml found; name one: bin/bench --dictionary PATH")


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs one step; its output is shown only if it fails."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    if result.returncode:
        raise BenchError(f"failed: {' '.join(command)}\n{result.stdout}")
