"""All events of the shards from the first on, each once, for who projects from them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.host.frames import RECORDS_PER_FRAME_MAX
from engine.records import EVENT_BYTES

log = logging.getLogger(__name__)

SETTLE_S = 0.05
"""A full frame may be the middle of a command. When nothing follows it for so long, it
was the end of one. A shard writes the frames of a command all at once, and a timer that
is due waits for what can be read already: only a shard that dies in the middle of its
writing leaves a command half told, and then its frames come again from the first that
is missing."""


class EventTap:
    """The sink of links: an ``EventSink`` (see :mod:`fixgw.net.links`).

    ``take`` gets a shard, packed events that follow those before, and whether they end
    with a whole command. Not whole: what is published should wait for more; it may be
    called with no events, to say that none follow. ``on_failed`` is called once when it
    raises; nothing more is handed out then.
    """

    def __init__(
        self,
        take: Callable[[int, bytes, bool], None],
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self.failed = False
        self._take = take
        self._on_failed = on_failed
        self._taken: dict[int, int] = {}
        self._unsettled: dict[int, asyncio.TimerHandle] = {}

    def taken(self, shard: int) -> int:
        """The last event of ``shard`` that was handed out."""
        return self._taken.get(shard, 0)

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        """Events numbered from ``first``; those that were given before are skipped."""
        taken = self.taken(shard)
        if first > taken + 1:
            raise ValueError(f"shard {shard}: event {first} after {taken}")
        known = taken + 1 - first
        if known >= count:
            return
        self._taken[shard] = first + count - 1
        whole = count != RECORDS_PER_FRAME_MAX
        self._settle_later(shard, whole)
        self._hand_out(shard, events[known * EVENT_BYTES :], whole)

    def close(self) -> None:
        """No timer is left."""
        for waiting in self._unsettled.values():
            waiting.cancel()
        self._unsettled.clear()

    def _hand_out(self, shard: int, events: bytes, whole: bool) -> None:
        if self.failed:
            return
        try:
            self._take(shard, events, whole)
        except Exception as error:
            self.failed = True
            log.critical(
                "shard %d: the projection of its events failed at or before event %d",
                shard,
                self._taken[shard],
                exc_info=error,
            )
            self._on_failed(error)

    def _settle_later(self, shard: int, whole: bool) -> None:
        waiting = self._unsettled.pop(shard, None)
        if waiting is not None:
            waiting.cancel()
        if not whole:
            self._unsettled[shard] = asyncio.get_running_loop().call_later(
                SETTLE_S, self._settle, shard
            )

    def _settle(self, shard: int) -> None:
        self._unsettled.pop(shard, None)
        self._hand_out(shard, b"", True)
