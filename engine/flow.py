"""An order flow in CSV through a shard: lines to commands, events to lines. Compiled.

The format is described in ``spec/order_flow.md``. Nothing is made per order but packed
records in buffers that are used again. The work is done in batches, in three steps the
caller drives, so that it can time the middle one alone::

    flow.load(chunk)            # any part of the file, cut anywhere
    while flow.parse():         # whole lines to commands, one batch
        flow.run()              # the commands through the shard: only the engine
        output(flow.rows())     # what happened, in the order of the lines

and once more after ``flow.finish()``, for a last line that has no line end.

What is wrong with the form of a line is found here; what is wrong with an order is left
to the shard, whose reasons are the same as for an order that came by FIX.
"""

import cython
from cython.cimports.engine.csvlines import (
    LINE_EMPTY,
    LINE_NONE,
    LINE_QUOTING,
    LINE_TOO_LONG,
    CsvLines,
    Field,
    copy_text,
)
from cython.cimports.engine.decimals import parse_decimal
from cython.cimports.engine.flow import BATCH_COMMANDS
from cython.cimports.engine.flowrows import (
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
    OP_CANCEL,
    OP_NEW,
    OP_REPLACE,
    OP_UNKNOWN,
    Fault,
    FlowRows,
)
from cython.cimports.engine.flowterms import FlowTerms
from cython.cimports.engine.flowwords import (
    find_op,
    find_side,
    find_tif,
    find_type,
    needs_price,
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
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    EVENT_INSTRUMENT_DEFINED,
    EVENT_MASS_CANCELLED,
    FLAG_QTY_IS_LEAVES,
    FLAG_REUSE_ID,
    LIQUIDITY_ADDED,
    LIQUIDITY_AUCTION,
    ORD_TYPE_LIMIT,
    TIF_DAY,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
)
from cython.cimports.engine.shard import Shard
from cython.cimports.libc.stdint import int64_t, uint8_t, uint64_t
from cython.cimports.libc.stdlib import free, malloc
from cython.cimports.libc.string import memcmp, memcpy, memset

from engine.csvlines import find_columns
from engine.flowrows import FAULT_TEXTS, HEADER
from engine.flowterms import FURTHER_COLUMNS
from engine.records import PRICE_MAX, QTY_MAX

__all__ = ["COLUMNS", "FAULT_TEXTS", "HEADER", "REQUIRED", "Flow"]

REQUIRED = ("op", "order_id", "symbol", "side", "price", "qty")
_FIRST = (*REQUIRED, "type", "tif")
COLUMNS = (*_FIRST, *FURTHER_COLUMNS)

NUMBER = cython.declare(uint64_t, (1 << 48) - 1)
"""The part of an identifier that is a number in the shard."""

_PRICE_MAX: int64_t = PRICE_MAX
_QTY_MAX: int64_t = QTY_MAX


