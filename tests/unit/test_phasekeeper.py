"""Which phase a timetable brings an instrument into, and what keeps it from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.codes import EventKind, Phase, PhaseReason
from engine.host.phasekeeper import PhaseKeeper, Slot, is_kept_from
from engine.host.standing import PhaseState, Standing
from engine.records import InstrumentEvent, PhaseCommand, PhaseEvent

NOW = 1_000_000
CONTINUOUS, HALTED, CLOSED = Phase.CONTINUOUS, Phase.HALTED, Phase.CLOSED
AUCTION = Phase.OPENING_AUCTION


class Table:
    """A timetable of one slot for all."""

    def __init__(self, slot: Slot) -> None:
        self.wanted = slot
        self.asked = 0

    def slot(self, symbol: str, now_ns: int) -> Slot:
        self.asked += 1
        return self.wanted

    def next_change(self, now_ns: int) -> int:
        return self.wanted.until


def no_draw(below: int) -> int:
    raise AssertionError("nothing is to be drawn")


class Stage:
    """A shard's standing, with instruments A and B, and its keeper."""

    def __init__(self, slot: Slot | None, draw: Callable[[int], int] = no_draw) -> None:
        self.standing = Standing()
        for symbol in ("A", "B"):
            event = InstrumentEvent(EventKind.INSTRUMENT_DEFINED, symbol=symbol)
            self.standing.take(event.pack())
        self.table = Table(slot) if slot else None
        self.keeper = PhaseKeeper(self.standing, self.table, draw)

    def happen(self, *commands: PhaseCommand) -> None:
        """The shard does what it is told."""
        for each in commands:
            event = PhaseEvent(
                EventKind.PHASE,
                phase=each.phase,
                reason=each.reason,
                then=each.then,
                until=each.until,
                symbol=each.symbol,
            )
            self.standing.take(event.pack())

    def due(self, now: int = NOW) -> dict[str, tuple[int, int, int, int]]:
        commands = self.keeper.due(now)
        self.happen(*commands)
        return {
            each.symbol: (each.phase, each.reason, each.until, each.then)
            for each in commands
        }

    def set(self, symbol: str, phase: Phase, reason: PhaseReason, **more: int) -> None:
        self.happen(
            PhaseCommand(18, phase=phase, reason=reason, symbol=symbol, **more)  # type: ignore[arg-type]
        )


def test_a_timetable_sets_what_is_not_as_it_wants() -> None:
    stage = Stage(Slot(Phase.PRE_OPEN, NOW + 500, AUCTION))
    assert stage.keeper.next_due(NOW) == 1
    told = (Phase.PRE_OPEN, PhaseReason.SCHEDULE, 0, 0)
    assert stage.due() == {"A": told, "B": told}
    assert stage.keeper.next_due(NOW) == NOW + 500
    assert stage.due() == {}


def test_the_end_of_an_auction_is_drawn_for_each_instrument_and_said() -> None:
    draws = iter((7, 3))
    asked: list[int] = []

    def draw(below: int) -> int:
        asked.append(below)
        return next(draws)

    stage = Stage(Slot(AUCTION, NOW + 100, CONTINUOUS, random_ns=20), draw)
    assert stage.due() == {
        "A": (AUCTION, PhaseReason.SCHEDULE, NOW + 107, CONTINUOUS),
        "B": (AUCTION, PhaseReason.SCHEDULE, NOW + 103, CONTINUOUS),
    }
    assert asked == [21, 21]
    assert stage.table is not None
    stage.table.wanted = Slot(CONTINUOUS, NOW + 900, CLOSED)
    assert stage.due(NOW + 101) == {}, "it ends by itself, a little later"
    stage.set("A", CONTINUOUS, PhaseReason.TIME)
    assert stage.due(NOW + 107) == {}
    assert stage.keeper.next_due(NOW + 107) == NOW + 900


def test_without_a_timetable_nothing_is_ever_due() -> None:
    stage = Stage(None)
    stage.set("A", HALTED, PhaseReason.OPERATOR)
    assert stage.keeper.next_due(NOW) == 0
    assert stage.due() == {}
    assert not stage.standing.moved


