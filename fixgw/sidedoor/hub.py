"""The hub of the streams: who is connected, who hears of what, and when.

The market tells the hub what was published, the hub marks the streams that have
something new, and each connection's own task pulls and sends (see
:mod:`fixgw.sidedoor.peer`). Two tasks do what depends on time: tickers, heartbeats,
idle and stalled connections in one; revoked keys, which may have to be asked for, in
the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fixgw.sidedoor.closing import CloseCode, Cut
from fixgw.sidedoor.guard import Caller, Guard
from fixgw.sidedoor.limits import address_owner
from fixgw.sidedoor.listing import Listing
from fixgw.sidedoor.market import Changed, Market
from fixgw.sidedoor.peer import Peer, StreamKey
from fixgw.sidedoor.private import PrivateStreams
from fixgw.sidedoor.streams import (
    Board,
    BoardStream,
    BookStream,
    PrivateStream,
    Stream,
    TradeStream,
    encode,
)
from fixgw.sidedoor.topics import AccountTopic, Topic, beginning

TICK_S = 0.25
"""Tickers change at most so often: faster than anybody can read them."""

TICKS_PER_HEARTBEAT = 4

KEY_CHECK_S = 1.0
"""How often the keys of open connections are looked at."""

NS_PER_MINUTE = 60_000_000_000

SHUTDOWN_S = 1.0
"""How long connections may take to get the notice before they are closed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubLimits:
    """What one side door bears, and how patient it is."""

    connections: int = 1_000
    """About 150 KB each with their buffers."""
    connections_per_address: int = 100
    """An office behind one address. Behind a proxy all connections count as its own,
    so it must limit them itself."""
    subscriptions: int = 500
    """Per connection: every instrument of a page, and some books."""
    idle_s: float = 30.0
    stall_s: float = 10.0
    """So long a message may wait for room. A reader that is merely slow makes room."""
    pace_s_per_reader: float = 0.0001
    """Books and trades of one instrument are told at most once in so much time per
    reader of it: at once to a few, every 0.1 s to a thousand. So one busy instrument
    never takes all of a processor; what happens meanwhile is gathered."""


