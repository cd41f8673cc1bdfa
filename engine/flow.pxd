from libc.stdint cimport int32_t, int64_t, uint64_t

from engine.csvlines cimport CsvLines, Field
from engine.flowrows cimport Fault, FlowRows
from engine.flowterms cimport FlowTerms
from engine.keytable cimport KeyTable
from engine.records cimport OrderCommand
from engine.shard cimport Shard

cdef enum:
    # Commands and events of a batch take some 600 KB: small enough to stay in a second
    # level cache, large enough that timing a batch costs nothing.
    BATCH_COMMANDS = 1024


cdef class Flow:
    cdef readonly int64_t messages      # lines of which a command was made
    cdef readonly int64_t malformed     # lines of which none could be
    cdef readonly int64_t first_malformed   # its line, 0 = none
    cdef readonly int64_t resting_peak

    cdef Shard shard
    cdef CsvLines csv
    cdef FlowRows written
    cdef FlowTerms terms                # the further columns
    cdef KeyTable defined               # symbols this flow has brought
    cdef unsigned char last_symbol[36]
    cdef int64_t resting

    # The columns of the header, and where the known ones are; -1 = absent.
    cdef int column_count
    cdef int op_at, id_at, symbol_at, side_at, price_at, qty_at, type_at, tif_at

    # The batch at hand.
    cdef unsigned char *commands        # BATCH_COMMANDS records
    cdef int64_t *lines                 # of each command
    cdef int32_t command_count
    cdef Fault *faults                  # BATCH_COMMANDS of them
    cdef int32_t fault_count, fault_next
    cdef uint64_t base                  # number of the command before the batch
    cdef int64_t event_count
    cdef int64_t time                   # of its one line, if the flow says times

    cdef void read(self, int found) noexcept
    cdef int build(self, int op) except -1
    cdef int build_terms(self, int op, OrderCommand *command) noexcept nogil
    cdef int build_special(self, int op) except -1
    cdef int define(self, OrderCommand *command) except -1
    cdef void add_fault(self, int op, int what) noexcept
