"""A gateway's outbox as a log, while it is written, damaged, or begun anew."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import pytest

from engine.journal import LogKind, RecordLog
from engine.journal.format import SEGMENT_HEADER_BYTES
from fixgw.ops.logview.items import LogProblem, Remark
from fixgw.ops.logview.outbox import OutboxSource
from fixgw.session.identity import SessionId
from fixgw.store import Outbox
from fixgw.store.outbox import Entry
from tests.unit.logview_samples import LENGTHS, frame, shown, view

BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER").key
SELLER = SessionId("FIX.4.4", "EXCHANGE", "SELLER").key
NOW = 1_795_255_201_000_000_000
MS = 1_000_000


def to(name: str, seq: int, kind: str, body: str) -> bytes:
    head = f"35={kind}|34={seq}|49=EXCHANGE|52=20261121-10:00:01.000|56={name}"
    return frame(f"{head}|{body}" if body else head)


def write_day(outbox: Outbox) -> None:
    """Three turns of a gateway."""
    outbox.reset(BUYER, 2, NOW)
    outbox.add_message(BUYER, 1, to("BUYER", 1, "A", "98=0|108=30|141=Y"), True)
    outbox.set_inbound(BUYER, 2)
    outbox.flush(NOW)
    fill = "11=B-1|31=10|32=5|37=0-7|54=1|55=ACME|150=F|151=0"
    outbox.add_message(BUYER, 2, to("BUYER", 2, "8", fill), False)
    outbox.add_message(SELLER, 1, to("SELLER", 1, "0", ""), True)
    outbox.set_taken(1, 41)
    outbox.set_inbound(BUYER, 7)
    outbox.flush(NOW + 5 * MS)
    outbox.add_answered(SELLER, 9)
    outbox.set_taken(0, 3)
    outbox.flush(NOW + 6 * MS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    outbox = Outbox(tmp_path / "gateway-0" / "outbox", 0)
    write_day(outbox)
    outbox.close()
    return tmp_path / "gateway-0" / "outbox"


LINES = [
    "— 2026-11-21 UTC",
    "→ 10:00:01.000 BUYER      Logon #1               "
    "heartbeat every 30 s, numbers start again",
    "→ 10:00:01.005 BUYER      ExecutionReport #2     FILL buy 5 ACME @ 10, 0 left",
    "→ 10:00:01.005 SELLER     Heartbeat #1",
]


def test_messages_by_session(folder: Path) -> None:
    assert shown(folder) == LINES
    assert shown(folder, "--session", "SELLER") == [LINES[0], LINES[3]]
    assert shown(folder, "--id", "0-7") == [LINES[0], LINES[2]]


def test_the_folder_may_be_any_above_it(folder: Path) -> None:
    assert shown(folder.parent) == shown(folder.parent.parent) == LINES
    assert shown(folder / "00000000000000000001.log") == LINES


def test_entries(folder: Path) -> None:
    buyer = "FIX.4.4:EXCHANGE->BUYER"
    assert [line for line in shown(folder, "--entries") if line[0] == " "] == [
        f"  10:00:01.000 {buyer}: numbers begin at 1 again, epoch 2, of the schedule "
        "window from 2026-11-21T10:00:01.000000000Z",
        f"  10:00:01.000 {buyer}: inbound messages are processed, next is #2",
        "  10:00:01.005 shard 1: events are taken up to 41",
        f"  10:00:01.005 {buyer}: inbound messages are processed, next is #7",
        "  10:00:01.006 FIX.4.4:EXCHANGE->SELLER: "
        "#9 was refused already, ahead of its turn",
        "  10:00:01.006 shard 0: events are taken up to 3",
    ]


def test_a_session_that_never_sent_anything_has_its_key_for_a_name(
    tmp_path: Path,
) -> None:
    outbox = Outbox(tmp_path / "outbox", 0)
    outbox.set_inbound(0xABC, 5)
    outbox.flush(NOW)
    outbox.close()
    assert "session 0000000000000abc: inbound" in shown(tmp_path, "--entries")[1]


def test_numbers_that_an_operator_set(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", 0)
    outbox.set_next_in(0xABC, 500, 3)
    outbox.set_next_out(0xABC, 900)
    outbox.flush(NOW)
    outbox.close()
    name = "session 0000000000000abc"
    assert [line[15:] for line in shown(tmp_path, "--entries")[1:]] == [
        f"{name}: an operator set the number expected next to #500",
        f"{name}: an operator set the number sent next to #900",
    ]


def test_nothing_is_changed_by_looking(folder: Path) -> None:
    path = folder / "00000000000000000001.log"
    with path.open("ab") as file:
        file.write(b"FLGRunfinished")
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(folder))
    assert shown(folder) == LINES
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before[:2]
    assert sorted(os.listdir(folder)) == before[2]


def test_damage_before_the_end_is_named_after_what_is_sound(folder: Path) -> None:
    path = folder / "00000000000000000001.log"
    data = bytearray(path.read_bytes())
    second = data.find(b"FLGR", SEGMENT_HEADER_BYTES + 8)
    data[second + 70] ^= 1
    path.write_bytes(data)
    result = view(folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == LINES[:2]
    assert "the outbox is damaged" in result.stderr
    assert "an intact record follows" in result.stderr


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    """An outbox of several segments, each with one message."""
    folder = tmp_path / "outbox"
    log = RecordLog(folder, LogKind.OUTBOX, 0, segment_bytes=400)
    for seq in range(1, 5):
        data = to("BUYER", seq, "5", "58=" + "x" * 100)
        entry = struct.pack("<BBHIQQ", Entry.MESSAGE, 1, 0, len(data), BUYER, seq)
        log.append(entry + data, 1, NOW + seq)
    log.close()
    assert len(list(folder.iterdir())) > 2
    return folder


def numbers(*arguments: str | Path) -> list[int]:
    return [int(line.split("#")[1].split()[0]) for line in shown(*arguments)[1:]]


def test_one_segment_of_several(segments: Path) -> None:
    names = sorted(segments.iterdir())
    assert numbers(segments) == [1, 2, 3, 4]
    found = [numbers(name) for name in names]
    assert sum(found, []) == [1, 2, 3, 4]
    assert all(found)


def test_oldest_segments_may_have_been_taken_away(segments: Path) -> None:
    sorted(segments.iterdir())[0].unlink()
    assert numbers(segments) == [2, 3, 4]


def test_a_renamed_segment_is_refused_with_advice(folder: Path) -> None:
    copy = folder / "copy.log"
    shutil.copy(folder / "00000000000000000001.log", copy)
    result = view(copy)
    assert result.exit_code == 1
    assert "give it its name back" in result.stderr


def test_logs_of_shards_are_named(tmp_path: Path) -> None:
    log = RecordLog(tmp_path / "events", LogKind.EVENTS, 1)
    log.append(b"x" * 320, 1, NOW)
    log.close()
    result = view(tmp_path / "events")
    assert result.exit_code == 1
    assert "log of kind EVENTS of shard 1" in result.stderr
    assert "data/gateway-0/outbox" in result.stderr


def test_an_outbox_without_anything_in_it(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    result = view(tmp_path / "outbox")
    assert result.exit_code == 1
    assert "nothing was sent yet" in result.stderr


def texts(source: OutboxSource) -> list[str]:
    return [
        item.text if isinstance(item, Remark) else f"#{item.message.get(34)}"
        for item in source.poll()
    ]


def test_following_a_gateway_that_is_killed_and_an_outbox_begun_anew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "outbox"
    outbox = Outbox(folder, 0)
    write_day(outbox)
    source = OutboxSource(folder, LENGTHS, entries=False)
    source.rewind()
    assert len(list(source.read())) == 3
    assert texts(source) == []
    # Cut off in the middle of a record: nothing. Trimmed and written on: that.
    path = folder / "00000000000000000001.log"
    outbox.close()
    with path.open("ab") as file:
        file.write(b"FLGR" + bytes([9] * 30))
    assert texts(source) == []
    outbox = Outbox(folder, 0)
    assert outbox.recovery.torn_bytes
    outbox.add_message(BUYER, 3, to("BUYER", 3, "5", "58=bye"), True)
    outbox.flush(NOW)
    assert texts(source) == ["#3"]
    outbox.close()
    # Another outbox in the same place, shorter than what was read.
    shutil.rmtree(folder)
    outbox = Outbox(folder, 0)
    outbox.add_message(BUYER, 1, to("BUYER", 1, "A", "98=0|108=30"), True)
    outbox.flush(NOW)
    assert texts(source) == ["the outbox was begun anew", "#1"]
    outbox.close()
    source.close()


def test_an_entry_of_a_kind_that_is_not_known(tmp_path: Path) -> None:
    log = RecordLog(tmp_path / "outbox", LogKind.OUTBOX, 0)
    log.append(bytes([99]) + bytes(23), 1, NOW)
    log.close()
    assert "an entry of unknown kind 99" in shown(tmp_path)[1]


def test_a_file_that_is_no_segment(tmp_path: Path) -> None:
    path = tmp_path / "00000000000000000001.log"
    path.write_bytes(b"FIXGWLOG but the rest is not")
    result = view(path)
    assert result.exit_code == 1
    assert "cut off" in result.stderr
    source = OutboxSource(path, LENGTHS, entries=False)
    with pytest.raises(LogProblem):
        source.rewind()
