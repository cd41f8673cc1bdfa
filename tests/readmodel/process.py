"""``fixgw readmodel`` as processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.host.admin import AdminError, NotRunning, call
from fixgw.config import Config
from tests.live.waiting import wait_until
from tests.readmodel.support import History

ROOT = Path(__file__).parents[2]
COMMAND_S = 50.0


def command(config: Config, *words: str) -> list[str]:
    """The command line of ``fixgw readmodel``."""
    return [
        *(sys.executable, "-m", "fixgw", "readmodel", *words),
        *("--config", str(config.path)),
    ]


def run(config: Config, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        command(config, *words),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


class Process:
    """``fixgw readmodel run`` on the data of a configuration."""

    def __init__(self, config: Config, database: str) -> None:
        self.config = config
        config.path.write_text(
            f'sessions = "{ROOT}/config/sessions.cfg"\n'
            f'instruments = "{ROOT}/config/instruments.csv"\ndata = "data"\n'
            f'[readmodel]\ndatabase = "{database}"\n[metrics]\nenabled = false\n'
        )
        self.errors = config.path.with_suffix(".err")
        self.popen = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.errors.open("ab") as err:
            return subprocess.Popen(
                command(self.config, "run", "--log-format", "json"),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
            )

    def kill(self) -> None:
        """Kill -9."""
        self.popen.kill()
        self.popen.wait()

    def restart(self) -> None:
        """Kill -9, and start it again."""
        self.kill()
        self.popen = self._start()

    def position(self) -> dict[str, int]:
        """Up to which event it is; nothing while it does not answer."""
        found: dict[str, int] = self.status().get("facts", {}).get("positions", {})
        return found

    def status(self) -> dict[str, Any]:
        """What it says of itself; nothing while it does not answer."""
        try:
            answer = call(self.config.admin_socket("readmodel"), "status", {}, 2)
        except (NotRunning, AdminError):
            return {}
        found: dict[str, Any] = answer
        return found

    def wait_level(self, history: History) -> None:
        """Until it has everything."""
        wanted = {f"shard {s}": len(events) for s, events in history.events.items()}
        wait_until(
            lambda: self.position() == wanted,
            f"position {wanted}",
            30,
            self.errors.read_text,
        )

    def end(self) -> int:
        """As the supervisor ends it."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)
