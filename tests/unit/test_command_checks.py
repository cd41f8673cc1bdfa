"""Records that make no sense are refused as a whole, before anything changes."""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import CommandKind, Phase, Reason, Scope
from engine.layouts import Record
from engine.records import (
    COMMAND_BYTES,
    PRICE_MAX,
    QTY_MAX,
    BlockCommand,
    ClockCommand,
    DeadlineCommand,
    InstrumentCommand,
    LimitsCommand,
    MassCommand,
    PhaseCommand,
    TradeCommand,
)
from engine.shard import Shard, check_commands
from tests.reference.script import HASH_KEY, X, parse

DEFINE = CommandKind.DEFINE_INSTRUMENT
LIMITS: dict[str, Any] = {"kind": CommandKind.SET_LIMITS, "scope": Scope.SESSION}
DEADLINE: dict[str, Any] = {"kind": CommandKind.SET_DEADLINE, "session": 1}
TRADE: dict[str, Any] = {"side": ord("1"), "last_qty": 1, "last_price": 1}

BAD_TERMS: list[dict[str, Any]] = [
    {"tick": 0},
    {"tick": PRICE_MAX + 1},
    {"lot": -1},
    {"lot": QTY_MAX + 1},
    {"reference_price": -1},
    {"price_min": -1},
    {"price_max": PRICE_MAX + 1},
    {"qty_max": QTY_MAX + 1},
    {"qty_min": -1},
    {"notional_max": -1},
    {"static_band": -1},
    {"dynamic_band": -1},
    {"volatility_ns": -1},
    {"volatility_ns": 86_400_000_000_001},
    {"maker_fee": 100_000_001},
    {"taker_fee": -100_000_001},
    {"auction_fee": 100_000_001},
]
BAD_LIMITS: list[dict[str, Any]] = [
    {"order_qty_max": -1},
    {"notional_max": -1},
    {"open_orders_max": -1},
    {"rate_max": -1},
    {"rate_max": 10**9 + 1},
    {"position_max": -1},
]

BAD: list[Record] = [
    InstrumentCommand(DEFINE),
    *(InstrumentCommand(DEFINE, symbol="X", **terms) for terms in BAD_TERMS),
    *(
        PhaseCommand(CommandKind.SET_PHASE, **phase)
        for phase in (
            {"phase": 0},
            {"phase": 11},
            {"phase": Phase.HALTED, "reason": 6},
            {"phase": Phase.HALTED, "until": -1, "then": Phase.CONTINUOUS},
            {"phase": Phase.HALTED, "until": 5},
            {"phase": Phase.HALTED, "until": 5, "then": 11},
            {"phase": Phase.HALTED, "then": Phase.CONTINUOUS},
        )
    ),
    LimitsCommand(**LIMITS),
    *(LimitsCommand(**LIMITS, session=1, **limits) for limits in BAD_LIMITS),
    LimitsCommand(CommandKind.SET_LIMITS, scope=Scope.ACCOUNT),
    LimitsCommand(CommandKind.SET_LIMITS, scope=3, session=1, account="me"),
    BlockCommand(CommandKind.SET_BLOCKED, scope=Scope.SESSION, blocked=1),
    BlockCommand(CommandKind.SET_BLOCKED, scope=Scope.SESSION, session=1, blocked=2),
    BlockCommand(CommandKind.SET_BLOCKED, scope=0, session=1),
    DeadlineCommand(**DEADLINE),
    DeadlineCommand(**DEADLINE, reason=Reason.REQUESTED),
    DeadlineCommand(**DEADLINE, reason=Reason.DEAD_MAN, deadline=-1),
    DeadlineCommand(CommandKind.SET_DEADLINE, reason=Reason.DEAD_MAN, deadline=9),
    MassCommand(CommandKind.MASS_CANCEL, reason=61),
    *(
        TradeCommand(CommandKind.TRADE_CORRECT, **{**TRADE, "new_price": 1, **change})
        for change in (
            {"side": 0},
            {"last_qty": 0},
            {"last_price": 0},
            {"new_price": 0},
            {"cum_qty": -1},
            {"price": -1},
        )
    ),
    TradeCommand(CommandKind.TRADE_CANCEL, **TRADE, new_price=1),
]


@pytest.mark.parametrize("record", BAD, ids=str)
def test_it_is_refused_and_changes_nothing(record: Record) -> None:
    """Also what comes before it in the same call."""
    shard = Shard(1, HASH_KEY)
    shard.apply(X.pack(), 1)
    before = shard.dump()
    good = parse("buy A 1 @ 100").pack()
    with pytest.raises(ValueError, match="command 1"):
        shard.apply(good + record.pack(), 2)
    assert shard.dump() == before
    assert shard.apply(good, 2), "the shard goes on"


@pytest.mark.parametrize("kind", sorted({*range(256)} - {int(k) for k in CommandKind}))
def test_a_kind_that_is_none(kind: int) -> None:
    with pytest.raises(ValueError, match=f"command 0: unknown kind {kind}"):
        check_commands(bytes([kind]) + bytes(COMMAND_BYTES - 1))


def test_the_boundaries_are_good() -> None:
    good: list[Record] = [
        InstrumentCommand(
            DEFINE,
            symbol="X",
            tick=PRICE_MAX,
            lot=QTY_MAX,
            reference_price=PRICE_MAX,
            volatility_ns=86_400_000_000_000,
            maker_fee=-100_000_000,
            taker_fee=100_000_000,
        ),
        PhaseCommand(
            CommandKind.SET_PHASE, phase=Phase.POST_ONLY, then=Phase.CLOSED, until=1
        ),
        LimitsCommand(**LIMITS, session=1, rate_max=10**9),
        ClockCommand(CommandKind.TICK),
        MassCommand(CommandKind.MASS_STATUS),
        DeadlineCommand(**DEADLINE, reason=Reason.DEAD_MAN),
        TradeCommand(CommandKind.TRADE_CANCEL, **TRADE),
    ]
    check_commands(b"".join(record.pack() for record in good))
