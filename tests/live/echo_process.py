"""``fixgw echo`` in a folder of its own: the session layer without an exchange."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.live.exchange import ROOT, fixgw
from tests.live.waiting import wait_until

STOP_S = 15.0


class EchoProcess:
    """One running echo; ``sessions`` is the text of its sessions file."""

    def __init__(self, folder: Path, sessions: str, *more: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.sessions = folder / "sessions.cfg"
        self.sessions.write_text(sessions)
        self.port = 0
        self._more = more
        self._out = folder / "stdout.txt"
        self._err = folder / "stderr.txt"
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, port: int = 0) -> EchoProcess:
        """Start it, and wait until it listens."""
        command = fixgw("echo", "--sessions", self.sessions, "--port", str(port))
        with self._out.open("wb") as out, self._err.open("ab") as err:
            self._popen = subprocess.Popen(
                [*command, *self._more, "--log-format", "json"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        wait_until(
            lambda: "listening on " in self._out.read_text(),
            "the echo listens",
            20.0,
            self.log,
        )
        self.port = int(self._out.read_text().strip().rpartition(":")[2])
        return self

    def stop(self) -> int:
        """End it in order; its exit code."""
        assert self._popen is not None
        self._popen.terminate()
        return self._popen.wait(STOP_S)

    def clean_up(self) -> None:
        """End it, whatever it does."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()

    def log(self) -> str:
        """What it logged."""
        return self._err.read_text()[-4000:]
