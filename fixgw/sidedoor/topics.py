"""Who is told when something has changed: the streams that a change concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from fixgw.sidedoor.private import Item
from fixgw.sidedoor.private import PrivateStream as Account
from fixgw.sidedoor.streams import PrivateStream, PrivateText, Stream, encode

PAGE_ORDERS = 500
"""Orders in one message of a snapshot: about 250 KB, below what clients accept."""


class Topic:
    """The streams that something concerns, told at a bounded pace."""

    __slots__ = ("_due_s", "_loop", "_pace_s_per_reader", "_timer", "streams")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pace_s_per_reader: float
    ) -> None:
        self.streams: dict[Stream, None] = {}
        self._loop = loop
        self._pace_s_per_reader = pace_s_per_reader
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """There is something new."""
        if self._timer is not None:
            return
        if self._loop.time() >= self._due_s:
            self._tell()
        else:
            self._timer = self._loop.call_at(self._due_s, self._tell)

    def close(self) -> None:
        """Nobody is left."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        pace_s = self._pace_s_per_reader * len(self.streams)
        self._due_s = self._loop.time() + pace_s
        for stream in self.streams:
            stream.peer.ready(stream)


class AccountTopic:
    """The connections that follow one account."""

    def __init__(self, account: Account) -> None:
        self.streams: dict[PrivateStream, None] = {}
        self.account = account
        self._detach = account.attach(self._grown)

    def close(self) -> None:
        """Nobody is left."""
        self._detach()

    def _grown(self, items: Sequence[Item]) -> None:
        texts = [PrivateText(item) for item in items]
        for stream in self.streams:
            stream.add(texts)
            stream.peer.ready(stream)


def beginning(account: Account, epoch: str | None, after_seq: int) -> Iterable[str]:
    """The first messages of a private subscription."""
    items = None if epoch is None else account.resume(epoch, after_seq)
    if items is not None:
        head = {"type": "resumed", "epoch": account.epoch, "seq": after_seq}
        yield encode({"channel": "private", **head})
        for item in items:
            yield encode({"channel": "private", **item.body})
        return
    whole = account.snapshot()
    orders = whole["orders"]
    for start in range(0, len(orders) or 1, PAGE_ORDERS):
        page = orders[start : start + PAGE_ORDERS]
        more = start + PAGE_ORDERS < len(orders)
        part = whole | {"orders": page, "positions": [], "more": more}
        if not more:
            part["positions"] = whole["positions"]
        yield encode({"channel": "private", "type": "snapshot", **part})
