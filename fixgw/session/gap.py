"""Messages that came early, and the request for those that are missing before them.

What is outstanding, and what an event makes of it:

=============  =======================  ==============================================
state          event                    what follows
=============  =======================  ==============================================
closed         found                    ask; open
closed         promised                 open, without asking: the client replays unasked
open           found                    nothing: the request covers it, or its end shows
                                        the rest. Redundant: ask again
open           passed, no progress      nothing
open           passed, progress         patience and alike requests begin anew
open           passed the chunk         ask for the next one
open           filled up to its last    ask for the next one, which begins with the last
open           passed the end           ask for what is missing behind it, or close
open           overdue                  ask again; after ALIKE_REQUESTS_MAX: hopeless
=============  =======================  ==============================================
"""

from __future__ import annotations

from sortedcontainers import SortedDict

from fixgw.wire import Message

EARLY_MESSAGES_MAX = 10_000
"""Early messages kept while a gap is being filled; beyond it they are asked for
again."""

EARLY_BYTES_MAX = 8 * 1024 * 1024
"""The same as bytes: what one session may cost in memory by being ahead."""

ALIKE_REQUESTS_MAX = 3
"""So often the same range is asked for before giving up: a peer that answers with
nothing, or always with the same, would keep us in a loop."""

PATIENCE_NS = 10_000_000_000
"""Without progress for so long, the range is asked for again."""


class Gap:
    """At most one ResendRequest(2) is outstanding; see FIX 4.4 volume 2.

    ``chunk``: how many messages to ask for at a time, 0 for all of them. The last
    request of a gap is open: its EndSeqNo(16) is ``open_end``, 0 or in old versions
    999999, unless ``closed_end`` wants the true one. ``redundant``: ask at each early
    message, although already asked.
    """

    def __init__(
        self, chunk: int, closed_end: bool, redundant: bool, open_end: int = 0
    ) -> None:
        self._chunk = chunk
        self._closed_end = closed_end
        self._redundant = redundant
        self._open_end = open_end
        self._early: SortedDict[int, Message | None] = SortedDict()
        self._early_bytes = 0
        self.clear()

    @property
    def is_open(self) -> bool:
        """Whether a request is outstanding."""
        return self._end > 0

    @property
    def is_hopeless(self) -> bool:
        """The same range was asked for too often."""
        return self._retries >= ALIKE_REQUESTS_MAX

    def clear(self) -> None:
        """Forget everything: the numbers were reset or the connection is gone."""
        self._early.clear()
        self._early_bytes = 0
        self._highest = 0
        self._end = self._chunk_end = 0
        self._reached = self._asked_ns = self._retries = 0

    # -- early messages ----------------------------------------------------------------

    def keep(self, seq: int, message: Message | None) -> None:
        """Keep an early message for its turn; None when it only has to be counted.

        Above the limits the highest ones are dropped, and asked for when the gap has
        come so far.
        """
        if seq in self._early:
            return
        self._early[seq] = message
        self._early_bytes += _size(message)
        while (
            len(self._early) > EARLY_MESSAGES_MAX or self._early_bytes > EARLY_BYTES_MAX
        ):
            _, dropped = self._early.popitem()
            self._early_bytes -= _size(dropped)

    def has(self, seq: int) -> bool:
        """Whether the message with this number was kept."""
        return seq in self._early

    def take(self, seq: int) -> Message | None:
        """The kept message with this number, which must be there."""
        message: Message | None = self._early.pop(seq)
        self._early_bytes -= _size(message)
        return message

    # -- requests ----------------------------------------------------------------------

    def found(
        self, expected: int, received: int, now_ns: int
    ) -> tuple[int, int] | None:
        """A message ``received`` came early: BeginSeqNo(7), EndSeqNo(16) to ask for.

        None while a request is outstanding, which covers it already.
        """
        self._highest = max(self._highest, received)
        if not self.is_open:
            return self._ask(expected, received - 1, now_ns)
        if not self._redundant:
            return None
        # Asking more often than needed is no reason to wait longer for an answer.
        return self._ask(expected, received - 1, self._asked_ns)

    def promised(self, expected: int, received: int, now_ns: int) -> None:
        """A Logon ``received`` came early and the client knows by our
        NextExpectedMsgSeqNum(789): it replays unasked, and is asked only when overdue.
        """
        self._highest = max(self._highest, received)
        self._asked_ns = now_ns
        self._reached = expected
        self._end = self._chunk_end = received  # all of it, however long our chunks are

    def passed(
        self, expected: int, now_ns: int, filled: bool = False
    ) -> tuple[int, int] | None:
        """A message was handled; the next range to ask for, if any.

        Messages above the gap are no progress: only a higher expected number is.
        ``filled``: it was a GapFill. Some peers end it with NewSeqNo(36) at the
        EndSeqNo(16) they were asked for and send no more: then the last of the chunk
        is asked for with the next one.
        """
        if not self.is_open:
            return None
        if expected > self._end:
            return self._ask_for_the_next_gap(expected, now_ns)
        if expected > self._reached:
            self._reached = expected
            self._retries = 0
            self._asked_ns = now_ns
            is_done = filled and expected == self._chunk_end < self._end
            if is_done or expected > self._chunk_end:
                return self._ask(expected, self._end, now_ns)
        return None

    def overdue(self, expected: int, now_ns: int) -> tuple[int, int] | None:
        """Ask again after PATIENCE_NS without progress, until it is hopeless."""
        self._asked_ns = min(self._asked_ns, now_ns)  # the clock may have been set back
        if not self.is_open or now_ns - self._asked_ns < PATIENCE_NS:
            return None
        self._retries += 1
        return None if self.is_hopeless else self._ask(expected, self._end, now_ns)

    def _ask_for_the_next_gap(
        self, expected: int, now_ns: int
    ) -> tuple[int, int] | None:
        """The range is filled; what came and is kept, or was not kept, may show
        another."""
        self._end = self._retries = 0
        while self._early and self._early.peekitem(0)[0] < expected:
            self.take(self._early.peekitem(0)[0])
        if self._early:
            return self._ask(expected, self._early.peekitem(0)[0] - 1, now_ns)
        if expected <= self._highest:
            return self._ask(expected, self._highest, now_ns)
        return None

    def _ask(self, begin: int, end: int, now_ns: int) -> tuple[int, int]:
        self._asked_ns = now_ns
        self._reached = begin
        self._end = self._chunk_end = end
        if self._chunk and end - begin + 1 > self._chunk:
            self._chunk_end = begin + self._chunk - 1
            return begin, self._chunk_end
        if self._closed_end:
            return begin, end
        # Everything sent until now will come, the messages above the gap as well.
        self._end = self._chunk_end = max(end, self._highest)
        return begin, self._open_end


def _size(message: Message | None) -> int:
    return len(message.raw) if message else 0
