"""What the client sends in a dialogue of ``fixgw certify``: bytes, by connection.

The clock stands still, so that the bytes are the same each time. What depends on an
answer cannot be known beforehand: such dialogues give nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

from fixgw.certify import steps as s
from fixgw.certify.dialogue import Dialogue, Names, load
from fixgw.certify.macros import MacroError, Scope
from fixgw.certify.sessionsfile import sessions_text
from fixgw.certify.wire import fixify
from fixgw.session.settings import SessionSettings, SettingsError, parse
from tests.sessions.conversation import START


def dialogues_in(folder: Path, profile: str) -> list[Dialogue]:
    """Each script whose bytes can be known, in one version: another from script to
    script, so that each has its share."""
    if not any(folder.rglob("*.def")):
        return []
    by_script: dict[Path, list[Dialogue]] = {}
    for dialogue in load([folder], Names(profile=profile)):
        if (
            dialogue.header.profile in (profile, "both")
            and not dialogue.serves
            and settings_for(dialogue)
            and bytes_of(dialogue)
        ):
            by_script.setdefault(dialogue.path, []).append(dialogue)
    return [
        versions[crc32(str(path.relative_to(folder)).encode()) % len(versions)]
        for path, versions in by_script.items()
    ]


def settings_for(dialogue: Dialogue, more: str = "") -> tuple[SessionSettings, ...]:
    """The sessions that it logs on to, if it names any that can be; ``more`` are
    further lines for [DEFAULT]."""
    text = sessions_text([dialogue])
    head = f"ConnectionType=acceptor\nSocketAcceptPort=0\n{more}"
    try:
        text = text.replace("ConnectionType=acceptor\n", head, 1)
        return parse(text, "test").sessions
    except SettingsError:
        return ()


def bytes_of(dialogue: Dialogue) -> list[bytes] | None:
    """What is sent on each connection, one after the other; None if that depends on
    what comes back, or if several are open at once."""
    scope = Scope(dialogue.path.parent, now=START.timestamp)
    connections: list[bytes] = []
    try:
        return connections if _play(dialogue.steps, scope, connections) else None
    except MacroError:
        return None


def _play(steps: Iterable[s.Step], scope: Scope, connections: list[bytes]) -> bool:
    """Whether all the steps could be taken."""
    for step in steps:
        if step.connection != 1:
            return False
        match step:
            case s.Connect():
                connections.append(b"")
            case s.Send(text=text, is_raw=is_raw):
                whole = scope.expand(text)
                whole = whole if is_raw else fixify(whole)
                connections[-1] += whole.encode("latin-1")
            case s.Let(name=name, text=text):
                scope.set(name, scope.expand(text))
            case s.Repeat(count=count, body=body):
                for number in range(1, count + 1):
                    scope.rounds.append(number)
                    taken = _play(body, scope, connections)
                    scope.rounds.pop()
                    if not taken:
                        return False
            case s.OneOf() | s.Break() | s.SetSession() | s.Operator():
                return False
            case _:
                pass
    return bool(connections)
