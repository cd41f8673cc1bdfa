"""The dead man's switch: all orders are cancelled unless the client says otherwise.

A client sets it to go off in some time and sets it anew before that, again and again.
When it does not, every shard cancels the client's open orders by itself, whatever
became of gateways and connections meanwhile. It goes off once and is off then.
"""

from __future__ import annotations

from engine.codes import CommandFlag, CommandKind, Reason
from engine.records import DeadlineCommand

TIMEOUT_MS_MIN = 1_000
"""Shorter than the pauses of a network and of a garbage collector helps nobody."""

TIMEOUT_MS_MAX = 86_400_000
"""A day: who needs longer means a time in force."""


def dead_man(
    session: int, source: int, timeout_ms: int, now_ns: int, *, keep_gtc: bool = False
) -> tuple[int, bytes]:
    """When it goes off, nanoseconds since the epoch, and the packed command to be given
    to every shard.

    ``session`` is the owner's key, ``source`` the number of the gateway. ``timeout_ms``
    is TIMEOUT_MS_MIN to TIMEOUT_MS_MAX from ``now_ns`` on, or 0, which switches it off:
    then the time is 0. Raises ValueError for another one.
    """
    if timeout_ms and not TIMEOUT_MS_MIN <= timeout_ms <= TIMEOUT_MS_MAX:
        raise ValueError(f"not 0, and not {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX} ms")
    deadline = now_ns + timeout_ms * 1_000_000 if timeout_ms else 0
    return deadline, deadline_command(
        session, source, Reason.DEAD_MAN, deadline, keep_gtc=keep_gtc
    )


def deadline_command(
    session: int, source: int, reason: Reason, deadline: int, *, keep_gtc: bool
) -> bytes:
    """A packed SET_DEADLINE; ``deadline`` 0 removes it."""
    return DeadlineCommand(
        CommandKind.SET_DEADLINE,
        reason=reason,
        flags=CommandFlag.KEEP_GTC if keep_gtc else 0,
        source=source,
        session=session,
        deadline=deadline,
    ).pack()
