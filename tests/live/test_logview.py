"""``fixgw log`` on what real engines write: QuickFIX's logs and stores, our outbox."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import Connect
from tests.live.exchange import ROOT, Exchange
from tests.live.initiator import Initiator

NAME = "FIX.4.4-BUYER-EXCHANGE"


def view(*arguments: str | Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "fixgw", "log", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def objects(*arguments: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in view("--json", *arguments)]


def kinds(*arguments: str | Path) -> list[tuple[str, str, int]]:
    """Direction, type and number of the messages."""
    return [
        (found["direction"], found["type"], found["seq"])
        for found in objects(*arguments)
        if "type" in found
    ]


@pytest.fixture
def traded(exchange: Exchange, connect: Connect) -> tuple[Exchange, Initiator, str]:
    """A replaced order, filled in part, and its messages asked for again."""
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    first = buyer.order("buy", "ACME", "100", "10.00")
    buyer.wait_about(first)
    second = buyer.replace(first, "buy", "ACME", "150", "10.01")
    buyer.wait_about(second)
    sold = seller.order("sell", "ACME", "50", "10.01")
    seller.wait_about(sold, 2)
    buyer.wait_about(second, 2)
    refused = buyer.order("buy", "ACME", "1", "10.001")
    buyer.wait_about(refused)
    return exchange, buyer, second


def test_quickfix_logs_and_stores(traded: tuple[Exchange, Initiator, str]) -> None:
    _, buyer, order = traded
    buyer.expect(2)
    last = buyer.cancel(order, "buy", "ACME")
    buyer.wait(lambda: buyer.about(last), "the cancel")
    buyer.wait(lambda: sum(m.poss_dup for m in buyer.received()) >= 4, "the resends")
    log = buyer.folder / "log" / f"{NAME}.messages.current.log"
    store = buyer.folder / "store" / f"{NAME}.body"
    buyer.stop()
    both = objects(log)
    assert not [found for found in both if found["fault"] or not found["direction"]]
    assert {found["session"] for found in both} == {"FIX.4.4:BUYER->EXCHANGE"}
    sent = [kind for kind in kinds(log) if kind[0] == "out"]
    assert sent == kinds(store) == kinds(store.with_suffix(".header"))
    assert [kind for _, kind, _ in sent] == ["A", "D", "G", "D", "F", "2", "5"]
    again = [found for found in both if found["poss_dup"]]
    assert {found["seq"] for found in again} >= {2, 3, 4, 5}
    lines = view(log, "--type", "8", "--grep", r"\|43=Y\|.*\|150=F\|")
    assert len(lines) == 2
    assert "FILL buy 50 ACME @ 10.01, 100 left [PossDup, first sent " in lines[1]
    chain = [
        found["type"] for found in objects(log, "--id", order) if not found["poss_dup"]
    ]
    assert chain == ["D", "8", "G", "8", "8", "F", "8"]
    numbers = view(store, "--entries")[-2:]
    assert f"{NAME}.seqnums: 00000000000000000008 : " in numbers[0]
    assert f"{NAME}.session: 2" in numbers[1]


def test_quickfix_events(traded: tuple[Exchange, Initiator, str]) -> None:
    _, buyer, _ = traded
    log = buyer.folder / "log"
    lines = view(log / f"{NAME}.event.current.log")
    assert lines[1].endswith(" Created session")
    assert any("Initiated logon request" in line for line in lines)
    merged = view(
        "--merge",
        log / f"{NAME}.messages.current.log",
        log / f"{NAME}.event.current.log",
    )
    assert merged[1].endswith(" Created session")
    times = [line[2:14] for line in merged[1:]]
    assert times == sorted(times)
    assert len(times) > 10


def test_the_outbox_of_a_running_gateway(
    traded: tuple[Exchange, Initiator, str],
) -> None:
    exchange, buyer, order = traded
    sent = kinds(exchange.data, "--session", "BUYER")
    assert sent == [
        ("out", "A", 1),
        *(("out", "8", number) for number in range(2, 6)),
    ]
    received = [("out", message.msg_type, message.seq) for message in buyer.received()]
    assert sent == received
    (fill,) = objects(exchange.data, "--id", order, "--grep", r"\|150=F\|")
    assert fill["session"] == "FIX.4.4:EXCHANGE->BUYER"
    assert fill["symbol"] == "ACME"
    entries = view(exchange.data / "gateway-0" / "outbox", "--entries")
    assert sum("events are taken up to" in line for line in entries) >= 4
    exchange.stop()
    assert kinds(exchange.data, "--session", "BUYER")[:5] == sent
