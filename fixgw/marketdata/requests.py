"""MarketDataRequest(V) as it came, and why one is refused.

The checks stand in the order in which they are made; the first that finds something
refuses the whole request, and nothing of it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fixgw.marketdata.entries import SUPPORTED, Want
from fixgw.wire import Message

DEPTH_MAX = 1_000
"""MarketDepth(264): deeper books are to be had whole, with 0."""

SYMBOLS_MAX = 200
"""Instruments in one request: more are two requests."""

REQUEST_ID_BYTES_MAX = 64
"""MDReqID(262) and its like are kept as long as the subscription is."""


class Reason(Enum):
    """MDReqRejReason(281)."""

    UNKNOWN_SYMBOL = b"0"
    DUPLICATE_MD_REQ_ID = b"1"
    TOO_MUCH = b"2"
    """Insufficient bandwidth: more than a session may have."""
    NOT_PERMITTED = b"3"
    SUBSCRIPTION_TYPE = b"4"
    MARKET_DEPTH = b"5"
    UPDATE_TYPE = b"6"
    AGGREGATED_BOOK = b"7"
    ENTRY_TYPE = b"8"


class Refused(Exception):
    """What to answer: MarketDataRequestReject(Y), without 281 where ``reason`` is None;
    or, with ``missing``, BusinessMessageReject(j) 380=5."""

    def __init__(
        self, text: str, reason: Reason | None = None, *, missing: bool = False
    ) -> None:
        super().__init__(text)
        self.text = text
        self.reason = reason
        self.missing = missing


class Subscription(Enum):
    """SubscriptionRequestType(263)."""

    SNAPSHOT = b"0"
    UPDATES = b"1"
    END = b"2"


@dataclass(frozen=True, slots=True)
class MarketDataRequest:
    """What is asked for, all of it possible. ``want`` and ``symbols`` are of no meaning
    when a subscription is to END."""

    md_req_id: bytes
    subscription: Subscription
    want: Want
    symbols: tuple[str, ...]
    full_refresh: bool
    """MDUpdateType(265)=0: every update is a whole snapshot."""


def read_request(message: Message, *, aggressor: bool = False) -> MarketDataRequest:
    """What ``message`` asks for; ``aggressor``: its version has AggressorSide(2446).

    Raises Refused. What depends on the market or on the session is not looked at.
    """
    md_req_id = message.get(262) or b""
    if len(md_req_id) > REQUEST_ID_BYTES_MAX:
        text = f"MDReqID(262) is longer than {REQUEST_ID_BYTES_MAX} bytes"
        raise Refused(text)
    try:
        subscription = Subscription(message.get(263) or b"")
    except ValueError:
        text = "SubscriptionRequestType(263) must be 0, 1 or 2"
        raise Refused(text, Reason.SUBSCRIPTION_TYPE) from None
    nothing = Want(frozenset(), 0, by_order=False, aggressor=False)
    if subscription is Subscription.END:
        return MarketDataRequest(md_req_id, subscription, nothing, (), False)
    by_order = _by_order(message)
    depth = _depth(message, by_order=by_order)
    full_refresh = False
    if subscription is Subscription.UPDATES:
        full_refresh = _full_refresh(message)
    types, symbols = _lists(message)
    want = Want(types, depth, by_order=by_order, aggressor=aggressor)
    return MarketDataRequest(md_req_id, subscription, want, symbols, full_refresh)


def _by_order(message: Message) -> bool:
    value = message.get(266) or b"Y"
    if value not in (b"Y", b"N"):
        text = "AggregatedBook(266) must be Y or N"
        raise Refused(text, Reason.AGGREGATED_BOOK)
    return value == b"N"


def _depth(message: Message, *, by_order: bool) -> int:
    value = message.get(264)
    if value is None:
        raise Refused("MarketDepth(264) is missing", missing=True)
    text = f"MarketDepth(264) must be 0 (all), 1 (best) or up to {DEPTH_MAX}"
    if not value.isdigit() or len(value) > len(str(DEPTH_MAX)):
        raise Refused(text, Reason.MARKET_DEPTH)
    depth = int(value)
    if depth > DEPTH_MAX:
        raise Refused(text, Reason.MARKET_DEPTH)
    if by_order and depth:
        text = "MarketDepth(264) must be 0 with AggregatedBook(266)=N"
        raise Refused(text, Reason.MARKET_DEPTH)
    return depth


def _full_refresh(message: Message) -> bool:
    value = message.get(265)
    if value is None:
        raise Refused("MDUpdateType(265) is missing", missing=True)
    if value not in (b"0", b"1"):
        text = "MDUpdateType(265) must be 0 (full refresh) or 1 (incremental)"
        raise Refused(text, Reason.UPDATE_TYPE)
    return value == b"0"


def _lists(message: Message) -> tuple[frozenset[bytes], tuple[str, ...]]:
    """MDEntryTypes and Symbols: the entries of the two groups."""
    types: dict[bytes, None] = {}
    symbols: dict[str, None] = {}
    for tag, value in message.fields():
        if tag == 269:
            types[value] = None
        elif tag == 55:
            symbols[value.decode("latin-1")] = None
    if not types:
        raise Refused("NoMDEntryTypes(267) is missing or 0", missing=True)
    if not symbols:
        raise Refused("NoRelatedSym(146) is missing or 0", missing=True)
    for value in types:
        if value not in SUPPORTED:
            shown = value.decode("latin-1")
            supported = ", ".join(sorted(each.decode() for each in SUPPORTED))
            text = f"MDEntryType(269)={shown} is not supported: {supported} are"
            raise Refused(text, Reason.ENTRY_TYPE)
    if len(symbols) > SYMBOLS_MAX:
        text = f"a request is for at most {SYMBOLS_MAX} instruments"
        raise Refused(text, Reason.TOO_MUCH)
    return frozenset(types), tuple(symbols)
