"""What stands before every page: the body, the signature, the role, the limit.

In this order: a request that is too long or too slow costs nothing more, and a stranger
learns nothing about what is behind. Whoever fails to prove a key pays with the limit of
the address, so guessing is slow; who proves one never does, whatever others do there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request

from fixgw.sidedoor.envelope import headers_of
from fixgw.sidedoor.errors import ApiError, error
from fixgw.sidedoor.guard import Caller, Kind, Role, require
from fixgw.sidedoor.schemas import RequestBody, RequestQuery, read_body, read_query
from fixgw.sidedoor.services import Services

BODY_BYTES_MAX = 16 * 1024
"""The longest request has some 300 bytes."""

DISCARDED_BYTES_MAX = 1024 * 1024
"""So much of a body that is too long is read before the connection is closed on it."""

BODY_S_MAX = 10.0
"""How long a body may take to arrive."""

STALE_HEADER = "FIXGW-Stale-Shards"

_BodyModel = TypeVar("_BodyModel", bound=RequestBody)
_QueryModel = TypeVar("_QueryModel", bound=RequestQuery)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose sender is known."""

    caller: Caller
    body: bytes


def services_of(request: Request) -> Services:
    """The services of the application a request came to."""
    services: Services = request.app.state.services
    return services


class SignedAccess:
    """A dependency: the request is signed by a key with this role, within its limit.

    ``stale``: the answer is read from what is known, so it names the shards whose news
    may be missing.
    """

    def __init__(self, kind: Kind, role: Role) -> None:
        self._kind: Kind = kind
        self._role = role

    async def __call__(self, request: Request) -> Signed:
        services = services_of(request)
        body = await read_bytes(request)
        now_ns = services.clock()
        scope = request.scope
        try:
            caller = await services.guard.authenticate(
                scope["headers"],
                scope["method"],
                scope["raw_path"],
                scope["query_string"],
                body,
                now_ns,
            )
        except ApiError as fault:
            if fault.status == 401:
                await spend_of_address(request, services)
            raise
        state = await services.guard.spend(caller, self._kind, now_ns)
        headers_of(scope).update(state.headers())
        require(caller, self._role)
        note_stale(request, services)
        return Signed(caller, body)


async def public_access(request: Request) -> Services:
    """A dependency: anybody may ask, within the limit of the client's address."""
    services = services_of(request)
    await spend_of_address(request, services)
    note_stale(request, services)
    return services


async def spend_of_address(request: Request, services: Services) -> None:
    """Count a request against its client's address. Raises ApiError 429."""
    address = request.client.host if request.client is not None else ""
    state = await services.guard.spend(address, "public", services.clock())
    headers_of(request.scope).update(state.headers())


def note_stale(request: Request, services: Services) -> None:
    """Say in the answer which shards' news may be missing from it."""
    if down := services.dispatcher.down:
        headers_of(request.scope)[STALE_HEADER] = ",".join(map(str, down))


async def read_bytes(request: Request) -> bytes:
    """The body. Raises ApiError: 413 when it is too long, 408 when too slow.

    What is too long is read all the same, up to a limit, and thrown away: to close the
    connection on a client that is still sending would lose it the answer.
    """
    too_large = error("BODY_TOO_LARGE", f"a body has at most {BODY_BYTES_MAX} bytes")
    data, size = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_S_MAX):
            async for chunk in request.stream():
                size += len(chunk)
                if size > DISCARDED_BYTES_MAX:
                    too_large.headers["Connection"] = "close"
                    raise too_large
                if size <= BODY_BYTES_MAX:
                    data += chunk
    except TimeoutError:
        message = f"the body did not arrive within {BODY_S_MAX:g} s"
        ending = {"Connection": "close"}
        raise error("REQUEST_TIMEOUT", message, headers=ending) from None
    if size > BODY_BYTES_MAX:
        raise too_large
    return bytes(data)


def body_of(request: Request, signed: Signed, model: type[_BodyModel]) -> _BodyModel:
    """The request in the body of a signed request. Raises ApiError 400, 415."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise error("UNSUPPORTED_MEDIA_TYPE")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise error("UNSUPPORTED_MEDIA_TYPE")
    return read_body(model, signed.body)


def query_of(request: Request, model: type[_QueryModel]) -> _QueryModel:
    """The parameters of a request. Raises ApiError 400."""
    return read_query(model, list(request.query_params.multi_items()))


def request_id_of(request: Request) -> str:
    """The identifier of a request, as in its answer and in the log."""
    found: Any = request.scope["fixgw.request_id"]
    return str(found)
