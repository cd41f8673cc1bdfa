"""The bytes of a WebSocket: uvicorn's protocol, with what it lacks for slow readers.

To be given to uvicorn as its ``ws``. The differences:

* A connection can be ended while its peer reads nothing. Otherwise a close frame waits
  for room that never comes, and the socket stays until the kernel gives up.
* What waits for the peer is bounded: little in the kernel (old prices are worth
  nothing, so they had better wait where they are conflated), and a peer that sends
  pings without reading the answers is cut.
* No compression: it costs time in both directions and memory per connection.
* Shutting down is said with code 1001 and words.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import (
    WebSocketsSansIOProtocol,
)
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from fixgw.sidedoor.closing import CloseCode, reason_text

MESSAGE_BYTES_MAX = 8 * 1024
"""A subscription to 200 symbols. Longer messages are no use of this interface."""

KERNEL_BUFFER_BYTES = 128 * 1024
"""What the kernel may hold for a peer that does not read, and as much again here."""

FLUSH_S = 5.0
"""How long a peer may take to read what was sent before its close frame."""

PINGS_PER_SECOND_MAX = 10
"""A ping costs a frame in return; nobody needs more than a few per minute."""

EXTENSION = "fixgw.sidedoor"
"""Where the protocol is found in an ASGI scope's ``extensions``."""

log = logging.getLogger(__name__)


class LiveProtocol(WebSocketsSansIOProtocol):
    """One WebSocket. :meth:`end` ends it, whatever its peer does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = ServerProtocol(
            extensions=[],
            max_size=MESSAGE_BYTES_MAX,
            logger=logging.getLogger("uvicorn.error"),
        )
        self._abort: asyncio.TimerHandle | None = None
        self._pings = 0
        self._pings_since_s = 0.0

    def end(self, code: CloseCode, reason: str) -> None:
        """Send a close frame behind what is sent already; abort if that is not read.

        Safe to call at any time and more than once.
        """
        self._abort_later()
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        with contextlib.suppress(InvalidState):
            self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": code, "reason": reason}
        )
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(FLUSH_S, self.transport.close)

    # -- uvicorn -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Linux doubles the size it is given.
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES // 2
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if self._abort is not None:
            self._abort.cancel()
            self._abort = None
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: Any = self.scope["extensions"]
            extensions[EXTENSION] = self

    def handle_ping(self) -> None:
        now_s = self.loop.time()
        if now_s - self._pings_since_s >= 1.0:
            self._pings, self._pings_since_s = 0, now_s
        self._pings += 1
        if self._pings > PINGS_PER_SECOND_MAX:
            code = CloseCode.TOO_MANY_MESSAGES
            self.end(code, reason_text(code))
        else:
            super().handle_ping()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._abort_later()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._abort_later()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        if self.handshake_complete and not self.disconnected:
            code = CloseCode.GOING_AWAY
            self.end(code, reason_text(code))
        else:
            super().shutdown()

    def _abort_later(self) -> None:
        if self._abort is None and not self.disconnected:
            self._abort = self.loop.call_later(2 * FLUSH_S, self.transport.abort)
