"""One story, told the same by everybody, whatever dies in the middle.

A FIX client and two REST clients trade with each other, while Kafka, PostgreSQL, Redis
and the side door are killed and brought back, one after another. What the FIX client
was told, what REST answers, what the private streams gave, what is in Kafka and what is
in PostgreSQL must then agree with the shards' logs, event by event.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect as websocket

from engine.codes import EventKind
from engine.eventchain import extend, genesis
from engine.records import OrderEvent
from fixgw.fanout.codec import decode
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.sidedoor.client import RestClient
from fixgw.sidedoor.identity import account_key
from tests.fanout.support import consume
from tests.live import verify
from tests.live.conftest import Connect
from tests.live.exchange import SIDE_DOOR, Exchange, fixgw
from tests.live.initiator import Initiator
from tests.live.waiting import wait_until
from tests.readmodel.support import expected, tables
from tests.services import KafkaService, PostgresService, Service

ACCOUNTS = ("ALICE", "BOB")
SYMBOLS = ("ACME", "GLOBEX", "BTC-USD", "ETH-USD")
"""Turn and turn about: shards 0, 1, 0, 1."""
PACE_S = 0.02
ANSWER_S = 30.0
"""How long a REST client tries again while the side door is away."""

MORE = """\
database = "{postgres}"
[kafka]
bootstrap_servers = "{kafka}"
topic = "{topic}"
[redis]
url = "{redis}"
"""


class Rest(threading.Thread):
    """A REST client that sends orders until told to stop, and never takes silence for
    an answer: it asks again with the same client_order_id."""

    def __init__(self, account: str, key: dict[str, str], url: str, side: str) -> None:
        super().__init__(name=account, daemon=True)
        self.account = account
        self.client = RestClient(url, key["key"], key["secret"], timeout_s=8)
        self.stopping = threading.Event()
        self.error: BaseException | None = None
        self.answers: dict[str, dict[str, Any]] = {}
        """The answer to each order, by client_order_id."""
        self.refused: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self._side = side

    def run(self) -> None:
        try:
            number = 0
            while not self.stopping.is_set():
                self._round(number)
                number += 1
                time.sleep(PACE_S)
        except BaseException as error:
            self.error = error

    def _round(self, number: int) -> None:
        symbol = SYMBOLS[number % len(SYMBOLS)]
        name = f"{self.account.lower()}-{number}"
        # Most cross with the FIX client's, some rest and are changed or cancelled.
        rests = number % 5 == 4
        price = {"buy": "40.00", "sell": "60.00"}[self._side] if rests else "50.25"
        if number % 17 == 16:
            price = "50.123456789"
            self._ask(
                lambda: self.client.new_order(name, symbol, "buy", "1", price), 400
            )
            return
        qty = "0" if number % 11 == 10 else str(number % 4 + 1)
        answer = self._ask(
            lambda: self.client.new_order(
                name, symbol, "buy" if self._side == "buy" else "sell", qty, price
            )
        )
        if answer.status_code == 422:
            self.refused[name] = answer.json()
            return
        self.answers[name] = answer.json()
        if rests and number % 2:
            self._ask(
                lambda: self.client.replace(name, f"{name}r", qty="9", price=price),
                *(200, 201),
            )
            self._ask(lambda: self.client.cancel(f"{name}r"), 200)
        elif rests:
            self._ask(lambda: self.client.cancel(name), 200)

    def _ask(
        self, request: Callable[[], httpx.Response], *wanted: int
    ) -> httpx.Response:
        """The answer, however often it has to be asked for."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                answer = request()
                if answer.status_code not in (429, 500, 502, 503, 504):
                    break
                why = answer.text
            except httpx.HTTPError as error:
                why = repr(error)
            assert time.monotonic() < deadline, f"{self.account}: {why}"
            self.repeated += 1
            time.sleep(0.05)
        allowed = wanted or (200, 201, 422)
        assert answer.status_code in allowed, f"{self.account}: {answer.text}"
        return answer

    def finish(self) -> None:
        self.stopping.set()
        self.join(ANSWER_S)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


