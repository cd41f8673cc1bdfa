"""The circuit breaker: the index in integers, levels once a day, what is halted."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.codes import EventKind, Phase, PhaseReason
from engine.host.host import DAY_NS
from engine.records import (
    COMMAND_BYTES,
    UNIT,
    ClockEvent,
    InstrumentEvent,
    OrderEvent,
    PhaseEvent,
    unpack_all,
)
from fixgw.breaker.breaker import Breaker
from fixgw.breaker.index import WHOLE, Market, index_of
from fixgw.breaker.state import Firing, State, StateDamaged, StateFile

TODAY = 20_000
NOON = TODAY * DAY_NS + DAY_NS // 2


def instrument(symbol: str, reference: int) -> bytes:
    kind = EventKind.INSTRUMENT_DEFINED
    return InstrumentEvent(kind, symbol=symbol, reference_price=reference).pack()


def fill(symbol: str, price: int) -> bytes:
    return OrderEvent(EventKind.FILLED, symbol=symbol, last_price=price).pack()


def phase(
    symbol: str,
    to: Phase,
    reason: PhaseReason = PhaseReason.SCHEDULE,
    time: int = NOON,
) -> bytes:
    kind = EventKind.PHASE
    return PhaseEvent(kind, phase=to, reason=reason, time=time, symbol=symbol).pack()


def day(number: int) -> bytes:
    return ClockEvent(EventKind.DAY_ENDED, day=number).pack()


class Stage:
    """Two shards with A, B and C, D, all at 100, and a breaker."""

    def __init__(self, folder: Path, *halts: int) -> None:
        self.now = NOON
        self.file = StateFile(folder / "state.json")
        self.halt_s = halts or (300, 900, 0)
        self.told: list[tuple[int, bytes]] = []
        self.make()
        for shard, symbols in enumerate(("AB", "CD")):
            for symbol in symbols:
                self.take(shard, instrument(symbol, 100 * UNIT))
            self.take(shard, day(TODAY))

    def make(self) -> None:
        self.breaker = Breaker(
            *(2, (10, 15, 20), self.halt_s, 0, self.file),
            *(lambda: self.now, lambda shard, data: self.told.append((shard, data))),
        )

    def take(self, shard: int, *events: bytes) -> None:
        moved = self.breaker.markets[shard].take(b"".join(events))
        self.breaker.look([(shard, symbol) for symbol in sorted(moved)])

    def halts(self) -> list[tuple[str, int, int]]:
        """Symbol, until, then of what was halted since the last look."""
        told, self.told = self.told, []
        commands = [c for _, data in told for c in unpack_all(data, COMMAND_BYTES)]
        for one in commands:
            assert one.phase == Phase.HALTED
            assert one.reason == PhaseReason.CIRCUIT_BREAKER
        return [(one.symbol, one.until, one.then) for one in commands]

    def fall(self, percent: int) -> None:
        """All instruments trade that far below the day's beginning."""
        for shard, symbols in enumerate(("AB", "CD")):
            for symbol in symbols:
                market = self.breaker.markets[shard]
                market.take(fill(symbol, (100 - percent) * UNIT))
        self.breaker.look()


def test_the_index_is_the_mean_of_the_ratios() -> None:
    markets = [Market(), Market()]
    markets[0].take(instrument("A", 3) + instrument("B", 0) + instrument("C", 100))
    markets[1].take(instrument("D", 7))
    for market in markets:
        market.take(day(1))
    assert (index_of(markets), sum(market.count for market in markets)) == (WHOLE, 3)
    # 2 of 3 is 66666666, B has no base, D is as it was.
    markets[0].take(fill("A", 2) + fill("B", 50) + fill("C", 110))
    assert index_of(markets) == (66_666_666 + 110_000_000 + WHOLE) // 3
    # The next day each begins where it last was.
    for market in markets:
        market.take(day(2))
    assert (index_of(markets), sum(market.count for market in markets)) == (WHOLE, 4)
    markets[0].take(fill("B", 25))
    assert index_of(markets) == (3 * WHOLE + 50_000_000) // 4


def test_what_is_added_during_the_day_counts_from_the_next() -> None:
    market = Market()
    market.take(instrument("A", 10) + day(5) + instrument("NEW", 10) + fill("NEW", 1))
    assert index_of([market]) == WHOLE
    market.take(day(6) + fill("NEW", 2))
    assert index_of([market]) == (WHOLE + 2 * WHOLE) // 2


def test_nothing_that_counts_is_no_fall() -> None:
    assert index_of([Market()]) == WHOLE


def test_a_level_halts_every_shard_for_its_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.take(0, fill("A", 61 * UNIT))
    assert stage.halts() == [], "9.75 % of all together"
    stage.take(0, fill("A", 60 * UNIT))
    until = NOON + 300 * 10**9
    then = Phase.VOLATILITY_AUCTION
    assert stage.halts() == [(symbol, until, then) for symbol in "ABCD"]
    assert stage.breaker.is_halted
    assert stage.breaker.state.highest == 10
    stage.now = until
    assert not stage.breaker.is_halted


