"""An order flow in CSV through a shard: lines to commands, events to lines. Compiled.

The format is described in ``spec/order_flow.md``. Nothing is made per order but packed
records in buffers that are used again. The work is done in batches, in three steps the
caller drives, so that it can time the middle one alone::

    flow.load(chunk)            # any part of the file, cut anywhere
    while flow.parse():         # whole lines to commands, one batch
        flow.run()              # the commands through the shard: only the engine
        output(flow.rows())     # what happened, in the order of the lines

and once more after ``flow.finish()``, for a last line that has no line end.

A line stands for itself: a quoted field may not contain a line break, so that a quote
that is never closed spoils one line and not the rest of the file. What is wrong with
the form of a line is found here; what is wrong with an order is left to the shard,
whose reasons are the same as for an order that came by FIX.
"""

import cython
from cython.cimports.engine.decimals import format_decimal, parse_decimal
from cython.cimports.engine.flow import (
    BATCH_COMMANDS,
    COLUMNS_MAX,
    FAULT_COLUMNS,
    FAULT_ID_TOO_LONG,
    FAULT_LINE_TOO_LONG,
    FAULT_NONE,
    FAULT_OP,
    FAULT_PRICE,
    FAULT_QTY,
    FAULT_QUOTING,
    FAULT_SIDE,
    FAULT_SYMBOL_TOO_LONG,
    FAULT_TIF,
    FAULT_TYPE,
    FAULTS,
    LINE_BYTES_MAX,
    OP_CANCEL,
    OP_NEW,
    OP_REPLACE,
    OP_UNKNOWN,
    REASONS_MAX,
    ROW_BYTES_MAX,
    TEXT_BYTES_MAX,
    Fault,
    Field,
)
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_DEFINE_INSTRUMENT,
    COMMAND_NEW_ORDER,
    COMMAND_REPLACE,
    EVENT_ACCEPTED,
    EVENT_BYTES,
    EVENT_CANCEL_REJECTED,
    EVENT_CANCELLED,
    EVENT_FILLED,
    EVENT_INSTRUMENT_DEFINED,
    EVENT_REJECTED,
    EVENT_REPLACE_REJECTED,
    EVENT_REPLACED,
    FLAG_QTY_IS_LEAVES,
    FLAG_REUSE_ID,
    LIQUIDITY_ADDED,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    REASON_REQUESTED,
    SIDE_BUY,
    SIDE_SELL,
    TIF_DAY,
    TIF_GTC,
    TIF_IOC,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
)
from cython.cimports.engine.shard import Shard
from cython.cimports.libc.stdint import int64_t, uint8_t
from cython.cimports.libc.stdlib import free, malloc, realloc
from cython.cimports.libc.string import memchr, memcmp, memcpy, memmove, memset

from engine.records import PRICE_MAX, QTY_MAX, Reason

REQUIRED = ("op", "order_id", "symbol", "side", "price", "qty")
COLUMNS = (*REQUIRED, "type", "tif")
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
)

_PRICE_MAX: int64_t = PRICE_MAX
_QTY_MAX: int64_t = QTY_MAX


