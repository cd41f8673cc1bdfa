"""SequenceReset(4) in both its modes, and duplicates of what was received before."""

from __future__ import annotations

import pytest

from fixgw.session.numbers import MSG_SEQ_NUM_MAX
from fixgw.session.profile import Profile
from fixgw.session.reasons import DisconnectReason
from fixgw.session.tables import State
from tests.sessions.conversation import ORDER, Conversation, stamp

LOWER = "58=attempt to lower sequence number, invalid value NewSeqNo(36)="


def exchange(**profile: bool) -> Conversation:
    return Conversation(profile=Profile(**profile)).log_on()


# -- GapFill -------------------------------------------------------------------------


@pytest.mark.parametrize("new", [3, 9, MSG_SEQ_NUM_MAX])
def test_10b_a_gap_fill_goes_forward(new: int) -> None:
    c = exchange()
    c.client(f"35=4|34=2|36={new}|123=Y")
    c.expect_nothing()
    assert c.next_in == new


@pytest.mark.parametrize("new", [2, 1, MSG_SEQ_NUM_MAX + 1])
def test_10e_another_gap_fill_is_refused_and_counted(new: int) -> None:
    c = exchange()
    c.client(f"35=4|34=2|36={new}|123=Y")
    c.expect_only(f"35=3|34=2|45=2|{LOWER}{new}|371=36|372=4|373=5")
    assert c.next_in == 3


def test_a_tolerant_session_is_told_what_it_expects_anyway() -> None:
    c = exchange(tolerate_gap_fill_back=True)
    c.client("35=4|34=2|36=2|123=Y")
    c.expect_nothing()
    assert c.next_in == 2


def test_even_a_tolerant_session_does_not_go_back() -> None:
    c = exchange(tolerate_gap_fill_back=True)
    c.client("35=4|34=2|36=1|123=Y")
    c.expect_only(f"35=3|34=2|45=2|{LOWER}1|372=4|373=5")


# -- Reset ---------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 2, 99])
def test_11a_a_reset_goes_forward_whatever_its_own_number(seq: int) -> None:
    c = exchange()
    c.client(f"35=4|34={seq}|36=50")
    c.expect_nothing()
    assert c.next_in == 50
    c.order(50)
    assert c.app.numbers == [50]


def test_11b_a_reset_to_the_expected_number_is_noted() -> None:
    c = exchange()
    c.client("35=4|34=2|36=2")
    c.expect_nothing()
    assert c.notes == ["SequenceReset to 2, which is expected"]
    assert c.next_in == 2


@pytest.mark.parametrize(("tolerant", "tag"), [(False, "371=36|"), (True, "")])
def test_11c_a_reset_below_it_is_refused(tolerant: bool, tag: str) -> None:
    c = exchange(tolerate_gap_fill_back=tolerant)
    c.client("35=4|34=2|36=1")
    text = "58=NewSeqNo(36)=1 is below the expected 2"
    c.expect_only(f"35=3|34=2|45=2|{text}|{tag}372=4|373=5")
    assert c.next_in == 2


def test_a_reset_to_more_than_there_can_be_is_refused() -> None:
    c = exchange()
    new = MSG_SEQ_NUM_MAX + 1
    c.client(f"35=4|34=2|36={new}")
    text = f"58=NewSeqNo(36)={new} is too high"
    c.expect_only(f"35=3|34=2|45=2|{text}|371=36|372=4|373=5")
    assert c.next_in == 2


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("", "58=Required tag missing|371=36|372=4|373=1"),
        ("36=x|", "58=Incorrect data format for value|371=36|372=4|373=6"),
    ],
)
@pytest.mark.parametrize(("seq", "next_in"), [(2, 3), (5, 2)])
def test_a_reset_to_nowhere_counts_only_at_its_turn(
    field: str, said: str, seq: int, next_in: int
) -> None:
    c = exchange()
    c.client(f"35=4|34={seq}|{field}")
    c.expect_only(f"35=3|34=2|45={seq}|{said}")
    assert c.next_in == next_in


# -- duplicates ----------------------------------------------------------------------


def test_a_good_duplicate_is_ignored_where_they_are_judged() -> None:
    c = exchange(judge_low_poss_dup=True)
    c.order(2)
    c.again(2)
    c.expect_nothing()
    assert c.app.numbers == [2]


@pytest.mark.parametrize(
    ("brief", "tag", "said"),
    [(False, "371=122|", "|58=SendingTime accuracy problem"), (True, "", "")],
)
def test_a_duplicate_of_later_ends_the_session(
    brief: bool, tag: str, said: str
) -> None:
    c = exchange(judge_low_poss_dup=True, brief_identity_reject=brief)
    c.client(f"35=D|34=2|43=Y|122=20260102-03:04:06|{ORDER}")
    text = "58=SendingTime accuracy problem"
    c.expect(f"35=3|34=2|45=2|{text}|{tag}372=D|373=10")
    c.expect_only(f"35=5|34=3{said}")
    c.client("35=5|34=3")
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)


def test_a_duplicate_of_later_while_a_logout_is_under_way_ends_it_at_once() -> None:
    c = exchange(judge_low_poss_dup=True)
    c.session.logout("", c.now_ns)
    c.carry_out()
    c.expect("35=5|34=2")
    c.client("35=0|34=2|43=Y|122=20260102-03:04:06")
    said = "58=SendingTime accuracy problem|371=122|372=0|373=10"
    c.expect(f"35=3|34=3|45=2|{said}")
    c.expect_closed(DisconnectReason.SENDING_TIME_WRONG)


# -- admin messages at their turn ----------------------------------------------------


def test_a_logout_is_answered_at_its_turn() -> None:
    c = exchange()
    c.client("35=5|34=2")
    c.expect_only("35=5|34=2")
    assert c.session.state is State.LOGOUT_ANSWERED


def test_a_logout_behind_a_gap_is_answered_once() -> None:
    c = exchange()
    c.client("35=5|34=3")
    c.expect("35=2|34=2|7=2|16=0")
    c.expect_only("35=5|34=3")
    c.client(f"35=0|34=2|43=Y|122={stamp(c.now)}")
    c.expect_nothing()


@pytest.mark.parametrize("kind", ["3|45=1", "0"])
def test_what_needs_no_answer_is_counted(kind: str) -> None:
    c = exchange()
    c.client(f"34=2|35={kind}")
    c.expect_nothing()
    assert c.next_in == 3
