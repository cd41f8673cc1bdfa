"""Credentials of a running gateway: read again when their file changes."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from fixgw.ops.credential_files import (
    credentials_path,
    load_credentials,
    read_credentials,
)
from fixgw.ops.setup import SetupError
from fixgw.session.credentials import Credentials
from fixgw.session.settings import AcceptorSettings

log = logging.getLogger(__name__)


class CredentialsWatch:
    """The file that a sessions file names, if it names one. Raises SetupError."""

    def __init__(self, sessions: Path, settings: AcceptorSettings) -> None:
        self._sessions = sessions
        self._settings = settings
        self._stamp = self._look()
        self.first = load_credentials(sessions, settings)
        """What it held at the start."""

    def changed(self) -> Credentials | None:
        """What it holds now, if it has changed since the last call.

        A file that cannot be used, or is empty, is named in the log: what was read
        before stays. One that lacks a client is used: who is taken out of it cannot log
        on any more.
        """
        stamp = self._look()
        name = self._settings.credentials_file
        if stamp == self._stamp or name is None:
            return None
        self._stamp = stamp
        path = credentials_path(self._sessions, name)
        try:
            found = read_credentials(path)
            if not any(found.summary()):
                raise SetupError(f"{path}: is empty")
        except SetupError as error:
            log.error("the credentials stay as they were: %s", error)
            return None
        log.info("credentials were read again")
        for problem in found.problems(self._settings.sessions):
            log.warning("%s", problem)
        return found

    def _look(self) -> tuple[int, int, int, int] | None:
        if self._settings.credentials_file is None:
            return None
        path = credentials_path(self._sessions, self._settings.credentials_file)
        try:
            found = os.stat(path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode
