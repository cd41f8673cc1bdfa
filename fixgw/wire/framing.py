"""Cuts a byte stream into FIX messages and indexes their fields. Compiled.

A frame is found by BodyLength(9), not by looking for the next ``10=``, because data
fields may contain anything; only from the end BodyLength claims is CheckSum(10)
searched. So a length that is too short costs only its own message, and one that is too
long takes the following message with it (the standard's test cases 2.m and 3.b). What
comes out does not depend on how the bytes were cut into reads.

What passes here has 8, 9, 35 first, an exact length and checksum, and every field in
the form ``tag=value``. Anything else is :class:`Garbled`: to be ignored and not
counted.
"""

import cython
from cython.cimports.libc.stdint import int32_t
from cython.cimports.libc.stdlib import free, malloc, realloc
from cython.cimports.libc.string import memcmp, memcpy, memmove

MESSAGE_BYTES_MAX = 64 * 1024
"""The longest message: order flow stays below 1 KiB, News and lists below 64."""


HEAD_FAULTS = {
    -1: "no BodyLength(9) behind BeginString(8)",
    -2: "BodyLength(9) is no number",
    -3: "BodyLength(9) is empty",
    -4: "BodyLength(9) is out of range",
}


class Garbled:
    """Bytes that are no message: why, and what they were (at most 256 of them)."""

    __slots__ = ("raw", "reason")

    def __init__(self, reason: str, raw: bytes) -> None:
        self.reason = reason
        self.raw = raw[:256]

    def __repr__(self) -> str:
        return f"Garbled({self.reason!r}, {self.raw!r})"


@cython.final
@cython.cclass
class Message:
    """One intact message; immutable. Fields stay in the order received."""

    def __dealloc__(self):
        free(self.fields_)

    def find(self, tag):
        """The first field with this tag, or NULL."""
        i: int32_t
        for i in range(self.count):
            if self.fields_[i].tag == tag:
                return cython.address(self.fields_[i])
        return cython.NULL

    def get(self, tag: int32_t):
        """The value of the first field with this tag, or None."""
        field = self.find(tag)
        if field == cython.NULL:
            return None
        return self.raw[field.start : field.start + field.size]

    def fields(self) -> list:
        """All (tag, value), header and trailer included."""
        i: int32_t
        rows = []
        for i in range(self.count):
            field = cython.address(self.fields_[i])
            rows.append((field.tag, self.raw[field.start : field.start + field.size]))
        return rows

    def __repr__(self) -> str:
        return f"Message({self.raw!r})"


