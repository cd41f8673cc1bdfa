"""What several shards answer to one mass request becomes one answer."""

from __future__ import annotations

from itertools import permutations

import pytest

from engine.codes import EventKind
from engine.records import EVENT_BYTES, OrderEvent, unpack_all
from fixgw.orders.dialect import FORM_OF_44
from fixgw.orders.massanswers import (
    GIVEN_UP_MAX,
    NOT_ALL,
    OPEN_MAX,
    PATIENCE_NS,
    TOO_MANY,
    Key,
    MassAnswers,
    not_done,
)
from fixgw.orders.reports import render_reports

MOST = 4
CANCEL = Key(5, False, "m1")
STATUS = Key(5, True, "m1")


class Collector(MassAnswers):
    """With a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000
        super().__init__(lambda: self.now, lambda session: MOST)

    def told(self, shard: int, *events: OrderEvent) -> list[OrderEvent]:
        """What can be told after these events of a shard."""
        data = b"".join(self.take(shard, event.pack()) for event in events)
        return unpack_all(data, EVENT_BYTES)


def cancelled(count: int, fan_out: int = 2, key: Key = CANCEL) -> OrderEvent:
    return OrderEvent(
        kind=EventKind.MASS_CANCELLED,
        session=key.session,
        cl_ord_id=key.request_id,
        count=count,
        fan_out=fan_out,
    )


def statuses(
    shard: int, count: int, fan_out: int = 2, key: Key = STATUS
) -> list[OrderEvent]:
    """A shard's whole answer."""
    orders = [
        OrderEvent(
            kind=EventKind.STATUS,
            session=key.session,
            order_id=shard << 48 | index,
            orig_cl_ord_id=key.request_id,
            cl_ord_id=f"o{shard}-{index}",
            count=count,
            index=index,
            fan_out=fan_out,
        )
        for index in range(1, count + 1)
    ]
    done = OrderEvent(
        kind=EventKind.MASS_STATUS_DONE,
        session=key.session,
        cl_ord_id=key.request_id,
        count=count,
        fan_out=fan_out,
    )
    return [*orders, done]


def reported(told: list[OrderEvent]) -> list[str]:
    """What the client reads: ClOrdID(11), 911 and 912 of each report, or the text."""
    seen = []
    for _, _, body in render_reports(b"".join(each.pack() for each in told)):
        fields = dict(part.split(b"=", 1) for part in body.split(b"\x01")[:-1])
        what = fields.get(b"11", fields.get(b"58", b""))
        seen.append(b" ".join((what, fields[b"911"], fields[b"912"])).decode())
    return seen


# -- mass cancels ----------------------------------------------------------------------


def test_the_answer_of_one_shard_passes() -> None:
    one = cancelled(7, fan_out=1)
    assert Collector().told(0, one) == [one]


def test_counts_of_all_shards_are_added() -> None:
    counts = {0: 3, 1: 0, 2: 4}
    for order in permutations(counts):
        collector = Collector()
        assert collector.open(CANCEL, 3) == ""
        told = [collector.told(n, cancelled(counts[n], 3)) for n in order]
        assert told[:2] == [[], []]
        [whole] = told[2]
        assert (whole.count, whole.fan_out, whole.cl_ord_id) == (7, 1, "m1")
        # Everything of it is forgotten: the same can be asked again.
        assert collector.open(CANCEL, 3) == ""


def test_requests_do_not_mix() -> None:
    collector = Collector()
    others = [Key(6, False, "m1"), Key(5, False, "m2"), Key(5, True, "m1")]
    for key in (CANCEL, *others):
        assert collector.open(key, 2) == ""
    assert collector.told(0, cancelled(1)) == []
    for key in others[:2]:
        assert collector.told(1, cancelled(10, key=key)) == []
    assert collector.told(1, *statuses(1, 1)) == []
    [whole] = collector.told(1, cancelled(2))
    assert whole.count == 3


# -- mass status -----------------------------------------------------------------------


def test_one_shard_tells_at_once() -> None:
    for count in range(MOST + 1):
        answer = statuses(0, count, fan_out=1)
        assert Collector().told(0, *answer) == answer


@pytest.mark.parametrize(("first", "second"), [(2, 2), (0, 3), (3, 0), (1, 0)])
def test_reports_are_numbered_over_all_shards(first: int, second: int) -> None:
    collector = Collector()
    assert collector.open(STATUS, 2) == ""
    assert collector.told(0, *statuses(0, first)) == []
    told = collector.told(1, *statuses(1, second))
    total = first + second
    names = [f"o0-{index}" for index in range(1, first + 1)]
    names += [f"o1-{index}" for index in range(1, second + 1)]
    assert reported(told) == [
        f"{name} {total} {'Y' if index == total else 'N'}"
        for index, name in enumerate(names, 1)
    ]


