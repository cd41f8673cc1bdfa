"""Market data in the gateway: links of its own to the shards, desks, and the way out.

A second link to each shard brings all its events from the first on, as to a side door:
the gateway's own link begins where its outbox ends, and a book cannot. Orders do not
wait for it. Until a shard's past is known its instruments are "still being loaded".
When events do not fit each other, market data ends until the gateway starts anew, and
orders go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fixgw.marketdata.desk import MarketDataDesk
from fixgw.marketdata.floor import Floor
from fixgw.marketdata.securities import SecuritiesDesk
from fixgw.marketdata.statuses import StatusDesk
from fixgw.net.eventtap import EventTap
from fixgw.net.gateway import Gateway
from fixgw.net.links import EventSink, ShardLink, SocketLink
from fixgw.orders.exchange import Desk
from fixgw.orders.routing import ShardMap
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session

log = logging.getLogger(__name__)

LINK_NUMBER = 2000
"""Above the gateway's own number: what its links for market data call themselves."""

UNREAD_BYTES_MAX = 512 * 1024
"""A client that has not read so much gets snapshots instead of increments, or from an
eighth of its SlowConsumerBytes on, if that is less."""

LinkMaker = Callable[[int, EventSink], ShardLink]


class MarketData:
    """The desks, and what feeds them; an attachment of the gateway.

    ``make_link`` makes a link to a shard, with the sink it feeds. ``on_loaded`` is
    called now and then while the past is read: what was made of it since lives long.
    """

    def __init__(
        self,
        gateway: Gateway,
        shards: ShardMap,
        make_link: LinkMaker,
        on_loaded: Callable[[], None] = lambda: None,
    ) -> None:
        self.links: Mapping[int, ShardLink] = {}
        self._make_link = make_link
        self._on_loaded = on_loaded
        self._loaded: dict[int, int] = {}
        """Shard -> events that were known when :attr:`_on_loaded` was called, until its
        past is known."""
        self._gateway = gateway
        self._given: dict[int, int] = {}
        self._told_due = False
        self._floor = Floor(shards, self)
        self._floor.is_level = self._is_level
        self._tap = EventTap(self._take, self._failed)
        self.projection = self._floor.projection
        self.market_data = MarketDataDesk(self._floor, self._wake)
        self._statuses = StatusDesk(self._floor, self._wake)
        self._securities = SecuritiesDesk(self._floor)
        gateway.attachments.append(self)
        gateway.timers.append(self._tick)

    @property
    def desks(self) -> Sequence[Desk]:
        """For the exchange."""
        return [self.market_data, self._statuses, self._securities]

    def start(self) -> None:
        """Begin to read all events of all shards."""
        self.links = {
            shard: self._make_link(shard, self._tap)
            for shard in range(self._floor.shards.count)
        }
        self._loaded = dict.fromkeys(self.links, 0)

    async def close(self) -> None:
        """End the links."""
        self._tap.close()
        for link in self.links.values():
            await link.close()

    # -- events ------------------------------------------------------------------------

    def _take(self, shard: int, events: bytes, whole: bool) -> None:
        self.projection.take_packed(shard, events)
        if whole:
            self.projection.settle(shard)

    def _failed(self, error: BaseException) -> None:
        log.critical("there is no market data until the gateway starts anew")
        self.market_data.give_up()

    def _is_level(self, shard: int) -> bool:
        link = self.links.get(shard)
        return link is not None and link.is_up and not self._tap.failed

    # -- turns -------------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._told_due:
            self._told_due = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._told_due = False
        self._given.clear()
        self.market_data.tell()
        self._statuses.tell()

    def _tick(self, now_ns: int) -> None:
        for shard, known in list(self._loaded.items()):
            taken = self._tap.taken(shard)
            if taken != known:
                self._loaded[shard] = taken
                self._on_loaded()
            if self._is_level(shard):
                del self._loaded[shard]
        self._given.clear()
        self.market_data.retry()
        self._statuses.tell()

    # -- for the desks -----------------------------------------------------------------

    def send(self, session: Session, msg_type: str, body: bytes, *, keep: bool) -> bool:
        """See :class:`fixgw.marketdata.floor.Outlet`."""
        gateway = self._gateway
        if not keep and not session.is_open:
            return False
        self._given[session.key] = self._given.get(session.key, 0) + len(body)
        try:
            return gateway.send(session.key, msg_type, body, gateway.clock(), keep=keep)
        except Exception as error:
            # That session ends; who shares its streams must not miss what it missed.
            gateway.session(session.key).fail(error)
            return False

    def has_room(self, session: Session) -> bool:
        """See :class:`fixgw.marketdata.floor.Outlet`."""
        connection = self._gateway.session(session.key).connection
        if connection is None or not session.is_open:
            return False
        unread_max = min(
            UNREAD_BYTES_MAX, session.settings.slow_consumer_bytes_max // 8
        )
        given = self._given.get(session.key, 0)
        return connection.unsent + given <= unread_max

    def cut(self, session: Session) -> None:
        """See :class:`fixgw.marketdata.floor.Outlet`."""
        connection = self._gateway.session(session.key).connection
        if connection is not None:
            connection.cut(DisconnectReason.SLOW_CONSUMER)


def over_sockets(number: int, sockets: Mapping[int, Path]) -> LinkMaker:
    """Links for gateway ``number`` to shards that are processes of their own."""

    def make(shard: int, sink: EventSink) -> ShardLink:
        return SocketLink(
            shard, sink, sockets[shard], LINK_NUMBER + number, "market data link"
        )

    return make
