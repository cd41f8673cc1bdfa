"""Entering, replacing and cancelling orders: what each request means, step by step.

Nothing is answered on a guess. What the accounts know is told; what a shard that is
away might know is refused as unavailable; what was sent and not settled in time is
unknown, and the answer says how to ask.

**One identifier, one order.** Whether an identifier may be used is asked in this order:
the accounts (every event of every shard that is up), the table of commands under way in
this process, the claims shared with other side doors, and last the shard itself, which
drops a used one. Nothing waits between the last look at the first two and the moment a
command is given to its link, so two requests of this process cannot both get through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.codes import Reason
from fixgw.sidedoor.account import Content, Use, same_content
from fixgw.sidedoor.accounts import Accounts
from fixgw.sidedoor.commands import (
    CancelIds,
    NewOrder,
    Replacement,
    cancel_packed,
    fingerprint,
)
from fixgw.sidedoor.dispatch import Dispatcher, Pending, unavailable
from fixgw.sidedoor.errors import ApiError, error, refusal
from fixgw.sidedoor.figures import Figures
from fixgw.sidedoor.guard import Caller, Claim, Guard, require_in_window
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.orders import CANCELLED, Order
from fixgw.sidedoor.wayout import WayOut

OPEN_ORDERS_MAX = 5_000
"""Live orders per account: ten times what large venues allow per product. It bounds
the answer of one cancel of everything."""

REPLAY_HEADER = {"Idempotent-Replay": "true"}


@dataclass(frozen=True, slots=True)
class Done:
    """An order after a request. ``replayed``: an earlier request had done it."""

    order: Order
    replayed: bool = False


class Desk:
    """What retail clients do with orders. ``clock`` gives ns since the epoch."""

    def __init__(
        self,
        guard: Guard,
        accounts: Accounts,
        dispatcher: Dispatcher,
        figures: Figures,
        clock: Callable[[], int],
    ) -> None:
        self._guard = guard
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._figures = figures
        self._clock = clock
        self._cancel_ids = CancelIds()
        self._way_out = WayOut(accounts, dispatcher, self._cancel_ids, clock)

    # -- new orders --------------------------------------------------------------------

    async def enter(self, caller: Caller, new: NewOrder) -> Done:
        """Enter an order; it and what it has traded so far. Raises ApiError."""
        key = account_key(caller.account)
        name, content = new.client_order_id, new.content
        shard = self._dispatcher.shard_of(new.symbol)
        if done := await self._known(key, name, content):
            return done
        self._may_enter(caller, key, shard)
        claim = await self._claim(caller, shard, name, content)
        replayed = claim is Claim.SAME
        if done := await self._known(key, name, content, replayed=replayed):
            return done
        try:
            self._may_enter(caller, key, shard)
        except ApiError:
            await self._give_back(caller, shard, name, claim)
            raise
        command = new.packed(key, caller.account, self._clock())
        pending = self._dispatcher.submit(shard, "new", key, name, content, command)
        await self._dispatcher.settled(pending, name)
        return self._result(key, name, content, replayed=replayed)

    def _may_enter(self, caller: Caller, key: int, shard: int) -> None:
        """Raises ApiError unless an order may be given to its shard in this turn."""
        self._dispatcher.require(shard)
        live = self._accounts.open_count(key) + self._dispatcher.new_orders(key)
        if live >= OPEN_ORDERS_MAX:
            raise error(
                "OPEN_ORDERS_LIMIT",
                f"the account has {live} open orders, {OPEN_ORDERS_MAX} are allowed; "
                "cancel some first",
            )
        require_in_window(caller, self._clock())

    # -- replaces ----------------------------------------------------------------------

    async def replace(self, caller: Caller, named: str, new: Replacement) -> Done:
        """Change quantity and price of an order; it as it is now. Raises ApiError."""
        key = account_key(caller.account)
        name = new.new_client_order_id
        order = await self.find(key, named)
        content = new.content(order.order_id)
        if done := await self._known(key, name, content):
            return done
        self._may_replace(caller, order)
        claim = await self._claim(caller, order.shard, name, content)
        replayed = claim is Claim.SAME
        if done := await self._known(key, name, content, replayed=replayed):
            return done
        try:
            self._may_replace(caller, order)
        except ApiError:
            await self._give_back(caller, order.shard, name, claim)
            raise
        command = new.packed(order, named, key, caller.account, self._clock())
        pending = self._dispatcher.submit(
            order.shard, "replace", key, name, content, command
        )
        await self._dispatcher.settled(pending, name)
        return self._result(key, name, content, replayed=replayed)

    def _may_replace(self, caller: Caller, order: Order) -> None:
        if not order.is_live:
            raise refusal(Reason.TOO_LATE, order=order.shown())
        self._dispatcher.require(order.shard)
        require_in_window(caller, self._clock())

    # -- cancels -----------------------------------------------------------------------

    async def cancel(self, caller: Caller, named: str) -> Done:
        """Cancel an order; it as it is now. One that is cancelled already is no
        error. Raises ApiError."""
        key = account_key(caller.account)
        order = await self.find(key, named)
        if not order.is_live:
            return Done(self._cancelled(order).order, replayed=True)
        self._dispatcher.require(order.shard, cancel=True)
        require_in_window(caller, self._clock())
        cancel_id, pending = self._submit_cancel(caller, key, order)
        try:
            await self._dispatcher.settled(pending, named)
            reason = self._accounts.refusals[key, cancel_id]
        finally:
            del self._accounts.refusals[key, cancel_id]
        return self._cancelled(order, reason)

    async def cancel_all(
        self, caller: Caller, symbol: str | None, side: int
    ) -> dict[str, Any]:
        """See :meth:`WayOut.cancel_all`. Raises ApiError."""
        require_in_window(caller, self._clock())
        return await self._way_out.cancel_all(caller.account, symbol, side)

    async def cancel_after(self, caller: Caller, timeout_ms: int) -> dict[str, Any]:
        """See :meth:`WayOut.cancel_after`. Raises ApiError."""
        return await self._way_out.cancel_after(caller.account, timeout_ms)

    def _submit_cancel(
        self, caller: Caller, key: int, order: Order
    ) -> tuple[str, Pending]:
        cancel_id = self._cancel_ids.next()
        command = cancel_packed(cancel_id, order, key, caller.account, self._clock())
        self._accounts.refusals[key, cancel_id] = 0
        pending = self._dispatcher.submit(
            order.shard, "cancel", key, cancel_id, None, command
        )
        return cancel_id, pending

    @staticmethod
    def _cancelled(order: Order, reason: int = Reason.TOO_LATE) -> Done:
        """What a cancel says now that it is settled. ``reason``: of its refusal, if it
        was refused. An order that somebody else cancelled meanwhile is cancelled."""
        if order.status == CANCELLED:
            return Done(order)
        if not order.is_live:
            reason = Reason.TOO_LATE
        raise refusal(reason, order=order.shown())

    # -- what is known -----------------------------------------------------------------

    async def find(self, key: int, named: str) -> Order:
        """The order an identifier names.

        Raises ApiError: 404 when there is none, 503 when a shard that is away might
        have it, 504 when the order is under way and not settled in time.
        """
        pending = self._dispatcher.pending(key, named)
        if pending is not None:
            await self._dispatcher.settled(pending, named)
        order = self._accounts.order(key, named)
        if order is not None:
            return order
        if down := self._dispatcher.down:
            raise unavailable(down, f"whether there is an order {named} is not known")
        raise error(
            "UNKNOWN_ORDER", f"the account has no order {named}, or none any more"
        )

    async def _known(
        self, key: int, name: str, content: Content, *, replayed: bool = True
    ) -> Done | None:
        """The outcome of a request with this identifier; None: the identifier is free.

        ``replayed``: the request is an earlier one. After a claim that was NEW it is
        this one, even if a retry of it got ahead. Raises ApiError: the original
        refusal, or 409 when the identifier was used for something else.
        """
        pending = self._dispatcher.pending(key, name)
        if pending is not None:
            if pending.content is None or not same_content(pending.content, content):
                raise reused(name)
            await self._dispatcher.settled(pending, name)
        else:
            use = self._accounts.use(key, name)
            if use is None or not self._accounts.in_use(use, self._clock()):
                return None
        self._figures.replays += replayed
        return self._result(key, name, content, replayed=replayed)

    def _result(self, key: int, name: str, content: Content, *, replayed: bool) -> Done:
        """What a settled request came to. Raises ApiError if it was refused."""
        use = self._accounts.use(key, name)
        if use is None or not self._accounts.in_use(use, self._clock()):
            raise error(
                "CLIENT_ORDER_ID_REUSED",
                f"{name} was used before on this trading day, and what for is no "
                "longer known; nothing was done",
            )
        if not same_content(use.content, content):
            raise reused(name, use)
        if use.reason:
            extra = {} if use.order is None else {"order": use.order.shown()}
            refused = refusal(use.reason, **extra)
            if replayed:
                refused.headers.update(REPLAY_HEADER)
            raise refused
        if use.order is None:
            raise reused(name, use)
        return Done(use.order, replayed)

    # -- claims ------------------------------------------------------------------------

    async def _claim(
        self, caller: Caller, shard: int, name: str, content: Content
    ) -> Claim:
        claimed = self._claimed(shard, name)
        claim = await self._guard.claim(caller.account, claimed, fingerprint(content))
        if claim is Claim.DIFFERENT:
            raise reused(name)
        return claim

    async def _give_back(
        self, caller: Caller, shard: int, name: str, claim: Claim
    ) -> None:
        if claim is Claim.NEW:
            await self._guard.release(caller.account, self._claimed(shard, name))

    def _claimed(self, shard: int, name: str) -> str:
        """What is claimed: an identifier is free again on the next trading day."""
        return f"{self._accounts.trading_day(shard)}/{name}"


def reused(name: str, use: Use | None = None) -> ApiError:
    """409: the identifier was used for something else."""
    extra: dict[str, Any] = {}
    if use is not None and use.order is not None:
        extra["order"] = use.order.shown()
    return error(
        "CLIENT_ORDER_ID_REUSED",
        f"{name} was used today for another request; take a new client_order_id",
        **extra,
    )