@cython.final
@cython.cclass
class Framer:
    """Collects received bytes and gives the messages completed by them."""

    def __cinit__(self, message_bytes_max: cython.Py_ssize_t = MESSAGE_BYTES_MAX):
        self.message_bytes_max = message_bytes_max
        self.buffer = cython.NULL

    def __dealloc__(self):
        free(self.buffer)

    @property
    def pending(self) -> int:
        """Bytes received that no message has used yet."""
        return self.end - self.start

    def feed(self, data) -> list:
        """The Messages and Garbled completed by ``data``, in order."""
        view: cython.const[cython.uchar][::1] = memoryview(data)
        if len(view) == 0:
            return []
        self.append(cython.address(view[0]), len(view))
        found = []
        while True:
            item = self.take()
            if item is None:
                return found
            found.append(item)

    def append(self, data, size):
        capacity: cython.Py_ssize_t
        if self.end + size > self.capacity:
            if self.start:
                memmove(self.buffer, self.buffer + self.start, self.end - self.start)
                self.end -= self.start
                self.searched -= self.start
                self.start = 0
            if self.end + size > self.capacity:
                capacity = (self.end + size) * 2
                grown = cython.cast(
                    cython.pointer(cython.uchar), realloc(self.buffer, capacity)
                )
                if grown == cython.NULL:
                    raise MemoryError
                self.buffer = grown
                self.capacity = capacity
        memcpy(self.buffer + self.end, data, size)
        self.end += size
        return 0

    def find(self, start, end, what, size):
        """Offset of ``what`` between start and end, or -1."""
        place: cython.Py_ssize_t = start
        while place + size <= end:
            if (
                self.buffer[place] == cython.cast(cython.uchar, what[0])
                and memcmp(self.buffer + place, what, size) == 0
            ):
                return place
            place += 1
        return -1

    def head(self, length):
        """Reads ``8=…|9=…|`` at the start of the buffer.

        Offset of the SOH behind BodyLength(9), whose value goes to ``length``; 0 when
        more bytes are needed, below 0 when no message begins here (HEAD_FAULTS says
        why). Strict, so that a ``8=`` inside other text costs nothing: a short
        BeginString, then BodyLength at once.
        """
        place: cython.Py_ssize_t = self.start + 2
        digits: cython.int = 0
        while place < self.end and self.buffer[place] != SOH:
            if (
                self.buffer[place] == 0x3D
                or place - self.start > BEGIN_STRING_BYTES_MAX
            ):
                return -1
            place += 1
        if place < self.end - 1 and self.buffer[place + 1] != 0x39:
            return -1
        if place < self.end - 2 and self.buffer[place + 2] != 0x3D:
            return -1
        place += 3
        length[0] = 0
        while place < self.end and self.buffer[place] != SOH:
            if not 0x30 <= self.buffer[place] <= 0x39 or digits == 9:
                return -2
            length[0] = length[0] * 10 + (self.buffer[place] - 0x30)
            digits += 1
            place += 1
        if place >= self.end:
            return 0
        if digits == 0:
            return -3
        if length[0] == 0 or length[0] > self.message_bytes_max:
            return -4
        return place

    def take(self):
        """The next Message or Garbled, or None when more bytes are needed."""
        place: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        begin: cython.Py_ssize_t
        length: cython.Py_ssize_t = 0
        while True:
            begin = self.find(self.start, self.end, b"8=", 2)
            if begin != self.start:
                return self.skip_noise(begin)
            place = self.head(cython.address(length))
            if place == 0:
                return None
            if place > 0:
                break
            if not self.in_noise:
                self.in_noise = True
                return self.drop(self.start + 1, HEAD_FAULTS[place])
            self.start += 1
        # ``place`` is the SOH of BodyLength; the body's last byte is length further.
        stop = place + length
        if stop + 8 > self.end:
            return None
        place = self.find(max(stop, self.searched), self.end, b"\x0110=", 4)
        if place < 0:
            self.searched = max(stop, self.end - 3)
            if self.end - self.start > self.message_bytes_max:
                self.in_noise = True
                return self.drop(self.start + 1, "no CheckSum(10)")
            return None
        self.searched = place
        stop = place + 4
        while stop < self.end and self.buffer[stop] != SOH:
            stop += 1
            if stop - place > 16:
                self.in_noise = True
                return self.drop(place + 1, "CheckSum(10) is not three digits")
        if stop >= self.end:
            return None
        self.in_noise = False
        if stop + 1 - self.start > self.message_bytes_max:
            return self.drop(stop + 1, "the message is too long")
        begin = self.start
        self.start = self.searched = stop + 1
        return parse(self.buffer + begin, stop + 1 - begin)

    def skip_noise(self, begin):
        """Drops what stands before the next possible start, which is at ``begin``.

        -1: none in sight, but an ``8`` at the end may become one. One Garbled for a run
        of noise, however it was cut into reads.
        """
        stop: cython.Py_ssize_t = begin
        if begin < 0:
            stop = self.end
            if self.end > self.start and self.buffer[self.end - 1] == 0x38:
                stop = self.end - 1
        if stop == self.start:
            return None
        if not self.in_noise:
            self.in_noise = True
            return self.drop(stop, "bytes outside a message")
        self.start = self.searched = stop
        return self.take() if begin >= 0 else None

    def drop(self, stop, reason):
        """Gives up the bytes before ``stop``."""
        size: cython.Py_ssize_t = min(stop - self.start, 256)
        garbled = Garbled(reason, self.buffer[self.start : self.start + size])
        self.start = self.searched = stop
        return garbled