class Listener(threading.Thread):
    """The private stream of an account, over any number of connections."""

    def __init__(self, rest: Rest, url: str) -> None:
        super().__init__(name=f"{rest.account} listens", daemon=True)
        self.epochs: dict[str, list[dict[str, Any]]] = {}
        """The items of each epoch, in order."""
        self.error: BaseException | None = None
        self.stopping = threading.Event()
        self.connections = 0
        self.lost = ""
        """Why the last connection ended."""
        self._signer = rest.client.signer
        self._url = url.replace("http", "ws") + "/v1/ws"

    def run(self) -> None:
        epoch, seq = "", 0
        while not self.stopping.is_set():
            try:
                with websocket(self._url, open_timeout=3, proxy=None) as link:
                    self.connections += 1
                    epoch, seq = self._listen(link, epoch, seq)
            except (OSError, WebSocketException) as error:
                self.lost = repr(error)
                epoch, seq = self._last()
                time.sleep(0.1)
            except BaseException as error:
                self.error = error
                return

    def _last(self) -> tuple[str, int]:
        if not self.epochs:
            return "", 0
        epoch, items = list(self.epochs.items())[-1]
        return epoch, items[-1]["seq"] if items else 0

    def _listen(self, link: Any, epoch: str, seq: int) -> tuple[str, int]:
        assert self._signer is not None
        link.send(json.dumps(self._signer.websocket_login()))
        resume = {"epoch": epoch, "after_seq": seq} if epoch else {}
        subscription = {"op": "subscribe", "channel": "private", **resume}
        while not self.stopping.is_set():
            try:
                message = json.loads(link.recv(timeout=0.2))
            except TimeoutError:
                continue
            kind = message["type"]
            if kind == "authenticated":
                link.send(json.dumps(subscription))
            elif kind == "error":
                # Right after a start: what it has not learned yet, it says.
                code = message["error"]["code"]
                again = {
                    "SHARD_UNAVAILABLE": subscription,
                    "KEYS_UNAVAILABLE": self._signer.websocket_login(),
                }
                assert code in again, message
                time.sleep(0.1)
                link.send(json.dumps(again[code]))
            elif kind in ("snapshot", "resumed") and message["channel"] == "private":
                epoch, seq = message["epoch"], message["seq"]
                self.epochs.setdefault(epoch, [])
            elif kind in ("order", "fill"):
                assert message["seq"] == seq + 1, message
                seq = message["seq"]
                self.epochs[epoch].append(message)
        return epoch, seq

    def finish(self) -> None:
        self.stopping.set()
        self.join(10)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


