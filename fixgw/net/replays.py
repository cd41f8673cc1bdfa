"""Whose replay goes on next: a few at once, the others in the order they came.

Each turn of the event loop has at most one slice of one replay in it, after everything
that sessions and shards brought, and a turn that brought something has none: an order
and its report take several turns. So orders and live messages wait for a slice or two,
however many clients want however much; and replays go on however busy it is, because
only a few turns in a row are passed.

==========  =====================  =================================================
replay      what happens           then
==========  =====================  =================================================
none        it is wanted           waits, behind those that wait
waiting     a place is free        runs
running     its slice is done      runs, behind those that run
running     it had many slices     waits, behind those that wait, if any do
running     nothing more wanted    none; its place is free
running     the client is slow     paused; its place is free
paused      the client has read    waits, behind those that wait
any         an error of ours       none; the session ends
==========  =====================  =================================================

A client that does not read holds up nobody: its place goes to the next. Nor does one
that wants very much: while a replay waits, its client hears nothing, not even
Heartbeats, and would take the connection for dead.
"""

from __future__ import annotations

from collections import deque

from fixgw.net.hosted import Hosted, Progress

REPLAYS_MAX = 5
"""Replays at once, unless the settings say otherwise."""

PLACE_SLICES_MAX = 256
"""So many slices, 16 MiB, and a place is somebody else's who waits for one."""

TURNS_PASSED_MAX = 8
"""So many turns in a row may be passed because there is other work."""


class Replays:
    """The replays of one gateway."""

    def __init__(self) -> None:
        self.at_once = REPLAYS_MAX
        self._running: deque[Hosted] = deque()
        self._waiting: deque[Hosted] = deque()
        self._known: dict[int, int] = {}  # how many slices it had in its place
        self._passed = 0

    @property
    def running(self) -> int:
        """How many have a place."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many wait for one. Paused ones do not."""
        return len(self._waiting)

    def has(self, hosted: Hosted) -> bool:
        """Whether a replay of this session runs or waits."""
        return hosted.key in self._known

    def want(self, hosted: Hosted) -> None:
        """A replay of this session begins or goes on. May be said again any time."""
        if not self.has(hosted) and hosted.can_replay:
            self._known[hosted.key] = 0
            self._waiting.append(hosted)

    def step(self, now_ns: int, *, busy: bool) -> Hosted | None:
        """One slice of one replay, if there is any; the session it belongs to, whose
        effects are to be carried out. ``busy``: this turn had other work."""
        if busy and self._passed < TURNS_PASSED_MAX:
            self._passed += 1
            return None
        self._passed = 0
        while self._waiting and len(self._running) < self.at_once:
            self._running.append(self._waiting.popleft())
        if not self._running:
            return None
        hosted = self._running.popleft()
        if self._slice(hosted, now_ns) is Progress.MORE:
            self._go_on(hosted)
        else:
            del self._known[hosted.key]
        return hosted

    def _go_on(self, hosted: Hosted) -> None:
        """It wants more."""
        self._known[hosted.key] += 1
        if self._waiting and self._known[hosted.key] >= PLACE_SLICES_MAX:
            self._known[hosted.key] = 0
            self._waiting.append(hosted)
        else:
            self._running.append(hosted)

    @staticmethod
    def _slice(hosted: Hosted, now_ns: int) -> Progress:
        try:
            return hosted.continue_replay(now_ns)
        except Exception as error:
            hosted.fail(error)
            return Progress.NOTHING
