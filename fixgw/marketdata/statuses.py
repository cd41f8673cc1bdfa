"""The desk of trading phases: SecurityStatusRequest(e), TradingSessionStatusRequest(g).

A phase is said by SecurityTradingStatus(326), HaltReason(327) and, from FIX 4.3 on,
TradingSessionSubID(625); the whole day by TradSesStatus(340) of the one trading session
there is. Updates are not kept: whoever cannot be written to gets the newest state as
soon as it can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from engine.codes import Phase, PhaseReason
from engine.decimals import render
from fixgw.marketdata.floor import Floor, dialect_of, text_field
from fixgw.marketdata.projection import Increment, Market
from fixgw.session.session import Session
from fixgw.wire import Message, utc_timestamp

TRADING_SESSION = b"1"
"""TradingSessionID(336): day. There is one."""

ID_BYTES_MAX = 64
"""SecurityStatusReqID(324) and TradSesReqID(335) are kept with the subscription."""

SUBSCRIPTIONS_MAX = 1_000
"""Statuses that one session is subscribed to."""

HALT, PRICE_INDICATION, READY, NOT_AVAILABLE, NOT_TRADED, UNKNOWN = 2, 5, 17, 18, 19, 20
PRE_OPEN, OPENING, PRE_CROSS, POST_CLOSE = 21, 22, 24, 26
"""SecurityTradingStatus(326)."""

INTRADAY_AUCTION, UNSCHEDULED_AUCTION = 6, 9
"""TradingSessionSubID(625). FIX 5.0 SP1 has only the former; before it there are no
values."""


class _Word(NamedTuple):
    """How FIX says a phase. ``older``: 326 where the version lacks the better one."""

    status: int
    older: int
    sub_id: int
    """TradingSessionSubID(625), 0 = none."""
    text: str
    open: int
    """TradSesStatus(340) of a market that is in this phase."""


HALTED, OPEN, CLOSED, BEFORE_OPEN, BEFORE_CLOSE = 1, 2, 3, 4, 5
REJECTED = 6
"""TradSesStatus(340)."""

WORDS = {
    Phase.CONTINUOUS: _Word(READY, READY, 3, "continuous trading", OPEN),
    Phase.HALTED: _Word(HALT, HALT, 0, "halted", HALTED),
    Phase.CLOSED: _Word(NOT_AVAILABLE, NOT_AVAILABLE, 0, "closed", CLOSED),
    Phase.PRE_OPEN: _Word(PRE_OPEN, PRICE_INDICATION, 1, "pre-open", BEFORE_OPEN),
    Phase.OPENING_AUCTION: _Word(
        OPENING, PRICE_INDICATION, 2, "opening auction", BEFORE_OPEN
    ),
    Phase.VOLATILITY_AUCTION: _Word(
        PRE_CROSS, PRICE_INDICATION, UNSCHEDULED_AUCTION, "volatility auction", OPEN
    ),
    Phase.CLOSING_AUCTION: _Word(
        PRE_CROSS, PRICE_INDICATION, 4, "closing auction", BEFORE_CLOSE
    ),
    Phase.POST_CLOSE: _Word(POST_CLOSE, NOT_AVAILABLE, 5, "post-close", CLOSED),
    Phase.CANCEL_ONLY: _Word(HALT, HALT, 0, "cancels only", HALTED),
    Phase.POST_ONLY: _Word(READY, READY, 3, "orders that do not trade only", OPEN),
}

_STATUSES = {"FIX.4.2": 20, "FIX.4.3": 23, "FIX.4.4": 23, "FIX.5.0": 23}
"""The highest 326 of a version; FIX 5.0 SP1 has 25."""

HALT_REASONS = {
    PhaseReason.BAND: (b"I", b"2"),
    PhaseReason.CIRCUIT_BREAKER: (b"E", b"1"),
    PhaseReason.OPERATOR: (b"M", b"3"),
}
"""HaltReason(327), to FIX 5.0 SP1 and in SP2: order imbalance, order influx, additional
information."""

ORDER_OF_SESSIONS = (OPEN, BEFORE_CLOSE, BEFORE_OPEN, HALTED, CLOSED)
"""The trading session is what the first instrument of these makes it."""


@dataclass(slots=True, eq=False)
class _Subscription:
    """Who is told of one instrument, or of the trading session (``symbol`` empty)."""

    session: Session
    request_id: bytes
    symbol: str
    told: int = 0
    """RptSeq(83), or TradSesStatus(340), that was told last."""


class StatusDesk:
    """A :class:`fixgw.orders.exchange.Desk`. ``wake`` is called when there is something
    to :meth:`tell`."""

    message_types = frozenset({"e", "g"})

    def __init__(self, floor: Floor, wake: Callable[[], None]) -> None:
        self._floor = floor
        self._wake = wake
        self._own: dict[int, dict[tuple[str, bytes], _Subscription]] = {}
        self._of: dict[str, dict[_Subscription, None]] = {}
        self._fresh: dict[_Subscription, None] = {}
        floor.projection.watchers.append(self._take)

    def on_logon(self, session: Session) -> None:
        """It begins without subscriptions."""

    def on_logout(self, session: Session) -> None:
        """Its subscriptions end with its connection."""
        for key in list(self._own.get(session.key, ())):
            self._end(session.key, key)

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """A request: the status, or the answer why not."""
        security = message.msg_type == "e"
        tag = 324 if security else 335
        request_id = message.get(tag) or b""
        symbol = (message.get(55) or b"").decode("latin-1") if security else ""
        kind = message.get(263) or b""
        if len(request_id) > ID_BYTES_MAX:
            text = f"the request's ID({tag}) is longer than {ID_BYTES_MAX} bytes"
            session.business_reject(message, 0, text, now_ns)
        elif kind == b"2":
            self._unsubscribe(session, message, request_id, now_ns)
        elif kind not in (b"0", b"1"):
            text = "SubscriptionRequestType(263) must be 0, 1 or 2"
            session.business_reject(message, 0, text, now_ns)
        elif security and not symbol:
            session.business_reject(message, 5, "Symbol(55) is missing", now_ns)
        elif self._floor.loading((symbol,) if security else ()):
            self._floor.refuse_while_loading(session, message, now_ns)
        elif security:
            self._security(session, message, request_id, symbol, now_ns)
        else:
            self._trading_session(session, message, request_id, now_ns)

    # -- requests ----------------------------------------------------------------------

    def _security(
        self,
        session: Session,
        message: Message,
        request_id: bytes,
        symbol: str,
        now_ns: int,
    ) -> None:
        market = self._floor.projection.markets.get(symbol)
        if market is None:
            body = b"324=%b\x0155=%b\x01326=%d\x01" % (
                request_id,
                symbol.encode("latin-1"),
                UNKNOWN,
            )
            if dialect_of(session) != "FIX.4.2":
                body += text_field("Symbol(55) is not traded here")
            self._floor.outlet.send(session, "f", body, keep=True)
            return
        if self._subscribed(session, message, request_id, symbol, now_ns):
            body = security_status(market, request_id, dialect_of(session))
            self._floor.outlet.send(session, "f", body, keep=True)

    def _trading_session(
        self, session: Session, message: Message, request_id: bytes, now_ns: int
    ) -> None:
        wanted = message.get(336)
        if wanted not in (None, TRADING_SESSION):
            version = dialect_of(session)
            body = b"335=%b\x01336=%b\x01340=%d\x01" % (
                request_id,
                wanted or b"",
                CLOSED if version == "FIX.4.2" else REJECTED,
            )
            text = "TradingSessionID(336) must be 1: there is one trading session"
            self._floor.outlet.send(session, "h", body + text_field(text), keep=True)
        elif self._subscribed(session, message, request_id, "", now_ns):
            body = self._session_status(request_id, unsolicited=False)
            self._floor.outlet.send(session, "h", body, keep=True)

    def _subscribed(
        self,
        session: Session,
        message: Message,
        request_id: bytes,
        symbol: str,
        now_ns: int,
    ) -> bool:
        """Whether the request can be answered; it is subscribed, if it wants to be."""
        if message.get(263) != b"1":
            return True
        own = self._own.setdefault(session.key, {})
        key = message.msg_type, request_id
        text = ""
        if key in own:
            text = "the request's identifier is that of a subscription already"
        elif len(own) >= SUBSCRIPTIONS_MAX:
            text = (
                f"a session has at most {SUBSCRIPTIONS_MAX} subscriptions to statuses"
            )
        if text:
            session.business_reject(message, 0, text, now_ns)
            return False
        subscription = own[key] = _Subscription(session, request_id, symbol)
        subscription.told = self._state(symbol)
        self._of.setdefault(symbol, {})[subscription] = None
        return True

    def _unsubscribe(
        self, session: Session, message: Message, request_id: bytes, now_ns: int
    ) -> None:
        key = message.msg_type, request_id
        if key in self._own.get(session.key, {}):
            self._end(session.key, key)
            return
        text = "the request's identifier names no subscription of this session"
        session.business_reject(message, 0, text, now_ns)

    def _end(self, session_key: int, key: tuple[str, bytes]) -> None:
        own = self._own[session_key]
        subscription = own.pop(key)
        if not own:
            del self._own[session_key]
        of = self._of[subscription.symbol]
        del of[subscription]
        if not of:
            del self._of[subscription.symbol]
        self._fresh.pop(subscription, None)

    # -- updates -----------------------------------------------------------------------

    def _take(self, increment: Increment) -> None:
        if not increment.phase:
            return
        for symbol in (increment.market.symbol, ""):
            self._fresh |= self._of.get(symbol, {})
        if self._fresh:
            self._wake()

    def tell(self) -> None:
        """Write what has changed since the last call; who has no room hears of it by a
        later one."""
        outlet = self._floor.outlet
        for subscription in list(self._fresh):
            session, symbol = subscription.session, subscription.symbol
            state = self._state(symbol)
            if symbol:
                market = self._floor.projection.markets[symbol]
                body = security_status(
                    market, subscription.request_id, dialect_of(session), update=True
                )
            else:
                body = self._session_status(subscription.request_id, unsolicited=True)
            told = state == subscription.told and not symbol
            if told or (
                outlet.has_room(session)
                and outlet.send(session, "f" if symbol else "h", body, keep=False)
            ):
                subscription.told = state
                self._fresh.pop(subscription, None)

    def _state(self, symbol: str) -> int:
        if symbol:
            return self._floor.projection.markets[symbol].rpt_seq
        return self._trad_ses_status()

    def _trad_ses_status(self) -> int:
        markets = self._floor.projection.markets.values()
        found = {WORDS[Phase(market.phase)].open for market in markets}
        return next((each for each in ORDER_OF_SESSIONS if each in found), CLOSED)

    def _session_status(self, request_id: bytes, *, unsolicited: bool) -> bytes:
        return b"335=%b\x01336=%b\x01%b340=%d\x01" % (
            request_id,
            TRADING_SESSION,
            b"325=Y\x01" if unsolicited else b"",
            self._trad_ses_status(),
        )


def security_status(
    market: Market, request_id: bytes, version: str, *, update: bool = False
) -> bytes:
    """The body of SecurityStatus(f) in a version of FIX."""
    phase = Phase(market.phase)
    word = WORDS[phase]
    status = word.status if word.status <= _highest(version) else word.older
    body = b"324=%b\x0155=%b\x01" % (request_id, market.symbol.encode("ascii"))
    if version != "FIX.4.2" and word.sub_id:
        sub_id = word.sub_id
        if version == "FIX.5.0SP1" and sub_id == UNSCHEDULED_AUCTION:
            sub_id = INTRADAY_AUCTION
        body += b"336=%b\x01625=%d\x01" % (TRADING_SESSION, sub_id)
    if update:
        body += b"325=Y\x01"
    body += b"326=%d\x01" % status
    reason = HALT_REASONS.get(PhaseReason(market.phase_reason))
    if status == HALT and reason is not None:
        body += b"327=%b\x01" % reason[version == "FIX.5.0SP2"]
    if market.last_trade is not None:
        body += b"31=%b\x01" % render(market.last_trade.price).encode("ascii")
    if market.time_ns:
        body += b"60=%b\x01" % utc_timestamp(market.time_ns)
    return body if version == "FIX.4.2" else body + text_field(word.text)


def _highest(version: str) -> int:
    return _STATUSES.get(version, 25 if version == "FIX.5.0SP1" else 27)
