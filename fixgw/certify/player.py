"""Plays one dialogue: a method per kind of step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fixgw.certify import steps as s
from fixgw.certify.dialogue import Dialogue
from fixgw.certify.listening import Ear, Mismatch
from fixgw.certify.macros import MacroError, Scope
from fixgw.certify.matchers import PatternError
from fixgw.certify.peer import Peer
from fixgw.certify.situation import CommandFailed, Situation
from fixgw.certify.transcript import Kind, Outcome, Result, Transcript
from fixgw.certify.wire import SOH, fixify

PIECE_PAUSE_S = 0.001
"""Between two pieces of a message, so that they arrive as such."""


class _Left(Exception):
    """A Break: the innermost Repeat is over."""


class Player:
    """One dialogue, from its first line to its result."""

    def __init__(self, dialogue: Dialogue, situation: Situation) -> None:
        self._dialogue, self._situation = dialogue, situation
        self._scope = Scope(dialogue.path.parent, situation.shared)
        self._transcript = Transcript()
        self._began = time.monotonic()
        self._peers: dict[int, Peer] = {}
        self._ear = Ear(dialogue, situation, self._scope, self._transcript, self._began)
        self._pieces: s.Pieces | None = None
        self._glue_left = 0
        self._glued = b""
        self._line = 0

    async def play(self) -> Result:
        """Play it, close what it opened, and tell how it went."""
        lacks = self._situation.lacks(s.flatten(self._dialogue.steps))
        if lacks:
            reason = f"needs {lacks}"
            return Result(self._dialogue, Outcome.SKIPPED, reason, 0, 0.0, ())
        outcome, reason = Outcome.PASSED, ""
        try:
            async with asyncio.timeout(self._situation.dialogue_s):
                await self._do_all(self._dialogue.steps)
        except TimeoutError:
            outcome = Outcome.FAILED
            reason = f"not over after {self._situation.dialogue_s:g} s"
        except (Mismatch, CommandFailed, MacroError, PatternError, OSError) as error:
            outcome, reason = Outcome.FAILED, str(error) or type(error).__name__
        duration_s = time.monotonic() - self._began
        self._note_left()
        await asyncio.gather(*(peer.close() for peer in self._peers.values()))
        line = 0 if outcome is Outcome.PASSED else self._line
        events = tuple(self._transcript.events)
        return Result(self._dialogue, outcome, reason, line, duration_s, events)

    def _note_left(self) -> None:
        """What came and nobody waited for."""
        for number, peer in self._peers.items():
            for arrival in peer.take_all():
                text = arrival.frame.decode("latin-1")
                at_s = arrival.at - self._began
                self._transcript.add(Kind.RECEIVED, at_s, number, 0, text)

    def _note(self, kind: Kind, step: s.Step, text: str) -> None:
        now_s = time.monotonic() - self._began
        self._transcript.add(kind, now_s, step.connection, step.line, text)

    async def _do_all(self, steps: tuple[s.Step, ...]) -> None:
        for step in steps:
            self._line = step.line
            await _ACTIONS[type(step)](self, step)

    def _peer(self, step: s.Step) -> Peer:
        peer = self._peers.get(step.connection)
        if peer is None:
            raise Mismatch(f"connection {step.connection} is not open")
        return peer

    # -- opening and closing -----------------------------------------------------------

    async def connect(self, step: s.Connect) -> None:
        situation = self._situation
        await self._close(step)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(situation.wait_s or 10.0):
                _, peer = await loop.create_connection(
                    Peer,
                    situation.host,
                    situation.port,
                    ssl=situation.tls,
                    server_hostname=situation.tls_name,
                )
        except (OSError, TimeoutError) as error:
            where = f"{situation.host}:{situation.port}"
            raise Mismatch(
                f"no connection to {where}: {error or 'no answer'}"
            ) from None
        self._peers[step.connection] = peer
        self._note(Kind.OPENED, step, "connected")

    async def accept(self, step: s.Accept) -> None:
        door = self._situation.door
        assert door is not None
        await self._close(step)
        await door.open()
        least_s, most_s = self._ear.take_limits(self._situation.connect_s)
        start = time.monotonic()
        peer = await door.next(start + most_s)
        if peer is None:
            raise Mismatch(f"no client has connected within {most_s:g} s")
        if time.monotonic() - start < least_s:
            peer.abort()
            raise Mismatch(f"a client has connected before {least_s:g} s were over")
        self._peers[step.connection] = peer
        self._note(Kind.OPENED, step, "a client has connected")

    async def listen(self, step: s.Listen) -> None:
        door = self._situation.door
        assert door is not None
        await (door.open() if step.is_open else door.shut())
        self._note(Kind.NOTE, step, f"the port is {'open' if step.is_open else 'shut'}")

    async def disconnect(self, step: s.Disconnect) -> None:
        self._peer(step)
        await self._close(step)

    async def _close(self, step: s.Step) -> None:
        """Close what is there under a connection's number."""
        peer = self._peers.pop(step.connection, None)
        if peer is not None:
            for arrival in peer.take_all():
                text = arrival.frame.decode("latin-1")
                at_s = arrival.at - self._began
                self._transcript.add(Kind.RECEIVED, at_s, step.connection, 0, text)
            await peer.close()
            self._note(Kind.CLOSED, step, "we have closed the connection")

    async def abort(self, step: s.Abort) -> None:
        self._peer(step).abort()
        del self._peers[step.connection]
        self._note(Kind.CLOSED, step, "we have broken off the connection")

    async def hold(self, step: s.Hold) -> None:
        self._peer(step).hold(step.is_held)
        self._note(Kind.NOTE, step, "no reading" if step.is_held else "reading again")

    # -- sending -----------------------------------------------------------------------

    async def send(self, step: s.Send) -> None:
        peer = self._peer(step)
        text = self._scope.expand(step.text)
        if not step.is_raw:
            text = fixify(text)
        if not peer.can_send:
            raise Mismatch("the connection is gone, nothing can be sent")
        data = text.encode("latin-1", "replace")
        self._note(Kind.SENT, step, text)
        if self._glue_left:
            self._glue_left -= 1
            self._glued += data
            if self._glue_left:
                return
            data, self._glued = self._glued, b""
        pieces, self._pieces = self._pieces, None
        deadline = time.monotonic() + self._ear.wait_s
        for piece in _cut(data, pieces):
            peer.send(piece)
            if not await peer.drain(deadline):
                raise Mismatch("the peer does not read what is sent to it")
            if pieces is not None:
                await asyncio.sleep(pieces.pause_s or PIECE_PAUSE_S)

    async def pieces(self, step: s.Pieces) -> None:
        self._pieces = step

    async def glue(self, step: s.Glue) -> None:
        self._glue_left = step.count

    # -- waiting -----------------------------------------------------------------------

    async def expect(self, step: s.Expect) -> None:
        await self._ear.expect(self._peer(step), step)

    async def expect_close(self, step: s.ExpectClose) -> None:
        await self._ear.expect_close(self._peer(step), step)

    async def nothing(self, step: s.Nothing) -> None:
        await self._ear.nothing(self._peer(step), step)

    async def ignore(self, step: s.Ignore) -> None:
        await self._ear.ignore(self._peer(step), step)

    async def skip(self, step: s.Skip) -> None:
        self._ear.skipped[step.connection] = step.msg_types

    async def within(self, step: s.Within) -> None:
        self._ear.limits = step

    async def one_of(self, step: s.OneOf) -> None:
        chosen = await self._ear.one_of(self._peer(step), step)
        await self._do_all(chosen.body)

    async def all_of(self, step: s.AllOf) -> None:
        await self._ear.all_of(self._peer(step), step)

    async def maybe(self, step: s.Maybe) -> None:
        await self._ear.maybe(self._peer(step), step)

    # -- everything else ---------------------------------------------------------------

    async def pause(self, step: s.Pause) -> None:
        await asyncio.sleep(step.seconds)

    async def notify(self, step: s.Notify) -> None:
        text = self._scope.expand(step.text)
        self._note(Kind.NOTE, step, text)
        self._situation.notify(f"{self._dialogue.label}: {text}")

    async def let(self, step: s.Let) -> None:
        self._scope.set(step.name, self._scope.expand(step.text))

    async def fail(self, step: s.Fail) -> None:
        raise Mismatch(self._scope.expand(step.text))

    async def set_session(self, step: s.SetSession) -> None:
        await self._situation.set_session(step)
        self._note(Kind.NOTE, step, f"{step.session} {step.counter}={step.value}")

    async def operator(self, step: s.Operator) -> None:
        words = self._scope.expand(step.text)
        await self._situation.operator(words)
        self._note(Kind.NOTE, step, f"operator: {words}")

    async def repeat(self, step: s.Repeat) -> None:
        self._scope.rounds.append(0)
        try:
            for number in range(step.count):
                self._scope.rounds[-1] = number + 1
                await self._do_all(step.body)
        except _Left:
            pass
        finally:
            self._scope.rounds.pop()

    async def leave(self, step: s.Break) -> None:
        raise _Left


