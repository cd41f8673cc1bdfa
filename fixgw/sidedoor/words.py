"""The words of the API for the codes of the records, and which field goes with what.

The rule of each order type is one row of :data:`RULES`. What a record can carry is the
shard's to judge (``spec/matching.md``); here is only what it would silently ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from engine.codes import (
    ExecInst,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)

SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}
TYPES = {
    "limit": int(OrdType.LIMIT),
    "market": int(OrdType.MARKET),
    "stop": int(OrdType.STOP),
    "stop_limit": int(OrdType.STOP_LIMIT),
    "market_to_limit": int(OrdType.MARKET_TO_LIMIT),
    "pegged": int(OrdType.PEGGED),
}
TIMES_IN_FORCE = {
    "day": int(TimeInForce.DAY),
    "gtc": int(TimeInForce.GTC),
    "ioc": int(TimeInForce.IOC),
    "fok": int(TimeInForce.FOK),
    "gtd": int(TimeInForce.GTD),
    "opg": int(TimeInForce.AT_THE_OPENING),
    "atc": int(TimeInForce.AT_THE_CLOSE),
    "gfa": int(TimeInForce.GOOD_FOR_AUCTION),
}
STATUSES = {
    "open": int(OrdStatus.NEW),
    "partially_filled": int(OrdStatus.PARTIALLY_FILLED),
    "filled": int(OrdStatus.FILLED),
    "cancelled": int(OrdStatus.CANCELED),
    "rejected": int(OrdStatus.REJECTED),
    "expired": int(OrdStatus.EXPIRED),
}
LIQUIDITIES = {
    "maker": int(Liquidity.ADDED),
    "taker": int(Liquidity.REMOVED),
    "auction": int(Liquidity.AUCTION),
}
PEGS = {
    "primary": int(ExecInst.PEG_PRIMARY),
    "midpoint": int(ExecInst.PEG_MIDPOINT),
}
INSTRUCTIONS = {
    "post_only": int(ExecInst.POST_ONLY),
    "hidden": int(ExecInst.HIDDEN),
    "all_or_none": int(ExecInst.ALL_OR_NONE),
}
"""Members that are true or false."""


def _words(enum: type[IntEnum]) -> dict[str, int]:
    return {member.name.lower(): int(member) for member in enum if member}


SELF_TRADES = _words(SelfTrade)
PHASES = _words(Phase)


def _reversed(words: Mapping[str, int]) -> dict[int, str]:
    return {code: word for word, code in words.items()}


SIDE_OF = _reversed(SIDES)
TYPE_OF = _reversed(TYPES)
TIME_IN_FORCE_OF = _reversed(TIMES_IN_FORCE)
STATUS_OF = _reversed(STATUSES)
LIQUIDITY_OF = _reversed(LIQUIDITIES)
SELF_TRADE_OF = _reversed(SELF_TRADES)
PHASE_OF = _reversed(PHASES)

LIMIT_TYPES = frozenset({TYPES["limit"], TYPES["stop_limit"]})
"""Types whose Price(44) is a limit that must be there."""
STOP_TYPES = frozenset({TYPES["stop"], TYPES["stop_limit"]})
MARKET, PEGGED = TYPES["market"], TYPES["pegged"]
GTD = TIMES_IN_FORCE["gtd"]
TRAILING = int(ExecInst.TRAILING)


class Rule(NamedTuple):
    """Which of :data:`FIELDS` an order type must have and which it may have.

    One of ``either`` must be there.
    """

    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    either: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether an order of this type may have the field."""
        return name in (*self.must, *self.may, *self.either)


FIELDS = ("price", "trailing_offset", "stop_price", "peg", "peg_offset")
"""Those that depend on the type. A stop that trails may leave out where it begins."""

_STOP = ("trailing_offset", "stop_price")
RULES = {
    "limit": Rule(must=("price",)),
    "market": Rule(),
    "stop": Rule(either=_STOP),
    "stop_limit": Rule(must=("price",), either=_STOP),
    "market_to_limit": Rule(),
    "pegged": Rule(must=("peg",), may=("price", "peg_offset")),
}
