"""The gateway: sessions on one side, shards on the other, the outbox between them.

One turn of the event loop is one flush: everything that sessions and shards brought in
this turn is stored with one write, then each client gets one write, then each shard one
batch. Nothing waits for more to come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from engine.records import COMMAND_BYTES, EVENT_BYTES
from fixgw.net.figures import Figures, Totals
from fixgw.net.hosted import Hold, Hosted
from fixgw.net.links import ShardLink
from fixgw.net.messagelog import MessageLogs
from fixgw.net.replays import Replays
from fixgw.net.sender import Sender
from fixgw.orders.dialect import FORM_OF_44, form_of, version_of
from fixgw.orders.massanswers import MassAnswers, not_done
from fixgw.orders.reports import render_reports
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session
from fixgw.store import Outbox

log = logging.getLogger(__name__)

TICK_S = 0.1
"""Timers of sessions are this precise: far below a second, the unit of HeartBtInt."""


Observer = Callable[[int, bytes], None]
"""Takes a shard and whole events of it, none twice and none left out while the gateway
runs. What it sends by :meth:`Gateway.send` is stored together with the fact that these
events were taken: after a crash both are there or neither. One that raises is not
called again until the gateway starts anew, and the log says so: nothing behind a gap is
right, and orders do not depend on it."""


class Attachment(Protocol):
    """What lives beside the gateway in its process, from its links on to its end."""

    def start(self) -> None:
        """The event loop runs, and the links to the shards are made."""

    async def close(self) -> None:
        """The gateway ends."""


_Batch = tuple[bytearray, dict[Hold, Hosted], int]
"""Commands for a shard, the sessions they came from, and when the first arrived."""


class Gateway:
    """Owns the sessions it serves and their outbox. One event loop, no threads.

    ``clock`` gives nanoseconds since the epoch. ``on_fatal`` is called when the outbox
    can no longer be written.
    """

    def __init__(
        self,
        number: int,
        outbox: Outbox,
        clock: Callable[[], int],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.number = number
        self.clock = clock
        self.disconnects: Counter[DisconnectReason] = Counter()
        self.figures = Figures()
        self.replays = Replays()
        self.message_logs: MessageLogs | None = None
        """To be set before sessions are added."""
        self.arrived_ns = 0
        """When the bytes were read that are being worked on, monotonic."""
        self._outbox = outbox
        self._on_fatal = on_fatal
        self._links: Mapping[int, ShardLink] = {}
        self._sessions: dict[int, Hosted] = {}
        self._forms: dict[int, int] = {}
        self._by_identity: dict[tuple[bytes, ...], list[Hosted]] = {}
        self.on_added: Callable[[Hosted], None] = lambda hosted: None
        """Called with each session that is served from now on."""
        self.observers: list[Observer] = []
        """Each is given every batch of events as it is taken, behind its reports."""
        self.timers: list[Callable[[int], None]] = []
        """Each is called with the time at every tick, which is each :data:`TICK_S`."""
        self.attachments: list[Attachment] = []
        """Whoever serves the gateway starts and closes them with it."""
        self.openings: list[Callable[[int], bytes]] = []
        """Asked for commands that go ahead of all others to a shard whose link has come
        up."""
        self.behinds: list[Callable[[int], bytes]] = []
        """Asked for commands that go behind what is sent again over such a link."""
        self.mass_answers = MassAnswers(clock, self._mass_status_max)
        self._dirty: dict[int, Hosted] = {}
        self._batches: dict[int, _Batch] = {}
        self._confirmed: list[tuple[int, int]] = []
        self._flush_due = False
        self._failed = False
        self._taken: dict[int, int] = {}
        self._taken_due: set[int] = set()

    # -- set-up ------------------------------------------------------------------------

    def add_sessions(self, sessions: Sequence[Session]) -> None:
        """The sessions this gateway serves."""
        for session in sessions:
            hosted = Hosted(session, self._outbox, self.figures)
            if self.message_logs is not None:
                hosted.message_log = self.message_logs.of(session.settings)
            identity = session.session_id
            if hosted.key in self._sessions:
                other = self._sessions[hosted.key].session.session_id
                raise ValueError(f"{identity} and {other} have the same key")
            self._sessions[hosted.key] = hosted
            self.speak(session, self._outbox.appl_ver_id(hosted.key))
            named = (
                identity.begin_string.encode(),
                identity.target_comp_id.encode(),
                identity.sender_comp_id.encode(),
            )
            self._by_identity.setdefault(named, []).append(hosted)
            self.on_added(hosted)

    def use_links(self, links: Mapping[int, ShardLink]) -> None:
        """The links by shard."""
        self._links = links
        for shard, link in links.items():
            link.opening = partial(self._opening, shard)
            link.behind = partial(self._behind, shard)
            if link.is_up:
                link.tell(link.opening())
                link.tell(link.behind())

    def _opening(self, shard: int) -> bytes:
        return b"".join(opening(shard) for opening in self.openings)

    def _behind(self, shard: int) -> bytes:
        return b"".join(behind(shard) for behind in self.behinds)

    def tell_all(self, command: bytes) -> None:
        """A command for every shard whose link is up: one that the openings repeat."""
        for link in self._links.values():
            link.tell(command)

    def standing(self, key: int) -> int:
        """What was noted of the session with this key, 0 for nothing."""
        return self._outbox.standing(key)

    def note_standing(self, hosted: Hosted, standing: int) -> None:
        """Note how it stands with a session's client, with the next flush."""
        self._outbox.set_standing(hosted.key, standing)
        self.touch(hosted)

    def find(self, begin: bytes, sender: bytes, target: bytes) -> Hosted | None:
        """The session of a Logon with these BeginString and CompIDs."""
        return self.find_sender(Sender(begin, sender, target))

    def find_sender(self, sender: Sender) -> Hosted | None:
        """The session of a Logon from there: of several, the one that says most of what
        the Logon says."""
        best, best_fit = None, -1
        for hosted in self._by_identity.get(sender[:3], ()):
            fit = sender.fit(hosted.session.session_id)
            if fit > best_fit:
                best, best_fit = hosted, fit
        return best

    def has(self, key: int) -> bool:
        """Whether a session with this key is served."""
        return key in self._sessions

    def session(self, key: int) -> Hosted:
        """The session with this key, which must be one of ours."""
        return self._sessions[key]

    @property
    def sessions(self) -> Sequence[Hosted]:
        """All sessions."""
        return list(self._sessions.values())

    # -- commands ----------------------------------------------------------------------

    def is_up(self, shard: int) -> bool:
        """Whether commands can be given to ``shard`` now."""
        link = self._links.get(shard)
        return link is not None and link.has_room

    def speak(self, session: Session, appl_ver_id: str = "") -> None:
        """Write the reports of this session in the version that it speaks now, or in
        that of ``appl_ver_id``."""
        version = version_of(session.session_id, appl_ver_id or session.appl_ver_id)
        form = form_of(version, session.settings.timestamp_precision)
        if form == FORM_OF_44:
            self._forms.pop(session.key, None)
        else:
            self._forms[session.key] = form

    def form(self, session: Session) -> int:
        """The form in which this session is told, see :mod:`fixgw.orders.dialect`."""
        return self._forms.get(session.key, FORM_OF_44)

    def _mass_status_max(self, key: int) -> int:
        """How many reports a mass status request of this session may bring."""
        hosted = self._sessions.get(key)
        return 0 if hosted is None else hosted.session.settings.mass_status_max

    def command(self, shard: int, session: Session, seq: int, command: bytes) -> None:
        """Send an order command of ``session``'s message ``seq`` with the next
        flush."""
        hosted = self._sessions[session.key]
        batch = self._batches.get(shard)
        if batch is None:
            batch = self._batches[shard] = bytearray(), {}, self.arrived_ns
        commands, senders, _ = batch
        commands += command
        hold = hosted.hold(seq)
        if hold not in senders:
            hold.shards += 1
            senders[hold] = hosted
        self.touch(hosted)

    # -- events ------------------------------------------------------------------------

    def taken(self, shard: int) -> int:
        """The last event of ``shard`` that became messages."""
        return self._taken.get(shard, self._outbox.taken(shard))

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        """Events become messages in their sessions' streams, each exactly once."""
        taken = self.taken(shard)
        if first > taken + 1:
            raise ValueError(f"shard {shard}: event {first} after {taken}")
        known = taken + 1 - first
        if known >= count:
            return
        if known:
            events = events[known * EVENT_BYTES :]
        now = self.clock()
        for key, msg_type, body in render_reports(
            events, self._forms, shard, self.mass_answers
        ):
            hosted = self._sessions.get(key)
            if hosted is not None:
                hosted.session.send(msg_type, body, now)
                self._dirty[key] = hosted
        for observer in tuple(self.observers):
            try:
                observer(shard, events)
            except Exception as error:
                self.observers.remove(observer)
                log.critical("an observer of events is lost", exc_info=error)
        self._taken[shard] = first + count - 1
        self._taken_due.add(shard)
        self._schedule()

    def send(
        self,
        key: int,
        msg_type: str,
        body: bytes,
        now_ns: int,
        *,
        poss_resend: bool = False,
        keep: bool = True,
    ) -> bool:
        """Send an application message to the session with this key at the end of this
        turn; whether it is one of ours. Without a connection it is stored and waits, or
        is dropped if it is not to be kept."""
        hosted = self._sessions.get(key)
        if hosted is None:
            return False
        hosted.session.send(msg_type, body, now_ns, poss_resend=poss_resend, keep=keep)
        self.touch(hosted)
        return True

    # -- turns -------------------------------------------------------------------------

    def touch(self, hosted: Hosted) -> None:
        """The session has effects: they are carried out at the end of this turn."""
        self._dirty[hosted.key] = hosted
        self._schedule()

    def tick(self) -> None:
        """Timers of all connected sessions, and those of desks."""
        now = self.clock()
        for hosted in self._sessions.values():
            if hosted.session.is_connected:
                try:
                    hosted.session.tick(now)
                except Exception as error:
                    hosted.fail(error)
                self._dirty[hosted.key] = hosted
        for request in self.mass_answers.overdue():
            form = self._forms.get(request.session, FORM_OF_44)
            self.send(request.session, *not_done(request, form, now), now)
        for timer in self.timers:
            try:
                timer(now)
            except Exception as error:
                log.critical("error of our own in a timer", exc_info=error)
        self._schedule()

    def _schedule(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._failed:
            # What could not be stored must never leave: its numbers would be given to
            # other messages after the restart.
            return
        dirty, self._dirty = self._dirty, {}
        batches, self._batches = self._batches, {}
        try:
            for hosted in dirty.values():
                hosted.collect()
            for shard in self._taken_due:
                self._outbox.set_taken(shard, self._taken[shard])
            self._taken_due.clear()
            self._outbox.flush(self.clock())
        except Exception as error:
            self._failed = True
            self._on_fatal(error)
            return
        for hosted in dirty.values():
            try:
                hosted.release()
            except Exception as error:
                hosted.fail(error)  # the commands of the others must still leave
        self._observe()
        for shard, (commands, senders, arrived_ns) in batches.items():
            count = self.figures.count_commands(commands, COMMAND_BYTES)
            callbacks = [
                self._durable(hosted, hold) for hold, hosted in senders.items()
            ]
            callbacks.append(self._confirms(arrived_ns, count))
            self._links[shard].submit(bytes(commands), callbacks)
        for hosted in dirty.values():
            hosted.end_chunk()
            self.replays.want(hosted)
        busy = any(not self.replays.has(hosted) for hosted in dirty.values())
        replayed = self.replays.step(self.clock(), busy=busy)
        if replayed is not None:
            # Even if nothing was written: the next replay may have a place now.
            self.touch(replayed)
        elif self.replays.running or self.replays.waiting:
            self._schedule()

    def _durable(self, hosted: Hosted, hold: Hold) -> Callable[[], None]:
        def durable() -> None:
            hold.shards -= 1
            if hold.shards == 0:
                self.touch(hosted)

        return durable

    def _confirms(self, arrived_ns: int, count: int) -> Callable[[], None]:
        def confirmed() -> None:
            self._confirmed.append((arrived_ns, count))
            self._schedule()

        return confirmed

    def _observe(self) -> None:
        """Batches whose shard had confirmed them: their reports have just left."""
        if self._confirmed:
            now_ns = time.monotonic_ns()
            for arrived_ns, count in self._confirmed:
                self.figures.latency.observe(now_ns - arrived_ns, count)
            self._confirmed.clear()

    def settle(self) -> bool:
        """End this turn now: all that was changed is stored, and what may not be
        forgotten is on disk. Whether that succeeded."""
        self._flush()
        return not self._failed

    # -- figures -----------------------------------------------------------------------

    @property
    def links(self) -> Mapping[int, ShardLink]:
        """The links by shard."""
        return self._links

    def totals(self) -> Totals:
        """All figures at this moment. Goes through all sessions."""
        sessions = self._sessions.values()
        return Totals(
            figures=self.figures,
            orders=self.figures.orders,
            rejects=self.figures.rejects.total(),
            business_rejects=self.figures.business_rejects.total(),
            disconnects={
                reason.name: count for reason, count in self.disconnects.items()
            },
            sessions=len(sessions),
            logged_on=sum(hosted.session.is_logged_on for hosted in sessions),
            disabled=sum(not hosted.enabled for hosted in sessions),
            replays_running=self.replays.running,
            replays_waiting=self.replays.waiting,
            unconfirmed=sum(link.unconfirmed for link in self._links.values()),
        )

    # -- end ---------------------------------------------------------------------------

    def log_out_all(self, text: str) -> None:
        """Begin the logout of every session."""
        now = self.clock()
        for hosted in self._sessions.values():
            if hosted.session.is_logged_on:
                hosted.session.logout(text, now, DisconnectReason.SHUTDOWN)
                self.touch(hosted)

    def stop(self) -> None:
        """The last flush: what was taken until now is stored with its messages."""
        self._flush()

    @property
    def connected(self) -> int:
        """How many sessions have a connection."""
        return sum(hosted.session.is_connected for hosted in self._sessions.values())
