"""A session as the gateway holds it: with its connection, and what is not yet
durable."""

from __future__ import annotations

import logging
from collections import deque
from typing import Protocol

from fixgw.session.effects import (
    Answered,
    Close,
    Fault,
    Replay,
    ResetNumbers,
    Send,
    Write,
)
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session
from fixgw.store import Outbox

log = logging.getLogger(__name__)

REPLAY_SLICE_BYTES = 256 * 1024
"""Stored messages read at a time for a replay: bounds its memory, and how long other
sessions wait for it."""


class Connection(Protocol):
    """What a hosted session needs of its connection."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""

    def finish(self, reason: DisconnectReason, text: str) -> None:
        """Close once everything written has left."""

    def has_room(self) -> bool:
        """Whether the peer reads fast enough for more of a replay."""


class Hold:
    """A chunk of inbound messages that became commands: not processed until durable."""

    __slots__ = ("epoch", "first_seq", "shards")

    def __init__(self, epoch: int, first_seq: int) -> None:
        self.epoch = epoch
        self.first_seq = first_seq
        self.shards = 0
        """In how many shards' batches it has commands that are not durable yet."""


class Hosted:
    """One session of the gateway. ``key`` is its identity in commands and the
    outbox."""

    def __init__(self, session: Session, outbox: Outbox) -> None:
        self.session = session
        self.key = session.key
        self.connection: Connection | None = None
        self.replay_due = False
        self._outbox = outbox
        self._stored_in = session.numbers.next_in
        self._holds: deque[Hold] = deque()
        self._open_hold: Hold | None = None
        self._writes: list[bytes] = []
        self._close: Close | None = None

    def fail(self, error: Exception) -> None:
        """An error of ours in this session: it ends, the others go on."""
        log.critical("%s: error of our own", self.session.session_id, exc_info=error)
        if self.connection is not None:
            self.connection.finish(DisconnectReason.INTERNAL_ERROR, "")

    # -- inbound positions -------------------------------------------------------------

    def hold(self, seq: int) -> Hold:
        """The hold of the current chunk; ``seq`` begins it if there is none yet."""
        if self._open_hold is None:
            self._open_hold = Hold(self.session.numbers.epoch, seq)
            self._holds.append(self._open_hold)
        return self._open_hold

    def end_chunk(self) -> None:
        """Later commands belong to another hold."""
        self._open_hold = None

    @property
    def processed_in(self) -> int:
        """The next MsgSeqNum(34) that is not yet durably processed."""
        while self._holds and self._holds[0].shards == 0:
            if self._holds[0] is self._open_hold:
                break
            self._holds.popleft()
        if self._holds:
            return self._holds[0].first_seq
        return self.session.numbers.next_in

    # -- effects -----------------------------------------------------------------------

    def collect(self) -> None:
        """Carry out the session's effects as far as storing; keep what is to be
        written."""
        for effect in self.session.take_effects():
            if isinstance(effect, Send):
                self._outbox.add_message(
                    self.key, effect.seq, effect.data, effect.admin
                )
                if not effect.held:
                    self._writes.append(effect.data)
            elif isinstance(effect, Answered):
                if effect.seq > self.processed_in:
                    self._outbox.add_answered(self.key, effect.seq)
            elif isinstance(effect, Write):
                self._writes.append(effect.data)
            elif isinstance(effect, ResetNumbers):
                self._reset(effect.epoch)
            elif isinstance(effect, Replay):
                self.replay_due = True
            elif isinstance(effect, Fault):
                log.error(
                    "%s: error in the application",
                    self.session.session_id,
                    exc_info=effect.error,
                    extra={"fix": effect.data},
                )
            else:
                self._close = effect
        if self.session.replay_wanted is not None:
            self.replay_due = True
        processed = self.processed_in
        if processed != self._stored_in:
            self._outbox.set_inbound(self.key, processed)
            self._stored_in = processed

    def release(self) -> None:
        """Write what was collected, after it was stored."""
        if self.connection is not None:
            if self._writes:
                self.connection.write(b"".join(self._writes))
            if self._close is not None:
                self.connection.finish(self._close.reason, self._close.text)
        self._writes.clear()
        self._close = None

    def continue_replay(self, now_ns: int) -> bool:
        """One slice of a replay; whether there is more to do right away."""
        wanted = self.session.replay_wanted
        if wanted is None:
            self.replay_due = False
            return False
        if self.connection is None or not self.connection.has_room():
            return False
        begin, end = wanted
        rows, through = self._outbox.read(self.key, begin, end, REPLAY_SLICE_BYTES)
        self.session.replay_rows(rows, through, now_ns)
        return True

    def _reset(self, epoch: int) -> None:
        self._outbox.reset(self.key, epoch, self.session.numbers.window)
        self._holds.clear()
        self._open_hold = None
        self._stored_in = 1
