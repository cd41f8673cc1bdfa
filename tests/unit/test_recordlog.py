"""Logs on disk: what is written is read, what is damaged is never taken for good."""

from __future__ import annotations

import errno
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import pytest

from engine.journal import (
    CorruptLog,
    DurabilityLost,
    LogKind,
    LogRecord,
    RecordLog,
    filler,
)
from engine.journal import recordlog as module
from engine.journal.format import (
    NO_HASH,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    header_hash,
    pack_record,
    read_record,
)

ROOT = Path(__file__).parents[2]
OWNER = 3
CHECKED_HEADER_BYTES = 60
"""The part of a segment header that its checksum covers, with the checksum."""


def opened(folder: Path, **options: Any) -> RecordLog:
    return RecordLog(folder, LogKind.COMMANDS, OWNER, **options)


def stored(folder: Path) -> list[LogRecord]:
    """What a fresh opening of the log finds."""
    log = opened(folder)
    records = list(log.read(1))
    log.close()
    return records


def refusal(folder: Path) -> CorruptLog:
    with pytest.raises(CorruptLog) as caught:
        opened(folder)
    assert str(caught.value) == (
        f"{caught.value.path}: byte {caught.value.offset}: {caught.value.reason}"
    )
    return caught.value


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def places(data: bytes) -> list[int]:
    """Where the records of a segment begin, and where the last one ends."""
    found, offset = [SEGMENT_HEADER_BYTES], SEGMENT_HEADER_BYTES
    while not isinstance(one := read_record(data, offset), str):
        offset = one[2]
        found.append(offset)
    return found


def rewrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """For walks over thousands of recoveries, none of which is about the sync."""
    monkeypatch.setattr(os, "fdatasync", lambda file: None)
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture(autouse=True)
def _fillers_end() -> Iterator[None]:
    """No thread goes on writing into a file of the next test."""
    yield
    wait_for_filler()


