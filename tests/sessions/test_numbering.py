"""Numbers that an operator sets, and what the client hears of it afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fixgw.session.numbering import NotPossible
from fixgw.session.numbers import MSG_SEQ_NUM_MAX, Numbers
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, Schedule, parse_time
from tests.sessions.conversation import Conversation


def numbers_of(c: Conversation) -> tuple[int, int, int]:
    numbers = c.session.numbers
    return numbers.next_in, numbers.next_out, numbers.epoch


def away(**settings: Any) -> Conversation:
    """The client sent 1 to 4, was sent 1 to 3, and left."""
    c = Conversation(**settings).log_on()
    for seq in (2, 3, 4):
        c.order(seq)
    for name in "AB":
        c.send(f"35=8|37={name}")
    c.forget()
    c.lose()
    assert numbers_of(c)[:2] == (5, 4)
    return c


def set_in(c: Conversation, seq: int) -> None:
    c.session.numbering.set_next_in(seq, c.now_ns)
    c.carry_out()


def set_out(c: Conversation, seq: int) -> None:
    c.session.numbering.set_next_out(seq, c.now_ns)
    c.carry_out()


# -- the number expected ---------------------------------------------------------------


def test_a_higher_number_is_expected_and_what_is_skipped_is_not_asked_for() -> None:
    c = away()
    set_in(c, 50)
    assert numbers_of(c) == (50, 4, 2)
    c.client("35=A|34=50|98=0|108=30")
    c.expect_only("35=A|34=4|98=0|108=30")
    c.order(51)
    assert c.app.numbers == [2, 3, 4, 51]


def test_a_lower_number_is_expected_and_its_messages_are_new() -> None:
    c = away()
    set_in(c, 2)
    assert numbers_of(c) == (2, 4, 2)
    c.client("35=A|34=2|98=0|108=30")
    c.expect_only("35=A|34=4|98=0|108=30")
    c.order(3)
    assert c.app.numbers == [2, 3, 4, 3]


@pytest.mark.parametrize("seq", [2, 5, 6])
def test_up_down_or_the_same_it_begins_an_epoch(seq: int) -> None:
    """Shards know by number and epoch what they have: after a crash that may be more
    than we remember, and what comes under the set number now is new to them.
    """
    c = away()
    set_in(c, seq)
    assert numbers_of(c) == (seq, 4, 2)


def test_below_the_set_number_is_too_low() -> None:
    c = away()
    set_in(c, 50)
    c.client("35=A|34=5|98=0|108=30")
    c.expect("35=5|34=4|58=MsgSeqNum too low, expecting 50 but received 5")
    c.expect_closed(DisconnectReason.MSG_SEQ_NUM_TOO_LOW)


def test_above_the_set_number_is_a_gap() -> None:
    c = away()
    set_in(c, 50)
    c.client("35=A|34=53|98=0|108=30")
    c.expect("35=A|34=4|98=0|108=30")
    c.expect_only("35=2|34=5|7=50|16=0")


def test_what_was_answered_under_the_old_count_is_forgotten() -> None:
    """A new message with such a number must not be passed over in silence."""
    c = Conversation(numbers=Numbers(next_in=5, next_out=1, answered={6, 8}))
    set_in(c, 5)
    c.client("35=A|34=5|98=0|108=30")
    c.forget()
    c.order(6)
    assert c.app.numbers == [6]


# -- the number sent -------------------------------------------------------------------


def test_a_higher_number_is_sent_and_what_is_skipped_is_filled() -> None:
    c = away()
    set_out(c, 10**9)
    assert numbers_of(c) == (5, 10**9, 1)
    c.client("35=A|34=5|98=0|108=30")
    c.expect_only("35=A|34=1000000000|98=0|108=30")
    c.client("35=2|34=6|7=2|16=0")
    c.expect("35=8|34=2|43=Y|122=*|37=A")
    c.expect("35=8|34=3|43=Y|122=*|37=B")
    c.expect_only("35=4|34=4|43=Y|122=*|36=1000000001|123=Y")
    c.send("35=8|37=C")
    c.expect_only("35=8|34=1000000001|37=C")


def test_what_was_stored_before_and_behind_the_gap_is_resent() -> None:
    c = away()
    c.send("35=8|37=C")
    set_out(c, 8)
    c.send("35=8|37=D")
    c.client("35=A|34=5|98=0|108=30")
    c.expect_only("35=A|34=9|98=0|108=30")
    c.client("35=2|34=6|7=4|16=0")
    c.expect("35=8|34=4|43=Y|122=*|37=C")
    c.expect("35=4|34=5|43=Y|122=*|36=8|123=Y")
    c.expect("35=8|34=8|43=Y|122=*|37=D")
    c.expect_only("35=4|34=9|43=Y|122=*|36=10|123=Y")


def test_twice_upwards() -> None:
    c = away()
    set_out(c, 6)
    set_out(c, 9)
    c.client("35=A|34=5|98=0|108=30")
    c.expect_only("35=A|34=9|98=0|108=30")
    c.client("35=2|34=6|7=4|16=8")
    c.expect_only("35=4|34=4|43=Y|122=*|36=9|123=Y")


def test_the_same_number_changes_nothing() -> None:
    c = away()
    set_out(c, 4)
    assert numbers_of(c) == (5, 4, 1)


@pytest.mark.parametrize("seq", [1, 3])
def test_a_number_that_was_sent_is_never_sent_again(seq: int) -> None:
    c = away()
    with pytest.raises(NotPossible, match=f"4 is the next number sent and {seq} would"):
        set_out(c, seq)
    assert numbers_of(c) == (5, 4, 1)


# -- both ------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [0, -1, MSG_SEQ_NUM_MAX + 1])
def test_the_range(seq: int) -> None:
    c = away()
    for change in (set_in, set_out):
        with pytest.raises(NotPossible, match=f"1 to {MSG_SEQ_NUM_MAX}, not {seq}"):
            change(c, seq)
    assert numbers_of(c) == (5, 4, 1)


def test_the_ends_of_the_range() -> None:
    c = away()
    set_in(c, MSG_SEQ_NUM_MAX)
    set_in(c, 1)
    set_out(c, MSG_SEQ_NUM_MAX)
    assert numbers_of(c) == (1, MSG_SEQ_NUM_MAX, 3)


def _logged_out(c: Conversation) -> None:
    c.session.logout("bye", c.now_ns)
    c.carry_out()


@pytest.mark.parametrize("prepare", [lambda c: None, _logged_out], ids=["in", "out"])
def test_not_while_connected(prepare: Any) -> None:
    c = Conversation().log_on()
    prepare(c)
    before = numbers_of(c)
    numbering = c.session.numbering
    for change in (
        lambda: numbering.reset(c.now_ns),
        lambda: numbering.set_next_in(9, c.now_ns),
        lambda: numbering.set_next_out(9, c.now_ns),
    ):
        with pytest.raises(NotPossible, match="a client is connected"):
            change()
    assert numbers_of(c) == before
    assert not c.session.take_effects()


def test_not_where_every_logon_resets() -> None:
    c = away(reset_on_logon=True)
    for change in (set_in, set_out):
        with pytest.raises(NotPossible, match="ResetOnLogon=Y"):
            change(c, 9)


# -- schedules -------------------------------------------------------------------------


def daily(start: str, end: str) -> Schedule:
    return Plan(start_time=parse_time(start), end_time=parse_time(end)).schedule()


def test_a_session_that_was_never_used_takes_numbers_of_its_window() -> None:
    """Else its first Logon would reset what was set: it belonged to no window."""
    c = Conversation(schedule=daily("00:00:00", "23:00:00"))
    set_in(c, 500)
    set_out(c, 900)
    c.client("35=A|34=500|98=0|108=30")
    c.expect_only("35=A|34=900|98=0|108=30")
    assert c.resets == 1


def test_numbers_of_a_window_that_has_passed_begin_at_1_first() -> None:
    c = away(schedule=daily("00:00:00", "23:00:00"))
    c.now += timedelta(days=1)
    set_out(c, 2)  # below what was sent yesterday, but of today nothing was
    assert (c.session.numbers.next_in, c.session.numbers.next_out) == (1, 2)
    c.client("35=A|34=1|98=0|108=30")
    c.expect_only("35=A|34=2|98=0|108=30")


def test_not_outside_the_window() -> None:
    c = Conversation(schedule=daily("08:00:00", "17:00:00"))
    for change in (set_in, set_out):
        with pytest.raises(NotPossible, match="its time window is closed"):
            change(c, 9)


def test_a_reset_is_possible_at_any_time() -> None:
    c = Conversation(
        schedule=daily("08:00:00", "17:00:00"), numbers=Numbers(7, 9, 3, 1)
    )
    c.session.numbering.reset(c.now_ns)
    c.carry_out()
    assert numbers_of(c) == (1, 1, 4)
    assert c.resets == 1


# -- reset -----------------------------------------------------------------------------


def test_a_reset_begins_at_1_and_forgets_what_was_sent() -> None:
    c = away()
    c.session.numbering.reset(c.now_ns)
    c.carry_out()
    assert numbers_of(c) == (1, 1, 2)
    assert (c.stored, c.session.condition.queued) == ({}, 0)
    c.client("35=A|34=1|98=0|108=30")
    c.expect_only("35=A|34=1|98=0|108=30")


def test_a_client_that_goes_on_is_asked_for_what_it_sent_before() -> None:
    """It was not told. Our Logon below what it expects makes it give up first."""
    c = away()
    c.session.numbering.reset(c.now_ns)
    c.carry_out()
    c.client("35=A|34=5|98=0|108=30")
    c.expect("35=A|34=1|98=0|108=30")
    c.expect_only("35=2|34=2|7=1|16=0")


def test_a_client_that_resets_as_well_is_in_step() -> None:
    c = away()
    c.session.numbering.reset(c.now_ns)
    c.carry_out()
    c.client("35=A|34=1|98=0|108=30|141=Y")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    assert numbers_of(c) == (2, 2, 3)


# -- figures ---------------------------------------------------------------------------


def test_what_a_client_was_not_sent_is_counted() -> None:
    c = away()
    assert c.session.condition.queued == 0
    for name in "CDE":
        c.send(f"35=8|37={name}")
    assert c.session.condition.queued == 3
    c.client("35=A|34=5|98=0|108=30")
    assert c.session.condition.queued == 0, "now they are the client's to ask for"


def test_what_a_replay_holds_back_is_counted_until_it_is_written() -> None:
    c = Conversation(automatic=False, slice_messages=1).log_on()
    for name in "AB":
        c.send(f"35=8|37={name}")
    assert not c.session.condition.replaying
    c.client("35=2|34=2|7=2|16=0")
    assert c.session.condition.replaying
    for name in "CD":
        c.send(f"35=8|37={name}")
    assert c.session.condition.queued == 2
    while c.session.condition.replaying:
        c.replay_slice()
    assert c.session.condition.queued == 2
    c.replay_slice()
    assert c.session.condition.queued == 1
    c.replay_slice()
    assert c.session.condition.queued == 0


def test_what_is_held_after_a_logout_stays_counted_when_the_client_leaves() -> None:
    c = Conversation().log_on()
    _logged_out(c)
    c.send("35=8|37=A")
    assert c.session.condition.queued == 1
    c.lose()
    c.send("35=8|37=B")
    assert c.session.condition.queued == 2


def test_a_reset_inside_a_session_forgets_what_was_held_back() -> None:
    c = Conversation(automatic=False).log_on()
    c.send("35=8|37=A")
    c.client("35=2|34=2|7=2|16=0")
    c.send("35=8|37=B")
    c.client("35=A|34=1|98=0|108=30|141=Y")
    condition = c.session.condition
    assert (condition.queued, condition.replaying) == (0, False)


def test_a_gap_is_missing_until_it_is_filled() -> None:
    c = Conversation().log_on()
    c.order(4)
    assert c.session.condition.missing
    c.gap_fill(2, 4)
    assert not c.session.condition.missing
