"""The client side of a FIX 4.4 session: numbers that survive, gaps that are closed.

:class:`Session` holds the rules and does no I/O: bytes in through :meth:`receive`,
bytes out through a callable, time from a clock it is given. :class:`Connection` is the
asyncio shell around it and :class:`Saved` the small file that carries the sequence
numbers from one run to the next.

E is the number we expect next. A message above E waits in ``_early`` while one
ResendRequest(2) is outstanding; one below E is an error unless it is marked PossDup.
A message counts (E moves, the file is written) after it was shown, so that one that
was lost with the process is asked for again. A Logon counts once it is answered: an
exchange that refuses it without a word has not used its number.
"""

from __future__ import annotations

import asyncio
import enum
import fcntl
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import simplefix

from fixgw.client.commands import Fields, Message

_SENT_KEPT = 100  # a newcomer's orders of an afternoon
_RESEND_AGE_S_MAX = 120  # an older order is not what its sender wants any more
_EARLY_MAX = 10_000
_BUFFER_BYTES_MAX = 1 << 20
_TICK_S = 0.1
_GAP_ASK_S = 10.0  # no progress for so long: ask once more, then give up
_ADMIN = frozenset("01245A")
_FLAGS = (43, 97, 122, 50, 57, 115, 116, 128, 129)  # header fields a body may bring
_CLOSED = "the exchange closed the connection"
_TOO_LOW = re.compile(r"too low, expecting (\d+)", re.IGNORECASE)


class Phase(enum.Enum):
    """Where the session stands."""

    LOGON_SENT = "waiting for the answer to our Logon"
    ESTABLISHED = "logged on"
    LOGOUT_SENT = "waiting for the answer to our Logout"
    ENDED = "over"


class LogonFailed(Exception):
    """There is no session; the text says why and what to do next."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Who logs on, and where."""

    sender: str
    target: str = "EXCHANGE"
    host: str = "127.0.0.1"
    port: int = 9876
    heartbeat_s: int = 30
    username: str = ""
    password: str = field(default="", repr=False)
    reset: bool = False
    logon_s_max: float = 10.0
    logout_s_max: float = 2.0


class Application(Protocol):
    """What the session serves: told of every message, asked for nothing."""

    def show(self, message: Message, *, outgoing: bool, note: str = "") -> None: ...
    def notice(self, text: str) -> None: ...
    def sent(self, message: Message, number: int) -> None: ...
    def received(self, message: Message) -> None: ...
    def to_save(self) -> list[dict[str, str]]: ...


@dataclass(slots=True)
class Sent:
    """An application message as it went out, for a ResendRequest."""

    time: str
    fields: Fields


