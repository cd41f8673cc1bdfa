"""Pages of orders: enter, list, look up, replace, cancel."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from engine.decimals import render
from fixgw.sidedoor import answers
from fixgw.sidedoor.access import (
    Signed,
    SignedAccess,
    body_of,
    query_of,
    request_id_of,
    services_of,
)
from fixgw.sidedoor.describe import described
from fixgw.sidedoor.desk import REPLAY_HEADER, Done
from fixgw.sidedoor.envelope import Json
from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.guard import Role
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.orderbodies import CancelAfterBody, NewOrderBody, ReplaceBody
from fixgw.sidedoor.schemas import (
    CLIENT_ORDER_ID,
    CancelAllQuery,
    NoQuery,
    OrdersQuery,
    cursor_of,
    cursor_text,
)
from fixgw.sidedoor.text import id_text
from fixgw.sidedoor.words import SIDES

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/orders", tags=["orders"])
way_out = APIRouter(prefix="/v1", tags=["orders"])
"""What is about no single order: beside them, for an order may have any name."""

Trader = Annotated[Signed, Depends(SignedAccess("orders", Role.TRADE))]
Canceller = Annotated[Signed, Depends(SignedAccess("cancels", Role.TRADE))]
Reader = Annotated[Signed, Depends(SignedAccess("reads", Role.READ))]
Named = Annotated[str, Path(pattern=CLIENT_ORDER_ID)]

_ORDER_ERRORS = ("CLIENT_ORDER_ID_REUSED", "SHARD_UNAVAILABLE", "OUTCOME_UNKNOWN")
_ENGINE = "PRICE_OFF_TICK"


@router.post(
    "",
    status_code=201,
    **described(
        "enter_order",
        answers.Order,
        body=NewOrderBody,
        query=NoQuery,
        errors=(*_ORDER_ERRORS, "OPEN_ORDERS_LIMIT", _ENGINE, "OVERLOADED"),
        also={200: "The same request was done before: the order as it is now."},
    ),
)
async def enter(request: Request, signed: Trader) -> Response:
    """Enter an order. Answers 201 once it is on disk and was matched."""
    query_of(request, NoQuery)
    body = body_of(request, signed, NewOrderBody)
    new = body.order()
    facts = {
        "client_order_id": new.client_order_id,
        "symbol": new.symbol,
        "side": body.side,
        "type": body.type,
        "qty": render(new.qty),
        "price": render(new.price),
    }
    desk = services_of(request).desk
    done = await _told(request, signed, "enter", facts, desk.enter(signed.caller, new))
    return _answer(done, 200 if done.replayed else 201)


@router.get("", **described("list_orders", answers.OrderPage, query=OrdersQuery))
async def list_orders(request: Request, signed: Reader) -> Response:
    """Orders of the account, newest first: the open ones, or all that are kept."""
    query = query_of(request, OrdersQuery)
    found = services_of(request).accounts.orders(
        account_key(signed.caller.account),
        query.limit + 1,
        query.symbol,
        cursor_of(query.before),
        live_only=query.status == "open",
    )
    page = found[: query.limit]
    more = len(found) > query.limit
    return Json(
        {
            "orders": [order.shown() for order in page],
            "next": cursor_text(page[-1].cursor) if more else None,
        }
    )


@way_out.post(
    "/cancel-after",
    **described(
        "cancel_after",
        answers.CancelAfter,
        body=CancelAfterBody,
        query=NoQuery,
        errors=("SHARD_UNAVAILABLE", "OVERLOADED"),
    ),
)
async def cancel_after(request: Request, signed: Canceller) -> Response:
    """Cancel every open order of the account at a time, unless asked again before.

    The exchange keeps the deadline itself: it holds when this client, its connection or
    the side door is gone.
    """
    query_of(request, NoQuery)
    body = body_of(request, signed, CancelAfterBody)
    desk = services_of(request).desk
    return Json(await desk.cancel_after(signed.caller, body.timeout_ms))


@router.get(
    "/{client_order_id}",
    **described(
        "get_order",
        answers.Order,
        query=NoQuery,
        errors=("UNKNOWN_ORDER", "SHARD_UNAVAILABLE", "OUTCOME_UNKNOWN"),
    ),
)
async def get_order(
    request: Request, signed: Reader, client_order_id: Named
) -> Response:
    """One order as it is now, by any client order id it has had."""
    query_of(request, NoQuery)
    key = account_key(signed.caller.account)
    order = await services_of(request).desk.find(key, client_order_id)
    return Json(order.shown())


@router.put(
    "/{client_order_id}",
    **described(
        "replace_order",
        answers.Order,
        body=ReplaceBody,
        query=NoQuery,
        errors=(*_ORDER_ERRORS, "UNKNOWN_ORDER", "TOO_LATE", _ENGINE, "OVERLOADED"),
    ),
)
async def replace(request: Request, signed: Trader, client_order_id: Named) -> Response:
    """Change quantity and price of an open order; it gets a new client order id."""
    query_of(request, NoQuery)
    new = body_of(request, signed, ReplaceBody).replacement()
    facts = {
        "client_order_id": client_order_id,
        "new_client_order_id": new.new_client_order_id,
        "qty": render(new.qty),
        "price": render(new.price),
    }
    replacing = services_of(request).desk.replace(signed.caller, client_order_id, new)
    return _answer(await _told(request, signed, "replace", facts, replacing))


@router.delete(
    "/{client_order_id}",
    **described(
        "cancel_order",
        answers.Order,
        query=NoQuery,
        errors=(
            "UNKNOWN_ORDER",
            "TOO_LATE",
            "SHARD_UNAVAILABLE",
            "OUTCOME_UNKNOWN",
            "OVERLOADED",
        ),
    ),
)
async def cancel(
    request: Request, signed: Canceller, client_order_id: Named
) -> Response:
    """Cancel an open order. One that is cancelled already is answered alike."""
    query_of(request, NoQuery)
    facts = {"client_order_id": client_order_id}
    cancelling = services_of(request).desk.cancel(signed.caller, client_order_id)
    return _answer(await _told(request, signed, "cancel", facts, cancelling))


@router.delete(
    "", **described("cancel_all_orders", answers.CancelAll, query=CancelAllQuery)
)
async def cancel_all(request: Request, signed: Canceller) -> Response:
    """Cancel every open order of the account, of one symbol and side or of all.

    The answer tells of each order what became of it. Shards in `unavailable_shards`
    may hold orders that are not named: ask again when they are back.
    """
    query = query_of(request, CancelAllQuery)
    side = SIDES[query.side] if query.side else 0
    desk = services_of(request).desk
    result = await desk.cancel_all(signed.caller, query.symbol, side)
    log.info(
        "orders cancelled",
        extra={
            "request_id": request_id_of(request),
            "account": signed.caller.account,
            "key": signed.caller.key_id,
            "symbol": query.symbol,
            "side": query.side,
            "cancelled": len(result["cancelled"]),
            "not_cancelled": len(result["not_cancelled"]),
        },
    )
    return Json(result)


def _answer(done: Done, status: int = 200) -> Response:
    headers = REPLAY_HEADER if done.replayed else None
    return Json(done.order.shown(), status_code=status, headers=headers)


async def _told(
    request: Request,
    signed: Signed,
    what: str,
    facts: Mapping[str, object],
    doing: Awaitable[Done],
) -> Done:
    """Do it, and leave one line in the log about it, however it went."""
    started = time.perf_counter()
    outcome = "failed"
    order_id: str | None = None
    try:
        done = await doing
        outcome = "replayed" if done.replayed else "done"
        order_id = id_text(done.order.order_id)
        return done
    except ApiError as fault:
        outcome = fault.code
        raise
    finally:
        log.info(
            "order request",
            extra={
                "request": what,
                "request_id": request_id_of(request),
                "account": signed.caller.account,
                "key": signed.caller.key_id,
                **facts,
                "outcome": outcome,
                "order_id": order_id,
                "ms": round((time.perf_counter() - started) * 1000, 2),
            },
        )
