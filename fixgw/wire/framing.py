"""Cuts a byte stream into FIX messages and indexes their fields. Compiled.

A frame is found by BodyLength(9), not by looking for the next ``10=``, because data
fields may contain anything; only from the end BodyLength claims is CheckSum(10)
searched. So a length that is too short costs only its own message, and one that is too
long takes the following message with it (the standard's test cases 2.m and 3.b). What
comes out does not depend on how the bytes were cut into reads.

A frame is read by :mod:`fixgw.wire.message`.
"""

import cython
from cython.cimports.fixgw.wire.message import DataFields, parse, read_data_fields
from cython.cimports.libc.stdint import int32_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcmp, memcpy, memmove

from fixgw.wire.message import MESSAGE_FIELDS_MAX, Garbled

MESSAGE_BYTES_MAX = 64 * 1024
"""The longest message: order flow stays below 1 KiB, News and lists below 64."""

HEAD_FAULTS = {
    -1: "no BodyLength(9) behind BeginString(8)",
    -2: "BodyLength(9) is no number",
    -3: "BodyLength(9) is empty",
    -4: "BodyLength(9) is out of range",
}


@cython.final
@cython.cclass
class Framer:
    """Collects received bytes and gives the messages completed by them.

    All work is linear in the bytes received, whatever they are and however they were
    cut; memory stays below five times ``message_bytes_max``.
    """

    def __cinit__(
        self,
        message_bytes_max: cython.Py_ssize_t = MESSAGE_BYTES_MAX,
        message_fields_max: cython.Py_ssize_t = MESSAGE_FIELDS_MAX,
        data_lengths=None,
    ):
        self.buffer = cython.NULL
        self.data_fields = cython.NULL
        self.limit(message_bytes_max, message_fields_max, data_lengths)

    def __dealloc__(self):
        free(self.buffer)
        free(self.data_fields)

    def limit(
        self,
        message_bytes_max: cython.Py_ssize_t,
        message_fields_max: cython.Py_ssize_t,
        data_lengths=None,
    ) -> None:
        """Other limits from the next message on, as a session's settings want them.

        ``data_lengths`` gives the data field of a length field, for those that the
        standard does not know. Raises ValueError for more than 256 of them.
        """
        fields: DataFields
        count: int32_t = read_data_fields(data_lengths, cython.address(fields))
        if count == 0:
            free(self.data_fields)
            self.data_fields = cython.NULL
        else:
            kept = cython.cast(
                cython.pointer(DataFields),
                realloc(self.data_fields, cython.sizeof(DataFields)),
            )
            if kept == cython.NULL:
                raise MemoryError
            kept[0] = fields
            self.data_fields = kept
        self.message_bytes_max = message_bytes_max
        self.message_fields_max = message_fields_max

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
                break
            found.append(item)
        if self.start == self.end and self.capacity > IDLE_BYTES_MAX:
            # One long message must not hold its memory for the rest of the session.
            free(self.buffer)
            self.buffer = cython.NULL
            self.start = self.end = self.searched = self.capacity = 0
        return found

    def append(self, data, size):
        capacity: cython.Py_ssize_t
        if self.end + size > self.capacity:
            # Only when at least as much is won as is moved: else a byte here and a byte
            # there would move the whole buffer each time.
            if self.start and self.start >= self.end - self.start:
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
            if not 0x30 <= self.buffer[place] <= 0x39 or digits == LENGTH_DIGITS_MAX:
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
        reach: cython.Py_ssize_t
        most: cython.Py_ssize_t
        length: cython.Py_ssize_t = 0
        while True:
            begin = self.find(self.start, self.end, b"8=", 2)
            if begin != self.start:
                item = self.skip_noise(begin)
                if item is not None or begin < 0:
                    return item
                # A loop, no recursion: noise may be full of ``8=``.
                continue
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
        # No further than a body of the longest reaches, however much has come: else it
        # would depend on the cuts whether a CheckSum behind that is this message's.
        most = self.message_bytes_max + ENVELOPE_BYTES_MAX
        reach = min(self.end, self.start + most)
        place = self.find(max(stop, self.searched), reach, b"\x0110=", 4)
        if place < 0:
            self.searched = max(stop, self.searched, reach - 3)
            if self.end - self.start >= most:
                # What lies before ``stop`` was claimed, what lies behind was searched:
                # none of it is looked at again.
                self.in_noise = True
                return self.drop(stop, "no CheckSum(10)")
            return None
        self.searched = place
        stop = place + 4
        while stop < self.end and self.buffer[stop] != SOH:
            stop += 1
            if stop - place > 4 + CHECKSUM_BYTES_MAX:
                self.in_noise = True
                return self.drop(place + 1, "CheckSum(10) is not three digits")
        if stop >= self.end:
            return None
        self.in_noise = False
        if stop + 1 - self.start > self.message_bytes_max:
            return self.drop(stop + 1, "the message is too long")
        begin = self.start
        self.start = self.searched = stop + 1
        return parse(
            self.buffer + begin,
            stop + 1 - begin,
            self.message_fields_max,
            self.data_fields,
        )

    def skip_noise(self, begin):
        """Drops what stands before the next possible start, which is at ``begin``.

        -1: none in sight, but an ``8`` at the end may become one. One Garbled for a run
        of noise, however it was cut into reads; None when this one was reported.
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
        self.start = stop
        self.searched = max(self.searched, stop)
        return None

    def drop(self, stop, reason):
        """Gives up the bytes before ``stop``."""
        size: cython.Py_ssize_t = min(stop - self.start, 256)
        garbled = Garbled(reason, self.buffer[self.start : self.start + size])
        self.start = stop
        self.searched = max(self.searched, stop)
        return garbled
