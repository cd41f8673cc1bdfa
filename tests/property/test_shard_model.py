"""The compiled shard against the reference exchange, after every single command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from itertools import islice, zip_longest
from operator import attrgetter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.figures import OpenOrder
from engine.records import (
    EVENT_BYTES,
    PRICE_MAX,
    QTY_MAX,
    ClockCommand,
    CommandFlag,
    CommandKind,
    EventKind,
    InstrumentCommand,
    InstrumentStatus,
    OrderCommand,
    OrderEvent,
    OrdType,
    Reason,
    Record,
    Side,
    StatusCommand,
    StatusEvent,
    TimeInForce,
    unpack_all,
)
from engine.shard import Shard
from tests.reference import invariants
from tests.reference.exchange import ReferenceExchange
from tests.reference.flow import Flow
from tests.reference.script import run

HASH_KEY = b"a key of no note"

FIGURES_EVERY = 50
"""Commands between two looks at the figures, which the reference counts slowly."""

VOLUME_SEEDS = (11, 12, 13, 14)
VOLUME_COMMANDS = 6_000

MANY_ENOUGH = 5
"""How often each kind of event and each reason must occur in the volume run."""


def differences(given: bytes, wanted: bytes) -> str:
    """Field by field, where the engine's events are not the reference's."""
    lines = []
    for one, other in zip_longest(
        unpack_all(given, EVENT_BYTES), unpack_all(wanted, EVENT_BYTES)
    ):
        if type(one) is not type(other) or one.kind != other.kind:
            lines.append(f"engine gave {one}, reference {other}")
            continue
        for part in fields(one):
            here, there = getattr(one, part.name), getattr(other, part.name)
            if here != there:
                lines.append(
                    f"event {one.seq}, {part.name}: engine {here}, reference {there}"
                )
    return "".join(f"\n{line}" for line in lines)


def play(commands: Iterable[Record], note: str) -> list[Any]:
    """All events, having compared bytes and state after each command."""
    shard, reference = Shard(7, HASH_KEY), ReferenceExchange(7)
    events: list[Any] = []
    for time, command in enumerate(commands, 1):
        data = command.pack()
        given = shard.apply(data, time)
        wanted = reference.apply(data, time)
        if given != wanted:
            pytest.fail(
                f"{note}, command {time}: {command}{differences(given, wanted)}"
            )
        if shard.state_hash() != reference.state_hash():
            parts = [
                f"engine:    {one}\nreference: {other}"
                for one, other in zip(shard.dump(), reference.dump(), strict=True)
                if one != other
            ]
            pytest.fail("\n".join([f"{note}, command {time}: {command}", *parts]))
        assert shard.open_orders == sum(
            len(queue)
            for book in reference.books.values()
            for side in (book.bids, book.asks)
            for queue in side.levels.values()
        )
        assert shard.duplicates == reference.duplicates
        if time % FIGURES_EVERY == 0:
            check_figures(shard, reference, time)
        events += unpack_all(given, EVENT_BYTES)
    check_figures(shard, reference, 7)
    return events


def check_figures(shard: Shard, reference: ReferenceExchange, count: int) -> None:
    """Figures and lists of open orders; ``count`` is the size of a page."""
    assert shard.figures() == reference.figures()
    listed: list[OpenOrder] = []
    slot, pages = 0, 0
    while slot >= 0:
        orders, slot = shard.orders_page(slot, count)
        assert len(orders) <= count
        listed += orders
        pages += 1
    assert pages <= 4096 // count + 1
    assert sorted(listed, key=attrgetter("order_id")) == reference.open_orders()


def test_volume() -> None:
    """24,000 commands; a run that never reached an event kind or a reason is red."""
    kinds: Counter[int] = Counter()
    reasons: Counter[int] = Counter()
    for seed in VOLUME_SEEDS:
        flow = islice(Flow(Random(seed)), VOLUME_COMMANDS)
        events = play(flow, f"seed {seed}")
        invariants.check(events)
        kinds.update(event.kind for event in events)
        reasons.update(event.reason for event in events if type(event) is OrderEvent)
    rare = [kind.name for kind in EventKind if kinds[kind] < MANY_ENOUGH]
    rare += [reason.name for reason in Reason if reasons[reason] < MANY_ENOUGH]
    assert not rare


def test_a_fresh_seed(request: pytest.FixtureRequest) -> None:
    """The seed pytest-randomly prints in the header brings a flow not seen before."""
    seed = request.config.getoption("randomly_seed", 0)
    invariants.check(play(islice(Flow(Random(seed)), 2_000), f"seed {seed}"))


# -- short sequences that shrink -------------------------------------------------------

IDS = [f"id{number}" for number in range(12)]

INSTRUMENTS = [
    InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol="A"),
    InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT, symbol="B", tick=5, lot=2, qty_max=10
    ),
    InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT, symbol="C", price_min=95, price_max=105
    ),
]
SYMBOLS = [command.symbol for command in INSTRUMENTS]

prices = st.one_of(
    st.sampled_from([100, 95, 105, 99, 101]),
    st.sampled_from([0, -1, 1, PRICE_MAX, PRICE_MAX + 1, 2**63 - 1, -(2**63)]),
)
quantities = st.one_of(
    st.integers(1, 12),
    st.sampled_from([0, -1, QTY_MAX, QTY_MAX + 1, 2**63 - 1, -(2**63)]),
)


def codes(values: Iterable[int], *others: int) -> st.SearchStrategy[int]:
    """Mostly the supported character codes of a field."""
    good = [int(value) for value in values]
    return st.sampled_from(good * 4 + list(others))


def with_session_habits(command: OrderCommand) -> OrderCommand:
    """Session 3 reuses identifiers, session 2 numbers messages, session 1 neither."""
    flags = command.flags
    if command.session == 3:
        flags |= CommandFlag.REUSE_ID
    if command.session == 2:
        return replace(command, flags=flags)
    return replace(command, flags=flags, msg_seq_num=0, session_epoch=0)


head = {
    "session": st.sampled_from([1, 2, 3]),
    "flags": st.sampled_from([0, 0, 0, CommandFlag.POSS_DUP, 0x8000]),
    "source": st.integers(0, 2),
    "session_epoch": st.integers(0, 2),
    "msg_seq_num": st.integers(0, 60),
    "price": prices,
    "qty": quantities,
    "cl_ord_id": st.sampled_from([*IDS, ""]),
}
new_orders = st.builds(
    OrderCommand,
    kind=st.just(int(CommandKind.NEW_ORDER)),
    side=codes(Side, 0, ord("3")),
    ord_type=codes([OrdType.LIMIT] * 3 + [OrdType.MARKET], 0, ord("3")),
    time_in_force=codes(TimeInForce, ord("4"), 255),
    symbol=st.sampled_from([*SYMBOLS * 4, "", "D"]),
    **head,
)
changes = st.builds(
    OrderCommand,
    kind=st.sampled_from([int(CommandKind.CANCEL), int(CommandKind.REPLACE)]),
    side=codes([0], *Side),
    ord_type=codes([0], OrdType.LIMIT, OrdType.MARKET),
    time_in_force=codes([0, TimeInForce.DAY, TimeInForce.GTC], TimeInForce.IOC),
    orig_cl_ord_id=st.sampled_from([*IDS, ""]),
    symbol=st.sampled_from(["", "", "", *SYMBOLS]),
    **(
        head
        | {
            "flags": st.sampled_from(
                [0] * 6 + [CommandFlag.QTY_IS_LEAVES] * 3 + [CommandFlag.UNSOLICITED]
            ).map(int)
        }
    ),
)
definitions = st.builds(
    InstrumentCommand,
    kind=st.just(int(CommandKind.DEFINE_INSTRUMENT)),
    tick=st.integers(1, 5),
    lot=st.integers(1, 3),
    price_max=st.sampled_from([100, 105, PRICE_MAX]),
    qty_max=st.sampled_from([5, 10, QTY_MAX]),
    symbol=st.sampled_from(SYMBOLS),
)
statuses = st.builds(
    StatusCommand,
    kind=st.just(int(CommandKind.SET_INSTRUMENT_STATUS)),
    status=st.sampled_from([int(status) for status in InstrumentStatus]),
    symbol=st.sampled_from([*SYMBOLS, "D"]),
)
ends_of_day = st.builds(
    ClockCommand,
    kind=st.just(int(CommandKind.END_OF_DAY)),
    day=st.integers(0, 2**32 - 1),
)
order_commands = (new_orders | new_orders | changes).map(with_session_habits)
commands = st.one_of(*[order_commands] * 12, definitions, ends_of_day, statuses)


def sequences(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Longer than Hypothesis makes a plain list, and they still shrink."""
    parts = st.lists(of, max_size=40)
    return st.lists(parts, max_size=12).map(lambda lists: sum(lists, []))


