"""A subscriber that does what spec/websocket.md says, and nothing else."""

from __future__ import annotations

from typing import Any

from engine import decimals


class BookReader:
    """The book as told by snapshots and deltas; a break in the chain is an error."""

    def __init__(self) -> None:
        self.seq = -1
        self.depth = 0
        self.sides: dict[str, dict[int, str]] = {"bids": {}, "asks": {}}

    def apply(self, message: dict[str, Any]) -> None:
        """Take a message of the channel book."""
        assert message["channel"] == "book"
        self.depth = message["depth"]
        if message["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        else:
            assert message["type"] == "delta"
            assert message["prev_seq"] == self.seq
            assert message["seq"] > self.seq
        for name, side in self.sides.items():
            for price, qty in message[name]:
                key = decimals.parse(price.encode())
                if qty == "0":
                    side.pop(key, None)
                else:
                    side[key] = qty
            assert len(side) <= self.depth
        self.seq = message["seq"]

    def book(self) -> tuple[list[list[str]], list[list[str]]]:
        """Bids and asks, best first."""
        bids, asks = self.sides["bids"], self.sides["asks"]
        return (
            [[decimals.render(key), bids[key]] for key in sorted(bids, reverse=True)],
            [[decimals.render(key), asks[key]] for key in sorted(asks)],
        )
