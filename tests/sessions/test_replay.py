"""Replays without a session: bytes that are kept, policies, and any mix of rows,
requests and slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import simplefix
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.session.identity import SessionId
from fixgw.session.replay import (
    HEADER_TAGS,
    Resender,
    ResendPolicy,
    StoredMessage,
    as_possible_duplicate,
)
from fixgw.session.settings import SessionSettings

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEW_TIME = b"20260102-03:04:06.000"

Pairs = list[tuple[int, bytes]]


def ns(when: datetime) -> int:
    """Nanoseconds since the epoch."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return (when - epoch) // timedelta(microseconds=1) * 1000


def stamp(when: datetime) -> str:
    """A UTCTimestamp with milliseconds."""
    return when.strftime("%Y%m%d-%H:%M:%S.") + f"{when.microsecond // 1000:03}"


def message(*pairs: tuple[int, Any], version: str = "FIX.4.4") -> bytes:
    """A whole message, by hand: data fields may hold SOH."""
    body = b"".join(
        b"%d=%b\x01" % (tag, value if isinstance(value, bytes) else str(value).encode())
        for tag, value in pairs
    )
    head = b"8=%b\x019=%d\x01" % (version.encode(), len(body))
    total = sum(head + body) % 256
    return head + body + b"10=%03d\x01" % total


def read(data: bytes) -> Pairs:
    """The pairs of a message without data fields; its frame must be right."""
    parser = simplefix.FixParser()
    parser.append_buffer(data)
    found = parser.get_message()
    assert found is not None
    assert found.encode() == data, f"wrong length, checksum or order: {data!r}"
    return [(int(tag), value) for tag, value in found.pairs]


def settings_of(**more: Any) -> SessionSettings:
    """Settings of some session."""
    return SessionSettings(session_id=SessionId("FIX.4.4", "E", "C"), **more)


# -- a message again -------------------------------------------------------------------

OLD = {
    "FIX.4.0": "20260102-03:04:05",
    "FIX.4.1": "20260102-03:04:05",
    "FIX.4.2": "20260102-03:04:05.000",
    "FIX.4.3": "20260102-03:04:05.123456",
    "FIX.4.4": "20260102-03:04:05.123456789",
    "FIXT.1.1": "20260102-03:04:05.123",
}


@pytest.mark.parametrize("version", OLD)
def test_flag_and_times_are_put_in_their_places(version: str) -> None:
    old = OLD[version]
    again = as_possible_duplicate(
        message((35, "8"), (34, 7), (49, "E"), (52, old), (56, "C"), version=version),
        NEW_TIME,
    )
    assert again == message(
        (35, "8"),
        (34, 7),
        (43, "Y"),
        (49, "E"),
        (52, NEW_TIME),
        (56, "C"),
        (122, old),
        version=version,
    )


WHOLE_HEADER = (
    *((34, 7), (49, "E"), (50, "S"), (52, "T"), (56, "C"), (57, "U"), (90, 5)),
    *((91, b"a\x01b=c"), (97, "Y"), (115, "F"), (116, "G"), (128, "H"), (129, "I")),
    *((142, "J"), (143, "K"), (144, "L"), (145, "M"), (212, 4), (213, b"\x01\x01==")),
    *((347, "UTF-8"), (369, 3)),
)


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("FIX.4.2", [(370, "20260102-03:04:05")]),
        ("FIX.4.3", [(627, 2), (628, "A"), (629, "x"), (628, "B"), (630, 9)]),
        ("FIX.4.4", [(627, 1), (628, "A")]),
        ("FIXT.1.1", [(1128, "9"), (1129, "mine"), (1156, 204)]),
    ],
)
def test_the_whole_header_keeps_its_order(
    version: str, more: list[tuple[int, Any]]
) -> None:
    """Also groups, and data fields with SOH in them."""
    body = [(37, "A"), (1, "B"), (11, "C")]
    header = [*WHOLE_HEADER, *more]
    again = as_possible_duplicate(
        message((35, "8"), *header, *body, version=version), NEW_TIME
    )
    expected = [(tag, NEW_TIME if tag == 52 else value) for tag, value in header]
    expected.insert(1, (43, "Y"))
    place = [tag for tag, _ in expected].index(128)
    expected.insert(place, (122, "T"))
    assert again == message((35, "8"), *expected, *body, version=version)