@settings(max_examples=250, deadline=None)
@given(sequences(commands))
def test_short_sequences(sequence: list[Record]) -> None:
    invariants.check(play([*INSTRUMENTS, *sequence], "hypothesis"))


@settings(max_examples=60, deadline=None)
@given(sequences(new_orders | changes), st.randoms(use_true_random=False))
def test_mixed_reuse_keeps_the_identifiers_sound(
    sequence: list[OrderCommand], random: Random
) -> None:
    """REUSE_ID now and then in one session: a live order answers to its name."""
    shard = Shard(7, HASH_KEY)
    events: list[Any] = []
    stream: list[Record] = list(INSTRUMENTS)
    for command in sequence:
        flag = random.choice([CommandFlag(0), CommandFlag.REUSE_ID])
        flags = command.flags & ~CommandFlag.REUSE_ID | flag
        stream.append(replace(command, session=1, msg_seq_num=0, flags=flags))
    for time, record in enumerate(stream, 1):
        events += unpack_all(shard.apply(record.pack(), time), EVENT_BYTES)
        _, books, ids, _ = shard.dump()
        orders = [
            order
            for *_, bids, asks in books
            for _, _, queue in [*bids, *asks]
            for order in queue
        ]
        assert len({row[:2] for row in ids}) == len(ids)
        live = {(row[0], row[1]): row[2] for row in ids if row[3]}
        assert set(live.values()) == {order[0] for order in orders}
        for order in orders:
            assert live[order[1], order[13]] == order[0]
    invariants.check(events)


