"""Gives a client without TLS a connection with it: the QuickFIX of the tests is built
without."""

from __future__ import annotations

import asyncio
import ssl
import threading
from types import TracebackType


class TlsRelay:
    """Takes plain connections on ``port`` and carries each through TLS to ``target``.

    A context manager; it lives in a thread with an event loop of its own.
    """

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self.port = 0
        self._target = target
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._carrying: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._serve())
        )

    def __enter__(self) -> TlsRelay:
        self._thread.start()
        assert self._ready.wait(30.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30.0)
        assert not self._thread.is_alive()
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _connected(
        self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            far, far_out = await asyncio.open_connection(
                "127.0.0.1",
                self._target,
                ssl=self._context,
                server_hostname="localhost",
            )
        except OSError:
            near_out.close()
            self._carrying.discard(task)
            return
        ways = (_carry(near, far_out), _carry(far, near_out))
        both = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in both:
                way.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            near_out.close()
            far_out.close()
            self._carrying.discard(task)


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
