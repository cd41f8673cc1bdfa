"""What each trading phase allows: one table, and the questions asked of it. Compiled.

The rows are literal and readable from Python (:data:`RULES`); from them the arrays are
filled that the engine looks into.
"""

from __future__ import annotations

from dataclasses import dataclass

import cython
from cython.cimports.engine.records import (
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_POST_CLOSE,
    PHASE_POST_ONLY,
    REASON_NONE,
    REASON_NOT_IN_THIS_PHASE,
    TIF_AT_THE_CLOSE,
    TIF_GOOD_FOR_AUCTION,
)
from cython.cimports.libc.stdint import uint8_t, uint16_t

from engine.codes import ExecInst, OrdType, Phase, Reason, TimeInForce

ALL_TYPES = frozenset(OrdType)
ALL_TIMES = frozenset(TimeInForce)
RESTING = frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD})
CALL_TYPES = frozenset(
    {OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT}
)
CALL_TIMES = RESTING | {TimeInForce.AT_THE_CLOSE, TimeInForce.GOOD_FOR_AUCTION}


@dataclass(frozen=True)
class Rule:
    """One phase: why nothing new is let in, or what is."""

    refusal: Reason = Reason.NONE
    """Of every new order and replace."""
    ord_types: frozenset[OrdType] = frozenset()
    times_in_force: frozenset[TimeInForce] = frozenset()
    not_with: ExecInst = ExecInst(0)
    """Bits of exec_inst that are not let in."""
    min_qty: bool = False
    collects: bool = False
    """A call: what comes waits for the uncross, nothing trades."""
    auction: bool = False
    """A call whose price is published."""


_CALL = Rule(
    ord_types=CALL_TYPES,
    times_in_force=CALL_TIMES,
    not_with=ExecInst.POST_ONLY | ExecInst.ALL_OR_NONE,
    collects=True,
)

RULES: dict[Phase, Rule] = {
    Phase.CONTINUOUS: Rule(
        ord_types=ALL_TYPES,
        times_in_force=ALL_TIMES - {TimeInForce.AT_THE_OPENING},
        min_qty=True,
    ),
    Phase.HALTED: Rule(refusal=Reason.TRADING_HALTED),
    Phase.CLOSED: Rule(refusal=Reason.MARKET_CLOSED),
    Phase.PRE_OPEN: Rule(
        ord_types=CALL_TYPES,
        times_in_force=CALL_TIMES | {TimeInForce.AT_THE_OPENING},
        not_with=_CALL.not_with,
        collects=True,
    ),
    Phase.OPENING_AUCTION: Rule(
        ord_types=CALL_TYPES,
        times_in_force=CALL_TIMES | {TimeInForce.AT_THE_OPENING},
        not_with=_CALL.not_with,
        collects=True,
        auction=True,
    ),
    Phase.VOLATILITY_AUCTION: Rule(
        ord_types=CALL_TYPES,
        times_in_force=CALL_TIMES,
        not_with=_CALL.not_with,
        collects=True,
        auction=True,
    ),
    Phase.CLOSING_AUCTION: Rule(
        ord_types=CALL_TYPES,
        times_in_force=CALL_TIMES,
        not_with=_CALL.not_with,
        collects=True,
        auction=True,
    ),
    Phase.POST_CLOSE: Rule(refusal=Reason.MARKET_CLOSED),
    Phase.CANCEL_ONLY: Rule(refusal=Reason.NOT_IN_THIS_PHASE),
    Phase.POST_ONLY: Rule(
        ord_types=frozenset({OrdType.LIMIT}),
        times_in_force=RESTING,
        not_with=ExecInst.ALL_OR_NONE,
    ),
}
"""``spec/matching.md``, section 6."""

PHASES = cython.declare(cython.int, 11)

_refusal = cython.declare(uint16_t[11])
_not_with = cython.declare(uint16_t[11])
_min_qty = cython.declare(uint8_t[11])
_collects = cython.declare(uint8_t[11])
_auction = cython.declare(uint8_t[11])
_allowed = cython.declare(uint8_t[11 * 256])
"""By phase and character. Bit 0: it is an OrdType that is let in; bit 1: a
TimeInForce."""


@cython.ccall
def _fill() -> None:
    for phase, rule in RULES.items():
        number: cython.int = int(phase)
        _refusal[number] = int(rule.refusal)
        _not_with[number] = int(rule.not_with)
        _min_qty[number] = rule.min_qty
        _collects[number] = rule.collects
        _auction[number] = rule.auction
        for character in range(256):
            code: cython.int = character
            _allowed[number * 256 + code] = (character in rule.ord_types) + 2 * (
                character in rule.times_in_force
            )


_fill()


def phase_reason_new(phase, ord_type, time_in_force, exec_inst, min_qty):
    """Why a new order is not let in, or NONE."""
    if _refusal[phase] != REASON_NONE:
        return _refusal[phase]
    if (
        not _allowed[phase * 256 + ord_type] & 1
        or not _allowed[phase * 256 + time_in_force] & 2
        or exec_inst & _not_with[phase]
        or (min_qty != 0 and not _min_qty[phase])
    ):
        return REASON_NOT_IN_THIS_PHASE
    return REASON_NONE


def phase_reason_replace(phase):
    """Why no order may be replaced, or NONE."""
    return _refusal[phase]


def is_call(phase):
    """Whether orders are collected, not matched."""
    return _collects[phase] != 0


def is_auction(phase):
    """Whether it is a call whose indicative price is published."""
    return _auction[phase] != 0


def uncrosses(old, new):
    """Whether what was collected trades when the phase changes."""
    if new == PHASE_CLOSED:
        return _auction[old] != 0
    return new in (PHASE_CONTINUOUS, PHASE_POST_ONLY, PHASE_POST_CLOSE)


def is_on(phase, time_in_force):
    """Whether an order for an auction belongs into the book now; one for none always
    does."""
    if time_in_force == TIF_GOOD_FOR_AUCTION:
        return _auction[phase] != 0
    if time_in_force == TIF_AT_THE_CLOSE:
        return phase == PHASE_CLOSING_AUCTION
    # AT_THE_OPENING is let in only before the opening, where it is on.
    return True
