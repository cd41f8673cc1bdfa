"""What must hold of any event stream, whoever produced it.

Each function takes all events of one shard from its first and raises
:class:`Violation`. None knows how the engine works: what is in the books is rebuilt
from the events. What must hold of the state is in :mod:`tests.reference.statechecks`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from engine.codes import (
    EventKind,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    Reason,
    Side,
    TimeInForce,
)
from engine.records import InstrumentEvent, OrderEvent, PhaseEvent
from tests.reference.orders import ALL_OR_NONE, HIDING, POST_ONLY, fee
from tests.reference.rebuilding import Market

Events = Sequence[Any]

TERMINAL = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED}
REFUSALS = {
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.REPLACE_REJECTED,
}
ANSWERS = {
    EventKind.STATUS,
    EventKind.MASS_CANCELLED,
    EventKind.MASS_STATUS_DONE,
}
ENTERING = {EventKind.ACCEPTED, EventKind.REPLACED}
ENDS = {EventKind.CANCELLED, EventKind.EXPIRED}
CLOSED = {Phase.HALTED, Phase.CLOSED, Phase.POST_CLOSE, Phase.CANCEL_ONLY}


class Violation(AssertionError):
    """An event stream that no exchange may give."""


def require(holds: object, what: str, event: object) -> None:
    if not holds:
        raise Violation(f"{what}: {event}")


def _of_orders(events: Events) -> Iterator[OrderEvent]:
    """Events that happened to an order: refusals and answers change none."""
    return (
        event
        for event in events
        if type(event) is OrderEvent
        and event.kind not in REFUSALS
        and event.kind not in ANSWERS
    )


def _by_order(events: Events) -> dict[int, list[OrderEvent]]:
    """The stories of the orders, without what an operator changed behind their end."""
    stories: dict[int, list[OrderEvent]] = defaultdict(list)
    for event in _of_orders(events):
        story = stories[event.order_id]
        changed = event.kind in (EventKind.TRADE_CANCELLED, EventKind.TRADE_CORRECTED)
        if not (changed and story and story[-1].ord_status in TERMINAL):
            story.append(event)
    return stories


def seq_is_dense(events: Events) -> None:
    """Numbers count from 1; commands and time never go back."""
    for place, event in enumerate(events, 1):
        require(event.seq == place, f"number {place} expected", event)
    for one, other in pairwise(events):
        require(one.command_seq <= other.command_seq, "command went back", other)
        require(one.time <= other.time, "time went back", other)


def ids_are_unique(events: Events) -> None:
    """An OrderID is accepted once; a TradeID has two reports; all are of one shard."""
    accepted: set[int] = set()
    trades: dict[int, int] = defaultdict(int)
    for event in _of_orders(events):
        if event.kind == EventKind.ACCEPTED:
            require(event.order_id not in accepted, "OrderID given twice", event)
            accepted.add(event.order_id)
        require(event.order_id in accepted, "OrderID never accepted", event)
        if event.kind == EventKind.FILLED:
            trades[event.trade_id] += 1
            require(trades[event.trade_id] <= 2, "TradeID used again", event)
    shards = {order_id >> 48 for order_id in accepted} | {x >> 48 for x in trades}
    require(len(shards) <= 1, "several shards in one log", shards)


def quantities_add_up(events: Events) -> None:
    """CumQty is the sum of the fills; with what is open and what was taken away it is
    OrderQty; the average is that of the fills."""
    for story in _by_order(events).values():
        filled = value = busted = 0
        prices: dict[int, int] = {}
        for event in story:
            kind = event.kind
            if kind == EventKind.FILLED:
                require(event.last_qty > 0, "empty fill", event)
                filled += event.last_qty
                value += event.last_qty * event.last_price
                prices[(event.order_id >> 48 << 48) + event.seq] = event.last_price
            elif kind == EventKind.TRADE_CANCELLED:
                filled -= event.last_qty
                busted += event.last_qty
                value -= event.last_qty * event.last_price
            elif kind == EventKind.TRADE_CORRECTED:
                was = prices[event.contra_order_id]
                prices[event.contra_order_id] = event.last_price
                value += event.last_qty * (event.last_price - was)
            elif kind == EventKind.REPLACED:
                busted = 0
            gone = event.last_qty if kind in ENDS else 0
            require(kind not in ENDS or gone > 0, "nothing cancelled", event)
            require(event.cum_qty == filled, f"CumQty is not {filled}", event)
            require(event.leaves_qty >= 0, "negative LeavesQty", event)
            total = filled + event.leaves_qty + gone + busted
            require(total == event.qty, f"{total} is not OrderQty", event)
            # Half up in whole numbers: |2·value − 2·avg·filled| is at most filled.
            error = 2 * value - 2 * event.avg_price * filled
            require(-filled <= error < filled or not filled, "wrong AvgPx", event)
            require(filled or not event.avg_price, "AvgPx without a fill", event)


def cum_never_falls(events: Events) -> None:
    for story in _by_order(events).values():
        for one, other in pairwise(story):
            rises = other.cum_qty >= one.cum_qty
            undone = other.kind == EventKind.TRADE_CANCELLED
            require(rises or undone, "CumQty fell", other)


def nothing_after_the_end(events: Events) -> None:
    """A story begins with ACCEPTED and stops at its first terminal status."""
    for story in _by_order(events).values():
        require(story[0].kind == EventKind.ACCEPTED, "no beginning", story[0])
        for event in story[:-1]:
            require(event.ord_status not in TERMINAL, "not the last", event)
        for event in story:
            over = event.ord_status in TERMINAL
            require(over == (event.leaves_qty == 0), "status against LeavesQty", event)
            require((event.kind in ENDS) <= over, "ended but open", event)


def refusals_tell_the_truth(events: Events) -> None:
    """A refusal has a reason; the order it or a status shows is as it was left."""
    last: dict[int, OrderEvent] = {}
    for event in events:
        if type(event) is not OrderEvent:
            continue
        if event.kind not in REFUSALS and event.kind != EventKind.STATUS:
            if event.order_id:
                last[event.order_id] = event
            continue
        if event.kind in REFUSALS:
            require(event.reason != Reason.NONE, "refused without a reason", event)
        if event.ord_status == OrdStatus.REJECTED:
            require(not event.leaves_qty and not event.cum_qty, "not a blank", event)
            require(event.reason != Reason.NONE, "rejected without a reason", event)
            continue
        told = last[event.order_id]
        if event.ord_status in TERMINAL:
            require(not event.leaves_qty, "open after its end", event)
            continue
        for name in ("ord_status", "price", "leaves_qty", "cum_qty", "session"):
            same = getattr(event, name) == getattr(told, name)
            require(same, f"{name} is not that of event {told.seq}", event)


def trades_agree(events: Events) -> None:
    """Two reports in a row: one quantity, price and identifier; the maker first, in
    auctions the buyer."""
    fills = [event for event in _of_orders(events) if event.kind == EventKind.FILLED]
    require(len(fills) % 2 == 0, "half a trade", fills[-1:])
    for first, second in zip(fills[::2], fills[1::2], strict=True):
        require(second.seq == first.seq + 1, "reports apart", second)
        if first.liquidity == Liquidity.AUCTION:
            require(first.side == Side.BUY, "buyer expected", first)
            require(second.liquidity == Liquidity.AUCTION, "not both", second)
        else:
            require(first.liquidity == Liquidity.ADDED, "maker expected", first)
            require(second.liquidity == Liquidity.REMOVED, "taker expected", second)
        require({first.side, second.side} == set(Side), "one side only", second)
        for name in ("trade_id", "last_price", "last_qty", "symbol", "command_seq"):
            same = getattr(first, name) == getattr(second, name)
            require(same, f"{name} differs from the other's", second)
        require(first.contra_order_id == second.order_id, "wrong contra", first)
        require(second.contra_order_id == first.order_id, "wrong contra", second)


def prints_at_makers_price(events: Events) -> None:
    """A trade prints at the maker's price, and within the limits of both."""
    for event in _of_orders(events):
        if event.kind != EventKind.FILLED:
            continue
        if event.liquidity == Liquidity.ADDED:
            require(event.last_price == event.price, "not the maker's price", event)
        elif event.price:
            better = (event.price - event.last_price) * (
                1 if event.side == Side.BUY else -1
            )
            require(better >= 0, "beyond its limit", event)


