"""What goes over a link ahead of everything, and what goes once or not at all."""

from __future__ import annotations

from engine.host.frames import RECORDS_PER_FRAME_MAX
from engine.records import COMMAND_BYTES
from fixgw.net.links import Batch, ShardLink


class Sink:
    """Takes no events."""

    def taken(self, shard: int) -> int:
        return 0

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        raise AssertionError("there are no events")


class Link(ShardLink):
    """Notes what is transmitted."""

    def __init__(self) -> None:
        super().__init__(0, Sink())
        self.sent: list[tuple[int, bytes]] = []

    def _transmit(self, batch: Batch) -> None:
        if self.is_up:
            self.sent.append((batch.number, batch.commands[:1]))

    def rise(self) -> list[tuple[int, bytes]]:
        """The link comes up; what is sent then."""
        self.sent.clear()
        self.is_up = True
        self._transmit_outstanding()
        return self.sent

    def confirm(self, number: int) -> None:
        self._delivered(1, number, 0, b"")


def command(name: bytes) -> bytes:
    return name.ljust(COMMAND_BYTES, b"\0")


def test_the_opening_goes_first_and_is_made_anew_each_time() -> None:
    link = Link()
    link.opening = lambda: command(b"x")
    done: list[str] = []
    link.submit(command(b"a"), [lambda: done.append("a")])
    link.submit(command(b"b"), [lambda: done.append("b")])
    assert link.rise() == [(0, b"x"), (1, b"a"), (2, b"b")]
    link.confirm(0)
    assert (done, link.unconfirmed) == ([], 2)
    link.confirm(1)
    assert done == ["a"]
    link.opening = lambda: command(b"y")
    assert link.rise() == [(1, b"y"), (2, b"b")]
    link.opening = lambda: command(b"z")
    assert link.rise() == [(1, b"z"), (2, b"b")]
    link.confirm(2)
    assert (done, link.unconfirmed) == (["a", "b"], 0)
    link.opening = lambda: b""
    assert link.rise() == []


def test_a_batch_behind_an_opening_that_nobody_confirmed() -> None:
    link = Link()
    link.opening = lambda: command(b"x")
    assert link.rise() == [(0, b"x")]
    link.submit(command(b"a"), [])
    assert link.sent[-1] == (1, b"a")
    assert link.rise() == [(0, b"x"), (1, b"a")]


def test_what_goes_behind_is_made_anew_and_never_sent_again() -> None:
    link = Link()
    link.opening = lambda: command(b"x")
    link.behind = lambda: command(b"y")
    link.submit(command(b"a"), [])
    assert link.rise() == [(0, b"x"), (1, b"a"), (1, b"y")]
    link.behind = lambda: b""
    assert link.rise() == [(0, b"x"), (1, b"a")]
    link.confirm(1)
    assert link.unconfirmed == 0


def test_what_is_told_goes_once_or_not_at_all() -> None:
    link = Link()
    link.tell(command(b"a"))
    assert link.sent == []
    link.rise()
    link.submit(command(b"b"), [])
    link.tell(command(b"c"))
    link.tell(b"")
    assert link.sent == [(1, b"b"), (1, b"c")]
    link.is_up = False
    assert link.rise() == [(1, b"b")]


def test_what_is_long_goes_in_parts() -> None:
    link = Link()
    many = command(b"m") * (RECORDS_PER_FRAME_MAX + 1)
    link.opening = lambda: many
    link.submit(command(b"a"), [])
    assert link.rise() == [(0, b"m"), (0, b"m"), (1, b"a")]
    link.sent.clear()
    link.tell(many)
    assert [number for number, _ in link.sent] == [1, 1]
