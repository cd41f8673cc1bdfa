"""A small client of the side door: signs, sends, returns what came.

Blocking (:class:`RestClient`) and on an event loop (:class:`AsyncRestClient`); both
have the same helpers. Nothing is sent again by itself: after a timeout an order may be
in the book, and :meth:`_Orders.order` with its client_order_id tells.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx

from fixgw.sidedoor.signing import signed_headers

TIMEOUT_S = 10.0
"""Far longer than an order takes, and short enough for a person to wait for."""

WEBSOCKET_PATH = "/v1/ws"

R = TypeVar("R")
Side = Literal["buy", "sell"]


class Signer(httpx.Auth):
    """Signs every request with one key.

    Timestamps rise by at least a millisecond from one request to the next: two requests
    alike in the same one would have the same signature, and the second would be taken
    for a replay of the first. ``clock`` gives ns since the epoch.
    """

    requires_request_body = True

    def __init__(
        self, key: str, secret: str, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._key = key
        self._secret = secret
        self._clock = clock
        self._last_ms = 0

    def timestamp_ms(self) -> int:
        """A timestamp no earlier request has."""
        self._last_ms = max(self._clock() // 1_000_000, self._last_ms + 1)
        return self._last_ms

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        # The target as it will be on the wire, after whatever httpx made of the URL.
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        request.headers.update(
            signed_headers(
                self._key,
                self._secret,
                self.timestamp_ms(),
                request.method,
                path,
                query,
                request.content,
            )
        )
        yield request

    def websocket_login(self) -> dict[str, Any]:
        """The message that authenticates a WebSocket connection."""
        timestamp_ms = self.timestamp_ms()
        headers = signed_headers(
            self._key, self._secret, timestamp_ms, "GET", WEBSOCKET_PATH
        )
        return {
            "op": "auth",
            "key": self._key,
            "timestamp": timestamp_ms,
            "signature": headers["FIXGW-SIGNATURE"],
        }


class _Orders(Generic[R]):
    """The requests there are. ``R``: a response, or one to wait for.

    Prices and quantities are decimal text, as in the API.
    """

    signer: Signer | None

    def request(self, method: str, path: str, json: Any = None) -> R:
        """Send one request. ``path`` begins with / and may have a query; ``json`` is
        the body, if there is one. Raises httpx.HTTPError when there is no answer."""
        raise NotImplementedError

    def new_order(
        self,
        client_order_id: str,
        symbol: str,
        side: Side,
        qty: str,
        price: str | None = None,
        **more: Any,
    ) -> R:
        """Enter an order: limit with a price, market without, others by ``type`` and
        what the type takes."""
        order = {
            "client_order_id": client_order_id,
            "symbol": symbol,
            "side": side,
            "type": "market" if price is None else "limit",
            "qty": qty,
            **({} if price is None else {"price": price}),
            **more,
        }
        return self.request("POST", "/v1/orders", order)

    def replace(
        self, client_order_id: str, new_client_order_id: str, **changes: Any
    ) -> R:
        """Change ``qty`` and ``price`` of an order, which then has the new id."""
        body = {"new_client_order_id": new_client_order_id, **changes}
        return self.request("PUT", f"/v1/orders/{_part(client_order_id)}", body)

    def cancel(self, client_order_id: str) -> R:
        """Cancel one order."""
        return self.request("DELETE", f"/v1/orders/{_part(client_order_id)}")

    def cancel_all(self, symbol: str | None = None, side: Side | None = None) -> R:
        """Cancel every open order of the account, or those of a symbol or side."""
        return self.request("DELETE", "/v1/orders" + _query(symbol=symbol, side=side))

    def cancel_after(self, timeout_ms: int) -> R:
        """Cancel everything after so long, unless this is called again; 0: no more."""
        body = {"timeout_ms": timeout_ms}
        return self.request("POST", "/v1/cancel-after", body)

    def order(self, client_order_id: str) -> R:
        """One order, whatever became of it."""
        return self.request("GET", f"/v1/orders/{_part(client_order_id)}")

    def orders(self, **filters: Any) -> R:
        """Orders by ``symbol``, ``status``, ``limit``, ``before``; open ones if none is
        given."""
        return self.request("GET", "/v1/orders" + _query(**filters))

    def fills(self, **filters: Any) -> R:
        """Fills by ``limit`` and ``before``, newest first."""
        return self.request("GET", "/v1/fills" + _query(**filters))

    def positions(self) -> R:
        """Positions by symbol."""
        return self.request("GET", "/v1/positions")

    def book(self, symbol: str, depth: int | None = None) -> R:
        """The book of an instrument, best first."""
        return self.request("GET", f"/v1/book/{_part(symbol)}" + _query(depth=depth))


class RestClient(_Orders[httpx.Response]):
    """Blocks until the answer is there. Without a key: public requests only."""

    def __init__(
        self,
        url: str,
        key: str = "",
        secret: str = "",
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.signer = Signer(key, secret, clock) if key else None
        # No proxy from the environment: it would see every order.
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def request(self, method: str, path: str, json: Any = None) -> httpx.Response:
        return self._http.request(method, path, json=json, auth=self.signer)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The same with a body that is sent as it is."""
        return self._http.request(
            method, path, content=body, headers=headers, auth=self.signer
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncRestClient(_Orders[Awaitable[httpx.Response]]):
    """The same on an event loop; ``transport`` may be an application in memory."""

    def __init__(
        self,
        url: str,
        key: str = "",
        secret: str = "",
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], int] = time.time_ns,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.signer = Signer(key, secret, clock) if key else None
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout_s, trust_env=False, transport=transport
        )

    def request(
        self, method: str, path: str, json: Any = None
    ) -> Awaitable[httpx.Response]:
        return self._http.request(method, path, json=json, auth=self.signer)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _part(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _query(**parameters: Any) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
