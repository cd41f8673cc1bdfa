"""A whole exchange as Prometheus and probes see it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.codes import EventKind
from tests.live.conftest import Connect
from tests.live.exchange import (
    CHILDREN,
    GATEWAY,
    PUBLISHER,
    READ_MODEL,
    ROOT,
    SHARD_0,
    SHARD_1,
    SIDE_DOOR,
    SUPERVISOR,
    Exchange,
)
from tests.live.metrics import Scrape, probe, scrape
from tests.live.rest import rest_client
from tests.live.waiting import wait_until
from tests.services import KafkaService, PostgresService

MORE = """\
database = "{postgres}"
[kafka]
bootstrap_servers = "{kafka}"
topic = "{topic}"
[circuit_breaker]
enabled = true
"""
EVERYBODY = sorted(CHILDREN | {SUPERVISOR})


@pytest.fixture
def whole(
    tmp_path: Path, kafka: KafkaService, postgres: PostgresService
) -> Iterator[Exchange]:
    """An exchange with every process there is, running."""
    more = MORE.format(
        postgres=postgres.fresh_database(),
        kafka=kafka.bootstrap,
        topic=kafka.unused_topic(),
    )
    made = Exchange(tmp_path / "x", everything=True, more=more)
    try:
        yield made.start()
    finally:
        made.clean_up()


def is_level(exchange: Exchange) -> bool:
    """Whether Kafka and the tables have every event."""
    seqs = {
        str(shard): scrape(exchange, f"shard {shard}")("fixgw_event_seq")
        for shard in (0, 1)
    }
    publisher, model = scrape(exchange, PUBLISHER), scrape(exchange, READ_MODEL)
    return (
        publisher.by("fixgw_publisher_seq", "shard") == seqs
        and model.by("fixgw_readmodel_seq", "shard") == seqs
        and not model("fixgw_readmodel_lag_seconds")
    )


# -- figures ---------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_the_figures_of_a_few_orders(whole: Exchange, connect: Connect) -> None:
    buyer = connect("BUYER", whole.port).start()
    seller = connect("SELLER", whole.port).start()

    high = buyer.order("buy", "ACME", "10", "50.00")
    buyer.wait_about(high)
    low = buyer.order("buy", "ACME", "7", "49.00")
    buyer.wait_about(low)
    ask = seller.order("sell", "ACME", "4", "50.00")
    seller.wait_about(ask, 2)
    rest = seller.order("sell", "ACME", "100", "51.00")
    seller.wait_about(rest)
    for price in ("51.50", "52.00"):
        seller.wait_about(seller.order("sell", "ACME", "1", price))
    cancel = buyer.cancel(low, "buy", "ACME")
    buyer.wait_about(cancel)
    changed = buyer.replace(high, "buy", "ACME", "12", "50.50")
    buyer.wait_about(changed)
    # Refused by the shard: an order, a cancel, a replace.
    buyer.wait_about(buyer.order("buy", "ACME", "0", "50.00"))
    buyer.wait_about(buyer.cancel("nothing", "buy", "ACME"))
    buyer.wait_about(buyer.replace("nothing", "buy", "ACME", "1", "50.00"))
    # The other shard.
    bid = buyer.order("buy", "ETH-USD", "2.5", "2000.10")
    buyer.wait_about(bid)
    ask = seller.order("sell", "ETH-USD", "1.25", "2000.10")
    seller.wait_about(ask, 2)
    # By REST, and over the best ask of what was traded by FIX.
    with rest_client(whole, "ALICE") as alice:
        answer = alice.new_order("a-1", "ACME", "buy", "3", "51.00")
        assert (answer.status_code, answer.json()["status"]) == (201, "filled")
        answer = alice.new_order("a-2", "ACME", "buy", "0", "51.00")
        assert answer.status_code == 422
    wait_until(lambda: is_level(whole), "Kafka and tables", 30, whole.errors)

    gateway = scrape(whole, GATEWAY)
    assert gateway.by("orders_received_total", "kind") == {
        "new": 9,
        "cancel": 2,
        "replace": 2,
    }
    assert gateway("order_latency_seconds_count") == 13
    assert gateway("order_latency_seconds_bucket", le="+Inf") == 13
    assert 0 < gateway("order_latency_seconds_sum") < 13
    assert gateway.by("fixgw_sessions", "state") == {
        "configured": 2,
        "logged_on": 2,
        "disabled": 0,
    }
    assert gateway("fixgw_logons_total") == 2
    assert gateway("fixgw_unconfirmed_commands") == 0
    assert gateway.by("fixgw_shard_link_up", "shard") == {"0": 1, "1": 1}

    door = scrape(whole, SIDE_DOOR)
    assert door.by("orders_received_total", "kind") == {
        "new": 2,
        "cancel": 0,
        "replace": 0,
        "cancel_all": 0,
        "deadline": 0,
    }
    assert door("order_latency_seconds_count") == 2
    orders = "POST /v1/orders"
    assert door("fixgw_http_requests_total", route=orders, status="201") == 1
    assert door("fixgw_http_requests_total", route=orders, status="422") == 1
    assert door("fixgw_http_request_seconds_count", route=orders) == 2

    first, second = scrape(whole, SHARD_0), scrape(whole, SHARD_1)
    assert first("orders_matched_total") == 4
    assert second("orders_matched_total") == 2
    assert first.by("orders_rejected_total", "kind") == {
        "new": 2,
        "cancel": 1,
        "replace": 1,
    }
    assert second.by("orders_rejected_total", "kind") == {
        "new": 0,
        "cancel": 0,
        "replace": 0,
    }
    assert first("trades_total", symbol="ACME") == 2
    assert first("trade_volume_total", symbol="ACME") == 7
    assert sum(first.by("trades_total", "symbol").values()) == 2
    assert second("trades_total", symbol="ETH-USD") == 1
    assert second("trade_volume_total", symbol="ETH-USD") == 1.25
    assert book(first, "ACME") == {"buy": (1, 8), "sell": (3, 99)}
    assert book(second, "ETH-USD") == {"buy": (1, 1.25), "sell": (0, 0)}
    assert first("fixgw_open_orders", symbol="ACME") == 4
    assert first("fixgw_instrument_halted", symbol="ACME") == 0
    events = {kind: n for kind, n in first.by("fixgw_events_total", "type").items()}
    assert events == dict.fromkeys(EventKind.__members__, 0) | {
        "ACCEPTED": 7,
        "REJECTED": 2,
        "FILLED": 4,
        "CANCELLED": 1,
        "REPLACED": 1,
        "CANCEL_REJECTED": 1,
        "REPLACE_REJECTED": 1,
        "INSTRUMENT_DEFINED": first("fixgw_instruments"),
        "DAY_ENDED": 1,
    }
    assert first("fixgw_event_seq") == sum(events.values())
    reasons = first.by("fixgw_event_reasons_total", "reason")
    assert {name: n for name, n in reasons.items() if n} == {
        "QTY_NOT_POSITIVE": 2,
        "UNKNOWN_ORDER": 2,
        "REQUESTED": 1,
    }
    for shard in (first, second):
        assert shard.by("fixgw_link_behind_events", "gateway") == {
            "0": 0,
            "1000": 0,
            "2000": 0,
            "3000": 0,
        }

    publisher, model = scrape(whole, PUBLISHER), scrape(whole, READ_MODEL)
    assert publisher.by("fixgw_publisher_lag_events", "shard") == {"0": 0, "1": 0}
    assert publisher("fixgw_publisher_connected") == 1
    assert model.by("fixgw_readmodel_lag_events", "shard") == {"0": 0, "1": 0}
    assert model("fixgw_readmodel_lag_seconds") == 0
    assert model("fixgw_readmodel_events_total") == (
        first("fixgw_event_seq") + second("fixgw_event_seq")
    )
    assert model.by("fixgw_readmodel_up", "side") == {"source": 1, "database": 1}

    supervisor = scrape(whole, SUPERVISOR)
    assert supervisor.by("fixgw_process_ready", "process") == dict.fromkeys(CHILDREN, 1)
    assert supervisor.by("fixgw_process_halted", "process") == dict.fromkeys(
        CHILDREN, 0
    )
    assert supervisor.by("fixgw_process_starts_total", "process") == dict.fromkeys(
        CHILDREN, 1
    )
    for process in EVERYBODY:
        found = scrape(whole, process)
        assert found("fixgw_disk_free_bytes") > 0
        assert found("process_resident_memory_bytes") > 0
        (labels,) = (sample.labels for sample in found.families["fixgw_info"].samples)
        assert labels["process"] == process
    check_names(whole)


def book(shard: Scrape, symbol: str) -> dict[str, tuple[float, float]]:
    """Levels and quantity of each side."""
    return {
        side: (
            shard("current_orderbook_depth", symbol=symbol, side=side),
            shard("fixgw_orderbook_quantity", symbol=symbol, side=side),
        )
        for side in ("buy", "sell")
    }


def check_names(exchange: Exchange) -> None:
    """What is exposed is what the document lists, with type, labels and process."""
    listed = documented()
    found: dict[tuple[str, str], set[str]] = {}
    for process in EVERYBODY:
        kind = process.partition(" ")[0]
        for family in scrape(exchange, process).families.values():
            if family.name.startswith(("process_", "python_")):
                continue
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels}
            known = listed[name, kind]
            assert family.type == known[0], name
            if family.samples:
                assert labels - {"le"} == known[1], name
            found[name, kind] = labels
    assert found.keys() == listed.keys()


def documented() -> dict[tuple[str, str], tuple[str, set[str]]]:
    """Type and labels of each metric of docs/metrics.md, by name and process."""
    listed = {}
    process = ""
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if line.startswith("#"):
            process = ""
        if heading := re.match(r"### .*\(`(\w+)`\)", line):
            process = heading[1]
        row = re.match(r"\| `(\w+)` \| (\w+) \| (.*?) \|", line)
        if row and process:
            labels = set(re.findall(r"`(\w+)`", row[3]))
            for kind in (
                {name.partition(" ")[0] for name in EVERYBODY}
                if process == "all"
                else {process}
            ):
                assert (row[1], kind) not in listed, f"{row[1]} is there twice"
                listed[row[1], kind] = row[2], labels
    return listed


# -- health ----------------------------------------------------------------------------


def wait_ready(exchange: Exchange, *processes: str) -> None:
    """Until all of them are."""
    for process in processes:
        wait_until(
            lambda process=process: probe(exchange, process)[0] == 200,
            f"{process} is ready",
            30,
            exchange.errors,
        )


def wait_missing(exchange: Exchange, process: str, dependency: str) -> Any:
    """Until a process names a dependency, and this one only, as not there."""
    problems: list[Any] = []

    def missing() -> bool:
        status, body = probe(exchange, process)
        problems[:] = body.get("problems", [])
        return status == 503 and (body["ready"], down(body)) == (False, [dependency])

    wait_until(missing, f"{process} misses {dependency}", 30, exchange.errors)
    return problems


def down(body: Any) -> list[str]:
    return [name for name, told in body["dependencies"].items() if not told["up"]]


@pytest.mark.timeout(180)
def test_readiness_names_what_is_missing(
    whole: Exchange,
    connect: Connect,
    kafka: KafkaService,
    postgres: PostgresService,
) -> None:
    for process in EVERYBODY:
        assert probe(whole, process, "/healthz") == (200, {"process": process})
    wait_ready(whole, *EVERYBODY)
    processes = whole.processes()

    # Stopped in its tracks: it says nothing itself, so the supervisor does.
    processes[SHARD_1].signal(signal.SIGSTOP)
    (problem,) = wait_missing(whole, SUPERVISOR, SHARD_1)
    assert problem == "shard 1 does not answer: it hangs, or was stopped"
    assert probe(whole, SHARD_1, "/healthz") == (0, {})
    assert scrape(whole, SUPERVISOR)("fixgw_process_ready", process=SHARD_1) == 0
    processes[SHARD_1].signal(signal.SIGCONT)
    wait_ready(whole, SUPERVISOR, SHARD_1)

    # Dead, and kept dead by a supervisor that cannot act.
    processes[SUPERVISOR].signal(signal.SIGSTOP)
    whole.kill(SHARD_0)
    (problem,) = wait_missing(whole, GATEWAY, SHARD_0)
    assert problem == "shard 0 is not linked: orders for its symbols are refused"
    wait_missing(whole, SIDE_DOOR, SHARD_0)
    assert probe(whole, GATEWAY, "/healthz")[0] == 200
    assert scrape(whole, GATEWAY).by("fixgw_shard_link_up", "shard") == {
        "0": 0,
        "1": 1,
    }
    processes[SUPERVISOR].signal(signal.SIGCONT)
    wait_ready(whole, *EVERYBODY)
    assert scrape(whole, SUPERVISOR)("fixgw_process_starts_total", process=SHARD_0) == 2

    # The database, while nothing happens.
    postgres.kill()
    wait_missing(whole, READ_MODEL, "database")
    assert scrape(whole, READ_MODEL)("fixgw_readmodel_up", side="database") == 0
    postgres.start()
    wait_ready(whole, READ_MODEL)

    # Kafka, while something does.
    buyer = connect("BUYER", whole.port).start()
    kafka.kill()
    buyer.wait_about(buyer.order("buy", "ACME", "1", "50.00"))
    wait_missing(whole, PUBLISHER, "kafka")
    assert scrape(whole, PUBLISHER)("fixgw_publisher_connected") == 0
    # It looks at the logs now and then.
    lag = "fixgw_publisher_lag_events"
    wait_until(lambda: scrape(whole, PUBLISHER)(lag, shard="0") == 1, lag)
    kafka.start()
    wait_ready(whole, *EVERYBODY)
    wait_until(lambda: is_level(whole), "Kafka and tables", 30, whole.errors)
    buyer.stop()
    whole.stop()


def test_an_exchange_that_is_not_watched(tmp_path: Path) -> None:
    """Switched off, nothing listens and nothing is missed."""
    exchange = Exchange(tmp_path / "x")
    try:
        exchange.start()
        assert not exchange.said("metrics and health")
        exchange.stop()
    finally:
        exchange.clean_up()
