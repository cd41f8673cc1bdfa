"""What a name on the command line is: a file, a pipe, a folder, and in which format."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.journal.format import SEGMENT_MAGIC
from engine.journal.tail import segment_names
from fixgw.client.message import Message
from fixgw.ops.logview.items import LogProblem
from fixgw.ops.logview.outbox import OutboxSource, header_of
from fixgw.ops.logview.prefixes import Owner
from fixgw.ops.logview.sources import EXPECTED, FileSource, PipeSource, Source
from fixgw.ops.logview.store import STORE_SUFFIXES, StoreSource
from fixgw.ops.logview.text import TextParser

FORMATS = ("auto", "outbox", "quickfix", "store", "text")
_LISTED_MAX = 12
_COMPRESSED = {b"\x1f\x8b": "zcat", b"(\xb5/\xfd": "zstdcat", b"BZh": "bzcat"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are to be read."""

    lengths: Mapping[int, int]
    """From the dictionary: which tag gives the length of which."""
    form: str = "auto"
    entries: bool = False
    us: str = ""
    """Our comp ID, where a log does not tell who sent."""

    def parser(self, name: str, *, is_ours: bool = False) -> Callable[[], TextParser]:
        """Makes parsers for a file of this name."""
        owner = Owner(name)

        def sent(message: Message) -> bool | None:
            if is_ours:
                return True
            known = owner.sent(message)
            if known is None and self.us:
                ours = [message.get(tag) == self.us for tag in (49, 56)]
                known = ours[0] if ours[0] != ours[1] else None
            return known

        others = self.form == "quickfix" or (self.form == "auto" and ".event" in name)
        return lambda: TextParser(self.lengths, sent, others)


def open_source(given: str, reading: Reading) -> Source:
    """What is behind a name on the command line. Raises LogProblem."""
    if given == "-":
        return PipeSource("standard input", sys.stdin.buffer, reading.parser("")())
    path = Path(given)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise LogProblem(f"{given}: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        return OutboxSource(_outbox_in(path), reading.lengths, reading.entries)
    if not stat.S_ISREG(mode):
        try:
            pipe = path.open("rb")
        except OSError as error:
            raise LogProblem(f"{given}: {error.strerror}") from error
        return PipeSource(given, pipe, reading.parser("")())
    return _file(path, reading)


def file_to_come(given: str, reading: Reading) -> Source:
    """A file that does not exist yet, to be followed."""
    path = Path(given)
    return FileSource(path, reading.parser(path.name), to_come=True)


def _file(path: Path, reading: Reading) -> Source:
    try:
        with path.open("rb") as file:
            head = file.read(len(SEGMENT_MAGIC))
    except OSError as error:
        raise LogProblem(f"{path}: {error.strerror}") from error
    form = reading.form
    if form == "auto":
        if head == SEGMENT_MAGIC:
            form = "outbox"
        elif path.suffix in STORE_SUFFIXES:
            form = "store"
        for magic, command in _COMPRESSED.items():
            if head.startswith(magic):
                raise LogProblem(
                    f"{path} is compressed: {command} {path} | bin/fixgw log -"
                )
    if form == "outbox":
        header_of(path)
        return OutboxSource(path, reading.lengths, reading.entries)
    if form == "store":
        new_parser = reading.parser(path.name, is_ours=True)
        return StoreSource(path, new_parser, reading.entries)
    return FileSource(path, reading.parser(path.name))


def _outbox_in(folder: Path) -> Path:
    """The outbox a folder is, or holds."""
    for place in (folder, folder / "outbox", folder / "gateway-0" / "outbox"):
        if segment_names(place) or (place.name == "outbox" and place.is_dir()):
            return place
    logs = sorted(folder.glob("*.log"))[:_LISTED_MAX]
    hint = "".join(f"\n  {log}" for log in logs)
    found = f"is a folder; its logs are:{hint}" if logs else "is a folder without logs."
    raise LogProblem(f"{folder} {found}\n{EXPECTED}")
