"""All accounts of the side door, projected from the shards' events.

Nothing of it is stored: after a start the links give every event from the first on, and
it is the same again. Orders of FIX sessions are seen and passed over: an account is
known by its session key, which only its own orders carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from engine.codes import EventKind, Reason
from engine.records import ClockEvent, OrderEvent
from fixgw.sidedoor.account import (
    ID_REST_NS,
    Account,
    Change,
    Cursor,
    Use,
    new_content,
    replace_content,
)
from fixgw.sidedoor.feed import AnyEvent
from fixgw.sidedoor.identity import OWN_ID_MARK, account_key
from fixgw.sidedoor.orders import Fill, Order, Position
from fixgw.sidedoor.words import SIDE_OF

FOREIGN_KEYS_MAX = 100_000
"""Keys known to be no account's: there are as many as FIX sessions. Emptied beyond."""

ACCEPTED = int(EventKind.ACCEPTED)
REJECTED = int(EventKind.REJECTED)
FILLED = int(EventKind.FILLED)
CANCELLED = int(EventKind.CANCELLED)
REPLACED = int(EventKind.REPLACED)
CANCEL_REJECTED = int(EventKind.CANCEL_REJECTED)
REPLACE_REJECTED = int(EventKind.REPLACE_REJECTED)
EXPIRED = int(EventKind.EXPIRED)
DUPLICATE_CL_ORD_ID = int(Reason.DUPLICATE_CL_ORD_ID)
TRIGGERED = int(EventKind.TRIGGERED)
RESTATED = int(EventKind.RESTATED)
MASS_CANCELLED = int(EventKind.MASS_CANCELLED)
TRADE_CANCELLED = int(EventKind.TRADE_CANCELLED)
TRADE_CORRECTED = int(EventKind.TRADE_CORRECTED)


