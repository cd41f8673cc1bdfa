"""How fast: steps of the market's time, and a limit nobody is to notice."""

from __future__ import annotations

STEPS_PER_S = 10
"""Steps of the market in a second of its time; ``speed`` lets that run faster."""

STEPS_BEHIND_MAX = 50
"""After a pause of the machine the market does not catch up more than this."""


_NEARLY = 1e-6
"""A sum of parts of a token may stay this much below a whole one for ever."""


class Steps:
    """Turns time into steps of the market, whole ones, none twice."""

    def __init__(self, speed: float, now: float) -> None:
        self._per_s = STEPS_PER_S * speed
        self._began = now
        self._done = 0

    def due(self, now: float) -> int:
        """How many steps have become due since the last call."""
        due = int((now - self._began) * self._per_s) - self._done
        if due > STEPS_BEHIND_MAX:
            self._began += (due - STEPS_BEHIND_MAX) / self._per_s
            due = STEPS_BEHIND_MAX
        self._done += due
        return due


class TokenBucket:
    """At most ``rate`` in a second, ``burst`` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def wait_s(self, now: float) -> float:
        """How long to wait for the next; 0.0: it is taken."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens > 1 - _NEARLY:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate
