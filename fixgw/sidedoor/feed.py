"""The shards' events, unpacked once and handed to all who project something from
them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.codes import EventKind
from engine.records import (
    EVENT_BYTES,
    AuctionEvent,
    BlockEvent,
    ClockEvent,
    InstrumentEvent,
    LimitsEvent,
    OrderEvent,
    PhaseEvent,
    unpack_all,
)
from fixgw.net.eventtap import EventTap

AnyEvent = (
    OrderEvent
    | InstrumentEvent
    | ClockEvent
    | PhaseEvent
    | AuctionEvent
    | LimitsEvent
    | BlockEvent
)

NAMES_MAX = 200_000
"""Distinct account names and symbols whose text is kept, to decode each once."""


class Observer(Protocol):
    """Who is told of events and of links."""

    def on_events(self, shard: int, events: Sequence[AnyEvent], complete: bool) -> None:
        """Events of ``shard``, in order and without a gap from the first on.

        Not ``complete``: more of the same command may follow, so what is published
        should wait for it. ``events`` may be empty, to say that nothing follows.
        """

    def on_link(self, shard: int, up: bool) -> None:
        """The link to ``shard`` is up, and all of its past was given; or it is lost."""


class Feed(EventTap):
    """The sink of the links (see :mod:`fixgw.net.eventtap`).

    ``on_fatal`` is called once when an observer fails: what it shows can no longer be
    trusted, so nothing more is handed out, and the process should begin anew.
    """

    def __init__(
        self,
        observers: Sequence[Observer],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        super().__init__(self._decode, on_fatal)
        self.events = 0
        """Events handed out since this process began."""
        self._observers = tuple(observers)

    def on_link(self, shard: int, up: bool) -> None:
        """The link has changed."""
        if not self.failed:
            for observer in self._observers:
                observer.on_link(shard, up)

    def _decode(self, shard: int, events: bytes, whole: bool) -> None:
        records = decode(events)
        self.events += len(records)
        for observer in self._observers:
            observer.on_events(shard, records, whole)


def _layout_of_orders() -> struct.Struct:
    """How an OrderEvent lies in its bytes; its texts are the last fields."""
    rows = OrderEvent.layout()
    codes = [wire.code for _, wire, _, _ in rows]
    if any(code.endswith("s") for code in codes[:-TEXTS]):
        raise TypeError("an OrderEvent has a text before its last fields")
    used = rows[-1][3] + rows[-1][1].size
    return struct.Struct(f"<{''.join(codes)}{EVENT_BYTES - used}x")


TEXTS = 5
"""cl_ord_id, orig_cl_ord_id, account, symbol, stp_id."""

_ORDERS = _layout_of_orders()
_names: dict[bytes, str] = {}


def decode(data: bytes) -> list[AnyEvent]:
    """The events in ``data``: what ``unpack_all`` gives, in less time.

    A start decodes every event there ever was.
    """
    kinds = data[::EVENT_BYTES]
    if max(kinds, default=0) < EventKind.INSTRUMENT_DEFINED:
        return _decode_orders(data)
    found: list[AnyEvent] = []
    start = 0
    for place, kind in enumerate(kinds):
        if kind >= EventKind.INSTRUMENT_DEFINED:
            here = place * EVENT_BYTES
            found += _decode_orders(data[start:here])
            start = here + EVENT_BYTES
            found += unpack_all(data[here:start], EVENT_BYTES)
    return found + _decode_orders(data[start:])


def _decode_orders(data: bytes) -> list[AnyEvent]:
    if len(_names) > NAMES_MAX:
        _names.clear()
    found: list[AnyEvent] = []
    for *numbers, own_id, orig_id, account, symbol, stp_id in _ORDERS.iter_unpack(data):
        numbers += (
            own_id.rstrip(b"\0").decode("ascii"),
            orig_id.rstrip(b"\0").decode("ascii") if orig_id[0] else "",
            _names.get(account) or _name(account),
            _names.get(symbol) or _name(symbol),
            (_names.get(stp_id) or _name(stp_id)) if stp_id[0] else "",
        )
        found.append(OrderEvent(*numbers))
    return found


def _name(raw: bytes) -> str:
    text = raw.rstrip(b"\0").decode("ascii")
    _names[raw] = text
    return text
