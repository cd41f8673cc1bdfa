"""The shards' events, unpacked once and handed to all who project something from
them."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.host.frames import RECORDS_PER_FRAME_MAX
from engine.records import (
    EVENT_BYTES,
    ClockEvent,
    EventKind,
    InstrumentEvent,
    OrderEvent,
    StatusEvent,
    unpack_all,
)

log = logging.getLogger(__name__)

AnyEvent = OrderEvent | InstrumentEvent | ClockEvent | StatusEvent

SETTLE_S = 0.05
"""A full frame may be the middle of a command. When nothing follows it for so long, it
was the end of one."""

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


class Feed:
    """The sink of the links: an ``EventSink`` (see :mod:`fixgw.net.links`).

    ``on_fatal`` is called once when an observer fails: what it shows can no longer be
    trusted, so nothing more is handed out, and the process should begin anew.
    """

    def __init__(
        self,
        observers: Sequence[Observer],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.events = 0
        """Events handed out since this process began."""
        self._observers = tuple(observers)
        self._on_fatal = on_fatal
        self._failed = False
        self._taken: dict[int, int] = {}
        self._unsettled: dict[int, asyncio.TimerHandle] = {}

    def taken(self, shard: int) -> int:
        """The last event of ``shard`` that was given to the observers."""
        return self._taken.get(shard, 0)

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        """Events numbered from ``first``; those that were given before are skipped."""
        taken = self.taken(shard)
        if first > taken + 1:
            raise ValueError(f"shard {shard}: event {first} after {taken}")
        known = taken + 1 - first
        if known >= count:
            return
        self._taken[shard] = first + count - 1
        complete = count != RECORDS_PER_FRAME_MAX
        self._settle_later(shard, complete)
        self._hand_out(shard, events[known * EVENT_BYTES :], complete)

    def on_link(self, shard: int, up: bool) -> None:
        """The link has changed."""
        if not self._failed:
            for observer in self._observers:
                observer.on_link(shard, up)

    def _hand_out(self, shard: int, events: bytes, complete: bool) -> None:
        if self._failed:
            return
        try:
            records = decode(events)
            self.events += len(records)
            for observer in self._observers:
                observer.on_events(shard, records, complete)
        except Exception as error:
            self._failed = True
            log.critical(
                "shard %d: the projection of its events failed at or before event %d",
                shard,
                self._taken[shard],
                exc_info=error,
            )
            self._on_fatal(error)

    def _settle_later(self, shard: int, complete: bool) -> None:
        waiting = self._unsettled.pop(shard, None)
        if waiting is not None:
            waiting.cancel()
        if not complete:
            self._unsettled[shard] = asyncio.get_running_loop().call_later(
                SETTLE_S, self._settle, shard
            )

    def _settle(self, shard: int) -> None:
        self._unsettled.pop(shard, None)
        self._hand_out(shard, b"", True)


def _layout_of_orders() -> struct.Struct:
    """How an OrderEvent lies in its bytes; its texts are the last fields."""
    rows = OrderEvent.layout()
    codes = [wire.code for _, wire, _, _ in rows]
    if any(code.endswith("s") for code in codes[:-TEXTS]):
        raise TypeError("an OrderEvent has a text before its last fields")
    used = rows[-1][3] + rows[-1][1].size
    return struct.Struct(f"<{''.join(codes)}{EVENT_BYTES - used}x")


TEXTS = 4
"""cl_ord_id, orig_cl_ord_id, account, symbol."""

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
    for *numbers, own_id, orig_id, account, symbol in _ORDERS.iter_unpack(data):
        numbers += (
            own_id.rstrip(b"\0").decode("ascii"),
            orig_id.rstrip(b"\0").decode("ascii") if orig_id[0] else "",
            _names.get(account) or _name(account),
            _names.get(symbol) or _name(symbol),
        )
        found.append(OrderEvent(*numbers))
    return found


def _name(raw: bytes) -> str:
    text = raw.rstrip(b"\0").decode("ascii")
    _names[raw] = text
    return text
