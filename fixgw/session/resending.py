"""ResendRequest(2), ours and the client's."""

from __future__ import annotations

from fixgw.session.checks import number
from fixgw.session.parts import Parts
from fixgw.session.reasons import DisconnectReason
from fixgw.session.resendlimits import Answer
from fixgw.wire import Message


class Resending:
    """Serves the client's requests within their limits, and sends ours."""

    def __init__(self, parts: Parts) -> None:
        self._version = parts.version
        self._gap = parts.gap
        self._out = parts.out
        self._life = parts.life
        self._limits = parts.resend_limits

    def ask(self, wanted: tuple[int, int] | None, now_ns: int) -> None:
        """For BeginSeqNo(7) to EndSeqNo(16), if anything is wanted."""
        if wanted is not None and not self._gap.is_hopeless:
            self._out.resend_request(*wanted, now_ns)

    def serve(self, message: Message, now_ns: int) -> None:
        """A ResendRequest of the client: check its range and begin, or let it wait."""
        begin, end = number(message.get(7)), number(message.get(16))
        asked_end = end
        last = self._out.last_written
        if end is not None and (end in self._version.open_ends or end > last):
            end = last
        if begin is None or begin < 1 or begin > last:
            text = "BeginSeqNo(7) is out of range"
            self._out.reject(message, 5, 7, text, now_ns)
        elif end is None or end < begin:
            text = "EndSeqNo(16) is out of range"
            self._out.reject(message, 5, 16, text, now_ns)
        else:
            self.resend(begin, end, now_ns, asked_end)

    def resend(
        self, begin: int, end: int, now_ns: int, asked_end: int | None = None
    ) -> None:
        """Our messages ``begin`` to ``end`` again, as far as the limits allow."""
        under_way = self._out.under_way
        ruling = self._limits.judge(begin, end, now_ns, under_way, asked_end)
        if ruling.answer is Answer.LOGOUT:
            reason = DisconnectReason.RESEND_LIMIT
            self._life.break_off(reason, ruling.text, now_ns)
        elif ruling.answer is not Answer.IGNORE:
            self._out.replay(begin, end, ruling.messages_end)
