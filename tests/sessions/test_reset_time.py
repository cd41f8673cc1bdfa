"""ResetSeqTime: numbers begin at 1 at a time of day, inside the session."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.session.profile import QUICKFIX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, parse_time
from tests.sessions.conversation import LOGON, ORDER, Conversation

RESET = "35=A|34=1|98=0|108=30|141=Y"


def resetting(**settings: Any) -> Conversation:
    """Logged on at 03:04:05, with orders on the way when it strikes 03:04:30."""
    schedule = Plan(
        start_time=parse_time("03:00:00"),
        end_time=parse_time("09:00:00"),
        reset_seq_time=parse_time("03:04:30"),
        enable_reset_seq_time=True,
    ).schedule()
    c = Conversation(schedule=schedule, **settings).log_on()
    c.order(2)
    c.after(25)
    return c


def test_we_reset_and_the_client_follows() -> None:
    c = resetting()
    c.expect_only(RESET)
    assert c.resets == 2  # at the first Logon of the window, and now
    c.client(RESET)
    c.expect_nothing()  # their Logon is the answer to ours
    numbers = c.session.numbers
    assert (numbers.next_in, numbers.next_out, numbers.epoch) == (2, 2, 3)
    c.order(2)
    assert c.app.numbers == [2, 2]
    c.send("35=8|37=A")
    c.expect_only("35=8|34=2|37=A")
    c.after(20)
    assert c.resets == 2


def test_our_messages_have_new_numbers_at_once() -> None:
    c = resetting()
    c.expect(RESET)
    c.send("35=8|37=A")
    c.expect_only("35=8|34=2|37=A")
    c.client(RESET)
    c.client("35=2|34=2|7=1|16=0")
    c.expect("35=4|34=1|43=Y|122=*|36=2|123=Y")
    c.expect_only("35=8|34=2|43=Y|122=*|37=A")


def test_what_bears_an_old_number_is_answered_and_not_processed() -> None:
    c = resetting()
    c.expect(RESET)
    c.order(3)
    text = "Sequence numbers are being reset, send it again"
    c.expect_only(f"35=j|34=2|45=3|58={text}|372=D|379=A|380=0")
    c.client("35=1|34=4|112=there?")
    c.expect_only("35=0|34=3|112=there?")
    c.client("35=0|34=5")
    c.client("35=2|34=6|7=1|16=0")
    c.expect_nothing()
    assert c.app.numbers == [2]
    assert c.next_in == 1
    assert c.answered == [0], "3 is to be another message's number"


def test_a_logout_meanwhile_is_answered() -> None:
    c = resetting()
    c.expect(RESET)
    c.client("35=5|34=3")
    c.expect_only("35=5|34=2")


@pytest.mark.parametrize("text", [LOGON, "35=A|34=3|98=0|108=30|141=Y"])
def test_a_logon_that_is_no_answer(text: str) -> None:
    c = resetting()
    c.expect(RESET)
    c.client(text)
    c.expect("35=5|34=2|58=*")
    c.expect_closed(DisconnectReason.UNEXPECTED_LOGON)


def test_no_answer() -> None:
    c = resetting()
    c.expect(RESET)
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect("35=5|34=2|58=No answer to the reset by Logon")
    c.expect_closed(DisconnectReason.LOGON_TIMEOUT)


def test_the_next_connection_waits_for_no_answer() -> None:
    c = resetting()
    c.lose()
    c.forget()
    c.client(LOGON)
    c.expect_only("35=A|34=2|98=0|108=30")
    c.order(2)
    assert c.app.numbers == [2, 2]


def test_who_is_not_there_begins_anew_at_the_next_logon() -> None:
    schedule = Plan(
        non_stop_session=True,
        reset_seq_time=parse_time("03:04:30"),
        enable_reset_seq_time=True,
    ).schedule()
    c = Conversation(schedule=schedule).log_on()
    c.lose()
    c.after(25)
    c.client(LOGON)
    c.expect_only("35=A|34=1|98=0|108=30")


def test_a_version_without_141_logs_out() -> None:
    schedule = Plan(
        non_stop_session=True,
        reset_seq_time=parse_time("03:04:30"),
        enable_reset_seq_time=True,
    ).schedule()
    c = Conversation(begin_string="FIX.4.0", schedule=schedule).log_on()
    c.after(25)
    c.expect_only("35=5|34=2|58=Sequence numbers are reset now")
    c.client("35=5|34=2")
    c.expect_closed(DisconnectReason.SCHEDULE_END)
    c.client(LOGON)
    c.expect_only(LOGON)


def test_it_is_the_same_in_both_profiles() -> None:
    c = resetting(profile=QUICKFIX)
    c.expect_only(RESET)
    c.client(f"35=D|34=3|{ORDER}")
    text = "Sequence numbers are being reset, send it again"
    c.expect_only(f"35=j|34=2|45=3|58={text}|372=D|379=A|380=0")
