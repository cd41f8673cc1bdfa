"""The client side of a FIX 4.4 session: numbers that survive, gaps that are closed.

:class:`Session` holds the rules. Bytes come in through :meth:`~Session.receive` and go
out through a callable, time is from a clock it is given, and :class:`Saved` carries the
sequence numbers from one run to the next.

E is the number we expect next. A message above E waits in ``_early`` while one
ResendRequest(2) is outstanding; one below E is an error unless it is marked PossDup.
A message counts (E moves, the file is written) after it was shown, so that one that
was lost with the process is asked for again. A Logon counts once it is answered: an
exchange that refuses it without a word has not used its number.
"""

from __future__ import annotations

import enum
import re
import time
from collections.abc import Callable
from typing import Protocol

import simplefix

from fixgw.client import wire
from fixgw.client.login import Settings
from fixgw.client.message import Message
from fixgw.client.saved import Saved, Sent

_RESEND_AGE_S_MAX = 120  # an older order is not what its sender wants any more
_EARLY_MAX = 10_000
_BUFFER_BYTES_MAX = 1 << 20
_GAP_ASK_S = 10.0  # no progress for so long: ask once more, then give up
_ADMIN = frozenset("01245A")
_FLAGS = (43, 97, 122, 50, 57, 115, 116, 128, 129)  # header fields a body may bring
CLOSED = "the exchange closed the connection"
_TOO_LOW = re.compile(r"too low, expecting (\d+)", re.IGNORECASE)


class Phase(enum.Enum):
    """Where the session stands."""

    LOGON_SENT = "waiting for the answer to our Logon"
    ESTABLISHED = "logged on"
    LOGOUT_SENT = "waiting for the answer to our Logout"
    ENDED = "over"


class Application(Protocol):
    """What the session serves: told of every message, asked for nothing."""

    def show(self, message: Message, *, outgoing: bool, note: str = "") -> None: ...
    def notice(self, text: str) -> None: ...
    def sent(self, message: Message, number: int) -> None: ...
    def received(self, message: Message) -> None: ...
    def to_save(self) -> list[dict[str, str]]: ...


