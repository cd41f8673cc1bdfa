"""The optional columns of an order flow: what an order asks for beside its price and
quantity, who it is from, when it comes, and the operations on all orders. Compiled.

A flow without these columns never comes here.
"""

import cython
from cython.cimports.engine.csvlines import CsvLines, copy_text
from cython.cimports.engine.decimals import parse_decimal
from cython.cimports.engine.flowrows import (
    FAULT_ACCOUNT_TOO_LONG,
    FAULT_EXPIRE,
    FAULT_MARK,
    FAULT_NONE,
    FAULT_PEG,
    FAULT_PHASE,
    FAULT_SESSION,
    FAULT_STOP_PRICE,
    FAULT_STP,
    FAULT_STP_ID_TOO_LONG,
    FAULT_TIME,
    FAULT_UNTIL,
    OP_END_OF_DAY,
    OP_MASS_CANCEL,
    OP_NEW,
    OP_PHASE,
    OP_TICK,
)
from cython.cimports.engine.flowwords import find_word
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_END_OF_DAY,
    COMMAND_MASS_CANCEL,
    COMMAND_SET_PHASE,
    COMMAND_TICK,
    EXEC_ALL_OR_NONE,
    EXEC_HIDDEN,
    EXEC_PEG_MIDPOINT,
    EXEC_PEG_PRIMARY,
    EXEC_POST_ONLY,
    EXEC_TRAILING,
    REASON_MASS_CANCEL,
    STP_CANCEL_NEWEST,
    WHY_OPERATOR,
    MassCommand,
    PhaseCommand,
)
from cython.cimports.libc.stdint import int64_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.string import memcpy, memset

FURTHER_COLUMNS = (
    *("stop_price", "display_qty", "min_qty", "peg_offset"),
    *("post_only", "hidden", "aon", "trailing"),
    *("peg", "stp", "stp_id", "account", "session"),
    *("expire", "time", "phase", "until", "then"),
)

MARK_BITS = cython.declare(uint16_t[4])
MARK_BITS[0] = EXEC_POST_ONLY
MARK_BITS[1] = EXEC_HIDDEN
MARK_BITS[2] = EXEC_ALL_OR_NONE
MARK_BITS[3] = EXEC_TRAILING

YES = cython.declare(cython.p_const_char[4])
YES[0] = b"1"
YES[1] = b"y"
YES[2] = b"yes"
YES[3] = b"true"

NO = cython.declare(cython.p_const_char[4])
NO[0] = b"0"
NO[1] = b"n"
NO[2] = b"no"
NO[3] = b"false"

PEG_WORDS = cython.declare(cython.p_const_char[2])
PEG_WORDS[0] = b"primary"
PEG_WORDS[1] = b"midpoint"

STP_WORDS = cython.declare(cython.p_const_char[4])
STP_WORDS[0] = b"cancel_newest"
STP_WORDS[1] = b"cancel_oldest"
STP_WORDS[2] = b"cancel_both"
STP_WORDS[3] = b"decrement"

# In the order of Phase, from 1.
PHASE_WORDS = cython.declare(cython.p_const_char[10])
PHASE_WORDS[0] = b"continuous"
PHASE_WORDS[1] = b"halted"
PHASE_WORDS[2] = b"closed"
PHASE_WORDS[3] = b"pre_open"
PHASE_WORDS[4] = b"opening_auction"
PHASE_WORDS[5] = b"volatility_auction"
PHASE_WORDS[6] = b"closing_auction"
PHASE_WORDS[7] = b"post_close"
PHASE_WORDS[8] = b"cancel_only"
PHASE_WORDS[9] = b"post_only"


