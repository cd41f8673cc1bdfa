"""Events from the links: each once, whole commands, and what a failure ends."""

from __future__ import annotations

import asyncio

import pytest

from engine.records import EVENT_BYTES
from fixgw.net import eventtap
from fixgw.net.eventtap import EventTap


class Taken:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, bool]] = []
        self.failures: list[BaseException] = []
        self.fails = False
        self.tap = EventTap(self.take, self.failures.append)

    def take(self, shard: int, events: bytes, whole: bool) -> None:
        if self.fails:
            raise RuntimeError("no such luck")
        self.heard.append((shard, len(events) // EVENT_BYTES, whole))

    def give(self, shard: int, first: int, count: int) -> None:
        self.tap.take_events(shard, first, count, bytes(count * EVENT_BYTES))


def test_each_event_once_and_none_left_out() -> None:
    taken = Taken()
    taken.give(0, 1, 2)
    taken.give(0, 2, 3)
    taken.give(0, 1, 4)
    taken.give(1, 1, 1)
    assert taken.heard == [(0, 2, True), (0, 2, True), (1, 1, True)]
    assert (taken.tap.taken(0), taken.tap.taken(1), taken.tap.taken(2)) == (4, 1, 0)
    with pytest.raises(ValueError, match="shard 0: event 6 after 4"):
        taken.give(0, 6, 1)


def test_a_failure_is_told_once_and_ends_it() -> None:
    taken = Taken()
    taken.fails = True
    taken.give(0, 1, 1)
    taken.fails = False
    taken.give(0, 2, 1)
    assert taken.tap.failed
    assert [str(error) for error in taken.failures] == ["no such luck"]
    assert taken.heard == []
    assert taken.tap.taken(0) == 2


def test_a_full_frame_may_be_the_middle_of_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eventtap, "RECORDS_PER_FRAME_MAX", 4)
    monkeypatch.setattr(eventtap, "SETTLE_S", 0.02)

    async def main() -> None:
        taken = Taken()
        taken.give(0, 1, 4)
        taken.give(0, 5, 1)
        assert taken.heard == [(0, 4, False), (0, 1, True)]
        await asyncio.sleep(0.05)
        assert len(taken.heard) == 2
        # Nothing follows for some time: it was the end.
        taken.give(0, 6, 4)
        async with asyncio.timeout(5):
            while len(taken.heard) < 4:
                await asyncio.sleep(0.005)
        assert taken.heard[2:] == [(0, 4, False), (0, 0, True)]
        # And a tap that is closed says nothing more.
        taken.give(0, 10, 4)
        taken.tap.close()
        await asyncio.sleep(0.05)
        assert len(taken.heard) == 5

    asyncio.run(main())
