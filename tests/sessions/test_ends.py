"""How a session ends: every reason it can give by itself, and Logouts in a replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixgw.session.numbers import Numbers
from fixgw.session.policies import ResendOverflow
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, parse_time
from fixgw.session.tables import State
from tests.sessions.conversation import LOGON, Conversation, read

R = DisconnectReason

OF_THE_SHELL = {
    R.LOGON_BYTES_EXCEEDED,
    R.FIRST_MESSAGE_NOT_LOGON,
    R.UNKNOWN_SESSION,
    R.ALREADY_CONNECTED,
    R.ADDRESS_NOT_ALLOWED,
    R.GARBLED_LIMIT,
    R.SLOW_CONSUMER,
    R.SHUTDOWN,
    R.CONNECTION_LIMIT,
    R.OPERATOR_DISCONNECT,
    R.SESSION_DISABLED,
    R.AUTHENTICATION_FAILED,
    R.RATE_LIMIT,
    R.TLS_FAILED,
    R.PROXY_HEADER_WRONG,
    R.CERTIFICATE_NOT_BOUND,
    R.MESSAGE_TOO_LARGE,
}
"""Given by those around the session."""


def _peer_closed() -> Conversation:
    c = Conversation().log_on()
    assert c.lose() is R.PEER_CLOSED
    return c


def _logout_complete() -> Conversation:
    c = Conversation().log_on()
    c.client("35=5|34=2")
    assert c.lose() is R.LOGOUT_COMPLETE
    return c


def _closed_window() -> Conversation:
    times = Plan(start_time=parse_time("08:00:00"), end_time=parse_time("17:00:00"))
    c = Conversation(schedule=times.schedule())
    c.client(LOGON)
    return c


def _end_of_the_window() -> Conversation:
    times = Plan(start_time=parse_time("03:00:00"), end_time=parse_time("03:04:30"))
    c = Conversation(schedule=times.schedule())
    c.client(LOGON)
    c.after(27)
    return c


def _reset_not_answered() -> Conversation:
    times = Plan(
        non_stop_session=True,
        reset_seq_time=parse_time("03:04:30"),
        enable_reset_seq_time=True,
    )
    c = Conversation(schedule=times.schedule()).log_on()
    c.after(35)
    return c


def _after_logon(text: str, seconds: float = 2.0) -> Callable[[], Conversation]:
    def cause() -> Conversation:
        c = Conversation().log_on()
        c.client(text)
        c.after(seconds)
        return c

    return cause


def _silence() -> Conversation:
    c = Conversation().log_on(10)
    c.after(24)
    return c


def _our_logout_unanswered() -> Conversation:
    c = Conversation().log_on()
    c.session.logout("bye", c.now_ns)
    c.after(2)
    return c


def _nothing_resent() -> Conversation:
    c = Conversation().log_on(0)
    c.order(5)
    c.after(31)
    return c


def _too_many_messages() -> Conversation:
    c = Conversation(throttle_messages_per_s=1, throttle_rejects_max=1).log_on()
    for seq in (2, 3, 4):
        c.order(seq)
    c.after(2)
    return c


def _too_much_resent() -> Conversation:
    c = Conversation(resend_messages_max=1, resend_overflow=ResendOverflow.LOGOUT)
    c.log_on()
    c.send("35=8|37=A")
    c.client("35=2|34=2|7=1|16=0")
    return c


def _failing() -> Conversation:
    c = Conversation(disconnect_on_error=True).log_on()
    c.app.reaction = lambda *_: 1 // 0
    c.order(2)
    return c


def _first(text: str, **numbers: Any) -> Callable[[], Conversation]:
    def cause() -> Conversation:
        c = Conversation(numbers=Numbers(**numbers))
        c.client(text)
        return c

    return cause


CAUSES: dict[DisconnectReason, list[Callable[[], Conversation]]] = {
    R.PEER_CLOSED: [_peer_closed],
    R.LOGOUT_COMPLETE: [_logout_complete],
    R.LOGON_TIMEOUT: [_reset_not_answered],
    R.OUTSIDE_SCHEDULE: [_closed_window],
    R.INVALID_LOGON: [
        _first("35=A|34=1|98=0|108=-1"),
        _after_logon("35=A|34=7|98=0|108=30|141=Y"),
    ],
    R.MSG_SEQ_NUM_TOO_LOW: [_first(LOGON, next_in=9), _after_logon("35=0|34=1")],
    R.MSG_SEQ_NUM_MISSING: [_first("35=A|98=0|108=30"), _after_logon("35=0|58=x")],
    R.BEGIN_STRING_WRONG: [_after_logon("8=FIX.4.2|35=0|34=2")],
    R.COMP_ID_WRONG: [_after_logon("35=0|34=2|49=OTHER")],
    R.SENDING_TIME_WRONG: [
        _first(f"{LOGON}|52=20250101-00:00:00"),
        _after_logon("35=0|34=2|52=20250101-00:00:00"),
    ],
    R.HEARTBEAT_TIMEOUT: [_silence],
    R.LOGOUT_TIMEOUT: [_our_logout_unanswered, _after_logon("35=5|34=2", 10)],
    R.UNEXPECTED_LOGON: [_after_logon("35=A|34=2|98=0|108=30")],
    R.RESEND_UNANSWERED: [_nothing_resent],
    R.INTERNAL_ERROR: [_failing],
    R.SCHEDULE_END: [_end_of_the_window],
    R.THROTTLED: [_too_many_messages],
    R.RESEND_LIMIT: [_too_much_resent],
    R.NEXT_EXPECTED_TOO_HIGH: [_first(f"{LOGON}|789=2")],
}


def test_every_reason_is_somebodys() -> None:
    assert set(CAUSES) | OF_THE_SHELL == set(R)
    assert not set(CAUSES) & OF_THE_SHELL


@pytest.mark.parametrize(
    ("reason", "cause"),
    [(reason, cause) for reason, causes in CAUSES.items() for cause in causes],
)
def test_the_reason_is_given(
    reason: DisconnectReason, cause: Callable[[], Conversation]
) -> None:
    c = cause()
    if c.closed is not None:
        assert c.closed.reason is reason
    assert c.session.state is State.DISCONNECTED
    assert reason.sentence.endswith(".")


# -- Logouts during a replay -----------------------------------------------------------


def replaying(**settings: object) -> Conversation:
    """A replay of 2 to 4 has begun and 2 was written."""
    c = Conversation(automatic=False, slice_messages=1, **settings)  # type: ignore[arg-type]
    c.log_on()
    for name in "ABC":
        c.send(f"35=8|37={name}")
    c.client("35=2|34=2|7=2|16=0")
    c.replay_slice()
    c.forget()
    return c


def kinds(c: Conversation) -> list[str]:
    """MsgTypes that were written, with the numbers."""
    said = [dict(read(data)) for data in c.wire]
    return [f"{pairs[35]}{pairs[34]}" for pairs in said]


def test_our_logout_is_behind_the_replay_and_what_it_held() -> None:
    c = replaying()
    c.send("35=8|37=D")
    c.session.logout("bye", c.now_ns)
    c.send("35=8|37=E")  # it stays in the store
    c.carry_out()
    assert c.session.state is State.LOGOUT_SENT
    while c.replay_slice():
        pass
    assert kinds(c) == ["83", "84", "85", "56"]
    c.after(1.9)
    c.client("35=5|34=3")
    assert c.closed is not None
    assert c.closed.reason is R.LOGOUT_COMPLETE


def test_an_answer_to_the_client_behind_our_logout() -> None:
    """Session messages may follow our Logout, application messages may not."""
    c = replaying()
    c.session.logout("bye", c.now_ns)
    c.send("35=8|37=E")
    c.client("35=1|34=3|112=x")
    while c.replay_slice():
        pass
    assert kinds(c) == ["83", "84", "55", "07"]


def test_logouts_that_cross_during_a_replay() -> None:
    c = replaying()
    c.session.logout("bye", c.now_ns, R.SHUTDOWN)
    c.carry_out()
    c.client("35=5|34=3")
    c.expect_nothing()
    while c.replay_slice():
        pass
    assert kinds(c) == ["83", "84", "55"]
    c.forget()
    c.expect_closed(R.SHUTDOWN)


def test_a_replay_that_does_not_go_on_ends_without_a_logout() -> None:
    """A Logout out of order would make some engines skip what is before it."""
    c = replaying()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(R.LOGOUT_TIMEOUT)


def test_a_replay_that_goes_on_is_given_time() -> None:
    c = replaying()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.after(9)
    c.replay_slice()
    c.after(9)
    assert c.closed is None
    while c.replay_slice():
        pass
    assert kinds(c) == ["83", "84", "55"]
    c.forget()
    c.after(1.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(R.LOGOUT_TIMEOUT)


def test_crossing_logouts_and_a_replay_that_does_not_go_on() -> None:
    c = replaying()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.client("35=5|34=3")
    c.after(10)
    c.expect_closed(R.LOGOUT_COMPLETE)


def test_a_reset_that_drops_our_logout_has_it_said_again() -> None:
    c = replaying()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.forget()
    c.client("35=A|34=1|98=0|108=30|141=Y")
    c.expect("35=A|34=1|98=0|108=30|141=Y")
    c.expect_only("35=5|34=2|58=bye")
    c.client("35=5|34=2")
    c.expect_closed(R.LOGOUT_COMPLETE)


def test_at_once_drops_the_replay() -> None:
    c = replaying()
    c.session.logout("bye", c.now_ns, at_once=True)
    c.carry_out()
    c.expect_only("35=5|34=5|58=bye")
    assert not c.replay_slice()


def test_with_interleaving_a_logout_waits_for_nothing() -> None:
    c = replaying(interleave_live_messages=True)
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.expect_only("35=5|34=5|58=bye")
    c.after(2)
    c.expect_closed(R.LOGOUT_TIMEOUT)


def test_messages_behind_a_logout_wait_for_the_next_logon() -> None:
    c = Conversation().log_on()
    c.session.logout("bye", c.now_ns)
    c.send("35=8|37=A")
    c.expect_only("35=5|34=2|58=bye")
    c.client("35=5|34=2")
    c.client("35=A|34=3|98=0|108=30")
    c.expect_only("35=A|34=4|98=0|108=30")
    c.client("35=2|34=4|7=3|16=0")
    c.expect("35=8|34=3|43=Y|122=*|37=A")
    c.expect_only("35=4|34=4|43=Y|122=*|36=5|123=Y")
