"""A hash table from (owner, text of up to 36 bytes) to (number, slot). Compiled.

Serves three indices of a shard: ClOrdIDs by session, instruments by symbol, and the
last MsgSeqNum(34) by session. Open addressing with linear probing, one cache line per
entry.

The hash is SipHash-1-3 under a key the caller chooses: texts come from clients, and
with a hash they could compute they could pile up collisions and stall everybody.
Nothing a shard does may depend on that key, so the table offers no iteration in hash
order; what is enumerated is sorted (:meth:`KeyTable.sorted_rows`).
"""

import cython
from cython.cimports.engine.pages import pages
from cython.cimports.libc.stdint import int32_t, int64_t, uint32_t, uint64_t
from cython.cimports.libc.stdlib import free
from cython.cimports.libc.string import memcmp, memcpy


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _rotate(x: uint64_t, bits: cython.int) -> uint64_t:
    return (x << bits) | (x >> (64 - bits))


@cython.final
@cython.cclass
class KeyTable:
    """Owner and NUL-padded text to a number and a slot.

    ``secret`` is 16 bytes. Places returned by ``find`` and ``insert`` are valid until
    the next ``insert``, ``remove`` or ``rebuild``.
    """

    def __cinit__(self, secret: bytes) -> None:
        if len(secret) != 16:
            raise ValueError("the hash key is 16 bytes")
        self.key0 = int.from_bytes(secret[:8], "little")
        self.key1 = int.from_bytes(secret[8:], "little")
        self.used = 0
        self.capacity = FIRST_CAPACITY
        self.unhint()
        self.entries = cython.cast(
            cython.pointer(KeyEntry), pages(self.capacity * cython.sizeof(KeyEntry))
        )
        if self.entries == cython.NULL:
            raise MemoryError

    def __dealloc__(self) -> None:
        free(self.entries)

    def __len__(self) -> int:
        return self.used

    def _hash(self, owner: uint64_t, text: cython.pointer(cython.const[cython.uchar])):
        """SipHash-1-3 of the 44 bytes of a key, padded to six words; never 0."""
        words: uint64_t[6]
        v0: uint64_t = self.key0 ^ cython.cast(uint64_t, 0x736F6D6570736575)
        v1: uint64_t = self.key1 ^ cython.cast(uint64_t, 0x646F72616E646F6D)
        v2: uint64_t = self.key0 ^ cython.cast(uint64_t, 0x6C7967656E657261)
        v3: uint64_t = self.key1 ^ cython.cast(uint64_t, 0x7465646279746573)
        i: cython.int
        words[0] = owner
        words[5] = cython.cast(uint64_t, 44) << 56
        memcpy(cython.address(words[1]), text, KEY_BYTES)
        for i in range(9):
            if i < 6:
                v3 ^= words[i]
            elif i == 6:
                v2 ^= 0xFF
            v0 += v1
            v1 = _rotate(v1, 13) ^ v0
            v0 = _rotate(v0, 32)
            v2 += v3
            v3 = _rotate(v3, 16) ^ v2
            v0 += v3
            v3 = _rotate(v3, 21) ^ v0
            v2 += v1
            v1 = _rotate(v1, 17) ^ v2
            v2 = _rotate(v2, 32)
            if i < 6:
                v0 ^= words[i]
        short: uint32_t = cython.cast(uint32_t, v0 ^ v1 ^ v2 ^ v3)
        return short if short != 0 else 1

    def hash_of(
        self, owner: uint64_t, text: cython.pointer(cython.const[cython.uchar])
    ):
        """The same; not again for a text of which it is known. A hint stands for the
        owner and the text that were there when it was given."""
        if text == self.hint_own:
            return self.hash_own
        if text == self.hint_orig or text == self.hint_order:
            return self.hash_orig
        return self._hash(owner, text)

    def unhint(self):
        """No hash is known of any text."""
        self.hint_own = cython.NULL
        self.hint_orig = cython.NULL
        self.hint_order = cython.NULL

    def find(self, owner: uint64_t, text: cython.pointer(cython.const[cython.uchar])):
        """The place of the key, or -1."""
        mask: int64_t = self.capacity - 1
        wanted: uint32_t = self.hash_of(owner, text)
        place: int64_t = cython.cast(int64_t, wanted) & mask
        entry: cython.pointer(KeyEntry)
        while True:
            entry = cython.address(self.entries[place])
            if entry.hash == 0:
                return -1
            if (
                entry.hash == wanted
                and entry.owner == owner
                and memcmp(entry.text, text, KEY_BYTES) == 0
            ):
                return place
            place = (place + 1) & mask

    def insert(
        self,
        owner: uint64_t,
        text: cython.pointer(cython.const[cython.uchar]),
        number: uint64_t,
        slot: int32_t,
    ):
        """Adds a key that is not there yet; its place. MemoryError when out of
        memory."""
        mask: int64_t
        place: int64_t
        entry: cython.pointer(KeyEntry)
        if self.used * 5 >= self.capacity * 3:
            self.rebuild(self.capacity * 2)
        mask = self.capacity - 1
        hashed: uint32_t = self.hash_of(owner, text)
        place = cython.cast(int64_t, hashed) & mask
        while self.entries[place].hash != 0:
            place = (place + 1) & mask
        entry = cython.address(self.entries[place])
        entry.hash = hashed
        entry.flags = 0
        entry.owner = owner
        entry.number = number
        entry.slot = slot
        memcpy(entry.text, text, KEY_BYTES)
        self.used += 1
        return place

    def remove(self, place: int64_t):
        """Empties a place and moves later entries of its probe run up into the hole."""
        mask: int64_t = self.capacity - 1
        hole: int64_t = place
        walk: int64_t = (place + 1) & mask
        home: int64_t
        while self.entries[walk].hash != 0:
            home = cython.cast(int64_t, self.entries[walk].hash) & mask
            if ((walk - home) & mask) >= ((walk - hole) & mask):
                self.entries[hole] = self.entries[walk]
                hole = walk
            walk = (walk + 1) & mask
        self.entries[hole].hash = 0
        self.used -= 1

    def rebuild(self, capacity):
        """The same entries in a table of ``capacity`` places, a power of two.

        Entries whose hash was set to 0 are gone: this is how many are removed at once.
        """
        mask: int64_t = capacity - 1
        i: int64_t
        place: int64_t
        entries: cython.pointer(KeyEntry) = cython.cast(
            cython.pointer(KeyEntry), pages(capacity * cython.sizeof(KeyEntry))
        )
        if entries == cython.NULL:
            raise MemoryError
        self.used = 0
        for i in range(self.capacity):
            if self.entries[i].hash != 0:
                place = cython.cast(int64_t, self.entries[i].hash) & mask
                while entries[place].hash != 0:
                    place = (place + 1) & mask
                entries[place] = self.entries[i]
                self.used += 1
        free(self.entries)
        self.entries = entries
        self.capacity = capacity
        return 0

    def sorted_rows(self) -> list:
        """All (owner, text, number, slot, flags), sorted: independent of the hash
        key."""
        i: int64_t
        rows = []
        for i in range(self.capacity):
            if self.entries[i].hash != 0:
                rows.append(
                    (
                        self.entries[i].owner,
                        self.entries[i].text[:KEY_BYTES],
                        self.entries[i].number,
                        self.entries[i].slot,
                        self.entries[i].flags,
                    )
                )
        rows.sort()
        return rows
