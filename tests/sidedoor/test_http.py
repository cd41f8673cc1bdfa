"""What stands around every answer: headers, validation, limits, hostile clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixgw.sidedoor import access, httpserver
from tests.net.exchange_in_process import until
from tests.sidedoor.door import Door, order_of, refused, run
from tests.sidedoor.test_errors import end, raw, sent

GOOD: dict[str, Any] = {
    "client_order_id": "a-1",
    "symbol": "XYZ",
    "side": "buy",
    "type": "limit",
    "qty": "1",
    "price": "10",
}


async def post(door: Door, body: Any) -> httpx.Response:
    """An order with this body, JSON or bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await sent(door, "POST", "/v1/orders", data)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


FAULTS: list[tuple[dict[str, Any], dict[str, str]]] = [
    (without("qty"), {"qty": "is missing"}),
    (
        {**GOOD, "qty": 1},
        {
            "qty": 'must be a decimal in quotes, like "10.50": '
            "a JSON number may lose digits"
        },
    ),
    ({**GOOD, "price": 10.5}, {"price": "must be a decimal in quotes"}),
    ({**GOOD, "price": True}, {"price": "must be a decimal in quotes"}),
    ({**GOOD, "qty": "1e3"}, {"qty": "'1e3' is not a decimal number"}),
    ({**GOOD, "qty": "١"}, {"qty": "is not a decimal number"}),
    ({**GOOD, "qty": "NaN{x}"}, {"qty": "'NaN{x}' is not a decimal number"}),
    ({**GOOD, "qty": " 1"}, {"qty": "' 1' is not a decimal number"}),
    ({**GOOD, "qty": ""}, {"qty": "is not a decimal number"}),
    ({**GOOD, "qty": "0.123456789"}, {"qty": "has more than 8 decimal places"}),
    ({**GOOD, "qty": "92233720368.54775808"}, {"qty": "is out of range"}),
    ({**GOOD, "qty": "1" * 41}, {"qty": "has more than 40 characters"}),
    ({**GOOD, "price": None}, {"price": "is needed by a limit order"}),
    (without("price"), {"price": "is needed by a limit order"}),
    ({**GOOD, "type": "market"}, {"price": "a market order has no price"}),
    ({**GOOD, "side": "hold"}, {"side": "must be 'buy' or 'sell'"}),
    ({**GOOD, "time_in_force": "now"}, {"time_in_force": "must be 'day', 'gtc', "}),
    ({**GOOD, "client_order_id": ""}, {"client_order_id": "must match"}),
    ({**GOOD, "client_order_id": "a" * 37}, {"client_order_id": "must match"}),
    ({**GOOD, "client_order_id": "a/b"}, {"client_order_id": "must match"}),
    ({**GOOD, "client_order_id": "~1"}, {"client_order_id": "must match"}),
    ({**GOOD, "client_order_id": "a\n"}, {"client_order_id": "must match"}),
    ({**GOOD, "client_order_id": 7}, {"client_order_id": "must be a text in quotes"}),
    ({**GOOD, "symbol": "A" * 25}, {"symbol": "must match"}),
    ({**GOOD, "symbol": "ÄÖ"}, {"symbol": "must match"}),
    ({**GOOD, "symbol": "A\0"}, {"symbol": "must match"}),
    (
        {**GOOD, "quantity": "1", "clientOrderId": "x"},
        {
            "quantity": "there is no such field; there are: client_order_id, symbol,",
            "clientOrderId": "there is no such field; did you mean client_order_id?",
        },
    ),
    (
        {"qty": "x", "side": "up", "more": 1},
        {
            "client_order_id": "is missing",
            "symbol": "is missing",
            "side": "must be",
            "type": "is missing",
            "qty": "'x' is not a decimal number",
            "more": "there is no such field",
        },
    ),
]


