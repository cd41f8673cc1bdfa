"""The keys of sessions.cfg as tables of a document: what docs/sessions.md has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from fixgw.session.keys import KEYS, Concern, Key
from fixgw.session.profile import QUICKFIX
from fixgw.session.values import CHOICES, DEFAULTS, QUICKFIX_DEFAULTS

OWN_MARK = "**"
"""Around the names of keys that no other engine has."""

KINDS = {
    "bool": "Y, N",
    "ratio": "number",
    "id": "text",
    "applver": "version",
    "pem": "PEM file",
    "tls": "versions",
    "traffic": "number, names",
    "msgtypes": "MsgTypes",
    "time": "HH:MM:SS [zone]",
    "digits": "0, 3, 6, 9",
    "unit": "SECONDS … NANOS",
}
"""What the documents call a kind of value, if not by its own name."""


def honoured() -> Iterator[str]:
    """A table for each topic."""
    keys = [key for key in KEYS.values() if key.concern is Concern.HONOURED]
    for topic, group in groupby(keys, key=lambda key: key.topic):
        yield f"### {topic}"
        yield ""
        yield "| key | value | default | meaning |"
        yield "|---|---|---|---|"
        for key in group:
            yield f"| {_name(key)} | {_values(key)} | {_default(key)} | {_cell(key)} |"
        yield ""


def others(concern: Concern) -> Iterator[str]:
    """A table of those that are not honoured, by reason."""
    keys = [key for key in KEYS.values() if key.concern is concern]
    column = "accepted value" if concern is Concern.REFUSED else "default"
    if concern is Concern.INITIATOR:
        yield ", ".join(f"`{key.name}`" for key in keys)
        return
    yield f"| why | key ({column}) |"
    yield "|---|---|"
    for reason, group in groupby(keys, key=lambda key: key.reason):
        names = ", ".join(
            f"`{key.name}`" + (f" ({key.default})" if key.default else "")
            for key in group
        )
        yield f"| {reason} | {names} |"


def _name(key: Key) -> str:
    mark = OWN_MARK if key.own else ""
    return f"{mark}`{key.name}`{mark}"


def _values(key: Key) -> str:
    if key.field in CHOICES:
        return ", ".join(f"`{each.value}`" for each in CHOICES[key.field])
    kind = key.kind.value
    if kind == "int":
        return f"{key.low} to {key.high}"
    return KINDS.get(kind, kind)


def _default(key: Key) -> str:
    if hasattr(QUICKFIX, key.field):
        return "N; Y"
    text = key.default
    if key.field in QUICKFIX_DEFAULTS:
        value = QUICKFIX_DEFAULTS[key.field]
        shown = {True: "Y", False: "N"}[value] if isinstance(value, bool) else value
        assert DEFAULTS[key.field] != value
        return f"{text}; {shown}"
    return f"`{text}`" if "<" in text else text


def _cell(key: Key) -> str:
    return key.meaning.replace("|", "\\|")
