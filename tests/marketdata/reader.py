"""A client that keeps a book from W and X as spec/market_data.md says, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from engine.decimals import parse, render

Entry = dict[int, bytes]
BID, OFFER = b"0", b"1"


class BookReader:
    """One instrument of one subscription. An entry that does not fit is an error."""

    def __init__(self, *, by_order: bool = False) -> None:
        self.by_order = by_order
        self.rpt_seq = 0
        self.trades: list[tuple[bytes, bytes, bytes, bytes]] = []
        """MDUpdateAction(279), MDEntryID(278), price, quantity."""
        self.others: dict[bytes, Entry] = {}
        """By MDEntryType(269), of which there is one entry each."""
        self._levels: dict[bytes, dict[int, int]] = {}
        self._queues: dict[bytes, dict[int, dict[bytes, int]]] = {}
        self.snapshot(0, [])

    def snapshot(self, rpt_seq: int, entries: Iterable[Entry]) -> None:
        """A W: what was known before counts no more."""
        self.rpt_seq = rpt_seq
        self.others = {}
        self._levels = {BID: {}, OFFER: {}}
        self._queues = {BID: {}, OFFER: {}}
        for entry in entries:
            self._put(b"0", entry)

    def increment(self, entries: Iterable[Entry], *, dense: bool = False) -> None:
        """An X: entries in their order, of one step or of several."""
        for entry in entries:
            rpt_seq = int(entry[83])
            assert rpt_seq >= self.rpt_seq, "an entry is older than one before"
            if dense:
                assert rpt_seq <= self.rpt_seq + 1, "an increment is missing"
            self.rpt_seq = rpt_seq
            self._put(entry[279], entry)

    def _put(self, action: bytes, entry: Entry) -> None:
        kind = entry[269]
        if kind in (BID, OFFER):
            if self.by_order:
                self._order(action, kind, entry)
            else:
                self._level(action, kind, entry)
        elif kind == b"2":
            trade = action, entry[278], entry[270], entry[271]
            self.trades.append(trade)
        elif action == b"2":
            del self.others[kind]
        elif kind != b"J":
            assert (kind in self.others) == (action == b"1")
            self.others[kind] = entry

    def _level(self, action: bytes, kind: bytes, entry: Entry) -> None:
        levels, price = self._levels[kind], parse(entry[270])
        assert (price in levels) == (action != b"0")
        if action == b"2":
            del levels[price]
        else:
            levels[price] = parse(entry[271])

    def _order(self, action: bytes, kind: bytes, entry: Entry) -> None:
        queue = self._queues[kind].setdefault(parse(entry[270]), {})
        assert (entry[278] in queue) == (action != b"0")
        if action == b"2":
            del queue[entry[278]]
        else:
            queue[entry[278]] = parse(entry[271])
        if not queue:
            del self._queues[kind][parse(entry[270])]

    def levels(self, kind: bytes) -> list[tuple[int, int]]:
        """Price and quantity of each level, best first."""
        found = self._levels[kind]
        if self.by_order:
            queues = self._queues[kind]
            found = {price: sum(queue.values()) for price, queue in queues.items()}
        return sorted(found.items(), reverse=kind == BID)

    def orders(self, kind: bytes) -> list[tuple[int, list[tuple[bytes, int]]]]:
        """Price and queue of each level, best first."""
        queues = self._queues[kind]
        prices = sorted(queues, reverse=kind == BID)
        return [(price, list(queues[price].items())) for price in prices]

    def checksum(self) -> int:
        """CRC-32 of the best ten levels, as spec/market_data.md defines it."""
        sides = []
        for kind in (BID, OFFER):
            if self.by_order:
                parts = [
                    f"{render(price)}:{render(qty)}:{name.decode()}"
                    for price, queue in self.orders(kind)[:10]
                    for name, qty in queue
                ]
            else:
                rows = self.levels(kind)[:10]
                parts = [f"{render(price)}:{render(qty)}" for price, qty in rows]
            sides.append(",".join(parts))
        return crc32("|".join(sides).encode())


def split(data: bytes) -> list[Entry]:
    """The entries in the bytes of a group: each begins with 279, or with 269."""
    found: list[Entry] = []
    fields = [field.partition(b"=") for field in data.split(b"\x01")[:-1]]
    first = int(fields[0][0]) if fields else 0
    for tag, _, value in fields:
        if int(tag) == first:
            found.append({})
        found[-1][int(tag)] = value
    return found