_ACTIONS: dict[type[s.Step], Callable[[Player, Any], Awaitable[None]]] = {
    s.Connect: Player.connect,
    s.Accept: Player.accept,
    s.Listen: Player.listen,
    s.Disconnect: Player.disconnect,
    s.Abort: Player.abort,
    s.Hold: Player.hold,
    s.Send: Player.send,
    s.Pieces: Player.pieces,
    s.Glue: Player.glue,
    s.Expect: Player.expect,
    s.ExpectClose: Player.expect_close,
    s.Nothing: Player.nothing,
    s.Ignore: Player.ignore,
    s.Skip: Player.skip,
    s.Within: Player.within,
    s.OneOf: Player.one_of,
    s.AllOf: Player.all_of,
    s.Maybe: Player.maybe,
    s.Pause: Player.pause,
    s.Notify: Player.notify,
    s.Let: Player.let,
    s.Fail: Player.fail,
    s.SetSession: Player.set_session,
    s.Operator: Player.operator,
    s.Repeat: Player.repeat,
    s.Break: Player.leave,
}


def _cut(data: bytes, pieces: s.Pieces | None) -> list[bytes]:
    """A message in the pieces in which it is to be sent."""
    if pieces is None:
        return [data]
    if pieces.at:
        return [part for part in (data[: pieces.at], data[pieces.at :]) if part]
    if pieces.size:
        places = range(0, len(data), pieces.size)
        return [data[place : place + pieces.size] for place in places]
    separator = SOH.encode()
    return [part + separator for part in data.removesuffix(separator).split(separator)]