def test_header_fields_of_fixt_are_body_elsewhere() -> None:
    again = as_possible_duplicate(
        message((35, "8"), (34, 7), (52, "T"), (1128, "9"), (37, "A")), NEW_TIME
    )
    tags = [tag for tag, _ in read(again)]
    assert tags == [8, 9, 35, 34, 43, 52, 122, 1128, 37, 10]


def test_the_body_is_kept_byte_for_byte() -> None:
    """Leading zeros, order, empty values, SOH and a false checksum in data fields."""
    data = b"x\x0110=000\x018=FIX.4.4\x019=5\x0135=D"
    body: list[tuple[int, Any]] = [
        *((58, "002000.00"), (1, "")),
        *((95, len(data)), (96, data), (354, 3), (355, b"\x01=\x01"), (9999, "=")),
    ]
    again = as_possible_duplicate(
        message((35, "B"), (34, 7), (52, "T"), *body), NEW_TIME
    )
    assert again == message(
        (35, "B"), (34, 7), (43, "Y"), (52, NEW_TIME), (122, "T"), *body
    )


def test_a_message_of_a_header_alone() -> None:
    again = as_possible_duplicate(message((35, "0"), (34, 7), (52, "T")), NEW_TIME)
    assert [tag for tag, _ in read(again)] == [8, 9, 35, 34, 43, 52, 122, 10]


def test_flags_that_the_application_had_set_are_replaced() -> None:
    stored = message((35, "8"), (34, 7), (43, "N"), (52, "T"), (122, "before"), (1, 2))
    assert as_possible_duplicate(stored, NEW_TIME) == message(
        (35, "8"), (34, 7), (43, "Y"), (52, NEW_TIME), (122, "T"), (1, 2)
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"8=FIX.4.4\x01",
        b"8=FIX.9.9\x019=5\x0135=0\x0110=000\x01",
        b"8=FIX.4.4\x019=5\x0134=0\x0110=000\x01",
        b"8=FIX.4.4\x019=5\x0135=0\x0134=1\x0152=T\x01",
        message((35, "8"), (34, 7), (49, "E"), (37, "A")),
    ],
)
def test_what_is_no_message_is_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(ValueError, match="the store holds"):
        as_possible_duplicate(data, NEW_TIME)


def test_each_version_has_its_header() -> None:
    sizes = {version: len(tags) for version, tags in HEADER_TAGS.items()}
    assert sizes == {
        b"FIX.4.0": 15,
        b"FIX.4.1": 19,
        b"FIX.4.2": 24,
        b"FIX.4.3": 28,
        b"FIX.4.4": 27,
        b"FIXT.1.1": 30,
    }


# -- policies --------------------------------------------------------------------------


def row(seq: int, kind: str = "8", age_s: float = 0, *, admin: bool = False) -> Any:
    """A stored message that was sent so long before START."""
    when = stamp(START - timedelta(seconds=age_s))
    data = message(
        (35, kind), (34, seq), (49, "E"), (52, when), (56, "C"), (37, f"X{seq}")
    )
    return StoredMessage(seq, admin, data)


