"""Following a log that somebody else writes: never wrong, never stuck, never in the
way."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.journal import CorruptLog, LogEnd, LogKind, LogRecord, LogTail, RecordLog
from engine.journal import end as end_module
from engine.journal import tail as tail_module
from engine.journal.format import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    read_record,
)

KIND = LogKind.EVENTS
OWNER = 3
ITEM = 8


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of this is about loss of power."""
    monkeypatch.setattr(os, "fdatasync", lambda file: None)
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture(autouse=True)
def _no_file_stays_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def item(number: int) -> bytes:
    return number.to_bytes(ITEM, "big")


def items(first: int, count: int) -> bytes:
    return b"".join(item(number) for number in range(first, first + count))


class Writer:
    """A log whose item n is the number n, whatever the batches."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.log = RecordLog(folder, KIND, OWNER, **options)

    def append(self, *counts: int) -> None:
        for count in counts:
            first = self.log.last + 1
            self.log.append(items(first, count), count, 1000 + first)

    def kill(self) -> None:
        """Ends without a clean end."""
        if self.log._file >= 0:
            os.close(self.log._file)
        for file in self.log._readers.values():
            os.close(file)


class Reader:
    """A tail, and every item it gave."""

    def __init__(self, folder: Path, after: int = 0) -> None:
        self.tail = LogTail(folder, KIND, OWNER, after)
        self.items: list[int] = []
        self._next = after + 1

    def read(self, bytes_max: int = 1 << 20) -> list[LogRecord]:
        """One call; new items are collected and must follow on without a gap."""
        records = self.tail.read(bytes_max)
        for record in records:
            assert record.payload == items(record.first, record.count)
            assert record.first <= self._next <= record.last
            self.items += range(self._next, record.last + 1)
            self._next = record.last + 1
        return records

    def read_all(self) -> list[int]:
        while self.read():
            pass
        return self.items


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    """Makes readers of the log in ``tmp_path / "log"`` and closes them."""
    made: list[Reader] = []

    def make(after: int = 0, folder: Path = tmp_path / "log") -> Reader:
        made.append(Reader(folder, after))
        return made[-1]

    yield make
    for one in made:
        one.tail.close()


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def places(path: Path) -> list[int]:
    """Where the records of a segment begin, and where the last one ends."""
    data = path.read_bytes()
    found, offset = [SEGMENT_HEADER_BYTES], SEGMENT_HEADER_BYTES
    while not isinstance(one := read_record(data, offset), str):
        offset = one[2]
        found.append(offset)
    return found


# -- in step with a writer -------------------------------------------------------------


def test_a_follower_sees_what_is_written(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    writer, follower = Writer(tmp_path / "log"), reader()
    assert follower.read() == []
    for count in (1, 3, 1, 50):
        writer.append(count)
        (record,) = follower.read()
        assert (record.count, record.last) == (count, writer.log.last)
        assert follower.read() == []
    assert follower.items == list(range(1, 56))
    assert list(writer.log.read(1)) == reader().read()
    writer.log.close()


def test_nothing_is_there_yet(tmp_path: Path, reader: Callable[..., Reader]) -> None:
    follower = reader()
    assert follower.read() == []
    (tmp_path / "log").mkdir()
    assert follower.read() == []
    writer = Writer(tmp_path / "log")
    assert follower.read() == []
    writer.append(2)
    assert follower.read_all() == [1, 2]
    assert follower.tail.rewinds == 0
    writer.log.close()


@pytest.mark.parametrize("seed", range(20))
def test_random_batches_reads_and_restarts(
    tmp_path: Path, seed: int, reader: Callable[..., Reader]
) -> None:
    draw = random.Random(seed)
    size = draw.choice([300, 1000, 5000])
    writer, follower = Writer(tmp_path / "log", segment_bytes=size), reader()
    others: list[Reader] = []
    for _ in range(150):
        match draw.randrange(12):
            case 0:
                writer.kill()
                writer = Writer(tmp_path / "log", segment_bytes=size)
            case 1:
                after = draw.randint(0, writer.log.last)
                others.append(reader(after))
            case 2 | 3 | 4 | 5:
                follower.read(draw.choice([1, 30, 200, 10_000]))
            case 6 if others:
                draw.choice(others).read(draw.choice([1, 30, 200, 10_000]))
            case _:
                writer.append(*(draw.randint(1, 12) for _ in range(draw.randint(1, 5))))
    last = writer.log.last
    assert len(segments(tmp_path / "log")) > 3
    for one in (follower, *others):
        begin = one._next if not one.items else one.items[0]
        assert one.read_all() == list(range(begin, last + 1))
        assert one.tail.rewinds == 0
    writer.log.close()


@pytest.mark.parametrize("after", range(31))
def test_it_begins_behind_any_number(
    tmp_path: Path, after: int, reader: Callable[..., Reader]
) -> None:
    writer = Writer(tmp_path / "log", segment_bytes=400)
    writer.append(4, 1, 5, 10, 3, 7)
    assert writer.log.last == 30
    follower = reader(after)
    records = [record for _ in range(9) for record in follower.read(1)]
    assert follower.items == list(range(after + 1, 31))
    if records:
        assert records[0].first <= after + 1 <= records[0].last
    writer.append(2)
    assert follower.read_all() == list(range(after + 1, 33))
    writer.log.close()


def test_a_log_that_is_shorter_gives_nothing_until_it_is_longer(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    writer, follower = Writer(tmp_path / "log", segment_bytes=300), reader(20)
    for _ in range(4):
        writer.append(5)
        assert follower.read() == []
    writer.append(1)
    assert follower.read_all() == [21]
    assert len(segments(tmp_path / "log")) > 1
    writer.log.close()


def test_a_preallocated_log_is_followed(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    writer, follower = Writer(tmp_path / "log", preallocate=True), reader()
    for _ in range(5):
        writer.append(2)
        assert len(follower.read()) == 1
        assert follower.read() == []
    assert segments(tmp_path / "log")[0].stat().st_size > 4096
    writer.log.close()


# -- every cut -------------------------------------------------------------------------


def written_bytes(folder: Path, options: dict[str, Any]) -> list[tuple[str, bytes]]:
    """A log's segments, as name and content."""
    writer = Writer(folder, **options)
    writer.append(1, 3, 2, 5, 1, 4)
    writer.log.close()
    return [(path.name, path.read_bytes()) for path in segments(folder)]


