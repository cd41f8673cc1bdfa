"""Attempts on a running side door: who may not, cannot, whatever goes over the wire.

Requests are written by hand, because clients mend what is to be wrong here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.routing import BaseRoute
from websockets.asyncio.client import connect

from fixgw.sidedoor import access, httpserver
from fixgw.sidedoor.client import Signer
from fixgw.sidedoor.guard import Role
from fixgw.sidedoor.keys import ApiKey
from fixgw.sidedoor.limits import CANCELS_BURST
from fixgw.sidedoor.signing import canonical, sign
from tests.sidedoor import redis_tools
from tests.sidedoor.door import Door, run

PUBLIC = {
    "/v1/time",
    "/v1/openapi.json",
    "/v1/instruments",
    "/v1/instruments/{symbol}",
    "/v1/book/{symbol}",
    "/v1/trades/{symbol}",
    "/v1/ticker/{symbol}",
    "/v1/candles/{symbol}",
    "/healthz",
    "/readyz",
    "/",
    "/web/{name}",
}
"""Everything that is answered to strangers. A page that is not listed here demands a
key, or a test fails."""

ORDER = {
    "client_order_id": "a-1",
    "symbol": "XYZ",
    "side": "buy",
    "type": "limit",
    "qty": "1",
    "price": "10",
}
BODY = json.dumps(ORDER).encode()


# -- by hand ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 if the connection was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"]) if self.body else ""


async def sent(door: Door, data: bytes, eof: bool = False) -> bytes:
    """Send these bytes, and with ``eof`` that there are no more; all that comes back
    until the other side closes."""
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        if eof:
            writer.write_eof()
        return await asyncio.wait_for(ended(reader), 10)
    finally:
        writer.close()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All there is to read until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65_536):
            data += part
    return data


async def wire(door: Door, data: bytes, eof: bool = False) -> Answer:
    """Send these bytes; the first answer, with whatever follows it as its body."""
    whole = await sent(door, data, eof)
    head, _, body = whole.partition(b"\r\n\r\n")
    if not head:
        return Answer(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    return Answer(int(first.split(" ")[1]), headers, body)


def request(
    method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """A request as it is on the wire."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT"):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def signature(
    door: Door,
    key: ApiKey,
    method: str,
    target: str,
    body: bytes = b"",
    later_ms: int = 0,
) -> list[tuple[str, str]]:
    """The headers of a signed request."""
    path, _, query = target.partition("?")
    timestamp = str(door.timestamp_ms() + later_ms)
    text = canonical(
        timestamp.encode(),
        method.encode(),
        path.encode("latin-1"),
        query.encode("latin-1"),
        body,
    )
    return [
        ("FIXGW-KEY", key.key_id),
        ("FIXGW-TIMESTAMP", timestamp),
        ("FIXGW-SIGNATURE", sign(key.secret, text).hex()),
    ]


async def signed(
    door: Door, key: ApiKey, method: str, target: str, body: bytes = b""
) -> Answer:
    headers = signature(door, key, method, target, body)
    return await wire(door, request(method, target, headers, body))


def pages(door: Door) -> Iterator[tuple[str, str]]:
    """Method and path of every page of the application, listed or hidden."""

    def walk(routes: Sequence[BaseRoute]) -> Iterator[APIRoute]:
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                yield from walk(inner.routes)
            elif isinstance(route, APIRoute):
                yield route

    for route in walk(door.app.routes):
        for method in sorted(route.methods):
            yield method, route.path.replace(":path}", "}")


def filled(path: str) -> str:
    """A path that a page has, for an order or an instrument there is."""
    return path.replace("{client_order_id}", "a-1").replace("{symbol}", "XYZ")


async def with_an_order(door: Door) -> ApiKey:
    """ALICE has an open order; her key."""
    alice = door.key("ALICE")
    assert (await signed(door, alice, "POST", "/v1/orders", BODY)).status == 201
    return alice


async def open_orders(door: Door, account: str = "ALICE") -> list[dict[str, Any]]:
    """The account's open orders, as they are told to itself."""
    answer = await signed(door, door.key(account), "GET", "/v1/orders")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = json.loads(answer.body)["orders"]
    return found


