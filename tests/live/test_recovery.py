"""Lost connections, restarts, second starts: nothing is lost, nothing comes twice."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live import verify
from tests.live.conftest import Connect, MakeExchange
from tests.live.exchange import ROOT, Exchange, free_port
from tests.live.initiator import Initiator, Received
from tests.live.proxy import Proxy
from tests.live.waiting import wait_until

NewProxy = Callable[[int], Proxy]


def fills(client: Initiator, order: str) -> list[Received]:
    return [message for message in client.about(order) if message.get(150) == "F"]


def test_fills_missed_while_cut_off_are_recovered(
    exchange: Exchange, connect: Connect, new_proxy: NewProxy, tmp_path: Path
) -> None:
    proxy = new_proxy(exchange.port)
    buyer = connect("BUYER", proxy.port).start()
    seller = connect("SELLER", exchange.port).start()
    bid = buyer.order("buy", "ACME", "100", "10.00")
    buyer.wait_about(bid)
    proxy.cut()
    buyer.wait_logged_out()
    for _ in range(7):
        seller.wait_about(seller.order("sell", "ACME", "10", "10.00"), 2)
    assert len(buyer.about(bid)) == 1
    proxy.mend()
    buyer.wait_logon(2)
    buyer.wait(lambda: len(fills(buyer, bid)) == 7, "the seven missed fills")
    seller.wait_about(seller.order("sell", "ACME", "10", "10.00"), 2)
    buyer.wait(lambda: len(fills(buyer, bid)) == 8, "the fill after them")
    got = fills(buyer, bid)
    assert [fill.poss_dup for fill in got] == [True] * 7 + [False]
    assert all(fill.get(122) for fill in got[:7])
    assert [fill[151] for fill in got] == [str(100 - 10 * n) for n in range(1, 9)]
    verify.check_numbers(buyer.messages)
    verify.check_wire(buyer)
    assert verify.check_trades([buyer, seller]) == 8
    for client in (buyer, seller):
        client.stop()
    exchange.stop()
    events = exchange.events(tmp_path / "copy")
    for client in (buyer, seller):
        verify.check_log(client.messages, client.name, events)


def test_fills_missed_after_a_logout_are_recovered_by_the_next_start(
    exchange: Exchange, connect: Connect
) -> None:
    """The client's own numbers, from its own store, in another object."""
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    bid = buyer.order("buy", "EUR/USD", "5000", "1.08")
    buyer.wait_about(bid)
    buyer.stop()
    asks = [seller.order("sell", "EUR/USD", "1000", "1.08") for _ in range(3)]
    for ask in asks:
        seller.wait_about(ask, 2)
    again = connect("BUYER", exchange.port).start()
    again.wait(lambda: len(fills(again, bid)) == 3, "the missed fills")
    assert [fill.poss_dup for fill in fills(again, bid)] == [True] * 3
    cancel = again.cancel(bid, "buy", "EUR/USD")
    [cancelled] = again.wait_about(cancel)
    assert (cancelled[150], cancelled[14]) == ("4", "3000")
    assert len(fills(again, bid)) == 3
    verify.check_wire(again)


def test_orders_sent_while_cut_off_arrive_once(
    exchange: Exchange, connect: Connect, new_proxy: NewProxy
) -> None:
    """The exchange asks for them: it sees by the Logon's number that it missed some."""
    proxy = new_proxy(exchange.port)
    buyer = connect("BUYER", proxy.port).start()
    orders = [buyer.order("buy", "ACME", "10", "9.00") for _ in range(3)]
    proxy.cut()
    buyer.wait_logged_out()
    orders += [buyer.order("buy", s, "10", "9.00") for s in ("ACME", "GLOBEX") * 5]
    proxy.mend()
    buyer.wait_logon(2)
    orders.append(buyer.order("buy", "ACME", "10", "9.00"))
    buyer.wait(lambda: all(buyer.about(order) for order in orders), "every answer")
    assert verify.check_orders(buyer, orders) == set()
    verify.check_numbers(buyer.messages)
    verify.check_wire(buyer)


def test_a_slow_network_in_crumbs(
    exchange: Exchange, connect: Connect, new_proxy: NewProxy
) -> None:
    proxy = new_proxy(exchange.port)
    proxy.delay_s, proxy.crumb_bytes = 0.05, 7
    buyer = connect("BUYER", proxy.port).start()
    orders = [buyer.order("buy", "ACME", "10", "9.00") for _ in range(20)]
    buyer.wait(lambda: all(buyer.about(order) for order in orders), "every answer")
    assert verify.check_orders(buyer, orders) == set()
    assert buyer.logons == 1
    assert not exchange.said("garbled")


