"""How many application messages a client may send, and what it gets for more.

A ladder: first each message too many is refused and the session goes on; who does not
listen is logged out. Cancels are free at every rung: nobody is ever kept from taking
risk out of the market.
"""

from __future__ import annotations

from enum import Enum, auto

NS_PER_S = 1_000_000_000

FREE_MSG_TYPES = frozenset("012345AFq")
"""MsgType(35) that is never counted: session level, OrderCancelRequest(F) and
OrderMassCancelRequest(q)."""


class Grant(Enum):
    """What becomes of a message."""

    PASS = auto()
    REJECT = auto()
    """Refuse it, and go on."""
    LOGOUT = auto()
    """Refuse it, and end the session."""


class Bucket:
    """Tokens that come back evenly, ``per_period`` in ``period_ns``, at most ``size``.

    All in integers: a token is worth ``period_ns`` units, and each nanosecond brings
    ``per_period`` of them, so nothing is ever rounded. It begins full. A clock that is
    set back brings nothing and takes nothing.
    """

    __slots__ = ("_brings", "_level", "_now_ns", "_size", "_token")

    def __init__(self, per_period: int, period_ns: int, size: int) -> None:
        self._brings = per_period
        self._token = period_ns
        self._size = self._level = size * period_ns
        self._now_ns: int | None = None

    def is_full(self, now_ns: int) -> bool:
        """Whether every token is back."""
        self._fill(now_ns)
        return self._level == self._size

    def take(self, now_ns: int) -> bool:
        """Take a token, if there is one."""
        self._fill(now_ns)
        if self._level < self._token:
            return False
        self._level -= self._token
        return True

    def _fill(self, now_ns: int) -> None:
        if self._now_ns is not None and now_ns > self._now_ns:
            brought = (now_ns - self._now_ns) * self._brings
            self._level = min(self._size, self._level + brought)
        self._now_ns = now_ns


class Throttle:
    """Of one session, over all its connections: a new one brings no new allowance.

    ``messages_per_s`` 0 means no limit; ``burst`` 0 means as many as a second brings.
    After ``rejects_max`` refusals the next is LOGOUT; 0 means never. Refusals are
    forgiven when the client has paused until its whole burst is back.
    """

    def __init__(self, messages_per_s: int, burst: int, rejects_max: int) -> None:
        self._bucket = Bucket(messages_per_s, NS_PER_S, burst or messages_per_s)
        self._is_off = messages_per_s == 0
        self._rejects_max = rejects_max
        self._rejects = 0

    def take(self, msg_type: str, now_ns: int) -> Grant:
        """A message of this MsgType(35) is about to be processed."""
        if self._is_off or msg_type in FREE_MSG_TYPES:
            return Grant.PASS
        if self._rejects and self._bucket.is_full(now_ns):
            self._rejects = 0
        if self._bucket.take(now_ns):
            return Grant.PASS
        if self._rejects_max and self._rejects >= self._rejects_max:
            self._rejects = 0
            return Grant.LOGOUT
        self._rejects += 1
        return Grant.REJECT