# -- the invariants: each sees the fault it is there for -------------------------------

Doctor = Callable[[list[Any]], list[Any]]


def _story() -> list[Any]:
    """Two makers at one price and a worse one, a taker that fills one and a half."""
    return run(
        """
        > sell A 4 @ 100
          A accepted: sell 4 @ 100
        > sell B 4 @ 100
          B accepted: sell 4 @ 100
        > sell C 4 @ 101
          C accepted: sell 4 @ 101
        > buy D 6 @ 100
          D accepted: buy 6 @ 100
          A makes 4 @ 100, leaves 0
          D takes 4 @ 100, leaves 2
          B makes 2 @ 100, leaves 2
          D takes 2 @ 100, leaves 0
        > cancel F of B
          F cancels B: 2 REQUESTED
        > cancel G of B
          G does not cancel B: TOO_LATE
        """
    ).events


def _change(place: int, **values: Any) -> Doctor:
    def doctor(events: list[Any]) -> list[Any]:
        changed = replace(events[place], **values)
        return [*events[:place], changed, *events[place + 1 :]]

    return doctor


def _both(one: Doctor, other: Doctor) -> Doctor:
    return lambda events: other(one(events))


HALT = StatusEvent(
    EventKind.INSTRUMENT_STATUS, status=InstrumentStatus.HALTED, symbol="X"
)


# Positions: 0 is the definition, 1-3 A, B, C accepted, 4 D accepted, 5-8 the fills,
# 9 the cancel, 10 the refusal.
@pytest.mark.parametrize(
    ("invariant", "doctor"),
    [
        (invariants.seq_is_dense, _change(3, seq=9)),
        (invariants.seq_is_dense, _change(3, time=1)),
        (invariants.ids_are_unique, _change(2, order_id=2**48 + 2)),
        (invariants.ids_are_unique, _change(7, trade_id=2**48 + 6)),
        (invariants.ids_are_unique, _change(9, order_id=1)),
        (invariants.quantities_add_up, _change(5, leaves_qty=1)),
        (invariants.quantities_add_up, _change(9, last_qty=3)),
        (invariants.quantities_add_up, _change(8, avg_price=101)),
        (invariants.quantities_add_up, _change(6, last_qty=0)),
        (invariants.cum_never_falls, _change(8, cum_qty=3)),
        (invariants.nothing_after_the_end, _change(1, kind=int(EventKind.REPLACED))),
        (invariants.nothing_after_the_end, _change(7, ord_status=ord("2"))),
        (invariants.nothing_after_the_end, _change(9, ord_status=ord("1"))),
        (invariants.refusals_tell_the_truth, _change(10, reason=0)),
        (
            invariants.refusals_tell_the_truth,
            _change(10, ord_status=ord("1"), order_id=2**48 + 3),
        ),
        (invariants.trades_agree, _change(6, last_price=99)),
        (invariants.trades_agree, _change(6, last_qty=3)),
        (invariants.trades_agree, _change(6, trade_id=1)),
        (invariants.trades_agree, _change(6, liquidity=1)),
        (invariants.trades_agree, _change(6, side=ord("2"))),
        (invariants.trades_agree, _change(5, contra_order_id=0)),
        (invariants.trades_agree, lambda events: events[:8]),
        (invariants.prints_at_makers_price, _change(5, last_price=99)),
        (invariants.prints_at_makers_price, _change(6, last_price=101)),
        (invariants.priority_is_kept, _change(5, order_id=2**48 + 3)),
        (
            invariants.priority_is_kept,
            _both(_change(7, order_id=2**48 + 4), _change(8, last_price=101)),
        ),
        (invariants.book_never_crossed, lambda events: events[:5]),
        (invariants.halts_hold, lambda events: [*events[:4], HALT, *events[4:]]),
        (invariants.halts_hold, lambda events: [*events, HALT, HALT]),
    ],
)
def test_invariants_see_faults(
    invariant: Callable[[invariants.Events], None], doctor: Doctor
) -> None:
    events = _story()
    invariant(events)
    with pytest.raises(invariants.Violation):
        invariant(doctor(events))


def test_every_invariant_is_seen_to_fail() -> None:
    marks = test_invariants_see_faults.pytestmark  # type: ignore[attr-defined]
    seen = {case[0] for mark in marks for case in mark.args[1]}
    assert seen == set(invariants.ALL)
