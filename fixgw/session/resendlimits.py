"""Whether a ResendRequest(2) of the client is served, and how far.

A replay costs reading, writing and bandwidth for a request of eighty bytes, so who asks
must not decide alone what it costs. What is asked here, in this order:

1. The same range is being served, or waits: ignored, its answer is on the way.
2. Too many requests wait already: ignored, the client will ask again.
3. The same beginning again and again: the client makes no progress and never will.
4. More requests than a minute allows.
5. More messages than a request may ask for: the first of them are sent.

For 3 to 5 the setting ResendOverflow says whether the client gets a GapFill over what
it does not get, or a Logout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from fixgw.session.policies import ResendOverflow
from fixgw.session.settings import SessionSettings
from fixgw.session.throttle import Bucket

PENDING_REQUESTS_MAX = 4
"""ResendRequests that may wait for the one being served; more are ignored."""

ALIKE_REQUESTS_MAX = 3
"""So often a range with the same BeginSeqNo(7) is served before it is a loop."""

ALIKE_WINDOW_NS = 60_000_000_000
"""Requests further apart are no loop: a replay a minute hurts nobody."""

BEGINNINGS_MAX = 16
"""Ranges remembered, so that a client cannot escape by taking turns."""

NS_PER_MINUTE = 60_000_000_000


class Answer(Enum):
    """What a ResendRequest gets."""

    SERVE = auto()
    """Messages up to ``Ruling.messages_end``, then one GapFill up to ``end``."""
    GAP_FILL = auto()
    """One GapFill over the whole range."""
    IGNORE = auto()
    LOGOUT = auto()
    """Logout with ``Ruling.text``, and close: reason RESEND_LIMIT."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer to a request for ``begin`` to ``end``, inclusive.

    Numbers above ``messages_end`` are filled over whatever they hold; for GAP_FILL it
    lies before ``begin``. So SERVE and GAP_FILL go the same way:
    ``Outbound.replay(ruling.begin, ruling.end, ruling.messages_end)``.
    """

    answer: Answer
    begin: int
    end: int
    messages_end: int
    text: str = ""


class _Beginning(NamedTuple):
    """How often ranges from here were asked for, and when last."""

    times: int
    last_ns: int


_Ends = tuple[int, int | None]


class ResendLimits:
    """Of one session. Nothing but counting: the caller carries out the ruling.

    ``refused`` counts requests that got less than they asked for, the ignored included.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.refused = 0
        self._messages_max = settings.resend_messages_max
        self._overflow = settings.resend_overflow
        per_minute = settings.resend_requests_per_minute_max
        self._bucket = Bucket(per_minute, NS_PER_MINUTE, per_minute)
        self._has_rate = per_minute > 0
        self._beginnings: dict[_Ends, _Beginning] = {}

    def clear(self) -> None:
        """The connection is gone: what was asked for on it is no loop on the next.

        What a minute allows goes on: who logs on again gets no new allowance.
        """
        self._beginnings.clear()

    def judge(
        self,
        begin: int,
        end: int,
        now_ns: int,
        under_way: Sequence[tuple[int, int]] = (),
        asked_end: int | None = None,
    ) -> Ruling:
        """A good request for ``begin`` to ``end``, at most the last number written.

        ``under_way``: the ranges being served and waiting, ``Outbound.under_way``.
        ``asked_end``: EndSeqNo(16) as the client wrote it. Requests are alike if both
        ends are: who asks for more each time is no loop.
        """
        alike = (begin, asked_end)
        ruling = self._judge(begin, end, now_ns, under_way, alike)
        if ruling.messages_end < end:
            self.refused += 1
        return ruling

    def _judge(
        self,
        begin: int,
        end: int,
        now_ns: int,
        under_way: Sequence[tuple[int, int]],
        alike: _Ends,
    ) -> Ruling:
        if (begin, end) in under_way or len(under_way) > PENDING_REQUESTS_MAX:
            return Ruling(Answer.IGNORE, begin, end, begin - 1)
        if self._is_loop(alike, now_ns):
            text = f"ResendRequests from {begin} again and again without progress"
            return self._too_much(begin, end, begin - 1, text)
        if self._has_rate and not self._bucket.take(now_ns):
            return self._too_much(begin, end, begin - 1, "Too many ResendRequests")
        if self._messages_max and end - begin >= self._messages_max:
            text = f"Resend of more than {self._messages_max} messages requested"
            return self._too_much(begin, end, begin + self._messages_max - 1, text)
        return Ruling(Answer.SERVE, begin, end, end)

    def _too_much(self, begin: int, end: int, messages_end: int, text: str) -> Ruling:
        if self._overflow is ResendOverflow.LOGOUT:
            return Ruling(Answer.LOGOUT, begin, end, begin - 1, text)
        answer = Answer.SERVE if messages_end >= begin else Answer.GAP_FILL
        return Ruling(answer, begin, end, messages_end, text)

    def _is_loop(self, alike: _Ends, now_ns: int) -> bool:
        """Count a request with these ends; whether it is one too many."""
        known = self._beginnings.pop(alike, None)
        times = 1
        if known is not None and now_ns - known.last_ns <= ALIKE_WINDOW_NS:
            times += known.times
        self._beginnings[alike] = _Beginning(times, now_ns)
        if len(self._beginnings) > BEGINNINGS_MAX:
            del self._beginnings[next(iter(self._beginnings))]
        return times > ALIKE_REQUESTS_MAX
