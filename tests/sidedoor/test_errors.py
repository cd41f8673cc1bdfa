"""The table of errors: every code is reached, and every answer has the one form."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.codes import CommandKind, Phase, Reason, Scope
from engine.layouts import Record
from engine.records import (
    QTY_MAX,
    UNIT,
    BlockCommand,
    InstrumentCommand,
    LimitsCommand,
    PhaseCommand,
)
from fixgw.orders.reasons import REASONS
from fixgw.sidedoor import access, desk, dispatch
from fixgw.sidedoor.errors import ENGINE, ERRORS, reason_shown
from fixgw.sidedoor.keys import Role
from tests.net.exchange_in_process import until
from tests.sidedoor.door import TICKED, Door, opened, refused, run

SPEC = Path(__file__).parents[2] / "spec" / "side_door.md"
ORDER: dict[str, Any] = {"symbol": "XYZ", "side": "buy", "qty": "1", "price": "10"}
TICKED_ORDER = {**ORDER, "symbol": TICKED, "qty": "10", "price": "2"}

Recipe = Callable[[Door], Awaitable[httpx.Response]]
RECIPES: dict[str, Recipe] = {}
SPECIAL: dict[str, dict[str, Any]] = {}
"""Codes that take a door of their own, and its options."""


def recipe(code: str, **options: Any) -> Callable[[Recipe], Recipe]:
    """How to get a code. With ``own`` or options the door is made for it alone."""

    def note(function: Recipe) -> Recipe:
        RECIPES[code] = function
        if options:
            options.pop("own", None)
            SPECIAL[code] = options
        return function

    return note


def order_recipe(code: str, **changes: Any) -> None:
    """A code that one order gets."""

    async def enter(door: Door) -> httpx.Response:
        terms = {**TICKED_ORDER, **changes}
        return await door.client().new_order(f"for-{code}", **terms)

    RECIPES[code] = enter


order_recipe("UNKNOWN_SYMBOL", symbol="NOPE")
order_recipe("QTY_NOT_POSITIVE", qty="0")
order_recipe("QTY_OFF_LOT", qty="1")
order_recipe("QTY_ABOVE_MAX", qty="2000")
order_recipe("PRICE_NOT_POSITIVE", price="-1")
order_recipe("PRICE_OFF_TICK", price="2.01")
order_recipe("PRICE_BELOW_MIN", price="0.5")
order_recipe("PRICE_ABOVE_MAX", price="101")
order_recipe("NOTIONAL_ABOVE_MAX", qty="1000", price="50")
order_recipe("INVALID_REQUEST", price="ten")


@recipe("OPEN_QTY_ABOVE_MAX")
async def too_much_open(door: Door) -> httpx.Response:
    alice, qty = door.client(), str(QTY_MAX // UNIT)
    for number in range(10):
        terms = {**ORDER, "symbol": "ABC", "qty": qty}
        answer = await alice.new_order(f"much-{number}", **terms)
        if answer.status_code != 201:
            break
    return answer


def operator(door: Door, shard: int, command: Record) -> None:
    """A command as an operator gives it."""
    service = door.exchange.services[shard]
    service._publish(service.host.process(command.pack()))


def phase_recipe(code: str, phase: Phase) -> None:
    """A code that an order gets in a phase."""

    @recipe(code, own=True)
    async def enter(door: Door) -> httpx.Response:
        command = PhaseCommand(CommandKind.SET_PHASE, phase=phase, symbol="XYZ")
        operator(door, 1, command)
        return await door.client().new_order("a", **ORDER)


phase_recipe("TRADING_HALTED", Phase.HALTED)
phase_recipe("MARKET_CLOSED", Phase.CLOSED)
phase_recipe("NOT_IN_THIS_PHASE", Phase.CANCEL_ONLY)


def terms_recipe(code: str, **terms: int) -> None:
    """A code that an order gets because of the terms of its instrument."""

    @recipe(code, own=True)
    async def enter(door: Door) -> httpx.Response:
        kind = CommandKind.DEFINE_INSTRUMENT
        operator(door, 1, InstrumentCommand(kind, symbol="XYZ", **terms))
        return await door.client().new_order("a", **ORDER)


terms_recipe("QTY_BELOW_MIN", qty_min=2 * UNIT)
terms_recipe("PRICE_OUTSIDE_BAND", reference_price=20 * UNIT, static_band=10_000_000)


def limit_recipe(code: str, **limits: int) -> None:
    """A code that the second order of an account with these limits gets."""

    @recipe(code, own=True)
    async def enter(door: Door) -> httpx.Response:
        command = LimitsCommand(
            CommandKind.SET_LIMITS, scope=Scope.ACCOUNT, account="ALICE", **limits
        )
        operator(door, 1, command)
        assert (await door.client().new_order("a", **ORDER)).status_code == 201
        return await door.client().new_order("b", **{**ORDER, "qty": "2"})


limit_recipe("LIMIT_ORDER_QTY", order_qty_max=UNIT)
limit_recipe("LIMIT_NOTIONAL", notional_max=10 * UNIT)
limit_recipe("LIMIT_OPEN_ORDERS", open_orders_max=1)
limit_recipe("LIMIT_POSITION", position_max=2 * UNIT)


@recipe("LIMIT_RATE", own=True)
async def too_fast(door: Door) -> httpx.Response:
    command = LimitsCommand(
        CommandKind.SET_LIMITS, scope=Scope.ACCOUNT, account="ALICE", rate_max=1
    )
    operator(door, 1, command)
    for number in range(3):
        answer = await door.client().new_order(f"a-{number}", **ORDER)
        if answer.status_code != 201:
            break
    return answer


@recipe("BLOCKED", own=True)
async def blocked(door: Door) -> httpx.Response:
    command = BlockCommand(
        CommandKind.SET_BLOCKED, scope=Scope.ACCOUNT, blocked=1, account="ALICE"
    )
    operator(door, 1, command)
    return await door.client().new_order("a", **ORDER)


order_recipe("UNSUPPORTED_COMBINATION", post_only=True, time_in_force="ioc")
order_recipe("DISPLAY_QTY_INVALID", display_qty="20")
order_recipe("MIN_QTY_INVALID", min_qty="20")
order_recipe("STOP_PRICE_INVALID", type="stop_limit", stop_price="2.01")
order_recipe("NO_REFERENCE_PRICE", type="stop_limit", trailing_offset="0.05")
order_recipe("PEG_OFFSET_INVALID", type="pegged", peg="primary", peg_offset="1")
order_recipe("EXPIRE_TIME_INVALID", time_in_force="gtd", expire_ns=1)


@recipe("POST_ONLY_WOULD_TRADE")
async def would_trade(door: Door) -> httpx.Response:
    await door.client("BOB").new_order("there", "XYZ", "sell", "1", "1000")
    terms = {**ORDER, "price": "1000", "post_only": True}
    answer = await door.client().new_order("passive", **terms)
    await door.client("BOB").cancel("there")
    return answer


@recipe("UNSUPPORTED_TIME_IN_FORCE")
async def other_time(door: Door) -> httpx.Response:
    """An order for the closing auction stays one."""
    alice = door.client()
    await alice.new_order("closing", **{**ORDER, "time_in_force": "atc"})
    return await alice.replace(
        "closing", "open", qty="1", price="10", time_in_force="day"
    )


@recipe("UNKNOWN_ORDER")
async def unknown(door: Door) -> httpx.Response:
    return await door.client().order("nobody-knows")


@recipe("TOO_LATE")
async def too_late(door: Door) -> httpx.Response:
    alice, bob = door.client(), door.client("BOB")
    await alice.new_order("late", **ORDER)
    await bob.new_order("first", "XYZ", "sell", "1", "10")
    return await alice.cancel("late")


@recipe("CLIENT_ORDER_ID_REUSED")
async def used(door: Door) -> httpx.Response:
    await door.client().new_order("used", **ORDER)
    return await door.client().new_order("used", **{**ORDER, "qty": "2"})


@recipe("INVALID_HTTP")
async def no_http(door: Door) -> httpx.Response:
    return await raw(door, b"What is this\r\n\r\n")


@recipe("INVALID_JSON")
async def no_json(door: Door) -> httpx.Response:
    return await sent(door, "POST", "/v1/orders", b'{"qty":')


@recipe("UNSUPPORTED_MEDIA_TYPE")
async def no_json_type(door: Door) -> httpx.Response:
    return await sent(door, "POST", "/v1/orders", b"{}", {"Content-Type": "text/xml"})


@recipe("BODY_TOO_LARGE")
async def too_large(door: Door) -> httpx.Response:
    body = b"x" * (access.BODY_BYTES_MAX + 1)
    return await sent(door, "POST", "/v1/orders", body)


@recipe("REQUEST_TIMEOUT")
async def too_slow(door: Door) -> httpx.Response:
    head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    return await raw(door, head)


@recipe("NOT_FOUND")
async def not_found(door: Door) -> httpx.Response:
    return await door.client("").request("GET", "/v1/nothing")


@recipe("METHOD_NOT_ALLOWED")
async def no_such_method(door: Door) -> httpx.Response:
    answer = await door.client("").request("PATCH", "/v1/positions")
    assert answer.headers["Allow"] == "GET"
    return answer


@recipe("INTERNAL_ERROR")
async def broken(door: Door) -> httpx.Response:
    market: Any = door.services.market

    def fail() -> None:
        raise ZeroDivisionError("on purpose")

    market.instruments = fail
    try:
        return await door.client("").request("GET", "/v1/instruments")
    finally:
        del market.instruments


@recipe("KEY_MISSING")
async def unsigned(door: Door) -> httpx.Response:
    return await door.client("").request("GET", "/v1/orders")


@recipe("KEY_UNKNOWN")
async def unknown_key(door: Door) -> httpx.Response:
    return await signed_with(door, key="0" * 16)


@recipe("SIGNATURE_INVALID")
async def wrong_signature(door: Door) -> httpx.Response:
    return await signed_with(door, secret="x" * 64)


@recipe("TIMESTAMP_OUTSIDE_WINDOW")
async def old(door: Door) -> httpx.Response:
    return await signed_with(door, late_ms=6000)


@recipe("TIMESTAMP_INVALID")
async def no_time(door: Door) -> httpx.Response:
    return await signed_with(door, headers={"FIXGW-TIMESTAMP": "yesterday"})


@recipe("REPLAYED")
async def twice(door: Door) -> httpx.Response:
    client = door.client()
    assert client.signer is not None
    request = client._http.build_request("GET", "/v1/orders")
    next(client.signer.auth_flow(request))
    assert (await client._http.send(request)).status_code == 200
    return await client._http.send(request)


@recipe("ROLE_INSUFFICIENT")
async def reader_trades(door: Door) -> httpx.Response:
    return await door.client(role=Role.READ).new_order("a", **ORDER)


@recipe("KEY_DISABLED")
async def disabled(door: Door) -> httpx.Response:
    client = door.client("CAROL")
    door.key_file.set_disabled(door.key("CAROL").key_id, True)
    async with asyncio.timeout(20):
        while (answer := await client.orders()).status_code == 200 or (
            answer.json()["error"]["code"] == "KEY_UNKNOWN"
        ):
            await asyncio.sleep(0.05)
    return answer


@recipe("RATE_LIMITED", orders_per_second=1, orders_burst=1)
async def too_often(door: Door) -> httpx.Response:
    door.hold_clock()
    alice = door.client()
    await alice.new_order("a", **ORDER)
    answer = await alice.new_order("b", **ORDER)
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert (await alice.cancel("a")).status_code == 200
    return answer


@recipe("KEYS_UNAVAILABLE", own=True)
async def no_keys(door: Door) -> httpx.Response:
    client = door.client()
    door.key_file.path.write_text("no keys at all")
    return await client.orders()


@recipe("SHARD_UNAVAILABLE", own=True)
async def shard_away(door: Door) -> httpx.Response:
    await door.link_down(1)
    return await door.client().new_order("a", **ORDER)


@recipe("OUTCOME_UNKNOWN", own=True)
async def frozen(door: Door) -> httpx.Response:
    door.exchange.services[1].frozen = True
    return await door.client().new_order("a", **ORDER)


@recipe("OVERLOADED", own=True)
async def overloaded(door: Door) -> httpx.Response:
    service = door.exchange.services[1]
    service.frozen = True
    first = asyncio.create_task(_of(door.client().new_order("a", **ORDER)))
    await until(lambda: service.held)
    answer = await door.client("BOB").new_order("a", **ORDER)
    service.thaw()
    await first
    return answer


@recipe("OPEN_ORDERS_LIMIT", own=True)
async def too_many_open(door: Door) -> httpx.Response:
    await door.client().new_order("a", **ORDER)
    return await door.client().new_order("b", **ORDER)


LOWERED = {
    "OVERLOADED": (dispatch, "UNDER_WAY_MAX", 1),
    "OPEN_ORDERS_LIMIT": (desk, "OPEN_ORDERS_MAX", 1),
    "OUTCOME_UNKNOWN": (dispatch, "OUTCOME_S_MAX", 0.05),
}
"""Limits that take a test too long as they are."""


async def _of(awaitable: Any) -> Any:
    return await awaitable


async def sent(
    door: Door,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """A signed request with a body that is sent as it is."""
    client = door.client()
    headers = {"Content-Type": "application/json", **(headers or {})}
    return await client._http.request(
        method, path, content=body, headers=headers, auth=client.signer
    )


async def signed_with(
    door: Door,
    *,
    key: str | None = None,
    secret: str | None = None,
    late_ms: int = 0,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """A request that is signed, but not quite well."""
    good = door.key()
    client = type(door.client())(
        door.url,
        key or good.key_id,
        secret or good.secret,
        clock=lambda: door.exchange.clock() - late_ms * 1_000_000,
    )
    door.clients.append(client)
    assert client.signer is not None
    request = client._http.build_request("GET", "/v1/orders")
    next(client.signer.auth_flow(request))
    request.headers.update(headers or {})
    return await client._http.send(request)


async def end(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever state it is in."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def raw(door: Door, data: bytes) -> httpx.Response:
    """Bytes as they are, and the answer until the connection is closed."""
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 10)
    finally:
        await end(writer)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return httpx.Response(int(lines[0].split()[1]), headers=headers, content=body)


def held_to(answer: httpx.Response, code: str) -> None:
    """The answer is the one of this code, in the one form."""
    assert answer.headers["content-type"] == "application/json"
    if code == "INVALID_HTTP":
        body = json.loads(answer.content)
        assert body == {
            "error": {"code": code, "message": ERRORS[code].text, "request_id": ""}
        }
        assert answer.status_code == 400
        return
    error = refused(answer, ERRORS[code].status, code)
    assert set(error) <= {"code", "message", "request_id", "fields", "order"}
    if code in ENGINE and code != "UNKNOWN_ORDER":
        assert error["message"] == ERRORS[code].text


def test_every_code_has_a_recipe() -> None:
    assert set(RECIPES) == set(ERRORS)


def test_codes_that_any_door_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "BODY_S_MAX", 0.1)

    async def story(door: Door) -> None:
        for code, reach in RECIPES.items():
            if code not in SPECIAL:
                held_to(await reach(door), code)
        figures = door.services.figures
        expected = set(RECIPES) - set(SPECIAL) - {"INVALID_HTTP"}
        assert expected <= set(figures.errors)

    run(tmp_path, story)


@pytest.mark.parametrize("code", SPECIAL)
def test_codes_that_take_a_door_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    if code in LOWERED:
        module, name, value = LOWERED[code]
        monkeypatch.setattr(module, name, value)

    async def main() -> None:
        async with opened(tmp_path, **SPECIAL[code]) as door:
            held_to(await RECIPES[code](door), code)

    asyncio.run(main())


def test_codes_and_texts_of_the_engine_are_those_of_fix() -> None:
    for code, meaning in ENGINE.items():
        assert meaning.text == REASONS[Reason[code]].text
    for reason in REASONS:
        shown = reason_shown(reason)
        if reason is Reason.NONE:
            assert shown is None
        else:
            assert shown is not None
            assert shown["code"] == reason.name
            assert shown["text"]


def test_the_document_shows_the_table() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (\d+) \| (.+) \|$", SPEC.read_text(), re.MULTILINE
    )
    assert {code: (int(status), text) for code, status, text in rows} == {
        code: (meaning.status, meaning.text.rstrip("."))
        for code, meaning in ERRORS.items()
    }