@cython.final
@cython.cclass
class FlowTerms:
    """Where the further columns of one header are. ``places`` are those of
    FURTHER_COLUMNS, -1 for one that is absent."""

    def __cinit__(self, places):
        i: cython.int
        self.any = max(places) >= 0
        for i in range(AMOUNTS):
            self.amounts_at[i] = places[i]
        for i in range(MARKS):
            self.marks_at[i] = places[AMOUNTS + i]
        self.peg_at, self.stp_at, self.stp_id_at = places[8:11]
        self.account_at, self.session_at = places[11:13]
        self.expire_at, self.time_at = places[13:15]
        self.phase_at, self.until_at, self.then_at = places[15:18]
        self.timed = self.time_at >= 0

    def field(self, csv: CsvLines, at):
        """A field that is there and not empty, or NULL."""
        if at < 0 or csv.fields[at].size == 0:
            return cython.NULL
        return cython.address(csv.fields[at])

    def read(self, csv: CsvLines, op, command):
        """What the columns say of a new order, cancel or replace; what is wrong, or
        0."""
        fault: cython.int = self.owner(csv, command)
        if fault:
            return fault
        if op == OP_NEW or command.kind == 0:
            return self.wishes(csv, command)
        return FAULT_NONE

    def owner(self, csv: CsvLines, command):
        """Session and account."""
        fault: cython.int
        value: int64_t = 0
        field = self.field(csv, self.session_at)
        if field != cython.NULL:
            if not whole(field, cython.address(value)):
                return FAULT_SESSION
            command.session = cython.cast(uint64_t, value)
        field = self.field(csv, self.account_at)
        if field != cython.NULL:
            fault = copy_text(field, command.account, 24)
            if fault:
                return FAULT_ACCOUNT_TOO_LONG + fault - 1
        return FAULT_NONE

    def wishes(self, csv: CsvLines, command):
        """Everything else a new order or a replace may have."""
        i: cython.int
        fault: cython.int
        value: int64_t = 0
        for i in range(AMOUNTS):
            field = self.field(csv, self.amounts_at[i])
            if field == cython.NULL:
                continue
            fault = parse_decimal(field.text, field.size, cython.address(value))
            if fault:
                return FAULT_STOP_PRICE + 3 * i + fault - 1
            if i == 0:
                command.stop_price = value
            elif i == 1:
                command.display_qty = value
            elif i == 2:
                command.min_qty = value
            else:
                command.peg_offset = value
        for i in range(MARKS):
            field = self.field(csv, self.marks_at[i])
            if field == cython.NULL:
                continue
            if find_word(field, YES, 4) >= 0:
                command.exec_inst |= MARK_BITS[i]
            elif find_word(field, NO, 4) < 0:
                return FAULT_MARK
        field = self.field(csv, self.peg_at)
        if field != cython.NULL:
            i = find_word(field, PEG_WORDS, 2)
            if i < 0:
                return FAULT_PEG
            command.exec_inst |= EXEC_PEG_PRIMARY if i == 0 else EXEC_PEG_MIDPOINT
        field = self.field(csv, self.stp_at)
        if field != cython.NULL:
            i = find_word(field, STP_WORDS, 4)
            if i < 0:
                return FAULT_STP
            command.stp = cython.cast(uint8_t, STP_CANCEL_NEWEST + i)
        field = self.field(csv, self.stp_id_at)
        if field != cython.NULL:
            fault = copy_text(field, command.stp_id, 12)
            if fault:
                return FAULT_STP_ID_TOO_LONG + fault - 1
        field = self.field(csv, self.expire_at)
        if field != cython.NULL and not whole(
            field, cython.address(command.expire_time)
        ):
            return FAULT_EXPIRE
        return FAULT_NONE

    def special(self, csv: CsvLines, op, command):
        """The command of an operation that is about no single order, in the place of
        ``command``, which has the symbol and the side; what is wrong, or 0."""
        symbol: cython.uchar[24]
        account: cython.uchar[24]
        side: uint8_t = command.side
        fault: cython.int = self.owner(csv, command)
        session: uint64_t = command.session
        found: cython.int
        if fault:
            return fault
        memcpy(symbol, command.symbol, 24)
        memcpy(account, command.account, 24)
        memset(command, 0, COMMAND_BYTES)
        if op == OP_TICK:
            command.kind = COMMAND_TICK
        elif op == OP_END_OF_DAY:
            command.kind = COMMAND_END_OF_DAY
        elif op == OP_MASS_CANCEL:
            mass = cython.cast(cython.pointer(MassCommand), command)
            mass.kind = COMMAND_MASS_CANCEL
            mass.side = side
            mass.fan_out = 1
            mass.reason = REASON_MASS_CANCEL
            mass.session = session
            memcpy(mass.account, account, 24)
            memcpy(mass.symbol, symbol, 24)
        elif op == OP_PHASE:
            phase = cython.cast(cython.pointer(PhaseCommand), command)
            phase.kind = COMMAND_SET_PHASE
            phase.reason = WHY_OPERATOR
            memcpy(phase.symbol, symbol, 24)
            field = self.field(csv, self.phase_at)
            found = -1 if field == cython.NULL else find_word(field, PHASE_WORDS, 10)
            if found < 0:
                return FAULT_PHASE
            phase.phase = cython.cast(uint8_t, found + 1)
            field = self.field(csv, self.until_at)
            if field != cython.NULL and not whole(field, cython.address(phase.until)):
                return FAULT_UNTIL
            if phase.until:
                field = self.field(csv, self.then_at)
                found = 0
                if field != cython.NULL:
                    found = find_word(field, PHASE_WORDS, 10)
                if found < 0:
                    return FAULT_PHASE
                phase.then = cython.cast(uint8_t, found + 1)
        return FAULT_NONE

    def time_of(self, csv: CsvLines, time):
        """The engine time of a line, 0 where it says none; what is wrong, or 0."""
        field = self.field(csv, self.time_at)
        time[0] = 0
        if field != cython.NULL and not whole(field, time):
            return FAULT_TIME
        return FAULT_NONE


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def whole(
    field: cython.pointer(cython.const[Field]), value: cython.pointer(int64_t)
) -> cython.bint:
    """Whether a field is a whole number below 9e18, and which."""
    i: cython.Py_ssize_t
    found: int64_t = 0
    # Nanoseconds since 1970 have 19 digits from 2001 on.
    if field.size > 19 or (field.size == 19 and field.text[0] > 56):
        return False
    for i in range(field.size):
        if field.text[i] < 48 or field.text[i] > 57:
            return False
        found = found * 10 + (field.text[i] - 48)
    value[0] = found
    return True
