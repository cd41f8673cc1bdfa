"""uvicorn on the event loop of the side door, with what it lacks towards slow and
broken clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fixgw.sidedoor.errors import error
from fixgw.sidedoor.figures import Figures
from fixgw.sidedoor.wsprotocol import LiveProtocol

HEAD_S_MAX = 10.0
"""How long the head of a request may take to arrive, on a new connection too: who opens
connections and says nothing must not keep them."""

HEAD_BYTES_MAX = 16 * 1024
"""The head of a signed request has about 500 bytes."""

KEEP_ALIVE_S = 60
"""An idle connection is kept this long: a trader's next order need not connect anew."""

CONNECTIONS_MAX = 5_000
"""More than this are closed at once: each takes a descriptor and some 50 KB."""

BACKLOG = 512

GARBAGE_LOG_S = 1.0
"""Between two lines in the log about requests that are no HTTP."""

STOP_S = 1
"""How long requests under way may take when the side door stops; orders are settled in
milliseconds, and what is cut off can be asked for afterwards."""

TRUSTED_PROXIES = "127.0.0.1,::1"
"""Who may say in X-Forwarded-For which client it speaks for: a proxy that ends TLS on
this machine."""

log = logging.getLogger(__name__)


class StrictConnection(h11.Connection):
    """HTTP/1.1 in which a body has one length."""

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                # By RFC 9112 the chunks count, but a proxy before us may have counted
                # bytes: the rest would be a request that it has never seen.
                raise h11.RemoteProtocolError("two lengths of one body")
        return event


class Garbage:
    """What came and was no HTTP: counted, and in the log at most once per
    :data:`GARBAGE_LOG_S`, because any stranger can send it."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._untold = 0
        self._told_s = -GARBAGE_LOG_S

    def count(self, client: tuple[str, int] | None, now_s: float) -> None:
        """A request was no HTTP."""
        self._figures.errors["INVALID_HTTP"] += 1
        self._untold += 1
        if now_s - self._told_s >= GARBAGE_LOG_S:
            address = client[0] if client is not None else "?"
            log.warning("no HTTP: %d requests, last from %s", self._untold, address)
            self._untold, self._told_s = 0, now_s


class RestProtocol(H11Protocol):
    """One HTTP connection."""

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, garbage: Garbage, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = StrictConnection(h11.SERVER, HEAD_BYTES_MAX)
        # Its warnings are one line for each request that is no HTTP.
        self.logger = logging.getLogger("uvicorn.error.requests")
        self._garbage = garbage

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
            return
        self._deadline = self.loop.call_later(HEAD_S_MAX, self._too_slow)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.conn.their_state is h11.IDLE:
            self._deadline = self.loop.call_later(HEAD_S_MAX, self._too_slow)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._in_time()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._in_time()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """The answer to what is no HTTP, in the one form of errors."""
        self._garbage.count(self.client, self.loop.time())
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            fault = error("INVALID_HTTP")
            body = b'{"error":{"code":"%s","message":"%s","request_id":""}}' % (
                fault.code.encode(),
                fault.message.encode(),
            )
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            for event in (
                h11.Response(status_code=fault.status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()


class HttpServer:
    """Serves an ASGI application on a socket that listens. ``figures`` count what
    never gets to the application."""

    def __init__(
        self, app: Any, listener: socket.socket, figures: Figures | None = None
    ) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.error.requests").setLevel(logging.ERROR)
        garbage = Garbage(figures or Figures())
        config = uvicorn.Config(
            app,
            http=partial(RestProtocol, garbage=garbage),  # type: ignore[arg-type]
            ws=LiveProtocol,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            forwarded_allow_ips=TRUSTED_PROXIES,
        )
        self._server = _Server(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve."""
        serving = self._server.serve(sockets=[self._listener])
        self._task = asyncio.get_running_loop().create_task(serving)
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            self._task.result()
            raise RuntimeError("the HTTP server ended as it began")

    async def stop(self) -> None:
        """Take no more requests, let those under way end, close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    """Signals are the process's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that will listen. Raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted. Without, an
    # answer's second packet waits 40 ms for the acknowledgement of its first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