@pytest.mark.parametrize(
    ("more", "stored", "wanted"),
    [
        ({}, row(1), True),
        ({}, row(1, age_s=10**6), True),
        ({}, row(1, "0", admin=True), False),
        ({}, row(1, "A", admin=True), False),
        ({}, row(1, "3", admin=True), False),
        ({}, row(1, "3", admin=False), False),
        ({"resend_session_level_rejects": True}, row(1, "3", admin=True), True),
        ({"resend_session_level_rejects": True}, row(1, "3", admin=False), True),
        ({"resend_session_level_rejects": True}, row(1, "4", admin=True), False),
        ({"resend_skip_msg_types": frozenset({"S", "i"})}, row(1, "S"), False),
        ({"resend_skip_msg_types": frozenset({"S", "i"})}, row(1, "8"), True),
        ({"resend_skip_msg_types": frozenset({"A"})}, row(1, "AE"), True),
        ({"resend_age_s_max": 60}, row(1, age_s=60), True),
        ({"resend_age_s_max": 60}, row(1, age_s=60.001), False),
        ({"resend_age_s_max": 60}, row(1, age_s=-10), True),
        ({"resend_age_s_max": 60}, row(1, "0", admin=True), False),
    ],
)
def test_what_is_sent_again(
    more: dict[str, Any], stored: StoredMessage, wanted: bool
) -> None:
    assert ResendPolicy(settings_of(**more)).wants(stored, ns(START)) is wanted


def test_the_age_is_that_of_the_header_in_any_precision() -> None:
    policy = ResendPolicy(settings_of(resend_age_s_max=1))
    for fraction in ("", ".000", ".000000", ".000000000"):
        when = "20260102-03:04:04" + fraction
        data = message((35, "8"), (34, 7), (52, when), (58, "x"))
        assert policy.wants(StoredMessage(7, False, data), ns(START))
        assert not policy.wants(StoredMessage(7, False, data), ns(START) + 1)


# -- a replay --------------------------------------------------------------------------


def gap_fill(begin: int, new: int, now_ns: int) -> bytes:
    """A GapFill with what matters here."""
    assert now_ns == ns(START)
    return message((35, "4"), (34, begin), (43, "Y"), (36, new), (123, "Y"))


@dataclass
class Wire:
    """A resender with its store and what it wrote."""

    resender: Resender
    store: dict[int, StoredMessage] = field(default_factory=dict)
    written: list[bytes] = field(default_factory=list)
    slice_rows: int = 1000
    last: int = 0

    def send(self, kind: str = "8", age_s: float = 0) -> int:
        """A new message."""
        self.last += 1
        self.store[self.last] = row(self.last, kind, age_s, admin=kind in "0A5")
        if self.resender.holds:
            self.resender.hold(self.last)
        else:
            self.written.append(self.store[self.last].data)
        return self.last

    def slice(self) -> bool:
        """One slice, if anything is wanted."""
        wanted = self.resender.wanted(self.last)
        if wanted is None:
            return False
        begin, end = wanted
        rows = [self.store[seq] for seq in sorted(self.store) if begin <= seq <= end]
        through = end
        if len(rows) >= self.slice_rows:
            rows = rows[: self.slice_rows]
            through = rows[-1].seq
        self.written += self.resender.rows(
            rows, through, self.last, NEW_TIME, ns(START)
        )
        return True

    def finish(self) -> list[str]:
        """All slices; what was written since the last call, in short."""
        while self.slice():
            pass
        out, self.written = [short(data) for data in self.written], []
        return out


def short(data: bytes) -> str:
    """``7`` for a message, ``7*`` for one again, ``3-7`` for a GapFill."""
    found = dict(read(data))
    seq = int(found[34])
    if found[35] == b"4":
        return f"{seq}-{int(found[36]) - 1}"
    return f"{seq}*" if found.get(43) == b"Y" else f"{seq}"


def wire(kinds: str, *, slice_rows: int = 1000, **more: Any) -> Wire:
    """With these messages sent, by MsgType(35); ``.`` is a number without one."""
    one = Wire(Resender(settings_of(**more), gap_fill), slice_rows=slice_rows)
    for kind in kinds:
        if kind == ".":
            one.last += 1
        else:
            one.send(kind)
    one.written.clear()
    return one


SLICES = pytest.mark.parametrize("slice_rows", [1, 2, 3, 1000])


