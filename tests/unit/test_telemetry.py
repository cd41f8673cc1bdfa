"""Metrics and health over HTTP: real sockets, a real event loop."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from fixgw.ops import telemetry as module
from fixgw.ops.telemetry import Telemetry

WELL = {"healthy": True, "problems": [], "dependencies": {"shard 0": None}}
ILL = {
    "healthy": False,
    "problems": ["shard 0 is down"],
    "dependencies": {
        "shard 0": "is down",
        "shard 1": None,
        "kafka": {"up": True, "seq": 9},
    },
}


class Subject:
    """A process with one figure, and where its loop was when it was read."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = dict(WELL)
        self.threads: set[int] = set()
        self.collected = 0

    def status(self) -> dict[str, Any]:
        self.threads.add(threading.get_ident())
        return self.state

    async def collect(self) -> AsyncIterator[Metric]:
        self.threads.add(threading.get_ident())
        self.collected += 1
        await asyncio.sleep(0)
        yield GaugeMetricFamily("open_orders", "Open orders", value=42)


def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body, errors included."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def with_telemetry(
    scenario: Callable[[Subject, int], Awaitable[None]],
) -> Subject:
    subject = Subject()

    async def run() -> None:
        telemetry = Telemetry("shard 7", subject.status, subject.collect)
        port = telemetry.start("127.0.0.1", 0)
        assert port
        try:
            await scenario(subject, port)
        finally:
            telemetry.close()

    asyncio.run(run())
    return subject


def test_metrics_are_read_on_the_event_loop() -> None:
    async def scenario(subject: Subject, port: int) -> None:
        status, body = await asyncio.to_thread(get, port, "/metrics")
        assert status == 200
        families = {
            family.name: family
            for family in text_string_to_metric_families(body.decode())
        }
        assert families["open_orders"].samples[0].value == 42
        assert families["process_resident_memory_bytes"].samples[0].value > 0
        assert subject.threads == {threading.get_ident()}

    with_telemetry(scenario)


def test_ready_or_not() -> None:
    async def scenario(subject: Subject, port: int) -> None:
        status, body = await asyncio.to_thread(get, port, "/readyz")
        assert (status, json.loads(body)["ready"]) == (200, True)
        subject.state = dict(ILL)
        status, body = await asyncio.to_thread(get, port, "/readyz")
        assert status == 503
        assert json.loads(body) == {
            "process": "shard 7",
            "ready": False,
            "dependencies": {
                "shard 0": {"up": False, "problem": "is down"},
                "shard 1": {"up": True},
                "kafka": {"up": True, "seq": 9},
            },
            "problems": ["shard 0 is down"],
        }
        status, body = await asyncio.to_thread(get, port, "/healthz")
        assert (status, json.loads(body)) == (200, {"process": "shard 7"})

    with_telemetry(scenario)


def test_an_event_loop_that_hangs_is_not_healthy(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "LOOP_PATIENCE_S", 0.1)
    monkeypatch.setattr(module, "SCRAPE_PATIENCE_S", 0.1)

    async def scenario(subject: Subject, port: int) -> None:
        answers: list[tuple[int, bytes]] = []
        asking = [
            threading.Thread(target=lambda path=path: answers.append(get(port, path)))
            for path in ("/healthz", "/readyz", "/metrics")
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(30)  # the loop does nothing else: this is what is tested
        assert [status for status, _ in answers] == [503] * 3
        assert b"the event loop has not answered for 0.1 s" in answers[0][1]
        # Who has left is not served any more: the loop has enough to do.
        assert subject.collected == 0
        status, _ = await asyncio.to_thread(get, port, "/metrics")
        assert (status, subject.collected) == (200, 1)

    with_telemetry(scenario)


def test_other_paths_and_methods() -> None:
    async def scenario(subject: Subject, port: int) -> None:
        status, body = await asyncio.to_thread(get, port, "/")
        assert (status, json.loads(body)["known"]) == (
            404,
            ["/metrics", "/healthz", "/readyz"],
        )
        status, _ = await asyncio.to_thread(get, port, "/metrics", "POST")
        assert status == 405

    with_telemetry(scenario)


def test_head_is_get_without_a_body() -> None:
    async def scenario(subject: Subject, port: int) -> None:
        for path in ("/metrics", "/healthz", "/readyz"):
            assert await asyncio.to_thread(get, port, path, "HEAD") == (200, b"")
        subject.state = dict(ILL)
        assert await asyncio.to_thread(get, port, "/readyz", "HEAD") == (503, b"")

    with_telemetry(scenario)


def test_a_fault_of_ours_is_logged(caplog: Any) -> None:
    async def scenario(subject: Subject, port: int) -> None:
        subject.state = {}
        status, body = await asyncio.to_thread(get, port, "/readyz")
        assert (status, json.loads(body)) == (
            500,
            {"error": "this failed: the log of the process says where"},
        )
        assert "/readyz cannot be told" in caplog.text
        assert "KeyError: 'healthy'" in caplog.text

    with_telemetry(scenario)


def test_a_restarted_process_has_its_port_again() -> None:
    """Connections the first one has closed are still in the system's books."""

    async def run() -> None:
        port = 0
        for _ in range(3):
            subject = Subject()
            telemetry = Telemetry("gateway", subject.status, subject.collect)
            taken = telemetry.start("127.0.0.1", port)
            assert taken
            assert port in (0, taken)
            port = taken
            status, _ = await asyncio.to_thread(get, port, "/healthz")
            assert status == 200
            server = telemetry._server
            telemetry._server = None
            await asyncio.to_thread(module._shut, server)

    asyncio.run(run())


def test_many_silent_clients_leave_room_when_they_are_cut(monkeypatch: Any) -> None:
    monkeypatch.setattr(module._QuietRequestHandler, "timeout", 0.5)

    async def scenario(subject: Subject, port: int) -> None:
        with contextlib.ExitStack() as stack:
            silent = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                for _ in range(module.REQUESTS_MAX)
            ]
            for link in silent:
                link.sendall(b"GET /he")

            def served() -> bool:
                try:
                    return get(port, "/healthz")[0] == 200
                except (OSError, http.client.HTTPException):
                    return False

            deadline = time.monotonic() + 30
            while not await asyncio.to_thread(served):
                assert time.monotonic() < deadline

    with_telemetry(scenario)


def test_a_process_that_ends_says_so() -> None:
    subject = Subject()

    async def run() -> Telemetry:
        return Telemetry("gateway", subject.status, subject.collect)

    telemetry = asyncio.run(run())
    port = telemetry.start("127.0.0.1", 0)
    status, body = get(port, "/readyz")
    assert (status, json.loads(body)["problems"]) == (503, ["the process ends"])
    telemetry.close()


def test_a_client_that_says_nothing_holds_nobody_up_for_long(monkeypatch: Any) -> None:
    monkeypatch.setattr(module._QuietRequestHandler, "timeout", 0.2)

    async def scenario(subject: Subject, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET /metr")
            status, _ = await asyncio.to_thread(get, port, "/healthz")
            assert status == 200

    with_telemetry(scenario)


def test_a_port_that_is_taken_is_no_end() -> None:
    async def run() -> None:
        subject = Subject()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            telemetry = Telemetry("gateway", subject.status, subject.collect)
            assert telemetry.start("127.0.0.1", taken.getsockname()[1]) == 0
            telemetry.close()

    asyncio.run(run())
