"""Phases, trades, limits, drop copies, clients that leave, the circuit breaker: with
real processes, commands and clients."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.host.admin import call
from tests.live.conftest import Connect, MakeExchange
from tests.live.exchange import BREAKER, GATEWAY, SHARD_0, Exchange, free_port
from tests.live.initiator import Initiator, Received
from tests.live.test_operator import control, rows
from tests.live.waiting import wait_until


def session(exchange: Exchange, name: str, **keys: str) -> None:
    """One more session, with keys of its own."""
    lines = [f"\n[SESSION]\nTargetCompID={name}"]
    lines += [f"{key}={value}" for key, value in keys.items()]
    with exchange.sessions.open("a") as file:
        file.write("\n".join(lines) + "\n")


def configure(exchange: Exchange, text: str) -> None:
    with exchange.config.open("a") as file:
        file.write(text)


def phase_of(exchange: Exchange, symbol: str) -> str:
    [row] = rows(exchange, "instruments", "list", symbol)
    return str(row["status"])


def pair(buyer: Initiator, seller: Initiator, price: str, symbol: str = "ACME") -> str:
    """A trade of 10; its TradeID."""
    bid = buyer.order("buy", symbol, "10", price)
    buyer.wait_about(bid)
    ask = seller.order("sell", symbol, "10", price)
    seller.wait_about(ask, 2)
    return str(buyer.wait_about(bid, 2)[1][527])


@pytest.mark.timeout(120)
def test_trades_limits_and_phases_by_command(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port())
    configure(exchange, "[limits.sessions.SELLER]\norder_qty_max = 50\n")
    exchange.start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()

    # Limits: those of the configuration hold from the start, others are set.
    refused = seller.order("sell", "ACME", "51", "10.00")
    assert seller.wait_about(refused)[0][150] == "8"
    said = control(
        exchange, "limits", "set", "--session", "BUYER", "--order-qty-max", "30"
    )
    assert said == "BUYER: limits set\n"
    listed = rows(exchange, "limits", "list")
    assert [(row["name"], row["order_qty_max"], row["shards"]) for row in listed] == [
        ("session BUYER", "30", [0, 1]),
        ("session SELLER", "50", [0, 1]),
    ]
    refused = buyer.order("buy", "ACME", "31", "10.00")
    assert buyer.wait_about(refused)[0][150] == "8"

    # A trade is corrected, then cancelled; each side hears of it.
    trade = pair(buyer, seller, "10.00")
    would = rows(exchange, "trades", "cancel", trade, "--dry-run")
    assert would["done"] is False
    assert [side["session_name"] for side in would["sides"]] == ["BUYER", "SELLER"]
    said = control(exchange, "trades", "correct", trade, "--price", "9.5", "--confirm")
    assert said.endswith("corrected to 9.5\n")
    said = control(exchange, "trades", "cancel", trade, "--confirm", "--reason", "x")
    assert said.endswith("cancelled\n")

    def told(client: Initiator) -> list[tuple[str | None, ...]]:
        found = [m for m in client.messages if m.get(150) in ("G", "H")]
        return [(m.get(150), m.get(31), m.get(14), m.get(6)) for m in found]

    for client in (buyer, seller):
        client.wait(lambda c=client: len(told(c)) == 2, "both changes")
        assert told(client) == [("G", "9.5", "10", "9.5"), ("H", "9.5", "0", "0")]

    # An auction for a time collects, and trades at one price when it ends.
    said = control(
        exchange, "instruments", "phase", "opening_auction", "ACME", "--for", "2"
    )
    assert said == "ACME is opening_auction\n"
    bid = buyer.order("buy", "ACME", "10", "10.02")
    ask = seller.order("sell", "ACME", "10", "9.98")
    buyer.wait_about(bid)
    seller.wait_about(ask)
    filled = buyer.wait_about(bid, 2)[1], seller.wait_about(ask, 2)[1]
    assert filled[0][31] == filled[1][31]
    assert phase_of(exchange, "ACME") == "continuous"

    # The kill switch, over a kill -9 of the shard.
    rest = buyer.order("buy", "ACME", "10", "9.00")
    buyer.wait_about(rest)
    said = control(exchange, "limits", "block", "--session", "BUYER", "--confirm")
    assert said == "BUYER: blocked, 1 order cancelled\n"
    assert buyer.wait_about(rest, 2)[1][150] == "4"
    killed = exchange.kill(SHARD_0)[SHARD_0]
    exchange.wait_back(SHARD_0, killed)
    exchange.wait_linked()
    refused = buyer.order("buy", "ACME", "10", "9.00")
    assert buyer.wait_about(refused)[0][150] == "8"
    control(exchange, "limits", "unblock", "--session", "BUYER")
    taken = buyer.order("buy", "ACME", "10", "9.00")
    assert buyer.wait_about(taken)[0][150] == "0"
    audit = (exchange.data / "audit.log").read_text()
    for command in ("trades.cancel", "limits.block", "instruments.phase"):
        assert f'"command": "{command}"' in audit
    exchange.stop()


@pytest.mark.timeout(120)
def test_a_schedule_by_the_clock(new_exchange: MakeExchange) -> None:
    exchange = new_exchange(port=free_port())
    began = datetime.now(UTC) + timedelta(seconds=25)

    def at(seconds: float) -> str:
        return f"{began + timedelta(seconds=seconds):%H:%M:%S}"

    configure(
        exchange,
        f"""[schedule.default]
