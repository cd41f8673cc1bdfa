"""NextExpectedMsgSeqNum(789): the nine cells of MsgSeqNum(34) against E and 789 against
S, with and without a reset, with and without messages in the store.
"""

from __future__ import annotations

import pytest

from fixgw.session.numbers import Numbers
from fixgw.session.policies import ResendOverflow
from fixgw.session.reasons import DisconnectReason
from tests.sessions.conversation import Conversation

TOO_LOW = DisconnectReason.MSG_SEQ_NUM_TOO_LOW
TOO_HIGH = DisconnectReason.NEXT_EXPECTED_TOO_HIGH

E = 20
AHEAD = [1, 2, 10_000]
STORES = [True, False]


def session(has_messages: bool) -> tuple[Conversation, int]:
    """One that expects E, with a store of messages or of nothing; its next number S."""
    c = Conversation(
        numbers=Numbers(next_in=E, next_out=1), enable_next_expected_msg_seq_num=True
    )
    if has_messages:
        for name in "ABCD":
            c.send(f"35=8|37={name}")
    return c, c.session.numbers.next_out


def log_on(c: Conversation, n: int, x: int) -> None:
    """The client's Logon."""
    c.client(f"35=A|34={n}|98=0|108=30|789={x}")


def answered(c: Conversation, s: int, next_expected: int) -> None:
    """Our Logon; nothing else than what the test expects behind it."""
    c.expect(f"35=A|34={s}|98=0|108=30|789={next_expected}")


def resent(c: Conversation, x: int, s: int, has_messages: bool) -> None:
    """Messages x to S - 1, and a GapFill over our Logon."""
    if has_messages:
        for seq in range(x, s):
            c.expect(f"35=8|34={seq}|43=Y|122=*|37={'ABCD'[seq - 1]}")
        c.expect_only(f"35=4|34={s}|43=Y|122=*|36={s + 1}|123=Y")
    else:
        c.expect_only(f"35=4|34={x}|43=Y|122=*|36={s + 1}|123=Y")


def refused(c: Conversation, text: str, s: int, reason: DisconnectReason) -> None:
    c.expect(f"35=5|34={s}|58={text}")
    c.expect_closed(reason)
    assert c.next_in == E
    assert c.app.logons == 0


# -- n < E -----------------------------------------------------------------------------


@pytest.mark.parametrize("has_messages", STORES)
@pytest.mark.parametrize("relation", ["lower", "equal", "higher"])
def test_34_too_low_is_judged_first(relation: str, has_messages: bool) -> None:
    c, s = session(has_messages)
    log_on(c, E - 1, {"lower": s - 1, "equal": s, "higher": s + 1}[relation])
    text = f"MsgSeqNum too low, expecting {E} but received {E - 1}"
    refused(c, text, s, TOO_LOW)


# -- n = E -----------------------------------------------------------------------------


@pytest.mark.parametrize("has_messages", STORES)
def test_both_in_step(has_messages: bool) -> None:
    c, s = session(has_messages)
    log_on(c, E, s)
    answered(c, s, E + 1)
    c.expect_nothing()
    assert c.next_in == E + 1


@pytest.mark.parametrize("x", [1, 3])
def test_the_client_misses_messages(x: int) -> None:
    c, s = session(has_messages=True)
    log_on(c, E, x)
    answered(c, s, E + 1)
    resent(c, x, s, has_messages=True)
    c.send("35=8|37=E")
    c.expect_only(f"35=8|34={s + 1}|37=E")


def test_the_client_misses_what_is_no_message() -> None:
    """Numbers that were skipped: one GapFill over all of them."""
    c = Conversation(
        numbers=Numbers(next_in=E, next_out=9), enable_next_expected_msg_seq_num=True
    )
    c.next_stored = 9
    log_on(c, E, 2)
    answered(c, 9, E + 1)
    resent(c, 2, 9, has_messages=False)


