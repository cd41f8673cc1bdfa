"""The gateway's memory over restarts and cuts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.journal import CorruptLog, RecordLog
from engine.journal.format import SEGMENT_HEADER_BYTES
from fixgw.session.numbers import Numbers
from fixgw.session.replay import StoredMessage
from fixgw.store import Outbox
from fixgw.store.sent import FILLED_MAX

GATEWAY = 3
BUYER, SELLER = 11, 12
NOW = 1_767_323_045_000_000_000
ALL = 1 << 40


@dataclass
class Known:
    """What an outbox should know."""

    numbers: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    messages: dict[int, list[StoredMessage]] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)


def known(outbox: Outbox) -> Known:
    """What it does know."""
    result = Known()
    for key in (BUYER, SELLER):
        numbers = outbox.numbers(key)
        result.numbers[key] = (
            numbers.next_in,
            numbers.next_out,
            numbers.epoch,
            numbers.window,
        )
        rows, through = outbox.read(key, 1, 100, ALL)
        assert through == 100
        result.messages[key] = rows
    result.taken = {shard: outbox.taken(shard) for shard in (0, 1)}
    return result


def message(outbox: Outbox, key: int, seq: int, *, admin: bool = False) -> None:
    outbox.add_message(key, seq, b"%d/%d" % (key, seq) * 3, admin)


def _first_logon(outbox: Outbox) -> None:
    message(outbox, BUYER, 1, admin=True)
    outbox.set_inbound(BUYER, 2)


def _event(outbox: Outbox) -> None:
    message(outbox, BUYER, 2)
    message(outbox, SELLER, 1)
    outbox.set_taken(0, 7)


def _other_shard(outbox: Outbox) -> None:
    message(outbox, SELLER, 2)
    outbox.set_taken(1, 4)
    outbox.set_inbound(SELLER, 9)


def _reset(outbox: Outbox) -> None:
    outbox.reset(BUYER, 2, 1_767_312_000)


def _reset_and_logon(outbox: Outbox) -> None:
    outbox.reset(BUYER, 3, 5)
    message(outbox, BUYER, 1, admin=True)
    outbox.set_inbound(BUYER, 2)


def _sent_then_reset_in_one_turn(outbox: Outbox) -> None:
    message(outbox, BUYER, 2)
    message(outbox, SELLER, 3)
    outbox.reset(BUYER, 4, 6)
    message(outbox, BUYER, 1, admin=True)
    message(outbox, BUYER, 2)
    outbox.set_taken(0, 9)


def _positions_only(outbox: Outbox) -> None:
    outbox.set_inbound(BUYER, 12)


def _big(outbox: Outbox) -> None:
    outbox.add_message(BUYER, 3, b"x" * 300, False)
    message(outbox, BUYER, 4)


def _set_out_and_sent(outbox: Outbox) -> None:
    outbox.set_next_out(BUYER, 40)
    message(outbox, BUYER, 40)
    outbox.set_next_out(SELLER, 1_000_000)


def _set_in_both_ways(outbox: Outbox) -> None:
    outbox.add_answered(BUYER, 15)
    outbox.set_next_in(BUYER, 7, 5)
    outbox.set_next_in(SELLER, 90, 2)


TURNS = [
    _first_logon,
    _event,
    _other_shard,
    _reset,
    _reset_and_logon,
    _sent_then_reset_in_one_turn,
    _positions_only,
    _big,
    _set_out_and_sent,
    _set_in_both_ways,
]


def text(key: int, seq: int) -> bytes:
    return b"%d/%d" % (key, seq) * 3


def test_what_is_known_after_each_turn(tmp_path: Path) -> None:
    """Written out by hand for the turns before _big: resets forget, others stay."""
    outbox = Outbox(tmp_path, GATEWAY)
    for turn in TURNS[: TURNS.index(_big)]:
        turn(outbox)
        outbox.flush(NOW)
    assert known(outbox) == Known(
        {BUYER: (12, 3, 4, 6), SELLER: (9, 4, 1, 0)},
        {
            BUYER: [
                StoredMessage(1, True, text(BUYER, 1)),
                StoredMessage(2, False, text(BUYER, 2)),
            ],
            SELLER: [StoredMessage(n, False, text(SELLER, n)) for n in (1, 2, 3)],
        },
        {0: 9, 1: 4},
    )
    outbox.close()


@pytest.mark.parametrize("turns", range(len(TURNS) + 1))
def test_a_restart_at_every_record_boundary(tmp_path: Path, turns: int) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    for turn in TURNS[:turns]:
        turn(outbox)
        outbox.flush(NOW)
    before = known(outbox)
    outbox.close()
    again = Outbox(tmp_path, GATEWAY)
    assert not again.recovery.torn_at
    assert known(again) == before
    for turn in TURNS[turns:]:
        turn(again)
        again.flush(NOW)
    after = known(again)
    again.close()
    last = Outbox(tmp_path, GATEWAY)
    assert known(last) == after
    last.close()


def log_file(folder: Path) -> Path:
    (path,) = folder.glob("*.log")
    return path


@pytest.mark.parametrize("turns", range(1, len(TURNS) + 1))
def test_a_cut_at_every_byte_of_the_last_record(tmp_path: Path, turns: int) -> None:
    """A record is there whole or not at all, and the outbox goes on from there."""
    folder = tmp_path / "whole"
    outbox = Outbox(folder, GATEWAY)
    sizes = [0]
    for turn in TURNS[:turns]:
        before = known(outbox)
        turn(outbox)
        outbox.flush(NOW)
        sizes.append(log_file(folder).stat().st_size)
    after = known(outbox)
    outbox.close()
    whole = log_file(folder).read_bytes()
    assert len(whole) == sizes[-1]
    for length in range(max(sizes[-2], SEGMENT_HEADER_BYTES), sizes[-1] + 1):
        cut = tmp_path / "cut"
        shutil.copytree(folder, cut)
        log_file(cut).write_bytes(whole[:length])
        survivor = Outbox(cut, GATEWAY)
        found = known(survivor)
        assert found in (before, after), f"cut at {length}"
        if length == sizes[-1]:
            assert found == after
        elif length < sizes[-1] - 8:  # a record is padded to 8 bytes
            assert found == before
        if found == before:
            TURNS[turns - 1](survivor)
            survivor.flush(NOW)
        assert known(survivor) == after
        survivor.close()
        shutil.rmtree(cut)


def test_a_cut_inside_the_header_of_a_new_log(tmp_path: Path) -> None:
    """Nothing was ever written behind it, so nothing is lost: it begins again."""
    refused = []
    for length in range(SEGMENT_HEADER_BYTES):
        folder = tmp_path / str(length)
        outbox = Outbox(folder, GATEWAY)
        _first_logon(outbox)
        outbox.flush(NOW)
        outbox.close()
        path = log_file(folder)
        path.write_bytes(path.read_bytes()[:length])
        try:
            Outbox(folder, GATEWAY).close()
        except CorruptLog:
            refused.append(length)
    assert not refused


def test_a_damaged_record_with_more_behind_it_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    for turn in TURNS[:3]:
        turn(outbox)
        outbox.flush(NOW)
    outbox.close()
    path = log_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptLog):
        Outbox(tmp_path, GATEWAY)


def test_another_gateways_log_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    _first_logon(outbox)
    outbox.flush(NOW)
    outbox.close()
    with pytest.raises(CorruptLog):
        Outbox(tmp_path, GATEWAY + 1)


def test_what_is_not_flushed_is_gone(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    _first_logon(outbox)
    outbox.flush(NOW)
    before = known(outbox)
    _event(outbox)
    outbox.close()
    again = Outbox(tmp_path, GATEWAY)
    assert known(again) == before
    again.close()


def test_a_flush_of_nothing_writes_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    outbox.flush(NOW)
    _first_logon(outbox)
    outbox.flush(NOW)
    size = log_file(tmp_path).stat().st_size
    outbox.flush(NOW)
    assert log_file(tmp_path).stat().st_size == size
    outbox.close()


def test_an_unknown_session_and_shard(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    assert outbox.numbers(99) == Numbers()
    assert outbox.taken(99) == 0
    assert outbox.read(99, 1, 5, ALL) == ([], 5)
    outbox.close()


def test_numbers_are_a_copy(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    outbox.numbers(BUYER).next_in = 50
    assert outbox.numbers(BUYER).next_in == 1
    outbox.close()


def test_numbers_are_as_of_the_last_flush(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    _first_logon(outbox)
    assert outbox.numbers(BUYER) == Numbers()
    outbox.flush(NOW)
    assert outbox.numbers(BUYER) == Numbers(2, 2)
    outbox.close()


def test_a_number_out_of_turn_is_a_bug(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    message(outbox, BUYER, 1)
    message(outbox, BUYER, 3)
    with pytest.raises(ValueError, match="message 3 after 1"):
        outbox.flush(NOW)
    outbox.close()


# -- reading ---------------------------------------------------------------------------


def ten(folder: Path) -> Outbox:
    """Ten messages of 100 bytes each for the buyer; some for the seller between."""
    outbox = Outbox(folder, GATEWAY)
    for seq in range(1, 11):
        outbox.add_message(BUYER, seq, b"%03d" % seq + b"." * 97, seq % 3 == 0)
        if seq % 2:
            message(outbox, SELLER, (seq + 1) // 2)
        if seq % 4 == 0:
            outbox.flush(NOW)
    outbox.flush(NOW)
    return outbox


@pytest.mark.parametrize("bytes_max", [1, 100, 101, 250, 300, 999, 1000, 1001, ALL])
@pytest.mark.parametrize(("begin", "end"), [(1, 10), (3, 7), (10, 10), (1, 1), (9, 14)])
def test_slices_are_the_whole(
    tmp_path: Path, begin: int, end: int, bytes_max: int
) -> None:
    """Each slice says how far it reaches; together they give everything once."""
    outbox = ten(tmp_path)
    rows: list[StoredMessage] = []
    cursor = begin
    while cursor <= end:
        some, through = outbox.read(BUYER, cursor, end, bytes_max)
        assert through >= cursor, "no progress"
        assert len(some) * 100 < bytes_max + 100, "a slice is about that long"
        assert all(cursor <= row.seq <= through for row in some)
        rows += some
        cursor = through + 1
    assert cursor == end + 1
    assert [row.seq for row in rows] == list(range(begin, min(end, 10) + 1))
    assert all(row.data.startswith(b"%03d" % row.seq) for row in rows)
    assert all(row.admin == (row.seq % 3 == 0) for row in rows)
    outbox.close()


def test_slices_after_a_restart(tmp_path: Path) -> None:
    outbox = ten(tmp_path)
    before = outbox.read(BUYER, 2, 9, 500)
    outbox.close()
    again = Outbox(tmp_path, GATEWAY)
    assert again.read(BUYER, 2, 9, 500) == before
    assert before[1] == 6
    again.close()


def test_two_sessions_do_not_mix(tmp_path: Path) -> None:
    outbox = ten(tmp_path)
    rows, _ = outbox.read(SELLER, 1, 5, ALL)
    assert [row.data for row in rows] == [text(SELLER, seq) for seq in range(1, 6)]
    outbox.reset(BUYER, 2, 0)
    outbox.flush(NOW)
    assert outbox.read(SELLER, 1, 5, ALL)[0] == rows
    assert outbox.read(BUYER, 1, 10, ALL) == ([], 10)
    outbox.close()


def test_messages_of_an_older_epoch_are_never_read(tmp_path: Path) -> None:
    outbox = ten(tmp_path)
    outbox.reset(BUYER, 2, 0)
    outbox.add_message(BUYER, 1, b"new", True)
    outbox.flush(NOW)
    for each in (outbox, None):
        if each is None:
            outbox.close()
            outbox = Outbox(tmp_path, GATEWAY)
        assert outbox.read(BUYER, 1, 10, ALL) == ([StoredMessage(1, True, b"new")], 10)
        assert outbox.numbers(BUYER) == Numbers(1, 2, 2, 0)
    outbox.close()


# -- numbers that an operator sets -----------------------------------------------------


def reopened(outbox: Outbox, folder: Path) -> Outbox:
    """The same after a restart."""
    outbox.flush(NOW)
    outbox.close()
    return Outbox(folder, GATEWAY)


def test_what_is_known_of_numbers_that_were_set(tmp_path: Path) -> None:
    """Written out by hand, before and after a restart."""
    outbox = Outbox(tmp_path, GATEWAY)
    for turn in TURNS:
        turn(outbox)
        outbox.flush(NOW)
    for _ in range(2):
        assert known(outbox).numbers == {
            BUYER: (7, 41, 5, 6),
            SELLER: (90, 1_000_000, 2, 0),
        }
        assert outbox.numbers(BUYER).answered == set()
        rows = known(outbox).messages
        assert [row.seq for row in rows[BUYER]] == [1, 2, 3, 4, 40]
        assert [row.seq for row in rows[SELLER]] == [1, 2, 3]
        outbox = reopened(outbox, tmp_path)
    outbox.close()


@pytest.mark.parametrize("bytes_max", [1, 250, ALL])
@pytest.mark.parametrize("skip", [20, 10**14])
def test_a_gap_is_read_over_in_no_time(
    tmp_path: Path, skip: int, bytes_max: int
) -> None:
    """However wide: a ResendRequest over it must not go through its numbers."""
    outbox = ten(tmp_path)
    outbox.set_next_out(BUYER, skip)
    outbox.add_message(BUYER, skip, b"behind", False)
    outbox.flush(NOW)
    for _ in range(2):
        rows: list[StoredMessage] = []
        cursor, calls = 8, 0
        while cursor <= skip + 5:
            some, through = outbox.read(BUYER, cursor, skip + 5, bytes_max)
            assert through >= cursor, "no progress"
            rows += some
            cursor, calls = through + 1, calls + 1
            assert calls < 10
        assert [row.seq for row in rows] == [8, 9, 10, skip]
        assert rows[-1].data == b"behind"
        assert outbox.read(BUYER, 11, skip - 1, ALL) == ([], skip - 1)
        assert outbox.numbers(BUYER).next_out == skip + 1
        outbox = reopened(outbox, tmp_path)
    outbox.close()


def test_gap_behind_gap(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    outbox.set_next_out(BUYER, 5)
    outbox.set_next_out(BUYER, 9)
    message(outbox, BUYER, 9)
    outbox.set_next_out(BUYER, 10)
    message(outbox, BUYER, 10)
    outbox.set_next_out(BUYER, 20)
    message(outbox, BUYER, 20)
    outbox = reopened(outbox, tmp_path)
    rows, _ = outbox.read(BUYER, 1, 30, ALL)
    assert [row.seq for row in rows] == [9, 10, 20]
    assert [row.seq for row in outbox.read(BUYER, 10, 19, ALL)[0]] == [10]
    outbox.close()


@pytest.mark.parametrize("seq", [1, 10])
def test_a_number_that_was_given_out_is_not_given_again(
    tmp_path: Path, seq: int
) -> None:
    outbox = ten(tmp_path)
    outbox.set_next_out(BUYER, seq)
    with pytest.raises(ValueError, match=f"next number {seq} after message 10"):
        outbox.flush(NOW)
    outbox.close()


def test_a_message_that_is_not_the_one_set_is_a_bug(tmp_path: Path) -> None:
    outbox = ten(tmp_path)
    outbox.set_next_out(BUYER, 20)
    message(outbox, BUYER, 11)
    with pytest.raises(ValueError, match="message 11 after 19"):
        outbox.flush(NOW)
    outbox.close()


def test_a_reset_forgets_what_was_set(tmp_path: Path) -> None:
    outbox = ten(tmp_path)
    outbox.set_next_out(BUYER, 20)
    outbox.set_next_in(BUYER, 30, 2)
    outbox.reset(BUYER, 3, 0)
    message(outbox, BUYER, 1)
    outbox = reopened(outbox, tmp_path)
    assert outbox.numbers(BUYER) == Numbers(1, 2, 3, 0)
    assert [row.seq for row in outbox.read(BUYER, 1, 30, ALL)[0]] == [1]
    outbox.close()


@pytest.mark.parametrize(
    ("change", "syncs"),
    [
        (_event, 0),
        (_positions_only, 0),
        (_reset, 1),
        (lambda outbox: outbox.set_next_in(BUYER, 7, 5), 1),
        (lambda outbox: outbox.set_next_out(BUYER, 7), 1),
    ],
    ids=["event", "inbound", "reset", "set in", "set out"],
)
def test_what_must_not_be_forgotten_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, syncs: int
) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    _first_logon(outbox)
    outbox.flush(NOW)
    calls: list[int] = []
    commit = RecordLog.commit

    def counted(log: RecordLog) -> None:
        calls.append(1)
        commit(log)

    monkeypatch.setattr(RecordLog, "commit", counted)
    change(outbox)
    outbox.flush(NOW)
    assert len(calls) == syncs
    _positions_only(outbox)
    outbox.flush(NOW)
    assert len(calls) == syncs
    outbox.close()


# -- messages that are not kept --------------------------------------------------------


def test_of_what_is_not_kept_the_numbers_survive(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    message(outbox, BUYER, 1)
    for seq in (2, 3, 4):
        outbox.add_unkept(BUYER, seq)
    outbox.add_unkept(SELLER, 1)
    message(outbox, BUYER, 5)
    outbox.add_unkept(BUYER, 6)
    outbox.flush(NOW)
    for _ in range(2):
        assert outbox.numbers(BUYER).next_out == 7
        assert outbox.numbers(SELLER).next_out == 2
        rows, through = outbox.read(BUYER, 1, 9, ALL)
        assert ([row.seq for row in rows], through) == ([1, 5], 9)
        assert outbox.read(BUYER, 2, 4, ALL) == ([], 4)
        assert outbox.read(SELLER, 1, 1, ALL) == ([], 1)
        outbox = reopened(outbox, tmp_path)
    # And what comes next has the next number.
    message(outbox, BUYER, 7)
    message(outbox, SELLER, 2)
    outbox.flush(NOW)
    assert [row.seq for row in outbox.read(BUYER, 1, 9, ALL)[0]] == [1, 5, 7]
    assert [row.seq for row in outbox.read(SELLER, 1, 9, ALL)[0]] == [2]
    outbox.close()


def test_many_that_are_not_kept_cost_one_entry_per_flush(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    for seq in range(1, 1001):
        outbox.add_unkept(BUYER, seq)
    outbox.flush(NOW)
    (record,) = list(outbox._log.read(1))
    assert len(record.payload) == 24
    outbox.close()


@pytest.mark.parametrize("gap", [1, FILLED_MAX, FILLED_MAX + 1])
def test_kept_and_not_kept_in_turns(tmp_path: Path, gap: int) -> None:
    """Short gaps are filled, behind long ones a new run begins: both read alike."""
    outbox = Outbox(tmp_path, GATEWAY)
    seq, kept = 1, []
    for _ in range(5):
        message(outbox, BUYER, seq)
        kept.append(seq)
        for _ in range(gap):
            seq += 1
            outbox.add_unkept(BUYER, seq)
        seq += 1
    outbox.flush(NOW)
    for _ in range(2):
        rows, _ = outbox.read(BUYER, 1, seq, ALL)
        assert [row.seq for row in rows] == kept
        for one in kept:
            assert [row.seq for row in outbox.read(BUYER, one, one, ALL)[0]] == [one]
            assert outbox.read(BUYER, one + 1, one + gap, ALL) == ([], one + gap)
        assert len(outbox._sent[BUYER]._runs) == (1 if gap <= FILLED_MAX else 5)
        outbox = reopened(outbox, tmp_path)
    outbox.close()


def test_a_reset_forgets_what_was_not_kept(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, GATEWAY)
    outbox.add_unkept(BUYER, 1)
    outbox.reset(BUYER, 2, 0)
    message(outbox, BUYER, 1)
    outbox = reopened(outbox, tmp_path)
    assert outbox.numbers(BUYER).next_out == 2
    assert [row.seq for row in outbox.read(BUYER, 1, 1, ALL)[0]] == [1]
    outbox.add_unkept(BUYER, 2)
    outbox.set_next_out(BUYER, 10)
    outbox = reopened(outbox, tmp_path)
    assert outbox.numbers(BUYER).next_out == 10
    outbox.close()