def wait_for_filler() -> None:
    deadline = time.monotonic() + 30
    while any(thread.name == "preallocate" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def fill(folder: Path, sizes: list[int], seed: int = 1, **options: Any) -> list[bytes]:
    """A log of records with payloads of these sizes; the payloads."""
    draw = random.Random(seed)
    payloads = [draw.randbytes(size) for size in sizes]
    log = opened(folder, **options)
    for number, payload in enumerate(payloads):
        log.append(payload, 1 + number % 3, 1000 + number)
        log.commit()
    log.close()
    return payloads


# -- writing and reading ---------------------------------------------------------------


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    log = opened(tmp_path / "new" / "folder")
    assert (log.last, log.durable, list(log.read(1))) == (0, 0, [])
    assert log.append(b"one", 1, 11) == 1
    assert log.append(b"", 2, 12) == 2
    assert log.append(b"x" * 100, 3, 13) == 4
    assert log.last == 6
    records = list(log.read(1))
    assert [(r.first, r.count, r.last, r.stamp, r.payload) for r in records] == [
        (1, 1, 1, 11, b"one"),
        (2, 2, 3, 12, b""),
        (4, 3, 6, 13, b"x" * 100),
    ]
    log.close()
    assert stored(tmp_path / "new" / "folder") == records


@pytest.mark.parametrize("preallocate", [False, True])
def test_reading_begins_with_the_record_that_holds_the_number(
    tmp_path: Path, preallocate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INDEX_EVERY_BYTES", 300)
    monkeypatch.setattr(filler, "PREALLOCATION_BYTES", 1024)
    options = {"preallocate": preallocate, "segment_bytes": 3000}
    log = opened(tmp_path, **options)
    firsts = []
    for number in range(120):
        firsts.append(
            log.append(bytes([number]) * (number % 90), 1 + number % 4, number)
        )
    for reading in (log, opened(tmp_path / "other", **options)):
        if reading is not log:
            reading.close()
            log.close()
            reading = opened(tmp_path, **options)
        assert len(files(tmp_path)) > 3
        for wanted in range(1, reading.last + 1):
            begin = bisect_right(firsts, wanted) - 1
            assert [r.first for r in reading.read(wanted)] == firsts[begin:]
        assert list(reading.read(reading.last + 1)) == []
        reading.close()


def test_a_read_ends_where_the_log_ended_when_it_began(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(b"a", 1, 1)
    log.append(b"b", 1, 2)
    reading = log.read(1)
    assert next(reading).payload == b"a"
    log.append(b"c", 1, 3)
    assert [record.payload for record in reading] == [b"b"]
    assert [record.payload for record in log.read(3)] == [b"c"]
    log.close()


def test_bytes_are_read_by_their_place(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=400)
    written = []
    for number in range(20):
        log.append(b"head" + b"%03d" % number, 1, number)
        written.append(log.last_payload_place)
    assert [log.read_bytes(p + 4, 3) for p in written] == [
        b"%03d" % n for n in range(20)
    ]
    assert [place for _, place in log.read_with_places()] == written
    log.close()
    log = opened(tmp_path, segment_bytes=400)
    assert [place for _, place in log.read_with_places()] == written
    assert log.read_bytes(written[7], 7) == b"head007"
    log.close()


@pytest.mark.parametrize("size", [(1 << 20) - 64, 1 << 20, (2 << 20) + 8, 7 << 20])
def test_a_large_record_does_not_end_a_read(tmp_path: Path, size: int) -> None:
    """All day orders of a shard may expire in one record."""
    log = opened(tmp_path)
    log.append(b"before", 1, 1)
    log.append(bytes(size), 1, 2)
    log.append(b"behind", 1, 3)
    assert [record.first for record in log.read(1)] == [1, 2, 3]
    assert [record.first for record, _ in log.read_with_places()] == [1, 2, 3]
    log.close()
    assert [record.first for record in stored(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("count", [0, 1])
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record without items, or longer than a reader believes, would be damage."""
    for name in ("format", "recordlog"):
        limit = f"engine.journal.{name}.PAYLOAD_BYTES_MAX"
        monkeypatch.setattr(limit, 100, raising=False)
    log = opened(tmp_path)
    log.append(b"before", 1, 1)
    try:
        log.append(bytes(101), count, 2)
    except ValueError:
        pass
    finally:
        log.append(b"behind", 1, 3)
        log.close()
    assert [record.payload for record in stored(tmp_path)] == [b"before", b"behind"]


# -- segments --------------------------------------------------------------------------


def test_a_segment_is_closed_before_it_grows_too_long(tmp_path: Path) -> None:
    fill(tmp_path, [40] * 30, segment_bytes=1000)
    paths = files(tmp_path)
    records = stored(tmp_path)
    assert len(paths) == 4
    assert all(path.stat().st_size <= 1000 for path in paths)
    numbers = [int(path.stem) for path in paths]
    assert numbers[0] == 1
    assert set(numbers) <= {record.first for record in records}
    headers = [SegmentHeader.unpack(path.read_bytes(), path) for path in paths]
    assert [header.first for header in headers] == numbers
    assert {(h.kind, h.owner, h.generation) for h in headers} == {
        (LogKind.COMMANDS, OWNER, headers[0].generation)
    }
    assert headers[0].previous == NO_HASH
    for path in paths[1:]:
        first = read_record(path.read_bytes(), SEGMENT_HEADER_BYTES)
        assert not isinstance(first, str)
        assert first[0].previous == header_hash(path.read_bytes()[:64])
    for before, header in zip(paths, headers[1:], strict=False):
        data, place = before.read_bytes(), SEGMENT_HEADER_BYTES
        while not isinstance(found := read_record(data, place), str):
            _, last, place = found
        assert header.previous == last


def test_a_segment_is_on_disk_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path, segment_bytes=300)
    log.append(bytes(100), 1, 1)
    log.append(bytes(100), 1, 2)
    assert log.durable == 1
    log.close()
    assert log.durable == 2


def test_a_log_goes_on_over_many_openings(tmp_path: Path) -> None:
    for number in range(40):
        log = opened(tmp_path, preallocate=number % 2 == 0, segment_bytes=700)
        assert log.last == log.durable == number
        assert (log.recovery.records, log.recovery.last) == (number, number)
        assert (log.recovery.first, log.recovery.torn_at) == (1, "")
        log.append(b"%d" % number, 1, number)
        log.close()
    assert [record.payload for record in stored(tmp_path)] == [
        b"%d" % number for number in range(40)
    ]


def test_the_durable_mark_is_the_last_commit_before_the_record(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(b"a", 2, 1)
    log.append(b"b", 1, 2)
    log.commit()
    log.append(b"c", 4, 3)
    log.append(b"d", 1, 4)
    log.commit()
    log.close()
    log = opened(tmp_path)
    log.append(b"e", 1, 5)
    assert [record.durable for record in log.read(1)] == [0, 0, 3, 3, 8]
    log.close()


# -- preallocation ---------------------------------------------------------------------


def test_zeros_are_written_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filler, "PREALLOCATION_BYTES", 4096)
    log = opened(tmp_path, preallocate=True)
    for number in range(300):
        log.append(bytes([255]) * 50, 1, number)
        log.commit()
    log.close()
    size = files(tmp_path)[0].stat().st_size
    used = SEGMENT_HEADER_BYTES + 300 * (RECORD_HEADER_BYTES + 56)
    assert used < size <= used + 2 * 4096
    assert len(stored(tmp_path)) == 300


@pytest.mark.parametrize("seed", range(6))
def test_appends_that_overtake_the_filler_lose_nothing(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    sync = os.fdatasync

    def slow(file: int) -> None:
        if threading.current_thread().name == "preallocate":
            time.sleep(draw.choice((0, 0, 0.001, 0.004)))
        sync(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    monkeypatch.setattr(filler, "PREALLOCATION_BYTES", 2048)
    payloads = []
    log = opened(tmp_path, preallocate=True, segment_bytes=60_000)
    for number in range(600):
        size = draw.choice((0, 8, 100, 500, 1500, 9000 if number % 50 == 0 else 40))
        payloads.append(draw.randbytes(size))
        log.append(payloads[-1], 1, number)
        if draw.random() < 0.2:
            log.commit()
        if number % 200 == 150:
            log.close()
            log = opened(tmp_path, preallocate=True, segment_bytes=60_000)
    assert [record.payload for record in log.read(1)] == payloads
    log.close()
    assert [record.payload for record in stored(tmp_path)] == payloads


# -- a log cut at every byte -----------------------------------------------------------


class Sample(NamedTuple):
    """A log of 200 records in several segments, and what is in it."""

    segments: list[tuple[str, bytes]]
    records: list[LogRecord]
    ends: list[int]
    """Where in all segments together each record's payload ends."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    draw = random.Random(2)
    sizes = [draw.choice((0, 3, 8, 21, 40, 77)) for _ in range(200)]
    fill(folder, sizes, segment_bytes=5000)
    segments = [(path.name, path.read_bytes()) for path in files(folder)]
    records = stored(folder)
    ends, base = [], 0
    for _, data in segments:
        for start in places(data)[:-1]:
            (length,) = struct.unpack_from("<I", data, start + 4)
            ends.append(base + start + RECORD_HEADER_BYTES + length)
        base += len(data)
    assert len(ends) == len(records) == 200
    assert len(segments) >= 4
    return Sample(segments, records, ends)


def in_header(data: bytes, cut: int) -> bool:
    """Whether a cut leaves a checksum that cannot be told from a whole header."""
    return CHECKED_HEADER_BYTES <= cut < SEGMENT_HEADER_BYTES and bool(data)


@pytest.mark.timeout(180)  # 18,000 recoveries
@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("zeros", [False, True], ids=["cut", "zeroed"])
def test_a_log_cut_at_any_byte_keeps_every_whole_record(
    tmp_path: Path, sample: Sample, zeros: bool
) -> None:
    """The four cuts behind a header's checksum have a test of their own."""
    base, cuts = 0, 0
    before = sample.segments[0]
    for number, (name, whole) in enumerate(sample.segments):
        for cut in range(len(whole) + 1):
            if in_header(whole, cut) and not zeros:
                continue
            data = whole[:cut]
            if zeros:
                data += bytes(len(whole) - cut)
            rewrite(tmp_path / name, data)
            kept = bisect_right(sample.ends, base + cut)
            if zeros:
                while kept < len(sample.ends) and (
                    sample.ends[kept] <= base + len(whole)
                    and not any(whole[cut : sample.ends[kept] - base])
                ):
                    kept += 1
            check_recovered(tmp_path, sample, kept, cut, thorough=cut % 32 == 0)
            cuts += 1
            for path in tmp_path.glob("*.log"):
                if path.name > name:
                    path.unlink()
            if number and cut < SEGMENT_HEADER_BYTES:
                rewrite(tmp_path / before[0], before[1])
        rewrite(tmp_path / name, whole)
        before = name, whole
        base += len(whole)
    assert cuts > 18_000


def check_recovered(
    folder: Path, sample: Sample, kept: int, cut: int, thorough: bool
) -> None:
    """The log holds the first ``kept`` records, says so, and goes on behind them."""
    log = opened(folder, segment_bytes=5000)
    last = sample.records[kept - 1].last if kept else 0
    assert (log.last, log.durable, log.recovery.records) == (last, last, kept), cut
    assert log.recovery.torn_at or not log.recovery.torn_bytes
    assert log.append(b"after the cut", 2, 5) == last + 1
    log.commit()
    (behind,) = log.read(log.last)
    assert behind.payload == b"after the cut"
    log.close()
    if thorough:
        assert stored(folder) == [*sample.records[:kept], behind], cut


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("cut", range(SEGMENT_HEADER_BYTES))
@pytest.mark.parametrize("segment", [0, 2])
def test_an_unfinished_header_at_the_end_is_trimmed(
    tmp_path: Path, sample: Sample, segment: int, cut: int
) -> None:
    for name, data in sample.segments[:segment]:
        rewrite(tmp_path / name, data)
    name, data = sample.segments[segment]
    rewrite(tmp_path / name, data[:cut])
    log = opened(tmp_path)
    kept = sum(len(places(data)) - 1 for _, data in sample.segments[:segment])
    assert log.recovery.records == kept
    assert log.recovery.torn_at.startswith(f"{tmp_path / name}: byte 0: ")
    log.append(b"goes on", 1, 1)
    log.close()
    assert len(stored(tmp_path)) == kept + 1


def test_what_was_trimmed_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, [16, 24, 32])
    (path,) = files(tmp_path)
    data = path.read_bytes()
    start = places(data)[2]
    rewrite(path, data[:-1] + bytes(1000))
    where = f"{path}: byte {start}: "
    log = opened(tmp_path)
    assert log.recovery.torn_at == where + "the record's checksum is wrong"
    assert log.recovery.torn_bytes == len(data[start:-1].rstrip(b"\0"))
    assert path.stat().st_size == start
    log.close()
    rewrite(path, data[: start + 20])
    log = opened(tmp_path)
    assert log.recovery.torn_at == where + "the record header is cut off"
    log.close()
    rewrite(path, data[: start + 70])
    log = opened(tmp_path)
    assert log.recovery.torn_at == where + "the record's payload is cut off"
    log.close()


# -- a bit that flipped ----------------------------------------------------------------


@pytest.mark.timeout(180)  # 10 s on an idle machine
@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("preallocated", [0, 64])
def test_no_flipped_bit_is_taken_for_good(tmp_path: Path, preallocated: int) -> None:
    """Padding has a test of its own: nothing covers it."""
    fill(tmp_path, [0, 8, 40, 16, 88, 32, 0, 64, 24, 8] * 2, segment_bytes=900)
    paths = files(tmp_path)
    assert len(paths) >= 3
    rewrite(paths[-1], paths[-1].read_bytes() + bytes(preallocated))
    clean = [path.read_bytes() for path in paths]
    total = len(stored(tmp_path))
    flips = trimmed = refused = 0
    for path, data in zip(paths, clean, strict=True):
        begins = places(data)
        final = path == paths[-1]
        for bit in range(8 * len(data)):
            if CHECKED_HEADER_BYTES <= bit // 8 < SEGMENT_HEADER_BYTES:
                continue
            hurt = bytearray(data)
            hurt[bit // 8] ^= 1 << bit % 8
            rewrite(path, bytes(hurt))
            number = bisect_right(begins, bit // 8) - 1
            where = begins[number] if number >= 0 else 0
            flips += 1
            error = None
            try:
                log = opened(tmp_path)
            except CorruptLog as refused_with:
                error = refused_with
            if error is not None:
                assert error.path == str(path)
                assert error.offset == where or (error.offset, where) == (8, 0)
                assert not final or number < len(begins) - 2, (path, bit)
                refused += 1
                continue
            assert final
            assert number >= len(begins) - 2, (path, bit)
            assert log.recovery.torn_at.startswith(f"{path}: byte {where}: ")
            lost = 1 if number == len(begins) - 2 else 0
            assert log.recovery.records == total - lost
            log.close()
            trimmed += 1
        rewrite(path, data)
    assert flips > 15_000
    assert trimmed > 500
    assert flips == refused + trimmed


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("where", ["segment header", "record"])
def test_a_flipped_bit_of_padding_is_noticed(tmp_path: Path, where: str) -> None:
    fill(tmp_path, [13, 13, 13])
    (path,) = files(tmp_path)
    data = path.read_bytes()
    begin = places(data)[0] + RECORD_HEADER_BYTES + 13
    span = range(begin, begin + 3)
    if where == "segment header":
        span = range(CHECKED_HEADER_BYTES, SEGMENT_HEADER_BYTES)
    for bit in range(8 * span.start, 8 * span.stop):
        hurt = bytearray(data)
        hurt[bit // 8] ^= 1 << bit % 8
        rewrite(path, bytes(hurt))
        refusal(tmp_path)


@pytest.mark.usefixtures("no_sync")
def test_no_garbled_page_is_taken_for_good(tmp_path: Path) -> None:
    """Many bytes at once, zeros or noise, anywhere but over the last record."""
    fill(tmp_path, [40] * 40, segment_bytes=2500)
    paths = files(tmp_path)
    clean = [path.read_bytes() for path in paths]
    draw = random.Random(4)
    for _ in range(2000):
        at = draw.randrange(len(paths))
        data = clean[at]
        end = len(data) if at < len(paths) - 1 else places(data)[-2]
        begin = draw.randrange(end)
        size = min(draw.choice((1, 4, 16, 64, 512)), end - begin)
        hurt = draw.randbytes(size) if draw.random() < 0.5 else bytes(size)
        covered = data[:CHECKED_HEADER_BYTES], data[SEGMENT_HEADER_BYTES:]
        damaged = data[:begin] + hurt + data[begin + size :]
        if (damaged[:CHECKED_HEADER_BYTES], damaged[SEGMENT_HEADER_BYTES:]) == covered:
            continue
        rewrite(paths[at], damaged)
        assert refusal(tmp_path).path in (str(paths[at]), str(paths[-1]))
        rewrite(paths[at], data)


# -- records and segments in the wrong place -------------------------------------------


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A log of 20 records, all of one size, in 4 segments."""
    folder = tmp_path / "whole"
    log = opened(folder, segment_bytes=700)
    for number in range(20):
        log.append(b"%08d" % number * 7, 1, number)
    log.close()
    assert len(files(folder)) >= 3
    return folder


def parts(path: Path) -> list[bytes]:
    """A segment in pieces: its header, its records."""
    data = path.read_bytes()
    cuts = [0, *places(data)]
    return [data[begin:end] for begin, end in pairwise(cuts)]


def test_swapped_records(whole: Path) -> None:
    path = files(whole)[1]
    head, one, two, *rest = parts(path)
    rewrite(path, b"".join([head, two, one, *rest]))
    error = refusal(whole)
    assert (error.path, error.offset) == (str(path), SEGMENT_HEADER_BYTES)
    assert error.reason == "the hash chain is broken"


@pytest.mark.parametrize("segment", [0, -1])
def test_a_record_that_is_there_twice(whole: Path, segment: int) -> None:
    path = files(whole)[segment]
    *rest, last = parts(path)
    rewrite(path, b"".join([*rest, last, last]))
    error = refusal(whole)
    assert (error.path, error.reason) == (str(path), "the hash chain is broken")
    assert error.offset == len(b"".join([*rest, last]))


def test_a_record_that_is_missing(whole: Path) -> None:
    path = files(whole)[-1]
    head, one, _, *rest = parts(path)
    rewrite(path, b"".join([head, one, *rest]))
    assert refusal(whole).reason == "the hash chain is broken"


def test_a_number_out_of_turn(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(b"a", 1, 1)
    log.close()
    (path,) = files(tmp_path)
    data = path.read_bytes()
    found = read_record(data, SEGMENT_HEADER_BYTES)
    assert not isinstance(found, str)
    behind, _ = pack_record(5, 1, 2, 1, found[1], b"b")
    rewrite(path, data + behind)
    error = refusal(tmp_path)
    assert (error.offset, error.reason) == (len(data), "number 5 after 1")


OTHERS = {
    "owner": (LogKind.COMMANDS, 4),
    "kind": (LogKind.EVENTS, OWNER),
    "generation": (LogKind.COMMANDS, OWNER),
}


def other_log(folder: Path, kind: LogKind, owner: int) -> Path:
    log = RecordLog(folder, kind, owner, segment_bytes=700)
    for number in range(20):
        log.append(b"%08d" % (number + 100) * 7, 1, number)
    log.close()
    return folder


@pytest.mark.parametrize("number", [2, 5])
@pytest.mark.parametrize("what", OTHERS)
def test_a_record_of_another_log(
    tmp_path: Path, whole: Path, what: str, number: int
) -> None:
    other = files(other_log(tmp_path / "other", *OTHERS[what]))[1]
    path = files(whole)[1]
    mixed = parts(path)
    mixed[number] = parts(other)[number]
    rewrite(path, b"".join(mixed))
    error = refusal(whole)
    assert (error.path, error.reason) == (str(path), "the hash chain is broken")


@pytest.mark.parametrize("what", OTHERS)
def test_the_first_records_of_another_log(
    tmp_path: Path, whole: Path, what: str
) -> None:
    """They continue from nothing, as the first records of this log did."""
    other = files(other_log(tmp_path / "other", *OTHERS[what]))[0]
    for path in files(whole)[1:]:
        path.unlink()
    path = files(whole)[0]
    rewrite(path, b"".join([parts(path)[0], *parts(other)[1:]]))
    refusal(whole)


@pytest.mark.parametrize("segment", [0, 1, -1])
@pytest.mark.parametrize("what", OTHERS)
def test_a_segment_of_another_log(
    tmp_path: Path, whole: Path, what: str, segment: int
) -> None:
    other = files(other_log(tmp_path / "other", *OTHERS[what]))
    path = files(whole)[segment]
    shutil.copy(other[segment], path)
    error = refusal(whole)
    if what == "generation" and segment == 0:
        # Nothing is wrong with the first one: the second does not belong to it.
        path = files(whole)[1]
        assert error.reason == "is of another generation of this log"
    elif what == "generation":
        assert error.reason == "is of another generation of this log"
    else:
        kind, owner = OTHERS[what]
        assert error.reason == (
            f"belongs to {kind.name} {owner}, not to COMMANDS {OWNER}"
        )
    assert (error.path, error.offset) == (str(path), 0)


def test_a_stale_copy_of_a_segment(whole: Path) -> None:
    path = files(whole)[1]
    *most, _ = parts(path)
    rewrite(path, b"".join(most))
    error = refusal(whole)
    assert error.path == str(files(whole)[2])
    assert error.reason == "does not continue the segment before it"


def test_a_missing_segment(whole: Path) -> None:
    files(whole)[1].unlink()
    error = refusal(whole)
    assert error.path == str(files(whole)[1])
    assert error.reason == "does not continue the segment before it"


def test_a_missing_first_segment_shows_in_the_report(whole: Path) -> None:
    """Older segments may be taken away; whether they may be missing is the owner's."""
    files(whole)[0].unlink()
    log = opened(whole)
    assert log.recovery.first == int(files(whole)[0].stem) > 1
    assert [r.first for r in log.read(1)] == list(range(log.recovery.first, 21))
    log.append(b"", 1, 99)
    log.close()
    assert stored(whole)[-1].first == 21


@pytest.mark.parametrize("size", [0, 30, 61])
@pytest.mark.parametrize("segment", [0, 1])
def test_a_cut_header_before_the_end(whole: Path, segment: int, size: int) -> None:
    path = files(whole)[segment]
    rewrite(path, path.read_bytes()[:size])
    error = refusal(whole)
    assert (error.path, error.offset) == (str(path), 0)
    assert error.reason == "the segment header is cut off"


@pytest.mark.parametrize("size", [0, 5000])
def test_an_empty_segment_at_the_end_is_taken_away(whole: Path, size: int) -> None:
    path = whole / f"{21:020}.log"
    rewrite(path, bytes(size))
    log = opened(whole)
    assert log.last == 20
    assert log.recovery.torn_at == f"{path}: byte 0: unfinished header"
    assert not path.exists()
    log.close()


def test_an_empty_segment_that_is_all_there_is(tmp_path: Path) -> None:
    rewrite(tmp_path / f"{1:020}.log", b"")
    log = opened(tmp_path)
    assert log.append(b"a", 1, 1) == 1
    log.close()
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize("checksum_ends_in_zero", [False, True])
def test_a_segment_without_records_is_continued(
    tmp_path: Path, checksum_ends_in_zero: bool
) -> None:
    for number in range(2000):
        generation = number.to_bytes(16, "little")
        header = SegmentHeader(LogKind.COMMANDS, OWNER, 1, generation, NO_HASH).pack()
        if (header[CHECKED_HEADER_BYTES - 1] == 0) is checksum_ends_in_zero:
            break
    path = tmp_path / f"{1:020}.log"
    rewrite(path, header)
    log = opened(tmp_path)
    assert log.recovery.torn_at == ""
    log.append(b"a", 1, 1)
    log.close()
    assert path.read_bytes()[:SEGMENT_HEADER_BYTES] == header


def test_no_log_at_all(tmp_path: Path) -> None:
    path = tmp_path / f"{1:020}.log"
    rewrite(path, b"8=FIX.4.4|9=12|35=0|" * 10)
    assert refusal(tmp_path).reason == "this is no log segment"


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (8, 2, "format version 2, this build reads 1"),
        (10, 9, "log kind 9, this build knows 1 to 3"),
    ],
)
def test_a_log_of_a_later_build(
    tmp_path: Path, offset: int, value: int, reason: str
) -> None:
    header = SegmentHeader(LogKind.COMMANDS, OWNER, 1, bytes(16), NO_HASH).pack()
    bare = bytearray(header[: CHECKED_HEADER_BYTES - 4])
    struct.pack_into("<H", bare, offset, value)
    sealed = bytes(bare) + struct.pack("<I", google_crc32c.value(bytes(bare)))
    rewrite(tmp_path / f"{1:020}.log", sealed + bytes(4))
    error = refusal(tmp_path)
    if offset == 8:
        assert (error.offset, error.reason) == (8, reason)


# -- a disk that fails -----------------------------------------------------------------


class Disk:
    """Fails the calls it is told to; counts those it failed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails = 0
        self.sync_errors: list[int] = []
        self.only_thread: str | None = None
        self.write_limit = 1 << 40
        self.bytes_left = 1 << 40
        self._sync, self._pwrite = os.fdatasync, os.pwrite
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def fdatasync(self, file: int) -> None:
        thread = threading.current_thread().name
        if self.sync_errors and self.only_thread in (None, thread):
            self.fails += 1
            raise OSError(self.sync_errors.pop(0), "injected")
        self._sync(file)

    def pwrite(self, file: int, data: bytes | memoryview, offset: int) -> int:
        if self.bytes_left <= 0:
            self.fails += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = min(len(data), self.write_limit, self.bytes_left)
        self.bytes_left -= size
        return self._pwrite(file, memoryview(data)[:size], offset)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def append_and_commit(log: RecordLog, times: int = 1) -> None:
    for number in range(times):
        log.append(b"%06d" % number * 8, 1, number)
        log.commit()


def test_a_failed_sync_acknowledges_nothing(tmp_path: Path, disk: Disk) -> None:
    log = opened(tmp_path)
    log.append(b"a", 1, 1)
    log.commit()
    log.append(b"b", 1, 2)
    disk.sync_errors = [errno.EIO]
    with pytest.raises(DurabilityLost, match=r"0001\.log: sync: .*injected"):
        log.commit()
    assert log.durable == 1
    assert disk.fails == 1


def test_a_failed_sync_is_final(tmp_path: Path, disk: Disk) -> None:
    """The kernel reports a lost page once: the next sync would succeed without it."""
    log = opened(tmp_path)
    log.append(b"a", 1, 1)
    disk.sync_errors = [errno.EIO]
    with pytest.raises(DurabilityLost):
        log.commit()
    with pytest.raises(DurabilityLost):
        log.commit()
    with pytest.raises(DurabilityLost):
        log.append(b"b", 1, 2)
    assert log.durable == 0


def test_a_failed_sync_of_the_filler_is_a_failed_sync(
    tmp_path: Path, disk: Disk
) -> None:
    """Both sync one open file, and the kernel reports a lost page to one of them."""
    disk.sync_errors, disk.only_thread = [errno.EIO], "preallocate"
    log = opened(tmp_path, preallocate=True)
    log.append(b"a", 1, 1)
    wait_for_filler()
    assert disk.fails == 1
    with pytest.raises(DurabilityLost):
        log.commit()
    assert log.durable == 0


def test_a_failed_sync_of_zeros_is_a_failed_sync(tmp_path: Path, disk: Disk) -> None:
    disk.sync_errors, disk.only_thread = [errno.EIO], threading.current_thread().name
    log = opened(tmp_path, preallocate=True)
    with pytest.raises(DurabilityLost):
        append_and_commit(log)
    assert disk.fails == 1
    assert log.durable == 0


def test_a_failed_sync_at_the_end_of_a_segment(tmp_path: Path, disk: Disk) -> None:
    log = opened(tmp_path, segment_bytes=300)
    log.append(bytes(100), 1, 1)
    disk.sync_errors = [errno.EIO]
    with pytest.raises(DurabilityLost):
        log.append(bytes(100), 1, 2)
    assert (log.last, log.durable) == (1, 0)
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("limit", [1, 7, 63, 64, 65])
def test_short_writes_are_continued(tmp_path: Path, disk: Disk, limit: int) -> None:
    disk.write_limit = limit
    payloads = fill(tmp_path, [0, 10, 100, 200], segment_bytes=300)
    disk.write_limit = 1 << 40
    assert [record.payload for record in stored(tmp_path)] == payloads


@pytest.mark.usefixtures("no_sync")
def test_a_disk_that_is_full_at_any_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of a record, and of the header of a new segment."""
    disk = Disk(monkeypatch)
    record = RECORD_HEADER_BYTES + 48
    second = SEGMENT_HEADER_BYTES + 2 * record
    runs = 0
    for space in range(second + SEGMENT_HEADER_BYTES + 2 * record):
        if space % second in range(CHECKED_HEADER_BYTES, SEGMENT_HEADER_BYTES):
            continue  # See the test of unfinished headers.
        folder = tmp_path / str(space)
        disk.bytes_left = space
        log = opened(folder, segment_bytes=320)
        with pytest.raises(DurabilityLost, match="No space left"):
            append_and_commit(log, 5)
        disk.bytes_left = 1 << 40
        committed = log.durable
        log = opened(folder)
        assert log.last == committed
        log.append(b"there is space again", 1, 9)
        log.close()
        assert len(stored(folder)) == committed + 1
        runs += 1
    assert disk.fails == runs > 500


@pytest.mark.parametrize("preallocate", [False, True])
def test_a_file_that_may_not_grow(tmp_path: Path, preallocate: bool) -> None:
    """The kernel's own refusal, in a process of its own: EFBIG after a short write."""
    script = f"""
import resource, sys
from pathlib import Path
from engine.journal import DurabilityLost, LogKind, RecordLog
log = RecordLog(Path(sys.argv[1]), LogKind.COMMANDS, {OWNER}, preallocate={preallocate})
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    while True:
        log.append(b"x" * 300, 1, 1)
        log.commit()
except DurabilityLost as error:
    print(log.durable, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=50,
        check=True,
    )
    committed, _, reason = done.stdout.partition(" ")
    assert "File too large" in reason
    records = stored(tmp_path)
    # Where zeros ahead could not be written, the last record is whole all the same.
    assert 0 <= len(records) - int(committed) <= (1 if preallocate else 0)
    if not preallocate:
        assert len(records) == (10_000 - SEGMENT_HEADER_BYTES) // 368
    assert all(record.payload == b"x" * 300 for record in records)


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    """Its folder may be another process's by now."""
    log = opened(tmp_path)
    log.append(b"a", 1, 1)
    log.close()
    before = [(path.name, path.read_bytes()) for path in files(tmp_path)]
    with pytest.raises((ValueError, DurabilityLost)):
        log.append(b"b", 1, 2)
    assert [(path.name, path.read_bytes()) for path in files(tmp_path)] == before