def test_each_level_fires_once_a_day_and_the_last_until_its_end(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    stage.fall(10)
    assert len(stage.halts()) == 4
    stage.now += 301 * 10**9
    stage.fall(5)
    stage.fall(11)
    assert stage.halts() == [], "the market rose and fell again: 10 % was today"
    stage.fall(20)
    end = (TODAY + 1) * DAY_NS
    assert {until for _, until, _ in stage.halts()} == {end}
    assert [firing.percent for firing in stage.breaker.state.firings][-1] == 20
    stage.now = end
    for shard in range(2):
        stage.take(shard, day(TODAY + 1))
    assert stage.breaker.state == State(day=TODAY + 1)
    for shard, symbols in enumerate(("AB", "CD")):
        for symbol in symbols:
            stage.take(shard, fill(symbol, 72 * UNIT))
    assert len(stage.halts()) == 4, "72 is 10 % below 80, where the day began"


def test_a_fall_through_several_levels_fires_the_highest(tmp_path: Path) -> None:
    stage = Stage(tmp_path, 60, 120, 180)
    for symbol in "AB":
        stage.breaker.markets[0].take(fill(symbol, 66 * UNIT))
    stage.breaker.look()
    assert {until for _, until, _ in stage.halts()} == {NOON + 120 * 10**9}
    stage.now += 121 * 10**9
    stage.breaker.look()
    assert stage.halts() == [], "10 % is behind it"


def test_only_what_trades_or_will_is_halted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.take(0, phase("A", Phase.CLOSED), phase("B", Phase.CLOSING_AUCTION))
    stage.take(1, phase("C", Phase.HALTED, PhaseReason.OPERATOR))
    stage.fall(10)
    assert [symbol for symbol, _, _ in stage.halts()] == ["B", "D"]


def test_what_comes_to_trading_meanwhile_is_halted_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.take(0, phase("A", Phase.PRE_OPEN))
    stage.fall(10)
    until = stage.halts()[0][1]
    stage.now += 10**9
    stage.take(0, phase("A", Phase.CONTINUOUS))
    assert stage.halts() == [("A", until, Phase.VOLATILITY_AUCTION)]
    stage.take(1, phase("C", Phase.CONTINUOUS, PhaseReason.OPERATOR))
    assert stage.halts() == [], "an operator knows what he does"
    stage.breaker.release()
    stage.take(0, phase("A", Phase.CONTINUOUS))
    assert stage.halts() == []


def test_a_restart_fires_no_level_again_and_goes_on_with_the_halt(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    stage.fall(10)
    until = stage.halts()[0][1]
    market = stage.breaker.markets
    stage.make()
    stage.breaker.markets = market
    stage.breaker.look()
    assert stage.halts() == []
    told = unpack_all(stage.breaker.halts(1), COMMAND_BYTES)
    assert [(one.symbol, one.until) for one in told] == [("C", until), ("D", until)]
    stage.now = until
    assert stage.breaker.halts(1) == b""


def test_what_an_operator_does_is_his_also_after_a_lost_link(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    # Before the fall it was his as well: that saves it from no halt.
    stage.take(1, phase("D", Phase.CONTINUOUS, PhaseReason.OPERATOR, NOON - 1))
    stage.fall(10)
    assert [symbol for symbol, _, _ in stage.halts()] == ["A", "B", "C", "D"]
    stage.take(1, phase("C", Phase.CONTINUOUS, PhaseReason.OPERATOR, NOON + 1))
    told = unpack_all(stage.breaker.halts(1), COMMAND_BYTES)
    assert [one.symbol for one in told] == ["D"]
    stage.take(1, phase("C", Phase.CONTINUOUS))
    assert [symbol for symbol, _, _ in stage.halts()] == ["C"]


def test_a_halt_goes_on_over_the_end_of_the_day(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.now = (TODAY + 1) * DAY_NS - 10**9
    stage.fall(10)
    until = stage.halts()[0][1]
    stage.now = (TODAY + 1) * DAY_NS
    for shard in range(2):
        stage.take(shard, day(TODAY + 1))
    assert stage.breaker.state == State(TODAY + 1, (), until)
    stage.take(0, phase("A", Phase.CONTINUOUS))
    assert [symbol for symbol, _, _ in stage.halts()] == ["A"]


def test_the_file_is_whole_or_refused(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    assert file.read() == State()
    state = State(5, (Firing(10, 90_000_000, 7, 8),), 8)
    file.write(state)
    assert file.read() == state
    for text in ("{", "[]", '{"day": 1}', '{"day": "x", "firings": [], "a": 1}'):
        (tmp_path / "state.json").write_text(text)
        with pytest.raises(StateDamaged, match="Restore it, or remove it"):
            file.read()
