"""The application: pages, what stands around them, and the form of their errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from fixgw import __version__
from fixgw.sidedoor import (
    routes_account,
    routes_market,
    routes_orders,
    routes_system,
)
from fixgw.sidedoor.describe import SECURITY_SCHEMES, body_schemas
from fixgw.sidedoor.envelope import (
    Envelope,
    on_api_error,
    on_http_error,
    on_invalid_request,
)
from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.pages import web_routes
from fixgw.sidedoor.services import Services
from fixgw.sidedoor.websocket import websocket_routes

DESCRIPTION = """\
Orders by REST, into the same books and by the same rules as over FIX.

Prices and quantities are decimal strings, times integers of nanoseconds since the
epoch (names end in `_ns`). Every answer that is no success has the one error object.
Rules, signing and the table of errors: `spec/side_door.md`.
"""


def create_app(services: Services) -> FastAPI:
    """The side door's application with everything it serves."""
    app = bare_app()
    app.state.services = services
    app.include_router(websocket_routes(services))
    app.include_router(web_routes())
    app.add_middleware(Envelope, figures=services.figures)
    return app


def bare_app() -> FastAPI:
    """The REST pages alone: what the OpenAPI document describes."""
    app = FastAPI(
        title="fixgw side door",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={
            ApiError: on_api_error,
            HTTPException: on_http_error,
            RequestValidationError: on_invalid_request,
        },
    )
    for module in (routes_orders, routes_account, routes_market, routes_system):
        app.include_router(module.router)
    app.include_router(routes_orders.way_out)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the REST pages; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(body_schemas())
        components["schemas"] = dict(sorted(components["schemas"].items()))
        components["securitySchemes"] = SECURITY_SCHEMES
        app.openapi_schema = document
    return app.openapi_schema
