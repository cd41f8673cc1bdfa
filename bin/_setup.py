"""Makes ``.venv``: installs pinned packages and compiles the hot modules.

Run by the launchers beside it with any Python 3.11 or newer; uses the standard library
only. Does nothing when the environment was already made from exactly these sources.

    python3 bin/_setup.py            what the exchange needs
    python3 bin/_setup.py test       and what the tests need (builds QuickFIX: minutes)
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("FIXGW_VENV", ROOT / ".venv"))
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
COMMON = ["--disable-pip-version-check", "--no-input", "-q"]
BUILD_TOOLS = ["setuptools==84.2.1", "Cython==3.3.1"]
EXTRAS = {"core": [], "test": ["test", "quickfix"]}
SERVED_BY = {"core": ["core", "test"], "test": ["test"]}
"""Which environments are good enough for a profile."""


def main() -> None:
    profile = sys.argv[1] if len(sys.argv) > 1 else "core"
    if profile not in EXTRAS:
        fail(f"unknown profile {profile!r}; known: {', '.join(EXTRAS)}")
    stamp = VENV / f"stamp-{profile}"
    wanted = fingerprint()
    if PYTHON.exists() and any(made(name) == wanted for name in SERVED_BY[profile]):
        return
    require_tools()
    if not PYTHON.exists():
        step("Creating .venv", [sys.executable, "-m", "venv", str(VENV)])
    constraints = ["-c", str(ROOT / "bin" / "constraints.txt")]
    pip = [str(PYTHON), "-m", "pip", "install", *COMMON, *constraints]
    step("Installing the build tools", [*pip, *BUILD_TOOLS])
    extras = EXTRAS[profile]
    target = str(ROOT) + (f"[{','.join(extras)}]" if extras else "")
    title = "Installing fixgw and compiling its hot modules"
    if extras and not has_module("quickfix"):
        if not (shutil.which("g++") or shutil.which("c++") or os.environ.get("CXX")):
            fail("no C++ compiler, QuickFIX needs one. Debian: apt-get install g++")
        step(
            "Building QuickFIX from source (once, about five minutes)",
            [*pip, "--no-build-isolation", *quickfix_requirement()],
        )
    step(title, [*pip, "--no-build-isolation", "-e", target])
    for old in VENV.glob("stamp-*"):
        if old.read_text() != wanted:
            old.unlink()
    stamp.write_text(wanted)


def fingerprint() -> str:
    """A hash of everything that decides what is installed and compiled."""
    digest = hashlib.sha256(sys.version.encode())
    sources = [ROOT / "pyproject.toml", ROOT / "setup.py", ROOT / "bin/constraints.txt"]
    for package in ("engine", "fixgw"):
        folder = ROOT / package
        sources += sorted(folder.rglob("*.pxd"))
        sources += sorted(
            path for path in folder.rglob("*.py") if b"cython" in path.read_bytes()
        )
    for path in sources:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def made(profile: str) -> str:
    """The fingerprint an environment was made from; empty if it was not."""
    stamp = VENV / f"stamp-{profile}"
    return stamp.read_text() if stamp.exists() else ""


def require_tools() -> None:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    compiler = os.environ.get("CC", compiler).split()[0]
    if not shutil.which(compiler):
        fail(f"no C compiler ({compiler}). Debian: apt-get install gcc libc6-dev")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        fail(f"{header} is missing. Debian: apt-get install python3-dev")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail("the venv module is missing. Debian: apt-get install python3-venv")


def quickfix_requirement() -> list[str]:
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    return list(extras["quickfix"])


def has_module(name: str) -> bool:
    code = (
        f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{name}'))"
    )
    return subprocess.run([PYTHON, "-c", code]).returncode == 0


def step(title: str, command: list[str]) -> None:
    """Runs one command with a line of progress; shows its output only if it fails."""
    start = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=tick, args=(title, start, done), daemon=True)
    ticker.start()
    result = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    done.set()
    ticker.join()
    if VENV.exists():
        with LOG.open("a") as log:
            log.write(f"$ {' '.join(command)}\n{result.stdout}\n")
    seconds = time.monotonic() - start
    if result.returncode:
        sys.stderr.write(f"\r{title}: failed after {seconds:.0f} s\n{result.stdout}\n")
        fail(f"the command was: {' '.join(command)}\n(log: {LOG})")
    sys.stderr.write(f"\r  {title}: {seconds:.0f} s\n")


def tick(title: str, start: float, done: threading.Event) -> None:
    """A counter on a terminal; elsewhere a line every half minute."""
    terminal = sys.stderr.isatty()
    while not done.wait(1 if terminal else 30):
        seconds = time.monotonic() - start
        end = "" if terminal else "\n"
        sys.stderr.write(f"\r  {title} … {seconds:.0f} s{end}")
        sys.stderr.flush()


def fail(message: str) -> None:
    sys.stderr.write(f"fixgw setup: {message}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