def priority_is_kept(events: Events) -> None:
    """Who trades is the first of its side: market orders, price, displayed before
    hidden, then time. ALL_OR_NONE orders may be passed over."""
    market = Market()
    for event in events:
        if event.kind == EventKind.FILLED and event.liquidity != Liquidity.REMOVED:
            order = market.orders.get(event.order_id)
            require(order, "not in a book", event)
            require(order and order.in_book, "trades though it waits", event)
            first = market.first(event.symbol, event.side)
            if not event.exec_inst & ALL_OR_NONE:
                good = first is not None and first.event.order_id == event.order_id
                require(good, f"{first and first.event.order_id} was before", event)
            elif first and order:
                require(first.key > order.key, "was before an ALL_OR_NONE", event)
        market.take(event)


def wholes_trade_whole(events: Events) -> None:
    """ALL_OR_NONE and FOK trade as a whole or not at all."""
    fills: dict[tuple[int, int], int] = defaultdict(int)
    cause = 0
    for event in _of_orders(events):
        whole = event.exec_inst & ALL_OR_NONE
        fok = event.time_in_force == TimeInForce.FOK
        if event.kind != EventKind.FILLED:
            if event.kind == EventKind.CANCELLED and fok:
                require(not event.cum_qty, "a FOK filled in part", event)
            continue
        if event.liquidity == Liquidity.ADDED and whole:
            require(event.leaves_qty == 0, "an ALL_OR_NONE maker in part", event)
        if event.liquidity == Liquidity.REMOVED and (whole or fok):
            cause = event.command_seq
            fills[event.order_id, cause] = event.leaves_qty
    for (order_id, _), leaves in fills.items():
        require(leaves == 0, "in part", order_id)


