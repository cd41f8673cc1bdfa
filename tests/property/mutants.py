"""Wrong rules, one at a time: the model test must see each.

``python -m tests.property.mutants`` plants every one into the reference exchange (the
shard is compiled: it makes no difference to a comparison on which side the mistake is)
and says after how many commands it was seen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from engine.codes import EventKind, Reason, SelfTrade, Side
from tests.property.comparing import Failure, run
from tests.property.profiles import PROFILES
from tests.reference import (
    auction,
    book,
    checks,
    entering,
    exchange,
    identifiers,
    limits,
    mass,
    orders,
    phases,
    settling,
    single,
    venue,
)

SEGMENT = 3_000


class Mutant(NamedTuple):
    """A rule, and what is put in its place, given the right one."""

    owner: Any
    rule: str
    wrong: Callable[[Any], Any]


def _modules() -> list[Any]:
    return [
        module
        for name, module in sys.modules.items()
        if name.startswith("tests.reference.")
    ]


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The rule is wrong, wherever it is used, as long as this lasts."""
    right = getattr(mutant.owner, mutant.rule)
    if isinstance(mutant.owner, type):
        right = mutant.owner.__dict__[mutant.rule]
    wrong = mutant.wrong(right)
    places = [
        (module, name)
        for module in [*_modules(), mutant.owner]
        for name, value in list(vars(module).items())
        if value is right
    ]
    for place, name in places:
        setattr(place, name, wrong)
    try:
        yield
    finally:
        for place, name in places:
            setattr(place, name, right)


def _newest_first(right: Any) -> Any:
    return lambda order: (*right(order)[:3], -order.priority)


def _hidden_first(right: Any) -> Any:
    def key(order: Any) -> Any:
        market, price, hidden, priority = right(order)
        return market, price, not hidden, priority

    return key


def _refill_in_place(right: Any) -> Any:
    def refill(venue: Any, maker: Any) -> None:
        maker.display_next()

    return refill


def _one_maker(right: Any) -> Any:
    def obtainable(book: Any, order: Any) -> int:
        maker = book.next_maker(order)
        return maker.leaves if maker else 0

    return obtainable


def _both_ways(right: Any) -> Any:
    def trail(venue: Any, book: Any) -> None:
        for order in [*book.buy_stops, *book.sell_stops]:
            if order.has(orders.TRAILING) and book.last_price != book.trailed_price:
                book.lift(order)
                sign = 1 if order.side == Side.BUY else -1
                order.stop_price = book.last_price + sign * order.peg_offset
                venue.put(order, orders.STOPS)
        book.trailed_price = book.last_price

    return trail


def _cascade_once(right: Any) -> Any:
    def settle(venue: Any, book: Any) -> None:
        settling.trail(venue, book)
        stop = settling.next_stop(book)
        if stop and book.phase == 1:
            settling.trigger(venue, book, stop)
        settling.repeg(venue, book)

    return settle


def _pegs_count(right: Any) -> Any:
    return lambda orders: next((o.price for o in orders if not o.hidden), 0)


def _other_one(right: Any) -> Any:
    def prevent(venue: Any, taker: Any, maker: Any, command: Any) -> None:
        if taker.stp == SelfTrade.CANCEL_OLDEST:
            venue.end(taker, EventKind.CANCELLED, Reason.SELF_TRADE, command)
        else:
            right(venue, taker, maker, command)

    return prevent


def _keeps_place_always(right: Any) -> Any:
    return lambda self, order: self.price == order.price


def _no_surplus_rule(right: Any) -> Any:
    def outcome_of(book: Any) -> Any:
        outcome = right(book)
        if not outcome.volume:
            return outcome
        prices = {o.price for o in (*book.bids, *book.asks)} - {0}
        same = [auction.outcome_at(book, price) for price in prices]
        return min([o for o in same if o.volume == outcome.volume], default=outcome)

    return outcome_of


