"""Pages of an account: its fills and positions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from fixgw.sidedoor import answers
from fixgw.sidedoor.access import Signed, SignedAccess, query_of, services_of
from fixgw.sidedoor.describe import described
from fixgw.sidedoor.envelope import Json
from fixgw.sidedoor.guard import Role
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.schemas import FillsQuery, NoQuery, cursor_of, cursor_text

router = APIRouter(prefix="/v1", tags=["account"])

Reader = Annotated[Signed, Depends(SignedAccess("reads", Role.READ))]


@router.get("/fills", **described("list_fills", answers.FillPage, query=FillsQuery))
async def list_fills(request: Request, signed: Reader) -> Response:
    """Executions of the account's orders, newest first."""
    query = query_of(request, FillsQuery)
    found = services_of(request).accounts.fills(
        account_key(signed.caller.account),
        query.limit + 1,
        query.symbol,
        cursor_of(query.before),
    )
    page = found[: query.limit]
    more = len(found) > query.limit
    return Json(
        {
            "fills": [fill.shown() for fill in page],
            "next": cursor_text(page[-1].cursor) if more else None,
        }
    )


@router.get(
    "/positions", **described("list_positions", answers.Positions, query=NoQuery)
)
async def list_positions(request: Request, signed: Reader) -> Response:
    """What the account has bought and sold, by symbol."""
    query_of(request, NoQuery)
    key = account_key(signed.caller.account)
    positions = services_of(request).accounts.positions(key)
    return Json({"positions": [position.shown() for position in positions]})
