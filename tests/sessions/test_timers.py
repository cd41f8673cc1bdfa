"""Heartbeats, TestRequests, the cut; every timer on its own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixgw.session.reasons import DisconnectReason
from tests.sessions.conversation import Conversation, read

CUT = DisconnectReason.HEARTBEAT_TIMEOUT


def test_4a_a_heartbeat_after_silence_of_ours() -> None:
    c = Conversation().log_on(30)
    c.after(29.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only("35=0|34=2")
    c.client("35=0|34=2")
    c.after(30)
    c.expect_only("35=0|34=3")


def test_any_message_sent_restarts_the_heartbeat() -> None:
    c = Conversation().log_on(30)
    c.after(20)
    c.send("35=8|37=A")
    c.client("35=0|34=2")
    c.forget()
    c.after(29.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only("35=0|34=3")


def test_4b_a_test_request_is_answered_with_its_112() -> None:
    c = Conversation().log_on(30)
    c.client("35=1|34=2|112=are you there?")
    c.expect_only("35=0|34=2|112=are you there?")


def test_6_a_test_request_after_silence_of_theirs() -> None:
    c = Conversation().log_on(10)
    c.after(10)
    c.expect_only("35=0|34=2")
    c.after(1.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only("35=1|34=3|112=*")
    c.client("35=0|34=2|112=TEST-1")
    c.after(9.9)
    c.expect_nothing()


def test_6_every_test_request_has_its_own_112() -> None:
    c = Conversation().log_on(10)
    seen = []
    for seq in range(2, 6):
        c.after(12)
        seen += [m[112] for m in (dict(read(d)) for d in c.wire) if m[35] == "1"]
        c.forget()
        c.client(f"35=0|34={seq}|112={seen[-1]}")
    assert len(set(seen)) == 4


def test_heartbeats_go_on_while_a_test_request_is_open() -> None:
    c = Conversation().log_on(10)
    c.after(12)
    c.expect("35=0|34=2")
    c.expect_only("35=1|34=3|112=*")
    c.after(10)
    c.expect_only("35=0|34=4")


def test_one_test_request_per_silence() -> None:
    c = Conversation().log_on(10)
    c.after(23)
    kinds = [dict(read(data))[35] for data in c.wire]
    assert kinds == ["0", "1", "0"]


def test_the_cut() -> None:
    c = Conversation().log_on(10)
    c.after(23.9)
    assert c.closed is None
    c.forget()
    c.after(0.1)
    c.expect_closed(CUT)


def test_the_cut_with_a_logout_before() -> None:
    c = Conversation(send_logout_before_disconnect_from_timeout=True).log_on(10)
    c.after(23.9)
    c.forget()
    c.after(0.1)
    c.expect("35=5|34=5|58=*")
    c.expect_closed(CUT)


@pytest.mark.parametrize(
    "text", ["35=0|34=2", "35=3|34=2|45=1", "35=0|34=9", "35=4|34=7|36=2"]
)
def test_any_valid_message_ends_the_suspicion(text: str) -> None:
    c = Conversation().log_on(5)
    c.after(11)
    c.client(text)
    c.forget()
    c.after(5.9)
    assert c.closed is None
    kinds = [dict(read(data))[35] for data in c.wire]
    assert "1" not in kinds
    c.after(0.1)
    assert dict(read(c.wire[-1]))[35] == "1"


def test_a_garbled_message_is_no_sign_of_life() -> None:
    c = Conversation().log_on(10)
    c.after(20)
    c.client_bytes(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01")
    c.after(4)
    c.forget()
    c.expect_closed(CUT)


def test_multipliers() -> None:
    c = Conversation(
        test_request_delay_multiplier=0.5, heartbeat_timeout_multiplier=2.0
    ).log_on(10)
    c.after(14.9)
    c.expect_only("35=0|34=2")
    c.after(0.1)
    c.expect_only("35=1|34=3|112=*")
    c.after(14.9)
    c.forget()
    assert c.closed is None
    c.after(0.1)
    c.expect_closed(CUT)


def test_t14_interval_0_switches_off_heartbeats() -> None:
    c = Conversation().log_on(0)
    c.after(500)
    c.expect_nothing()


def test_t14_interval_0_leaves_the_logout_its_timeout() -> None:
    c = Conversation().log_on(0)
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.expect("35=5|34=2|58=bye")
    c.after(1.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(DisconnectReason.LOGOUT_TIMEOUT)


def test_t14_interval_0_leaves_a_gap_its_patience() -> None:
    c = Conversation().log_on(0)
    c.order(5)
    c.expect("35=2|34=2|7=2|16=0")
    c.after(10)
    c.expect_only("35=2|34=3|7=2|16=0")


def test_t14_interval_0_leaves_the_answered_logout_its_patience() -> None:
    c = Conversation().log_on(0)
    c.client("35=5|34=2")
    c.expect("35=5|34=2")
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(DisconnectReason.LOGOUT_TIMEOUT)


def test_disable_heartbeat_check_never_cuts() -> None:
    c = Conversation(disable_heartbeat_check=True).log_on(10)
    c.after(100)
    assert c.closed is None
    assert "1" not in [dict(read(data))[35] for data in c.wire]


def test_disable_heartbeat_check_keeps_our_heartbeats() -> None:
    """It is their silence that does not matter; the client still counts on ours."""
    c = Conversation(disable_heartbeat_check=True).log_on(10)
    c.after(10)
    c.expect_only("35=0|34=2")


def test_times_begin_anew_with_each_connection() -> None:
    c = Conversation().log_on(10)
    c.after(23)
    c.lose()
    c.forget()
    c.after(1000)
    c.client("35=A|34=2|98=0|108=10")
    c.expect("35=A|34=5|98=0|108=10")
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only("35=0|34=6")


def test_the_interval_is_that_of_the_last_logon() -> None:
    c = Conversation().log_on(30)
    c.lose()
    c.client("35=A|34=2|98=0|108=5")
    c.forget()
    c.after(5)
    c.expect_only("35=0|34=3")


def test_silence_during_a_replay_is_filled_by_the_replay() -> None:
    """A Heartbeat that falls due meanwhile is held back, numbered, and follows."""
    c = Conversation(automatic=False, slice_messages=1).log_on(10)
    for name in "AB":
        c.send(f"35=8|37={name}")
    c.forget()
    c.client("35=2|34=2|7=2|16=0")
    c.replay_slice()
    c.after(10)
    c.expect_only("35=8|34=2|43=Y|122=*|37=A")
    while c.replay_slice():
        pass
    c.expect("35=8|34=3|43=Y|122=*|37=B")
    c.expect_only("35=0|34=4")


# -- a clock that is set back ----------------------------------------------------------


def test_heartbeats_and_the_cut_when_the_clock_is_set_back() -> None:
    """An interval later than usual, but not when the clock has caught up."""
    c = Conversation().log_on()
    c.now -= timedelta(hours=1)
    c.after(30.2)
    c.expect_only("35=0|34=2")
    c.after(10)
    c.expect_only("35=1|34=3|112=TEST-1")
    c.after(35)
    c.expect("35=0|34=4")
    c.expect_closed(CUT)


@pytest.mark.parametrize("is_asked", [False, True])
def test_the_end_of_a_logout_when_the_clock_is_set_back(is_asked: bool) -> None:
    c = Conversation().log_on()
    if is_asked:
        c.client("35=5|34=2")
    else:
        c.session.logout("", c.now_ns)
        c.carry_out()
    c.forget()
    c.now -= timedelta(hours=1)
    c.after(10.2)
    c.expect_closed(DisconnectReason.LOGOUT_TIMEOUT)


def test_asking_again_when_the_clock_is_set_back() -> None:
    c = Conversation().log_on(0)
    c.order(5)
    c.expect_only("35=2|34=2|7=2|16=0")
    c.now -= timedelta(hours=1)
    c.after(10.2)
    c.expect_only("35=2|34=3|7=2|16=0")
