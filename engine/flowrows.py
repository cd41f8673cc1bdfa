"""The rows of an order flow's output, written into one buffer. Compiled.

An event of the shard is a row, and so is a malformed line; of a trade, which is two
events, one row is made. The format is described in ``spec/order_flow.md``.
"""

import cython
from cython.cimports.engine.decimals import format_decimal
from cython.cimports.engine.flowrows import (
    FAULTS,
    OP_CANCEL,
    OP_REPLACE,
    REASONS_MAX,
    ROW_BYTES_MAX,
    TEXT_BYTES_MAX,
    Text,
)
from cython.cimports.engine.records import (
    EVENT_ACCEPTED,
    EVENT_AUCTION,
    EVENT_CANCEL_REJECTED,
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    EVENT_PHASE,
    EVENT_REJECTED,
    EVENT_REPLACE_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_TRIGGERED,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    ORD_TYPE_STOP_LIMIT,
    REASON_REQUESTED,
    SIDE_BUY,
    AuctionEvent,
    PhaseEvent,
)
from cython.cimports.libc.stdint import int64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcpy

from engine.codes import Phase, Reason

HEADER = b"line,event,order_id,side,price,qty,maker_id,taker_id,reason\n"

_NUMBER_FAULTS = ("is not a number", "has more than 8 decimals", "is out of range")
FAULT_TEXTS = (
    "",
    "line is longer than 65536 bytes",
    "quoting",
    "wrong number of columns",
    "unknown op",
    "order_id is longer than 36 bytes",
    "order_id is not printable ASCII",
    "symbol is longer than 24 bytes",
    "symbol is not printable ASCII",
    "unknown side",
    "unknown type",
    "unknown tif",
    *(f"price {text}" for text in _NUMBER_FAULTS),
    *(f"qty {text}" for text in _NUMBER_FAULTS),
    *(f"stop_price {text}" for text in _NUMBER_FAULTS),
    *(f"display_qty {text}" for text in _NUMBER_FAULTS),
    *(f"min_qty {text}" for text in _NUMBER_FAULTS),
    *(f"peg_offset {text}" for text in _NUMBER_FAULTS),
    "a mark is neither yes nor no",
    "unknown peg",
    "unknown stp",
    "stp_id is longer than 12 bytes",
    "stp_id is not printable ASCII",
    "account is longer than 24 bytes",
    "account is not printable ASCII",
    "session is not a whole number",
    "expire is not a whole number",
    "time is not a whole number",
    "unknown phase",
    "until is not a whole number",
)


