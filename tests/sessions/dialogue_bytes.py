"""What the client sends in a dialogue of ``fixgw certify``: bytes, by connection.

The clock stands still, so that the bytes are the same each time. Where a dialogue
quotes what it was answered, something else stands: these bytes are to be cut in many
ways, not to be answered as the dialogue wants it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

from fixgw.certify import steps as s
from fixgw.certify.dialogue import Dialogue, Names, load
from fixgw.certify.macros import Scope
from fixgw.certify.matchers import set_names
from fixgw.certify.sessionsfile import sessions_text
from fixgw.certify.wire import fixify
from fixgw.session.settings import SessionSettings, parse
from tests.sessions.conversation import START


def dialogues_in(folder: Path, profile: str) -> list[Dialogue]:
    """Each script in one version: another from script to script, so that each has its
    share."""
    if not any(folder.rglob("*.def")):
        return []
    by_script: dict[Path, list[Dialogue]] = {}
    for dialogue in load([folder], Names(profile=profile)):
        if dialogue.header.profile in (profile, "both") and not dialogue.serves:
            by_script.setdefault(dialogue.path, []).append(dialogue)
    return [
        versions[crc32(str(path.relative_to(folder)).encode()) % len(versions)]
        for path, versions in by_script.items()
    ]


def settings_for(dialogue: Dialogue, more: str = "") -> tuple[SessionSettings, ...]:
    """The sessions that it logs on to; ``more`` are further lines for [DEFAULT]."""
    if not dialogue.sessions:
        return ()
    text = sessions_text([dialogue])
    if "LogonAuthentication=" in text:
        more += "CredentialsFile=credentials.toml\n"
    head = f"ConnectionType=acceptor\nSocketAcceptPort=0\n{more}"
    text = text.replace("ConnectionType=acceptor\n", head, 1)
    return parse(text, "test").sessions


def bytes_of(dialogue: Dialogue) -> list[bytes]:
    """What is sent on each connection, in the order of their beginnings."""
    scope = Scope(dialogue.path.parent, now=START.timestamp)
    for step in s.flatten(dialogue.steps):
        for name in set_names(getattr(step, "text", "")):
            scope.set(name, "1")
    connections: list[bytearray] = []
    _play(dialogue.steps, scope, connections, {})
    return [bytes(data) for data in connections]


def _play(
    steps: Iterable[s.Step],
    scope: Scope,
    connections: list[bytearray],
    open_now: dict[int, bytearray],
) -> None:
    """Take the steps; ``open_now`` are the connections by their numbers."""
    for step in steps:
        match step:
            case s.Connect():
                open_now[step.connection] = bytearray()
                connections.append(open_now[step.connection])
            case s.Send(text=text, is_raw=is_raw):
                whole = scope.expand(text)
                whole = whole if is_raw else fixify(whole)
                open_now[step.connection] += whole.encode("latin-1")
            case s.Let(name=name, text=text):
                scope.set(name, scope.expand(text))
            case s.Repeat(count=count, body=body):
                for number in range(1, count + 1):
                    scope.rounds.append(number)
                    _play(body, scope, connections, open_now)
                    scope.rounds.pop()
            case s.OneOf(alternatives=alternatives):
                _play(alternatives[0].body, scope, connections, open_now)
            case _:
                pass