def test_answers_that_come_in_pieces() -> None:
    collector = Collector()
    collector.open(STATUS, 2)
    ours, theirs = statuses(0, 2), statuses(1, 2)
    for one, other in zip(ours[:2], theirs[:2], strict=True):
        assert collector.told(0, one) == []
        assert collector.told(1, other) == []
    assert collector.told(1, theirs[2]) == []
    told = reported(collector.told(0, ours[2]))
    assert told == ["o0-1 4 N", "o1-1 4 N", "o0-2 4 N", "o1-2 4 Y"]


def test_nothing_anywhere_is_one_report() -> None:
    collector = Collector()
    collector.open(STATUS, 2)
    assert collector.told(0, *statuses(0, 0)) == []
    told = reported(collector.told(1, *statuses(1, 0)))
    assert told == ["there are no such open orders 0 Y"]


@pytest.mark.parametrize("counts", [(MOST + 1,), (MOST, 1), (1, MOST), (MOST + 9, 9)])
def test_too_many_are_none(counts: tuple[int, ...]) -> None:
    """And are not kept in memory until all shards have spoken."""
    collector = Collector()
    shards = len(counts)
    collector.open(STATUS, shards)
    told: list[OrderEvent] = []
    for shard, count in enumerate(counts):
        told += collector.told(shard, *statuses(shard, count, shards))
        assert all(len(each.events) <= MOST for each in collector._open.values())
    [only] = told
    assert (only.kind, only.index) == (EventKind.MASS_STATUS_DONE, TOO_MANY)
    assert reported(told)[0].startswith("there are too many such open orders")


# -- limits ----------------------------------------------------------------------------


def test_the_same_request_is_not_opened_twice() -> None:
    collector = Collector()
    assert collector.open(CANCEL, 2) == ""
    assert "still under way" in collector.open(CANCEL, 2)
    assert collector.open(STATUS, 2) == ""


def test_a_session_has_so_many_requests_at_a_time() -> None:
    collector = Collector()
    for number in range(OPEN_MAX):
        assert collector.open(Key(5, False, f"m{number}"), 2) == ""
    assert "under way" in collector.open(Key(5, True, "more"), 2)
    assert collector.open(Key(6, True, "more"), 2) == ""


def test_a_request_is_given_up_once() -> None:
    collector = Collector()
    collector.open(CANCEL, 3)
    collector.told(0, cancelled(1, 3))
    collector.now += PATIENCE_NS - 1
    assert collector.overdue() == []
    collector.now += 1
    assert collector.overdue() == [CANCEL]
    assert collector.overdue() == []
    assert "still under way" in collector.open(CANCEL, 3)
    # What comes late is known as such, and told to nobody.
    assert collector.told(1, cancelled(1, 3)) == []
    assert collector.told(2, cancelled(1, 3)) == []
    assert collector.open(CANCEL, 3) == ""


def test_late_reports_are_dropped_with_their_end() -> None:
    collector = Collector()
    collector.open(STATUS, 2)
    collector.now += PATIENCE_NS
    assert collector.overdue() == [STATUS]
    assert collector.told(0, *statuses(0, 3)) == []
    assert collector.told(1, *statuses(1, 3)) == []
    assert collector.open(STATUS, 2) == ""


def test_half_an_answer_from_before_a_restart_is_given_up() -> None:
    """The other half came before it and is forgotten."""
    collector = Collector()
    assert collector.told(1, *statuses(1, 2)) == []
    collector.now += PATIENCE_NS
    assert collector.overdue() == [STATUS]


def test_what_was_given_up_is_not_remembered_for_ever() -> None:
    collector = Collector()
    for number in range(GIVEN_UP_MAX + 10):
        collector.open(Key(number, False, "m"), 2)
    collector.now += PATIENCE_NS
    assert len(collector.overdue()) == GIVEN_UP_MAX + 10
    assert len(collector._given_up) == GIVEN_UP_MAX
    assert collector.open(Key(0, False, "m"), 2) == ""


def test_what_a_client_is_told_of_a_request_given_up() -> None:
    now = 1_767_323_045 * 10**9
    text = "not all parts of the exchange have answered, ask again"
    msg_type, body = not_done(STATUS, FORM_OF_44, now)
    assert (msg_type, body.decode().replace("\x01", "|")) == (
        "8",
        f"6=0|14=0|17=0|37=NONE|38=0|39=8|54=7|55=[N/A]|58={text}|"
        "60=20260102-03:04:05.000|150=I|151=0|584=m1|911=0|912=Y|",
    )
    assert NOT_ALL == 2
    msg_type, body = not_done(CANCEL, FORM_OF_44, now)
    assert (msg_type, body.decode().replace("\x01", "|")) == (
        "r",
        f"11=m1|37=NONE|58={text}|60=20260102-03:04:05.000|530=7|531=0|532=99|",
    )
