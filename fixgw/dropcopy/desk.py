"""The desk of drop copies: live ones as events come, others on request.

Live copies go out in the turn in which the gateway takes the events, stored together
with that they were taken: each exactly once, also over a crash. A request is served
from the shard's event log, a slice at a time and no faster than the client reads, so
that no order waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from engine.journal import CorruptLog, LogKind, LogRecord, LogTail
from engine.records import EVENT_BYTES
from fixgw.dictionary import SessionRejectReason
from fixgw.dropcopy.copying import Choice, Owners, copies
from fixgw.dropcopy.requests import (
    DROP_COPY_REPORT,
    DROP_COPY_REQUEST,
    REQ_ID,
    REQ_ID_BYTES_MAX,
    Range,
    RejReason,
    Status,
    report,
    wanted,
)
from fixgw.net.gateway import Gateway
from fixgw.orders.dialect import form_of, version_of
from fixgw.session.session import Session
from fixgw.wire import Message

log = logging.getLogger(__name__)

COPIES_MAX = 100_000
"""Copies sent for one request: they are stored like all messages. Who wants more asks
again behind the last."""

SLICE_EVENTS = 256
"""Events rendered between two turns of the event loop: below a millisecond."""

SLICE_PAUSE_S = 0.005
"""Between two slices: some 50,000 copies a second at the most, for all together less
than a tenth of the time."""

ROOM_PAUSE_S = 0.05
"""How long a client that does not read is waited for before it is looked at again."""


class _Tail:
    """An event log from the beginning of a range on, read by threads."""

    def __init__(self, folder: Path, what: Range) -> None:
        self._log = LogTail(folder, LogKind.EVENTS, what.shard, what.first - 1)
        self._reading: asyncio.Future[list[LogRecord]] | None = None

    async def read(self) -> list[LogRecord]:
        """See LogTail."""
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(None, self._log.read)
        return await asyncio.shield(self._reading)

    def close(self) -> None:
        """Close the file once no thread reads it: its number may soon be another's."""
        if self._reading is None or self._reading.done():
            self._log.close()
        else:
            self._reading.add_done_callback(self._end)

    def _end(self, reading: asyncio.Future[list[LogRecord]]) -> None:
        if not reading.cancelled():
            reading.exception()  # it is of no interest any more
        self._log.close()


class DropCopyDesk:
    """See :class:`fixgw.orders.exchange.Desk`. ``event_logs`` are the folders of the
    shards' event logs."""

    message_types = frozenset({DROP_COPY_REQUEST})

    def __init__(self, gateway: Gateway, event_logs: Mapping[int, Path]) -> None:
        self._gateway = gateway
        self._event_logs = event_logs
        self._sessions: dict[int, Choice] | None = None
        self._owners = Owners(self._name)
        self._running: dict[int, asyncio.Task[None]] = {}
        gateway.observers.append(self._observe)

    def on_logon(self, session: Session) -> None:
        """A session that was made meanwhile may be one of ours."""
        self._sessions = None

    def on_logout(self, session: Session) -> None:
        """A request ends with its connection: the client knows what it has."""
        task = self._running.pop(session.key, None)
        if task is not None:
            task.cancel()

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """DropCopyRequest(U3)."""
        req_id = message.get(REQ_ID) or b""
        if len(req_id) > REQ_ID_BYTES_MAX:
            wrong = SessionRejectReason.VALUE_INCORRECT
            why = (
                f"{wrong.text}: at most {REQ_ID_BYTES_MAX} characters are possible here"
            )
            session.reject(message, wrong, REQ_ID, why, now_ns)
            return
        found = self._wanted(session, message)
        if isinstance(found, RejReason):
            body = report(req_id, Status.REJECTED, 0, found)
            session.send(DROP_COPY_REPORT, body, now_ns)
            return
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._serve(session, req_id, found))
        self._running[session.key] = task

    # -- live --------------------------------------------------------------------------

    def _observe(self, shard: int, events: bytes) -> None:
        """Every event once, in the turn in which it is taken."""
        for key, choice in self._choices().items():
            session = self._gateway.session(key).session
            now_ns = self._gateway.clock()
            for _, body in copies(events, self._owners, choice, _form(session)):
                self._gateway.send(key, "8", body, now_ns)

    def _choices(self) -> dict[int, Choice]:
        """The drop copy sessions by key."""
        if self._sessions is None:
            self._sessions = {
                hosted.key: Choice(names)
                for hosted in self._gateway.sessions
                if (names := hosted.session.settings.drop_copy_of)
            }
        return self._sessions

    def _name(self, key: int) -> str | None:
        if not self._gateway.has(key):
            return None
        return self._gateway.session(key).session.session_id.target_comp_id

    # -- on request --------------------------------------------------------------------

    def _wanted(self, session: Session, message: Message) -> Range | RejReason:
        if session.key not in self._choices():
            return RejReason.NOT_DROP_COPY
        if session.key in self._running:
            return RejReason.BUSY
        # What is not taken yet follows live, unmarked: it is not to come here first.
        last_of = {shard: self._gateway.taken(shard) for shard in self._event_logs}
        return wanted(message, last_of)

    async def _serve(self, session: Session, req_id: bytes, what: Range) -> None:
        count, status, reason = 0, Status.COMPLETE, None
        tail = _Tail(self._event_logs[what.shard], what)
        try:
            choice, form = self._choices()[session.key], _form(session)
            async for events in self._slices(session, tail, what):
                for _, body in copies(events, self._owners, choice, form):
                    if count == COPIES_MAX:
                        status = Status.PARTIAL
                        break
                    now_ns = self._gateway.clock()
                    self._gateway.send(session.key, "8", body, now_ns, poss_resend=True)
                    count += 1
                if status is Status.PARTIAL:
                    break
        except Exception as error:
            # A session with a request that never ends would be refused all others.
            ours = None if isinstance(error, (CorruptLog, OSError)) else error
            log.error("drop copies of shard %d: %s", what.shard, error, exc_info=ours)
            status = Status.PARTIAL if count else Status.REJECTED
            reason = RejReason.NOT_AVAILABLE
        finally:
            tail.close()
        self._running.pop(session.key, None)
        body = report(req_id, status, count, reason)
        self._gateway.send(session.key, DROP_COPY_REPORT, body, self._gateway.clock())

    async def _slices(
        self, session: Session, tail: _Tail, what: Range
    ) -> AsyncIterator[bytes]:
        """Packed events of the range, some at a time, as the client takes them."""
        following = what.first
        while following <= what.last:
            records = await tail.read()
            if not records:
                raise OSError(f"the log ends before event {following}")
            for record in records:
                skip = following - record.first
                events = record.payload[skip * EVENT_BYTES :]
                left = (what.last - following + 1) * EVENT_BYTES
                events = events[:left]
                step = SLICE_EVENTS * EVENT_BYTES
                for place in range(0, len(events), step):
                    await self._room(session)
                    yield events[place : place + step]
                following += len(events) // EVENT_BYTES
                if following > what.last:
                    return

    async def _room(self, session: Session) -> None:
        """Wait for the client, and for everybody else's turn."""
        await asyncio.sleep(SLICE_PAUSE_S)
        hosted = self._gateway.session(session.key)
        while hosted.connection is not None and not hosted.connection.has_room():
            await asyncio.sleep(ROOM_PAUSE_S)


def _form(session: Session) -> int:
    version = version_of(session.session_id, session.appl_ver_id)
    return form_of(version, session.settings.timestamp_precision)