@cython.final
@cython.cclass
class Flow:
    """One file's way through ``shard``, which nobody else may use meanwhile.

    ``columns`` are the names in the header line. Raises ValueError for one that will
    not do, see :func:`engine.csvlines.find_columns`.
    """

    def __cinit__(self, shard: Shard, columns):
        places = find_columns(columns, COLUMNS, REQUIRED)
        self.op_at, self.id_at, self.symbol_at, self.side_at = places[:4]
        self.price_at, self.qty_at, self.type_at, self.tif_at = places[4:8]
        self.terms = FlowTerms(places[len(_FIRST) :])
        self.column_count = len(columns)
        self.shard = shard
        # Only this process's own flow is hashed: no secret is needed.
        self.defined = KeyTable(bytes(16))
        self.csv = CsvLines()
        self.written = FlowRows()
        self.resting = self.resting_peak = shard.open_orders
        self.commands = cython.cast(
            cython.p_uchar, malloc(BATCH_COMMANDS * COMMAND_BYTES)
        )
        self.lines = cython.cast(
            cython.pointer(int64_t), malloc(BATCH_COMMANDS * cython.sizeof(int64_t))
        )
        self.faults = cython.cast(
            cython.pointer(Fault), malloc(BATCH_COMMANDS * cython.sizeof(Fault))
        )
        if not (self.commands and self.lines and self.faults):
            raise MemoryError

    def __dealloc__(self):
        free(self.commands)
        free(self.lines)
        free(self.faults)

    @property
    def line(self):
        """The number of the last line read."""
        return self.csv.line

    @property
    def records(self):
        """Lines read that were not empty."""
        return self.csv.records

    @property
    def row_count(self):
        """Rows written, of all batches."""
        return self.written.row_count

    # -- the three steps ---------------------------------------------------------------

    def load(self, chunk: bytes):
        """Adds bytes to the input. The caller parses until nothing is left to parse."""
        self.csv.load(chunk)

    def finish(self):
        """The input has ended: what is left of it is the last line."""
        self.csv.finish()

    def parse(self):
        """Makes a batch of the next whole lines; False when there is none."""
        found: cython.int
        self.command_count = 0
        self.event_count = 0
        self.fault_count = 0
        self.fault_next = 0
        # A line takes two commands at most: the definition of its symbol, and itself.
        while (
            self.command_count <= BATCH_COMMANDS - 2
            and self.fault_count < BATCH_COMMANDS
        ):
            found = self.csv.next()
            if found == LINE_NONE:
                break
            if found != LINE_EMPTY:
                self.read(found)
                if self.terms.timed:
                    break  # each line has its own time
        return self.command_count > 0 or self.fault_count > 0

    def run(self):
        """Runs the batch through the shard, one tick of engine time after the last."""
        if self.command_count:
            self.base = self.shard.events.command_seq
            self.shard.run(
                self.commands,
                self.command_count,
                max(self.time, self.shard.events.time + 1),
            )
            self.event_count = self.shard.events.count

    def rows(self) -> bytes:
        """The rows of the batch. Until they are fetched the shard may not run again."""
        event: cython.pointer(cython.const[OrderEvent])
        maker: cython.pointer(cython.const[OrderEvent]) = cython.NULL
        i: int64_t
        index: int64_t
        last: int64_t = -1
        self.written.clear()
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
                self.written.add_fault(cython.address(self.faults[self.fault_next]))
                self.fault_next += 1
            if index != last:
                self.resting_peak = max(self.resting_peak, self.resting)
                last = index
            if event.kind == EVENT_ACCEPTED:
                self.resting += 1
            elif event.kind == EVENT_CANCELLED or event.kind == EVENT_EXPIRED:
                self.resting -= 1
            elif event.kind == EVENT_FILLED:
                if event.leaves_qty == 0:
                    self.resting -= 1
                # The maker's side of a trade comes first; the row is of both. Of an
                # auction's the first is the one the trade is named by.
                if event.liquidity == LIQUIDITY_ADDED or (
                    event.liquidity == LIQUIDITY_AUCTION
                    and event.trade_id & NUMBER == event.seq
                ):
                    maker = event
                    continue
            elif event.kind >= EVENT_MASS_CANCELLED:
                self.written.add_market_event(event, self.lines[index])
                continue
            self.written.add_event(event, maker, self.lines[index])
        self.resting_peak = max(self.resting_peak, self.resting)
        while self.fault_next < self.fault_count:
            self.written.add_fault(cython.address(self.faults[self.fault_next]))
            self.fault_next += 1
        self.event_count = 0
        return self.written.take()

    # -- lines -------------------------------------------------------------------------

    def read(self, found):
        """The line at hand: a command, or a fault."""
        fault: cython.int = FAULT_NONE
        op: cython.int = OP_UNKNOWN
        if self.op_at < self.csv.field_count:
            op = find_op(cython.address(self.csv.fields[self.op_at]))
        if found == LINE_TOO_LONG:
            fault = FAULT_LINE_TOO_LONG
        elif found == LINE_QUOTING:
            fault = FAULT_QUOTING
        elif self.csv.field_count != self.column_count:
            fault = FAULT_COLUMNS
        elif op == OP_UNKNOWN:
            fault = FAULT_OP
        else:
            if self.terms.timed:
                fault = self.terms.time_of(self.csv, cython.address(self.time))
            if fault == FAULT_NONE and op > OP_REPLACE:
                fault = self.build_special(op)
            elif fault == FAULT_NONE:
                fault = self.build(op)
        if fault != FAULT_NONE:
            self.add_fault(op, fault)

    def add_fault(self, op, what):
        """Notes a malformed line, with its order_id if that can be read."""
        fault: cython.pointer(Fault) = cython.address(self.faults[self.fault_count])
        fault.line = self.csv.line
        fault.op = cython.cast(uint8_t, op)
        fault.what = what
        if self.id_at >= self.csv.field_count or copy_text(
            cython.address(self.csv.fields[self.id_at]), fault.order_id, 36
        ):
            memset(fault.order_id, 0, 36)
        self.fault_count += 1
        self.malformed += 1
        if self.first_malformed == 0:
            self.first_malformed = self.csv.line

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
            cython.address(self.csv.fields[self.id_at]), command.cl_ord_id, 36
        )
        if fault:
            return FAULT_ID_TOO_LONG + fault - 1
        fault = copy_text(
            cython.address(self.csv.fields[self.symbol_at]), command.symbol, 24
        )
        if fault:
            return FAULT_SYMBOL_TOO_LONG + fault - 1
        fault = self.build_terms(op, command)
        if self.terms.any and not fault:
            fault = self.terms.read(self.csv, op, command)
        if fault:
            return fault
        command.flags = FLAG_QTY_IS_LEAVES | FLAG_REUSE_ID
        if op == OP_NEW:
            command.kind = COMMAND_NEW_ORDER
            self.define(command)
        else:
            command.kind = COMMAND_CANCEL if op == OP_CANCEL else COMMAND_REPLACE
            memcpy(command.orig_cl_ord_id, command.cl_ord_id, 36)
        self.lines[self.command_count] = self.csv.line
        self.command_count += 1
        self.messages += 1
        return FAULT_NONE

    def build_special(self, op):
        """Adds the command of an operation on all orders; what is wrong, or 0."""
        fault: cython.int
        command: cython.pointer(OrderCommand) = cython.cast(
            cython.pointer(OrderCommand),
            self.commands + cython.cast(int64_t, self.command_count) * COMMAND_BYTES,
        )
        field: cython.pointer(Field) = cython.address(self.csv.fields[self.side_at])
        memset(command, 0, COMMAND_BYTES)
        fault = copy_text(
            cython.address(self.csv.fields[self.symbol_at]), command.symbol, 24
        )
        if fault:
            return FAULT_SYMBOL_TOO_LONG + fault - 1
        if field.size:
            command.side = cython.cast(uint8_t, find_side(field))
            if command.side == 0:
                return FAULT_SIDE
        fault = self.terms.special(self.csv, op, command)
        if fault:
            return fault
        self.lines[self.command_count] = self.csv.line
        self.command_count += 1
        self.messages += 1
        return FAULT_NONE

    def build_terms(self, op, command):
        """Side, type, time in force, price and quantity: those the operation has."""
        value: cython.int
        field: cython.pointer(Field) = cython.address(self.csv.fields[self.side_at])
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
        if self.type_at >= 0 and self.csv.fields[self.type_at].size:
            value = find_type(cython.address(self.csv.fields[self.type_at]))
            if value == 0:
                return FAULT_TYPE
            command.ord_type = cython.cast(uint8_t, value)
        if self.tif_at >= 0 and self.csv.fields[self.tif_at].size:
            value = find_tif(cython.address(self.csv.fields[self.tif_at]))
            if value == 0:
                return FAULT_TIF
            command.time_in_force = cython.cast(uint8_t, value)
        field = cython.address(self.csv.fields[self.price_at])
        if field.size or needs_price(command.ord_type, op):
            value = parse_decimal(field.text, field.size, cython.address(command.price))
            if value:
                return FAULT_PRICE + value - 1
        field = cython.address(self.csv.fields[self.qty_at])
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
            self.lines[self.command_count] = self.csv.line
            self.command_count += 1
        memcpy(self.last_symbol, symbol, 24)
        return 0