@cython.final
@cython.cclass
class Flow:
    """One file's way through ``shard``, which nobody else may use meanwhile.

    ``columns`` are the names in the header line. Raises ValueError when a required one
    is missing, one is there twice, or there are more than 64; unknown ones are ignored.
    """

    def __cinit__(self, shard: Shard, columns):
        names = [name.lower() for name in columns]
        if len(names) > COLUMNS_MAX:
            raise ValueError(f"{len(names)} columns are more than {COLUMNS_MAX}")
        for name in COLUMNS:
            if name in REQUIRED and name not in names:
                raise ValueError(f"the column {name} is missing")
            if names.count(name) > 1:
                raise ValueError(f"the column {name} is there more than once")
        places = [names.index(name) if name in names else -1 for name in COLUMNS]
        self.op_at, self.id_at, self.symbol_at, self.side_at = places[:4]
        self.price_at, self.qty_at, self.type_at, self.tif_at = places[4:]
        self.column_count = len(names)
        self.shard = shard
        # Only this process's own flow is hashed: no secret is needed.
        self.defined = KeyTable(bytes(16))
        self.line = 1
        self.resting = self.resting_peak = shard.open_orders
        self.scratch = cython.cast(cython.p_uchar, malloc(LINE_BYTES_MAX))
        self.commands = cython.cast(
            cython.p_uchar, malloc(BATCH_COMMANDS * COMMAND_BYTES)
        )
        self.lines = cython.cast(
            cython.pointer(int64_t), malloc(BATCH_COMMANDS * cython.sizeof(int64_t))
        )
        self.faults = cython.cast(
            cython.pointer(Fault), malloc(BATCH_COMMANDS * cython.sizeof(Fault))
        )
        if (
            self.scratch == cython.NULL
            or self.commands == cython.NULL
            or self.lines == cython.NULL
            or self.faults == cython.NULL
        ):
            raise MemoryError
        for reason in Reason:
            if reason not in (Reason.NONE, Reason.REQUESTED):
                self.set_text(False, reason, reason.name.lower())
        for code, text in enumerate(FAULT_TEXTS):
            self.set_text(True, code, f"malformed: {text}")

    def __dealloc__(self):
        free(self.scratch)
        free(self.commands)
        free(self.lines)
        free(self.faults)
        free(self.buffer)
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

    # -- the three steps ---------------------------------------------------------------

    def load(self, chunk: bytes):
        """Adds bytes to the input. The caller parses until nothing is left to parse."""
        size: cython.Py_ssize_t = len(chunk)
        left: cython.Py_ssize_t = self.used - self.start
        if left + size > self.capacity:
            grown = cython.cast(cython.p_uchar, malloc(left + size))
            if grown == cython.NULL:
                raise MemoryError
            if left:
                memcpy(grown, self.buffer + self.start, left)
            free(self.buffer)
            self.buffer = grown
            self.capacity = left + size
            self.scanned -= self.start
            self.start = 0
        elif self.used + size > self.capacity:
            memmove(self.buffer, self.buffer + self.start, left)
            self.scanned -= self.start
            self.start = 0
        if size:
            memcpy(
                self.buffer + self.start + left, cython.cast(cython.p_char, chunk), size
            )
        self.used = self.start + left + size

    def finish(self):
        """The input has ended: what is left of it is the last line."""
        self.ended = True

    def parse(self):
        """Makes a batch of the next whole lines; False when there is none."""
        self.command_count = 0
        self.event_count = 0
        self.fault_count = 0
        self.fault_next = 0
        # A line takes two commands at most: the definition of its symbol, and itself.
        while (
            self.command_count <= BATCH_COMMANDS - 2
            and self.fault_count < BATCH_COMMANDS
            and self.next_line()
        ):
            pass
        return self.command_count > 0 or self.fault_count > 0

    def run(self):
        """Runs the batch through the shard, one tick of engine time after the last."""
        if self.command_count:
            self.base = self.shard.events.command_seq
            self.shard.run(
                self.commands, self.command_count, self.shard.events.time + 1
            )
            self.event_count = self.shard.events.count

    def rows(self) -> bytes:
        """The rows of the batch. Until they are fetched the shard may not run again."""
        event: cython.pointer(cython.const[OrderEvent])
        maker: cython.pointer(cython.const[OrderEvent]) = cython.NULL
        i: int64_t
        index: int64_t
        last: int64_t = -1
        self.out_used = 0
        for i in range(self.event_count):
            event = cython.cast(
                cython.pointer(cython.const[OrderEvent]),
                self.shard.events.data + i * EVENT_BYTES,
            )
            if event.kind == EVENT_INSTRUMENT_DEFINED:
                continue
            index = cython.cast(int64_t, event.command_seq - self.base) - 1
            if not 0 <= index < self.command_count:
                raise RuntimeError("the shard has events of commands it was not given")
            while (
                self.fault_next < self.fault_count
                and self.faults[self.fault_next].line < self.lines[index]
            ):
                self.fault_row(cython.address(self.faults[self.fault_next]))
                self.fault_next += 1
            if index != last:
                self.resting_peak = max(self.resting_peak, self.resting)
                last = index
            if event.kind == EVENT_ACCEPTED:
                self.resting += 1
            elif event.kind == EVENT_CANCELLED:
                self.resting -= 1
            elif event.kind == EVENT_FILLED:
                if event.leaves_qty == 0:
                    self.resting -= 1
                # The maker's side of a trade comes first; the row is of both.
                if event.liquidity == LIQUIDITY_ADDED:
                    maker = event
                    continue
            self.event_row(event, maker, self.lines[index])
        self.resting_peak = max(self.resting_peak, self.resting)
        while self.fault_next < self.fault_count:
            self.fault_row(cython.address(self.faults[self.fault_next]))
            self.fault_next += 1
        self.event_count = 0
        return cython.cast(cython.p_char, self.out)[: self.out_used]

    # -- lines -------------------------------------------------------------------------

    def next_line(self):
        """Takes the next whole line; False when there is none."""
        text: cython.p_uchar = self.buffer + self.start
        size: cython.Py_ssize_t
        end: cython.p_uchar = cython.NULL
        if self.scanned < self.used:
            end = cython.cast(
                cython.p_uchar,
                memchr(self.buffer + self.scanned, 10, self.used - self.scanned),
            )
        if end == cython.NULL:
            self.scanned = self.used
            if self.used - self.start > LINE_BYTES_MAX:
                self.skipping = True
                self.start = self.used
            if not self.ended or (self.start == self.used and not self.skipping):
                return False
            size = self.used - self.start
            self.start = self.used
        else:
            size = end - text
            self.start += size + 1
            self.scanned = self.start
        self.line += 1
        if self.skipping or size > LINE_BYTES_MAX:
            self.skipping = False
            self.field_count = 0
            self.records += 1
            self.add_fault(OP_UNKNOWN, FAULT_LINE_TOO_LONG)
            return True
        if size and text[size - 1] == 13:  # a carriage return
            size -= 1
        if size:
            self.records += 1
            self.read(text, size)
        return True

    def read(self, text, size):
        """One line: a command, or a fault."""
        fault: cython.int = self.split(text, size)
        op: cython.int = OP_UNKNOWN
        if self.op_at < self.field_count:
            op = find_op(cython.address(self.fields[self.op_at]))
        if fault == FAULT_NONE and self.field_count != self.column_count:
            fault = FAULT_COLUMNS
        if fault == FAULT_NONE and op == OP_UNKNOWN:
            fault = FAULT_OP
        if fault == FAULT_NONE:
            fault = self.build(op)
        if fault != FAULT_NONE:
            self.add_fault(op, fault)

    def split(self, text, size):
        """The fields of a line, counted all, noted as far as there is room."""
        i: cython.Py_ssize_t
        begin: cython.Py_ssize_t = 0
        self.field_count = 0
        for i in range(size):
            if text[i] == 44:  # a comma
                self.add_field(text + begin, i - begin)
                begin = i + 1
            elif text[i] == 34:  # a quote: all over again, with care
                return self.split_quoted(text, size)
        self.add_field(text + begin, size - begin)
        return FAULT_NONE

    def split_quoted(self, text, size):
        """The same by RFC 4180: quoted fields, and quotes doubled within them.

        What is in quotes is copied to ``scratch``, which is as large as any line.
        """
        i: cython.Py_ssize_t = 0
        begin: cython.Py_ssize_t
        copied: cython.Py_ssize_t = 0
        self.field_count = 0
        while True:
            if i < size and text[i] == 34:
                i += 1
                begin = copied
                while True:
                    if i >= size:
                        return FAULT_QUOTING
                    if text[i] == 34:
                        i += 1
                        if i >= size or text[i] != 34:
                            break
                    self.scratch[copied] = text[i]
                    copied += 1
                    i += 1
                if i < size and text[i] != 44:
                    return FAULT_QUOTING
                self.add_field(self.scratch + begin, copied - begin)
            else:
                begin = i
                while i < size and text[i] != 44:
                    if text[i] == 34:
                        return FAULT_QUOTING
                    i += 1
                self.add_field(text + begin, i - begin)
            if i >= size:
                return FAULT_NONE
            i += 1

    def add_field(self, text, size):
        if self.field_count < COLUMNS_MAX:
            self.fields[self.field_count].text = text
            self.fields[self.field_count].size = size
        self.field_count += 1

    def add_fault(self, op, what):
        """Notes a malformed line, with its order_id if that can be read."""
        fault: cython.pointer(Fault) = cython.address(self.faults[self.fault_count])
        fault.line = self.line
        fault.op = cython.cast(uint8_t, op)
        fault.what = what
        if self.id_at >= self.field_count or copy_text(
            cython.address(self.fields[self.id_at]), fault.order_id, 36
        ):
            memset(fault.order_id, 0, 36)
        self.fault_count += 1
        self.malformed += 1
        if self.first_malformed == 0:
            self.first_malformed = self.line

    # -- commands ----------------------------------------------------------------------

    def build(self, op):
        """Adds the command of a line with all its columns; what is wrong, or 0."""
        fault: cython.int
        command: cython.pointer(OrderCommand) = cython.cast(
            cython.pointer(OrderCommand),
            self.commands + cython.cast(int64_t, self.command_count) * COMMAND_BYTES,
        )
        memset(command, 0, COMMAND_BYTES)
        fault = copy_text(
            cython.address(self.fields[self.id_at]), command.cl_ord_id, 36
        )
        if fault:
            return FAULT_ID_TOO_LONG + fault - 1
        fault = copy_text(
            cython.address(self.fields[self.symbol_at]), command.symbol, 24
        )
        if fault:
            return FAULT_SYMBOL_TOO_LONG + fault - 1
        fault = self.build_terms(op, command)
        if fault:
            return fault
        command.flags = FLAG_QTY_IS_LEAVES | FLAG_REUSE_ID
        if op == OP_NEW:
            command.kind = COMMAND_NEW_ORDER
            self.define(command)
        else:
            command.kind = COMMAND_CANCEL if op == OP_CANCEL else COMMAND_REPLACE
            memcpy(command.orig_cl_ord_id, command.cl_ord_id, 36)
        self.lines[self.command_count] = self.line
        self.command_count += 1
        self.messages += 1
        return FAULT_NONE

    def build_terms(self, op, command):
        """Side, type, time in force, price and quantity: those the operation has."""
        value: cython.int
        field: cython.pointer(Field) = cython.address(self.fields[self.side_at])
        if op == OP_NEW or field.size:
            value = find_side(field)
            if value == 0:
                return FAULT_SIDE
            command.side = cython.cast(uint8_t, value)
        if op == OP_CANCEL:
            return FAULT_NONE
        if op == OP_NEW:
            command.ord_type = ORD_TYPE_LIMIT
            command.time_in_force = TIF_DAY
        if self.type_at >= 0 and self.fields[self.type_at].size:
            value = find_type(cython.address(self.fields[self.type_at]))
            if value == 0:
                return FAULT_TYPE
            command.ord_type = cython.cast(uint8_t, value)
        if self.tif_at >= 0 and self.fields[self.tif_at].size:
            value = find_tif(cython.address(self.fields[self.tif_at]))
            if value == 0:
                return FAULT_TIF
            command.time_in_force = cython.cast(uint8_t, value)
        field = cython.address(self.fields[self.price_at])
        if field.size or command.ord_type != ORD_TYPE_MARKET:
            value = parse_decimal(field.text, field.size, cython.address(command.price))
            if value:
                return FAULT_PRICE + value - 1
        field = cython.address(self.fields[self.qty_at])
        value = parse_decimal(field.text, field.size, cython.address(command.qty))
        if value:
            return FAULT_QTY + value - 1
        return FAULT_NONE

    def define(self, command):
        """Puts a free instrument before a new order whose symbol nobody has defined."""
        symbol = cython.declare(cython.uchar[36])
        terms: cython.pointer(InstrumentCommand)
        if memcmp(command.symbol, self.last_symbol, 24) == 0 or command.symbol[0] == 0:
            return 0
        memset(symbol, 0, 36)
        memcpy(symbol, command.symbol, 24)
        if (
            self.defined.find(0, symbol) < 0
            and self.shard.books.find(command.symbol) < 0
        ):
            self.defined.insert(0, symbol, 0, 0)
            memcpy(
                self.commands
                + (cython.cast(int64_t, self.command_count) + 1) * COMMAND_BYTES,
                command,
                COMMAND_BYTES,
            )
            terms = cython.cast(cython.pointer(InstrumentCommand), command)
            memset(terms, 0, COMMAND_BYTES)
            terms.kind = COMMAND_DEFINE_INSTRUMENT
            terms.tick = 1
            terms.lot = 1
            terms.price_min = 1
            terms.price_max = _PRICE_MAX
            terms.qty_max = _QTY_MAX
            memcpy(terms.symbol, symbol, 24)
            self.lines[self.command_count] = self.line
            self.command_count += 1
        memcpy(self.last_symbol, symbol, 24)
        return 0

    # -- rows --------------------------------------------------------------------------

    def room(self):
        """Where the next row goes: there is room for the longest."""
        capacity: cython.Py_ssize_t
        if self.out_capacity - self.out_used < ROW_BYTES_MAX:
            capacity = self.out_capacity * 2 + 64 * 1024
            grown = cython.cast(cython.p_uchar, realloc(self.out, capacity))
            if grown == cython.NULL:
                raise MemoryError
            self.out = grown
            self.out_capacity = capacity
        return self.out + self.out_used

    def event_row(self, event, maker, line):
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
        elif event.kind == EVENT_CANCELLED:
            qty = event.last_qty
        elif event.kind == EVENT_REPLACED:
            qty = event.leaves_qty
        at = put_number(at, line)
        at[0] = 44
        at = put_word(at + 1, name)
        at[0] = 44
        at = put_id(at + 1, event.cl_ord_id)
        if event.kind == EVENT_CANCEL_REJECTED or event.kind == EVENT_REPLACE_REJECTED:
            at = put_word(at, b",,,")
        else:
            at = put_word(at, b",buy," if event.side == SIDE_BUY else b",sell,")
            if event.ord_type != ORD_TYPE_MARKET or event.kind == EVENT_FILLED:
                at += format_decimal(price, at)
            at[0] = 44
            at += 1
            at += format_decimal(qty, at)
        at[0] = 44
        at += 1
        if event.kind == EVENT_FILLED:
            at = put_id(at, maker.cl_ord_id)
            at[0] = 44
            at = put_id(at + 1, event.cl_ord_id)
        else:
            at[0] = 44
            at += 1
        at[0] = 44
        at += 1
        if event.reason != REASON_REQUESTED:
            reason = cython.address(self.reasons[event.reason])
            at = put(at, reason.text, reason.size)
        at[0] = 10
        self.out_used = at + 1 - self.out
        self.row_count += 1
        return 0

    def fault_row(self, fault):
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
        at = put_id(at + 1, fault.order_id)
        at = put_word(at, b",,,,,,")
        at = put(at, text.text, text.size)
        at[0] = 10
        self.out_used = at + 1 - self.out
        self.row_count += 1
        return 0


