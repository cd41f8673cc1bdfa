"""One TCP connection of a FIX client."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable

from fixgw.net.gateway import Gateway
from fixgw.net.hosted import End, Hosted
from fixgw.session.checks import may_connect
from fixgw.session.reasons import DisconnectReason
from fixgw.wire import Framer, Garbled, Message

log = logging.getLogger(__name__)

LOGON_BYTES_MAX = 1024
"""A Logon is a few hundred bytes. Who sends more before one is no FIX client."""

SEND_BUFFER_BYTES_MAX = 4 * 1024 * 1024
"""Unread bytes after which a client is cut: it must not cost memory without bound. A
client that comes back gets what it missed by ResendRequest."""

SEND_STALL_S = 10.0
"""A client that has read nothing for so long, with bytes waiting, is cut as well."""

REPLAY_BUFFER_BYTES = 512 * 1024
"""A replay pauses while more than this is unread."""

GARBLED_MAX = 100
"""Garbled messages on one connection. Line noise does not exist on TCP: so many mean a
broken or hostile client."""


class FixConnection(asyncio.Protocol):
    """Bytes to messages to the session, and back. Closed with a numbered reason."""

    def __init__(
        self,
        gateway: Gateway,
        logon_timeout_s: float,
        opened: Callable[[FixConnection, socket.socket], bool],
        closed: Callable[[FixConnection], None],
    ) -> None:
        self._gateway = gateway
        self._logon_timeout_s = logon_timeout_s
        self._opened = opened
        self._closed = closed
        self._framer = Framer()
        self._hosted: Hosted | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._garbled = 0
        self._ending: DisconnectReason | None = None
        self._ending_text = ""
        self._written = 0
        self._left_at = 0
        self._left_time = 0.0
        self.peer = "?"
        self.address = ""

    # -- asyncio -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._left_time = asyncio.get_running_loop().time()
        name = transport.get_extra_info("peername")
        if name:
            self.address, self.peer = name[0], f"{name[0]}:{name[1]}"
        if not self._opened(self, transport.get_extra_info("socket")):
            self._end(DisconnectReason.CONNECTION_LIMIT)
            return
        self._timer = asyncio.get_running_loop().call_later(
            self._logon_timeout_s, self._end, DisconnectReason.LOGON_TIMEOUT
        )

    def data_received(self, data: bytes) -> None:
        try:
            self._take(data)
        except Exception as error:
            log.critical("error of our own, closing %s", self.peer, exc_info=error)
            self._end(DisconnectReason.INTERNAL_ERROR)

    def _take(self, data: bytes) -> None:
        items = self._framer.feed(data)
        self._gateway.arrived_ns = time.monotonic_ns()
        figures = self._gateway.figures
        figures.bytes_in += len(data)
        figures.messages_in += len(items)
        for item in items:
            if self._ending is not None:
                return
            if isinstance(item, Garbled):
                self._take_garbled(item)
            elif self._hosted is None:
                self._take_logon(item)
            else:
                self._hosted.session.receive(item, self._gateway.clock())
        if self._hosted is not None:
            self._hosted.bytes_in += len(data)
            self._hosted.messages_in += len(items)
            self._gateway.touch(self._hosted)
        elif self._framer.pending > LOGON_BYTES_MAX and self._ending is None:
            self._end(DisconnectReason.LOGON_BYTES_EXCEEDED)

    def eof_received(self) -> bool:
        return False

    def resume_writing(self) -> None:
        if self._hosted is not None and self._hosted.replay_due:
            self._gateway.touch(self._hosted)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        hosted, self._hosted = self._hosted, None
        reason = self._ending or DisconnectReason.PEER_CLOSED
        if hosted is not None:
            now_ns = self._gateway.clock()
            found = hosted.session.connection_lost(now_ns)
            reason = self._ending or found
            text = self._ending_text or reason.sentence
            hosted.ended(End(reason, text, self.peer, now_ns))
            self._gateway.touch(hosted)
        self._gateway.disconnects[reason] += 1
        log.info(
            "%s disconnected: %s",
            hosted.session.session_id if hosted else self.peer,
            self._ending_text or reason.sentence,
            extra={"reason": reason.name, "number": int(reason), "peer": self.peer},
        )
        self._closed(self)

    # -- for the session ---------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket; cut a client that lets too many pile up."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        self._written += len(data)
        if self._transport.get_write_buffer_size() > SEND_BUFFER_BYTES_MAX:
            self.cut(DisconnectReason.SLOW_CONSUMER)

    def has_room(self) -> bool:
        """Whether a replay may go on."""
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() < REPLAY_BUFFER_BYTES
        )

    def finish(self, reason: DisconnectReason, text: str) -> None:
        """Close after what was written has left."""
        self._end(reason, text)

    def cut(self, reason: DisconnectReason) -> None:
        """Close now, whatever is still to be written."""
        if self._ending is None:
            self._ending = reason
        if self._transport is not None:
            self._transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes written that the peer has not yet taken."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def shut_down(self) -> None:
        """Close now: the gateway ends."""
        self._end(DisconnectReason.SHUTDOWN)

    def check_progress(self, now_s: float) -> None:
        """To be called every second: cut a client that reads nothing."""
        if self._transport is None:
            return
        unsent = self._transport.get_write_buffer_size()
        left = self._written - unsent
        if unsent == 0 or left != self._left_at:
            self._left_at, self._left_time = left, now_s
        elif now_s - self._left_time >= SEND_STALL_S:
            self.cut(DisconnectReason.SLOW_CONSUMER)

    # -- inside ------------------------------------------------------------------------

    def _take_logon(self, message: Message) -> None:
        """The first message decides which session this is, if any."""
        if message.msg_type != "A":
            self._end(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)
            return
        if len(message.raw) > LOGON_BYTES_MAX:
            self._end(DisconnectReason.LOGON_BYTES_EXCEEDED)
            return
        hosted = self._gateway.find(
            message.get(8) or b"", message.get(49) or b"", message.get(56) or b""
        )
        if hosted is None:
            self._end(DisconnectReason.UNKNOWN_SESSION)
            return
        if hosted.connection is not None:
            self._turn_away(hosted, DisconnectReason.ALREADY_CONNECTED)
            return
        if not may_connect(hosted.session.settings, self.address):
            self._turn_away(hosted, DisconnectReason.ADDRESS_NOT_ALLOWED)
            return
        if not hosted.is_open:
            # Without a word, as QuickFIX does: a Logout would bear a number, and its
            # client counts a Logout without asking for what it misses before it.
            self._turn_away(hosted, DisconnectReason.SESSION_DISABLED)
            return
        if self._timer is not None:
            self._timer.cancel()
        self._hosted = hosted
        hosted.connection = self
        hosted.session.logon(message, self._gateway.clock())
        if hosted.session.is_logged_on:
            hosted.logged_on(self._gateway.clock())
            self._gateway.figures.logons += 1
            log.info(
                "%s logged on",
                hosted.session.session_id,
                extra={
                    "peer": self.peer,
                    "next_in": hosted.session.numbers.next_in,
                    "next_out": hosted.session.numbers.next_out,
                },
            )

    def _take_garbled(self, garbled: Garbled) -> None:
        self._garbled += 1
        self._gateway.figures.garbled += 1
        self._gateway.figures.messages_in -= 1
        log.warning(
            "garbled message ignored: %s",
            garbled.reason,
            extra={"peer": self.peer, "fix": garbled.raw},
        )
        if self._hosted is None:
            self._end(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)
        elif self._garbled >= GARBLED_MAX:
            self._hosted.session.break_off(
                DisconnectReason.GARBLED_LIMIT,
                "Too many garbled messages",
                self._gateway.clock(),
            )

    def _turn_away(self, hosted: Hosted, reason: DisconnectReason) -> None:
        """A Logon that the session does not get to see."""
        name, now_ns = hosted.session.session_id, self._gateway.clock()
        hosted.not_let_in(End(reason, reason.sentence, self.peer, now_ns))
        self._end(reason, f"{name}: {reason.sentence}")

    def _end(self, reason: DisconnectReason, text: str = "") -> None:
        if self._ending is None:
            self._ending, self._ending_text = reason, text
        if self._transport is not None:
            self._transport.close()
