"""A trader who comes over REST, as a person with an app would.

It sends one request at a time. What it cannot learn from the answer (a time-out, a side
door that is being started again) it asks for by the order's own name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any

import httpx

from engine import decimals
from fixgw.demo.actions import Action, Change, Place, Side
from fixgw.demo.blotter import Kind, Report
from fixgw.demo.pacing import TokenBucket
from fixgw.demo.taker import Taker
from fixgw.sidedoor.client import AsyncRestClient

log = logging.getLogger(__name__)

RATE_SHARE = 0.5
"""Of the requests the side door allows a key, a trader uses this part."""

WAITING_MAX = 10
"""What it wants to do beyond this has lost its meaning by its turn."""

RETRY_S_FIRST, RETRY_S_MAX = 0.5, 5.0
TIMEOUT_S = 5.0

_ENDED = frozenset({"filled", "cancelled", "expired"})


class RetailTrader:
    """One account. Run :meth:`run`; give it what its taker wants by :meth:`send`."""

    def __init__(
        self,
        name: str,
        taker: Taker,
        client: AsyncRestClient,
        orders_per_second: int,
    ) -> None:
        self.name = name
        self.taker = taker
        self.sent_count = 0
        self._client = client
        self._waiting: deque[Action] = deque()
        self._news = asyncio.Event()
        self._bucket = TokenBucket(
            orders_per_second * RATE_SHARE, 5.0, time.monotonic()
        )
        self.ready = False

    def send(self, actions: list[Action]) -> None:
        """Do these, in their turn."""
        for action in actions:
            if isinstance(action, Place) and len(self._waiting) >= WAITING_MAX:
                self._tell(Report(Kind.REJECTED, action.cl_ord_id))
            else:
                self._waiting.append(action)
        self._news.set()

    async def run(self) -> None:
        """Trade until cancelled."""
        try:
            await self._begin()
            while True:
                while not self._waiting:
                    self._news.clear()
                    await self._news.wait()
                await self._do(self._waiting.popleft())
        finally:
            await self._client.close()

    async def _begin(self) -> None:
        """Wait for the side door, and clear away what a life before has left."""
        retry_s = RETRY_S_FIRST
        while True:
            answer = await self._try(self._client.cancel_all())
            if answer is not None and answer.status_code < 300:
                self.ready = True
                return
            if answer is not None and answer.status_code in (401, 403):
                log.error("%s is not let in: %s", self.name, _reason(answer))
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def _do(self, action: Action) -> None:
        """One request, until its outcome is known."""
        retry_s = RETRY_S_FIRST
        while True:
            while (wait_s := self._bucket.wait_s(time.monotonic())) > 0:
                await asyncio.sleep(wait_s)
            self.sent_count += 1
            answer = await self._try(self._request(action))
            if answer is not None and answer.status_code == 429:
                await asyncio.sleep(_retry_after_s(answer))
                continue
            if answer is not None and answer.status_code < 500:
                self._answered(action, answer)
                return
            # Perhaps it was taken, perhaps not. The same again is harmless: the side
            # door knows an order by its name.
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_S_MAX)

    def _request(self, action: Action) -> Any:
        if isinstance(action, Place):
            price = None if action.price is None else decimals.render(action.price)
            more = {"time_in_force": "ioc"} if action.immediate else {}
            return self._client.new_order(
                action.cl_ord_id,
                action.symbol,
                "buy" if action.side is Side.BUY else "sell",
                decimals.render(action.qty),
                price,
                **more,
            )
        if isinstance(action, Change):
            return self._client.replace(
                action.cl_ord_id,
                action.new_id,
                qty=decimals.render(action.qty),
                price=decimals.render(action.price),
            )
        return self._client.cancel(action.cl_ord_id)

    async def _try(self, request: Any) -> httpx.Response | None:
        try:
            answer: httpx.Response = await request
        except httpx.HTTPError as error:
            log.debug("%s: %r", self.name, error)
            return None
        return answer

    # -- outcomes ----------------------------------------------------------------------

    def _answered(self, action: Action, answer: httpx.Response) -> None:
        name = action.cl_ord_id if isinstance(action, Place) else action.new_id
        if answer.status_code >= 300:
            is_new = isinstance(action, Place)
            known = answer.status_code in (404, 409) and not is_new
            kind = Kind.REJECTED if is_new else Kind.GONE if known else Kind.REFUSED
            if kind is not Kind.GONE:
                log.info("%s: %s is refused: %s", self.name, action, _reason(answer))
            self._tell(Report(kind, name))
            return
        try:
            order = answer.json()
            status, qty, filled = order["status"], order["qty"], order["filled_qty"]
            self._settle(action, name, status, _units(qty), _units(filled))
        except (ValueError, KeyError, TypeError):
            log.warning("%s: an answer is not an order: %.200r", self.name, answer.text)
            self._tell(Report(Kind.GONE, name))

    def _settle(
        self, action: Action, name: str, status: str, qty: int, filled: int
    ) -> None:
        if status == "rejected":
            self._tell(Report(Kind.REJECTED, name))
            return
        kind = Kind.ENDED if status in _ENDED else Kind.ACCEPTED
        if isinstance(action, Change) and kind is Kind.ACCEPTED:
            kind = Kind.REPLACED
        price = 0 if not isinstance(action, Place | Change) else action.price or 0
        self._tell(
            Report(
                kind,
                name,
                action.symbol,
                action.side,
                qty=qty,
                price=price,
                filled=filled,
                leaves=max(qty - filled, 0),
            )
        )

    def _tell(self, report: Report) -> None:
        self.taker.on_report(report, time.monotonic())


def _units(text: str) -> int:
    return decimals.parse(text.encode())


def _retry_after_s(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), 30.0) if text.isdecimal() else 1.0


def _reason(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
        return f"{error['code']}, {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
