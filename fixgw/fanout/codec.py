"""One event as JSON for Kafka, and back: nothing is lost. See ``spec/kafka.md``.

The members of a type are the fields of its record in ``engine/records.py``, in that
order; a field that is not in the table here stops this module from being imported. So
does decoding stop at anything it does not know: a version, a type, a member, a code.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from engine.codes import (
    EventKind,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    Scope,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.decimals import render
from engine.eventchain import CHAIN_BYTES
from engine.layouts import Record
from engine.records import EVENT_BYTES, PhaseEvent, unpack_all

SCHEMA_VERSION = 2
"""A change of what a type has, or of what a member means, is a new version."""

_NUMBER_BITS = 48
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1

_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,10})(?:\.\d{1,8})?", re.ASCII)
_IDENTIFIER = re.compile(r"(\d{1,5})-(\d{1,15})", re.ASCII)
_SESSION = re.compile(r"[0-9a-f]{16}")
_CHAIN = re.compile(rf"[0-9a-f]{{{2 * CHAIN_BYTES}}}")
_PLACES = 8


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """An event as it came over Kafka."""

    shard: int
    seq: int
    chain: bytes
    """The chain's value after this event; see :mod:`engine.eventchain`."""
    event: bytes
    """The packed record, as the shard made it."""


