"""A shard with its logs: append a batch, commit it, apply it, keep the events.

The command log is the truth and is on disk before anything is applied. The event log
beside it is derived: it is written without a sync, checked against the replay at start,
and filled up where a crash left it short.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.codes import CommandKind
from engine.host.phasekeeper import PhaseKeeper, Timetable
from engine.host.standing import LimitState, Standing
from engine.journal import CorruptLog, LogKind, LogRecord, RecordLog
from engine.layouts import Record
from engine.records import (
    COMMAND_BYTES,
    EVENT_BYTES,
    LAYOUT_VERSION,
    ClockCommand,
    InstrumentCommand,
    LimitsCommand,
)
from engine.shard import Shard

log = logging.getLogger(__name__)

NS_PER_S = 1_000_000_000
EVENTS_PER_RECORD_MAX = 16_384
"""One order may cause any number of events; a record of the log stays below 6 MiB."""

COMMANDS_PER_BATCH_MAX = 4_096
"""Commands of the host's own in one batch, 1 MiB: orders need not wait for more."""

DAY_NS = 86_400 * NS_PER_S


OTHER_LAYOUT_ADVICE = (
    "Run it with the build that wrote it; or cancel all orders with that one, move the "
    "data folder away as an archive, and begin with an empty one: clients then reset "
    "their sequence numbers"
)


class OtherLayout(Exception):
    """The folder's records have another layout than this build's: see
    ``LAYOUT_VERSION`` in engine/records.py."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} holds records of another layout; this build reads version "
            f"{LAYOUT_VERSION}. {OTHER_LAYOUT_ADVICE}"
        )


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What starting from the logs found."""

    commands: int
    events: int
    events_refilled: int
    open_orders: int
    trimmed: tuple[str, ...]


