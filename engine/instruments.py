"""Instrument definitions, as text: ``config/instruments.csv``.

Columns: symbol, description, currency, tick, lot, reference_price, min_price,
max_price, min_qty, max_qty, max_notional, static_band, dynamic_band,
volatility_auction, maker_fee, taker_fee, auction_fee. Decimals have at most 8 places,
percentages at most 6. An empty limit means the engine's own
(:data:`~engine.records.PRICE_MAX`, :data:`~engine.records.QTY_MAX`), an empty
max_notional or min_qty means none.

Bands are percentages: "10" lets a price be a tenth away from the last auction
(static_band) or the last trade (dynamic_band); empty means any price.
volatility_auction is the length in seconds of the auction that follows a halt, or when
the next trade would leave the dynamic band; empty means there is none, and what is left
of the order is cancelled. Fees are percentages of the value of a fill, below 0 a
rebate; empty means none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Protocol

from engine import decimals
from engine.codes import CommandKind
from engine.records import (
    CURRENCY_BYTES,
    PRICE_MAX,
    QTY_MAX,
    SYMBOL_BYTES,
    UNIT,
    InstrumentCommand,
)

REQUIRED = ("symbol", "tick", "lot")
KNOWN = (
    *REQUIRED,
    "description",
    "currency",
    "reference_price",
    "min_price",
    "max_price",
    "min_qty",
    "max_qty",
    "max_notional",
    "static_band",
    "dynamic_band",
    "volatility_auction",
    "maker_fee",
    "taker_fee",
    "auction_fee",
)

INSTRUMENTS_MAX = 100_000
"""More lines than this are refused: each costs a book in memory at start."""

BAND_PERCENT_MAX = 100
"""A wider band would hold nothing back below the price it is around."""

FEE_PERCENT_MAX = 100
"""Of the value, either way. The engine's arithmetic is exact up to there."""

VOLATILITY_SECONDS_MAX = 86_400
"""The longest volatility auction: a day."""


