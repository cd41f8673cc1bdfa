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
READY_S = 40

_VARYING = (
    (re.compile(r"_ns\": ?\d{19}"), '_ns": <time>'),
    (re.compile(r"\d{8}-\d\d:\d\d:\d\d\.\d{3}"), "<timestamp>"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d{3}"), "<time>"),
)


@dataclass
class Step:
    """A command of the README and the output shown under it."""

    command: str
    output: list[str] = field(default_factory=list)


def blocks(text: str) -> list[list[Step]]:
    """The console blocks, each as its steps."""
    found: list[list[Step]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```console"
            if inside:
                found.append([])
        elif inside and line.startswith("$ "):
            found[-1].append(Step(line[2:]))
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
        assert self.process.wait(30) == 0


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
    """One command, as a reader's shell runs it; it must succeed.

    What it exports is there for the next one.
    """
    exports = folder / "exports"
    result = subprocess.run(
        ["bash", "-c", f'set -e; {step.command}\nenv -0 > "{exports}"'],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert result.returncode == 0, step.command + result.stdout + result.stderr
    for pair in exports.read_text().split("\0"):
        name, _, value = pair.partition("=")
        if name.startswith("FIXGW_"):
            environment[name] = value
    return result.stdout


def titled(title: str) -> list[Step]:
    """The steps of the blocks of one section."""
    text = README.read_text()
    begin = text.index(f"## {title}\n")
    end = text.find("\n## ", begin)
    return [step for block in blocks(text[begin:end]) for step in block]


def check(step: Step, folder: Path, environment: dict[str, str]) -> None:
    """A step does what is shown under it, if anything is."""
    got = run(step, folder, environment)
    if step.output:
        assert same(got) == same("\n".join(step.output)), step.command


def test_the_first_ten_lines_lead_to_a_fill(
    folder: Path, environment: dict[str, str], running: list[Exchange]
) -> None:
    head = "\n".join(README.read_text().splitlines()[:10])
    steps = blocks(README.read_text())[0]
    for step in steps:
        step.command = step.command.split("  #")[0].strip()
    assert steps[0].command.startswith("git clone")
    assert all(step.command in head for step in steps)
    exchange = Exchange(steps[1].command, folder, environment, running)
    assert "FILL" not in run(steps[2], folder, environment)
    assert "FILL sell 100 ACME @ 10, 0 left" in run(steps[3], folder, environment)
    exchange.stop()


@pytest.mark.timeout(180)
def test_what_is_shown_is_what_happens(
    folder: Path, environment: dict[str, str], running: list[Exchange]
) -> None:
    """Trading over FIX, then over REST, then the operator, on one exchange."""
    start, *clients = titled("Over FIX")
    assert start.command == "bin/fixgw up"
    assert len(clients) == 3
    assert all(step.output for step in clients)
    exchange = Exchange(start.command, folder, environment, running)
    assert exchange.said().strip().splitlines() == start.output
    for step in clients:
        check(step, folder, environment)
    for step in titled("Over REST"):
        check(step, folder, environment)
    operators = [
        step for step in titled("For operators") if "services" not in step.command
    ]
    assert len(operators) > 8
    for step in operators:
        check(step, folder, environment)
    exchange.stop()


@pytest.mark.timeout(180)
def test_the_servers_for_trying_out(
    folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    up, status, down = [
        step for step in titled("For operators") if "services" in step.command
    ]
    environment["FIXGW_SERVICES"] = str(tmp_path / "services")
    try:
        said = run(up, folder, environment)
        assert re.search(r"^export FIXGW_TEST_KAFKA=127\.0\.0\.1:\d+$", said, re.M)
        said = run(status, folder, environment)
        assert re.findall(r"^(\w+) +answers ", said, re.M) == [
            *("kafka", "postgres", "redis"),
        ]
    finally:
        run(down, folder, environment)


@pytest.mark.timeout(120)
def test_the_demo(
    folder: Path, environment: dict[str, str], running: list[Exchange]
) -> None:
    (command,) = [
        step.command
        for block in blocks(README.read_text())
        for step in block
        if "demo" in step.command
    ]
    demo = Exchange(command, folder, environment, running)
    deadline = time.monotonic() + READY_S
    while "trades" not in demo.said():
        assert time.monotonic() < deadline, demo.said()
        time.sleep(0.1)
    demo.stop()


def test_every_linked_file_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README.read_text())
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
