"""The tag=value encoding: framing, field access, building. Compiled; knows no
session."""

from fixgw.wire.building import finish, parse_utc_timestamp, utc_timestamp
from fixgw.wire.framing import MESSAGE_BYTES_MAX, Framer
from fixgw.wire.message import MESSAGE_FIELDS_MAX, Garbled, Message, parse_message

__all__ = [
    "MESSAGE_BYTES_MAX",
    "MESSAGE_FIELDS_MAX",
    "Framer",
    "Garbled",
    "Message",
    "finish",
    "parse_message",
    "parse_utc_timestamp",
    "utc_timestamp",
]
