"""Logon: order of checks, what is refused and how, gaps, resets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fixgw.session.numbers import Numbers
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, Schedule, parse_time
from fixgw.session.tables import State
from tests.sessions.conversation import LOGON, ORDER, START, Conversation, stamp

HEART_BT_INT_S_MAX = 3600


def _daily(start: str, end: str, **more: Any) -> Schedule:
    return Plan(
        start_time=parse_time(start), end_time=parse_time(end), **more
    ).schedule()


# -- accepted --------------------------------------------------------------------------


def test_1s_a_valid_logon_is_answered_with_its_interval() -> None:
    c = Conversation()
    c.client("35=A|34=1|98=0|108=17")
    pairs = c.expect("35=A|34=1|98=0|108=17")
    c.expect_nothing()
    assert [tag for tag, _ in pairs][:3] == [8, 9, 35]
    assert pairs[-1][0] == 10
    assert dict(pairs)[52] == stamp(START)
    assert c.session.state is State.ACTIVE
    assert (c.next_in, c.session.numbers.next_out) == (2, 2)
    assert c.app.logons == 1


def test_the_logon_takes_the_number_we_are_at() -> None:
    c = Conversation(numbers=Numbers(next_in=12, next_out=1))
    c.client("35=A|34=12|98=0|108=30")
    c.expect_only("35=A|34=1|98=0|108=30")
    assert c.next_in == 13


def test_leading_zeros_in_numbers_are_accepted() -> None:
    c = Conversation()
    c.client("35=A|34=0001|98=0|108=030")
    c.expect_only("35=A|34=1|98=0|108=30")


def test_1s_a_34_too_high_asks_after_the_logon() -> None:
    c = Conversation()
    c.client("35=A|34=5|98=0|108=30")
    c.expect("35=A|34=1|98=0|108=30")
    c.expect_only("35=2|34=2|7=1|16=0")
    assert c.next_in == 1
    c.gap_fill(1, 5)
    c.expect_nothing()
    assert c.next_in == 6  # the Logon itself was counted at its turn
    c.order(6)
    assert c.app.numbers == [6]


@pytest.mark.parametrize("ahead", [1, 2, 10_000])
def test_the_gap_of_a_logon_is_filled_by_messages(ahead: int) -> None:
    c = Conversation()
    c.client(f"35=A|34={1 + ahead}|98=0|108=30")
    c.forget()
    if ahead > 1:
        c.gap_fill(1, ahead)
    c.again(ahead)
    assert c.app.numbers == [ahead]
    assert c.next_in == ahead + 2


def test_2c_logon_34_too_low() -> None:
    c = Conversation(numbers=Numbers(next_in=9, next_out=1))
    c.client("35=A|34=4|98=0|108=30")
    c.expect("35=5|34=1|58=MsgSeqNum too low, expecting 9 but received 4")
    c.expect_closed(DisconnectReason.MSG_SEQ_NUM_TOO_LOW)
    assert c.next_in == 9
    assert c.app.logons == 0


# -- refused ---------------------------------------------------------------------------

INVALID = {
    "98 missing": ("108=30", (), "*"),
    "108 missing": ("98=0", (), "HeartBtInt(108) is missing or no number"),
    "108 no number": ("98=0|108=x", (), "HeartBtInt(108) is missing or no number"),
    "108 negative": ("98=0|108=-1", (), "HeartBtInt must not be negative"),
    "undefined tag": ("98=0|108=30|9999=1", (), "Invalid tag number"),
    "tag of another message": ("98=0|108=30|44=1", (), "*"),
    "bad enum": ("98=0|108=30|141=Q", (), "*"),
}


@pytest.mark.parametrize("case", INVALID)
def test_1s_d_an_invalid_logon_gets_a_logout(case: str) -> None:
    body, without, text = INVALID[case]
    c = Conversation()
    c.client(f"35=A|34=1|{body}", without=without)
    c.expect(f"35=5|34=1|58={text}")
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    assert c.app.logons == 0
    assert c.next_in == 1


def test_17b_encryption_is_refused_by_reject_and_logout() -> None:
    c = Conversation()
    c.client("35=A|34=1|98=2|108=30")
    c.expect("35=3|34=1|45=1|58=*|371=98|372=A|373=7")
    text = dict(c.expect("35=5|34=2|58=*"))[58]
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    assert "2" in text, "the Logout names the value"


def test_1s_d_logon_with_wrong_sending_time() -> None:
    c = Conversation()
    c.client(f"{LOGON}|52={stamp(START - timedelta(seconds=121))}")
    text = dict(c.expect("35=5|34=1|58=*"))[58]
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)
    assert "20260102-03:02:04.000" in text


@pytest.mark.parametrize("off_s", [-120, 120])
def test_sending_time_at_the_threshold_is_good(off_s: int) -> None:
    c = Conversation()
    c.client(f"{LOGON}|52={stamp(START + timedelta(seconds=off_s))}")
    c.expect_only("35=A|34=1|98=0|108=30")


@pytest.mark.parametrize("validate", [True, False])
def test_logon_without_34(validate: bool) -> None:
    c = Conversation(validate=validate)
    c.client("35=A|98=0|108=30")
    c.expect("35=5|34=1|58=Received message without MsgSeqNum")
    c.expect_closed(DisconnectReason.MSG_SEQ_NUM_MISSING)


def test_heart_bt_int_s_max() -> None:
    c = Conversation()
    c.client(f"35=A|34=1|98=0|108={HEART_BT_INT_S_MAX + 1}")
    c.expect("35=5|34=1|58=HeartBtInt(108) is above 3600")
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    c = Conversation()
    c.client(f"35=A|34=1|98=0|108={HEART_BT_INT_S_MAX}")
    c.expect_only("35=A|34=1|98=0|108=3600")


def test_outside_the_schedule() -> None:
    c = Conversation(schedule=_daily("08:00:00", "17:00:00"))
    c.client(LOGON)
    c.expect("35=5|34=1|58=Logon is not allowed at this time")
    c.expect_closed(DisconnectReason.OUTSIDE_SCHEDULE)


def test_a_logout_before_the_logon_uses_up_a_number() -> None:
    c = Conversation()
    c.client("35=A|34=1|98=0|108=-1")
    c.expect("35=5|34=1|58=HeartBtInt must not be negative")
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    c.client("35=A|34=1|98=0|108=30")
    c.expect_only("35=A|34=2|98=0|108=30")


# -- order of checks -------------------------------------------------------------------

LATE = stamp(START - timedelta(hours=1))


@pytest.mark.parametrize(
    ("first", "body", "settings", "reason"),
    [
        (
            "schedule before content",
            "34=1|98=0|108=-1",
            {"schedule": _daily("08:00:00", "17:00:00")},
            DisconnectReason.OUTSIDE_SCHEDULE,
        ),
        (
            "content before time",
            f"34=1|98=0|108=-1|52={LATE}",
            {},
            DisconnectReason.INVALID_LOGON,
        ),
        (
            "time before number",
            f"34=1|98=0|108=30|52={LATE}",
            {},
            DisconnectReason.SENDING_TIME_WRONG,
        ),
        (
            "content before number",
            "34=1|98=0|108=-1",
            {},
            DisconnectReason.INVALID_LOGON,
        ),
    ],
    ids=lambda each: each.replace(" ", "_") if isinstance(each, str) else "",
)
def test_order_of_checks(
    first: str, body: str, settings: dict[str, Any], reason: DisconnectReason
) -> None:
    c = Conversation(numbers=Numbers(next_in=9, next_out=1), **settings)
    c.client(f"35=A|{body}")
    c.expect("35=5|34=1|58=*")
    c.expect_closed(reason)


@pytest.mark.parametrize(
    ("body", "without"),
    [
        ("34=1|108=30|141=Y", ()),
        ("34=1|98=0|108=-5|141=Y", ()),
        (f"34=1|98=0|108=30|141=Y|52={LATE}", ()),
        ("34=2|98=0|108=30|141=Y", ()),
        ("98=0|108=30|141=Y", ()),
        ("34=x|98=0|108=30", ()),
        ("34=1|98=0|108=30|43=Y|122=20260102-03:04:05", ()),
    ],
)
@pytest.mark.parametrize("reset_on_logon", [False, True])
@pytest.mark.parametrize("validate", [False, True])
def test_a_refused_logon_resets_nothing(
    body: str, without: tuple[int, ...], reset_on_logon: bool, validate: bool
) -> None:
    """Nothing is changed before every check of the Logon has passed."""
    c = Conversation(
        numbers=Numbers(next_in=7, next_out=1),
        reset_on_logon=reset_on_logon,
        validate=validate,
    )
    c.client(f"35=A|{body}")
    c.expect("35=5|34=1|58=*")
    assert c.closed
    assert c.resets == 0
    assert c.next_in == 7


@pytest.mark.parametrize("reset_on_logon", [False, True])
def test_a_logon_of_bad_content_resets_nothing(reset_on_logon: bool) -> None:
    c = Conversation(
        numbers=Numbers(next_in=7, next_out=1), reset_on_logon=reset_on_logon
    )
    c.client(f"{LOGON}|141=Y|9999=1")
    c.expect("35=5|34=1|58=Invalid tag number")
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    assert (c.resets, c.next_in) == (0, 7)


# -- reset -----------------------------------------------------------------------------


def _busy() -> Conversation:
    """A session with a history on both sides."""
    c = Conversation().log_on()
    c.order(2)
    c.send("35=8|37=1")
    c.lose()
    c.forget()
    return c


def test_reset_at_logon() -> None:
    c = _busy()
    c.client(f"{LOGON}|141=Y")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    numbers = c.session.numbers
    assert (numbers.next_in, numbers.next_out, numbers.epoch) == (2, 2, 2)
    assert c.resets == 1
    c.client("35=2|34=2|7=1|16=0")  # nothing of the past is sent again
    c.expect_only("35=4|34=1|43=Y|122=*|36=2|123=Y")


def test_reset_with_another_number_than_1_is_refused() -> None:
    c = _busy()
    c.client("35=A|34=3|98=0|108=30|141=Y")
    c.expect("35=5|34=3|58=ResetSeqNumFlag(141)=Y demands MsgSeqNum(34)=1")
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    assert c.resets == 0


def test_reset_with_141_n_is_no_reset() -> None:
    c = _busy()
    c.client("35=A|34=3|98=0|108=30|141=N")
    c.expect_only("35=A|34=3|98=0|108=30")


def test_reset_in_the_session() -> None:
    c = Conversation().log_on()
    c.order(2)
    c.client("35=A|34=1|98=0|108=20|141=Y")
    c.expect_only("35=A|34=1|98=0|108=20|141=Y")
    numbers = c.session.numbers
    assert (numbers.next_in, numbers.next_out, numbers.epoch) == (2, 2, 2)
    c.order(2)
    assert c.app.numbers == [2, 2]
    c.after(20)
    c.expect_only("35=0|34=2")


def test_reset_in_the_session_drops_early_messages_and_the_request() -> None:
    c = Conversation().log_on()
    c.order(5)
    c.expect_only("35=2|34=2|7=2|16=0")
    c.client(f"{LOGON}|141=Y")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    for seq in (2, 3, 4):
        c.order(seq)
    assert c.next_in == 5
    assert c.app.numbers == [2, 3, 4]
    c.after(20)
    c.expect_nothing()
    c.order(6)
    c.expect_only("35=2|34=2|7=5|16=0")


def test_reset_in_the_session_ends_a_replay() -> None:
    c = Conversation(slice_messages=1, automatic=False).log_on()
    for number in range(3):
        c.send(f"35=8|37={number}")
    c.forget()
    c.client("35=2|34=2|7=1|16=0")
    c.replay_slice()
    c.forget()
    c.client(f"{LOGON}|141=Y")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    assert not c.replay_slice()
    c.expect_nothing()
    c.send("35=8|37=4")
    c.expect_only("35=8|34=2|37=4")


def test_an_invalid_reset_in_the_session_changes_nothing() -> None:
    c = Conversation().log_on()
    c.client(f"{LOGON}|141=Y|9999=1")
    c.expect("35=5|34=2|58=Invalid tag number")
    c.expect_closed(DisconnectReason.INVALID_LOGON)
    assert c.resets == 0


@pytest.mark.parametrize("initiated", ["by us", "by the client"])
def test_reset_while_logging_out_is_no_error_of_ours(initiated: str) -> None:
    c = Conversation().log_on()
    if initiated == "by us":
        c.session.logout("bye", c.now_ns)
    else:
        c.client("35=5|34=2")
    c.carry_out()
    c.forget()
    c.client(f"{LOGON}|141=Y")


def test_a_second_logon_without_reset() -> None:
    c = Conversation().log_on()
    c.client("35=A|34=2|98=0|108=30")
    c.expect("35=5|34=2|58=Already logged on")
    c.expect_closed(DisconnectReason.UNEXPECTED_LOGON)


@pytest.mark.parametrize("flag", ["", "|141=Y"])
def test_reset_on_logon(flag: str) -> None:
    c = Conversation(reset_on_logon=True).log_on()
    c.order(2)
    c.lose()
    c.client(f"{LOGON}{flag}")
    c.expect_only(f"35=A|34=1|98=0|108=30{flag}")
    assert c.resets == 2


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("setting", ["reset_on_logout", "reset_on_disconnect"])
def test_reset_at_the_end(setting: str, clean: bool) -> None:
    settings: dict[str, Any] = {setting: True}
    c = Conversation(**settings).log_on()
    if clean:
        c.client("35=5|34=2")
        c.forget()
    c.lose()
    assert c.resets == (clean or setting == "reset_on_disconnect")


def test_the_flags_of_one_connection_do_not_reset_after_the_next() -> None:
    c = Conversation(reset_on_logout=True).log_on()
    c.client("35=5|34=2")
    c.lose()
    c.forget()
    c.log_on()
    c.lose()
    assert c.resets == 1


def test_numbers_go_on_over_connections() -> None:
    c = Conversation().log_on()
    c.order(2)
    c.lose()
    c.client("35=A|34=3|98=0|108=30")
    c.expect_only("35=A|34=2|98=0|108=30")
    assert c.app.logouts == 1
    assert c.app.logons == 2


def test_a_new_window_resets_at_its_first_logon() -> None:
    c = Conversation(schedule=_daily("03:00:00", "02:00:00"))
    c.client(LOGON)
    c.expect_only("35=A|34=1|98=0|108=30")
    c.order(2)
    c.lose()
    c.client("35=A|34=3|98=0|108=30")
    c.expect_only("35=A|34=2|98=0|108=30")
    c.lose()
    c.now += timedelta(days=1)
    c.client(LOGON)
    c.expect_only("35=A|34=1|98=0|108=30")


def test_the_end_of_the_window_logs_out() -> None:
    c = Conversation(schedule=_daily("03:00:00", "03:04:30"))
    c.client(LOGON)
    c.expect("35=A|34=1|98=0|108=30")
    c.after(25)
    c.expect("35=5|34=2|58=The session's time window has ended")
    c.expect_nothing()
    c.client("35=5|34=2")
    c.expect_closed(DisconnectReason.SCHEDULE_END)


def test_369_says_what_was_processed() -> None:
    c = Conversation(enable_last_msg_seq_num_processed=True)
    c.client(LOGON)
    c.forget()
    c.client("35=1|34=2|112=a")
    c.expect_only("35=0|34=2|369=2|112=a")


def test_369_of_the_logon_counts_the_logon_it_answers() -> None:
    c = Conversation(enable_last_msg_seq_num_processed=True)
    c.client(LOGON)
    c.expect_only("35=A|34=1|369=1|98=0|108=30")


def test_369_is_on_gap_fills_too() -> None:
    c = Conversation(enable_last_msg_seq_num_processed=True)
    c.client(LOGON)
    c.forget()
    c.client("35=0|34=2")
    c.client("35=2|34=3|7=1|16=1")
    c.expect_only("35=4|34=1|43=Y|122=*|369=3|36=2|123=Y")


def test_16_messages_made_while_away_come_by_resend_request() -> None:
    c = Conversation().log_on()
    c.lose()
    c.send("35=8|37=A")
    c.send("35=8|37=B")
    assert not c.wire
    c.client("35=A|34=2|98=0|108=30")
    c.expect_only("35=A|34=4|98=0|108=30")
    c.client("35=2|34=3|7=2|16=0")
    c.expect("35=8|34=2|43=Y|122=*|37=A")
    c.expect("35=8|34=3|43=Y|122=*|37=B")
    c.expect_only("35=4|34=4|43=Y|122=*|36=5|123=Y")


def test_15_field_order_does_not_matter() -> None:
    c = Conversation().log_on()
    c.order(2)
    c.client(f"35=D|34=3|{'|'.join(reversed(ORDER.split('|')))}")
    c.expect_nothing()
    assert c.app.numbers == [2, 3]