def test_789_of_0_is_taken_for_1() -> None:
    c, s = session(has_messages=True)
    log_on(c, E, 0)
    answered(c, s, E + 1)
    resent(c, 1, s, has_messages=True)


@pytest.mark.parametrize("has_messages", STORES)
@pytest.mark.parametrize("n", [E, *(E + ahead for ahead in AHEAD)])
def test_the_client_expects_what_was_never_sent(n: int, has_messages: bool) -> None:
    c, s = session(has_messages)
    log_on(c, n, s + 1)
    text = f"NextExpectedMsgSeqNum too high, expecting {s} but received {s + 1}"
    refused(c, text, s, TOO_HIGH)


# -- n > E -----------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize("has_messages", STORES)
def test_the_client_will_resend_unasked(ahead: int, has_messages: bool) -> None:
    c, s = session(has_messages)
    n = E + ahead
    log_on(c, n, s)
    answered(c, s, E)
    c.expect_nothing()
    assert c.session.condition.missing
    c.order(n + 1)
    c.expect_nothing()  # it waits for its turn, and is no reason to ask
    c.again(E)
    if ahead > 1:
        c.gap_fill(E + 1, n)
    c.expect_nothing()
    assert c.next_in == n + 2
    assert c.app.numbers == [E, n + 1]
    assert not c.session.condition.missing


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize("has_messages", STORES)
def test_both_resend_unasked(ahead: int, has_messages: bool) -> None:
    c, s = session(has_messages)
    if not has_messages:
        c.session.numbering.set_next_out(5, c.now_ns)
        c.carry_out()
        s = 5
    log_on(c, E + ahead, 2)
    answered(c, s, E)
    resent(c, 2, s, has_messages)
    c.gap_fill(E, E + ahead)
    assert c.next_in == E + ahead + 1


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_promise_that_is_not_kept_is_asked_for(ahead: int) -> None:
    c, s = session(has_messages=False)
    log_on(c, E + ahead, s)
    answered(c, s, E)
    c.after(9.9)
    c.expect_nothing()
    c.after(0.1)
    c.expect_only(f"35=2|34={s + 1}|7={E}|16=0")


def test_a_promise_is_not_divided_into_chunks() -> None:
    """To ask for each chunk would have the client resend nearly all of it each time."""
    c = Conversation(
        numbers=Numbers(next_in=E),
        enable_next_expected_msg_seq_num=True,
        resend_request_chunk_size=5,
    )
    log_on(c, E + 20, 1)
    answered(c, 1, E)
    for seq in range(E, E + 20):
        c.again(seq)
    c.gap_fill(E + 20, E + 21)
    c.order(E + 21)
    c.expect_nothing()
    assert c.app.numbers == [*range(E, E + 20), E + 21]


def test_a_promise_that_is_not_kept_is_asked_for_in_chunks() -> None:
    c = Conversation(
        numbers=Numbers(next_in=E),
        enable_next_expected_msg_seq_num=True,
        resend_request_chunk_size=5,
    )
    log_on(c, E + 20, 1)
    answered(c, 1, E)
    c.after(11)
    c.expect_only(f"35=2|34=2|7={E}|16={E + 4}")


# -- with 141=Y ------------------------------------------------------------------------


@pytest.mark.parametrize("has_messages", STORES)
def test_reset_in_step(has_messages: bool) -> None:
    c, _ = session(has_messages)
    c.client("35=A|34=1|98=0|108=30|141=Y|789=1")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y|789=2")
    assert c.resets == 1


@pytest.mark.parametrize("has_messages", STORES)
@pytest.mark.parametrize("n", [E + ahead for ahead in AHEAD])
@pytest.mark.parametrize("x", [0, 1, 2])
def test_a_reset_demands_34_1_whatever_789_says(
    n: int, x: int, has_messages: bool
) -> None:
    c, s = session(has_messages)
    c.client(f"35=A|34={n}|98=0|108=30|141=Y|789={x}")
    text = "ResetSeqNumFlag(141)=Y demands MsgSeqNum(34)=1"
    refused(c, text, s, DisconnectReason.INVALID_LOGON)
    assert c.resets == 0


