"""What a sessions file comes down to: every honoured key with its value and why.

Written as a sessions file again. Read in its turn it makes the same session, which a
test holds it to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum

from fixgw.session.book import Book
from fixgw.session.keys import KEYS, Concern, Key, Scope, find
from fixgw.session.listener import Listener
from fixgw.session.profile import Profile
from fixgw.session.sections import Entry
from fixgw.session.values import DEFAULTS
from fixgw.session.view import View

PROFILE_ROWS = frozenset(item.name for item in fields(Profile))
UNLESS = {
    "milliseconds_in_time_stamp": "timestamp_precision",
    "timestamp_precision": "milliseconds_in_time_stamp",
}
"""Of two keys for one thing, the one that is given says it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One key as it is in force. An empty ``text`` means it has no value."""

    key: Key
    text: str
    origin: str
    """Where the value is from; empty for a default."""


def of_listener(listener: Listener) -> Iterator[Line]:
    """What all sessions share."""
    for key in _first_spellings(Scope.ACCEPTOR):
        entry = listener.entries.get(key.field)
        yield _given(entry) if entry else Line(key, key.default, "")


def of_session(view: View) -> Iterator[Line]:
    """What one session, or template, is."""
    for key in _first_spellings(Scope.SESSION):
        entry = view.entry(key.field)
        if entry is not None:
            yield _given(entry)
        elif key.field in PROFILE_ROWS:
            chosen = view.get("conformance").value
            value = getattr(view.profile(), key.field)
            yield Line(key, _text(value), f"Conformance={chosen}")
        elif key.field in UNLESS and view.is_given(UNLESS[key.field]):
            yield Line(key, "", "")
        elif view.default_of(key.field) != DEFAULTS.get(key.field):
            origin = f"Conformance={view.get('conformance').value}"
            if key.field == "closed_resend_interval":
                origin = "MaxMessagesInResendRequest"
            yield Line(key, _text(view.default_of(key.field)), origin)
        else:
            yield Line(key, key.default, "")
        if key.name == "AppDataDictionary":
            yield from _by_version(view, key)


def shown(book: Book, view: View) -> Iterator[str]:
    """The lines of a file with one session."""
    yield "[DEFAULT]"
    yield from _lines(of_listener(book.listener))
    yield ""
    yield f"# {view.session_id()}"
    yield "[SESSION]"
    yield from _lines(of_session(view))


def _lines(lines: Iterator[Line]) -> Iterator[str]:
    topic = ""
    for line in lines:
        if line.key.topic != topic:
            topic = line.key.topic
            yield f"\n# == {topic} =="
        origin = line.origin or "default"
        yield f"# {line.key.meaning}" + (f" ({origin})" if line.text else "")
        yield f"{line.key.name}={line.text}" if line.text else f"# {line.key.name}="


def _first_spellings(scope: Scope) -> Iterator[Key]:
    """The honoured keys, one for each field."""
    seen = set()
    for key in KEYS.values():
        if key.concern is Concern.HONOURED and key.scope is scope:
            if key.field not in seen:
                yield key
            seen.add(key.field)


def _given(entry: Entry) -> Line:
    key = find(entry.name)
    assert key is not None
    return Line(key, entry.text, f"line {entry.line}")


def _by_version(view: View, plain: Key) -> Iterator[Line]:
    for section in (view.section, view.default):
        for name, entry in section.entries.items():
            if name.startswith(f"{plain.field}.") and view.entry(name) is entry:
                yield _given(entry)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return str(value.value) if isinstance(value, Enum) else str(value)
