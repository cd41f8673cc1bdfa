"""What a session must remember over a restart."""

from __future__ import annotations

from dataclasses import dataclass, field

MSG_SEQ_NUM_MAX = 10**15
"""No session gets there; a NewSeqNo(36) above it would leave no room for numbers."""


@dataclass(slots=True)
class Numbers:
    """The counters of one session; only the session changes them."""

    next_in: int = 1
    """MsgSeqNum(34) expected next from the client."""
    next_out: int = 1
    """MsgSeqNum(34) of the next message we send."""
    epoch: int = 1
    """How often the numbers from the client began anew: shards tell repeats by it."""
    window: int = 0
    """Start of the schedule window they belong to, nanoseconds; 0 for none."""
    answered: set[int] = field(default_factory=set)
    """Numbers from ``next_in`` on that were answered before a restart: when they come
    again they are counted and nothing else."""
