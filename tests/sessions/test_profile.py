"""Each row of Profile in both its columns, set alone.

The right column is what the public dialogues of the QuickFIX family demand, the left
one the standard's.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from fixgw.session.numbers import Numbers
from fixgw.session.profile import PROFILES, QUICKFIX, STANDARD, Conformance, Profile
from fixgw.session.reasons import DisconnectReason
from fixgw.session.tables import State
from tests.sessions.conversation import LOGON, ORDER, START, Conversation, read, stamp

ROWS = [row.name for row in fields(Profile)]
LATE = stamp(START - timedelta(seconds=121))
AHEAD = stamp(START + timedelta(seconds=10))
COMPLETE = DisconnectReason.LOGOUT_COMPLETE


def row(name: str, **settings: Any) -> Conversation:
    """A session of the standard but for one row."""
    return Conversation(profile=replace(STANDARD, **{name: True}), **settings)


def test_the_columns() -> None:
    assert {getattr(STANDARD, name) for name in ROWS} == {False}
    assert {getattr(QUICKFIX, name) for name in ROWS} == {True}
    expected = {Conformance.STANDARD: STANDARD, Conformance.QUICKFIX: QUICKFIX}
    assert expected == PROFILES


def test_every_row_has_a_test() -> None:
    here = {name for name in globals() if name.startswith("test_")}
    assert not [name for name in ROWS if not any(name in test for test in here)]


# -- 1S.d ------------------------------------------------------------------------------

BAD_LOGONS = {
    "35=A|34=1|98=0|108=-1": DisconnectReason.INVALID_LOGON,
    "35=A|34=1|98=2|108=30": DisconnectReason.INVALID_LOGON,
    f"{LOGON}|9999=1": DisconnectReason.INVALID_LOGON,
    f"{LOGON}|52={LATE}": DisconnectReason.SENDING_TIME_WRONG,
    "35=A|98=0|108=30": DisconnectReason.MSG_SEQ_NUM_MISSING,
}


@pytest.mark.parametrize("text", BAD_LOGONS)
def test_refuse_logon_silently(text: str) -> None:
    for c in (row("refuse_logon_silently"), Conversation(profile=QUICKFIX)):
        c.client(text)
        c.expect_closed(BAD_LOGONS[text])
        assert c.session.numbers == Numbers(), "no number is used up"
        c.log_on()
    c = Conversation()
    c.client(text)
    assert c.wire
    assert dict(read(c.wire[-1]))[35] == "5"


@pytest.mark.parametrize("text", ["35=A|34=3|98=0|108=30", f"{LOGON}|141=Y|789=7"])
def test_wrong_numbers_are_told_even_with_refuse_logon_silently(text: str) -> None:
    c = row("refuse_logon_silently", numbers=Numbers(next_in=5, next_out=1))
    c.client(text)
    c.expect("35=5|34=1|58=*")
    assert c.closed


def test_a_second_logon_with_refuse_logon_silently() -> None:
    c = row("refuse_logon_silently").log_on()
    c.client("35=A|34=2|98=0|108=30")
    c.expect_closed(DisconnectReason.UNEXPECTED_LOGON)


# -- 2.f, 2.g --------------------------------------------------------------------------


def test_judge_low_poss_dup_without_122() -> None:
    c = row("judge_low_poss_dup").log_on()
    c.order(2)
    c.client(f"35=D|34=2|43=Y|{ORDER}")
    c.expect_only("35=3|34=2|45=2|58=Required tag missing|371=122|372=D|373=1")
    assert c.next_in == 3
    assert c.session.is_logged_on
    c = Conversation().log_on()
    c.order(2)
    c.client(f"35=D|34=2|43=Y|{ORDER}")
    c.expect_nothing()


def test_judge_low_poss_dup_with_a_late_122() -> None:
    c = row("judge_low_poss_dup").log_on()
    c.order(2)
    c.client(f"35=D|34=2|43=Y|122={AHEAD}|{ORDER}")
    text = "SendingTime accuracy problem"
    c.expect(f"35=3|34=2|45=2|58={text}|371=122|372=D|373=10")
    c.expect_only(f"35=5|34=3|58={text}")
    assert c.next_in == 3
    c.client("35=5|34=3")
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)
    c = Conversation().log_on()
    c.order(2)
    c.client(f"35=D|34=2|43=Y|122={AHEAD}|{ORDER}")
    c.expect_nothing()


def test_judge_low_poss_dup_ends_the_session_for_the_expected_number_too() -> None:
    c = row("judge_low_poss_dup").log_on()
    c.client(f"35=D|34=2|43=Y|122={AHEAD}|{ORDER}")
    c.expect("35=3|34=2|45=2|58=*|371=122|372=D|373=10")
    c.expect("35=5|34=3|58=*")
    assert c.next_in == 3
    c.after(2)
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)
    c = Conversation().log_on()
    c.client(f"35=D|34=2|43=Y|122={AHEAD}|{ORDER}")
    c.expect_only("35=3|34=2|45=2|58=*|371=122|372=D|373=10")
    assert c.next_in == 3


def test_judge_low_poss_dup_while_logging_out_closes() -> None:
    c = row("judge_low_poss_dup").log_on()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.forget()
    c.client(f"35=D|34=2|43=Y|122={AHEAD}|{ORDER}")
    c.expect("35=3|34=3|45=2|58=*|371=122|372=D|373=10")
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)


def test_a_good_duplicate_is_ignored_in_both() -> None:
    for c in (Conversation().log_on(), row("judge_low_poss_dup").log_on()):
        c.order(2)
        c.again(2)
        c.expect_nothing()
        assert c.app.numbers == [2]


# -- 2.k, 2.o --------------------------------------------------------------------------

WRONG = {
    f"35=D|34=2|49=NOBODY|{ORDER}": (
        "CompID problem: expected CLIENT, received NOBODY",
        49,
        9,
        DisconnectReason.COMP_ID_WRONG,
    ),
    f"35=D|34=2|52={LATE}|{ORDER}": (
        f"SendingTime accuracy problem: {LATE} is 121 s off, 120 s are allowed",
        52,
        10,
        DisconnectReason.SENDING_TIME_WRONG,
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_brief_identity_reject(message: str) -> None:
    text, tag, code, reason = WRONG[message]
    c = row("brief_identity_reject").log_on()
    c.client(message)
    c.expect(f"35=3|34=2|45=2|58={text}|372=D|373={code}")
    c.expect_only("35=5|34=3")
    c.client("35=5|34=3")
    c.expect_closed(reason)
    assert c.closed is not None
    assert c.closed.text == text, "the log says what the client is not told"
    c = Conversation().log_on()
    c.client(message)
    c.expect(f"35=3|34=2|45=2|58={text}|371={tag}|372=D|373={code}")
    c.expect_only(f"35=5|34=3|58={text}")
    c.after(2)
    c.expect_closed(reason)


def test_brief_identity_reject_of_a_late_122() -> None:
    c = Conversation(profile=QUICKFIX).log_on()
    c.client(f"35=D|34=2|43=Y|122={AHEAD}|{ORDER}")
    c.expect("35=3|34=2|45=2|58=SendingTime accuracy problem|372=D|373=10")
    c.expect_only("35=5|34=3")


# -- 6 ---------------------------------------------------------------------------------


def test_fixed_test_req_id() -> None:
    for c, ids in (
        (row("fixed_test_req_id"), ["TEST", "TEST"]),
        (Conversation(), ["TEST-1", "TEST-2"]),
    ):
        c.log_on(10)
        seen = []
        for seq in (2, 3):
            c.after(12)
            seen += [m[112] for m in (dict(read(d)) for d in c.wire) if m[35] == "1"]
            c.forget()
            c.client(f"35=0|34={seq}|112={seen[-1]}")
        assert seen == ids


def test_quiet_while_asking() -> None:
    c = row("quiet_while_asking").log_on(10)
    c.after(12)
    c.expect("35=0|34=2")
    c.expect("35=1|34=3|112=TEST-1")
    c.after(11.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_closed(DisconnectReason.HEARTBEAT_TIMEOUT)


def test_quiet_while_asking_ends_with_any_message() -> None:
    c = row("quiet_while_asking").log_on(10)
    c.after(12)
    c.forget()
    c.client("35=0|34=2")
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only("35=0|34=4")


# -- 10.e, 11.c ------------------------------------------------------------------------

STANDARDS_TEXT = "attempt to lower sequence number, invalid value NewSeqNo(36)="


def test_tolerate_gap_fill_back() -> None:
    c = row("tolerate_gap_fill_back").log_on()
    c.client("35=4|34=2|36=2|123=Y")
    c.expect_nothing()
    assert c.next_in == 2, "it said what is expected anyway"
    c.client("35=4|34=2|36=1|123=Y")
    c.expect_only(f"35=3|34=2|45=2|58={STANDARDS_TEXT}1|372=4|373=5")
    assert c.next_in == 3, "it is counted, or it would come again for ever"


@pytest.mark.parametrize("new", ["2", "1", "0"])
def test_a_gap_fill_back_in_the_standard(new: str) -> None:
    c = Conversation().log_on()
    c.client(f"35=4|34=2|36={new}|123=Y")
    c.expect_only(f"35=3|34=2|45=2|58={STANDARDS_TEXT}{new}|371=36|372=4|373=5")
    assert c.next_in == 3


@pytest.mark.parametrize("name", ["", "tolerate_gap_fill_back"])
def test_a_reset_back(name: str) -> None:
    c = (row(name) if name else Conversation()).log_on()
    c.client("35=4|34=0|36=1|123=N")
    tag = "" if name else "|371=36"
    text = "NewSeqNo(36)=1 is below the expected 2"
    c.expect_only(f"35=3|34=2|45=0|58={text}{tag}|372=4|373=5")
    assert c.next_in == 2


# -- 13.b ------------------------------------------------------------------------------


def test_close_after_logout() -> None:
    c = row("close_after_logout").log_on()
    c.client("35=5|34=2")
    c.expect("35=5|34=2")
    c.expect_closed(COMPLETE)
    assert c.app.logouts == 1
    c = Conversation().log_on()
    c.client("35=5|34=2")
    c.expect_only("35=5|34=2")
    assert c.session.state is State.LOGOUT_ANSWERED


def test_close_after_logout_waits_for_a_replay() -> None:
    """Or the client would count our Logout and never ask for what is before it."""
    profile = replace(STANDARD, close_after_logout=True)
    c = Conversation(profile=profile, automatic=False, slice_messages=1).log_on()
    for name in "ABC":
        c.send(f"35=8|37={name}")
    c.client("35=2|34=2|7=2|16=0")
    c.forget()
    c.client("35=5|34=3")
    c.after(1)
    c.expect_nothing()
    while c.replay_slice():
        pass
    kinds = [dict(read(data))[35] for data in c.wire]
    c.forget()
    assert kinds == ["8", "8", "8", "5"]
    c.expect_closed(COMPLETE)


# -- numbers of admin messages ---------------------------------------------------------


def test_ignore_admin_numbers_of_a_logout_keeps_the_gap() -> None:
    """What is missing before it is asked for after the next Logon."""
    c = row("ignore_admin_numbers").log_on()
    c.client("35=5|34=5")
    c.expect_only("35=5|34=2")
    assert c.next_in == 2
    c.lose()
    c.client("35=A|34=6|98=0|108=30")
    c.expect("35=A|34=3|98=0|108=30")
    c.expect_only("35=2|34=4|7=2|16=0")


def test_ignore_admin_numbers_of_a_resend_request() -> None:
    c = row("ignore_admin_numbers").log_on()
    c.client("35=0|34=2")
    c.client("35=2|34=1|7=1|16=0")
    c.expect_only("35=4|34=1|43=Y|122=*|36=2|123=Y")
    assert c.next_in == 3


# -- rejects ---------------------------------------------------------------------------


def test_old_reject_codes_only_and_appl_ver_id_on_business_reject() -> None:
    """See test_fix_versions: they are matters of FIX.4.2 and FIXT."""
    c = row("old_reject_codes_only", begin_string="FIX.4.2").log_on()
    c.client("35=1|34=2|112=a|112=b")
    c.expect_only("35=3|34=2|45=2|58=Tag appears more than once|371=112|372=1")
    c = row("appl_ver_id_on_business_reject", begin_string="FIXT.1.1", validate=False)
    c.log_on()
    c.app.reaction = lambda s, m, now: s.business_reject(m, 0, "no", now)
    c.client("35=B|34=2")
    c.expect_only("35=j|34=2|45=2|58=no|372=B|380=0|1137=9")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (5, "Value is incorrect (out of range) for this tag"),
        (12, "ours"),
        (15, "ours"),
        (99, "ours"),
    ],
)
def test_plain_reject_texts(reason: int, text: str) -> None:
    """Where public engines have no words, or more than one, ours are kept."""
    for c, said in ((row("plain_reject_texts"), text), (Conversation(), "ours")):
        c.log_on()
        c.app.reaction = lambda s, m, now: s.reject(m, reason, 55, "ours", now)
        c.order(2)
        c.expect_only(f"35=3|34=2|45=2|58={said}|371=55|372=D|373={reason}")


def test_plain_reject_texts_of_wrong_identities() -> None:
    c = row("plain_reject_texts").log_on()
    c.client(f"35=D|34=2|49=NOBODY|{ORDER}")
    c.expect("35=3|34=2|45=2|58=CompID problem|371=49|372=D|373=9")
    c = row("plain_reject_texts").log_on()
    c.client("8=FIX.4.2|35=0|34=2")
    c.expect_only("35=5|34=2|58=Incorrect BeginString")
    c = Conversation().log_on()
    c.client("8=FIX.4.2|35=0|34=2")
    text = "Incorrect BeginString: expected FIX.4.4, received FIX.4.2"
    c.expect_only(f"35=5|34=2|58={text}")
    c.client("35=5|34=3")
    c.expect_closed(DisconnectReason.BEGIN_STRING_WRONG)


def test_plain_reject_texts_have_none_for_the_cut() -> None:
    c = row("plain_reject_texts", send_logout_before_disconnect_from_timeout=True)
    c.log_on(10)
    c.after(24)
    assert dict(read(c.wire.pop())).keys() & {35, 58} == {35}


def test_leave_out_session_status() -> None:
    c = row("leave_out_session_status", begin_string="FIXT.1.1")
    c.client("35=A|34=1|98=0|108=30|1137=9")
    c.expect_only("35=A|34=1|98=0|108=30|1137=9")


def test_refused_numbers_of_789_in_the_words_of_public_engines() -> None:
    c = row("plain_reject_texts")
    c.client(f"{LOGON}|789=12")
    c.expect(
        "35=5|34=1|58=Tag 789 (NextExpectedMsgSeqNum) is higher than expected. "
        "Expected 1, Received 12"
    )
    c.expect_closed(DisconnectReason.NEXT_EXPECTED_TOO_HIGH)
