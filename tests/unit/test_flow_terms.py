"""The further columns and operations of an order flow."""

from __future__ import annotations

import csv
import hashlib
import io
from random import Random

import pytest

from engine.flow import COLUMNS, Flow
from engine.shard import Shard

KEY = bytes(range(16))
HEAD = ("op", "order_id", "symbol", "side", "price", "qty")


def rows(columns: str, *lines: str, cut: int = 0) -> list[str]:
    """What the lines give, without the numbers of lines in front."""
    flow = Flow(Shard(0, KEY), [*HEAD, *columns.split(",")] if columns else list(HEAD))
    data = "".join(f"{line}\n" for line in lines).encode()
    pieces = [data[i : i + cut] for i in range(0, len(data), cut)] if cut else [data]
    found = b""
    for piece in pieces:
        flow.load(piece)
        while flow.parse():
            flow.run()
            found += flow.rows()
    flow.finish()
    while flow.parse():
        flow.run()
        found += flow.rows()
    return found.decode().splitlines()


def test_a_stop_is_triggered() -> None:
    assert rows(
        "type,stop_price",
        "new,s,X,buy,12,5,stop_limit,11",
        "new,a,X,sell,11,1,,",
        "new,b,X,sell,12,1,,",
        "new,c,X,buy,11,1,,",
    ) == [
        "2,accepted,s,buy,12,5,,,",
        "3,accepted,a,sell,11,1,,,",
        "4,accepted,b,sell,12,1,,,",
        "5,accepted,c,buy,11,1,,,",
        "5,trade,c,buy,11,1,a,c,",
        "5,triggered,s,buy,12,5,,,",
        "5,trade,s,buy,12,1,b,s,",
    ]


def test_a_trailing_stop_follows() -> None:
    told = rows(
        "type,trailing,peg_offset",
        "new,a,X,sell,10,1,,,",
        "new,b,X,buy,10,1,,,",
        "new,s,X,sell,,5,stop,yes,1",
        "new,c,X,sell,12,1,,,",
        "new,d,X,buy,12,1,,,",
    )
    assert told[-1] == "6,restated,s,sell,,5,,,trailed"


def test_an_iceberg_shows_its_parts() -> None:
    assert rows(
        "display_qty",
        "new,i,X,sell,10,4,2",
        "new,o,X,sell,10,2,",
        "new,t,X,buy,10,5,",
    )[-3:] == [
        "4,trade,t,buy,10,2,i,t,",
        "4,trade,t,buy,10,2,o,t,",
        "4,trade,t,buy,10,1,i,t,",
    ]


def test_pegs_hidden_and_post_only() -> None:
    told = rows(
        "type,peg,hidden,post_only,aon",
        "new,b,X,buy,9,1,,,,,",
        "new,p,X,buy,,2,pegged,primary,,,",
        "new,h,X,buy,9,1,,,1,,no",
        "new,q,X,sell,9,1,,,,TRUE,",
        "new,s,X,sell,9,4,,,,,",
    )
    assert told == [
        "2,accepted,b,buy,9,1,,,",
        "3,accepted,p,buy,,2,,,",
        "3,restated,p,buy,9,2,,,repegged",
        "4,accepted,h,buy,9,1,,,",
        "5,rejected,q,sell,9,1,,,post_only_would_trade",
        "6,accepted,s,sell,9,4,,,",
        "6,trade,s,sell,9,1,b,s,",
        "6,trade,s,sell,9,2,p,s,",
        "6,trade,s,sell,9,1,h,s,",
    ]


def test_fok_min_qty_and_self_trades() -> None:
    told = rows(
        "tif,min_qty,stp,account,stp_id",
        "new,a,X,sell,9,1,,,,ONE,",
        "new,f,X,buy,9,2,fok,,,TWO,",
        "new,m,X,buy,9,2,,2,,TWO,",
        "new,o,X,buy,9,1,,,cancel_oldest,ONE,",
        "new,g,X,sell,9,1,,,decrement,,G",
    )
    assert told == [
        "2,accepted,a,sell,9,1,,,",
        "3,accepted,f,buy,9,2,,,",
        "3,cancelled,f,buy,9,2,,,fok_not_filled",
        "4,accepted,m,buy,9,2,,,",
        "4,cancelled,m,buy,9,2,,,min_qty_not_met",
        "5,accepted,o,buy,9,1,,,",
        "5,cancelled,a,sell,9,1,,,self_trade",
        "6,accepted,g,sell,9,1,,,",
        "6,trade,g,sell,9,1,o,g,",
    ]


def test_an_auction() -> None:
    told = rows(
        "type,tif,phase",
        "new,x,X,buy,1,1,,,",
        "phase,,X,,,,,,opening_auction",
        "new,b,X,buy,11,3,,,",
        "new,s,X,sell,10,2,,opg,",
        "new,i,X,sell,10,2,,ioc,",
        "phase,,,,,,,,Continuous",
    )
    assert told[0] == "2,accepted,x,buy,1,1,,,"
    assert told[1] == "3,phase,X,,,,,,opening_auction"
    assert "6,rejected,i,sell,10,2,,,not_in_this_phase" in told
    assert told[-3:] == [
        "7,trade,s,sell,11,2,b,s,",
        "7,auction,X,buy,11,2,,,",
        "7,phase,X,,,,,,continuous",
    ]


