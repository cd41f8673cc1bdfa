"""Kill -9 while two clients trade: no order lost, none twice, no number reused.

The exchange keeps its port, so that the clients find it again; they send on while it is
away, and QuickFIX delivers when it is back.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live import verify
from tests.live.conftest import Connect, MakeExchange
from tests.live.exchange import (
    GATEWAY,
    PROCESSES,
    SHARD_0,
    SHARD_1,
    SUPERVISOR,
    Exchange,
    free_port,
)
from tests.live.initiator import Initiator
from tests.live.waiting import wait_until

ORDERS = 150
"""Of each client."""
PACE_S = 0.01
SYMBOLS = ("ACME", "GLOBEX", "BTC-USD", "ETH-USD")
"""Turn and turn about: shards 0, 1, 0, 1."""


class Flow(threading.Thread):
    """Sends the orders of both clients, one of each per PACE_S. They all cross."""

    def __init__(self, buyer: Initiator, seller: Initiator) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {"BUYER": [], "SELLER": []}
        self.symbol_of: dict[str, str] = {}
        self.error: Exception | None = None
        self._sides = ((buyer, "buy"), (seller, "sell"))

    @property
    def progress(self) -> int:
        return len(self.sent["SELLER"])

    def run(self) -> None:
        try:
            for number in range(ORDERS):
                for client, side in self._sides:
                    # Different quantities: most orders are filled in several parts.
                    qty = str(number % 7 + (2 if side == "buy" else 1))
                    symbol = SYMBOLS[number % len(SYMBOLS)]
                    order = client.order(side, symbol, qty, "50.25")
                    self.sent[client.name].append(order)
                    self.symbol_of[order] = symbol
                time.sleep(PACE_S)
        except Exception as error:
            self.error = error

    def wait_progress(self, number: int) -> None:
        wait_until(
            lambda: self.progress >= number or self.error,
            f"{number} orders sent",
            state=lambda: repr(self.error),
        )

    def finish(self) -> None:
        self.join(30.0)
        assert not self.is_alive()
        assert self.error is None


def restart_child(name: str) -> Callable[[Exchange], None]:
    def fault(exchange: Exchange) -> None:
        killed = exchange.kill(name)[name]
        exchange.wait_back(name, killed)

    return fault


def restart_after_supervisor(exchange: Exchange) -> None:
    """A new one at once; the children of the old one must have made way."""
    processes = exchange.processes()
    assert processes.keys() == {*PROCESSES, SUPERVISOR}
    exchange.kill(SUPERVISOR)
    exchange.launch()
    old = [processes[name] for name in PROCESSES]
    wait_until(
        lambda: not any(process.is_alive for process in old),
        "the end of the children of a killed supervisor",
        state=exchange.errors,
    )
    exchange.wait_ready()


def restart_everything(exchange: Exchange) -> None:
    exchange.kill(SUPERVISOR, *PROCESSES)
    exchange.start()


def stop_and_start(exchange: Exchange) -> None:
    """No kill at all: Ctrl-C in the middle of the flow must be no worse."""
    exchange.stop()
    exchange.start()


def wait_in_step(clients: tuple[Initiator, ...]) -> None:
    """Until nothing is missed: a Logout inside a gap makes QuickFIX count the first
    message of the gap as received, and it never asks for that one again."""
    for client in clients:
        client.wait(
            lambda client=client: (
                client.is_logged_on
                and client.messages
                and not client.messages[-1].poss_dup
            ),
            "a report in its turn",
        )


def kill_both_ends(exchange: Exchange) -> None:
    """A shard, and while it is away the gateway that waits for it."""
    shard = exchange.kill(SHARD_0)[SHARD_0]
    time.sleep(0.05)
    gateway = exchange.kill(GATEWAY)[GATEWAY]
    exchange.wait_back(SHARD_0, shard)
    exchange.wait_back(GATEWAY, gateway)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(restart_child(GATEWAY), id="gateway"),
        pytest.param(restart_child(SHARD_0), id="shard-0"),
        pytest.param(restart_child(SHARD_1), id="shard-1"),
        pytest.param(restart_after_supervisor, id="supervisor"),
        pytest.param(restart_everything, id="everything"),
        pytest.param(stop_and_start, id="ctrl-c"),
        pytest.param(kill_both_ends, id="shard-and-gateway"),
    ],
)
def test_trading_survives_kill_9(
    fault: Callable[[Exchange], None],
    new_exchange: MakeExchange,
    connect: Connect,
    tmp_path: Path,
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    clients = (buyer, seller)
    flow = Flow(buyer, seller)
    flow.start()
    try:
        for progress in (ORDERS // 5, ORDERS * 3 // 5):
            flow.wait_progress(progress)
            if fault is stop_and_start:
                wait_in_step(clients)
            fault(exchange)
    finally:
        flow.finish()
    settle(clients, flow)
    checked = [check_view(client, flow) for client in clients]
    assert verify.check_trades(clients) > ORDERS // 4

    # Everything again, by ResendRequest: the same messages under the same numbers.
    for client in clients:
        check_everything_comes_again(client)

    for client in clients:
        client.stop()
    exchange.stop()
    events = exchange.events(tmp_path / "copy")
    for (messages, refused), client in zip(checked, clients, strict=True):
        verify.check_log(messages, client.name, events)
        verify.check_wire(client)
        in_log = {event.cl_ord_id for e in events.values() for event in order_events(e)}
        assert not refused & in_log
        assert set(flow.sent[client.name]) - refused <= in_log


def order_events(events: list[object]) -> list[object]:
    return [event for event in events if hasattr(event, "cl_ord_id")]


def settle(clients: tuple[Initiator, ...], flow: Flow) -> None:
    """Wait until every order is answered and both sides know of every trade."""
    for client in clients:
        client.wait(lambda client=client: client.is_logged_on, "the last logon", 20.0)
        unanswered: set[str] = set()

        def answered(client: Initiator = client, left: set[str] = unanswered) -> bool:
            left.clear()
            left.update(flow.sent[client.name])
            for message in client.messages:
                left.discard(message.get(11) or message.get(379) or "")
            return not left

        wait_until(
            answered,
            f"{client.name}: an answer to every order",
            20.0,
            lambda client=client, left=unanswered: f"{sorted(left)}\n{client.tail()}",
        )
    clients[0].wait(
        lambda: verify.both_sides_are_told(clients), "both sides of every trade"
    )


def check_view(client: Initiator, flow: Flow) -> tuple[list[object], set[str]]:
    """What must be true of the client's own view; the view, and the refused orders."""
    messages = client.messages
    verify.check_numbers(messages)
    refused = verify.check_orders(client, flow.sent[client.name])
    verify.check_executions(messages)
    return messages, refused


