"""What operators and timetables do to phases, limits, blocks; what is due in time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.codes import CommandKind, EventKind, OrdType, Phase, Reason, Scope, Side
from engine.host.host import OtherLayout, ShardHost
from engine.host.phasekeeper import Slot
from engine.journal import LogKind, RecordLog
from engine.records import UNIT, DeadlineCommand, LimitsCommand
from tests.unit.operator_stage import SESSION_1, SHARD, Stage, play

S = 1_000_000_000


async def later(stage: Stage, ns: int) -> None:
    """The clock goes on, and the service looks at it."""
    stage.now += ns
    stage.service.tick()
    await asyncio.sleep(0)


# -- phases ----------------------------------------------------------------------------


def test_a_phase_for_a_time_and_what_follows(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        until = stage.now + 60 * S
        told = await stage.run(
            "instruments.phase", symbol="X", phase="post_only", until_ns=until
        )
        assert (told["phase"], told["until_ns"]) == ("post_only", until)
        assert (told["then"], told["held"]) == ("continuous", True)
        assert stage.host.next_due == until
        await later(stage, 59 * S)
        assert stage.host.shard.phase_of("X") == Phase.POST_ONLY
        await later(stage, S)
        assert stage.host.shard.phase_of("X") == Phase.CONTINUOUS
        [_, told] = (await stage.run("instruments.list"))["instruments"][::-1]
        assert (told["phase_reason"], told["held"]) == ("time", False)

    play(tmp_path, scene)


def test_a_halt_may_end_in_an_auction(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        until = stage.now + S
        await stage.run(
            "instruments.halt", symbol="X", until_ns=until, then="closing_auction"
        )
        await later(stage, S)
        assert stage.host.shard.phase_of("X") == Phase.CLOSING_AUCTION

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"phase": "lunch"},
            "phase 'lunch' is no phase: there are continuous, halted,",
        ),
        ({}, "phase is missing, or no text"),
        ({"phase": "closed", "then": "halted"}, "then says what follows until_ns"),
        ({"phase": "closed", "until_ns": 5}, "until_ns is over already"),
        ({"phase": "closed", "until_ns": 2**62 + 1}, "until_ns is 461168601842738790"),
        ({"phase": "closed", "until_ns": 2**62, "then": "x"}, "then 'x' is no phase"),
    ],
)
def test_phases_that_will_not_do(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    async def scene(stage: Stage) -> None:
        before = stage.host.command_seq
        code, text = await stage.refused("instruments.phase", symbol="X", **given)
        assert code == "BAD_ARGUMENT"
        assert text.startswith(said)
        assert stage.host.command_seq == before

    play(tmp_path, scene)


class Table:
    """PRE_OPEN, then an opening auction of 10 s from 100 s on, then CONTINUOUS."""

    def __init__(self, began: int) -> None:
        self.began = began

    def slot(self, symbol: str, now_ns: int) -> Slot:
        if symbol != "X":
            return Slot()
        if now_ns < self.began + 100 * S:
            return Slot(
                Phase.PRE_OPEN, self.began + 100 * S, Phase.OPENING_AUCTION, 5 * S
            )
        if now_ns < self.began + 110 * S:
            return Slot(
                Phase.OPENING_AUCTION, self.began + 110 * S, Phase.CONTINUOUS, 5 * S
            )
        return Slot()

    def next_change(self, now_ns: int) -> int:
        return self.slot("X", now_ns).until


DAY = 20_000 * 86_400 * S


def phase_of(stage: Stage, symbol: str = "X") -> int:
    return stage.host.standing.phases[symbol].phase


def test_a_timetable_is_kept_over_a_restart_with_its_drawn_end(tmp_path: Path) -> None:
    ends: list[int] = []

    async def morning(stage: Stage) -> None:
        await later(stage, 0)
        assert (phase_of(stage), phase_of(stage, "YOYO")) == (
            Phase.PRE_OPEN,
            Phase.CONTINUOUS,
        )
        assert stage.host.next_due == DAY + 100 * S
        await later(stage, 101 * S)
        state = stage.host.standing.phases["X"]
        assert state.phase == Phase.OPENING_AUCTION
        assert DAY + 110 * S <= state.until <= DAY + 115 * S
        ends.append(state.until)

    async def afterwards(stage: Stage) -> None:
        stage.now = DAY + 111 * S
        assert stage.host.standing.phases["X"].until == ends[0]
        stage.now = ends[0]
        stage.service.tick()
        await asyncio.sleep(0)
        assert phase_of(stage) == Phase.CONTINUOUS
        # Nothing that the timetable wants is still to be done.
        commands = stage.host.command_seq
        await later(stage, 10 * S)
        assert stage.host.command_seq == commands

    play(tmp_path, morning, Table(DAY))
    play(tmp_path, afterwards, Table(DAY))


def test_an_operators_phase_holds_over_a_restart_until_resumed(tmp_path: Path) -> None:
    async def hold(stage: Stage) -> None:
        await later(stage, 0)
        await stage.run("instruments.phase", symbol="X", phase="closed")
        await later(stage, 200 * S)
        assert phase_of(stage) == Phase.CLOSED

    async def give_back(stage: Stage) -> None:
        stage.now = DAY + 300 * S
        await later(stage, 0)
        assert phase_of(stage) == Phase.CLOSED
        told = await stage.run("instruments.resume", symbol="X")
        assert (told["phase"], told["changed"]) == ("continuous", True)
        # Where it belongs and the operator's all the same: it is given back as well.
        await stage.run("instruments.phase", symbol="X", phase="halted")
        await stage.run("instruments.phase", symbol="X", phase="continuous")
        told = await stage.run("instruments.resume", symbol="X")
        assert told["changed"]
        await later(stage, S)
        assert not stage.host.standing.phases["X"].until
        assert (await stage.run("instruments.resume", symbol="X"))["changed"] is False

    play(tmp_path, hold, Table(DAY))
    play(tmp_path, give_back, Table(DAY))


def test_the_timer_rings_at_the_time_and_only_then(tmp_path: Path) -> None:
    """No polling: between two times nothing is done, at each the host does its work."""

    async def scene(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        began, real = stage.now, loop.time()
        stage.host.clock = lambda: began + int((loop.time() - real) * S)
        due = began + S // 5
        command = DeadlineCommand(
            CommandKind.SET_DEADLINE, reason=Reason.DEAD_MAN, session=1, deadline=due
        )
        stage.order("A", Side.BUY, 9)
        stage.service.submit(stage.gateway, 2, command.pack())
        await asyncio.sleep(0.15)
        assert stage.host.shard.open_orders == 1
        commands = stage.host.command_seq
        await asyncio.sleep(0.1)
        assert stage.host.shard.open_orders == 0
        assert stage.host.command_seq == commands + 1, "one TICK"
        end = stage.gateway.events[-1]
        assert (end.kind, end.reason) == (EventKind.CANCELLED, Reason.DEAD_MAN)
        assert due <= end.time < due + S // 20
        assert stage.host.next_due == 0

    play(tmp_path, scene)


def test_another_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    host = ShardHost(SHARD, tmp_path, lambda: DAY)
    host.run_due()
    host.close()
    for file in (tmp_path / "events").iterdir():
        file.unlink()
    log = RecordLog(tmp_path / "events", LogKind.EVENTS, SHARD)
    log.append(bytes(320), 1, DAY)
    log.close()
    with pytest.raises(OtherLayout, match=r"this build reads version 2\. Run it with"):
        ShardHost(SHARD, tmp_path, lambda: DAY)


# -- limits and blocks -----------------------------------------------------------------


def test_limits_are_set_shown_and_kept_over_a_restart(tmp_path: Path) -> None:
    first = {
        "scope": "session",
        "session": SESSION_1,
        "account": None,
        "order_qty_max": "5.5",
        "notional_max": None,
        "position_max": None,
        "open_orders_max": 2,
        "rate_max": None,
        "blocked": False,
    }

    async def scene(stage: Stage) -> None:
        told = await stage.run(
            "limits.set", session=SESSION_1, order_qty_max="5.5", open_orders_max=2
        )
        assert told == {**first, "changed": True}
        told = await stage.run("limits.set", session=SESSION_1, open_orders_max=2)
        assert told["changed"] is False
        stage.order("A", Side.BUY, 9, 6 * UNIT)
        stage.order("B", Side.BUY, 9, 5 * UNIT)
        await asyncio.sleep(0)
        assert [event.kind for event in stage.gateway.events[-2:]] == [
            EventKind.REJECTED,
            EventKind.ACCEPTED,
        ]
        assert stage.gateway.events[-2].reason == Reason.LIMIT_ORDER_QTY
        await stage.run("limits.set", account="ACC", position_max="100")

    async def again(stage: Stage) -> None:
        told = await stage.run("limits.list")
        assert told["limits"][0] == first
        assert told["limits"][1]["account"] == "ACC"
        assert told["limits"][1]["position_max"] == "100"
        assert told["next"] is None
        part = await stage.run("limits.list", limit=1)
        assert (len(part["limits"]), part["next"]) == (1, 1)
        [only] = (await stage.run("limits.list", account="ACC"))["limits"]
        assert only["account"] == "ACC"
        assert (await stage.run("limits.list", account="NO"))["limits"] == []
        await stage.run("limits.set", session=SESSION_1, order_qty_max="0")
        assert (await stage.run("limits.list"))["limits"][0]["order_qty_max"] is None

    play(tmp_path, scene)
    play(tmp_path, again)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either a session or an account"),
        ({"session": SESSION_1, "account": "A"}, "either a session or an account"),
        ({"account": "A"}, "nothing to set: give one of order_qty_max, notional_max, "),
        ({"account": "A" * 25, "rate_max": 1}, "account has 25 characters, 24 is the "),
        ({"account": "é", "rate_max": 1}, "account is not printable ASCII"),
        ({"session": "0", "rate_max": 1}, "session 0 is nobody"),
        ({"session": "x", "rate_max": 1}, "'x' is no session: 16 hexadecimal digits"),
        ({"session": SESSION_1, "position_max": "1"}, "position_max is a limit of acc"),
        (
            {"account": "A", "order_qty_max": "many"},
            "order_qty_max 'many' is no amount",
        ),
        ({"account": "A", "order_qty_max": "-1"}, "order_qty_max -1 is not 0 to "),
        (
            {"account": "A", "rate_max": 10**9 + 1},
            "rate_max is 1000000001: it may be 0",
        ),
    ],
)
def test_limits_that_will_not_do(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    async def scene(stage: Stage) -> None:
        before = stage.host.command_seq
        code, text = await stage.refused("limits.set", **given)
        assert code == "BAD_ARGUMENT"
        assert text.startswith(said), text
        assert stage.host.command_seq == before

    play(tmp_path, scene)


def test_the_kill_switch_cancels_and_refuses_until_it_is_lifted(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.order("A", Side.BUY, 9, account="ACC")
        stage.order("B", Side.SELL, 10)
        await asyncio.sleep(0)
        told = await stage.run("limits.block", account="ACC", blocked=True, reason="x")
        assert (told["changed"], told["blocked"], told["cancelled"]) == (True, True, 1)
        assert (await stage.run("status"))["facts"]["blocked"] == 1
        again = await stage.run("limits.block", account="ACC", blocked=True)
        assert (again["changed"], again["cancelled"]) == (False, 0)
        stage.order("C", Side.BUY, 9, account="ACC")
        stage.order("D", Side.BUY, 8)
        await asyncio.sleep(0)
        assert stage.gateway.events[-2].reason == Reason.BLOCKED
        assert stage.host.shard.open_orders == 2
        told = await stage.run("limits.block", session=SESSION_1, blocked=True)
        assert told["cancelled"] == 2
        for owner in ({"account": "ACC"}, {"session": SESSION_1}):
            told = await stage.run("limits.block", blocked=False, **owner)
            assert (told["changed"], told["blocked"]) == (True, False)
        told = await stage.run("limits.block", blocked=False, account="NEW")
        assert told["changed"] is False
        stage.order("E", Side.BUY, 9, account="ACC")
        await asyncio.sleep(0)
        assert stage.host.shard.open_orders == 1
        code, text = await stage.refused("limits.block", account="ACC")
        assert (code, text) == ("BAD_ARGUMENT", "blocked is missing")

    play(tmp_path, scene)


def test_limits_of_the_configuration_are_commands_where_they_differ(
    tmp_path: Path,
) -> None:
    kind = CommandKind.SET_LIMITS
    wanted = [
        LimitsCommand(kind, scope=Scope.SESSION, session=1, rate_max=5),
        LimitsCommand(kind, scope=Scope.ACCOUNT, account="A", position_max=7),
    ]

    async def first(stage: Stage) -> None:
        assert len(stage.host.limit(wanted)) // 384 == 2
        assert stage.host.limit(wanted) == b""
        await stage.run("limits.set", account="A", rate_max=9)

    async def second(stage: Stage) -> None:
        # The operator's is not what the configuration says: that is set again.
        assert len(stage.host.limit(wanted)) // 384 == 1
        assert stage.host.standing.limits[Scope.ACCOUNT, 0, "A"].rate_max == 0

    play(tmp_path, first)
    play(tmp_path, second)


def test_a_market_order_is_no_exception(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.run("limits.set", session=SESSION_1, order_qty_max="1")
        stage.order("A", Side.BUY, 0, 2 * UNIT, ord_type=OrdType.MARKET)
        await asyncio.sleep(0)
        assert stage.gateway.events[-1].reason == Reason.LIMIT_ORDER_QTY

    play(tmp_path, scene)