class _Rows(Protocol):
    """What csv.reader gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


class InstrumentsError(ValueError):
    """All that is wrong with an instruments file, one line per problem."""


def load(text: str, name: str) -> list[InstrumentCommand]:
    """The instruments in ``text``, in its order; ``name`` is the file for messages.

    Raises InstrumentsError naming file, line, column and reason of every problem.
    """
    rows = csv.reader(io.StringIO(text))
    try:
        return _load(rows, name)
    except csv.Error as error:
        raise InstrumentsError(f"{name}:{rows.line_num}: {error}") from error


def _load(rows: _Rows, name: str) -> list[InstrumentCommand]:
    problems: list[str] = []
    header = [column.strip() for column in next(rows, [])]
    for column in sorted({column for column in header if header.count(column) > 1}):
        problems.append(f"{name}:1: the column {column} is there twice")
    for column in REQUIRED:
        if column not in header:
            problems.append(f"{name}:1: the column {column} is missing")
    for column in header:
        if column not in KNOWN:
            problems.append(f"{name}:1: unknown column {column!r}")
    if problems:
        raise InstrumentsError("\n".join(problems))
    instruments: list[InstrumentCommand] = []
    seen: dict[str, int] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{name}:{rows.line_num}"
        if len(row) != len(header):
            problems.append(f"{where}: {len(row)} columns instead of {len(header)}")
            continue
        cells = {key: cell.strip() for key, cell in zip(header, row, strict=True)}
        try:
            instrument = _instrument(cells)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        if instrument.symbol in seen:
            first = seen[instrument.symbol]
            problems.append(f"{where}: {instrument.symbol} is already on line {first}")
            continue
        seen[instrument.symbol] = rows.line_num
        instruments.append(instrument)
    if len(instruments) > INSTRUMENTS_MAX:
        problems.append(f"{name}: more than {INSTRUMENTS_MAX} instruments")
    if problems:
        raise InstrumentsError("\n".join(problems))
    return instruments


def _instrument(cells: dict[str, str]) -> InstrumentCommand:
    tick = _decimal(cells, "tick", 0, PRICE_MAX)
    instrument = InstrumentCommand(
        kind=CommandKind.DEFINE_INSTRUMENT,
        symbol=_text(cells, "symbol", SYMBOL_BYTES),
        currency=_text(cells, "currency", CURRENCY_BYTES, required=False),
        tick=tick,
        lot=_decimal(cells, "lot", 0, QTY_MAX),
        reference_price=_decimal(cells, "reference_price", 0, PRICE_MAX, default=0),
        price_min=_decimal(cells, "min_price", 0, PRICE_MAX, default=tick),
        price_max=_decimal(cells, "max_price", 0, PRICE_MAX, default=PRICE_MAX),
        qty_max=_decimal(cells, "max_qty", 0, QTY_MAX, default=QTY_MAX),
        notional_max=_decimal(cells, "max_notional", 0, 9 * 10**18, default=0),
        qty_min=_decimal(cells, "min_qty", 0, QTY_MAX, default=0),
        static_band=_band(cells, "static_band"),
        dynamic_band=_band(cells, "dynamic_band"),
        volatility_ns=_decimal(
            cells, "volatility_auction", 0, VOLATILITY_SECONDS_MAX * UNIT, default=0
        )
        * 10,
        maker_fee=_fee(cells, "maker_fee"),
        taker_fee=_fee(cells, "taker_fee"),
        auction_fee=_fee(cells, "auction_fee"),
    )
    if instrument.price_min > instrument.price_max:
        raise ValueError("min_price is above max_price")
    if instrument.reference_price % tick:
        raise ValueError("reference_price is not a multiple of tick")
    if instrument.qty_min > instrument.qty_max:
        raise ValueError("min_qty is above max_qty")
    return instrument


def _text(cells: dict[str, str], column: str, size: int, required: bool = True) -> str:
    value = cells.get(column, "")
    if required and not value:
        raise ValueError(f"{column} is empty")
    if len(value) > size or not value.isascii() or not value.isprintable():
        raise ValueError(f"{column} {value!r} is not 1 to {size} printable characters")
    return value


def _decimal(
    cells: dict[str, str],
    column: str,
    above: int,
    most: int,
    default: int | None = None,
) -> int:
    text = cells.get(column, "")
    if not text:
        if default is None:
            raise ValueError(f"{column} is empty")
        return default
    span = f"not above {above} and at most {most // UNIT}"
    value = _number(column, text, span)
    if not above < value <= most:
        raise ValueError(f"{column} {text} is {span}")
    return value


def _band(cells: dict[str, str], column: str) -> int:
    """A percentage above 0 as a fraction of 1e8, 0 for an empty cell."""
    value = _decimal(cells, column, 0, BAND_PERCENT_MAX * UNIT, default=0)
    return _fraction(cells, column, value)


def _fee(cells: dict[str, str], column: str) -> int:
    """A percentage as a fraction of 1e8, 0 for an empty cell."""
    text = cells.get(column, "")
    if not text:
        return 0
    span = f"not from -{FEE_PERCENT_MAX} to {FEE_PERCENT_MAX}"
    value = _number(column, text, span)
    if abs(value) > FEE_PERCENT_MAX * UNIT:
        raise ValueError(f"{column} {text} is {span}")
    return _fraction(cells, column, value)


def _fraction(cells: dict[str, str], column: str, percent: int) -> int:
    if percent % 100:
        raise ValueError(f"{column} {cells[column]} has more than 6 decimal places")
    return percent // 100


def _number(column: str, text: str, span: str) -> int:
    """A decimal; ``span`` says what one beyond the engine's range is not."""
    try:
        return decimals.parse(text.encode("ascii", "replace"))
    except ValueError as error:
        if "decimal places" in str(error):
            problem = f"{column} {text} has more than 8 decimal places"
        elif "out of range" in str(error):
            problem = f"{column} {text} is {span}"
        else:
            problem = f"{column} {text!r} is not a decimal number"
        raise ValueError(problem) from None
