"""Books, trades, phases and auctions of all instruments, from events and nothing else.

Events of one command are one step: nothing of it shows before the next command's first
event, or :meth:`Projection.settle`, says that it is whole. Each step that changes
something public about an instrument is one :class:`Increment` with the instrument's
next number, RptSeq(83): dense from 1, and a function of the events alone, so the same
after every restart and in every process. See ``spec/market_data.md``.

A trade is two FILLED events of one ``trade_id``, which is the number of the first. The
second stands for it. Of a trade that the operator has changed the event of the side
whose fill gave it its identifier stands for the change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from engine.codes import EventKind, Liquidity, Phase
from engine.layouts import Record
from engine.records import (
    EVENT_BYTES,
    AuctionEvent,
    InstrumentEvent,
    OrderEvent,
    PhaseEvent,
    unpack_all,
)
from fixgw.marketdata.book import Book, BookChange, OutOfStep

FILLED = int(EventKind.FILLED)
REMOVED = int(Liquidity.REMOVED)
AUCTION = int(Liquidity.AUCTION)
FIRST_OF_ANOTHER_KIND = int(EventKind.INSTRUMENT_DEFINED)

SHOWING = frozenset(
    int(kind)
    for kind in (
        EventKind.ACCEPTED,
        EventKind.FILLED,
        EventKind.CANCELLED,
        EventKind.REPLACED,
        EventKind.EXPIRED,
        EventKind.TRIGGERED,
        EventKind.RESTATED,
    )
)
"""Events that say what the book displays of an order. The others answer a question or
tell of a trade long past."""

AUCTIONS = frozenset(
    int(phase)
    for phase in (
        Phase.OPENING_AUCTION,
        Phase.VOLATILITY_AUCTION,
        Phase.CLOSING_AUCTION,
    )
)

SYMBOLS_MAX = 200_000
"""Distinct symbols whose text is kept, to decode each once."""


class TradeChange(Enum):
    """What an event says about a trade."""

    NEW = "new"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"


_CHANGED = {
    int(EventKind.TRADE_CANCELLED): TradeChange.CANCELLED,
    int(EventKind.TRADE_CORRECTED): TradeChange.CORRECTED,
}


class Trade(NamedTuple):
    """One trade; price and quantity in units of 1e-8. ``side`` is the taker's, 0 of a
    trade in an auction, which has none. ``change``: new, or one of before."""

    seq: int
    time_ns: int
    trade_id: int
    side: int
    price: int
    qty: int
    change: TradeChange = TradeChange.NEW


class Auction(NamedTuple):
    """At what price how much would trade, or has traded (``uncrossed``).

    ``imbalance_side`` is the Side(54) of what is left over at that price, 0 = none.
    """

    price: int
    volume: int
    imbalance_side: int
    imbalance_qty: int
    uncrossed: bool
    time_ns: int


@dataclass(slots=True, eq=False)
class Market:
    """Everything public about one instrument, as of the last whole command.

    ``rpt_seq`` is the number of its last increment, 0 if there was none; ``seq`` and
    ``time_ns`` are the event's that caused it.
    """

    shard: int
    terms: InstrumentEvent
    phase: int = int(Phase.CONTINUOUS)
    """An instrument begins so, and says it with no event."""
    phase_reason: int = 0
    phase_until_ns: int = 0
    auction: Auction | None = None
    last_trade: Trade | None = None
    """As it was when it happened."""
    last_trade_change: Trade | None = None
    """What has become of it since."""
    book: Book = field(default_factory=Book)
    rpt_seq: int = 0
    seq: int = 0
    time_ns: int = 0

    @property
    def symbol(self) -> str:
        """Symbol(55)."""
        return self.terms.symbol


class Increment(NamedTuple):
    """What one command changed of one instrument; ``market`` is as it is afterwards.

    Of what did not change the member is empty, None or False.
    """

    market: Market
    book: BookChange
    trades: list[Trade]
    auction: tuple[Auction | None, Auction | None] | None
    """Before and after."""
    phase: bool
    terms: bool


Watcher = Callable[[Increment], object]


@dataclass(slots=True, eq=False)
class _Step:
    """What the events of the command at work have said about an instrument."""

    market: Market
    trades: list[Trade] = field(default_factory=list)
    auction: Auction | None = None
    auction_before: Auction | None = None
    phase: PhaseEvent | None = None
    terms: InstrumentEvent | None = None
    seq: int = 0
    time_ns: int = 0


class Projection:
    """The instruments of one shard or of several. ``watchers`` are called with each
    increment at once: what it refers to changes with the next.

    Raises OutOfStep when events do not fit those before; then it is of no use any more.
    """

    def __init__(self) -> None:
        self.markets: dict[str, Market] = {}
        """By symbol, in order of definition."""
        self.watchers: list[Watcher] = []
        self.trades = 0
        """Trades since the beginning, those in steps at work included."""
        self._command: dict[int, int] = {}
        self._steps: dict[int, dict[str, _Step]] = {}

    @property
    def open_orders(self) -> int:
        """Orders that are displayed in all books."""
        return sum(len(market.book) for market in self.markets.values())

    # -- events ------------------------------------------------------------------------

    def take(self, shard: int, events: Sequence[Record]) -> None:
        """Unpacked events, in order and without a gap from the first on."""
        for event in events:
            if type(event) is OrderEvent:
                self._order(
                    shard,
                    event.kind,
                    event.side,
                    event.liquidity,
                    event.seq,
                    event.command_seq,
                    event.time,
                    event.order_id,
                    event.contra_order_id,
                    event.trade_id,
                    event.price,
                    event.last_price,
                    event.last_qty,
                    event.shown_qty,
                    event.priority,
                    event.symbol,
                )
            else:
                self._other(shard, event)

    def take_packed(self, shard: int, events: bytes) -> None:
        """The same, packed: three times as fast."""
        kinds = events[::EVENT_BYTES]
        start = 0
        for place, kind in enumerate(kinds):
            if kind >= FIRST_OF_ANOTHER_KIND:
                here = place * EVENT_BYTES
                self._orders(shard, events[start:here])
                start = here + EVENT_BYTES
                self._other(shard, unpack_all(events[here:start], EVENT_BYTES)[0])
        self._orders(shard, events[start:])

    def settle(self, shard: int) -> None:
        """The last command of the shard is whole."""
        steps = self._steps.get(shard)
        if steps:
            self._steps[shard] = {}
            for step in steps.values():
                self._publish(step)

    def _orders(self, shard: int, events: bytes) -> None:
        for row in _NEEDED.iter_unpack(events):
            numbers, symbol = row[:-1], row[-1]
            known = (*numbers, _symbols.get(symbol) or _symbol(symbol))
            self._order(shard, *known)

    def _order(
        self,
        shard: int,
        kind: int,
        side: int,
        liquidity: int,
        seq: int,
        command_seq: int,
        time_ns: int,
        order_id: int,
        contra_order_id: int,
        trade_id: int,
        price: int,
        last_price: int,
        last_qty: int,
        shown_qty: int,
        priority: int,
        symbol: str,
    ) -> None:
        if command_seq != self._command.get(shard):
            self._begin(shard, command_seq)
        change = _CHANGED.get(kind)
        if kind in SHOWING:
            step = self._step(shard, symbol, seq, time_ns)
            step.market.book.show(
                order_id, side, price, priority, shown_qty, seq, time_ns
            )
            if kind != FILLED:
                return
            change = TradeChange.NEW
            if liquidity == AUCTION:
                side = 0
                # The first of the two fills is the one that named the trade.
                if trade_id & _NUMBER == seq:
                    return
            elif liquidity != REMOVED:
                return
            self.trades += 1
        elif change is None or contra_order_id != trade_id:
            return
        trade = Trade(seq, time_ns, trade_id, side, last_price, last_qty, change)
        self._step(shard, symbol, seq, time_ns).trades.append(trade)

    def _other(self, shard: int, event: Record) -> None:
        command_seq = getattr(event, "command_seq", 0)
        if command_seq != self._command.get(shard):
            self._begin(shard, command_seq)
        if isinstance(event, PhaseEvent):
            step = self._step(shard, event.symbol, event.seq, event.time)
            step.phase = event
            step.auction = _behind(step.auction, event.phase)
        elif isinstance(event, AuctionEvent):
            step = self._step(shard, event.symbol, event.seq, event.time)
            step.auction = _auction(event)
        elif isinstance(event, InstrumentEvent):
            if event.symbol not in self.markets:
                self.markets[event.symbol] = Market(shard, event)
            step = self._step(shard, event.symbol, event.seq, event.time)
            step.terms = event

    # -- steps -------------------------------------------------------------------------

    def _begin(self, shard: int, command_seq: int) -> None:
        self.settle(shard)
        self._command[shard] = command_seq

    def _step(self, shard: int, symbol: str, seq: int, time_ns: int) -> _Step:
        steps = self._steps.setdefault(shard, {})
        step = steps.get(symbol)
        if step is None:
            market = self.markets.get(symbol)
            if market is None:
                raise OutOfStep(f"event {seq} is of {symbol!r}, which is not defined")
            step = steps[symbol] = _Step(market)
            step.auction = step.auction_before = market.auction
        step.seq, step.time_ns = seq, time_ns
        return step

    def _publish(self, step: _Step) -> None:
        market = step.market
        book = market.book.publish()
        auction = None
        if step.auction != step.auction_before:
            auction = step.auction_before, step.auction
            market.auction = step.auction
        for trade in step.trades:
            last = market.last_trade
            if trade.change is TradeChange.NEW:
                market.last_trade, market.last_trade_change = trade, None
            elif last is not None and last.trade_id == trade.trade_id:
                market.last_trade_change = trade
        if not (book or step.trades or auction or step.phase or step.terms):
            return
        if step.phase is not None:
            market.phase, market.phase_reason = step.phase.phase, step.phase.reason
            market.phase_until_ns = step.phase.until
        if step.terms is not None:
            market.terms = step.terms
        market.rpt_seq += 1
        market.seq, market.time_ns = step.seq, step.time_ns
        phase, terms = step.phase is not None, step.terms is not None
        increment = Increment(market, book, step.trades, auction, phase, terms)
        for watcher in self.watchers:
            watcher(increment)


def _auction(event: AuctionEvent) -> Auction | None:
    """None where nothing would trade."""
    if not event.price:
        return None
    return Auction(
        event.price,
        event.volume,
        event.imbalance_side if event.imbalance_qty else 0,
        event.imbalance_qty,
        bool(event.uncrossed),
        event.time,
    )


def _behind(auction: Auction | None, phase: int) -> Auction | None:
    """What is left of an auction in another phase: the price that it traded at."""
    if auction is None or (phase in AUCTIONS and not auction.uncrossed):
        return auction
    if not auction.uncrossed or phase in AUCTIONS:
        return None
    return auction._replace(imbalance_side=0, imbalance_qty=0)


_NUMBER = (1 << 48) - 1
_NEEDS = frozenset(
    {
        "kind",
        "side",
        "liquidity",
        "seq",
        "command_seq",
        "time",
        "order_id",
        "contra_order_id",
        "trade_id",
        "price",
        "last_price",
        "last_qty",
        "shown_qty",
        "priority",
        "symbol",
    }
)


def _layout() -> struct.Struct:
    """Of an OrderEvent only what is needed here, in its order there."""
    codes, used = "", 0
    for name, wire, _, offset in OrderEvent.layout():
        codes += wire.code if name in _NEEDS else f"{wire.size}x"
        used = offset + wire.size
    return struct.Struct(f"<{codes}{EVENT_BYTES - used}x")


_NEEDED = _layout()
_symbols: dict[bytes, str] = {}


def _symbol(raw: bytes) -> str:
    if len(_symbols) >= SYMBOLS_MAX:
        _symbols.clear()
    text = raw.rstrip(b"\0").decode("ascii")
    _symbols[raw] = text
    return text