@SLICES
@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (1, 8, ["1-1", "2*", "3*", "4-6", "7*", "8-8"]),
        (2, 3, ["2*", "3*"]),
        (4, 4, ["4-4"]),
        (5, 6, ["5-6"]),
        (5, 7, ["5-6", "7*"]),
        (8, 8, ["8-8"]),
    ],
)
def test_runs(begin: int, end: int, expected: list[str], slice_rows: int) -> None:
    one = wire("A8800080", slice_rows=slice_rows)
    assert one.resender.request(begin, end, end)
    assert one.finish() == expected
    assert not one.resender.is_replaying
    assert one.resender.resent == sum("*" in text for text in expected)


@SLICES
def test_numbers_that_were_skipped_are_filled_over(slice_rows: int) -> None:
    one = wire("8...8..", slice_rows=slice_rows)
    one.resender.request(1, 7, 7)
    assert one.finish() == ["1*", "2-4", "5*", "6-7"]


def test_t3_a_gap_fill_ends_with_the_range() -> None:
    one = wire("800000")
    one.resender.request(2, 4, 4)
    assert one.finish() == ["2-4"]


def test_t3_a_gap_fill_never_passes_the_last_number_sent() -> None:
    one = wire("800")
    one.resender.request(2, 9, 9)
    assert one.finish() == ["2-3"]


@SLICES
def test_messages_above_the_cap_are_filled_over(slice_rows: int) -> None:
    one = wire("8888888", slice_rows=slice_rows)
    one.resender.request(2, 6, 3)
    assert one.finish() == ["2*", "3*", "4-6"]


def test_nothing_is_read_for_a_gap_fill_alone() -> None:
    one = wire("8888888")
    one.resender.request(2, 6, 1)
    assert one.resender.wanted(7) == (2, 1)
    assert one.finish() == ["2-6"]


def test_persist_messages_off_is_a_single_gap_fill() -> None:
    one = wire("8888888", persist_messages=False)
    one.resender.request(2, 6, 6)
    assert one.finish() == ["2-6"]
    assert one.resender.resent == 0


def test_rejects_again() -> None:
    one = wire("83", resend_session_level_rejects=True)
    one.resender.request(1, 2, 2)
    assert one.finish() == ["1*", "2*"]


def test_old_messages_and_unwanted_types_join_the_run() -> None:
    skipped = frozenset({"S"})
    one = wire("8", resend_age_s_max=60, resend_skip_msg_types=skipped)
    one.send("8", age_s=61)
    one.send("0")
    one.send("S")
    one.send("8")
    one.resender.request(1, 5, 5)
    one.written.clear()
    assert one.finish() == ["1*", "2-4", "5*"]


def test_ranges_wait_for_their_turn() -> None:
    one = wire("888888", slice_rows=1)
    assert one.resender.request(1, 2, 2)
    assert not one.resender.request(5, 6, 6)
    assert not one.resender.request(3, 3, 3)
    assert one.resender.under_way == [(1, 2), (5, 6), (3, 3)]
    assert one.finish() == ["1*", "2*", "5*", "6*", "3*"]
    assert one.resender.under_way == []


def test_t11_live_messages_are_held() -> None:
    one = wire("88", slice_rows=1)
    one.resender.request(1, 2, 2)
    one.send()
    one.slice()
    one.send()
    assert one.resender.last_written(one.last) == 2
    assert one.finish() == ["1*", "2*", "3", "4"]
    assert one.resender.last_written(one.last) == 4
    one.send()
    assert one.finish() == ["5"]


def test_held_messages_go_out_whatever_the_policies() -> None:
    skipped = frozenset({"S"})
    one = wire("8", resend_skip_msg_types=skipped, persist_messages=False)
    one.resender.request(1, 1, 1)
    one.send("S")
    one.send("0")
    assert one.finish() == ["1-1", "2", "3"]


def test_live_messages_go_out_between_replayed_ones() -> None:
    one = wire("8800", slice_rows=1, interleave_live_messages=True)
    one.resender.request(1, 4, 4)
    assert not one.resender.holds
    one.send()
    one.slice()
    one.send("0")
    one.slice()
    one.send()
    assert one.finish() == ["5", "1*", "6", "2*", "7", "3-4"]
    assert one.resender.last_written(one.last) == 7


