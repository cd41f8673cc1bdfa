"""The session's two tables: complete, and every row is reached by a message.

What each row must do is written out here, apart from the tables themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from fixgw.session.identity import SessionId
from fixgw.session.numbers import Numbers
from fixgw.session.profile import QUICKFIX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.session.tables import (
    NUMBER_RULES,
    TRANSITIONS,
    Happening,
    Kind,
    LocalError,
    Number,
    State,
    Verdict,
    next_state,
    number_rules,
)
from tests.sessions.conversation import LOGON, ORDER, Conversation

TOO_LOW = "35=5|34=2|58=MsgSeqNum too low, expecting 5 but received 3"
ASK = "35=2|34=2|7=5|16=0"
LOGGED_ON_TWICE = "35=5|34=2|58=Already logged on"

# What a client sends as message n; E is 5 in all of them.
TEXTS = {
    Kind.APPLICATION: f"35=D|{ORDER}",
    Kind.HEARTBEAT: "35=0|",
    Kind.TEST_REQUEST: "35=1|112=there?",
    Kind.RESEND_REQUEST: "35=2|7=1|16=0",
    Kind.REJECT: "35=3|45=1|58=no",
    Kind.GAP_FILL: "35=4|36=9|123=Y",
    Kind.RESET: "35=4|36=9|123=N",
    Kind.LOGOUT: "35=5|",
    Kind.LOGON: "35=A|98=0|108=30",
}

NUMBERS = {
    Number.LOW: (3, ""),
    Number.LOW_POSS_DUP: (3, "43=Y|122=20260102-03:04:05|"),
    Number.EXPECTED: (5, ""),
    Number.HIGH: (7, ""),
}

LOW_CUT = ([TOO_LOW], 5, DisconnectReason.MSG_SEQ_NUM_TOO_LOW)
CUT = ([LOGGED_ON_TWICE], 5, DisconnectReason.UNEXPECTED_LOGON)
IGNORED: tuple[list[str], int, None] = ([], 5, None)
JUMPED: tuple[list[str], int, None] = ([], 9, None)

# What comes back, E afterwards, and why the connection is closed.
REACTIONS: dict[tuple[Kind, Number], tuple[list[str], int, DisconnectReason | None]] = {
    (Kind.APPLICATION, Number.LOW): LOW_CUT,
    (Kind.APPLICATION, Number.LOW_POSS_DUP): IGNORED,
    (Kind.APPLICATION, Number.EXPECTED): ([], 6, None),
    (Kind.APPLICATION, Number.HIGH): ([ASK], 5, None),
    (Kind.HEARTBEAT, Number.LOW): LOW_CUT,
    (Kind.HEARTBEAT, Number.LOW_POSS_DUP): IGNORED,
    (Kind.HEARTBEAT, Number.EXPECTED): ([], 6, None),
    (Kind.HEARTBEAT, Number.HIGH): ([ASK], 5, None),
    (Kind.TEST_REQUEST, Number.LOW): LOW_CUT,
    (Kind.TEST_REQUEST, Number.LOW_POSS_DUP): IGNORED,
    (Kind.TEST_REQUEST, Number.EXPECTED): (["35=0|34=2|112=there?"], 6, None),
    (Kind.TEST_REQUEST, Number.HIGH): ([ASK], 5, None),
    (Kind.RESEND_REQUEST, Number.LOW): LOW_CUT,
    (Kind.RESEND_REQUEST, Number.LOW_POSS_DUP): IGNORED,
    (Kind.RESEND_REQUEST, Number.EXPECTED): (
        ["35=4|34=1|43=Y|122=*|36=2|123=Y"],
        6,
        None,
    ),
    (Kind.RESEND_REQUEST, Number.HIGH): (
        ["35=4|34=1|43=Y|122=*|36=2|123=Y", ASK],
        5,
        None,
    ),
    (Kind.REJECT, Number.LOW): LOW_CUT,
    (Kind.REJECT, Number.LOW_POSS_DUP): IGNORED,
    (Kind.REJECT, Number.EXPECTED): ([], 6, None),
    (Kind.REJECT, Number.HIGH): ([ASK], 5, None),
    (Kind.GAP_FILL, Number.LOW): LOW_CUT,
    (Kind.GAP_FILL, Number.LOW_POSS_DUP): IGNORED,
    (Kind.GAP_FILL, Number.EXPECTED): JUMPED,
    (Kind.GAP_FILL, Number.HIGH): ([ASK], 5, None),
    (Kind.RESET, Number.LOW): JUMPED,
    (Kind.RESET, Number.LOW_POSS_DUP): JUMPED,
    (Kind.RESET, Number.EXPECTED): JUMPED,
    (Kind.RESET, Number.HIGH): JUMPED,
    (Kind.LOGOUT, Number.LOW): LOW_CUT,
    (Kind.LOGOUT, Number.LOW_POSS_DUP): IGNORED,
    (Kind.LOGOUT, Number.EXPECTED): (["35=5|34=2"], 6, None),
    (Kind.LOGOUT, Number.HIGH): ([ASK, "35=5|34=3"], 5, None),
    (Kind.LOGON, Number.LOW): CUT,
    (Kind.LOGON, Number.LOW_POSS_DUP): CUT,
    (Kind.LOGON, Number.EXPECTED): CUT,
    (Kind.LOGON, Number.HIGH): CUT,
}

CELLS = list(product(Kind, Number))

QUICKFIX_SETTINGS = SessionSettings(
    session_id=SessionId("FIX.4.4", "EXCHANGE", "CLIENT"), profile=QUICKFIX
)


def test_every_cell_has_exactly_one_verdict() -> None:
    assert len(CELLS) == 36
    assert set(NUMBER_RULES) == set(CELLS)
    assert set(REACTIONS) == set(CELLS)
    assert all(isinstance(verdict, Verdict) for verdict in NUMBER_RULES.values())
    used = set(NUMBER_RULES.values()) | set(number_rules(QUICKFIX_SETTINGS).values())
    assert used == set(Verdict)


# The same for what the settings change: the quickfix column, and ResendRequests that
# are served although they are old.
SERVED = ["35=4|34=1|43=Y|122=*|36=2|123=Y"]
REJECTED: tuple[list[str], int, None] = (
    ["35=3|34=2|45=3|58=Required tag missing|371=122|372=*|373=1"],
    5,
    None,
)
ANSWERED = (["35=5|34=2"], 5, DisconnectReason.LOGOUT_COMPLETE)
QUICKFIX_REACTIONS = {
    **REACTIONS,
    (Kind.RESEND_REQUEST, Number.LOW): (SERVED, 5, None),
    (Kind.LOGOUT, Number.LOW): ANSWERED,
    (Kind.LOGOUT, Number.EXPECTED): (
        ["35=5|34=2"],
        6,
        DisconnectReason.LOGOUT_COMPLETE,
    ),
    (Kind.LOGOUT, Number.HIGH): ANSWERED,
    **{
        (Kind.LOGON, number): ([], 5, DisconnectReason.UNEXPECTED_LOGON)
        for number in Number
    },
}
# Without OrigSendingTime(122), so that it shows who judges a duplicate.
LENIENT_REACTIONS = {
    **REACTIONS,
    (Kind.RESEND_REQUEST, Number.LOW_POSS_DUP): (SERVED, 5, None),
}
JUDGED_REACTIONS = {
    **QUICKFIX_REACTIONS,
    (Kind.APPLICATION, Number.LOW_POSS_DUP): REJECTED,
    (Kind.HEARTBEAT, Number.LOW_POSS_DUP): REJECTED,
    (Kind.TEST_REQUEST, Number.LOW_POSS_DUP): REJECTED,
    (Kind.REJECT, Number.LOW_POSS_DUP): REJECTED,
}
BARE_DUPLICATE = {**NUMBERS, Number.LOW_POSS_DUP: (3, "43=Y|")}

COLUMNS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "standard": ({}, NUMBERS, REACTIONS),
    "standard, not judged": ({}, BARE_DUPLICATE, REACTIONS),
    "quickfix": ({"profile": QUICKFIX}, NUMBERS, QUICKFIX_REACTIONS),
    "quickfix, judged": ({"profile": QUICKFIX}, BARE_DUPLICATE, JUDGED_REACTIONS),
    "served": (
        {"ignore_poss_dup_resend_requests": False},
        NUMBERS,
        LENIENT_REACTIONS,
    ),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("kind", "number"),
    CELLS,
    ids=[f"{kind.name}-{number.name}" for kind, number in CELLS],
)
def test_the_cell_is_reached_by_a_message(
    kind: Kind, number: Number, column: str
) -> None:
    settings, numbers, reactions = COLUMNS[column]
    c = Conversation(numbers=Numbers(next_in=4, next_out=1), **settings)
    c.client("35=A|34=4|98=0|108=30")
    c.expect("35=A|34=1|98=0|108=30")
    said, expected_after, reason = reactions[kind, number]
    seq, duplicate = numbers[number]
    head, _, body = TEXTS[kind].partition("|")
    c.client(f"{head}|34={seq}|{duplicate}{body}")
    for text in said:
        c.expect(text)
    if reason is None:
        c.expect_nothing()
    else:
        c.expect_closed(reason)
    assert c.next_in == expected_after
    processed = kind is Kind.APPLICATION and number is Number.EXPECTED
    assert c.app.numbers == ([5] if processed else [])


@pytest.mark.parametrize(("kind", "number"), CELLS)
def test_without_validate_sequence_numbers_every_number_is_good(
    kind: Kind, number: Number
) -> None:
    c = Conversation(
        numbers=Numbers(next_in=4, next_out=1), validate_sequence_numbers=False
    )
    c.client("35=A|34=4|98=0|108=30")
    c.forget()
    seq, duplicate = NUMBERS[number]
    head, _, body = TEXTS[kind].partition("|")
    c.client(f"{head}|34={seq}|{duplicate}{body}")
    assert not any(b"\x0135=2\x01" in data for data in c.written)
    if kind is not Kind.LOGON:
        assert c.closed is None
        assert c.next_in >= max(5, min(seq, 9))
    assert c.app.numbers == ([seq] if kind is Kind.APPLICATION else [])


# -- transitions -----------------------------------------------------------------------


def _logged_out_by_us() -> Conversation:
    c = Conversation().log_on()
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.forget()
    return c


def _logged_out_by_client() -> Conversation:
    c = Conversation().log_on()
    c.client("35=5|34=2")
    c.forget()
    return c


def _closing() -> Conversation:
    """The session is to be closed and the connection still there."""
    c = Conversation().log_on()
    c.session.break_off(DisconnectReason.GARBLED_LIMIT, "enough", c.now_ns)
    return c


SITUATIONS: dict[State, Callable[[], Conversation]] = {
    State.DISCONNECTED: Conversation,
    State.ACTIVE: lambda: Conversation().log_on(),
    State.LOGOUT_SENT: _logged_out_by_us,
    State.LOGOUT_ANSWERED: _logged_out_by_client,
    State.CLOSING: _closing,
}


def _logout(c: Conversation) -> None:
    c.client(f"35=5|34={c.next_in}")


# Two calls break off: one of the shell, and a message that is not to be borne.
CAUSES: dict[Happening, list[Callable[[Conversation], object]]] = {
    Happening.LOGON_ACCEPTED: [lambda c: c.client(LOGON)],
    Happening.LOGON_REFUSED: [lambda c: c.client("35=A|34=1|98=1|108=30")],
    Happening.NUMBERS_RESET: [lambda c: c.client(f"{LOGON}|141=Y")],
    Happening.LOGOUT_BEGUN: [lambda c: c.session.logout("bye", c.now_ns)],
    Happening.LOGOUT_RECEIVED: [_logout],
    Happening.BROKEN_OFF: [
        lambda c: c.session.break_off(DisconnectReason.GARBLED_LIMIT, "no", c.now_ns),
        lambda c: c.client("35=0|34=0"),
    ],
    Happening.CONNECTION_LOST: [lambda c: c.session.connection_lost(c.now_ns)],
}


@pytest.mark.parametrize(
    ("state", "happening"),
    list(TRANSITIONS),
    ids=[f"{s.name}-{h.name}" for s, h in TRANSITIONS],
)
def test_the_transition_is_reached(
    state: State, happening: Happening, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[State, Happening]] = []

    def watched(was: State, what: Happening) -> State:
        taken.append((was, what))
        return next_state(was, what)

    for cause in CAUSES[happening]:
        c = SITUATIONS[state]()
        assert c.session.state is state
        with monkeypatch.context() as patch:
            patch.setattr("fixgw.session.lifecycle.next_state", watched)
            cause(c)
    assert (state, happening) in taken


@pytest.mark.parametrize(
    ("state", "happening"),
    [row for row in product(State, Happening) if row not in TRANSITIONS],
    ids=lambda each: each.name,
)
def test_what_cannot_happen_is_an_error(state: State, happening: Happening) -> None:
    text = re.escape(f"{happening.name} in state {state.name}")
    with pytest.raises(LocalError, match=text):
        next_state(state, happening)


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("happening", CAUSES, ids=lambda each: each.name)
def test_no_message_or_call_leads_outside_the_table(
    state: State, happening: Happening
) -> None:
    """Whatever a client sends, and whenever: it never meets a missing transition."""
    for cause in CAUSES[happening]:
        cause(SITUATIONS[state]())
