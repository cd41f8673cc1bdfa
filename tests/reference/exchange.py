"""The reference exchange: ``spec/matching.md`` in the plainest Python.

Kept for ever beside the tests as their oracle: same commands, byte for byte the same
events and the same state hash after every one as :class:`engine.shard.Shard`. It is
meant to be read, not to be fast: lists, dicts and sorting.

The rules are in the modules around: :mod:`~tests.reference.checks` and
:mod:`~tests.reference.limits` (may it be), :mod:`~tests.reference.entering` (trading),
:mod:`~tests.reference.settling` (stops and pegs), :mod:`~tests.reference.phases`,
:mod:`~tests.reference.auction`, :mod:`~tests.reference.mass`,
:mod:`~tests.reference.identifiers`, :mod:`~tests.reference.single` (one order at a
time) and :mod:`~tests.reference.operating` (the exchange's own commands).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.codes import CommandKind, EventKind, Reason
from engine.figures import OpenOrder, ShardFigures
from engine.records import (
    ACCOUNT_BYTES,
    COMMAND_BYTES,
    SYMBOL_BYTES,
    MassCommand,
    OrderCommand,
    unpack_all,
)
from engine.shard import check_commands
from engine.statehash import Dump, state_hash
from tests.reference import auction, identifiers, mass, operating, phases, single
from tests.reference.orders import padded
from tests.reference.venue import Venue

HANDLERS: dict[int, Callable[[Venue, Any], None]] = {
    CommandKind.NEW_ORDER: single.new_order,
    CommandKind.CANCEL: single.cancel,
    CommandKind.REPLACE: single.replace,
    CommandKind.ORDER_STATUS: single.order_status,
    CommandKind.MASS_CANCEL: mass.mass_command,
    CommandKind.MASS_STATUS: mass.mass_command,
    CommandKind.DEFINE_INSTRUMENT: operating.define,
    CommandKind.END_OF_DAY: operating.end_of_day,
    CommandKind.SET_PHASE: operating.set_phase,
    CommandKind.SET_LIMITS: operating.set_limits,
    CommandKind.SET_BLOCKED: operating.set_blocked,
    CommandKind.TICK: operating.tick,
    CommandKind.TRADE_CANCEL: operating.change_trade,
    CommandKind.TRADE_CORRECT: operating.change_trade,
    CommandKind.SET_DEADLINE: operating.set_deadline,
}


class ReferenceExchange:
    """Same interface and same answers as :class:`engine.shard.Shard`."""

    def __init__(self, shard_id: int) -> None:
        self.venue = Venue(shard_id)
        self.last_events: list[Any] = []
        """Of the last :meth:`apply`, unpacked."""

    def apply(self, commands: bytes, time: int) -> bytes:
        """The events of the commands. ValueError, nothing changed, for bad input."""
        check_commands(commands)
        events = self.venue.events
        if time <= events.time:
            raise ValueError(f"{time} is not after {events.time}")
        events.time = time
        events.given = []
        for place, command in enumerate(unpack_all(commands, COMMAND_BYTES)):
            events.command_seq += 1
            if place == 0:
                self._begin()
            self._one(command)
        self.last_events = events.given
        return b"".join(event.pack() for event in events.given)

    def _begin(self) -> None:
        """What time brings, before the first command of a batch."""
        venue = self.venue
        mass.expire_by_time(venue)
        phases.end_by_time(venue)
        mass.meet_deadlines(venue)
        for book in venue.books.values():
            auction.indicate(venue, book)

    def _one(self, command: Any) -> None:
        venue = self.venue
        venue.touched = []
        if not self._repeats(command):
            HANDLERS[command.kind](venue, command)
        for book in venue.in_order(venue.touched):
            auction.indicate(venue, book)

    def _repeats(self, command: Any) -> bool:
        """Whether nothing is left to do, because the command came before."""
        venue = self.venue
        if not isinstance(command, OrderCommand | MassCommand):
            return False
        if single.is_unsolicited(command):
            return False
        dropped = identifiers.brought_before(venue, command)
        if not dropped:
            if isinstance(command, MassCommand) or not single.is_resent(venue, command):
                return False
            dropped = not single.answer_resent(venue, command)
        venue.duplicates += dropped
        return True

    # -- what it says of itself --------------------------------------------------------

    @property
    def duplicates(self) -> int:
        return self.venue.duplicates

    @property
    def next_due(self) -> int:
        """The earliest time at which something happens by itself, 0 for none."""
        venue = self.venue
        times = [order.expire_time for order in venue.live.values()]
        times += [deadline for deadline, _, _ in venue.deadlines.values()]
        for book in venue.books.values():
            times.append(book.until)
            if auction.has_news(book):
                times.append(max(book.auction_due, 1))
        return min((time for time in times if time), default=0)

    def figures(self) -> ShardFigures:
        venue = self.venue
        kinds, reasons = venue.events.kinds, venue.events.reasons
        return ShardFigures(
            events={kind: kinds[kind] for kind in EventKind},
            reasons={r: reasons[r] for r in Reason if r is not Reason.NONE},
            instruments=tuple(book.figures() for book in venue.books.values()),
        )

    def open_orders(self) -> list[OpenOrder]:
        """What all pages together list, in order of OrderID."""
        return [self.venue.live[number].listed() for number in sorted(self.venue.live)]

    def state_hash(self) -> bytes:
        return state_hash(self.dump())

    def dump(self) -> Dump:
        """The state in the form of :meth:`engine.shard.Shard.dump`."""
        venue = self.venue
        events = venue.events
        counters = (
            events.shard_id,
            events.command_seq,
            events.event_seq,
            events.time,
            venue.day,
            venue.priority,
        )
        return (
            counters,
            [book.dump() for book in venue.books.values()],
            identifiers.dump(venue),
            [as_it_was for _, as_it_was in venue.ended],
            sorted((session, *last) for session, last in venue.numbers.items()),
            self._limits(),
            sorted(
                (padded(account, ACCOUNT_BYTES), padded(symbol, SYMBOL_BYTES), position)
                for (account, symbol), position in venue.positions.items()
            ),
            sorted(
                (deadline, session, reason, flags, source)
                for (session, reason), (deadline, flags, source) in (
                    venue.deadlines.items()
                )
            ),
            sorted(venue.changed),
        )

    def _limits(self) -> list[Any]:
        return sorted(
            (
                scope,
                session,
                padded(account, ACCOUNT_BYTES),
                limits.order_qty_max,
                limits.notional_max,
                limits.open_orders_max,
                limits.rate_max,
                limits.position_max,
                limits.blocked,
                limits.tat,
                self.venue.open_orders((scope, session, account)),
            )
            for (scope, session, account), limits in self.venue.limits.items()
        )
