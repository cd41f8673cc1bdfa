"""Commands for tests of a whole market, and what came of them in few words."""

from __future__ import annotations

from typing import Any

from engine.codes import (
    CommandKind,
    EventKind,
    ExecInst,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    Scope,
    Side,
    TimeInForce,
)
from engine.records import (
    AuctionEvent,
    BlockCommand,
    BlockEvent,
    ClockCommand,
    DeadlineCommand,
    InstrumentCommand,
    LimitsCommand,
    LimitsEvent,
    MassCommand,
    OrderCommand,
    OrderEvent,
    PhaseCommand,
    PhaseEvent,
    TradeCommand,
)
from tests.reference.script import Pair

SECOND = 1_000_000_000
TICK = ClockCommand(CommandKind.TICK)
PEG: dict[str, Any] = {
    "ord_type": OrdType.PEGGED,
    "exec_inst": ExecInst.PEG_PRIMARY,
}


def instrument(symbol: str = "X", **terms: Any) -> InstrumentCommand:
    return InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol=symbol, **terms)


def order(name: str, side: str, qty: int, price: int = 0, **fields: Any) -> Any:
    """A limit order of session 1 for the day; without a price a market order."""
    values: dict[str, Any] = {
        "session": 1,
        "symbol": "X",
        "ord_type": OrdType.LIMIT if price else OrdType.MARKET,
        "time_in_force": TimeInForce.DAY,
        **fields,
    }
    return OrderCommand(
        CommandKind.NEW_ORDER,
        cl_ord_id=name,
        side=Side[side.upper()],
        qty=qty,
        price=price,
        **values,
    )


def buy(name: str, qty: int, price: int = 0, **fields: Any) -> Any:
    return order(name, "buy", qty, price, **fields)


def sell(name: str, qty: int, price: int = 0, **fields: Any) -> Any:
    return order(name, "sell", qty, price, **fields)


def cancel(name: str, orig: str, **fields: Any) -> Any:
    values = {"session": 1, **fields}
    return OrderCommand(
        CommandKind.CANCEL, cl_ord_id=name, orig_cl_ord_id=orig, **values
    )


def replace(name: str, orig: str, qty: int, price: int = 0, **fields: Any) -> Any:
    values = {"session": 1, **fields}
    return OrderCommand(
        CommandKind.REPLACE,
        cl_ord_id=name,
        orig_cl_ord_id=orig,
        qty=qty,
        price=price,
        **values,
    )


def phase(
    value: Phase,
    symbol: str = "X",
    *,
    then: int = 0,
    until: int = 0,
    reason: int = PhaseReason.OPERATOR,
) -> PhaseCommand:
    return PhaseCommand(
        CommandKind.SET_PHASE,
        phase=value,
        symbol=symbol,
        then=then,
        until=until,
        reason=reason,
    )


def mass_cancel(**fields: Any) -> MassCommand:
    values = {"session": 1, "reason": Reason.MASS_CANCEL, **fields}
    return MassCommand(CommandKind.MASS_CANCEL, **values)


def mass_status(**fields: Any) -> MassCommand:
    return MassCommand(CommandKind.MASS_STATUS, **{"session": 1, **fields})


def limits(session: int = 0, account: str = "", **values: Any) -> LimitsCommand:
    return LimitsCommand(
        CommandKind.SET_LIMITS,
        scope=Scope.ACCOUNT if account else Scope.SESSION,
        session=session,
        account=account,
        **values,
    )


def block(session: int = 0, account: str = "", blocked: int = 1) -> BlockCommand:
    return BlockCommand(
        CommandKind.SET_BLOCKED,
        scope=Scope.ACCOUNT if account else Scope.SESSION,
        session=session,
        account=account,
        blocked=blocked,
    )


def deadline(session: int, time: int, **fields: Any) -> DeadlineCommand:
    values = {"reason": Reason.DISCONNECTED, **fields}
    return DeadlineCommand(
        CommandKind.SET_DEADLINE, session=session, deadline=time, **values
    )


def trade_change(kind: CommandKind, fill: OrderEvent, **fields: Any) -> TradeCommand:
    """For one side of a trade, as the host makes it of its fill."""
    same = (
        *("side", "ord_type", "time_in_force", "ord_status", "source", "session"),
        *("order_id", "trade_id", "price", "qty", "last_price", "last_qty"),
        *("cl_ord_id", "account", "symbol"),
    )
    values = {name: getattr(fill, name) for name in same}
    values["exec_id"] = (1 << 48) | fill.seq
    return TradeCommand(kind, **{**values, **fields})


def day(number: int) -> ClockCommand:
    return ClockCommand(CommandKind.END_OF_DAY, day=number)


def say(event: Any) -> str:
    """An event in a few words."""
    if isinstance(event, PhaseEvent):
        text = f"{event.symbol} {Phase(event.phase).name}"
        return text + (f" until {event.until}" if event.until else "")
    if isinstance(event, AuctionEvent):
        verb = "uncrossed" if event.uncrossed else "indicates"
        side = Side(event.imbalance_side).name.lower() if event.imbalance_side else ""
        more = f", {side} {event.imbalance_qty} over" if side else ""
        return f"{event.symbol} {verb} {event.volume} @ {event.price}{more}"
    if isinstance(event, BlockEvent):
        return f"{event.account or event.owner} blocked={event.blocked}: {event.count}"
    if isinstance(event, LimitsEvent):
        return f"{event.account or event.owner} limits"
    if not isinstance(event, OrderEvent):
        return type(event).__name__
    name, kind = event.cl_ord_id, EventKind(event.kind)
    if kind is EventKind.FILLED:
        return f"{name} fills {event.last_qty} @ {event.last_price}"
    if kind in (EventKind.MASS_CANCELLED, EventKind.MASS_STATUS_DONE):
        return f"{name} {kind.name}: {event.count}"
    text = f"{name} {kind.name}"
    return text + (f": {Reason(event.reason).name}" if event.reason else "")


class Market(Pair):
    """A shard and the reference beside it: what is given must be answered as said."""

    def says(self, *commands: Any) -> list[str]:
        """What the commands of one batch give."""
        return [say(event) for event in self.give(*commands)]

    def at(self, time: int) -> None:
        """The next batch has this engine time."""
        self.time = time - 1

    def check_agreed(self) -> None:
        """The reference gave the same. After a trade was changed quantities of fills
        do not add up any more, so the invariants are left out."""
        assert self.agreed, "the reference exchange gives other events or states"
