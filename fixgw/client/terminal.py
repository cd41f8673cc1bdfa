"""The terminal: where messages and notices of a session are written down."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime

from fixgw.client.display import Display
from fixgw.client.message import Message
from fixgw.client.orders import OrderView


class Terminal:
    """The application of the session: writes messages down and keeps the orders."""

    def __init__(self, display: Display, view: OrderView) -> None:
        self.display, self.view = display, view
        self.signs_of_life: set[str] = set()  # TestReqIDs that came back

    def write(self, text: str) -> None:
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more (``| head``): the session still ends in order.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

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
