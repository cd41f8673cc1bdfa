"""The side door as a process among processes: killed, stopped, cut off, started again.

What is asked each time: no order that was acknowledged is lost, none is entered twice,
and whoever asks learns what became of it.
"""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from engine.codes import EventKind
from engine.host.admin import call
from fixgw.sidedoor.client import RestClient
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.keys import KeyFile, Role, new_key
from tests.live.exchange import SHARD_0, SHARD_1, SIDE_DOOR, Exchange
from tests.live.waiting import wait_until

pytestmark = pytest.mark.processes

SYMBOL = {SHARD_0: "BTC-USD", SHARD_1: "ETH-USD"}
"""Pinned in the configuration of these tests."""

ORDER: dict[str, Any] = {"side": "buy", "qty": "1", "price": "100"}


class Rig:
    """An exchange with a side door, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.exchange = Exchange(folder / "exchange")
        text = self.exchange.config.read_text()
        before = "[sidedoor]\nenabled = false"
        assert before in text
        limits = (
            "orders_per_second = 1000\norders_burst = 1000\nreads_per_second = 1000"
        )
        after = f"[sidedoor]\nenabled = true\n{limits}\nreads_burst = 1000"
        self.exchange.config.write_text(text.replace(before, after))
        self.key = new_key("ALICE", Role.TRADE, "", time.time_ns())
        KeyFile(self.exchange.data / "sidedoor" / "api-keys.json").add(self.key)
        self.exchange.start()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.exchange.banner)
        assert found, self.exchange.banner
        self.url = found[0]

    def client(self) -> RestClient:
        """One that signs. It may be used by one thread at a time."""
        return RestClient(self.url, self.key.key_id, self.key.secret)

    def ready(self) -> None:
        """Wait until the side door answers and every shard is there."""

        def is_ready() -> bool:
            try:
                return httpx.get(self.url + "readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_ready, "readiness", 20, self.exchange.errors)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process."""
        self.exchange.processes()[name].signal(number)

    def facts(self) -> dict[str, Any]:
        """What the side door tells about itself."""
        path = self.exchange.data / "sidedoor" / "admin.sock"
        facts: dict[str, Any] = call(path, "status")["facts"]
        return facts

    def accepted(self, copy: Path) -> Counter[str]:
        """How often each client order id was accepted, as the logs say."""
        self.exchange.stop()
        key = account_key("ALICE")
        return Counter(
            event.cl_ord_id
            for events in self.exchange.events(copy).values()
            for event in events
            if event.kind == EventKind.ACCEPTED and event.session == key
        )


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    try:
        yield made
    finally:
        made.exchange.clean_up()