pre_open = "{at(-60)}"
opening_auction = "{at(0)}"
continuous = "{at(5)}"
closed = "{at(300)}"
random_end_s = 1
[schedule.coins]
symbols = ["BTC-USD", "ETH-USD"]
always = "continuous"
""",
    )
    exchange.start()
    assert phase_of(exchange, "ACME") == "pre_open"
    assert phase_of(exchange, "BTC-USD") == "continuous"
    control(exchange, "instruments", "phase", "cancel_only", "GLOBEX")
    wait_until(
        lambda: phase_of(exchange, "ACME") == "opening_auction", "the auction", 30.0
    )
    [row] = rows(exchange, "instruments", "list", "ACME")
    ends_s = row["until_ns"] / 1e9 - (began.replace(microsecond=0)).timestamp()
    assert 5 <= ends_s <= 6
    # The shard dies in the auction: its end stays as it was drawn.
    killed = exchange.kill(SHARD_0)[SHARD_0]
    exchange.wait_back(SHARD_0, killed)
    wait_until(lambda: phase_of(exchange, "ACME") == "continuous", "trading", 15.0)
    assert time.time() >= row["until_ns"] / 1e9
    assert phase_of(exchange, "GLOBEX") == "cancel_only"
    said = control(exchange, "instruments", "resume", "GLOBEX")
    assert said == "GLOBEX is continuous\n"
    exchange.stop()


@pytest.mark.timeout(120)
def test_orders_of_a_client_that_is_gone_when_the_gateway_was_killed(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port())
    session(exchange, "DESK", CancelOnDisconnect="Y", CancelOnDisconnectGrace="2")
    exchange.start()
    desk = connect("DESK", exchange.port).start()
    buyer = connect("BUYER", exchange.port).start()
    for symbol in ("BTC-USD", "ETH-USD"):
        desk.wait_about(desk.order("buy", symbol, "1", "50.00"))
        buyer.wait_about(buyer.order("buy", symbol, "1", "50.00"))

    def owners() -> set[str]:
        found = rows(exchange, "orders", "list")["orders"]
        return {row["session_name"] for row in found}

    # It comes back in time: nothing happens.
    killed = exchange.kill(GATEWAY)[GATEWAY]
    exchange.wait_back(GATEWAY, killed)
    desk.wait_logon(2)
    buyer.wait_logon(2)
    time.sleep(3.0)
    assert owners() == {"DESK", "BUYER"}
    # It does not.
    killed = exchange.kill(GATEWAY)[GATEWAY]
    desk.wait_logged_out()
    desk.stop()
    exchange.wait_back(GATEWAY, killed)
    wait_until(lambda: owners() == {"BUYER"}, "the cancel", 10.0)
    buyer.wait_logon(3)
    exchange.stop()


@pytest.mark.timeout(120)
def test_drop_copies_with_quickfix_over_a_kill(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port())
    session(exchange, "RISK", DropCopyOf="*")
    exchange.start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    risk = connect("RISK", exchange.port).start()
    for number in range(10):
        pair(buyer, seller, "10.00", ("BTC-USD", "ETH-USD")[number % 2])
    killed = exchange.kill(GATEWAY)[GATEWAY]
    for number in range(10):
        buyer.order("buy", "BTC-USD", "1", f"9.{number}0")
    exchange.wait_back(GATEWAY, killed)
    for client in (buyer, seller, risk):
        client.wait_logon(2)
    own = [m for c in (buyer, seller) for m in c.messages]
    buyer.wait(lambda: len(buyer.messages) == 30, "all reports")
    own = [m for c in (buyer, seller) for m in c.messages]

    def exec_ids(messages: list[Received]) -> list[str]:
        return sorted(m[17] for m in messages if m.msg_type == "8")

    risk.wait(lambda: len(risk.messages) == 50, "all copies")
    assert exec_ids(risk.messages) == exec_ids(own)
    assert all((m[797], m.get(97)) == ("Y", None) for m in risk.messages)
    names = {m[11]: m[5714] for m in risk.messages}
    assert {names[m[11]] for m in buyer.messages} == {"BUYER"}

    # And again on request, marked.
    first = min(int(m[17].partition("-")[2]) for m in own if m[17].startswith("0-"))
    risk.send("U3", {5711: "again", 5712: f"0-{first}"})
    risk.wait(lambda: risk.messages[-1].msg_type == "U4", "the report")
    again = [m for m in risk.messages if m.get(97) == "Y"]
    assert exec_ids(again) == [i for i in exec_ids(own) if i.startswith("0-")]
    report = risk.messages[-1]
    assert (report[5711], report[5715]) == ("again", "1")
    assert report[5716] == str(len(again))
    exchange.stop()


INSTRUMENTS = """\
symbol,description,currency,tick,lot,reference_price
BTC-USD,Bitcoin,USD,0.01,1,100
ETH-USD,Ether,USD,0.01,1,100
"""


@pytest.mark.timeout(120)
def test_the_circuit_breaker_halts_both_shards(
    new_exchange: MakeExchange, connect: Connect, tmp_path: Path
) -> None:
    exchange = new_exchange(port=free_port())
    instruments = tmp_path / "instruments.csv"
    instruments.write_text(INSTRUMENTS)
    text = exchange.config.read_text().splitlines()
    text[1] = f'instruments = "{instruments}"'
    text += ["[circuit_breaker]", "enabled = true", "levels = [10]", "halt_s = [4]"]
    exchange.config.write_text("\n".join(text) + "\n")
    exchange.start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()

    def facts() -> dict[str, object]:
        answer = call(exchange.data / BREAKER / "admin.sock", "status")
        return dict(answer["facts"])

    pair(buyer, seller, "82.00", "BTC-USD")
    wait_until(lambda: facts()["index"] == "0.91", "the index")
    assert phase_of(exchange, "ETH-USD") == "continuous"
    pair(buyer, seller, "79.00", "BTC-USD")
    for symbol in ("BTC-USD", "ETH-USD"):
        wait_until(
            lambda s=symbol: phase_of(exchange, s) == "halted", f"{symbol} halted"
        )
    assert (facts()["level"], facts()["halted"]) == (10, True)
    refused = buyer.order("buy", "ETH-USD", "1", "50.00")
    assert buyer.wait_about(refused)[0][150] == "8"
    # Killed, it knows what it has done, and does it once.
    killed = exchange.kill(BREAKER)[BREAKER]
    exchange.wait_back(BREAKER, killed)
    for symbol in ("BTC-USD", "ETH-USD"):
        wait_until(
            lambda s=symbol: phase_of(exchange, s) == "continuous",
            f"{symbol} trades again",
            15.0,
        )
    pair(buyer, seller, "78.00", "BTC-USD")
    time.sleep(0.5)
    assert phase_of(exchange, "ETH-USD") == "continuous"
    assert (facts()["level"], facts()["halted"]) == (10, False)
    exchange.stop()
