"""The simulated traders: repeatable, within bounds, never against themselves."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engine.instruments import load
from engine.records import UNIT, InstrumentCommand
from fixgw.demo.actions import Action, Change, Place, Side, Withdraw
from fixgw.demo.blotter import Kind, Report
from fixgw.demo.maker import LEVELS, PATIENCE_S, MarketMaker
from fixgw.demo.pacing import STEPS_BEHIND_MAX, Steps, TokenBucket
from fixgw.demo.prices import REACH_DIVISOR, Prices
from fixgw.demo.taker import OPEN_MAX, Taker
from fixgw.demo.terms import Terms

ROOT = Path(__file__).parents[2]
INSTRUMENTS = load((ROOT / "config" / "instruments.csv").read_text(), "instruments")
TERMS = [terms for terms in map(Terms.of, INSTRUMENTS) if terms is not None]
SEEDS = range(4)


class Venue:
    """A slow exchange: requests wait their turn, answers wait theirs, some are refused.

    Holds the trader's orders as an exchange would, and fills them at random.
    """

    def __init__(self, trader: MarketMaker | Taker, seed: int) -> None:
        self.trader = trader
        self.random = Random(seed)
        self.book: dict[str, Place] = {}
        self.filled: dict[str, int] = {}
        self.requests: deque[Action] = deque()
        self.answers: deque[Report] = deque()
        self.crossed = 0
        self.trades = 0
        self.open_most = 0

    def take(self, actions: list[Action]) -> None:
        self.requests += actions

    def turn(self, now: float) -> None:
        """Some requests and some answers get through."""
        for _ in range(self.random.randint(0, 60)):
            if self.requests:
                self._judge(self.requests.popleft())
        if self.random.randrange(3) == 0 and self.book:
            self._fill(self.random.choice(sorted(self.book)))
        self._look()
        for _ in range(self.random.randint(0, 60)):
            if self.answers:
                self.trader.on_report(self.answers.popleft(), now)

    def _judge(self, action: Action) -> None:
        if self.random.randrange(40) == 0:
            kind = Kind.REJECTED if isinstance(action, Place) else Kind.REFUSED
            self.answers.append(Report(kind, name_of(action)))
        elif isinstance(action, Place):
            assert action.cl_ord_id not in self.filled, "a name was used twice"
            self.filled[action.cl_ord_id] = 0
            self._report(Kind.ACCEPTED, action)
            if action.immediate or action.price is None:
                self._report(Kind.ENDED, action)
            else:
                self.book[action.cl_ord_id] = action
        elif action.cl_ord_id not in self.book:
            self.answers.append(Report(Kind.GONE, action.new_id))
        else:
            order = self.book.pop(action.cl_ord_id)
            done = self.filled[action.cl_ord_id]
            if isinstance(action, Withdraw) or action.qty <= done:
                gone = replace(order, cl_ord_id=name_of(action))
                self.filled[name_of(action)] = done
                self._report(Kind.ENDED, gone, action.cl_ord_id)
                return
            new = replace(
                order, cl_ord_id=action.new_id, qty=action.qty, price=action.price
            )
            self.filled[action.new_id] = done
            self.book[action.new_id] = new
            self._report(Kind.REPLACED, new, action.cl_ord_id)

    def _fill(self, name: str) -> None:
        order = self.book[name]
        lot = instrument_of(order.symbol).lot
        qty = self.random.randint(1, (order.qty - self.filled[name]) // lot) * lot
        self.filled[name] += qty
        self.trades += 1
        if self.filled[name] == order.qty:
            del self.book[name]
        self._report(Kind.FILLED, order, last_qty=qty)

    def _report(
        self, kind: Kind, order: Place, orig_id: str = "", last_qty: int = 0
    ) -> None:
        done = self.filled[order.cl_ord_id]
        leaves = 0 if kind is Kind.ENDED else order.qty - done
        self.answers.append(
            Report(
                kind,
                order.cl_ord_id,
                order.symbol,
                order.side,
                orig_id,
                order.qty,
                order.price or 0,
                done,
                last_qty,
                leaves,
            )
        )

    def _look(self) -> None:
        self.open_most = max(self.open_most, len(self.book))
        best: dict[tuple[str, Side], int] = {}
        for order in self.book.values():
            assert order.price is not None
            key = order.symbol, order.side
            better = max if order.side is Side.BUY else min
            best[key] = better(best.get(key, order.price), order.price)
        for (symbol, side), price in best.items():
            if side is Side.BUY and price >= best.get((symbol, Side.SELL), price + 1):
                self.crossed += 1


def name_of(action: Action) -> str:
    return action.cl_ord_id if isinstance(action, Place) else action.new_id


def maker(seed: int) -> tuple[MarketMaker, Prices]:
    prices = Prices(TERMS, seed)
    ids = itertools.count(1)
    return MarketMaker(TERMS, prices, seed, lambda: f"M-{next(ids)}"), prices


def taker(seed: int, per_1000: int = 300) -> tuple[Taker, Prices]:
    prices = Prices(TERMS, seed)
    ids = itertools.count(1)
    return Taker("T", TERMS, prices, seed, per_1000, lambda: f"T-{next(ids)}"), prices


def run(
    trader: MarketMaker | Taker, prices: Prices, seed: int, turns: int
) -> tuple[Venue, list[Action]]:
    """So many turns of half a second each; the venue and all that was asked."""
    venue = Venue(trader, seed)
    asked: list[Action] = []
    for turn in range(turns):
        for _ in range(5):
            prices.step()
        actions = trader.act(turn / 2, 5)
        asked += actions
        venue.take(actions)
        venue.turn(turn / 2)
    return venue, asked


# -- the same again --------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_wants_the_same(seed: int) -> None:
    for make in (maker, taker):
        first = run(*make(seed), seed, 200)[1]
        again = run(*make(seed), seed, 200)[1]
        other = run(*make(seed + 100), seed, 200)[1]
        assert first == again
        assert first != other
        assert len(first) > 100


def test_prices_are_repeatable_and_near_their_reference() -> None:
    for seed in SEEDS:
        prices, again = Prices(TERMS, seed), Prices(TERMS, seed)
        seen: dict[str, set[int]] = {terms.symbol: set() for terms in TERMS}
        for _ in range(3_000):
            prices.step()
            again.step()
            for terms in TERMS:
                fair = prices.fair(terms.symbol)
                reach = terms.reference // REACH_DIVISOR + 2
                assert abs(fair - terms.reference) <= reach
                seen[terms.symbol].add(fair)
        assert [prices.fair(t.symbol) for t in TERMS] == [
            again.fair(t.symbol) for t in TERMS
        ]
        assert min(map(len, seen.values())) >= 4, "every price moves"


# -- what is asked for is allowed ------------------------------------------------------


def instrument_of(symbol: str) -> InstrumentCommand:
    return next(i for i in INSTRUMENTS if i.symbol == symbol)


def test_every_order_is_one_its_instrument_takes() -> None:
    asked = run(*maker(1), 1, 400)[1] + run(*taker(1), 1, 1_500)[1]
    symbols = set()
    for action in asked:
        if isinstance(action, Withdraw):
            continue
        terms = instrument_of(action.symbol)
        symbols.add(action.symbol)
        assert action.qty > 0
        assert action.qty % terms.lot == 0
        assert action.qty <= terms.qty_max
        if action.price is not None:
            assert action.price % terms.tick == 0
            assert terms.price_min <= action.price <= terms.price_max
            if terms.notional_max:
                assert action.price * action.qty // UNIT <= terms.notional_max
    assert symbols == {terms.symbol for terms in TERMS}


def test_an_instrument_without_a_price_is_left_alone() -> None:
    assert Terms.of(replace(INSTRUMENTS[0], reference_price=0)) is None


def test_small_instruments_have_at_least_a_lot() -> None:
    tight = replace(INSTRUMENTS[0], qty_max=INSTRUMENTS[0].lot, notional_max=UNIT)
    terms = Terms.of(tight)
    assert terms is not None
    assert terms.quantity(1, 20) == terms.quantity(50, 1) == terms.lot


# -- the maker -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_quotes_never_cross_its_own(seed: int) -> None:
    """However late requests and answers are, and whatever was refused."""
    venue, asked = run(*maker(seed), seed, 600)
    assert venue.crossed == 0
    assert venue.trades > 100
    assert sum(isinstance(action, Change) for action in asked) > 500


@pytest.mark.parametrize("seed", SEEDS)
def test_quotes_are_bounded(seed: int) -> None:
    venue, _ = run(*maker(seed), seed, 400)
    # One order for each slot; one that just ended may still be thought of.
    assert venue.open_most <= 2 * LEVELS * len(TERMS)
    assert len(venue.trader.blotter) <= 2 * LEVELS * len(TERMS) + 10


def test_both_sides_of_everything_are_quoted() -> None:
    venue, _ = run(*maker(1), 1, 120)
    quoted = {(order.symbol, order.side) for order in venue.book.values()}
    assert len(quoted) == 2 * len(TERMS)


def test_it_leans_against_what_it_took() -> None:
    quotes = []
    for sign in (0, 1, -1):
        trader, prices = maker(1)
        terms = TERMS[0]
        venue = Venue(trader, 1)
        for _ in range(30):
            venue.take(trader.act(0.0, 10))
        bid = next(
            a
            for a in venue.requests
            if isinstance(a, Place) and a.symbol == terms.symbol and a.side == Side.BUY
        )
        trader.on_report(Report(Kind.ACCEPTED, bid.cl_ord_id, leaves=1, qty=2), 0.0)
        side = bid.side if sign > 0 else Side.SELL
        stranger = Report(
            Kind.FILLED, "X", terms.symbol, side, last_qty=40 * terms.size, leaves=1
        )
        if sign:
            trader.on_report(stranger, 0.0)
        quotes.append(trader._targets(trader._books[terms.symbol])[Side.BUY, 0])
        assert prices.fair(terms.symbol) == terms.reference
    level, long, short = quotes
    assert long < level < short


def test_what_is_never_answered_is_withdrawn() -> None:
    trader, _ = maker(1)
    first = trader.act(0.0, 10)
    assert {type(action) for action in first} == {Place}
    lost = {action.cl_ord_id for action in first}
    later = trader.act(PATIENCE_S + 1, 0)
    assert {action.cl_ord_id for action in later} == lost
    assert {type(action) for action in later} == {Withdraw}
    for action in later:
        trader.on_report(Report(Kind.GONE, name_of(action)), PATIENCE_S + 2)
    assert len(trader.blotter) == 0


def test_orders_of_a_life_before_are_withdrawn_first() -> None:
    before, _ = maker(1)
    venue = Venue(before, 1)
    for turn in range(100):
        venue.take(before.act(turn / 2, 5))
        venue.turn(turn / 2)
    saved = before.blotter.to_save()
    after, _ = maker(2)
    after.blotter.restore(saved)
    venue.trader = after
    withdrawn = [a for a in after.act(0.0, 0) if isinstance(a, Withdraw)]
    assert {a.cl_ord_id for a in withdrawn} == {row["cl_ord_id"] for row in saved}
    assert len(withdrawn) > 50


def test_a_refused_instrument_is_left_alone_for_a_while() -> None:
    trader, _ = maker(1)
    placed = [a for a in trader.act(0.0, 30) if isinstance(a, Place)]
    for action in placed:
        trader.on_report(Report(Kind.REJECTED, action.cl_ord_id), 0.1)
    assert trader.act(1.0, 30) == []
    assert trader.act(3.0, 30) != []


# -- takers ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_takers_are_bounded_and_tidy(seed: int) -> None:
    venue, asked = run(*taker(seed, 900), seed, 1_000)
    assert venue.open_most <= OPEN_MAX
    assert len(venue.trader.blotter) <= OPEN_MAX
    kinds = {type(action) for action in asked}
    assert kinds == {Place, Withdraw}
    sides = [action.side for action in asked if isinstance(action, Place)]
    assert 0.25 < sides.count(Side.BUY) / len(sides) < 0.75
    rest = venue.trader.withdraw_all(10_000.0)
    assert len(rest) <= OPEN_MAX


# -- pacing ----------------------------------------------------------------------------


def test_steps_are_counted_once_and_a_pause_is_not_made_up_for() -> None:
    steps = Steps(2.0, 100.0)
    assert [steps.due(100.01 + n / 10) for n in range(4)] == [0, 2, 2, 2]
    assert steps.due(1_000.01) == STEPS_BEHIND_MAX
    assert steps.due(1_000.11) == 2


def test_a_bucket_never_gives_more_than_its_rate() -> None:
    bucket, now, given = TokenBucket(10.0, 5.0, 0.0), 0.0, 0
    while now < 20.0:
        wait_s = bucket.wait_s(now)
        if wait_s:
            now += wait_s
        else:
            given += 1
    assert 200 <= given <= 206
