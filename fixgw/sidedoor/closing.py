"""Every way the exchange ends a WebSocket, numbered.

The table is shown in ``spec/websocket.md``, and each row has a test that reaches it.
Codes below 4000 are those of RFC 6455.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class CloseCode(IntEnum):
    """What a close frame of ours says."""

    GOING_AWAY = 1001
    BINARY_MESSAGE = 1003
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    CONNECTION_LIMIT = 4001
    ADDRESS_LIMIT = 4002
    IDLE = 4003
    TOO_MANY_MESSAGES = 4004
    TOO_MANY_ERRORS = 4005
    SLOW_READER = 4006
    TRADES_BEHIND = 4007
    PRIVATE_BEHIND = 4008
    KEY_REVOKED = 4009


class Meaning(NamedTuple):
    """Why a connection ends, and what its client should do."""

    why: str
    then: str


MEANINGS: dict[CloseCode, Meaning] = {
    CloseCode.GOING_AWAY: Meaning(
        "the side door is shutting down", "connect again after a few seconds"
    ),
    CloseCode.BINARY_MESSAGE: Meaning("a binary message came", "send JSON as text"),
    CloseCode.MESSAGE_TOO_BIG: Meaning(
        "a message was longer than 8 KiB", "split it, say into several subscriptions"
    ),
    CloseCode.INTERNAL_ERROR: Meaning(
        "a fault of the side door, or no answer to its pings",
        "connect again; report it if it comes back",
    ),
    CloseCode.CONNECTION_LIMIT: Meaning(
        "the side door has as many connections as it may", "try later, less and less"
    ),
    CloseCode.ADDRESS_LIMIT: Meaning(
        "your address has too many connections, or makes them too fast",
        "use one connection for many subscriptions",
    ),
    CloseCode.IDLE: Meaning(
        "nothing was subscribed for 30 s", "subscribe soon after connecting"
    ),
    CloseCode.TOO_MANY_MESSAGES: Meaning(
        "messages or pings came faster than allowed", "send less"
    ),
    CloseCode.TOO_MANY_ERRORS: Meaning(
        "too many messages were answered with an error", "read the errors"
    ),
    CloseCode.SLOW_READER: Meaning(
        "nothing was read for 10 s, or answers were not read",
        "read all the time; subscribe to less",
    ),
    CloseCode.TRADES_BEHIND: Meaning(
        "trades you have not read are no longer kept",
        "connect again; GET /v1/trades/{symbol} has the newest 1,000",
    ),
    CloseCode.PRIVATE_BEHIND: Meaning(
        "private events you have not read are no longer kept",
        "connect again and resume: the answer is a snapshot",
    ),
    CloseCode.KEY_REVOKED: Meaning(
        "the key was disabled, removed or changed", "ask for another key"
    ),
}


class Cut(Exception):
    """This connection is to end, with this code. ``text`` adds to its meaning."""

    def __init__(self, code: CloseCode, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.reason = reason_text(code, text)


REASON_BYTES_MAX = 123
"""What a close frame has room for (RFC 6455, 5.5)."""


def reason_text(code: CloseCode, text: str = "") -> str:
    """``NAME: why``, as long as a close frame may carry."""
    reason = f"{code.name}: {text or MEANINGS[code].why}"
    return reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
