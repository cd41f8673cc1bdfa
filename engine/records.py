"""Commands and events: the fixed-layout records a shard takes and gives.

This module is the one description of those layouts. From it are derived

* the readable side: the frozen dataclasses below, with :meth:`Record.pack` and
  :meth:`Record.unpack`;
* the compiled side: ``engine/records.pxd``, C structs of the same names;
* the documentation: the tables in ``spec/records.md``.

``python -m engine.records`` writes the last two; a test fails when they are stale.

Rules of the layout
-------------------
* Little-endian, every field on its natural alignment, no hidden padding; each family
  has one size (:data:`COMMAND_BYTES`, :data:`EVENT_BYTES`), so position is arithmetic.
* The first byte is the kind; it selects the record type.
* Prices and quantities are ``int64`` in units of 1e-8 (:data:`UNIT`), times are
  ``int64`` nanoseconds since the epoch, UTC. Text is printable ASCII padded with NUL.
* Enumerations that FIX defines keep FIX's own character code, so that a value the
  engine does not support still arrives there and is refused with a reason.
* Reserved bytes are zero. A change of meaning is a new :data:`LAYOUT_VERSION`.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Self, get_type_hints

LAYOUT_VERSION = 1
COMMAND_BYTES = 256
EVENT_BYTES = 320

UNIT = 100_000_000
"""One whole price or quantity, in the integer units of the records."""

PRICE_MAX = 10**18
"""Largest price: 1e10. A product with QTY_MAX still fits a signed 128-bit integer."""

QTY_MAX = 10**18
"""Largest order quantity: 1e10."""

CL_ORD_ID_BYTES = 36
ACCOUNT_BYTES = 24
SYMBOL_BYTES = 24
CURRENCY_BYTES = 8


class CommandKind(IntEnum):
    """First byte of a command."""

    NEW_ORDER = 1
    CANCEL = 2
    REPLACE = 3
    DEFINE_INSTRUMENT = 16
    END_OF_DAY = 17
    SET_INSTRUMENT_STATUS = 18


class EventKind(IntEnum):
    """First byte of an event."""

    ACCEPTED = 1
    REJECTED = 2
    FILLED = 3
    CANCELLED = 4
    REPLACED = 5
    CANCEL_REJECTED = 6
    REPLACE_REJECTED = 7
    EXPIRED = 8
    INSTRUMENT_DEFINED = 16
    DAY_ENDED = 17
    INSTRUMENT_STATUS = 18


class Side(IntEnum):
    """Side(54)."""

    BUY = ord("1")
    SELL = ord("2")


class OrdType(IntEnum):
    """OrdType(40)."""

    MARKET = ord("1")
    LIMIT = ord("2")


class TimeInForce(IntEnum):
    """TimeInForce(59)."""

    DAY = ord("0")
    GTC = ord("1")
    IOC = ord("3")


class OrdStatus(IntEnum):
    """OrdStatus(39)."""

    NEW = ord("0")
    PARTIALLY_FILLED = ord("1")
    FILLED = ord("2")
    CANCELED = ord("4")
    REJECTED = ord("8")
    EXPIRED = ord("C")


class Liquidity(IntEnum):
    """LastLiquidityInd(851)."""

    NONE = 0
    ADDED = 1
    REMOVED = 2


class InstrumentStatus(IntEnum):
    """Whether an instrument trades."""

    TRADING = 1
    HALTED = 2
    """New orders and replaces are refused; cancels are not, and orders stay."""


class CommandFlag(IntFlag):
    """Bits of a command's ``flags``."""

    POSS_DUP = 1
    """PossDupFlag(43) was Y: the client may have sent this number before."""
    POSS_RESEND = 2
    """PossResend(97) was Y: the client may have sent this order before."""
    QTY_IS_LEAVES = 4
    """A replace's quantity is what shall be open afterwards, not OrderQty(38)."""
    REUSE_ID = 8
    """ClOrdID need only be unique among live orders, not for the whole day."""
    UNSOLICITED = 16
    """A cancel of the exchange's own: it has no ClOrdID, and OrigClOrdID(41) names
    the order. Without such a live order there is no event."""


