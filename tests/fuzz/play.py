"""Plays a script of :mod:`tests.fuzz.scripts` on a session, as its shell would.

Words beside messages: ``wait s``, ``lose``; ``restart`` (a new session with the stored
numbers), ``send n`` (our application sends), ``logout``, ``leave`` (Logout, replays
dropped), ``break`` (Logout and close), ``hold`` (replays wait for ``slice n``),
``flow`` (they do not), and of an operator ``next_in n``, ``next_out n``, ``reset``.

A play notes on its tape what happened, with every number worked out, and can be played
again from it: with the same bytes, cut in another way.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from fixgw.dictionary import Rulebook, load
from fixgw.session.checks import number
from fixgw.session.effects import Close, Effect, Fault, ResetNumbers, Send
from fixgw.session.identity import SessionId
from fixgw.session.numbering import NotPossible
from fixgw.session.numbers import Numbers
from fixgw.session.policies import ResendOverflow, ResetPolicy
from fixgw.session.profile import QUICKFIX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.replay import StoredMessage
from fixgw.session.schedule import Plan, parse_time
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.wire import Framer, Garbled, Message, finish, utc_timestamp
from tests.fuzz.scripts import Script
from tests.fuzz.watch import Watch

SPEC = Path(__file__).resolve().parents[2] / "spec"
NS_PER_S = 1_000_000_000
START_NS = 1_767_323_045 * NS_PER_S
"""20260102-03:04:05."""
TICKS_MAX = 15
SENDS_MAX = 20
STORED_MAX = 2_000
HEADER = (34, 43, 97, 49, 50, 52, 56, 57, 90, 91, 115, 116, 122, 128, 129, 142, 143)
HEADER += (144, 145, 212, 213, 347, 369, 627, 628, 629, 630, 1128)
_MACRO = re.compile(r"([EST])([+-][0-9]{1,9})?")

Tape = list[bytes | str]

_ON: dict[str, dict[str, Any]] = {
    "chunk": {"resend_request_chunk_size": 2},
    "closed": {"closed_resend_interval": True},
    "redundant": {"send_redundant_resend_requests": True},
    "next": {"enable_next_expected_msg_seq_num": True},
    "last": {"enable_last_msg_seq_num_processed": True},
    "nopersist": {"persist_messages": False},
    "interleave": {"interleave_live_messages": True},
    "rejects": {"resend_session_level_rejects": True},
    "throttle": {
        "throttle_messages_per_s": 1,
        "throttle_burst": 2,
        "throttle_rejects_max": 2,
    },
    "resendmax": {"resend_messages_max": 2},
    "gapfill": {"resend_overflow": ResendOverflow.GAP_FILL},
    "perminute": {"resend_requests_per_minute_max": 2},
    "age": {"resend_age_s_max": 8},
    "skip": {"resend_skip_msg_types": frozenset({"8"})},
    "resetlogon": {"reset_on_logon": True},
    "resetlogout": {"reset_on_logout": True},
    "resetend": {"reset_on_disconnect": True},
    "atlogon": {"reset_seq_num_flag": ResetPolicy.AT_LOGON},
    "refuse": {"reset_seq_num_flag": ResetPolicy.REFUSE},
    "nonumbers": {"validate_sequence_numbers": False},
    "garbled": {"reject_garbled_message": True},
    "posdup": {"allow_pos_dup": True},
    "servedup": {"ignore_poss_dup_resend_requests": False},
    "noorig": {"requires_orig_sending_time": False},
    "nolatency": {"check_latency": False},
    "nocompid": {"check_comp_id": False},
    "nocheck": {"validate_incoming_message": False},
    "lenient": {"reject_invalid_message": False},
    "onerror": {"disconnect_on_error": True},
    "reseterror": {"reset_on_error": True},
    "refresh": {"refresh_on_logon": True},
    "beat": {"heart_bt_int_override_s": 3},
    "sayso": {"send_logout_before_disconnect_from_timeout": True},
    "quickfix": {"profile": QUICKFIX},
    "routes": {"on_behalf_of_comp_ids": ("DESK",)},
    "nanos": {"timestamp_precision": 9},
    "empty": {"validate_fields_have_values": False},
}


@cache
def rulebook(version: str) -> Rulebook:
    """The one that comes with the product."""

    def one(name: str) -> Any:
        path = SPEC / f"{name.replace('.', '')}.xml"
        return load(path.read_text(), path.name)

    if version != "FIXT.1.1":
        return Rulebook.single(one(version))
    applications = {"9": one("FIX50SP2"), "7": one("FIX50"), "6": one("FIX44")}
    return Rulebook.fixt(one("FIXT11"), applications, "9")


def settings_of(script: Script) -> SessionSettings:
    """What the first line of a script sets."""
    settings = SessionSettings(
        session_id=SessionId(script.version, "EXCHANGE", "CLIENT"),
        resend_overflow=ResendOverflow.LOGOUT,
    )
    for option in sorted(script.options):
        settings = replace(settings, **_ON.get(option, {}))
    if script.options & {"daily", "resettime"}:
        plan = Plan(
            start_time=parse_time("03:00:00"),
            end_time=parse_time("03:05:00"),
            reset_seq_time=parse_time("03:04:30"),
            enable_reset_seq_time="resettime" in script.options,
        )
        settings = replace(settings, schedule=plan.schedule())
    return settings


class OnPurposeError(Exception):
    """An error of the application."""


class Play:
    """One session over all its connections. ``done`` is everything it did."""

    def __init__(self, script: Script) -> None:
        self.done: list[object] = []
        self.tape: Tape = []
        self.now_ns = START_NS
        self.stored: dict[int, StoredMessage] = {}
        self._seqs: list[int] = []
        self._script = script
        self._settings = settings_of(script)
        unchecked = "unchecked" in script.options
        self._rulebook = None if unchecked else rulebook(script.version)
        self._slice = 1 if "slices" in script.options else STORED_MAX
        self._automatic = True
        self._framer: Framer | None = None
        self.watch = Watch(self._settings)
        self.session = self._new(Numbers())

    def _new(self, numbers: Numbers) -> Session:
        session = Session(self._settings, self._rulebook, self, numbers, self._refresh)
        self.watch.begin(session)
        return session

    def _refresh(self, numbers: Numbers) -> None:
        """What is stored is what the session knows already."""
        self.done.append(repr(numbers))

    # -- what happens ------------------------------------------------------------------

    def run(self) -> None:
        """The script, from its first line to its last."""
        for line in self._script.lines:
            self._line(line)

    def again(self, tape: Iterable[bytes | str]) -> None:
        """What a tape says, whose bytes are cut in any way."""
        for each in tape:
            if isinstance(each, bytes):
                self._receive(each)
            elif each == "connect":
                self._framer = self._new_framer()
            else:
                self._word(*each.split(" ", 1))

    def _line(self, line: str) -> None:
        word, _, argument = line.partition(" ")
        if line[:1].isdigit() or word == "garble":
            data = self._raw(argument) if word == "garble" else self._message(line)
            if self._framer is None:
                self.tape.append("connect")
                self._framer = self._new_framer()
            self.tape.append(data)
            self._receive(data)
        else:
            whole = f"{word} {self._value(argument)}"
            self.tape.append(whole)
            self._word(word, self._value(argument))

    def _new_framer(self) -> Framer:
        return Framer(
            self._settings.message_bytes_max,
            self._settings.message_fields_max,
            self.session.data_lengths,
        )

    def _raw(self, text: str) -> bytes:
        return text.replace("|", "\x01").encode("latin-1")

    def _value(self, text: str) -> str:
        """A value with E, S and T worked out."""
        found = _MACRO.fullmatch(text)
        if found is None:
            return text
        more = int(found[2] or 0)
        if found[1] == "T":
            ns = self.now_ns + more * NS_PER_S
            return utc_timestamp(max(ns, 0), 3).decode()
        numbers = self.session.numbers
        base = numbers.next_in if found[1] == "E" else numbers.next_out
        return str(max(base + more, 0))

    def _message(self, line: str) -> bytes:
        """The client's message: what the line says, and what it does not."""
        said = [part.partition("=")[::2] for part in line.split("|")]
        pairs = [(tag, self._value(value)) for tag, value in said]
        names = {"49": "CLIENT", "56": "EXCHANGE", "52": self._value("T")}
        tags = {tag for tag, _ in pairs}
        pairs += [pair for pair in names.items() if pair[0] not in tags]
        if dict(pairs).get("35") == "A" and self._script.version == "FIXT.1.1":
            pairs += [] if "1137" in tags else [("1137", "9")]
        pairs = [(tag, value) for tag, value in pairs if value != "~"]
        head = [pair for pair in pairs if pair[0] in _HEADER]
        body = [pair for pair in pairs if pair[0] not in _HEADER | {"8", "9", "10"}]
        content = [pair for pair in body if pair[0] == "35"][:1] + head
        content += [pair for pair in body if pair[0] != "35"]
        text = "".join(f"{tag}={value}\x01" for tag, value in content)
        begin_string = dict(pairs).get("8", self._script.version)
        data = finish(begin_string.encode("latin-1"), text.encode("latin-1"))
        if "9" in tags:
            wrong = dict(pairs).get("9", "").encode("latin-1")
            data = re.sub(rb"\x019=[0-9]*\x01", b"\x019=%b\x01" % wrong, data, count=1)
        if "10" in tags:
            data = data[:-4] + dict(pairs).get("10", "").encode("latin-1") + b"\x01"
        return data

    def _word(self, word: str, argument: str = "") -> None:
        session = self.session
        count = number(argument.encode("latin-1")) or 1
        if word == "wait":
            self._wait(argument)
        elif word == "lose":
            self._lose()
        elif word == "restart":
            self._lose()
            self.session = self._new(replace(session.numbers))
        elif word == "send":
            for _ in range(min(count, SENDS_MAX)):
                self._step(lambda: self.reply("8", b"37=x\x01"))
        elif word == "logout":
            self._step(lambda: session.logout("bye", self.now_ns))
        elif word == "leave":
            self._step(lambda: session.logout("", self.now_ns, at_once=True))
        elif word == "break":
            reason = DisconnectReason.OPERATOR_DISCONNECT
            self._step(lambda: session.break_off(reason, "now", self.now_ns))
        elif word in ("hold", "flow"):
            self._automatic = word == "flow"
            self._carry_out()
        elif word == "slice":
            for _ in range(min(count, SENDS_MAX)):
                self._replay_slice()
        elif word in ("next_in", "next_out", "reset"):
            self._operate(word, count)

    def _wait(self, argument: str) -> None:
        try:
            ns = int(min(max(float(argument), 0), 200_000) * NS_PER_S)
        except ValueError:
            return
        steps = max(1, min(TICKS_MAX, ns // (NS_PER_S // 10)))
        for _ in range(steps):
            self.now_ns += ns // steps
            self._step(lambda: self.session.tick(self.now_ns))

    def _operate(self, word: str, count: int) -> None:
        numbering = self.session.numbering

        def operate() -> None:
            try:
                if word == "reset":
                    numbering.reset(self.now_ns)
                elif word == "next_in":
                    numbering.set_next_in(count, self.now_ns)
                else:
                    numbering.set_next_out(count, self.now_ns)
            except NotPossible as error:
                self.done.append(str(error))

        self.watch.operates()
        self._step(operate)

    def _lose(self) -> None:
        self._framer = None
        self._step(lambda: self.done.append(self.session.connection_lost(self.now_ns)))
        self.watch.lost()

    # -- the shell ---------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        """Bytes of the client, unless the connection is closed."""
        framer = self._framer
        if framer is None:
            return
        for item in framer.feed(data):
            if self._framer is not framer:
                break
            if isinstance(item, Garbled):
                # Its bytes are for the log: of noise it shows what has come so far.
                self.done.append(item.reason)
            self._take(item)

    def _take(self, item: Message | Garbled) -> None:
        session = self.session
        if session.is_connected:
            self.watch.hears(item, self.now_ns)
            if isinstance(item, Garbled):
                self._step(lambda: session.garbled(item, self.now_ns))
            else:
                self._step(lambda: session.receive(item, self.now_ns))
        elif isinstance(item, Message) and item.msg_type == "A":
            self.watch.hears(item, self.now_ns)
            self._step(lambda: session.logon(item, self.now_ns))
        else:
            self._lose()

    def _step(self, act: Any) -> None:
        self.watch.before()
        act()
        self._carry_out()

    def _carry_out(self) -> None:
        """The effects in order, then the end of the connection, then replays."""
        effects = list(self.session.take_effects())
        self.done += effects
        ended = self._done(effects)
        self.watch.after(effects)
        if ended:
            self._lose()
        elif self._automatic:
            while self._replay_slice():
                pass

    def _done(self, effects: Sequence[Effect]) -> bool:
        ended = False
        for effect in effects:
            if isinstance(effect, Send):
                row = StoredMessage(effect.seq, effect.admin, effect.data)
                self.stored[effect.seq] = row
                self._seqs.append(effect.seq)
            elif isinstance(effect, ResetNumbers):
                self.stored.clear()
                self._seqs.clear()
            elif isinstance(effect, Close):
                ended = True
            elif isinstance(effect, Fault) and not isinstance(
                effect.error, OnPurposeError
            ):
                # The session took it for an error of the application.
                raise effect.error
        return ended

    def _replay_slice(self) -> bool:
        """A part of a replay; whether there was any to do."""
        wanted = self.session.replay_wanted
        if wanted is None:
            return False
        begin, end = wanted
        first = bisect_left(self._seqs, begin)
        seqs = self._seqs[first : bisect_right(self._seqs, end)]
        through = end
        if len(seqs) > self._slice:
            seqs = seqs[: self._slice]
            through = seqs[-1]
        rows = [self.stored[seq] for seq in seqs]
        automatic, self._automatic = self._automatic, False
        self._step(lambda: self.session.replay_rows(rows, through, self.now_ns))
        self._automatic = automatic
        return True

    # -- the application ---------------------------------------------------------------

    def reply(self, msg_type: str, body: bytes, **options: Any) -> None:
        """Our application sends, unless it has sent enough for one script."""
        if len(self.stored) < STORED_MAX:
            self.session.send(msg_type, body, self.now_ns, **options)

    def on_logon(self, session: Session) -> None:
        self.done.append("on_logon")

    def on_logout(self, session: Session) -> None:
        self.done.append("on_logout")

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        self.watch.delivered(message)
        self.done.append(message.raw)
        order = message.get(11)
        if order == b"BOOM":
            raise OnPurposeError
        if order == b"NO":
            session.reject(message, 5, 38, "no", now_ns)
        elif order == b"BIZ":
            session.business_reject(message, 5, "no", now_ns)
        elif order == b"OUT":
            session.logout("out", now_ns)
        elif order == b"DUP":
            self.reply("8", b"37=y\x01", orig_sending_time=b"20260102-03:04:05")
        elif message.msg_type == "D":
            self.reply("8", b"37=x\x01", poss_resend=message.get(97) == b"Y")


_HEADER = frozenset(str(tag) for tag in HEADER)
