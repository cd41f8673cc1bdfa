"""The events of one shard from its log, in order, with the chain's value after each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.eventchain import extend
from engine.journal import CorruptLog, LogKind, LogTail
from engine.records import EVENT_BYTES
from fixgw.fanout.cursor import Position


class LogReplaced(Exception):
    """The log was replaced by another while it was read.

    It should tell the same, but that is to be verified from its first event on.
    """


@dataclass(frozen=True, slots=True)
class Events:
    """Some events in a row."""

    first: int
    packed: bytes
    chains: list[bytes]
    """The chain's value after each."""

    @property
    def position(self) -> Position:
        """Behind the last of them."""
        return Position(self.first + len(self.chains) - 1, self.chains[-1])


class EventStream:
    """What shard ``shard`` logs in ``folder``, behind ``position``.

    The position is trusted: nobody looks at what is in front of it. Reads files only,
    which may be made, continued and replaced meanwhile.
    """

    def __init__(self, folder: Path, shard: int, position: Position) -> None:
        self._folder = folder
        self._tail = LogTail(folder, LogKind.EVENTS, shard, position.seq)
        self._buffer = b""
        self._offset = 0
        self.position = position

    def read(self, count_max: int) -> Events | None:
        """The next events, at most ``count_max``; None when there is nothing new.

        Raises CorruptLog and LogReplaced.
        """
        if self._offset == len(self._buffer) and not self._fill():
            return None
        first = self.position.seq + 1
        end = min(self._offset + count_max * EVENT_BYTES, len(self._buffer))
        packed = self._buffer[self._offset : end]
        for place in range(0, len(packed), EVENT_BYTES):
            seq = int.from_bytes(packed[place + 16 : place + 24], "little")
            if seq != first + place // EVENT_BYTES:
                raise CorruptLog(
                    self._folder,
                    0,
                    f"event {seq} stands where {first + place // EVENT_BYTES} should",
                )
        self._offset = end
        events = Events(first, packed, extend(self.position.chain, packed))
        self.position = events.position
        return events

    def close(self) -> None:
        """Close the files."""
        self._tail.close()

    def _fill(self) -> bool:
        records = self._tail.read()
        if self._tail.rewinds:
            raise LogReplaced(f"{self._folder}: the log was replaced")
        if not records:
            return False
        for record in records:
            if len(record.payload) != record.count * EVENT_BYTES:
                raise CorruptLog(
                    self._folder,
                    0,
                    f"record {record.first} has {len(record.payload)} bytes for "
                    f"{record.count} events",
                )
        # The first record may begin in front of the position.
        self._offset = (self.position.seq + 1 - records[0].first) * EVENT_BYTES
        self._buffer = b"".join(record.payload for record in records)
        return True
