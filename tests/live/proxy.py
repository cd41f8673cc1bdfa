"""A TCP proxy in user space that can cut, freeze, delay and crumble what it carries."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Proxy:
    """Listens on ``port`` and carries each connection to ``target``.

    One thread per direction of a connection: what comes is carried on in order,
    ``delay_s`` later and, if ``crumb_bytes`` is set, in pieces of that size.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay_s = 0.0
        self.crumb_bytes = 0
        self.accepting = True
        """Whether new connections are carried, or closed at once."""
        self._frozen: set[socket.socket] = set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._guard = threading.Lock()
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._run(self._accept)

    def cut(self) -> None:
        """End every connection, on both sides; new ones are refused until ``mend``."""
        self.accepting = False
        self._end_all()

    def mend(self) -> None:
        """Carry new connections again."""
        self.accepting = True

    def freeze(self) -> None:
        """Swallow what the present connections carry: both sides stay connected."""
        with self._guard:
            for pair in self._pairs:
                self._frozen.update(pair)

    def close(self) -> None:
        """End everything, and every thread."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all()
        for thread in self._threads:
            thread.join(30.0)
            assert not thread.is_alive(), "a thread of the proxy does not end"

    def _run(self, target: object, *arguments: object) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self.accepting:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5.0)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._guard:
                self._pairs.append((client, server))
            self._run(self._carry, client, server)
            self._run(self._carry, server, client)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source in self._frozen:
                    continue
                if self.delay_s:
                    time.sleep(self.delay_s)
                size = self.crumb_bytes or len(data)
                for start in range(0, len(data), size):
                    target.sendall(data[start : start + size])
        self._end((source, target))

    def _end_all(self) -> None:
        with self._guard:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair)

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """Shut both down, which wakes their threads; the last one there closes them."""
        for side in pair:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        with self._guard:
            for known in (pair, pair[::-1]):
                if known in self._pairs:
                    self._pairs.remove(known)
                    return
        for side in pair:
            side.close()
