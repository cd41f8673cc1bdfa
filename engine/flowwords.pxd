from engine.csvlines cimport Field

cdef int find_op(const Field *field) noexcept nogil
cdef int find_side(const Field *field) noexcept nogil
cdef int find_type(const Field *field) noexcept nogil
cdef int find_tif(const Field *field) noexcept nogil
cdef bint needs_price(int ord_type, int op) noexcept nogil
cdef int find_word(const Field *field, const char **words, int count) noexcept nogil
cdef bint is_word(
    const unsigned char *text, Py_ssize_t size, const char *word
) noexcept nogil