def test_an_operators_phase_holds_until_he_gives_it_back() -> None:
    stage = Stage(Slot(CLOSED))
    stage.due()
    stage.set("A", CONTINUOUS, PhaseReason.OPERATOR)
    assert stage.keeper.next_due(NOW) == 0
    assert stage.due() == {}
    command = stage.keeper.give_back("A", NOW)
    assert command is not None
    assert (command.phase, command.reason) == (CLOSED, PhaseReason.SCHEDULE)
    stage.happen(command)
    assert stage.keeper.give_back("A", NOW) is None


def test_what_is_given_back_where_it_belongs_is_no_longer_the_operators() -> None:
    stage = Stage(Slot(CONTINUOUS))
    stage.set("A", CONTINUOUS, PhaseReason.OPERATOR)
    command = stage.keeper.give_back("A", NOW)
    assert command is not None
    told = (command.phase, command.until, command.then, command.reason)
    assert told == (CONTINUOUS, NOW + 1, CONTINUOUS, PhaseReason.SCHEDULE)


@pytest.mark.parametrize("why", [PhaseReason.BAND, PhaseReason.CIRCUIT_BREAKER])
def test_an_operators_trading_goes_on_after_an_interruption(why: PhaseReason) -> None:
    stage = Stage(Slot(CLOSED))
    stage.due()
    pause = Phase.VOLATILITY_AUCTION
    for symbol, until in (("A", 0), ("B", NOW + 9)):
        then = CLOSED if until else 0
        stage.set(symbol, CONTINUOUS, PhaseReason.OPERATOR, until=until, then=then)
        stage.set(symbol, pause, why, until=NOW + 5, then=CONTINUOUS)
        stage.set(symbol, CONTINUOUS, PhaseReason.TIME)
    # A is his until he gives it back; B was his for a time that nobody keeps now.
    assert set(stage.due(NOW + 5)) == {"B"}
    assert stage.standing.phases["A"].held
    command = stage.keeper.give_back("A", NOW)
    assert command is not None
    stage.happen(command)
    assert not stage.standing.phases["A"].held
    # It went on because he wanted it; a halt he has set is not what comes back.
    stage.set("A", Phase.CLOSING_AUCTION, PhaseReason.OPERATOR)
    stage.set("A", HALTED, why, until=NOW + 5, then=pause)
    stage.set("A", pause, PhaseReason.TIME, until=NOW + 6, then=CONTINUOUS)
    assert not stage.standing.phases["A"].held


def test_an_operators_time_that_is_over_gives_back_by_itself() -> None:
    stage = Stage(Slot(CLOSED))
    stage.due()
    stage.set("A", CONTINUOUS, PhaseReason.OPERATOR, until=NOW + 5, then=AUCTION)
    assert stage.due() == {}
    stage.set("A", AUCTION, PhaseReason.TIME)
    assert set(stage.due(NOW + 5)) == {"A"}


HALT = PhaseState(HALTED, PhaseReason.CIRCUIT_BREAKER, NOW, Phase.VOLATILITY_AUCTION)
BAND = PhaseState(Phase.VOLATILITY_AUCTION, PhaseReason.BAND, NOW, CONTINUOUS)


@pytest.mark.parametrize(
    ("state", "wanted", "kept"),
    [
        (PhaseState(), CONTINUOUS, True),
        (PhaseState(), CLOSED, False),
        (PhaseState(CLOSED, PhaseReason.OPERATOR), CONTINUOUS, True),
        (PhaseState(CLOSED, PhaseReason.SCHEDULE), CONTINUOUS, False),
        (HALT, CONTINUOUS, True),
        (HALT, Phase.CLOSING_AUCTION, True),
        (HALT, Phase.POST_CLOSE, True),
        (HALT, Phase.VOLATILITY_AUCTION, True),
        (HALT, CLOSED, False),
        (replace(HALT, until=0, then=0), CONTINUOUS, False),
        (BAND, CONTINUOUS, True),
        (BAND, Phase.CLOSING_AUCTION, False),
        (BAND, CLOSED, False),
        (
            replace(BAND, reason=PhaseReason.TIME, then=Phase.POST_ONLY),
            CONTINUOUS,
            True,
        ),
        (PhaseState(HALTED, PhaseReason.SCHEDULE, NOW, CLOSED), CONTINUOUS, False),
    ],
)
def test_what_keeps_an_instrument(state: PhaseState, wanted: int, kept: bool) -> None:
    assert is_kept_from(state, wanted) is kept
