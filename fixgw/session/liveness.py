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

    ``interval_s`` 0 means that nothing is ever due. ``test_req_id`` is the
    TestReqID(112) of the last TestRequest.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.interval_s = 0
        self.test_req_id = b""
        self._ask_after = 1 + settings.test_request_delay_multiplier
        self._give_up_after = 1 + settings.heartbeat_timeout_multiplier
        self._disabled = settings.disable_heartbeat_check
        self._has_fixed_id = settings.profile.fixed_test_req_id
        self._is_quiet = settings.profile.quiet_while_asking
        self._sent_ns = 0
        self._received_ns = 0
        self._asked = False
        self._asked_ns = 0
        self._is_unanswered = False
        self._test_requests = 0

    def start(self, now_ns: int) -> None:
        """A connection begins."""
        self._sent_ns = self._received_ns = now_ns
        self._asked = self._is_unanswered = False

    def sent(self, now_ns: int) -> None:
        """Something was sent."""
        self._sent_ns = now_ns

    def received(self, now_ns: int) -> None:
        """A valid message came."""
        self._received_ns = now_ns
        self._asked = False

    def heard(self, test_req_id: bytes | None) -> None:
        """A Heartbeat came, with this TestReqID(112)."""
        if test_req_id == self.test_req_id:
            self._is_unanswered = False

    def is_unanswered(self, now_ns: int) -> bool:
        """Whether the client goes on sending, but for an interval did not answer our
        TestRequest with its TestReqID(112) (test case 6). True once for each."""
        patience = self.interval_s * NS_PER_S
        if not self._is_unanswered or self._asked or now_ns - self._asked_ns < patience:
            return False
        self._is_unanswered = False
        return True

    def due(self, now_ns: int) -> Due:
        """What to do now; a TestRequest is called for once per silence."""
        if self.interval_s == 0:
            return Due.NOTHING
        # The clock may have been set back: that must not keep us silent.
        self._sent_ns = min(self._sent_ns, now_ns)
        self._received_ns = min(self._received_ns, now_ns)
        interval = self.interval_s * NS_PER_S
        silent = now_ns - self._received_ns
        if not self._disabled:
            if silent >= interval * self._give_up_after:
                return Due.GIVE_UP
            if not self._asked and silent >= interval * self._ask_after:
                self._ask(now_ns)
                return Due.TEST_REQUEST
        if self._asked and self._is_quiet:
            return Due.NOTHING
        if now_ns - self._sent_ns >= interval:
            return Due.HEARTBEAT
        return Due.NOTHING

    def _ask(self, now_ns: int) -> None:
        self._asked = self._is_unanswered = True
        self._asked_ns = now_ns
        self._test_requests += 1
        self.test_req_id = (
            b"TEST" if self._has_fixed_id else b"TEST-%d" % self._test_requests
        )
