"""Pages about the side door itself: clock, health, its own description."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from fixgw import __version__
from fixgw.sidedoor import answers
from fixgw.sidedoor.access import public_access, query_of, services_of
from fixgw.sidedoor.describe import described
from fixgw.sidedoor.envelope import Json
from fixgw.sidedoor.health import public_readiness
from fixgw.sidedoor.schemas import NoQuery
from fixgw.sidedoor.services import Services

router = APIRouter(tags=["system"])

Public = Annotated[Services, Depends(public_access)]


@router.get(
    "/v1/time", **described("get_time", answers.Time, query=NoQuery, signed=False)
)
async def get_time(request: Request, services: Public) -> Response:
    """The exchange's clock: signatures are checked against it."""
    query_of(request, NoQuery)
    now_ns = services.clock()
    return Json({"time_ns": now_ns, "time_ms": now_ns // 1_000_000})


@router.get("/v1/openapi.json", include_in_schema=False)
async def get_openapi(request: Request, services: Public) -> Response:
    """This description."""
    return Json(request.app.openapi())


@router.get(
    "/healthz",
    **described("get_health", answers.Health, signed=False, limited=False),
)
async def get_health() -> Response:
    """200 while the process answers, whatever its dependencies do."""
    return Json({"process": "sidedoor", "version": __version__})


@router.get(
    "/readyz",
    **described(
        "get_readiness",
        answers.Readiness,
        signed=False,
        limited=False,
        also={503: "A shard cannot be reached, or its past is not known yet."},
    ),
)
async def get_readiness(request: Request) -> Response:
    """200 while every shard can be reached; 503 names those that cannot.

    What the problems are is told on the admin socket and the metrics port.
    """
    found = public_readiness(services_of(request))
    return Json(found, status_code=200 if found["ready"] else 503)
