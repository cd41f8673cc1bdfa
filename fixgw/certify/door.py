"""The port of the server side: clients that connect wait here for their dialogue."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque

from fixgw.certify.peer import Peer


class Door:
    """Listens while it is open, and keeps those who came in order."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.host, self.port = host, port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._waiting: deque[Peer] = deque()
        self._news = asyncio.Event()

    async def open(self) -> None:
        """Listen; a port of 0 becomes a free one. Raises OSError."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._came, self.host, self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse whoever comes from now on, and drop those who wait."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for peer in self._waiting:
            peer.abort()
        self._waiting.clear()

    async def next(self, deadline: float) -> Peer | None:
        """The next client that is still there; None when none comes in time."""
        while True:
            while self._waiting:
                peer = self._waiting.popleft()
                if peer.can_send and not peer.is_closed:
                    return peer
                peer.abort()
            self._news.clear()
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                return None

    def _came(self) -> Peer:
        return _Guest(self)

    def enter(self, peer: Peer) -> None:
        """A client has connected."""
        self._waiting.append(peer)
        self._news.set()


class _Guest(Peer):
    """A connection that shows up at the door once it is made."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door.enter(self)
