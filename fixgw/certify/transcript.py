"""What happened in a dialogue, line by line, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from fixgw.certify.compare import Difference
from fixgw.certify.dialogue import Dialogue


class Outcome(Enum):
    """How a dialogue ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It needs something that this run does not have."""


class Kind(Enum):
    """What kind of thing happened."""

    SENT = "sent"
    RECEIVED = "received"
    MISSING = "missing"
    """Expected, and did not come."""
    OPENED = "opened"
    CLOSED = "closed"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: Kind
    at_s: float
    """Since the dialogue began."""
    connection: int
    line: int
    """The line of the script that did it or waited for it; 0 where none did."""
    text: str
    """A message in Latin-1 with SOH, or words."""
    expected: str = ""
    """What was expected instead, as far as it is known."""
    differences: tuple[Difference, ...] = ()
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A dialogue that has been played."""

    dialogue: Dialogue
    outcome: Outcome
    reason: str
    """Why it failed or was skipped, in one line; empty when it passed."""
    line: int
    """The line of the script at which it ended; 0 when it passed."""
    duration_s: float
    events: tuple[Event, ...]
    round: int = 1
    """Which repetition of the whole run it was."""

    @property
    def has_failed(self) -> bool:
        return self.outcome is Outcome.FAILED


@dataclass(slots=True)
class Transcript:
    """Events while they happen."""

    events: list[Event] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        at_s: float,
        connection: int,
        line: int,
        text: str,
        *,
        expected: str = "",
        differences: tuple[Difference, ...] = (),
        is_wrong: bool = False,
    ) -> None:
        """Note one thing."""
        event = Event(
            kind, at_s, connection, line, text, expected, differences, is_wrong
        )
        self.events.append(event)
