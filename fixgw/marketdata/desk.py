"""The desk of MarketDataRequest(V): snapshots W, increments X, refusals Y.

A subscription is one stream: a snapshot W with the RptSeq(83) it is of, then every
increment after that, none twice and none left out. A client that reads too slowly is
not sent what it could not use any more: once it has room again it gets a fresh W, with
the trades it has missed, and increments from there. Nothing waits for it but those
trades, and they are bounded: beyond them its connection is cut like that of any slow
reader. Nobody else waits for it at all.

Nothing is written while events are taken: what they bring is gathered per channel, and
:meth:`MarketDataDesk.tell` writes it, once per turn of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fixgw.marketdata import checksum
from fixgw.marketdata.entries import (
    BID,
    OFFER,
    TRADE,
    Channel,
    Want,
    size_of,
    snapshot,
    standing,
)
from fixgw.marketdata.floor import (
    AGGRESSOR_VERSIONS,
    CONDITIONALLY_REQUIRED_FIELD_MISSING,
    Floor,
    dialect_of,
    text_field,
)
from fixgw.marketdata.projection import Increment, Market, Trade, TradeChange
from fixgw.marketdata.requests import (
    MarketDataRequest,
    Reason,
    Refused,
    Subscription,
    read_request,
)
from fixgw.session.session import Session
from fixgw.wire import Message

SNAPSHOT_ENTRIES_MAX = 20_000
"""Levels or orders in one W, about 1 MB: what is larger is to be asked for by depth."""

INCREMENT_ENTRIES_MAX = 2_000
"""Entries of one X. A snapshot takes its place where there are more."""

MISSED_TRADES_MAX = 1_000
"""Trades that wait for one slow reader of one instrument."""


@dataclass(slots=True, eq=False)
class _Listener:
    """One instrument of one subscription."""

    session: Session
    md_req_id: bytes
    once: bool
    """Only a snapshot is wanted."""
    full_refresh: bool
    seen: int = 0
    """RptSeq(83) of what it was sent last."""
    behind: bool = True
    """The next that it gets is a snapshot."""
    missed: list[Trade] = field(default_factory=list)
    """Trades, and changes of trades, that the next snapshot tells."""


@dataclass(slots=True, eq=False)
class _Stream:
    """All listeners of one instrument that want the same, and what is new for them."""

    channel: Channel
    listeners: dict[_Listener, None] = field(default_factory=dict)
    count: int = 0
    parts: list[bytes] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


class MarketDataDesk:
    """A :class:`fixgw.orders.exchange.Desk`. ``wake`` is called when there is something
    to :meth:`tell`."""

    message_types = frozenset({"V"})

    def __init__(self, floor: Floor, wake: Callable[[], None]) -> None:
        self._floor = floor
        self._wake = wake
        self._streams: dict[str, dict[Want, _Stream]] = {}
        self._fresh: dict[_Stream, None] = {}
        self._waiting: dict[_Listener, _Stream] = {}
        self._requests: dict[int, dict[bytes, list[tuple[_Listener, _Stream]]]] = {}
        floor.projection.watchers.append(self._take)

    @property
    def subscriptions(self) -> int:
        """Instruments that sessions are subscribed to, counted once for each."""
        return sum(map(self._count, self._requests))

    # -- sessions ----------------------------------------------------------------------

    def on_logon(self, session: Session) -> None:
        """It begins without subscriptions."""

    def on_logout(self, session: Session) -> None:
        """Its subscriptions end with its connection."""
        for md_req_id in list(self._requests.get(session.key, ())):
            self._end(session.key, md_req_id)

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """A request: a snapshot, or the reason why there is none."""
        try:
            aggressor = dialect_of(session) in AGGRESSOR_VERSIONS
            request = read_request(message, aggressor=aggressor)
            if request.subscription is Subscription.END:
                self._unsubscribe(session, request)
                return
            if not session.settings.market_data:
                text = "market data is not agreed for this session"
                raise Refused(text, Reason.NOT_PERMITTED)
            if self._floor.loading(request.symbols):
                self._floor.refuse_while_loading(session, message, now_ns)
                return
            self._subscribe(session, request)
        except Refused as refused:
            if refused.missing:
                code = CONDITIONALLY_REQUIRED_FIELD_MISSING
                session.business_reject(message, code, refused.text, now_ns)
            else:
                self._reject(session, message.get(262) or b"", refused)

    def _reject(self, session: Session, md_req_id: bytes, refused: Refused) -> None:
        body = b"262=%b\x01" % md_req_id
        if refused.reason is not None:
            body += b"281=%b\x01" % refused.reason.value
        self._floor.outlet.send(
            session, "Y", body + text_field(refused.text), keep=True
        )

    def give_up(self) -> None:
        """There is no more market data: all subscriptions end, and their clients are
        told."""
        text = "market data has ended, subscribe again later"
        for key, requests in list(self._requests.items()):
            for md_req_id, begun in list(requests.items()):
                session = begun[0][0].session
                self._end(key, md_req_id)
                self._reject(session, md_req_id, Refused(text))

    def _unsubscribe(self, session: Session, request: MarketDataRequest) -> None:
        if request.md_req_id not in self._requests.get(session.key, {}):
            raise Refused("MDReqID(262) names no subscription of this session")
        self._end(session.key, request.md_req_id)

    def _subscribe(self, session: Session, request: MarketDataRequest) -> None:
        own = self._requests.get(session.key, {})
        if request.md_req_id in own:
            text = "MDReqID(262) is that of a subscription already"
            raise Refused(text, Reason.DUPLICATE_MD_REQ_ID)
        markets = [self._market(symbol, request.want) for symbol in request.symbols]
        most = session.settings.market_data_subscriptions_max
        if self._count(session.key) + len(markets) > most:
            text = f"a session has at most {most} subscriptions to instruments"
            raise Refused(text, Reason.TOO_MUCH)
        once = request.subscription is Subscription.SNAPSHOT
        begun = []
        for market in markets:
            # Those who were there before get what happened before. The last of them
            # may be done with that, and their stream with them.
            self._tell(self._stream(market, request.want))
            stream = self._stream(market, request.want)
            listener = _Listener(session, request.md_req_id, once, request.full_refresh)
            if TRADE in request.want.types:
                last = market.last_trade, market.last_trade_change
                listener.missed += filter(None, last)
            stream.listeners[listener] = None
            begun.append((listener, stream))
        self._requests.setdefault(session.key, {})[request.md_req_id] = begun
        for listener, stream in tuple(begun):
            if listener in stream.listeners:
                self._refresh(listener, stream)

    def _market(self, symbol: str, want: Want) -> Market:
        market = self._floor.projection.markets.get(symbol)
        if market is None:
            text = f"Symbol(55)={symbol} is not traded here"
            raise Refused(text, Reason.UNKNOWN_SYMBOL)
        if size_of(market, want) > SNAPSHOT_ENTRIES_MAX:
            raise _too_large(symbol)
        return market

    def _count(self, key: int) -> int:
        return sum(map(len, self._requests.get(key, {}).values()))

    # -- streams -----------------------------------------------------------------------

    def _stream(self, market: Market, want: Want) -> _Stream:
        streams = self._streams.setdefault(market.symbol, {})
        stream = streams.get(want)
        if stream is None:
            stream = streams[want] = _Stream(Channel(market, want))
        return stream

    def _end(self, key: int, md_req_id: bytes) -> None:
        """The subscription ends, and what was only for it."""
        requests = self._requests[key]
        for listener, stream in requests.pop(md_req_id):
            self._leave(listener, stream)
        if not requests:
            del self._requests[key]

    def _leave(self, listener: _Listener, stream: _Stream) -> None:
        stream.listeners.pop(listener, None)
        self._waiting.pop(listener, None)
        if not stream.listeners:
            symbol, want = stream.channel.market.symbol, stream.channel.want
            streams = self._streams.get(symbol, {})
            if streams.get(want) is stream:
                del streams[want]
            if not streams:
                self._streams.pop(symbol, None)
            self._fresh.pop(stream, None)

    def _take(self, increment: Increment) -> None:
        """What one command changed, for all who listen."""
        for stream in self._streams.get(increment.market.symbol, {}).values():
            entries = stream.channel.advance(increment)
            if entries.count:
                stream.count += entries.count
                stream.parts.append(entries.data)
                if TRADE in stream.channel.want.types:
                    stream.trades += increment.trades
                self._fresh[stream] = None
        if self._fresh:
            self._wake()

    def tell(self) -> None:
        """Write what has happened since the last call."""
        while self._fresh:
            stream = next(iter(self._fresh))
            self._tell(stream)

    def retry(self) -> None:
        """Whoever was behind and has room again goes on. To be called now and then."""
        self.tell()
        for listener, stream in list(self._waiting.items()):
            if listener in self._waiting:
                self._refresh(listener, stream)

    def _tell(self, stream: _Stream) -> None:
        self._fresh.pop(stream, None)
        count, data = stream.count, b"".join(stream.parts)
        trades = stream.trades
        stream.count, stream.parts, stream.trades = 0, [], []
        if not count:
            return
        shared = b"268=%d\x01%b" % (count, data)
        too_long = count > INCREMENT_ENTRIES_MAX
        rpt_seq = stream.channel.market.rpt_seq
        for listener in list(stream.listeners):
            if listener.behind or listener.full_refresh or too_long:
                listener.missed += trades
                self._refresh(listener, stream)
                continue
            outlet, session = self._floor.outlet, listener.session
            body = b"262=%b\x01%b" % (listener.md_req_id, shared)
            if session.settings.market_data_checks:
                body += _checks(stream.channel, listener.seen)
            if outlet.has_room(session) and outlet.send(session, "X", body, keep=False):
                listener.seen = rpt_seq
            else:
                listener.missed += trades
                self._wait(listener, stream)

    def _wait(self, listener: _Listener, stream: _Stream) -> None:
        """It cannot be written to now: a snapshot as soon as it can."""
        listener.behind = True
        if len(listener.missed) > MISSED_TRADES_MAX:
            listener.missed.clear()
            self._floor.outlet.cut(listener.session)
        else:
            self._waiting[listener] = stream

    def _refresh(self, listener: _Listener, stream: _Stream) -> None:
        """A snapshot, as soon as it can be written."""
        outlet, session = self._floor.outlet, listener.session
        if not outlet.has_room(session):
            self._wait(listener, stream)
            return
        channel = stream.channel
        market = channel.market
        if size_of(market, channel.want) > SNAPSHOT_ENTRIES_MAX:
            # It was smaller when it was asked for.
            self._break_off(listener, market)
            return
        trades, changes = standing(listener.missed)
        if listener.full_refresh:
            trades += [each for each in changes if each.change is TradeChange.CORRECTED]
            changes = []
        entries = snapshot(market, channel.want, trades)
        body = b"262=%b\x0155=%b\x0183=%d\x01268=%d\x01%b" % (
            listener.md_req_id,
            market.symbol.encode("ascii"),
            market.rpt_seq,
            entries.count,
            entries.data,
        )
        if session.settings.market_data_checks:
            body += _checks(channel, listener.seen)
        if len(body) > session.settings.slow_consumer_bytes_max // 2:
            # It would be taken for a client that does not read.
            self._break_off(listener, market)
            return
        if not outlet.send(session, "W", body, keep=False):
            self._wait(listener, stream)
            return
        listener.seen = market.rpt_seq
        listener.behind = False
        listener.missed.clear()
        self._waiting.pop(listener, None)
        if changes:
            entries = channel.changes(changes)
            body = b"262=%b\x01268=%d\x01%b" % (
                listener.md_req_id,
                entries.count,
                entries.data,
            )
            if session.settings.market_data_checks:
                body += _checks(channel, listener.seen)
            outlet.send(session, "X", body, keep=False)
        if listener.once:
            self._done(listener, stream)

    def _break_off(self, listener: _Listener, market: Market) -> None:
        """There can be no snapshot: the subscription ends with the answer why."""
        self._end(listener.session.key, listener.md_req_id)
        self._reject(listener.session, listener.md_req_id, _too_large(market.symbol))

    def _done(self, listener: _Listener, stream: _Stream) -> None:
        """One instrument of a request for snapshots has been answered."""
        requests = self._requests[listener.session.key]
        requests[listener.md_req_id].remove((listener, stream))
        self._leave(listener, stream)
        if not requests[listener.md_req_id]:
            self._end(listener.session.key, listener.md_req_id)


def _checks(channel: Channel, seen: int) -> bytes:
    """MDPrevRptSeq(5083), what the client had before, and MDBookChecksum(5084), what
    its book is afterwards, if it has enough of the book to know."""
    want = channel.want
    previous = b"5083=%d\x01" % seen
    if not want.types >= {BID, OFFER} or 0 < want.depth < checksum.LEVELS:
        return previous
    return previous + b"5084=%d\x01" % channel.checksum


def _too_large(symbol: str) -> Refused:
    text = (
        f"the book of {symbol} is too large for one message: "
        "ask for levels with a MarketDepth(264)"
    )
    return Refused(text, Reason.TOO_MUCH)
