"""What must hold of a shard's dump after any command, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.codes import EventKind, OrdType, Phase, TimeInForce
from tests.reference.checks import FOR_AUCTIONS, OPEN_QTY_MAX
from tests.reference.invariants import REFUSALS, require
from tests.reference.orders import ALL_OR_NONE, HIDING

# Places in an order's tuple.
ORDER_ID, SESSION, TYPE, TIF, EXEC, TRIGGERED = 0, 1, 5, 6, 7, 9
PRICE, QTY, LEAVES, CUM, SHOWN, DISPLAY = 10, 11, 12, 13, 16, 17
STOP_PRICE, PRIORITY, NAME = 18, 22, 24

Tuple = tuple[Any, ...]

IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
PRICELESS = (OrdType.MARKET, OrdType.STOP, OrdType.MARKET_TO_LIMIT)


def check_state(
    before: Any, after: Any, commands: Sequence[Any], events: Sequence[Any]
) -> None:
    """What must hold of the state after a batch."""
    for place, book in enumerate(after[1]):
        was = before[1][place] if place < len(before[1]) else None
        if book != was:
            check_book(book)
            # Prices that a static band no longer allows do not uncross.
            excused = book[2][8] or (was and was[3][0] == 1 and crossed(was))
            require(excused or not crossed(book), "crossed", (book[4], book[5]))
    check_names(after)
    if len(commands) == len(events) == 1 and events[0].kind in REFUSALS:
        refused_changes_nothing(before, after, events[0])


def refused_changes_nothing(before: Any, after: Any, event: Any) -> None:
    """But an identifier, a number and a rate."""
    for part in (1, 3, 6, 8):  # books, ended, positions, changed trades
        require(before[part] == after[part], f"part {part} of the state", event)
    require(before[0][5] == after[0][5], "a place in time", event)


def _best_tradable(levels: list[Any]) -> int:
    """The best price of a side, ALL_OR_NONE orders aside; 0 for none."""
    for price, _, _, displayed, hidden in levels:
        for order in (*displayed, *hidden):
            if not order[EXEC] & ALL_OR_NONE:
                return int(price)
    return 0


def crossed(book: Tuple) -> bool:
    """Whether somebody could trade, though trading is continuous."""
    bid, ask = _best_tradable(book[4]), _best_tradable(book[5])
    return book[3][0] == Phase.CONTINUOUS and 0 < ask <= bid


def check_book(book: Tuple) -> None:
    """Levels, queues, stops and parked orders of one instrument."""
    _, _, _, state, bids, asks, buy_stops, sell_stops, parked = book
    phase, last_price = state[0], state[4]
    for levels, sign in ((bids, -1), (asks, 1)):
        prices = [level[0] for level in levels if level[0]]
        require(prices == sorted(set(prices), key=lambda p: p * sign), "order", prices)
        for level in levels:
            check_level(level, phase)
    if phase == Phase.CONTINUOUS:
        for price, _ in buy_stops:
            require(not last_price or price > last_price, "should trigger", price)
        for price, _ in sell_stops:
            require(not last_price or price < last_price, "should trigger", price)
    for stops, sign in ((buy_stops, 1), (sell_stops, -1)):
        prices = [price for price, _ in stops]
        require(prices == sorted(set(prices), key=lambda p: p * sign), "order", prices)
        for price, queue in stops:
            check_queue(queue)
            for order in queue:
                require(order[STOP_PRICE] == price, "another stop price", order)
                require(not order[TRIGGERED] and not order[SHOWN], "waits", order)
    check_queue(parked)
    for order in parked:
        pegged = order[TYPE] == OrdType.PEGGED and order[PRICE] == 0
        require(pegged or order[TIF] in FOR_AUCTIONS, "parked", order)
    check_open_qty(book)


def check_open_qty(book: Tuple) -> None:
    """Each side is within what the engine can count."""
    _, _, _, _, bids, asks, buy_stops, sell_stops, parked = book
    sums = {ord("1"): 0, ord("2"): 0}
    for levels in (bids, asks):
        for _, _, _, displayed, hidden in levels:
            for order in (*displayed, *hidden):
                sums[order[4]] += order[LEAVES]
    for order in [o for _, queue in (*buy_stops, *sell_stops) for o in queue] + parked:
        sums[order[4]] += order[LEAVES]
    require(max(sums.values()) <= OPEN_QTY_MAX, "open quantity", sums)


def check_level(level: Tuple, phase: int) -> None:
    """One price: sums, and who is in which queue."""
    price, qty, shown, displayed, hidden = level
    orders = [*displayed, *hidden]
    require(orders, "an empty level", level)
    require(qty == sum(order[LEAVES] for order in orders), "quantity", level)
    require(shown == sum(order[SHOWN] for order in orders), "displayed", level)
    check_queue(displayed)
    check_queue(hidden)
    for order in orders:
        require(order[PRICE] == price, "another price", order)
        require(order[LEAVES] > 0, "nothing left", order)
        require(order[TIF] not in IMMEDIATE, "must not rest", order)
        if phase == Phase.CONTINUOUS:
            rests = order[TYPE] not in PRICELESS and order[TIF] not in FOR_AUCTIONS
            require(rests and price, "must not rest in continuous trading", order)
    for order in displayed:
        require(not order[EXEC] & HIDING, "displayed", order)
        part = order[DISPLAY]
        wanted = min(part, order[LEAVES]) if part else order[LEAVES]
        require(0 < order[SHOWN] <= wanted, "displays too much", order)
        require(part or order[SHOWN] == wanted, "displays too little", order)
    for order in hidden:
        require(order[EXEC] & HIDING and not order[SHOWN], "hidden", order)


def check_queue(queue: list[Tuple]) -> None:
    """First come, first served."""
    times = [order[PRIORITY] for order in queue]
    require(times == sorted(set(times)), "not in the order of time", times)


def check_names(state: Any) -> None:
    """Each open order answers to its current name, and only open orders do."""
    live = {(row[0], row[1]): row[2] for row in state[2] if row[3]}
    orders = list(all_orders(state))
    require(len({order[ORDER_ID] for order in orders}) == len(orders), "twice", orders)
    require(set(live.values()) == {order[ORDER_ID] for order in orders}, "names", live)
    for order in orders:
        named = live.get((order[SESSION], order[NAME]))
        require(named == order[ORDER_ID], "does not answer to its name", order)


def all_orders(state: Any) -> list[Tuple]:
    """Every open order of a dump."""
    found: list[Tuple] = []
    for *_, bids, asks, buy_stops, sell_stops, parked in state[1]:
        for _, _, _, displayed, hidden in (*bids, *asks):
            found += [*displayed, *hidden]
        for _, queue in (*buy_stops, *sell_stops):
            found += queue
        found += parked
    return found


def totals_agree(events: Sequence[Any], state: Any, figures: Any) -> None:
    """Trades, traded quantity and positions are the sums of the fills."""
    fills = [event for event in events if event.kind == EventKind.FILLED]
    for one in figures.instruments:
        of_it = [event for event in fills if event.symbol == one.symbol]
        require(one.trades * 2 == len(of_it), "trades", one)
        total = sum(event.last_qty for event in of_it)
        require(one.traded_qty * 2 == total, "traded quantity", one)
    positions: dict[tuple[bytes, bytes], int] = {}
    undone = [event for event in events if event.kind == EventKind.TRADE_CANCELLED]
    for sign, changes in ((1, fills), (-1, undone)):
        for event in changes:
            if event.account:
                key = (
                    event.account.encode().ljust(24, b"\0"),
                    event.symbol.encode().ljust(24, b"\0"),
                )
                buys = sign if event.side == ord("1") else -sign
                positions[key] = positions.get(key, 0) + buys * event.last_qty
    told = {(account, symbol): position for account, symbol, position in state[6]}
    require(told == positions, "positions", (told, positions))
