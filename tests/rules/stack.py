"""An exchange for one example, and the playing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from engine.codes import CommandKind
from engine.layouts import Record
from engine.records import ClockCommand, InstrumentCommand
from fixgw.dictionary import APPL_VER_IDS, Rulebook, load
from fixgw.dropcopy.desk import DropCopyDesk
from fixgw.net.gateway import Gateway
from fixgw.net.leaving import Leaving
from fixgw.orders.exchange import Desk
from fixgw.session.identity import SessionId
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_message
from tests.net.exchange_in_process import Client, InProcess
from tests.rules.comparing import Comparison, shown
from tests.rules.document import Example, Happens, Pairs, Said
from tests.rules.happening import (
    SCENE,
    command_of,
    instrument_of,
    seconds_of,
    settings_of,
)
from tests.sessions.conversation import stamp

SPEC = Path(__file__).resolve().parents[2] / "spec"
FIXT = "FIXT.1.1"
QUIET_S = 0.03
"""Nothing more is to come within this time behind the last documented message."""

DESKS: list[Callable[[Gateway], Desk]] = [Leaving]
"""What serves the messages that are no orders: each example has new ones."""


@cache
def rulebook_of(version: str) -> Rulebook:
    """What a session of this version judges by."""
    if not version.startswith("FIX.5"):
        path = SPEC / f"{version.replace('.', '')}.xml"
        return Rulebook.single(load(path.read_text(), path.name))
    path = SPEC / f"{version.replace('.', '')}.xml"
    transport = load((SPEC / "FIXT11.xml").read_text(), "FIXT11.xml")
    number = APPL_VER_IDS[version]
    application = {number: load(path.read_text(), path.name)}
    return Rulebook.fixt(transport, application, number)


class Different(AssertionError):
    """What the exchange said is not what the document says."""


class Stage(InProcess):
    """The exchange of one example."""

    def __init__(self, folder: Path, example: Example) -> None:
        self.example = example
        scene = [
            step
            for step in example.steps
            if isinstance(step, Happens) and step.words[0] in SCENE
        ]
        terms = [instrument_of(s) for s in scene if s.words[0] == "instrument"]
        own = dict(settings_of(s) for s in scene if s.words[0] == "settings")
        super().__init__(
            folder,
            shards=2,
            instruments=_instruments(terms),
            desk_makers=[
                *DESKS,
                lambda gateway: DropCopyDesk(
                    gateway, {n: folder / f"shard-{n}" / "events" for n in range(2)}
                ),
            ],
            market_data=True,
        )
        version = example.version
        sessions = [
            SessionSettings(
                session_id=SessionId(self.begin_string, "EXCHANGE", name),
                default_appl_ver_id=version if self.begin_string == FIXT else "",
                **own.get(name, {}),
            )
            for name in example.clients
        ]
        self.settings = replace(self.settings, sessions=tuple(sessions))
        self.rest = [step for step in example.steps if step not in scene]
        self.players: dict[str, Client] = {}

    @property
    def begin_string(self) -> str:
        """That of all clients."""
        version = self.example.version
        return FIXT if version.startswith("FIX.5") else version

    def rulebook(self, settings: SessionSettings) -> Rulebook | None:
        return rulebook_of(self.example.version)

    async def enter(self, name: str, next_out: int = 1) -> None:
        """A client logs on."""
        client = await self.connect(name, next_out=next_out)
        client.begin_string = self.begin_string
        number = APPL_VER_IDS[self.example.version]
        is_fixt = client.begin_string == FIXT
        await client.log_on(extra=f"1137={number}" if is_fixt else "")
        self.players[name] = client

    async def happen(self, commands: Sequence[Record]) -> None:
        """The operator's commands, for every shard; what is about an order, for the
        one that has it."""
        for command in commands:
            for number, service in enumerate(self.services):
                order_id = getattr(command, "order_id", number << 48)
                if order_id >> 48 == number:
                    await service.process(command.pack())

    def key(self, name: str) -> int:
        """That of a client's session."""
        return SessionId(self.begin_string, "EXCHANGE", name).key


def _instruments(terms: Sequence[InstrumentCommand]) -> list[InstrumentCommand]:
    kind = CommandKind.DEFINE_INSTRUMENT
    usual = [
        InstrumentCommand(
            kind, symbol=symbol, currency="EUR", tick=1_000_000, lot=100_000_000
        )
        for symbol in ("ACME", "GLOBEX")
    ]
    given = {one.symbol: one for one in terms}
    return [given.pop(one.symbol, one) for one in usual] + list(given.values())


class Play:
    """Plays one example."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._comparison = Comparison()
        self._fills: dict[str, Pairs] = {}

    async def run(self) -> None:
        """Raises Different, which says at which line of the document."""
        for name in self._stage.example.clients:
            await self._stage.enter(name)
        for step in self._stage.rest:
            if isinstance(step, Happens):
                await self._happen(step)
            elif step.sent:
                self._say(step)
            else:
                await self._hear(step)
        for name, client in self._stage.players.items():
            try:
                message = await asyncio.wait_for(client._next(), QUIET_S)
            except TimeoutError:
                continue
            raise Different(f"{name} also received {shown(message)}")

    async def _happen(self, step: Happens) -> None:
        stage = self._stage
        match step.words:
            case ("wait", _):
                stage.skip(seconds_of(step).total_seconds())
                await stage.happen([ClockCommand(CommandKind.TICK)])
            case ("disconnect", name):
                await stage.players[name].close()
                hosted = stage.gateway.session(stage.key(name))
                while hosted.session.is_connected:
                    await asyncio.sleep(0.001)
            case ("logon", name):
                await stage.enter(name, stage.players[name].next_out)
            case _:
                keys = {name: stage.key(name) for name in stage.example.clients}
                now = stage.clock()
                await stage.happen(command_of(step, now, keys, self._fills))

    def _say(self, step: Said) -> None:
        now = stamp(self._stage.now())
        text = shown([(t, now if v == "*" else v) for t, v in step.pairs])
        client = self._stage.players[step.client]
        client.say(text.rstrip("|"))

    async def _hear(self, step: Said) -> None:
        client = self._stage.players[step.client]
        where = f"{self._stage.example.document}:{step.line}: {step.client}"
        try:
            received = await client.next()
        except TimeoutError:
            raise Different(f"{where} received nothing") from None
        message = parse_message(client.heard)
        assert isinstance(message, Message)
        rulebook = rulebook_of(self._stage.example.version)
        number = APPL_VER_IDS[self._stage.example.version]
        verdict = rulebook.judge(message, default_appl_ver_id=number)
        if verdict is not None:
            raise Different(f"{where}: {verdict} of {shown(received)}")
        difference = self._comparison.difference(step.pairs, received)
        if difference:
            raise Different(f"{where}: {difference}")
        documented = dict(step.pairs)
        if 17 in documented:
            self._fills[f"{step.client} {documented[17]}"] = received


def play(example: Example, folder: Path) -> None:
    """Play an example against an exchange of its own. Raises Different."""

    async def main() -> None:
        stage = Stage(folder, example)
        stage.start_gateway()
        await stage.listen()
        try:
            await Play(stage).run()
            assert not stage.fatal
        finally:
            await stage.close()

    asyncio.run(main())
