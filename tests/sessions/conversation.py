"""Drives one session without a socket, so that a test reads as a conversation.

Messages are written as ``35=A|34=1|98=0|108=30``: what is the same in every message
(BeginString, CompIDs, SendingTime, length and checksum) is filled in. They are built
and read by simplefix, which shares nothing with the codec under test. Time stands still
until the test moves it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import simplefix

from fixgw.dictionary import Dictionary, Rulebook, load
from fixgw.session.effects import (
    Answered,
    Close,
    Fault,
    Note,
    Replay,
    ResetNumbers,
    Send,
    SetInbound,
    SetOutbound,
    Write,
)
from fixgw.session.identity import SessionId
from fixgw.session.numbers import Numbers
from fixgw.session.reasons import DisconnectReason
from fixgw.session.replay import StoredMessage
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.wire import Garbled, Message, parse_message

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TICK = timedelta(milliseconds=100)
LOGON = "35=A|34=1|98=0|108=30"
ORDER = "11=A|54=1|55=XYZ|60=20260102-03:04:05|38=5|40=1"
"""Body of a NewOrderSingle(D) that the dictionary accepts."""

FILLED_IN = frozenset({8, 9, 10, 49, 52, 56})
ROOT = Path(__file__).parents[2]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Pairs = list[tuple[int, str]]


@cache
def _load(name: str) -> Dictionary:
    path = ROOT / "spec" / f"{name}.xml"
    return load(path.read_text(), path.name)


def dictionary() -> Dictionary:
    """The one of FIX 4.4 that comes with the product."""
    return _load("FIX44")


@cache
def rulebook(begin_string: str = "FIX.4.4") -> Rulebook:
    """What messages of a version are judged by. With FIXT.1.1 the client may speak
    FIX.5.0SP2, which is the default, or FIX.4.4."""
    if begin_string == "FIXT.1.1":
        applications = {"9": _load("FIX50SP2"), "6": dictionary()}
        return Rulebook.fixt(_load("FIXT11"), applications, "9")
    return Rulebook.single(_load(begin_string.replace(".", "")))


def stamp(when: datetime) -> str:
    """A UTCTimestamp with milliseconds."""
    return when.strftime("%Y%m%d-%H:%M:%S.") + f"{when.microsecond // 1000:03}"


def pairs_of(text: str) -> Pairs:
    """``35=A|34=1`` as pairs."""
    fields = (part.partition("=") for part in text.split("|") if part)
    return [(int(tag), value) for tag, _, value in fields]


def build(text: str, defaults: dict[int, str], without: tuple[int, ...] = ()) -> bytes:
    """A whole message: what ``text`` says, and before its body the ``defaults``, with
    other values if it says them.
    """
    said = pairs_of(text)
    tags = [tag for tag, _ in said]
    ahead = {8, 34, 35, *(tag for tag in defaults if tags.count(tag) == 1)}
    head = [(tag, defaults[tag]) for tag in defaults if tag not in tags]
    head = [row for row in said if row[0] in ahead] + head
    message = simplefix.FixMessage()
    for tag, value in head + [row for row in said if row[0] not in ahead]:
        if tag not in without:
            message.append_pair(tag, value.encode("latin-1"))
    data: bytes = message.encode()
    return data


def read(data: bytes) -> Pairs:
    """The pairs of exactly one message, whose length and checksum must be right."""
    parser = simplefix.FixParser(allow_empty_values=True)
    parser.append_buffer(data)
    message = parser.get_message()
    assert message is not None, f"no message: {data!r}"
    assert message.encode() == data, f"wrong length, checksum or order: {data!r}"
    pairs = [(int(tag), value.decode("latin-1")) for tag, value in message.pairs]
    assert all(value for _, value in pairs), f"a field without a value: {data!r}"
    return pairs


def shown(pairs: Pairs) -> str:
    """Pairs as in a test."""
    return "|".join(f"{tag}={value}" for tag, value in pairs)


class Recorder:
    """An application that remembers, and does what the test hangs into ``reaction``."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.logons = 0
        self.logouts = 0
        self.reaction: Callable[[Session, Message, int], None] | None = None

    def on_logon(self, session: Session) -> None:
        self.logons += 1

    def on_logout(self, session: Session) -> None:
        self.logouts += 1

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        self.messages.append(message)
        if self.reaction is not None:
            self.reaction(session, message, now_ns)

    @property
    def numbers(self) -> list[int]:
        """MsgSeqNum(34) of what came, in order."""
        return [int(message.get(34) or b"") for message in self.messages]


