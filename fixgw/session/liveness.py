"""Heartbeats: when to send one, when to ask for one, when to give up."""

from __future__ import annotations

from enum import Enum, auto

from fixgw.session.settings import SessionSettings

NS_PER_S = 1_000_000_000


class Due(Enum):
    """What silence calls for."""

    NOTHING = auto()
    HEARTBEAT = auto()
    TEST_REQUEST = auto()
    GIVE_UP = auto()


class Liveness:
    """Silence on both directions of one connection, against HeartBtInt(108).

    We send a Heartbeat(0) when we were silent for the interval. When the client was
    silent for 1.2 times the interval we send a TestRequest(1), and after 2.4 times we
    give up; both factors are settings. Anything valid from the client clears it all.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self._ask_after = 1 + settings.test_request_delay_multiplier
        self._give_up_after = 1 + settings.heartbeat_timeout_multiplier
        self._disabled = settings.disable_heartbeat_check
        self._sent_ns = 0
        self._received_ns = 0
        self._asked = False
        self.test_requests = 0
        """TestRequests sent so far: each gets an identifier of its own."""

    def start(self, now_ns: int) -> None:
        """A connection begins."""
        self._sent_ns = self._received_ns = now_ns
        self._asked = False

    def sent(self, now_ns: int) -> None:
        """Something was sent."""
        self._sent_ns = now_ns

    def received(self, now_ns: int) -> None:
        """A valid message came."""
        self._received_ns = now_ns
        self._asked = False

    def due(self, interval_s: int, now_ns: int) -> Due:
        """What to do now; a TestRequest is called for once per silence."""
        if interval_s == 0:
            return Due.NOTHING
        interval = interval_s * NS_PER_S
        silent = now_ns - self._received_ns
        if not self._disabled:
            if silent >= interval * self._give_up_after:
                return Due.GIVE_UP
            if not self._asked and silent >= interval * self._ask_after:
                self._asked = True
                self.test_requests += 1
                return Due.TEST_REQUEST
        if now_ns - self._sent_ns >= interval:
            return Due.HEARTBEAT
        return Due.NOTHING