@pytest.mark.parametrize("size", [10_000, 300])
@pytest.mark.parametrize("zeros", [0, 500])
def test_a_log_that_grows_byte_by_byte(
    tmp_path: Path, size: int, zeros: int, reader: Callable[..., Reader]
) -> None:
    """At every length it has, whole records are given and nothing is refused."""
    whole = written_bytes(tmp_path / "source", {"segment_bytes": size})
    folder = tmp_path / "log"
    folder.mkdir()
    follower = reader()
    seen = 0
    for name, content in whole:
        if zeros and size > 300:
            (folder / name).write_bytes(bytes(len(content) + zeros))
        for length in range(len(content) + 1):
            with (folder / name).open("r+b" if length else "ab") as file:
                file.seek(max(length - 1, 0))
                file.write(content[max(length - 1, 0) : length])
            follower.read()
            ends = [
                end for end in places(tmp_path / "source" / name)[1:] if end <= length
            ]
            assert len(follower.items) - seen == len(ends_of(content, len(ends)))
            # Whoever begins now sees the same.
            fresh = Reader(folder)
            assert fresh.read_all() == follower.items
            fresh.tail.close()
        seen = len(follower.items)
    assert follower.items == list(range(1, 17))
    assert follower.tail.rewinds == 0


def ends_of(content: bytes, records: int) -> list[int]:
    """The items of the first records of a segment."""
    found: list[int] = []
    offset = SEGMENT_HEADER_BYTES
    for _ in range(records):
        one = read_record(content, offset)
        assert not isinstance(one, str)
        found += range(one[0].first, one[0].last + 1)
        offset = one[2]
    return found


@pytest.mark.parametrize("noise", [b"", bytes(40), b"\xff" * 40, b"FLGR" * 10])
def test_a_torn_end_is_rewritten_with_other_batches(
    tmp_path: Path, noise: bytes, reader: Callable[..., Reader]
) -> None:
    """At every byte of the last record: the writer died there, and came back."""
    source = tmp_path / "source"
    writer = Writer(source)
    writer.append(4, 2, 9)
    writer.log.close()
    (whole,) = segments(source)
    *_, begin, end = places(whole)
    for length in range(begin, end):
        folder = tmp_path / f"log-{length}"
        folder.mkdir()
        torn = whole.read_bytes()[:length] + noise
        (folder / whole.name).write_bytes(torn)
        follower = reader(folder=folder)
        assert follower.read_all() == list(range(1, 7))
        assert follower.read() == []
        assert (folder / whole.name).read_bytes() == torn
        writer = Writer(folder)
        assert writer.log.last == 6
        writer.append(5)
        assert follower.read_all() == list(range(1, 12))
        writer.append(4, 1)
        assert follower.read_all() == list(range(1, 17))
        assert follower.tail.rewinds == 0
        writer.log.close()
        follower.tail.close()


