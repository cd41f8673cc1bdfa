"""The private streams: what happens to the orders of an account, numbered and kept.

A stream begins when somebody first subscribes to it. Its items are numbered densely
from 1 within an *epoch*, a random word that is another one after a restart of the side
door; so a subscriber that knows epoch and number can go on where it was, or learns that
it cannot. Nothing is ever left out of a stream: who is too far behind gets a snapshot.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from fixgw.sidedoor.account import Change
from fixgw.sidedoor.accounts import Accounts

ITEMS_KEPT = 1_000
"""Items of one account that can be resumed: about 1 MB. At the default limit of 50
orders a second an account at full speed may be away for ten seconds."""

STREAMS_MAX = 1_000
"""Streams kept; above this the one longest without a subscriber is forgotten."""

EPOCH_BYTES = 6


class Item(NamedTuple):
    """One item: ``body`` is JSON-ready and holds ``seq``."""

    seq: int
    body: dict[str, Any]


class Listener(Protocol):
    """Who wants to be told that a stream has grown."""

    def __call__(self, items: Sequence[Item]) -> None:
        """These items are new, in order."""


class PrivateStream:
    """The stream of one account."""

    def __init__(self, accounts: Accounts, key: int) -> None:
        self.epoch = secrets.token_hex(EPOCH_BYTES)
        self.seq = 0
        """Number of the last item; 0: none yet."""
        self._accounts = accounts
        self._key = key
        self._items: deque[Item] = deque(maxlen=ITEMS_KEPT)
        self._listeners: list[Listener] = []

    @property
    def listened_to(self) -> bool:
        """Whether anybody is subscribed."""
        return bool(self._listeners)

    def attach(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of all later items; call what is returned to end it."""
        self._listeners.append(listener)

        def detach() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return detach

    def resume(self, epoch: str, after_seq: int) -> list[Item] | None:
        """The items after ``after_seq``; None when they cannot all be given.

        That is so after a restart (another epoch), for a number not yet given out, and
        when more than :data:`ITEMS_KEPT` followed.
        """
        if epoch != self.epoch or not 0 <= after_seq <= self.seq:
            return None
        missing = self.seq - after_seq
        if missing > len(self._items):
            return None
        return list(self._items)[len(self._items) - missing :]

    def snapshot(self) -> dict[str, Any]:
        """All open orders and positions as they are after item ``seq``."""
        return {
            "epoch": self.epoch,
            "seq": self.seq,
            "orders": [
                order.shown() for order in self._accounts.open_orders(self._key)
            ],
            "positions": [
                position.shown() for position in self._accounts.positions(self._key)
            ],
        }

    def add(self, changes: Sequence[Change]) -> None:
        """What happened, in order: becomes items and is told."""
        items = []
        for kind, shown in changes:
            self.seq += 1
            items.append(Item(self.seq, {"seq": self.seq, "type": kind, kind: shown}))
        self._items.extend(items)
        for listener in tuple(self._listeners):
            listener(items)


class PrivateStreams:
    """The streams of all accounts, by session key."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._streams: OrderedDict[int, PrivateStream] = OrderedDict()

    def stream(self, key: int) -> PrivateStream:
        """The stream of an account; it begins now if there is none yet."""
        stream = self._streams.get(key)
        if stream is None:
            self._forget_idle()
            stream = self._streams[key] = PrivateStream(self._accounts, key)
            self._accounts.subscribe(key, stream.add)
        self._streams.move_to_end(key)
        return stream

    def _forget_idle(self) -> None:
        if len(self._streams) < STREAMS_MAX:
            return
        for key, stream in self._streams.items():
            if not stream.listened_to:
                del self._streams[key]
                self._accounts.unsubscribe(key)
                return

    def __len__(self) -> int:
        return len(self._streams)
