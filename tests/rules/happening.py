"""What happens in an example besides messages.

The first ones set the scene, before anybody logs on:

* ``! settings BUYER SelfMatchPreventionInst=1``: keys of the client's session;
* ``! instrument ACME maker_fee=0.001 tick=0.05``: terms, as the fields of an
  InstrumentCommand are called; decimals, or whole numbers where the name ends in
  ``_ns``.

The others happen in their turn:

* ``! phase ACME HALTED``: the operator sets a trading phase; ``! phase ACME HALTED 10
  CONTINUOUS``: for so many seconds, and what follows;
* ``! wait 10``: so many seconds pass, and the shards notice;
* ``! end of day``;
* ``! limits session BUYER open_orders_max=1`` or ``! limits account A1 …``;
* ``! block session BUYER``, ``! unblock account A1``;
* ``! cancel BUYER 0-12``, ``! correct BUYER 0-12 9.98``: the operator takes back or
  corrects the trade whose fill the client was told of by this ExecID(17);
* ``! disconnect BUYER``, ``! logon BUYER``: a connection ends, a client comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from engine.codes import CommandKind, Phase, PhaseReason, Scope
from engine.layouts import Record
from engine.records import (
    UNIT,
    BlockCommand,
    ClockCommand,
    InstrumentCommand,
    LimitsCommand,
    PhaseCommand,
    TradeCommand,
)
from fixgw.session.keys import KEYS
from fixgw.session.values import value_of
from tests.rules.document import BadExample, Happens, Pairs

SCENE = ("settings", "instrument")
"""Words of what is arranged before the clients come."""

DAY_S = 86_400


def settings_of(happens: Happens) -> tuple[str, dict[str, Any]]:
    """The client and its settings."""
    _, client, *assigned = happens.words
    values: dict[str, Any] = {}
    for name, text in _assigned(assigned).items():
        key = KEYS[name]
        values[key.field] = value_of(text, key)
    return client, values


def instrument_of(happens: Happens) -> InstrumentCommand:
    """The instrument with the terms given."""
    _, symbol, *assigned = happens.words
    kind = CommandKind.DEFINE_INSTRUMENT
    terms = _numbers(InstrumentCommand, _assigned(assigned))
    return InstrumentCommand(kind, symbol=symbol, currency="EUR", **terms)


def command_of(
    happens: Happens, now_ns: int, keys: Mapping[str, int], fills: Mapping[str, Pairs]
) -> list[Record]:
    """The commands that make it happen. ``keys`` are those of the clients' sessions,
    ``fills`` the reports they were told of, by ``client ExecID``."""
    match happens.words:
        case ("phase", symbol, phase):
            return [_phase(symbol, phase)]
        case ("phase", symbol, phase, seconds, then):
            until = now_ns + int(float(seconds) * 1e9)
            return [_phase(symbol, phase, until, then)]
        case ("end", "of", "day"):
            day = now_ns // (DAY_S * 10**9) + 1
            return [ClockCommand(CommandKind.END_OF_DAY, day=day)]
        case ("limits", scope, owner, *assigned):
            limits = _numbers(LimitsCommand, _assigned(assigned))
            whose = _owner(scope, owner, keys) | limits
            return [LimitsCommand(CommandKind.SET_LIMITS, **whose)]
        case ("block" | "unblock" as word, scope, owner):
            whose = _owner(scope, owner, keys)
            blocked = int(word == "block")
            return [BlockCommand(CommandKind.SET_BLOCKED, blocked=blocked, **whose)]
        case ("cancel", client, exec_id):
            return [_trade(fills[f"{client} {exec_id}"], keys[client], None)]
        case ("correct", client, exec_id, price):
            return [_trade(fills[f"{client} {exec_id}"], keys[client], price)]
    raise BadExample(f"line {happens.line}: {' '.join(happens.words)} is unknown")


def _assigned(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _numbers(record: type[Record], texts: Mapping[str, str]) -> dict[str, int]:
    known = {each.name for each in fields(record)}
    unknown = texts.keys() - known
    if unknown:
        raise BadExample(f"{record.__name__} has no {', '.join(sorted(unknown))}")
    return {
        name: int(text)
        if name.endswith(("_ns", "orders_max", "rate_max"))
        else _units(text)
        for name, text in texts.items()
    }


def _units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * UNIT + sign * int(fraction.ljust(8, "0") or 0)


def _phase(symbol: str, phase: str, until: int = 0, then: str = "") -> PhaseCommand:
    return PhaseCommand(
        CommandKind.SET_PHASE,
        phase=Phase[phase],
        reason=PhaseReason.OPERATOR,
        then=Phase[then] if then else 0,
        until=until,
        symbol="" if symbol == "*" else symbol,
    )


def _owner(scope: str, owner: str, keys: Mapping[str, int]) -> dict[str, Any]:
    if scope == "session":
        return {"scope": Scope.SESSION, "session": keys[owner]}
    return {"scope": Scope.ACCOUNT, "account": owner}


def _trade(report: Pairs, session: int, price: str | None) -> TradeCommand:
    """From what the fill's report said, as the operator's tools do it from the log."""
    said = dict(report)
    quantity = _units(said[32])
    kind = CommandKind.TRADE_CANCEL if price is None else CommandKind.TRADE_CORRECT
    value = _units(said[6]) * _units(said[14]) // UNIT
    left = _units(said[14]) - (quantity if price is None else 0)
    change = _units(price or "0") - _units(said[31])
    value += quantity * change // UNIT
    return TradeCommand(
        kind,
        side=ord(said[54]),
        ord_type=ord(said[40]),
        time_in_force=ord(said[59]),
        ord_status=ord(said[39]),
        session=session,
        order_id=_identifier(said[37]),
        trade_id=_identifier(said.get(527, said[17])),
        exec_id=_identifier(said[17]),
        price=_units(said.get(44, "0")),
        qty=_units(said[38]),
        cum_qty=left,
        avg_price=value * UNIT // left if left else 0,
        last_price=_units(said[31]),
        last_qty=quantity,
        new_price=0 if price is None else _units(price),
        cl_ord_id=said[11],
        account=said.get(1, ""),
        symbol=said[55],
    )


def _identifier(text: str) -> int:
    shard, _, number = text.partition("-")
    return int(shard) << 48 | int(number)


def seconds_of(happens: Happens) -> timedelta:
    """How long ``! wait`` is."""
    return timedelta(seconds=float(happens.words[1]))
