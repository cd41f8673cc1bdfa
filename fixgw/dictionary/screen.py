"""Lets plainly good messages pass at once. Compiled.

Nearly every message is good, and to see that is far cheaper than to say what is wrong
with a bad one. So a message is first run over the tables made here: one pass over its
fields in place, one look-up per field. What passes is good under every setting of the
switches but the two that let unknown tags pass, and those are given. What does not is
judged again by :mod:`fixgw.dictionary.validation`, which finds the first fault in its
order, or none: doubt is no verdict.

Work is linear in the number of fields: "seen before" is a stamp in the tag's slot,
renewed for each group entry, so nothing is cleared.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_AS_STRING
from cython.cimports.fixgw.wire.message import Field, Message
from cython.cimports.libc.stdint import int32_t, uint32_t, uint64_t
from cython.cimports.libc.stdlib import calloc, free

_FORMS: dict = {
    "STRING": TEXT,
    "CHAR": ONE_OF,
    "BOOLEAN": ONE_OF,
    "INT": INTEGER,
    "LENGTH": NATURAL,
    "SEQNUM": NATURAL,
    "NUMINGROUP": NATURAL,
    "FLOAT": DECIMAL,
    "QTY": DECIMAL,
    "PRICE": DECIMAL,
    "PRICEOFFSET": DECIMAL,
    "AMT": DECIMAL,
    "PERCENTAGE": DECIMAL,
    "UTCTIMESTAMP": TIMESTAMP,
    "TIME": TIMESTAMP,
    "DATA": DATA,
    "XMLDATA": DATA,
}
_CHARACTERS = {"CHAR": bytes(range(0x20, 0x7F)), "BOOLEAN": b"YN"}


@cython.final
@cython.cclass
class Table:
    """A layout as a hash table from tag to what its field must be.

    ``delimiter`` is the first field of an entry where the layout is that of a group.
    Tags in ``barred`` are left out. ``tables`` holds the tables of groups made so far,
    by the identity of their layouts: a component's group is one for all messages.
    """

    def __cinit__(self, layout, delimiter=0, barred=frozenset(), tables=None):
        tags = [tag for tag in layout.places if tag > 0 and tag not in barred]
        size: uint32_t = 8
        while size < 2 * len(tags):
            size *= 2
        self.slots = cython.cast(
            cython.pointer(Slot), calloc(size, cython.sizeof(Slot))
        )
        if self.slots == cython.NULL:
            raise MemoryError
        self.mask = size - 1
        self.delimiter = delimiter
        self.checks = []
        self.groups = []
        if tables is None:
            tables = {}
        for tag in tags:
            slot = self.find(tag)
            slot.tag = tag
            slot.place = layout.places[tag]
            slot.required = tag in layout.required
            self.required += slot.required
            slot.group = -1
            fill(slot, layout.fields[tag], self.checks)
            if tag in layout.groups:
                slot.group = len(self.groups)
                self.groups.append(group_table(layout.groups[tag], tables))

    def __dealloc__(self):
        free(self.slots)

    def find(self, tag):
        """The slot of a tag, or the empty one where it would be."""
        place: uint32_t = (
            cython.cast(uint32_t, tag) * cython.cast(uint32_t, 2654435769)
        ) >> 15 & self.mask
        while self.slots[place].tag != 0 and self.slots[place].tag != tag:
            place = (place + 1) & self.mask
        return cython.address(self.slots[place])

    def next_stamp(self):
        """A number no slot has as its ``seen``."""
        place: uint32_t
        self.stamp += 1
        if self.stamp == 0:
            for place in range(self.mask + 1):
                self.slots[place].seen = 0
            self.stamp = 1
        return self.stamp


@cython.cfunc
def fill(slot: cython.pointer(Slot), field: object, checks: list):
    """How the values of a field are judged."""
    characters: bytes = _CHARACTERS.get(field.type, b"")
    each: cython.uchar
    slot.form = _FORMS.get(field.type, ASK)
    if field.enum and field.is_enumerated:
        characters = "".join(field.enum).encode("utf-8")
        slot.form = ASK
        if field.type in _CHARACTERS and len(characters) == len(field.enum):
            slot.form = ONE_OF
    if slot.form == ONE_OF:
        for each in characters:
            if each < 64:
                slot.low |= cython.cast(uint64_t, 1) << each
            elif each < 128:
                slot.high |= cython.cast(uint64_t, 1) << (each - 64)
    slot.check = len(checks)
    checks.append(field.accepts)


@cython.cfunc
def group_table(group: object, tables: dict) -> Table:
    layout = group.layout
    if id(layout) not in tables:
        tables[id(layout)] = Table(layout, group.delimiter, frozenset(), tables)
    return tables[id(layout)]


@cython.final
@cython.cclass
class Screen:
    """The tables of one message type: header, body and trailer.

    The body's must not have the tags of the other two. At most ``entries_max`` group
    entries pass. ``known`` are all tags of the dictionary: only others can be unknown.
    Methods return the index of the field to go on with, -1 in doubt.
    """

    def __cinit__(
        self,
        header: Table,
        body: Table,
        trailer: Table,
        entries_max: int32_t,
        known: frozenset = frozenset(),
    ):
        self.header = header
        self.body = body
        self.trailer = trailer
        self.entries_max = entries_max
        self.known = known

    def passes(
        self,
        message: Message,
        takes_user_defined: cython.bint = False,
        takes_unknown: cython.bint = False,
    ) -> bool:
        """Whether the message is good. False only means that it is not plainly so.

        Unknown tags from 5000 on, and below, may stand in the body.
        """
        at: int32_t
        self.entries = 0
        self.strangers = 0
        self.takes_user_defined = takes_user_defined
        self.takes_unknown = takes_unknown
        at = self.section(self.header, message, 0, False)
        if at >= 0:
            at = self.section(
                self.body, message, at, takes_user_defined or takes_unknown
            )
        if at >= 0:
            at = self.section(self.trailer, message, at, False)
        return at == message.count

    def section(self, table, message, at, tolerant):
        """Passes all the fields that belong to a header, body or trailer."""
        stamp: uint32_t = table.next_stamp()
        required: int32_t = 0
        while at < message.count:
            field = cython.address(message.fields_[at])
            slot = table.find(field.tag)
            if slot.tag == 0:
                if tolerant and self.tolerates(field):
                    at += 1
                    continue
                break
            if slot.seen == stamp or not is_good(slot, message, field, table.checks):
                return -1
            slot.seen = stamp
            required += slot.required
            at += 1
            if slot.group >= 0:
                # Behind a group it takes longer to see whose an unknown tag is.
                tolerant = False
                at = self.group(
                    table.groups[slot.group], message, at, count_of(message, field)
                )
                if at < 0:
                    return -1
        return at if required == table.required else -1

    def tolerates(self, field):
        """Whether it is an unknown field that may stand in the body."""
        i: int32_t
        if field.size == 0 or field.tag <= 0 or self.strangers == STRANGERS_MAX:
            return False
        if field.tag >= USER_DEFINED_MIN:
            if not self.takes_user_defined:
                return False
        elif not self.takes_unknown:
            return False
        if field.tag in self.known:
            return False
        for i in range(self.strangers):
            if self.strange[i] == field.tag:
                return False
        self.strange[self.strangers] = field.tag
        self.strangers += 1
        return True

    def group(self, table, message, at, count):
        """Passes exactly ``count`` entries."""
        entries: int32_t = 0
        while at < message.count:
            slot = table.find(message.fields_[at].tag)
            if slot.tag == 0:
                break
            self.entries += 1
            if slot.tag != table.delimiter or self.entries > self.entries_max:
                return -1
            entries += 1
            at = self.entry(table, message, at)
            if at < 0:
                return -1
        return at if entries == count else -1

    def entry(self, table, message, at):
        """Passes one entry, which is opened by the delimiter."""
        stamp: uint32_t = table.next_stamp()
        begin: int32_t = at
        place: int32_t = 0
        required: int32_t = 0
        while at < message.count:
            field = cython.address(message.fields_[at])
            slot = table.find(field.tag)
            if slot.tag == 0 or (slot.tag == table.delimiter and at > begin):
                break
            if slot.seen == stamp or slot.place < place:
                return -1
            if not is_good(slot, message, field, table.checks):
                return -1
            slot.seen = stamp
            place = slot.place
            required += slot.required
            at += 1
            if slot.group >= 0:
                at = self.group(
                    table.groups[slot.group], message, at, count_of(message, field)
                )
                if at < 0:
                    return -1
        return at if required == table.required else -1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def value_of(
    message: Message, field: cython.pointer(cython.const[Field])
) -> cython.pointer(cython.const[cython.uchar]):
    raw = cython.cast(cython.pointer(cython.uchar), PyBytes_AS_STRING(message.raw))
    return raw + field.start


@cython.cfunc
@cython.exceptval(check=False)
def count_of(message: Message, field: cython.pointer(cython.const[Field])) -> int32_t:
    """The value of a count, -1 if it is none or so large that no message has it."""
    data: cython.pointer(cython.const[cython.uchar]) = value_of(message, field)
    value: int32_t = 0
    i: int32_t
    if field.size > 9:
        return -1
    for i in range(field.size):
        if data[i] < 0x30 or data[i] > 0x39:
            return -1
        value = value * 10 + (data[i] - 0x30)
    return value


@cython.cfunc
@cython.exceptval(-1)
def is_good(
    slot: cython.pointer(cython.const[Slot]),
    message: Message,
    field: cython.pointer(cython.const[Field]),
    checks: list,
) -> cython.int:
    """Whether the value of a field is fine altogether; 0 may be doubt."""
    data: cython.pointer(cython.const[cython.uchar]) = value_of(message, field)
    size: int32_t = field.size
    if size == 0:
        return 0
    if slot.form == ONE_OF:
        if size != 1 or data[0] > 127:
            return 0
        if data[0] < 64:
            return slot.low >> data[0] & 1
        return slot.high >> (data[0] - 64) & 1
    if slot.form == TEXT:
        return is_text(data, size)
    if slot.form == DECIMAL:
        return is_decimal(data, size)
    if slot.form == NATURAL:
        return is_natural(data, size)
    if slot.form == INTEGER:
        if data[0] == 0x2D:
            return is_natural(data + 1, size - 1)
        return is_natural(data, size)
    if slot.form == DATA:
        return 1
    if slot.form == TIMESTAMP and is_plain_timestamp(data, size):
        return 1
    return 1 if checks[slot.check](message.raw[field.start : field.start + size]) else 0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_text(
    data: cython.pointer(cython.const[cython.uchar]), size: int32_t
) -> cython.bint:
    """Printable ASCII and nothing else."""
    i: int32_t
    others: cython.int = 0
    for i in range(size):
        others |= data[i] < 0x20 or data[i] > 0x7E
    return others == 0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_natural(
    data: cython.pointer(cython.const[cython.uchar]), size: int32_t
) -> cython.bint:
    """Digits, not more of them than 64 bits take."""
    i: int32_t
    others: cython.int = 0
    for i in range(size):
        others |= data[i] < 0x30 or data[i] > 0x39
    return others == 0 and 1 <= size <= DIGITS_MAX


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_decimal(
    data: cython.pointer(cython.const[cython.uchar]), size: int32_t
) -> cython.bint:
    """Digits with at most one point, perhaps behind a minus; at least one digit."""
    i: int32_t = 1 if data[0] == 0x2D else 0
    digits: int32_t = 0
    points: int32_t = 0
    while i < size:
        if data[i] == 0x2E:
            points += 1
        elif 0x30 <= data[i] <= 0x39:
            digits += 1
        else:
            return False
        i += 1
    return digits > 0 and points <= 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_plain_timestamp(
    data: cython.pointer(cython.const[cython.uchar]), size: int32_t
) -> cython.bint:
    """A UTCTimestamp; not of 29 February, which not every year has."""
    i: int32_t
    month: cython.int
    day: cython.int
    if size != 17 and size != 21 and size != 24 and size != 27 and size != 30:
        return False
    for i in range(size):
        if i == 8:
            if data[i] != 0x2D:
                return False
        elif i == 11 or i == 14:
            if data[i] != 0x3A:
                return False
        elif i == 17:
            if data[i] != 0x2E:
                return False
        elif data[i] < 0x30 or data[i] > 0x39:
            return False
    month = two_digits(data + 4)
    day = two_digits(data + 6)
    return (
        data[0] != 0x30
        and 1 <= month <= 12
        and 1 <= day <= days_of(month)
        and two_digits(data + 9) < 24
        and two_digits(data + 12) < 60
        and two_digits(data + 15) <= 60
    )


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def days_of(month: cython.int) -> cython.int:
    """Days that a month has in every year."""
    if month == 2:
        return 28
    return 30 if month in (4, 6, 9, 11) else 31


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def two_digits(data: cython.pointer(cython.const[cython.uchar])) -> cython.int:
    return (data[0] - 0x30) * 10 + (data[1] - 0x30)