MUTANTS: dict[str, Mutant] = {
    "the newest order of a price trades first": Mutant(
        book, "trading_order", _newest_first
    ),
    "hidden orders trade before displayed ones": Mutant(
        book, "trading_order", _hidden_first
    ),
    "an iceberg keeps its place for its next part": Mutant(
        entering, "refill", _refill_in_place
    ),
    "FOK looks at one maker, not at the sum": Mutant(
        entering, "obtainable", _one_maker
    ),
    "the account counts though groups differ": Mutant(
        orders,
        "same_owner",
        lambda right: lambda one, other: one.account == other.account != "",
    ),
    "self-trade prevention cancels the other one": Mutant(
        entering, "prevent", _other_one
    ),
    "trailing stops go back": Mutant(settling, "trail", _both_ways),
    "a stop cascade runs once only": Mutant(settling, "settle", _cascade_once),
    "pegs follow pegs": Mutant(settling, "_best", _pegs_count),
    "a replace that raises the quantity keeps its place": Mutant(
        single._Terms, "keep_place", _keeps_place_always
    ),
    "an auction takes the lowest price of the largest volume": Mutant(
        auction, "outcome_of", _no_surplus_rule
    ),
    "an indicative price is published each time": Mutant(
        auction, "INDICATIVE_NS", lambda right: 0
    ),
    "a band is open at its edge": Mutant(
        book,
        "outside",
        lambda right: (
            lambda price, middle, band: (
                bool(middle and band) and abs(price - middle) >= middle * band // 10**8
            )
        ),
    ),
    "fees are rounded down": Mutant(
        orders,
        "fee",
        lambda right: lambda price, qty, rate: price * qty // 10**8 * rate // 10**8,
    ),
    "rates are not counted": Mutant(
        limits, "_in_time", lambda right: lambda limits, now: True
    ),
    "open orders do not count for a position": Mutant(
        limits,
        "_over_position",
        lambda right: lambda venue, book, owner, side, qty: False,
    ),
    "a mass cancel goes by time": Mutant(
        book.Book,
        "mass_order",
        lambda right: lambda self: sorted(self.orders(), key=book.by_priority),
    ),
    "KEEP_GTC keeps nothing": Mutant(mass, "LASTING", lambda right: ()),
    "what was sent again is always the same": Mutant(
        identifiers, "content_of", lambda right: lambda command: 1
    ),
    "identifiers of the day before stay used": Mutant(
        identifiers, "forget_dead", lambda right: lambda venue: None
    ),
    "orders for the close take part in every auction": Mutant(
        phases, "auction_is_on", lambda right: lambda phase, order: phase in (5, 6, 7)
    ),
    "a halt lasts for ever": Mutant(phases, "end_by_time", lambda right: lambda v: 0),
    "deadlines pass": Mutant(mass, "meet_deadlines", lambda right: lambda v: None),
    "POST_ONLY may take": Mutant(
        single, "would_trade", lambda right: lambda book, order: False
    ),
    "any quantity may be a part of an order": Mutant(
        checks, "part_of", lambda right: lambda book, part, qty: True
    ),
    "expiry by time settles nothing": Mutant(
        phases, "settle_all", lambda right: lambda venue, books: None
    ),
    "orders that waited keep their time": Mutant(
        venue.Venue, "to_the_end", lambda right: lambda self, order: None
    ),
}
"""What a reader of the rules could get wrong, by what it is called."""

UNUSED = (exchange,)  # imported so that all modules are there to be changed


def seen_after(mutant: Mutant, commands: int, seed: int = 1) -> int:
    """How many commands it took to see a mutant; 0 when it was not seen."""
    played = 0
    with planted(mutant):
        number = 0
        while played < commands:
            name = list(PROFILES)[number % len(PROFILES)]
            try:
                run(name, seed + number, SEGMENT)
            except Failure as failure:
                return played + sum(len(some) for _, some in failure.batches)
            played += SEGMENT
            number += 1
    return 0


def main() -> int:
    missed = 0
    for name, mutant in MUTANTS.items():
        after = seen_after(mutant, 60_000)
        missed += not after
        told = f"seen after {after:,} commands" if after else "NOT SEEN"
        sys.stdout.write(f"{name}: {told}\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
