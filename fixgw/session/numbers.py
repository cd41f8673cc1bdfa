"""What a session must remember over a restart."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Numbers:
    """The counters of one session; only the session changes them."""

    next_in: int = 1
    """MsgSeqNum(34) expected next from the client."""
    next_out: int = 1
    """MsgSeqNum(34) of the next message we send."""
    epoch: int = 1
    """How often the numbers began at 1."""
    window: int = 0
    """Start of the schedule window they belong to, nanoseconds; 0 for none."""
    answered: set[int] = field(default_factory=set)
    """Numbers from ``next_in`` on that were answered before a restart: when they come
    again they are counted and nothing else."""
