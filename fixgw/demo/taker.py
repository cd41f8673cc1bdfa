"""A trader with an opinion that changes: takes what is quoted, now and then waits.

Pure, as the maker is. The same trader may come over FIX or REST.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random

from fixgw.demo.actions import Action, Place, Side, Withdraw
from fixgw.demo.blotter import Blotter, Kind, OwnOrder, Report
from fixgw.demo.maker import PATIENCE_S, PAUSE_S
from fixgw.demo.pacing import STEPS_PER_S
from fixgw.demo.prices import Prices
from fixgw.demo.terms import Terms

OPEN_MAX = 12
"""Open orders of one trader."""

REST_S_MIN, REST_S_MAX = 4, 30
"""How long a resting order waits for somebody, in seconds of the market's time."""

MOOD_TRADES_MAX = 25
"""A trader buys more often than it sells, or the other way, for so many trades."""

_KINDS = ("take", "market", "rest")
_SHARES = tuple(accumulate((60, 15, 25)))


class Taker:
    """Trades ``instruments``, those named first more often.

    ``trades_per_1000``: of a thousand steps, in how many it does something.
    """

    def __init__(
        self,
        name: str,
        instruments: Sequence[Terms],
        prices: Prices,
        seed: int,
        trades_per_1000: int,
        new_id: Callable[[], str],
    ) -> None:
        self.blotter = Blotter()
        self._prices = prices
        self._random = Random(f"{seed} {name}")
        self._instruments = list(instruments)
        self._shares = list(
            accumulate(1_000 // (place + 2) for place in range(len(instruments)))
        )
        self._trades_per_1000 = trades_per_1000
        self._new_id = new_id
        self._mood = Side.BUY
        self._mood_left = 0
        self._paused_until: dict[str, float] = {}
        self._until: dict[str, int] = {}
        self._steps = 0

    def on_report(self, report: Report, now: float) -> None:
        """The exchange has said something about an order."""
        order = self.blotter.told(report, now)
        if order is not None and report.kind in (Kind.REJECTED, Kind.REFUSED):
            self._paused_until[order.symbol] = now + PAUSE_S

    def act(self, now: float, steps: int) -> list[Action]:
        """What it wants done in so many steps of the market."""
        actions = self._tidy(now)
        for _ in range(steps):
            self._steps += 1
            if self._random.randrange(1_000) < self._trades_per_1000:
                place = self._trade(now)
                if place is not None:
                    actions.append(place)
        return actions

    def withdraw_all(self, now: float) -> list[Action]:
        """Cancel everything that is open and not asked about already."""
        orders = [o for o in self.blotter.orders.values() if o.request is None]
        return [self._withdraw(order, now) for order in orders]

    def _tidy(self, now: float) -> list[Action]:
        """Cancel what has waited long enough, and what nothing was heard of."""
        overdue = self.blotter.overdue(now, PATIENCE_S)
        self._until = {k: v for k, v in self._until.items() if k in self.blotter.orders}
        done = [
            order
            for order in self.blotter.orders.values()
            if order.request is None
            and self._steps >= self._until.get(order.cl_ord_id, 0)
            and now >= self._paused_until.get(order.symbol, 0.0)
        ]
        return [self._withdraw(order, now) for order in (*overdue, *done)]

    def _trade(self, now: float) -> Place | None:
        draw = self._random.randrange(self._shares[-1])
        terms = self._instruments[bisect_right(self._shares, draw)]
        side = self._side()
        kind = _KINDS[bisect_right(_SHARES, self._random.randrange(_SHARES[-1]))]
        qty = terms.quantity(self._random.randint(2, 30), 20)
        away = terms.half_spread * self._random.randint(1, 4)
        rest_s = self._random.randint(REST_S_MIN, REST_S_MAX)
        if (
            len(self.blotter) >= OPEN_MAX
            or self._paused_until.get(terms.symbol, 0.0) > now
        ):
            return None
        # To take, a buyer goes above the fair price; to wait, below it.
        up = (side is Side.BUY) is (kind == "take")
        ticks = self._prices.fair(terms.symbol) + (away if up else -away)
        price = None if kind == "market" else terms.price(terms.clamped(ticks))
        place = Place(
            self._new_id(), terms.symbol, side, qty, price, immediate=kind == "take"
        )
        self.blotter.asked(place, now)
        if kind == "rest":
            self._until[place.cl_ord_id] = self._steps + rest_s * STEPS_PER_S
        return place

    def _side(self) -> Side:
        if self._mood_left == 0:
            self._mood = self._mood.other
            self._mood_left = self._random.randint(1, MOOD_TRADES_MAX)
        self._mood_left -= 1
        with_it = self._random.randrange(100) < 65
        return self._mood if with_it else self._mood.other

    def _withdraw(self, order: OwnOrder, now: float) -> Withdraw:
        withdraw = Withdraw(order.cl_ord_id, self._new_id(), order.symbol, order.side)
        self.blotter.asked(withdraw, now)
        return withdraw
