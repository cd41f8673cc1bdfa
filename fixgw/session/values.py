"""Values of the keys of a sessions file: from text to what the settings hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from fixgw.session.keys import KEYS, Concern, Key, Kind
from fixgw.session.timeofday import parse_day, parse_days, parse_time, parse_zone

OFFERED_VERSIONS = ("FIX.4.4",)
VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")
"""Values of BeginString(8) that QuickFIX knows; what is not offered is refused."""

COMP_ID = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
"""Printable ASCII, at most 64 of it: it goes into every message and record."""

UNITS = {"SECONDS": 0, "MILLIS": 3, "MICROS": 6, "NANOS": 9}

Network = IPv4Network | IPv6Network


def _bool(text: str, key: Key) -> bool:
    if text not in ("Y", "N"):
        raise ValueError(f"{text!r} is neither Y nor N")
    return text == "Y"


def _int(text: str, key: Key) -> int:
    if not re.fullmatch(r"-?[0-9]{1,10}", text) or not key.low <= int(text) <= key.high:
        raise ValueError(f"{text!r} is not a whole number from {key.low} to {key.high}")
    return int(text)


def _ratio(text: str, key: Key) -> float:
    # The form keeps out what float() would also take: nan, inf, 1e9, 1_0.
    if (
        not re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]{1,6})?", text)
        or not key.low <= float(text) <= key.high
    ):
        raise ValueError(f"{text!r} is not a number from {key.low} to {key.high}")
    return float(text)


def _comp_id(text: str, key: Key) -> str:
    if not COMP_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not 1 to 64 printable ASCII characters")
    return text


def _version(text: str, key: Key) -> str:
    if text in OFFERED_VERSIONS:
        return text
    if text in VERSIONS:
        raise ValueError(
            f"{text} is not offered yet, only {', '.join(OFFERED_VERSIONS)} is"
        )
    raise ValueError(f"{text!r} is not a version of FIX")


def _connection(text: str, key: Key) -> str:
    if text == "initiator":
        raise ValueError("initiator is not offered: this is an acceptor")
    if text != "acceptor":
        raise ValueError(f"{text!r} is not acceptor")
    return text


def _host(text: str, key: Key) -> str:
    if not re.fullmatch(r"[0-9A-Za-z._:%-]+", text):
        raise ValueError(f"{text!r} is not a host name or address")
    return text


def _addresses(text: str, key: Key) -> tuple[Network, ...]:
    return tuple(_network(part.strip()) for part in text.split(","))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address or network") from None


def _digits(text: str, key: Key) -> int:
    digits = {str(digits): digits for digits in UNITS.values()}
    if text not in digits:
        raise ValueError(f"{text!r} is not one of {', '.join(digits)}")
    return digits[text]


def _unit(text: str, key: Key) -> int:
    if text not in UNITS:
        raise ValueError(f"{text!r} is not one of {', '.join(UNITS)}")
    return UNITS[text]


CONVERTERS: dict[Kind, Callable[[str, Key], Any]] = {
    Kind.BOOL: _bool,
    Kind.INT: _int,
    Kind.RATIO: _ratio,
    Kind.TEXT: lambda text, key: text,
    Kind.COMP_ID: _comp_id,
    Kind.VERSION: _version,
    Kind.CONNECTION: _connection,
    Kind.HOST: _host,
    Kind.ADDRESSES: _addresses,
    Kind.TIME: lambda text, key: parse_time(text),
    Kind.DAY: lambda text, key: parse_day(text),
    Kind.DAYS: lambda text, key: parse_days(text),
    Kind.ZONE: lambda text, key: parse_zone(text),
    Kind.DIGITS: _digits,
    Kind.UNIT: _unit,
}
"""How to read each kind of value. They raise ValueError with the reason."""


def value_of(text: str, key: Key) -> Any:
    """The value that ``text`` stands for. Raises ValueError with the reason."""
    if not text:
        raise ValueError("has no value")
    return CONVERTERS[key.kind](text, key)


def default_of(key: Key) -> Any:
    """The value of a key that has a default."""
    return CONVERTERS[key.kind](key.default, key)


DEFAULTS = {
    key.field: default_of(key)
    for key in KEYS.values()
    if key.concern is Concern.HONOURED and key.default
}
"""The value of each field that no key of a file sets."""
