"""In which order the messages of a session are judged, and what has no turn."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.session.numbers import Numbers
from fixgw.session.profile import Profile
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, parse_time
from fixgw.session.tables import State
from tests.sessions.conversation import ORDER, Conversation, build, read, stamp

R = DisconnectReason
OLD = "20200101-00:00:00.000"


def test_the_begin_string_goes_before_the_names() -> None:
    c = Conversation().log_on()
    c.client("8=FIX.4.2|35=0|34=2|49=OTHER|52=" + OLD)
    said = "58=Incorrect BeginString: expected FIX.4.4, received FIX.4.2"
    c.expect_only(f"35=5|34=2|{said}")
    assert c.next_in == 3, "its number was good"
    c.client("35=5|34=3")
    c.expect_closed(R.BEGIN_STRING_WRONG)


@pytest.mark.parametrize("brief", [False, True])
def test_the_names_go_before_the_time(brief: bool) -> None:
    c = Conversation(profile=Profile(brief_identity_reject=brief)).log_on()
    c.client(f"35=0|34=2|49=OTHER|52={OLD}")
    text = "58=CompID problem: expected CLIENT, received OTHER"
    tag = "" if brief else "371=49|"
    c.expect(f"35=3|34=2|45=2|{text}|{tag}372=0|373=9")
    c.expect_only("35=5|34=3" + ("" if brief else f"|{text}"))
    c.client("35=5|34=3")
    c.expect_closed(R.COMP_ID_WRONG)


@pytest.mark.parametrize(("seq", "next_in"), [(2, 3), (9, 2), (1, 2)])
def test_the_time_goes_before_the_number(seq: int, next_in: int) -> None:
    """Only at its turn is such a message counted."""
    c = Conversation().log_on()
    c.client(f"35=0|34={seq}|52={OLD}")
    told = dict(c.expect(f"35=3|34=2|45={seq}|58=*|371=52|372=0|373=10"))[58]
    assert told.startswith(f"SendingTime accuracy problem: {OLD} is ")
    c.expect_only(f"35=5|34=3|58={told}")
    assert c.next_in == next_in


def test_a_wrong_name_while_a_logout_is_under_way_ends_it_at_once() -> None:
    c = Conversation().log_on()
    c.session.logout("", c.now_ns)
    c.carry_out()
    c.expect("35=5|34=2")
    c.client("35=0|34=2|56=OTHER")
    text = "58=CompID problem: expected EXCHANGE, received OTHER"
    c.expect(f"35=3|34=3|45=2|{text}|371=56|372=0|373=9")
    c.expect_closed(R.COMP_ID_WRONG)


@pytest.mark.parametrize("seq", ["", "34=x|", "34=-2|"])
def test_a_message_without_a_number_breaks_off(seq: str) -> None:
    c = Conversation().log_on()
    c.client(f"35=D|{seq}{ORDER}")
    c.expect("35=5|34=2|58=Received message without MsgSeqNum")
    c.expect_closed(R.MSG_SEQ_NUM_MISSING)
    assert c.app.numbers == []


def test_the_number_goes_before_the_content() -> None:
    """A bad message above a gap is rejected once, at its turn."""
    c = Conversation().log_on()
    c.client("35=D|34=3|11=A")
    c.expect_only("35=2|34=2|7=2|16=0")
    c.gap_fill(2, 3)
    c.expect_only("35=3|34=3|45=3|58=Required tag missing|371=38|372=D|373=1")
    assert c.next_in == 4


def test_a_number_too_low_breaks_off() -> None:
    c = Conversation(numbers=Numbers(5, 1))
    c.client("35=A|34=5|98=0|108=30")
    c.expect("35=A|34=1|98=0|108=30")
    c.client(f"35=D|34=5|{ORDER}")
    c.expect("35=5|34=2|58=MsgSeqNum too low, expecting 6 but received 5")
    c.expect_closed(R.MSG_SEQ_NUM_TOO_LOW)


@pytest.mark.parametrize("seq", [1, 9])
def test_any_number_where_numbers_are_not_judged(seq: int) -> None:
    c = Conversation(validate_sequence_numbers=False).log_on()
    c.order(seq)
    c.expect_nothing()
    assert c.app.numbers == [seq]


def test_nothing_is_heard_once_the_end_is_decided() -> None:
    c = Conversation().log_on()
    c.session.break_off(R.SHUTDOWN, "", c.now_ns)
    names = {8: "FIX.4.4", 49: "CLIENT", 56: "EXCHANGE", 52: stamp(c.now)}
    c.client_bytes(build(f"35=D|34=2|{ORDER}", names))
    c.expect("35=5|34=2")
    c.expect_closed(R.SHUTDOWN)
    assert c.app.numbers == []


def test_what_comes_early_waits_for_its_turn() -> None:
    c = Conversation().log_on()
    c.order(4)
    c.expect_only("35=2|34=2|7=2|16=0")
    c.order(3)
    assert c.app.numbers == []
    c.again(2)
    assert c.app.numbers == [2, 3, 4]
    c.expect_nothing()


def test_an_early_resend_request_is_served_at_once_and_counted_at_its_turn() -> None:
    """Each side may wait for what the other has lost."""
    c = Conversation().log_on()
    c.client("35=2|34=3|7=1|16=0")
    c.expect("35=4|34=1|43=Y|122=*|36=2|123=Y")
    c.expect_only("35=2|34=2|7=2|16=0")
    c.client("35=2|34=3|7=1|16=0")
    c.expect_nothing()
    c.gap_fill(2, 3)
    c.expect_nothing()
    assert c.next_in == 4


def test_one_that_is_too_much_asks_for_nothing_any_more() -> None:
    c = Conversation(resend_requests_per_minute_max=1)
    c.log_on()
    c.client("35=2|34=2|7=1|16=0")
    c.forget()
    c.client("35=2|34=4|7=1|16=0")
    assert [dict(read(data))[35] for data in c.wire] == ["5"]
    c.forget()
    c.expect_closed(R.RESEND_LIMIT)


def test_the_rest_of_what_came_early_is_left_when_the_session_ends() -> None:
    """It is asked for again after the next Logon."""
    c = Conversation(disconnect_on_error=True).log_on()

    def fail(*_: Any) -> None:
        raise RuntimeError("a bug")

    c.app.reaction = fail
    c.order(3)
    c.order(4)
    c.again(2)
    c.expect("35=2|34=2|7=2|16=0")
    text = "58=Application Not Available"
    c.expect(f"35=j|34=3|45=2|{text}|372=D|379=A|380=4")
    c.expect(f"35=5|34=4|{text}")
    c.expect_closed(R.INTERNAL_ERROR)
    assert c.app.numbers == [2]
    assert c.next_in == 3


def test_a_reset_of_ours_goes_before_all_numbers() -> None:
    schedule = Plan(
        non_stop_session=True,
        reset_seq_time=parse_time("03:04:30"),
        enable_reset_seq_time=True,
    ).schedule()
    c = Conversation(schedule=schedule).log_on()
    c.after(25)
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    c.client("35=1|34=17|112=HELLO")
    c.expect_only("35=0|34=2|112=HELLO")
    c.client("35=A|34=1|98=0|108=30|141=Y")
    c.expect_nothing()
    assert c.next_in == 2


def test_a_reset_by_the_client_does_not() -> None:
    c = Conversation().log_on()
    c.order(2)
    c.client("35=A|34=1|98=0|108=30|141=Y")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y")
    assert (c.next_in, c.resets) == (2, 1)


def test_after_its_own_logout_a_client_cannot_reset_anything() -> None:
    c = Conversation().log_on()
    c.client("35=5|34=2")
    c.expect("35=5|34=2")
    c.client("35=A|34=1|98=0|108=30|141=Y")
    assert c.resets == 0
    assert c.closed is not None
    assert c.session.state is State.DISCONNECTED


# -- what is no message --------------------------------------------------------------

GARBLED = b"8=FIX.4.4\x019=5\x0135=D\x0134=%b\x0110=000\x01"


@pytest.mark.parametrize("seq", [b"2", b"3", b"1", b"x", b""])
def test_2d_it_is_ignored(seq: bytes) -> None:
    c = Conversation().log_on()
    c.client_bytes(GARBLED % seq)
    c.expect_nothing()
    assert c.next_in == 2


@pytest.mark.parametrize("seq", [b"3", b"1", b"x", b""])
def test_only_at_its_turn_it_is_answered(seq: bytes) -> None:
    c = Conversation(reject_garbled_message=True).log_on()
    c.client_bytes(GARBLED % seq)
    c.expect_nothing()
    assert c.next_in == 2
    c.client_bytes(GARBLED % b"2")
    c.expect_only("35=3|34=2|45=2|58=Message failed basic validity check|372=D")
    assert c.next_in == 3


def test_nobody_answers_it_without_a_session() -> None:
    c = Conversation(reject_garbled_message=True)
    c.client_bytes(GARBLED % b"1")
    c.expect_nothing()
    assert c.next_in == 1
