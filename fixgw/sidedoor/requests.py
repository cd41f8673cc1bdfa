"""What a client may ask for over a WebSocket: one JSON object, checked whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from fixgw.orders.deadman import TIMEOUT_MS_MAX, TIMEOUT_MS_MIN
from fixgw.sidedoor.depthview import DEPTH_DEFAULT, DEPTHS
from fixgw.sidedoor.errors import ApiError, error

CHANNELS = (
    "book",
    "orders",
    "trades",
    "ticker",
    "auction",
    "instruments",
    "private",
)

SYMBOLS_MAX = 500
"""Symbols in one message; as many as a connection may be subscribed to."""

ID_CHARS_MAX = 64

_MEMBERS = {
    "subscribe": {"channel", "symbols", "depth", "epoch", "after_seq"},
    "unsubscribe": {"channel", "symbols"},
    "auth": {"key", "timestamp", "signature"},
    "cancel_after": {"timeout_ms"},
    "ping": set[str](),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A well-formed message. What does not belong to its ``op`` has its default."""

    op: str
    id: str | int | None = None
    channel: str = ""
    symbols: tuple[str, ...] = ()
    depth: int = DEPTH_DEFAULT
    epoch: str | None = None
    after_seq: int = 0
    key: str = ""
    timestamp: int = 0
    signature: str = ""
    timeout_ms: int = 0


class BadRequest(Exception):
    """A message that cannot be taken; ``id`` is its id if that could be read."""

    def __init__(self, cause: ApiError, id: str | int | None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.id = id


def parse(text: str) -> Request:
    """The request in a message. Raises BadRequest naming what is wrong."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        cause = error("INVALID_JSON", "send one JSON object per message")
        raise BadRequest(cause, None)
    own = message.get("id")
    if own is not None and not _is_id(own):
        text = f"id is a whole number or a text of up to {ID_CHARS_MAX} characters"
        raise BadRequest(error("INVALID_REQUEST", text), None)
    try:
        return _request(message, own)
    except ValueError as problem:
        raise BadRequest(error("INVALID_REQUEST", str(problem)), own) from None


def _request(message: dict[str, Any], own: str | int | None) -> Request:
    op = message.get("op")
    known = _MEMBERS.get(op) if isinstance(op, str) else None
    if not isinstance(op, str) or known is None:
        raise ValueError(f"op is one of {', '.join(_MEMBERS)}")
    for name in message:
        if name not in known and name not in ("op", "id"):
            raise ValueError(f"{op} has no member {name[:ID_CHARS_MAX]!r}")
    if op == "ping":
        return Request(op, own)
    if op == "auth":
        return Request(
            op,
            own,
            key=_text(message, "key"),
            timestamp=_whole(message, "timestamp"),
            signature=_text(message, "signature"),
        )
    if op == "cancel_after":
        timeout_ms = _whole(message, "timeout_ms")
        if timeout_ms and not TIMEOUT_MS_MIN <= timeout_ms <= TIMEOUT_MS_MAX:
            raise ValueError(
                f"timeout_ms is 0, or {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}"
            )
        return Request(op, own, timeout_ms=timeout_ms)
    channel = message.get("channel")
    if channel not in CHANNELS:
        raise ValueError(f"channel is one of {', '.join(CHANNELS)}")
    if channel == "private":
        return _private(message, op, own)
    if "epoch" in message or "after_seq" in message:
        raise ValueError("epoch and after_seq belong to the channel private")
    if "depth" in message and channel != "book":
        raise ValueError("depth belongs to the channel book")
    depth = message.get("depth", DEPTH_DEFAULT)
    if type(depth) is not int or depth not in DEPTHS:
        raise ValueError(f"depth is one of {', '.join(map(str, DEPTHS))}")
    return Request(op, own, channel, _symbols(message, op), depth)


def _private(message: dict[str, Any], op: str, own: str | int | None) -> Request:
    if "symbols" in message or "depth" in message:
        raise ValueError("the channel private has no symbols and no depth")
    if ("epoch" in message) != ("after_seq" in message):
        raise ValueError("epoch and after_seq belong together")
    if "epoch" not in message:
        return Request(op, own, "private")
    return Request(
        op,
        own,
        "private",
        epoch=_text(message, "epoch"),
        after_seq=_whole(message, "after_seq"),
    )


def _symbols(message: dict[str, Any], op: str) -> tuple[str, ...]:
    if op == "unsubscribe" and "symbols" not in message:
        return ()
    symbols = message.get("symbols")
    if (
        not isinstance(symbols, list)
        or not 1 <= len(symbols) <= SYMBOLS_MAX
        or not all(isinstance(symbol, str) for symbol in symbols)
    ):
        raise ValueError(f"symbols is a list of 1 to {SYMBOLS_MAX} symbols")
    return tuple(dict.fromkeys(symbols))


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    # What goes on to be checked as a header must be able to be one.
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError(f"{name} is a text of ASCII characters")
    return value


def _whole(message: dict[str, Any], name: str) -> int:
    value = message.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"{name} is a whole number")
    return value


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= ID_CHARS_MAX
    return type(value) is int and abs(value) < 2**53
