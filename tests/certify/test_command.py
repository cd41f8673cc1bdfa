"""``fixgw certify`` as a command: what it prints, writes, and its exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socket import create_server, socket
from xml.etree import ElementTree

import pytest

from tests.certify.fakes import fix

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]

GOOD = "# rule: 4.b\n# title: Good\niCONNECT\nI8=FIX.4.4|35=1|112=X|\nE35=0|112=X\n"
BAD = GOOD.replace("112=X\n", "112=Y\n").replace("Good", "Other")


@pytest.fixture
def port() -> Iterator[int]:
    """A peer that answers everything with the same Heartbeat."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # It may have gone again before it is answered.
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(fix("8=FIX.4.4|35=0|34=1|112=X|"))

    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        # Wakes the thread up; close alone would leave it waiting.
        listener.shutdown(2)
    thread.join()


def certify(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fixgw", "certify", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_passed_and_reports(tmp_path: Path, port: int) -> None:
    (tmp_path / "good.def").write_text(GOOD)
    folder = tmp_path / "reports"
    done = certify(
        tmp_path,
        *("--port", port, "--report-dir", folder, "--member", "Broker", "--repeat", 2),
    )
    assert done.returncode == 0, done.stderr
    assert "2 passed, 0 failed" in done.stdout
    assert "4.b" in done.stdout
    root = ElementTree.parse(folder / "report.xml").getroot()
    assert root.get("tests") == "2"
    html = (folder / "report.html").read_text("utf-8")
    assert "Broker" in html
    assert "2 of 2 dialogues" in html
    assert "2 passed" in (folder / "report.txt").read_text("utf-8")


def test_failed(tmp_path: Path, port: int) -> None:
    (tmp_path / "good.def").write_text(GOOD)
    (tmp_path / "bad.def").write_text(BAD)
    done = certify(tmp_path, "--port", port, "--strict", "--jobs", 1)
    assert done.returncode == 1
    assert "1 passed, 1 failed" in done.stdout
    assert "TestReqID(112): the value differs" in done.stdout
    assert "failed bad" in done.stderr
    good = certify(tmp_path, "--port", port, "--filter", "good")
    assert good.returncode == 0


def test_nothing_but_skipped_is_no_success(tmp_path: Path, port: int) -> None:
    (tmp_path / "x.def").write_text("iOPERATOR x\n")
    assert certify(tmp_path, "--port", port).returncode == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "--port is missing"),
        (["--port", "1", "--filter", "nothing"], "no dialogue is left"),
        (["--port", "1", "--begin-string", "FIX.4.9"], "is no version"),
        (["--port", "1", "--tls-ca", __file__], "need --tls"),
        (["--port", "1", "--tls", "--server"], "needs --tls-certificate"),
        (["--port", "1", "--tls", "--tls-ca", __file__], f"--tls-ca {__file__}"),
        (
            ["--port", "1", "--tls", "--tls-certificate", __file__],
            f"--tls-certificate {__file__}",
        ),
        (["--port", "1", "--report-dir", "/dev/null/reports"], "/dev/null"),
        (["--port", "x"], "not a valid integer"),
    ],
)
def test_usage(tmp_path: Path, words: list[str], what: str) -> None:
    (tmp_path / "good.def").write_text(GOOD)
    done = certify(tmp_path, *words)
    assert done.returncode == 2
    assert what in done.stderr


def test_scripts_that_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.def").write_text("iJUMP\nX\n")
    done = certify(tmp_path, "--port", 1)
    assert done.returncode == 2
    assert f"{tmp_path}/a.def:1: iJUMP is no keyword" in done.stderr
    assert f"{tmp_path}/a.def:2:" in done.stderr


def test_listing(tmp_path: Path) -> None:
    (tmp_path / "good.def").write_text(GOOD)
    done = certify(tmp_path, "--list")
    assert done.returncode == 0
    assert re.search(r"4\.b +Good", done.stdout)
    assert "1 dialogues" in done.stdout


def test_sessions_for_dialogues(tmp_path: Path) -> None:
    text = "# settings: ResetOnLogon=N\niCONNECT\nI8=FIX.4.2|35=A|49=C|56=S|\n"
    (tmp_path / "a.def").write_text(text)
    path = tmp_path / "sessions.cfg"
    assert certify(tmp_path, "--write-sessions", path).returncode == 0
    assert "TargetCompID=C\nResetOnLogon=N\n" in path.read_text()


def test_serving(tmp_path: Path) -> None:
    text = "eCONNECT\nE35=A|49=<SET:c>\nI8=FIX.4.4|35=A|34=1|56=<GET:c>|\n"
    (tmp_path / "a.def").write_text(text)
    words = [sys.executable, "-m", "fixgw", "certify", str(tmp_path), "--server"]
    with subprocess.Popen(
        [*words, "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found is not None
        with socket() as client:
            client.settimeout(20)
            client.connect(("127.0.0.1", int(found[1])))
            client.sendall(fix("8=FIX.4.4|35=A|34=1|49=ME|"))
            assert b"\x0156=ME\x01" in client.recv(65536)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "1 passed" in output
