"""The compiled order flow: each event, each fault, and a plain-Python oracle."""

from __future__ import annotations

import csv
import io
import random
import re
import time
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import flow as flow_module
from engine.codes import (
    CommandFlag,
    CommandKind,
    EventKind,
    Liquidity,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from engine.flow import FAULT_TEXTS, HEADER, REQUIRED, Flow
from engine.records import (
    EVENT_BYTES,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
    unpack_all,
)
from engine.shard import Shard
from tests.unit.test_flow_terms import FURTHER_FAULTS

KEY = bytes(range(16))
COLUMNS = (*REQUIRED, "type", "tif")
UNIT = 10**8


def rows_of(
    lines: bytes,
    columns: Iterable[str] = COLUMNS,
    cuts: Iterable[int] = (),
    shard: Shard | None = None,
) -> bytes:
    """The rows of the lines behind a header, the input cut at the given places."""
    flow = Flow(shard or Shard(0, KEY), list(columns))
    rows = []
    places = [0, *sorted(cuts), len(lines)]
    for begin, end in zip(places, places[1:], strict=False):
        flow.load(lines[begin:end])
        while flow.parse():
            flow.run()
            rows.append(flow.rows())
    flow.finish()
    while flow.parse():
        flow.run()
        rows.append(flow.rows())
    output = b"".join(rows)
    assert flow.row_count == output.count(b"\n")
    assert flow.messages + flow.malformed == flow.records
    return output


def check(lines: str, expected: str) -> None:
    """These lines behind the usual header give exactly these rows."""
    assert rows_of(_text(lines)).decode() == _text(expected).decode()


def _text(lines: str) -> bytes:
    return "".join(f"{line.strip()}\n" for line in lines.strip().split("\n")).encode()


# -- the oracle ------------------------------------------------------------------------

FIELD = r'(?:"(?:[^"]|"")*"|[^",]*)'
PLAIN = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
KINDS = {
    "new": CommandKind.NEW_ORDER,
    "cancel": CommandKind.CANCEL,
    "replace": CommandKind.REPLACE,
}
REFUSALS = {"cancel": "cancel_rejected", "replace": "replace_rejected"}
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TYPES = {"limit": OrdType.LIMIT, "market": OrdType.MARKET}
TIFS = {"day": TimeInForce.DAY, "gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC}


class Malformed(Exception):
    pass


def naive(data: bytes, columns: Iterable[str] = COLUMNS) -> bytes:
    """What the rows must be: one line, one command, one call of the shard at a time."""
    shard = Shard(0, KEY)
    known: set[str] = set()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, raw in enumerate(lines, 2):
        if len(raw) > 65536:
            cell = "malformed: line is longer than 65536 bytes"
            writer.writerow([number, "rejected", *[""] * 6, cell])
            continue
        # Latin-1 keeps every byte a character of its own.
        line = raw.removesuffix(b"\r").decode("latin-1")
        if not line:
            continue
        cells, closed = _split(line)
        row = dict(zip(columns, cells, strict=False))
        op = row.get("op", "").lower()
        try:
            if not closed:
                raise Malformed("quoting")
            command = _command(row, len(cells) == len(list(columns)))
        except Malformed as fault:
            order_id = row.get("order_id", "")
            if _bad_text(order_id, 36):
                order_id = ""
            event = REFUSALS.get(op, "rejected")
            writer.writerow([number, event, order_id, *[""] * 5, f"malformed: {fault}"])
            continue
        if op == "new" and command.symbol and command.symbol not in known:
            known.add(command.symbol)
            terms = InstrumentCommand(
                kind=CommandKind.DEFINE_INSTRUMENT, symbol=command.symbol
            )
            shard.apply(terms.pack(), shard.time + 1)
        maker = ""
        for event in unpack_all(
            shard.apply(command.pack(), shard.time + 1), EVENT_BYTES
        ):
            if event.kind == EventKind.FILLED and event.liquidity == Liquidity.ADDED:
                maker = event.cl_ord_id
            else:
                writer.writerow([number, *_cells(event, maker)])
    return out.getvalue().encode()


def _split(line: str) -> tuple[list[str], bool]:
    """The fields, and whether the whole line was read: else those before the fault."""
    fields: list[str] = []
    place = 0
    while True:
        match = re.compile(f"({FIELD})(,|$)").match(line, place)
        if not match:
            return [_unquote(field) for field in fields], False
        fields.append(match[1])
        place = match.end()
        if not match[2]:
            return [_unquote(field) for field in fields], True


def _unquote(field: str) -> str:
    if not field.startswith('"'):
        return field
    text = field[1:-1].replace('""', '"')
    if "\r" not in field:  # which the csv module refuses
        assert list(csv.reader([field], strict=True)) == [[text]]
    return text


def _bad_text(text: str, size: int) -> str:
    if len(text) > size:
        return f"is longer than {size} bytes"
    if not all(" " <= char <= "~" for char in text):
        return "is not printable ASCII"
    return ""


def _number(name: str, text: str) -> int:
    if not PLAIN.fullmatch(text):
        raise Malformed(f"{name} is not a number")
    whole, _, fraction = text.lstrip("-").partition(".")
    if fraction[8:].strip("0"):
        raise Malformed(f"{name} has more than 8 decimals")
    units = int(whole or "0") * UNIT + int(fraction[:8].ljust(8, "0"))
    if units >= 92 * UNIT * 10**9:
        raise Malformed(f"{name} is out of range")
    return -units if text.startswith("-") else units


def _word(name: str, text: str, words: Mapping[str, int], default: int | None) -> int:
    if not text and default is not None:
        return default
    if text.lower() not in words:
        raise Malformed(f"unknown {name}")
    return words[text.lower()]


def _command(row: dict[str, str], complete: bool) -> OrderCommand:
    if not complete:
        raise Malformed("wrong number of columns")
    op = row["op"].lower()
    if op not in KINDS:
        raise Malformed("unknown op")
    for name, size in (("order_id", 36), ("symbol", 24)):
        if fault := _bad_text(row[name], size):
            raise Malformed(f"{name} {fault}")
    new = op == "new"
    side = _word("side", row["side"], SIDES, None if new else 0)
    ord_type = tif = price = qty = 0
    if op != "cancel":
        default = OrdType.LIMIT if new else 0
        ord_type = _word("type", row.get("type", ""), TYPES, default)
        default = TimeInForce.DAY if new else 0
        tif = _word("tif", row.get("tif", ""), TIFS, default)
        if row["price"] or ord_type != OrdType.MARKET:
            price = _number("price", row["price"])
        qty = _number("qty", row["qty"])
    return OrderCommand(
        kind=KINDS[op],
        side=side,
        ord_type=ord_type,
        time_in_force=tif,
        flags=CommandFlag.QTY_IS_LEAVES | CommandFlag.REUSE_ID,
        price=price,
        qty=qty,
        cl_ord_id=row["order_id"],
        orig_cl_ord_id="" if new else row["order_id"],
        symbol=row["symbol"],
    )


def _cells(e: OrderEvent, maker: str) -> list[str]:
    kind = EventKind(e.kind)
    reason = Reason(e.reason)
    why = "" if reason in (Reason.NONE, Reason.REQUESTED) else reason.name.lower()
    if kind in (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED):
        return [kind.name.lower(), e.cl_ord_id, "", "", "", "", "", why]
    side = "buy" if e.side == Side.BUY else "sell"
    price = "" if e.ord_type == OrdType.MARKET else _decimal(e.price)
    if kind == EventKind.FILLED:
        taker = e.cl_ord_id
        terms = [_decimal(e.last_price), _decimal(e.last_qty)]
        return ["trade", taker, side, *terms, maker, taker, why]
    qty = {EventKind.CANCELLED: e.last_qty, EventKind.REPLACED: e.leaves_qty}.get(
        kind, e.qty
    )
    return [kind.name.lower(), e.cl_ord_id, side, price, _decimal(qty), "", "", why]


def _decimal(units: int) -> str:
    sign = "-" if units < 0 else ""
    text = f"{abs(units) // UNIT}.{abs(units) % UNIT:08d}".rstrip("0").rstrip(".")
    return sign + text


# -- each event ------------------------------------------------------------------------


def test_accepted_with_defaults() -> None:
    check("new,1,X,buy,1.50,2.0,,", "2,accepted,1,buy,1.5,2,,,")


def test_words_in_any_case() -> None:
    check(
        """
        NEW,1,X,Buy,1,2,LIMIT,Gtc
        Cancel,1,,BUY,,,,
        """,
        """
        2,accepted,1,buy,1,2,,,
        3,cancelled,1,buy,1,2,,,
        """,
    )


def test_a_trade_names_both_orders_at_the_makers_price() -> None:
    check(
        """
        new,m,X,sell,10,3,,
        new,t,X,buy,11,5,,
        """,
        """
        2,accepted,m,sell,10,3,,,
        3,accepted,t,buy,11,5,,,
        3,trade,t,buy,10,3,m,t,
        """,
    )


def test_the_remainder_of_ioc_and_market_orders_is_cancelled() -> None:
    check(
        """
        new,m,X,buy,10,3,,
        new,t,X,sell,9,5,limit,ioc
        new,n,X,sell,,1,market,
        new,o,X,sell,77,1,market,gtc
        """,
        """
        2,accepted,m,buy,10,3,,,
        3,accepted,t,sell,9,5,,,
        3,trade,t,sell,10,3,m,t,
        3,cancelled,t,sell,9,2,,,unfilled_remainder
        4,accepted,n,sell,,1,,,
        4,cancelled,n,sell,,1,,,unfilled_remainder
        5,accepted,o,sell,,1,,,
        5,cancelled,o,sell,,1,,,unfilled_remainder
        """,
    )


def test_refusals_carry_the_engines_reason() -> None:
    check(
        """
        new,1,X,buy,0,2,,
        new,1,X,buy,1,-2,,
        new,,X,buy,1,2,,
        new,1,,buy,1,2,,
        new,1,X,buy,90000000000,2,,
        new,1,X,buy,1,2,,
        new,1,X,buy,1,2,,
        cancel,2,,,,,,
        cancel,1,Y,,,,,
        cancel,1,,sell,,,,
        cancel,,,,,,,
        replace,2,,,1,1,,
        replace,1,,,-1,1,,
        replace,1,,,1,1,market,
        replace,1,,,1,1,,ioc
        """,
        """
        2,rejected,1,buy,0,2,,,price_not_positive
        3,rejected,1,buy,1,-2,,,qty_not_positive
        4,rejected,,buy,1,2,,,missing_cl_ord_id
        5,rejected,1,buy,1,2,,,unknown_symbol
        6,rejected,1,buy,90000000000,2,,,price_above_max
        7,accepted,1,buy,1,2,,,
        8,rejected,1,buy,1,2,,,duplicate_cl_ord_id
        9,cancel_rejected,2,,,,,,unknown_order
        10,cancel_rejected,1,,,,,,symbol_mismatch
        11,cancel_rejected,1,,,,,,side_changed
        12,cancel_rejected,,,,,,,missing_cl_ord_id
        13,replace_rejected,2,,,,,,unknown_order
        14,replace_rejected,1,,,,,,price_not_positive
        15,replace_rejected,1,,,,,,ord_type_changed
        16,replace_rejected,1,,,,,,unsupported_time_in_force
        """,
    )


def test_a_replaces_quantity_is_what_is_open_afterwards() -> None:
    check(
        """
        new,m,X,sell,10,10,,
        new,t,X,buy,10,4,,
        replace,m,X,sell,10,10,,
        new,u,X,buy,10,12,,
        """,
        """
        2,accepted,m,sell,10,10,,,
        3,accepted,t,buy,10,4,,,
        3,trade,t,buy,10,4,m,t,
        4,replaced,m,sell,10,10,,,
        5,accepted,u,buy,10,12,,,
        5,trade,u,buy,10,10,m,u,
        """,
    )


def test_a_replace_to_nothing_cancels() -> None:
    check(
        """
        new,1,X,sell,10,4,,
        replace,1,,,10,0,,
        """,
        """
        2,accepted,1,sell,10,4,,,
        3,cancelled,1,sell,10,4,,,replaced_below_cum_qty
        """,
    )


def test_a_crossing_replace_trades_at_once() -> None:
    check(
        """
        new,m,X,sell,10,2,,
        new,n,X,sell,11,2,,
        new,t,X,buy,9,3,,
        replace,t,X,buy,11,5,,
        """,
        """
        2,accepted,m,sell,10,2,,,
        3,accepted,n,sell,11,2,,,
        4,accepted,t,buy,9,3,,,
        5,replaced,t,buy,11,5,,,
        5,trade,t,buy,10,2,m,t,
        5,trade,t,buy,11,2,n,t,
        """,
    )


def test_a_replace_keeps_or_loses_its_place() -> None:
    check(
        """
        new,a,X,sell,10,2,,
        new,b,X,sell,10,2,,
        replace,a,,,10,1,,
        new,t,X,buy,10,1,,
        replace,b,,,10,3,,
        new,c,X,sell,10,1,,
        replace,b,,,10,4,,
        new,u,X,buy,10,2,,
        """,
        """
        2,accepted,a,sell,10,2,,,
        3,accepted,b,sell,10,2,,,
        4,replaced,a,sell,10,1,,,
        5,accepted,t,buy,10,1,,,
        5,trade,t,buy,10,1,a,t,
        6,replaced,b,sell,10,3,,,
        7,accepted,c,sell,10,1,,,
        8,replaced,b,sell,10,4,,,
        9,accepted,u,buy,10,2,,,
        9,trade,u,buy,10,1,c,u,
        9,trade,u,buy,10,1,b,u,
        """,
    )


def test_an_id_is_free_when_its_order_is_gone() -> None:
    check(
        """
        new,1,X,buy,10,2,,
        cancel,1,,,,,,
        new,1,X,sell,10,2,,
        new,2,X,buy,10,2,,
        new,1,Y,buy,10,2,,
        new,2,Y,sell,11,2,,ioc
        new,2,Y,sell,0,2,,
        new,2,Y,sell,10,1,,
        new,1,Y,buy,10,1,,
        """,
        """
        2,accepted,1,buy,10,2,,,
        3,cancelled,1,buy,10,2,,,
        4,accepted,1,sell,10,2,,,
        5,accepted,2,buy,10,2,,,
        5,trade,2,buy,10,2,1,2,
        6,accepted,1,buy,10,2,,,
        7,accepted,2,sell,11,2,,,
        7,cancelled,2,sell,11,2,,,unfilled_remainder
        8,rejected,2,sell,0,2,,,price_not_positive
        9,accepted,2,sell,10,1,,,
        9,trade,2,sell,10,1,1,2,
        10,rejected,1,buy,10,1,,,duplicate_cl_ord_id
        """,
    )


def test_configured_symbols_keep_their_terms() -> None:
    shard = Shard(0, KEY)
    terms = InstrumentCommand(
        kind=CommandKind.DEFINE_INSTRUMENT, tick=UNIT // 100, lot=UNIT, symbol="X"
    )
    shard.apply(terms.pack(), 1)
    lines = b"new,1,X,buy,1.005,1,,\nnew,2,X,buy,1.01,.5,,\nnew,3,Y,buy,1.005,.5,,\n"
    assert rows_of(lines, shard=shard) == (
        b"2,rejected,1,buy,1.005,1,,,price_off_tick\n"
        b"3,rejected,2,buy,1.01,0.5,,,qty_off_lot\n"
        b"4,accepted,3,buy,1.005,0.5,,,\n"
    )
    assert [row[0].rstrip(b"\0") for row in shard.dump()[1]] == [b"X", b"Y"]


def test_symbols_are_created_once_and_apart() -> None:
    shard = Shard(0, KEY)
    lines = b"".join(b"new,%d,S%d,buy,1,1,,\n" % (i, i % 700) for i in range(3000))
    assert rows_of(lines, shard=shard) == naive(lines)
    assert len(shard.dump()[1]) == 700


def test_malformed_lines_and_cancels_create_no_symbol() -> None:
    shard = Shard(0, KEY)
    rows_of(b"new,1,X,buy,y,1,,\ncancel,1,X,,,,,\nreplace,1,X,,1,1,,\n", shard=shard)
    assert shard.dump()[1] == []


# -- each fault ------------------------------------------------------------------------

FAULTS = [
    ('new,1,X,buy,1,2,,"', "rejected,1", "quoting"),
    ('new,1,X,buy,1,2,,"day"x', "rejected,1", "quoting"),
    ('new,1,X,buy,1,2,,d"ay', "rejected,1", "quoting"),
    ('cancel,"1,,,,,,', "cancel_rejected,", "quoting"),
    ('"cancel,1,,,,,,', "rejected,", "quoting"),
    ("new,1,X,buy,1,2,", "rejected,1", "wrong number of columns"),
    ("cancel,1", "cancel_rejected,1", "wrong number of columns"),
    ("replace,1,X,buy,1,2,,,", "replace_rejected,1", "wrong number of columns"),
    ("," * 200, "rejected,", "wrong number of columns"),
    ("new", "rejected,", "wrong number of columns"),
    ("amend,1,X,buy,1,2,,", "rejected,1", "unknown op"),
    (",1,X,buy,1,2,,", "rejected,1", "unknown op"),
    (" new,1,X,buy,1,2,,", "rejected,1", "unknown op"),
    ("newer,1,X,buy,1,2,,", "rejected,1", "unknown op"),
    ("ne,1,X,buy,1,2,,", "rejected,1", "unknown op"),
    (f"new,{'i' * 37},X,buy,1,2,,", "rejected,", "order_id is longer than 36 bytes"),
    (
        f"cancel,{'i' * 37},,,,,,",
        "cancel_rejected,",
        "order_id is longer than 36 bytes",
    ),
    ("new,\u00e9,X,buy,1,2,,", "rejected,", "order_id is not printable ASCII"),
    ("new,a\tb,X,buy,1,2,,", "rejected,", "order_id is not printable ASCII"),
    ("replace,a\0,X,buy,1,2,,", "replace_rejected,", "order_id is not printable ASCII"),
    (f"new,1,{'s' * 25},buy,1,2,,", "rejected,1", "symbol is longer than 24 bytes"),
    ("cancel,1,\x7f,,,,,", "cancel_rejected,1", "symbol is not printable ASCII"),
    ("new,1,X,,1,2,,", "rejected,1", "unknown side"),
    ("new,1,X,b,1,2,,", "rejected,1", "unknown side"),
    ("cancel,1,,both,,,,", "cancel_rejected,1", "unknown side"),
    ("new,1,X,buy,1,2,iceberg,", "rejected,1", "unknown type"),
    ("replace,1,X,buy,1,2,iceberg,", "replace_rejected,1", "unknown type"),
    ("new,1,X,buy,1,2,,gtx", "rejected,1", "unknown tif"),
    ("new,1,X,buy,,2,,", "rejected,1", "price is not a number"),
    ("replace,1,X,buy,,2,,", "replace_rejected,1", "price is not a number"),
    ("new,1,X,buy,x,2,market,", "rejected,1", "price is not a number"),
    ("new,1,X,buy,1e2,2,,", "rejected,1", "price is not a number"),
    ("new,1,X,buy,0.000000001,2,,", "rejected,1", "price has more than 8 decimals"),
    ("new,1,X,buy,92000000000,2,,", "rejected,1", "price is out of range"),
    ("new,1,X,buy,1,,,", "rejected,1", "qty is not a number"),
    ("new,1,X,buy,1,1.123456789,,", "rejected,1", "qty has more than 8 decimals"),
    ("replace,1,X,buy,1,-9e99,,", "replace_rejected,1", "qty is not a number"),
    ("replace,1,,,1,-99999999999,,", "replace_rejected,1", "qty is out of range"),
]


@pytest.mark.parametrize(("line", "head", "fault"), FAULTS)
def test_a_malformed_line_gives_one_row(line: str, head: str, fault: str) -> None:
    data = b"new,a,X,buy,1,2,,\n" + line.encode() + b"\ncancel,a,,,,,,\n"
    expected = (
        "2,accepted,a,buy,1,2,,,\n"
        f"3,{head},,,,,,malformed: {fault}\n"
        "4,cancelled,a,buy,1,2,,,\n"
    )
    assert rows_of(data).decode() == expected
    assert naive(data).decode() == expected


def test_every_fault_is_tested() -> None:
    """Those of the further columns are tested with them."""
    tested = {fault for _, _, fault in FAULTS}
    plain = {text for text in FAULT_TEXTS if text not in FURTHER_FAULTS}
    assert plain == {"", "line is longer than 65536 bytes", *tested}


@pytest.mark.parametrize("step", [1, 7, 65536, 65537, 10**6])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_an_overlong_line_is_dropped(step: int, ending: bytes) -> None:
    tail = b"\nnew,2,X,buy,1,1,," if ending else b""
    for extra in (0, 1, 2):
        line = b"new,1,X,buy,1,1,,".ljust(65535 + extra, b"y")
        data = b"new,0,X,buy,1,1,,\n" + line + ending + tail
        assert rows_of(data, cuts=range(step, len(data), step)) == naive(data)
    # The limit holds what is kept of a line that never ends.
    data = b"new,0,X,buy,1,1,,\n" + b"\0" * 300_000 + ending + tail
    rows = rows_of(data, cuts=range(step, len(data), step) if step > 1 else ())
    assert rows == naive(data)
    assert b"3,rejected,,,,,,,malformed: line is longer than 65536 bytes\n" in rows


def test_counts_and_peak() -> None:
    flow = Flow(Shard(0, KEY), COLUMNS)
    flow.load(
        b"new,1,X,buy,1,1,,\nnew,2,X,buy,1,1,,\n\nx\nnew,3,X,sell,1,2,,\n"
        b"new,4,X,sell,1,2,,\nnew,5,X,sell,,2,market,\n"
    )
    assert flow.parse()
    flow.run()
    rows = flow.rows()
    assert not flow.parse()
    assert flow.rows() == b""
    assert (flow.line, flow.records, flow.messages) == (8, 6, 5)
    assert (flow.malformed, flow.first_malformed) == (1, 5)
    assert flow.row_count == rows.count(b"\n")
    assert flow.resting_peak == 2


# -- header, quoting, line ends --------------------------------------------------------


def test_columns_in_any_order_with_others_between() -> None:
    columns = ["note", "QTY", "price", "side", "symbol", "Order_ID", "when", "op"]
    assert rows_of(b'"a ""b"", c",2,1,buy,X,7,now,new\n', columns) == (
        b"2,accepted,7,buy,1,2,,,\n"
    )


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_column_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"the column {name} is missing"):
        Flow(Shard(0, KEY), [column for column in COLUMNS if column != name])


def test_a_column_may_not_be_there_twice() -> None:
    with pytest.raises(ValueError, match="the column tif is there more than once"):
        Flow(Shard(0, KEY), [*COLUMNS, "TIF"])


def test_too_many_columns() -> None:
    columns = [*COLUMNS, *(f"c{i}" for i in range(57))]
    with pytest.raises(ValueError, match="65 columns are more than 64"):
        Flow(Shard(0, KEY), columns)
    line = b"new,1,X,buy,1,2,," + b"," * 56 + b"\n"
    assert rows_of(line, columns[:64]) == b"2,accepted,1,buy,1,2,,,\n"


def test_quoted_fields() -> None:
    check(
        """
        new,"a,1",X,"sell","1.5","2","limit",""
        new,"b ""2""\",X,buy,2,1,,
        cancel,"a,1",,,,,,
        """,
        """
        2,accepted,"a,1",sell,1.5,2,,,
        3,accepted,"b ""2\""",buy,2,1,,,
        3,trade,"b ""2\""",buy,1.5,1,"a,1","b ""2\""",
        4,cancelled,"a,1",sell,1.5,1,,,
        """,
    )


def test_line_ends() -> None:
    data = b"new,1,X,buy,1,1,,\r\n\r\n\nnew,2,X,buy,1,1,,day\r\ncancel,1,,,,,,"
    expected = (
        b"2,accepted,1,buy,1,1,,,\n5,accepted,2,buy,1,1,,,\n6,cancelled,1,buy,1,1,,,\n"
    )
    assert rows_of(data) == expected
    assert rows_of(data + b"\r") == expected
    assert rows_of(data + b"\r\n\n") == expected


def test_nothing_at_all() -> None:
    assert rows_of(b"") == b""
    assert rows_of(b"\n\n") == b""


def test_header_names_the_columns_of_a_row() -> None:
    row = rows_of(b"new,1,X,buy,1,1,,\n")
    assert row.count(b",") == HEADER.count(b",") == 8


# -- against the oracle ----------------------------------------------------------------


def random_lines(seed: int, count: int, symbols: int = 3) -> bytes:
    """A busy market: few ids and prices, so that they meet; some lines malformed."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        op = rng.choice(["new"] * 5 + ["cancel", "replace", "replace", "NEW"])
        order_id = rng.choice([str(rng.randrange(60)), f'"q,""{rng.randrange(9)}"'])
        symbol = rng.choice(["", f"S{rng.randrange(symbols)}", "S0"])
        if op.lower() == "new" and not symbol and rng.random() < 0.9:
            symbol = "S0"
        side = rng.choice(["buy", "sell", "buy", "sell", "BUY", ""])
        if op.lower() == "new" and not side and rng.random() < 0.9:
            side = "buy"
        price = rng.choice(["10", "10.5", "9.99", "10.00000001", "9.5", "010.0"])
        qty = rng.choice(["1", "2.5", "100", "0.00000001", "7"])
        ord_type = rng.choice(["", "", "", "limit", "market"])
        tif = rng.choice(["", "day", "gtc", "ioc"])
        cells = [op, order_id, symbol, side, price, qty, ord_type, tif]
        if rng.random() < 0.1:
            odd = [
                "",
                "x",
                "-1",
                "0",
                '"',
                "1.123456789",
                "99999999999",
                "\u00e9",
                "a,b",
            ]
            cells[rng.randrange(8)] = rng.choice(odd)
        end = rng.choice(["\n", "\n", "\r\n"])
        lines.append(",".join(cells) + end)
    return "".join(lines).encode()


@pytest.mark.parametrize("seed", range(12))
def test_random_flows_against_the_oracle(seed: int) -> None:
    data = random_lines(seed, 2500)
    rows = rows_of(data)
    assert rows == naive(data)
    for event in EventKind:
        if event < EventKind.EXPIRED:
            name = "trade" if event == EventKind.FILLED else event.name.lower()
            assert f",{name},".encode() in rows
    assert b"malformed" in rows


@pytest.mark.parametrize("size", [1, 2, 3, 16, 63, 64, 1000])
def test_the_size_of_chunks_changes_nothing(size: int) -> None:
    data = random_lines(99, 400)
    expected = naive(data)
    assert rows_of(data, cuts=range(size, len(data), size)) == expected
    data = data.removesuffix(b"\n")
    assert rows_of(data, cuts=range(size, len(data), size)) == expected


@given(st.data())
@settings(max_examples=60)
def test_cuts_anywhere_change_nothing(data: st.DataObject) -> None:
    lines = random_lines(data.draw(st.integers(0, 1000)), 40)
    cuts = data.draw(st.lists(st.integers(0, len(lines)), max_size=10))
    assert rows_of(lines, cuts=cuts) == naive(lines)


CELL = st.one_of(
    st.sampled_from(["new", "cancel", "replace", "buy", "sell", "X", "1", "2", "1.5"]),
    st.sampled_from(
        ["", "limit", "market", "day", "ioc", '"a,b"', '"', '""', '"x""y"']
    ),
    st.text(alphabet='",\r x0-.\0\u00e9', max_size=6),
)


@given(st.lists(st.lists(CELL, max_size=10), max_size=8))
def test_odd_lines_against_the_oracle(lines: list[list[str]]) -> None:
    data = "\n".join(",".join(cells) for cells in lines).encode()
    assert rows_of(data) == naive(data)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_against_the_oracle(data: bytes, size: int) -> None:
    assert rows_of(data, cuts=range(size, len(data), size)) == naive(data)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_flows_against_the_oracle(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(random_lines(seed, 150))
    for _ in range(rng.randrange(60)):
        place = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[place] = rng.randrange(256)
        elif kind == 1:
            del data[place : place + rng.randrange(30)]
        else:
            data[place:place] = rng.randbytes(rng.randrange(12))
    damaged = bytes(data)
    assert rows_of(damaged, cuts=range(777, len(damaged), 777)) == naive(damaged)


def test_a_sweep_of_many_makers_in_one_batch() -> None:
    count = 5000
    data = b"".join(b"new,%d,X,sell,1,1,,\n" % i for i in range(count))
    data += b"new,t,X,buy,1,%d,,\n" % count
    rows = rows_of(data)
    assert rows.count(b",trade,") == count
    assert rows == naive(data)


def test_only_malformed_lines_for_many_batches() -> None:
    rows = rows_of(b"\xff\n" * 5000)
    assert rows.count(b"malformed: wrong number of columns\n") == 5000


def test_hundreds_of_thousands_of_lines_in_seconds() -> None:
    data = random_lines(7, 300) * 1000
    started = time.monotonic()
    rows = rows_of(data, cuts=range(1 << 20, len(data), 1 << 20))
    assert time.monotonic() - started < 20
    last = rows.rstrip(b"\n").rpartition(b"\n")[2]
    assert last.startswith(b"300001,")


def test_the_compiled_module_is_loaded() -> None:
    assert flow_module.__file__.endswith(".so")
