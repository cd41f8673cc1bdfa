"""Values of the keys of a sessions file: from text to what the settings hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.keys import KEYS, Concern, Key, Kind
from fixgw.session.policies import Authentication, ResendOverflow, ResetPolicy
from fixgw.session.profile import Conformance
from fixgw.session.timeofday import parse_day, parse_days, parse_time, parse_zone

FIXT = "FIXT.1.1"
VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", FIXT)
"""Values of BeginString(8), the oldest first."""

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
    if text in VERSIONS:
        return text
    if text.startswith("FIX.5"):
        raise ValueError(
            f"{text} is spoken as BeginString=FIXT.1.1 and DefaultApplVerID"
        )
    raise ValueError(f"{text!r} is not a version of FIX")


def _appl_version(text: str, key: Key) -> str:
    if text not in APPL_VER_IDS:
        names = ", ".join(name for name in APPL_VER_IDS if name.startswith("FIX"))
        raise ValueError(f"{text!r} is not one of {names}, or its number")
    return APPL_VER_IDS[text]


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
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address or network") from None
    raise ValueError(f"{text!r} is an address in a network; did you mean {meant}?")


def _digits(text: str, key: Key) -> int:
    digits = {str(digits): digits for digits in UNITS.values()}
    if text not in digits:
        raise ValueError(f"{text!r} is not one of {', '.join(digits)}")
    return digits[text]


def _unit(text: str, key: Key) -> int:
    if text not in UNITS:
        raise ValueError(f"{text!r} is not one of {', '.join(UNITS)}")
    return UNITS[text]


CHOICES: dict[str, type[Enum]] = {
    "conformance": Conformance,
    "authentication": Authentication,
    "reset_seq_num_flag": ResetPolicy,
    "resend_overflow": ResendOverflow,
}
"""What the fields of kind CHOICE are chosen from."""


def _choice(text: str, key: Key) -> Enum:
    choices = {str(each.value): each for each in CHOICES[key.field]}
    if text not in choices:
        raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
    return choices[text]


def _pem(text: str, key: Key) -> str:
    if text.lower().endswith((".p12", ".pfx", ".jks", ".keystore")):
        raise ValueError(
            f"{text!r} is not PEM; convert it with: openssl pkcs12 -nodes"
            " -in FILE -out server.pem"
        )
    return text


TLS_VERSION = re.compile(r"[+-]?(TLS|SSL)v?_?([0-9])(?:[._]?([0-9]))?", re.IGNORECASE)
OFFERED_TLS = ("TLSv1.2", "TLSv1.3")


def _tls_versions(text: str, key: Key) -> str:
    """The lowest version that a list allows, in the notation of any engine.

    ``all -SSLv2`` and the like, which guides to QuickFIX have, is every safe version.
    """
    allowed: set[str] = set()
    denied: set[str] = set()
    for part in re.split(r"[\s,|]+", text):
        match = TLS_VERSION.fullmatch(part)
        if part.lower() == "all":
            allowed |= set(OFFERED_TLS)
        elif match:
            name = f"{match[1].upper()}v{match[2]}.{match[3] or 0}"
            (denied if part.startswith("-") else allowed).add(name)
        else:
            raise ValueError(f"{text!r} is not a list of versions of TLS")
    allowed -= denied
    if not allowed or not allowed <= set(OFFERED_TLS):
        raise ValueError(f"{text!r}: only TLS 1.2 and TLS 1.3 are offered")
    return min(allowed)


TRAFFIC_CLASSES = {
    "IPTOS_LOWCOST": 2,
    "IPTOS_RELIABILITY": 4,
    "IPTOS_THROUGHPUT": 8,
    "IPTOS_LOWDELAY": 16,
}
"""Values of the type-of-service byte (RFC 1349), by the names Java users know."""


def _traffic_class(text: str, key: Key) -> int:
    if re.fullmatch(r"[0-9]{1,3}", text) and int(text) <= 255:
        return int(text)
    value = 0
    for name in re.split(r"[,|]", text):
        if name.strip() not in TRAFFIC_CLASSES:
            names = ", ".join(TRAFFIC_CLASSES)
            raise ValueError(f"{text!r} is not a number up to 255, nor of {names}")
        value |= TRAFFIC_CLASSES[name.strip()]
    return value


def _tags(text: str, key: Key) -> frozenset[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,8}", part) for part in parts):
        raise ValueError(f"{text!r} is not a list of tags")
    return frozenset(map(int, parts))


def _msg_types(text: str, key: Key) -> frozenset[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9A-Za-z]{1,8}", part) for part in parts):
        raise ValueError(f"{text!r} is not a list of MsgTypes")
    return frozenset(parts)


def _names(text: str, key: Key) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if not all(names):
        raise ValueError(f"{text!r} is not a list of names")
    return names


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
    Kind.CHOICE: _choice,
    Kind.APPL_VERSION: _appl_version,
    Kind.PEM: _pem,
    Kind.TLS_VERSIONS: _tls_versions,
    Kind.TRAFFIC_CLASS: _traffic_class,
    Kind.TAGS: _tags,
    Kind.MSG_TYPES: _msg_types,
    Kind.NAMES: _names,
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

QUICKFIX_DEFAULTS: dict[str, Any] = {
    "logon_timeout_s": 10,
    "ignore_poss_dup_resend_requests": False,
}
"""The same where Conformance=quickfix has it otherwise."""
