"""An operator halts, resumes and cancels while QuickFIX clients are logged on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live import verify
from tests.live.conftest import Connect, MakeExchange
from tests.live.exchange import ROOT, SHARD_0, Exchange, fixgw, free_port

COMMAND_S = 50.0


def control(exchange: Exchange, *arguments: str) -> str:
    """What a command of the operator's says; it must succeed."""
    done = subprocess.run(
        fixgw(*arguments, "--config", exchange.config, "--data", exchange.data),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(exchange: Exchange, *arguments: str) -> Any:
    return json.loads(control(exchange, *arguments, "--json"))


@pytest.mark.timeout(120)
def test_halts_and_cancels_as_clients_see_them(
    new_exchange: MakeExchange, connect: Connect, tmp_path: Path
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()

    first = buyer.order("buy", "ACME", "10", "50.00", t59="1")
    second = buyer.order("buy", "ACME", "20", "49.00", t1="DESK-7")
    third = buyer.order("buy", "ACME", "30", "48.00")
    for order in (first, second, third):
        buyer.wait_about(order)

    # A halt: new orders and replaces are refused, a cancel is not.
    said = control(exchange, "instruments", "halt", "ACME", "--reason", "news pending")
    assert said == "ACME is halted\n"
    ask = seller.order("sell", "ACME", "10", "50.00")
    [refused] = seller.wait_about(ask)
    assert (refused[150], refused[39], refused[103]) == ("8", "8", "2")
    assert refused[58] == "trading in Symbol(55) is halted"
    replace = buyer.replace(first, "buy", "ACME", "5", "50.00")
    [refused] = buyer.wait_about(replace)
    assert (refused.msg_type, refused[102], refused[434]) == ("9", "99", "2")
    assert refused[58] == "trading in Symbol(55) is halted"
    cancel = buyer.cancel(third, "buy", "ACME")
    [cancelled] = buyer.wait_about(cancel)
    assert (cancelled[150], cancelled[41]) == ("4", third)

    # Other instruments trade on, on the same shard and on the other.
    for symbol in ("BTC-USD", "ETH-USD"):
        bid = buyer.order("buy", symbol, "1", "50.25")
        seller.wait_about(seller.order("sell", symbol, "1", "50.25"), 2)
        buyer.wait_about(bid, 2)

    # The operator's own cancel: no OrigClOrdID, the reason said.
    listed = rows(exchange, "orders", "list", "--symbol", "ACME")["orders"]
    assert [(row["cl_ord_id"], row["session_name"]) for row in listed] == [
        (first, "BUYER"),
        (second, "BUYER"),
    ]
    said = control(exchange, "orders", "cancel", listed[1]["order_id"])
    assert said == f"{listed[1]['order_id']} {second} of BUYER: 20 ACME cancelled\n"
    [_, unsolicited] = buyer.wait_about(second, 2)
    assert {
        tag: value for tag, value in unsolicited.body.items() if tag not in (17, 60)
    } == {
        1: "DESK-7",
        6: "0",
        11: second,
        14: "0",
        37: listed[1]["order_id"],
        38: "20",
        39: "4",
        40: "2",
        44: "49",
        54: "1",
        55: "ACME",
        58: "cancelled by the exchange",
        59: "0",
        150: "4",
        151: "0",
        378: "8",
    }
    late = buyer.cancel(second, "buy", "ACME")
    [refused] = buyer.wait_about(late)
    assert (refused.msg_type, refused[102], refused[39]) == ("9", "0", "4")

    # The halt outlives its shard.
    assert rows(exchange, "instruments", "list", "ACME")[0]["shard"] == 0
    killed = exchange.kill(SHARD_0)[SHARD_0]
    exchange.wait_back(SHARD_0, killed)
    exchange.wait_linked()
    [row] = rows(exchange, "instruments", "list", "ACME")
    assert (row["status"], row["orders"]) == ("halted", 1)
    ask = seller.order("sell", "ACME", "10", "50.00")
    [refused] = seller.wait_about(ask)
    assert refused[103] == "2"

    # And is ended: the order that stayed trades.
    assert control(exchange, "instruments", "resume", "ACME") == "ACME is continuous\n"
    ask = seller.order("sell", "ACME", "4", "50.00")
    seller.wait_about(ask, 2)
    [_, part] = buyer.wait_about(first, 2)
    assert (part[150], part[151]) == ("F", "6")

    # All of a session at once.
    said = control(
        exchange, "orders", "cancel", "--session", "BUYER", "--all", "--confirm"
    )
    assert said == "1 order cancelled\n"
    unsolicited = buyer.wait_about(first, 3)[-1]
    assert (unsolicited[150], unsolicited[14], unsolicited[151]) == ("4", "4", "0")
    assert rows(exchange, "orders", "list")["orders"] == []

    for client in (buyer, seller):
        verify.check_wire(client)
        verify.check_numbers(client.messages)
        client.stop()
    exchange.stop()
    events = exchange.events(tmp_path / "copy")
    for client in (buyer, seller):
        verify.check_log(client.messages, client.name, events)
    entries = [
        json.loads(line)
        for line in (exchange.data / "audit.log").read_text().splitlines()
    ]
    assert [one["outcome"] for one in entries] == ["begun", "done"] * 5
    assert [one["command"] for one in entries[::2]] == [
        "instruments.halt",
        "orders.cancel",
        "instruments.resume",
        "orders.cancel_all",
        "orders.cancel_all",
    ]
    assert entries[0]["arguments"] == {"symbol": "ACME", "reason": "news pending"}


@pytest.mark.timeout(120)
def test_a_client_that_was_away_hears_of_its_cancel(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    order = buyer.order("buy", "BTC-USD", "1", "50.25")
    buyer.wait_about(order)
    buyer.stop()
    control(exchange, "orders", "cancel", "--symbol", "BTC-USD", "--all", "--confirm")
    buyer.start()
    [_, unsolicited] = buyer.wait_about(order, 2)
    assert (unsolicited[150], unsolicited[378]) == ("4", "8")
    verify.check_wire(buyer)
