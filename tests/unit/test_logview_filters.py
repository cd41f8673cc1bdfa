"""Which messages ``fixgw log`` shows: every filter, and one order through its names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixgw.ops.logview.filters import seq_range
from fixgw.ops.logview.times import NS_PER_S, Bound, find_time
from tests.unit.logview_samples import (
    DAY,
    FILL,
    LOG_NAME,
    ORDER,
    frame,
    got,
    quickfix,
    sent,
    shown,
    view,
)


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / LOG_NAME
    path.write_bytes(b"20261121-10:00:00.500 : Created session\n" + quickfix(*DAY))
    return path


def found(path: Path, *options: str) -> str:
    """The messages that pass, as ``D2 82 …``: type and number."""
    words = []
    for line in shown(path, *options):
        if "#" not in line:
            continue
        name = line.split(" #")[0].split()[-1]
        number = line.split("#")[1].split()[0]
        words.append(f"{''.join(c for c in name if c.isupper())}{number}")
    return " ".join(words)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "NOS2 ER2 OCRR3 ER3 ER4 NOS4 ER5 NOS5 R6 H7"),
        ("--type D", "NOS2 NOS4 NOS5"),
        ("--type neworderSingle,3", "NOS2 NOS4 NOS5 R6"),
        ("--type G --type Reject", "OCRR3 R6"),
        ("--symbol GLOBEX", "NOS4 ER5"),
        ("--symbol GLOBEX --symbol ACME --type 8", "ER2 ER3 ER4 ER5"),
        ("--direction in --type 8", "ER2 ER3 ER4 ER5"),
        ("--direction out", "NOS2 OCRR3 NOS4 NOS5"),
        ("--no-heartbeats --seq 6-", "R6"),
        ("--seq 4", "ER4 NOS4"),
        ("--seq -2", "NOS2 ER2"),
        ("--seq 5-6", "ER5 NOS5 R6"),
        ("--since 10:00:04 --until 10:00:05", "NOS4 ER5"),
        ("--since 20261121-10:00:05.001", "R6 H7"),
        ("--since 2026-11-22", ""),
        ("--until 2026-11-21", ""),
        ("--last 2", "R6 H7"),
        ("--last 1 --type 8", "ER5"),
        ("--last 0", ""),
        ("--grep 58=clos", "ER5"),
        ("--grep ^8=FIX.*55=GLOBEX.*38=5.$", ""),
        ("--session BUYER", "NOS2 ER2 OCRR3 ER3 ER4 NOS4 ER5 NOS5 R6 H7"),
        ("--session FIX.4.4:BUYER->EXCHANGE --seq 7", "H7"),
        ("--session EXCHANGE->BUYER --seq 7", "H7"),
        ("--session SELLER", ""),
        ("--id B-1", "NOS2 ER2 OCRR3 ER3 ER4"),
        ("--id B-2", "NOS2 ER2 OCRR3 ER3 ER4"),
        ("--id 0-9", "NOS2 ER2 OCRR3 ER3 ER4"),
        ("--id B-3", "NOS4 ER5"),
        ("--id B-4", "NOS5 R6"),
        ("--id B-2 --type 8 --last 1", "ER4"),
        ("--id none", ""),
    ],
)
def test_filters(day: Path, options: str, expected: str) -> None:
    assert found(day, *options.split()) == expected


def test_events_pass_where_nothing_is_asked_of_messages(day: Path) -> None:
    event = "  10:00:00.500 Created session"
    assert event in shown(day)
    assert event in shown(day, "--grep", "Created")
    for options in (["--type", "D"], ["--since", "10:01"], ["--grep", "x"]):
        assert event not in shown(day, *options)


def test_an_order_is_found_from_its_last_name_in_one_pass_over_a_pipe(
    day: Path,
) -> None:
    """A pipe cannot be read twice: what came before the name is not known yet."""
    data = day.read_bytes()
    assert len(shown("-", "--id", "B-1", stdin=data)) == 6
    assert len(shown("-", "--id", "B-2", stdin=data)) == 4


def test_equal_identifiers_of_two_clients_are_two_orders(tmp_path: Path) -> None:
    path = tmp_path / "both.log"
    theirs = frame("35=D|34=2|49=SELLER|52=20261121-10:00:01|56=EXCHANGE|11=B-2|41=X")
    path.write_bytes(quickfix(*DAY[:5], theirs))
    assert found(path, "--id", "B-1") == "NOS2 ER2 OCRR3 ER3 ER4"
    # Asked for by the shared name, both are it.
    assert found(path, "--id", "B-2") == "NOS2 ER2 OCRR3 ER3 ER4 NOS2"


def test_a_refusal_of_another_epoch_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    refused = got(9, "3", "45=2|58=bad")
    reset = sent(1, "A", "98=0|108=30|141=Y")
    path.write_bytes(quickfix(ORDER, refused, reset, refused))
    assert found(path, "--id", "B-1") == "NOS2 R9"


def test_messages_without_a_direction_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(quickfix(ORDER, FILL))
    result = view(path, "--direction", "in")
    assert result.exit_code == 1
    assert "2 messages were left out" in result.stderr
    assert "--us" in result.stderr
    assert found(path, "--direction", "in", "--us", "BUYER") == "ER4"
    assert found(path, "--direction", "in", "--us", "EXCHANGE") == "NOS2"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--since", "soon"], "'soon' is no time; times look like 09:30"),
        (["--until", "25:00"], "is no time"),
        (["--since", "2026-13-01"], "is no time"),
        (["--seq", "x"], "is no range; ranges look like 7, 7-9"),
        (["--seq", "9-7"], "9 is above 7"),
        (["--seq", "-"], "is no range"),
        (["--grep", "["], "--grep '['"),
        (["--type", "ExecutionRaport"], "did you mean ExecutionReport?"),
        (["--type", "99999"], "known: Heartbeat"),
    ],
)
def test_what_is_not_understood(day: Path, options: list[str], says: str) -> None:
    result = view(day, *options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", (7, 7)), ("7-9", (7, 9)), ("7-", (7, 10**18)), ("-9", (0, 9))],
)
def test_ranges(text: str, expected: tuple[int, int]) -> None:
    assert seq_range(text) == expected


def test_bounds() -> None:
    noon = find_time("20261121-12:00:00")
    assert noon is not None
    ago = Bound("15m", noon)
    assert ago.passed(noon - 15 * 60 * NS_PER_S)
    assert not ago.passed(noon - 15 * 60 * NS_PER_S - 1)
    daily = Bound("11:30", noon)
    day_before = noon - 24 * 3600 * NS_PER_S
    assert daily.passed(day_before)
    assert not daily.passed(noon - 3600 * NS_PER_S)


def test_merged_logs_are_in_the_order_of_time(tmp_path: Path) -> None:
    first, second = tmp_path / LOG_NAME, tmp_path / "FIX.4.4-BUYER-EXCHANGE.event.log"
    first.write_bytes(quickfix(*DAY))
    second.write_bytes(
        b"20261121-10:00:00.999 : before\n"
        b"20261121-10:00:03.000 : between\n"
        b"20261121-10:00:09 : after\n"
    )
    lines = shown("--merge", first, second)
    assert lines[1].endswith("before")
    assert lines[6].endswith("between")
    assert lines[-1].endswith("after")
    assert "BUYER→EXCHANGE" in lines[2]


def test_logs_one_after_the_other_have_headers(tmp_path: Path) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_bytes(quickfix(FILL))
    second.write_bytes(quickfix(ORDER))
    lines = shown(first, second)
    assert lines[0] == f"==> {first} <=="
    assert lines[3] == f"==> {second} <=="
    assert len(lines) == 5
    assert len(shown(first, second, "--json")) == 2


def test_a_problem_with_one_log_does_not_hide_the_others(tmp_path: Path) -> None:
    good, bad = tmp_path / LOG_NAME, tmp_path / "notes.txt"
    good.write_bytes(quickfix(*DAY))
    bad.write_text("nothing of the kind\n")
    result = view(bad, tmp_path / "none", good)
    assert result.exit_code == 1
    assert "notes.txt: no FIX message in it.\nKnown are:" in result.stderr
    assert "none: No such file" in result.stderr
    assert len(result.stdout.splitlines()) == 12


@pytest.mark.parametrize(
    ("magic", "command"), [(b"\x1f\x8b", "zcat"), (b"(\xb5/\xfd", "zstdcat")]
)
def test_compressed_logs_get_a_hint(tmp_path: Path, magic: bytes, command: str) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(magic + b"..........")
    result = view(path)
    assert result.exit_code == 1
    assert f"{command} {path} | bin/fixgw log -" in result.stderr


def test_an_empty_log_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.touch()
    assert shown(path) == []