@pytest.fixture
def background() -> Iterator[Callable[..., Future[Any]]]:
    """Runs something while the test goes on."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


def test_a_shard_killed_before_it_answered(
    rig: Rig, tmp_path: Path, background: Callable[..., Future[Any]]
) -> None:
    """The link is lost after the submission: the order is done when it is back."""
    with rig.client() as alice, rig.client() as other:
        rig.signal(SHARD_1, signal.SIGSTOP)
        entering = background(alice.new_order, "a", SYMBOL[SHARD_1], **ORDER)
        wait_until(lambda: rig.facts()["under_way"] == 1, "the submission")
        killed = rig.exchange.kill(SHARD_1)
        # Other symbols trade on, and nothing is answered on a guess.
        assert other.new_order("b", SYMBOL[SHARD_0], **ORDER).status_code == 201
        answer = other.new_order("c", SYMBOL[SHARD_1], **ORDER)
        assert answer.status_code in (503, 201), answer.text
        rig.exchange.wait_back(SHARD_1, killed[SHARD_1])
        answer = entering.result()
        assert answer.status_code in (201, 504), answer.text
        rig.ready()
        order = other.order("a").json()
        assert order["status"] == "open"
        again = other.new_order("a", SYMBOL[SHARD_1], **ORDER)
        assert (again.status_code, again.json()) == (200, order)
    counts = rig.accepted(tmp_path / "copy")
    assert counts["a"] == counts["b"] == 1


def test_a_side_door_killed_before_it_answered(
    rig: Rig, tmp_path: Path, background: Callable[..., Future[Any]]
) -> None:
    with rig.client() as alice, rig.client() as later:
        alice.new_order("known", SYMBOL[SHARD_1], **ORDER)
        rig.signal(SHARD_1, signal.SIGSTOP)
        entering = background(alice.new_order, "a", SYMBOL[SHARD_1], **ORDER)
        wait_until(lambda: rig.facts()["under_way"] == 1, "the submission")
        killed = rig.exchange.kill(SIDE_DOOR)
        with pytest.raises(httpx.TransportError):
            entering.result()
        rig.exchange.wait_back(SIDE_DOOR, killed[SIDE_DOOR], 20)
        # The shard stands still: the new side door does not know what it has.
        for answer in (
            later.order("a"),
            later.new_order("a", SYMBOL[SHARD_1], **ORDER),
        ):
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"]["code"] == "SHARD_UNAVAILABLE"
        rig.signal(SHARD_1, signal.SIGCONT)
        rig.ready()
        order = later.order("a").json()
        assert order["status"] == "open"
        again = later.new_order("a", SYMBOL[SHARD_1], **ORDER)
        assert (again.status_code, again.json()) == (200, order)
        assert again.headers["Idempotent-Replay"] == "true"
        assert later.cancel("known").json()["status"] == "cancelled"
    assert rig.accepted(tmp_path / "copy") == {"a": 1, "known": 1}


VICTIMS = ((SHARD_0,), (SIDE_DOOR,), (SHARD_1, SIDE_DOOR), (SHARD_0, SHARD_1))
"""Who dies, one after the other, each time some orders have been entered."""

ORDERS_BETWEEN = 8


def test_orders_through_any_death_are_entered_once(rig: Rig, tmp_path: Path) -> None:
    """Clients that follow the rules, while processes die under them."""
    total = ORDERS_BETWEEN * (len(VICTIMS) + 1)
    outcomes = Counter[int]()
    orders: dict[str, dict[str, Any]] = {}

    def enter(number: int) -> None:
        name, symbol = f"o-{number}", SYMBOL[(SHARD_0, SHARD_1)[number % 2]]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with rig.client() as client:
                    answer = client.new_order(name, symbol, **ORDER)
            except httpx.TransportError:
                outcomes[0] += 1
            else:
                outcomes[answer.status_code] += 1
                if answer.status_code in (200, 201):
                    orders[name] = answer.json()
                    return
                assert answer.status_code in (503, 504), answer.text
            time.sleep(0.1)
        pytest.fail(f"{name} was not entered: {outcomes}")

    def entered(count: int) -> Callable[[], bool]:
        return lambda: len(orders) >= count

    with ThreadPoolExecutor(4) as pool:
        entering = [pool.submit(enter, number) for number in range(total)]
        for turn, victims in enumerate(VICTIMS, 1):
            wait_until(entered(turn * ORDERS_BETWEEN), "orders", 30)
            for process in [rig.exchange.processes().get(name) for name in victims]:
                if process is not None:
                    process.signal(signal.SIGKILL)
        for task in entering:
            task.result()
    assert sum(outcomes.values()) > total, "no fault was met"
    rig.ready()
    with rig.client() as client:
        live = client.orders(limit=500).json()["orders"]
        found = {order["client_order_id"]: order["order_id"] for order in live}
        assert found == {name: order["order_id"] for name, order in orders.items()}
    counts = rig.accepted(tmp_path / "copy")
    assert counts == dict.fromkeys((f"o-{n}" for n in range(total)), 1)


def test_it_stops_in_order_and_in_time(rig: Rig) -> None:
    stream = rig.url.replace("http:", "ws:") + "v1/ws"
    with rig.client() as client, connect(stream, proxy=None) as streams:
        assert client.orders().status_code == 200
        started = time.monotonic()
        rig.signal(SIDE_DOOR, signal.SIGTERM)
        with contextlib.suppress(ConnectionClosed):
            while streams.recv(20):
                pass
        assert streams.protocol.close_code == 1001
        wait_until(lambda: rig.exchange.said("sidedoor ended: exit code 0"), "the end")
        assert time.monotonic() - started < 10
        rig.ready()
        assert client.orders().status_code == 200


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        exchange = Exchange(tmp_path / "exchange")
        text = exchange.config.read_text()
        before = "[sidedoor]\nenabled = false\nport = 0"
        assert before in text
        port = taken.getsockname()[1]
        after = f"[sidedoor]\nenabled = true\nport = {port}"
        exchange.config.write_text(text.replace(before, after))
        try:
            exchange.start()
            # Trading over FIX does not depend on it.
            assert exchange.said("sidedoor has halted (exit code 73)") == 1
            assert exchange.said(f"cannot listen on 127.0.0.1:{port}") == 1
            exchange.stop()
        finally:
            exchange.clean_up()
