"""The worked examples of the format documents are what the code writes and reads."""

from __future__ import annotations

import os
import re
from enum import IntEnum
from pathlib import Path

import pytest

from engine.codes import CommandKind
from engine.host.frames import (
    FRAME_BYTES_MAX,
    FRAME_HEADER_BYTES,
    RECORDS_PER_FRAME_MAX,
    Frame,
    FrameReader,
    FrameType,
    pack_frame,
)
from engine.host.host import ShardHost
from engine.host.operator import Operator
from engine.host.service import ShardService
from engine.journal import LogKind, RecordLog
from engine.journal.format import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    read_record,
)
from engine.records import ClockCommand
from fixgw.store.outbox import Entry, Outbox

SPEC = Path(__file__).parents[2] / "spec"
STAMP = 1_700_000_000_000_000_000
GENERATION = bytes(range(16))
KEY = 0x1122334455667788


def example(document: str, title: str) -> bytes:
    """The bytes of the dump below the line that begins with ``title``."""
    text = (SPEC / document).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n{title}")
    assert found, title
    dump = rest.partition("```hex\n")[2].partition("```")[0]
    data = b""
    for line in dump.splitlines():
        row = re.fullmatch(r"([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+?)(?:  +\S.*)?", line)
        assert row, line
        assert int(row[1], 16) == len(data), line
        data += bytes.fromhex(row[2])
    assert data
    return data


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    text = (SPEC / document).read_text(encoding="utf-8")
    below = text.partition(f"\n## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table, heading
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# -- the journal -----------------------------------------------------------------------


def write_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: GENERATION[:size])
    log = RecordLog(folder, LogKind.COMMANDS, 1)
    log.append(b"hello", 1, STAMP)
    log.commit()
    log.append(b"again!!!", 2, STAMP + 1)
    log.close()


def test_the_journal_example_is_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path, monkeypatch)
    (path,) = tmp_path.iterdir()
    assert path.name == "00000000000000000001.log"
    assert path.read_bytes() == example("journal.md", "The whole file:")


def test_the_journal_example_is_read(tmp_path: Path) -> None:
    data = example("journal.md", "The whole file:")
    (tmp_path / "00000000000000000001.log").write_bytes(data)
    header = SegmentHeader.unpack(data, "example")
    assert (header.owner, header.generation) == (1, GENERATION)
    log = RecordLog(tmp_path, LogKind.COMMANDS, 1)
    assert [(r.first, r.last, r.payload, r.durable) for r in log.read(1)] == [
        (1, 1, b"hello", 0),
        (2, 3, b"again!!!", 1),
    ]
    log.close()
    first = read_record(data, SEGMENT_HEADER_BYTES)
    assert not isinstance(first, str)
    assert first[2] == SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 8


SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8}


def size_of(kind: str) -> int:
    counted = re.fullmatch(r"(?:bytes|char)\[(\d+)\]", kind)
    return int(counted[1]) if counted else SIZES[kind]


@pytest.mark.parametrize(
    ("document", "heading", "size"),
    [
        ("journal.md", "Segments", SEGMENT_HEADER_BYTES),
        ("journal.md", "Records", RECORD_HEADER_BYTES),
        ("link.md", "Frames", FRAME_HEADER_BYTES),
        ("outbox.md", "Entries", 24),
    ],
)
def test_the_fields_of_a_header_fill_it(document: str, heading: str, size: int) -> None:
    offset = 0
    for row in rows(document, heading):
        if row[2] == "bytes":
            break
        assert int(row[0]) == offset, row
        offset += size_of(row[2])
    assert offset == size


@pytest.mark.parametrize(
    ("document", "heading", "enum"),
    [
        ("journal.md", "What the logs hold", LogKind),
        ("link.md", "Frame types", FrameType),
        ("outbox.md", "What an entry says", Entry),
    ],
)
def test_every_kind_is_in_its_table(
    document: str, heading: str, enum: type[IntEnum]
) -> None:
    assert [(row[0], row[1]) for row in rows(document, heading)] == [
        (str(int(member)), member.name) for member in enum
    ]


