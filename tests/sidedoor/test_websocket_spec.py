"""``spec/websocket.md`` against what is sent: members of every example, tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.codes import CommandKind, Phase, Reason
from engine.records import MassCommand
from fixgw.sidedoor import depthview, hub, peer, private, streams, tape, wsprotocol
from fixgw.sidedoor.client import Signer
from fixgw.sidedoor.closing import MEANINGS, CloseCode
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.requests import parse
from tests.sidedoor.live_door import SECRET, Door, run
from tests.unit.test_format_specs import rows

SPEC = (Path(__file__).parents[2] / "spec" / "websocket.md").read_text("utf-8")
EXAMPLES: list[dict[str, Any]] = [
    orjson.loads(text) for text in re.findall(r"```json\n(.*?)```", SPEC, re.DOTALL)
]
SENT = [example for example in EXAMPLES if "op" in example]
RECEIVED = [example for example in EXAMPLES if "op" not in example]


def name(message: dict[str, Any]) -> str:
    """What tells kinds of messages apart."""
    return "/".join(
        str(message[key]) for key in ("op", "channel", "type") if key in message
    )


def shape(value: Any) -> Any:
    """Members and types, as far as they are always the same."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key != "id"}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else []
    return "some" if value is None or isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize("example", SENT, ids=name)
def test_what_a_client_sends_is_understood(example: dict[str, Any]) -> None:
    request = parse(orjson.dumps(example).decode())
    assert request.op == example["op"]


def test_every_op_and_channel_has_an_example() -> None:
    assert {example["op"] for example in SENT} == {
        "subscribe",
        "unsubscribe",
        "auth",
        "cancel_after",
        "ping",
    }
    assert {example.get("channel") for example in RECEIVED} >= {
        "book",
        "orders",
        "trades",
        "ticker",
        "auction",
        "instruments",
        "private",
    }


def test_what_is_received_is_as_the_examples_say() -> None:
    """One conversation that brings every kind of message; each has one example."""
    heard: dict[str, dict[str, Any]] = {}

    async def talk(door: Door) -> None:
        client = await door.client()

        def note(message: dict[str, Any]) -> dict[str, Any]:
            heard.setdefault(name(message), message)
            return message

        note(client.welcome)
        door.trade(10)
        door.order("buy", 1, 9)
        note(await client.ask({"op": "ping", "id": 1}))
        note(await client.ask("{"))
        note(await client.ask(Signer("alice", SECRET).websocket_login()))
        for channel in ("instruments", "trades", "book", "orders", "private"):
            request: dict[str, Any] = {"op": "subscribe", "channel": channel}
            if channel != "private":
                request["symbols"] = ["ABC"]
            note(await client.ask(request))
            note(await client.hear())
        door.order("buy", 1, 8, account="ALICE")
        door.trade(10)
        door.halt("ABC", Phase.HALTED)
        for channel in ("ticker", "auction"):
            request = {"op": "subscribe", "channel": channel, "symbols": ["ABC"]}
            await client.say(request)
        while not (
            {
                *("book/delta", "orders/delta", "trades/update"),
                *("private/order", "ticker/state", "auction/state"),
            }
            <= set(heard)
        ):
            note(await client.hear())
        door.apply(
            MassCommand(
                CommandKind.MASS_CANCEL,
                reason=Reason.MASS_CANCEL,
                session=account_key("ALICE"),
                request_id="~all",
                symbol="ABC",
            )
        )
        await client.say({"op": "cancel_after", "timeout_ms": 60_000})
        while not {"private/cancel_all", "cancel_after"} <= set(heard):
            note(await client.hear())
        while not client.heartbeats:
            await client.next()
        note(client.heartbeats[-1])
        again = {"epoch": heard["private/snapshot"]["epoch"], "after_seq": 0}
        note(await client.subscribe("private", **again))
        note(await client.hear())
        note(await client.ask({"op": "unsubscribe", "channel": "book"}))
        await door.hub.close()
        while "notice" not in heard:
            note(await client.hear())

    run(talk)
    examples = {name(example): example for example in RECEIVED}
    confirmed = {
        f"{channel}/subscribed"
        for channel in ("orders", "trades", "ticker", "auction", "instruments")
    }
    assert sorted(examples) == sorted(set(heard) - confirmed)
    for kind, example in examples.items():
        if kind == "private/snapshot":
            assert set(example) == set(heard[kind])
        else:
            assert shape(example) == shape(heard[kind]), kind


def test_the_table_of_close_codes() -> None:
    table = rows("websocket.md", "Close codes")
    assert [tuple(row) for row in table] == [
        (str(int(code)), code.name, MEANINGS[code].why, MEANINGS[code].then)
        for code in CloseCode
    ]


def test_the_table_of_limits() -> None:
    limits = hub.HubLimits()
    values = {
        "MESSAGE_BYTES_MAX": f"{wsprotocol.MESSAGE_BYTES_MAX // 1024} KiB",
        "MESSAGES_PER_SECOND": f"{peer.MESSAGES_PER_SECOND} a second",
        "MESSAGES_BURST": f"{peer.MESSAGES_BURST} at once",
        "PINGS_PER_SECOND_MAX": f"{wsprotocol.PINGS_PER_SECOND_MAX} a second",
        "ERRORS_MAX": f"{peer.ERRORS_MAX}",
        "ANSWERS_MAX": f"{peer.ANSWERS_MAX}",
        "stall_s": f"{limits.stall_s:g} s",
        "idle_s": f"{limits.idle_s:g} s",
        "connections": f"{limits.connections:,}",
        "connections_per_address": f"{limits.connections_per_address}",
        "subscriptions": f"{limits.subscriptions}",
        "HISTORY_MAX": f"{depthview.HISTORY_MAX}",
        "TRADES_KEPT_FOR_READERS": f"{tape.TRADES_KEPT_FOR_READERS:,}",
        "PRIVATE_ITEMS_MAX": f"{streams.PRIVATE_ITEMS_MAX:,}",
        "ITEMS_KEPT": f"{private.ITEMS_KEPT:,}",
        "KERNEL_BUFFER_BYTES": f"{wsprotocol.KERNEL_BUFFER_BYTES // 1024} KiB",
    }
    seen = set()
    for _, value, _, where in rows("websocket.md", "Limits"):
        for constant in re.findall(r"`(\w+)`", where):
            assert values[constant] in value, constant
            seen.add(constant)
            module = Path(__file__).parents[2] / where.rsplit(" ", 1)[1]
            assert re.search(rf"\b{constant}\b", module.read_text()), where
    assert seen == set(values)