class Desk(threading.Thread):
    """The FIX client: buys from one, sells to the other."""

    def __init__(self, client: Initiator) -> None:
        super().__init__(name="DESK", daemon=True)
        self.client = client
        self.stopping = threading.Event()
        self.sent = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                side = "buy" if self.sent % 2 else "sell"
                symbol = SYMBOLS[self.sent // 2 % len(SYMBOLS)]
                self.client.order(side, symbol, str(self.sent % 3 + 1), "50.25")
                self.sent += 1
                time.sleep(PACE_S)
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        self.stopping.set()
        self.join(10)
        assert self.error is None


@pytest.fixture
def exchange(
    tmp_path: Path,
    kafka: KafkaService,
    postgres: PostgresService,
    redis_server: Service,
) -> Iterator[Exchange]:
    """Everything there is, with real servers behind it."""
    more = MORE.format(
        postgres=postgres.fresh_database(),
        kafka=kafka.bootstrap,
        topic=kafka.unused_topic(),
        redis=redis_server.url,
    )
    made = Exchange(tmp_path / "x", ("DESK",), 0, everything=True, more=more)
    yield made
    made.clean_up()


def new_key(exchange: Exchange, account: str) -> dict[str, str]:
    """An API key, as an operator makes one."""
    made = subprocess.run(
        fixgw(
            *("keys", "create", "--account", account, "--role", "trade", "--json"),
            *("--config", exchange.config),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, str] = json.loads(made.stdout)
    return found


def status(exchange: Exchange) -> dict[str, Any]:
    """What ``fixgw status`` says."""
    told = subprocess.run(
        fixgw("status", "--json", "--config", exchange.config),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def all_arrived(exchange: Exchange) -> bool:
    """Whether Kafka and PostgreSQL have every event."""
    found = status(exchange)
    facts = {name: one["facts"] for name, one in found["processes"].items()}
    last = {f"shard {n}": facts[f"shard {n}"].get("last_event") for n in range(2)}
    published = {
        f"shard {n}": one["published"]
        for n, one in facts["publisher"].get("shards", {}).items()
    }
    stored = facts["readmodel"].get("positions")
    return bool(found["healthy"]) and last == published == stored


@pytest.mark.timeout(240)
def test_everybody_tells_the_same_story(
    exchange: Exchange,
    kafka: KafkaService,
    postgres: PostgresService,
    redis_server: Service,
    connect: Connect,
    tmp_path: Path,
) -> None:
    exchange.start()
    url = f"http://127.0.0.1:{exchange.http_port}"
    keys = {account: new_key(exchange, account) for account in ACCOUNTS}
    desk = Desk(connect("DESK", exchange.port).start())
    rests = [
        Rest("ALICE", keys["ALICE"], url, "buy"),
        Rest("BOB", keys["BOB"], url, "sell"),
    ]
    listeners = [Listener(rest, url) for rest in rests]
    threads = [*listeners, desk, *rests]
    for listener in listeners:
        listener.start()
    wait_until(
        lambda: all(one.epochs for one in listeners),
        "private streams",
        state=lambda: repr([(one.error, one.lost) for one in listeners]),
    )
    for thread in (desk, *rests):
        thread.start()

    def trade_on(orders: int) -> None:
        """Until every client has entered so many more orders."""
        goal = desk.sent + orders, *(len(rest.answers) + orders // 3 for rest in rests)
        wait_until(
            lambda: (
                any(thread.error for thread in threads)
                or desk.sent >= goal[0]
                and all(
                    len(rest.answers) >= wanted
                    for rest, wanted in zip(rests, goal[1:], strict=True)
                )
            ),
            f"{orders} more orders",
            60,
            exchange.errors,
        )
        for thread in threads:
            assert thread.error is None, repr(thread.error)

    trade_on(60)
    for server in (kafka, postgres, redis_server):
        server.kill()
        trade_on(60)
        server.start()
        trade_on(30)
    killed = exchange.kill(SIDE_DOOR)[SIDE_DOOR]
    exchange.wait_back(SIDE_DOOR, killed)
    # What happens from here on is what the second epoch of a stream tells.
    wait_until(
        lambda: all(len(one.epochs) == 2 for one in listeners),
        "private streams again",
        state=lambda: repr([(one.error, one.lost) for one in listeners]),
    )
    trade_on(60)
    for thread in (*rests, desk):
        thread.finish()
    wait_until(lambda: all_arrived(exchange), "every event downstream", 60)
    told = {
        rest.account: {
            "fills": everything(rest, "/v1/fills", "fills"),
            "orders": everything(rest, "/v1/orders", "orders", status="all"),
            "positions": rest.client.positions().json()["positions"],
        }
        for rest in rests
    }
    for listener in listeners:
        listener.finish()
    for rest in rests:
        rest.client.close()
    exchange.stop()
    events = exchange.events(tmp_path / "copy")
    assert rests[0].repeated + rests[1].repeated > 0, "nobody noticed that it was away"
    assert all(rest.refused for rest in rests)
    assert all(len(listener.epochs) == 2 for listener in listeners)
    verify.check_log(desk.client.messages, "DESK", events)
    trades = sum(
        isinstance(event, OrderEvent) and event.liquidity == 2
        for log in events.values()
        for event in log
    )
    assert trades > 50
    for rest, listener in zip(rests, listeners, strict=True):
        own = own_events(rest.account, events)
        check_rest(told[rest.account], own)
        check_answers(rest, own)
        check_stream(listener, own)
    check_kafka(exchange, kafka, events)
    check_tables(exchange, events)


def everything(
    rest: Rest, path: str, name: str, **filters: str
) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    before = None
    while True:
        query = "&".join(
            f"{key}={value}"
            for key, value in {**filters, "limit": "100", "before": before}.items()
            if value
        )
        while True:
            answer = rest.client.request("GET", f"{path}?{query}")
            if answer.status_code != 429:
                break
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page[name]
        before = page["next"]
        if not before:
            return found


OwnEvents = dict[tuple[int, int], OrderEvent]


def own_events(account: str, events: dict[int, list[Any]]) -> OwnEvents:
    """What happened to an account's orders, by shard and number."""
    key = account_key(account)
    return {
        (shard, event.seq): event
        for shard, log in events.items()
        for event in log
        if isinstance(event, OrderEvent) and event.session == key
    }


_STATUS = {
    **{"0": "open", "1": "partially_filled", "2": "filled", "4": "cancelled"},
    **{"8": "rejected", "C": "expired"},
}


def amounts(event: OrderEvent) -> tuple[object, ...]:
    """What every teller of an order's state must agree on."""
    return (
        verify.identifier(event.order_id),
        event.symbol,
        verify.amount(event.qty),
        verify.amount(event.cum_qty),
        verify.amount(event.leaves_qty),
        _STATUS[chr(event.ord_status)],
        event.time,
    )


def shown_amounts(order: dict[str, Any]) -> tuple[object, ...]:
    """The same of an order as the side door shows it."""
    return (
        order["order_id"],
        order["symbol"],
        Decimal(order["qty"]),
        Decimal(order["filled_qty"]),
        Decimal(order["leaves_qty"]),
        order["status"],
        order["updated_ns"],
    )


def fill_of(shard: int, event: OrderEvent) -> dict[str, Any]:
    """A fill as the side door must show it, amounts as numbers."""
    return {
        "exec_id": f"{shard}-{event.seq}",
        "trade_id": verify.identifier(event.trade_id),
        "order_id": verify.identifier(event.order_id),
        "client_order_id": event.cl_ord_id,
        "symbol": event.symbol,
        "side": {"1": "buy", "2": "sell"}[chr(event.side)],
        "price": verify.amount(event.last_price),
        "qty": verify.amount(event.last_qty),
        "liquidity": {1: "maker", 2: "taker"}[event.liquidity],
        "fee": verify.amount(event.fee),
        "state": "valid",
        "time_ns": event.time,
        "shard": shard,
        "seq": event.seq,
    }


def shown_fill(fill: dict[str, Any]) -> dict[str, Any]:
    """A fill as it was shown, amounts as numbers."""
    numbers = {name: Decimal(fill[name]) for name in ("price", "qty", "fee")}
    return {**fill, **numbers}


def fills_in(own: OwnEvents) -> dict[str, dict[str, Any]]:
    """All fills of an account, by ExecID."""
    return {
        f"{shard}-{seq}": fill_of(shard, event)
        for (shard, seq), event in own.items()
        if event.kind == EventKind.FILLED
    }


def last_states(own: OwnEvents) -> dict[str, tuple[object, ...]]:
    """Each order as its last event leaves it; refused changes change nothing."""
    states = {}
    for event in sorted(own.values(), key=lambda event: (event.time, event.seq)):
        if event.kind not in (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED):
            states[verify.identifier(event.order_id)] = amounts(event)
    return states


def check_rest(told: dict[str, Any], own: OwnEvents) -> None:
    """Fills, orders and positions, as REST lists them at the end."""
    fills = {fill["exec_id"]: shown_fill(fill) for fill in told["fills"]}
    assert len(fills) == len(told["fills"])
    assert fills == fills_in(own)
    orders = {order["order_id"]: shown_amounts(order) for order in told["orders"]}
    assert orders == last_states(own)
    net: dict[str, Decimal] = {}
    for fill in fills.values():
        sign = 1 if fill["side"] == "buy" else -1
        net[fill["symbol"]] = net.get(fill["symbol"], Decimal(0)) + sign * fill["qty"]
    assert {one["symbol"]: Decimal(one["net_qty"]) for one in told["positions"]} == net


def check_answers(rest: Rest, own: OwnEvents) -> None:
    """Each order was entered once, however often it was sent; each refused one shows
    why."""
    accepted = [e.cl_ord_id for e in own.values() if e.kind == EventKind.ACCEPTED]
    assert sorted(accepted) == sorted(rest.answers)
    rejected = {e.cl_ord_id for e in own.values() if e.kind == EventKind.REJECTED}
    assert rejected == rest.refused.keys()
    for answer in rest.refused.values():
        assert answer["error"]["code"] == "QTY_NOT_POSITIVE"


def check_stream(listener: Listener, own: OwnEvents) -> None:
    """Within an epoch the stream is the account's part of the log, nothing left out."""
    fills = fills_in(own)
    for items in listener.epochs.values():
        assert items
        told: dict[int, list[int]] = {0: [], 1: []}
        for item in items:
            if item["type"] == "fill":
                fill = item["fill"]
                assert shown_fill(fill) == fills[fill["exec_id"]]
                continue
            order = item["order"]
            event = own[order["shard"], order["seq"]]
            assert shown_amounts(order) == amounts(event)
            told[order["shard"]].append(order["seq"])
        for shard, seqs in told.items():
            wanted = [
                seq
                for (where, seq), event in own.items()
                if where == shard
                and seqs[0] <= seq <= seqs[-1]
                and event.kind
                not in (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)
            ]
            assert seqs == wanted


def check_kafka(
    exchange: Exchange, kafka: KafkaService, events: dict[int, list[Any]]
) -> None:
    """Deduplicated, the topic is the log, byte by byte, with its chain."""
    topic = topic_of(exchange)
    found: dict[tuple[int, int], tuple[bytes, bytes]] = {}
    for partition, records in consume(kafka.bootstrap, topic).items():
        last = 0
        for record in records:
            event = decode(record.value)
            assert event.shard == partition
            copy = event.event, event.chain
            assert found.setdefault((event.shard, event.seq), copy) == copy
            assert event.seq <= last + 1, "a gap"
            last = max(last, event.seq)
    wanted = {}
    for shard, log in events.items():
        packed = [event.pack() for event in log]
        chains = extend(genesis(shard), b"".join(packed))
        for event, data, chain in zip(log, packed, chains, strict=True):
            wanted[shard, event.seq] = data, chain
    assert found == wanted


def topic_of(exchange: Exchange) -> str:
    """From its configuration."""
    from fixgw.config import load

    return load(exchange.config).kafka.topic


def check_tables(exchange: Exchange, events: dict[int, list[Any]]) -> None:
    """PostgreSQL holds what the events say, row by row."""
    from fixgw.config import load

    class Told:
        """The events as tests.readmodel knows them."""

    history: Any = Told()
    history.events = {
        shard: [event.pack() for event in log] for shard, log in events.items()
    }
    found = tables(PostgresDatabase(load(exchange.config).readmodel.database))
    wanted = expected(history)
    for name in wanted.keys() - {"participants"}:
        assert found[name] == wanted[name], name
    names = {row["name"] for row in found["participants"]}
    assert names == {"FIX.4.4:EXCHANGE->DESK", "REST:ALICE", "REST:BOB"}
