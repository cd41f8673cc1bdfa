"""Credentials of a running gateway: read again when their file changes."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from fixgw.ops.credential_files import credentials_path, load_credentials
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

        A file that cannot be used is named in the log: what was read before stays.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            found = load_credentials(self._sessions, self._settings)
        except SetupError as error:
            log.error("the credentials stay as they were: %s", error)
            return None
        log.info("credentials were read again")
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