def test_time_passes() -> None:
    told = rows(
        "tif,expire,time,phase,until,then",
        "new,g,X,buy,9,1,gtd,2000,1000,,,",
        "phase,,X,,,,,,,halted,5000,",
        "tick,,,,,,,,2000,,,",
        "new,a,X,buy,9,1,,,,,,",
        "new,b,X,buy,9,1,,,6000,,,",
        "end_of_day,,,,,,,,,,,",
    )
    assert told == [
        "2,accepted,g,buy,9,1,,,",
        "3,phase,X,,,,,,halted",
        "4,expired,g,buy,9,1,,,expired_by_time",
        "5,rejected,a,buy,9,1,,,trading_halted",
        "6,phase,X,,,,,,continuous",
        "6,accepted,b,buy,9,1,,,",
        "7,expired,b,buy,9,1,,,end_of_day",
    ]


@pytest.mark.parametrize("cut", [1, 7, 50])
def test_times_do_not_depend_on_how_a_flow_arrives(cut: int) -> None:
    lines = [
        f"new,o{n},X,{'buy' if n % 2 else 'sell'},9,1,gtd,{n * 100 + 350},{n * 100}"
        for n in range(1, 60)
    ]
    assert rows("tif,expire,time", *lines, cut=cut) == rows("tif,expire,time", *lines)


def test_a_mass_cancel_of_a_session() -> None:
    told = rows(
        "session,account",
        "new,a,X,buy,9,1,1,A",
        "new,a,X,buy,9,1,2,B",
        "new,c,X,sell,11,1,1,A",
        "mass_cancel,,,buy,,,1,",
        "mass_cancel,,X,,,,,",
    )
    assert told[3:] == [
        "5,cancelled,a,buy,9,1,,,mass_cancel",
        "6,cancelled,a,buy,9,1,,,mass_cancel",
        "6,cancelled,c,sell,11,1,,,mass_cancel",
    ]


AMOUNTS = ("stop_price", "display_qty", "min_qty", "peg_offset")
MALFORMED = [
    *((name, "x", f"{name} is not a number") for name in AMOUNTS),
    *((name, "1.123456789", f"{name} has more than 8 decimals") for name in AMOUNTS),
    *((name, "99999999999999", f"{name} is out of range") for name in AMOUNTS),
    ("hidden", "maybe", "a mark is neither yes nor no"),
    ("peg", "market", "unknown peg"),
    ("stp", "all", "unknown stp"),
    ("stp_id", "A" * 13, "stp_id is longer than 12 bytes"),
    ("stp_id", "\x7f", "stp_id is not printable ASCII"),
    ("account", "A" * 25, "account is longer than 24 bytes"),
    ("account", "\x01", "account is not printable ASCII"),
    ("session", "-1", "session is not a whole number"),
    ("expire", "1.5", "expire is not a whole number"),
    ("time", "9" * 19, "time is not a whole number"),
]
OF_OPERATIONS = [
    ("phase,,X,,,,,", "unknown phase"),
    ("phase,,X,,,,open,", "unknown phase"),
    ("phase,,X,,,,halted,soon", "until is not a whole number"),
]
FURTHER_FAULTS = {
    *(reason for _, _, reason in MALFORMED),
    *(reason for _, reason in OF_OPERATIONS),
}


@pytest.mark.parametrize(("columns", "values", "reason"), MALFORMED)
def test_what_is_malformed(columns: str, values: str, reason: str) -> None:
    assert rows(columns, f"new,a,X,buy,9,1,{values}") == [
        f"2,rejected,a,,,,,,malformed: {reason}"
    ]


@pytest.mark.parametrize(
    ("line", "reason"), [*OF_OPERATIONS, ("mass_cancel,,X,both,,,,", "unknown side")]
)
def test_what_is_malformed_of_an_operation(line: str, reason: str) -> None:
    assert rows("phase,until", line) == [f"2,rejected,,,,,,,malformed: {reason}"]


def plain_flow(seed: int, count: int) -> str:
    """Limit, market and ioc orders, cancels, replaces, mistakes of all sorts."""
    draw = Random(seed)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for _ in range(count):
        op = draw.choice(["new"] * 5 + ["cancel"] * 2 + ["replace"] * 2 + ["noop"])
        price = draw.choice([f"{draw.randrange(95, 106)}", "100.5", "-1", "", "1e3"])
        writer.writerow(
            [
                op if draw.random() < 0.99 else "",
                f"o{draw.randrange(300)}",
                draw.choice(["X", "X", "X", "Y", ""]),
                draw.choice(["buy", "sell", "sell", "buy", "BUY", ""]),
                price if draw.random() < 0.2 else f"{draw.randrange(95, 106)}",
                draw.choice(["1", "2.5", "10", "0", "3"]),
                draw.choice(["", "", "limit", "market"]),
                draw.choice(["", "day", "gtc", "ioc"]),
            ]
        )
    return out.getvalue()


def test_a_plain_flow_gives_what_it_always_gave() -> None:
    """The digest is of the output before there were any other orders."""
    found = rows("type,tif", *plain_flow(1, 20_000).splitlines())
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
    assert digest == GOLDEN


GOLDEN = "0de46f4b9851fd788c5ad442abae7bfcd5cb65422b32779cdf667b995f917387"


@pytest.mark.parametrize("seed", range(3))
def test_looking_ahead_changes_nothing(seed: int) -> None:
    """A batch of few commands is not looked ahead in, one of many is."""
    draw = Random(seed)
    lines = []
    for line in plain_flow(seed, 4_000).splitlines():
        session = draw.randrange(3)
        lines.append(f"{line},{session},{draw.choice(['', '1'])},,")
        if draw.random() < 0.01:
            lines.append(f"mass_cancel,,X,,,,,,{session},,,")
    columns = "type,tif,session,post_only,display_qty,min_qty"
    # Some two lines at a time.
    assert rows(columns, *lines, cut=60) == rows(columns, *lines)


def test_every_column_is_known() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert set(HEAD) < set(COLUMNS)
