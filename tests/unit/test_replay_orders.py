"""The command ``replay-orders``, run as a user runs it: files, pipes, exit codes."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.flow import HEADER, REQUIRED
from fixgw.ops.replay_orders import read_columns, take_header

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [
    sys.executable,
    "-c",
    "from fixgw.ops.replay_orders import replay_orders; replay_orders()",
]
COLUMNS = b"op,order_id,symbol,side,price,qty,type,tif\n"
ONE = COLUMNS + b"new,1,X,buy,1,1,,\n"
ONE_ROW = HEADER + b"2,accepted,1,buy,1,1,,,\n"


def run(*args: str | Path, data: bytes = b"") -> tuple[int, bytes, str]:
    """Exit status, standard output, standard error."""
    done = subprocess.run(
        [*COMMAND, *map(str, args)], input=data, capture_output=True, cwd=ROOT
    )
    return done.returncode, done.stdout, done.stderr.decode()


def test_the_example_of_the_specification(tmp_path: Path) -> None:
    text = (ROOT / "spec" / "order_flow.md").read_text()
    given, expected = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    status, out, err = run("-", data=given.encode())
    assert out.decode() == expected
    assert status == 1
    assert err == (
        "fixgw: -: 1 of 16 lines malformed, the first is line 15; "
        "they changed nothing\n"
    )
    file = tmp_path / "flow.csv"
    file.write_bytes(given.replace("\n", "\r\n").encode())
    assert run(file)[1] == out


def test_a_clean_run_is_silent() -> None:
    assert run("-", data=ONE) == (0, ONE_ROW, "")


def test_a_last_line_without_an_end_and_a_byte_order_mark() -> None:
    assert run("-", data=b"\xef\xbb\xbf" + ONE[:-1]) == (0, ONE_ROW, "")


def test_a_header_alone() -> None:
    assert run("-", data=COLUMNS) == (0, HEADER, "")
    assert run("-", data=COLUMNS[:-1]) == (0, HEADER, "")


def test_refusals_by_the_engine_are_no_failure() -> None:
    status, out, err = run("-", data=COLUMNS + b"cancel,1,,,,,,\n")
    assert (status, err) == (0, "")
    assert out == HEADER + b"2,cancel_rejected,1,,,,,,unknown_order\n"


def test_unknown_columns_are_named_once() -> None:
    data = b'qty,when,price,side,symbol,order_id,op,"a, b"\n1,x,1,buy,X,1,new,y\n'
    status, out, err = run("-", data=data)
    assert (status, out) == (0, ONE_ROW)
    assert err == "fixgw: -: ignored columns: 'when', 'a, b'\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty; it must begin with a header line"),
        (b"\nop\n", "the header line is empty"),
        (b"\r\n", "the header line is empty"),
        (b"\xff\xfe\n", "the first line is not a CSV header"),
        (b'op,"order_id\n', "the first line is not a CSV header"),
        (b"x" * 70_000, "the first line is not a CSV header"),
        (b"a,op,order_id,symbol,side,qty\n", "the column price is missing"),
        (b"op,op,order_id,symbol,side,price,qty\n", "the column op is there more than"),
        (b"," * 64 + b"\n", "65 columns are more than 64"),
    ],
)
def test_an_unusable_header_costs_nothing(
    data: bytes, message: str, tmp_path: Path
) -> None:
    output = tmp_path / "kept"
    output.write_bytes(b"the last run")
    status, out, err = run("-", "--output", output, data=data)
    assert (status, out) == (2, b"")
    assert f"-: {message}" in err
    assert output.read_bytes() == b"the last run"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    status, out, err = run(tmp_path / "none.csv")
    assert (status, out) == (2, b"")
    assert "none.csv: No such file or directory" in err
    file = tmp_path / "flow.csv"
    file.write_bytes(ONE)
    status, out, err = run(file, "--output", tmp_path / "none" / "out.csv")
    assert (status, out) == (2, b"")
    assert "No such file or directory" in err
    status, out, err = run(tmp_path)
    assert (status, out) == (2, b"")
    status, out, err = run(file, "--instruments", tmp_path / "none.csv")
    assert (status, out) == (2, b"")
    assert "none.csv" in err


def test_output_to_a_file(tmp_path: Path) -> None:
    file, output = tmp_path / "flow.csv", tmp_path / "events.csv"
    file.write_bytes(ONE)
    output.write_bytes(b"something longer than what will be there\n" * 10)
    assert run(file, "-o", output) == (0, b"", "")
    assert output.read_bytes() == ONE_ROW
    status, _, err = run(file, "-o", file)
    assert status == 2
    assert "is the input" in err
    assert file.read_bytes() == ONE


def test_a_full_disk_is_told() -> None:
    status, _, err = run("-", "-o", "/dev/full", data=ONE)
    assert status == 2
    assert "No space left on device" in err


def test_instruments(tmp_path: Path) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text("symbol,tick,lot\nX,0.01,1\n")
    data = COLUMNS + b"new,1,X,buy,1.001,1,,\nnew,2,X,buy,1,1,,\nnew,3,Y,buy,.1,.1,,\n"
    status, out, err = run("-", "--instruments", file, data=data)
    assert (status, err) == (0, "")
    assert out == HEADER + (
        b"2,rejected,1,buy,1.001,1,,,price_off_tick\n"
        b"3,accepted,2,buy,1,1,,,\n"
        b"4,accepted,3,buy,0.1,0.1,,,\n"
    )
    file.write_text("symbol,tick,lot\nX,0,1\n")
    status, out, err = run("-", "--instruments", file, data=data)
    assert (status, out) == (2, b"")
    assert "instruments.csv:2" in err
    file.write_bytes(b"\xff")
    assert run("-", "--instruments", file, data=data)[0] == 2


def test_stats() -> None:
    data = ONE + b"new,2,X,buy,1,1,,\nnew,3,X,sell,1,3,,ioc\nx\n"
    status, _, err = run("-", "--stats", data=data)
    assert status == 1
    figures = dict(re.findall(r"^(.*?)  +([0-9.,]+)$", err, re.MULTILINE))
    assert figures["lines"] == "4"
    assert figures["malformed lines"] == "1"
    assert figures["events"] == "7"
    assert figures["peak resting orders"] == "2"
    assert set(figures) == {
        "lines",
        "malformed lines",
        "events",
        "peak resting orders",
        "seconds in all",
        "seconds in the engine",
        "engine messages/s",
    }


def test_a_pipe_is_answered_line_by_line() -> None:
    with subprocess.Popen(
        [*COMMAND, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin
        assert process.stdout
        # Half a line, its other half, and a whole one.
        for part in (ONE[:30], ONE[30:], b"cancel,1,,,,,,\n"):
            process.stdin.write(part)
            process.stdin.flush()
            if part == ONE[30:]:
                assert process.stdout.readline() == HEADER
                assert process.stdout.readline() == b"2,accepted,1,buy,1,1,,,\n"
        assert process.stdout.readline() == b"3,cancelled,1,buy,1,1,,,\n"
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    file = tmp_path / "flow.csv"
    file.write_bytes(COLUMNS + b"new,1,X,buy,1,1,,\ncancel,1,,,,,,\n" * 100_000)
    with subprocess.Popen(
        [*COMMAND, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == HEADER
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_progress_where_it_is_seen_and_does_no_harm() -> None:
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal,
        cwd=ROOT,
    ) as process:
        os.close(terminal)
        assert process.stdin
        assert process.stdout
        process.stdin.write(ONE)
        process.stdin.flush()
        assert process.stdout.readline() == HEADER
        time.sleep(0.3)  # longer than the counter rests between two updates
        process.stdin.write(b"cancel,1,,,,,,\n")
        process.stdin.close()
        process.stdout.read()
    shown = os.read(controller, 4096)
    os.close(controller)
    assert process.returncode == 0
    assert b"2 lines, 2 events, " in shown
    assert shown.endswith(b" lines/s \r\n")


def test_a_large_file(tmp_path: Path) -> None:
    """Three hundred thousand lines through chunks of a mebibyte, within seconds."""
    file, output = tmp_path / "flow.csv", tmp_path / "out.csv"
    block = (
        b"new,%d,X,sell,10,2,,\n"
        b"new,%d,X,buy,10,1,,ioc\n"
        b"replace,%d,,,11,5,,\n"
        b'cancel,"%d",,,,,,\n'
    )
    with file.open("wb") as stream:
        stream.write(COLUMNS)
        for i in range(75_000):
            stream.write(block % (i, i + 10**6, i, i))
    status, _, err = run(file, "--stats", "-o", output)
    assert status == 0
    seconds = re.search(r"seconds in all +([0-9.]+)", err)
    assert seconds
    assert float(seconds[1]) < 20
    rows = output.read_bytes().splitlines()
    assert rows[0] + b"\n" == HEADER
    assert len(rows) == 1 + 75_000 * 5
    for i in (0, 7_777, 74_999):
        assert rows[1 + 5 * i : 6 + 5 * i] == [
            b"%d,accepted,%d,sell,10,2,,," % (4 * i + 2, i),
            b"%d,accepted,%d,buy,10,1,,," % (4 * i + 3, i + 10**6),
            b"%d,trade,%d,buy,10,1,%d,%d," % (4 * i + 3, i + 10**6, i, i + 10**6),
            b"%d,replaced,%d,sell,11,5,,," % (4 * i + 4, i),
            b"%d,cancelled,%d,sell,11,5,,," % (4 * i + 5, i),
        ]


def test_help_names_the_parts() -> None:
    status, out, _ = run("--help")
    assert status == 0
    for word in (b"--instruments", b"--output", b"--stats", b"--progress", b"spec/"):
        assert word in out


def test_the_header_may_come_in_pieces() -> None:
    pieces = (ONE[i : i + 1] for i in range(len(ONE)))
    line, rest = take_header(pieces)
    assert (line, rest + b"".join(pieces)) == (COLUMNS[:-1], ONE[len(COLUMNS) :])
    assert read_columns(line)[: len(REQUIRED)] == list(REQUIRED)
