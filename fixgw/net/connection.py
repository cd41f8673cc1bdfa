"""One TCP connection of a FIX client: bytes in and out, whatever they are for."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable

from fixgw.net.accepting import Admitted
from fixgw.net.arrival import Arrival, Entrance
from fixgw.net.hosted import End, Hosted
from fixgw.net.proxyprotocol import ProxyHeaderWrong
from fixgw.net.tls import TlsFailed, TlsStream
from fixgw.session.mending import forgiven
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.wire import Framer, Garbled, Message
from fixgw.wire.redaction import redact

log = logging.getLogger(__name__)

REPLAY_BUFFER_BYTES = 512 * 1024
"""A replay pauses while more than this is unread."""

GARBLED_MAX = 100
"""Garbled messages on one connection. Line noise does not exist on TCP: so many mean a
broken or hostile client."""

CLAIMED_BYTES_MAX = 16 * 1024 * 1024
CLAIMED_FIELDS_MAX = 100_000
"""The highest that MessageBytesMax and MessageFieldsMax can be. What claims to be more
is garbled: nobody sends that. A message between a session's own limit and these ends
the connection: if it were ignored, the client would send it again, for ever."""

FIELD_BYTES_MIN = 4
"""The shortest field is a tag, =, a value and SOH."""

READ_STALL_S = 10.0
"""Who reads nothing of what refuses it, for so long, is cut."""


class FixConnection(asyncio.Protocol):
    """Bytes to messages to the session, and back. Closed with a numbered reason.

    ``opened`` says whether there is room for one more.
    """

    def __init__(
        self,
        entrance: Entrance,
        opened: Callable[[FixConnection, socket.socket], bool],
        closed: Callable[[FixConnection], None],
    ) -> None:
        self.tls: TlsStream | None = None
        self._gateway = entrance.gateway
        self._arrival = Arrival(entrance, self)
        self._opened = opened
        self._closed = closed
        self._framer = Framer()
        self._hosted: Hosted | None = None
        self._transport: asyncio.Transport | None = None
        self._garbled = 0
        self._ending: DisconnectReason | None = None
        self._ending_text = ""
        self._written = 0
        self._left_at = 0
        self._left_time = 0.0

    @property
    def peer(self) -> str:
        """Where the client is: address and port."""
        return self._arrival.peer

    # -- asyncio -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._left_time = asyncio.get_running_loop().time()
        address, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self._arrival.come_from(address, port)
        if self._opened(self, transport.get_extra_info("socket")):
            self._arrival.begin()
        else:
            self._end(DisconnectReason.CONNECTION_LIMIT)

    def data_received(self, data: bytes) -> None:
        try:
            if self._hosted is None:
                self._arrival.take(data)
            else:
                self._take(self.decrypt(data) if self.tls is not None else data)
        except ProxyHeaderWrong as error:
            self._end(DisconnectReason.PROXY_HEADER_WRONG, f"PROXY header: {error}.")
        except TlsFailed as error:
            self._end(DisconnectReason.TLS_FAILED, f"TLS: {error}.")
        except Exception as error:
            log.critical("error of our own, closing %s", self.peer, exc_info=error)
            self._end(DisconnectReason.INTERNAL_ERROR)

    def eof_received(self) -> bool:
        return False

    def resume_writing(self) -> None:
        if self._hosted is not None and self._hosted.replay_due:
            self._gateway.touch(self._hosted)

    def connection_lost(self, exc: Exception | None) -> None:
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
        self._arrival.end(reason)
        self._closed(self)

    # -- for the session ---------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket; cut a client that lets too many pile up."""
        if self._is_closing:
            return
        if self.tls is not None:
            self.tls.send(data)
            data = self.tls.take_output()
        self._send(data)
        hosted = self._hosted
        if (
            hosted is not None
            and self.unsent > hosted.session.settings.slow_consumer_bytes_max
        ):
            self.cut(DisconnectReason.SLOW_CONSUMER)

    def has_room(self) -> bool:
        """Whether a replay may go on."""
        return not self._is_closing and self.unsent < REPLAY_BUFFER_BYTES

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
        unsent = self.unsent
        left = self._written - unsent
        if unsent == 0 or left != self._left_at:
            self._left_at, self._left_time = left, now_s
            return
        hosted = self._hosted
        stall_s = (
            hosted.session.settings.slow_consumer_s_max if hosted else READ_STALL_S
        )
        if self.is_ending:
            stall_s = stall_s or READ_STALL_S  # or its session would never be free
        if stall_s and now_s - self._left_time >= stall_s:
            self.cut(DisconnectReason.SLOW_CONSUMER)

    # -- for its arrival ---------------------------------------------------------------

    @property
    def is_ending(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._ending is not None or self._is_closing

    def decrypt(self, data: bytes) -> bytes:
        """What the client says. Raises TlsFailed, with our alert on its way."""
        assert self.tls is not None
        try:
            plain = self.tls.receive(data)
        finally:
            self._send(self.tls.take_output())
        if self.tls.has_ended and self._transport is not None:
            self._transport.close()
        return plain

    def log_garbled(self, garbled: Garbled) -> None:
        """Count and log it."""
        self._gateway.figures.garbled += 1
        log.warning(
            "garbled message ignored: %s",
            garbled.reason,
            extra={"peer": self.peer, "fix": redact(garbled.raw)},
        )

    def log_on(self, admitted: Admitted, rest: bytes) -> None:
        """The session decides on the Logon, and has the connection from now on."""
        hosted, session = admitted.hosted, admitted.hosted.session
        self._hosted = hosted
        hosted.connection = self
        self._framer = Framer(
            CLAIMED_BYTES_MAX, CLAIMED_FIELDS_MAX, session.data_lengths
        )
        now_ns = self._gateway.clock()
        self._gateway.arrived_ns = time.monotonic_ns()
        if hosted.message_log is not None:
            hosted.message_log.note([admitted.message.raw])
        session.logon(admitted.message, now_ns, admitted.objection)
        hosted.messages_in += 1
        hosted.bytes_in += len(admitted.message.raw)
        self._gateway.touch(hosted)
        if session.is_logged_on:
            hosted.logged_on(now_ns)
            self._gateway.figures.logons += 1
            extra = {
                "peer": self.peer,
                "next_in": session.numbers.next_in,
                "next_out": session.numbers.next_out,
            }
            if self.tls is not None:
                extra["tls"] = self.tls.description
            log.info("%s logged on", session.session_id, extra=extra)
        if rest:
            self._take(rest)

    # -- inside ------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Bytes for the session."""
        hosted = self._hosted
        if not data or hosted is None:
            return
        items = self._framer.feed(data)
        self._gateway.arrived_ns = time.monotonic_ns()
        figures = self._gateway.figures
        figures.bytes_in += len(data)
        figures.messages_in += len(items)
        hosted.bytes_in += len(data)
        hosted.messages_in += len(items)
        if hosted.message_log is not None:
            hosted.message_log.note([item.raw for item in items])
        if not hosted.session.settings.validate_length_and_checksum:
            items = forgiven(items, hosted.session.data_lengths)
        for item in items:
            if self._ending is not None:
                break
            if isinstance(item, Garbled):
                self._take_garbled(hosted.session, item)
            elif text := too_large(item, hosted.session.settings):
                self._break_off(DisconnectReason.MESSAGE_TOO_LARGE, text)
            else:
                hosted.session.receive(item, self._gateway.clock())
        bytes_max = hosted.session.settings.message_bytes_max
        if self._framer.pending > bytes_max:
            text = f"Message too large: only {bytes_max} bytes are allowed"
            self._break_off(DisconnectReason.MESSAGE_TOO_LARGE, text)
        self._gateway.touch(hosted)

    def _take_garbled(self, session: Session, garbled: Garbled) -> None:
        self._garbled += 1
        self._gateway.figures.messages_in -= 1
        self.log_garbled(garbled)
        session.garbled(garbled, self._gateway.clock())
        if self._garbled >= GARBLED_MAX:
            text = "Too many garbled messages"
            self._break_off(DisconnectReason.GARBLED_LIMIT, text)

    def _break_off(self, reason: DisconnectReason, text: str) -> None:
        """Say why in a Logout, and close."""
        assert self._hosted is not None
        self._hosted.session.break_off(reason, text, self._gateway.clock())

    @property
    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)
            self._written += len(data)

    def _end(self, reason: DisconnectReason, text: str = "") -> None:
        if self._ending is None:
            self._ending, self._ending_text = reason, text
            if self._hosted is not None and reason is DisconnectReason.INTERNAL_ERROR:
                session = self._hosted.session
                session.resets_at_end |= session.settings.reset_on_error
        if self._transport is not None and not self._transport.is_closing():
            if self.tls is not None:
                self.tls.close()
                self._send(self.tls.take_output())
            self._transport.close()


def too_large(message: Message, settings: SessionSettings) -> str:
    """Why the session does not take a message of this size; empty if it does."""
    size = len(message.raw)
    if size > settings.message_bytes_max:
        allowed = settings.message_bytes_max
        return f"Message too large: {size} bytes, {allowed} are allowed"
    fields_max = settings.message_fields_max
    if size < fields_max * FIELD_BYTES_MIN:
        return ""
    count = len(message.fields())
    if count > fields_max:
        return f"Message too large: {count} fields, {fields_max} are allowed"
    return ""
