"""A Logon and the content of a message, judged before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.dictionary import SessionRejectReason
from fixgw.session.checks import Objection
from fixgw.session.numbers import Numbers
from fixgw.session.policies import ResetPolicy
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, parse_time
from fixgw.session.tables import State
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import LOGON, Conversation, build, stamp

R = DisconnectReason
FIXT = "FIXT.1.1"


def judged(c: Conversation, text: str, without: tuple[int, ...] = ()) -> Any:
    """What is found wrong with a Logon. Nothing of the session may change by it."""
    names = {8: c.begin_string, 49: "CLIENT", 56: "EXCHANGE", 52: stamp(c.now)}
    message = parse_message(build(text, names, without))
    assert isinstance(message, Message)
    before = (c.session.numbers.next_in, c.session.numbers.next_out)
    found = c.session.judge_logon(message, c.now_ns)
    assert (c.session.numbers.next_in, c.session.numbers.next_out) == before
    assert c.session.state is State.DISCONNECTED
    assert not c.session.take_effects()
    return found


def test_a_good_one() -> None:
    assert judged(Conversation(), LOGON) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8=FIX.4.2|" + LOGON, R.BEGIN_STRING_WRONG),
        ("49=OTHER|" + LOGON, R.COMP_ID_WRONG),
        ("35=A|98=0|108=30", R.MSG_SEQ_NUM_MISSING),
        ("52=20200101-00:00:00|" + LOGON, R.SENDING_TIME_WRONG),
        (LOGON + "|44=x", R.INVALID_LOGON),
    ],
)
def test_each_check_has_its_reason(text: str, reason: DisconnectReason) -> None:
    found = judged(Conversation(), text)
    assert found is not None
    assert found.reason is reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("98=0", "HeartBtInt(108) is missing or no number"),
        ("98=0|108=x", "HeartBtInt(108) is missing or no number"),
        ("98=0|108=-1", "HeartBtInt must not be negative"),
        ("98=0|108=9", "HeartBtInt(108) is below 10"),
        ("98=0|108=10", None),
        ("98=0|108=60", None),
        ("98=0|108=61", "HeartBtInt(108) is above 60"),
        ("98=0|108=30|43=Y", "a Logon cannot be a possible duplicate"),
    ],
)
def test_fields_of_a_logon(text: str, said: str | None) -> None:
    c = Conversation(heart_bt_int_s_min=10, heart_bt_int_s_max=60)
    expected = Objection(R.INVALID_LOGON, said) if said else None
    assert judged(c, f"35=A|34=1|{text}") == expected


@pytest.mark.parametrize(("value", "valid"), [("1", True), ("61", True), ("x", False)])
def test_an_interval_of_ours_makes_the_clients_bounds_moot(
    value: str, valid: bool
) -> None:
    c = Conversation(heart_bt_int_override_s=30, heart_bt_int_s_max=60)
    found = judged(c, f"35=A|34=1|98=0|108={value}")
    assert (found is None) is valid


@pytest.mark.parametrize(
    ("field", "seen", "reject"),
    [("98=1|", "1", SessionRejectReason.DECRYPTION_PROBLEM), ("", "", None)],
)
def test_encryption(field: str, seen: str, reject: SessionRejectReason | None) -> None:
    text = f"EncryptMethod(98)={seen} is not supported, only 0 (none)"
    expected = Objection(R.INVALID_LOGON, text, 98, reject)
    assert judged(Conversation(), f"35=A|34=1|{field}108=30") == expected


@pytest.mark.parametrize(
    ("policy", "seq", "said"),
    [
        (ResetPolicy.ALLOW, 1, None),
        (ResetPolicy.AT_LOGON, 1, None),
        (
            ResetPolicy.REFUSE,
            1,
            "ResetSeqNumFlag(141)=Y is not allowed, expecting MsgSeqNum 5",
        ),
        (ResetPolicy.ALLOW, 2, "ResetSeqNumFlag(141)=Y demands MsgSeqNum(34)=1"),
    ],
)
def test_resets(policy: ResetPolicy, seq: int, said: str | None) -> None:
    c = Conversation(numbers=Numbers(5, 8), reset_seq_num_flag=policy)
    found = judged(c, f"35=A|34={seq}|98=0|108=30|141=Y")
    assert found == (Objection(R.INVALID_LOGON, said) if said else None)


def test_the_flag_means_nothing_in_4_0() -> None:
    c = Conversation(
        begin_string="FIX.4.0",
        reset_seq_num_flag=ResetPolicy.REFUSE,
        validate=False,
    )
    assert judged(c, LOGON + "|141=Y") is None


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("|1137=9", None),
        ("", "DefaultApplVerID(1137) is missing"),
        ("|1137=FIX.5.0SP2", "Invalid DefaultApplVerID=FIX.5.0SP2"),
        ("|1137=99", "Invalid DefaultApplVerID=99"),
    ],
)
def test_the_version_of_the_application(
    validate: bool, field: str, said: str | None
) -> None:
    c = Conversation(begin_string=FIXT, validate=validate)
    expected = Objection(R.INVALID_LOGON, said) if said else None
    assert judged(c, LOGON + field) == expected


def test_only_versions_with_a_dictionary_are_spoken() -> None:
    known = judged(Conversation(begin_string=FIXT, validate=False), LOGON + "|1137=7")
    assert known is None
    found = judged(Conversation(begin_string=FIXT), LOGON + "|1137=7")
    assert found == Objection(R.INVALID_LOGON, "Invalid DefaultApplVerID=7")


def test_outside_the_hours_nothing_else_is_looked_at() -> None:
    times = Plan(start_time=parse_time("08:00:00"), end_time=parse_time("17:00:00"))
    found = judged(Conversation(schedule=times.schedule()), "8=FIX.4.2|35=A")
    assert found == Objection(R.OUTSIDE_SCHEDULE, "Logon is not allowed at this time")


@pytest.mark.parametrize("own", [{"validate_incoming_message": False}, {}])
def test_content_that_is_not_judged(own: dict[str, Any]) -> None:
    c = Conversation(validate=bool(own), **own).log_on()
    c.client("35=D|34=2|11=A")
    c.expect_nothing()
    assert c.app.numbers == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("35=D|34=2|11=A", "let pass by RejectInvalidMessage=N: "),
        ("35=s|34=2", "let pass by RejectInvalidMessage=N: Unsupported type"),
    ],
)
def test_content_that_is_only_noted(text: str, said: str) -> None:
    c = Conversation(reject_invalid_message=False).log_on()
    c.client(text)
    c.expect_nothing()
    assert [note.startswith(said) for note in c.notes] == [True]
    assert c.app.numbers == [2]


@pytest.mark.parametrize(
    ("extra", "answer"),
    [
        ("43=Y", "58=Required tag missing|371=122|372=D|373=1"),
        (
            "115=OTHER",
            "128=OTHER|58=CompID problem|371=115|372=D|373=9",
        ),
        ("44=x", "58=Incorrect data format for value|371=44|372=D|373=6"),
    ],
)
def test_content_that_is_refused(extra: str, answer: str) -> None:
    c = Conversation(on_behalf_of_comp_ids=("DESK",)).log_on()
    c.order(2, extra)
    c.expect_only(f"35=3|34=2|45=2|{answer}")
    assert c.app.numbers == []


def test_a_gap_fill_need_not_say_when_it_was_sent_first() -> None:
    c = Conversation().log_on()
    c.client("35=4|34=2|43=Y|36=5|123=Y")
    c.expect_nothing()
    assert c.next_in == 5


def test_an_unsupported_type_is_the_applications_concern() -> None:
    c = Conversation().log_on()
    c.client("35=s|34=2|11=A|55=XYZ|54=1")
    c.expect_only("35=j|34=2|45=2|58=Unsupported Message Type|372=s|379=A|380=3")
