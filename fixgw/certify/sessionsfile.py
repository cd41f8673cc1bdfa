"""The sessions.cfg that dialogues need: a section per session they log on to."""

from __future__ import annotations

from collections.abc import Iterable

from fixgw.certify.dialogue import Dialogue, settings_by_session

_HEAD = """\
# Sessions for certification dialogues. Each of them begins with numbers of its own.
[DEFAULT]
ConnectionType=acceptor
StartTime=00:00:00
EndTime=00:00:00
ResetOnLogon=Y
"""


def sessions_text(dialogues: Iterable[Dialogue]) -> str:
    """The file. Raises ScriptError when two dialogues want different things."""
    chosen = list(dialogues)
    versions = {
        key: dialogue.version for dialogue in chosen for key in dialogue.sessions
    }
    parts = [_HEAD]
    for key, settings in sorted(settings_by_session(chosen).items()):
        begin_string, client, server = key
        lines = [
            "[SESSION]",
            f"BeginString={begin_string}",
            f"SenderCompID={server}",
            f"TargetCompID={client}",
        ]
        if begin_string.startswith("FIXT") and versions[key].startswith("FIX.5"):
            lines.append(f"DefaultApplVerID={versions[key]}")
        lines += [f"{name}={value}" for name, value in settings.items()]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
