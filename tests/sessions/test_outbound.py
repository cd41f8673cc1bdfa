"""What is sent, without a session: numbers, what is held back, and what it carries."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.dictionary import SessionRejectReason
from fixgw.session.effects import Answered, Note, Replay, Send, Write
from fixgw.session.identity import SessionId
from fixgw.session.liveness import Due, Liveness
from fixgw.session.numbers import Numbers
from fixgw.session.outbound import Outbound
from fixgw.session.profile import Profile
from fixgw.session.replay import StoredMessage
from fixgw.session.settings import SessionSettings
from fixgw.session.status import SessionStatus
from fixgw.session.versions import VERSIONS
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import build, read, shown

NOW = 1_767_323_045_000_000_000
S = 10**9
USUAL = {8, 9, 10, 34, 49, 52, 56}


def outbound(
    begin_string: str = "FIX.4.4",
    numbers: Numbers | None = None,
    *,
    connected: bool = True,
    logged_on: bool = True,
    **own: Any,
) -> Outbound:
    session_id = SessionId(begin_string, "EXCHANGE", "CLIENT")
    settings = SessionSettings(session_id=session_id, **own)
    out = Outbound(
        settings, VERSIONS[begin_string], numbers or Numbers(), Liveness(settings)
    )
    out.connected, out.is_logged_on = connected, logged_on
    return out


def said(out: Outbound) -> list[str]:
    """What was sent since the last call, without the usual fields; held in brackets."""
    texts = []
    for effect in out.effects:
        if isinstance(effect, Send | Write):
            rest = [row for row in read(effect.data) if row[0] not in USUAL]
            held = isinstance(effect, Send) and effect.held
            texts.append(f"({shown(rest)})" if held else shown(rest))
    out.effects.clear()
    return texts


def order(text: str) -> Message:
    message = parse_message(build(f"35=D|{text}", {8: "FIX.4.4"}))
    assert isinstance(message, Message)
    return message


def stored(seq: int, *, admin: bool) -> StoredMessage:
    """A message as a store gives it back."""
    names = {8: "FIX.4.4", 49: "EXCHANGE", 52: "20260102-03:04:05", 56: "CLIENT"}
    data = build(f"35={'0' if admin else '8'}|34={seq}|", names)
    return StoredMessage(seq, admin, data)


# -- numbers and what is held back ---------------------------------------------------


def test_a_message_that_is_not_kept_is_written_now_or_not_at_all() -> None:
    numbers = Numbers(1, 7)
    out = outbound(numbers=numbers)
    assert out.is_open
    assert out.send("X", b"55=ABC\x01", NOW, admin=False, keep=False) == 7
    (effect,) = out.effects
    assert isinstance(effect, Send)
    assert (effect.seq, effect.held, effect.keep) == (7, False, False)
    out.effects.clear()
    out.replay(1, 7, 7)
    out.effects.clear()
    for closed in (
        out,
        outbound(connected=False),
        outbound(logged_on=False),
    ):
        assert not closed.is_open
        assert closed.send("X", b"55=ABC\x01", NOW, admin=False, keep=False) == 0
        assert not closed.effects
    assert numbers.next_out == 8


def test_each_message_takes_the_next_number() -> None:
    numbers = Numbers(1, 7)
    out = outbound(numbers=numbers)
    assert out.send("8", b"37=A\x01", NOW, admin=False) == 7
    assert out.send("0", b"", NOW, admin=True) == 8
    first, second = out.effects
    assert isinstance(first, Send)
    assert isinstance(second, Send)
    assert (first.seq, first.admin, first.held) == (7, False, False)
    assert (second.seq, second.admin, second.held) == (8, True, False)
    assert dict(read(first.data))[34] == "7"
    assert (numbers.next_out, out.queued) == (9, 0)


@pytest.mark.parametrize(
    ("connected", "logged_on", "admin", "held"),
    [
        (True, True, False, False),
        (True, False, True, False),
        (True, False, False, True),
        (False, False, False, True),
        (False, False, True, True),
    ],
)
def test_what_waits_in_the_store(
    connected: bool, logged_on: bool, admin: bool, held: bool
) -> None:
    out = outbound(connected=connected, logged_on=logged_on)
    out.send("8", b"", NOW, admin=admin)
    (effect,) = out.effects
    assert isinstance(effect, Send)
    assert (effect.held, out.queued) == (held, int(held))


def test_a_possible_duplicate_and_a_possible_resend() -> None:
    out = outbound()
    time = b"20260101-00:00:00"
    out.send("8", b"", NOW, admin=False, poss_resend=True, original=time)
    assert said(out) == ["35=8|43=Y|97=Y|122=20260101-00:00:00"]


def test_what_is_sent_is_a_sign_of_life() -> None:
    session_id = SessionId("FIX.4.4", "EXCHANGE", "CLIENT")
    settings = SessionSettings(session_id=session_id)
    liveness = Liveness(settings)
    liveness.interval_s = 10
    out = Outbound(settings, VERSIONS["FIX.4.4"], Numbers(), liveness)
    out.heartbeat(None, 5 * S)
    assert liveness.due(10 * S) is Due.NOTHING


# -- admin messages ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin_string", "own", "reset", "expected"),
    [
        ("FIX.4.4", {}, False, "35=A|98=0|108=30"),
        ("FIX.4.4", {}, True, "35=A|98=0|108=30|141=Y"),
        (
            "FIX.4.4",
            {"enable_next_expected_msg_seq_num": True},
            False,
            "35=A|98=0|108=30|789=5",
        ),
        (
            "FIX.4.3",
            {"enable_next_expected_msg_seq_num": True},
            False,
            "35=A|98=0|108=30",
        ),
        (
            "FIXT.1.1",
            {"default_appl_ver_id": "FIX.5.0SP2"},
            False,
            "35=A|98=0|108=30|1137=9|1409=0",
        ),
        (
            "FIXT.1.1",
            {
                "default_appl_ver_id": "FIX.4.4",
                "profile": Profile(leave_out_session_status=True),
            },
            False,
            "35=A|98=0|108=30|1137=6",
        ),
    ],
)
def test_logon(
    begin_string: str, own: dict[str, Any], reset: bool, expected: str
) -> None:
    out = outbound(begin_string, Numbers(5, 9), **own)
    assert out.logon(30, reset, NOW) == 9
    assert said(out) == [expected]


def test_what_waits_in_the_store_is_the_clients_to_ask_for_after_a_logon() -> None:
    out = outbound(connected=False, logged_on=False)
    out.send("8", b"", NOW, admin=False)
    assert out.queued == 1
    out.connected = True
    out.logon(30, False, NOW)
    assert out.queued == 0


@pytest.mark.parametrize(
    ("begin_string", "wanted", "expected"),
    [
        ("FIX.4.4", True, "35=0|369=4"),
        ("FIX.4.4", False, "35=0"),
        ("FIX.4.1", True, "35=0"),
    ],
)
def test_the_last_number_that_was_processed(
    begin_string: str, wanted: bool, expected: str
) -> None:
    own = {"enable_last_msg_seq_num_processed": wanted}
    out = outbound(begin_string, Numbers(5, 9), **own)
    out.heartbeat(None, NOW)
    assert said(out) == [expected]


@pytest.mark.parametrize(
    ("begin_string", "appl", "status", "expected"),
    [
        ("FIX.4.4", "", SessionStatus.LOGOUT_COMPLETE, "35=5|58=bye"),
        ("FIXT.1.1", "9", SessionStatus.LOGOUT_COMPLETE, "35=5|58=bye|1409=4"),
        ("FIXT.1.1", "9", None, "35=5|58=bye"),
        ("FIXT.1.1", "8", SessionStatus.LOGOUT_COMPLETE, "35=5|58=bye|1409=4"),
        ("FIXT.1.1", "8", SessionStatus.MSG_SEQ_NUM_TOO_LOW, "35=5|58=bye"),
        ("FIXT.1.1", "9", SessionStatus.MSG_SEQ_NUM_TOO_LOW, "35=5|58=bye|1409=9"),
    ],
)
def test_logout(
    begin_string: str, appl: str, status: SessionStatus | None, expected: str
) -> None:
    out = outbound(begin_string)
    out.appl_ver_id = appl
    out.logout("bye", NOW, status)
    assert said(out) == [expected]


def test_a_logout_may_say_nothing() -> None:
    out = outbound()
    out.logout("", NOW)
    assert said(out) == ["35=5"]


def test_the_rest_of_them() -> None:
    out = outbound()
    out.heartbeat(None, NOW)
    out.heartbeat(b"HELLO", NOW)
    out.test_request(b"TEST-1", NOW)
    out.resend_request(3, 0, NOW)
    out.note("something", b"8=FIX")
    assert out.effects[-1] == Note("something", b"8=FIX")
    assert said(out) == ["35=0", "35=0|112=HELLO", "35=1|112=TEST-1", "35=2|7=3|16=0"]


# -- answers -------------------------------------------------------------------------


@pytest.mark.parametrize(("counted", "seq"), [(7, 7), (6, 0), (0, 0)])
def test_a_reject_is_the_answer_to_what_was_counted(counted: int, seq: int) -> None:
    out = outbound()
    out.counted = counted
    reason = SessionRejectReason.VALUE_INCORRECT
    out.reject(order("34=7|115=DESK"), reason, 44, "why", NOW)
    assert out.effects[-1] == Answered(seq, "D", business=False)
    assert said(out) == ["35=3|128=DESK|45=7|58=why|371=44|372=D|373=5"]


@pytest.mark.parametrize(
    ("begin_string", "business", "expected"),
    [
        ("FIX.4.4", True, "35=j|45=7|58=why|372=D|380=4"),
        ("FIX.4.0", False, "35=3|45=7|58=why"),
    ],
)
def test_a_business_reject_is_no_admin_message(
    begin_string: str, business: bool, expected: str
) -> None:
    out = outbound(begin_string)
    out.counted = 7
    out.business_reject(order("34=7"), 4, "why", NOW)
    sent, answered = out.effects
    assert isinstance(sent, Send)
    assert sent.admin is not business
    assert answered == Answered(7, "D", business=business)
    assert said(out) == [expected]


def test_what_is_no_message_is_answered_by_its_number() -> None:
    out = outbound()
    out.reject_garbled(7, "D", "why", NOW)
    assert out.effects[-1] == Answered(7, "D", business=False)
    assert said(out) == ["35=3|45=7|58=why|372=D"]


# -- replays -------------------------------------------------------------------------


def replaying() -> Outbound:
    """The client has asked for 1 to 3, which are of the application."""
    out = outbound(numbers=Numbers(1, 4))
    out.replay(1, 3, 3)
    assert out.effects == [Replay()]
    out.effects.clear()
    return out


def test_a_replay_is_read_and_written_in_slices() -> None:
    out = replaying()
    assert (out.is_replaying, out.replay_wanted) == (True, (1, 3))
    assert list(out.under_way) == [(1, 3)]
    out.replay_rows([stored(1, admin=False)], 1, NOW)
    assert said(out) == ["35=8|43=Y|122=20260102-03:04:05"]
    assert out.replay_wanted == (2, 3)
    rows = [stored(2, admin=True), stored(3, admin=False)]
    out.replay_rows(rows, 3, NOW)
    filled, again = said(out)
    assert filled.startswith("35=4|43=Y|122=")
    assert filled.endswith("|36=3|123=Y")
    assert again == "35=8|43=Y|122=20260102-03:04:05"
    assert (out.is_replaying, out.messages_resent) == (False, 2)


def test_a_second_request_waits_for_the_first() -> None:
    out = replaying()
    out.replay(2, 3, 3)
    assert out.effects == []
    assert list(out.under_way) == [(1, 3), (2, 3)]


def test_what_is_sent_meanwhile_follows() -> None:
    out = replaying()
    out.heartbeat(None, NOW)
    assert said(out) == ["(35=0)"]
    assert (out.last_written, out.queued) == (3, 1)
    out.replay_rows([stored(seq, admin=False) for seq in (1, 2, 3)], 3, NOW)
    assert len(said(out)) == 3
    assert out.replay_wanted == (4, 4)
    out.replay_rows([stored(4, admin=True)], 4, NOW)
    assert said(out) == ["35=0"]
    assert (out.last_written, out.queued) == (4, 0)


def test_behind_our_logout_nothing_of_the_application_follows() -> None:
    out = replaying()
    out.send("8", b"", NOW, admin=False)
    out.logout("", NOW)
    out.is_logged_on = False
    out.send("8", b"", NOW, admin=False)
    out.heartbeat(None, NOW)
    assert out.is_logout_held
    out.replay_rows([stored(seq, admin=False) for seq in (1, 2, 3)], 3, NOW)
    out.effects.clear()
    kinds = ((4, False), (5, True), (6, False), (7, True))
    out.replay_rows([stored(seq, admin=admin) for seq, admin in kinds], 7, NOW)
    assert said(out) == ["35=8", "35=0", "35=0"], "4, the Logout as stored, and 7"
    assert not out.is_logout_held
    assert out.queued == 1


def test_nothing_is_written_where_nothing_is_stored() -> None:
    out = replaying()
    out.send("8", b"", NOW, admin=False)
    rows = [stored(seq, admin=False) for seq in (1, 2, 3)]
    out.replay_rows(rows, 3, NOW)
    out.effects.clear()
    out.replay_rows([], 4, NOW)
    assert out.effects == []


@pytest.mark.parametrize("numbers_too", [False, True])
def test_forgotten_replays(numbers_too: bool) -> None:
    out = replaying()
    out.send("8", b"", NOW, admin=False)
    if numbers_too:
        out.forget_stored()
    else:
        out.forget_replays()
    assert (out.is_replaying, out.replay_wanted) == (False, None)
    assert out.queued == (0 if numbers_too else 1)
