"""QuickFIX follows a market by W and X, under its own validation: its book is that of
the shard after random flow.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from engine.host.host import ShardHost
from engine.records import UNIT
from tests.live.conftest import Connect, MakeExchange
from tests.live.initiator import Initiator, Received
from tests.marketdata.reader import BID, OFFER, BookReader, Entry
from tests.marketdata.shards import books_of

SYMBOL = "GLOBEX"
SEED = 71
COMMANDS = 400


def entries_of(message: Received) -> list[Entry]:
    """The entries of a W or X."""
    first = 279 if message.msg_type == "X" else 269
    found: list[Entry] = []
    tags = [tag for tag, _ in message.pairs]
    for tag, value in message.pairs[tags.index(268) + 1 :]:
        if tag == first:
            found.append({})
        if tag not in (10, 5083, 5084):
            found[-1][tag] = value.encode()
    return found


class Follower:
    """One subscription of a QuickFIX client; applies what it was sent, in its order."""

    def __init__(self, client: Initiator, md_req_id: str, *, by_order: bool) -> None:
        self.reader = BookReader(by_order=by_order)
        self.kinds: list[str] = []
        self._client = client
        self._id = md_req_id
        self._done = 0
        client.send(
            "V",
            {262: md_req_id, 263: "1", 264: "0", 265: "1"}
            | ({266: "N"} if by_order else {}),
            [(267, 269, ["0", "1", "2"]), (146, 55, [SYMBOL])],
        )
        client.wait(self.follow, "the snapshot")

    def follow(self) -> bool:
        """Apply what has come; whether anything ever has."""
        messages = [m for m in self._client.messages if m.get(262) == self._id]
        for message in messages[self._done :]:
            self.kinds.append(message.msg_type)
            if message.msg_type == "W":
                self.reader.snapshot(int(message[83]), entries_of(message))
            else:
                assert message.msg_type == "X", str(message)
                self.reader.increment(entries_of(message), dense=True)
            assert int(message[5084]) == self.reader.checksum()
        self._done = len(messages)
        return bool(messages)


def flow(trader: Initiator, random: Random) -> None:
    """Random orders, cancels and replaces around one price; waits for the last."""
    live: list[tuple[str, str]] = []
    last = ""
    for _ in range(COMMANDS):
        if live and random.randrange(3) == 0:
            order, side = live.pop(random.randrange(len(live)))
            last = trader.cancel(order, side, SYMBOL)
            continue
        side = random.choice(["buy", "sell"])
        price = f"{54 + random.randrange(-20, 21) / 100:.2f}"
        shown = {"t111": "3"} if random.randrange(5) == 0 else {}
        last = trader.order(side, SYMBOL, str(random.randrange(4, 20)), price, **shown)
        live.append((last, side))
    trader.wait(lambda: trader.about(last), "the answer to the last order")


def test_quickfix_has_the_shards_book(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange()
    text = exchange.sessions.read_text()
    text = text.replace("[DEFAULT]\n", "[DEFAULT]\nMarketDataChecks=Y\n")
    exchange.sessions.write_text(text)
    exchange.start()
    reader = connect("BUYER", exchange.port).start()
    trader = connect("SELLER", exchange.port).start()
    random = Random(SEED)
    flow(trader, random)
    levels = Follower(reader, "levels", by_order=False)
    orders = Follower(reader, "orders", by_order=True)
    flow(trader, random)
    assert levels.kinds.count("W") == 1
    # What has happened last has been told when the marker has.
    marker = trader.order("buy", SYMBOL, "7", "1")
    trader.wait(lambda: trader.about(marker), "the marker")

    def level() -> bool:
        levels.follow()
        orders.follow()
        books = (levels.reader.levels(BID), orders.reader.levels(BID))
        return all((UNIT, 7 * UNIT) in book for book in books)

    reader.wait(level, "the marker in both books")
    assert levels.kinds.count("X") >= 3
    assert len(levels.reader.trades) > 20
    exchange.stop()
    bids, asks = shown_at(exchange.data)
    for kind, side in ((BID, bids), (OFFER, asks)):
        assert levels.reader.levels(kind) == [
            (price, sum(qty for _, qty in queue)) for price, queue in side
        ]
        assert orders.reader.orders(kind) == [
            (price, [(name_of(order), qty) for order, qty in queue])
            for price, queue in side
        ]


def shown_at(data: Path) -> tuple[list, list]:  # type: ignore[type-arg]
    """Levels of both sides, from the shard's own log."""
    for folder in sorted(data.glob("shard-*")):
        host = ShardHost(int(folder.name.rpartition("-")[2]), folder, time.time_ns)
        books = books_of(host.shard.dump())
        host.close()
        if SYMBOL in books:
            bids, asks = books[SYMBOL]
            return bids.levels, asks.levels
    raise AssertionError(f"no shard has {SYMBOL}")


def name_of(order_id: int) -> bytes:
    """OrderID(37)."""
    return b"%d-%d" % (order_id >> 48, order_id & (1 << 48) - 1)
