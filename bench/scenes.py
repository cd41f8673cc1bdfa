"""The five order flows the engine's speed is stated for, as CSV for replay-orders.

They are those of a public benchmark of matching engines (arXiv:2606.01183), with the
order of its random draws, so that figures can be compared: one symbol, limit orders
around a price that moves, a seventh of them immediate-or-cancel, nearly all others
cancelled soon. In "static" the price stays and the book becomes deep.

    python bench/scenes.py static flow.csv --orders 1000000

writes about two messages per order. The same arguments give the same file.
"""

from __future__ import annotations

import argparse
import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random

SCENES = {
    "static": (0.0, 0.0),
    "normal": (0.15, 0.02),
    "swing-25": (0.5, 0.25),
    "swing-40": (0.5, 0.40),
    "flash-crash": (0.5, 0.60),
}
"""Volatility and swing of the price."""

ORDERS = 1_000_000
"""Orders of a flow: about two million messages."""

SEED = 23
SYMBOL = "ACME"
TICK_THOUSANDTHS = 5
MID_TICKS = 33_504
LEVELS = 800
HALF_LIFE_US = 431
LEAST = 1e-300
"""Of the argument of a logarithm."""

HEADER = "op,order_id,symbol,side,price,qty,type,tif\n"
NEW, MODIFY, CANCEL = range(3)


def seeded(seed: int) -> Random:
    """The generator of C++'s std::mt19937 with one integer for a seed."""
    state = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        last = state[-1]
        state.append((1812433253 * (last ^ last >> 30) + i) & 0xFFFFFFFF)
    made = Random()
    made.setstate((3, (*state, 624), None))
    return made


class Scene:
    """One flow: orders, and messages about them in the order of their time."""

    def __init__(self, name: str, orders: int = ORDERS, seed: int = SEED) -> None:
        self._draw = seeded(seed).random
        self.count = orders
        self.prices = array("q")
        self.qtys = array("q")
        self._levels = array("q")
        self._make_orders(*SCENES[name])
        self.messages = self._make_messages()

    def _integer(self, low: int, high: int) -> int:
        return low + math.floor(self._draw() * (high - low + 1))

    def _normal(self) -> float:
        first, second = self._draw(), self._draw()
        return math.sqrt(-2.0 * math.log(max(first, LEAST))) * math.cos(
            2.0 * math.pi * second
        )

    def _make_orders(self, volatility: float, swing: float) -> None:
        weights = [
            (k + 1) ** -2.23 + 5.0 * math.exp(-((k - 8) ** 2) / 2.0)
            for k in range(LEVELS)
        ]
        below = list(accumulate(weights))
        total = below[-1]
        step = 0.0
        if volatility:
            step = volatility * math.sqrt((swing / volatility) ** 2 / self.count)
        mid = float(MID_TICKS)
        for number in range(self.count):
            mid *= math.exp(-step * step / 2.0 + step * self._normal())
            ticks = math.floor(mid + 0.5)
            level = min(bisect_left(below, self._draw() * total), LEVELS - 1)
            away = level + 1
            price = ticks - away if self._is_buy(number) else ticks + away
            self.prices.append(max(price, 1))
            self._levels.append(level)
            self.qtys.append(self._integer(1, 100))

    def _is_buy(self, number: int) -> bool:
        return number < self.count // 2

    def _make_messages(self) -> list[tuple[int, int, int, int, int, bool]]:
        """Time, kind, number of the order, price, quantity, immediate-or-cancel."""
        turn = list(range(self.count))
        for i in range(self.count - 1, 0, -1):
            j = self._integer(0, i)
            turn[i], turn[j] = turn[j], turn[i]
        draw = self._draw
        found = []
        now = 0
        for number in turn:
            price, qty = self.prices[number], self.qtys[number]
            immediate = draw() < 0.15
            found.append((now, NEW, number, price, qty, immediate))
            if immediate:
                now += 1
                continue
            changed = None
            if draw() < 0.20:
                now += 30 + math.floor(70 * draw())
                if draw() < 0.80:
                    price += 1 if self._is_buy(number) else -1
                    price = max(price, 1)
                changed = (MODIFY, number, price, qty + 1, False)
                found.append((now, *changed))
            if draw() < 0.95:
                rate = math.log(2) / HALF_LIFE_US / math.sqrt(1 + self._levels[number])
                now += math.floor(-math.log(max(draw(), LEAST)) / rate)
                found.append((now, CANCEL, number, price, qty, False))
                if draw() < 0.02:
                    now += 1 + math.floor(20 * draw())
                    found.append((now, CANCEL, number, price, qty, False))
                if changed and draw() < 0.02:
                    now += 1 + math.floor(20 * draw())
                    found.append((now, *changed))
            now += 1
        found.sort(key=lambda message: message[0])
        return found

    def lines(self) -> Iterator[str]:
        """The flow as CSV, header first."""
        yield HEADER
        for _, kind, number, price, qty, immediate in self.messages:
            if kind == CANCEL:
                yield f"cancel,{number + 1},{SYMBOL},,,,,\n"
                continue
            side = "buy" if self._is_buy(number) else "sell"
            whole, rest = divmod(price * TICK_THOUSANDTHS, 1000)
            op, tif = (
                ("new", "ioc" if immediate else "")
                if kind == NEW
                else (
                    "replace",
                    "",
                )
            )
            yield f"{op},{number + 1},{SYMBOL},{side},{whole}.{rest:03d},{qty},,{tif}\n"


def write(name: str, path: Path, orders: int = ORDERS, seed: int = SEED) -> None:
    """Write a flow, whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="ascii") as file:
        file.writelines(Scene(name, orders, seed).lines())
    part.replace(path)


def main() -> None:
    """One flow into a file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("file", type=Path)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    write(given.scene, given.file, given.orders, given.seed)


if __name__ == "__main__":
    main()
