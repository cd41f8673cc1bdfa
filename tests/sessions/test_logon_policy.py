"""Who may log on, with which interval, and who may reset: what settings decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fixgw.session.checks import Objection
from fixgw.session.numbers import Numbers
from fixgw.session.policies import ResetPolicy
from fixgw.session.profile import QUICKFIX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, parse_time
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import LOGON, START, Conversation, build, stamp

INVALID = DisconnectReason.INVALID_LOGON


def message(text: str) -> Message:
    """A Logon as the shell has it before it asks the session."""
    names = {8: "FIX.4.4", 49: "CLIENT", 56: "EXCHANGE", 52: stamp(START)}
    parsed = parse_message(build(text, names))
    assert isinstance(parsed, Message)
    return parsed


# -- judging ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LOGON, None),
        (f"{LOGON}|141=Y", None),
        ("35=A|34=7|98=0|108=30|141=Y", INVALID),
        ("35=A|34=1|98=0|108=-1", INVALID),
        (f"{LOGON}|9999=1", INVALID),
        ("35=A|98=0|108=30", DisconnectReason.MSG_SEQ_NUM_MISSING),
        (f"{LOGON}|52=20260101-00:00:00", DisconnectReason.SENDING_TIME_WRONG),
        (f"{LOGON}|49=OTHER", DisconnectReason.COMP_ID_WRONG),
        (f"{LOGON}|8=FIX.4.2", DisconnectReason.BEGIN_STRING_WRONG),
    ],
)
def test_judging_changes_nothing(text: str, reason: DisconnectReason | None) -> None:
    c = Conversation(numbers=Numbers(next_in=7, next_out=1), reset_on_logon=True)
    found = c.session.judge_logon(message(text), c.now_ns)
    assert (found and found.reason) is reason
    assert c.session.numbers == Numbers(next_in=7, next_out=1)
    assert not c.session.take_effects()
    assert not c.session.is_connected


STRANGERS = [
    DisconnectReason.AUTHENTICATION_FAILED,
    DisconnectReason.ADDRESS_NOT_ALLOWED,
    DisconnectReason.ALREADY_CONNECTED,
    DisconnectReason.CERTIFICATE_NOT_BOUND,
    DisconnectReason.RATE_LIMIT,
    DisconnectReason.SESSION_DISABLED,
    DisconnectReason.UNKNOWN_SESSION,
]


@pytest.mark.parametrize("reason", STRANGERS)
@pytest.mark.parametrize("settings", [{}, {"profile": QUICKFIX}])
def test_a_stranger_is_told_nothing(
    reason: DisconnectReason, settings: dict[str, Any]
) -> None:
    c = Conversation(numbers=Numbers(next_in=7, next_out=1), **settings)
    objection = Objection(reason, "not with me")
    c.session.logon(message(f"{LOGON}|141=Y"), c.now_ns, objection)
    c.carry_out()
    c.expect_closed(reason)
    assert c.closed is not None
    assert c.closed.text == "not with me"
    assert c.session.numbers == Numbers(next_in=7, next_out=1)
    assert (c.app.logons, c.resets) == (0, 0)


@pytest.mark.parametrize("setting", ["reset_on_disconnect", "reset_on_logout"])
@pytest.mark.parametrize(
    "reason", [DisconnectReason.AUTHENTICATION_FAILED, DisconnectReason.INVALID_LOGON]
)
def test_the_end_of_a_refused_logon_resets_nothing(
    setting: str, reason: DisconnectReason
) -> None:
    """Or anybody could wipe a session by trying to log on as its client."""
    c = Conversation(numbers=Numbers(next_in=7, next_out=1), **{setting: True})
    c.session.logon(message(LOGON), c.now_ns, Objection(reason, "no"))
    c.carry_out()
    assert c.closed
    assert c.resets == 0
    assert c.next_in == 7
    assert (c.app.logons, c.app.logouts) == (0, 0)


def test_another_objection_of_the_shell_is_told() -> None:
    c = Conversation()
    objection = Objection(DisconnectReason.OUTSIDE_SCHEDULE, "on Sundays we rest")
    c.session.logon(message(LOGON), c.now_ns, objection)
    c.carry_out()
    c.expect("35=5|34=1|58=on Sundays we rest")
    c.expect_closed(DisconnectReason.OUTSIDE_SCHEDULE)


def test_what_a_refusal_used_up_is_filled_later() -> None:
    """The number of the Logout is not lost, nor is what waits before it."""
    c = Conversation().log_on()
    c.send("35=8|37=A")
    c.lose()
    c.forget()
    c.send("35=8|37=B")
    c.client("35=A|34=2|98=0|108=-1")
    c.expect("35=5|34=4|58=HeartBtInt must not be negative")
    c.send("35=8|37=C")
    c.client("35=A|34=2|98=0|108=30")
    c.expect_only("35=A|34=6|98=0|108=30")
    c.client("35=2|34=3|7=3|16=0")
    c.expect("35=8|34=3|43=Y|122=*|37=B")
    c.expect("35=4|34=4|43=Y|122=*|36=5|123=Y")
    c.expect("35=8|34=5|43=Y|122=*|37=C")
    c.expect_only("35=4|34=6|43=Y|122=*|36=7|123=Y")


# -- HeartBtInt(108) -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ("4", "HeartBtInt(108) is below 5"),
        ("5", ""),
        ("60", ""),
        ("61", "HeartBtInt(108) is above 60"),
        ("0", "HeartBtInt(108) is below 5"),
        ("-1", "HeartBtInt must not be negative"),
    ],
)
def test_bounds_of_the_interval(interval: str, text: str) -> None:
    c = Conversation(heart_bt_int_s_min=5, heart_bt_int_s_max=60)
    c.client(f"35=A|34=1|98=0|108={interval}")
    if text:
        c.expect(f"35=5|34=1|58={text}")
        c.expect_closed(INVALID)
    else:
        c.expect_only(f"35=A|34=1|98=0|108={interval}")
        assert c.session.heart_bt_int_s == int(interval)


@pytest.mark.parametrize("interval", ["0", "3", "30", "9999"])
def test_an_interval_of_ours_overrides_theirs(interval: str) -> None:
    c = Conversation(
        heart_bt_int_override_s=10, heart_bt_int_s_min=5, heart_bt_int_s_max=60
    )
    c.client(f"35=A|34=1|98=0|108={interval}")
    c.expect_only("35=A|34=1|98=0|108=10")
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only("35=0|34=2")


@pytest.mark.parametrize("interval", ["-1", "x", ""])
def test_an_interval_of_ours_does_not_make_theirs_good(interval: str) -> None:
    c = Conversation(heart_bt_int_override_s=10, validate=False)
    c.client(f"35=A|34=1|98=0|108={interval}")
    c.expect("35=5|34=1|58=*")
    c.expect_closed(INVALID)


NOTE = "the client resets the numbers by ResetSeqNumFlag(141)=Y:"


# -- ResetSeqNumFlag(141) --------------------------------------------------------------


@pytest.mark.parametrize("policy", ResetPolicy)
def test_reset_at_logon(policy: ResetPolicy) -> None:
    c = Conversation(numbers=Numbers(next_in=7, next_out=1), reset_seq_num_flag=policy)
    c.client(f"{LOGON}|141=Y")
    if policy is ResetPolicy.REFUSE:
        text = "ResetSeqNumFlag(141)=Y is not allowed, expecting MsgSeqNum 7"
        c.expect(f"35=5|34=1|58={text}")
        c.expect_closed(INVALID)
        assert c.resets == 0
    else:
        c.expect_only("35=A|34=1|98=0|108=30|141=Y")
        assert c.resets == 1
        assert c.notes == [f"{NOTE} 7 was expected, 1 the next sent"]


@pytest.mark.parametrize("policy", ResetPolicy)
def test_reset_inside_the_session(policy: ResetPolicy) -> None:
    c = Conversation(reset_seq_num_flag=policy).log_on()
    c.client(f"{LOGON}|141=Y")
    if policy is ResetPolicy.ALLOW:
        c.expect_only("35=A|34=1|98=0|108=30|141=Y")
        assert c.notes == [f"{NOTE} 2 was expected, 2 the next sent"]
        return
    text = {
        ResetPolicy.REFUSE: "is not allowed, expecting MsgSeqNum 2",
        ResetPolicy.AT_LOGON: (
            "is only allowed at the beginning, expecting MsgSeqNum 2"
        ),
    }[policy]
    c.expect(f"35=5|34=2|58=ResetSeqNumFlag(141)=Y {text}")
    c.expect_closed(INVALID)
    assert c.resets == 0


@pytest.mark.parametrize("policy", ResetPolicy)
def test_our_own_reset_on_logon_is_no_matter_of_the_policy(policy: ResetPolicy) -> None:
    c = Conversation(
        numbers=Numbers(next_in=7, next_out=1),
        reset_seq_num_flag=policy,
        reset_on_logon=True,
    )
    c.client(LOGON)
    c.expect_only("35=A|34=1|98=0|108=30")
    assert c.resets == 1


# -- RefreshOnLogon --------------------------------------------------------------------


def _refreshed(numbers: Numbers) -> None:
    numbers.next_in, numbers.next_out = 12, 1


@pytest.mark.parametrize("wanted", [True, False])
def test_refresh_on_logon(wanted: bool) -> None:
    c = Conversation(refresh_on_logon=wanted, refresh=_refreshed)
    c.client("35=A|34=12|98=0|108=30")
    c.expect("35=A|34=1|98=0|108=30")
    if not wanted:
        c.expect("35=2|34=2|7=1|16=0")
    c.expect_nothing()


def test_a_bad_logon_refreshes_nothing() -> None:
    c = Conversation(refresh_on_logon=True, refresh=_refreshed)
    c.client("35=A|34=12|98=0|108=-1")
    assert c.next_in == 1


def test_refresh_on_logon_without_a_store_to_read() -> None:
    c = Conversation(refresh_on_logon=True)
    c.log_on()


# -- ValidateSequenceNumbers -----------------------------------------------------------


@pytest.mark.parametrize(("seq", "after"), [(3, 8), (7, 8), (30, 31)])
def test_any_number_of_a_logon_is_good(seq: int, after: int) -> None:
    c = Conversation(
        numbers=Numbers(next_in=7, next_out=1), validate_sequence_numbers=False
    )
    c.client(f"35=A|34={seq}|98=0|108=30")
    c.expect_only("35=A|34=1|98=0|108=30")
    assert c.next_in == after


# -- schedule --------------------------------------------------------------------------


def _schedule(**times: str) -> Any:
    parsed: dict[str, Any] = {name: parse_time(text) for name, text in times.items()}
    return Plan(**parsed).schedule()


def test_the_end_of_the_time_of_logons_logs_out() -> None:
    c = Conversation(
        schedule=_schedule(
            start_time="03:00:00",
            end_time="09:00:00",
            logon_time="03:00:00",
            logout_time="03:04:30",
        )
    )
    c.client(LOGON)
    c.expect("35=A|34=1|98=0|108=30")
    c.after(25)
    c.expect_only("35=5|34=2|58=The session's time window has ended")
    c.client("35=5|34=2")
    c.expect_closed(DisconnectReason.SCHEDULE_END)
    c.client("35=A|34=3|98=0|108=30")
    c.expect("35=5|34=3|58=Logon is not allowed at this time")
    c.expect_closed(DisconnectReason.OUTSIDE_SCHEDULE)


def test_what_is_sent_in_a_new_window_bears_its_numbers() -> None:
    """Nobody is connected yet: the first Logon of the window must not drop it."""
    c = Conversation(schedule=_schedule(start_time="03:00:00", end_time="09:00:00"))
    c.log_on()
    c.send("35=8|37=A")
    c.lose()
    c.forget()
    c.now += timedelta(days=1)
    c.send("35=8|37=B")
    c.send("35=8|37=C")
    c.client(LOGON)
    c.expect_only("35=A|34=3|98=0|108=30")
    c.client("35=2|34=2|7=1|16=0")
    c.expect("35=8|34=1|43=Y|122=*|37=B")
    c.expect("35=8|34=2|43=Y|122=*|37=C")
    c.expect_only("35=4|34=3|43=Y|122=*|36=4|123=Y")


def test_what_is_sent_between_windows_is_of_the_last_one() -> None:
    c = Conversation(schedule=_schedule(start_time="03:00:00", end_time="09:00:00"))
    c.log_on()
    c.lose()
    c.now += timedelta(hours=10)
    assert c.send("35=8|37=A") == 2
    c.now += timedelta(hours=14)
    c.client(LOGON)
    c.expect("35=A|34=1|98=0|108=30")
