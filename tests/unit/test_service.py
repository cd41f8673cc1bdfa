"""A shard's service: one commit for all that came together, every event to everyone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.host import service as module
from engine.host.host import DAY_NS, ShardHost
from engine.host.service import HistoryMissing, ShardService
from engine.journal import LogKind, RecordLog
from engine.records import COMMAND_BYTES, EVENT_BYTES, unpack_all
from tests.reference.script import X, parse_all, tell

SHARD = 2


class Clock:
    def __init__(self) -> None:
        self.now = 20_000 * DAY_NS

    def __call__(self) -> int:
        return self.now


class FakePort:
    """Keeps what it is given, and checks what every port may rely on."""

    def __init__(self, taken: int = 0) -> None:
        self.taken = taken
        self.committed = 0
        self.events = b""
        self.calls: list[tuple[int, int, int]] = []
        self.unsent = 0
        self.grows = False

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        assert first == self.taken + 1, "an event twice, or one left out"
        assert len(events) == count * EVENT_BYTES
        seqs = [event.seq for event in unpack_all(events, EVENT_BYTES)]
        assert seqs == list(range(first, first + count))
        assert committed == 0 or committed >= self.committed, "fell back"
        self.taken += count
        self.committed = max(self.committed, committed)
        self.events += events
        self.calls.append((first, committed, count))
        if self.grows:
            self.unsent += len(events)

    def backlog(self) -> int:
        return self.unsent

    def told(self) -> list[str]:
        return [tell(event) for event in unpack_all(self.events, EVENT_BYTES)]


def packed(*lines: str) -> bytes:
    return b"".join(command.pack() for command in parse_all(*lines))


class Stage:
    """A service with a shard that knows the instrument X."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.host = ShardHost(SHARD, folder, self.clock)
        self.host.define([X])
        self.host.end_day_if_due()
        self.began_at = self.host.event_seq
        self.fatal: list[BaseException] = []
        self.service = ShardService(self.host, self.fatal.append)

    def join(self, taken: int | None = None) -> FakePort:
        port = FakePort(self.began_at if taken is None else taken)
        self.service.attach(port, port.taken)
        return port

    def events(self, after: int) -> bytes:
        return b"".join(
            record.payload[max(0, after + 1 - record.first) * EVENT_BYTES :]
            for record in self.host.events_after(after)
        )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.host.close()
    assert made.fatal == []


