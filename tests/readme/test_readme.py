"""The README's commands do what it shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
READY_S = 30

_VARYING = (
    (re.compile(r"\d{8}-\d\d:\d\d:\d\d\.\d{3}"), "<timestamp>"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d{3}"), "<time>"),
)


@dataclass
class Step:
    """A command of the README and the output shown under it."""

    command: str
    output: list[str] = field(default_factory=list)


def blocks() -> list[list[Step]]:
    """The console blocks, each as its steps."""
    found: list[list[Step]] = []
    inside = False
    for line in README.read_text().splitlines():
        if line.startswith("```"):
            inside = line == "```console"
            if inside:
                found.append([])
        elif inside and line.startswith("$ "):
            found[-1].append(Step(line[2:].split("  #")[0].strip()))
        elif inside:
            found[-1][-1].output.append(line)
    return found


def same(text: str) -> list[str]:
    """The lines with times blanked out."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text.strip().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like a fresh clone: the launchers and the configuration, no data."""
    (tmp_path / "bin").symlink_to(ROOT / "bin")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """Uses the environment the tests run in, at the width of the README."""
    return {
        **os.environ,
        "FIXGW_VENV": str(Path(sys.prefix)),
        "COLUMNS": "80",
    }


class Exchange:
    """``bin/fixgw up`` as started by a reader."""

    def __init__(
        self,
        command: str,
        folder: Path,
        environment: dict[str, str],
        running: list[Exchange],
    ) -> None:
        running.append(self)
        self._out = folder / "up.out"
        with self._out.open("w") as out, (folder / "up.err").open("w") as err:
            self.process = subprocess.Popen(
                shlex.split(command),
                cwd=folder,
                env=environment,
                stdout=out,
                stderr=err,
            )
        deadline = time.monotonic() + READY_S
        while "Ctrl-C" not in self.said():
            assert self.process.poll() is None, (folder / "up.err").read_text()
            assert time.monotonic() < deadline, (folder / "up.err").read_text()
            time.sleep(0.05)

    def said(self) -> str:
        """Everything on its standard output so far."""
        return self._out.read_text()

    def stop(self) -> None:
        """Ctrl-C, which must end it cleanly."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0


@pytest.fixture
def running() -> Iterator[list[Exchange]]:
    """What was started is stopped, whatever the test did."""
    started: list[Exchange] = []
    yield started
    for exchange in started:
        if exchange.process.poll() is None:
            exchange.process.kill()
            exchange.process.wait()


def run(step: Step, folder: Path, environment: dict[str, str]) -> str:
    """One client command, which must succeed."""
    result = subprocess.run(
        shlex.split(step.command),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_first_ten_lines_lead_to_a_fill(
    folder: Path, environment: dict[str, str], running: list[Exchange]
) -> None:
    head = "\n".join(README.read_text().splitlines()[:10])
    steps = blocks()[0]
    assert steps[0].command.startswith("git clone")
    assert all(step.command in head for step in steps)
    exchange = Exchange(steps[1].command, folder, environment, running)
    assert "FILL" not in run(steps[2], folder, environment)
    assert "FILL sell 100 ACME @ 10, 0 left" in run(steps[3], folder, environment)
    exchange.stop()


def test_what_is_shown_is_what_happens(
    folder: Path, environment: dict[str, str], running: list[Exchange]
) -> None:
    start, *clients = [step for block in blocks()[1:] for step in block]
    assert start.command == "bin/fixgw up"
    assert len(clients) == 3
    exchange = Exchange(start.command, folder, environment, running)
    assert exchange.said().strip().splitlines() == start.output
    for step in clients:
        got = run(step, folder, environment)
        assert same(got) == same("\n".join(step.output))
    exchange.stop()


def test_every_linked_file_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README.read_text())
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
