"""Logout(5) from either side, and what happens around the end."""

from __future__ import annotations

import pytest

from fixgw.session.reasons import DisconnectReason
from fixgw.session.tables import State
from tests.sessions.conversation import Conversation, read

COMPLETE = DisconnectReason.LOGOUT_COMPLETE


def logged_out(reason: DisconnectReason = COMPLETE, **settings: object) -> Conversation:
    """We have begun the logout."""
    c = Conversation(**settings).log_on()  # type: ignore[arg-type]
    c.session.logout("closing time", c.now_ns, reason)
    c.carry_out()
    c.expect_only("35=5|34=2|58=closing time")
    return c


# -- begun by us -----------------------------------------------------------------------


def test_12_13a_our_logout_is_answered() -> None:
    c = logged_out()
    c.client("35=5|34=2")
    c.expect_closed(COMPLETE)
    assert c.next_in == 3
    assert c.app.logouts == 1


def test_12_our_logout_is_not_answered() -> None:
    c = logged_out()
    c.after(1.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(DisconnectReason.LOGOUT_TIMEOUT)


def test_logout_timeout() -> None:
    c = logged_out(logout_timeout_s=5)
    c.after(4.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(DisconnectReason.LOGOUT_TIMEOUT)


@pytest.mark.parametrize("answered", [True, False])
def test_the_reason_given_is_the_one_counted(answered: bool) -> None:
    c = logged_out(DisconnectReason.SHUTDOWN)
    if answered:
        c.client("35=5|34=2")
    else:
        c.after(2)
    c.expect_closed(DisconnectReason.SHUTDOWN)


def test_the_reason_of_one_connection_is_not_that_of_the_next() -> None:
    c = logged_out(DisconnectReason.SHUTDOWN)
    c.client("35=5|34=2")
    c.client("35=A|34=3|98=0|108=30")
    c.forget()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.forget()
    c.client("35=5|34=4")
    c.expect_closed(COMPLETE)


def test_messages_that_cross_our_logout_are_processed() -> None:
    c = logged_out()
    c.order(2)
    c.client("35=1|34=3|112=x")
    c.expect_only("35=0|34=3|112=x")
    assert c.app.numbers == [2]
    c.client("35=5|34=4")
    c.expect_closed(COMPLETE)


def test_a_second_logout_of_ours_is_not_sent() -> None:
    c = logged_out()
    c.session.logout("again", c.now_ns)
    c.carry_out()
    c.expect_nothing()


def test_a_logout_without_a_connection_does_nothing() -> None:
    c = Conversation()
    c.session.logout("bye", c.now_ns)
    c.session.break_off(DisconnectReason.SHUTDOWN, "bye", c.now_ns)
    c.carry_out()
    c.expect_nothing()
    assert c.session.numbers.next_out == 1


def test_an_answer_above_a_gap_ends_it_without_counting() -> None:
    c = logged_out()
    c.client("35=5|34=7")
    c.forget()
    assert c.closed is not None
    assert c.closed.reason is COMPLETE
    assert c.next_in == 2


# -- begun by the client ---------------------------------------------------------------


def test_13b_their_logout_is_answered_and_they_close() -> None:
    c = Conversation().log_on()
    c.client("35=5|34=2|58=bye")
    c.expect_only("35=5|34=2")
    assert c.session.state is State.LOGOUT_ANSWERED
    c.after(5)
    c.expect_nothing()
    assert c.lose() is COMPLETE
    assert c.app.logouts == 1


def test_13b_they_do_not_close() -> None:
    c = Conversation().log_on()
    c.client("35=5|34=2")
    c.expect("35=5|34=2")
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(DisconnectReason.LOGOUT_TIMEOUT)


def test_a_logout_above_a_gap_asks_answers_and_is_not_counted() -> None:
    c = Conversation().log_on()
    c.client("35=5|34=5")
    c.expect("35=2|34=2|7=2|16=0")
    c.expect_only("35=5|34=3")
    assert c.next_in == 2
    c.again(2)
    c.gap_fill(3, 6)
    c.expect_nothing()
    assert c.next_in == 6
    c.lose()
    c.client("35=A|34=6|98=0|108=30")
    c.expect_only("35=A|34=4|98=0|108=30")


def test_after_the_logout_what_is_missing_is_asked_for_at_the_next_logon() -> None:
    c = Conversation().log_on()
    c.client("35=5|34=5")
    c.lose()
    c.forget()
    c.client("35=A|34=6|98=0|108=30")
    c.expect("35=A|34=4|98=0|108=30")
    c.expect_only("35=2|34=5|7=2|16=0")


def test_a_request_after_their_logout_is_served() -> None:
    c = Conversation().log_on()
    c.send("35=8|37=A")
    c.forget()
    c.client("35=5|34=2")
    c.expect_only("35=5|34=3")
    c.client("35=2|34=3|7=2|16=0")
    c.expect("35=8|34=2|43=Y|122=*|37=A")
    c.expect_only("35=4|34=3|43=Y|122=*|36=4|123=Y")


def test_no_heartbeats_after_the_logout() -> None:
    c = Conversation().log_on(1)
    c.client("35=5|34=2")
    c.forget()
    c.after(9)
    c.expect_nothing()


def test_the_connection_breaks_without_a_logout() -> None:
    c = Conversation().log_on()
    assert c.lose() is DisconnectReason.PEER_CLOSED
    assert c.session.state is State.DISCONNECTED
    assert c.app.logouts == 1


# -- during a replay -------------------------------------------------------------------


def replaying() -> Conversation:
    """A replay of 2 to 4 has begun and 2 was written."""
    c = Conversation(automatic=False, slice_messages=1).log_on()
    for name in "ABC":
        c.send(f"35=8|37={name}")
    c.client("35=2|34=2|7=2|16=0")
    c.replay_slice()
    c.forget()
    return c


def test_a_cut_during_a_replay_says_why() -> None:
    """The Logout names the reason: it must be written before the connection closes."""
    c = replaying()
    c.client("35=0|34=1")
    texts = [dict(read(data)).get(58, "") for data in c.wire]
    assert texts == ["MsgSeqNum too low, expecting 3 but received 1"]
    assert c.closed is not None


def test_our_logout_during_a_replay_is_said_in_its_time() -> None:
    """The client gets its LogoutTimeout from the Logout on, not from before it."""
    c = replaying()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.after(2.1)
    while c.replay_slice():
        pass
    said = [dict(read(data)).get(58) for data in c.wire]
    assert "bye" in said, "closed without its Logout"


def test_their_logout_during_a_replay_is_answered_after_it() -> None:
    c = replaying()
    c.client("35=5|34=3")
    while c.replay_slice():
        pass
    kinds = [dict(read(data))[35] for data in c.wire]
    assert kinds == ["8", "8", "5"]


def test_what_our_logout_cut_short_can_still_be_asked_for() -> None:
    """The replay and what it held back are behind the Logout: the client may ask."""
    c = replaying()
    c.send("35=8|37=D")
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    while c.replay_slice():
        pass
    c.forget()
    c.client("35=2|34=3|7=3|16=0")
    while c.replay_slice():
        pass
    for seq, name in ((3, "B"), (4, "C"), (5, "D")):
        c.expect(f"35=8|34={seq}|43=Y|122=*|37={name}")
    c.expect_only("35=4|34=6|43=Y|122=*|36=7|123=Y")
    c.client("35=5|34=4")
    c.expect_closed(COMPLETE)
