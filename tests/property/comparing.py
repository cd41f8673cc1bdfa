"""The compiled shard and the reference exchange, side by side, command by command."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from itertools import zip_longest
from random import Random
from typing import Any

from engine.codes import (
    CommandKind,
    EventKind,
    ExecInst,
    OrdType,
    Phase,
    Reason,
    TimeInForce,
)
from engine.layouts import Record
from engine.records import EVENT_BYTES, AuctionEvent, OrderEvent, PhaseEvent, unpack_all
from engine.shard import Shard
from tests.property.generating import Batch, Generator
from tests.property.profiles import PROFILES
from tests.reference import invariants
from tests.reference.exchange import ReferenceExchange
from tests.reference.statechecks import check_state, totals_agree

HASH_KEY = b"a key of no note"
SHARD_ID = 7
FIGURES_EVERY = 100
"""Batches between two looks at figures and lists."""

PARTS = (
    *("counters", "books", "identifiers", "ended", "sessions", "limits"),
    *("positions", "deadlines", "changed"),
)


class Difference(AssertionError):
    """The two do not agree, or one of them gave what no exchange may give."""


def told_apart(given: bytes, wanted: bytes) -> str:
    """Field by field, where the engine's events are not the reference's."""
    lines = []
    for one, other in zip_longest(
        unpack_all(given, EVENT_BYTES), unpack_all(wanted, EVENT_BYTES)
    ):
        if type(one) is not type(other) or one.kind != other.kind:
            lines += [f"engine gave    {say(one)}", f"reference gave {say(other)}"]
            continue
        for part in fields(one):
            here, there = getattr(one, part.name), getattr(other, part.name)
            if here != there:
                kind = EventKind(one.kind).name
                lines.append(
                    f"event {one.seq} {kind}, {part.name}: "
                    f"engine {here}, reference {there}"
                )
    return "\n".join(lines)


def say(record: Any) -> str:
    """A record in one line: only what is not nothing."""
    if record is None:
        return "nothing"
    kinds: Any = EventKind if record.SIZE == EVENT_BYTES else CommandKind
    words = []
    for part in fields(record):
        value = getattr(record, part.name)
        value = int(value) if isinstance(value, int) else value
        if part.name == "kind":
            words.append(kinds(value).name)
        elif part.name == "exec_inst" and 0 < value < 64:
            words.append(f"exec_inst={ExecInst(value).name}")
        elif part.name in _CHARACTERS and 32 < value < 127:
            words.append(f"{part.name}={chr(value)!r}")
        elif part.name == "reason" and value and record.SIZE == EVENT_BYTES:
            words.append(f"reason={Reason(value).name}")
        elif value not in (0, ""):
            words.append(f"{part.name}={value!r}")
    return " ".join(words)


_CHARACTERS = (
    *("side", "ord_type", "time_in_force", "stp", "ord_status", "imbalance_side"),
)


def dumps_apart(given: Any, wanted: Any, path: str = "") -> list[str]:
    """Where two dumps differ, leaf by leaf."""
    both = isinstance(given, list | tuple) and isinstance(wanted, list | tuple)
    if both and len(given) == len(wanted):
        lines = []
        for place, pair in enumerate(zip(given, wanted, strict=True)):
            name = f"{path}.{place}" if path else PARTS[place]
            lines += dumps_apart(*pair, name)
        return lines
    if given == wanted:
        return []
    return [f"{path}: engine {given!r}", f"{path}: reference {wanted!r}"]


class Comparison:
    """One run of both: raises :class:`Difference` at the first one."""

    def __init__(self) -> None:
        self.shard = Shard(SHARD_ID, HASH_KEY)
        self.reference = ReferenceExchange(SHARD_ID)
        self.events: list[Any] = []
        self.dump: Any = self.reference.dump()
        self.commands = 0
        self.batches = 0

    def apply(self, batch: Batch) -> list[Any]:
        """The events of a batch, having compared bytes, state and invariants."""
        time, commands = batch
        data = b"".join(command.pack() for command in commands)
        wanted, fault = self._reference(data, time)
        try:
            given = self.shard.apply(data, time)
        except ValueError as error:
            if fault is None:
                raise Difference(f"engine refuses the batch: {error}") from error
            return []
        if fault is not None:
            raise Difference(f"reference refuses the batch: {fault}")
        if given != wanted:
            raise Difference(told_apart(given, wanted))
        before, self.dump = self.dump, self.reference.dump()
        state = self.shard.dump()
        if state != self.dump:
            raise Difference("\n".join(dumps_apart(state, self.dump)))
        events = self.reference.last_events
        check_state(before, self.dump, commands, events)
        self._check_surface()
        self.events += events
        self.commands += len(commands)
        self.batches += 1
        return events

    def _reference(self, data: bytes, time: int) -> tuple[bytes, ValueError | None]:
        try:
            return self.reference.apply(data, time), None
        except ValueError as error:
            return b"", error

    def _check_surface(self) -> None:
        """What else a shard says of itself."""
        shard, reference = self.shard, self.reference
        same("next_due", shard.next_due, reference.next_due)
        same("open_orders", shard.open_orders, len(reference.venue.live))
        same("duplicates", shard.duplicates, reference.duplicates)
        if self.batches % FIGURES_EVERY == 0:
            self.check_figures()

    def check_figures(self) -> None:
        """Figures and lists of open orders."""
        shard, reference = self.shard, self.reference
        same("figures", shard.figures(), reference.figures())
        listed: list[Any] = []
        slot = 0
        while slot >= 0:
            page, slot = shard.orders_page(slot, 7)
            listed += page
        listed.sort(key=lambda order: order.order_id)
        same("open orders", listed, reference.open_orders())
        same("state hash", shard.state_hash(), reference.state_hash())

    def finish(self) -> None:
        """What can only be said of the whole run."""
        self.check_figures()
        invariants.check(self.events)
        totals_agree(self.events, self.dump, self.reference.figures())


def same(what: str, given: object, wanted: object) -> None:
    if given != wanted:
        raise Difference(f"{what}: engine {given!r}, reference {wanted!r}")


class Failure(AssertionError):
    """A run that did not agree, with all it took."""

    def __init__(self, note: str, batches: list[Batch], fault: Exception) -> None:
        super().__init__(f"{note}, after {len(batches)} batches: {fault}")
        self.note = note
        self.batches = batches
        self.fault = fault


def run(profile: str, seed: int, commands: int) -> tuple[Comparison, Counter[str]]:
    """A fresh pair with ``commands`` random commands. Raises :class:`Failure`."""
    generator = Generator(Random(f"{profile} {seed}"), PROFILES[profile])
    comparison, coverage = Comparison(), Counter[str]()
    played: list[Batch] = []
    try:
        while comparison.commands < commands:
            batch = generator.batch()
            played.append(batch)
            events = comparison.apply(batch)
            generator.observe(events)
            cover(coverage, batch[1], events)
        comparison.finish()
    except Exception as fault:
        raise Failure(f"profile {profile}, seed {seed}", played, fault) from fault
    return comparison, coverage


# -- what has been covered -------------------------------------------------------------


def cover(coverage: Counter[str], commands: list[Record], events: list[Any]) -> None:
    """Counts what happened."""
    for command in commands:
        coverage[f"command {CommandKind(command.kind).name}"] += 1  # type: ignore[attr-defined]
    for event in events:
        kind = EventKind(event.kind).name
        coverage[f"event {kind}"] += 1
        if type(event) is OrderEvent:
            coverage[f"reason {Reason(event.reason).name}"] += 1
            if kind == "ACCEPTED":
                coverage[f"type {OrdType(event.ord_type).name}"] += 1
                coverage[f"time in force {chr(event.time_in_force)}"] += 1
                for bit in ExecInst:
                    coverage[f"instruction {bit.name}"] += bool(event.exec_inst & bit)
                coverage["iceberg"] += event.display_qty > 0
                coverage["minimum quantity"] += event.min_qty > 0
                coverage[f"self-trade mode {event.stp}"] += 1
            elif kind == "FILLED":
                coverage[f"liquidity {event.liquidity}"] += 1
        elif type(event) is PhaseEvent:
            coverage[f"phase {Phase(event.phase).name}"] += 1
            coverage[f"phase reason {event.reason}"] += 1
        elif type(event) is AuctionEvent:
            coverage[f"auction, uncrossed {event.uncrossed}"] += 1


EVERYTHING = frozenset(
    [f"command {kind.name}" for kind in CommandKind]
    + [f"event {kind.name}" for kind in EventKind]
    + [f"reason {reason.name}" for reason in Reason]
    + [f"type {kind.name}" for kind in OrdType]
    + [f"time in force {chr(x)}" for x in TimeInForce]
    + [f"instruction {bit.name}" for bit in ExecInst]
    + [f"self-trade mode {mode}" for mode in (0, 49, 50, 51, 52)]
    + [f"liquidity {x}" for x in (1, 2, 4)]
    + [f"phase {phase.name}" for phase in Phase]
    + [f"phase reason {x}" for x in range(6)]
    + [f"auction, uncrossed {x}" for x in (0, 1)]
    + ["iceberg", "minimum quantity"]
)
"""All that a run of enough commands must reach."""