class Accounts:
    """An observer of the feed. A ``key`` is always the session key of an account."""

    def __init__(self) -> None:
        self.events_seen = 0
        self.refusals: dict[tuple[int, str], int] = {}
        """Reasons of refused cancels, for whoever put an entry here to wait for it."""
        self._accounts: dict[int, Account] = {}
        self._foreign: set[int] = set()
        self._days: dict[int, int] = {}
        self._trading_days: dict[int, int] = {}
        self._told: dict[int, Account] = {}

    # -- events ------------------------------------------------------------------------

    def on_events(self, shard: int, events: Sequence[AnyEvent], complete: bool) -> None:
        """Events of a shard, in order and without a gap."""
        accounts, foreign = self._accounts, self._foreign
        self.events_seen += len(events)
        for event in events:
            if type(event) is OrderEvent:
                key = event.session
                if key in foreign:
                    continue
                account = accounts.get(key)
                if account is None:
                    account = self._find(key, event.account)
                    if account is None:
                        continue
                self._take(shard, account, event)
                if account.news:
                    self._told[key] = account
            elif type(event) is ClockEvent:
                self._days[shard] = self._days.get(shard, 0) + 1
                self._trading_days[shard] = event.day
        if complete and self._told:
            self._tell()

    def on_link(self, shard: int, up: bool) -> None:
        """What is known stays known while a shard is away."""

    def _find(self, key: int, name: str) -> Account | None:
        """The account an event belongs to, if it is one of ours."""
        if not name:
            return None  # an event without an account tells nothing of its session
        if account_key(name) != key:
            if len(self._foreign) >= FOREIGN_KEYS_MAX:
                self._foreign.clear()
            self._foreign.add(key)
            return None
        account = self._accounts[key] = Account()
        return account

    def _take(self, shard: int, account: Account, event: OrderEvent) -> None:
        kind = event.kind
        day = self._days.get(shard, 0)
        if kind == FILLED:
            order = account.shelf(shard).orders[event.order_id]
            self._fill(shard, account, order, event)
        elif kind == ACCEPTED:
            order = Order(shard, event)
            use = Use(order, new_content(event), 0, shard, day, event.time)
            account.open(order, use)
        elif kind in (TRIGGERED, RESTATED):
            order = account.shelf(shard).orders[event.order_id]
            order.update(event)
        elif kind in (CANCELLED, EXPIRED):
            order = account.shelf(shard).orders[event.order_id]
            order.update(event)
            requested = event.cl_ord_id
            if requested != order.client_order_id and requested[:1] != OWN_ID_MARK:
                # A replace to no more than was filled: it ended the order.
                content = replace_content(order.order_id)
                use = Use(order, content, 0, shard, day, event.time)
                account.rename(order, requested, use)
        elif kind == REPLACED:
            order = account.shelf(shard).orders[event.order_id]
            order.update(event)
            order.client_order_id = event.cl_ord_id
            content = replace_content(order.order_id, event)
            use = Use(order, content, 0, shard, day, event.time)
            account.rename(order, event.cl_ord_id, use)
        elif kind == REJECTED and event.reason == DUPLICATE_CL_ORD_ID:
            # The identifier stays what it was before; nothing came of this.
            return
        elif kind == REJECTED:
            order = Order(shard, event)
            use = Use(order, new_content(event), event.reason, shard, day, event.time)
            account.refuse(order, use, day)
        else:
            self._take_other(shard, account, event, day)
            return
        if not order.leaves_qty and order.is_live:
            account.end(order, day)
        if account.listener is not None:
            account.news.append(("order", order.shown()))

    @staticmethod
    def _fill(shard: int, account: Account, order: Order, event: OrderEvent) -> None:
        order.update(event)
        fill = Fill(
            shard,
            event.seq,
            event.time,
            event.order_id,
            event.cl_ord_id,
            event.trade_id,
            event.symbol,
            event.side,
            event.last_price,
            event.last_qty,
            event.liquidity,
            event.fee,
        )
        account.fill(fill)
        if account.listener is not None:
            account.news.append(("fill", fill.shown()))

    def _take_other(
        self, shard: int, account: Account, event: OrderEvent, day: int
    ) -> None:
        """What is no step in the life of an order. A STATUS tells nothing new."""
        if event.kind in (CANCEL_REJECTED, REPLACE_REJECTED):
            self._refusal(shard, account, event, day)
        elif event.kind in (TRADE_CANCELLED, TRADE_CORRECTED):
            self._change(shard, account, event)
        elif event.kind == MASS_CANCELLED and account.listener is not None:
            account.news.append(("cancel_all", _cancel_all_shown(shard, event)))

    @staticmethod
    def _change(shard: int, account: Account, event: OrderEvent) -> None:
        """A trade that was cancelled or corrected. Its order may be forgotten."""
        fill = account.change_fill(event)
        order = account.shelf(shard).orders.get(event.order_id)
        if order is not None:
            order.correct(event)
        if account.listener is None:
            return
        if fill is not None:
            account.news.append(("fill", fill.shown()))
        if order is not None:
            account.news.append(("order", order.shown()))

    def _refusal(
        self, shard: int, account: Account, event: OrderEvent, day: int
    ) -> None:
        """A refused cancel or replace: no order has changed."""
        if event.kind == REPLACE_REJECTED:
            target: str | int = event.order_id or event.orig_cl_ord_id
            content = replace_content(target)
            use = Use(None, content, event.reason, shard, day, event.time)
            account.note(event.cl_ord_id, use)
        waiting = (event.session, event.cl_ord_id)
        if waiting in self.refusals:
            self.refusals[waiting] = event.reason

    def _tell(self) -> None:
        told, self._told = self._told, {}
        for account in told.values():
            news, account.news = account.news, []
            if account.listener is not None:
                account.listener(news)

    # -- what is known -----------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._accounts)

    def trading_day(self, shard: int) -> int:
        """The shard's trading day, counted from 1970-01-01; 0 before any has ended."""
        return self._trading_days.get(shard, 0)

    def use(self, key: int, client_order_id: str) -> Use | None:
        """What an identifier was last used for."""
        account = self._accounts.get(key)
        return account.ids.get(client_order_id) if account is not None else None

    def in_use(self, use: Use, now_ns: int) -> bool:
        """Whether the identifier may not be used for something new."""
        day = use.day
        if use.order is not None:
            if use.order.is_live:
                return True
            day = use.order.ended_day
        if day >= self._days.get(use.shard, 0):
            return True
        return now_ns - use.time_ns < ID_REST_NS

    def order(self, key: int, client_order_id: str) -> Order | None:
        """The order an identifier names, live or ended."""
        use = self.use(key, client_order_id)
        return use.order if use is not None else None

    def open_count(self, key: int) -> int:
        """How many live orders there are."""
        account = self._accounts.get(key)
        return account.live_count if account is not None else 0

    def open_orders(self, key: int, symbol: str | None = None) -> list[Order]:
        """Live orders, newest first."""
        account = self._accounts.get(key)
        if account is None:
            return []
        return [
            order
            for order in account.open_orders()
            if symbol is None or order.symbol == symbol
        ]

    def orders(
        self,
        key: int,
        limit: int,
        symbol: str | None = None,
        before: Cursor | None = None,
        live_only: bool = False,
    ) -> list[Order]:
        """At most ``limit`` orders, newest first, those before a cursor."""
        account = self._accounts.get(key)
        if account is None:
            return []
        listed = account.open_orders if live_only else account.all_orders
        wanted = (
            order
            for order in listed(before)
            if symbol is None or order.symbol == symbol
        )
        return list(islice(wanted, limit))

    def fills(
        self,
        key: int,
        limit: int,
        symbol: str | None = None,
        before: Cursor | None = None,
    ) -> list[Fill]:
        """At most ``limit`` fills, newest first, those before a cursor."""
        account = self._accounts.get(key)
        if account is None:
            return []
        wanted = (
            fill
            for fill in account.fills(before)
            if symbol is None or fill.symbol == symbol
        )
        return list(islice(wanted, limit))

    def positions(self, key: int) -> list[Position]:
        """What was bought and sold, by symbol."""
        account = self._accounts.get(key)
        if account is None:
            return []
        return [account.positions[symbol] for symbol in sorted(account.positions)]

    # -- listeners ---------------------------------------------------------------------

    def subscribe(self, key: int, listener: Callable[[list[Change]], None]) -> None:
        """Tell ``listener`` of every change of an account from now on, after whole
        commands. There is one listener per account: the last one."""
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account()
        account.listener = listener
        account.news = []

    def unsubscribe(self, key: int) -> None:
        """Tell nobody any more."""
        account = self._accounts.get(key)
        if account is not None:
            account.listener = None
            account.news = []


def _cancel_all_shown(shard: int, event: OrderEvent) -> dict[str, object]:
    """The end of a mass cancel in one shard, as JSON."""
    return {
        "symbol": event.symbol or None,
        "side": SIDE_OF.get(event.side),
        "cancelled": event.count,
        "time_ns": event.time,
        "shard": shard,
        "seq": event.seq,
    }
