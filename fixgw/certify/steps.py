"""What a dialogue consists of: one frozen class per kind of step.

Times are in seconds. Texts of messages are Latin-1, one character per byte, with SOH
between fields and macros not yet expanded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a script."""

    line: int
    """Its number in the file, from 1."""
    connection: int
    """The connection it is about, 1 to 9."""


@dataclass(frozen=True, slots=True)
class Connect(Step):
    """Open the connection to the acceptor."""


@dataclass(frozen=True, slots=True)
class Disconnect(Step):
    """Close the connection in order: nothing more to send, then wait for the peer."""


@dataclass(frozen=True, slots=True)
class Abort(Step):
    """Break the connection off, as a crash does."""


@dataclass(frozen=True, slots=True)
class Accept(Step):
    """Be the server: wait for a client."""


@dataclass(frozen=True, slots=True)
class Listen(Step):
    """Open the port, or close it so that clients are refused."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Stop reading from the connection, or go on."""

    is_held: bool


@dataclass(frozen=True, slots=True)
class Send(Step):
    """Send a message, or raw bytes where it does not begin with ``8=``."""

    text: str
    is_raw: bool = False
    """Whether it is sent as it stands, even if it begins with ``8=``."""


@dataclass(frozen=True, slots=True)
class Expect(Step):
    """Wait for a message and compare."""

    text: str
    is_own: bool
    """Whether it was written without SOH: a missing BodyLength(9) is not compared, and
    without ``8=`` only the fields it names are."""


@dataclass(frozen=True, slots=True)
class ExpectClose(Step):
    """The peer closes, and sends nothing before it does."""


@dataclass(frozen=True, slots=True)
class Nothing(Step):
    """The peer neither sends nor closes for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ignore(Step):
    """Whatever comes for so long is not looked at; the peer's closing ends the wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Skip(Step):
    """From here on messages of these types are not looked at."""

    msg_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Within(Step):
    """How long the next wait lasts at most, and how long it must last at least."""

    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Pieces(Step):
    """How the next message is cut: by size, at one place, or behind each field."""

    size: int = 0
    at: int = 0
    pause_s: float = 0.0
    """Between two pieces."""


@dataclass(frozen=True, slots=True)
class Glue(Step):
    """The next so many messages leave in one write."""

    count: int


@dataclass(frozen=True, slots=True)
class SetSession(Step):
    """Set a counter of the acceptor under test."""

    session: str
    """As in FIX.4.4:ISLD->TW, the acceptor's CompID first."""
    counter: str
    """NEXTSENDERSEQNUM or NEXTTARGETSEQNUM."""
    value: int


@dataclass(frozen=True, slots=True)
class Operator(Step):
    """Have the operator's command run with these words."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause(Step):
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Notify(Step):
    """Tell whoever looks on."""

    text: str


@dataclass(frozen=True, slots=True)
class Let(Step):
    """Give a name a value."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Fail(Step):
    """The dialogue has failed when it comes here."""

    text: str


@dataclass(frozen=True, slots=True)
class Repeat(Step):
    """Do the steps inside so many times, or until a Break."""

    count: int
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Break(Step):
    """Leave the innermost Repeat."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A message that may come, and what to do then."""

    expect: Expect
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class OneOf(Step):
    """One of these messages comes."""

    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class AllOf(Step):
    """All of these messages come, in any order."""

    expects: tuple[Expect, ...]


@dataclass(frozen=True, slots=True)
class Maybe(Step):
    """This message may come next; another one is left for the next step."""

    expect: Expect


def flatten(steps: tuple[Step, ...]) -> list[Step]:
    """All steps, with those inside others."""
    found: list[Step] = []
    for step in steps:
        found.append(step)
        match step:
            case Repeat(body=body):
                found += flatten(body)
            case OneOf(alternatives=alternatives):
                for alternative in alternatives:
                    found += [alternative.expect, *flatten(alternative.body)]
            case AllOf(expects=expects):
                found += expects
            case Maybe(expect=expect):
                found.append(expect)
    return found
