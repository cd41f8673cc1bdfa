"""What the dialogues of ``session/`` are played against: ``fixgw echo``, with a session
for each set of settings that a dialogue asks for, in every version it is for."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from fixgw.certify import Dialogue, Names, Run, Situation, load, run
from fixgw.certify.sessionsfile import sessions_text
from fixgw.session.passwords import PasswordHash
from tests.live.echo_process import EchoProcess
from tests.live.exchange import fixgw

HERE = Path(__file__).parent
SESSION = HERE / "session"
DICTIONARIES = HERE / "dictionaries"
NOBODY = "NOBODY"
"""A CompID for dialogues about clients that have no session."""

WAIT_S = 30.0
"""A machine that is busy for some seconds is no fault of anybody's."""

DEFAULTS = """\
Conformance={profile}
SocketAcceptHost=127.0.0.1
SocketAcceptPort=9876
CredentialsFile={credentials}
ConnectionsPerAddressMax=0
LogonFailuresMax=0
"""
"""No limits by address: every dialogue comes from the same one."""

CREDENTIALS = """\
["{client}"]
username = "ann"
password = "{password}"
hmac_sha256 = "{key}"
"""


def dialogues(profile: str) -> list[Dialogue]:
    """Those of ``session/`` that hold under a profile, for every version."""
    found = load([SESSION], Names(profile=profile))
    return [each for each in found if each.header.profile in ("both", profile)]


def play(profile: str, folder: Path, chosen: Sequence[Dialogue] | None = None) -> Run:
    """Play them all, side by side, against an echo of their own."""
    chosen = dialogues(profile) if chosen is None else chosen
    folder.mkdir(parents=True, exist_ok=True)
    credentials = folder / "credentials.toml"
    clients = {client for each in chosen for _, client, _ in each.sessions}
    write_credentials(credentials, clients)
    head = DEFAULTS.format(profile=profile, credentials=credentials)
    data = folder / "echo"
    echo = EchoProcess(folder, sessions(chosen, head), "--folder", str(data)).start()
    try:
        # In the background: it waits for the end that the dialogue has to bring about.
        command = f'{shlex.join(fixgw())} "$@" --data {shlex.quote(str(data))}'
        words = f"{command} >/dev/null 2>&1 &"
        situation = Situation(
            "127.0.0.1",
            echo.port,
            wait_s=WAIT_S,
            operator_command=shlex.join(["sh", "-c", words, "operator"]),
        )
        return asyncio.run(run(chosen, situation, jobs=64))
    finally:
        echo.clean_up()


def sessions(chosen: Iterable[Dialogue], head: str) -> str:
    """The text of the sessions file; nobody has no section in it."""
    default, *parts = sessions_text(chosen).split("[SESSION]\n")
    known = [part for part in parts if f"CompID={NOBODY}\n" not in part]
    return "[SESSION]\n".join([default + head, *map(with_dictionaries, known)])


def with_dictionaries(section: str) -> str:
    """A section with the dictionaries of its version."""
    version = re.search(r"^(?:BeginString|DefaultApplVerID)=(FIX\..*)$", section, re.M)
    assert version is not None, section
    file = DICTIONARIES / f"{version[1].replace('.', '')}.xml"
    if "FIXT.1.1" not in section:
        return f"{section.rstrip()}\nDataDictionary={file}\n\n"
    transport = DICTIONARIES / "FIXT11.xml"
    return (
        f"{section.rstrip()}\n"
        f"TransportDataDictionary={transport}\nAppDataDictionary={file}\n\n"
    )


def write_credentials(path: Path, clients: Iterable[str]) -> None:
    """The same user, password and key for every client."""
    password = PasswordHash.make(b"correct horse", os.urandom(16))
    key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
    path.touch(0o600)
    path.write_text(
        "".join(
            CREDENTIALS.format(client=client, password=password, key=key)
            for client in sorted(clients)
        )
    )
