"""How a shard's instruments and orders are written in the answers to operators.

Prices and quantities are decimal strings, sessions their keys in 16 hexadecimal digits,
OrderIDs ``shard-number``.
"""

from __future__ import annotations

import re
from typing import Any

from engine import decimals
from engine.codes import OrdType, Side, TimeInForce
from engine.figures import InstrumentFigures, OpenOrder
from engine.host.arguments import bad
from engine.host.marketcommands import phase_json
from engine.host.standing import PhaseState
from engine.records import UNIT

ORDER_NUMBER_BITS = 48
"""An OrderID is the shard above this many bits of number."""

FEES = ("maker_fee", "taker_fee", "auction_fee")
"""The last terms of an instrument."""

_SIDES = {int(side): side.name.lower() for side in Side}
_TYPES = {int(kind): kind.name.lower() for kind in OrdType}
_TIMES = {int(time): time.name.lower() for time in TimeInForce}

_ORDER_ID = re.compile(r"(\d{1,5})-(\d{1,15})", re.ASCII)
_SESSION = re.compile(r"[0-9a-f]{1,16}")


def instrument_json(
    one: InstrumentFigures,
    currency: bytes,
    terms: tuple[int, ...],
    state: PhaseState,
) -> dict[str, Any]:
    """An instrument: its terms, its phase, what has happened in it."""
    tick, lot, reference, price_min, price_max, qty_max, notional_max = terms[:7]
    qty_min, static_band, dynamic_band, volatility_ns, *fees = terms[7:]
    phase = phase_json(state)
    return {
        "symbol": one.symbol,
        "status": phase["phase"],
        **phase,
        "currency": currency.rstrip(b"\0").decode("ascii", "backslashreplace"),
        "tick": decimals.render(tick),
        "lot": decimals.render(lot),
        "reference_price": decimals.render(reference) if reference else None,
        "price_min": decimals.render(price_min),
        "price_max": decimals.render(price_max),
        "qty_max": decimals.render(qty_max),
        "notional_max": decimals.render(notional_max) if notional_max else None,
        "qty_min": decimals.render(qty_min) if qty_min else None,
        "static_band": decimals.render(static_band) if static_band else None,
        "dynamic_band": decimals.render(dynamic_band) if dynamic_band else None,
        "volatility_s": volatility_ns / 1_000_000_000 if volatility_ns else None,
        **{name: decimals.render(fee) for name, fee in zip(FEES, fees, strict=True)},
        "trades": one.trades,
        "traded_qty": total_text(one.traded_qty),
        "orders": one.orders,
        "bid_levels": one.bid_levels,
        "ask_levels": one.ask_levels,
        "bid_qty": decimals.render(one.bid_qty),
        "ask_qty": decimals.render(one.ask_qty),
    }


def order_json(order: OpenOrder) -> dict[str, Any]:
    """An open order, as its last report told it."""
    return {
        "order_id": order_id_text(order.order_id),
        "cl_ord_id": order.cl_ord_id,
        "session": session_text(order.session),
        "account": order.account,
        "symbol": order.symbol,
        "side": _SIDES[order.side],
        "type": _TYPES[order.ord_type],
        "time_in_force": _TIMES[order.time_in_force],
        "price": decimals.render(order.price) if order.price else None,
        "stop_price": decimals.render(order.stop_price) if order.stop_price else None,
        "display_qty": decimals.render(order.display_qty)
        if order.display_qty
        else None,
        "shown_qty": decimals.render(order.shown_qty),
        "qty": decimals.render(order.qty),
        "leaves_qty": decimals.render(order.leaves_qty),
        "filled_qty": decimals.render(order.cum_qty),
        "avg_price": decimals.render(order.avg_price),
    }


def total_text(units: int) -> str:
    """The decimal text of a sum that may be beyond 64 bits; not negative."""
    whole, part = divmod(units, UNIT)
    return f"{whole}.{part:08}".rstrip("0").removesuffix(".")


def order_id_text(number: int) -> str:
    """``shard-number``."""
    return f"{number >> ORDER_NUMBER_BITS}-{number & (1 << ORDER_NUMBER_BITS) - 1}"


def order_number(text: str) -> int:
    """The OrderID in ``shard-number``. Raises AdminError."""
    found = _ORDER_ID.fullmatch(text)
    if found is None or int(found[1]) >> 16 or int(found[2]) >> ORDER_NUMBER_BITS:
        raise bad(f"{text[:80]!r} is no OrderID: one looks like 0-17")
    return int(found[1]) << ORDER_NUMBER_BITS | int(found[2])


def session_text(key: int) -> str:
    """A session's key in 16 hexadecimal digits."""
    return f"{key:016x}"


def session_key(text: str) -> int:
    """The key in them. Raises AdminError."""
    if not _SESSION.fullmatch(text):
        raise bad(f"{text[:80]!r} is no session: 16 hexadecimal digits name one")
    return int(text, 16)
