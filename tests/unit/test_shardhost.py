"""A shard with its logs: what it was when it ended, it is when it begins again."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.codes import CommandKind
from engine.host.host import DAY_NS, ShardHost
from engine.host.service import ShardService
from engine.journal import CorruptLog, DurabilityLost, LogKind, RecordLog
from engine.journal.format import SEGMENT_HEADER_BYTES, read_record
from engine.layouts import Record
from engine.records import (
    COMMAND_BYTES,
    EVENT_BYTES,
    ClockEvent,
    InstrumentCommand,
    InstrumentEvent,
    unpack_all,
)
from tests.reference.script import X, parse_all, tell

SHARD = 5
TODAY = 20_000


class Clock:
    """Stands still unless told otherwise."""

    def __init__(self, now: int = TODAY * DAY_NS) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def opened(folder: Path, clock: Clock | None = None, day_ends_ns: int = 0) -> ShardHost:
    return ShardHost(SHARD, folder, clock or Clock(), day_ends_ns)


def packed(commands: Sequence[Record]) -> bytes:
    return b"".join(command.pack() for command in commands)


def told(events: bytes) -> list[str]:
    return [tell(event) for event in unpack_all(events, EVENT_BYTES)]


def logged(host: ShardHost, after: int = 0) -> bytes:
    return b"".join(record.payload for record in host.events_after(after))


def stamps(folder: Path, kind: LogKind = LogKind.COMMANDS) -> list[int]:
    log = RecordLog(folder / kind.name.lower(), kind, SHARD)
    found = [record.stamp for record in log.read(1)]
    log.close()
    return found


def batches(seed: int, count: int = 60) -> list[bytes]:
    """Batches of orders that trade, cancel, replace, come twice and expire."""
    draw = random.Random(seed)
    made = []
    number = 0
    for batch in range(count):
        lines = []
        for _ in range(draw.randrange(1, 6)):
            number += 1
            side = draw.choice(("buy", "sell"))
            price, qty = draw.randrange(95, 106), draw.randrange(1, 9)
            session = draw.randrange(1, 4)
            old = f"c{draw.randrange(1, number + 1)}"
            numbered = f"number 0/{draw.choice((number, max(1, number - 3)))}"
            lines.append(
                draw.choice(
                    (
                        f"{side} {session}:c{number} {qty} @ {price} {numbered}",
                        f"{side} {session}:c{number} {qty} @ {price} gtc {numbered}",
                        f"{side} {session}:c{number} {qty} market {numbered}",
                        f"cancel {session}:c{number} of {old} {numbered}",
                        f"replace {session}:c{number} of {old} {qty} @ {price}",
                    )
                )
            )
        if batch % 20 == 19:
            lines.append(f"day {TODAY + batch // 20}")
        made.append(packed(parse_all(*lines)))
    return made


@pytest.fixture
def traded(tmp_path: Path) -> tuple[Path, bytes, bytes]:
    """A folder with a life behind it, the state hash at its end, and all its events."""
    folder = tmp_path / "traded"
    host = opened(folder)
    events = host.define([X])
    for batch in batches(1):
        events += host.process(batch)
    state = host.shard.state_hash()
    host.close()
    return folder, state, events


# -- life and replay -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_state_is_the_same_after_every_opening(tmp_path: Path, seed: int) -> None:
    host = opened(tmp_path)
    events = host.define([X])
    for number, batch in enumerate(batches(seed)):
        events += host.process(batch)
        if number % 7 == 3:
            state = host.shard.state_hash()
            host.close()
            host = opened(tmp_path)
            assert host.shard.state_hash() == state
            assert host.replay.events_refilled == 0
            assert host.replay.trimmed == ()
            assert host.replay.open_orders == host.shard.open_orders
    assert logged(host) == events
    assert len(events) == host.event_seq * EVENT_BYTES > 100 * EVENT_BYTES
    host.close()


def test_what_starting_finds(traded: tuple[Path, bytes, bytes]) -> None:
    folder, state, events = traded
    host = opened(folder)
    assert host.shard.state_hash() == state
    assert host.replay.commands == host.command_seq > 60
    assert host.replay.events == host.event_seq == len(events) // EVENT_BYTES
    host.close()


def test_the_commands_alone_make_the_same_events(
    traded: tuple[Path, bytes, bytes],
) -> None:
    folder, state, events = traded
    shutil.rmtree(folder / "events")
    host = opened(folder)
    assert host.shard.state_hash() == state
    assert logged(host) == events
    assert host.replay.events_refilled == host.event_seq
    host.close()
    host = opened(folder)
    assert host.replay.events_refilled == 0
    assert logged(host) == events
    host.close()


def test_a_short_event_log_is_filled_up(
    traded: tuple[Path, bytes, bytes],
) -> None:
    """Cut behind every record, and once within each."""
    folder, state, events = traded
    (source,) = (folder / "events").glob("*.log")
    data = source.read_bytes()
    offset, cuts = SEGMENT_HEADER_BYTES, []
    while not isinstance(found := read_record(data, offset), str):
        cuts += [(offset, False), ((offset + found[2]) // 2, True)]
        offset = found[2]
    assert len(cuts) > 80
    for cut, inside in cuts:
        source.write_bytes(data[:cut])
        host = opened(folder)
        assert host.shard.state_hash() == state
        assert host.replay.events_refilled > 0
        assert bool(host.replay.trimmed) is inside
        assert logged(host) == events
        host.close()


def test_a_torn_command_is_trimmed_with_nothing_acknowledged(
    traded: tuple[Path, bytes, bytes],
) -> None:
    """It was written and not committed: no event of it can have been logged."""
    folder, state, events = traded
    log = RecordLog(folder / "commands", LogKind.COMMANDS, SHARD)
    before = log.last
    log.append(packed(parse_all("buy Z 1 @ 100")), 1, TODAY * DAY_NS * 2)
    log.close()
    (path,) = (folder / "commands").glob("*.log")
    path.write_bytes(path.read_bytes().rstrip(b"\0")[:-150])
    host = opened(folder)
    assert host.command_seq == before
    assert host.shard.state_hash() == state
    assert logged(host) == events
    (trimmed,) = host.replay.trimmed
    assert trimmed.startswith(f"{path}: byte ")
    host.close()


# -- contradictions --------------------------------------------------------------------


def test_an_event_log_longer_than_the_commands_lead_to(
    traded: tuple[Path, bytes, bytes],
) -> None:
    """Somebody may have been told of those events: the commands must not be missing."""
    folder, _, events = traded
    (path,) = (folder / "commands").glob("*.log")
    data = path.read_bytes()
    offset = begin = SEGMENT_HEADER_BYTES
    while not isinstance(found := read_record(data, offset), str):
        begin, offset = offset, found[2]
    path.write_bytes(data[:begin])
    with pytest.raises(CorruptLog, match="acknowledged commands are missing") as caught:
        opened(folder)
    assert f"event {len(events) // EVENT_BYTES} was given out" in caught.value.reason


@pytest.mark.parametrize("size", [0, 5000])
def test_a_command_log_that_is_gone(
    traded: tuple[Path, bytes, bytes], size: int
) -> None:
    folder, _, _ = traded
    (path,) = (folder / "commands").glob("*.log")
    path.write_bytes(bytes(size))
    with pytest.raises(CorruptLog, match="leads to event 0"):
        opened(folder)


@pytest.mark.parametrize("has", range(4))
def test_an_event_log_that_ends_inside_a_batch(tmp_path: Path, has: int) -> None:
    """A long batch is several records: any number of them may be missing."""
    host = opened(tmp_path)
    names = ("V", "W", "Y", "Z")
    host.define([instrument(name) for name in names])
    whole = logged(host)
    host.close()
    shutil.rmtree(tmp_path / "events")
    log = RecordLog(tmp_path / "events", LogKind.EVENTS, SHARD)
    if has:
        log.append(whole[: has * EVENT_BYTES], has, 1)
    log.close()
    host = opened(tmp_path)
    assert host.replay.events_refilled == 4 - has
    assert logged(host) == whole
    host.close()


def test_an_event_log_that_tells_another_story(
    traded: tuple[Path, bytes, bytes],
) -> None:
    """As many events as the commands lead to, but not those."""
    folder, _, events = traded
    shutil.rmtree(folder / "events")
    log = RecordLog(folder / "events", LogKind.EVENTS, SHARD)
    other = bytearray(events)
    other[-1] ^= 1
    log.append(bytes(other), len(other) // EVENT_BYTES, 1)
    log.close()
    with pytest.raises(CorruptLog):
        opened(folder)


@pytest.mark.parametrize("events_too", [False, True])
def test_a_command_log_without_its_beginning(tmp_path: Path, events_too: bool) -> None:
    """The orders of the missing segment would be missing from the book."""
    for kind in (LogKind.COMMANDS, LogKind.EVENTS):
        RecordLog(tmp_path / kind.name.lower(), kind, SHARD).close()
    lines = [[X], *([order] for order in parse_all("buy A 1 @ 9", "buy B 1 @ 9"))]
    log = RecordLog(
        tmp_path / "commands", LogKind.COMMANDS, SHARD, segment_bytes=COMMAND_BYTES
    )
    for number, line in enumerate(lines):
        log.append(packed(line), 1, TODAY * DAY_NS + number)
    log.close()
    host = opened(tmp_path)
    assert (host.command_seq, host.replay.open_orders) == (3, 2)
    host.close()
    first, *_ = sorted((tmp_path / "commands").glob("*.log"))
    first.unlink()
    if events_too:
        shutil.rmtree(tmp_path / "events")
    with pytest.raises(CorruptLog):
        opened(tmp_path)


def test_an_event_log_without_its_beginning(tmp_path: Path) -> None:
    """A gateway that asks for the first events must not get later ones for them."""
    host = opened(tmp_path)
    host.define([X])
    for line in ("buy A 1 @ 9", "buy B 1 @ 9", "buy C 1 @ 9"):
        host.process(packed(parse_all(line)))
    records = list(host.events_after(0))
    host.close()
    shutil.rmtree(tmp_path / "events")
    log = RecordLog(
        tmp_path / "events", LogKind.EVENTS, SHARD, segment_bytes=EVENT_BYTES
    )
    for record in records:
        log.append(record.payload, record.count, record.stamp)
    log.close()
    first, *_ = sorted((tmp_path / "events").glob("*.log"))
    first.unlink()
    host = opened(tmp_path)
    assert host.replay.events_refilled == sum(record.count for record in records)
    again = [record.payload for record in host.events_after(0)]
    assert b"".join(again) == b"".join(record.payload for record in records)
    host.close()
    assert len(list(tmp_path.glob("events-damaged-*"))) == 1


def test_logs_of_another_shard(traded: tuple[Path, bytes, bytes]) -> None:
    folder, _, _ = traded
    with pytest.raises(CorruptLog, match="belongs to COMMANDS 5, not to COMMANDS 6"):
        ShardHost(6, folder, Clock())


# -- time ------------------------------------------------------------------------------


def test_stamps_increase_whatever_the_clock_does(tmp_path: Path) -> None:
    clock = Clock(1000)
    host = opened(tmp_path, clock)
    host.define([X])
    for number, now in enumerate([1000, 1000, 400, -5, 0, 2000, 2000, 1500, 10**18]):
        clock.now = now
        host.process(packed(parse_all(f"buy c{number} 1 @ 9")))
        if number == 6:
            host.close()
            clock.now = 3
            host = opened(tmp_path, clock)
    times = [event.time for event in unpack_all(logged(host), EVENT_BYTES)]
    host.close()
    found = stamps(tmp_path)
    assert found == [1000, 1001, 1002, 1003, 1004, 1005, 2000, 2001, 2002, 10**18]
    assert times == found == stamps(tmp_path, LogKind.EVENTS)


def test_the_day_ends_once(tmp_path: Path) -> None:
    clock = Clock(TODAY * DAY_NS + 5)
    host = opened(tmp_path, clock)
    assert told(host.end_day_if_due()) == [f"day {TODAY} begins"]
    assert host.end_day_if_due() == b""
    clock.now = (TODAY + 1) * DAY_NS - 1
    assert host.end_day_if_due() == b""
    clock.now += 1
    (ended,) = unpack_all(host.end_day_if_due(), EVENT_BYTES)
    assert isinstance(ended, ClockEvent)
    assert (ended.day, ended.time) == (TODAY + 1, clock.now)
    clock.now -= 7 * DAY_NS
    assert host.end_day_if_due() == b""
    host.close()
    host = opened(tmp_path, clock)
    assert host.end_day_if_due() == b""
    clock.now += 14 * DAY_NS
    assert told(host.end_day_if_due()) == [f"day {TODAY + 8} begins"]
    host.close()


def test_the_configured_end_of_the_day(tmp_path: Path) -> None:
    ends = 17 * 3600 * 10**9 + 30 * 60 * 10**9
    clock = Clock(TODAY * DAY_NS + ends - 1)
    host = opened(tmp_path, clock, ends)
    assert told(host.end_day_if_due()) == [f"day {TODAY - 1} begins"]
    clock.now += 1
    assert told(host.end_day_if_due()) == [f"day {TODAY} begins"]
    clock.now = (TODAY + 1) * DAY_NS
    assert host.end_day_if_due() == b""
    host.close()


def test_the_end_of_the_day_expires_day_orders(tmp_path: Path) -> None:
    clock = Clock()
    host = opened(tmp_path, clock)
    host.define([X])
    host.end_day_if_due()
    host.process(packed(parse_all("buy A 3 @ 9", "buy B 1 @ 9 gtc")))
    clock.now += DAY_NS
    assert told(host.end_day_if_due()) == ["A expired: 3", f"day {TODAY + 1} begins"]
    assert host.shard.open_orders == 1
    host.close()


def test_a_day_with_very_many_orders_can_be_read_again(tmp_path: Path) -> None:
    """Its end is one batch of events, longer than any other."""
    clock = Clock()
    host = opened(tmp_path, clock)
    host.define([X])
    host.end_day_if_due()
    for batch in range(10):
        lines = [
            f"buy {number}:A {batch + 1} @ {batch + 1}" for number in range(1, 801)
        ]
        lines = [line.replace(":A", f":A{batch}") for line in lines]
        host.process(packed(parse_all(*lines)))
    clock.now += DAY_NS
    expired = host.end_day_if_due()
    assert len(expired) == 8001 * EVENT_BYTES
    behind = host.process(packed(parse_all("buy Z 1 @ 9")))
    assert len(logged(host)) == host.event_seq * EVENT_BYTES
    assert logged(host).endswith(expired + behind)
    state = host.shard.state_hash()
    host.close()
    host = opened(tmp_path, clock)
    assert host.shard.state_hash() == state
    assert logged(host).endswith(expired + behind)
    host.close()


# -- instruments -----------------------------------------------------------------------


def instrument(symbol: str, **terms: int) -> InstrumentCommand:
    return InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol=symbol, **terms)


TERMS = (
    "tick",
    "lot",
    "reference_price",
    "price_min",
    "price_max",
    "qty_max",
    "notional_max",
)


def test_only_changes_of_instruments_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = opened(tmp_path)
    one, two = instrument("ONE", tick=5), instrument("TWO")
    assert told(host.define([one, two])) == ["ONE defined", "TWO defined"]
    assert host.define([two, one]) == b""
    assert host.command_seq == 2
    for field in TERMS:
        changed = instrument("TWO", **{field: 777})
        (event,) = unpack_all(host.define([one, changed]), EVENT_BYTES)
        assert isinstance(event, InstrumentEvent)
        assert (event.symbol, getattr(event, field)) == ("TWO", 777)
        assert host.define([one, changed]) == b""
        assert told(host.define([one, two])) == ["TWO defined"]
    other = InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT, symbol="ONE", tick=5, currency="EUR"
    )
    assert told(host.define([other, two])) == ["ONE defined"]
    host.close()
    host = opened(tmp_path)
    assert host.define([other, two]) == b""
    assert not caplog.records
    assert host.define([two]) == b""
    assert [record.getMessage() for record in caplog.records] == [
        "ONE is no longer configured and still trades"
    ]
    host.close()


def test_the_longest_names_are_known_again(tmp_path: Path) -> None:
    host = opened(tmp_path)
    long = InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT, symbol="S" * 24, currency="C" * 8
    )
    assert len(host.define([long])) == EVENT_BYTES
    assert host.define([long]) == b""
    host.close()


# -- reading events --------------------------------------------------------------------


def test_events_after_any_number(traded: tuple[Path, bytes, bytes]) -> None:
    folder, _, events = traded
    host = opened(folder)
    for seq in range(host.event_seq):
        records = list(host.events_after(seq))
        assert records[0].first <= seq + 1 <= records[0].last
        rest = b"".join(record.payload for record in records)
        assert (
            rest[(seq + 1 - records[0].first) * EVENT_BYTES :]
            == (events[seq * EVENT_BYTES :])
        )
    assert list(host.events_after(host.event_seq)) == []
    host.close()


# -- a disk that fails -----------------------------------------------------------------


class Never:
    """A port that must not hear anything."""

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        raise AssertionError(f"{count} events from {first}, {committed} committed")

    def backlog(self) -> int:
        return 0


def fail_sync(file: int) -> None:
    raise OSError(errno.EIO, "injected")


def test_nothing_is_applied_that_is_not_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = opened(tmp_path)
    host.define([X])
    before = host.shard.state_hash(), logged(host)
    monkeypatch.setattr(os, "fdatasync", fail_sync)
    with pytest.raises(DurabilityLost):
        host.process(packed(parse_all("buy A 1 @ 9")))
    assert (host.shard.state_hash(), logged(host)) == before


@pytest.mark.parametrize("how", ["order", "end of day"])
def test_nothing_is_acknowledged_after_a_failed_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def scene() -> None:
        clock = Clock()
        host = opened(tmp_path, clock)
        host.define([X])
        host.end_day_if_due()
        fatal: list[BaseException] = []
        service = ShardService(host, fatal.append)
        ports = [Never(), Never()]
        for port in ports:
            service.attach(port, host.event_seq)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fail_sync)
            if how == "order":
                service.submit(ports[0], 1, packed(parse_all("buy A 1 @ 9")))
                service.submit(ports[1], 1, packed(parse_all("sell B 1 @ 9")))
                await asyncio.sleep(0.01)
            else:
                clock.now += DAY_NS
                service.tick()
        assert [type(error) for error in fatal] == [DurabilityLost]
        # The disk says it is well again: this must not be believed.
        for number in range(2, 5):
            service.submit(ports[0], number, packed(parse_all(f"buy C{number} 1 @ 9")))
            service.tick()
            await asyncio.sleep(0.002)
        assert len(fatal) == 1

    asyncio.run(scene())