# -- strangers -------------------------------------------------------------------------


def test_every_page_that_is_not_public_demands_a_key(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await with_an_order(door)
        before = await open_orders(door)
        seen = set()
        for method, path in pages(door):
            seen.add(path)
            body = BODY if method in ("POST", "PUT") else b""
            answer = await wire(door, request(method, filled(path), (), body))
            if path in PUBLIC:
                assert method in ("GET", "HEAD"), path
                assert answer.status in (200, 404), (method, path)
                continue
            assert (answer.status, answer.code) == (401, "KEY_MISSING"), (method, path)
            assert "www-authenticate" in answer.headers
            assert b"order_id" not in answer.body
        assert {path for path in seen if path not in PUBLIC} == {
            "/v1/orders",
            "/v1/orders/{client_order_id}",
            "/v1/cancel-after",
            "/v1/fills",
            "/v1/positions",
        }
        assert await open_orders(door) == before

    run(tmp_path, story)


def test_other_methods_open_nothing(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await with_an_order(door)
        allowed: dict[str, set[str]] = {}
        for method, path in pages(door):
            allowed.setdefault(path, set()).add(method)
        methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
        for path, known in allowed.items():
            for method in (*methods, "CONNECT", "get", "BREW"):
                if method in known:
                    continue
                answer = await wire(door, request(method, filled(path)))
                assert answer.status in (0, 400, 405), (method, path, answer)
                names = " ".join(answer.headers)
                assert "access-control" not in names
        assert len(await open_orders(door)) == 1

    run(tmp_path, story)


TRICKS = [
    "//v1/orders",
    "/v1//orders",
    "/v1/orders/",
    "/v1/orders//",
    "/v1/./orders",
    "/v1/time/../orders",
    "/v1/time/%2e%2e/orders",
    "/v1/%2e%2e/v1/orders",
    "/v1/time%2f..%2forders",
    "/v1/%6frders",
    "/%76%31/orders",
    "/v1/orders%00",
    "/v1/orders%0a",
    "/v1/orders;x=y",
    "/V1/orders",
    "/v1/orders%3fstatus=all",
    "/v1/orders??",
    "/v1/orders#x",
    "/v1/orders/a%2d1",
    "/v1/orders/a-1%0a",
    "/v1/orders/%2e",
    "/v1/orders/%2e%2e",
    "/v1/orders/..%2fa-1",
    "/v1/instruments/..%2forders",
    "/v1/instruments/../orders",
    "/v1/book/../../v1/orders",
    "/web/../v1/orders",
    "/web/..%2f..%2fapi-keys.json",
    "/web/%2e%2e%2fapi-keys.json",
    "/web/..%2fguard.py",
    "http://x/v1/orders",
    "*",
    "v1/orders",
    "",
]


def test_no_spelling_of_a_path_gets_round_the_signature(tmp_path: Path) -> None:
    """Each is refused to a stranger, and to ALICE's signature for the plain path."""

    async def story(door: Door) -> None:
        alice = await with_an_order(door)
        for method in ("GET", "DELETE"):
            for number, target in enumerate(TRICKS):
                answer = await wire(door, request(method, target))
                assert answer.status in (0, 400, 401, 404, 405), (method, target)
                plain = signature(door, alice, method, "/v1/orders", b"", number)
                answer = await wire(door, request(method, target, plain))
                assert b"order_id" not in answer.body, (method, target, answer)
                assert answer.status in (0, 400, 401, 404, 405), (method, target)
        # Signed as it is sent, a path means what it says, no more.
        for target in TRICKS:
            if target and not target.startswith("/"):
                continue
            answer = await signed(door, alice, "GET", target or "/")
            if answer.status == 200 and target:
                assert target.startswith(
                    ("/v1/%6f", "/%76", "/v1/orders/a%2d1", "/v1/orders%0a")
                )
        assert len(await open_orders(door)) == 1

    run(tmp_path, story)


def test_files_of_the_web_page_and_no_others(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        door.key("ALICE")
        secrets = door.key_file.path.read_text()
        assert door.key("ALICE").secret in secrets
        for name in (
            "../keys.py",
            "..%2fkeys.py",
            "%2e%2e/keys.py",
            "%252e%252e%252fkeys.py",
            "..\\keys.py",
            "%5c..%5ckeys.py",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            f"..%2f..%2f{door.key_file.path}",
            "index.html%00.css",
            "",
            ".",
            "..",
        ):
            answer = await wire(door, request("GET", f"/web/{name}"))
            assert answer.status in (400, 404), (name, answer)

    run(tmp_path, story)


# -- roles and accounts ----------------------------------------------------------------


def test_a_key_that_may_read_changes_nothing(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await with_an_order(door)
        before = await open_orders(door)
        reader = door.key("ALICE", Role.READ)
        changing = 0
        for method, path in pages(door):
            if path in PUBLIC or method in ("GET", "HEAD"):
                continue
            changing += 1
            answer = await signed(door, reader, method, filled(path), BODY)
            assert (answer.status, answer.code) == (403, "ROLE_INSUFFICIENT")
        assert changing == 5
        assert await open_orders(door) == before
        answer = await signed(door, reader, "GET", "/v1/orders/a-1")
        assert answer.status == 200

    run(tmp_path, story)


def test_what_is_anothers_is_as_if_it_were_not(tmp_path: Path) -> None:
    """The same answer, byte by byte, as for what there never was."""

    async def story(door: Door) -> None:
        await with_an_order(door)
        answer = await signed(
            door,
            door.key("BOB"),
            "POST",
            "/v1/orders",
            json.dumps({**ORDER, "client_order_id": "b-1", "side": "sell"}).encode(),
        )
        assert answer.status == 201  # a trade, so that ALICE has a fill and a position
        mallory = door.key("MALLORY")
        await asyncio.sleep(1.1)  # a new key is in force within a second

        def without_ids(answer: Answer, name: str) -> bytes:
            body = json.loads(answer.body)
            del body["error"]["request_id"]
            return json.dumps(body).replace(name, "NAME").encode()

        change = {"new_client_order_id": "m-1", "qty": "1", "price": "11"}
        for method, body in (
            ("GET", b""),
            ("DELETE", b""),
            ("PUT", json.dumps(change).encode()),
        ):
            theirs, nobodys = [
                await signed(door, mallory, method, f"/v1/orders/{name}", body)
                for name in ("a-1", "zzz")
            ]
            assert (theirs.status, theirs.code) == (404, "UNKNOWN_ORDER")
            assert without_ids(theirs, "a-1") == without_ids(nobodys, "zzz")
        for target, key in (
            ("/v1/orders?status=all", "orders"),
            ("/v1/fills", "fills"),
            ("/v1/positions", "positions"),
        ):
            answer = await signed(door, mallory, "GET", target)
            assert json.loads(answer.body)[key] == [], target
            answer = await signed(door, door.key("ALICE"), "GET", target)
            assert len(json.loads(answer.body)[key]) == 1, target
        answer = await signed(door, mallory, "DELETE", "/v1/orders")
        assert json.loads(answer.body)["cancelled"] == []
        # Identifiers are an account's own: nobody can take, or find out, another's.
        answer = await signed(door, mallory, "POST", "/v1/orders", BODY)
        assert answer.status == 201

    run(tmp_path, story)


def test_an_account_is_that_of_the_key_whatever_the_body_says(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await with_an_order(door)
        bob = door.key("BOB")
        for name in ("account", "session", "key", "FIXGW-KEY"):
            body = json.dumps({**ORDER, name: "ALICE"}).encode()
            answer = await signed(door, bob, "POST", "/v1/orders", body)
            assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
            answer = await signed(door, bob, "GET", f"/v1/orders?{name}=ALICE")
            assert answer.status == 400
        headers = signature(door, bob, "GET", "/v1/orders")
        headers += [("X-Account", "ALICE"), ("Authorization", "Basic QUxJQ0U6")]
        answer = await wire(door, request("GET", "/v1/orders", headers))
        assert json.loads(answer.body)["orders"] == []

    run(tmp_path, story)


def test_a_key_that_is_disabled_is_out_within_a_second(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = await with_an_order(door)
        door.key_file.set_disabled(alice.key_id, True)
        began = asked = last = time.monotonic()
        while True:
            answer = await signed(door, alice, "GET", "/v1/orders")
            if answer.status != 200:
                break
            last = asked
            await asyncio.sleep(0.02)
            asked = time.monotonic()
        assert (answer.status, answer.code) == (401, "KEY_DISABLED")
        # When it was asked the last time in vain, however long that took.
        assert last - began < 1.0
        door.key_file.set_disabled(alice.key_id, False)
        while (await signed(door, alice, "GET", "/v1/orders")).status != 200:
            assert time.monotonic() - began < 30
            await asyncio.sleep(0.02)

    run(tmp_path, story)


# -- signatures over the wire ----------------------------------------------------------


def test_no_request_is_done_twice(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.key("ALICE")
        for method, path in pages(door):
            if path in PUBLIC:
                continue
            target = filled(path)
            body = BODY if method in ("POST", "PUT") else b""
            data = request(
                method, target, signature(door, alice, method, target, body), body
            )
            first, *again = await asyncio.gather(*(wire(door, data) for _ in range(3)))
            codes = sorted(
                answer.code if answer.status == 401 else "done"
                for answer in (first, *again)
            )
            assert codes == ["REPLAYED", "REPLAYED", "done"], (method, path)
            late = await wire(door, data)
            assert (late.status, late.code) == (401, "REPLAYED")

    run(tmp_path, story)


def test_nothing_that_was_signed_can_be_changed(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = await with_an_order(door)
        other = json.dumps({**ORDER, "client_order_id": "a-2", "qty": "2"}).encode()
        headers = signature(door, alice, "POST", "/v1/orders", other)
        cases = [
            request("POST", "/v1/orders", headers, other.replace(b'"2"', b'"9"')),
            request("POST", "/v1/orders", headers, other + b" "),
            request("POST", "/v1/orders", headers, b""),
            request("POST", "/v1/orders?x=1", headers, other),
            request("PUT", "/v1/orders/a-1", headers, other),
            request("DELETE", "/v1/orders", headers, b""),
            request("GET", "/v1/orders", headers, b""),
            request("DELETE", "/v1/orders/a-1", headers, b""),
        ]
        for place, value in (
            (0, door.key("BOB").key_id),
            (1, str(int(headers[1][1]) + 1)),
        ):
            changed = list(headers)
            changed[place] = changed[place][0], value
            cases.append(request("POST", "/v1/orders", changed, other))
        reading = signature(door, alice, "GET", "/v1/orders?symbol=XYZ", b"", 1)
        cases += [
            request("GET", "/v1/orders?symbol=ABC", reading),
            request("GET", "/v1/orders?symbol=XYZ&status=all", reading),
            request("GET", "/v1/orders?symbol=%58YZ", reading),
            request("GET", "/v1/orders", reading),
            request("GET", "/v1/orders/a-1?symbol=XYZ", reading),
            request("DELETE", "/v1/orders?symbol=XYZ", reading),
            request("GET", "/v1/orders?symbol=XYZ", reading, b"{}"),
        ]
        for case in cases:
            answer = await wire(door, case)
            assert (answer.status, answer.code) == (401, "SIGNATURE_INVALID"), case
        assert [order["client_order_id"] for order in await open_orders(door)] == [
            "a-1"
        ]
        # What was signed is still good: attempts do not use it up.
        answer = await wire(door, request("POST", "/v1/orders", headers, other))
        assert answer.status == 201

    run(tmp_path, story)


def test_headers_that_are_there_twice(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.key("ALICE"), door.key("BOB")
        codes = ("KEY_UNKNOWN", "TIMESTAMP_INVALID", "SIGNATURE_INVALID")
        for place, code in enumerate(codes):
            mine = signature(door, alice, "GET", "/v1/fills")
            theirs = signature(door, bob, "GET", "/v1/fills")
            name = mine[place][0]
            for value in (mine[place][1], theirs[place][1], ""):
                for more in ([*mine, (name, value)], [(name.lower(), value), *mine]):
                    answer = await wire(door, request("GET", "/v1/fills", more))
                    assert (answer.status, answer.code) == (401, code)
            joined = list(mine)
            joined[place] = name, f"{mine[place][1]}, {theirs[place][1]}"
            answer = await wire(door, request("GET", "/v1/fills", joined))
            assert (answer.status, answer.code) == (401, code)

    run(tmp_path, story)


def test_no_request_hides_in_another(tmp_path: Path) -> None:
    """Two lengths, or none that is clear: the connection ends, nothing is done."""

    async def story(door: Door) -> None:
        alice = await with_an_order(door)
        inner = request(
            "DELETE", "/v1/orders", signature(door, alice, "DELETE", "/v1/orders")
        )
        for fields in (
            [("Content-Length", "4"), ("Content-Length", "0")],
            [("Content-Length", "0, 4")],
            [("Transfer-Encoding", "chunked, identity")],
            [("Transfer-Encoding", "xchunked")],
            [("Transfer-Encoding", " chunked"), ("Transfer-Encoding", "chunked")],
            [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
            [("Content-Length", "0"), ("TRANSFER-ENCODING", "Chunked")],
            [("Content-Length", "1_0")],
            [("Content-Length", "0x10")],
        ):
            head = ["POST /v1/orders HTTP/1.1", "Host: x"]
            head += [f"{name}: {value}" for name, value in fields]
            data = "\r\n".join([*head, "", ""]).encode() + b"0\r\n\r\n"
            answer = await wire(door, data + request("GET", "/v1/time"), eof=True)
            assert answer.status in (0, 400, 401, 501), (fields, answer)
            # At most one of the two was answered.
            assert b"time_ns" not in answer.body, fields
            if len({name.lower() for name, _ in fields}) == 2:
                assert (answer.status, answer.code) == (400, "INVALID_HTTP")
                assert answer.headers["connection"] == "close"
        for line in (
            b"FIXGW-KEY : x",
            b" FIXGW-KEY: x",
            b"FIXGW-KEY\x00: x",
            b"X: a\nFIXGW-KEY: x",
            b"X: a\rFIXGW-KEY: x",
        ):
            head = b"GET /v1/fills HTTP/1.1\r\nHost: x\r\n"
            answer = await wire(door, head + line + b"\r\n\r\n", eof=True)
            assert answer.status in (0, 400, 401), line
        assert len(await open_orders(door)) == 1
        assert (await wire(door, inner)).status == 200

    run(tmp_path, story)


def test_a_public_page_takes_no_notice_of_a_signature(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        headers = [("FIXGW-KEY", "nobody"), ("FIXGW-SIGNATURE", "x" * 9000)]
        answer = await wire(door, request("GET", "/v1/time", headers))
        assert answer.status == 200

    run(tmp_path, story)


# -- over a WebSocket ------------------------------------------------------------------


def test_a_login_over_a_websocket_counts_once(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.key("ALICE")
        signer = Signer(alice.key_id, alice.secret, door.exchange.clock)
        login = signer.websocket_login()
        url = door.url.replace("http", "ws") + "/v1/ws"

        async def answer_to(message: dict[str, Any]) -> dict[str, Any]:
            async with connect(url) as socket:
                await socket.send(json.dumps(message))
                while True:
                    told: dict[str, Any] = json.loads(await socket.recv())
                    if told["type"] in ("authenticated", "error"):
                        return told

        assert (await answer_to(login))["type"] == "authenticated"
        told = await answer_to(login)
        assert told["error"]["code"] == "REPLAYED"
        # Nor does it count for a request, nor that of a request for it.
        headers = [
            ("FIXGW-KEY", alice.key_id),
            ("FIXGW-TIMESTAMP", str(login["timestamp"])),
            ("FIXGW-SIGNATURE", login["signature"]),
        ]
        answer = await wire(door, request("GET", "/v1/fills", headers))
        assert answer.code == "SIGNATURE_INVALID"
        now = signature(door, alice, "GET", "/v1/fills", b"", 5)
        wrong = {**login, "timestamp": int(now[1][1]), "signature": now[2][1]}
        assert (await answer_to(wrong))["error"]["code"] == "SIGNATURE_INVALID"
        # Cookies and headers of the handshake are no login.
        async with connect(url, additional_headers=headers) as socket:
            subscribe = {"op": "subscribe", "channel": "private"}
            await socket.send(json.dumps(subscribe))
            while (told := json.loads(await socket.recv()))["type"] != "error":
                assert told["type"] in ("welcome", "heartbeat")
            assert told["error"]["code"] == "KEY_MISSING"

    run(tmp_path, story)


# -- limits ----------------------------------------------------------------------------


def test_who_is_at_the_limit_can_still_cancel(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        door.hold_clock()
        alice = door.key("ALICE")
        statuses = []
        for number in range(5):
            body = json.dumps({**ORDER, "client_order_id": f"a-{number}"}).encode()
            answer = await signed(door, alice, "POST", "/v1/orders", body)
            statuses.append(answer.status)
        assert statuses == [201, 201, 201, 429, 429]
        assert answer.code == "RATE_LIMITED"
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["ratelimit-limit"] == "3"
        assert answer.headers["ratelimit-remaining"] == "0"
        for number in range(3):
            answer = await signed(door, alice, "DELETE", f"/v1/orders/a-{number}")
            assert answer.status == 200
            assert answer.headers["ratelimit-limit"] == str(CANCELS_BURST)
        # Another key has limits of its own.
        bob = door.key("BOB")
        assert (await signed(door, bob, "POST", "/v1/orders", BODY)).status == 201

    run(tmp_path, story, orders_per_second=1, orders_burst=3)


def test_public_pages_are_limited_by_address(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        door.hold_clock()
        statuses = [
            (await wire(door, request("GET", "/v1/time"))).status for _ in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]
        # A proxy on this machine speaks for its clients; a client's own list does not
        # count beyond the address the proxy saw.
        for claimed in ("198.51.100.1", "198.51.100.2, 198.51.100.1"):
            headers = [("X-Forwarded-For", claimed)]
            answer = await wire(door, request("GET", "/v1/time", headers))
            assert answer.status == 200
        statuses = []
        for number in range(4):
            headers = [("X-Forwarded-For", f"203.0.113.{number}, 198.51.100.1")]
            answer = await wire(door, request("GET", "/v1/time", headers))
            statuses.append(answer.status)
        assert statuses == [200, 429, 429, 429]
        # Signed requests have the limit of their key.
        assert await open_orders(door) == []

    run(tmp_path, story, public_per_second=1, public_burst=3)


def test_guesses_at_keys_are_limited_by_address(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        door.hold_clock()
        alice = await with_an_order(door)
        path = "/v1/orders"
        for sender in ([], [("X-Forwarded-For", "198.51.100.1")]):
            codes = []
            for number in range(5):
                wrong = [("FIXGW-SIGNATURE", f"{number:064x}")]
                headers = signature(door, alice, "GET", path)
                headers = [pair for pair in headers if pair[0] != wrong[0][0]]
                data = request("GET", path, [*headers, *wrong, *sender])
                answer = await wire(door, data)
                codes.append(answer.code)
            assert codes == ["SIGNATURE_INVALID"] * 3 + ["RATE_LIMITED"] * 2
            assert answer.headers["ratelimit-limit"] == "3"
            assert int(answer.headers["retry-after"]) >= 1
            # Each address has its own, and public pages are behind the same one.
            public = request("GET", "/v1/time", sender)
            assert (await wire(door, public)).status == 429
            # Who signs is let in from there all the same, as often as the key may.
            for limit in range(1, 11):
                target = f"{path}?limit={limit}"
                headers = [*signature(door, alice, "GET", target), *sender]
                answer = await wire(door, request("GET", target, headers))
                assert answer.status == 200
                assert answer.headers["ratelimit-limit"] == "1000"

    run(tmp_path, story, public_per_second=1, public_burst=3)


def test_what_a_key_may_not_do_counts_against_it(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        door.hold_clock()
        reader = door.key(role=Role.READ)
        statuses = [
            (await signed(door, reader, "POST", "/v1/orders", BODY)).status
            for _ in range(4)
        ]
        assert statuses == [403, 403, 429, 429]

    run(tmp_path, story, orders_per_second=1, orders_burst=2)


def test_health_tells_strangers_no_paths_and_no_addresses(
    tmp_path: Path, redis_server: Any
) -> None:
    async def story(door: Door) -> None:
        key_file = door.key_file.path
        key_file.chmod(0o644)
        ready = await wire(door, request("GET", "/readyz"))
        assert json.loads(ready.body) == {
            "ready": True,
            "dependencies": {
                "shard 0": {"up": True, "seq": 2},
                "shard 1": {"up": True, "seq": 1},
            },
            "problems": 1,
        }
        assert str(key_file) in door.parts.status()["problems"][0]

    async def with_redis(door: Door) -> None:
        up = json.loads((await wire(door, request("GET", "/readyz"))).body)
        assert up["dependencies"]["redis"] == {"up": True, "seq": None}
        redis_server.kill()
        async with asyncio.timeout(15):
            while door.services.guard.redis_up:
                await signed(door, door.key(), "GET", "/v1/orders")
        answer = await wire(door, request("GET", "/readyz"))
        down = json.loads(answer.body)
        assert answer.status == 200
        assert down["dependencies"]["redis"] == {"up": False, "seq": None}
        assert down["problems"] >= 1
        where = redis_server.url.partition("//")[2].partition("/")[0]
        assert where in str(door.parts.status()["problems"])
        assert where not in answer.body.decode()

    run(tmp_path / "file", story)
    url = redis_tools.empty(redis_server)
    run(tmp_path / "redis", with_redis, redis_url=url)


def test_what_is_no_http_is_counted_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpserver, "GARBAGE_LOG_S", 3600.0)

    async def story(door: Door) -> None:
        for _ in range(20):
            assert (await wire(door, b"What is this\r\n\r\n")).code == "INVALID_HTTP"
        assert door.services.figures.errors["INVALID_HTTP"] == 20

    run(tmp_path, story)
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert lines == ["no HTTP: 1 requests, last from 127.0.0.1"]


def test_allow_names_every_method_of_a_path(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        takes: dict[str, set[str]] = {}
        for method, path in pages(door):
            takes.setdefault(path, set()).add(method)
        assert takes["/v1/orders/{client_order_id}"] == {"GET", "PUT", "DELETE"}
        assert takes["/v1/orders"] == {"GET", "POST", "DELETE"}
        for path, methods in takes.items():
            told = ", ".join(sorted(methods))
            answer = await wire(door, request("PATCH", filled(path)))
            assert (answer.status, answer.headers["allow"]) == (405, told)
            message = json.loads(answer.body)["error"]["message"]
            assert message == f"{filled(path)} does not take PATCH; it takes {told}"

    run(tmp_path, story)


def test_slow_clients_hold_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then, in the head and in the body, on many connections."""
    monkeypatch.setattr(httpserver, "HEAD_S_MAX", 2.0)
    monkeypatch.setattr(access, "BODY_S_MAX", 2.0)

    async def story(door: Door) -> None:
        host, port = door.url.removeprefix("http://").split(":")
        heads = [
            b"GET /v1/time HTTP/1.1\r\nHost: x\r\nX-Slow: ",
            b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",
        ]
        writers = []
        readers = []
        for number in range(100):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(heads[number % 2])
            writers.append(writer)
            readers.append(reader)
        began = time.monotonic()
        slowest_s = 0.0
        ends = [asyncio.ensure_future(ended(reader)) for reader in readers]
        while not all(end.done() for end in ends):
            for writer in writers:
                writer.write(b"x")
            asked = time.monotonic()
            assert (await wire(door, request("GET", "/v1/time"))).status == 200
            slowest_s = max(slowest_s, time.monotonic() - asked)
            assert time.monotonic() - began < 30
            await asyncio.sleep(0.05)
        assert time.monotonic() - began > 0.5
        assert slowest_s < 2.0, "as long as the slow ones may take"
        for number, end in enumerate(ends):
            assert end.result().startswith(b"" if number % 2 == 0 else b"HTTP/1.1 408")
        for writer in writers:
            writer.close()

    run(tmp_path, story)


def test_heads_are_bounded(tmp_path: Path) -> None:
    """By what is named and what one read of a socket brings beyond it."""

    async def story(door: Door) -> None:
        many = [(f"X-{number}", "x" * 100) for number in range(10_000)]
        for headers in ([("X-Long", "x" * 1_000_000)], many):
            answer = await wire(door, request("GET", "/v1/time", headers))
            assert answer.status in (0, 400, 431)
        answer = await wire(door, request("GET", "/v1/orders?" + "x" * 1_000_000))
        assert answer.status in (0, 400, 414)
        assert (await wire(door, request("GET", "/v1/time"))).status == 200

    run(tmp_path, story)


# -- what is told ----------------------------------------------------------------------


def test_no_secret_and_no_signature_is_in_any_log_or_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(door: Door) -> None:
        alice = await with_an_order(door)
        headers = signature(door, alice, "GET", "/v1/orders")
        bad = [*headers[:2], ("FIXGW-SIGNATURE", "0" * 64)]
        for fields in (headers, headers, bad, [*headers, *headers]):
            answer = await wire(door, request("GET", "/v1/orders", fields))
            told = f"{answer.headers} {answer.body!r}"
            assert alice.secret not in told
            assert headers[2][1] not in told
        text = caplog.text + "".join(str(vars(record)) for record in caplog.records)
        assert alice.secret not in text
        assert headers[2][1] not in text
        assert alice.secret not in f"{door.parts.status()}"

    run(tmp_path, story)


def test_answers_are_of_no_use_to_pages_of_others(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        headers = [("Origin", "https://evil.example")]
        for target in ("/v1/time", "/v1/orders", "/", "/v1/book/XYZ"):
            answer = await wire(door, request("GET", target, headers))
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert "server" not in answer.headers

    run(tmp_path, story)


# -- noise -----------------------------------------------------------------------------

token = st.text("!#$%&'*+-.^_`|~abcXYZ019", min_size=1, max_size=12)
visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40)
noise = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda method, target, headers, body: request(
            method, target.replace(" ", "%20"), headers, body
        ),
        st.one_of(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), token),
        st.one_of(
            st.sampled_from(TRICKS),
            visible.map(lambda text: "/v1/orders/" + text),
            visible.map(lambda text: "/v1/orders?" + text),
            visible,
        ),
        st.lists(
            st.tuples(
                st.one_of(
                    st.sampled_from(
                        ["FIXGW-KEY", "FIXGW-TIMESTAMP", "FIXGW-SIGNATURE"]
                    ),
                    token,
                ),
                visible,
            ),
            max_size=6,
        ),
        st.binary(max_size=60),
    ),
)


@given(st.lists(noise, min_size=1, max_size=30))
@settings(
    max_examples=15,
    # Each example starts a side door: the failing one is small enough as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_noise_changes_nothing_and_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, cases: list[bytes]
) -> None:
    """Whatever it is: no success on an account's page, and no fault of the door."""

    async def story(door: Door) -> None:
        alice = await with_an_order(door)
        before = await open_orders(door)
        for case in cases:
            # The end of the data: a request that is not whole need not be waited for.
            answer = await sent(door, case, eof=True)
            assert not answer.startswith(b"HTTP/1.1 5"), (case, answer)
            assert b"order_id" not in answer.partition(b"\r\n\r\n")[2]
        assert await open_orders(door) == before
        answer = await signed(door, alice, "DELETE", "/v1/orders/a-1")
        assert answer.status == 200

    run(tmp_path_factory.mktemp("noise"), story)


def test_the_client_of_the_tests_is_let_in(tmp_path: Path) -> None:
    """Or all the refusals above would prove nothing."""

    async def story(door: Door) -> None:
        client = door.client()
        answers: list[httpx.Response] = [
            await client.new_order("a-1", "XYZ", "buy", "1", "10"),
            await client.replace("a-1", "a-2", qty="2", price="9"),
            await client.order("a-2"),
            await client.orders(status="all"),
            await client.fills(),
            await client.positions(),
            await client.book("XYZ", 10),
            await client.cancel("a-2"),
            await client.cancel_all(),
        ]
        assert [answer.status_code for answer in answers] == [201, *[200] * 8]

    run(tmp_path, story)