class Session:
    """One login. Feed it bytes and ticks until ``phase`` is ENDED; read ``reason``."""

    def __init__(
        self,
        settings: Settings,
        saved: Saved,
        application: Application,
        write: Callable[[bytes], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.saved, self.application = settings, saved, application
        self._write, self._clock = write, clock
        self.phase = Phase.LOGON_SENT
        self.reason = ""
        self.logged_on = self.clean = False
        self.expected_by_exchange: int | None = None
        self._parser = simplefix.FixParser(allow_empty_values=True)
        self._heartbeat_s = settings.heartbeat_s
        self._since = self._last_in = self._last_out = self._asked_at = clock()
        self._test_open = False
        self._early: dict[int, Message | None] = {}  # None: already dealt with
        self._gap_end = self._gap_asked = 0

    @property
    def catching_up(self) -> bool:
        return self.phase is Phase.ESTABLISHED and self._gap_end > 0

    # ---- what we send

    def logon(self) -> None:
        s = self.settings
        if s.reset:
            self.saved.reset()
        body = [(35, "A"), (98, "0"), (108, str(s.heartbeat_s))]
        if s.reset:
            body.append((141, "Y"))
        if s.password:
            body += [(553, s.username or s.sender), (554, s.password)]
        self._transmit(Message(tuple(body)), self.saved.next_out)

    def logout(self, text: str = "") -> None:
        """Begin the end. Over when ``phase`` is ENDED, by the answer or by time."""
        if self.phase is Phase.ESTABLISHED:
            self.phase, self._since = Phase.LOGOUT_SENT, self._clock()
            self.reason = text
            self.send((35, "5"), *([(58, text)] if text else []))

    def send(self, *body: tuple[int, str]) -> int:
        """Number, save and send one message, in this order; returns its number."""
        message = Message(body)
        number = self.saved.next_out
        self.saved.next_out += 1
        moment = wire.now()  # OrigSendingTime(122) of a replay is exactly this
        if message.type not in _ADMIN:
            self.saved.sent[number] = Sent(moment, message.fields)
            self.application.sent(message, number)
        self._save()
        self._transmit(message, number, moment)
        return number

    def _transmit(self, message: Message, number: int, moment: str = "") -> None:
        s = self.settings
        header: list[tuple[int, str]] = [(8, "FIX.4.4"), (35, message.type)]
        header += [(34, str(number)), (49, s.sender), (52, moment or wire.now())]
        header += [(56, s.target)]
        header += [pair for pair in message.fields if pair[0] in _FLAGS]
        skip = {35, *_FLAGS}
        data = wire.encode(header + [p for p in message.fields if p[0] not in skip])
        self._write(data)
        self._last_out = self._clock()
        parser = simplefix.FixParser(allow_empty_values=True)
        parser.append_buffer(data)
        self.application.show(wire.read(parser.get_message()), outgoing=True)

    # ---- what we receive

    def receive(self, data: bytes) -> None:
        self._parser.append_buffer(data)
        while self.phase is not Phase.ENDED:
            try:
                parsed = self._parser.get_message()
            except (simplefix.errors.ParsingError, ValueError) as error:
                return self._end(f"what came is not FIX: {error!r}")
            if parsed is None:
                break
            if fault := wire.frame_fault(parsed.encode(True)):
                self.application.notice(f"a garbled message was ignored: {fault}")
                continue
            self._last_in, self._test_open = self._clock(), False
            self._judge(wire.read(parsed))
        if len(self._parser.get_buffer()) > _BUFFER_BYTES_MAX:
            self._end("what came is not FIX: no message ends within 1 MiB")
        return None

    def _judge(self, message: Message) -> None:
        if fault := self._identity_fault(message):
            self.application.show(message, outgoing=False)
            self.application.notice(fault)
            if self.logged_on:
                return self.logout(fault)
            return self._refuse(fault) if message.type == "A" else self._end(fault)
        number, expected = wire.whole(message, 34), self.saved.next_in
        if self.phase is Phase.LOGON_SENT:
            return self._first_answer(message, number)
        if message.type == "4" and message.get(123) != "Y":
            return self._reset_to(message)  # its own number is never looked at
        if number > expected:
            return self._too_early(message, number)
        if number < expected:
            return self._too_late(message, number)
        self._take(message)
        return self._take_early()

    def _identity_fault(self, message: Message) -> str:
        s = self.settings
        wanted = ((8, "FIX.4.4"), (49, s.target), (56, s.sender))
        for tag, value in wanted:
            if message.get(tag) != value:
                return f"tag {tag} should be {value}, but is {message.get(tag)!r}"
        if not wire.whole(message, 34):
            return "a message without MsgSeqNum(34)"
        return ""

    def _first_answer(self, message: Message, number: int) -> None:
        self.application.show(message, outgoing=False)
        if message.type == "A":
            return self._logged_on(message, number)
        if message.type == "3":
            return None  # it says why; the end follows
        if message.type != "5":
            return self._end("the first message of the exchange is not a Logon")
        text = message.get(58)
        found = _TOO_LOW.search(text)
        self.expected_by_exchange = int(found[1]) if found else None
        if number == self.saved.next_in:
            self.saved.next_in += 1
        self._save()
        return self._end(f"the exchange refused the Logon: {text or 'no reason given'}")

    def _refuse(self, fault: str) -> None:
        """The answer to our Logon will not do: say why, and go (test case 1B.d)."""
        self.saved.next_out += 1
        self.send((35, "5"), (58, fault))
        self._end(f"the answer to our Logon is not acceptable: {fault}")

    def _logged_on(self, message: Message, number: int) -> None:
        if message.get(98) != "0":
            return self._refuse(f"EncryptMethod(98)={message.get(98)} is not supported")
        if not message.get(108).isdigit():
            return self._refuse("HeartBtInt(108) is missing or no number")
        self.saved.next_out += 1
        if message.get(141) == "Y":
            self.saved.next_in = number
        expected = self.saved.next_in
        if number < expected and not message.possible_duplicate:
            low = f"MsgSeqNum too low, expecting {expected} but received {number}"
            self.send((35, "5"), (58, low))
            return self._end(
                f"the exchange is at MsgSeqNum {number}, we have seen {expected - 1}: "
                "it has begun its numbers again; do the same with --reset"
            )
        self.phase, self.logged_on = Phase.ESTABLISHED, True
        self._heartbeat_s = int(message.get(108))
        self._early[number] = None
        return self._take_early()

    def _too_early(self, message: Message, number: int) -> None:
        """A gap: keep it for its turn, but serve a request and part at once."""
        if message.type == "5":
            self.application.show(message, outgoing=False)
            return self._logout_received(message)  # E stays: the gap is asked for
        if message.type == "2" and number not in self._early:
            self.application.show(message, outgoing=False)
            self._serve(message)
            self._early[number] = None
        elif len(self._early) < _EARLY_MAX:
            self._early.setdefault(number, message)
        return self._ask()

    def _too_late(self, message: Message, number: int) -> None:
        if message.possible_duplicate:
            if message.type not in _ADMIN:
                self.application.show(message, outgoing=False, note="known already")
            return
        self.application.show(message, outgoing=False)
        expected = self.saved.next_in
        self.logout(f"MsgSeqNum too low, expecting {expected} but received {number}")

    def _take(self, message: Message) -> None:
        """The expected message: show, act, count."""
        self.application.show(message, outgoing=False)
        after = self.saved.next_in + 1
        if message.type == "4":
            after = max(after, wire.whole(message, 36))
        elif message.type not in _ADMIN:
            self.application.received(message)
        self.saved.next_in = after
        self._asked_at = self._clock()
        self._save()
        if message.type == "5":
            self._logout_received(message)
        elif message.possible_duplicate:
            pass  # a resent request counts for its number only
        elif message.type == "1":
            self.send((35, "0"), (112, message.get(112)))
        elif message.type == "2":
            self._serve(message)

    def _take_early(self) -> None:
        """Go on with what waited, and ask for what is still missing."""
        while (number := self.saved.next_in) in self._early:
            if self.phase is Phase.ENDED:
                return
            if (message := self._early.pop(number)) is None:
                self.saved.next_in += 1
            else:
                self._take(message)
        self._early = {n: m for n, m in self._early.items() if n > self.saved.next_in}
        if self.saved.next_in > self._gap_end:
            self._gap_end = self._gap_asked = 0
        if self._early and self.phase is not Phase.ENDED:
            self._ask()
        self._save()

    def _ask(self) -> None:
        """One ResendRequest for everything missing; none while one is outstanding."""
        if self._gap_end or not self._early:
            return
        self._gap_end = max(self._early)
        self._request_resend()

    def _request_resend(self) -> None:
        self._gap_asked += 1
        self._asked_at = self._clock()
        self.send((35, "2"), (7, str(self.saved.next_in)), (16, "0"))

    def _reset_to(self, message: Message) -> None:
        self.application.show(message, outgoing=False)
        self.saved.next_in = max(self.saved.next_in, wire.whole(message, 36))
        self._take_early()

    def _logout_received(self, message: Message) -> None:
        if self.phase is Phase.LOGOUT_SENT:
            self.clean = not self.reason
        else:
            self.send((35, "5"))
            text = message.get(58)
            self.reason = f"the exchange logged us out: {text or 'no reason given'}"
        self._end(self.reason)

    def _serve(self, message: Message) -> None:
        """Answer a ResendRequest: recent orders again, GapFill over everything else."""
        begin, end = wire.whole(message, 7), wire.whole(message, 16)
        last = self.saved.next_out - 1
        if not 1 <= begin <= last or 0 < end < begin:
            reject = ((35, "3"), (45, message.get(34)), (371, "7"), (373, "5"))
            self.send(*reject)
            return
        end = min(end or last, last)
        gap = begin
        for number in range(begin, end + 1):
            sent = self.saved.sent.get(number)
            if sent is None:
                continue
            if wire.age_s(sent.time) > _RESEND_AGE_S_MAX:
                what = Message(sent.fields).get(11) or f"#{number}"
                self.application.notice(f"{what} is too old, it is not sent again")
                continue
            self._fill(gap, number)
            flags = ((43, "Y"), (122, sent.time))
            self._transmit(Message((*sent.fields, *flags)), number)
            gap = number + 1
        self._fill(gap, end + 1)

    def _fill(self, begin: int, after: int) -> None:
        if begin < after:
            flags = ((43, "Y"), (122, wire.now()))
            body = ((35, "4"), *flags, (36, str(after)), (123, "Y"))
            self._transmit(Message(body), begin)

    # ---- time

    def tick(self) -> None:
        """Call a few times a second: heartbeats, time limits."""
        now = self._clock()
        if self.phase is Phase.LOGON_SENT:
            if now - self._since > (limit := self.settings.logon_s_max):
                self._end(f"no answer to our Logon within {limit:g} s")
        elif self.phase is Phase.LOGOUT_SENT:
            if now - self._since > (limit := self.settings.logout_s_max):
                self._end(self.reason or f"no answer to our Logout within {limit:g} s")
        elif self.phase is Phase.ESTABLISHED:
            self._watch_gap(now)
            if self._heartbeat_s > 0:
                self._watch_silence(now)

    def _watch_gap(self, now: float) -> None:
        if self._gap_end and now - self._asked_at > _GAP_ASK_S:
            if self._gap_asked < 2:
                self._request_resend()
            else:
                self.logout(f"messages from {self.saved.next_in} on were never resent")

    def _watch_silence(self, now: float) -> None:
        silent = now - self._last_in
        if silent > 2.4 * self._heartbeat_s:
            self._end(f"the exchange has been silent for {silent:.0f} s")
        elif silent > 1.2 * self._heartbeat_s and not self._test_open:
            self._test_open = True
            self.send((35, "1"), (112, f"ALIVE-{self.saved.next_out}"))
        elif now - self._last_out > self._heartbeat_s:
            self.send((35, "0"))

    def lost(self, error: str = "") -> None:
        """The connection is gone."""
        if self.phase is Phase.LOGOUT_SENT and not self.reason:
            self.clean = True
            return self._end("")
        return self._end(error or CLOSED)

    def _end(self, reason: str) -> None:
        if self.phase is not Phase.ENDED:
            self.phase, self.reason = Phase.ENDED, reason

    def _save(self) -> None:
        self.saved.orders = self.application.to_save()
        self.saved.save()
