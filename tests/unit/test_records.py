"""The packed records: round trips, their exact places, and the files made from them."""

from __future__ import annotations

import ctypes
import re
from dataclasses import fields
from enum import IntFlag
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import codes, records
from engine.codes import CommandKind, EventKind
from engine.layouts import Record
from engine.recordfiles import render_markdown, render_pxd
from engine.records import (
    COMMAND_BYTES,
    COMMANDS,
    EVENT_BYTES,
    EVENTS,
    PRICE_MAX,
    QTY_MAX,
    ClockCommand,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
    unpack_all,
)

ROOT = Path(__file__).resolve().parents[2]
ALL = (*COMMANDS, *EVENTS)

C_TYPES = {
    "uint8_t": ctypes.c_uint8,
    "uint16_t": ctypes.c_uint16,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int64_t": ctypes.c_int64,
}
RANGES = {
    "uint8_t": (0, 2**8 - 1),
    "uint16_t": (0, 2**16 - 1),
    "uint32_t": (0, 2**32 - 1),
    "uint64_t": (0, 2**64 - 1),
    "int64_t": (-(2**63), 2**63 - 1),
}
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


def values_of(cls: type[Record]) -> st.SearchStrategy[Record]:
    """Records of a type with any values that fit its fields."""
    parts: dict[str, st.SearchStrategy[Any]] = {}
    for name, wire, _, _ in cls.layout():
        if wire.code.endswith("s"):
            parts[name] = st.text(PRINTABLE, max_size=wire.size)
        else:
            parts[name] = st.integers(*RANGES[wire.c_type])
    return st.builds(cls, **parts)


def c_struct(cls: type[Record]) -> type[ctypes.Structure]:
    """The record as a C compiler would lay it out by itself."""
    members: list[Any] = []
    for name, wire, _, _ in cls.layout():
        if wire.code.endswith("s"):
            members.append((name, ctypes.c_char * wire.size))
        else:
            members.append((name, C_TYPES[wire.c_type]))
    last = cls.layout()[-1]
    spare = cls.SIZE - last[3] - last[1].size
    if spare:
        members.append(("spare", ctypes.c_uint8 * spare))
    return type(cls.__name__, (ctypes.LittleEndianStructure,), {"_fields_": members})


@given(st.one_of([values_of(cls) for cls in ALL]))
def test_round_trip(record: Record) -> None:
    data = record.pack()
    assert len(data) == type(record).SIZE
    assert type(record).unpack(data) == record
    assert type(record).unpack(memoryview(data)) == record


@given(st.one_of([values_of(cls) for cls in ALL]))
def test_c_reads_the_same_values(record: Record) -> None:
    struct = c_struct(type(record)).from_buffer_copy(record.pack())
    for part in fields(record):
        there = getattr(struct, part.name)
        here = getattr(record, part.name)
        assert there == (here.encode() if isinstance(here, str) else here)


@pytest.mark.parametrize("cls", ALL)
def test_layout_is_what_c_would_choose(cls: type[Record]) -> None:
    struct = c_struct(cls)
    assert ctypes.sizeof(struct) == cls.SIZE
    family_size = COMMAND_BYTES if cls in COMMANDS else EVENT_BYTES
    assert family_size == cls.SIZE
    assert cls.SIZE % 8 == 0
    offset = 0
    for name, wire, meaning, place in cls.layout():
        assert place == offset == getattr(struct, name).offset
        assert wire.code.endswith("s") or place % wire.size == 0
        assert meaning
        offset += wire.size
    assert offset <= cls.SIZE


def test_places_that_journals_depend_on() -> None:
    """Written records must stay readable: a move is a new LAYOUT_VERSION."""
    assert records.LAYOUT_VERSION == 2
    assert (COMMAND_BYTES, EVENT_BYTES) == (256, 384)
    command = {name: place for name, _, _, place in OrderCommand.layout()}
    event = {name: place for name, _, _, place in OrderEvent.layout()}
    assert [command[name] for name in ("kind", "flags", "session", "msg_seq_num")] == [
        0, 4, 16, 24,
    ]  # fmt: skip
    assert [command[name] for name in ("price", "qty", "cl_ord_id", "symbol")] == [
        40, 48, 96, 192,
    ]  # fmt: skip
    assert [event[name] for name in ("seq", "order_id", "last_qty", "symbol")] == [
        16, 56, 128, 312,
    ]  # fmt: skip
    for cls in EVENTS:
        places = {name: place for name, _, _, place in cls.layout()}
        shared = ("kind", "seq", "command_seq", "time")
        assert [places[name] for name in shared] == [0, 16, 24, 32]


def test_a_packed_order_byte_by_byte() -> None:
    data = OrderCommand(
        CommandKind.NEW_ORDER,
        side=ord("1"),
        ord_type=ord("2"),
        time_in_force=ord("0"),
        flags=0x0102,
        source=3,
        session_epoch=4,
        session=5,
        msg_seq_num=6,
        receive_time=-1,
        price=7,
        qty=2**62,
        cl_ord_id="ID",
        orig_cl_ord_id="O" * 36,
        account="ACC",
        symbol="SYM",
    ).pack()
    assert data == b"".join(
        [
            b"\x01120",
            bytes.fromhex("0201 0300 04000000 00000000"),
            bytes.fromhex("0500000000000000 0600000000000000 ffffffffffffffff"),
            bytes.fromhex("0700000000000000 0000000000000040"),
            bytes(40),
            b"ID".ljust(36, b"\0"),
            b"O" * 36,
            b"ACC".ljust(24, b"\0"),
            b"SYM".ljust(24, b"\0"),
            bytes(40),
        ]
    )


