"""A gateway's outbox as a log: what it sent, and what else it noted down.

Read through LogTail, which never writes: the gateway may be at work meanwhile. See
``spec/outbox.md``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.journal.format import (
    SEGMENT_HEADER_BYTES,
    CorruptLog,
    LogKind,
    LogRecord,
    SegmentHeader,
)
from engine.journal.tail import LogTail, segment_names
from fixgw.client.message import Message
from fixgw.ops.logview.fields import SOH, take_apart
from fixgw.ops.logview.items import Item, Logged, LogProblem, Remark
from fixgw.ops.logview.times import iso_text
from fixgw.store.outbox import Entry

_ENTRY = struct.Struct("<BBHIQQ")
_WINDOW = struct.Struct("<q")
_SESSIONS_MAX = 100_000  # names are remembered; an outbox has a handful


class OutboxSource:
    """The outbox in ``path``: its folder, or one segment of it.

    ``entries``: also positions, resets and events taken, as remarks.
    """

    can_rewind = True

    def __init__(self, path: Path, lengths: Mapping[int, int], entries: bool) -> None:
        self.name = str(path)
        self._lengths = lengths
        self._entries = entries
        self._folder = path if path.is_dir() else path.parent
        self._only = None if path.is_dir() else path.name
        self._names: dict[int, str] = {}
        self._header: SegmentHeader | None = None
        self._last: int | None = None
        self._tail: LogTail | None = None

    def rewind(self) -> None:
        """Begin again at the first record. Raises LogProblem."""
        self.close()
        names = segment_names(self._folder)
        name = self._only or (names[0] if names else None)
        if name is None:
            return
        if name not in names:
            raise LogProblem(
                f"{self.name}: a segment is known by its name, 20 digits and .log: "
                "give it its name back"
            )
        later = [other for other in names if other > name]
        self._last = int(later[0][:20]) - 1 if self._only and later else None
        self._header = header_of(self._folder / name)
        if self._header is not None:
            self._tail = LogTail(
                self._folder, LogKind.OUTBOX, self._header.owner, self._header.first - 1
            )

    def read(self) -> Iterator[Item]:
        """Everything there is up to now that was not read before. Raises
        LogProblem where the log is damaged."""
        while self._tail is not None:
            try:
                records = self._tail.read()
            except CorruptLog as error:
                raise LogProblem(f"the outbox is damaged: {error}") from error
            for record in records:
                if self._last is not None and record.first > self._last:
                    return
                yield from self._items(record)
            if not records:
                return

    def poll(self) -> Iterator[Item]:
        """What is new since the last call, also in an outbox that was begun anew."""
        names = segment_names(self._folder)
        if self._only is None and names:
            header = header_of(self._folder / names[0])
            known = self._header.generation if self._header else b""
            if header is not None and header.generation != known:
                if known:
                    yield Remark("the outbox was begun anew", None)
                self.rewind()
        if self._tail is not None:
            yield from self.read()

    def finish(self) -> Iterator[Item]:
        """Nothing: an unfinished record was never sent."""
        if self._header is None:
            raise LogProblem(f"{self.name} is empty: nothing was sent yet")
        return iter(())

    def close(self) -> None:
        """Close the file."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    # -- entries -----------------------------------------------------------------------

    def _items(self, record: LogRecord) -> Iterator[Item]:
        payload, at_ns = record.payload, record.stamp
        notes: list[tuple[int, int, int, bytes]] = []
        offset = 0
        while offset + _ENTRY.size <= len(payload):
            kind, flags, _, size, key, number = _ENTRY.unpack_from(payload, offset)
            offset += _ENTRY.size
            data = payload[offset : offset + size]
            offset += size
            if kind == Entry.MESSAGE and len(data) == size:
                fields, fault = take_apart(data, SOH, self._lengths)
                logged = Logged(Message(fields), at_ns, True, fault)
                if len(self._names) < _SESSIONS_MAX:
                    self._names[key] = logged.session
                yield logged
            elif kind not in list(Entry) or len(data) < size:
                text = f"record {record.first} holds an entry of unknown kind {kind}"
                yield Remark(text, at_ns, is_trouble=True)
                return
            else:
                notes.append((kind, key, number, data))
        if self._entries:
            # Behind the messages, which tell the names of new sessions.
            yield from (Remark(self._said(*note), at_ns) for note in notes)

    def _said(self, kind: int, key: int, number: int, data: bytes) -> str:
        if kind == Entry.TAKEN:
            return f"shard {key}: events are taken up to {number}"
        name = self._names.get(key, f"session {key:016x}")
        if kind == Entry.INBOUND:
            return f"{name}: inbound messages are processed, next is #{number}"
        if kind == Entry.ANSWERED:
            return f"{name}: #{number} was refused already, ahead of its turn"
        if kind == Entry.SET_INBOUND:
            return f"{name}: an operator set the number expected next to #{number}"
        if kind == Entry.SET_OUTBOUND:
            return f"{name}: an operator set the number sent next to #{number}"
        window = ""
        if len(data) == _WINDOW.size:
            at = iso_text(_WINDOW.unpack(data)[0])
            window = f", of the schedule window from {at}" if at else ""
        return f"{name}: numbers begin at 1 again, epoch {number}{window}"


def header_of(path: Path) -> SegmentHeader | None:
    """The header of a segment; None while it is being written. Raises LogProblem."""
    try:
        with path.open("rb") as file:
            data = file.read(SEGMENT_HEADER_BYTES)
        if not data.strip(b"\0"):
            return None
        header = SegmentHeader.unpack(data, path)
    except OSError as error:
        raise LogProblem(f"{path}: {error.strerror}") from error
    except CorruptLog as error:
        raise LogProblem(str(error)) from error
    if header.kind is not LogKind.OUTBOX:
        raise LogProblem(
            f"{path} is a log of kind {header.kind.name} of shard {header.owner}: it "
            "holds records, not FIX messages. The messages sent are in "
            "data/gateway-0/outbox"
        )
    return header
