"""Around every answer: request identifiers, headers, the form of errors, figures."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from typing import Any

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fixgw.sidedoor.errors import ApiError, error
from fixgw.sidedoor.figures import Figures
from fixgw.sidedoor.schemas import invalid

log = logging.getLogger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
REQUEST_ID_BYTES = 8
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
"""What a client may call its request; anything else is replaced by ours."""

STOPPING = (
    "the side door stops; what was asked for may yet be done: ask for it, or send the "
    "same request again, when it is back"
)

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
"""Those a page here may have."""

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""On every answer that does not say otherwise itself."""


class Json(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers that the answer to this request will have, to be added to."""
    headers: dict[str, str] = scope["fixgw.headers"]
    return headers


class Envelope:
    """ASGI middleware around the whole application. WebSockets pass untouched."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_ns = time.perf_counter_ns()
        request_id = _request_id(scope)
        scope["fixgw.request_id"] = request_id
        scope["fixgw.headers"] = {REQUEST_ID_HEADER: request_id}
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_headers(scope, message["headers"])
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except asyncio.CancelledError:
            # The side door stops, and this took longer than it waits. What was asked
            # for may be done: that is all there is to say, and it has to be said.
            if not status:
                fault = error_answer(scope, error("OUTCOME_UNKNOWN", STOPPING))
                await fault(scope, receive, send_with_headers)
        except Exception:
            log.exception(
                "a request failed",
                extra={"request_id": request_id, "path": scope["path"]},
            )
            if status:
                raise
            fault = error_answer(scope, error("INTERNAL_ERROR"))
            await fault(scope, receive, send_with_headers)
        finally:
            code = scope.get("fixgw.error")
            if code is not None:
                self._figures.errors[code] += 1
            if status:
                duration_ns = time.perf_counter_ns() - started_ns
                self._figures.request(_route(scope), status, duration_ns)


def error_answer(scope: Scope, fault: ApiError) -> Response:
    """The one form of every answer that is no success."""
    scope["fixgw.error"] = fault.code
    body = {
        "error": {
            "code": fault.code,
            "message": fault.message,
            "request_id": scope["fixgw.request_id"],
            **fault.extra,
        }
    }
    return Json(body, status_code=fault.status, headers=fault.headers)


async def on_api_error(request: Request, fault: Exception) -> Response:
    """Handler of what pages and their dependencies raise."""
    assert isinstance(fault, ApiError)
    return error_answer(request.scope, fault)


async def on_http_error(request: Request, fault: Exception) -> Response:
    """Handler of what the router raises: no such path, no such method."""
    assert isinstance(fault, HTTPException)
    path = request.scope["path"]
    if fault.status_code == 404:
        return error_answer(request.scope, error("NOT_FOUND"))
    if fault.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        told = f"{path} does not take {request.scope['method']}; it takes {allowed}"
        return error_answer(
            request.scope,
            error("METHOD_NOT_ALLOWED", told, headers={"Allow": allowed}),
        )
    raise fault


def _methods(request: Request) -> set[str]:
    """What the path takes. The router names the methods of one page only, and several
    may share a path."""
    scope = request.scope
    router = request.app.router
    return {
        method
        for method in METHODS
        for route in router.routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
    }


async def on_invalid_request(request: Request, fault: Exception) -> Response:
    """Handler of what is wrong with the path itself."""
    assert isinstance(fault, RequestValidationError)
    return error_answer(request.scope, invalid(list(fault.errors()), []))


def _request_id(scope: Scope) -> str:
    wanted = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(wanted) == 1 and _REQUEST_ID.fullmatch(wanted[0]):
        text: str = wanted[0].decode("ascii")
        return text
    return secrets.token_hex(REQUEST_ID_BYTES)


def _with_headers(
    scope: Scope, headers: list[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in headers}
    more = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in headers_of(scope).items()
        if name.lower().encode("latin-1") not in there
    ]
    return [
        *headers,
        *more,
        *((name, value) for name, value in SECURITY_HEADERS if name not in there),
    ]


def _route(scope: Scope) -> str:
    route = scope.get("route")
    path = getattr(route, "path", None)
    return f"{scope['method']} {path}" if path else "other"