class Reason(IntEnum):
    """Why a command was refused, or why an order ended; 0 where there is nothing to
    say.

    The texts and the FIX codes of each are in ``fixgw.orders.reasons``.
    """

    NONE = 0
    UNKNOWN_SYMBOL = 1
    DUPLICATE_CL_ORD_ID = 2
    UNSUPPORTED_SIDE = 3
    UNSUPPORTED_ORD_TYPE = 4
    UNSUPPORTED_TIME_IN_FORCE = 5
    QTY_NOT_POSITIVE = 6
    QTY_OFF_LOT = 7
    QTY_ABOVE_MAX = 8
    PRICE_NOT_POSITIVE = 9
    PRICE_OFF_TICK = 10
    PRICE_BELOW_MIN = 11
    PRICE_ABOVE_MAX = 12
    NOTIONAL_ABOVE_MAX = 13
    OPEN_QTY_ABOVE_MAX = 14
    UNKNOWN_ORDER = 15
    TOO_LATE = 16
    SYMBOL_MISMATCH = 17
    SIDE_CHANGED = 18
    ORD_TYPE_CHANGED = 19
    MISSING_CL_ORD_ID = 20
    TRADING_HALTED = 21
    UNFILLED_REMAINDER = 32
    REPLACED_BELOW_CUM_QTY = 33
    REQUESTED = 34
    END_OF_DAY = 35
    CANCELLED_BY_EXCHANGE = 36


@dataclass(frozen=True, slots=True)
class _Wire:
    """How one field lies in the record: its struct code and its C declaration."""

    code: str
    c_type: str
    size: int


_U8 = _Wire("B", "uint8_t", 1)
_U16 = _Wire("H", "uint16_t", 2)
_U32 = _Wire("I", "uint32_t", 4)
_U64 = _Wire("Q", "uint64_t", 8)
_I64 = _Wire("q", "int64_t", 8)


def _text(size: int) -> _Wire:
    return _Wire(f"{size}s", "unsigned char", size)


@dataclass(frozen=True, slots=True)
class Record:
    """Base of all records: packing to and from the fixed layout."""

    SIZE: ClassVar[int]

    @classmethod
    def layout(cls) -> list[tuple[str, _Wire, str, int]]:
        """Name, wire form, meaning and offset of each field, in order."""
        hints = get_type_hints(cls, include_extras=True)
        rows, offset = [], 0
        for field in fields(cls):
            wire, meaning = hints[field.name].__metadata__
            align = 1 if wire.code.endswith("s") else wire.size
            if offset % align:
                raise TypeError(f"{cls.__name__}.{field.name} is not aligned")
            rows.append((field.name, wire, meaning, offset))
            offset += wire.size
        if offset > cls.SIZE:
            raise TypeError(f"{cls.__name__} takes {offset} of {cls.SIZE} bytes")
        return rows

    def pack(self) -> bytes:
        """The record's bytes. Raises ValueError for text that does not fit."""
        values = []
        prepared = _prepared(type(self))
        for name, wire, _, _ in prepared.layout:
            value = getattr(self, name)
            if isinstance(value, str):
                value = value.encode("ascii")
                if len(value) > wire.size:
                    raise ValueError(f"{name} is longer than {wire.size} bytes")
            values.append(value)
        return prepared.packer.pack(*values)

    @classmethod
    def unpack(cls, data: bytes | memoryview) -> Self:
        """The record in ``data``, which must be exactly SIZE bytes."""
        values = [
            value.rstrip(b"\0").decode("ascii") if isinstance(value, bytes) else value
            for value in _prepared(cls).packer.unpack(data)
        ]
        return cls(*values)


class _Prepared(NamedTuple):
    """What packing a record type needs, worked out once."""

    layout: list[tuple[str, _Wire, str, int]]
    packer: struct.Struct


