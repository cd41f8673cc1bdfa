"""What a Logon leaves behind in our own messages, and how a bad one is told."""

from __future__ import annotations

import pytest

from fixgw.session.numbers import Numbers
from fixgw.session.profile import QUICKFIX, Profile
from fixgw.session.reasons import DisconnectReason
from tests.sessions.conversation import LOGON, Conversation

R = DisconnectReason
SPENT = "NextExpectedMsgSeqNum too high, expecting 1 but received 9"
PLAIN = (
    "Tag 789 (NextExpectedMsgSeqNum) is higher than expected. Expected 1, Received 9"
)


@pytest.mark.parametrize(("plain", "text"), [(False, SPENT), (True, PLAIN)])
def test_a_client_that_expects_too_much(plain: bool, text: str) -> None:
    c = Conversation(profile=Profile(plain_reject_texts=plain))
    c.client(LOGON + "|789=9")
    c.expect(f"35=5|34=1|58={text}")
    c.expect_closed(R.NEXT_EXPECTED_TOO_HIGH)


def test_a_second_logon_is_told_or_not() -> None:
    c = Conversation().log_on()
    c.client("35=A|34=2|98=0|108=30")
    c.expect("35=5|34=2|58=Already logged on")
    c.expect_closed(R.UNEXPECTED_LOGON)
    c = Conversation(profile=Profile(refuse_logon_silently=True)).log_on()
    c.client("35=A|34=2|98=0|108=30")
    c.expect_closed(R.UNEXPECTED_LOGON)


@pytest.mark.parametrize(("value", "status"), [("9", "|1409=9"), ("6", "")])
@pytest.mark.parametrize("again", [False, True])
def test_the_version_of_a_refused_client_is_not_kept(
    value: str, status: str, again: bool
) -> None:
    """But it decides which values of SessionStatus(1409) that client knows."""
    c = Conversation(
        begin_string="FIXT.1.1",
        numbers=Numbers(5, 1),
        default_appl_ver_id="FIX.4.4" if again else "FIX.5.0SP2",
    )
    c.client(f"{LOGON}|1137={value}")
    c.expect(f"35=5|34=1|58=MsgSeqNum too low, expecting 5 but received 1{status}")
    c.expect_closed(R.MSG_SEQ_NUM_TOO_LOW)
    assert c.session.appl_ver_id == ("6" if again else "9")


@pytest.mark.parametrize("value", ["9", "6"])
def test_the_version_of_an_accepted_client_becomes_ours(value: str) -> None:
    c = Conversation(begin_string="FIXT.1.1")
    c.client(f"{LOGON}|1137={value}")
    c.expect_only(f"{LOGON}|1137={value}|1409=0")
    assert c.session.appl_ver_id == value


def test_wrong_numbers_are_told_even_to_whom_nothing_else_is() -> None:
    c = Conversation(profile=QUICKFIX, numbers=Numbers(5, 1))
    c.client("35=A|34=5|98=1|108=30")
    c.expect_closed(R.INVALID_LOGON)
    c.client(LOGON)
    c.expect("35=5|34=1|58=MsgSeqNum too low, expecting 5 but received 1")
    c.expect_closed(R.MSG_SEQ_NUM_TOO_LOW)