# -- the link --------------------------------------------------------------------------


COMMAND = ClockCommand(CommandKind.END_OF_DAY, day=20_000).pack()
FRAMES = {
    "The gateway opens": Frame(FrameType.HELLO, 0, 0, 41, b""),
    "The shard answers": Frame(FrameType.WELCOME, 1, 17, 41, b""),
    "The gateway sends": Frame(FrameType.COMMANDS, 1, 5, 0, COMMAND),
    "The shard acknowledges": Frame(FrameType.EVENTS, 0, 42, 5, b""),
    "The shard refuses": Frame(FrameType.REFUSED, 0, 0, 0, b"unexpected HELLO"),
}


@pytest.mark.parametrize("title", FRAMES)
def test_the_link_examples(title: str) -> None:
    frame = FRAMES[title]
    data = example("link.md", title)
    packed = pack_frame(
        frame.type, frame.number, frame.extra, frame.payload, frame.count
    )
    if frame.type is FrameType.COMMANDS:
        assert data == packed[:FRAME_HEADER_BYTES]
        data += COMMAND
    assert data == packed
    assert FrameReader().feed(data) == [frame]


def test_the_limits_of_the_link() -> None:
    text = (SPEC / "link.md").read_text(encoding="utf-8")
    assert f"{RECORDS_PER_FRAME_MAX:,} records" in text
    assert f"{FRAME_BYTES_MAX // 1024 // 1024} MiB" in text


# -- the outbox ------------------------------------------------------------------------


def test_the_outbox_example(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 0)
    outbox.reset(KEY, 2, STAMP)
    outbox.add_message(KEY, 1, b"8=FIX.4.4\x01...", admin=False)
    outbox.set_taken(1, 41)
    outbox.set_inbound(KEY, 7)
    outbox.flush(STAMP)
    outbox.close()
    log = RecordLog(tmp_path, LogKind.OUTBOX, 0)
    (record,) = log.read(1)
    log.close()
    assert record.count == 1
    assert record.payload == example("outbox.md", "The payload of this record:")
    again = Outbox(tmp_path, 0)
    numbers = again.numbers(KEY)
    assert (numbers.epoch, numbers.window) == (2, STAMP)
    assert (numbers.next_in, numbers.next_out, again.taken(1)) == (7, 2, 41)
    rows, through = again.read(KEY, 1, 9, 1000)
    assert [row.data for row in rows] == [b"8=FIX.4.4\x01..."]
    assert through == 9
    again.close()


# -- admin sockets ---------------------------------------------------------------------


def test_every_command_of_a_shard_is_in_its_table(tmp_path: Path) -> None:
    host = ShardHost(1, tmp_path, lambda: STAMP)
    operator = Operator(ShardService(host, lambda error: None), tmp_path, "", lambda: 0)
    assert [row[0] for row in rows("admin.md", "Commands of a shard")] == list(
        operator.commands()
    )
    host.close()


def test_the_outbox_example_of_numbers_that_were_set(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 0)
    outbox.reset(KEY, 2, STAMP)
    outbox.add_message(KEY, 1, b"8=FIX.4.4\x01...", admin=False)
    outbox.flush(STAMP)
    outbox.set_next_in(KEY, 500, 3)
    outbox.set_next_out(KEY, 900)
    outbox.flush(STAMP)
    outbox.close()
    log = RecordLog(tmp_path, LogKind.OUTBOX, 0)
    _, record = log.read(1)
    log.close()
    assert record.payload == example("outbox.md", "The payload of the next record:")
    again = Outbox(tmp_path, 0)
    numbers = again.numbers(KEY)
    assert (numbers.next_in, numbers.next_out, numbers.epoch) == (500, 900, 3)
    again.close()