_PREPARED: dict[type[Record], _Prepared] = {}


def _prepared(cls: type[Record]) -> _Prepared:
    prepared = _PREPARED.get(cls)
    if prepared is None:
        rows = cls.layout()
        used = rows[-1][3] + rows[-1][1].size
        codes = "".join(wire.code for _, wire, _, _ in rows)
        packer = struct.Struct(f"<{codes}{cls.SIZE - used}x")
        prepared = _PREPARED[cls] = _Prepared(rows, packer)
    return prepared


@dataclass(frozen=True, slots=True)
class OrderCommand(Record):
    """NEW_ORDER, CANCEL and REPLACE."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, _U8, "CommandKind"]
    side: Annotated[int, _U8, "Side(54), its character"] = 0
    ord_type: Annotated[int, _U8, "OrdType(40), its character"] = 0
    time_in_force: Annotated[int, _U8, "TimeInForce(59), its character"] = 0
    flags: Annotated[int, _U16, "CommandFlag bits"] = 0
    source: Annotated[int, _U16, "number of the gateway it came through"] = 0
    session_epoch: Annotated[
        int, _U32, "how often that session's numbers were reset"
    ] = 0
    reserved: Annotated[int, _U32, "zero"] = 0
    session: Annotated[int, _U64, "identity of the session, 0 = none"] = 0
    msg_seq_num: Annotated[int, _U64, "MsgSeqNum(34), 0 = not numbered"] = 0
    receive_time: Annotated[int, _I64, "when the gateway received it"] = 0
    price: Annotated[int, _I64, "Price(44), 0 = none"] = 0
    qty: Annotated[int, _I64, "OrderQty(38)"] = 0
    cl_ord_id: Annotated[str, _text(CL_ORD_ID_BYTES), "ClOrdID(11)"] = ""
    orig_cl_ord_id: Annotated[str, _text(CL_ORD_ID_BYTES), "OrigClOrdID(41)"] = ""
    account: Annotated[str, _text(ACCOUNT_BYTES), "Account(1)"] = ""
    symbol: Annotated[str, _text(SYMBOL_BYTES), "Symbol(55)"] = ""


@dataclass(frozen=True, slots=True)
class InstrumentCommand(Record):
    """DEFINE_INSTRUMENT: adds an instrument, or changes the terms of a known one."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, _U8, "CommandKind.DEFINE_INSTRUMENT"]
    reserved: Annotated[int, _U8, "zero"] = 0
    flags: Annotated[int, _U16, "zero"] = 0
    reserved2: Annotated[int, _U32, "zero"] = 0
    tick: Annotated[int, _I64, "prices are multiples of it; 1 = free"] = 1
    lot: Annotated[int, _I64, "quantities are multiples of it; 1 = free"] = 1
    reference_price: Annotated[int, _I64, "last known fair price, 0 = none"] = 0
    price_min: Annotated[int, _I64, "lowest limit price"] = 1
    price_max: Annotated[int, _I64, "highest limit price"] = PRICE_MAX
    qty_max: Annotated[int, _I64, "largest OrderQty(38)"] = QTY_MAX
    notional_max: Annotated[int, _I64, "largest price x quantity, 0 = unlimited"] = 0
    symbol: Annotated[str, _text(SYMBOL_BYTES), "Symbol(55)"] = ""
    currency: Annotated[str, _text(CURRENCY_BYTES), "Currency(15)"] = ""