def parse_message(data: bytes):
    """The Message that ``data`` exactly is, or Garbled."""
    view: cython.const[cython.uchar][::1] = data
    if len(view) == 0:
        return Garbled("no bytes", data)
    return parse(cython.address(view[0]), len(view))


def parse(data, size):
    """Message or Garbled from a frame that ends with SOH. See the module's rules."""
    raw: bytes = data[:size]
    place: cython.Py_ssize_t = 0
    start: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    body: cython.Py_ssize_t = 0
    trailer: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    tag: cython.longlong
    digits: cython.int
    negative: cython.bint
    data_tag: cython.int = 0
    data_size: cython.Py_ssize_t = 0
    total: cython.uint = 0
    count: int32_t = 0
    fields: Field[FIELDS_MAX]
    if data[size - 1] != SOH:
        return Garbled("the last field does not end with SOH", raw)
    while place < size:
        if count == FIELDS_MAX:
            return Garbled("too many fields", raw)
        if count == 2:
            body = place
        trailer = place
        tag = 0
        digits = 0
        negative = data[place] == 0x2D
        if negative:
            place += 1
        while place < size and 0x30 <= data[place] <= 0x39 and digits < 9:
            tag = tag * 10 + (data[place] - 0x30)
            digits += 1
            place += 1
        if digits == 0 or place >= size or data[place] != 0x3D:
            return Garbled("a field is not of the form tag=value", raw)
        start = place + 1
        if data_tag and tag == data_tag and not negative:
            # A data field is as long as its length field said, whatever is in it.
            stop = start + data_size
            if stop >= size or data[stop] != SOH:
                return Garbled(f"data field {data_tag} has another length", raw)
        else:
            stop = start
            while stop < size and data[stop] != SOH:
                stop += 1
        if stop >= size:
            return Garbled("a field does not end", raw)
        fields[count].tag = cython.cast(int32_t, -tag if negative else tag)
        fields[count].start = cython.cast(int32_t, start)
        fields[count].size = cython.cast(int32_t, stop - start)
        data_tag = 0
        if not negative:
            data_tag = data_field_of(cython.cast(cython.int, tag))
            if data_tag:
                data_size = number(data + start, stop - start)
                if data_size < 0:
                    data_tag = 0
        count += 1
        place = stop + 1
    if count < 4 or fields[0].tag != 8 or fields[1].tag != 9 or fields[2].tag != 35:
        return Garbled("does not begin with 8, 9, 35", raw)
    if fields[count - 1].tag != 10 or fields[count - 1].size != 3:
        return Garbled("does not end with a CheckSum(10) of three digits", raw)
    length = number(data + fields[1].start, fields[1].size)
    if length != trailer - body:
        return Garbled(f"BodyLength(9) {length} instead of {trailer - body}", raw)
    for i in range(trailer):
        total += data[i]
    if number(data + fields[count - 1].start, 3) != total % 256:
        return Garbled(f"CheckSum(10) should be {total % 256:03}", raw)
    message: Message = Message.__new__(Message)
    message.raw = raw
    message.count = count
    message.fields_ = cython.cast(
        cython.pointer(Field), malloc(count * cython.sizeof(Field))
    )
    if message.fields_ == cython.NULL:
        raise MemoryError
    memcpy(message.fields_, fields, count * cython.sizeof(Field))
    message.msg_type = raw[fields[2].start : fields[2].start + fields[2].size].decode(
        "latin-1"
    )
    return message


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def number(
    data: cython.pointer(cython.const[cython.uchar]), size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """An unsigned number of at most nine digits, or -1."""
    value: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    if size < 1 or size > 9:
        return -1
    for i in range(size):
        if data[i] < 0x30 or data[i] > 0x39:
            return -1
        value = value * 10 + (data[i] - 0x30)
    return value


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def data_field_of(tag: cython.int) -> cython.int:
    """The data field a LENGTH field announces (FIX 4.4 volume 1), or 0."""
    if tag == 93:
        return 89
    if tag in (90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364, 445, 618, 621):
        return tag + 1
    return 0
