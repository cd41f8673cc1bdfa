"""The exchange of a dialogue in HTML, marked where it differed."""

from __future__ import annotations

from html import escape

from fixgw.certify.alignment import Row, align
from fixgw.certify.naming import Naming
from fixgw.certify.report_text import SIGNS
from fixgw.certify.transcript import Event, Kind, Result
from fixgw.certify.wire import fields_of, visible

_MESSAGES = (Kind.SENT, Kind.RECEIVED)
_SEPARATOR = '<span class="separator">|</span>'


def exchange(result: Result, naming: Naming) -> str:
    """Every event of a dialogue in its order."""
    version = result.dialogue.version
    return "".join(_event(event, version, naming) for event in result.events)


def _event(event: Event, version: str, naming: Naming) -> str:
    css = f"event {event.kind.value}{' wrong' if event.is_wrong else ''}"
    if event.kind in _MESSAGES:
        name = escape(naming.message(version, event.text))
        text = f'<span class="type">{name}</span>{_message(event, version, naming)}'
    else:
        text = f'<span class="note">{escape(visible(event.text))}</span>'
    line = str(event.line) if event.line else ""
    row = (
        f'<div class="{css}"><span class="at">{event.at_s:.3f}</span>'
        f'<span class="line">{line}</span><span>{event.connection}</span>'
        f'<span class="arrow">{SIGNS[event.kind]}</span>'
        f'<span class="text">{text}</span></div>'
    )
    return row + (_difference(event, version, naming) if event.is_wrong else "")


def _message(event: Event, version: str, naming: Naming) -> str:
    """A message with names as tool tips, and marks on the fields that are wrong."""
    if not event.is_wrong:
        # By far the most messages: as short as can be, for there may be thousands.
        return visible(escape(event.text)).replace("|", _SEPARATOR)
    wrong = {difference.tag for difference in event.differences}
    parts = []
    for tag, value in fields_of(event.text):
        text = escape(visible(f"{tag}={value}"))
        if tag in wrong:
            text = f"<mark>{text}</mark>"
        title = escape(naming.tag(version, tag), quote=True)
        parts.append(f'<span title="{title}">{text}</span>{_SEPARATOR}')
    return "".join(parts)


def _difference(event: Event, version: str, naming: Naming) -> str:
    wishes = event.expected.split("\n") if event.expected else []
    shown = "".join(
        f'<div class="wish"><b>{"or" if number else "expected"}</b>'
        f"{escape(visible(wish))}</div>"
        for number, wish in enumerate(wishes)
    )
    if event.kind is not Kind.RECEIVED or len(wishes) != 1:
        return shown
    rows = "".join(
        _row(row, version, naming)
        for row in align(event.expected, event.text, event.differences)
    )
    general = "".join(
        f'<p class="reason">{escape(difference.note)}</p>'
        for difference in event.differences
        if not difference.tag
    )
    return (
        f'{shown}{general}<table class="fields"><thead><tr><th>field</th>'
        "<th>expected</th><th>received</th><th>difference</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _row(row: Row, version: str, naming: Naming) -> str:
    css = ' class="wrong"' if row.note else ""
    return (
        f"<tr{css}><td>{escape(naming.tag(version, row.tag))}</td>"
        f"<td>{_value(row.tag, row.expected, version, naming)}</td>"
        f"<td>{_value(row.tag, row.received, version, naming)}</td>"
        f'<td class="note">{escape(row.note)}</td></tr>'
    )


def _value(tag: str, value: str | None, version: str, naming: Naming) -> str:
    if value is None:
        return '<span class="meaning">—</span>'
    name = naming.value(version, tag, value)
    meaning = f' <span class="meaning">{escape(name)}</span>' if name else ""
    return escape(visible(value)) + meaning