@dataclass(frozen=True, slots=True)
class ClockCommand(Record):
    """END_OF_DAY: DAY orders expire, used ClOrdIDs of dead orders become free."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, _U8, "CommandKind.END_OF_DAY"]
    reserved: Annotated[int, _U8, "zero"] = 0
    flags: Annotated[int, _U16, "zero"] = 0
    day: Annotated[int, _U32, "the day that begins, counted from 1970-01-01"] = 0


@dataclass(frozen=True, slots=True)
class StatusCommand(Record):
    """SET_INSTRUMENT_STATUS: halts or resumes trading.

    There is no event for an unknown symbol, nor for the status an instrument has
    already.
    """

    SIZE = COMMAND_BYTES

    kind: Annotated[int, _U8, "CommandKind.SET_INSTRUMENT_STATUS"]
    status: Annotated[int, _U8, "InstrumentStatus from now on"] = 0
    flags: Annotated[int, _U16, "zero"] = 0
    reserved: Annotated[int, _U32, "zero"] = 0
    symbol: Annotated[str, _text(SYMBOL_BYTES), "Symbol(55)"] = ""


@dataclass(frozen=True, slots=True)
class OrderEvent(Record):
    """Everything that happens to an order: enough to render its report from alone."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, _U8, "EventKind"]
    side: Annotated[int, _U8, "Side(54), its character"] = 0
    ord_type: Annotated[int, _U8, "OrdType(40), its character"] = 0
    time_in_force: Annotated[int, _U8, "TimeInForce(59), its character"] = 0
    ord_status: Annotated[int, _U8, "OrdStatus(39) after the event, its character"] = 0
    liquidity: Annotated[int, _U8, "LastLiquidityInd(851)"] = 0
    reason: Annotated[int, _U16, "Reason"] = 0
    flags: Annotated[int, _U16, "of the command it answers; 0 on fills, expiries"] = 0
    source: Annotated[int, _U16, "gateway of the order's session"] = 0
    session_epoch: Annotated[
        int, _U32, "of the command it answers; 0 on fills, expiries"
    ] = 0
    seq: Annotated[int, _U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, _U64, "number of the causing command"] = 0
    time: Annotated[int, _I64, "engine time, TransactTime(60)"] = 0
    session: Annotated[int, _U64, "session that owns the order: the addressee"] = 0
    msg_seq_num: Annotated[
        int, _U64, "of the command it answers; 0 on fills, expiries"
    ] = 0
    order_id: Annotated[int, _U64, "OrderID(37), see ids; 0 = none"] = 0
    contra_order_id: Annotated[int, _U64, "other side of a fill"] = 0
    trade_id: Annotated[int, _U64, "the trade, same on both sides"] = 0
    price: Annotated[int, _I64, "Price(44)"] = 0
    qty: Annotated[int, _I64, "OrderQty(38)"] = 0
    leaves_qty: Annotated[int, _I64, "LeavesQty(151)"] = 0
    cum_qty: Annotated[int, _I64, "CumQty(14)"] = 0
    avg_price: Annotated[int, _I64, "AvgPx(6), rounded half up"] = 0
    last_price: Annotated[int, _I64, "LastPx(31)"] = 0
    last_qty: Annotated[int, _I64, "LastQty(32); what was cancelled on an end"] = 0
    cl_ord_id: Annotated[str, _text(CL_ORD_ID_BYTES), "ClOrdID(11)"] = ""
    orig_cl_ord_id: Annotated[str, _text(CL_ORD_ID_BYTES), "OrigClOrdID(41)"] = ""
    account: Annotated[str, _text(ACCOUNT_BYTES), "Account(1)"] = ""
    symbol: Annotated[str, _text(SYMBOL_BYTES), "Symbol(55)"] = ""