# -- words -----------------------------------------------------------------------------


def is_word(text, size, word):
    """Whether the text is ``word``, which is in lower case, in any case."""
    i: cython.Py_ssize_t
    for i in range(size):
        if word[i] == 0 or (text[i] | 32) != cython.cast(cython.uchar, word[i]):
            return False
    return word[size] == 0


def find_op(field):
    if is_word(field.text, field.size, b"new"):
        return OP_NEW
    if is_word(field.text, field.size, b"cancel"):
        return OP_CANCEL
    if is_word(field.text, field.size, b"replace"):
        return OP_REPLACE
    return OP_UNKNOWN


def find_side(field):
    """Side(54), or 0 for a word that is none."""
    if is_word(field.text, field.size, b"buy"):
        return SIDE_BUY
    if is_word(field.text, field.size, b"sell"):
        return SIDE_SELL
    return 0


def find_type(field):
    """OrdType(40), or 0 for a word that is none."""
    if is_word(field.text, field.size, b"limit"):
        return ORD_TYPE_LIMIT
    if is_word(field.text, field.size, b"market"):
        return ORD_TYPE_MARKET
    return 0


def find_tif(field):
    """TimeInForce(59), or 0 for a word that is none."""
    if is_word(field.text, field.size, b"day"):
        return TIF_DAY
    if is_word(field.text, field.size, b"gtc"):
        return TIF_GTC
    if is_word(field.text, field.size, b"ioc"):
        return TIF_IOC
    return 0


def copy_text(field, to, size):
    """Copies text to ``size`` bytes, padded; 1 = too long, 2 = not printable ASCII."""
    i: cython.Py_ssize_t
    if field.size > size:
        return 1
    for i in range(field.size):
        if field.text[i] < 32 or field.text[i] > 126:
            return 2
        to[i] = field.text[i]
    memset(to + field.size, 0, size - field.size)
    return 0


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


def put_id(at, order_id):
    """An identifier of up to 36 bytes, in quotes if it contains a comma or a quote."""
    i: cython.int
    size: cython.int = 0
    plain: cython.bint = True
    while size < 36 and order_id[size] != 0:
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