def test_an_unfinished_segment_is_taken_away_and_made_anew(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    folder = tmp_path / "log"
    writer = Writer(folder, segment_bytes=300)
    writer.append(20)
    follower = reader()
    assert len(follower.read_all()) == 20
    (folder / f"{21:020}.log").write_bytes(b"FIXGW")
    assert follower.read() == []
    fresh = reader(20)
    assert fresh.read() == []
    writer.kill()
    writer = Writer(folder, segment_bytes=300)
    assert len(segments(folder)) == 1
    assert follower.read() == []
    assert fresh.read() == []
    writer.append(30, 1)
    assert follower.read_all() == list(range(1, 52))
    assert fresh.read_all() == list(range(21, 52))
    writer.log.close()


# -- replaced logs ---------------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 1, 7, 20])
def test_a_log_is_put_aside_and_made_anew(
    tmp_path: Path, taken: int, reader: Callable[..., Reader]
) -> None:
    folder = tmp_path / "log"
    writer = Writer(folder, segment_bytes=300)
    writer.append(*[1] * taken)
    follower = reader()
    follower.read_all()
    folder.rename(tmp_path / "log-damaged")
    writer.log.close()
    assert follower.read() == []
    assert follower.tail.rewinds == (1 if taken else 0)
    writer = Writer(folder, segment_bytes=500)
    assert follower.read() == []
    for _ in range(8):
        # Other batches; first it is shorter than what was read.
        writer.append(3)
        follower.read_all()
        assert follower.items == list(range(1, max(taken, writer.log.last) + 1))
    assert follower.tail.rewinds == (1 if taken else 0)
    writer.log.close()


def test_a_log_is_made_anew_while_nobody_looks(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    folder = tmp_path / "log"
    writer, follower = Writer(folder), reader()
    writer.append(5, 5)
    follower.read_all()
    writer.log.close()
    folder.rename(tmp_path / "log-damaged")
    writer = Writer(folder)
    writer.append(8, 8)
    assert follower.read_all() == list(range(1, 17))
    assert follower.tail.rewinds == 1
    writer.log.close()


@pytest.mark.parametrize("length", range(1, 9))
def test_a_log_is_replaced_in_the_same_file(
    tmp_path: Path, length: int, reader: Callable[..., Reader]
) -> None:
    """Restored over itself: shorter, or with other batches under the same bytes."""
    folder = tmp_path / "log"
    writer, follower = Writer(folder), reader()
    writer.append(2, 2, 2, 2)
    follower.read_all()
    writer.log.close()
    other = Writer(tmp_path / "other")
    other.append(*[length] * (16 // length + 1))
    other.log.close()
    shutil.copyfile(segments(tmp_path / "other")[0], segments(folder)[0])
    # Its end may look unfinished until the next record.
    follower.read()
    writer = Writer(folder)
    writer.append(1)
    assert follower.read_all() == list(range(1, writer.log.last + 1))
    assert follower.tail.rewinds == 1
    writer.log.close()


def test_a_log_that_is_cut_back_is_followed_on(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    folder = tmp_path / "log"
    writer, follower = Writer(folder), reader()
    writer.append(4, 4, 4)
    follower.read_all()
    writer.kill()
    (path,) = segments(folder)
    os.truncate(path, places(path)[1])
    assert follower.read() == []
    writer = Writer(folder)
    writer.append(6, 3)
    assert follower.read_all() == list(range(1, 14))
    assert follower.tail.rewinds == 1
    writer.log.close()


# -- damage ----------------------------------------------------------------------------


def damaged(folder: Path, number: int, offset: int, **options: Any) -> tuple[Path, int]:
    """A log with one bit of record ``number`` (from 0) changed; file and its place."""
    writer = Writer(folder, **options)
    writer.append(*[2] * 12)
    writer.log.close()
    for path in segments(folder):
        starts = places(path)
        if number < len(starts) - 1:
            data = bytearray(path.read_bytes())
            data[starts[number] + offset] ^= 0x10
            path.write_bytes(data)
            return path, starts[number]
        number -= len(starts) - 1
    raise AssertionError("there is no such record")


@pytest.mark.parametrize("offset", [*range(0, 80, 3), 63, 64])
@pytest.mark.parametrize("size", [100_000, 400])
def test_damage_in_the_middle_is_refused(
    tmp_path: Path, offset: int, size: int, reader: Callable[..., Reader]
) -> None:
    path, place = damaged(tmp_path / "log", 5, offset, segment_bytes=size)
    follower = reader()
    for _ in range(2):
        with pytest.raises(CorruptLog) as caught:
            follower.read_all()
        assert (caught.value.path, caught.value.offset) == (str(path), place)
    assert follower.items == list(range(1, 11))


def test_damage_at_the_end_is_the_end_until_more_follows(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    """The writer knows nothing of it and goes on."""
    folder = tmp_path / "log"
    writer, follower = Writer(folder), reader()
    writer.append(3, 3)
    (path,) = segments(folder)
    place = places(path)[1]
    with path.open("r+b") as file:
        file.seek(place + RECORD_HEADER_BYTES)
        file.write(b"\xff")
    assert follower.read_all() == [1, 2, 3]
    assert follower.read() == []
    writer.append(1)
    with pytest.raises(CorruptLog, match="an intact record follows at") as caught:
        follower.read()
    assert caught.value.offset == place
    assert follower.items == [1, 2, 3]
    writer.log.close()


def test_an_unfinished_end_is_searched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Callable[..., Reader]
) -> None:
    """It may stay for hours; each look must be cheap."""
    folder = tmp_path / "log"
    writer, follower = Writer(folder), reader()
    writer.append(3)
    writer.log.close()
    (path,) = segments(folder)
    with path.open("ab") as file:
        file.write(b"FLGR" + b"\xff" * 100_000)
    assert follower.read_all() == [1, 2, 3]
    looks: list[int] = []
    real = os.pread

    def counted(file: int, size: int, offset: int) -> bytes:
        looks.append(offset)
        return real(file, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    for _ in range(100):
        assert follower.read() == []
    assert len(looks) == 200


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("remove", "does not continue the segment before it"),
        ("swap", "is of another generation"),
        ("rename", "begins with number"),
        ("header", "checksum is wrong"),
        ("noise", "the record header is cut off"),
        ("version", "format version 9"),
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_segments_that_do_not_belong_are_refused(
    tmp_path: Path,
    spoil: str,
    message: str,
    live: bool,
    reader: Callable[..., Reader],
) -> None:
    folder = tmp_path / "log"
    for name in ("log", "other"):
        writer = Writer(tmp_path / name, segment_bytes=300)
        writer.append(*[2] * 12)
        writer.log.close()
    paths = segments(folder)
    follower = reader()
    if live:
        follower.read(1)
    if spoil == "remove":
        paths[1].unlink()
    elif spoil == "swap":
        shutil.copyfile(tmp_path / "other" / paths[1].name, paths[1])
    elif spoil == "rename":
        paths[1].rename(folder / f"{6:020}.log")
    elif spoil == "header":
        data = bytearray(paths[1].read_bytes())
        data[20] ^= 1
        paths[1].write_bytes(data)
    elif spoil == "noise":
        with paths[0].open("ab") as file:
            file.write(b"noise")
    else:
        head = bytearray(paths[1].read_bytes())
        head[8] = 9
        head[56:60] = (tail_checksum(bytes(head[:56]))).to_bytes(4, "little")
        paths[1].write_bytes(head)
    with pytest.raises(CorruptLog, match=message):
        follower.read_all()
    with pytest.raises(CorruptLog, match=message):
        follower.read_all()


def tail_checksum(data: bytes) -> int:
    import google_crc32c

    return int(google_crc32c.value(data))


def test_a_log_of_somebody_else_is_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.append(1)
    for kind, owner in ((LogKind.COMMANDS, OWNER), (KIND, OWNER + 1)):
        tail = LogTail(tmp_path, kind, owner)
        with pytest.raises(
            CorruptLog, match=f"belongs to EVENTS 3, not to {kind.name}"
        ):
            tail.read()
        tail.close()
    writer.log.close()


def test_what_was_taken_away_is_not_skipped(tmp_path: Path) -> None:
    writer = Writer(tmp_path, segment_bytes=300)
    writer.append(*[2] * 12)
    writer.log.close()
    first, second, *_ = segments(tmp_path)
    first.unlink()
    begin = int(second.stem)
    tail = LogTail(tmp_path, KIND, OWNER, begin - 2)
    with pytest.raises(CorruptLog, match=f"begins with number {begin}: number"):
        tail.read()
    tail.close()
    tail = LogTail(tmp_path, KIND, OWNER, begin - 1)
    assert tail.read()[0].first == begin
    tail.close()


# -- limits ----------------------------------------------------------------------------


def test_what_one_call_gives_is_bounded(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    writer = Writer(tmp_path / "log", segment_bytes=5000)
    writer.append(*[10] * 100, 1000, *[10] * 100)
    for bytes_max in (1, 79, 80, 81, 800, 8000, 1 << 20):
        follower = reader()
        while records := follower.read(bytes_max):
            size = sum(len(record.payload) for record in records)
            assert size <= bytes_max or len(records) == 1
        assert follower.items == list(range(1, 3001))
    writer.log.close()


@pytest.mark.parametrize("size", [0, 1, 8, 1000])
def test_records_across_what_is_read_at_a_time(
    tmp_path: Path,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
    reader: Callable[..., Reader],
) -> None:
    monkeypatch.setattr(tail_module, "READ_BYTES", 256)
    writer, follower = Writer(tmp_path / "log"), reader()
    for count in (1, size + 1, 24, 25, 23, 500, 1):
        writer.append(count)
        assert len(follower.read()) == 1
    assert follower.items == list(range(1, writer.log.last + 1))
    writer.log.close()


def test_an_intact_record_is_found_across_what_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Callable[..., Reader]
) -> None:
    for size in range(65, 200, 3):
        monkeypatch.setattr(tail_module, "READ_BYTES", size)
        folder = tmp_path / str(size)
        _, place = damaged(folder, 5, 70)
        follower = reader(folder=folder)
        with pytest.raises(CorruptLog, match="an intact record follows") as caught:
            follower.read_all()
        assert caught.value.offset == place
        assert follower.items == list(range(1, 11))


# -- the end ---------------------------------------------------------------------------


def test_the_end_is_known_without_reading(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    end = LogEnd(folder)
    assert end.last() == 0
    writer = Writer(folder, segment_bytes=400)
    assert end.last() == 0
    for number in range(50):
        writer.append(1 + number % 7)
        assert end.last() == writer.log.last == LogEnd(folder).last()
    writer.log.close()
    folder.rename(tmp_path / "aside")
    assert end.last() == 0
    writer = Writer(folder)
    writer.append(4)
    assert end.last() == 4
    writer.log.close()


def test_a_long_way_to_the_end_takes_several_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_module, "READ_BYTES", 256)
    monkeypatch.setattr(end_module, "READ_BYTES_MAX", 1000)
    writer, end = Writer(tmp_path), LogEnd(tmp_path)
    writer.append(*[2] * 100)
    found = [end.last() for _ in range(100)]
    assert 0 < found[0] < 30
    assert found == sorted(found)
    assert found[-1] == 200
    writer.log.close()


def test_the_end_of_a_file_that_was_replaced_unseen(tmp_path: Path) -> None:
    """The system may give a new file the number of an old one."""
    writer, end = Writer(tmp_path / "log"), LogEnd(tmp_path / "log")
    writer.append(5, 5)
    assert end.last() == 10
    writer.log.close()
    other = Writer(tmp_path / "other")
    other.append(*[3] * 9)
    other.log.close()
    shutil.copyfile(segments(tmp_path / "other")[0], segments(tmp_path / "log")[0])
    end.last()
    assert end.last() == 27


# -- a real writer ---------------------------------------------------------------------

WRITE = """
import random, sys
from pathlib import Path
from engine.journal import LogKind, RecordLog
log = RecordLog(Path(sys.argv[1]), LogKind.EVENTS, 3, segment_bytes=4_000_000)
print("ready", flush=True)
draw = random.Random()
while True:
    first, count = log.last + 1, draw.choice((1, 1, 1, 30, 1000, 60_000))
    numbers = range(first, first + count)
    log.append(b"".join(n.to_bytes(8, "big") for n in numbers), count, first)
"""


def test_a_writer_is_killed_while_it_is_followed(
    tmp_path: Path, reader: Callable[..., Reader]
) -> None:
    folder = tmp_path / "log"
    follower, draw = reader(), random.Random()
    kills = written = 0
    while kills < 12 or written <= 60_000:
        kills += 1
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(folder)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        end = time.monotonic() + draw.uniform(0.02, 0.2)
        while time.monotonic() < end:
            follower.read(draw.choice((100, 100_000, 1 << 20)))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        log = RecordLog(folder, KIND, OWNER)
        log.close()
        written = log.last
    assert follower.read_all() == list(range(1, written + 1))
    assert follower.tail.rewinds == 0
