"""Public pages of the market: instruments, books, trades, tickers, candles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from fixgw.sidedoor import answers
from fixgw.sidedoor.access import public_access, query_of
from fixgw.sidedoor.describe import described
from fixgw.sidedoor.envelope import Json
from fixgw.sidedoor.errors import unknown_symbol
from fixgw.sidedoor.schemas import (
    SYMBOL,
    BookQuery,
    CandlesQuery,
    NoQuery,
    TradesQuery,
)
from fixgw.sidedoor.services import Services

router = APIRouter(prefix="/v1", tags=["market"])

Public = Annotated[Services, Depends(public_access)]
SymbolPath = Annotated[str, Path(pattern=SYMBOL)]
_UNKNOWN = ("UNKNOWN_SYMBOL",)


@router.get(
    "/instruments",
    **described("list_instruments", answers.Instruments, query=NoQuery, signed=False),
)
async def list_instruments(request: Request, services: Public) -> Response:
    """All instruments, by symbol."""
    query_of(request, NoQuery)
    return Json({"instruments": services.market.instruments()})


@router.get(
    "/instruments/{symbol:path}",
    **described(
        "get_instrument",
        answers.Instrument,
        query=NoQuery,
        errors=_UNKNOWN,
        signed=False,
    ),
)
async def get_instrument(
    request: Request, services: Public, symbol: SymbolPath
) -> Response:
    """Terms and status of one instrument."""
    query_of(request, NoQuery)
    try:
        return Json(services.market.instrument(symbol))
    except KeyError:
        raise unknown_symbol(symbol) from None


@router.get(
    "/book/{symbol:path}",
    **described(
        "get_book", answers.Book, query=BookQuery, errors=_UNKNOWN, signed=False
    ),
)
async def get_book(request: Request, services: Public, symbol: SymbolPath) -> Response:
    """The best levels of both sides of a book."""
    query = query_of(request, BookQuery)
    try:
        return Json(services.market.book(symbol, query.depth))
    except KeyError:
        raise unknown_symbol(symbol) from None


@router.get(
    "/trades/{symbol:path}",
    **described(
        "list_trades", answers.Trades, query=TradesQuery, errors=_UNKNOWN, signed=False
    ),
)
async def list_trades(
    request: Request, services: Public, symbol: SymbolPath
) -> Response:
    """Trades, newest first."""
    query = query_of(request, TradesQuery)
    try:
        found = services.market.trades(symbol, query.limit + 1, query.before)
    except KeyError:
        raise unknown_symbol(symbol) from None
    page = found[: query.limit]
    more = len(found) > query.limit
    return Json({"trades": page, "next": page[-1]["seq"] if more else None})


@router.get(
    "/ticker/{symbol:path}",
    **described(
        "get_ticker", answers.Ticker, query=NoQuery, errors=_UNKNOWN, signed=False
    ),
)
async def get_ticker(
    request: Request, services: Public, symbol: SymbolPath
) -> Response:
    """Best prices, last trade and 24 hours."""
    query_of(request, NoQuery)
    try:
        return Json(services.market.ticker(symbol))
    except KeyError:
        raise unknown_symbol(symbol) from None


@router.get(
    "/candles/{symbol:path}",
    **described(
        "list_candles",
        answers.Candles,
        query=CandlesQuery,
        errors=_UNKNOWN,
        signed=False,
    ),
)
async def list_candles(
    request: Request, services: Public, symbol: SymbolPath
) -> Response:
    """What was traded per interval, oldest first."""
    query = query_of(request, CandlesQuery)
    interval_s = int(query.interval_s)
    try:
        candles = services.market.candles(symbol, interval_s, query.limit)
    except KeyError:
        raise unknown_symbol(symbol) from None
    return Json({"symbol": symbol, "interval_s": interval_s, "candles": candles})
