"""One process per folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.host import lock as lock_module
from engine.host.lock import FolderInUse, FolderLock

ROOT = Path(__file__).parents[2]

HOLD = """
import sys, time
from pathlib import Path
from engine.host import lock as lock_module
from engine.host.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(float(sys.argv[2]))
lock.release()
time.sleep(60)
"""


@contextmanager
def holder(folder: Path, seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock for so long, and lives on after it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_folder_is_made_and_locked(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    lock = FolderLock(folder)
    assert (folder / "lock").read_text() == str(os.getpid())
    lock.release()
    FolderLock(folder).release()


def test_a_second_lock_in_one_process(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(FolderInUse):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()


def test_the_message_names_folder_and_holder(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(FolderInUse) as caught:
            FolderLock(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path} is in use by process {process.pid}: "
            "stop that one first, or choose another folder"
        )
        assert (tmp_path / "lock").read_text() == str(process.pid)


def test_without_patience_it_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with holder(tmp_path):
        monkeypatch.setattr(lock_module.time, "sleep", waits.append)
        with pytest.raises(FolderInUse):
            FolderLock(tmp_path)
        assert waits == []


def test_patience_ends(tmp_path: Path) -> None:
    with holder(tmp_path):
        began = time.monotonic()
        with pytest.raises(FolderInUse):
            FolderLock(tmp_path, 0.3)
        assert 0.3 <= time.monotonic() - began < 20


def test_patience_is_rewarded(tmp_path: Path) -> None:
    with holder(tmp_path, 0.2) as process:
        lock = FolderLock(tmp_path, 30)
        assert process.poll() is None
        assert (tmp_path / "lock").read_text() == str(os.getpid())
        lock.release()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_a_process_frees_its_folder(tmp_path: Path, number: int) -> None:
    with holder(tmp_path) as process:
        threading.Timer(0.1, process.send_signal, [number]).start()
        FolderLock(tmp_path, 30).release()


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        lock.release()
        FolderLock(tmp_path).release()
    finally:
        child.kill()
        child.wait()


def test_a_longer_number_of_an_earlier_holder_is_gone(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("123456789012345")
    lock = FolderLock(tmp_path)
    assert (tmp_path / "lock").read_text() == str(os.getpid())
    lock.release()


def test_a_holder_that_wrote_no_number_yet(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    (tmp_path / "lock").write_text("")
    with pytest.raises(FolderInUse, match="in use by process unknown"):
        FolderLock(tmp_path)
    lock.release()


def test_refusals_leave_no_file_open(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(FolderInUse):
            FolderLock(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    lock.release()
