"""Sources of commands: the keyboard, a pipe, a script."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from fixgw.client import commands as language
from fixgw.client.commands import Command, LanguageError
from fixgw.client.connection import Connection
from fixgw.client.orders import OrderView
from fixgw.client.runner import Runner


class _Words(Completer):
    """Completes the command words, and order IDs where one is wanted."""

    def __init__(self, view: OrderView) -> None:
        self._view = view

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        before = document.text_before_cursor.split(" ")
        words: Iterable[str] = ()
        if len(before) == 1:
            words = language.RULES
        elif len(before) == 2 and before[0] in ("cancel", "replace"):
            words = ["last", *(order.cl_ord_id for order in self._view.live())]
        elif len(before) == 2 and before[0] == "wait":
            words = ("fill", "cancelled")
        for word in words:
            if word.startswith(before[-1]):
                yield Completion(word, -len(before[-1]))


async def _or_over(connection: Connection, line: Coroutine[Any, Any, str]) -> str:
    """The line once it is there; ``quit`` when the session ends before."""
    asking = asyncio.create_task(line)
    over = asyncio.create_task(connection.over())
    try:
        await asyncio.wait({asking, over}, return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else "quit"
    finally:
        asking.cancel()
        over.cancel()
        await asyncio.wait({asking, over})  # the prompt puts the terminal right


async def typed(runner: Runner, store: Path) -> None:
    """Commands from the keyboard until ``quit``, Ctrl-D or the end of the session."""
    terminal, connection = runner.terminal, runner.connection
    settings = connection.session.settings
    prompt: PromptSession[str] = PromptSession(
        history=FileHistory(str(store / "history")), completer=_Words(terminal.view)
    )

    async def ask() -> str:
        # Caught here: a task does not carry a KeyboardInterrupt to who awaits it.
        try:
            return await prompt.prompt_async(f"{settings.sender}> ")
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return "quit"

    where = f"{settings.target} at {settings.host}:{settings.port}"
    terminal.write(
        f"Logged on to {where}. Try: buy 100 ACME @ 10.00   (or: help, quit)"
    )
    with patch_stdout(raw=True):
        while not runner.over:
            try:
                command = language.parse(await _or_over(connection, ask()))
            except LanguageError as error:
                terminal.write(error.explained())
                continue
            if command == language.QUIT:
                return
            if command is not None:
                await runner.do(command)


async def piped(runner: Runner) -> None:
    """Commands from a pipe or a file, as they come; the first bad line ends it."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(RuntimeError):  # the loop has closed: nobody listens any more
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, "quit")

    # A thread, and one that nobody waits for: a regular file cannot be polled.
    threading.Thread(target=read, daemon=True).start()
    while not runner.over:
        for command in language.parse_script(
            await _or_over(runner.connection, lines.get())
        ):
            if command == language.QUIT:
                return
            await runner.do(command)


async def scripted(runner: Runner, script: list[Command]) -> None:
    """Commands that are all there already, until ``quit`` or the end of the session."""
    for command in script:
        if runner.over or command == language.QUIT:
            return
        await runner.do(command)
