"""Metrics and health of a process over HTTP, for Prometheus and for probes.

Threads serve it and ask the event loop for everything they say: figures are read
between two turns, never in the middle of one, and a loop that does not answer is a
process that is not healthy. Nothing is counted for it on the way of an order: processes
keep plain integers, which become metrics when somebody asks. What takes long to read
gives other tasks a turn in between; what is read becomes text in the thread.

    /metrics   Prometheus text or OpenMetrics
    /healthz   200 while the process answers, whatever its dependencies do
    /readyz    200 while every dependency is there; 503 names those that are not
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

log = logging.getLogger(__name__)

LOOP_PATIENCE_S = 2.0
"""An event loop that does not answer for this long fails its health check."""

SCRAPE_PATIENCE_S = 8.0
"""Metrics may take longer on a busy loop. Prometheus waits 10 s unless told
otherwise."""

CLIENT_PATIENCE_S = 2.0
"""A client that sends or reads nothing for so long is cut."""

REQUESTS_MAX = 16
"""Requests at once: probes and scrapes come one by one. More are closed at once."""

Status = dict[str, Any]
Collect = Callable[[], AsyncIterator[Metric]]
_Answer = TypeVar("_Answer")


class NoAnswerError(Exception):
    """The event loop has not answered in time, or is over."""


class Telemetry:
    """What one process tells about itself. To be made on its event loop.

    ``status`` gives what its admin socket answers to "status"; ``collect`` its metrics.
    """

    def __init__(
        self, process: str, status: Callable[[], Status], collect: Collect
    ) -> None:
        self._process = process
        self._status = status
        self._collect = collect
        self._loop = asyncio.get_running_loop()
        self._server: WSGIServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        registry.register(self)
        self._metrics_app = make_wsgi_app(registry)

    def start(self, host: str, port: int) -> int:
        """Serve in threads; the port, or 0 when it cannot be had.

        Trading does not depend on being watched: a port that is taken is an error in
        the log, not the end of the process.
        """
        try:
            self._server = make_server(
                host, port, self._answer, _Server, _QuietRequestHandler
            )
        except OSError as error:
            log.error("no metrics on %s:%d: %s", host, port, error.strerror)
            return 0
        threading.Thread(
            target=self._server.serve_forever, name="telemetry", daemon=True
        ).start()
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop serving. Does not wait for a request that is under way."""
        if self._server is not None:
            server, self._server = self._server, None
            threading.Thread(target=_shut, args=(server,), daemon=True).start()

    def describe(self) -> list[Metric]:
        """For the registry: nothing is asked before the first scrape."""
        return []

    def collect(self) -> list[Metric]:
        """For the registry: the metrics, read on the event loop."""

        async def collected() -> list[Metric]:
            return [metric async for metric in self._collect()]

        return self._on_loop(collected, SCRAPE_PATIENCE_S)

    def _on_loop(
        self, ask: Callable[[], Awaitable[_Answer]], patience_s: float
    ) -> _Answer:
        """What ``ask`` gives, run on the event loop. Raises NoAnswerError."""
        future: Future[_Answer] = Future()

        async def answer() -> None:
            try:
                future.set_result(await ask())
            except Exception as error:
                future.set_exception(error)

        def begin() -> None:
            # Not if nobody waits any more: a loop that was held up has enough to do.
            if future.set_running_or_notify_cancel():
                task = self._loop.create_task(answer())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        try:
            self._loop.call_soon_threadsafe(begin)
            return future.result(patience_s)
        except TimeoutError:
            future.cancel()
            text = f"the event loop has not answered for {patience_s:g} s"
            raise NoAnswerError(text) from None
        except RuntimeError as error:
            if not self._loop.is_closed():
                raise
            raise NoAnswerError("the process ends") from error

    def _answer(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method = environ.get("REQUEST_METHOD")
        if method not in ("GET", "HEAD"):
            return _json(start_response, "405 Method Not Allowed", {"error": "GET it"})
        environ["REQUEST_METHOD"] = "GET"
        body = self._body(environ.get("PATH_INFO", ""), environ, start_response)
        return body if method == "GET" else []

    def _body(
        self, path: str, environ: dict[str, Any], start_response: Any
    ) -> list[bytes]:
        try:
            if path == "/metrics":
                text: list[bytes] = self._metrics_app(environ, start_response)
                return text
            if path == "/healthz":
                self._on_loop(_nothing, LOOP_PATIENCE_S)
                return _json(start_response, "200 OK", {"process": self._process})
            if path == "/readyz":
                return self._ready(start_response)
        except NoAnswerError as error:
            problems = {"process": self._process, "problems": [str(error)]}
            return _json(start_response, "503 Service Unavailable", problems)
        except Exception:
            log.exception("%s cannot be told", path)
            problem = {"error": "this failed: the log of the process says where"}
            return _json(start_response, "500 Internal Server Error", problem)
        known = ["/metrics", "/healthz", "/readyz"]
        return _json(start_response, "404 Not Found", {"known": known})

    def _ready(self, start_response: Any) -> list[bytes]:
        async def asked() -> Status:
            return self._status()

        status = self._on_loop(asked, LOOP_PATIENCE_S)
        line = "200 OK" if status["healthy"] else "503 Service Unavailable"
        body = {
            "process": self._process,
            "ready": status["healthy"],
            "dependencies": {
                name: _dependency(told)
                for name, told in status.get("dependencies", {}).items()
            },
            "problems": status["problems"],
        }
        return _json(start_response, line, body)


async def _nothing() -> None:
    """What a loop that turns can do."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread per request, on an address that is free again at once."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = REQUESTS_MAX

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(REQUESTS_MAX)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In the thread that accepts."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def server_bind(self) -> None:
        # Without the reverse look-up of the host's name, which may hang.
        TCPServer.server_bind(self)
        self.server_name = "telemetry"
        self.server_port = self.socket.getsockname()[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a request for metrics failed", exc_info=True)


class _QuietRequestHandler(WSGIRequestHandler):
    """Probes are no news, and a probe that hangs is cut."""

    timeout = CLIENT_PATIENCE_S

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _shut(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()


def _dependency(told: Any) -> Any:
    """One form for all: a process may also say None, or what is wrong."""
    if told is None:
        return {"up": True}
    return {"up": False, "problem": told} if isinstance(told, str) else told


def _json(start_response: Any, line: str, body: dict[str, Any]) -> list[bytes]:
    data = json.dumps(body).encode() + b"\n"
    start_response(
        line,
        [("Content-Type", "application/json"), ("Content-Length", str(len(data)))],
    )
    return [data]
