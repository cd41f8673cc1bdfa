"""A scripted peer over real sockets, and how to play a script against it."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fixgw.certify.compare import Mode
from fixgw.certify.dialogue import Dialogue, Names, parse
from fixgw.certify.player import Player
from fixgw.certify.situation import Situation
from fixgw.certify.transcript import Result
from fixgw.certify.wire import fixify

SOH = "\x01"


def fix(text: str) -> bytes:
    """A message from ``8=FIX.4.4|35=0|…|``, with BodyLength(9) and CheckSum(10)."""
    return fixify(text.replace("|", SOH)).encode("latin-1")


class Line:
    """The peer's side of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer
        self.received = b""

    async def read(self, messages: int = 1) -> bytes:
        """So many messages; their bytes."""
        data = b""
        for _ in range(messages):
            data += await self.reader.readuntil(b"\x0110=")
            data += await self.reader.readuntil(b"\x01")
        self.received += data
        return data

    async def say(self, *texts: str) -> None:
        """Messages in the form that ``fix`` takes, in one write."""
        self.writer.write(b"".join(fix(text) for text in texts))
        await self.writer.drain()

    async def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Everything up to the end."""
        data = await self.reader.read()
        self.received += data
        return data


Behaviour = Callable[[Line], Awaitable[Any]]


@asynccontextmanager
async def acceptor(behaviour: Behaviour) -> Any:
    """A peer that does the same on each connection, then closes; gives its port."""
    tasks: list[asyncio.Task[None]] = []
    faults: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(Line(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except BaseException as error:
            faults.append(error)
        finally:
            writer.close()

    def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(came, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if faults and not isinstance(faults[0], asyncio.CancelledError):
            raise faults[0]


def dialogue(text: str, folder: Path = Path("."), name: str = "test") -> Dialogue:
    """The one dialogue of a script; it has no errors."""
    text = textwrap.dedent(text).lstrip("\n")
    found, errors = parse(text, folder / f"{name}.def", name, Names())
    assert not errors
    assert len(found) == 1
    return found[0]


def errors_of(text: str, folder: Path = Path(".")) -> list[tuple[int, str]]:
    """What is wrong with a script, by line."""
    text = textwrap.dedent(text).lstrip("\n")
    return parse(text, folder / "test.def", "test", Names())[1]


async def play(script: Dialogue, port: int, **changes: Any) -> Result:
    """Play a dialogue, with short waits."""
    changes.setdefault("mode", Mode.RELAXED)
    changes.setdefault("wait_s", 2.0)
    return await Player(script, Situation("127.0.0.1", port, **changes)).play()


def against(text: str, behaviour: Behaviour, **changes: Any) -> Result:
    """Play a script against a peer."""

    async def main() -> Result:
        async with acceptor(behaviour) as port:
            return await play(dialogue(text), port, **changes)

    return asyncio.run(main())
