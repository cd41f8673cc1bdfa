"""``/v1/ws``: one WebSocket connection from its first byte to its close frame.

``spec/websocket.md`` is the description for authors of clients, and a test holds its
examples to what is sent here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from fixgw.sidedoor.closing import CloseCode, Cut
from fixgw.sidedoor.errors import ApiError, error, unknown_symbol
from fixgw.sidedoor.guard import Role, require
from fixgw.sidedoor.hub import Hub
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.listing import Listing
from fixgw.sidedoor.ordersview import ORDERS_MAX
from fixgw.sidedoor.peer import Peer
from fixgw.sidedoor.requests import BadRequest, Request, parse
from fixgw.sidedoor.services import Services
from fixgw.sidedoor.wsprotocol import EXTENSION, MESSAGE_BYTES_MAX, LiveProtocol

PATH = "/v1/ws"

CLOSE_S = 2.0
"""How long a close frame may wait where the server has no way to send it at once."""

log = logging.getLogger(__name__)


def websocket_routes(services: Services) -> APIRouter:
    """The route of the streams."""
    router = APIRouter()

    @router.websocket(PATH)
    async def streams(websocket: WebSocket) -> None:
        await _Conversation(services, websocket).run()

    return router


class _Conversation:
    """One connection: a task that reads, a task that writes, and the first to end."""

    def __init__(self, services: Services, websocket: WebSocket) -> None:
        self._services = services
        self._hub: Hub = services.hub
        self._websocket = websocket
        self._address = websocket.client.host if websocket.client else ""

    async def run(self) -> None:
        try:
            guard, now_ns = self._services.guard, self._services.clock()
            await guard.spend(self._address, "public", now_ns)
            peer = self._hub.admit(self._address)
        except ApiError:
            await self._refuse(Cut(CloseCode.ADDRESS_LIMIT))
            return
        except Cut as cut:
            await self._refuse(cut)
            return
        try:
            cut_by = await self._converse(peer)
        finally:
            self._hub.leave(peer)
        if cut_by is not None:
            await self._end(cut_by)

    async def _refuse(self, cut: Cut) -> None:
        """Accept and close: a browser is not shown an HTTP status."""
        with contextlib.suppress(WebSocketDisconnect):
            await self._websocket.accept()
            await self._end(cut)

    async def _converse(self, peer: Peer) -> Cut | None:
        """Until it ends: why, or None when the client has ended it."""
        await self._websocket.accept()
        peer.answer(self._welcome(peer))
        tasks = [
            asyncio.ensure_future(self._read(peer)),
            asyncio.ensure_future(peer.write(self._send)),
            asyncio.ensure_future(peer.ended.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        for failure in failures:
            if isinstance(failure, Cut):
                peer.end(failure)
            elif not isinstance(failure, (WebSocketDisconnect, OSError)):
                log.error("connection %d failed", peer.number, exc_info=failure)
                peer.end(Cut(CloseCode.INTERNAL_ERROR))
        return peer.cut

    async def _end(self, cut: Cut) -> None:
        self._hub.cuts[cut.code.name] += 1
        log.info("websocket of %s ended: %s", self._address or "?", cut.reason)
        extensions: dict[str, Any] = self._websocket.scope.get("extensions") or {}
        protocol = extensions.get(EXTENSION)
        if isinstance(protocol, LiveProtocol):
            protocol.end(cut.code, cut.reason)
            return
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            closing = self._websocket.close(cut.code, cut.reason)
            await asyncio.wait_for(closing, CLOSE_S)

    async def _send(self, text: str) -> None:
        await self._websocket.send_text(text)
        self._hub.messages_sent += 1

    def _welcome(self, peer: Peer) -> dict[str, Any]:
        return {
            "type": "welcome",
            "connection": peer.number,
            "time_ns": self._services.clock(),
            "heartbeat_ms": 1000,
        }

    # -- what the client says ----------------------------------------------------------

    async def _read(self, peer: Peer) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            if text is None:
                raise Cut(CloseCode.BINARY_MESSAGE)
            if len(text) > MESSAGE_BYTES_MAX:
                raise Cut(CloseCode.MESSAGE_TOO_BIG)
            request_id = peer.next_request()
            request = None
            try:
                request = parse(text)
                await self._serve(peer, request)
            except BadRequest as problem:
                self._answer_error(peer, problem.cause, problem.id, request_id)
            except ApiError as problem:
                own = request.id if request else None
                self._answer_error(peer, problem, own, request_id)

    def _answer_error(
        self,
        peer: Peer,
        problem: ApiError,
        own: str | int | None,
        request_id: str,
    ) -> None:
        body: dict[str, Any] = {
            "code": problem.code,
            "message": problem.message,
            "request_id": request_id,
            **problem.extra,
        }
        message: dict[str, Any] = {"type": "error", "error": body}
        peer.answer(_with_id(message, own))
        peer.count_error()

    async def _serve(self, peer: Peer, request: Request) -> None:
        if request.op == "ping":
            pong = {"type": "pong", "time_ns": self._services.clock()}
            peer.answer(_with_id(pong, request.id))
        elif request.op == "auth":
            await self._authenticate(peer, request)
        elif request.op == "cancel_after":
            await self._cancel_after(peer, request)
        elif request.op == "unsubscribe":
            self._unsubscribe(peer, request)
        elif request.channel == "private":
            self._subscribe_private(peer, request)
        else:
            self._subscribe(peer, request)

    async def _authenticate(self, peer: Peer, request: Request) -> None:
        services = self._services
        # A guess costs what any request of a stranger costs.
        await services.guard.spend(self._address, "public", services.clock())
        headers = {
            "FIXGW-KEY": request.key,
            "FIXGW-TIMESTAMP": str(request.timestamp),
            "FIXGW-SIGNATURE": request.signature,
        }
        now_ns = services.clock()
        caller = await services.guard.authenticate(
            headers, "GET", PATH, "", b"", now_ns
        )
        if peer.caller is not None and peer.caller.account != caller.account:
            # Nothing of the account before may go on under the new one.
            self._hub.unsubscribe(peer, ("private", ""))
        peer.caller = caller
        answer = {
            "type": "authenticated",
            "account": caller.account,
            "role": caller.role.value,
        }
        peer.answer(_with_id(answer, request.id))

    async def _cancel_after(self, peer: Peer, request: Request) -> None:
        if peer.caller is None:
            raise error("KEY_MISSING", "cancel_after needs an auth first")
        services = self._services
        await services.guard.spend(peer.caller, "cancels", services.clock())
        require(peer.caller, Role.TRADE)
        told = await services.desk.cancel_after(peer.caller, request.timeout_ms)
        peer.answer(_with_id({"type": "cancel_after", **told}, request.id))

    def _subscribe(self, peer: Peer, request: Request) -> None:
        listings = self._listings(request)
        channel = request.channel
        new = sum((channel, symbol) not in peer.streams for symbol in request.symbols)
        if len(peer.streams) + new > self._hub.limits.subscriptions:
            raise ApiError(
                429,
                "SUBSCRIPTION_LIMIT",
                f"a connection has at most {self._hub.limits.subscriptions} "
                "subscriptions; unsubscribe from others first",
            )
        if channel == "orders":
            _check_sizes(listings)
        answer: dict[str, Any] = {"type": "subscribed", "channel": channel}
        answer["symbols"] = list(request.symbols)
        if channel == "book":
            answer["depth"] = request.depth
        peer.answer(_with_id(answer, request.id))
        for listing in listings:
            if channel == "book":
                self._hub.subscribe_book(peer, listing, request.depth)
            elif channel == "orders":
                self._hub.subscribe_orders(peer, listing)
            elif channel == "trades":
                self._hub.subscribe_trades(peer, listing)
            else:
                self._hub.subscribe_board(peer, channel, listing)

    def _subscribe_private(self, peer: Peer, request: Request) -> None:
        if peer.caller is None:
            raise error("KEY_MISSING", "the channel private needs an auth first")
        positions = self._services.market.shards
        for number in range(self._services.config.shard_count):
            if number not in positions or not positions[number].was_up:
                text = f"the past of shard {number} is not known yet; try again in 1 s"
                raise error("SHARD_UNAVAILABLE", text)
        answer = {"type": "subscribed", "channel": "private"}
        peer.answer(_with_id(answer, request.id))
        self._hub.subscribe_private(
            peer, account_key(peer.caller.account), request.epoch, request.after_seq
        )

    def _unsubscribe(self, peer: Peer, request: Request) -> None:
        channel = request.channel
        wanted = [(channel, symbol) for symbol in request.symbols]
        if channel == "private" or not wanted:
            wanted = [key for key in peer.streams if key[0] == channel]
        ended = [key[1] for key in wanted if self._hub.unsubscribe(peer, key)]
        answer: dict[str, Any] = {"type": "unsubscribed", "channel": channel}
        if channel != "private":
            answer["symbols"] = ended
        peer.answer(_with_id(answer, request.id))

    def _listings(self, request: Request) -> list[Listing]:
        market = self._services.market
        found = []
        for symbol in request.symbols:
            try:
                found.append(market.listing(symbol))
            except KeyError:
                raise unknown_symbol(symbol) from None
        return found


def _check_sizes(listings: list[Listing]) -> None:
    """Whether the orders of each can be told in a snapshot."""
    for listing in listings:
        if listing.book.bids.count + listing.book.asks.count > ORDERS_MAX:
            raise ApiError(
                429,
                "SUBSCRIPTION_LIMIT",
                f"{listing.symbol} displays more than {ORDERS_MAX} orders; "
                "subscribe to its levels, channel book",
            )


def _with_id(message: dict[str, Any], own: str | int | None) -> dict[str, Any]:
    return message if own is None else message | {"id": own}
