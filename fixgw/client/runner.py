"""The runner of commands: what happens on each, and whether it went well.

Commands from a script or a pipe wait for the answer of each order before the next; at
the keyboard the prompt is back at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fixgw.client import bodies
from fixgw.client import commands as language
from fixgw.client.commands import Cancel, Command, Replace
from fixgw.client.connection import Connection
from fixgw.client.display import orders_table
from fixgw.client.message import Message
from fixgw.client.orders import CannotSend
from fixgw.client.saved import Saved
from fixgw.client.terminal import Terminal


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
        except CannotSend as error:
            self._fail(str(error))

    async def _do(self, command: Command) -> None:
        match command:
            case (
                language.NewOrder()
                | Cancel()
                | Replace()
                | language.Status()
                | language.Everything()
                | language.Raw()
            ):
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

    def _body(self, command: language.About) -> Message:
        now = f"{datetime.now(UTC):%Y%m%d-%H:%M:%S.%f}"[:-3]
        view = self.terminal.view
        match command:
            case language.NewOrder():
                cl_ord_id = command.cl_ord_id or self._cl_ord_id()
                return bodies.order_body(command, cl_ord_id, now)
            case Cancel(named):
                return bodies.cancel_body(view.find(named), self._cl_ord_id(), now)
            case Replace(named):
                order = view.find(named)
                return bodies.replace_body(order, command, self._cl_ord_id(), now)
            case language.Status(named):
                return bodies.status_body(view.find(named))
            case language.Everything():
                return bodies.everything_body(command, self._cl_ord_id(), now)
            case language.Raw(fields):
                return Message(fields)

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
            raise CannotSend("no order was sent yet, nothing to wait for")
        if not await self.connection.until(lambda: bool(request.answer), seconds):
            self._late(f"no answer to {request.cl_ord_id}", seconds)
        return None

    async def _wait_for_order(self, what: str, seconds: float) -> None:
        if (order := self.terminal.view.current) is None:
            raise CannotSend("there is no order yet, nothing to wait for")

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
