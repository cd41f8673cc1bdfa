"""Reports: the exact text of each, every reason, the longest, two second opinions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from engine.codes import (
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
from engine.records import (
    EVENT_BYTES,
    AuctionEvent,
    BlockEvent,
    ClockEvent,
    InstrumentEvent,
    LimitsEvent,
    OrderEvent,
    PhaseEvent,
)
from fixgw.dictionary import load, validate
from fixgw.orders import reports as reports_module
from fixgw.orders.reasons import REASONS
from fixgw.orders.reports import REPORT_BYTES_MAX, order_id_text, render_reports
from fixgw.wire import Message, finish, parse_message

SPEC = Path(__file__).resolve().parents[2] / "spec" / "FIX44.xml"
FIX44 = load(SPEC.read_text(), SPEC.name)

ADDRESSED = [kind for kind in EventKind if kind < EventKind.INSTRUMENT_DEFINED]
"""Those that a session is told of."""
UNIT = 10**8
SHARD = 3 << 48
TIME = 1_709_210_096_123_456_789  # 2024-02-29 12:34:56.123456789
ORDER: dict[str, Any] = {
    "side": Side.BUY,
    "ord_type": OrdType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "ord_status": OrdStatus.NEW,
    "source": 1,
    "session_epoch": 1,
    "seq": 41,
    "command_seq": 17,
    "time": TIME,
    "session": 5,
    "msg_seq_num": 7,
    "order_id": SHARD | 12,
    "price": 3 * UNIT // 2,
    "qty": 10 * UNIT,
    "leaves_qty": 10 * UNIT,
    "cl_ord_id": "c1",
    "account": "acc",
    "symbol": "BTC-USD",
}


def event(kind: EventKind, **changes: Any) -> OrderEvent:
    return OrderEvent(kind=kind, **ORDER | changes)


def render(*events: OrderEvent) -> list[tuple[int, str, str]]:
    """Session, MsgType and body with `|` for SOH."""
    return [
        (session, msg_type, body.decode("latin-1").replace("\x01", "|"))
        for session, msg_type, body in render_reports(
            b"".join(e.pack() for e in events), None, 3
        )
    ]


def fields(body: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in body.split("|")[:-1])


EXAMPLES = [
    (
        event(EventKind.ACCEPTED),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|37=3-12|38=10|39=0|40=2|44=1.5|54=1|55=BTC-USD|"
        "59=1|60=20240229-12:34:56.123|150=0|151=10|",
    ),
    (
        event(
            EventKind.ACCEPTED,
            ord_type=OrdType.MARKET,
            side=Side.SELL,
            price=0,
            account="",
            time_in_force=TimeInForce.IOC,
        ),
        "8",
        "6=0|11=c1|14=0|17=3-41|37=3-12|38=10|39=0|40=1|54=2|55=BTC-USD|"
        "59=3|60=20240229-12:34:56.123|150=0|151=10|",
    ),
    (
        event(
            EventKind.REJECTED,
            ord_status=OrdStatus.REJECTED,
            reason=Reason.QTY_OFF_LOT,
            qty=UNIT // 10,
            leaves_qty=0,
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|37=3-12|38=0.1|39=8|40=2|44=1.5|54=1|55=BTC-USD|"
        "58=OrderQty(38) is not a multiple of the instrument's lot|"
        "59=1|60=20240229-12:34:56.123|103=13|150=8|151=0|",
    ),
    (
        event(
            EventKind.FILLED,
            ord_status=OrdStatus.PARTIALLY_FILLED,
            liquidity=Liquidity.ADDED,
            contra_order_id=SHARD | 13,
            trade_id=SHARD | 41,
            leaves_qty=7 * UNIT,
            cum_qty=3 * UNIT,
            avg_price=UNIT + 1,
            last_price=UNIT,
            last_qty=2 * UNIT,
        ),
        "8",
        "1=acc|6=1.00000001|11=c1|14=3|17=3-41|31=1|32=2|37=3-12|38=10|39=1|40=2|44=1.5|"
        "54=1|55=BTC-USD|59=1|60=20240229-12:34:56.123|150=F|151=7|527=3-41|851=1|",
    ),
    (
        event(
            EventKind.FILLED,
            ord_status=OrdStatus.FILLED,
            ord_type=OrdType.MARKET,
            price=0,
            liquidity=Liquidity.REMOVED,
            trade_id=SHARD | 40,
            leaves_qty=0,
            cum_qty=10 * UNIT,
            avg_price=UNIT,
            last_price=UNIT,
            last_qty=10 * UNIT,
        ),
        "8",
        "1=acc|6=1|11=c1|14=10|17=3-41|31=1|32=10|37=3-12|38=10|39=2|40=1|54=1|"
        "55=BTC-USD|59=1|60=20240229-12:34:56.123|150=F|151=0|527=3-40|851=2|",
    ),
    (
        event(
            EventKind.CANCELLED,
            ord_status=OrdStatus.CANCELED,
            reason=Reason.REQUESTED,
            cl_ord_id="c2",
            orig_cl_ord_id="c1",
            leaves_qty=0,
            last_qty=10 * UNIT,
        ),
        "8",
        "1=acc|6=0|11=c2|14=0|17=3-41|37=3-12|38=10|39=4|40=2|41=c1|44=1.5|54=1|"
        "55=BTC-USD|59=1|60=20240229-12:34:56.123|150=4|151=0|",
    ),
    (
        event(
            EventKind.CANCELLED,
            ord_status=OrdStatus.CANCELED,
            reason=Reason.UNFILLED_REMAINDER,
            time_in_force=TimeInForce.IOC,
            leaves_qty=0,
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|37=3-12|38=10|39=4|40=2|44=1.5|54=1|55=BTC-USD|"
        "58=what was not filled at once is cancelled|"
        "59=3|60=20240229-12:34:56.123|150=4|151=0|",
    ),
    (
        event(
            EventKind.CANCELLED,
            ord_status=OrdStatus.CANCELED,
            reason=Reason.CANCELLED_BY_EXCHANGE,
            leaves_qty=0,
            last_qty=10 * UNIT,
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|37=3-12|38=10|39=4|40=2|44=1.5|54=1|55=BTC-USD|"
        "58=cancelled by the exchange|59=1|60=20240229-12:34:56.123|150=4|151=0|378=8|",
    ),
    (
        event(EventKind.REPLACED, cl_ord_id="c2", orig_cl_ord_id="c1", qty=12 * UNIT),
        "8",
        "1=acc|6=0|11=c2|14=0|17=3-41|37=3-12|38=12|39=0|40=2|41=c1|44=1.5|54=1|"
        "55=BTC-USD|59=1|60=20240229-12:34:56.123|150=5|151=10|",
    ),
    (
        event(
            EventKind.EXPIRED,
            ord_status=OrdStatus.EXPIRED,
            reason=Reason.END_OF_DAY,
            time_in_force=TimeInForce.DAY,
            leaves_qty=0,
            cum_qty=4 * UNIT,
            avg_price=UNIT,
        ),
        "8",
        "1=acc|6=1|11=c1|14=4|17=3-41|37=3-12|38=10|39=C|40=2|44=1.5|54=1|55=BTC-USD|"
        "58=the trading day has ended|59=0|60=20240229-12:34:56.123|150=C|151=0|",
    ),
    (
        event(
            EventKind.CANCEL_REJECTED,
            reason=Reason.SYMBOL_MISMATCH,
            cl_ord_id="c2",
            orig_cl_ord_id="c1",
        ),
        "9",
        "1=acc|11=c2|37=3-12|39=0|41=c1|58=Symbol(55) is not that of the order|"
        "60=20240229-12:34:56.123|102=1|434=1|",
    ),
    (
        event(
            EventKind.REPLACE_REJECTED,
            ord_status=OrdStatus.REJECTED,
            reason=Reason.UNKNOWN_ORDER,
            order_id=0,
            account="",
            cl_ord_id="c2",
            orig_cl_ord_id="c1",
        ),
        "9",
        "11=c2|37=NONE|39=8|41=c1|58=no order of this session has this identifier|"
        "60=20240229-12:34:56.123|102=1|434=2|",
    ),
    (
        event(
            EventKind.TRIGGERED,
            ord_type=OrdType.STOP,
            price=0,
            stop_price=2 * UNIT,
            triggered=1,
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|37=3-12|38=10|39=0|40=3|54=1|55=BTC-USD|"
        "58=the stop has been triggered|59=1|60=20240229-12:34:56.123|99=2|150=D|"
        "151=10|378=8|",
    ),
    (
        event(
            EventKind.RESTATED,
            reason=Reason.REPEGGED,
            ord_type=OrdType.PEGGED,
            exec_inst=ExecInst.PEG_PRIMARY,
            stop_price=5 * UNIT,
            peg_offset=-UNIT,
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|18=R|37=3-12|38=10|39=0|40=P|44=5|54=1|"
        "55=BTC-USD|58=the price follows the market|59=1|60=20240229-12:34:56.123|"
        "150=D|151=10|211=-1|378=3|839=1.5|",
    ),
    (
        event(
            EventKind.RESTATED,
            reason=Reason.SELF_TRADE,
            last_qty=2 * UNIT,
            leaves_qty=8 * UNIT,
            qty=8 * UNIT,
            stp=SelfTrade.DECREMENT,
            stp_id="desk",
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|37=3-12|38=8|39=0|40=2|44=1.5|54=1|55=BTC-USD|"
        "58=it would have traded with an order of the same owner|59=1|"
        "60=20240229-12:34:56.123|150=D|151=8|378=5|2362=desk|2964=4|",
    ),
    (
        event(EventKind.STATUS, orig_cl_ord_id="s1", display_qty=UNIT, min_qty=UNIT),
        "8",
        "1=acc|6=0|11=c1|14=0|17=0|37=3-12|38=10|39=0|40=2|44=1.5|54=1|55=BTC-USD|"
        "59=1|60=20240229-12:34:56.123|110=1|111=1|150=I|151=10|790=s1|",
    ),
    (
        event(EventKind.STATUS, orig_cl_ord_id="m1", count=3, index=2, fan_out=1),
        "8",
        "1=acc|6=0|11=c1|14=0|17=0|37=3-12|38=10|39=0|40=2|44=1.5|54=1|55=BTC-USD|"
        "59=1|60=20240229-12:34:56.123|150=I|151=10|584=m1|911=3|912=N|",
    ),
    (
        OrderEvent(
            kind=EventKind.MASS_CANCELLED,
            session=5,
            side=Side.BUY,
            command_seq=17,
            time=TIME,
            cl_ord_id="m1",
            symbol="BTC-USD",
            count=3,
            fan_out=1,
        ),
        "r",
        "11=m1|37=3-17|54=1|55=BTC-USD|60=20240229-12:34:56.123|530=1|531=1|533=3|",
    ),
    (
        OrderEvent(
            kind=EventKind.MASS_STATUS_DONE,
            session=5,
            time=TIME,
            cl_ord_id="m1",
            fan_out=1,
        ),
        "8",
        "6=0|14=0|17=0|37=NONE|38=0|39=8|54=7|55=[N/A]|"
        "58=there are no such open orders|60=20240229-12:34:56.123|150=I|151=0|584=m1|"
        "911=0|912=Y|",
    ),
    (
        event(
            EventKind.TRADE_CANCELLED,
            trade_id=SHARD | 40,
            contra_order_id=SHARD | 39,
            last_price=UNIT,
            last_qty=2 * UNIT,
        ),
        "8",
        "1=acc|6=0|11=c1|14=0|17=3-41|19=3-39|31=1|32=2|37=3-12|38=10|39=0|40=2|44=1.5|"
        "54=1|55=BTC-USD|59=1|60=20240229-12:34:56.123|150=H|151=10|527=3-40|",
    ),
    (
        event(
            EventKind.TRADE_CORRECTED,
            ord_status=OrdStatus.PARTIALLY_FILLED,
            cum_qty=2 * UNIT,
            avg_price=UNIT,
            trade_id=SHARD | 40,
            contra_order_id=SHARD | 39,
            last_price=UNIT,
            last_qty=2 * UNIT,
        ),
        "8",
        "1=acc|6=1|11=c1|14=2|17=3-41|19=3-39|31=1|32=2|37=3-12|38=10|39=1|40=2|44=1.5|"
        "54=1|55=BTC-USD|59=1|60=20240229-12:34:56.123|150=G|151=10|527=3-40|",
    ),
]


@pytest.mark.parametrize(("one", "msg_type", "body"), EXAMPLES)
def test_the_text_of_each_kind(one: OrderEvent, msg_type: str, body: str) -> None:
    assert render(one) == [(5, msg_type, body)]


def test_there_is_an_example_of_each_kind() -> None:
    assert {one.kind for one, _, _ in EXAMPLES} == set(ADDRESSED)


def test_many_events_give_many_reports_in_order() -> None:
    events = [one for one, _, _ in EXAMPLES] * 50
    wanted = [(5, msg_type, body) for _, msg_type, body in EXAMPLES] * 50
    assert render(*events) == wanted


# -- which events give reports ---------------------------------------------------------


def test_events_without_a_session_give_nothing() -> None:
    assert render(*[event(kind, session=0) for kind in ADDRESSED]) == []


def test_instruments_and_the_clock_give_nothing() -> None:
    """Also where another event has its session: these bytes mean something else."""
    most = 2**63 - 1
    instrument = InstrumentEvent(
        kind=EventKind.INSTRUMENT_DEFINED,
        seq=1,
        time=most,
        tick=most,
        lot=most,
        reference_price=most,
        symbol="X" * 24,
    )
    clock = ClockEvent(kind=EventKind.DAY_ENDED, seq=2, time=most, day=9)
    others = [
        PhaseEvent(kind=EventKind.PHASE, seq=3, until=most, symbol="X" * 24),
        AuctionEvent(kind=EventKind.AUCTION, seq=4, price=most, symbol="X" * 24),
        LimitsEvent(kind=EventKind.LIMITS_SET, seq=5, owner=7, rate_max=most),
        BlockEvent(kind=EventKind.BLOCKED_SET, seq=6, owner=7, count=9),
    ]
    assert render_reports(instrument.pack() + clock.pack()) == []
    assert render_reports(b"".join(other.pack() for other in others)) == []
    mixed = instrument.pack() + event(EventKind.ACCEPTED).pack() + clock.pack()
    assert [msg_type for _, msg_type, _ in render_reports(mixed)] == ["8"]


def test_a_kind_of_zero_is_a_fault() -> None:
    with pytest.raises(ValueError, match="event kind 0"):
        render(OrderEvent(**ORDER, kind=0))


def test_no_events() -> None:
    assert render_reports(b"") == []


@pytest.mark.parametrize("size", [1, 8, EVENT_BYTES - 1, EVENT_BYTES + 1, 2 * 320 - 1])
def test_a_bad_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no whole number of events"):
        render_reports(bytes(size))


@pytest.mark.parametrize("bad", ["", None, bytearray(EVENT_BYTES)])
def test_only_bytes_are_taken(bad: Any) -> None:
    with pytest.raises(TypeError):
        render_reports(bad)


def test_the_session_key_has_64_bits() -> None:
    assert render(event(EventKind.ACCEPTED, session=2**64 - 1))[0][0] == 2**64 - 1


# -- single fields ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0-0"),
        (1, "0-1"),
        (SHARD | 12, "3-12"),
        (2**48 - 1, "0-281474976710655"),
        (2**48, "1-0"),
        (2**63, "32768-0"),
        (2**64 - 1, "65535-281474976710655"),
    ],
)
def test_identifiers(number: int, text: str) -> None:
    assert order_id_text(number) == text
    body = render(event(EventKind.FILLED, order_id=number, trade_id=number))[0][2]
    assert fields(body)["37"] == (text if number else "NONE")
    assert fields(body)["527"] == text
    assert fields(body)["17"] == f"{number >> 48}-41"


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (1, "0.00000001"),
        (-1, "-0.00000001"),
        (UNIT, "1"),
        (10 * UNIT, "10"),
        (123_450_000, "1.2345"),
        (2**63 - 1, "92233720368.54775807"),
        (-(2**63), "-92233720368.54775808"),
    ],
)
def test_amounts(units: int, text: str) -> None:
    names = (
        "price",
        "qty",
        "leaves_qty",
        "cum_qty",
        "avg_price",
        "last_price",
        "last_qty",
    )
    body = render(event(EventKind.FILLED, **dict.fromkeys(names, units)))[0][2]
    assert {
        fields(body)[tag] for tag in ("44", "38", "151", "14", "6", "31", "32")
    } == {text}


def test_texts_of_full_width_end_where_their_fields_end() -> None:
    one = event(
        EventKind.REPLACED,
        cl_ord_id="a" * 36,
        orig_cl_ord_id="b" * 36,
        account="c" * 24,
        symbol="d" * 24,
    )
    found = fields(render(one)[0][2])
    assert found["11"] == "a" * 36
    assert found["41"] == "b" * 36
    assert found["1"] == "c" * 24
    assert found["55"] == "d" * 24


def test_absent_values_give_no_field() -> None:
    one = event(
        EventKind.REJECTED,
        side=0,
        ord_type=0,
        time_in_force=0,
        ord_status=0,
        cl_ord_id="",
        account="",
        symbol="",
    )
    assert set(fields(render(one)[0][2])) == {
        *("6", "14", "17", "37", "38", "44", "60", "103", "150", "151")
    }


# -- reasons ---------------------------------------------------------------------------

REASON_ROWS = {
    # reason: OrdRejReason(103), CxlRejReason(102), Text(58)
    Reason.NONE: ("99", "99", None),
    Reason.UNKNOWN_SYMBOL: ("1", "99", "Symbol(55) is not traded here"),
    Reason.DUPLICATE_CL_ORD_ID: (
        "6",
        "6",
        "ClOrdID(11) was already used in this session today",
    ),
    Reason.UNSUPPORTED_SIDE: ("11", "99", "Side(54) must be 1 (buy) or 2 (sell)"),
    Reason.UNSUPPORTED_ORD_TYPE: (
        "11",
        "99",
        "OrdType(40) must be 1, 2, 3, 4, K (market to limit) or P (pegged)",
    ),
    Reason.UNSUPPORTED_TIME_IN_FORCE: (
        "11",
        "99",
        "TimeInForce(59) must be 0-4, 6, 7 or B; a replace can choose 0, 1 or 6",
    ),
    Reason.QTY_NOT_POSITIVE: ("13", "99", "OrderQty(38) must be above zero"),
    Reason.QTY_OFF_LOT: (
        "13",
        "99",
        "OrderQty(38) is not a multiple of the instrument's lot",
    ),
    Reason.QTY_ABOVE_MAX: (
        "3",
        "99",
        "OrderQty(38) is above the instrument's maximum",
    ),
    Reason.PRICE_NOT_POSITIVE: ("99", "99", "Price(44) must be above zero"),
    Reason.PRICE_OFF_TICK: (
        "99",
        "99",
        "Price(44) is not a multiple of the instrument's tick",
    ),
    Reason.PRICE_BELOW_MIN: (
        "99",
        "99",
        "Price(44) is below the instrument's minimum",
    ),
    Reason.PRICE_ABOVE_MAX: (
        "99",
        "99",
        "Price(44) is above the instrument's maximum",
    ),
    Reason.NOTIONAL_ABOVE_MAX: (
        "3",
        "99",
        "OrderQty(38) x Price(44) is above the instrument's maximum",
    ),
    Reason.OPEN_QTY_ABOVE_MAX: (
        "3",
        "99",
        "the open quantity of this side of the book would be too large",
    ),
    Reason.UNKNOWN_ORDER: (
        "5",
        "1",
        "no order of this session has this identifier",
    ),
    Reason.TOO_LATE: ("4", "0", "the order is no longer open"),
    Reason.SYMBOL_MISMATCH: ("99", "1", "Symbol(55) is not that of the order"),
    Reason.SIDE_CHANGED: ("99", "99", "Side(54) is not that of the order"),
    Reason.ORD_TYPE_CHANGED: ("99", "99", "OrdType(40) of an order cannot change"),
    Reason.MISSING_CL_ORD_ID: ("99", "99", "ClOrdID(11) is empty"),
    Reason.UNFILLED_REMAINDER: (
        "99",
        "99",
        "what was not filled at once is cancelled",
    ),
    Reason.REPLACED_BELOW_CUM_QTY: (
        "99",
        "99",
        "OrderQty(38) is not above CumQty(14): the rest is cancelled",
    ),
    Reason.TRADING_HALTED: ("2", "99", "trading in Symbol(55) is halted"),
    Reason.REQUESTED: ("99", "99", None),
    Reason.END_OF_DAY: ("99", "99", "the trading day has ended"),
    Reason.CANCELLED_BY_EXCHANGE: ("99", "99", "cancelled by the exchange"),
    Reason.NOT_IN_THIS_PHASE: (
        "2",
        "99",
        "this order is not possible in the present trading phase",
    ),
    Reason.MARKET_CLOSED: ("2", "99", "the market is closed"),
    Reason.UNSUPPORTED_COMBINATION: (
        "11",
        "99",
        "OrdType(40), TimeInForce(59) and what else is asked for do not go together",
    ),
    Reason.STOP_PRICE_INVALID: (
        "99",
        "99",
        "StopPx(99) must be a positive multiple of the tick within the limits",
    ),
    Reason.DISPLAY_QTY_INVALID: (
        "13",
        "99",
        "the displayed quantity must be whole lots, at most OrderQty(38)",
    ),
    Reason.MIN_QTY_INVALID: (
        "13",
        "99",
        "MinQty(110) must be whole lots, at most OrderQty(38)",
    ),
    Reason.PEG_OFFSET_INVALID: (
        "99",
        "99",
        "the peg offset (211) is off the tick or goes the wrong way",
    ),
    Reason.PRICE_OUTSIDE_BAND: ("99", "99", "Price(44) is outside the price band"),
    Reason.POST_ONLY_WOULD_TRADE: (
        "99",
        "99",
        "the order may not trade at once, and would",
    ),
    Reason.EXPIRE_TIME_INVALID: ("99", "99", "ExpireTime(126) is not in the future"),
    Reason.NO_REFERENCE_PRICE: (
        "99",
        "99",
        "the instrument has not traded: StopPx(99) is needed",
    ),
    Reason.DISCONNECTED: ("99", "99", "cancelled because the connection was lost"),
    Reason.LOGGED_OUT: ("99", "99", "cancelled because the session logged out"),
    Reason.DEAD_MAN: (
        "99",
        "99",
        "cancelled because the session gave no sign of life",
    ),
    Reason.BLOCKED: ("99", "99", "the session or account is blocked"),
    Reason.QTY_BELOW_MIN: (
        "13",
        "99",
        "OrderQty(38) is below the instrument's minimum",
    ),
    Reason.LIMIT_ORDER_QTY: (
        "3",
        "99",
        "OrderQty(38) is above the limit of the session or account",
    ),
    Reason.LIMIT_NOTIONAL: (
        "3",
        "99",
        "the value of the order is above the limit of the session or account",
    ),
    Reason.LIMIT_OPEN_ORDERS: (
        "3",
        "99",
        "the session or account has too many open orders",
    ),
    Reason.LIMIT_RATE: (
        "99",
        "99",
        "the session or account sends too many orders a second",
    ),
    Reason.LIMIT_POSITION: (
        "3",
        "99",
        "the position of the account could pass its limit",
    ),
    Reason.SELF_TRADE: (
        "99",
        "99",
        "it would have traded with an order of the same owner",
    ),
    Reason.FOK_NOT_FILLED: ("99", "99", "it could not be filled as a whole at once"),
    Reason.MIN_QTY_NOT_MET: ("99", "99", "MinQty(110) could not be filled at once"),
    Reason.BAND_HIT: (
        "99",
        "99",
        "the next trade would have been outside the price band",
    ),
    Reason.AUCTION_ENDED: ("99", "99", "the auction has ended"),
    Reason.EXPIRED_BY_TIME: ("99", "99", "ExpireTime(126) has come"),
    Reason.EXEC_INST_CHANGED: (
        "99",
        "99",
        "ExecInst(18) and a hidden quantity of an order cannot change",
    ),
    Reason.REPEGGED: ("99", "99", "the price follows the market"),
    Reason.TRAILED: ("99", "99", "the stop price follows the market"),
    Reason.MARKET_TO_LIMIT: (
        "99",
        "99",
        "what is left is a limit order at the price of the last fill",
    ),
    Reason.ACTIVATED: ("99", "99", "the order takes part in the auction"),
    Reason.MASS_CANCEL: ("99", "99", "cancelled by a mass cancel"),
    Reason.PARKED: ("99", "99", "the order waits outside the book"),
}


def test_every_reason_has_its_wording() -> None:
    assert set(REASONS) == set(Reason) == set(REASON_ROWS)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_said(reason: Reason) -> None:
    order_code, cancel_code, text = REASON_ROWS[reason]
    [rejected, cancel, replace, cancelled] = (
        fields(body)
        for _, _, body in render(
            event(EventKind.REJECTED, reason=reason),
            event(EventKind.CANCEL_REJECTED, reason=reason),
            event(EventKind.REPLACE_REJECTED, reason=reason),
            event(EventKind.CANCELLED, reason=reason),
        )
    )
    assert (rejected["103"], rejected.get("58")) == (order_code, text)
    assert (cancel["102"], cancel.get("58"), cancel["434"]) == (cancel_code, text, "1")
    assert (replace["102"], replace.get("58"), replace["434"]) == (
        cancel_code,
        text,
        "2",
    )
    assert cancelled.get("58") == text
    assert "103" not in cancelled
    assert "102" not in cancelled


def test_reasons_fit_the_table_of_64_and_the_wire() -> None:
    for reason, wording in REASONS.items():
        assert 0 <= reason < 64
        assert len(wording.text) <= 80
        assert wording.text.isascii()
        assert wording.text.isprintable() or not wording.text
        for tag, codes in (
            (103, wording.ord_rej_reasons),
            (102, wording.cxl_rej_reasons),
            (378, wording.restatement),
        ):
            assert {b"%d" % code for code in codes} <= enumeration(tag)


def enumeration(tag: int) -> set[bytes]:
    """The values FIX 5.0 SP2 has for a field."""
    text = (SPEC.parent / "FIX50SP2.xml").read_text()
    block = re.search(rf'<field number="{tag}".*?</field>', text, re.DOTALL)
    assert block is not None
    return {value.encode() for value in re.findall(r'enum="(\w+)"', block[0])}


# -- the longest report ----------------------------------------------------------------

LONGEST_AMOUNT = -(2**63)


def longest(kind: EventKind, reason: Reason) -> OrderEvent:
    """Every field as long as it can be, whether or not a shard would ever give it."""
    return OrderEvent(
        kind=kind,
        side=ord("1"),
        ord_type=ord("2"),
        time_in_force=ord("1"),
        ord_status=ord("1"),
        liquidity=2,
        reason=reason,
        seq=2**48 - 1,
        time=TIME,
        session=2**64 - 1,
        order_id=2**64 - 1,
        trade_id=2**64 - 1,
        price=LONGEST_AMOUNT,
        qty=LONGEST_AMOUNT,
        leaves_qty=LONGEST_AMOUNT,
        cum_qty=LONGEST_AMOUNT,
        avg_price=LONGEST_AMOUNT,
        last_price=LONGEST_AMOUNT,
        last_qty=LONGEST_AMOUNT,
        cl_ord_id="x" * 36,
        orig_cl_ord_id="x" * 36,
        account="x" * 24,
        symbol="x" * 24,
        stop_price=LONGEST_AMOUNT,
        display_qty=LONGEST_AMOUNT,
        min_qty=LONGEST_AMOUNT,
        peg_offset=LONGEST_AMOUNT,
        fee=LONGEST_AMOUNT,
        expire_time=TIME,
        contra_order_id=2**64 - 1,
        exec_inst=ExecInst.POST_ONLY,
        stp=SelfTrade.DECREMENT,
        stp_id="x" * 12,
    )


def test_the_longest_report_fits() -> None:
    """The buffer is an array on the stack: the sum of all maxima must stay within."""
    wordiest = max(REASONS, key=lambda reason: len(REASONS[reason].text))
    sizes = {
        kind: len(render_reports(longest(kind, wordiest).pack())[0][2])
        for kind in ADDRESSED
    }
    amounts = 12 * len("-92233720368.54775808")
    identifiers = 4 * len("65535-281474976710655")
    texts = 36 + 36 + 24 + 24 + 12 + len(REASONS[wordiest].text)
    others = 14 + 2 + 2 * len("20240229-12:34:56.123")
    tags = len(
        "1=6=11=14=17=18=19=31=32=37=38=39=40=41=44=54=55=58=59=60=99=103=110=111=126="
        "136=137=139=891=150=151=211=378=527=584=851=911=912=2362=2964="
    )
    bound = amounts + identifiers + texts + others + tags + 40
    assert max(sizes.values()) <= bound
    assert bound < REPORT_BYTES_MAX
    # And with the longest text the table may hold (80) there is still room.
    assert bound - len(REASONS[wordiest].text) + 80 < REPORT_BYTES_MAX


def test_the_stack_buffer_is_report_bytes_max() -> None:
    source = Path(reports_module.__file__).parent / "reports.py"
    assert f"out: cython.uchar[{REPORT_BYTES_MAX}]" in source.read_text()


def test_any_bytes_fit() -> None:
    """Events no shard gives: all bytes alike, every kind and reason."""
    for kind in ADDRESSED:
        for byte in range(256):
            data = bytearray([byte]) * EVENT_BYTES
            data[0] = kind
            for _, _, body in render_reports(bytes(data)):
                assert len(body) < REPORT_BYTES_MAX


# -- second opinions -------------------------------------------------------------------

HEADER = "34=2\x0149=X\x0152=20240229-12:34:56\x0156=A\x01"


def wrapped(msg_type: str, body: bytes) -> Message:
    content = f"35={msg_type}\x01{HEADER}".encode() + body
    message = parse_message(finish(b"FIX.4.4", content))
    assert isinstance(message, Message), message
    return message


def all_reports() -> Iterable[Message]:
    """A message of each example, each reason, and each longest report."""
    events = [one for one, _, _ in EXAMPLES]
    for reason in Reason:
        for kind in (EventKind.REJECTED, EventKind.CANCELLED):
            events.append(event(kind, reason=reason))
        for kind in (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED):
            events.append(event(kind, reason=reason, orig_cl_ord_id="c0"))
    for kind in ADDRESSED:
        events.append(longest(kind, Reason.UNSUPPORTED_TIME_IN_FORCE))
    for one in events:
        [(_, msg_type, body)] = render_reports(one.pack())
        yield wrapped(msg_type, body)


def test_reports_are_valid_by_the_dictionary() -> None:
    for message in all_reports():
        fault = validate(FIX44, message.msg_type, message.fields())
        assert fault is None, (message, fault)


def test_tags_ascend_and_none_comes_twice() -> None:
    for message in all_reports():
        tags = [tag for tag, _ in message.fields() if tag != 891][7:-1]
        assert tags == sorted(set(tags))


def test_reports_are_valid_by_quickfix() -> None:
    quickfix = pytest.importorskip("quickfix")
    dictionary = quickfix.DataDictionary(str(SPEC))
    for message in all_reports():
        theirs = quickfix.Message(message.raw.decode("ascii"), dictionary, True)
        dictionary.validate(theirs)
        assert theirs.toString().encode() == message.raw
