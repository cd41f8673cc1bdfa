"""Lines of CSV from bytes that come in chunks, one line after the other. Compiled.

A line stands for itself: a quoted field may not contain a line break, so that a quote
that is never closed spoils one line and not the rest of the file. What the fields mean
is the caller's affair.
"""

import cython
from cython.cimports.engine.csvlines import (
    COLUMNS_MAX,
    LINE_BYTES_MAX,
    LINE_EMPTY,
    LINE_FIELDS,
    LINE_NONE,
    LINE_QUOTING,
    LINE_TOO_LONG,
)
from cython.cimports.libc.stdlib import free, malloc
from cython.cimports.libc.string import memchr, memcpy, memmove, memset


def find_columns(header, known, required):
    """The place of each known column in the header line, -1 for one that is absent.

    Case does not matter. Raises ValueError when a required one is missing, a known one
    is there twice, or there are more than 64; unknown ones are ignored.
    """
    names = [name.lower() for name in header]
    if len(names) > COLUMNS_MAX:
        raise ValueError(f"{len(names)} columns are more than {COLUMNS_MAX}")
    for name in known:
        if name in required and name not in names:
            raise ValueError(f"the column {name} is missing")
        if names.count(name) > 1:
            raise ValueError(f"the column {name} is there more than once")
    return [names.index(name) if name in names else -1 for name in known]


@cython.final
@cython.cclass
class CsvLines:
    """The lines of one input, behind its header line.

    Each call of :meth:`next` replaces ``fields`` and ``field_count``. The fields point
    into the input, and stay until more of it is loaded.
    """

    def __cinit__(self):
        self.line = 1
        self.scratch = cython.cast(cython.p_uchar, malloc(LINE_BYTES_MAX))
        if self.scratch == cython.NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.scratch)
        free(self.buffer)

    def load(self, chunk):
        """Adds bytes to the input. The caller takes every whole line out of it."""
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
        return 0

    def finish(self):
        """The input has ended: what is left of it is the last line."""
        self.ended = True

    def next(self):
        """Takes the next whole line, and says what it is or that there is none."""
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
                return LINE_NONE
            size = self.used - self.start
            self.start = self.used
        else:
            size = end - text
            self.start += size + 1
            self.scanned = self.start
        self.line += 1
        self.field_count = 0
        if self.skipping or size > LINE_BYTES_MAX:
            self.skipping = False
            self.records += 1
            return LINE_TOO_LONG
        if size and text[size - 1] == 13:  # a carriage return
            size -= 1
        if size == 0:
            return LINE_EMPTY
        self.records += 1
        return self.split(text, size)

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
        return LINE_FIELDS

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
                        return LINE_QUOTING
                    if text[i] == 34:
                        i += 1
                        if i >= size or text[i] != 34:
                            break
                    self.scratch[copied] = text[i]
                    copied += 1
                    i += 1
                if i < size and text[i] != 44:
                    return LINE_QUOTING
                self.add_field(self.scratch + begin, copied - begin)
            else:
                begin = i
                while i < size and text[i] != 44:
                    if text[i] == 34:
                        return LINE_QUOTING
                    i += 1
                self.add_field(text + begin, i - begin)
            if i >= size:
                return LINE_FIELDS
            i += 1

    def add_field(self, text, size):
        if self.field_count < COLUMNS_MAX:
            self.fields[self.field_count].text = text
            self.fields[self.field_count].size = size
        self.field_count += 1


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
