"""What sessions and accounts may do: limits, message rates, blocks. Compiled.

An owner, a session or an account, has a row from the first time something is set for
it; none is ever removed, and as only the operator sets anything there are as many as
he names. While there is none no order looks here.

The message rate is a generic cell rate algorithm: with an interval of a second divided
by the rate, each command moves a theoretical arrival time (``tat``) one interval on,
and is refused if that would lead a whole second ahead. It takes one number per owner
and lets no second hold more than the rate.
"""

import cython
from cython.cimports.engine.book import int128
from cython.cimports.engine.books import Books
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.positions import Positions
from cython.cimports.engine.records import (
    EVENT_LIMITS_SET,
    REASON_BLOCKED,
    REASON_LIMIT_NOTIONAL,
    REASON_LIMIT_OPEN_ORDERS,
    REASON_LIMIT_ORDER_QTY,
    REASON_LIMIT_POSITION,
    REASON_LIMIT_RATE,
    REASON_NONE,
    SCOPE_ACCOUNT,
    SCOPE_SESSION,
    SIDE_BUY,
    LimitsEvent,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint16_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcmp, memcpy, memset

SECOND_NS = cython.declare(int64_t, 1_000_000_000)
VALUE_UNIT = cython.declare(int64_t, 100_000_000)


@cython.final
@cython.cclass
class Limits:
    """The owners that have limits or were ever blocked, and what they have open."""

    def __cinit__(
        self, books: Books, events: EventBuffer, positions: Positions, hash_key: bytes
    ):
        self.books = books
        self.events = events
        self.positions = positions
        self.table = KeyTable(hash_key)
        self.owners = cython.NULL

    def __dealloc__(self):
        free(self.owners)

    # -- may it be? --------------------------------------------------------------------

    def check_rate(self, command):
        """Block and message rate of a new order's owners: a reason, or NONE."""
        account: int32_t = -1
        if command.account[0] != 0:
            account = self.find(SCOPE_ACCOUNT, 0, command.account)
        return self.admit(
            self.find(SCOPE_SESSION, command.session, command.account), account
        )

    def check_rate_of(self, order):
        """The same for a replace of this order."""
        return self.admit(order.session_limits, order.account_limits)

    def admit(self, session, account):
        """The same for owners by row, -1 = none."""
        if session >= 0 and self.owners[session].blocked:
            return REASON_BLOCKED
        if account >= 0 and self.owners[account].blocked:
            return REASON_BLOCKED
        if session >= 0 and self.too_fast(session):
            return REASON_LIMIT_RATE
        if account >= 0 and self.too_fast(account):
            return REASON_LIMIT_RATE
        return REASON_NONE

    def too_fast(self, row):
        """Whether the owner's rate is used up; counts the command if not."""
        owner = cython.address(self.owners[row])
        interval: int64_t
        tat: int64_t
        if owner.rate_max == 0:
            return False
        interval = SECOND_NS / owner.rate_max
        tat = max(owner.tat, self.events.time)
        if tat - self.events.time > SECOND_NS - interval:
            return True
        owner.tat = tat + interval
        return False

    def check_new(self, command, terms, price, stop_price):
        """A new order against the limits of its session, then of its account."""
        instrument: int32_t = cython.cast(int32_t, terms - self.books.instruments)
        row: int32_t = self.find(SCOPE_SESSION, command.session, command.account)
        reason: uint16_t
        if row >= 0:
            reason = self.fits(row, terms, command.qty, price, stop_price)
            if reason != REASON_NONE:
                return reason
            if self.is_full(row):
                return REASON_LIMIT_OPEN_ORDERS
        if command.account[0] == 0:
            return REASON_NONE
        row = self.find(SCOPE_ACCOUNT, 0, command.account)
        if row < 0:
            return REASON_NONE
        reason = self.fits(row, terms, command.qty, price, stop_price)
        if reason != REASON_NONE:
            return reason
        if self.is_full(row):
            return REASON_LIMIT_OPEN_ORDERS
        if self.beyond_position(row, instrument, command.side, command.qty):
            return REASON_LIMIT_POSITION
        return REASON_NONE

    def check_replace(self, order, qty, leaves, price, stop_price):
        """A replace to ``qty``, of which ``leaves`` is to be open afterwards."""
        terms = cython.address(self.books.instruments[order.instrument])
        row: int32_t = order.session_limits
        reason: uint16_t
        if row >= 0:
            reason = self.fits(row, terms, qty, price, stop_price)
            if reason != REASON_NONE:
                return reason
        row = order.account_limits
        if row < 0:
            return REASON_NONE
        reason = self.fits(row, terms, qty, price, stop_price)
        if reason != REASON_NONE:
            return reason
        if leaves > order.leaves and self.beyond_position(
            row, order.instrument, order.side, leaves - order.leaves
        ):
            return REASON_LIMIT_POSITION
        return REASON_NONE

    def fits(self, row, terms, qty, price, stop_price):
        """Quantity and value of one order against an owner's limits."""
        owner = cython.address(self.owners[row])
        if owner.order_qty_max != 0 and qty > owner.order_qty_max:
            return REASON_LIMIT_ORDER_QTY
        if owner.notional_max != 0:
            if price == 0:
                price = stop_price
            if price == 0:
                price = terms.last_price
            if price == 0:
                price = terms.anchor_price
            if (
                cython.cast(int128, price) * qty
                > cython.cast(int128, owner.notional_max) * VALUE_UNIT
            ):
                return REASON_LIMIT_NOTIONAL
        return REASON_NONE

    def is_full(self, row):
        """Whether the owner may have no more open orders."""
        owner = cython.address(self.owners[row])
        return owner.open_orders_max != 0 and owner.open_orders >= owner.open_orders_max

    def beyond_position(self, row, instrument, side, qty):
        """Whether ``qty`` more could lead an account beyond its position limit."""
        owner = cython.address(self.owners[row])
        worst: int128 = qty
        if owner.position_max == 0:
            return False
        pair = self.positions.find(instrument, owner.account)
        if pair != cython.NULL:
            if side == SIDE_BUY:
                worst += pair.position + pair.open_buys
            else:
                worst += pair.open_sells - pair.position
        return worst > owner.position_max

    # -- what is open ------------------------------------------------------------------

    def assign(self, order):
        """Notes in an order which rows are its owners'."""
        order.session_limits = self.find(SCOPE_SESSION, order.session, order.account)
        order.account_limits = -1
        if order.account[0] != 0:
            order.account_limits = self.find(SCOPE_ACCOUNT, 0, order.account)

    def opened(self, order):
        """An order is accepted, and has its owners noted."""
        if order.session_limits >= 0:
            self.owners[order.session_limits].open_orders += 1
        if order.account_limits >= 0:
            self.owners[order.account_limits].open_orders += 1
            self.positions.of(order)
            self.resized(order, order.leaves)
        return 0

    def closed(self, order, leaves):
        """An order has ended with ``leaves`` still open."""
        if order.session_limits >= 0:
            self.owners[order.session_limits].open_orders -= 1
        if order.account_limits >= 0:
            self.owners[order.account_limits].open_orders -= 1
            self.resized(order, -leaves)

    def resized(self, order, delta):
        """An order has ``delta`` more open than before."""
        if order.account_limits < 0:
            return
        pair = cython.address(self.positions.rows[order.position - 1])
        if order.side == SIDE_BUY:
            pair.open_buys += delta
        else:
            pair.open_sells += delta

    def filled(self, order, qty):
        """An order has traded, and has ``qty`` less open."""
        if order.account[0] != 0:
            self.positions.filled(order, qty)
            self.resized(order, -qty)
        return 0

    # -- owners ------------------------------------------------------------------------

    def set(self, command):
        """SET_LIMITS: event LIMITS_SET, also where nothing changes."""
        owner = self.owner_of(command.scope, command.session, command.account)
        owner.order_qty_max = command.order_qty_max
        owner.notional_max = command.notional_max
        owner.open_orders_max = command.open_orders_max
        owner.rate_max = command.rate_max
        owner.position_max = command.position_max
        event = cython.cast(
            cython.pointer(LimitsEvent), self.events.add(EVENT_LIMITS_SET)
        )
        event.scope = owner.scope
        event.owner = owner.session
        event.order_qty_max = owner.order_qty_max
        event.notional_max = owner.notional_max
        event.open_orders_max = owner.open_orders_max
        event.rate_max = owner.rate_max
        event.position_max = owner.position_max
        memcpy(event.account, owner.account, 24)
        return 0

    def find(self, scope, session, account):
        """The row of an owner, or -1. A session's account is not looked at."""
        text: cython.uchar[36]
        memset(text, 0, 36)
        if scope == SCOPE_ACCOUNT:
            memcpy(text, account, 24)
            session = 0
        text[35] = scope
        place: int64_t = self.table.find(session, text)
        return self.table.entries[place].slot if place >= 0 else -1

    def owner_of(self, scope, session, account):
        """The row of an owner, made if there is none; it then has what is open
        already."""
        row: int32_t = self.find(scope, session, account)
        text: cython.uchar[36]
        capacity: int32_t
        if row >= 0:
            return cython.address(self.owners[row])
        if self.count == self.capacity:
            capacity = self.capacity * 2 if self.capacity else 16
            owners = cython.cast(
                cython.pointer(Owner),
                realloc(
                    self.owners,
                    cython.cast(cython.size_t, capacity) * cython.sizeof(Owner),
                ),
            )
            if owners == cython.NULL:
                raise MemoryError
            self.owners = owners
            self.capacity = capacity
        row = self.count
        owner = cython.address(self.owners[row])
        memset(owner, 0, cython.sizeof(Owner))
        memset(text, 0, 36)
        owner.scope = scope
        if scope == SCOPE_ACCOUNT:
            memcpy(owner.account, account, 24)
            memcpy(text, account, 24)
        else:
            owner.session = session
        text[35] = scope
        self.table.insert(owner.session, text, 0, row)
        self.count += 1
        self.adopt(row)
        return cython.address(self.owners[row])

    def adopt(self, row):
        """Notes the orders a new owner has open already: one look at all places."""
        owner = cython.address(self.owners[row])
        slot: int32_t
        for slot in range(self.books.pool.capacity):
            order = cython.address(self.books.pool.orders[slot])
            if order.order_id == 0:
                continue
            if owner.scope == SCOPE_SESSION:
                if order.session == owner.session:
                    order.session_limits = row
                    owner.open_orders += 1
            elif memcmp(order.account, owner.account, 24) == 0:
                order.account_limits = row
                owner.open_orders += 1
                self.positions.of(order)
                self.resized(order, order.leaves)
        return 0

    def dump(self) -> list:
        """Every owner with its limits, sorted by scope, session and account."""
        i: int32_t
        rows = []
        for i in range(self.count):
            owner = cython.address(self.owners[i])
            rows.append(
                (
                    owner.scope,
                    owner.session,
                    owner.account[:24],
                    owner.order_qty_max,
                    owner.notional_max,
                    owner.open_orders_max,
                    owner.rate_max,
                    owner.position_max,
                    owner.blocked,
                    owner.tat,
                    owner.open_orders,
                )
            )
        rows.sort()
        return rows