class _Form(NamedTuple):
    """How a value of a record stands in JSON. Both ways raise ValueError."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


# -- forms -----------------------------------------------------------------------------


def _same(value: int) -> int:
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no integer")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _encode_text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("latin-1")


def _decode_text(value: object) -> bytes:
    return _text(value).encode("latin-1")


def _decode_decimal(value: object) -> int:
    text = _text(value)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no decimal number")
    whole, _, places = text.partition(".")
    return int(whole + places.ljust(_PLACES, "0"))


def _encode_identifier(value: int) -> str | None:
    return f"{value >> _NUMBER_BITS}-{value & _NUMBER_MASK}" if value else None


def _decode_identifier(value: object) -> int:
    if value is None:
        return 0
    match = _IDENTIFIER.fullmatch(_text(value))
    if match is None or int(match[2]) > _NUMBER_MASK:
        raise ValueError(f"{value!r} is no identifier")
    return int(match[1]) << _NUMBER_BITS | int(match[2])


def _encode_session(value: int) -> str | None:
    return f"{value:016x}" if value else None


def _decode_session(value: object) -> int:
    if value is None:
        return 0
    if not _SESSION.fullmatch(_text(value)):
        raise ValueError(f"{value!r} is no session key")
    return int(_text(value), 16)


def _boolean(value: object) -> int:
    if type(value) is not bool:
        raise ValueError(f"{value!r} is neither true nor false")
    return int(value)


def _encode_boolean(value: int) -> bool:
    if value > 1:
        raise ValueError(f"{value} is neither 0 nor 1")
    return value == 1


def _names(enum: type[IntEnum]) -> _Form:
    """By name; NONE, and 0 where there is no such name, is null.

    The engine makes no other values.
    """
    names: dict[int, str | None] = {0: None}
    return _lookup(names | _named(enum), enum.__name__)


def _codes(enum: type[IntEnum]) -> _Form:
    """A code of FIX: its name, or the character itself if it is not supported.

    It came from a client, and what was refused is told as well.
    """
    names: dict[int, str | None] = {code: chr(code) for code in range(1, 256)}
    return _lookup(names | {0: None} | _named(enum), enum.__name__)


def _named(enum: type[IntEnum]) -> dict[int, str | None]:
    return {int(member): member.name for member in enum if member.name != "NONE"}


def _lookup(names: dict[int, str | None], what: str) -> _Form:
    values = {name: value for value, name in names.items()}

    def encode(value: int) -> str | None:
        try:
            return names[value]
        except KeyError:
            raise ValueError(f"{value} is no {what}") from None

    def decode(name: str | None) -> int:
        try:
            return values[name]
        except (KeyError, TypeError):
            raise ValueError(f"{name!r} is no {what}") from None

    return _Form(encode, decode)


_INTEGER = _Form(_same, _integer)
_TEXT = _Form(_encode_text, _decode_text)
_AMOUNT = _Form(render, _decode_decimal)
_IDENTITY = _Form(_encode_identifier, _decode_identifier)

_BOOLEAN = _Form(_encode_boolean, _boolean)
_SESSION_KEY = _Form(_encode_session, _decode_session)

_FORMS: dict[str, _Form] = {
    "side": _codes(Side),
    "ord_type": _codes(OrdType),
    "time_in_force": _codes(TimeInForce),
    "ord_status": _codes(OrdStatus),
    "stp": _codes(SelfTrade),
    "imbalance_side": _names(Side),
    "liquidity": _names(Liquidity),
    "phase": _names(Phase),
    "then": _names(Phase),
    "scope": _names(Scope),
    "reason": _names(Reason),
    **dict.fromkeys(("triggered", "uncrossed", "blocked"), _BOOLEAN),
    **dict.fromkeys(("flags", "exec_inst", "source", "session_epoch"), _INTEGER),
    **dict.fromkeys(("seq", "command_seq", "msg_seq_num", "priority"), _INTEGER),
    **dict.fromkeys(("count", "index", "fan_out", "day"), _INTEGER),
    **dict.fromkeys(("time", "expire_time", "until", "volatility_ns"), _INTEGER),
    **dict.fromkeys(("open_orders_max", "rate_max"), _INTEGER),
    **dict.fromkeys(("session", "owner"), _SESSION_KEY),
    **dict.fromkeys(("order_id", "contra_order_id", "trade_id"), _IDENTITY),
    **dict.fromkeys(("price", "avg_price", "last_price", "reference_price"), _AMOUNT),
    **dict.fromkeys(("price_min", "price_max", "stop_price", "peg_offset"), _AMOUNT),
    **dict.fromkeys(("qty", "leaves_qty", "cum_qty", "last_qty"), _AMOUNT),
    **dict.fromkeys(("display_qty", "min_qty", "shown_qty", "fee"), _AMOUNT),
    **dict.fromkeys(("volume", "imbalance_qty", "tick", "lot"), _AMOUNT),
    **dict.fromkeys(("qty_min", "qty_max", "notional_max"), _AMOUNT),
    **dict.fromkeys(("order_qty_max", "position_max"), _AMOUNT),
    **dict.fromkeys(("static_band", "dynamic_band"), _AMOUNT),
    **dict.fromkeys(("maker_fee", "taker_fee", "auction_fee"), _AMOUNT),
    **dict.fromkeys(("cl_ord_id", "orig_cl_ord_id", "account", "stp_id"), _TEXT),
    **dict.fromkeys(("symbol", "currency"), _TEXT),
}
_OTHER_FORMS: dict[tuple[type[Record], str], _Form] = {
    (PhaseEvent, "reason"): _names(PhaseReason)
}
"""Where a record means something else by a name."""
_RENAMED = {
    "time": "time_ns",
    "expire_time": "expire_time_ns",
    "until": "until_ns",
}
_ZERO = "zero"
"""The meaning of a field that says nothing."""


class _Layout:
    """A record type: where its fields lie and how they are written."""

    def __init__(self, record: type[Record]) -> None:
        rows = record.layout()
        assert rows[0][0] == "kind"
        self.packer = struct.Struct("<" + "".join(wire.code for _, wire, _, _ in rows))
        self.members = [
            (
                None if meaning == _ZERO else _RENAMED.get(name, name),
                _form(record, name, meaning),
            )
            for name, _, meaning, _ in rows[1:]
        ]
        self.names = {name for name, _ in self.members if name}
        self.sizes = [
            wire.size if wire.code.endswith("s") else 0 for _, wire, _, _ in rows[1:]
        ]


def _form(record: type[Record], name: str, meaning: str) -> _Form:
    if meaning == _ZERO:
        return _INTEGER
    return _OTHER_FORMS.get((record, name)) or _FORMS[name]


def _record_of(kind: EventKind) -> type[Record]:
    """What an event of this kind unpacks to."""
    record: type[Record] = type(
        unpack_all(bytes([kind]).ljust(EVENT_BYTES, b"\0"), EVENT_BYTES)[0]
    )
    return record


_LAYOUTS = {int(kind): _Layout(_record_of(kind)) for kind in EventKind}
_TYPES = {int(kind): kind.name for kind in EventKind}
_KINDS = {name: kind for kind, name in _TYPES.items()}
_ENVELOPE = frozenset({"schema", "shard", "type", "chain"})
_OF_NO_INSTRUMENT = frozenset(
    (
        EventKind.REJECTED,
        EventKind.CANCEL_REJECTED,
        EventKind.REPLACE_REJECTED,
        EventKind.STATUS,
        EventKind.MASS_CANCELLED,
        EventKind.MASS_STATUS_DONE,
    )
)

# -- encoding --------------------------------------------------------------------------


def to_json(shard: int, event: bytes, chain: bytes) -> dict[str, Any]:
    """The members of an event's JSON. ``chain`` is the chain's value after it.

    Raises ValueError for what cannot be told without loss: an unknown kind or code, and
    bytes where the layout has none.
    """
    layout = _LAYOUTS.get(event[0]) if len(event) == EVENT_BYTES else None
    if layout is None:
        raise ValueError(
            f"no event of a known kind: {len(event)} bytes, first {event[:1].hex()}"
        )
    values = layout.packer.unpack_from(event)
    if event[layout.packer.size :].strip(b"\0"):
        raise ValueError("there are bytes behind the last field")
    document: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "shard": shard,
        "seq": 0,  # its place among the members; the value follows
        "type": _TYPES[event[0]],
        "chain": chain.hex(),
    }
    for (name, form), value in zip(layout.members, values[1:], strict=True):
        if name is not None:
            document[name] = form.encode(value)
        elif value:
            raise ValueError("a reserved field is not zero")
    return document


def encode(shard: int, event: bytes, chain: bytes) -> bytes:
    """The value of an event's Kafka record. Raises ValueError like :func:`to_json`."""
    return orjson.dumps(to_json(shard, event, chain))