class Conversation:
    """A session, its store and its client.

    ``slice_messages``: how many stored messages a replay gets at a time.
    ``automatic``: replays run to their end at once; else :meth:`replay_slice` does a
    part.
    """

    def __init__(
        self,
        *,
        slice_messages: int = 1000,
        automatic: bool = True,
        validate: bool = True,
        application: Any = None,
        numbers: Numbers | None = None,
        refresh: Callable[[Numbers], None] | None = None,
        begin_string: str = "FIX.4.4",
        now: datetime = START,
        **settings: Any,
    ) -> None:
        self.now = now
        self.begin_string = begin_string
        self.app: Any = application or Recorder()
        self.settings = SessionSettings(
            **{"session_id": SessionId(begin_string, "EXCHANGE", "CLIENT"), **settings}
        )
        self.session = Session(
            self.settings,
            rulebook(begin_string) if validate else None,
            self.app,
            numbers or Numbers(),
            refresh,
        )
        self.slice_messages = slice_messages
        self.automatic = automatic
        self.wire: deque[bytes] = deque()
        self.written: list[bytes] = []
        self.stored: dict[int, StoredMessage] = {}
        self.next_stored = 1
        self.faults: list[Fault] = []
        self.notes: list[str] = []
        self.answered: list[int] = []
        self.resets = 0
        self.closed: Close | None = None

    @property
    def now_ns(self) -> int:
        """The clock as the session sees it."""
        return (self.now - _EPOCH) // timedelta(microseconds=1) * 1000

    @property
    def next_in(self) -> int:
        """The expected MsgSeqNum(34)."""
        return self.session.numbers.next_in

    # -- the client --------------------------------------------------------------------

    def client(self, text: str, *, without: tuple[int, ...] = ()) -> None:
        """The client sends a message; ``without`` these fields."""
        names = {8: self.begin_string, 49: "CLIENT", 56: "EXCHANGE"}
        defaults = names | {52: stamp(self.now)}
        self.client_bytes(build(text, defaults, without))

    def client_bytes(self, data: bytes) -> None:
        """The client sends these bytes: one frame."""
        message = parse_message(data)
        if isinstance(message, Garbled):
            self.session.garbled(message, self.now_ns)
        else:
            if self.session.is_connected:
                self.session.receive(message, self.now_ns)
            elif message.msg_type != "A":
                self.closed = Close(DisconnectReason.FIRST_MESSAGE_NOT_LOGON, "")
            else:
                self.closed = None
                self.session.logon(message, self.now_ns)
        self.carry_out()

    def log_on(self, heart_bt_int_s: int = 30) -> Conversation:
        """Both Logons are exchanged."""
        text = f"35=A|34=1|98=0|108={heart_bt_int_s}"
        if self.begin_string == "FIXT.1.1":
            text += "|1137=9"
        self.client(text)
        told = self.begin_string == "FIXT.1.1"
        told = told and not self.settings.profile.leave_out_session_status
        self.expect(text + ("|1409=0" if told else ""))
        return self

    def order(self, seq: int, extra: str = "") -> None:
        """The client sends a NewOrderSingle(D)."""
        self.client(f"35=D|34={seq}|{extra}{'|' if extra else ''}{ORDER}")

    def again(self, seq: int, text: str = f"35=D|{ORDER}") -> None:
        """The client sends a message again, as a possible duplicate."""
        kind, _, body = text.partition("|")
        self.client(f"{kind}|34={seq}|43=Y|122={stamp(self.now)}|{body}")

    def gap_fill(self, seq: int, new: int) -> None:
        """The client fills a gap."""
        self.again(seq, f"35=4|36={new}|123=Y")

    def lose(self) -> DisconnectReason:
        """The connection breaks without a word."""
        reason = self.session.connection_lost(self.now_ns)
        self.carry_out()
        return reason

    # -- what came back ----------------------------------------------------------------

    def expect(self, text: str) -> Pairs:
        """The next message has exactly these fields beside the filled-in ones.

        Order does not matter; ``*`` stands for any value. All pairs are returned.
        """
        assert self.wire, f"expected {text}, but nothing was said ({self.closed})"
        pairs = read(self.wire.popleft())
        found = dict(pairs)
        names = (self.begin_string, "EXCHANGE", "CLIENT")
        assert (found[8], found[49], found[56]) == names
        wanted = dict(pairs_of(text))
        rest = {tag: text for tag, text in pairs if tag not in FILLED_IN}
        alike = {
            tag: "*" if wanted.get(tag) == "*" else text for tag, text in rest.items()
        }
        assert alike == wanted, f"expected {text}, received {shown(pairs)}"
        return pairs

    def expect_only(self, text: str) -> None:
        """This and nothing else."""
        self.expect(text)
        self.expect_nothing()

    def expect_nothing(self) -> None:
        """Nothing was said, and the connection is as it was."""
        said = [shown(read(data)) for data in self.wire]
        assert not said, f"expected nothing, received {said}"
        assert self.closed is None, f"closed: {self.closed}"

    def expect_closed(self, reason: DisconnectReason) -> None:
        """Nothing more was said, and the connection was closed for this reason."""
        said = [shown(read(data)) for data in self.wire]
        assert not said, f"expected the end, received {said}"
        assert self.closed is not None, "not closed"
        assert self.closed.reason is reason, f"closed by {self.closed.reason!r}"

    def forget(self) -> None:
        """What was said until now does not matter to the test."""
        self.wire.clear()

    # -- time and the shell ------------------------------------------------------------

    def after(self, seconds: float) -> None:
        """Time passes, with its ticks."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + TICK)
            self.session.tick(self.now_ns)
            self.carry_out()

    def send(self, text: str, *, keep: bool = True) -> int:
        """Our application sends; its MsgSeqNum(34)."""
        kind, _, body = text.removeprefix("35=").partition("|")
        data = b"".join(f"{t}={v}\x01".encode() for t, v in pairs_of(body))
        seq = self.session.send(kind, data, self.now_ns, keep=keep)
        self.carry_out()
        return seq

    def carry_out(self) -> None:
        """Carry out the effects as the shell does: first all that is written and stored
        in this turn, then the end of the connection, then replays.
        """
        end = None
        for effect in self.session.take_effects():
            if isinstance(effect, Send):
                assert effect.seq == self.next_stored, "a number is not the next"
                self.next_stored += 1
                if effect.keep:
                    self.stored[effect.seq] = StoredMessage(
                        effect.seq, effect.admin, effect.data
                    )
                if not effect.held:
                    self._write(effect.data)
            elif isinstance(effect, Write):
                self._write(effect.data)
            elif isinstance(effect, ResetNumbers):
                self.stored.clear()
                self.next_stored = 1
                self.resets += 1
            elif isinstance(effect, SetOutbound):
                assert effect.seq >= self.next_stored, "a number is given out twice"
                self.next_stored = effect.seq
            elif isinstance(effect, Fault):
                self.faults.append(effect)
            elif isinstance(effect, Answered):
                self.answered.append(effect.seq)
            elif isinstance(effect, Note):
                self.notes.append(effect.text)
            elif isinstance(effect, Close):
                assert end is None, "closed twice"
                end = effect
            else:
                assert isinstance(effect, Replay | SetInbound)
        if end is not None:
            self.closed = end
            self.session.connection_lost(self.now_ns)
            self.carry_out()
        elif self.automatic:
            while self.replay_slice():
                pass

    def replay_slice(self) -> bool:
        """One slice of a replay, or of what was held back by one; whether there was
        any."""
        wanted = self.session.replay_wanted
        if wanted is None:
            return False
        begin, end = wanted
        rows = [row for row in self.stored.values() if begin <= row.seq <= end]
        through = end
        if len(rows) >= self.slice_messages:
            rows = rows[: self.slice_messages]
            through = rows[-1].seq
        self.session.replay_rows(rows, through, self.now_ns)
        automatic, self.automatic = self.automatic, False
        self.carry_out()
        self.automatic = automatic
        return True

    def _write(self, data: bytes) -> None:
        assert self.session.is_connected, f"written without a connection: {data!r}"
        self.wire.append(data)
        self.written.append(data)
