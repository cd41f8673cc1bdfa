"""``fixgw log --follow``, as a process beside one that writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fixgw.store import Outbox
from tests.live.waiting import wait_until
from tests.unit.logview_samples import LOG_NAME, got, quickfix
from tests.unit.test_logview_outbox import BUYER, NOW, to

ROOT = Path(__file__).parents[2]


class Follower:
    """A running ``fixgw log``; its lines as they come."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fixgw", "log", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines += (line.rstrip("\n") for line in self.process.stdout)

    def wait(self, text: str) -> None:
        """Until a line has this text."""
        wait_until(lambda: any(text in line for line in self.lines), text, state=str)

    def numbers(self) -> list[int]:
        return [int(x.split("#")[1].split()[0]) for x in self.lines if "#" in x]

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """The exit code and what it complained of."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def clean_up(self) -> None:
        self.process.kill()
        self.process.wait(30)
        self._thread.join(30)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


Follow = Callable[..., Follower]


@pytest.fixture
def follow() -> Iterator[Follow]:
    with ExitStack() as stack:

        def make(*arguments: str | Path) -> Follower:
            follower = Follower("--follow", *arguments)
            stack.callback(follower.clean_up)
            return follower

        yield make


def beats(*numbers: int) -> bytes:
    return quickfix(*(got(number, "0", f"112=T{number}.") for number in numbers))


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_what_comes_is_shown_behind_the_last_of_what_was(
    tmp_path: Path, follow: Follow
) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(beats(*range(1, 31)))
    follower = follow(path)
    follower.wait("T30.")
    line = beats(31)
    append(path, line[:50])
    append(path, line[50:] + beats(32)[:-30])
    follower.wait("T31.")
    append(path, beats(32)[-30:])
    follower.wait("T32.")
    assert follower.numbers() == list(range(21, 33))
    assert follower.stop() == (130, "")


def test_a_log_that_is_rotated(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(beats(1))
    follower = follow(path)
    follower.wait("T1.")
    path.rename(tmp_path / "old.log")
    append(tmp_path / "old.log", beats(2))
    follower.wait("T2.")
    path.write_bytes(beats(3))
    follower.wait("T3.")
    assert any("was replaced" in line for line in follower.lines)
    assert follower.numbers() == [1, 2, 3]
    follower.stop()


def test_a_log_that_is_truncated_to_something_longer(
    tmp_path: Path, follow: Follow
) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(beats(1, 2))
    follower = follow(path)
    follower.wait("T2.")
    path.write_bytes(b"")
    follower.wait("was truncated")
    append(path, beats(3, 4, 5, 6))
    follower.wait("T6.")
    assert follower.numbers() == [1, 2, 3, 4, 5, 6]
    # Begun again with other bytes, and longer than before, between two looks.
    later = beats(*range(7, 30)).replace(b"20261121", b"20261122")
    with path.open("r+b") as file:
        file.write(later)
    follower.wait("T29.")
    assert follower.numbers()[-23:] == list(range(7, 30))
    follower.stop()


def test_a_log_that_does_not_exist_yet(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / LOG_NAME
    follower = follow(path, "--type", "0")
    assert follower.process.stderr is not None
    assert "does not exist yet" in follower.process.stderr.readline()
    path.write_bytes(beats(1))
    follower.wait("T1.")
    assert follower.stop() == (130, "")


def test_an_outbox_while_its_gateway_writes(tmp_path: Path, follow: Follow) -> None:
    outbox = Outbox(tmp_path / "outbox", 0)
    outbox.add_message(BUYER, 1, to("BUYER", 1, "A", "98=0|108=30"), True)
    outbox.flush(NOW)
    follower = follow(tmp_path / "outbox", "--session", "BUYER")
    follower.wait("Logon #1")
    for seq in range(2, 50):
        outbox.add_message(BUYER, seq, to("BUYER", seq, "0", f"112=T{seq}."), True)
        outbox.flush(NOW + seq)
    follower.wait("T49.")
    assert follower.numbers() == list(range(1, 50))
    outbox.close()
    follower.stop()


def test_two_logs_at_once(tmp_path: Path, follow: Follow) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_bytes(beats(1))
    second.write_bytes(beats(2))
    follower = follow(first, second)
    follower.wait("T2.")
    append(first, beats(3))
    follower.wait("T3.")
    assert [line for line in follower.lines if line.startswith("==>")] == [
        f"==> {first} <==",
        f"==> {second} <==",
        f"==> {first} <==",
    ]
    follower.stop()


def test_nobody_reads_any_more(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(beats(*range(1, 5000)))
    command = f"{sys.executable} -m fixgw log {path} | head -2"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


def test_a_pipe_is_shown_as_it_comes(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "fixgw", "log", "-"],
        cwd=ROOT,
        stdin=reader,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(reader)
    assert process.stdout is not None
    os.write(writer, beats(1))
    assert process.stdout.readline().startswith("— 2026-11-21")
    assert "T1." in process.stdout.readline()
    os.write(writer, beats(2))
    assert "T2." in process.stdout.readline()
    os.close(writer)
    assert process.wait(30) == 0
    process.stdout.close()


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(beats(*range(1, 200)) * 500)
    script = (
        "import resource, sys\n"
        "from fixgw.ops.logview.command import log\n"
        "try:\n    log([sys.argv[1], '--last', '1'])\nexcept SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )

    def peak_kib(target: Path) -> int:
        done = subprocess.run(
            [sys.executable, "-c", script, str(target)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
        return int(done.stdout.splitlines()[-1])

    small = tmp_path / "small" / LOG_NAME
    small.parent.mkdir()
    small.write_bytes(beats(1))
    assert peak_kib(path) - peak_kib(small) < 6 * 1024
    assert path.stat().st_size > 10 << 20


def test_an_outbox_before_its_first_message(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "gateway-0" / "outbox").mkdir(parents=True)
    follower = follow(tmp_path)
    outbox = Outbox(tmp_path / "gateway-0" / "outbox", 0)
    outbox.add_message(BUYER, 1, to("BUYER", 1, "A", "98=0|108=30"), True)
    outbox.flush(NOW)
    follower.wait("Logon #1")
    outbox.close()
    assert follower.stop() == (130, "")


def test_a_damaged_outbox_is_complained_of_once(tmp_path: Path, follow: Follow) -> None:
    outbox = Outbox(tmp_path / "outbox", 0)
    for seq in range(1, 4):
        outbox.add_message(BUYER, seq, to("BUYER", seq, "0", f"112=T{seq}."), True)
        outbox.flush(NOW)
    outbox.close()
    path = tmp_path / "outbox" / "00000000000000000001.log"
    data = bytearray(path.read_bytes())
    data[data.find(b"T2.")] ^= 1
    path.write_bytes(data)
    follower = follow(tmp_path / "outbox")
    assert follower.process.wait(30) == 1
    code, errors = follower.stop()
    assert (code, errors.count("outbox is damaged")) == (1, 1)
    assert follower.numbers() == [1]


def test_a_pipe_is_followed_anyway(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fixgw", "log", "-", "--follow"],
        cwd=ROOT,
        input=beats(*range(1, 31)),
        capture_output=True,
        timeout=50,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 31