class Hub:
    """All connections of one side door. Belongs to one event loop.

    ``clock`` gives nanoseconds since the epoch.
    """

    def __init__(
        self,
        market: Market,
        private: PrivateStreams,
        guard: Guard,
        clock: Callable[[], int],
        limits: HubLimits | None = None,
    ) -> None:
        self.limits = limits or HubLimits()
        self.cuts: Counter[str] = Counter()
        """Connections that were ended, by name of the close code."""
        self.connections_made = 0
        self.messages_sent = 0
        self.closing = False
        self.market = market
        self._private = private
        self._guard = guard
        self._clock = clock
        self._peers: dict[int, Peer] = {}
        self._per_address: Counter[str] = Counter()
        self._topics: dict[tuple[str, str, int], Topic] = {}
        self._accounts: dict[int, AccountTopic] = {}
        self._boards: dict[StreamKey, Board] = {}
        self._ticks = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        market.watch(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop it belongs to."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._peers)

    @property
    def subscriptions(self) -> int:
        """How many streams all connections have."""
        return sum(len(peer.streams) for peer in self._peers.values())

    # -- connections -------------------------------------------------------------------

    def admit(self, address: str) -> Peer:
        """A new connection from a client address. Raises Cut above the limits."""
        owner = address_owner(address)
        if self.closing:
            raise Cut(CloseCode.GOING_AWAY)
        if len(self._peers) >= self.limits.connections:
            raise Cut(CloseCode.CONNECTION_LIMIT)
        if self._per_address[owner] >= self.limits.connections_per_address:
            raise Cut(CloseCode.ADDRESS_LIMIT)
        self.connections_made += 1
        peer = Peer(self.connections_made, owner, self.loop.time)
        self._peers[peer.number] = peer
        self._per_address[owner] += 1
        if not self._tasks:
            self._tasks = [
                self.loop.create_task(self._every(TICK_S, self._tick)),
                self.loop.create_task(self._every(KEY_CHECK_S, self._check_keys)),
            ]
        return peer

    def leave(self, peer: Peer) -> None:
        """The connection has ended."""
        if self._peers.pop(peer.number, None) is None:
            return
        for key in list(peer.streams):
            self.unsubscribe(peer, key)
        self._per_address[peer.address] -= 1
        if not self._per_address[peer.address]:
            del self._per_address[peer.address]

    async def close(self) -> None:
        """Tell everybody, end all connections with GOING_AWAY, take no new ones."""
        self.closing = True
        notice = {
            "type": "notice",
            "code": CloseCode.GOING_AWAY.name,
            "message": "the side door is shutting down; connect again in a few seconds",
        }
        peers = list(self._peers.values())
        for peer in peers:
            peer.answer(notice)
        deadline = self.loop.time() + SHUTDOWN_S
        while any(not peer.drained for peer in peers):
            if self.loop.time() > deadline:
                break
            await asyncio.sleep(0.01)
        for peer in peers:
            peer.end(Cut(CloseCode.GOING_AWAY))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- subscriptions -----------------------------------------------------------------

    def subscribe_book(self, peer: Peer, listing: Listing, depth: int) -> None:
        """Books of that depth, from a snapshot on."""
        view = listing.view(depth)
        stream = BookStream(peer, listing, view)
        self._join(peer, ("book", listing.symbol), stream, depth)

    def subscribe_orders(self, peer: Peer, listing: Listing) -> None:
        """Single orders, from a snapshot on."""
        stream = BookStream(peer, listing, listing.orders_view())
        self._join(peer, ("orders", listing.symbol), stream)

    def subscribe_trades(self, peer: Peer, listing: Listing) -> None:
        """Trades, from a snapshot of the newest on."""
        listing.tape.readers += 1
        self._join(peer, ("trades", listing.symbol), TradeStream(peer, listing))

    def subscribe_board(self, peer: Peer, channel: str, listing: Listing) -> None:
        """The newest ticker, terms and status (``instruments``), or phase and what an
        auction would trade (``auction``)."""
        key = (channel, listing.symbol)
        board = self._boards.get(key)
        if board is None:
            board = self._boards[key] = Board(listing)
            self._write(channel, board)
        self._join(peer, key, BoardStream(peer, board))

    def subscribe_private(
        self, peer: Peer, account_key: int, epoch: str | None, after_seq: int
    ) -> None:
        """Orders and fills of an account: after ``after_seq``, or from a snapshot on if
        the epoch is another or too much has happened since."""
        key = ("private", "")
        self.unsubscribe(peer, key)
        topic = self._accounts.get(account_key)
        if topic is None:
            account = self._private.stream(account_key)
            topic = self._accounts[account_key] = AccountTopic(account)
        first = beginning(topic.account, epoch, after_seq)
        stream = PrivateStream(peer, account_key, first)
        topic.streams[stream] = None
        peer.streams[key] = stream
        peer.idle_since_s = None
        peer.ready(stream)

    def unsubscribe(self, peer: Peer, key: StreamKey) -> bool:
        """End a subscription; whether there was one."""
        stream = peer.streams.pop(key, None)
        if stream is None:
            return False
        peer.forget(stream)
        if not peer.streams:
            peer.idle_since_s = self.loop.time()
        if isinstance(stream, PrivateStream):
            self._leave_account(stream)
            return True
        if isinstance(stream, TradeStream):
            stream.listing.tape.readers -= 1
        channel, symbol = key
        depth = stream.view.depth if isinstance(stream, BookStream) else 0
        topic = self._topics[channel, symbol, depth]
        del topic.streams[stream]
        if not topic.streams:
            topic.close()
            del self._topics[channel, symbol, depth]
            self._boards.pop(key, None)
            if isinstance(stream, BookStream):
                del stream.listing.views[depth]
        return True

    def _join(self, peer: Peer, key: StreamKey, stream: Stream, depth: int = 0) -> None:
        """The stream begins; one of the same channel and symbol ends."""
        place = (*key, depth)
        topic = self._topics.get(place)
        if topic is None:
            pace_s = self.limits.pace_s_per_reader
            topic = self._topics[place] = Topic(self.loop, pace_s)
        # In before the old one is out: what both share stays.
        topic.streams[stream] = None
        self.unsubscribe(peer, key)
        peer.streams[key] = stream
        peer.idle_since_s = None
        peer.ready(stream)

    def _leave_account(self, stream: PrivateStream) -> None:
        topic = self._accounts[stream.account_key]
        del topic.streams[stream]
        if not topic.streams:
            topic.close()
            del self._accounts[stream.account_key]

    # -- what the market says ----------------------------------------------------------

    def on_market(self, changes: list[Changed]) -> None:
        """See :class:`fixgw.sidedoor.market.Watcher`."""
        for change in changes:
            symbol = change.listing.symbol
            for view in change.views:
                topic = self._topics.get((view.channel, symbol, view.depth))
                if topic is not None:
                    topic.changed()
            if change.trades:
                topic = self._topics.get(("trades", symbol, 0))
                if topic is not None:
                    topic.changed()
            board = self._boards.get(("auction", symbol)) if change.status else None
            if board is not None:
                self._write("auction", board)
                self._topics["auction", symbol, 0].changed()

    def on_terms(self, listings: list[Listing]) -> None:
        """See :class:`fixgw.sidedoor.market.Watcher`."""
        for listing in listings:
            board = self._boards.get(("instruments", listing.symbol))
            if board is not None:
                self._write("instruments", board)
        # A shard that has come up lets all streams of its symbols begin.
        symbols = {listing.symbol for listing in listings}
        for (_, symbol, _), topic in self._topics.items():
            if symbol in symbols:
                topic.changed()

    def _write(self, channel: str, board: Board) -> None:
        """A new state of a ticker or of an instrument."""
        listing = board.listing
        message: dict[str, Any] = {"channel": channel, "type": "state"}
        if channel == "ticker":
            now_ns = self.market.shards[listing.shard].time_ns
            board.stamp = (listing.version, now_ns // NS_PER_MINUTE)
            message |= listing.ticker(now_ns)
        elif channel == "auction":
            message |= listing.auction()
        else:
            message |= listing.shown()
        board.write(message)

    # -- time --------------------------------------------------------------------------

    async def _every(
        self, seconds: float, action: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await action()
            except Exception:
                log.exception("a duty of the streams failed")

    async def _tick(self) -> None:
        self._ticks += 1
        self._tell_tickers()
        if self._ticks % TICKS_PER_HEARTBEAT == 0:
            self._beat()
            self._check_patience()

    def _tell_tickers(self) -> None:
        for (channel, symbol), board in self._boards.items():
            if channel != "ticker":
                continue
            listing = board.listing
            now_ns = self.market.shards[listing.shard].time_ns
            if board.stamp != (listing.version, now_ns // NS_PER_MINUTE):
                self._write(channel, board)
                self._topics[channel, symbol, 0].changed()

    def _beat(self) -> None:
        """Everybody hears that the exchange lives, and how far it is."""
        message: dict[str, Any] = {
            "type": "heartbeat",
            "time_ns": self._clock(),
            "shards": [
                {
                    "shard": number,
                    "available": position.up,
                    "seq": position.seq,
                    "time_ns": position.time_ns,
                }
                for number, position in sorted(self.market.shards.items())
            ],
        }
        text = encode(message)
        texts: dict[Stream, str] = {}
        for topic in self._accounts.values():
            private = {"epoch": topic.account.epoch, "seq": topic.account.seq}
            own = encode(message | {"private": private})
            texts |= dict.fromkeys(topic.streams, own)
        for peer in self._peers.values():
            stream = peer.streams.get(("private", ""))
            peer.beat(text if stream is None else texts[stream])

    def _check_patience(self) -> None:
        now_s = self.loop.time()
        for peer in self._peers.values():
            if peer.stalled_s() > self.limits.stall_s:
                peer.end(Cut(CloseCode.SLOW_READER))
            elif (
                peer.idle_since_s is not None
                and now_s - peer.idle_since_s > self.limits.idle_s
            ):
                peer.end(Cut(CloseCode.IDLE))

    async def _check_keys(self) -> None:
        """Who was let in by a key stays as long as the key does."""
        callers: dict[Caller, list[Peer]] = {}
        for peer in self._peers.values():
            if peer.caller is not None:
                callers.setdefault(peer.caller, []).append(peer)
        for caller, peers in callers.items():
            if not await self._guard.still_valid(caller):
                for peer in peers:
                    peer.end(Cut(CloseCode.KEY_REVOKED))
