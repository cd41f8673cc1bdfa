"""How a record lies in memory: fixed layouts that Python and C read alike.

Little-endian, every field on its natural alignment, no hidden padding, text padded with
NUL. A record type is a frozen dataclass whose fields are annotated with their wire form
and their meaning; see :mod:`engine.records`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, Self, get_type_hints


@dataclass(frozen=True, slots=True)
class Wire:
    """How one field lies in the record: its struct code and its C declaration."""

    code: str
    c_type: str
    size: int


U8 = Wire("B", "uint8_t", 1)
U16 = Wire("H", "uint16_t", 2)
U32 = Wire("I", "uint32_t", 4)
U64 = Wire("Q", "uint64_t", 8)
I64 = Wire("q", "int64_t", 8)


def text(size: int) -> Wire:
    return Wire(f"{size}s", "unsigned char", size)


@dataclass(frozen=True, slots=True)
class Record:
    """Base of all records: packing to and from the fixed layout."""

    SIZE: ClassVar[int]

    @classmethod
    def layout(cls) -> list[tuple[str, Wire, str, int]]:
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

    layout: list[tuple[str, Wire, str, int]]
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
