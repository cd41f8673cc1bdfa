"""A log of every message of a session, in the form QuickFIX writes.

``20261121-14:00:00.123456789 : 8=FIX.4.4|9=…`` for what came in and what went out, with
SOH where this text has ``|``. A file per session is in the folder its FileLogPath
names. Passwords are never in it, nor what RedactFieldsInLogs names.

Nobody waits for it: messages are only noted down where they pass, and a thread writes
them some times per second. If the disk is too slow, or full, the log has a gap and says
how large it is; the sessions go on. What was sent is in the outbox all the same.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fixgw.session.identity import SessionId
from fixgw.session.settings import SessionSettings
from fixgw.wire.redaction import MASK, redacted

log = logging.getLogger(__name__)

FLUSH_S = 0.2
"""How long a message may be noted down and not written."""

WAITING_BYTES_MAX = 64 * 1024 * 1024
"""Messages noted down and not written, of all sessions: more are left out."""

NS_PER_S = 1_000_000_000
_UNFIT = re.compile(r"[^0-9A-Za-z._-]")


NAME_CHARS_MAX = 200
"""Of a session in its file's name: file systems have 255 for all of it."""


def file_name(session_id: SessionId, *, is_taken: bool = False) -> str:
    """The name of a session's file; characters that no file name has are ``%2F``.

    ``is_taken``: another session has that name, and this one's key makes it another.
    """
    text = str(session_id).replace("->", "-").replace(":", "-")
    fit = _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", text)[:NAME_CHARS_MAX]
    if is_taken:
        fit += f".{session_id.key:016x}"
    return f"{fit}.messages.current.log"


def time_text(now_ns: int) -> str:
    """``YYYYMMDD-HH:MM:SS.nnnnnnnnn``, UTC."""
    seconds, fraction = divmod(now_ns, NS_PER_S)
    return f"{time.strftime('%Y%m%d-%H:%M:%S', time.gmtime(seconds))}.{fraction:09}"


@dataclass(slots=True)
class Room:
    """What all logs of a gateway share; to be touched while holding the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Mask:
    """What a log does not show."""

    tags: re.Pattern[bytes] | None
    text: bytes

    @classmethod
    def of(cls, settings: SessionSettings) -> Mask:
        """The mask a session's settings describe."""
        tags = None
        if settings.redacted_fields:
            names = "|".join(map(str, sorted(settings.redacted_fields)))
            tags = re.compile(rf"(?<=\x01)({names})=[^\x01]*".encode())
        return cls(tags, settings.redaction_text.encode())

    def hide(self, message: bytes) -> bytes:
        """The message without secrets."""
        shown = redacted(message)
        if shown != message:
            shown = shown.replace(
                b"=" + MASK.encode() + b"\x01", b"=%b\x01" % self.text
            )
        if self.tags is not None:
            shown = self.tags.sub(rb"\1=" + self.text.replace(b"\\", rb"\\"), shown)
        return shown


class MessageLog:
    """The log of one session."""

    def __init__(
        self, path: Path, mask: Mask, room: Room, clock: Callable[[], int]
    ) -> None:
        self.path = path
        self._clock = clock
        self._mask = mask
        self._room = room
        self._notes: list[tuple[int, bytes]] = []
        self._missing = 0
        self._has_failed = False

    def note(self, messages: Sequence[bytes]) -> None:
        """Messages that pass, in their order. Copies nothing, waits for no disk."""
        now_ns = self._clock()
        size = sum(map(len, messages))
        with self._room.lock:
            if self._room.waiting_bytes + size > WAITING_BYTES_MAX:
                self._missing += len(messages)
                return
            self._room.waiting_bytes += size
            self._notes += [(now_ns, message) for message in messages]

    def write(self) -> None:
        """Append to the file what was noted down; for the writer's thread.

        What cannot be written is missing.
        """
        with self._room.lock:
            notes, self._notes = self._notes, []
            missing, self._missing = self._missing, 0
            self._room.waiting_bytes -= sum(len(message) for _, message in notes)
        if not notes and not missing:
            return
        lines = [
            f"{time_text(at)} : ".encode() + self._mask.hide(message) + b"\n"
            for at, message in notes
        ]
        if missing:
            lines.append(b"# %d messages are missing here\n" % missing)
        try:
            # Opened each time: a log that was moved away is begun anew.
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self.path, flags, 0o640), "wb") as file:
                file.write(b"".join(lines))
        except OSError as error:
            if not self._has_failed:
                log.error("%s: %s: messages are missing", self.path, error.strerror)
            self._has_failed = True
            with self._room.lock:
                self._missing += missing + len(notes)
        else:
            self._has_failed = False


class MessageLogs:
    """The logs of all sessions of a gateway, and the thread that writes them.

    Relative folders are in ``folder``; ``clock`` gives nanoseconds since the epoch.
    """

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        self._folder = folder
        self._clock = clock
        self._logs: dict[int, MessageLog] = {}
        self._paths: set[Path] = set()
        self._room = Room()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def of(self, settings: SessionSettings) -> MessageLog | None:
        """The log of a session; None if its settings name no folder for one."""
        if settings.file_log_path is None:
            return None
        key = settings.session_id.key
        if key not in self._logs:
            folder = self._folder / settings.file_log_path
            path = folder / file_name(settings.session_id)
            if path in self._paths:
                path = folder / file_name(settings.session_id, is_taken=True)
            self._paths.add(path)
            self._logs[key] = MessageLog(
                path, Mask.of(settings), self._room, self._clock
            )
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="message log", daemon=True
            )
            self._thread.start()
        return self._logs[key]

    def close(self) -> None:
        """Write what was noted down, and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_S):
            self._write()
        self._write()

    def _write(self) -> None:
        for each in list(self._logs.values()):
            each.write()