def check_everything_comes_again(client: Initiator) -> None:
    before = client.messages
    client.expect(1)
    probe = client.cancel("NEVER", "buy", "ACME")
    client.wait_about(probe, 1, 20.0)
    again = client.messages[len(before) :]
    assert probe in (again[-1].get(11), again[-1].get(379))
    assert [message.content for message in again[:-1]] == [
        message.content for message in before
    ]
    assert all(message.poss_dup for message in again[:-1])


# -- one shard away --------------------------------------------------------------------


class Held:
    """Stops processes for a while, so that a fault lasts until the test has seen it."""

    def __init__(self, exchange: Exchange, *names: str) -> None:
        processes = exchange.processes()
        self._processes = [processes[name] for name in names]

    def __enter__(self) -> None:
        for process in self._processes:
            process.signal(signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.signal(signal.SIGCONT)


def test_others_trade_while_a_shard_is_away(
    exchange: Exchange, connect: Connect
) -> None:
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    resting = buyer.order("buy", "GLOBEX", "10", "50")
    buyer.wait_about(resting)
    with Held(exchange, SUPERVISOR):
        killed = exchange.kill(SHARD_1)[SHARD_1]
        wait_until(lambda: exchange.said("shard 1: link lost"), "the loss of the link")
        bid = buyer.order("buy", "GLOBEX", "10", "50")
        [answer] = buyer.wait_about(bid)
        assert (answer.msg_type, answer[380], answer[372]) == ("j", "4", "D")
        cancel = buyer.cancel(resting, "buy", "GLOBEX")
        [answer] = buyer.wait_about(cancel)
        assert (answer.msg_type, answer[380], answer[372]) == ("j", "4", "F")
        ask = seller.order("sell", "ACME", "10", "10")
        seller.wait_about(ask)
        assert buyer.wait_about(buyer.order("buy", "ACME", "10", "10"), 2)[1][39] == "2"
    exchange.wait_back(SHARD_1, killed)
    wait_until(lambda: exchange.said("shard 1: link up") == 2, "the link's return")
    # The refused order may be sent again under its ClOrdID; the resting one is there.
    buyer.order("buy", "GLOBEX", "10", "51", t11=bid)
    assert buyer.wait_about(bid, 2)[-1][150] == "0"
    cancel = buyer.cancel(resting, "buy", "GLOBEX")
    assert buyer.wait_about(cancel)[0][150] == "4"
    assert buyer.logons == seller.logons == 1


def test_an_order_on_its_way_into_a_dying_shard_is_answered(
    exchange: Exchange, connect: Connect
) -> None:
    """The shard has the command in its socket and never reads it."""
    buyer = connect("BUYER", exchange.port).start()
    with Held(exchange, SHARD_0):
        orders = [buyer.order("buy", "ACME", "10", "10") for _ in range(5)]
        live = buyer.order("buy", "GLOBEX", "10", "10")
        buyer.wait_about(live)
        killed = exchange.kill(SHARD_0)[SHARD_0]
    exchange.wait_back(SHARD_0, killed)
    buyer.wait(lambda: all(buyer.about(order) for order in orders), "every answer")
    assert verify.check_orders(buyer, [*orders, live]) == set()


def test_a_refused_order_stays_refused(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    """What was answered once is not executed later, whatever is resent.

    The first order is in a shard that does not answer yet; the second is refused, its
    shard being away. Then the gateway dies. It has counted neither, asks for both
    again, and by then both shards are there.
    """
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    with Held(exchange, SUPERVISOR, SHARD_1):
        exchange.kill(SHARD_0)
        wait_until(lambda: exchange.said("shard 0: link lost"), "the loss of the link")
        slow = buyer.order("buy", "GLOBEX", "10", "10")
        refused = buyer.order("buy", "ACME", "10", "10")
        [answer] = buyer.wait_about(refused)
        assert (answer.msg_type, answer[380]) == ("j", "4")
        exchange.kill(GATEWAY)
    buyer.wait_logon(2, 20.0)
    buyer.wait(lambda: buyer.about(slow), "the answer to the first order")
    last = buyer.order("buy", "GLOBEX", "10", "10")
    buyer.wait_about(last)
    assert [str(m) for m in buyer.about(refused)] == [str(answer)]
    assert [m[150] for m in buyer.about(slow)] == ["0"]


def test_a_rejected_message_is_rejected_once(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    """As above, with an answer that no shard has a part in."""
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    with Held(exchange, SHARD_1):
        slow = buyer.order("buy", "GLOBEX", "10", "10")
        query = buyer.new_id()
        buyer.send("E", {11: query, 66: "1", 394: "3", 68: "1"})
        [answer] = buyer.wait_about(query)
        killed = exchange.kill(GATEWAY)[GATEWAY]
    exchange.wait_back(GATEWAY, killed)
    buyer.wait_logon(2, 20.0)
    buyer.wait(lambda: buyer.about(slow), "the answer to the order")
    last = buyer.order("buy", "GLOBEX", "10", "10")
    buyer.wait_about(last)
    assert [m.msg_type for m in buyer.about(query)] == ["j"]
    assert [m[150] for m in buyer.about(slow)] == ["0"]


def test_a_restarted_gateway_keeps_the_port_of_the_banner(exchange: Exchange) -> None:
    """Also when the port was left to the system: the clients know no other."""
    killed = exchange.kill(GATEWAY)[GATEWAY]
    exchange.wait_back(GATEWAY, killed)
    with socket.create_connection(("127.0.0.1", exchange.port), 5.0):
        pass


def test_a_child_that_keeps_dying_does_not_stop_the_others(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    for kills in (1, 2, 3):
        killed = exchange.kill(SHARD_1)[SHARD_1]
        assert buyer.wait_about(buyer.order("buy", "ACME", "1", "1"))[0][150] == "0"
        exchange.wait_back(SHARD_1, killed)
        # The link itself comes back within a second.
        wait_until(
            lambda kills=kills: exchange.said("shard 1: link up") == kills + 1,
            "the link's return",
            state=exchange.errors,
        )
    assert buyer.wait_about(buyer.order("buy", "GLOBEX", "1", "1"))[0][150] == "0"
    assert buyer.logons == 1
    exchange.stop()