class ShardHost:
    """Owns the folder of one shard.

    ``clock`` gives nanoseconds since the epoch, UTC. ``day_ends_ns`` is the time of day
    at which the trading day ends, in nanoseconds after midnight UTC. ``timetable``
    says when instruments are in which phase, None leaves that to operators; ``draw``
    gives a random number below its argument. Raises CorruptLog when the logs are
    damaged or contradict each other, and OtherLayout.
    """

    def __init__(
        self,
        shard_id: int,
        folder: Path,
        clock: Callable[[], int],
        day_ends_ns: int = 0,
        timetable: Timetable | None = None,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self.shard = Shard(shard_id, os.urandom(16))
        self.clock = clock
        self.standing = Standing()
        self.keeper = PhaseKeeper(self.standing, timetable, draw)
        self._day_ends_ns = day_ends_ns
        self._commands = RecordLog(
            folder / "commands", LogKind.COMMANDS, shard_id, preallocate=True
        )
        if self._commands.recovery.first != 1:
            raise CorruptLog(
                folder / "commands",
                0,
                f"begins with command {self._commands.recovery.first}: what came "
                "before it is missing",
            )
        self._events = _derived_log(folder / "events", shard_id)
        self._check_layout(folder)
        self.replay = self._replay()

    @property
    def event_seq(self) -> int:
        """Number of the last event."""
        return self.shard.event_seq

    @property
    def command_seq(self) -> int:
        """Number of the last command."""
        return self.shard.command_seq

    def process(self, commands: bytes) -> bytes:
        """Log, commit and apply one batch; its events, which may now leave.

        Raises DurabilityLost: then nothing of this batch may be acknowledged, and the
        process must end.
        """
        stamp = max(self.clock(), self.shard.time + 1)
        self._commands.append(commands, len(commands) // COMMAND_BYTES, stamp)
        self._commands.commit()
        events = self.shard.apply(commands, stamp)
        self._keep(events, stamp)
        self.standing.take(events)
        return events

    def define(self, instruments: Sequence[InstrumentCommand]) -> bytes:
        """Bring the shard's instruments to these terms; the events."""
        known = {
            symbol.rstrip(b"\0").decode(): (currency.rstrip(b"\0").decode(), terms)
            for symbol, currency, terms in self.shard.terms()
        }
        changed = [
            wanted
            for wanted in instruments
            if known.get(wanted.symbol) != (wanted.currency, terms_of(wanted))
        ]
        for symbol in known.keys() - {wanted.symbol for wanted in instruments}:
            log.warning("%s is no longer configured and still trades", symbol)
        return self._process_all(changed)

    def limit(self, limits: Sequence[LimitsCommand]) -> bytes:
        """Bring sessions and accounts to these limits; the events. Others keep
        theirs."""
        return self._process_all([wanted for wanted in limits if not self._has(wanted)])

    @property
    def next_due(self) -> int:
        """When :meth:`run_due` has something to do: nanoseconds since the epoch, 0 if
        never. It may have come long ago."""
        due = (self.shard.next_due, self.keeper.next_due(self.clock()))
        return min((at for at in due if at), default=0)

    def run_due(self) -> bytes:
        """Everything whose time has come: the timetable's phases, the end of the day,
        and what the shard itself waits for; the events."""
        events = self._process_all(self.keeper.due(self.clock()))
        events += self.end_day_if_due()
        if 0 < self.shard.next_due <= self.clock():
            tick = ClockCommand(CommandKind.TICK, day=self.shard.day)
            events += self.process(tick.pack())
        return events

    def end_day_if_due(self) -> bytes:
        """End the trading day when the clock has passed its end; the events."""
        day = (self.clock() - self._day_ends_ns) // DAY_NS
        if day <= self.shard.day:
            return b""
        return self.process(ClockCommand(CommandKind.END_OF_DAY, day=day).pack())

    def events_after(self, seq: int) -> Iterator[LogRecord]:
        """The logged batches of events that hold numbers above ``seq``."""
        return self._events.read(seq + 1)

    def close(self) -> None:
        """A clean end: everything on disk."""
        self._commands.close()
        self._events.close()

    def _process_all(self, commands: Sequence[Record]) -> bytes:
        """The events of any number of commands, batch by batch."""
        events = b""
        for start in range(0, len(commands), COMMANDS_PER_BATCH_MAX):
            part = commands[start : start + COMMANDS_PER_BATCH_MAX]
            events += self.process(b"".join(command.pack() for command in part))
        return events

    def _has(self, wanted: LimitsCommand) -> bool:
        """Whether these limits are in force already."""
        owner = wanted.scope, wanted.session, wanted.account
        known = self.standing.limits.get(owner, LimitState())
        return all(
            getattr(known, name) == getattr(wanted, name)
            for name in LimitState.__slots__
            if name != "blocked"
        )

    def _check_layout(self, folder: Path) -> None:
        """Raises OtherLayout when the first event has another size than ours."""
        first = next(self._events.read(1), None)
        if first is not None and len(first.payload) != first.count * EVENT_BYTES:
            raise OtherLayout(folder)

    def _keep(self, events: bytes, stamp: int) -> None:
        """Into the event log, in records of bounded size."""
        step = EVENTS_PER_RECORD_MAX * EVENT_BYTES
        for start in range(0, len(events), step):
            part = events[start : start + step]
            self._events.append(part, len(part) // EVENT_BYTES, stamp)

    def _replay(self) -> ReplayReport:
        """The state from the command log; the event log checked, and filled up."""
        refilled = 0
        shard = self.shard
        known = self._events.last
        stored = _ByteStream(record.payload for record in self._events.read(1))
        for record in self._commands.read(1):
            before = shard.event_seq
            events = shard.apply(record.payload, record.stamp)
            self.standing.take(events)
            have = max(0, min(known, shard.event_seq) - before) * EVENT_BYTES
            if stored.take(have) != events[:have]:
                raise CorruptLog(
                    "event log",
                    0,
                    f"tells another story than the commands, at or after event "
                    f"{before + 1}",
                )
            if len(events) > have:
                self._keep(events[have:], record.stamp)
                refilled += (len(events) - have) // EVENT_BYTES
        if known > shard.event_seq:
            raise CorruptLog(
                "command log",
                0,
                f"leads to event {shard.event_seq}, but event {known} was given out: "
                "acknowledged commands are missing",
            )
        trimmed = tuple(
            report.torn_at
            for report in (self._commands.recovery, self._events.recovery)
            if report.torn_at
        )
        return ReplayReport(
            shard.command_seq, shard.event_seq, refilled, shard.open_orders, trimmed
        )


def terms_of(wanted: InstrumentCommand) -> tuple[int, ...]:
    """The terms of an instrument in the order of the record, as Shard.terms has
    them."""
    return (
        wanted.tick,
        wanted.lot,
        wanted.reference_price,
        wanted.price_min,
        wanted.price_max,
        wanted.qty_max,
        wanted.notional_max,
        wanted.qty_min,
        wanted.static_band,
        wanted.dynamic_band,
        wanted.volatility_ns,
        wanted.maker_fee,
        wanted.taker_fee,
        wanted.auction_fee,
    )


class _ByteStream:
    """Bytes from an iterator of chunks, in pieces of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer at the end."""
        while len(self._buffer) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._buffer += chunk
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


def _derived_log(folder: Path, shard_id: int) -> RecordLog:
    """The event log; a damaged one is put aside, for replay makes it anew."""
    try:
        found = RecordLog(folder, LogKind.EVENTS, shard_id)
        if found.recovery.first == 1:
            return found
        found.close()
        reason = f"it begins with event {found.recovery.first}"
    except CorruptLog as error:
        reason = str(error)
    aside = folder.with_name(f"{folder.name}-damaged-{os.urandom(4).hex()}")
    folder.rename(aside)
    log.error("the event log is made anew, the damaged one is %s: %s", aside, reason)
    return RecordLog(folder, LogKind.EVENTS, shard_id)