@pytest.mark.parametrize("has_messages", STORES)
def test_a_reset_that_expects_more_than_1_changes_nothing(has_messages: bool) -> None:
    c, s = session(has_messages)
    c.client("35=A|34=1|98=0|108=30|141=Y|789=2")
    text = "NextExpectedMsgSeqNum too high, expecting 1 but received 2"
    refused(c, text, s, TOO_HIGH)
    assert c.resets == 0


@pytest.mark.parametrize("has_messages", STORES)
def test_a_reset_that_expects_0_resends_only_the_logon(has_messages: bool) -> None:
    """There is nothing before it: what was stored is of the past."""
    c, _ = session(has_messages)
    c.client("35=A|34=1|98=0|108=30|141=Y|789=0")
    c.expect("35=A|34=1|98=0|108=30|141=Y|789=2")
    c.expect_only("35=4|34=1|43=Y|122=*|36=2|123=Y")


def test_a_reset_inside_the_session_says_789_too() -> None:
    c, s = session(has_messages=True)
    log_on(c, E, s)
    c.forget()
    c.client("35=A|34=1|98=0|108=30|141=Y|789=1")
    c.expect_only("35=A|34=1|98=0|108=30|141=Y|789=2")


# -- one side only ---------------------------------------------------------------------


def test_without_our_setting_the_gap_is_asked_for() -> None:
    c = Conversation(numbers=Numbers(next_in=E, next_out=1))
    log_on(c, E + 2, 1)
    c.expect("35=A|34=1|98=0|108=30")
    c.expect_only(f"35=2|34=2|7={E}|16=0")


def test_without_our_setting_the_client_gets_what_it_misses() -> None:
    """It says so and will not ask: engines that send 789 wait for the messages."""
    c = Conversation(numbers=Numbers(next_in=E, next_out=1))
    c.send("35=8|37=A")
    log_on(c, E, 1)
    c.expect("35=A|34=2|98=0|108=30")
    c.expect("35=8|34=1|43=Y|122=*|37=A")
    c.expect_only("35=4|34=2|43=Y|122=*|36=3|123=Y")


def test_without_789_of_the_client_the_gap_is_asked_for() -> None:
    c, s = session(has_messages=False)
    c.client(f"35=A|34={E + 2}|98=0|108=30")
    answered(c, s, E)
    c.expect_only(f"35=2|34={s + 1}|7={E}|16=0")


def test_live_messages_follow_the_replay() -> None:
    """What the application sends when it hears of the Logon waits for its turn."""
    c, s = session(has_messages=True)

    class Greeter:
        def on_logon(self, session: object) -> None:
            c.session.send("8", b"37=hello\x01", c.now_ns)

        def on_logout(self, session: object) -> None:
            pass

    c.session._application = Greeter()  # type: ignore[assignment]
    log_on(c, E, 4)
    answered(c, s, E + 1)
    c.expect("35=8|34=4|43=Y|122=*|37=D")
    c.expect("35=4|34=5|43=Y|122=*|36=6|123=Y")
    c.expect_only("35=8|34=6|37=hello")


def test_the_limits_of_resending_hold_here_too() -> None:
    c = Conversation(
        numbers=Numbers(next_in=E, next_out=1),
        enable_next_expected_msg_seq_num=True,
        resend_messages_max=2,
        resend_overflow=ResendOverflow.LOGOUT,
    )
    for name in "ABCD":
        c.send(f"35=8|37={name}")
    log_on(c, E, 1)
    answered(c, 5, E + 1)
    c.expect("35=5|34=6|58=*")
    c.expect_closed(DisconnectReason.RESEND_LIMIT)
