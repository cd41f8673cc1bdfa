"""What a session wants done. The shell around it does it, in the order given.

``Send`` means: keep the message, then write it, so a number is never on the wire that a
restart would not know. ``Write`` is for bytes that are not kept: replays, whose numbers
were kept long ago.
"""

from __future__ import annotations

from dataclasses import dataclass

from fixgw.session.reasons import DisconnectReason


@dataclass(frozen=True, slots=True)
class Send:
    """Store this message under its number; write it unless ``held``."""

    seq: int
    data: bytes
    admin: bool
    held: bool
    """A replay is under way or nobody is connected: it stays in the store for now."""
    keep: bool = True
    """False: store only that its number is used. Who asks for it gets a GapFill."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ResetNumbers:
    """Both numbers are 1 again: stored messages of older epochs are never resent."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SetInbound:
    """The client's next number is ``seq``, whatever it was, in a new epoch."""

    seq: int
    epoch: int


@dataclass(frozen=True, slots=True)
class SetOutbound:
    """Our next number is ``seq``; none between it and the last was ever sent."""

    seq: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The client's message ``seq`` was refused with the Send before this.

    To be remembered when a message before it may come again: it must not be answered
    twice, least of all differently.
    """

    seq: int
    """0: it was not counted, so there is nothing to remember."""
    msg_type: str
    """MsgType(35) of the message that was refused."""
    business: bool
    """With BusinessMessageReject(j), not with Reject(3)."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Read stored messages and pass them to ``Session.replay_rows`` until it is
    done."""


@dataclass(frozen=True, slots=True)
class Close:
    """Write what is pending, then close the connection."""

    reason: DisconnectReason
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception of the application: log it with the message that caused it."""

    error: Exception
    data: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """Something odd that changes nothing: log it with the message it is about."""

    text: str
    data: bytes


Numbered = ResetNumbers | SetInbound | SetOutbound
"""What changes numbers other than by counting. It must be on disk before it is told."""

Effect = Send | Answered | Write | Numbered | Replay | Close | Fault | Note