# -- what does not fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size"),
    [("cl_ord_id", 36), ("orig_cl_ord_id", 36), ("account", 24), ("symbol", 24)],
)
def test_text_that_is_too_long_is_refused(name: str, size: int) -> None:
    fits = OrderCommand(CommandKind.NEW_ORDER, **{name: "x" * size})  # type: ignore[arg-type]
    assert getattr(OrderCommand.unpack(fits.pack()), name) == "x" * size
    over = OrderCommand(CommandKind.NEW_ORDER, **{name: "x" * (size + 1)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{name} is longer than {size} bytes"):
        over.pack()


def test_text_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(ValueError, match="ascii"):
        OrderCommand(CommandKind.NEW_ORDER, cl_ord_id="é").pack()


@pytest.mark.parametrize(("kind", "qty"), [(256, 0), (-1, 0), (1, 2**63)])
def test_numbers_out_of_range_are_refused(kind: int, qty: int) -> None:
    with pytest.raises(Exception, match=r"format|range|large"):
        OrderCommand(kind, qty=qty).pack()


@pytest.mark.parametrize("cls", ALL)
def test_a_record_has_one_size(cls: type[Record]) -> None:
    for size in (0, cls.SIZE - 1, cls.SIZE + 1):
        with pytest.raises(Exception, match="bytes"):
            cls.unpack(bytes(size))


def test_unpack_all_finds_the_type_of_each_kind() -> None:
    mixed: list[Record] = [
        OrderCommand(CommandKind.REPLACE, qty=1),
        ClockCommand(CommandKind.END_OF_DAY, day=2),
        InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol="X"),
        OrderCommand(CommandKind.CANCEL, cl_ord_id="C"),
    ]
    data = b"".join(record.pack() for record in mixed)
    assert unpack_all(data, COMMAND_BYTES) == mixed
    assert unpack_all(memoryview(data), COMMAND_BYTES) == mixed
    assert unpack_all(b"", COMMAND_BYTES) == []
    with pytest.raises(ValueError, match="no multiple"):
        unpack_all(data[:-1], COMMAND_BYTES)


@pytest.mark.parametrize(
    ("size", "kinds"), [(COMMAND_BYTES, CommandKind), (EVENT_BYTES, EventKind)]
)
def test_unpack_all_knows_exactly_the_kinds(
    size: int, kinds: type[CommandKind] | type[EventKind]
) -> None:
    for kind in range(256):
        data = bytes([kind]) + bytes(size - 1)
        if kind in list(kinds):
            (record,) = unpack_all(data, size)
            assert record.kind == kind
            assert len(record.pack()) == size
        else:
            with pytest.raises(ValueError, match=f"unknown record kind {kind} at"):
                unpack_all(data, size)


# -- what is made from the description -------------------------------------------------


def test_pxd_is_current() -> None:
    """``python -m engine.recordfiles`` renews it."""
    assert (ROOT / "engine" / "records.pxd").read_text() == render_pxd()


def test_tables_are_current() -> None:
    assert (ROOT / "spec" / "records.md").read_text() == render_markdown()


def test_pxd_names_every_member_and_field() -> None:
    text = render_pxd()
    for prefix, enum in (
        ("COMMAND", codes.CommandKind),
        ("EVENT", codes.EventKind),
        ("SIDE", codes.Side),
        ("ORD_TYPE", codes.OrdType),
        ("TIF", codes.TimeInForce),
        ("STATUS", codes.OrdStatus),
        ("LIQUIDITY", codes.Liquidity),
        ("EXEC", codes.ExecInst),
        ("STP", codes.SelfTrade),
        ("FLAG", codes.CommandFlag),
        ("PHASE", codes.Phase),
        ("WHY", codes.PhaseReason),
        ("SCOPE", codes.Scope),
        ("REASON", codes.Reason),
    ):
        for member in enum:
            assert f"    {prefix}_{member.name} = {int(member)}\n" in text
    for cls in ALL:
        block = text.split(f"cdef struct {cls.__name__}:\n")[1].split("\n\n")[0]
        assert len(re.findall(r"^    \S+ \w+", block, re.M)) >= len(fields(cls))


def test_limits_leave_room() -> None:
    """A product fits 128 bits with a sign, twice it too: the average is rounded so."""
    assert 2 * PRICE_MAX * QTY_MAX + QTY_MAX < 2**127
    for enum in (codes.CommandFlag, codes.ExecInst):
        flags = [int(flag) for flag in enum]
        assert all(flag & (flag - 1) == 0 for flag in flags)
        assert len(set(flags)) == len(flags)
    assert all(reason < 64 for reason in codes.Reason)
    assert issubclass(codes.CommandFlag, IntFlag)