@dataclass(frozen=True, slots=True)
class InstrumentEvent(Record):
    """INSTRUMENT_DEFINED: the terms of an instrument from now on."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, _U8, "EventKind.INSTRUMENT_DEFINED"]
    reserved: Annotated[int, _U8, "zero"] = 0
    flags: Annotated[int, _U16, "zero"] = 0
    reserved2: Annotated[int, _U32, "zero"] = 0
    reserved3: Annotated[int, _U64, "zero"] = 0
    seq: Annotated[int, _U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, _U64, "number of the causing command"] = 0
    time: Annotated[int, _I64, "engine time"] = 0
    tick: Annotated[int, _I64, "prices are multiples of it"] = 0
    lot: Annotated[int, _I64, "quantities are multiples of it"] = 0
    reference_price: Annotated[int, _I64, "last known fair price, 0 = none"] = 0
    price_min: Annotated[int, _I64, "lowest limit price"] = 0
    price_max: Annotated[int, _I64, "highest limit price"] = 0
    qty_max: Annotated[int, _I64, "largest OrderQty(38)"] = 0
    notional_max: Annotated[int, _I64, "largest price x quantity, 0 = unlimited"] = 0
    symbol: Annotated[str, _text(SYMBOL_BYTES), "Symbol(55)"] = ""
    currency: Annotated[str, _text(CURRENCY_BYTES), "Currency(15)"] = ""


@dataclass(frozen=True, slots=True)
class ClockEvent(Record):
    """DAY_ENDED, after the expiries it caused."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, _U8, "EventKind.DAY_ENDED"]
    reserved: Annotated[int, _U8, "zero"] = 0
    flags: Annotated[int, _U16, "zero"] = 0
    day: Annotated[int, _U32, "the day that begins, counted from 1970-01-01"] = 0
    reserved2: Annotated[int, _U64, "zero"] = 0
    seq: Annotated[int, _U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, _U64, "number of the causing command"] = 0
    time: Annotated[int, _I64, "engine time"] = 0


@dataclass(frozen=True, slots=True)
class StatusEvent(Record):
    """INSTRUMENT_STATUS: trading was halted or resumed."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, _U8, "EventKind.INSTRUMENT_STATUS"]
    status: Annotated[int, _U8, "InstrumentStatus from now on"] = 0
    flags: Annotated[int, _U16, "zero"] = 0
    reserved: Annotated[int, _U32, "zero"] = 0
    reserved2: Annotated[int, _U64, "zero"] = 0
    seq: Annotated[int, _U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, _U64, "number of the causing command"] = 0
    time: Annotated[int, _I64, "engine time"] = 0
    symbol: Annotated[str, _text(SYMBOL_BYTES), "Symbol(55)"] = ""


COMMANDS: tuple[type[Record], ...] = (
    OrderCommand,
    InstrumentCommand,
    ClockCommand,
    StatusCommand,
)
EVENTS: tuple[type[Record], ...] = (
    OrderEvent,
    InstrumentEvent,
    ClockEvent,
    StatusEvent,
)

_RECORD_OF_KIND: dict[tuple[int, int], type[Record]] = {
    (COMMAND_BYTES, CommandKind.NEW_ORDER): OrderCommand,
    (COMMAND_BYTES, CommandKind.CANCEL): OrderCommand,
    (COMMAND_BYTES, CommandKind.REPLACE): OrderCommand,
    (COMMAND_BYTES, CommandKind.DEFINE_INSTRUMENT): InstrumentCommand,
    (COMMAND_BYTES, CommandKind.END_OF_DAY): ClockCommand,
    (COMMAND_BYTES, CommandKind.SET_INSTRUMENT_STATUS): StatusCommand,
    (EVENT_BYTES, EventKind.INSTRUMENT_DEFINED): InstrumentEvent,
    (EVENT_BYTES, EventKind.DAY_ENDED): ClockEvent,
    (EVENT_BYTES, EventKind.INSTRUMENT_STATUS): StatusEvent,
    **{
        (EVENT_BYTES, kind): OrderEvent
        for kind in EventKind
        if kind < EventKind.INSTRUMENT_DEFINED
    },
}


def unpack_all(data: bytes | memoryview, size: int) -> list[Any]:
    """The records in ``data``, all of ``size`` bytes (COMMAND_BYTES or EVENT_BYTES).

    Raises ValueError for an unknown kind or a length that is no multiple of ``size``.
    """
    if len(data) % size:
        raise ValueError(f"{len(data)} bytes are no multiple of {size}")
    records = []
    for start in range(0, len(data), size):
        record = _RECORD_OF_KIND.get((size, data[start]))
        if record is None:
            raise ValueError(f"unknown record kind {data[start]} at byte {start}")
        records.append(record.unpack(data[start : start + size]))
    return records


_PXD_HEAD = """\
# Generated by "python -m engine.records" from engine/records.py. Do not edit.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

