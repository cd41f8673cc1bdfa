"""The instruments file: what it may say, and what is told when it says something
wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import instruments as module
from engine.codes import CommandKind
from engine.host.host import ShardHost
from engine.instruments import InstrumentsError, load
from engine.records import PRICE_MAX, QTY_MAX, UNIT, InstrumentCommand

ROOT = Path(__file__).parents[2]

COLUMNS = (
    "symbol,description,currency,tick,lot,reference_price,"
    "min_price,max_price,min_qty,max_qty,max_notional,static_band,dynamic_band,"
    "volatility_auction,maker_fee,taker_fee,auction_fee"
)


def one(**cells: str) -> str:
    """A file with one instrument; by default nothing but what it must have."""
    values = {"symbol": "ACME", "tick": "0.01", "lot": "1", **cells}
    row = ",".join(values.get(name, "") for name in COLUMNS.split(","))
    return f"{COLUMNS}\n{row}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(InstrumentsError) as caught:
        load(text, "x.csv")
    return str(caught.value).splitlines()


# -- good files ------------------------------------------------------------------------


def test_the_sample() -> None:
    path = ROOT / "config" / "instruments.csv"
    instruments = load(path.read_text(encoding="utf-8"), str(path))
    assert len(instruments) >= 20
    assert len({instrument.symbol for instrument in instruments}) == len(instruments)
    for instrument in instruments:
        assert InstrumentCommand.unpack(instrument.pack()) == instrument
        assert instrument.currency
        assert instrument.price_min <= instrument.reference_price
        assert instrument.reference_price <= instrument.price_max
        assert instrument.price_min % instrument.tick == 0
        assert instrument.price_max % instrument.tick == 0
        assert instrument.qty_max % instrument.lot == 0


def test_the_sample_is_defined_once(tmp_path: Path) -> None:
    text = (ROOT / "config" / "instruments.csv").read_text(encoding="utf-8")
    host = ShardHost(0, tmp_path, lambda: 1)
    assert host.define(load(text, "x"))
    assert host.define(load(text, "x")) == b""
    assert len(host.shard.terms()) == len(load(text, "x"))
    host.close()


def test_all_cells() -> None:
    text = one(
        description="Acme, the maker",
        currency="USD",
        reference_price="10.5",
        min_price="0.02",
        max_price="1000",
        min_qty="10",
        max_qty="5000",
        max_notional="50000000.5",
        static_band="10",
        dynamic_band="2.5",
        volatility_auction="120.5",
        maker_fee="-0.01",
        taker_fee="0.025",
        auction_fee="0.000001",
    ).replace("Acme, the maker", '"Acme, the maker"')
    assert load(text, "x.csv") == [
        InstrumentCommand(
            kind=CommandKind.DEFINE_INSTRUMENT,
            symbol="ACME",
            currency="USD",
            tick=UNIT // 100,
            lot=UNIT,
            reference_price=10 * UNIT + UNIT // 2,
            price_min=UNIT // 50,
            price_max=1000 * UNIT,
            qty_max=5000 * UNIT,
            notional_max=50_000_000 * UNIT + UNIT // 2,
            qty_min=10 * UNIT,
            static_band=10_000_000,
            dynamic_band=2_500_000,
            volatility_ns=120_500_000_000,
            maker_fee=-10_000,
            taker_fee=25_000,
            auction_fee=1,
        )
    ]


def test_empty_cells_and_absent_columns() -> None:
    expected = InstrumentCommand(
        kind=CommandKind.DEFINE_INSTRUMENT,
        symbol="ACME",
        tick=UNIT // 100,
        lot=UNIT,
        reference_price=0,
        price_min=UNIT // 100,
        price_max=PRICE_MAX,
        qty_max=QTY_MAX,
        notional_max=0,
    )
    assert load(one(), "x.csv") == [expected]
    assert load("lot,symbol,tick\n1,ACME,0.01", "x.csv") == [expected]
    assert load(" lot , symbol , tick \n\n 1 , ACME , 0.01 \n , , \n", "x") == [
        expected
    ]


def test_the_smallest_and_largest_values() -> None:
    (least,) = load(one(tick="0.00000001", lot="0.00000001"), "x.csv")
    assert (least.tick, least.lot, least.price_min) == (1, 1, 1)
    (most,) = load(one(tick="10000000000", lot="10000000000"), "x.csv")
    assert (most.tick, most.lot) == (PRICE_MAX, QTY_MAX)
    (long,) = load(one(symbol="S" * 24, currency="C" * 8), "x.csv")
    assert (long.symbol, long.currency) == ("S" * 24, "C" * 8)


def test_the_widest_band_and_the_longest_auction() -> None:
    text = one(static_band="100", dynamic_band="0.000001", volatility_auction="86400")
    (instrument,) = load(text, "x.csv")
    assert instrument.static_band == UNIT
    assert instrument.dynamic_band == 1
    assert instrument.volatility_ns == 86_400 * 10**9


@pytest.mark.parametrize("text", ["100", "-100", "0", "0.00"])
def test_the_largest_fees_and_none(text: str) -> None:
    (instrument,) = load(one(maker_fee=text, taker_fee="1"), "x.csv")
    assert instrument.maker_fee == int(float(text)) * UNIT // 100
    assert instrument.taker_fee == UNIT // 100
    assert instrument.auction_fee == 0


def test_the_order_of_the_file_is_kept() -> None:
    names = ["Z", "A", "M", "B"]
    text = "symbol,tick,lot\n" + "".join(f"{name},1,1\n" for name in names)
    assert [instrument.symbol for instrument in load(text, "x")] == names


# -- problems --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n", "description\n"])
def test_missing_columns(text: str) -> None:
    assert problems(text) == [
        f"x.csv:1: the column {name} is missing" for name in ("symbol", "tick", "lot")
    ]


def test_unknown_columns() -> None:
    assert problems("symbol,tick,lot,colour\nA,1,1,red\n") == [
        "x.csv:1: unknown column 'colour'"
    ]


def test_a_column_that_is_there_twice() -> None:
    """One of the two values would be ignored."""
    assert len(problems("symbol,tick,tick,lot\nA,1,2,1\n")) == 1


TEXT_PROBLEMS = [
    ({"symbol": ""}, "symbol is empty"),
    (
        {"symbol": "S" * 25},
        f"symbol '{'S' * 25}' is not 1 to 24 printable characters",
    ),
    ({"symbol": "Ä"}, "symbol 'Ä' is not 1 to 24 printable characters"),
    ({"symbol": "A\x01B"}, "symbol 'A\\x01B' is not 1 to 24 printable characters"),
    (
        {"currency": "C" * 9},
        "currency 'CCCCCCCCC' is not 1 to 8 printable characters",
    ),
    ({"tick": ""}, "tick is empty"),
    ({"lot": ""}, "lot is empty"),
    ({"min_price": "2", "max_price": "1"}, "min_price is above max_price"),
    ({"reference_price": "0.015"}, "reference_price is not a multiple of tick"),
    ({"min_qty": "2", "max_qty": "1"}, "min_qty is above max_qty"),
    (
        {"static_band": "10.0000001"},
        "static_band 10.0000001 has more than 6 decimal places",
    ),
    (
        {"maker_fee": "-0.0000001"},
        "maker_fee -0.0000001 has more than 6 decimal places",
    ),
    ({"taker_fee": "100.000001"}, "taker_fee 100.000001 is not from -100 to 100"),
    ({"taker_fee": "-100.000001"}, "taker_fee -100.000001 is not from -100 to 100"),
    (
        {"auction_fee": "99999999999999999999"},
        "auction_fee 99999999999999999999 is not from -100 to 100",
    ),
    (
        {"maker_fee": "1.123456789"},
        "maker_fee 1.123456789 has more than 8 decimal places",
    ),
    ({"maker_fee": "free"}, "maker_fee 'free' is not a decimal number"),
    ({"maker_fee": "--1"}, "maker_fee '--1' is not a decimal number"),
]


@pytest.mark.parametrize(("cells", "reason"), TEXT_PROBLEMS)
def test_a_wrong_cell(cells: dict[str, str], reason: str) -> None:
    assert problems(one(**cells)) == [f"x.csv:2: {reason}"]


NUMBERS = {
    "tick": PRICE_MAX,
    "lot": QTY_MAX,
    "reference_price": PRICE_MAX,
    "min_price": PRICE_MAX,
    "max_price": PRICE_MAX,
    "max_qty": QTY_MAX,
    "max_notional": 9 * 10**18,
    "min_qty": QTY_MAX,
    "static_band": 100 * UNIT,
    "dynamic_band": 100 * UNIT,
    "volatility_auction": 86_400 * UNIT,
}


@pytest.mark.parametrize("column", NUMBERS)
@pytest.mark.parametrize("text", ["ten", "1.2.3", "0x1", "NaN", "Infinity", "-", "1 0"])
def test_no_number(column: str, text: str) -> None:
    assert problems(one(**{column: text})) == [
        f"x.csv:2: {column} {text!r} is not a decimal number"
    ]


@pytest.mark.parametrize("column", NUMBERS)
@pytest.mark.parametrize("text", ["0.000000001", "1.123456789"])
def test_too_many_decimal_places(column: str, text: str) -> None:
    assert problems(one(**{column: text})) == [
        f"x.csv:2: {column} {text} has more than 8 decimal places"
    ]


def test_very_many_decimal_places() -> None:
    text = "1." + "0" * 40 + "1"
    assert problems(one(tick=text)) == [
        f"x.csv:2: tick {text} has more than 8 decimal places"
    ]


@pytest.mark.parametrize("column", NUMBERS)
def test_out_of_range(column: str) -> None:
    most = NUMBERS[column] // UNIT
    for text in ("0", "-1", f"{most}.00000001", f"{most}0"):
        assert problems(one(**{column: text})) == [
            f"x.csv:2: {column} {text} is not above 0 and at most {most}"
        ]


@pytest.mark.parametrize("text", ["1e999999", "1e99999999", "9" * 5000])
def test_absurd_numbers(text: str) -> None:
    (problem,) = problems(one(tick=text))
    assert problem.replace("'", "").startswith(f"x.csv:2: tick {text[:4]}")


def test_a_wrong_number_of_columns() -> None:
    assert problems("symbol,tick,lot\nA,1\nB,1,1,1\nC,1,1\n") == [
        "x.csv:2: 2 columns instead of 3",
        "x.csv:3: 4 columns instead of 3",
    ]


def test_a_symbol_that_is_there_twice() -> None:
    assert problems("symbol,tick,lot\nA,1,1\nB,1,1\n\nA,2,2\n") == [
        "x.csv:5: A is already on line 2"
    ]


def test_all_problems_at_once() -> None:
    assert problems("symbol,tick,lot\n,1,1\nA,0,1\nA,1,1\nA,1,1\nB,1\n") == [
        "x.csv:2: symbol is empty",
        "x.csv:3: tick 0 is not above 0 and at most 10000000000",
        "x.csv:5: A is already on line 4",
        "x.csv:6: 2 columns instead of 3",
    ]


def test_too_many_instruments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INSTRUMENTS_MAX", 3)
    text = "symbol,tick,lot\n" + "".join(f"S{n},1,1\n" for n in range(4))
    assert problems(text) == ["x.csv: more than 3 instruments"]
    assert len(load(text.removesuffix("S3,1,1\n"), "x.csv")) == 3


def test_a_cell_that_is_no_cell() -> None:
    """The reader of CSV has a limit of its own."""
    assert problems(f"symbol,tick,lot\n{'A' * 140_000},1,1\n")[0].startswith(
        "x.csv:2: "
    )
