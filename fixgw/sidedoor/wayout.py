"""Getting out of the market: cancelling everything, now or when the client falls
silent.

Both are one command per shard, whatever the number of orders (``spec/matching.md``,
sections 8 and 9). Nothing is claimed and nothing needs an identifier: asking twice does
no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.codes import Reason
from fixgw.orders.deadman import dead_man
from fixgw.sidedoor.accounts import Accounts
from fixgw.sidedoor.commands import CancelIds, mass_cancel_packed
from fixgw.sidedoor.dispatch import Dispatcher, Pending, unavailable
from fixgw.sidedoor.errors import ApiError, refusal
from fixgw.sidedoor.identity import SIDE_DOOR_NUMBER, account_key
from fixgw.sidedoor.orders import CANCELLED, Order


class WayOut:
    """Mass cancels and dead-man deadlines. ``clock`` gives ns since the epoch."""

    def __init__(
        self,
        accounts: Accounts,
        dispatcher: Dispatcher,
        cancel_ids: CancelIds,
        clock: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._cancel_ids = cancel_ids
        self._clock = clock

    async def cancel_all(
        self, account: str, symbol: str | None, side: int
    ) -> dict[str, Any]:
        """Cancel every open order of the account, of one symbol and side or of any.

        What was entered before and is not settled yet goes too: its shard has it before
        this. The answer names every order that was known, also those that could not be
        cancelled.
        """
        key = account_key(account)
        shards = self._shards_of(symbol)
        known = self._accounts.open_orders(key, symbol)
        under_way = [one.client_order_id for one in self._dispatcher.pending_of(key)]
        failed = await self._to_all(
            key,
            shards,
            "cancel_all",
            lambda request_id, now_ns: mass_cancel_packed(
                request_id, key, account, symbol or "", side, len(shards), now_ns
            ),
        )
        for name in under_way:
            order = self._accounts.order(key, name)
            if (
                order is not None
                and order not in known
                and symbol
                in (
                    None,
                    order.symbol,
                )
            ):
                known.append(order)
        cancelled: list[str] = []
        not_cancelled: list[tuple[Order, ApiError]] = []
        for order in known:
            if side not in (0, order.side):
                continue
            if order.status == CANCELLED:
                cancelled.append(order.client_order_id)
            elif order.is_live and order.shard in failed:
                not_cancelled.append((order, failed[order.shard]))
            else:
                not_cancelled.append((order, refusal(Reason.TOO_LATE)))
        return {
            "cancelled": cancelled,
            "not_cancelled": [
                {
                    "client_order_id": order.client_order_id,
                    "code": refused.code,
                    "message": refused.message,
                }
                for order, refused in not_cancelled
            ],
            "unavailable_shards": self._dispatcher.down,
        }

    async def cancel_after(self, account: str, timeout_ms: int) -> dict[str, Any]:
        """Cancel everything ``timeout_ms`` from now unless told otherwise before; 0
        takes back what was said. Raises ApiError 503 when no shard can be reached."""
        key = account_key(account)
        now_ns = self._clock()
        deadline_ns, command = dead_man(key, SIDE_DOOR_NUMBER, timeout_ms, now_ns)
        shards = self._shards_of(None)
        failed = await self._to_all(key, shards, "deadline", lambda *_: command)
        if len(failed) == len(shards):
            raise unavailable(sorted(failed), "nothing was sent to them")
        return {
            "deadline_ns": deadline_ns or None,
            "time_ns": now_ns,
            "unavailable_shards": sorted(failed),
        }

    def _shards_of(self, symbol: str | None) -> list[int]:
        if symbol is not None:
            return [self._dispatcher.shard_of(symbol)]
        return list(self._dispatcher.shards)

    async def _to_all(
        self,
        key: int,
        shards: list[int],
        kind: str,
        command: Callable[[str, int], bytes],
    ) -> dict[int, ApiError]:
        """Give each shard its command, made from an identifier and the time, and wait
        for all; the shards where it failed."""
        failed: dict[int, ApiError] = {}
        sent: list[tuple[int, Pending]] = []
        for shard in shards:
            try:
                self._dispatcher.require(shard, cancel=True)
            except ApiError as refused:
                failed[shard] = refused
                continue
            own_id = self._cancel_ids.next()
            packed = command(own_id, self._clock())
            sent.append(
                (shard, self._dispatcher.submit(shard, kind, key, own_id, None, packed))
            )
        for shard, pending in sent:
            try:
                await self._dispatcher.settled(pending, "")
            except ApiError as unknown:
                failed[shard] = unknown
        return failed
