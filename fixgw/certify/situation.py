"""What a dialogue is played with: limits, the other side, the operator's commands."""

from __future__ import annotations

import asyncio
import shlex
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fixgw.certify.compare import Mode
from fixgw.certify.door import Door
from fixgw.certify.steps import Accept, Connect, Listen, Operator, SetSession, Step

WAIT_S = {Mode.STRICT: 40.0, Mode.RELAXED: 10.0}
"""How long a message is waited for: the public runners wait for ever and for 10 s, the
longest HeartBtInt(108) of their dialogues is 30 s."""

CLOSE_S = 10.0
"""How long the peer has to close."""

OPERATOR_S = 30.0
"""How long an operator's command may take."""

DIALOGUE_S = 300.0
"""How long a dialogue may take in all."""

OUTPUT_CHARS_MAX = 300
"""Of the output of a failed command that a report quotes."""


class CommandFailed(Exception):
    """An operator's command did not do what it was told."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The same for all dialogues of a run."""

    host: str
    port: int
    mode: Mode = Mode.RELAXED
    wait_s: float | None = None
    """Instead of the limit of the mode."""
    dialogue_s: float = DIALOGUE_S
    connect_s: float = 60.0
    """How long a client has to connect, in server mode."""
    operator_command: str = ""
    set_session_command: str = ""
    """With {begin_string}, {server}, {client}, {counter}, {value} and {command}."""
    door: Door | None = None
    """In server mode: where clients come in."""
    tls: ssl.SSLContext | None = None
    tls_name: str | None = None
    notify: Callable[[str], None] = lambda text: None
    """Tells whoever looks on."""
    shared: dict[str, str] = field(default_factory=dict)
    """Values that outlive a dialogue: those whose names begin with ``run_``."""

    def lacks(self, steps: Iterable[Step]) -> str:
        """What a dialogue needs that this run does not have; empty if nothing."""
        for step in steps:
            match step:
                case Accept() | Listen() if self.door is None:
                    return "it plays the server: --server"
                case Connect() if self.door is not None:
                    return "it plays the client: without --server"
                case Operator() if not self.operator_command:
                    return "--operator-command"
                case SetSession() if not self.set_session_command:
                    return "--set-session-command"
        return ""

    async def operator(self, words: str) -> str:
        """Run the operator's command. Raises CommandFailed."""
        return await _run(shlex.split(self.operator_command) + shlex.split(words))

    async def set_session(self, step: SetSession) -> str:
        """Set a counter of the acceptor. Raises CommandFailed."""
        begin_string, _, ids = step.session.partition(":")
        server, _, client = ids.partition("->")
        is_out = step.counter == "NEXTSENDERSEQNUM"
        values = {
            "begin_string": begin_string,
            "server": server,
            "client": client,
            "counter": step.counter,
            "value": str(step.value),
            "command": "set-next-out" if is_out else "set-next-in",
        }
        words = []
        for word in shlex.split(self.set_session_command):
            for name, value in values.items():
                word = word.replace(f"{{{name}}}", value)
            words.append(word)
        return await _run(words)


async def _run(words: list[str]) -> str:
    """Run a command; its output. Raises CommandFailed."""
    shown = shlex.join(words)
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise CommandFailed(f"{shown}: {error.strerror}") from error
    try:
        async with asyncio.timeout(OPERATOR_S):
            output, _ = await process.communicate()
    except TimeoutError as error:
        raise CommandFailed(f"{shown}: not done after {OPERATOR_S:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode("utf-8", "replace").strip()
    if process.returncode:
        said = text[-OUTPUT_CHARS_MAX:]
        raise CommandFailed(f"{shown} ended with code {process.returncode}: {said}")
    return text
