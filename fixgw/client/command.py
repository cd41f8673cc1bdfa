"""``fixgw client``: a FIX session at the keyboard, in a pipe, or in one line.

The shell around the other modules: options, where commands come from, what happens on
each, and the exit code. Commands from a script or a pipe wait for the answer of each
order before the next; at the keyboard the prompt is back at once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from fixgw.client import commands as language
from fixgw.client.commands import Cancel, Command, LanguageError, Message, Replace
from fixgw.client.connection import (
    Connection,
    LogonFailed,
    Saved,
    Settings,
    log_on,
)
from fixgw.client.display import Display, Names, NoNames, OrderView, orders_table
from fixgw.dictionary import load

EXIT_OK, EXIT_REJECTED, EXIT_USAGE, EXIT_NO_SESSION = 0, 1, 2, 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_DICTIONARY = Path(__file__).parents[2] / "spec" / "FIX44.xml"
_WIDTH_UNKNOWN = 88
_PAGE = f"""\b
Commands:
{language.help_text()}

\b
Exit codes:
  0  all went well
  1  an order was rejected, or a wait ran out of time
  2  the command line or a command was not understood
  3  there was no session, or it was lost
"""


class Terminal:
    """The application of the session: writes messages down and keeps the orders."""

    def __init__(self, display: Display, view: OrderView) -> None:
        self.display, self.view = display, view
        self.signs_of_life: set[str] = set()  # TestReqIDs that came back

    def write(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def notice(self, text: str) -> None:
        self.write(self.display.style(f"! {text}", "bold"))

    def problem(self, text: str) -> None:
        self.write(self.display.style(f"! {text}", "bad"))

    def show(self, message: Message, *, outgoing: bool, note: str = "") -> None:
        if message.type == "0" and not outgoing:
            self.signs_of_life.add(message.get(112))
        if self.display.colour:
            self.display.width = shutil.get_terminal_size().columns
        now = datetime.now(UTC)
        text = self.display.message(message, now, outgoing=outgoing, note=note)
        if text:
            self.write(text)

    def sent(self, message: Message, number: int) -> None:
        self.view.sent(message, number)

    def received(self, message: Message) -> None:
        self.view.received(message)

    def to_save(self) -> list[dict[str, str]]:
        return self.view.to_save()


class Runner:
    """Does one command after the other on an established session."""

    def __init__(
        self,
        connection: Connection,
        terminal: Terminal,
        saved: Saved,
        *,
        patience_s: float,
        attended: bool,
    ) -> None:
        self.connection, self.terminal, self.saved = connection, terminal, saved
        self.patience_s, self.attended = patience_s, attended
        self.failed = False

    @property
    def over(self) -> bool:
        return self.connection.ended

    async def do(self, command: Command) -> None:
        try:
            await self._do(command)
        except language.CannotSend as error:
            self._fail(str(error))

    async def _do(self, command: Command) -> None:
        match command:
            case language.NewOrder() | Cancel() | Replace() | language.Raw():
                number = self.connection.session.send(*self._body(command).fields)
                newest = self.terminal.view.newest
                if not self.attended and newest and newest.number == number:
                    await self._wait(language.Wait())
            case language.Wait():
                await self._wait(command)
            case language.Sleep(seconds):
                await self.connection.until(lambda: False, seconds)
            case language.Resend(begin, end):
                body = ((35, "2"), (7, str(begin)), (16, str(end)))
                self.connection.session.send(*body)
            case language.Word("orders"):
                live = self.terminal.view.live()
                self.terminal.write(orders_table(live, self.terminal.display.names))
            case language.Word("test"):
                await self._test()
            case language.Word("help"):
                self.terminal.write(language.help_text())

    def _body(self, command: Command) -> Message:
        now = f"{datetime.now(UTC):%Y%m%d-%H:%M:%S.%f}"[:-3]
        view = self.terminal.view
        match command:
            case language.NewOrder():
                cl_ord_id = command.cl_ord_id or self._cl_ord_id()
                return language.order_body(command, cl_ord_id, now)
            case Cancel(named):
                return language.cancel_body(view.find(named), self._cl_ord_id(), now)
            case Replace(named):
                order = view.find(named)
                return language.replace_body(order, command, self._cl_ord_id(), now)
            case language.Raw(fields):
                return Message(fields)
            case _:
                raise AssertionError(f"{command} is not about an order")

    def _cl_ord_id(self) -> str:
        """The next of BUYER-1, BUYER-2, ...; the session saves the count on sending."""
        sender, view = self.connection.session.settings.sender, self.terminal.view
        while True:
            cl_ord_id = f"{sender}-{self.saved.next_order}"
            self.saved.next_order += 1
            if cl_ord_id not in view.orders and cl_ord_id not in view.requests:
                return cl_ord_id

    async def _wait(self, command: language.Wait) -> None:
        view = self.terminal.view
        seconds = self.patience_s if command.seconds is None else command.seconds
        if command.what != "answer":
            return await self._wait_for_order(command.what, seconds)
        if (request := view.newest) is None:
            raise language.CannotSend("no order was sent yet, nothing to wait for")
        if not await self.connection.until(lambda: bool(request.answer), seconds):
            self._late(f"no answer to {request.cl_ord_id}", seconds)
        return None

    async def _wait_for_order(self, what: str, seconds: float) -> None:
        if (order := self.terminal.view.current) is None:
            raise language.CannotSend("there is no order yet, nothing to wait for")

        def happened() -> bool:
            return order.traded if what == "fill" else order.cancelled

        await self.connection.until(lambda: happened() or not order.live, seconds)
        if happened():
            return
        missing = "fill" if what == "fill" else "end"
        if order.live:
            self._late(f"no {missing} of {order.cl_ord_id}", seconds)
        else:
            wanted = "filled" if what == "fill" else what
            self._fail(f"{order.cl_ord_id} is done and was never {wanted}")

    async def _test(self) -> None:
        """A script asks twice: a GapFill that crosses the first can swallow it."""
        for _ in range(1 if self.attended else 2):
            name = f"TEST-{self.saved.next_out}"
            self.connection.session.send((35, "1"), (112, name))
            if self.attended or await self._sign_of_life(name):
                return
        self._late("no sign of life", self.patience_s)

    async def _sign_of_life(self, name: str) -> bool:
        seen = self.terminal.signs_of_life
        return await self.connection.until(lambda: name in seen, self.patience_s / 2)

    def _late(self, what: str, seconds: float) -> None:
        if not self.over:  # the end of the session is told elsewhere
            self._fail(f"{what} within {seconds:g} s")

    def _fail(self, text: str) -> None:
        self.failed = True
        self.terminal.problem(text)


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


async def _typed(runner: Runner, store: Path) -> None:
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


async def _piped(runner: Runner) -> None:
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


async def _scripted(runner: Runner, script: list[Command]) -> None:
    for command in script:
        if runner.over or command == language.QUIT:
            return
        await runner.do(command)


async def _run(
    settings: Settings,
    saved: Saved,
    display: Display,
    script: list[Command] | None,
    patience_s: float,
) -> int:
    """One login from Logon to Logout; returns the exit code."""
    terminal = Terminal(display, OrderView(saved.orders))
    connection = await log_on(settings, saved, terminal)
    session = connection.session
    attended = script is None and sys.stdin.isatty()
    runner = Runner(
        connection, terminal, saved, patience_s=patience_s, attended=attended
    )
    try:
        # What happened while we were away comes before what we do now.
        await connection.until(lambda: not session.catching_up, patience_s)
        if script is not None:
            await _scripted(runner, script)
        elif attended:
            await _typed(runner, saved.path.parent)
        else:
            await _piped(runner)
    finally:
        await connection.logout()
    if not session.clean:
        terminal.problem(session.reason)
        return EXIT_NO_SESSION
    failed = runner.failed or terminal.view.rejected
    return EXIT_REJECTED if failed and not attended else EXIT_OK


def _names() -> Names:
    """The FIX 4.4 dictionary of the exchange; numbers alone where it is missing."""
    try:
        return load(_DICTIONARY.read_text("utf-8"), "FIX44")
    except OSError:
        return NoNames()


def _display(verbose: bool, raw: bool) -> Display:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((_WIDTH_UNKNOWN, 24)).columns
    return Display(_names(), width, colour, verbose, raw)


@click.command("client", epilog=_PAGE)
@click.argument("sender", metavar="NAME")
@click.option(
    "--target",
    default="EXCHANGE",
    show_default=True,
    metavar="NAME",
    help="TargetCompID(56).",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens."
)
@click.option("--port", default=9876, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--store",
    default="data/client",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keeps sequence numbers, orders and the history of the prompt.",
)
@click.option(
    "--reset",
    is_flag=True,
    help="Begin both sequence numbers at 1 (ResetSeqNumFlag=Y).",
)
@click.option(
    "--heartbeat",
    default=30,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(0, 3600),
    help="HeartBtInt(108).",
)
@click.option("--username", default="", help="With a password; NAME if left out.")
@click.option(
    "--password",
    default="",
    envvar="FIXGW_PASSWORD",
    show_envvar=True,
    help="Better in the environment than on the command line.",
)
@click.option("--script", metavar="TEXT", help="Do these commands, log out and leave.")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long a script waits for an answer.",
)
@click.option("--verbose", is_flag=True, help="Also headers and heartbeats.")
@click.option("--raw", is_flag=True, help="Also each message as tag=value|.")
def client(
    sender: str,
    target: str,
    host: str,
    port: int,
    store: Path,
    reset: bool,
    heartbeat: int,
    username: str,
    password: str,
    script: str | None,
    timeout: float,
    verbose: bool,
    raw: bool,
) -> None:
    """Try the exchange by hand: log on as NAME and trade over FIX 4.4.

    Commands come from the keyboard, from a pipe (one to a line), or from --script,
    where a semicolon or a new line ends each.
    """
    settings = Settings(
        sender=sender,
        target=target,
        host=host,
        port=port,
        heartbeat_s=heartbeat,
        username=username,
        password=password,
        reset=reset,
    )
    code = _main(settings, store, _display(verbose, raw), script, timeout)
    click.get_current_context().exit(code)


def _main(
    settings: Settings,
    store: Path,
    display: Display,
    script: str | None,
    patience_s: float,
) -> int:
    try:
        # All of the script is understood before the first message goes out.
        commands = None if script is None else language.parse_script(script)
        saved = Saved.open(store, settings.sender, settings.target)
        try:
            return asyncio.run(_run(settings, saved, display, commands, patience_s))
        finally:
            saved.close()
    except LanguageError as error:
        click.echo(error.explained(), err=True)
        return EXIT_USAGE
    except LogonFailed as error:
        click.echo(f"fixgw client: {error}", err=True)
        return EXIT_NO_SESSION
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
