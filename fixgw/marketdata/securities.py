"""The desk of what is traded: SecurityListRequest(x), SecurityDefinitionRequest(c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.records import PRICE_MAX, QTY_MAX, InstrumentEvent
from fixgw.marketdata.floor import (
    CONDITIONALLY_REQUIRED_FIELD_MISSING,
    Floor,
    dialect_of,
    text_field,
)
from fixgw.marketdata.text import decimal_text
from fixgw.session.session import Session
from fixgw.wire import Message

FRAGMENT = 100
"""Instruments in one SecurityList(y): about 10 KB."""

ID_BYTES_MAX = 64
"""SecurityReqID(320) is repeated in every fragment."""

ONE, ALL = b"0", b"4"
"""SecurityListRequestType(559)."""

VALID, INVALID, NOT_FOUND, LOADING = 0, 1, 2, 4
"""SecurityRequestResult(560)."""

ACCEPTED, LISTED, NO_MATCH = 1, 4, 6
"""SecurityResponseType(323)."""


class _Words(NamedTuple):
    """What versions differ in."""

    last_fragment: bool = True
    """LastFragment(893)."""
    text: bool = True
    """Text(58) in SecurityList(y)."""


_WORDS = {
    "FIX.4.3": _Words(last_fragment=False),
}


class SecuritiesDesk:
    """A :class:`fixgw.orders.exchange.Desk`."""

    message_types = frozenset({"x", "c"})

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def on_logon(self, session: Session) -> None:
        """Nothing begins."""

    def on_logout(self, session: Session) -> None:
        """Nothing ends: every request is answered at once."""

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """A request: a list, a definition, or why there is none."""
        if len(message.get(320) or b"") > ID_BYTES_MAX:
            text = f"SecurityReqID(320) is longer than {ID_BYTES_MAX} bytes"
            session.business_reject(message, 0, text, now_ns)
        elif message.msg_type == "x":
            self._list(session, message, now_ns)
        else:
            self._define(session, message, now_ns)

    # -- lists -------------------------------------------------------------------------

    def _list(self, session: Session, message: Message, now_ns: int) -> None:
        kind, symbol = message.get(559), message.get(55)
        if kind == ONE and symbol is None:
            text = "Symbol(55) is missing"
            code = CONDITIONALLY_REQUIRED_FIELD_MISSING
            session.business_reject(message, code, text, now_ns)
        elif kind not in (ONE, ALL):
            text = "SecurityListRequestType(559) must be 0 (a symbol) or 4 (all)"
            self._no_list(session, message, INVALID, text)
        elif message.get(263) not in (None, b"0"):
            text = "SubscriptionRequestType(263) must be 0: a list is a snapshot"
            self._no_list(session, message, INVALID, text)
        elif self._floor.loading(_symbols(symbol) if kind == ONE else ()):
            text = "the instruments are still being loaded, try again later"
            self._no_list(session, message, LOADING, text)
        else:
            found = self._found(symbol if kind == ONE else None)
            if found:
                self._fragments(session, message, found)
            else:
                text = "Symbol(55) is not traded here"
                text = text if kind == ONE else "nothing is traded here"
                self._no_list(session, message, NOT_FOUND, text)

    def _found(self, symbol: bytes | None) -> list[InstrumentEvent]:
        """The terms of one instrument or of all, by symbol."""
        markets = self._floor.projection.markets
        if symbol is None:
            return [markets[name].terms for name in sorted(markets)]
        market = markets.get(symbol.decode("latin-1"))
        return [] if market is None else [market.terms]

    def _no_list(
        self, session: Session, message: Message, result: int, text: str
    ) -> None:
        body = _head(message, 1) + b"560=%d\x01" % result
        self._floor.outlet.send(session, "y", body + text_field(text), keep=True)

    def _fragments(
        self, session: Session, message: Message, found: Sequence[InstrumentEvent]
    ) -> None:
        words = _WORDS.get(dialect_of(session), _Words())
        for number, start in enumerate(range(0, len(found), FRAGMENT), 1):
            page = found[start : start + FRAGMENT]
            body = _head(message, number) + b"560=%d\x01" % VALID
            body += b"393=%d\x01" % len(found)
            if words.last_fragment:
                last = start + FRAGMENT >= len(found)
                body += b"893=Y\x01" if last else b"893=N\x01"
            body += b"146=%d\x01" % len(page)
            body += b"".join(map(_terms, page))
            self._floor.outlet.send(session, "y", body, keep=True)

    # -- definitions -------------------------------------------------------------------

    def _define(self, session: Session, message: Message, now_ns: int) -> None:
        kind, symbol = message.get(321), message.get(55)
        if kind in (b"0", b"1") and symbol is None:
            text = "Symbol(55) is missing"
            code = CONDITIONALLY_REQUIRED_FIELD_MISSING
            session.business_reject(message, code, text, now_ns)
            return
        symbol = None if kind == b"3" else symbol
        if self._floor.loading(_symbols(symbol)):
            self._floor.refuse_while_loading(session, message, now_ns)
            return
        known = kind in (b"0", b"1", b"3")
        found = self._found(symbol) if known else []
        for number, terms in enumerate(found, 1):
            answer = LISTED if symbol is None else ACCEPTED
            self._definition(session, message, number, answer, len(found), terms)
        if not found:
            text = "Symbol(55) is not traded here"
            if not known:
                text = "SecurityRequestType(321) must be 0, 1 or 3"
            self._definition(session, message, 1, NO_MATCH, 0, None, text)

    def _definition(
        self,
        session: Session,
        message: Message,
        number: int,
        answer: int,
        total: int,
        terms: InstrumentEvent | None,
        text: str = "",
    ) -> None:
        body = _head(message, number) + b"323=%d\x01393=%d\x01" % (answer, total)
        if terms is not None:
            body += _terms(terms)
        elif symbol := message.get(55):
            body += b"55=%b\x01" % symbol
        if text:
            body += text_field(text)
        self._floor.outlet.send(session, "d", body, keep=True)


def _symbols(symbol: bytes | None) -> tuple[str, ...]:
    return () if symbol is None else (symbol.decode("latin-1"),)


def _head(message: Message, number: int) -> bytes:
    """SecurityReqID(320), and SecurityResponseID(322): unique in the session's epoch by
    the number of the request, and in the answer to it."""
    request = message.get(34) or b"0"
    return b"320=%b\x01322=%b-%d\x01" % (message.get(320) or b"", request, number)


def _terms(terms: InstrumentEvent) -> bytes:
    """Symbol(55), Currency(15), RoundLot(561), MinTradeVol(562), MaxTradeVol(1140),
    MinPriceIncrement(969), LowLimitPrice(1148), HighLimitPrice(1149)."""
    fields = (
        (55, terms.symbol),
        (15, terms.currency),
        (561, decimal_text(terms.lot)),
        (562, decimal_text(max(terms.qty_min, terms.lot))),
        (969, decimal_text(terms.tick)),
        (1140, decimal_text(min(terms.qty_max, QTY_MAX))),
        (1148, decimal_text(terms.price_min)),
        (1149, decimal_text(min(terms.price_max, PRICE_MAX))),
    )
    return b"".join(
        b"%d=%b\x01" % (tag, value.encode("ascii")) for tag, value in fields if value
    )
