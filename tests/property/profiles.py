"""What random command streams are made of: instruments, and how often what happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as but
from typing import Any

from engine.codes import CommandKind, OrdType
from engine.records import PRICE_MAX, QTY_MAX, UNIT, InstrumentCommand

SECOND = 1_000_000_000

_DEFINE = int(CommandKind.DEFINE_INSTRUMENT)

PLAIN = InstrumentCommand(_DEFINE, symbol="PLAIN", currency="USD", maker_fee=-UNIT)
STRICT = InstrumentCommand(
    _DEFINE,
    tick=UNIT // 2,
    lot=10 * UNIT,
    reference_price=100 * UNIT,
    price_min=94 * UNIT,
    price_max=106 * UNIT,
    qty_max=150 * UNIT,
    qty_min=20 * UNIT,
    notional_max=12_000 * UNIT,
    static_band=UNIT // 20,
    dynamic_band=UNIT // 40,
    volatility_ns=3 * SECOND,
    maker_fee=-12_345,
    taker_fee=55_555,
    auction_fee=777,
    symbol="STRICT",
    currency="EUR",
)
JUMPY = InstrumentCommand(
    _DEFINE,
    tick=2,
    reference_price=100,
    dynamic_band=UNIT // 33,
    taker_fee=UNIT // 3,
    symbol="JUMPY",
    currency="USD",
)
PAUSING = InstrumentCommand(
    _DEFINE,
    tick=1_000,
    reference_price=100_000,
    dynamic_band=UNIT // 33,
    volatility_ns=2 * SECOND,
    maker_fee=-UNIT // 3,
    taker_fee=UNIT * 37 // 100,
    auction_fee=UNIT // 7,
    symbol="PAUSING",
    currency="USD",
)
WIDE = InstrumentCommand(
    _DEFINE, symbol="WIDE", currency="JPY", taker_fee=UNIT, maker_fee=UNIT // 2
)

MIDDLES = {
    "PLAIN": 100,
    "STRICT": 100 * UNIT,
    "JUMPY": 100,
    "PAUSING": 100_000,
    "WIDE": PRICE_MAX // 2,
}
TICKS = {
    "PLAIN": 1,
    "STRICT": UNIT // 2,
    "JUMPY": 2,
    "PAUSING": 1_000,
    "WIDE": PRICE_MAX // 2 - 1,
}
LOTS = {
    "PLAIN": 1,
    "STRICT": 10 * UNIT,
    "JUMPY": 1,
    "PAUSING": 3_001,
    "WIDE": QTY_MAX // 8,
}

Weights = dict[str, int]

COMMANDS: Weights = {
    "new": 520,
    "cancel": 100,
    "replace": 170,
    "resend": 30,
    "status": 40,
    "mass_cancel": 4,
    "mass_status": 4,
    "define": 4,
    "end_of_day": 11,
    "phase": 8,
    "limits": 5,
    "block": 2,
    "tick": 20,
    "change_trade": 12,
    "deadline": 8,
    "heap": 1,
}

KINDS: dict[OrdType, int] = {
    OrdType.LIMIT: 70,
    OrdType.MARKET: 8,
    OrdType.MARKET_TO_LIMIT: 4,
    OrdType.STOP: 5,
    OrdType.STOP_LIMIT: 6,
    OrdType.PEGGED: 6,
}

STYLES: Weights = {
    "plain": 40,
    "iceberg": 12,
    "hidden": 7,
    "post_only": 6,
    "all_or_none": 8,
    "min_qty": 7,
    "ioc": 8,
    "fok": 7,
    "gtd": 8,
    "gtc": 8,
    "auction": 8,
}


@dataclass(frozen=True)
class Profile:
    """How often each thing happens."""

    name: str
    instruments: tuple[InstrumentCommand, ...]
    commands: Weights = field(default_factory=lambda: COMMANDS)
    kinds: dict[OrdType, int] = field(default_factory=lambda: KINDS)
    styles: Weights = field(default_factory=lambda: STYLES)
    spoiled: int = 15
    """One in this many orders has a wrong field."""
    wild: int = 60
    """One in this many has any combination of everything."""
    self_trade: int = 4
    """One in this many has self-trade prevention."""
    aggressive: int = 3
    """One in this many prices is anywhere, the others are passive."""
    patience: int = 8
    """After about so many commands what is not traded continuously is again."""
    batches: int = 40
    """One in this many calls brings several commands."""


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("plain", (PLAIN, STRICT)),
        Profile(
            "auctions",
            (PLAIN, PAUSING, STRICT),
            commands={**COMMANDS, "phase": 40, "tick": 40},
            styles={**STYLES, "auction": 30},
            aggressive=2,
            patience=25,
        ),
        Profile(
            "stops",
            (PLAIN, JUMPY, PAUSING),
            kinds={
                **KINDS,
                OrdType.STOP: 20,
                OrdType.STOP_LIMIT: 20,
                OrdType.PEGGED: 25,
            },
            spoiled=25,
        ),
        Profile(
            "risk",
            (PLAIN, STRICT, WIDE),
            commands={
                **COMMANDS,
                "limits": 25,
                "block": 8,
                "deadline": 25,
                "heap": 3,
                "change_trade": 25,
            },
            self_trade=2,
        ),
        Profile(
            "chaos",
            (PLAIN, STRICT, JUMPY, PAUSING, WIDE),
            commands={**COMMANDS, "resend": 60, "define": 15, "status": 60},
            spoiled=4,
            wild=8,
            self_trade=2,
            patience=15,
            batches=15,
        ),
    )
}


def changed_terms(pick: int, terms: InstrumentCommand) -> InstrumentCommand:
    """The terms of an instrument, changed in one way of several."""
    middle = MIDDLES[terms.symbol]
    ways: list[dict[str, Any]] = [
        {"tick": terms.tick * 2},
        {"lot": terms.lot * 2},
        {"reference_price": middle + TICKS[terms.symbol]},
        {"static_band": UNIT // 30},
        {"dynamic_band": UNIT // 20},
        {"volatility_ns": SECOND},
        {"qty_min": 2 * terms.lot},
        {"taker_fee": UNIT // 7},
    ]
    return but(terms, **(ways[pick] if pick < len(ways) else {}))
