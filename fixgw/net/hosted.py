"""A session as the gateway holds it: with its connection, and what is not yet
durable."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from fixgw.net.figures import Figures
from fixgw.net.messagelog import MessageLog
from fixgw.session.effects import (
    Answered,
    Close,
    Fault,
    Note,
    Numbered,
    Replay,
    ResetNumbers,
    Send,
    SetInbound,
    SetOutbound,
    Write,
)
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session
from fixgw.store import Outbox
from fixgw.wire.redaction import redact

log = logging.getLogger(__name__)

REPLAY_SLICE_BYTES = 64 * 1024
"""Stored messages read at a time for a replay: bounds its memory, and how long other
sessions wait for it."""


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended, or why it was never the session's."""

    reason: DisconnectReason
    text: str
    peer: str
    time_ns: int


class Connection(Protocol):
    """What a hosted session needs of its connection."""

    @property
    def peer(self) -> str:
        """Where the client is."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""

    def finish(self, reason: DisconnectReason, text: str) -> None:
        """Close once everything written has left."""

    def has_room(self) -> bool:
        """Whether the peer reads fast enough for more of a replay."""

    def cut(self, reason: DisconnectReason) -> None:
        """Close now: what was written and has not left is lost on the way."""

    @property
    def unsent(self) -> int:
        """Bytes written that the peer has not yet taken."""


class Progress(Enum):
    """What a slice of a replay has come to."""

    MORE = auto()
    PAUSED = auto()
    """The client does not read as fast: nothing was done."""
    NOTHING = auto()
    """Nothing is wanted any more."""


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
    outbox. What passes is counted here and, with that of all sessions, in ``figures``.

    ``enabled`` and ``at_work``, the name of an operator's command that is under way,
    say whether a Logon is listened to at all.
    """

    def __init__(self, session: Session, outbox: Outbox, figures: Figures) -> None:
        self.session = session
        self.key = session.key
        self.connection: Connection | None = None
        self.message_log: MessageLog | None = None
        self.enabled = True
        self.at_work = ""
        self.logons = 0
        self.logged_on_ns = 0
        self.last_end: End | None = None
        self.refused = 0
        self.last_refused: End | None = None
        self.messages_in = 0
        self.messages_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.replay_due = False
        self.rejects = 0
        self.business_rejects = 0
        self._figures = figures
        self._outbox = outbox
        self._stored_in = session.numbers.next_in
        self._resends_refused = session.resend_limits.refused
        self._holds: deque[Hold] = deque()
        self._open_hold: Hold | None = None
        self._writes: list[bytes] = []
        self._close: Close | None = None
        self._waiting: list[asyncio.Future[End]] = []

    # -- connections -------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a Logon is listened to."""
        return self.enabled and not self.at_work

    def logged_on(self, now_ns: int) -> None:
        """A Logon was accepted."""
        self.logons += 1
        self.logged_on_ns = now_ns

    def ended(self, end: End) -> None:
        """The connection is gone. What was not written to it is stored, and must not be
        written to the next one ahead of its Logon."""
        self.collect()
        self._writes.clear()
        self._close = None
        self.connection = None
        self.last_end = end
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(end)

    def not_let_in(self, end: End) -> None:
        """A Logon with this session's CompIDs came and was not listened to."""
        self.refused += 1
        self.last_refused = end

    def next_end(self) -> asyncio.Future[End]:
        """How the connection it has now will end."""
        future: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def fail(self, error: Exception) -> None:
        """An error of ours in this session: it ends, the others go on."""
        log.critical("%s: error of our own", self.session.session_id, exc_info=error)
        if self.connection is not None:
            self.connection.finish(DisconnectReason.INTERNAL_ERROR, "")

    # -- inbound positions -------------------------------------------------------------

    def hold(self, seq: int) -> Hold:
        """The hold of the current chunk; ``seq`` begins it if there is none yet."""
        epoch = self.session.numbers.epoch
        if self._open_hold is None or self._open_hold.epoch != epoch:
            self._open_hold = Hold(epoch, seq)
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
                if effect.keep:
                    self._outbox.add_message(
                        self.key, effect.seq, effect.data, effect.admin
                    )
                else:
                    self._outbox.add_unkept(self.key, effect.seq)
                if not effect.held:
                    self._writes.append(effect.data)
            elif isinstance(effect, Answered):
                self._answered(effect)
            elif isinstance(effect, Write):
                self._writes.append(effect.data)
            elif isinstance(effect, ResetNumbers | SetInbound | SetOutbound):
                self._renumber(effect)
            elif isinstance(effect, Replay):
                self.replay_due = True
            elif isinstance(effect, Fault):
                log.error(
                    "%s: error in the application",
                    self.session.session_id,
                    exc_info=effect.error,
                    extra={"fix": redact(effect.data)},
                )
            elif isinstance(effect, Note):
                log.warning(
                    "%s: %s",
                    self.session.session_id,
                    effect.text,
                    extra={"fix": redact(effect.data)},
                )
            else:
                self._close = effect
        if self.session.replay_wanted is not None:
            self.replay_due = True
        refused = self.session.resend_limits.refused
        if refused != self._resends_refused:
            self._figures.resends_refused += refused - self._resends_refused
            self._resends_refused = refused
        processed = self.processed_in
        if processed != self._stored_in:
            self._outbox.set_inbound(self.key, processed)
            self._stored_in = processed

    def _answered(self, effect: Answered) -> None:
        self._figures.count_refusal(effect.msg_type, business=effect.business)
        if effect.business:
            self.business_rejects += 1
        else:
            self.rejects += 1
        if effect.seq > self.processed_in:
            self._outbox.add_answered(self.key, effect.seq)

    def release(self) -> None:
        """Write what was collected, after it was stored."""
        if self.connection is not None:
            if self._writes:
                data = b"".join(self._writes)
                self.connection.write(data)
                if self.message_log is not None:
                    self.message_log.note(self._writes)
                self.messages_out += len(self._writes)
                self.bytes_out += len(data)
                self._figures.messages_out += len(self._writes)
                self._figures.bytes_out += len(data)
            if self._close is not None:
                self.connection.finish(self._close.reason, self._close.text)
        self._writes.clear()
        self._close = None

    @property
    def can_replay(self) -> bool:
        """Whether a replay is wanted and the client has room for a slice of it."""
        return (
            self.replay_due
            and self.connection is not None
            and self._has_room(self.connection)
        )

    def _has_room(self, connection: Connection) -> bool:
        """Whether a slice can be written without making a slow client one that is
        cut."""
        unsent_max = self.session.settings.slow_consumer_bytes_max // 2
        return connection.has_room() and connection.unsent <= unsent_max

    def continue_replay(self, now_ns: int) -> Progress:
        """One slice of a replay."""
        wanted = self.session.replay_wanted
        if wanted is None or self.connection is None:
            self.replay_due = False
            return Progress.NOTHING
        if not self._has_room(self.connection):
            return Progress.PAUSED
        begin, end = wanted
        slow_bytes = self.session.settings.slow_consumer_bytes_max
        bytes_max = min(REPLAY_SLICE_BYTES, slow_bytes // 4)
        rows, through = self._outbox.read(self.key, begin, end, bytes_max)
        resent = self.session.messages_resent
        self.session.replay_rows(rows, through, now_ns)
        self._figures.messages_resent += self.session.messages_resent - resent
        return Progress.MORE

    def _renumber(self, effect: Numbered) -> None:
        if isinstance(effect, SetOutbound):
            self._outbox.set_next_out(self.key, effect.seq)
            return
        if isinstance(effect, SetInbound):
            self._outbox.set_next_in(self.key, effect.seq, effect.epoch)
            self._stored_in = effect.seq
        else:
            self._outbox.reset(self.key, effect.epoch, self.session.numbers.window)
            self._stored_in = 1
        # What came in the same turn behind the new beginning is held all the same.
        self._holds = deque(hold for hold in self._holds if hold.epoch >= effect.epoch)
        if self._open_hold is not None and self._open_hold.epoch < effect.epoch:
            self._open_hold = None
