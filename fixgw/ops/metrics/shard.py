"""Metrics of a shard. Counters go on from the beginning of its log.

This is the process that matches: instruments are read page by page, with a turn of the
event loop between, so that no order waits for a scrape.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from engine.codes import EventKind, Phase
from engine.figures import InstrumentFigures
from engine.host.operator import Operator
from engine.shard import Shard
from fixgw.ops.metrics.families import counted, counter, decimal, gauge, total, value

PAGE_INSTRUMENTS = 32
"""Instruments read between two turns of the event loop: below a millisecond."""

SYMBOLS_MAX = 1_600
"""Instruments with metrics of their own, the first that were defined. Each has ten
series: more than 16,000 in one process cost Prometheus and the making of the text more
than they tell. Of all together tell ``fixgw_events_total`` and ``fixgw_instruments``.
"""

_REFUSALS = {
    EventKind.REJECTED: "new",
    EventKind.CANCEL_REJECTED: "cancel",
    EventKind.REPLACE_REJECTED: "replace",
}


async def shard_metrics(operator: Operator) -> AsyncIterator[Metric]:
    """What a shard's books and log say."""
    host, service = operator.host, operator.service
    figures = host.shard.figures(with_instruments=False)
    events = figures.events
    yield counted(
        "fixgw_events", "Events", "type", {kind.name: events[kind] for kind in events}
    )
    yield total(
        "orders_matched",
        "Fills of orders: two per trade, one for each side",
        events[EventKind.FILLED],
    )
    yield counted(
        "orders_rejected",
        "Orders, cancels and replaces the shard refused",
        "kind",
        {name: events[kind] for kind, name in _REFUSALS.items()},
    )
    yield counted(
        "fixgw_event_reasons",
        "Events that gave a reason: refusals, ends and changes of orders",
        "reason",
        {reason.name: count for reason, count in figures.reasons.items()},
    )
    yield value("fixgw_command_seq", "Number of the last command", host.command_seq)
    yield value("fixgw_event_seq", "Number of the last event", host.event_seq)
    links = list(service.links())
    yield gauge(
        "fixgw_link_backlog_bytes",
        "Events given to a gateway and not yet on their way",
        ["gateway"],
        [((str(link.gateway),), link.backlog) for link in links],
    )
    yield gauge(
        "fixgw_link_behind_events",
        "Events a gateway has not been given",
        ["gateway"],
        [((str(link.gateway),), host.event_seq - link.sent) for link in links],
    )
    yield value("fixgw_instruments", "Instruments", host.shard.instruments)
    tables = _Instruments()
    await tables.fill(host.shard)
    for metric in tables.metrics:
        yield metric


class _Instruments:
    """The metrics that have the label "symbol"."""

    def __init__(self) -> None:
        symbol = ["symbol"]
        sides = ["symbol", "side"]
        self.trades = counter("trades", "Trades", symbol, [])
        self.volume = counter("trade_volume", "Quantity traded", symbol, [])
        self.depth = gauge(
            "current_orderbook_depth", "Price levels of a side of a book", sides, []
        )
        self.quantity = gauge(
            "fixgw_orderbook_quantity", "Open quantity of a side of a book", sides, []
        )
        self.orders = gauge("fixgw_open_orders", "Orders in the book", symbol, [])
        self.waiting = gauge(
            "fixgw_waiting_orders",
            "Open orders outside the book: stops, and what has no auction or price",
            symbol,
            [],
        )
        self.phase = gauge(
            "fixgw_instrument_phase", "Trading phase, by number", symbol, []
        )
        self.halted = gauge(
            "fixgw_instrument_halted", "1 while trading is halted", symbol, []
        )

    @property
    def metrics(self) -> list[Metric]:
        """All of them."""
        return [
            *(self.trades, self.volume, self.depth),
            *(self.quantity, self.orders, self.waiting),
            *(self.phase, self.halted),
        ]

    async def fill(self, shard: Shard) -> None:
        """Take the figures of the first instruments, each page as it is at its turn."""
        taken = 0
        while taken < SYMBOLS_MAX:
            size = min(PAGE_INSTRUMENTS, SYMBOLS_MAX - taken)
            page = shard.instruments_page(taken, size)
            for _, one in page:
                self._add(one)
            taken += len(page)
            if len(page) < size:
                break
            await asyncio.sleep(0)

    def _add(self, one: InstrumentFigures) -> None:
        symbol, buy, sell = [one.symbol], [one.symbol, "buy"], [one.symbol, "sell"]
        self.trades.add_metric(symbol, one.trades)
        self.volume.add_metric(symbol, decimal(one.traded_qty))
        self.depth.add_metric(buy, one.bid_levels)
        self.depth.add_metric(sell, one.ask_levels)
        self.quantity.add_metric(buy, decimal(one.bid_qty))
        self.quantity.add_metric(sell, decimal(one.ask_qty))
        self.orders.add_metric(symbol, one.orders)
        self.waiting.add_metric(symbol, one.stops + one.parked)
        self.phase.add_metric(symbol, one.phase)
        self.halted.add_metric(symbol, one.phase == Phase.HALTED)
