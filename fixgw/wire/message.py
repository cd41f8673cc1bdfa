"""One FIX message: reads a frame and indexes its fields. Compiled.

What passes here has 8, 9, 35 first, an exact length and checksum, and every field in
the form ``tag=value``. Anything else is :class:`Garbled`: to be ignored and not
counted.
"""

import cython
from cython.cimports.libc.stdint import int32_t
from cython.cimports.libc.stdlib import free, malloc
from cython.cimports.libc.string import memset

MESSAGE_FIELDS_MAX: int = FIELDS_MAX
"""The most fields of a message, entries of groups counted with the rest."""


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


def read_data_fields(lengths, out):
    """Copies a mapping from length field to data field, without those of FIX itself.

    How many there were. Without any, ``out`` is only good to be looked at for that.
    """
    slot: int32_t
    out.count = 0
    if not lengths:
        return 0
    memset(out, 0, cython.sizeof(DataFields))
    for length, tag in lengths.items():
        if length <= 0 or data_field_of(length):
            continue
        if out.count == DATA_LENGTHS_MAX:
            raise ValueError(f"more than {DATA_LENGTHS_MAX} data fields of its own")
        slot = data_field_slot(out, length)
        out.lengths[slot] = length
        out.data[slot] = tag
        out.count += 1
    return out.count


def data_field_slot(fields, tag):
    """Where a length field is, or where it would be."""
    slot: int32_t = tag % DATA_LENGTHS_SLOTS
    while fields.lengths[slot] != 0 and fields.lengths[slot] != tag:
        slot = (slot + 1) % DATA_LENGTHS_SLOTS
    return slot


def parse_message(
    data: bytes,
    message_fields_max: cython.Py_ssize_t = MESSAGE_FIELDS_MAX,
    data_lengths=None,
):
    """The Message that ``data`` exactly is, or Garbled. Limits as for the Framer."""
    view: cython.const[cython.uchar][::1] = data
    data_fields: DataFields
    if len(view) == 0:
        return Garbled("no bytes", data)
    own: cython.pointer(DataFields) = cython.address(data_fields)
    if read_data_fields(data_lengths, own) == 0:
        own = cython.NULL
    return parse(cython.address(view[0]), len(view), message_fields_max, own)


def parse(data, size, fields_max, data_fields):
    """Message or Garbled from a frame that ends with SOH. See the module's rules."""
    message: Message = Message.__new__(Message)
    message.raw = data[:size]
    if data[size - 1] != SOH:
        return Garbled("the last field does not end with SOH", message.raw)
    message.fields_ = cython.cast(
        cython.pointer(Field),
        malloc(field_room(data, size, fields_max) * cython.sizeof(Field)),
    )
    if message.fields_ == cython.NULL:
        raise MemoryError
    fault = index_fields(message, data, size, fields_max, data_fields)
    if fault is None:
        fault = check_frame(message, data)
    if fault is not None:
        return Garbled(fault, message.raw)
    fields = message.fields_
    message.msg_type = message.raw[
        fields[2].start : fields[2].start + fields[2].size
    ].decode("latin-1")
    return message


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def field_room(
    data: cython.pointer(cython.const[cython.uchar]),
    size: cython.Py_ssize_t,
    fields_max: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    """How many fields there can be: each ends with an SOH, and not above the limit."""
    i: cython.Py_ssize_t
    ends: cython.Py_ssize_t = 0
    for i in range(size):
        ends += data[i] == SOH
    return max(min(ends, fields_max), 1)


@cython.cfunc
def index_fields(
    message: Message,
    data: cython.pointer(cython.const[cython.uchar]),
    size: cython.Py_ssize_t,
    fields_max: cython.Py_ssize_t,
    data_fields: cython.pointer(cython.const[DataFields]),
):
    """Notes tag and place of every field; what is wrong with their form, or None."""
    fields: cython.pointer(Field) = message.fields_
    place: cython.Py_ssize_t = 0
    start: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    tag: cython.longlong
    digits: cython.int
    negative: cython.bint
    data_tag: cython.int = 0
    data_size: cython.Py_ssize_t = 0
    count: int32_t = 0
    while place < size:
        if count == fields_max:
            return "too many fields"
        tag = 0
        digits = 0
        negative = data[place] == 0x2D
        if negative:
            place += 1
        while place < size and 0x30 <= data[place] <= 0x39 and digits < TAG_DIGITS_MAX:
            tag = tag * 10 + (data[place] - 0x30)
            digits += 1
            place += 1
        if digits == 0 or place >= size or data[place] != 0x3D:
            return "a field is not of the form tag=value"
        start = place + 1
        if data_tag and tag == data_tag and not negative:
            # A data field is as long as its length field said, whatever is in it.
            stop = start + data_size
            if stop >= size or data[stop] != SOH:
                return f"data field {data_tag} has another length"
        else:
            stop = start
            while stop < size and data[stop] != SOH:
                stop += 1
        if stop >= size:
            return "a field does not end"
        fields[count].tag = cython.cast(int32_t, -tag if negative else tag)
        fields[count].start = cython.cast(int32_t, start)
        fields[count].size = cython.cast(int32_t, stop - start)
        data_tag = 0
        if not negative:
            data_tag = data_field_of(cython.cast(cython.int, tag))
            if data_fields != cython.NULL and not data_tag:
                data_tag = data_fields.data[
                    data_field_slot(data_fields, cython.cast(int32_t, tag))
                ]
            if data_tag:
                data_size = number(data + start, stop - start)
                if data_size < 0:
                    data_tag = 0
        count += 1
        place = stop + 1
    message.count = count
    return None


@cython.cfunc
def check_frame(message: Message, data: cython.pointer(cython.const[cython.uchar])):
    """What is wrong with the first fields, the length or the checksum, or None."""
    fields: cython.pointer(Field) = message.fields_
    count: int32_t = message.count
    body: cython.Py_ssize_t
    trailer: cython.Py_ssize_t
    length: cython.Py_ssize_t
    total: cython.uint = 0
    i: cython.Py_ssize_t
    if count < 4 or fields[0].tag != 8 or fields[1].tag != 9 or fields[2].tag != 35:
        return "does not begin with 8, 9, 35"
    if fields[count - 1].tag != 10 or fields[count - 1].size != 3:
        return "does not end with a CheckSum(10) of three digits"
    # The SOH behind the value ends a field; the next begins right behind it.
    body = fields[1].start + fields[1].size + 1
    trailer = fields[count - 2].start + fields[count - 2].size + 1
    length = number(data + fields[1].start, fields[1].size)
    if length != trailer - body:
        return f"BodyLength(9) {length} instead of {trailer - body}"
    for i in range(trailer):
        total += data[i]
    if number(data + fields[count - 1].start, 3) != total % 256:
        return f"CheckSum(10) should be {total % 256:03}"
    return None


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def number(
    data: cython.pointer(cython.const[cython.uchar]), size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """An unsigned number of at most nine digits, or -1."""
    value: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    if size < 1 or size > LENGTH_DIGITS_MAX:
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
    """The data field a LENGTH field announces (up to FIX 5.0 SP2), or 0."""
    if tag == 93:
        return 89
    if tag in (90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364, 445, 618, 621):
        return tag + 1
    if tag in (1184, 1277, 1280, 1282, 1397, 1401, 1403, 1468):
        return tag + 1
    return 0