def test_everything_wrong_with_a_body_is_told_at_once(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        for body, expected in FAULTS:
            error = refused(await post(door, body), 400, "INVALID_REQUEST")
            found = {fault["field"]: fault["message"] for fault in error["fields"]}
            assert set(found) == set(expected), (body, found)
            for field, message in expected.items():
                assert message in found[field], (body, found)
        assert not door.services.figures.orders

    run(tmp_path, story)


def test_bodies_that_are_no_object(tmp_path: Path) -> None:
    nested = b"[" * 8000 + b"]" * 8000
    good = json.dumps(GOOD)
    twice = good.replace('"qty": "1"', '"qty": "1", "qty": "9"').encode()

    async def story(door: Door) -> None:
        for body in (b"", b"[]", b'"x"', b"null", b"{", nested, b"\xff", b"NaN", twice):
            refused(await post(door, body), 400, "INVALID_JSON")
        error = refused(await post(door, twice), 400, "INVALID_JSON")
        assert error["message"] == "the field 'qty' is there twice"
        infinite = good.replace('"1"', "Infinity").encode()
        refused(await post(door, infinite), 400, "INVALID_JSON")
        order_of(await post(door, good.encode("utf-8")), 201)

    run(tmp_path, story)


def test_queries_and_paths_are_checked_too(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        cases = [
            ("/v1/orders?limit=0", "limit"),
            ("/v1/orders?limit=501", "limit"),
            ("/v1/orders?limit=x", "limit"),
            ("/v1/orders?limit=1&limit=2", "limit"),
            ("/v1/orders?before=yesterday", "before"),
            ("/v1/orders?status=dead", "status"),
            ("/v1/orders?symbl=XYZ", "symbl"),
            ("/v1/fills?status=all", "status"),
            ("/v1/positions?symbol=XYZ", "symbol"),
            ("/v1/orders/a-1?x=1", "x"),
            ("/v1/book/XYZ?depth=1001", "depth"),
            ("/v1/trades/XYZ?before=-1", "before"),
            ("/v1/candles/XYZ?interval_s=61", "interval_s"),
            ("/v1/candles/XYZ?limit=0", "limit"),
            ("/v1/time?x", "x"),
        ]
        for path, field in cases:
            error = refused(await alice.request("GET", path), 400, "INVALID_REQUEST")
            assert [fault["field"] for fault in error["fields"]] == [field], path
        told = refused(
            await alice.request("GET", "/v1/orders?symbl=XYZ"), 400, "INVALID_REQUEST"
        )
        assert "did you mean symbol?" in told["message"]
        for path in ("/v1/orders/%20", "/v1/orders/~1", "/v1/book/%7F"):
            answer = await alice.request("GET", path)
            assert refused(answer, 400, "INVALID_REQUEST")["fields"]
        for path in ("/v1/orders/", "/v1/orders/a%2Fb", "/v1/", "/nothing", "/v1/ws"):
            answer = await alice.request("GET", path)
            refused(answer, 404, "NOT_FOUND")
        refused(await alice.request("GET", "/v1/book/NOPE"), 404, "UNKNOWN_SYMBOL")

    run(tmp_path, story)


def test_public_pages(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob, anyone = door.client(), door.client("BOB"), door.client("")
        await alice.new_order("a-1", "XYZ", "buy", "3", "10")
        await bob.new_order("b-1", "XYZ", "sell", "1", "10")
        await bob.new_order("b-2", "XYZ", "sell", "1", "12")

        async def page(path: str) -> dict[str, Any]:
            answer = await anyone.request("GET", path)
            assert answer.status_code == 200, answer.text
            assert answer.headers["RateLimit-Limit"] == "1000"
            found: dict[str, Any] = answer.json()
            return found

        symbols = [i["symbol"] for i in (await page("/v1/instruments"))["instruments"]]
        assert symbols == ["ABC", "TICKED", "XYZ"]
        assert (await page("/v1/instruments/TICKED"))["tick"] == "0.05"
        book = await page("/v1/book/XYZ?depth=5")
        assert (book["bids"], book["asks"]) == ([["10", "2"]], [["12", "1"]])
        trades = await page("/v1/trades/XYZ?limit=1")
        assert trades["trades"][0]["aggressor_side"] == "sell"
        assert trades["next"] is None
        assert (await page("/v1/ticker/XYZ"))["last"] == "10"
        candles = await page("/v1/candles/XYZ?interval_s=60")
        assert candles["candles"][0]["volume"] == "1"
        told = await page("/v1/time")
        assert told["time_ms"] == told["time_ns"] // 1_000_000
        assert (await page("/v1/openapi.json"))["openapi"].startswith("3.1")
        for path in ("/healthz", "/readyz"):
            answer = await anyone.request("GET", path)
            assert answer.status_code == 200
            assert "RateLimit-Limit" not in answer.headers
        ready = (await anyone.request("GET", "/readyz")).json()
        assert ready == {
            "ready": True,
            "dependencies": {
                "shard 0": {"up": True, "seq": 2},
                "shard 1": {"up": True, "seq": 6},
            },
            "problems": 0,
        }

    run(tmp_path, story)


def test_headers_of_every_answer(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        anyone = door.client("")
        for path in ("/v1/time", "/v1/nothing"):
            answer = await anyone._http.get(path, headers={"X-Request-ID": "mine.1"})
            headers = answer.headers
            assert headers["X-Request-ID"] == "mine.1"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Cache-Control"] == "no-store"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "server" not in headers
            assert not [name for name in headers if name.startswith("access-control")]
        for bad in ("", "two words", "x" * 65, "a\tb"):
            answer = await anyone._http.get(
                "/v1/time", headers={"X-Request-ID": bad, "Origin": "http://evil"}
            )
            assert len(answer.headers["X-Request-ID"]) == 16
        answer = await anyone._http.options("/v1/orders")
        refused(answer, 405, "METHOD_NOT_ALLOWED")

    run(tmp_path, story)


def test_one_line_per_order_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fixgw.sidedoor")

    async def story(door: Door) -> None:
        alice = door.client()
        answer = await alice.new_order("a-1", "XYZ", "buy", "1", "10.5")
        await alice.new_order("a-1", "XYZ", "buy", "2", "10.5")
        await alice.cancel("a-1")
        lines = [r.__dict__ for r in caplog.records if r.msg == "order request"]
        assert [(line["request"], line["outcome"]) for line in lines] == [
            ("enter", "done"),
            ("enter", "CLIENT_ORDER_ID_REUSED"),
            ("cancel", "done"),
        ]
        first = lines[0]
        assert first["request_id"] == answer.headers["X-Request-ID"]
        assert first["account"] == "ALICE"
        assert first["key"] == door.key().key_id
        assert (first["client_order_id"], first["price"]) == ("a-1", "10.5")
        assert first["side"] == "buy"
        assert first["order_id"] == answer.json()["order_id"]
        assert first["ms"] > 0
        assert door.key().secret not in caplog.text

    run(tmp_path, story)


def test_figures(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("a-1", "XYZ", "buy", "1", "10")
        await alice.new_order("a-1", "XYZ", "buy", "1", "10")
        await alice.cancel("a-1")
        await alice.request("GET", "/v1/nothing")
        figures = door.services.figures
        assert figures.orders == {"new": 1, "cancel": 1}
        assert figures.replays == 1
        assert figures.requests == {
            ("POST /v1/orders", 201): 1,
            ("POST /v1/orders", 200): 1,
            ("DELETE /v1/orders/{client_order_id}", 200): 1,
            ("other", 404): 1,
        }
        assert figures.errors == {"NOT_FOUND": 1}
        assert figures.latency["POST /v1/orders"].count == 2
        assert figures.order_latency.count == 2
        assert sum(figures.order_latency.buckets) == 2
        facts = door.parts.status()["facts"]
        assert (facts["orders"], facts["cancels"], facts["accounts"]) == (1, 1, 1)
        assert facts["requests_by_status"] == {"200": 2, "201": 1, "404": 1}

    run(tmp_path, story)


def test_bodies_are_bounded_however_they_come(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        async def endless() -> Any:
            for _ in range(100):
                yield b"x" * 1024

        alice = door.client()
        answer = await alice._http.post("/v1/orders", content=endless())
        refused(answer, 413, "BODY_TOO_LARGE")
        assert "Connection" not in answer.headers
        head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: "
        body = b"x" * (access.DISCARDED_BYTES_MAX + 1)
        answer = await raw(door, head + b"99999999\r\n\r\n" + body)
        refused(answer, 413, "BODY_TOO_LARGE")
        assert answer.headers["Connection"] == "close"
        for length in (b"+5", b"5x", b"-1"):
            answer = await raw(door, head + length + b"\r\n\r\n")
            assert answer.status_code == 400
        large = json.dumps({**GOOD, "client_order_id": "x" * access.BODY_BYTES_MAX})
        refused(await post(door, large.encode()), 413, "BODY_TOO_LARGE")

    run(tmp_path, story)


def test_connections_are_set_up_for_short_answers(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        client = door.client("")
        await client.request("GET", "/v1/time")
        for connection in door.server._server.server_state.connections:
            sock: Any = connection.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        head = b"GET /v1/time HTTP/1.1\r\nHost: x\r\nX-Long: "
        answer = await raw(door, head + b"x" * httpserver.HEAD_BYTES_MAX)
        assert answer.json()["error"]["code"] == "INVALID_HTTP"
        # Several requests at once on one connection are answered in their order.
        one = b"GET /v1/%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
        both = one % (b"time", b"") + one % (b"nothing", b"Connection: close\r\n")
        answer = await raw(door, both)
        assert answer.status_code == 200
        assert b"HTTP/1.1 404 Not Found" in answer.content

    run(tmp_path, story)


def test_clients_that_say_nothing_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpserver, "HEAD_S_MAX", 0.2)

    async def story(door: Door) -> None:
        host, port = door.url.removeprefix("http://").split(":")
        for begun in (b"", b"GET /v1/time HTTP/1.1\r\nHost:"):
            started = time.monotonic()
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(begun)
            for _ in range(3):
                # A byte now and then does not help.
                await asyncio.sleep(0.05)
                writer.write(b"x" if begun else b"")
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
            assert time.monotonic() - started < 8
            await end(writer)
        # A connection that is used is not cut between requests.
        client = door.client("")
        assert (await client.request("GET", "/v1/time")).status_code == 200
        connections = door.server._server.server_state.connections
        await asyncio.sleep(0.3)
        await until(lambda: len(connections) == 1)
        assert (await client.request("GET", "/v1/time")).status_code == 200

    run(tmp_path, story)


def test_more_connections_than_there_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpserver, "CONNECTIONS_MAX", 2)

    async def story(door: Door) -> None:
        host, port = door.url.removeprefix("http://").split(":")
        kept = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        reader, writer = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 20) == b""
        for _, other in [(reader, writer), *kept]:
            await end(other)
        connections = door.server._server.server_state.connections
        await until(lambda: not connections)
        client = door.client("")
        assert (await client.request("GET", "/v1/time")).status_code == 200

    run(tmp_path, story)


def test_a_client_that_leaves_in_the_middle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(door: Door) -> None:
        host, port = door.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        )
        await asyncio.sleep(0.05)
        await end(writer)
        # And one that does not wait for the outcome of its order: it is done.
        service = door.exchange.services[1]
        service.frozen = True
        alice = door.client()
        asking = asyncio.create_task(
            alice._http.post("/v1/orders", json=GOOD, auth=alice.signer)
        )
        await until(lambda: service.held)
        asking.cancel()
        await asyncio.wait({asking})
        service.thaw()
        assert order_of(await alice.order("a-1"))["status"] == "open"

    run(tmp_path, story)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_a_door_that_stops_says_what_it_leaves_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        service = door.exchange.services[1]
        service.frozen = True

        async def enter() -> httpx.Response:
            return await alice.new_order("a-1", "XYZ", "buy", "1", "10")

        entering = asyncio.create_task(enter())
        await until(lambda: service.held)
        started = time.monotonic()
        await door.server.stop()
        error = refused(await entering, 504, "OUTCOME_UNKNOWN")
        assert "the side door stops" in error["message"]
        assert time.monotonic() - started < 10
        service.thaw()

    run(tmp_path, story)
    assert "Exception" not in caplog.text


def test_a_proxy_on_this_machine_speaks_for_its_clients(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        door.hold_clock()
        anyone = door.client("")

        async def ask(client: str) -> int:
            headers = {"X-Forwarded-For": client}
            return (await anyone._http.get("/v1/time", headers=headers)).status_code

        assert await ask("192.0.2.1") == 200
        assert await ask("192.0.2.1") == 429
        assert await ask("192.0.2.2") == 200
        # What a client writes there itself stands before what the proxy adds.
        assert await ask("192.0.2.9, 192.0.2.1") == 429

    run(tmp_path, story, public_per_second=1, public_burst=1)


def test_a_door_that_stops_ends_what_is_under_way(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.request("GET", "/v1/time")
        service = door.exchange.services[1]
        service.frozen = True

        async def enter() -> httpx.Response:
            return await alice.new_order("a-1", "XYZ", "buy", "1", "10")

        entering = asyncio.create_task(enter())
        await until(lambda: service.held)
        started = time.monotonic()
        stopping = asyncio.create_task(door.server.stop())
        await asyncio.sleep(0.2)
        service.thaw()
        order_of(await entering, 201)
        await stopping
        assert time.monotonic() - started < 10

    run(tmp_path, story)
