from libc.stdint cimport int64_t, uint8_t

from engine.records cimport OrderEvent

cdef enum:
    # Three identifiers in quotes, three numbers, and a reason take 400.
    ROW_BYTES_MAX = 512
    REASONS_MAX = 64
    TEXT_BYTES_MAX = 64

cdef enum:
    OP_UNKNOWN = 0
    OP_NEW = 1
    OP_CANCEL = 2
    OP_REPLACE = 3
    OP_PHASE = 4
    OP_MASS_CANCEL = 5
    OP_END_OF_DAY = 6
    OP_TICK = 7

cdef enum:
    FAULT_NONE = 0
    FAULT_LINE_TOO_LONG = 1
    FAULT_QUOTING = 2
    FAULT_COLUMNS = 3
    FAULT_OP = 4
    FAULT_ID_TOO_LONG = 5
    FAULT_ID_NOT_PRINTABLE = 6
    FAULT_SYMBOL_TOO_LONG = 7
    FAULT_SYMBOL_NOT_PRINTABLE = 8
    FAULT_SIDE = 9
    FAULT_TYPE = 10
    FAULT_TIF = 11
    FAULT_PRICE = 12            # 12 to 14: plus the code of parse_decimal, less one
    FAULT_QTY = 15              # 15 to 17: likewise
    FAULT_STOP_PRICE = 18       # 18 to 29: four columns, three each
    FAULT_MARK = 30
    FAULT_PEG = 31
    FAULT_STP = 32
    FAULT_STP_ID_TOO_LONG = 33
    FAULT_STP_ID_NOT_PRINTABLE = 34
    FAULT_ACCOUNT_TOO_LONG = 35
    FAULT_ACCOUNT_NOT_PRINTABLE = 36
    FAULT_SESSION = 37
    FAULT_EXPIRE = 38
    FAULT_TIME = 39
    FAULT_PHASE = 40
    FAULT_UNTIL = 41
    FAULTS = 42

# A malformed line: its number, what is wrong, and what of it can be told.
cdef struct Fault:
    int64_t line
    int what
    uint8_t op
    unsigned char order_id[36]

cdef struct Text:
    unsigned char text[64]
    int size


cdef class FlowRows:
    cdef int64_t row_count              # of all time
    cdef unsigned char *out
    cdef Py_ssize_t used, capacity
    cdef Text reasons[64]
    cdef Text phases[16]                # by Phase
    cdef Text fault_texts[42]

    cdef int set_text(self, bint fault, int code, str text) except -1
    cdef void clear(self) noexcept
    cdef bytes take(self)
    cdef unsigned char *room(self) except NULL
    cdef int add_event(
        self, const OrderEvent *event, const OrderEvent *maker, int64_t line
    ) except -1
    cdef int add_fault(self, const Fault *fault) except -1
    cdef int add_market_event(self, const OrderEvent *event, int64_t line) except -1
    cdef unsigned char *begin(
        self, const OrderEvent *event, int64_t line, const char *name
    ) except NULL
    cdef void finish(self, unsigned char *at) noexcept


cdef const char *event_name(int kind) noexcept nogil
cdef bint has_price(const OrderEvent *event) noexcept nogil
cdef unsigned char *put(
    unsigned char *at, const unsigned char *text, Py_ssize_t size
) noexcept nogil
cdef unsigned char *put_word(unsigned char *at, const char *word) noexcept nogil
cdef unsigned char *put_number(unsigned char *at, int64_t value) noexcept nogil
cdef unsigned char *put_id(
    unsigned char *at, const unsigned char *order_id, int most
) noexcept nogil