def test_a_connection_that_died_silently_is_replaced(
    exchange: Exchange, connect: Connect, new_proxy: NewProxy
) -> None:
    """Nobody closes it: both sides must find out by their heartbeats."""
    proxy = new_proxy(exchange.port)
    buyer = connect("BUYER", proxy.port, heart_bt_int_s=2).start()
    seller = connect("SELLER", exchange.port).start()
    bid = buyer.order("buy", "ACME", "10", "10.00")
    buyer.wait_about(bid)
    proxy.freeze()
    seller.wait_about(seller.order("sell", "ACME", "10", "10.00"), 2)
    buyer.wait_logon(2)
    buyer.wait(lambda: len(fills(buyer, bid)) == 1, "the missed fill")
    assert fills(buyer, bid)[0].poss_dup
    verify.check_wire(buyer)


def test_reset_of_the_numbers_by_logon(exchange: Exchange, connect: Connect) -> None:
    """ResetSeqNumFlag(141)=Y: numbers begin at 1, the book stays as it is."""
    buyer = connect("BUYER", exchange.port).start()
    bid = buyer.order("buy", "ACME", "10", "10.00")
    buyer.wait_about(bid)
    other = buyer.order("buy", "GLOBEX", "10", "10.00")
    buyer.wait_about(other)
    buyer.stop()
    again = connect("BUYER", exchange.port, reset=True).start()
    logon = next(message for message in again.admin if message.msg_type == "A")
    assert (logon.seq, logon[141]) == (1, "Y")
    # Numbers that were used before the reset are not taken for duplicates.
    cancel = again.cancel(bid, "buy", "ACME")
    [cancelled] = again.wait_about(cancel)
    assert (cancelled[150], cancelled.seq) == ("4", 2)
    assert len(again.messages) == 1
    again.stop()
    # Afterwards the new numbers count, also over a kill of the gateway.
    killed = exchange.kill("gateway")["gateway"]
    exchange.wait_back("gateway", killed)
    third = connect("BUYER", gateway_port(exchange)).start()
    cancel = third.cancel(other, "buy", "GLOBEX")
    [cancelled] = third.wait_about(cancel)
    assert cancelled[150] == "4"
    assert cancelled.seq > 3
    new = third.order("buy", "ACME", "10", "10.00")
    assert third.wait_about(new)[0][150] == "0"


def gateway_port(exchange: Exchange) -> int:
    """Where the gateway listens now, by its process: it may have been restarted."""
    pid = exchange.processes()["gateway"].pid
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
        if found:
            inodes.add(found[1])
    ports = {
        int(row.split()[1].rpartition(":")[2], 16)
        for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if row.split()[3] == "0A" and row.split()[9] in inodes
    }
    assert len(ports) == 1, ports
    return ports.pop()


def test_a_restart_goes_on_with_the_same_books_and_numbers(
    new_exchange: MakeExchange, connect: Connect, tmp_path: Path
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    bid = buyer.order("buy", "BTC-USD", "3", "64000")
    low = buyer.order("buy", "ETH-USD", "1", "3000")
    for order in (bid, low):
        buyer.wait_about(order)
    ask = seller.order("sell", "BTC-USD", "1", "64000")
    seller.wait_about(ask, 2)
    buyer.wait_about(bid, 2)
    before = max(message.seq for message in buyer.messages)
    exchange.stop()
    buyer.wait_logged_out()
    exchange.start()
    assert re.search(r"shard 0 +15 instruments, 1 open orders\n", exchange.banner)
    assert re.search(r"shard 1 +9 instruments, 1 open orders\n", exchange.banner)
    for client in (buyer, seller):
        client.wait_logon(2)
    [cancelled] = buyer.wait_about(buyer.cancel(low, "buy", "ETH-USD"))
    assert cancelled[150] == "4"
    assert cancelled.seq > before
    ask = seller.order("sell", "BTC-USD", "2", "64000")
    assert seller.wait_about(ask, 2)[1][39] == "2"
    last = buyer.wait_about(bid, 3)[-1]
    assert (last[39], last[14], last[6]) == ("2", "3", "64000")
    for client in (buyer, seller):
        verify.check_numbers(client.messages)
        verify.check_wire(client)
        client.stop()
    exchange.stop()
    events = exchange.events(tmp_path / "copy")
    for client in (buyer, seller):
        verify.check_log(client.messages, client.name, events)


def test_a_client_that_does_not_answer_the_logout_delays_nobody(
    exchange: Exchange, connect: Connect, new_proxy: NewProxy
) -> None:
    proxy = new_proxy(exchange.port)
    connect("BUYER", proxy.port).start()
    proxy.freeze()
    begun = time.monotonic()
    exchange.stop()
    assert time.monotonic() - begun < 15


def test_sigterm_is_as_good_as_ctrl_c(exchange: Exchange) -> None:
    exchange.stop(15)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=50.0, cwd=ROOT, check=False
    )


