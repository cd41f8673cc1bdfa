"""The gateway's memory: one log for all its sessions. See ``spec/outbox.md``.

Sent messages, inbound positions and, per shard, the last event taken go into one log,
and everything that belongs together into one record of it. A record is there whole or
not at all, so after a crash of the process an event is either taken and its messages
are in the outbox, or it is not taken and the shard gives it again: never both, never
neither.

Only what an epoch begins with and what an operator has set is synced. The shards know a
session by its epoch: one that was forgotten and given out again would make them take
new orders for repeated ones. An operator was told that it is so. For the rest the
shards' journals are what survives loss of power.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

from engine.journal import LogKind, RecordLog
from fixgw.session.numbers import Numbers
from fixgw.session.replay import StoredMessage
from fixgw.store.sent import Sent


class Entry(IntEnum):
    """What one entry of a record says. ``flags``, ``key``, ``number`` per kind."""

    MESSAGE = 1
    """flags 1 = session level; key = session; number = MsgSeqNum(34); bytes as sent."""
    INBOUND = 2
    """key = session; number = the next MsgSeqNum(34) that is not yet processed."""
    RESET = 3
    """key = session; number = epoch; payload = window start: both numbers are 1."""
    TAKEN = 4
    """key = shard; number = last event turned into messages."""
    ANSWERED = 5
    """key = session; number = a MsgSeqNum(34) at or above the inbound position that was
    refused already."""
    SET_INBOUND = 6
    """key = session; number = the next MsgSeqNum(34) expected, set by an operator;
    payload = the epoch that begins with it."""
    SET_OUTBOUND = 7
    """key = session; number = MsgSeqNum(34) of the next message, set by an operator."""
    UNKEPT = 8
    """key = session; number = MsgSeqNum(34) of the next message: those before it from
    the last that is known were sent and are not kept."""
    STANDING = 9
    """key = session; number = how it stands with its client: see
    fixgw.net.leaving."""


_ENTRY = struct.Struct("<BBHIQQ")
_WINDOW = struct.Struct("<q")
_EPOCH = struct.Struct("<Q")
ADMIN_FLAG = 1

_LOGON = re.compile(rb"8=[^\x01]*\x019=[0-9]*\x0135=A\x01")
_APPL_VER_ID = re.compile(rb"\x011137=([^\x01]*)\x01")


class Outbox:
    """Owns the folder of one gateway. Changes are collected and written by ``flush``.

    Raises engine.journal.CorruptLog when the log is damaged.
    """

    def __init__(self, folder: Path, gateway: int) -> None:
        self._log = RecordLog(folder, LogKind.OUTBOX, gateway)
        self._pending = bytearray()
        self._sync_due = False
        self._unkept: dict[int, int] = {}
        self._sent: dict[int, Sent] = {}
        self._numbers: dict[int, Numbers] = {}
        self._taken: dict[int, int] = {}
        self._appl_ver_ids: dict[int, str] = {}
        self._standings: dict[int, int] = {}
        self.recovery = self._log.recovery
        for record, place in self._log.read_with_places():
            self._load(record.payload, place)

    # -- what is known -----------------------------------------------------------------

    def numbers(self, key: int) -> Numbers:
        """The numbers of the session with this key as of the last flush: a copy."""
        known = self._numbers.get(key, Numbers())
        return replace(known, answered=set(known.answered))

    def taken(self, shard: int) -> int:
        """The last event of ``shard`` that was turned into messages, 0 for none."""
        return self._taken.get(shard, 0)

    def appl_ver_id(self, key: int) -> str:
        """DefaultApplVerID(1137) of the last Logon(A) that the session was sent: what
        its client speaks. Empty if there was none."""
        return self._appl_ver_ids.get(key, "")

    def standing(self, key: int) -> int:
        """What was last noted of that session by set_standing, 0 for nothing."""
        return self._standings.get(key, 0)

    def read(
        self, key: int, begin: int, end: int, bytes_max: int
    ) -> tuple[list[StoredMessage], int]:
        """Flushed messages from number ``begin`` to at most ``end``, as sent.

        Stops after about ``bytes_max`` bytes. Also the last number covered, which is
        ``end`` when everything was read; numbers without a message are missing.
        """
        sent = self._sent.get(key)
        rows: list[StoredMessage] = []
        if sent is None:
            return rows, end
        read = 0
        for seq, place, size, admin in sent.between(begin, end):
            data = self._log.read_bytes(place, size)
            rows.append(StoredMessage(seq, bool(admin), data))
            read += size
            if read >= bytes_max:
                return rows, seq
        return rows, end

    # -- changes -----------------------------------------------------------------------

    def add_message(self, key: int, seq: int, data: bytes, admin: bool) -> None:
        """A message that is about to be sent."""
        self._note_unkept(key)
        flags = ADMIN_FLAG if admin else 0
        self._pending += _ENTRY.pack(Entry.MESSAGE, flags, 0, len(data), key, seq)
        self._pending += data

    def add_unkept(self, key: int, seq: int) -> None:
        """Message ``seq`` is about to be sent, and of it only the number is kept."""
        self._unkept[key] = seq + 1

    def _note_unkept(self, key: int) -> None:
        """One entry for all that were sent one after the other."""
        next_out = self._unkept.pop(key, None)
        if next_out is not None:
            self._pending += _ENTRY.pack(Entry.UNKEPT, 0, 0, 0, key, next_out)

    def set_inbound(self, key: int, next_in: int) -> None:
        """Everything below ``next_in`` is processed and need not come again."""
        self._pending += _ENTRY.pack(Entry.INBOUND, 0, 0, 0, key, next_in)

    def add_answered(self, key: int, seq: int) -> None:
        """The client's message ``seq`` is answered, although one before it is not."""
        self._pending += _ENTRY.pack(Entry.ANSWERED, 0, 0, 0, key, seq)

    def reset(self, key: int, epoch: int, window: int) -> None:
        """Both numbers are 1; stored messages are of the past."""
        self._unkept.pop(key, None)
        self._pending += _ENTRY.pack(Entry.RESET, 0, 0, _WINDOW.size, key, epoch)
        self._pending += _WINDOW.pack(window)
        self._sync_due = True

    def set_next_in(self, key: int, next_in: int, epoch: int) -> None:
        """An operator says what is expected next; an epoch begins with it."""
        entry = Entry.SET_INBOUND
        self._pending += _ENTRY.pack(entry, 0, 0, _EPOCH.size, key, next_in)
        self._pending += _EPOCH.pack(epoch)
        self._sync_due = True

    def set_next_out(self, key: int, next_out: int) -> None:
        """An operator says what is sent next; numbers before it stay without a
        message."""
        self._note_unkept(key)
        self._pending += _ENTRY.pack(Entry.SET_OUTBOUND, 0, 0, 0, key, next_out)
        self._sync_due = True

    def set_taken(self, shard: int, event_seq: int) -> None:
        """All events of ``shard`` up to this one are turned into messages."""
        self._pending += _ENTRY.pack(Entry.TAKEN, 0, 0, 0, shard, event_seq)

    def set_standing(self, key: int, standing: int) -> None:
        """How it stands with the session's client from now on."""
        self._pending += _ENTRY.pack(Entry.STANDING, 0, 0, 0, key, standing)

    def flush(self, now_ns: int) -> None:
        """Write what was collected as one record, which then is what is known.

        Raises DurabilityLost.
        """
        for key in list(self._unkept):
            self._note_unkept(key)
        if not self._pending:
            return
        payload = bytes(self._pending)
        self._pending.clear()
        self._log.append(payload, 1, now_ns)
        if self._sync_due:
            self._log.commit()
            self._sync_due = False
        self._load(payload, self._log.last_payload_place)

    def close(self) -> None:
        """Put everything on disk."""
        self._log.close()

    # -- loading -----------------------------------------------------------------------

    def _of(self, key: int) -> Numbers:
        return self._numbers.setdefault(key, Numbers())

    def _apply_reset(self, key: int, epoch: int, window: int) -> None:
        self._sent.pop(key, None)
        self._numbers[key] = Numbers(epoch=epoch, window=window)

    @staticmethod
    def _move_inbound(numbers: Numbers, next_in: int) -> None:
        numbers.next_in = next_in
        if numbers.answered:
            numbers.answered = {seq for seq in numbers.answered if seq >= next_in}

    def _load(self, payload: bytes, place: int) -> None:
        offset = 0
        while offset < len(payload):
            kind, flags, _, size, key, number = _ENTRY.unpack_from(payload, offset)
            offset += _ENTRY.size
            if kind == Entry.MESSAGE:
                self._sent.setdefault(key, Sent()).add(
                    number, place + offset, size, flags
                )
                self._of(key).next_out = number + 1
                if flags & ADMIN_FLAG and _LOGON.match(payload, offset):
                    found = _APPL_VER_ID.search(payload, offset, offset + size)
                    said = found[1].decode("latin-1") if found else ""
                    self._appl_ver_ids[key] = said
            elif kind == Entry.INBOUND:
                self._move_inbound(self._of(key), number)
            elif kind == Entry.RESET:
                (window,) = _WINDOW.unpack_from(payload, offset)
                self._apply_reset(key, number, window)
            elif kind == Entry.SET_INBOUND:
                (epoch,) = _EPOCH.unpack_from(payload, offset)
                numbers = self._of(key)
                numbers.next_in, numbers.epoch = number, epoch
                numbers.answered = set()
            elif kind in (Entry.SET_OUTBOUND, Entry.UNKEPT):
                self._sent.setdefault(key, Sent()).skip_to(number)
                self._of(key).next_out = number
            elif kind == Entry.ANSWERED:
                self._of(key).answered.add(number)
            elif kind == Entry.TAKEN:
                self._taken[key] = number
            elif kind == Entry.STANDING:
                self._standings[key] = number
            else:
                raise ValueError(f"unknown outbox entry {kind}")
            offset += size
