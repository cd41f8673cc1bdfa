"""Every key of a sessions file that an engine of the QuickFIX family knows.

A file written for QuickFIX, QuickFIX/J, quickfixgo or QuickFIX/n can be given to this
acceptor. No key of it is passed over in silence: it is honoured; or a warning says that
it changes nothing here; or it is refused, because a session without it would be another
one than the file describes. The catalogue says which. Some keys are our own. A key that
nobody knows is a mistake, and is refused with the nearest name that somebody does know.

Names are matched exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum, auto

from fixgw.session.catalogue import (
    FAMILIES,
    FIELDS,
    HONOURED_BY_ACCEPTOR,
    HONOURED_BY_SESSION,
    OWN,
    OWN_BY_SESSION,
)
from fixgw.session.unhonoured import INITIATOR, NO_EFFECT, REFUSED


class Concern(Enum):
    """What this acceptor makes of a key."""

    HONOURED = auto()
    INITIATOR = auto()
    NO_EFFECT = auto()
    REFUSED = auto()


class Scope(Enum):
    """Whether a key may differ between the sessions of a file."""

    ACCEPTOR = auto()
    SESSION = auto()


class Kind(Enum):
    """How the text of a value is read; the settings have one converter for each."""

    BOOL = "bool"
    INT = "int"
    RATIO = "ratio"
    TEXT = "text"
    COMP_ID = "id"
    VERSION = "version"
    CONNECTION = "connection"
    HOST = "host"
    ADDRESSES = "addresses"
    TIME = "time"
    DAY = "day"
    DAYS = "days"
    ZONE = "zone"
    DIGITS = "digits"
    UNIT = "unit"
    CHOICE = "choice"
    APPL_VERSION = "applver"
    PEM = "pem"
    TLS_VERSIONS = "tls"
    TRAFFIC_CLASS = "traffic"
    TAGS = "tags"
    MSG_TYPES = "msgtypes"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``field`` names what it sets, ``reason`` why it is not honoured.

    ``low`` and ``high`` bound numbers. An empty ``default`` means there is none.
    ``topic`` is where an honoured key stands in the documents; ``own`` is whether no
    other engine has it.
    """

    name: str
    concern: Concern
    kind: Kind
    default: str
    meaning: str
    field: str
    scope: Scope = Scope.SESSION
    reason: str = ""
    low: int = 0
    high: int = 0
    topic: str = ""
    own: bool = False


def _field(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return FIELDS.get(name, words.lower())


def _rows(table: str, concern: Concern, reason: str = "") -> Iterator[Key]:
    for line in table.strip().splitlines():
        name, kind, default, meaning = (part.strip() for part in line.split("|"))
        kind, _, bounds = kind.partition(" ")
        low, _, high = bounds.partition("..")
        yield Key(
            name,
            concern,
            Kind(kind),
            default,
            meaning,
            _field(name),
            reason=reason,
            low=int(low or 0),
            high=int(high or 0),
        )


def _honoured() -> Iterator[Key]:
    for tables, scope, own in (
        (HONOURED_BY_ACCEPTOR, Scope.ACCEPTOR, False),
        (HONOURED_BY_SESSION, Scope.SESSION, False),
        (OWN_BY_SESSION, Scope.SESSION, True),
    ):
        for topic, table in tables.items():
            for key in _rows(table, Concern.HONOURED):
                mine = own or key.name in OWN
                yield replace(key, scope=scope, topic=topic, own=mine)


def _table() -> dict[str, Key]:
    keys = [*_honoured(), *_rows(INITIATOR, Concern.INITIATOR)]
    for concern, tables in (
        (Concern.NO_EFFECT, NO_EFFECT),
        (Concern.REFUSED, REFUSED),
    ):
        for reason, table in tables.items():
            keys += _rows(table, concern, reason)
    named = {key.name: key for key in keys}
    assert len(named) == len(keys), "a key is in two tables"
    return named


KEYS = _table()
"""All keys by name."""

_NAME_BY_LOWER_CASE = {name.lower(): name for name in KEYS}


def find(name: str) -> Key | None:
    """The key of that name; None if no engine knows it.

    A name that goes on, as AppDataDictionary.FIX.4.4, has a field of its own.
    """
    if name in KEYS:
        return KEYS[name]
    for stem, suffix in FAMILIES.items():
        rest = name[len(stem) :]
        if name.startswith(stem) and re.fullmatch(suffix, rest):
            return replace(KEYS[stem], name=name, field=KEYS[stem].field + rest)
    return None


def nearest(name: str) -> str | None:
    """The known name most like ``name``; None if none is much like it."""
    lower = name.lower()
    found = get_close_matches(lower, _NAME_BY_LOWER_CASE, n=1, cutoff=0.7)
    return _NAME_BY_LOWER_CASE[found[0]] if found else None
