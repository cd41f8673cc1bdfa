"""The file of clients' credentials: read if nobody else can read it."""

from __future__ import annotations

from pathlib import Path

from fixgw.ops.setup import SetupError, shown_path
from fixgw.session.credentials import Credentials, CredentialsError
from fixgw.session.settings import AcceptorSettings

NOBODYS_BUSINESS = 0o077
"""What the mode of a file with secrets must not have."""


def read_credentials(path: Path) -> Credentials:
    """The credentials in a file. Raises SetupError with all its problems."""
    name = shown_path(path)
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{name}: is not UTF-8 text: {error}") from error
    if mode & NOBODYS_BUSINESS:
        raise SetupError(
            f"{name}: others may read or write it (mode {mode:04o}); do: chmod 600"
            f" {name}"
        )
    try:
        return Credentials.parse(text, name)
    except CredentialsError as error:
        raise SetupError(str(error)) from error


def credentials_path(sessions: Path, name: str) -> Path:
    """Where CredentialsFile is: relative to the sessions file that names it."""
    return (sessions.parent / name).resolve()


def load_credentials(sessions: Path, settings: AcceptorSettings) -> Credentials:
    """The credentials that a sessions file names; none if it names no file.

    Raises SetupError, also if a session that needs them has none.
    """
    if settings.credentials_file is None:
        return Credentials({})
    path = credentials_path(sessions, settings.credentials_file)
    found = read_credentials(path)
    problems = list(found.problems(settings.sessions))
    if problems:
        name = shown_path(path)
        raise SetupError("\n".join(f"{name}: {problem}" for problem in problems))
    return found