def makers_only(events: Events) -> None:
    """POST_ONLY orders never take; nobody trades with himself who does not want to."""
    pair: list[OrderEvent] = []
    for event in _of_orders(events):
        if event.kind != EventKind.FILLED:
            continue
        if event.exec_inst & POST_ONLY:
            require(event.liquidity != Liquidity.REMOVED, "took", event)
        pair = [*pair[-1:], event]
        if event.liquidity == Liquidity.REMOVED and event.stp:
            maker = pair[0]
            if maker.stp_id or event.stp_id:
                same = maker.stp_id == event.stp_id
            else:
                same = bool(event.account) and maker.account == event.account
            require(not same, "traded with himself", event)


def shown_is_right(events: Events) -> None:
    """What is displayed: nothing of what is done or hidden, all of what is not an
    iceberg, a part of what is."""
    for event in _of_orders(events):
        shown, leaves = event.shown_qty, event.leaves_qty
        require(0 <= shown <= leaves, "more than there is", event)
        if event.exec_inst & HIDING:
            require(shown == 0, "hidden orders do not show", event)
        elif event.display_qty and event.kind in (EventKind.FILLED, EventKind.ACCEPTED):
            require(shown <= event.display_qty, "more than its part", event)


def fees_are_right(events: Events) -> None:
    terms: dict[str, InstrumentEvent] = {}
    for event in events:
        if type(event) is InstrumentEvent:
            terms[event.symbol] = event
        elif event.kind == EventKind.FILLED:
            rates = {
                Liquidity.ADDED: terms[event.symbol].maker_fee,
                Liquidity.REMOVED: terms[event.symbol].taker_fee,
                Liquidity.AUCTION: terms[event.symbol].auction_fee,
            }
            rate = rates[Liquidity(event.liquidity)]
            right = fee(event.last_price, event.last_qty, rate)
            require(event.fee == right, f"fee is not {right}", event)


def phases_hold(events: Events) -> None:
    """Nothing trades one by one outside continuous trading, nothing enters what is
    closed, and uncrosses come with a change of phase."""
    phases: dict[str, int] = defaultdict(lambda: int(Phase.CONTINUOUS))
    uncrossing: dict[str, OrderEvent] = {}
    for event in events:
        if type(event) is PhaseEvent:
            phases[event.symbol] = event.phase
            uncrossing.pop(event.symbol, None)
        elif type(event) is OrderEvent:
            phase = phases[event.symbol]
            if event.kind == EventKind.FILLED:
                if event.liquidity == Liquidity.AUCTION:
                    uncrossing[event.symbol] = event
                else:
                    require(phase == Phase.CONTINUOUS, "traded in a call", event)
            elif event.kind in ENTERING:
                require(phase not in CLOSED, "entered what is closed", event)
            elif event.kind == EventKind.TRIGGERED:
                require(phase == Phase.CONTINUOUS, "triggered in a call", event)
    require(not uncrossing, "an uncross without a phase", uncrossing)


def stops_wait_for_their_price(events: Events) -> None:
    """A stop triggers when the last price has reached it, and only then trades."""
    last: dict[str, int] = {}
    stops = (OrdType.STOP, OrdType.STOP_LIMIT)
    for event in _of_orders(events):
        if event.kind == EventKind.FILLED:
            last[event.symbol] = event.last_price
            waits = event.ord_type in stops and not event.triggered
            require(not waits, "traded untriggered", event)
        elif event.kind == EventKind.TRIGGERED:
            price = last.get(event.symbol, 0)
            if event.side == Side.BUY:
                require(price >= event.stop_price, "too early", event)
            else:
                require(0 < price <= event.stop_price, "too early", event)


def auctions_have_one_price(events: Events) -> None:
    """All trades of one uncross are at one price."""
    prices: dict[tuple[str, int, int], int] = {}
    phases: dict[str, int] = defaultdict(int)
    for event in events:
        if type(event) is PhaseEvent:
            phases[event.symbol] += 1
        elif event.kind == EventKind.FILLED and event.liquidity == Liquidity.AUCTION:
            which = (event.symbol, event.command_seq, phases[event.symbol])
            price = prices.setdefault(which, event.last_price)
            require(event.last_price == price, f"not at {price}", event)


ALL: tuple[Callable[[Events], None], ...] = (
    seq_is_dense,
    ids_are_unique,
    quantities_add_up,
    cum_never_falls,
    nothing_after_the_end,
    refusals_tell_the_truth,
    trades_agree,
    prints_at_makers_price,
    priority_is_kept,
    wholes_trade_whole,
    makers_only,
    shown_is_right,
    fees_are_right,
    phases_hold,
    stops_wait_for_their_price,
    auctions_have_one_price,
)


def check(events: Events) -> None:
    """All of them."""
    for invariant in ALL:
        invariant(events)
