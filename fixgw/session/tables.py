"""The session's states and rules, as tables.

Two tables decide everything that depends on more than one message:

* :data:`TRANSITIONS`: (state, what happened) -> next state. A missing key is a bug of
  ours and raises LocalError.
* :data:`NUMBER_RULES`: (kind of message, how its MsgSeqNum(34) compares with the
  expected one) -> verdict. It has a row for every combination. A session's settings may
  change some: see :func:`number_rules`.

Odd cases, and where they come from
-----------------------------------
* SequenceReset-Reset is obeyed whatever its number (FIX 4.4 volume 2, SequenceReset):
  it exists to repair numbers.
* A ResendRequest above a gap is served at once, before our own gap is asked for:
  otherwise two sides that both miss messages wait for each other. Its number counts as
  received, so that it is not asked for, and served, again.
* A GapFill above a gap is not kept: the replay of the gap brings its own.
* A Logout above a gap is answered after asking for the gap, and is not counted: what is
  missing before it must still be asked for after the next Logon.
* A duplicate (PossDupFlag(43)=Y below the expected number) is ignored whatever it is; a
  TestRequest or ResendRequest that was served once is not served again.
"""

from __future__ import annotations

from enum import Enum, auto

from fixgw.session.settings import SessionSettings
from fixgw.wire import Message


class LocalError(Exception):
    """A bug of ours: the session did something its tables do not know."""


class State(Enum):
    """Where a session is."""

    DISCONNECTED = auto()
    """No connection, or one that is not yet logged on."""
    ACTIVE = auto()
    """Both Logons are exchanged."""
    LOGOUT_SENT = auto()
    """We began the logout and wait for the answer."""
    LOGOUT_ANSWERED = auto()
    """The client began the logout, we answered; it should close the connection."""
    CLOSING = auto()
    """The connection is to be closed; nothing more is said or heard."""


class Happening(Enum):
    """What moves a session from state to state."""

    LOGON_ACCEPTED = auto()
    LOGON_REFUSED = auto()
    NUMBERS_RESET = auto()
    LOGOUT_BEGUN = auto()
    LOGOUT_RECEIVED = auto()
    BROKEN_OFF = auto()
    CONNECTION_LOST = auto()


TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.DISCONNECTED, Happening.LOGON_ACCEPTED): State.ACTIVE,
    (State.DISCONNECTED, Happening.LOGON_REFUSED): State.CLOSING,
    (State.DISCONNECTED, Happening.CONNECTION_LOST): State.DISCONNECTED,
    (State.ACTIVE, Happening.NUMBERS_RESET): State.ACTIVE,
    (State.ACTIVE, Happening.LOGOUT_BEGUN): State.LOGOUT_SENT,
    (State.ACTIVE, Happening.LOGOUT_RECEIVED): State.LOGOUT_ANSWERED,
    (State.ACTIVE, Happening.BROKEN_OFF): State.CLOSING,
    (State.ACTIVE, Happening.CONNECTION_LOST): State.DISCONNECTED,
    (State.LOGOUT_SENT, Happening.NUMBERS_RESET): State.LOGOUT_SENT,
    (State.LOGOUT_SENT, Happening.LOGOUT_RECEIVED): State.CLOSING,
    (State.LOGOUT_SENT, Happening.BROKEN_OFF): State.CLOSING,
    (State.LOGOUT_SENT, Happening.CONNECTION_LOST): State.DISCONNECTED,
    (State.LOGOUT_ANSWERED, Happening.LOGOUT_RECEIVED): State.CLOSING,
    (State.LOGOUT_ANSWERED, Happening.BROKEN_OFF): State.CLOSING,
    (State.LOGOUT_ANSWERED, Happening.CONNECTION_LOST): State.DISCONNECTED,
    (State.CLOSING, Happening.CONNECTION_LOST): State.DISCONNECTED,
}


def next_state(state: State, happening: Happening) -> State:
    """The state after ``happening``. Raises LocalError for what cannot happen there."""
    try:
        return TRANSITIONS[state, happening]
    except KeyError:
        raise LocalError(f"{happening.name} in state {state.name}") from None


class Kind(Enum):
    """What the session layer distinguishes by MsgType(35), and 123 for
    SequenceReset."""

    LOGON = auto()
    HEARTBEAT = auto()
    TEST_REQUEST = auto()
    RESEND_REQUEST = auto()
    REJECT = auto()
    GAP_FILL = auto()
    RESET = auto()
    LOGOUT = auto()
    APPLICATION = auto()