@cython.final
@cython.cclass
class FlowRows:
    """Rows one after the other. The buffer only grows: ``clear`` and use it again."""

    def __cinit__(self):
        entry: cython.pointer(Text)
        name: bytes
        size: cython.int
        for reason in Reason:
            if reason not in (Reason.NONE, Reason.REQUESTED):
                self.set_text(False, reason, reason.name.lower())
        for code, text in enumerate(FAULT_TEXTS):
            self.set_text(True, code, f"malformed: {text}")
        for phase in Phase:
            name = phase.name.lower().encode()
            size = len(name)
            entry = cython.address(self.phases[cython.cast(cython.int, phase)])
            memcpy(entry.text, cython.cast(cython.p_char, name), size)
            entry.size = size

    def __dealloc__(self):
        free(self.out)

    def set_text(self, fault, code, text):
        """Enters the text of a reason or of a fault into its table."""
        encoded: bytes = text.encode("ascii")
        size: cython.int = len(encoded)
        if not 0 <= code < (FAULTS if fault else REASONS_MAX) or size > TEXT_BYTES_MAX:
            raise ValueError(f"no room for text {code}: {text}")
        if fault:
            entry = cython.address(self.fault_texts[code])
        else:
            entry = cython.address(self.reasons[code])
        memcpy(entry.text, cython.cast(cython.p_char, encoded), size)
        entry.size = size
        return 0

    def clear(self):
        """Forgets the rows written so far."""
        self.used = 0

    def take(self):
        """The rows written since the last ``clear``."""
        return cython.cast(cython.p_char, self.out)[: self.used]

    def room(self):
        """Where the next row goes: there is room for the longest."""
        capacity: cython.Py_ssize_t
        if self.capacity - self.used < ROW_BYTES_MAX:
            capacity = self.capacity * 2 + 64 * 1024
            grown = cython.cast(cython.p_uchar, realloc(self.out, capacity))
            if grown == cython.NULL:
                raise MemoryError
            self.out = grown
            self.capacity = capacity
        return self.out + self.used

    def add_event(self, event, maker, line):
        """One row; for a trade ``event`` is the taker's and ``maker`` the other."""
        at: cython.p_uchar = self.room()
        name: cython.p_const_char = event_name(event.kind)
        price: int64_t = event.price
        qty: int64_t = event.qty
        if name == cython.NULL or event.reason >= REASONS_MAX:
            raise RuntimeError(f"event {event.kind} with reason {event.reason}")
        if event.kind == EVENT_FILLED:
            price = event.last_price
            qty = event.last_qty
        elif event.kind == EVENT_CANCELLED or event.kind == EVENT_EXPIRED:
            qty = event.last_qty
        elif (
            event.kind == EVENT_REPLACED
            or event.kind == EVENT_TRIGGERED
            or event.kind == EVENT_RESTATED
        ):
            qty = event.leaves_qty
        at = put_number(at, line)
        at[0] = 44
        at = put_word(at + 1, name)
        at[0] = 44
        at = put_id(at + 1, event.cl_ord_id, 36)
        if event.kind == EVENT_CANCEL_REJECTED or event.kind == EVENT_REPLACE_REJECTED:
            at = put_word(at, b",,,")
        else:
            at = put_word(at, b",buy," if event.side == SIDE_BUY else b",sell,")
            if event.kind == EVENT_FILLED or has_price(event):
                at += format_decimal(price, at)
            at[0] = 44
            at += 1
            at += format_decimal(qty, at)
        at[0] = 44
        at += 1
        if event.kind == EVENT_FILLED:
            at = put_id(at, maker.cl_ord_id, 36)
            at[0] = 44
            at = put_id(at + 1, event.cl_ord_id, 36)
        else:
            at[0] = 44
            at += 1
        at[0] = 44
        at += 1
        if event.reason != REASON_REQUESTED:
            reason = cython.address(self.reasons[event.reason])
            at = put(at, reason.text, reason.size)
        at[0] = 10
        self.used = at + 1 - self.out
        self.row_count += 1
        return 0

    def add_fault(self, fault):
        """The row of a malformed line."""
        at: cython.p_uchar = put_number(self.room(), fault.line)
        text = cython.address(self.fault_texts[fault.what])
        at[0] = 44
        if fault.op == OP_CANCEL:
            at = put_word(at + 1, event_name(EVENT_CANCEL_REJECTED))
        elif fault.op == OP_REPLACE:
            at = put_word(at + 1, event_name(EVENT_REPLACE_REJECTED))
        else:
            at = put_word(at + 1, event_name(EVENT_REJECTED))
        at[0] = 44
        at = put_id(at + 1, fault.order_id, 36)
        at = put_word(at, b",,,,,,")
        at = put(at, text.text, text.size)
        at[0] = 10
        self.used = at + 1 - self.out
        self.row_count += 1
        return 0

    def add_market_event(self, event, line):
        """The row of an event that is about no single order; some have none.

        An OrderEvent stands for any: the first byte of all tells which they are.
        """
        if event.kind == EVENT_PHASE:
            phase = cython.cast(cython.pointer(cython.const[PhaseEvent]), event)
            at = self.begin(event, line, b"phase")
            at = put_id(at, phase.symbol, 24)
            at = put_word(at, b",,,,,,")
            reason = cython.address(self.phases[phase.phase])
            self.finish(put(at, reason.text, reason.size))
        elif event.kind == EVENT_AUCTION:
            auction = cython.cast(cython.pointer(cython.const[AuctionEvent]), event)
            at = self.begin(
                event, line, b"auction" if auction.uncrossed else b"indicative"
            )
            at = put_id(at, auction.symbol, 24)
            at[0] = 44
            at += 1
            if auction.imbalance_side:
                at = put_word(
                    at, b"buy" if auction.imbalance_side == SIDE_BUY else b"sell"
                )
            at[0] = 44
            at += 1
            if auction.price:
                at += format_decimal(auction.price, at)
            at[0] = 44
            at += 1
            at += format_decimal(auction.volume, at)
            self.finish(put_word(at, b",,,"))
        return 0

    def begin(self, event, line, name):
        """Where the third column of a row goes."""
        at: cython.p_uchar = put_number(self.room(), line)
        at[0] = 44
        at = put_word(at + 1, name)
        at[0] = 44
        return at + 1

    def finish(self, at):
        """The row ends before ``at``."""
        at[0] = 10
        self.used = at + 1 - self.out
        self.row_count += 1


def has_price(event):
    """Whether the price of an order says anything: others have none."""
    if event.ord_type == ORD_TYPE_LIMIT or event.ord_type == ORD_TYPE_STOP_LIMIT:
        return True
    return event.ord_type != ORD_TYPE_MARKET and event.price != 0


def event_name(kind):
    """The word for a kind of event, or NULL for one that has no row."""
    if kind == EVENT_ACCEPTED:
        return b"accepted"
    if kind == EVENT_FILLED:
        return b"trade"
    if kind == EVENT_CANCELLED:
        return b"cancelled"
    if kind == EVENT_REPLACED:
        return b"replaced"
    if kind == EVENT_REJECTED:
        return b"rejected"
    if kind == EVENT_CANCEL_REJECTED:
        return b"cancel_rejected"
    if kind == EVENT_REPLACE_REJECTED:
        return b"replace_rejected"
    if kind == EVENT_TRIGGERED:
        return b"triggered"
    if kind == EVENT_RESTATED:
        return b"restated"
    if kind == EVENT_EXPIRED:
        return b"expired"
    return cython.NULL


# -- output: each puts something at a place and gives the place behind it --------------


def put(at, text, size):
    memcpy(at, text, size)
    return at + size


def put_word(at, word):
    while word[0]:
        at[0] = cython.cast(cython.uchar, word[0])
        at += 1
        word += 1
    return at


def put_number(at, value):
    """A number that is not negative."""
    digits = cython.declare(cython.uchar[24])
    count: cython.int = 0
    while True:
        digits[count] = cython.cast(cython.uchar, 48 + value % 10)
        value /= 10
        count += 1
        if value == 0:
            break
    while count > 0:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


def put_id(at, order_id, most):
    """An identifier of up to ``most`` bytes, in quotes if it contains a comma or a
    quote."""
    i: cython.int
    size: cython.int = 0
    plain: cython.bint = True
    while size < most and order_id[size] != 0:
        if order_id[size] == 44 or order_id[size] == 34:
            plain = False
        size += 1
    if plain:
        return put(at, order_id, size)
    at[0] = 34
    at += 1
    for i in range(size):
        if order_id[i] == 34:
            at[0] = 34
            at += 1
        at[0] = order_id[i]
        at += 1
    at[0] = 34
    return at + 1