async def settled(condition: Callable[[], object]) -> None:
    """Turns of the loop until ``condition`` holds."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never came true")


def play(scene: Callable[[], Awaitable[None]]) -> None:
    errors: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        await scene()

    asyncio.run(main())
    assert errors == []


def journal(folder: Path) -> list[tuple[int, int]]:
    """First number and count of every record of commands."""
    log = RecordLog(folder / "commands", LogKind.COMMANDS, SHARD)
    records = [(record.first, record.count) for record in log.read(1)]
    log.close()
    return records


# -- group commit ----------------------------------------------------------------------


def test_what_came_in_one_turn_is_one_record(tmp_path: Path, stage: Stage) -> None:
    async def scene() -> None:
        one, two = stage.join(), stage.join()
        stage.service.submit(one, 1, packed("buy A 5 @ 100", "buy B 1 @ 99"))
        stage.service.submit(two, 1, packed("sell 2:C 5 @ 100"))
        stage.service.submit(one, 2, packed("cancel D of B"))
        assert stage.service.commands_waiting == 4
        assert one.calls == two.calls == []
        await asyncio.sleep(0)
        assert stage.service.commands_waiting == 0
        first = stage.began_at + 1
        assert one.calls == [(first, 2, 6)]
        assert two.calls == [(first, 1, 6)]
        assert one.events == two.events
        stage.service.submit(two, 2, packed("buy 2:E 1 @ 1"))
        await asyncio.sleep(0)
        assert one.calls[1:] == [(first + 6, 2, 1)]
        assert two.calls[1:] == [(first + 6, 2, 1)]

    play(scene)
    stage.host.close()
    assert journal(tmp_path) == [(1, 1), (2, 1), (3, 4), (7, 1)]


def test_the_order_of_arrival_is_kept(stage: Stage) -> None:
    async def scene() -> None:
        ports = [stage.join() for _ in range(5)]
        for number in range(1, 41):
            stage.service.submit(
                ports[number * 3 % 5], number, packed(f"buy c{number} 1 @ 9")
            )
            if number % 10 == 0:
                await asyncio.sleep(0)
        for port in ports:
            assert port.told() == [f"c{n} accepted: buy 1 @ 9" for n in range(1, 41)]

    play(scene)


def test_what_is_no_list_of_commands_is_refused(stage: Stage) -> None:
    async def scene() -> None:
        port = stage.join()
        good = packed("buy A 1 @ 9")
        for bad in (b"x", good[:-1], good + b"x", b"\xff" * COMMAND_BYTES):
            with pytest.raises(ValueError, match=r"."):
                stage.service.submit(port, 1, bad)
        assert stage.service.commands_waiting == 0
        await asyncio.sleep(0)
        assert port.calls == []

    play(scene)


def test_a_batch_without_commands_does_no_harm(tmp_path: Path, stage: Stage) -> None:
    """Refused or answered: but no record that cannot be read back."""

    async def scene() -> None:
        port = stage.join()
        try:
            stage.service.submit(port, 1, b"")
        except ValueError:
            return
        await asyncio.sleep(0)
        assert port.committed == 1
        stage.service.submit(port, 2, packed("buy A 1 @ 9"))
        await asyncio.sleep(0)
        assert port.told() == ["A accepted: buy 1 @ 9"]

    play(scene)
    stage.host.close()
    log = RecordLog(tmp_path / "commands", LogKind.COMMANDS, SHARD)
    assert (log.last, log.recovery.torn_at) == (stage.host.command_seq, "")
    log.close()


def test_duplicates_are_acknowledged_without_events(stage: Stage) -> None:
    async def scene() -> None:
        one, other = stage.join(), stage.join()
        batch = packed("buy A 1 @ 9 number 3/7", "buy B 1 @ 9 number 3/8")
        stage.service.submit(one, 1, batch)
        await asyncio.sleep(0)
        stage.service.submit(one, 2, batch)
        stage.service.submit(one, 3, packed("buy C 1 @ 9 number 2/99"))
        await asyncio.sleep(0)
        first = stage.began_at + 1
        assert one.calls == [(first, 1, 2), (first + 2, 3, 0)]
        assert other.calls == [(first, 0, 2)]
        assert stage.host.shard.duplicates == 3
        # Another session, and another epoch of the same one, are no duplicates.
        stage.service.submit(
            one, 4, packed("buy 2:A 1 @ 9 number 3/7", "buy D 1 @ 9 number 4/1")
        )
        await asyncio.sleep(0)
        assert one.told()[2:] == ["2:A accepted: buy 1 @ 9", "D accepted: buy 1 @ 9"]

    play(scene)


def test_the_end_of_the_day_goes_to_everyone(stage: Stage) -> None:
    async def scene() -> None:
        one, two = stage.join(), stage.join()
        stage.service.submit(one, 1, packed("buy A 1 @ 9"))
        await asyncio.sleep(0)
        stage.service.tick()
        assert len(one.calls) == 1
        stage.clock.now += DAY_NS
        stage.service.tick()
        expected = ["A accepted: buy 1 @ 9", "A expired: 1", "day 20001 begins"]
        assert one.told() == two.told() == expected
        stage.service.tick()
        assert one.told() == expected

    play(scene)


# -- catching up -----------------------------------------------------------------------


def trade(stage: Stage, batches: int = 20) -> None:
    for batch in range(batches):
        lines = [f"buy h{batch}-{n} 1 @ {n + 1}" for n in range(batch % 4 + 1)]
        stage.host.process(packed(*lines))


def test_a_link_gets_every_event_after_those_it_has(stage: Stage) -> None:
    async def scene() -> None:
        trade(stage)
        ports = [stage.join(taken) for taken in range(stage.host.event_seq + 1)]
        await settled(lambda: all(p.taken == stage.host.event_seq for p in ports))
        for taken, port in enumerate(ports):
            assert port.events == stage.events(taken)
            assert all(committed == 0 for _, committed, _ in port.calls)

    play(scene)


def test_a_level_link_gets_nothing_at_first(stage: Stage) -> None:
    async def scene() -> None:
        port = stage.join()
        await asyncio.sleep(0.01)
        assert port.calls == []

    play(scene)


def test_a_link_from_the_future_is_refused(stage: Stage) -> None:
    async def scene() -> None:
        port = FakePort()
        leads_to = stage.host.event_seq
        with pytest.raises(HistoryMissing) as caught:
            stage.service.attach(port, leads_to + 1)
        assert str(caught.value) == (
            f"the gateway has taken event {leads_to + 1}, "
            f"this shard's log leads to {leads_to}"
        )
        other = stage.join()
        stage.service.submit(other, 1, packed("buy A 1 @ 9"))
        await asyncio.sleep(0)
        assert (other.committed, port.calls) == (1, [])

    play(scene)


def test_what_is_submitted_while_catching_up(stage: Stage) -> None:
    """Its events come from the log as well, and it is acknowledged behind them."""

    async def scene() -> None:
        trade(stage)
        port = stage.join(0)
        level = stage.host.event_seq
        stage.service.submit(port, 1, packed("buy A 1 @ 9"))
        await settled(lambda: port.committed == 1)
        assert port.taken == stage.host.event_seq == level + 1
        acknowledged = next(i for i, call in enumerate(port.calls) if call[1])
        assert port.calls[acknowledged][0] >= level + 1
        assert port.events == stage.events(0)

    play(scene)


def test_a_duplicate_submitted_while_catching_up(stage: Stage) -> None:
    async def scene() -> None:
        batch = packed("buy A 1 @ 9 number 1/1")
        stage.host.process(batch)
        trade(stage)
        port = stage.join(0)
        stage.service.submit(port, 4, batch)
        await settled(lambda: port.committed == 4)
        assert port.taken == stage.host.event_seq
        assert stage.host.shard.duplicates == 1

    play(scene)


def test_a_very_long_batch_does_not_stop_a_link(stage: Stage) -> None:
    """The loop must not turn for ever over an event it cannot read."""

    async def scene() -> None:
        trade(stage, 3)
        for batch in range(8):
            names = [f"d{batch}-{number}" for number in range(1000)]
            stage.host.process(packed(*(f"buy {name} 1 @ 5" for name in names)))
        stage.clock.now += DAY_NS
        assert len(stage.host.end_day_if_due()) > 8000 * EVENT_BYTES
        trade(stage, 1)
        # Asked first without the service, which would not come back.
        assert len(stage.events(0)) == stage.host.event_seq * EVENT_BYTES
        port = stage.join(0)
        await settled(lambda: port.taken == stage.host.event_seq)
        assert port.events == stage.events(0)

    play(scene)


# -- slow links ------------------------------------------------------------------------


@pytest.fixture
def small_backlog(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "BACKLOG_BYTES_MAX", 10 * EVENT_BYTES)
    monkeypatch.setattr(module, "CATCH_UP_PAUSE_S", 0.001)
    return 10 * EVENT_BYTES


def test_a_slow_link_is_fed_from_the_log(stage: Stage, small_backlog: int) -> None:
    async def scene() -> None:
        slow, quick = stage.join(), stage.join()
        slow.unsent = small_backlog
        stage.service.submit(slow, 1, packed("buy A 1 @ 9"))
        await asyncio.sleep(0)
        assert slow.committed == 1, "as much as the limit is not above it"
        slow.unsent += 1
        for number in range(2, 12):
            stage.service.submit(slow, number, packed(f"buy A{number} 1 @ 9"))
            stage.service.submit(quick, number, packed(f"sell B{number} 1 @ 9"))
            await asyncio.sleep(0.002)
            assert quick.committed == number
            assert quick.taken == stage.host.event_seq
            assert slow.committed == 1
        assert slow.taken < stage.host.event_seq
        slow.unsent = 0
        await settled(lambda: slow.committed == 11)
        assert slow.taken == stage.host.event_seq
        stage.service.submit(slow, 12, packed("buy Z 1 @ 9"))
        await asyncio.sleep(0)
        assert slow.calls[-1][1] == 12, "live again"
        assert slow.events == quick.events == stage.events(stage.began_at)

    play(scene)


def test_an_answer_without_events_needs_no_room(
    stage: Stage, small_backlog: int
) -> None:
    async def scene() -> None:
        port = stage.join()
        batch = packed("buy A 1 @ 9 number 1/1")
        stage.service.submit(port, 1, batch)
        await asyncio.sleep(0)
        port.unsent = small_backlog + 1
        stage.service.submit(port, 2, batch)
        await asyncio.sleep(0)
        assert port.committed == 2

    play(scene)


@pytest.mark.parametrize("seed", range(8))
def test_links_of_all_speeds_get_every_event_once(
    stage: Stage, small_backlog: int, seed: int
) -> None:
    """The fake port itself fails the test on an event twice, or one left out."""

    async def scene() -> None:
        draw = random.Random(seed)
        trade(stage, 5)
        ports: dict[FakePort, int] = {}
        starts: dict[FakePort, int] = {}
        switches = 0

        def join() -> None:
            port = stage.join(draw.randrange(stage.host.event_seq + 1))
            port.grows = True
            ports[port], starts[port] = 0, port.taken

        join()
        for step in range(300):
            port = draw.choice(list(ports))
            ports[port] += 1
            qty, price = draw.randrange(1, 5), draw.randrange(98, 103)
            side = draw.choice(("buy", "sell"))
            line = f"{side} s{step} {qty} @ {price}"
            stage.service.submit(port, ports[port], packed(line))
            if draw.random() < 0.5:
                await asyncio.sleep(0)
            if draw.random() < 0.1:
                await asyncio.sleep(0.001)
            for other in ports:
                switches += other.unsent > small_backlog
                if draw.random() < 0.15:
                    other.unsent = 0
            if draw.random() < 0.02:
                join()
        for port in ports:
            port.grows, port.unsent = False, 0
        await settled(lambda: all(p.taken == stage.host.event_seq for p in ports))
        await settled(lambda: all(p.committed == sent for p, sent in ports.items()))
        assert switches, "no link was ever slow"
        for port in ports:
            assert port.events == stage.events(starts[port])

    play(scene)


# -- leaving ---------------------------------------------------------------------------


def test_what_was_submitted_before_leaving_is_applied(stage: Stage) -> None:
    async def scene() -> None:
        one, two = stage.join(), stage.join()
        stage.service.submit(one, 1, packed("buy A 1 @ 9"))
        stage.service.detach(one)
        stage.service.detach(one)
        await asyncio.sleep(0)
        assert one.calls == []
        assert two.told() == ["A accepted: buy 1 @ 9"]

    play(scene)


def test_leaving_while_catching_up(stage: Stage, small_backlog: int) -> None:
    async def scene() -> None:
        trade(stage)
        port = stage.join(0)
        port.unsent = small_backlog + 1
        await settled(lambda: port.calls)
        seen = len(port.calls)
        assert 0 < seen < 20
        stage.service.detach(port)
        port.unsent = 0
        await asyncio.sleep(0.01)
        assert len(port.calls) == seen
        assert len(asyncio.all_tasks()) == 1
        again = stage.join(port.taken)
        await settled(lambda: again.taken == stage.host.event_seq)
        assert port.events + again.events == stage.events(0)

    play(scene)


def test_leaving_before_catching_up_began(stage: Stage) -> None:
    async def scene() -> None:
        trade(stage)
        port = stage.join(0)
        stage.service.detach(port)
        await asyncio.sleep(0.005)
        assert port.calls == []

    play(scene)


def test_numbers_begin_again_with_a_new_link(stage: Stage) -> None:
    """A link acknowledges its own batches only, whatever the one before it sent."""

    async def scene() -> None:
        port = stage.join()
        for number in range(1, 6):
            stage.service.submit(port, number, packed(f"buy A{number} 1 @ 9"))
        await asyncio.sleep(0)
        stage.service.detach(port)
        again = stage.join(port.taken)
        other = stage.join(port.taken)
        stage.service.submit(other, 1, packed("buy B 1 @ 9"))
        await asyncio.sleep(0)
        assert again.calls == [(port.taken + 1, 0, 1)]

    play(scene)