"""

_MD_HEAD = """\
# Commands and events

Generated by `python -m engine.records` from `engine/records.py`; do not edit.

Little-endian, naturally aligned. Integers of price and quantity are in units of 1e-8,
times in nanoseconds since the epoch (UTC), text is ASCII padded with NUL. Bytes behind
the last field are reserved and zero. The first byte is the kind.
"""


def render_pxd() -> str:
    """The C structs for the compiled modules, as Cython declarations."""
    lines = [_PXD_HEAD + "cdef enum:"]
    lines += [
        f"    {name} = {globals()[name]}" for name in ("COMMAND_BYTES", "EVENT_BYTES")
    ]
    enums: tuple[tuple[str, type[IntEnum] | type[IntFlag]], ...] = (
        ("COMMAND", CommandKind),
        ("EVENT", EventKind),
        ("SIDE", Side),
        ("ORD_TYPE", OrdType),
        ("TIF", TimeInForce),
        ("STATUS", OrdStatus),
        ("LIQUIDITY", Liquidity),
        ("FLAG", CommandFlag),
        ("INSTRUMENT", InstrumentStatus),
        ("REASON", Reason),
    )
    for prefix, enum in enums:
        lines += ["", "cdef enum:"]
        lines += [f"    {prefix}_{member.name} = {int(member)}" for member in enum]
    for cls in (*COMMANDS, *EVENTS):
        lines += ["", f"cdef struct {cls.__name__}:"]
        for name, wire, _, _ in cls.layout():
            size = f"[{wire.size}]" if wire.code.endswith("s") else ""
            lines.append(f"    {wire.c_type} {name}{size}")
        last = cls.layout()[-1]
        if spare := cls.SIZE - last[3] - last[1].size:
            lines.append(f"    uint8_t spare[{spare}]")
    return "\n".join(lines) + "\n"


def render_markdown() -> str:
    """The tables of ``spec/records.md``."""
    lines = [_MD_HEAD, f"Layout version {LAYOUT_VERSION}."]
    for title, size, family, kinds in (
        ("Commands", COMMAND_BYTES, COMMANDS, CommandKind),
        ("Events", EVENT_BYTES, EVENTS, EventKind),
    ):
        lines += ["", f"## {title}: {size} bytes", "", "| kind | value | record |"]
        lines.append("|---|---|---|")
        lines += [
            f"| {kind.name} | {int(kind)} | {_RECORD_OF_KIND[size, kind].__name__} |"
            for kind in kinds
        ]
        for cls in family:
            doc = (cls.__doc__ or "").split("\n")[0]
            lines += ["", f"### {cls.__name__}", "", doc, ""]
            lines += ["| offset | field | type | meaning |", "|---|---|---|---|"]
            for name, wire, meaning, offset in cls.layout():
                form = wire.c_type.removesuffix("_t")
                if wire.code.endswith("s"):
                    form = f"char[{wire.size}]"
                lines.append(f"| {offset} | {name} | {form} | {meaning} |")
    lines += ["", "## Reasons", "", "| code | name |", "|---|---|"]
    lines += [f"| {int(reason)} | {reason.name} |" for reason in Reason]
    lines += ["", "## Status of an instrument", "", "| value | name |", "|---|---|"]
    lines += [f"| {int(status)} | {status.name} |" for status in InstrumentStatus]
    lines += ["", "## Flags of a command", "", "| bit | name |", "|---|---|"]
    lines += [f"| {int(flag)} | {flag.name} |" for flag in CommandFlag]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the derived files next to their consumers."""
    root = Path(__file__).resolve().parent.parent
    (root / "engine" / "records.pxd").write_text(render_pxd())
    (root / "spec" / "records.md").write_text(render_markdown())
    sys.stdout.write("wrote engine/records.pxd and spec/records.md\n")


if __name__ == "__main__":
    main()