def to_record(
    shard: int, event: bytes, chain: bytes
) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of an event's Kafka record. Raises ValueError.

    The key is one of a bounded set, the instruments and the shards: what was refused
    or only asked for changed no instrument, and may name anything for one.
    """
    document = to_json(shard, event, chain)
    key = document.get("symbol", "")
    if not key or event[0] in _OF_NO_INSTRUMENT:
        key = f"shard-{shard}"
    headers = [
        ("shard", b"%d" % shard),
        ("seq", b"%d" % document["seq"]),
        ("type", document["type"].encode()),
        ("schema", b"%d" % SCHEMA_VERSION),
    ]
    return key.encode("latin-1"), orjson.dumps(document), headers


# -- decoding --------------------------------------------------------------------------


def decode(value: bytes) -> DecodedEvent:
    """The event in a Kafka record's value. Raises ValueError with what is wrong."""
    document = orjson.loads(value)
    if not isinstance(document, dict):
        raise ValueError("the value is no JSON object")
    version = document.get("schema")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise ValueError(
            f"schema version {version!r}, this build reads {SCHEMA_VERSION}"
        )
    kind = _KINDS.get(str(document.get("type")))
    if kind is None:
        raise ValueError(f"unknown event type {document.get('type')!r}")
    layout = _LAYOUTS[kind]
    if odd := document.keys() ^ (layout.names | _ENVELOPE):
        raise ValueError(f"members missing or unknown: {', '.join(sorted(odd))}")
    shard, chain = _integer(document["shard"]), _text(document["chain"])
    if not _CHAIN.fullmatch(chain):
        raise ValueError("the chain's value is not one")
    values: list[Any] = [kind]
    for (name, form), size in zip(layout.members, layout.sizes, strict=True):
        if name is None:
            values.append(0)
            continue
        field = form.decode(document[name])
        if size and len(field) > size:
            raise ValueError(f"{name} is longer than {size} bytes")
        values.append(field)
    try:
        event = layout.packer.pack(*values).ljust(EVENT_BYTES, b"\0")
    except struct.error as error:
        raise ValueError(f"a number is out of range: {error}") from None
    return DecodedEvent(shard, document["seq"], bytes.fromhex(chain), event)
