from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from engine.keytable cimport KeyTable
from engine.records cimport OrderCommand, OrderEvent
from engine.shard cimport Shard

cdef enum:
    COLUMNS_MAX = 64
    # Longer lines are malformed, so that memory is bounded whatever the input is. The
    # longest line that means something has some 200 bytes.
    LINE_BYTES_MAX = 65536
    # Commands and events of a batch take some 600 KB: small enough to stay in a second
    # level cache, large enough that timing a batch costs nothing.
    BATCH_COMMANDS = 1024
    # Three identifiers in quotes, three numbers, and a reason take 400.
    ROW_BYTES_MAX = 512
    REASONS_MAX = 64
    TEXT_BYTES_MAX = 64

cdef enum:
    OP_UNKNOWN = 0
    OP_NEW = 1
    OP_CANCEL = 2
    OP_REPLACE = 3

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
    FAULTS = 18

cdef struct Field:
    const unsigned char *text
    Py_ssize_t size

cdef struct Text:
    unsigned char text[64]
    int size

cdef struct Fault:
    int64_t line
    int what
    uint8_t op
    unsigned char order_id[36]


cdef class Flow:
    cdef readonly int64_t line          # number of the last line read
    cdef readonly int64_t records       # lines read that were not empty
    cdef readonly int64_t messages      # of these, what was given to the shard
    cdef readonly int64_t malformed     # and what was not
    cdef readonly int64_t first_malformed   # its line, 0 = none
    cdef readonly int64_t row_count
    cdef readonly int64_t resting_peak

    cdef Shard shard
    cdef KeyTable defined               # symbols this flow has brought
    cdef unsigned char last_symbol[36]
    cdef int64_t resting

    # The columns of the header, and where the known ones are; -1 = absent.
    cdef int column_count
    cdef int op_at, id_at, symbol_at, side_at, price_at, qty_at, type_at, tif_at

    # Input not yet parsed: buffer[start:used], without a line end before ``scanned``.
    cdef unsigned char *buffer
    cdef Py_ssize_t capacity, start, scanned, used
    cdef bint skipping                  # the head of an overlong line is gone already
    cdef bint ended

    # The line at hand.
    cdef Field fields[64]
    cdef int field_count
    cdef unsigned char *scratch         # LINE_BYTES_MAX bytes

    # The batch at hand.
    cdef unsigned char *commands        # BATCH_COMMANDS records
    cdef int64_t *lines                 # of each command
    cdef int32_t command_count
    cdef Fault *faults                  # BATCH_COMMANDS of them
    cdef int32_t fault_count, fault_next
    cdef uint64_t base                  # number of the command before the batch
    cdef int64_t event_count

    cdef unsigned char *out
    cdef Py_ssize_t out_used, out_capacity
    cdef Text reasons[64]
    cdef Text fault_texts[18]

    cdef int set_text(self, bint fault, int code, str text) except -1
    cdef bint next_line(self) except -1
    cdef void read(self, const unsigned char *text, Py_ssize_t size) noexcept
    cdef int split(self, const unsigned char *text, Py_ssize_t size) noexcept nogil
    cdef int split_quoted(
        self, const unsigned char *text, Py_ssize_t size
    ) noexcept nogil
    cdef void add_field(self, const unsigned char *text, Py_ssize_t size) noexcept nogil
    cdef int build(self, int op) except -1
    cdef int build_terms(self, int op, OrderCommand *command) noexcept nogil
    cdef int define(self, OrderCommand *command) except -1
    cdef void add_fault(self, int op, int what) noexcept
    cdef unsigned char *room(self) except NULL
    cdef int event_row(
        self, const OrderEvent *event, const OrderEvent *maker, int64_t line
    ) except -1
    cdef int fault_row(self, const Fault *fault) except -1


cdef bint is_word(
    const unsigned char *text, Py_ssize_t size, const char *word
) noexcept nogil
cdef int find_op(const Field *field) noexcept nogil
cdef int find_side(const Field *field) noexcept nogil
cdef int find_type(const Field *field) noexcept nogil
cdef int find_tif(const Field *field) noexcept nogil
cdef int copy_text(const Field *field, unsigned char *to, int size) noexcept nogil
cdef unsigned char *put(
    unsigned char *at, const unsigned char *text, Py_ssize_t size
) noexcept nogil
cdef unsigned char *put_word(unsigned char *at, const char *word) noexcept nogil
cdef unsigned char *put_number(unsigned char *at, int64_t value) noexcept nogil
cdef unsigned char *put_id(
    unsigned char *at, const unsigned char *order_id
) noexcept nogil
cdef const char *event_name(int kind) noexcept nogil
