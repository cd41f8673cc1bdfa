"""MsgSeqNum(34) inside a session, identity and time, possible duplicates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixgw.session.numbers import MSG_SEQ_NUM_MAX, Numbers
from fixgw.session.reasons import DisconnectReason
from fixgw.session.tables import State
from tests.sessions.conversation import ORDER, START, Conversation, stamp

TOO_LOW = DisconnectReason.MSG_SEQ_NUM_TOO_LOW


def at(expected: int) -> Conversation:
    """Logged on, and that number is expected next."""
    c = Conversation(numbers=Numbers(next_in=expected - 1, next_out=1))
    c.client(f"35=A|34={expected - 1}|98=0|108=30")
    c.expect("35=A|34=1|98=0|108=30")
    return c


# -- 34 --------------------------------------------------------------------------------


def test_2a_the_expected_number() -> None:
    c = at(5)
    c.order(5)
    c.order(6)
    c.expect_nothing()
    assert c.app.numbers == [5, 6]
    assert c.next_in == 7


def test_2b_a_number_too_high() -> None:
    c = at(5)
    c.order(7)
    c.expect_only("35=2|34=2|7=5|16=0")
    assert c.app.numbers == []
    assert c.next_in == 5


def test_2c_seq_num_too_low() -> None:
    c = at(5)
    c.order(3)
    c.expect("35=5|34=2|58=MsgSeqNum too low, expecting 5 but received 3")
    c.expect_closed(TOO_LOW)
    assert c.app.numbers == []


@pytest.mark.parametrize("text", ["35=0|34=2", "35=2|34=2|7=1|16=0", "35=5|34=2"])
def test_2c_holds_for_admin_messages_too(text: str) -> None:
    c = at(5)
    c.client(text)
    c.expect("35=5|34=2|58=MsgSeqNum too low, expecting 5 but received 2")
    c.expect_closed(TOO_LOW)


@pytest.mark.parametrize("value", [None, "x", "-3", ""])
def test_34_missing_or_no_number(value: str | None) -> None:
    c = at(5)
    c.client("35=0" if value is None else f"35=0|34={value}")
    c.expect("35=5|34=2|58=Received message without MsgSeqNum")
    c.expect_closed(DisconnectReason.MSG_SEQ_NUM_MISSING)
    assert c.next_in == 5


# -- possible duplicates ---------------------------------------------------------------

NOW = stamp(START)
LATER = stamp(START + timedelta(seconds=1))


def test_2e_a_duplicate_is_ignored() -> None:
    c = at(5)
    c.again(3)
    c.expect_nothing()
    assert (c.app.numbers, c.next_in) == ([], 5)


def test_2e_a_possible_duplicate_that_is_expected_is_processed() -> None:
    c = at(5)
    c.again(5)
    c.expect_nothing()
    assert c.app.numbers == [5]
    assert c.app.messages[0].get(43) == b"Y"


def test_2f_122_after_52() -> None:
    c = at(5)
    c.order(5, f"43=Y|122={LATER}")
    c.expect_only("35=3|34=2|45=5|58=SendingTime accuracy problem|371=122|372=D|373=10")
    assert (c.app.numbers, c.next_in) == ([], 6)


def test_2f_is_not_judged_with_a_low_number() -> None:
    c = at(5)
    c.order(3, f"43=Y|122={LATER}")
    c.expect_nothing()
    assert c.next_in == 5


def test_2g_43_without_122() -> None:
    c = at(5)
    c.order(5, "43=Y")
    c.expect_only("35=3|34=2|45=5|58=Required tag missing|371=122|372=D|373=1")
    assert (c.app.numbers, c.next_in) == ([], 6)


def test_2g_with_a_low_number_is_ignored_and_not_counted() -> None:
    c = at(5)
    c.order(3, "43=Y")
    c.expect_nothing()
    assert c.next_in == 5


def test_requires_orig_sending_time_off() -> None:
    c = Conversation(requires_orig_sending_time=False).log_on()
    c.order(2, "43=Y")
    c.expect_nothing()
    assert c.app.numbers == [2]


@pytest.mark.parametrize("text", ["36=9|123=Y", "36=9"])
def test_122_is_not_asked_of_sequence_reset(text: str) -> None:
    c = at(5)
    c.client(f"35=4|34=5|43=Y|{text}")
    c.expect_nothing()
    assert c.next_in == 9


def test_a_resent_test_request_is_not_answered() -> None:
    c = at(5)
    c.again(3, "35=1|112=again")
    c.expect_nothing()


# -- identity and time -----------------------------------------------------------------


def test_2i_begin_string() -> None:
    c = at(5)
    c.client("35=0|34=5|8=FIX.4.2")
    text = dict(c.expect("35=5|34=2|58=*"))[58]
    assert text.startswith("Incorrect BeginString")
    assert "FIX.4.2" in text
    c.expect_nothing()
    assert c.next_in == 6
    c.client("35=5|34=6")
    c.expect_closed(DisconnectReason.BEGIN_STRING_WRONG)


@pytest.mark.parametrize(("tag", "value"), [(49, "WRONG"), (56, "NOBODY")])
def test_2k_comp_ids(tag: int, value: str) -> None:
    c = at(5)
    c.client(f"35=D|34=5|{tag}={value}|{ORDER}")
    c.expect(f"35=3|34=2|45=5|58=*|371={tag}|372=D|373=9")
    assert value in dict(c.expect("35=5|34=3|58=*"))[58]
    c.expect_nothing()
    assert (c.app.numbers, c.next_in) == ([], 6)
    c.after(2)
    c.expect_closed(DisconnectReason.COMP_ID_WRONG)


def test_2k_check_comp_id_off() -> None:
    c = Conversation(check_comp_id=False).log_on()
    c.client("35=0|34=2|49=WRONG")
    c.expect_nothing()
    assert c.next_in == 3


@pytest.mark.parametrize("off_s", [-121, 121])
def test_2o_sending_time(off_s: int) -> None:
    c = at(5)
    when = stamp(START + timedelta(seconds=off_s))
    c.client(f"35=D|34=5|52={when}|{ORDER}")
    c.expect("35=3|34=2|45=5|58=*|371=52|372=D|373=10")
    assert when in dict(c.expect("35=5|34=3|58=*"))[58]
    c.expect_nothing()
    assert (c.app.numbers, c.next_in) == ([], 6)
    c.client("35=5|34=6")
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)


@pytest.mark.parametrize("off_s", [-120, 120])
def test_2n_sending_time_at_the_threshold(off_s: int) -> None:
    c = at(5)
    c.client(f"35=0|34=5|52={stamp(START + timedelta(seconds=off_s))}")
    c.expect_nothing()


def test_2n_check_latency_off() -> None:
    c = Conversation(check_latency=False).log_on()
    c.client("35=0|34=2|52=20010101-00:00:00")
    c.expect_nothing()
    assert c.next_in == 3


@pytest.mark.parametrize(
    "digits", ["", ".123", ".123456", ".123456789", "." + "1" * 12]
)
def test_2n_fractions_of_sending_time(digits: str) -> None:
    c = at(5)
    c.client(f"35=0|34=5|52=20260102-03:04:05{digits}")
    c.expect_nothing()
    assert c.next_in == 6


def test_2n_fifteen_digits_are_a_format_error() -> None:
    c = at(5)
    c.client("35=0|34=5|52=20260102-03:04:05.111111111111111")
    c.expect_only("35=3|34=2|45=5|58=*|371=52|372=0|373=6")


@pytest.mark.parametrize("seq", [3, 8])
@pytest.mark.parametrize(
    "wrong", ["8=FIX.4.2", "49=WRONG", f"52={stamp(START - timedelta(hours=1))}"]
)
def test_a_wrong_message_is_counted_at_its_turn_only(wrong: str, seq: int) -> None:
    """E never moves over a gap, nor twice over the same number."""
    c = at(5)
    c.client(f"35=0|34={seq}|{wrong}")
    assert c.next_in == 5


@pytest.mark.parametrize(
    ("text", "without", "reason"),
    [
        (
            f"34=5|8=FIX.4.2|49=WRONG|52={stamp(START - timedelta(hours=1))}",
            (),
            "BEGIN",
        ),
        (f"34=5|49=WRONG|52={stamp(START - timedelta(hours=1))}", (), "COMP"),
        (f"34=3|52={stamp(START - timedelta(hours=1))}", (), "SENDING"),
        ("34=3|49=WRONG", (), "COMP"),
        ("49=WRONG", (), "COMP"),
        ("34=3|9999=1", (), "MSG_SEQ_NUM_TOO_LOW"),
    ],
)
def test_order_of_judgement(text: str, without: tuple[int, ...], reason: str) -> None:
    """BeginString, CompID, SendingTime, number, content."""
    c = at(5)
    c.client(f"35=0|{text}", without=without)
    c.forget()
    c.after(2.1)
    assert c.closed is not None
    assert c.closed.reason.name.startswith(reason)


@pytest.mark.parametrize("tag", [49, 52, 56])
def test_a_missing_header_field_is_content(tag: int) -> None:
    c = at(5)
    c.client("35=0|34=5", without=(tag,))
    c.expect_only(f"35=3|34=2|45=5|58=Required tag missing|371={tag}|372=0|373=1")
    assert c.next_in == 6


# -- above a gap -----------------------------------------------------------------------


def test_a_message_above_a_gap_is_judged_once_at_its_turn() -> None:
    c = at(5)
    c.client(f"35=D|34=7|{ORDER}|9999=1")
    c.expect_only("35=2|34=2|7=5|16=0")
    c.again(5)
    c.expect_nothing()
    c.again(6)
    c.expect_only("35=3|34=3|45=7|58=Invalid tag number|371=9999|372=D|373=0")
    assert c.app.numbers == [5, 6]
    assert c.next_in == 8


def test_early_messages_follow_in_order() -> None:
    c = at(5)
    for seq in (9, 7, 8):
        c.order(seq)
    c.expect_only("35=2|34=2|7=5|16=0")
    c.again(5)
    assert c.app.numbers == [5]
    c.again(6)
    assert c.app.numbers == [5, 6, 7, 8, 9]
    assert c.next_in == 10


def test_an_early_message_that_comes_again_is_processed_once() -> None:
    c = at(5)
    c.order(7)
    for seq in (5, 6, 7):
        c.again(seq)
    assert c.app.numbers == [5, 6, 7]


def test_an_early_test_request_is_answered_at_its_turn() -> None:
    c = at(5)
    c.client("35=1|34=6|112=there?")
    c.expect_only("35=2|34=2|7=5|16=0")
    c.again(5)
    c.expect_only("35=0|34=3|112=there?")


# -- SequenceReset ---------------------------------------------------------------------


def test_10a_gap_fill_above_a_gap() -> None:
    c = at(5)
    c.client("35=4|34=7|36=9|123=Y")
    c.expect_only("35=2|34=2|7=5|16=0")
    assert c.next_in == 5
    c.again(5)
    c.again(6)
    assert c.next_in == 7, "it was not kept: the replay brings its own"


def test_10b_gap_fill() -> None:
    c = at(5)
    c.gap_fill(5, 12)
    c.expect_nothing()
    assert c.next_in == 12


def test_10c_a_gap_fill_again() -> None:
    c = at(5)
    c.gap_fill(3, 12)
    c.expect_nothing()
    assert c.next_in == 5


def test_10d_gap_fill_too_low() -> None:
    c = at(5)
    c.client("35=4|34=3|36=12|123=Y")
    c.expect("35=5|34=2|58=MsgSeqNum too low, expecting 5 but received 3")
    c.expect_closed(TOO_LOW)


@pytest.mark.parametrize("new", [5, 3, 0])
def test_10e_gap_fill_backwards_is_rejected_and_counted_once(new: int) -> None:
    c = at(5)
    c.client(f"35=4|34=5|36={new}|123=Y")
    text = f"attempt to lower sequence number, invalid value NewSeqNo(36)={new}"
    c.expect_only(f"35=3|34=2|45=5|58={text}|371=36|372=4|373=5")
    assert c.next_in == 6


def test_t15_a_gap_fill_without_36_is_counted_once() -> None:
    c = at(5)
    c.client("35=4|34=5|123=Y")
    c.expect_only("35=3|34=2|45=5|58=Required tag missing|371=36|372=4|373=1")
    assert c.next_in == 6


@pytest.mark.parametrize("seq", [2, 5, 40])
def test_11a_reset_forwards(seq: int) -> None:
    c = at(5)
    c.client(f"35=4|34={seq}|36=30")
    c.expect_nothing()
    assert c.next_in == 30


@pytest.mark.parametrize("seq", [2, 5, 40])
def test_11b_reset_to_the_same(seq: int) -> None:
    c = at(5)
    c.client(f"35=4|34={seq}|36=5|123=N")
    c.expect_nothing()
    assert c.next_in == 5


@pytest.mark.parametrize("seq", [2, 5, 40])
def test_11c_reset_backwards(seq: int) -> None:
    c = at(5)
    c.client(f"35=4|34={seq}|36=4")
    c.expect_only(f"35=3|34=2|45={seq}|58=*|371=36|372=4|373=5")
    assert c.next_in == 5


def test_the_highest_number_of_a_reset_and_beyond() -> None:
    c = at(5)
    c.client(f"35=4|34=5|36={MSG_SEQ_NUM_MAX}")
    c.order(MSG_SEQ_NUM_MAX)
    c.order(MSG_SEQ_NUM_MAX + 1)
    c.order(MSG_SEQ_NUM_MAX + 1)
    assert c.app.numbers == [MSG_SEQ_NUM_MAX, MSG_SEQ_NUM_MAX + 1], "each once"
    c.expect("35=5|34=2|58=*")
    c.expect_closed(TOO_LOW)


def test_reset_without_36() -> None:
    c = at(5)
    c.client("35=4|34=5")
    c.expect_only("35=3|34=2|45=5|58=Required tag missing|371=36|372=4|373=1")
    assert c.next_in == 6


def test_14f_reset_with_a_36_that_is_no_number() -> None:
    c = at(5)
    c.client("35=4|34=5|36=abc")
    c.expect_only("35=3|34=2|45=5|58=*|371=36|372=4|373=6")


def test_9_reset_gives_up_a_gap() -> None:
    c = at(5)
    c.order(20)
    c.expect_only("35=2|34=2|7=5|16=0")
    c.client("35=4|34=21|36=22")
    assert c.next_in == 22
    c.after(25)
    c.expect_nothing()
    c.order(24)
    c.expect_only("35=2|34=3|7=22|16=0")


def test_reset_into_early_messages_goes_on_with_them() -> None:
    c = at(5)
    c.order(7)
    c.order(8)
    c.forget()
    c.client("35=4|34=9|36=7")
    assert c.app.numbers == [7, 8]
    assert c.next_in == 9


def test_5_7_heartbeat_and_reject_are_counted() -> None:
    c = at(5)
    c.client("35=0|34=5")
    c.client("35=3|34=6|45=1")
    c.expect_nothing()
    assert c.next_in == 7


# -- Logout ----------------------------------------------------------------------------


def test_t13_a_logout_above_a_gap_is_answered_and_not_counted() -> None:
    c = at(5)
    c.client("35=5|34=7")
    c.expect("35=2|34=2|7=5|16=0")
    c.expect_only("35=5|34=3")
    assert c.next_in == 5
    assert c.session.state is State.LOGOUT_ANSWERED


def test_garbled_is_not_counted() -> None:
    c = at(5)
    good = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"
    c.client_bytes(good.replace(b"10=163", b"10=164"))
    c.expect_nothing()
    assert c.next_in == 5
