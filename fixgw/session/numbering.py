"""Where the numbers of a session begin, and where an operator lets them go on.

Setting a number is for a client that has lost its own, or comes from another engine:

* The expected number may go up or down. Either way it begins a new epoch, because a
  shard drops what an epoch has brought already: without one, a client that has lost its
  store and counts from the set number on would have new orders taken for old ones.
* Our next number only goes up. What is skipped was never sent; a ResendRequest(2) gets
  a GapFill in its place. Down is refused: a MsgSeqNum(34) that was given to a message
  can never be given to another.
* Both only while nobody is connected: messages under way bear the numbers they were
  given. Numbers of a schedule window that has passed begin at 1 first, as they would at
  the next Logon.
"""

from __future__ import annotations

from fixgw.session.effects import ResetNumbers, SetInbound, SetOutbound
from fixgw.session.gap import Gap
from fixgw.session.numbers import MSG_SEQ_NUM_MAX, Numbers
from fixgw.session.outbound import Outbound
from fixgw.session.settings import SessionSettings


class NotPossible(ValueError):
    """The numbers cannot be set like this; the text says why. Nothing was changed."""


class Numbering:
    """Changes the numbers of one session other than by counting."""

    def __init__(
        self, settings: SessionSettings, numbers: Numbers, gap: Gap, out: Outbound
    ) -> None:
        self._settings = settings
        self._numbers = numbers
        self._gap = gap
        self._out = out

    def begin_at_1(self) -> None:
        """Both numbers are 1, in a new epoch. What was sent is of the past."""
        numbers = self._numbers
        numbers.next_in = numbers.next_out = 1
        numbers.epoch += 1
        numbers.answered.clear()
        self._gap.clear()
        self._out.forget_stored()
        self._out.effects.append(ResetNumbers(numbers.epoch))

    def enter_window(self, now_ns: int, *, reset: bool = False) -> None:
        """Begin at 1 if ``reset``, or if the numbers are of another window."""
        if reset or not self.is_in_window(now_ns):
            self.begin_at_1()
            self._numbers.window = self._settings.schedule.numbers_since(now_ns) or 0

    def is_in_window(self, now_ns: int) -> bool:
        """Whether no schedule window and no ResetSeqTime lies between these numbers and
        now."""
        since = self._settings.schedule.numbers_since(now_ns) or 0
        return since == self._numbers.window

    # -- for an operator ---------------------------------------------------------------

    def reset(self, now_ns: int) -> None:
        """Begin at 1. Raises NotPossible while a client is connected."""
        self._require_no_connection()
        self.enter_window(now_ns, reset=True)

    def set_next_in(self, seq: int, now_ns: int) -> None:
        """Expect ``seq`` next, 1 to MSG_SEQ_NUM_MAX. Raises NotPossible."""
        self._require_settable(seq, now_ns)
        self.enter_window(now_ns)
        self._numbers.next_in = seq
        self._numbers.epoch += 1
        self._numbers.answered.clear()
        self._out.effects.append(SetInbound(seq, self._numbers.epoch))

    def set_next_out(self, seq: int, now_ns: int) -> None:
        """Send ``seq`` next, at most MSG_SEQ_NUM_MAX. Raises NotPossible."""
        self._require_settable(seq, now_ns)
        least = self._numbers.next_out if self.is_in_window(now_ns) else 1
        if seq < least:
            raise NotPossible(
                f"{least} is the next number sent and {seq} would lower it: a number "
                "that was sent can never be sent with another content"
            )
        self.enter_window(now_ns)
        self._numbers.next_out = seq
        self._out.effects.append(SetOutbound(seq))

    def _require_no_connection(self) -> None:
        if self._out.connected:
            raise NotPossible("a client is connected: messages under way have numbers")

    def _require_settable(self, seq: int, now_ns: int) -> None:
        if not 1 <= seq <= MSG_SEQ_NUM_MAX:
            raise NotPossible(f"a number is 1 to {MSG_SEQ_NUM_MAX}, not {seq}")
        self._require_no_connection()
        if self._settings.reset_on_logon:
            raise NotPossible("ResetOnLogon=Y: its numbers begin at 1 at every Logon")
        if not self._settings.schedule.is_open(now_ns):
            raise NotPossible(
                "its time window is closed: its numbers begin at 1 with the next one"
            )