def test_cleared() -> None:
    one = wire("8800", slice_rows=1)
    one.resender.request(1, 4, 4)
    one.resender.request(2, 2, 2)
    one.send()
    one.slice()
    one.resender.clear()
    assert one.resender.wanted(one.last) is None
    assert not one.resender.is_replaying
    assert not one.resender.holds


# -- any mix ---------------------------------------------------------------------------

ROWS = st.lists(st.sampled_from("8S30Ao."), min_size=1, max_size=30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(1, 40), st.integers(0, 40)),
        st.tuples(st.just("live"), st.sampled_from([0, 1]), st.just(0)),
        st.tuples(st.just("slice"), st.integers(1, 5), st.just(0)),
    ),
    max_size=30,
)


class Reader:
    """Reads what was written and holds it against what may be."""

    def __init__(self, one: Wire, again: set[int]) -> None:
        self.one = one
        self.again = again
        self.live = one.last
        self.asked: list[tuple[int, int, int]] = []
        self.place = 0

    def take(self, written: Sequence[bytes]) -> None:
        for data in written:
            text = short(data)
            if text.isdigit():
                assert int(text) == self.live + 1, "live messages in their order, once"
                self.live += 1
                continue
            begin, end, messages_end = self.asked[0]
            expected = self.place or begin
            if text.endswith("*"):
                seq = new = int(text[:-1])
                assert seq in self.again
                assert seq <= messages_end
                assert self.place_of(data) == seq
            else:
                seq, new = map(int, text.split("-"))
                inside = set(range(seq, min(new, messages_end) + 1))
                assert not inside & self.again, "a message was filled over"
            assert seq == expected, "no gap, no number twice"
            assert new <= end, "not beyond what was asked"
            self.place = new + 1
            if new == end:
                del self.asked[0]
                self.place = 0

    @staticmethod
    def place_of(data: bytes) -> int:
        """The number that the body names."""
        return int(dict(read(data))[37][1:])


@settings(max_examples=500, deadline=None)
@given(
    kinds=ROWS,
    steps=STEPS,
    slice_rows=st.integers(1, 7),
    interleave=st.booleans(),
    rejects=st.booleans(),
    cap=st.integers(-1, 12),
)
def test_any_rows_requests_and_slices(
    kinds: list[str],
    steps: list[tuple[str, int, int]],
    slice_rows: int,
    interleave: bool,
    rejects: bool,
    cap: int,
) -> None:
    """Each request is answered over exactly its range, once, in order, and in the order
    of the requests; live messages once, in theirs. ``o`` is an old report."""
    one = wire(
        "",
        slice_rows=slice_rows,
        interleave_live_messages=interleave,
        resend_session_level_rejects=rejects,
        resend_age_s_max=60,
        resend_skip_msg_types=frozenset({"S"}),
    )
    again = set()
    for kind in kinds:
        if kind == ".":
            one.last += 1
            continue
        seq = one.send("8" if kind == "o" else kind, age_s=61 if kind == "o" else 0)
        if kind == "8" or (rejects and kind == "3"):
            again.add(seq)
    one.written.clear()
    reader = Reader(one, again)
    for what, first, more in steps:
        if what == "live":
            seq = one.send("8" if first else "0")
            if first:
                again.add(seq)
        elif what == "slice":
            for _ in range(first):
                one.slice()
        else:
            last = one.resender.last_written(one.last)
            end = min(first + more, last)
            if first <= end and (first, end) not in one.resender.under_way:
                messages_end = min(end, first + cap) if cap >= 0 else end
                reader.asked.append((first, end, messages_end))
                one.resender.request(first, end, messages_end)
        reader.take(one.written)
        one.written.clear()
    while one.slice():
        reader.take(one.written)
        one.written.clear()
    assert reader.asked == []
    assert reader.live == one.last
    assert not one.resender.is_replaying
    assert not one.resender.holds
