"""What several shards answer to one mass request, made one answer.

Each shard that a request concerns gives the orders it found and their number; a client
is to hear of TotNumReports(911), LastRptRequested(912) and TotalAffectedOrders(533)
over all of them. So the answers of a request to more than one shard are collected until
all are there. What only one shard is asked passes as it is, within the same limit.

A request that stays open too long is answered as not done (see :meth:`overdue`): a
shard is down and will do its part when it is back, or the gateway was restarted between
the answers and has forgotten the first ones.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.codes import CommandKind, EventKind
from engine.records import MassCommand, OrderEvent
from fixgw.orders.massrequests import MassRefusal, refused_report
from fixgw.orders.reports import render_reports

PATIENCE_NS = 30_000_000_000
"""How long all shards have for their answers."""
OPEN_MAX = 16
"""Requests of one session to several shards that may be open at a time."""
GIVEN_UP_MAX = 1_000
"""Requests answered as not done whose late answers are still known as theirs."""

TOO_MANY, NOT_ALL = 1, 2
"""``index`` of a MASS_STATUS_DONE that says why there are no reports, see
:data:`fixgw.orders.wordings.MASS_STATUS_TEXTS`."""

_PLACES = {name: offset for name, _, _, offset in OrderEvent.layout()}
_COUNTS = struct.Struct("<III")
"""``count``, ``index`` and ``fan_out`` follow each other."""
_SESSION = struct.Struct("<Q")
_TEXT_BYTES = 36


class Key(NamedTuple):
    """What a request is known by."""

    session: int
    is_status: bool
    request_id: str


@dataclass(slots=True)
class _Collected:
    """The answers of a request's shards so far."""

    until_ns: int
    missing: int
    found: int = 0
    events: list[bytes] = field(default_factory=list)
    counted: set[int] = field(default_factory=set)


class MassAnswers:
    """Of all sessions of a gateway. ``most`` gives the largest number of reports that
    one status request of a session may bring; ``clock`` gives nanoseconds."""

    def __init__(self, clock: Callable[[], int], most: Callable[[int], int]) -> None:
        self._clock = clock
        self._most = most
        self._open: dict[Key, _Collected] = {}
        self._given_up: dict[Key, int] = {}

    def open(self, key: Key, shards: int) -> str:
        """A request goes to so many shards; why it cannot, if so."""
        if key in self._open or key in self._given_up:
            return "a request with this identifier is still under way"
        if sum(each.session == key.session for each in self._open) >= OPEN_MAX:
            return f"{OPEN_MAX} requests are under way already"
        self._begin(key, shards)
        return ""

    def _begin(self, key: Key, shards: int) -> _Collected:
        collected = _Collected(self._clock() + PATIENCE_NS, shards)
        self._open[key] = collected
        return collected

    def take(self, shard: int, event: bytes) -> bytes:
        """One event of an answer; the events of the answer that can be told now."""
        count, index, fan_out = _COUNTS.unpack_from(event, _PLACES["count"])
        key = _key_of(event)
        is_last = event[0] != EventKind.STATUS
        if fan_out <= 1:
            return self._alone(key, event, count)
        if key in self._given_up:
            self._late(key, is_last)
            return b""
        collected = self._open.get(key) or self._begin(key, fan_out)
        if shard not in collected.counted:
            collected.counted.add(shard)
            collected.found += count
        if key.is_status and collected.found > self._most(key.session):
            collected.events.clear()
        elif not is_last:
            collected.events.append(event)
        if not is_last:
            return b""
        collected.missing -= 1
        if collected.missing:
            return b""
        del self._open[key]
        return self._whole(key, collected, event)

    def _alone(self, key: Key, event: bytes, count: int) -> bytes:
        """An answer of one shard is whole, unless it is too long."""
        if not key.is_status or count <= self._most(key.session):
            return event
        if event[0] == EventKind.STATUS:
            return b""
        return _with_counts(event, 0, TOO_MANY)

    def _whole(self, key: Key, collected: _Collected, last: bytes) -> bytes:
        if not key.is_status:
            return _with_counts(last, collected.found, 0)
        if collected.found > self._most(key.session):
            return _with_counts(last, 0, TOO_MANY)
        reports = [
            _with_counts(event, collected.found, index)
            for index, event in enumerate(collected.events, 1)
        ]
        return b"".join([*reports, _with_counts(last, collected.found, 0)])

    def _late(self, key: Key, is_last: bool) -> None:
        if is_last:
            self._given_up[key] -= 1
            if not self._given_up[key]:
                del self._given_up[key]

    def overdue(self) -> list[Key]:
        """Requests that are given up now: their clients are to be told."""
        now = self._clock()
        keys = [key for key, each in self._open.items() if each.until_ns <= now]
        for key in keys:
            self._given_up[key] = self._open.pop(key).missing
            while len(self._given_up) > GIVEN_UP_MAX:
                del self._given_up[next(iter(self._given_up))]
        return keys


def not_done(key: Key, form: int, now_ns: int) -> tuple[str, bytes]:
    """MsgType(35) and body of the answer to a request that is given up."""
    if key.is_status:
        event = OrderEvent(
            kind=EventKind.MASS_STATUS_DONE,
            session=key.session,
            cl_ord_id=key.request_id,
            time=now_ns,
            index=NOT_ALL,
        )
        [(_, msg_type, body)] = render_reports(event.pack(), {key.session: form})
        return msg_type, body
    request = MassCommand(CommandKind.MASS_CANCEL, request_id=key.request_id)
    refusal = MassRefusal(
        None, "not all parts of the exchange have answered, ask again"
    )
    return "r", refused_report(request, refusal, form, now_ns)


def _key_of(event: bytes) -> Key:
    """The key of the request that an event belongs to."""
    kind = event[0]
    name = "orig_cl_ord_id" if kind == EventKind.STATUS else "cl_ord_id"
    place = _PLACES[name]
    request_id = event[place : place + _TEXT_BYTES].rstrip(b"\0").decode("ascii")
    (session,) = _SESSION.unpack_from(event, _PLACES["session"])
    return Key(session, kind != EventKind.MASS_CANCELLED, request_id)


def _with_counts(event: bytes, count: int, index: int) -> bytes:
    """The event as of an answer by one shard."""
    changed = bytearray(event)
    _COUNTS.pack_into(changed, _PLACES["count"], count, index, 1)
    return bytes(changed)
