"""How the bytes of a client are cut into reads changes nothing.

TCP may deliver a byte at a time or everything at once. For each dialogue what a session
is given is the same for the whole input, byte by byte, and for every way to cut it in
two; and so are its effects and what it leaves behind, which is tried byte by byte and
for one cut in sixteen: a session knows nothing of reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fixgw.certify.dialogue import Dialogue as Scenario
from fixgw.dictionary import APPL_VER_IDS, Dictionary, Rulebook
from fixgw.dictionary import load as load_dictionary
from fixgw.echo.application import Echo
from fixgw.session.effects import Close, ResetNumbers, Send
from fixgw.session.identity import SessionId
from fixgw.session.numbers import Numbers
from fixgw.session.replay import StoredMessage
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.wire import Framer, Garbled, Message
from tests.sessions.conversation import ORDER, START, build, dictionary, stamp
from tests.sessions.dialogue_bytes import bytes_of, dialogues_in, settings_for

NOW_NS = int((START - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 10**9
IDENTITY = SessionId("FIX.4.4", "EXCHANGE", "CLIENT")
DEFAULTS = {8: "FIX.4.4", 49: "CLIENT", 56: "EXCHANGE", 52: stamp(START)}
RULEBOOK = Rulebook.single(dictionary())


def message(text: str) -> bytes:
    """``35=A|34=1`` as a whole message of the client."""
    return build(text, DEFAULTS)


class Acceptor:
    """Sessions, what they store, and what they did: bytes in, everything noted.

    It carries out effects after each message: when a read ends, makes no difference.
    """

    def __init__(
        self, settings: Sequence[SessionSettings], rulebook: Rulebook | None
    ) -> None:
        self.done: list[object] = []
        names = [str(each.session_id) for each in settings]
        application = Echo(dict.fromkeys(names, rulebook))
        self._stored: dict[int, dict[int, StoredMessage]] = {}
        self._sessions: dict[tuple[bytes | None, ...], Session] = {}
        for each in settings:
            session = Session(each, rulebook, application, Numbers())
            session_id = each.session_id
            identity = (
                session_id.begin_string,
                session_id.target_comp_id,
                session_id.sender_comp_id,
            )
            self._sessions[tuple(name.encode() for name in identity)] = session
            self._stored[each.session_id.key] = {}

    def connect(self, chunks: Iterable[bytes]) -> None:
        """One connection, from its first byte to its end, by whomever."""
        framer = Framer()
        session: Session | None = None
        is_open = True
        for chunk in chunks:
            for item in framer.feed(chunk):
                if not is_open:
                    break
                if session is not None:
                    is_open = self._take(item, session)
                    continue
                session = self._find(item)
                is_open = session is not None and self._log_on(item, session)
        self.done.append(framer.pending if is_open else "closed by us")
        if session is not None:
            self.done.append(session.connection_lost(NOW_NS))
            self._carry_out(session)
            self.done += [session.state, str(session.numbers)]

    def _find(self, item: Message | Garbled) -> Session | None:
        if isinstance(item, Garbled) or item.msg_type != "A":
            return None
        return self._sessions.get(tuple(item.get(tag) for tag in (8, 49, 56)))

    def _log_on(self, item: Message | Garbled, session: Session) -> bool:
        assert isinstance(item, Message)
        session.logon(item, NOW_NS)
        return self._carry_out(session)

    def _take(self, item: Message | Garbled, session: Session) -> bool:
        if isinstance(item, Garbled):
            # Its bytes are for the log: of noise it shows what has come so far.
            self.done.append(item.reason)
        else:
            session.receive(item, NOW_NS)
        return self._carry_out(session)

    def _carry_out(self, session: Session) -> bool:
        """Whether the connection stays open."""
        is_open = True
        stored = self._stored[session.key]
        effects = list(session.take_effects())
        self.done += effects
        for effect in effects:
            if isinstance(effect, Send):
                row = StoredMessage(effect.seq, effect.admin, effect.data)
                stored[effect.seq] = row
            elif isinstance(effect, ResetNumbers):
                stored.clear()
            elif isinstance(effect, Close):
                is_open = False
        while is_open and (wanted := session.replay_wanted) is not None:
            begin, end = wanted
            rows = [row for seq, row in stored.items() if begin <= seq <= end]
            session.replay_rows(rows, end, NOW_NS)
            is_open = self._carry_out(session)
        return is_open


@dataclass(frozen=True)
class Dialogue:
    """What comes, by connection, and who it is for."""

    connections: list[bytes]
    settings: Sequence[SessionSettings] = (SessionSettings(session_id=IDENTITY),)
    rulebook: Rulebook | None = RULEBOOK

    def effects(self, connections: list[list[bytes]]) -> list[object]:
        """Everything that is done about these connections, given in chunks."""
        acceptor = Acceptor(self.settings, self.rulebook)
        for chunks in connections:
            acceptor.connect(chunks)
        return acceptor.done


def cuts(data: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Byte by byte, and every way to cut in two."""
    yield "byte by byte", [data[place : place + 1] for place in range(len(data))]
    step = max(1, -(-len(data) // CUTS_MAX))
    for place in range(1, len(data), step):
        yield f"cut at {place}", [data[:place], data[place:]]


def given(chunks: Iterable[bytes]) -> tuple[list[bytes | str], int]:
    """What a session is given of a connection, and how much is kept at its end."""
    framer = Framer()
    items = [
        item.reason if isinstance(item, Garbled) else item.raw
        for chunk in chunks
        for item in framer.feed(chunk)
    ]
    return items, framer.pending


def check(dialogue: Dialogue) -> list[object]:
    """The effects of the whole, which are those of every other way."""
    whole = [[data] for data in dialogue.connections]
    expected = dialogue.effects(whole)
    for number, data in enumerate(dialogue.connections):
        items = given([data])
        for turn, (how, chunks) in enumerate(cuts(data)):
            told = f"connection {number}, {how}"
            assert given(chunks) == items, told
            if turn % EFFECTS_EVERY == 0:
                others = [*whole[:number], chunks, *whole[number + 1 :]]
                assert dialogue.effects(others) == expected, told
    return expected


EFFECTS_EVERY = 16
"""Of the ways to cut, beginning with byte by byte."""

LOGON = message("35=A|34=1|98=0|108=30")
LOGOUT = message("35=5|34=3")

DIALOGUES: dict[str, list[bytes]] = {
    "an order and a logout": [LOGON + message(f"35=D|34=2|{ORDER}") + LOGOUT],
    "a gap that is closed": [
        LOGON
        + message("35=0|34=4")
        + message("35=1|34=5|112=x")
        + message(f"35=D|34=2|43=Y|122={stamp(START)}|{ORDER}")
        + message(f"35=4|34=3|43=Y|122={stamp(START)}|123=Y|36=4")
        + message("35=5|34=6")
    ],
    "a resend request": [
        LOGON
        + message(f"35=D|34=2|{ORDER}")
        + message(f"35=D|34=3|{ORDER}")
        + message("35=2|34=4|7=1|16=0")
        + message("35=0|34=5")
    ],
    "garbled messages between good ones": [
        LOGON
        + b"noise"
        + message("35=0|34=2").replace(b"10=", b"10=9")
        + message("35=1|34=2|112=still here")
        + b"8=FIX.4.4\x019=5\x0135=0\x01"
        + message("35=0|34=3")
        + b"8=FIX.4.4\x019=x\x01"
        + message("35=0|34=3")
    ],
    "a data field with everything in it": [
        LOGON + message("35=5|34=2|354=12|355=a8=FIX.4.4b|58=x") + LOGOUT
    ],
    "rejected contents": [
        LOGON
        + message("35=D|34=2|11=A")
        + message("35=ZZ|34=3")
        + message("35=1|34=4|112=")
        + message("35=0|34=5|9999=1|58=")
    ],
    "a number too low": [LOGON + message("35=0|34=1") + message("35=0|34=2")],
    "two connections": [
        LOGON + message(f"35=D|34=2|{ORDER}"),
        message("35=A|34=5|98=0|108=30") + message("35=2|34=6|7=1|16=0"),
    ],
}


@pytest.mark.parametrize("name", DIALOGUES)
def test_however_it_is_cut(name: str) -> None:
    assert check(Dialogue(DIALOGUES[name]))


# -- the dialogues of tests/fix_scenarios ----------------------------------------------

SCENARIOS = Path(__file__).resolve().parents[1] / "fix_scenarios"
ALL_VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0SP2")
CUTS_MAX = 4_000
"""Longer dialogues are cut at every n-th place instead of every one."""


@cache
def scenario_rulebook(version: str) -> Rulebook:
    """That of the dictionaries the dialogues are written for."""

    def one(name: str) -> Dictionary:
        path = SCENARIOS / "dictionaries" / f"{name.replace('.', '')}.xml"
        return load_dictionary(path.read_text(), path.name)

    if not version.startswith("FIX.5"):
        return Rulebook.single(one(version))
    default = APPL_VER_IDS[version]
    return Rulebook.fixt(one("FIXT.1.1"), {default: one(version)}, default)


@cache
def scenario_dialogues() -> list[Any]:
    """All of them, in both profiles."""
    return [
        pytest.param(dialogue, profile, id=f"{profile}-{dialogue.label}")
        for profile in ("standard", "quickfix")
        for dialogue in dialogues_in(SCENARIOS, profile)
    ]


@pytest.mark.parametrize(("scenario", "profile"), scenario_dialogues())
def test_scenarios_however_they_are_cut(scenario: Scenario, profile: str) -> None:
    connections = bytes_of(scenario)
    settings = settings_for(scenario, f"Conformance={profile}\n")
    assert check(
        Dialogue(
            connections, settings, scenario_rulebook(scenario.version or "FIX.4.4")
        )
    )


def test_there_are_scenarios_of_every_version() -> None:
    assert {each.values[0].version for each in scenario_dialogues()} >= {*ALL_VERSIONS}