def test_a_second_start_on_the_same_data_is_refused(
    exchange: Exchange, connect: Connect
) -> None:
    second = run(*exchange.command())
    assert second.returncode not in (0, 1)
    assert "ready" not in second.stdout
    [line] = second.stderr.splitlines()
    assert str(exchange.data) in line
    assert "in use" in line
    assert str(exchange.processes()["supervisor"].pid) in line
    # The first lives on, and trades.
    buyer = connect("BUYER", exchange.port).start()
    bid = buyer.order("buy", "ACME", "1", "10")
    assert buyer.wait_about(bid)[0][150] == "0"


def test_a_port_that_is_taken(exchange: Exchange, new_exchange: MakeExchange) -> None:
    second = new_exchange("second", exchange.port)
    begun = time.monotonic()
    result = run(*second.command())
    assert result.returncode not in (0, 1)
    assert time.monotonic() - begun < 30
    assert "ready" not in result.stdout
    assert f"127.0.0.1:{exchange.port}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("HeartBtIntt=30", r"HeartBtInt"),
        ("NonStopSession=maybe", r"maybe"),
        ("MaxLatency=-3", r"-3"),
        ("no equals sign", r"no equals sign|key=value"),
    ],
)
def test_a_broken_sessions_file_names_file_line_and_reason(
    new_exchange: MakeExchange, line: str, reason: str
) -> None:
    exchange = new_exchange()
    text = exchange.sessions.read_text()
    number = text.count("\n") + 1
    exchange.sessions.write_text(f"{text}{line}\n")
    result = run(*exchange.command())
    assert result.returncode not in (0, 1)
    assert result.stdout == ""
    assert f"sessions.cfg:{number}: " in result.stderr
    assert re.search(reason, result.stderr)
    assert "Traceback" not in result.stderr
    assert not exchange.data.exists()


def test_a_missing_sessions_file_is_named(new_exchange: MakeExchange) -> None:
    exchange = new_exchange()
    exchange.sessions.unlink()
    result = run(*exchange.command())
    assert result.returncode not in (0, 1)
    assert str(exchange.sessions) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_folder_too_deep_for_a_socket(tmp_path: Path) -> None:
    """A Unix socket's path has at most 107 bytes. It works, or it is said at once."""
    exchange = Exchange(tmp_path / ("deep" * 25))
    try:
        exchange.launch()
        wait_until(
            lambda: exchange.is_ready or exchange.has_ended,
            "either ready or refused",
            state=lambda: exchange.errors()[:2000],
        )
        if exchange.has_ended:
            assert exchange.wait_ended(1.0) not in (0, 1)
            assert "Traceback" not in exchange.errors()
        else:
            exchange.stop()
    finally:
        exchange.clean_up()


def test_the_shards_of_a_data_folder_cannot_be_changed(exchange: Exchange) -> None:
    exchange.stop()
    text = exchange.config.read_text()
    exchange.config.write_text(text.replace("count = 2", "count = 3"))
    result = run(*exchange.command())
    assert result.returncode not in (0, 1)
    assert "manifest.json" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_shard_with_a_damaged_log_says_where_and_others_trade(
    exchange: Exchange, connect: Connect
) -> None:
    exchange.stop()
    [log] = (exchange.data / "shard-1" / "commands").glob("*.log")
    data = bytearray(log.read_bytes())
    place = data.index(b"GLOBEX")
    data[place] ^= 0x20
    log.write_bytes(data)
    exchange.start()
    assert exchange.said("shard 1 has halted") == 1
    assert exchange.said(str(log)) >= 1
    assert "shard 0" in exchange.banner
    buyer = connect("BUYER", exchange.port).start()
    assert buyer.wait_about(buyer.order("buy", "ACME", "1", "10"))[0][150] == "0"
    [answer] = buyer.wait_about(buyer.order("buy", "GLOBEX", "1", "10"))
    assert (answer.msg_type, answer[380]) == ("j", "4")
    exchange.stop()
