"""ResendRequest(2): serving the client's, asking for what we miss, and their traps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.session.reasons import DisconnectReason
from tests.sessions.conversation import (
    ORDER,
    START,
    Conversation,
    pairs_of,
    read,
    stamp,
)

WHEN = stamp(START)


def with_history(**more: object) -> Conversation:
    """Sent so far: 1 Logon, 2 and 3 reports, 4 and 5 Heartbeats, 6 a report; E is 4."""
    c = Conversation(**more).log_on()  # type: ignore[arg-type]
    c.send("35=8|37=A")
    c.send("35=8|37=B")
    c.client("35=1|34=2|112=x")
    c.client("35=1|34=3|112=y")
    c.send("35=8|37=C")
    c.forget()
    c.now += timedelta(seconds=1)
    return c


LOGON_FILL = f"35=4|34=1|43=Y|122={stamp(START + timedelta(seconds=1))}|36=2|123=Y"
A = f"35=8|34=2|43=Y|122={WHEN}|37=A"
B = f"35=8|34=3|43=Y|122={WHEN}|37=B"
HEARTBEATS_FILL = "35=4|34=4|43=Y|122=*|36=6|123=Y"
C = f"35=8|34=6|43=Y|122={WHEN}|37=C"

# -- serving ---------------------------------------------------------------------------

RANGES = {
    "1-0": [LOGON_FILL, A, B, HEARTBEATS_FILL, C],
    "1-6": [LOGON_FILL, A, B, HEARTBEATS_FILL, C],
    "1-7": [LOGON_FILL, A, B, HEARTBEATS_FILL, C],
    "1-999999": [LOGON_FILL, A, B, HEARTBEATS_FILL, C],
    "1-1": [LOGON_FILL],
    "2-2": [A],
    "2-3": [A, B],
    "3-4": [B, "35=4|34=4|43=Y|122=*|36=5|123=Y"],
    "4-5": [HEARTBEATS_FILL],
    "5-5": ["35=4|34=5|43=Y|122=*|36=6|123=Y"],
    "5-6": ["35=4|34=5|43=Y|122=*|36=6|123=Y", C],
    "6-0": [C],
}


@pytest.mark.parametrize("slice_messages", [1, 2, 3, 1000])
@pytest.mark.parametrize("span", RANGES)
def test_8_resend_request(span: str, slice_messages: int) -> None:
    c = with_history(slice_messages=slice_messages)
    begin, _, end = span.partition("-")
    c.client(f"35=2|34=4|7={begin}|16={end}")
    for text in RANGES[span]:
        c.expect(text)
    c.expect_nothing()
    assert c.next_in == 5
    assert c.session.numbers.next_out == 7, "a replay uses up no number"
    c.send("35=8|37=D")
    c.expect_only("35=8|34=7|37=D")


def test_8_replayed_bytes_are_the_same_but_for_the_flags() -> None:
    c = Conversation().log_on()
    c.client(f"35=D|34=2|115=FIRM|116=TRADER|{ORDER}|9999=1")
    original = read(c.wire.popleft())
    c.now += timedelta(seconds=7)
    c.client("35=2|34=3|7=2|16=2")
    c.expect_only("35=4|34=2|43=Y|122=*|36=3|123=Y")  # a Reject is not resent
    c.send("35=8|37=A|58=002000.00|1=x")
    first = read(c.wire.popleft())
    c.now += timedelta(seconds=7)
    c.client("35=2|34=4|7=3|16=3")
    again = read(c.wire.popleft())
    changed = {9, 10, 43, 52, 122}
    assert [row for row in again if row[0] not in changed] == [
        row for row in first if row[0] not in changed
    ]
    assert dict(again)[122] == dict(first)[52] == stamp(START + timedelta(seconds=7))
    assert dict(again)[52] == stamp(START + timedelta(seconds=14))
    assert dict(original)[128] == "FIRM"


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ("7=0|16=0", 7),
        ("7=7|16=0", 7),
        ("7=7|16=9", 7),
        ("7=3|16=2", 16),
        ("7=99|16=1", 7),
    ],
)
def test_a_range_that_is_none_is_rejected(fields: str, blamed: int) -> None:
    c = with_history()
    c.client(f"35=2|34=4|{fields}")
    c.expect_only(f"35=3|34=7|45=4|58=*|371={blamed}|372=2|373=5")
    assert c.next_in == 5


def test_a_reject_is_filled_over_by_default() -> None:
    c = Conversation().log_on()
    c.client(f"35=D|34=2|{ORDER}|9999=1")
    c.expect_only("35=3|34=2|45=2|58=Invalid tag number|371=9999|372=D|373=0")
    c.client("35=2|34=3|7=1|16=0")
    c.expect_only("35=4|34=1|43=Y|122=*|36=3|123=Y")


def test_resend_session_level_rejects() -> None:
    c = Conversation(resend_session_level_rejects=True).log_on()
    c.client(f"35=D|34=2|{ORDER}|9999=1")
    c.forget()
    c.client("35=2|34=3|7=2|16=0")
    c.expect_only(
        "35=3|34=2|43=Y|122=*|45=2|58=Invalid tag number|371=9999|372=D|373=0"
    )


@pytest.mark.parametrize("slice_messages", [1, 2, 1000])
def test_persist_messages_off_is_a_single_gap_fill(slice_messages: int) -> None:
    c = with_history(persist_messages=False, slice_messages=slice_messages)
    c.client("35=2|34=4|7=2|16=5")
    c.expect_only("35=4|34=2|43=Y|122=*|36=6|123=Y")


def test_t3_a_gap_fill_never_passes_the_range_asked_for() -> None:
    c = with_history()
    c.client("35=2|34=4|7=4|16=4")
    c.expect_only("35=4|34=4|43=Y|122=*|36=5|123=Y")


def test_t6_a_resend_request_again_is_not_served() -> None:
    c = with_history()
    c.again(2, "35=2|7=1|16=0")
    c.expect_nothing()


def test_the_same_range_again_within_its_replay_is_ignored() -> None:
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=2|16=3")
    c.replay_slice()
    c.client("35=2|34=5|7=2|16=3")
    while c.replay_slice():
        pass
    c.expect(A)
    c.expect_only(B)


def test_another_range_waits() -> None:
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=2|16=3")
    c.replay_slice()
    c.client("35=2|34=5|7=6|16=6")
    while c.replay_slice():
        pass
    for text in (A, B, C):
        c.expect(text)
    c.expect_nothing()


def test_t11_live_messages_are_held_until_the_replay_is_done() -> None:
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=2|16=0")
    c.replay_slice()
    c.expect_only(A)
    c.send("35=8|37=D")
    c.client("35=1|34=5|112=z")
    c.expect_nothing()
    while c.replay_slice():
        pass
    for text in (B, HEARTBEATS_FILL, C, "35=8|34=7|37=D", "35=0|34=8|112=z"):
        c.expect(text)
    c.expect_nothing()
    c.send("35=8|37=E")
    c.expect_only("35=8|34=9|37=E")


def test_messages_behind_held_ones_stay_in_order() -> None:
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=6|16=6")
    c.send("35=8|37=D")
    c.send("35=8|37=E")
    c.replay_slice()
    c.replay_slice()
    c.expect(C)
    c.expect_only("35=8|34=7|37=D")
    c.send("35=8|37=F")
    c.expect_nothing()
    while c.replay_slice():
        pass
    c.expect("35=8|34=8|37=E")
    c.expect_only("35=8|34=9|37=F")


def check_like_a_client(c: Conversation, expected: int) -> int:
    """Everything on the wire is acceptable to a client that expects this number next:
    lower ones are marked as duplicates, none is left out. The number expected then.
    """
    while c.wire:
        message = dict(read(c.wire.popleft()))
        seq = int(message[34])
        assert seq <= expected, f"{seq} came, {expected} is missing"
        assert seq == expected or message.get(43) == "Y", (
            f"{seq} came without PossDupFlag(43), {expected} is expected"
        )
        if message[35] == "4":
            expected = max(expected, int(message[36]))
        else:
            expected = max(expected, seq + 1)
    return expected


def test_an_open_range_again_while_live_messages_are_held() -> None:
    """What was held back must not come again as if it were new."""
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=2|16=0")
    c.send("35=8|37=D")
    c.client("35=2|34=5|7=2|16=0")
    while c.replay_slice():
        pass
    assert check_like_a_client(c, 7) == 8


def test_a_range_asked_for_while_held_messages_are_given_out() -> None:
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=6|16=6")
    c.send("35=8|37=D")
    c.send("35=8|37=E")
    c.replay_slice()
    c.replay_slice()
    assert check_like_a_client(c, 7) == 8
    c.client("35=2|34=5|7=6|16=0")
    while c.replay_slice():
        pass
    assert check_like_a_client(c, 8) == 9


def test_a_lost_connection_ends_a_replay() -> None:
    c = with_history(automatic=False, slice_messages=1)
    c.client("35=2|34=4|7=2|16=0")
    c.send("35=8|37=D")
    c.replay_slice()
    c.lose()
    assert not c.replay_slice()
    c.forget()
    c.client("35=A|34=5|98=0|108=30")
    c.expect_only("35=A|34=8|98=0|108=30")


# -- asking ----------------------------------------------------------------------------


def test_t1_every_early_message_does_not_ask_again() -> None:
    c = Conversation().log_on()
    for seq in range(5, 60):
        c.order(seq)
    c.expect_only("35=2|34=2|7=2|16=0")


def test_t2_a_live_message_between_replayed_ones_does_not_ask_again() -> None:
    c = Conversation().log_on()
    c.order(5)
    c.again(2)
    c.order(6)
    c.again(3)
    c.order(7)
    c.again(4)
    c.expect_only("35=2|34=2|7=2|16=0")
    assert c.app.numbers == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("closed", [False, True])
def test_the_end_of_the_range(closed: bool) -> None:
    c = Conversation(closed_resend_interval=closed).log_on()
    c.order(7)
    c.expect_only(f"35=2|34=2|7=2|16={6 if closed else 0}")


def test_a_gap_behind_the_gap_is_asked_for_when_its_turn_comes() -> None:
    c = Conversation(closed_resend_interval=True).log_on()
    c.order(4)
    c.order(7)
    c.expect_only("35=2|34=2|7=2|16=3")
    c.again(2)
    c.again(3)
    assert c.app.numbers == [2, 3, 4]
    c.expect_only("35=2|34=3|7=5|16=6")


def test_redundant_requests() -> None:
    c = Conversation(send_redundant_resend_requests=True).log_on()
    c.order(4)
    c.order(5)
    c.expect("35=2|34=2|7=2|16=0")
    c.expect_only("35=2|34=3|7=2|16=0")


def test_redundant_requests_do_not_end_the_session() -> None:
    c = Conversation(send_redundant_resend_requests=True).log_on()
    for seq in range(4, 10):
        c.order(seq)
    c.after(0.2)
    c.again(2)
    c.again(3)
    assert c.closed is None
    assert c.app.numbers == list(range(2, 10))


def test_chunks() -> None:
    c = Conversation(resend_request_chunk_size=5).log_on()
    c.client("35=0|34=2")
    c.client("35=0|34=3")
    c.order(15)
    c.expect_only("35=2|34=2|7=4|16=8")
    for seq in range(4, 9):
        c.expect_nothing()
        c.again(seq)
    c.expect_only("35=2|34=3|7=9|16=13")
    c.gap_fill(9, 14)
    c.expect_only("35=2|34=4|7=14|16=0")
    c.again(14)
    c.expect_nothing()
    assert c.next_in == 16
    assert c.app.numbers == [4, 5, 6, 7, 8, 14, 15]


def test_chunks_with_closed_end() -> None:
    c = Conversation(resend_request_chunk_size=5, closed_resend_interval=True).log_on()
    c.order(10)
    c.expect_only("35=2|34=2|7=2|16=6")
    c.gap_fill(2, 7)
    c.expect_only("35=2|34=3|7=7|16=9")


def test_a_chunk_left_one_short_is_gone_on_with_from_there() -> None:
    """Some fill a chunk up to its last number instead of beyond it."""
    c = Conversation(resend_request_chunk_size=5).log_on()
    c.client("35=0|34=2")
    c.client("35=0|34=3")
    c.order(15)
    c.expect_only("35=2|34=2|7=4|16=8")
    c.gap_fill(4, 8)
    c.expect_only("35=2|34=3|7=8|16=12")
    c.gap_fill(8, 12)
    c.expect_only("35=2|34=4|7=12|16=0")
    c.gap_fill(12, 15)
    c.expect_nothing()
    assert c.next_in == 16


def test_the_last_of_a_chunk_may_come_after_a_gap_fill_up_to_it() -> None:
    """Asked for with the next chunk as well, it comes twice and counts once."""
    c = Conversation(resend_request_chunk_size=5).log_on()
    c.order(9)
    c.expect_only("35=2|34=2|7=2|16=6")
    c.gap_fill(2, 6)
    c.expect_only("35=2|34=3|7=6|16=0")
    for seq in (6, 6, 7, 8):
        c.again(seq)
    c.expect_nothing()
    assert c.next_in == 10
    assert c.app.numbers == [6, 7, 8, 9]


def test_t12_a_slow_replay_is_not_asked_for_again() -> None:
    c = Conversation().log_on(60)
    c.order(7)
    c.expect_only("35=2|34=2|7=2|16=0")
    for seq in range(2, 7):
        c.after(9)
        c.again(seq)
    c.expect_nothing()
    assert c.next_in == 8


def test_t4_nothing_comes_asks_again_and_gives_up_after_three_alike() -> None:
    c = Conversation().log_on(3600)
    c.order(7)
    c.expect_only("35=2|34=2|7=2|16=0")
    c.after(10)
    c.expect_only("35=2|34=3|7=2|16=0")
    c.after(10)
    c.expect_only("35=2|34=4|7=2|16=0")
    c.after(10)
    c.expect("35=5|34=5|58=*")
    c.expect_closed(DisconnectReason.RESEND_UNANSWERED)


def test_t4_the_same_gap_fill_again_and_again_is_no_answer() -> None:
    """A peer that answers every request with what does not help is given up as well."""
    c = Conversation().log_on(3600)
    c.order(7)
    for _ in range(60):
        c.after(1)
        if c.closed is None and c.wire and dict(read(c.wire[-1]))[35] == "2":
            c.forget()
            c.gap_fill(1, 2)
    assert c.closed is not None
    assert c.closed.reason is DisconnectReason.RESEND_UNANSWERED


@pytest.mark.parametrize("traffic", ["orders", "heartbeats"])
def test_t4_live_traffic_is_no_progress(traffic: str) -> None:
    """Messages above the gap do not put off the next request, nor the end."""
    c = Conversation().log_on(30)
    c.order(7)
    c.expect_only("35=2|34=2|7=2|16=0")
    for seq in (8, 9):
        c.after(6)
        if traffic == "orders":
            c.order(seq)
        else:
            c.client(f"35=0|34={seq}")
    c.expect_only("35=2|34=3|7=2|16=0")


def test_t5_both_sides_miss_messages() -> None:
    c = Conversation().log_on()
    c.send("35=8|37=A")
    c.forget()
    c.client("35=2|34=4|7=2|16=0")
    c.expect("35=8|34=2|43=Y|122=*|37=A")
    c.expect_only("35=2|34=3|7=2|16=0")
    c.gap_fill(2, 4)
    c.expect_nothing()
    assert c.next_in == 5, "the request counts as received"


def test_t5_theirs_again_does_not_restart_ours() -> None:
    c = Conversation().log_on()
    c.send("35=8|37=A")
    c.forget()
    c.client("35=2|34=4|7=2|16=0")
    c.forget()
    c.client("35=2|34=5|7=2|16=0")
    c.expect("35=8|34=2|43=Y|122=*|37=A")
    c.expect_only("35=4|34=3|43=Y|122=*|36=4|123=Y")  # over our own request
    c.again(2)
    c.again(3)
    assert c.next_in == 6


def test_20_a_request_while_ours_is_open() -> None:
    c = Conversation().log_on()
    c.order(5)
    c.expect_only("35=2|34=2|7=2|16=0")
    c.client("35=2|34=6|7=1|16=0")
    c.expect_only("35=4|34=1|43=Y|122=*|36=3|123=Y")
    c.again(2)
    c.after(11)
    c.expect_only("35=2|34=3|7=3|16=0")


def test_a_request_above_a_gap_with_a_bad_range_is_rejected_once() -> None:
    c = Conversation().log_on()
    c.client("35=2|34=4|7=0|16=0")
    c.expect("35=3|34=2|45=4|58=*|371=7|372=2|373=5")
    c.expect_only("35=2|34=3|7=2|16=0")
    c.gap_fill(2, 4)
    c.expect_nothing()
    assert c.next_in == 5


def test_a_gap_is_forgotten_with_its_connection() -> None:
    c = Conversation().log_on()
    c.order(5)
    c.lose()
    c.forget()
    c.client("35=A|34=6|98=0|108=30")
    c.expect("35=A|34=3|98=0|108=30")
    c.expect_only("35=2|34=4|7=2|16=0")
    for seq in range(2, 6):
        c.again(seq)
    assert c.app.numbers == [2, 3, 4, 5]
    assert c.next_in == 7


# -- any mix ---------------------------------------------------------------------------

UNSTABLE = frozenset({9, 10, 43, 52, 122})
REQUESTS_AT_ONCE = 4

STEPS = st.one_of(
    st.tuples(st.just("application"), st.just(0), st.just(0)),
    st.tuples(st.just("admin"), st.just(0), st.just(0)),
    st.tuples(st.just("ask"), st.integers(1, 25), st.integers(0, 25)),
    st.tuples(st.just("slices"), st.integers(1, 4), st.just(0)),
)


@dataclass
class Client:
    """Believes nothing: what it was sent must be one stream, whatever was repeated."""

    expected: int = 1
    bodies: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    filled: set[int] = field(default_factory=set)
    stream: list[str] = field(default_factory=list)
    covered: set[int] = field(default_factory=set)
    asked: list[tuple[int, int]] = field(default_factory=list)

    def take(self, data: bytes, next_out: int) -> None:
        pairs = read(data)
        message = dict(pairs)
        seq, duplicate = int(message[34]), message.get(43) == "Y"
        assert seq <= self.expected, f"{self.expected} is missing before {seq}"
        assert seq == self.expected or duplicate, f"{seq} again without 43=Y"
        if message[35] == "4":
            new = int(message[36])
            assert seq < new <= next_out
            assert any(begin <= seq and new <= end + 1 for begin, end in self.asked)
            self.filled.update(range(seq, new))
        else:
            new = seq + 1
            body = [row for row in pairs if row[0] not in UNSTABLE]
            assert self.bodies.setdefault(seq, body) == body, f"two bodies for {seq}"
            if duplicate:
                assert any(begin <= seq <= end for begin, end in self.asked)
            if seq == self.expected and message[35] == "8":
                self.stream.append(message[37])
        if duplicate:
            self.covered.update(range(seq, new))
        self.expected = max(self.expected, new)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=40), slice_messages=st.integers(1, 6))
def test_any_mix_of_replays_is_one_stream(
    steps: list[tuple[str, int, int]], slice_messages: int
) -> None:
    c = Conversation(automatic=False, slice_messages=slice_messages)
    client = Client()
    must_cover: set[int] = set()
    sent: list[str] = []
    inbound, running = 1, 0

    def listen() -> None:
        while c.wire:
            client.take(c.wire.popleft(), c.session.numbers.next_out)

    c.client("35=A|34=1|98=0|108=30")
    listen()
    for what, first, second in steps:
        c.now += timedelta(milliseconds=1)
        if what == "application":
            sent.append(f"X{len(sent)}")
            c.send(f"35=8|37={sent[-1]}")
        elif what == "admin":
            inbound += 1
            c.client(f"35=1|34={inbound}|112=t{inbound}")
        elif what == "slices":
            for _ in range(first):
                c.replay_slice()
        elif first < client.expected and (second == 0 or second >= first):
            running = running + 1 if c.session.replay_wanted else 1
            if running <= REQUESTS_AT_ONCE:
                inbound += 1
                c.now += timedelta(seconds=61)  # or the same beginning is a loop
                client.asked.append((first, second or 10**9))
                last = client.expected - 1
                must_cover.update(range(first, min(second or last, last) + 1))
                c.client(f"35=2|34={inbound}|7={first}|16={second}")
        listen()
    while c.replay_slice():
        listen()
    listen()
    assert c.closed is None
    assert client.stream == sent
    assert client.expected == c.session.numbers.next_out
    assert must_cover <= client.covered
    applications = {seq for seq, body in client.bodies.items() if dict(body)[35] == "8"}
    assert not client.filled & applications


@settings(max_examples=100, deadline=None)
@given(
    kinds=st.lists(st.booleans(), min_size=1, max_size=30),
    known=st.integers(0, 30),
    slice_messages=st.integers(1, 6),
    live=st.integers(0, 5),
)
def test_a_client_that_lost_its_tail_gets_it_back(
    kinds: list[bool], known: int, slice_messages: int, live: int
) -> None:
    """It comes back with an old position, asks, and gets exactly what it missed."""
    c = Conversation(automatic=False, slice_messages=slice_messages).log_on()
    sent: dict[int, str] = {}
    inbound = 1
    for is_application in kinds:
        if is_application:
            seq = c.send(f"35=8|37=X{len(sent)}")
            sent[seq] = f"X{len(sent)}"
        else:
            inbound += 1
            c.client(f"35=1|34={inbound}|112=t")
    c.lose()
    c.forget()
    have = min(known, len(kinds))
    c.client(f"35=A|34={inbound + 1}|98=0|108=30")
    logon = dict(read(c.wire.popleft()))
    assert int(logon[34]) == len(kinds) + 2
    client = Client(expected=have + 2)
    client.asked.append((have + 2, 10**9))
    c.client(f"35=2|34={inbound + 2}|7={have + 2}|16=0")
    for _ in range(live):
        c.replay_slice()
        seq = c.send(f"35=8|37=X{len(sent)}")
        sent[seq] = f"X{len(sent)}"
    while c.replay_slice():
        pass
    while c.wire:
        client.take(c.wire.popleft(), c.session.numbers.next_out)
    assert client.stream == [name for seq, name in sent.items() if seq >= have + 2]


def test_the_notation_of_these_tests() -> None:
    assert pairs_of("35=8|37=A|") == [(35, "8"), (37, "A")]