class Saved:
    """The file of one session. One client at a time: :meth:`open` takes a lock."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock
        self.next_out = self.next_in = self.next_order = 1
        self.sent: dict[int, Sent] = {}
        self.orders: list[dict[str, str]] = []

    @classmethod
    def open(cls, directory: Path, sender: str, target: str) -> Saved:
        path = directory / f"{quote(sender, safe='')}-{quote(target, safe='')}.json"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            why = f"cannot keep the session in {directory} ({error.strerror})"
            raise LogonFailed(f"{why}: choose another --store") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            saved = cls(path, lock)
            saved._load()
        except BlockingIOError:
            os.close(lock)
            raise LogonFailed(
                f"another client is logged on as {sender} with this store ({path}): "
                "leave it first, or use another --store"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            os.close(lock)
            raise LogonFailed(
                f"{path} cannot be read ({error}): delete it and log on with --reset"
            ) from None
        return saved

    def _load(self) -> None:
        if not self.path.exists():
            return
        text = json.loads(self.path.read_text("utf-8"))
        self.next_out, self.next_in = int(text["next_out"]), int(text["next_in"])
        self.next_order, self.orders = int(text["next_order"]), list(text["orders"])
        for number, sent_at, pairs in text["sent"]:
            fields = tuple((int(tag), str(value)) for tag, value in pairs)
            self.sent[int(number)] = Sent(str(sent_at), fields)

    def save(self) -> None:
        for number in sorted(self.sent)[:-_SENT_KEPT]:
            del self.sent[number]
        text: dict[str, Any] = {
            "next_out": self.next_out,
            "next_in": self.next_in,
            "next_order": self.next_order,
            "sent": [(n, s.time, s.fields) for n, s in self.sent.items()],
            "orders": self.orders,
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(text, indent=1), "utf-8")
        fresh.replace(self.path)

    def close(self) -> None:
        os.close(self._lock)

    def reset(self) -> None:
        """Numbers from 1 again. ClOrdIDs go on: they are unique beyond a session."""
        self.next_out = self.next_in = 1
        self.sent.clear()


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
        moment = _now()  # OrigSendingTime(122) of a replay is exactly this
        if message.type not in _ADMIN:
            self.saved.sent[number] = Sent(moment, message.fields)
            self.application.sent(message, number)
        self._save()
        self._transmit(message, number, moment)
        return number

    def _transmit(self, message: Message, number: int, moment: str = "") -> None:
        s = self.settings
        header: list[tuple[int, str]] = [(8, "FIX.4.4"), (35, message.type)]
        header += [(34, str(number)), (49, s.sender), (52, moment or _now())]
        header += [(56, s.target)]
        header += [pair for pair in message.fields if pair[0] in _FLAGS]
        skip = {35, *_FLAGS}
        data = _encode(header + [p for p in message.fields if p[0] not in skip])
        self._write(data)
        self._last_out = self._clock()
        parser = simplefix.FixParser(allow_empty_values=True)
        parser.append_buffer(data)
        self.application.show(_read(parser.get_message()), outgoing=True)

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
            if fault := _frame_fault(parsed.encode(True)):
                self.application.notice(f"a garbled message was ignored: {fault}")
                continue
            self._last_in, self._test_open = self._clock(), False
            self._judge(_read(parsed))
        if len(self._parser.get_buffer()) > _BUFFER_BYTES_MAX:
            self._end("what came is not FIX: no message ends within 1 MiB")
        return None

    def _judge(self, message: Message) -> None:
        if fault := self._identity_fault(message):
            self.application.show(message, outgoing=False)
            self.application.notice(fault)
            return self.logout(fault) if self.logged_on else self._end(fault)
        number, expected = _whole(message, 34), self.saved.next_in
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
        if not _whole(message, 34):
            return "a message without MsgSeqNum(34)"
        return ""

    def _first_answer(self, message: Message, number: int) -> None:
        self.application.show(message, outgoing=False)
        if message.type == "A":
            return self._logged_on(message, number)
        if message.type == "3":
            return None  # it says why; the end follows
        text = message.get(58)
        found = _TOO_LOW.search(text) if message.type == "5" else None
        self.expected_by_exchange = int(found[1]) if found else None
        if number == self.saved.next_in:
            self.saved.next_in += 1
        self._save()
        return self._end(f"the exchange refused the Logon: {text or 'no reason given'}")

    def _logged_on(self, message: Message, number: int) -> None:
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
        with suppress(ValueError):
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
            after = max(after, _whole(message, 36))
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
        self.saved.next_in = max(self.saved.next_in, _whole(message, 36))
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
        begin, end = _whole(message, 7), _whole(message, 16)
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
            if _age_s(sent.time) > _RESEND_AGE_S_MAX:
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
            flags = ((43, "Y"), (122, _now()))
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
        return self._end(error or _CLOSED)

    def _end(self, reason: str) -> None:
        if self.phase is not Phase.ENDED:
            self.phase, self.reason = Phase.ENDED, reason

    def _save(self) -> None:
        self.saved.orders = self.application.to_save()
        self.saved.save()


class Connection:
    """A session on its TCP connection. Read ``session`` freely; it moves by itself."""

    def __init__(
        self,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.session = session
        self._reader, self._writer = reader, writer
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._pump())
        self._task.add_done_callback(lambda task: self._news.set())

    @property
    def ended(self) -> bool:
        return self.session.phase is Phase.ENDED or self._task.done()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time; not after the end either."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition() and not self.ended:
                    self._news.clear()
                    await self._news.wait()
        return condition()

    async def over(self) -> None:
        """Returns when the session has ended; raises what broke it, if it was a bug."""
        await asyncio.shield(self._task)

    async def logout(self) -> None:
        """Part properly; returns when the connection is closed."""
        self.session.logout()
        await self.over()

    async def _pump(self) -> None:
        session = self.session
        try:
            while session.phase is not Phase.ENDED:
                await self._step(session)
                self._news.set()
        finally:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _step(self, session: Session) -> None:
        try:
            async with asyncio.timeout(_TICK_S):
                data = await self._reader.read(1 << 16)
        except TimeoutError:
            pass
        except OSError as error:
            session.lost(f"the connection broke: {error}")
        else:
            session.receive(data) if data else session.lost()
        session.tick()


async def log_on(
    settings: Settings, saved: Saved, application: Application
) -> Connection:
    """An established session; raises :class:`LogonFailed` when there is none."""
    connection = await _attempt(settings, saved, application)
    expected = connection.session.expected_by_exchange
    if expected is not None:
        application.notice(f"the exchange expects our number {expected}: trying again")
        saved.next_out = expected
        connection = await _attempt(settings, saved, application)
    if connection.session.phase is Phase.ENDED:
        raise LogonFailed(_next_step(connection.session, settings))
    return connection


async def _attempt(
    settings: Settings, saved: Saved, application: Application
) -> Connection:
    connection = await _connect(settings, saved, application)
    session = connection.session
    session.logon()
    # The session watches its own time limit; ours is only behind it.
    await connection.until(lambda: session.logged_on, settings.logon_s_max + 1)
    if session.phase is Phase.ENDED:
        await connection.over()
    return connection


async def _connect(
    settings: Settings, saved: Saved, application: Application
) -> Connection:
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.logon_s_max):
            opened = await asyncio.open_connection(settings.host, settings.port)
    except ConnectionRefusedError:
        raise LogonFailed(
            f"nothing listens on {where}: start the exchange with bin/fixgw up"
        ) from None
    except TimeoutError:
        raise LogonFailed(
            f"{where} did not answer within {settings.logon_s_max:g} s: "
            "check --host, --port and the network"
        ) from None
    except OSError as error:
        raise LogonFailed(
            f"cannot reach {where} ({error.strerror or error}): check --host and --port"
        ) from None
    session = Session(settings, saved, application, opened[1].write)
    return Connection(session, *opened)


def _next_step(session: Session, settings: Settings) -> str:
    if session.reason != _CLOSED:
        return session.reason
    names = f"{settings.sender} -> {settings.target}"
    return (
        f"{_CLOSED} without a word: check that {names} is in config/sessions.cfg, "
        "that it is not logged on elsewhere, and its password"
    )


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H:%M:%S.%f}"[:-3]


def _age_s(sent_at: str) -> float:
    moment = datetime.strptime(sent_at, "%Y%m%d-%H:%M:%S.%f").replace(tzinfo=UTC)
    return (datetime.now(UTC) - moment) / timedelta(seconds=1)


def _whole(message: Message, tag: int) -> int:
    """The number in a field; 0 where there is none, or none of a sane length."""
    value = message.get(tag)
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else 0


def _encode(fields: list[tuple[int, str]]) -> bytes:
    message = simplefix.FixMessage()
    for tag, value in fields:
        message.append_pair(tag, value.encode("utf-8", "surrogateescape"))
    data: bytes = message.encode()
    return data


def _read(parsed: simplefix.FixMessage) -> Message:
    pairs = [(int(t), v.decode("utf-8", "surrogateescape")) for t, v in parsed.pairs]
    return Message(tuple(pairs))


def _frame_fault(data: bytes) -> str:
    """What is wrong with the frame of a message; empty when it is sound."""
    frame = re.fullmatch(
        rb"8=[^\x01]+\x019=(\d{1,9})\x01(35=.*\x01)10=(\d{3})\x01", data, re.S
    )
    if frame is None:
        return "it does not begin with tags 8, 9, 35 and end with 10"
    if int(frame[1]) != len(frame[2]):
        return f"BodyLength(9) says {int(frame[1])}, the body has {len(frame[2])} bytes"
    total = sum(data[: frame.start(3) - len("10=")]) % 256
    if int(frame[3]) != total:
        return f"CheckSum(10) says {int(frame[3]):03}, the bytes make {total:03}"
    return ""