KIND_OF: dict[str, Kind] = {
    "A": Kind.LOGON,
    "0": Kind.HEARTBEAT,
    "1": Kind.TEST_REQUEST,
    "2": Kind.RESEND_REQUEST,
    "3": Kind.REJECT,
    "4": Kind.RESET,
    "5": Kind.LOGOUT,
}
"""SequenceReset(4) is GAP_FILL instead when GapFillFlag(123) is Y."""


def kind_of(message: Message) -> Kind:
    """What sort of message it is."""
    kind = KIND_OF.get(message.msg_type, Kind.APPLICATION)
    if kind is Kind.RESET and message.get(123) == b"Y":
        return Kind.GAP_FILL
    return kind


class Number(Enum):
    """MsgSeqNum(34) against the next expected one."""

    LOW = auto()
    LOW_POSS_DUP = auto()
    """Lower, with PossDupFlag(43)=Y."""
    EXPECTED = auto()
    HIGH = auto()


class Verdict(Enum):
    """What becomes of a message."""

    PROCESS = auto()
    """Judge its content, act on it, count it."""
    IGNORE = auto()
    """Neither act nor count."""
    JUDGE_DUPLICATE = auto()
    """Judge its OrigSendingTime(122), then ignore it."""
    TOO_LOW = auto()
    """Logout that names both numbers, and close."""
    QUEUE = auto()
    """Keep it for its turn; ask for what is missing."""
    SERVE = auto()
    """Serve the ResendRequest, do not count it."""
    SERVE_AND_QUEUE = auto()
    """Serve the ResendRequest now, count it at its turn; ask for what is missing."""
    ASK = auto()
    """Ask for what is missing, do not keep it."""
    ANSWER = auto()
    """Answer the Logout, do not count it."""
    ASK_AND_ANSWER = auto()
    """Ask for what is missing, then answer the Logout; do not count it."""
    REFUSE_LOGON = auto()
    """A Logon inside a session that resets nothing: close."""


NumberRules = dict[tuple[Kind, Number], Verdict]

_USUAL: dict[Number, Verdict] = {
    Number.LOW: Verdict.TOO_LOW,
    Number.LOW_POSS_DUP: Verdict.IGNORE,
    Number.EXPECTED: Verdict.PROCESS,
    Number.HIGH: Verdict.QUEUE,
}

_ROWS: dict[Kind, dict[Number, Verdict]] = {
    Kind.APPLICATION: _USUAL,
    Kind.HEARTBEAT: _USUAL,
    Kind.TEST_REQUEST: _USUAL,
    Kind.REJECT: _USUAL,
    Kind.RESEND_REQUEST: {**_USUAL, Number.HIGH: Verdict.SERVE_AND_QUEUE},
    Kind.GAP_FILL: {**_USUAL, Number.HIGH: Verdict.ASK},
    Kind.RESET: dict.fromkeys(Number, Verdict.PROCESS),
    Kind.LOGOUT: {**_USUAL, Number.HIGH: Verdict.ASK_AND_ANSWER},
    Kind.LOGON: dict.fromkeys(Number, Verdict.REFUSE_LOGON),
}

NUMBER_RULES: NumberRules = {
    (kind, number): verdict
    for kind, row in _ROWS.items()
    for number, verdict in row.items()
}
"""Those of the standard."""

_JUDGED_WHEN_LOW = (Kind.APPLICATION, Kind.HEARTBEAT, Kind.TEST_REQUEST, Kind.REJECT)


def number_rules(settings: SessionSettings) -> NumberRules:
    """The rules of a session: the standard's, but for what its settings change.

    IgnoreAdminNumbers: a Logout is answered and a ResendRequest served whatever its
    number; neither moves the expected number over a gap. JudgeLowPossDup: also what was
    received before must bear a good OrigSendingTime(122).
    """
    rules = dict(NUMBER_RULES)
    if settings.profile.judge_low_poss_dup:
        for kind in _JUDGED_WHEN_LOW:
            rules[kind, Number.LOW_POSS_DUP] = Verdict.JUDGE_DUPLICATE
    if settings.profile.ignore_admin_numbers:
        rules[Kind.RESEND_REQUEST, Number.LOW] = Verdict.SERVE
        rules[Kind.LOGOUT, Number.LOW] = Verdict.ANSWER
        rules[Kind.LOGOUT, Number.HIGH] = Verdict.ANSWER
    if not settings.ignore_poss_dup_resend_requests:
        rules[Kind.RESEND_REQUEST, Number.LOW_POSS_DUP] = Verdict.SERVE
    return rules
