"""``fixgw echo`` in a folder of its own: the session layer without an exchange."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.live.exchange import ROOT, fixgw
from tests.live.waiting import wait_until

START_S = 30.0
STOP_S = 30.0


class EchoProcess:
    """One echo after the other; ``sessions`` is the text of its sessions file."""

    def __init__(self, folder: Path, sessions: str, *options: str | Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = 0
        self._options = options
        self._sessions = folder / "sessions.cfg"
        self._sessions.write_text(sessions)
        self._out = folder / "stdout.txt"
        self._errors = folder / "stderr.txt"
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def popen(self) -> subprocess.Popen[bytes]:
        """Its process."""
        assert self._popen is not None, "it was never launched"
        return self._popen

    def launch(self, port: int = 0) -> None:
        """Start it, and do not wait."""
        command = fixgw("echo", "--sessions", self._sessions, "--port", str(port))
        with self._out.open("wb") as out, self._errors.open("ab") as errors:
            self._popen = subprocess.Popen(
                [*command, "--log-format", "json", *map(str, self._options)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
            )

    def start(self, port: int = 0) -> EchoProcess:
        """Start it, and wait until it listens."""
        self.launch(port)
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Wait until it listens."""
        wait_until(
            lambda: "\n" in self.said() or self.popen.poll() is not None,
            "the echo listens",
            START_S,
            self.log,
        )
        said = self.said()
        assert said.startswith("listening on "), f"{said!r}\n{self.log()}"
        self.port = int(said.strip().rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.popen.send_signal(number)
        return self.popen.wait(STOP_S)

    def clean_up(self) -> None:
        """End it, whatever it does."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait(STOP_S)

    def said(self) -> str:
        """What this start has said on stdout."""
        return self._out.read_text()

    def log(self) -> str:
        """All it has said on stderr, over all its starts."""
        return self._errors.read_text()

    def wait_for(self, text: str, deadline_s: float = 30.0) -> None:
        """Wait until it has said so on stderr."""
        wait_until(lambda: text in self.log(), text, deadline_s, self.log)
