"""What the shell and the application see of a session, and when they are called."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.dictionary import SessionRejectReason
from fixgw.session.checks import Objection
from fixgw.session.condition import Condition
from fixgw.session.numbers import Numbers
from fixgw.session.profile import Profile
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, Schedule, parse_time
from fixgw.session.tables import State
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import LOGON, Conversation, build, stamp

R = DisconnectReason
LOGON_6 = "35=A|34=1|98=0|108=30|1137=6"


def hours(**times: str) -> Schedule:
    own: dict[str, Any] = {name: parse_time(text) for name, text in times.items()}
    if "reset_seq_time" in times:
        own["enable_reset_seq_time"] = own["non_stop_session"] = True
    return Plan(**own).schedule()


# -- what it is ----------------------------------------------------------------------


def test_before_during_and_after_a_connection() -> None:
    c = Conversation()
    seen = []

    def look() -> None:
        session = c.session
        seen.append((session.state, session.is_connected, session.is_logged_on))

    look()
    c.log_on()
    look()
    c.session.logout("", c.now_ns)
    c.carry_out()
    look()
    c.lose()
    look()
    assert seen == [
        (State.DISCONNECTED, False, False),
        (State.ACTIVE, True, True),
        (State.LOGOUT_SENT, True, False),
        (State.DISCONNECTED, False, False),
    ]
    assert (c.app.logons, c.app.logouts) == (1, 1)


def test_the_interval_is_that_of_the_last_logon() -> None:
    c = Conversation()
    assert c.session.heart_bt_int_s == 0
    c.log_on(17)
    assert c.session.heart_bt_int_s == 17


def test_the_version_of_the_application_is_the_clients() -> None:
    c = Conversation(begin_string="FIXT.1.1", default_appl_ver_id="FIX.5.0SP2")
    assert c.session.appl_ver_id == "9"
    c.client(LOGON_6)
    assert c.session.appl_ver_id == "6"


def test_what_waits_in_it_and_for_what() -> None:
    c = Conversation(automatic=False)
    c.send("35=8|37=A")
    assert c.session.condition == Condition(1, replaying=False, missing=False)
    c.client(LOGON)
    c.client("35=2|34=3|7=1|16=0")
    assert c.session.condition == Condition(1, replaying=True, missing=True)
    while c.replay_slice():
        pass
    assert not c.session.condition.replaying
    assert c.session.messages_resent == 1


def test_without_a_rulebook_no_field_has_a_length() -> None:
    assert Conversation(validate=False).session.data_lengths == {}
    assert Conversation().session.data_lengths[95] == 96


# -- Logons --------------------------------------------------------------------------


def test_judging_a_logon_changes_nothing() -> None:
    c = Conversation()
    names = {8: "FIX.4.4", 49: "CLIENT", 56: "OTHER", 52: stamp(c.now)}
    message = parse_message(build(LOGON, names))
    assert isinstance(message, Message)
    found = c.session.judge_logon(message, c.now_ns)
    assert found is not None
    assert found.reason is R.COMP_ID_WRONG
    assert (c.session.state, c.next_in) == (State.DISCONNECTED, 1)


def test_an_objection_of_the_shell_is_obeyed() -> None:
    c = Conversation()
    names = {8: "FIX.4.4", 49: "CLIENT", 56: "EXCHANGE", 52: stamp(c.now)}
    message = parse_message(build(LOGON, names))
    assert isinstance(message, Message)
    objection = Objection(R.AUTHENTICATION_FAILED, "who are you?")
    c.session.logon(message, c.now_ns, objection)
    c.carry_out()
    c.expect_closed(R.AUTHENTICATION_FAILED)
    assert (c.app.logons, c.app.logouts) == (0, 0)


def test_numbers_are_refreshed_before_a_logon_is_judged_by_them() -> None:
    def refresh(numbers: Numbers) -> None:
        numbers.next_in, numbers.next_out = 7, 4

    c = Conversation(refresh=refresh, refresh_on_logon=True)
    c.next_stored = 4
    c.client("35=A|34=7|98=0|108=30")
    c.expect_only("35=A|34=4|98=0|108=30")


# -- the end of a connection ---------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "clean", "resets"),
    [
        ("reset_on_disconnect", False, 1),
        ("reset_on_disconnect", True, 1),
        ("reset_on_logout", False, 0),
        ("reset_on_logout", True, 1),
        ("refresh_on_logon", True, 0),
    ],
)
def test_which_end_resets_the_numbers(setting: str, clean: bool, resets: int) -> None:
    own: dict[str, Any] = {setting: True}
    c = Conversation(**own).log_on()
    if clean:
        c.client("35=5|34=2")
        assert c.lose() is R.LOGOUT_COMPLETE
    else:
        assert c.lose() is R.PEER_CLOSED
    assert c.resets == resets


def test_an_error_of_ours_resets_them_once() -> None:
    c = Conversation(reset_on_error=True).log_on()

    def fail(*_: Any) -> None:
        raise RuntimeError("a bug")

    c.app.reaction = fail
    c.order(2)
    assert c.resets == 1
    c.forget()
    c.log_on()
    c.lose()
    assert c.resets == 1


def test_who_was_refused_resets_nothing() -> None:
    c = Conversation(reset_on_disconnect=True)
    c.client("35=A|34=1|98=1|108=30")
    assert (c.resets, c.app.logouts) == (0, 0)
    assert c.closed is not None


# -- for the application -------------------------------------------------------------


def test_it_sends_at_any_time() -> None:
    c = Conversation()
    assert c.send("35=8|37=A") == 1
    c.expect_nothing()
    c.client(LOGON)
    c.expect_only("35=A|34=2|98=0|108=30")
    assert c.send("35=8|37=B") == 3
    c.expect_only("35=8|34=3|37=B")


@pytest.mark.parametrize(
    ("allowed", "marks"),
    [(True, "43=Y|97=Y|122=20260101-00:00:00|"), (False, "97=Y|")],
)
def test_a_duplicate_of_its_own(allowed: bool, marks: str) -> None:
    c = Conversation(allow_pos_dup=allowed).log_on()
    c.session.send(
        "8",
        b"37=A\x01",
        c.now_ns,
        poss_resend=True,
        orig_sending_time=b"20260101-00:00:00",
    )
    c.carry_out()
    c.expect_only(f"35=8|34=2|{marks}37=A")


@pytest.mark.parametrize(("open_now", "resets"), [(True, 1), (False, 0)])
def test_what_is_sent_to_nobody_belongs_to_the_window(
    open_now: bool, resets: int
) -> None:
    """A window that began since is entered by it; none that is closed."""
    end = "17:00:00" if open_now else "03:00:00"
    c = Conversation(schedule=hours(start_time="02:00:00", end_time=end))
    c.send("35=8|37=A")
    c.send("35=8|37=B")
    assert (c.resets, c.session.numbers.next_out) == (resets, 3)


def test_it_refuses_in_its_own_words() -> None:
    c = Conversation().log_on()

    def refuse(session: Any, message: Message, now_ns: int) -> None:
        if session.numbers.next_in == 3:
            reason = SessionRejectReason.VALUE_INCORRECT
            session.reject(message, reason, 44, "no such price", now_ns)
        else:
            session.business_reject(message, 6, "not you", now_ns)

    c.app.reaction = refuse
    c.order(2)
    c.expect_only("35=3|34=2|45=2|58=no such price|371=44|372=D|373=5")
    c.order(3)
    c.expect_only("35=j|34=3|45=3|58=not you|372=D|379=A|380=6")


# -- ends ----------------------------------------------------------------------------


def test_there_is_nothing_to_end_without_a_connection() -> None:
    c = Conversation()
    c.session.logout("bye", c.now_ns)
    c.session.break_off(R.SHUTDOWN, "bye", c.now_ns)
    c.after(1)
    c.expect_nothing()


def test_a_logout_is_said_once() -> None:
    c = Conversation().log_on()
    c.session.logout("bye", c.now_ns)
    c.session.logout("really", c.now_ns)
    c.carry_out()
    c.expect_only("35=5|34=2|58=bye")


def test_breaking_off_cuts_a_logout_short() -> None:
    c = Conversation().log_on()
    c.session.logout("bye", c.now_ns)
    c.session.break_off(R.SHUTDOWN, "now", c.now_ns)
    c.session.break_off(R.SLOW_CONSUMER, "again", c.now_ns)
    c.carry_out()
    c.expect("35=5|34=2|58=bye")
    c.expect("35=5|34=3|58=now")
    c.expect_closed(R.SHUTDOWN)


def test_a_logout_that_is_not_answered_ends_in_time() -> None:
    c = Conversation(logout_timeout_s=3).log_on()
    c.session.logout("bye", c.now_ns, R.OPERATOR_DISCONNECT)
    c.after(2.9)
    c.expect_only("35=5|34=2|58=bye")
    c.after(0.1)
    c.expect_closed(R.OPERATOR_DISCONNECT)


def test_bytes_that_are_no_message_end_nothing() -> None:
    c = Conversation(reject_garbled_message=True).log_on()
    c.client_bytes(b"8=FIX.4.4\x019=5\x0135=D\x0134=2\x0110=000\x01")
    c.expect_only("35=3|34=2|45=2|58=Message failed basic validity check|372=D")
    c.order(3)
    assert c.app.numbers == [3]


# -- timers --------------------------------------------------------------------------


def test_the_window_ends() -> None:
    c = Conversation(schedule=hours(start_time="02:00:00", end_time="03:04:10"))
    c.client(LOGON)
    c.forget()
    c.after(5)
    c.expect_only("35=5|34=2|58=The session's time window has ended")
    c.client("35=5|34=2")
    c.expect_closed(R.SCHEDULE_END)


@pytest.mark.parametrize("answers", [True, False])
def test_the_time_of_a_reset(answers: bool) -> None:
    c = Conversation(schedule=hours(reset_seq_time="03:04:10"))
    c.client(LOGON)
    c.forget()
    c.after(5)
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    if answers:
        c.client("35=A|34=1|98=0|108=30|141=Y")
    c.after(10)
    if answers:
        c.expect_nothing()
        return
    c.expect("35=5|34=2|58=No answer to the reset by Logon")
    c.expect_closed(R.LOGON_TIMEOUT)


def test_a_gap_that_is_never_filled() -> None:
    c = Conversation().log_on(0)
    c.order(3)
    c.after(600)
    c.expect("35=2|34=2|7=2|16=0")
    said = c.written[-1]
    assert b"58=No answer to ResendRequest from 2\x01" in said
    c.forget()
    c.expect_closed(R.RESEND_UNANSWERED)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, None),
        (
            {"send_logout_before_disconnect_from_timeout": True},
            "|58=Timed out waiting for a Heartbeat",
        ),
        (
            {
                "send_logout_before_disconnect_from_timeout": True,
                "profile": Profile(plain_reject_texts=True),
            },
            "",
        ),
    ],
)
def test_a_client_that_falls_silent(own: dict[str, Any], said: str | None) -> None:
    c = Conversation(**own).log_on(10)
    c.after(24)
    c.expect("35=0|34=2")
    c.expect("35=1|34=3|112=TEST-1")
    c.expect("35=0|34=4")
    if said is not None:
        c.expect("35=5|34=5" + said)
    c.expect_closed(R.HEARTBEAT_TIMEOUT)


def test_one_that_talks_but_does_not_answer_is_told_of() -> None:
    c = Conversation().log_on(10)
    c.after(13)
    c.client("35=0|34=2")
    c.after(11)
    assert c.notes == ["no Heartbeat answers TestReqID(112)=TEST-1"]
    assert c.closed is None


def test_what_is_not_to_be_kept_is_filled_over_when_asked_for() -> None:
    c = Conversation().log_on()
    c.send("35=8|37=A")
    assert c.send("35=W|55=ABC", keep=False) == 3
    assert c.send("35=X|55=ABC", keep=False) == 4
    c.send("35=8|37=B")
    assert sorted(c.stored) == [1, 2, 5]
    c.forget()
    c.client("35=2|34=2|7=1|16=0")
    c.expect("35=4|34=1|43=Y|122=*|36=2|123=Y")
    c.expect("35=8|34=2|43=Y|122=*|37=A")
    c.expect("35=4|34=3|43=Y|122=*|36=5|123=Y")
    c.expect_only("35=8|34=5|43=Y|122=*|37=B")


def test_what_is_not_to_be_kept_is_dropped_where_it_cannot_be_written() -> None:
    c = Conversation(slice_messages=1, automatic=False)
    assert not c.session.is_open
    assert c.send("35=W|55=ABC", keep=False) == 0
    c.log_on()
    assert c.session.is_open
    c.send("35=8|37=A")
    c.client("35=2|34=2|7=1|16=0")
    assert not c.session.is_open
    assert c.send("35=X|55=ABC", keep=False) == 0
    while c.replay_slice():
        pass
    assert c.session.is_open
    assert c.send("35=W|55=ABC", keep=False) == 3
    c.session.logout("bye", c.now_ns)
    assert not c.session.is_open
    assert c.send("35=X|55=ABC", keep=False) == 0
    assert c.session.numbers.next_out == 5
