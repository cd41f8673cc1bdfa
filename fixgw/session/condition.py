"""How a session is, for those who watch it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """What waits in a session, and for what."""

    queued: int
    """Messages stored and not yet written to the client, since its last Logon."""
    replaying: bool
    """A ResendRequest(2) of the client is being served."""
    missing: bool
    """A ResendRequest(2) of ours is not yet answered."""
