"""What becomes of a message by settings: throttles, leniency, errors of our own."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from fixgw.session.checks import may_connect
from fixgw.session.identity import SessionId
from fixgw.session.numbers import MSG_SEQ_NUM_MAX, Numbers
from fixgw.session.policies import ResendOverflow
from fixgw.session.profile import QUICKFIX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from tests.sessions.conversation import LOGON, ORDER, START, Conversation, read, stamp

EXCEEDED = "Throttle limit exceeded"


# -- throttle --------------------------------------------------------------------------


def throttled(begin_string: str = "FIX.4.4", **settings: Any) -> Conversation:
    """Two messages a second are allowed, and were sent."""
    c = Conversation(
        begin_string=begin_string,
        validate=False,
        throttle_messages_per_s=2,
        **settings,
    ).log_on()
    c.order(2)
    c.order(3)
    assert c.app.numbers == [2, 3]
    return c


@pytest.mark.parametrize(
    ("begin_string", "answer"),
    [
        ("FIX.4.0", f"35=3|34=2|45=4|58={EXCEEDED}"),
        ("FIX.4.1", f"35=3|34=2|45=4|58={EXCEEDED}"),
        ("FIX.4.2", f"35=j|34=2|45=4|58={EXCEEDED}|372=D|379=A|380=0"),
        ("FIX.4.4", f"35=j|34=2|45=4|58={EXCEEDED}|372=D|379=A|380=0"),
        ("FIXT.1.1", f"35=j|34=2|45=4|58={EXCEEDED}|372=D|379=A|380=8"),
    ],
)
def test_a_message_too_many_is_refused_and_counted(
    begin_string: str, answer: str
) -> None:
    c = throttled(begin_string)
    c.order(4)
    c.expect_only(answer)
    assert c.next_in == 5
    assert c.app.numbers == [2, 3]
    c.after(1)
    c.order(5)
    c.expect_nothing()
    assert c.app.numbers == [2, 3, 5]


def test_380_8_is_of_5_0_sp2_alone() -> None:
    c = Conversation(begin_string="FIXT.1.1", validate=False, throttle_messages_per_s=1)
    c.client(f"{LOGON}|1137=7")
    c.forget()
    c.order(2)
    c.order(3)
    c.expect_only(f"35=j|34=2|45=3|58={EXCEEDED}|372=D|379=A|380=0")


def test_cancels_and_session_messages_are_free() -> None:
    c = throttled()
    for seq, kind in enumerate("FqF", 4):
        c.client(f"35={kind}|34={seq}|11=B|41=A")
    c.client("35=1|34=7|112=x")
    c.expect_only("35=0|34=2|112=x")
    assert c.app.numbers == [2, 3, 4, 5, 6]


def test_who_does_not_listen_is_logged_out() -> None:
    c = throttled(throttle_rejects_max=2)
    for seq in (4, 5, 6):
        c.order(seq)
        c.expect(f"35=j|34={seq - 2}|45={seq}|58={EXCEEDED}|372=D|379=A|380=0")
    c.expect_only(f"35=5|34=5|58={EXCEEDED}")
    assert c.next_in == 7
    c.client("35=5|34=7")
    c.expect_closed(DisconnectReason.THROTTLED)


def test_who_goes_on_after_our_logout_is_cut() -> None:
    c = throttled(throttle_rejects_max=1)
    for seq in (4, 5):
        c.order(seq)
    for seq in (6, 7):
        c.order(seq)
        if c.closed:
            break
    c.forget()
    c.expect_closed(DisconnectReason.THROTTLED)


# -- validation ------------------------------------------------------------------------


def test_without_validate_incoming_message_content_is_not_judged() -> None:
    c = Conversation(validate_incoming_message=False).log_on()
    c.client("35=D|34=2|9999=")
    c.client("35=ZZZ|34=3")
    c.expect_nothing()
    assert c.app.numbers == [2, 3]


def test_a_logon_without_validate_incoming_message() -> None:
    c = Conversation(validate_incoming_message=False)
    c.client(f"{LOGON}|9999=1")
    c.expect_only(LOGON)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"35=D|34=2|{ORDER}|9999=1", "Invalid tag number"),
        ("35=BE|34=2", "Unsupported type"),
    ],
)
def test_without_reject_invalid_message_it_is_only_noted(text: str, note: str) -> None:
    c = Conversation(reject_invalid_message=False).log_on()
    c.client(text)
    c.expect_nothing()
    assert c.app.numbers == [2]
    assert c.notes == [f"let pass by RejectInvalidMessage=N: {note}"]


def test_an_unsupported_type_of_the_dictionary() -> None:
    c = Conversation().log_on()
    c.client("35=BE|34=2")
    c.expect_only("35=j|34=2|45=2|58=Unsupported Message Type|372=BE|380=3")
    assert c.next_in == 3


def test_first_field_in_group_is_delimiter() -> None:
    entry = "629=20260102-03:04:05|628=HUB|630=7"
    for wanted, numbers in ((True, [2]), (False, [])):
        c = Conversation(first_field_in_group_is_delimiter=wanted).log_on()
        c.client(f"35=D|34=2|627=1|{entry}|{ORDER}")
        assert c.app.numbers == numbers


# -- TestRequest(1) --------------------------------------------------------------------


def test_an_empty_112_is_given_back_where_it_is_allowed() -> None:
    c = Conversation(validate_fields_have_values=False).log_on()
    c.client("35=1|34=2|112=")
    assert b"\x01112=\x0110=" in c.wire.pop()
    c = Conversation(validate=False).log_on()
    c.client("35=1|34=2|112=")
    c.expect_only("35=0|34=2")


# -- garbled ---------------------------------------------------------------------------


def garbled(seq: object = 2, kind: str = "D") -> bytes:
    """A message with a wrong checksum."""
    body = f"35={kind}\x0134={seq}\x0149=CLIENT\x0156=EXCHANGE\x0111=A\x01".encode()
    return b"8=FIX.4.4\x019=%d\x01%b10=000\x01" % (len(body), body)


def test_garbled_messages_are_ignored() -> None:
    c = Conversation().log_on()
    c.client_bytes(garbled())
    c.expect_nothing()
    assert c.next_in == 2


def test_reject_garbled_message() -> None:
    c = Conversation(reject_garbled_message=True).log_on()
    c.client_bytes(garbled())
    c.expect_only("35=3|34=2|45=2|58=Message failed basic validity check|372=D")
    assert c.next_in == 3
    c.order(3)
    assert c.app.numbers == [3]


def test_reject_garbled_message_goes_on_with_what_waited() -> None:
    c = Conversation(reject_garbled_message=True).log_on()
    c.order(3)
    c.forget()
    c.client_bytes(garbled())
    c.expect_only("35=3|34=3|45=2|58=Message failed basic validity check|372=D")
    assert c.app.numbers == [3]
    assert c.next_in == 4


@pytest.mark.parametrize("seq", [1, 3, "x", ""])
def test_a_garbled_message_whose_number_is_not_the_next(seq: object) -> None:
    c = Conversation(reject_garbled_message=True).log_on()
    c.client_bytes(garbled(seq))
    c.expect_nothing()
    assert c.next_in == 2


def test_a_garbled_message_without_a_connection() -> None:
    c = Conversation(reject_garbled_message=True)
    c.client_bytes(garbled(1))
    c.expect_nothing()


def test_a_garbled_message_of_which_nothing_is_readable() -> None:
    c = Conversation(reject_garbled_message=True).log_on()
    c.client_bytes(b"8=FIX.4.4\x019=5\x01nonsense\x0110=000\x01")
    c.expect_nothing()


# -- errors of our own -----------------------------------------------------------------


def failing(**settings: Any) -> Conversation:
    """An application that fails on every message."""
    c = Conversation(**settings).log_on()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    c.app.reaction = fail
    return c


ANSWER = "35=j|34=2|45=2|58=Application Not Available|372=D|379=A|380=4"


def test_an_error_of_ours_is_answered_and_counted() -> None:
    c = failing()
    c.order(2)
    c.expect_only(ANSWER)
    assert c.next_in == 3
    assert [type(fault.error) for fault in c.faults] == [ZeroDivisionError]


def test_disconnect_on_error() -> None:
    c = failing(disconnect_on_error=True)
    c.order(2)
    c.expect(ANSWER)
    c.expect("35=5|34=3|58=Application Not Available")
    c.expect_closed(DisconnectReason.INTERNAL_ERROR)
    assert c.resets == 0
    assert c.next_in == 3


def test_reset_on_error() -> None:
    c = failing(reset_on_error=True)
    c.order(2)
    c.expect(ANSWER)
    c.expect("35=5|34=3|58=Application Not Available")
    c.expect_closed(DisconnectReason.INTERNAL_ERROR)
    assert c.resets == 1
    c.log_on()
    c.lose()
    assert c.resets == 1, "an error of one connection is none of the next"


# -- AllowPosDup -----------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [True, False])
def test_allow_pos_dup(allowed: bool) -> None:
    c = Conversation(allow_pos_dup=allowed).log_on()
    when = stamp(START - timedelta(hours=1)).encode()
    c.session.send("8", b"37=A\x01", c.now_ns, orig_sending_time=when)
    c.carry_out()
    mark = f"43=Y|122={when.decode()}|" if allowed else ""
    c.expect_only(f"35=8|34=2|{mark}37=A")


# -- odd SequenceResets ----------------------------------------------------------------


def test_11b_a_reset_to_the_expected_number_is_noted() -> None:
    c = Conversation().log_on()
    c.client("35=4|34=9|36=2|123=N")
    c.expect_nothing()
    assert c.next_in == 2
    assert c.notes == ["SequenceReset to 2, which is expected"]


@pytest.mark.parametrize(
    ("seq", "new", "said", "after"),
    [
        (2, "", "Required tag missing|371=36|372=4|373=1", 3),
        (9, "", "Required tag missing|371=36|372=4|373=1", 2),
        (2, "36=x|", "Incorrect data format for value|371=36|372=4|373=6", 3),
        (2, f"36={MSG_SEQ_NUM_MAX + 1}|", "*|371=36|372=4|373=5", 2),
    ],
)
def test_a_reset_to_nowhere(seq: int, new: str, said: str, after: int) -> None:
    c = Conversation().log_on()
    c.client(f"35=4|34={seq}|{new}123=N")
    c.expect_only(f"35=3|34=2|45={seq}|58={said}")
    assert c.next_in == after


def test_without_sequence_validation_a_number_beyond_all_does_not_count() -> None:
    c = Conversation(validate_sequence_numbers=False).log_on()
    c.client(f"35=0|34={MSG_SEQ_NUM_MAX + 1}")
    assert c.next_in == 2


# -- identity and duplicates -----------------------------------------------------------


def test_a_wrong_identity_while_logging_out_closes() -> None:
    c = Conversation().log_on()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.forget()
    c.client(f"35=D|34=2|49=NOBODY|{ORDER}")
    c.expect("35=3|34=3|45=2|58=*|371=49|372=D|373=9")
    c.expect_closed(DisconnectReason.COMP_ID_WRONG)


@pytest.mark.parametrize(
    ("text", "after"), [("34=2", 3), ("34=9", 2), ("58=x", 2), ("34=1", 2)]
)
def test_a_wrong_identity_counts_only_with_the_expected_number(
    text: str, after: int
) -> None:
    c = Conversation().log_on()
    c.client(f"35=0|{text}|49=NOBODY")
    assert [dict(read(data))[35] for data in c.wire] == ["3", "5"]
    assert c.next_in == after


def test_a_request_above_a_gap_that_asks_too_much() -> None:
    c = Conversation(resend_messages_max=1, resend_overflow=ResendOverflow.LOGOUT)
    c.log_on()
    c.send("35=8|37=A")
    c.forget()
    c.client("35=2|34=5|7=1|16=0")
    c.expect("35=5|34=3|58=*")
    c.expect_closed(DisconnectReason.RESEND_LIMIT)


@pytest.mark.parametrize(
    ("text", "seq"),
    [
        (f"35=D|34=3|{ORDER}|9999=1", 3),
        (f"35=D|34=3|49=NOBODY|{ORDER}", 3),
        ("35=4|34=3|36=1|123=Y", 3),
        ("35=2|34=3|7=9|16=0", 3),
        ("35=4|34=3|36=x|123=N", 3),
        (f"35=D|34=7|49=NOBODY|{ORDER}", 0),
        (f"35=D|34=2|52=20200101-00:00:00|{ORDER}", 0),
        (f"35=D|34=2|43=Y|{ORDER}", 0),
        ("35=4|34=7|36=1|123=N", 0),
        ("35=4|34=2|36=1|123=N", 0),
        ("35=2|34=7|7=9|16=0", 0),
        ("35=2|34=2|7=9|16=0", 0),
    ],
)
def test_what_is_remembered_as_answered(text: str, seq: int) -> None:
    """Only a number that was counted: after a restart the message that bears it would
    be passed over, and another number may be that of an order not yet durable."""
    c = Conversation(profile=QUICKFIX).log_on()
    c.client("35=0|34=2")
    c.client(text)
    assert c.answered == [seq]


def test_what_the_application_refuses_is_remembered() -> None:
    c = Conversation().log_on()
    c.app.reaction = lambda s, m, now: s.business_reject(m, 0, "no", now)
    c.order(3)
    c.order(2)
    assert c.answered == [2, 3]


@pytest.mark.parametrize(
    ("route", "tag"),
    [
        ("", 0),
        ("115=FIRM", 0),
        ("115=FIRM|128=DESK", 0),
        ("115=OTHER", 115),
        ("115=FIRM|128=OTHER", 128),
    ],
)
def test_18_only_agreed_parties_may_be_named(route: str, tag: int) -> None:
    c = Conversation(
        on_behalf_of_comp_ids=("FIRM",), deliver_to_comp_ids=("DESK", "BACK")
    ).log_on()
    c.client(f"35=D|34=2|{route}{'|' if route else ''}{ORDER}")
    assert c.next_in == 3
    if not tag:
        c.expect_nothing()
        assert c.app.numbers == [2]
        return
    said = dict(read(c.wire.pop()))
    assert (said[35], said[371], said[373]) == ("3", str(tag), "9")
    c.expect_nothing()  # the session goes on
    assert c.app.numbers == []


def test_what_was_answered_before_a_restart_is_only_counted() -> None:
    c = Conversation(numbers=Numbers(answered={3}))
    c.log_on()
    c.order(2)
    c.order(3)
    c.order(4)
    assert c.app.numbers == [2, 4]
    assert c.next_in == 5
    assert not c.session.numbers.answered


def test_a_gap_fill_over_what_was_answered_before_a_restart() -> None:
    """It says more than that its own number is done."""
    c = Conversation(numbers=Numbers(answered={3}))
    c.log_on()
    c.order(2)
    c.gap_fill(3, 7)
    assert c.next_in == 7
    c.expect_nothing()


def test_times_that_are_none_are_judged_by_the_dictionary() -> None:
    c = Conversation(validate=False).log_on()
    c.client(f"35=D|34=2|43=Y|122=yesterday|{ORDER}")
    assert c.app.numbers == [2]
    c = Conversation().log_on()
    c.client(f"35=D|34=2|43=Y|122=yesterday|{ORDER}")
    text = "Incorrect data format for value"
    c.expect_only(f"35=3|34=2|45=2|58={text}|371=122|372=D|373=6")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"check_comp_id": False}, f"35=D|34=2|49=NOBODY|56=ME|{ORDER}"),
        ({"check_latency": False}, f"35=D|34=2|52=20200101-00:00:00|{ORDER}"),
        ({"validate": False}, f"35=D|34=2|52=yesterday|{ORDER}"),
        ({"requires_orig_sending_time": False}, f"35=D|34=2|43=Y|{ORDER}"),
    ],
)
def test_what_is_not_checked_is_good(settings: dict[str, Any], text: str) -> None:
    c = Conversation(**settings).log_on()
    c.client(text)
    c.expect_nothing()
    assert c.app.numbers == [2]


@pytest.mark.parametrize(
    ("networks", "address", "may"),
    [
        ((), "10.1.2.3", True),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8", "::1"), "::1", True),
        (("10.0.0.0/8",), "11.1.2.3", False),
    ],
)
def test_allowed_remote_addresses(
    networks: tuple[str, ...], address: str, may: bool
) -> None:
    allowed = tuple(ip_network(network) for network in networks)
    settings = SessionSettings(
        session_id=SessionId("FIX.4.4", "A", "B"), allowed_remote_addresses=allowed
    )
    assert may_connect(settings, address) is may


def test_how_much_was_sent_again() -> None:
    c = Conversation().log_on()
    c.send("35=8|37=A")
    c.client("35=2|34=2|7=1|16=0")
    assert c.session.messages_resent == 1


# -- 6 ---------------------------------------------------------------------------------


def test_6_a_test_request_that_is_not_answered_by_its_112_is_noted() -> None:
    c = Conversation().log_on(10)
    c.after(12)
    c.client("35=0|34=2")
    c.after(9.9)
    assert c.notes == []
    c.after(0.1)
    assert c.notes == ["no Heartbeat answers TestReqID(112)=TEST-1"]
    c.after(1)
    assert len(c.notes) == 1


@pytest.mark.parametrize("profile", [None, QUICKFIX])
def test_6_the_heartbeat_with_the_112_may_be_late(profile: Any) -> None:
    c = Conversation(**({"profile": profile} if profile else {})).log_on(10)
    c.after(12)
    asked = "TEST" if profile else "TEST-1"
    c.client("35=0|34=2")
    c.after(5)
    c.client(f"35=0|34=3|112={asked}")
    c.after(11)
    assert c.notes == []
