"""Every report the exchange can send is good by the dictionary of its version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest

from engine.codes import (
    CommandKind,
    EventKind,
    ExecInst,
    Liquidity,
    OrdStatus,
    OrdType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.records import MassCommand, OrderEvent
from fixgw.orders.dialect import DIALECTS, form_of
from fixgw.orders.massanswers import Key, not_done
from fixgw.orders.massrequests import MassRefusal, refused_report
from tests.unit.test_dialects import (
    ANSWERS_TO_MASS_REQUESTS,
    SESSION,
    dictionary,
    message,
    rulebook,
    said,
)
from tests.unit.test_reports import ADDRESSED, SHARD, TIME, UNIT

ENDS = {
    EventKind.REJECTED: OrdStatus.REJECTED,
    EventKind.CANCELLED: OrdStatus.CANCELED,
    EventKind.EXPIRED: OrdStatus.EXPIRED,
    EventKind.CANCEL_REJECTED: OrdStatus.REJECTED,
    EventKind.REPLACE_REJECTED: OrdStatus.REJECTED,
}
"""OrdStatus(39) of events that have but one."""
MASS_REPORTS = [
    version for version in DIALECTS if version not in ("FIX.4.0", "FIX.4.1", "FIX.4.2")
]

PLAIN = OrderEvent(
    kind=EventKind.ACCEPTED,
    side=Side.SELL,
    ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.DAY,
    ord_status=OrdStatus.NEW,
    seq=2**48 - 1,
    command_seq=2**48 - 2,
    time=TIME,
    session=SESSION,
    order_id=SHARD | 12,
    contra_order_id=SHARD | 2**48 - 3,
    trade_id=SHARD | 2**48 - 3,
    price=3 * UNIT // 2,
    qty=10 * UNIT,
    leaves_qty=7 * UNIT,
    cum_qty=3 * UNIT,
    avg_price=UNIT,
    last_price=UNIT,
    last_qty=UNIT,
    cl_ord_id="c2",
    orig_cl_ord_id="c1",
    symbol="BTC-USD",
)
WHOLE: dict[str, Any] = {
    "stop_price": UNIT,
    "display_qty": UNIT,
    "min_qty": UNIT,
    "peg_offset": -UNIT,
    "expire_time": TIME,
    "fee": -UNIT,
    "account": "a" * 24,
    "stp_id": "s" * 12,
}


def events_of(kind: EventKind) -> Iterator[OrderEvent]:
    """Each value of each field of such an event, those that depend on each other in
    all combinations."""
    bare = replace(PLAIN, kind=kind)
    for whole, changes in product((False, True), list(variants(kind))):
        yield replace(bare, **((WHOLE if whole else {}) | changes))


def variants(kind: EventKind) -> Iterator[dict[str, Any]]:
    statuses = [ENDS[kind]] if kind in ENDS else list(OrdStatus)
    if kind in (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED):
        statuses = list(OrdStatus)
    for status, reason in product(statuses, Reason):
        yield {"ord_status": status, "reason": reason}
    for ord_type, tif in product(OrdType, TimeInForce):
        yield {"ord_status": statuses[0], "ord_type": ord_type, "time_in_force": tif}
    for status, liquidity in product(statuses, Liquidity):
        yield {"ord_status": status, "liquidity": liquidity}
    for bits, stp in product([0, *ExecInst], SelfTrade):
        yield {"ord_status": statuses[0], "exec_inst": bits, "stp": stp}
    for count, index in ((0, 0), (0, 1), (0, 2), (1, 1), (2, 1)):
        yield {"ord_status": statuses[0], "count": count, "index": index}
    yield {"ord_status": statuses[0], "order_id": 0, "price": 0, "orig_cl_ord_id": ""}
    yield {"ord_status": statuses[0], "side": 0, "symbol": ""}
    yield {"ord_status": statuses[0], "ord_type": 0, "time_in_force": 0, "qty": 0}


@cache
def values(version: str, tag: int) -> frozenset[str]:
    """What a client of this version can say in a field."""
    return frozenset(dictionary(version).fields[tag].enum)


WORDS = {0: "", 1: "6", 2: "G", 4: "", 8: "R", 16: "M", 32: "a"}
"""ExecInst(18) of the engine's bits."""


def can_be(one: OrderEvent, version: str) -> bool:
    """Whether a client of this version can come to such an event."""
    for tag, value in (
        (40, chr(one.ord_type)),
        (59, chr(one.time_in_force)),
        (18, WORDS[one.exec_inst]),
    ):
        if value.strip("\0") and value not in values(version, tag):
            return False
    if one.kind in ANSWERS_TO_MASS_REQUESTS or one.count:
        return version in MASS_REPORTS
    # Whatever is about an order knows its side, its symbol, and what replaced it.
    needs_original = (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)
    return bool(one.side and one.symbol) and bool(
        one.orig_cl_ord_id or one.kind not in needs_original
    )


@pytest.mark.parametrize("version", DIALECTS)
@pytest.mark.parametrize("kind", ADDRESSED)
def test_every_kind_with_everything(version: str, kind: EventKind) -> None:
    events = [one for one in events_of(kind) if can_be(one, version)]
    judge = rulebook(version).judge
    for one in events:
        for msg_type, body in said(version, one):
            verdict = judge(message(version, msg_type, body))
            assert verdict is None, f"{verdict} {body} {one}"


@pytest.mark.parametrize("version", MASS_REPORTS)
def test_mass_requests_that_are_refused_or_given_up(version: str) -> None:
    form = form_of(version)
    bodies = [not_done(Key(SESSION, each, "m1"), form, TIME) for each in (True, False)]
    for side, symbol, account in product((0, Side.BUY), ("", "ABC"), ("", "acc")):
        request = MassCommand(
            CommandKind.MASS_CANCEL,
            side=side,
            request_id="m1",
            symbol=symbol,
            account=account,
        )
        for reason, scope in product((None, 0), ("", "1", "7", "5")):
            refusal = MassRefusal(reason, "why")
            body = refused_report(request, refusal, form, TIME, scope)
            bodies.append(("r", body))
    for msg_type, raw in bodies:
        text = raw.decode("ascii").replace("\x01", "|")
        verdict = rulebook(version).judge(message(version, msg_type, text))
        assert verdict is None, f"{verdict} {text}"
