"""What answers hold, as models for the OpenAPI document.

The answers themselves are made without them, from plain dictionaries; tests hold one
to the other.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DecimalText = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]{1,16})?$", examples=["10.5"])
]
"""Shortest form: no leading or trailing zeros."""

Identifier = Annotated[str, Field(pattern=r"^[0-9]+-[0-9]+$", examples=["0-17"])]
"""``shard-number``, unique for ever."""

Nanoseconds = Annotated[int, Field(ge=0, description="Since the epoch, UTC.")]
Shard = Annotated[int, Field(ge=0, le=65535)]
Seq = Annotated[int, Field(ge=0, description="Event number in the shard.")]
SideWord = Literal["buy", "sell"]
PhaseWord = Literal[
    "continuous",
    "halted",
    "closed",
    "pre_open",
    "opening_auction",
    "volatility_auction",
    "closing_auction",
    "post_close",
    "cancel_only",
    "post_only",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reason(_Answer):
    """Why an order ended or was refused."""

    code: str
    text: str


class Order(_Answer):
    """An order as it is after event `seq` of its shard."""

    client_order_id: str
    order_id: Identifier
    symbol: str
    side: SideWord
    type: Literal["limit", "market", "stop", "stop_limit", "market_to_limit", "pegged"]
    time_in_force: Literal["day", "gtc", "ioc", "fok", "gtd", "opg", "atc", "gfa"]
    qty: DecimalText
    price: DecimalText | None
    stop_price: DecimalText | None
    triggered: bool | None
    trailing_offset: DecimalText | None
    peg: Literal["primary", "midpoint"] | None
    peg_offset: DecimalText | None
    pegged_price: DecimalText | None
    expire_ns: Nanoseconds | None
    display_qty: DecimalText | None
    min_qty: DecimalText | None
    post_only: bool
    hidden: bool
    all_or_none: bool
    self_trade: (
        Literal["cancel_newest", "cancel_oldest", "cancel_both", "decrement"] | None
    )
    self_trade_id: str | None
    status: Literal[
        "open", "partially_filled", "filled", "cancelled", "rejected", "expired"
    ]
    filled_qty: DecimalText
    leaves_qty: DecimalText
    avg_price: DecimalText | None
    reason: Reason | None
    created_ns: Nanoseconds
    updated_ns: Nanoseconds
    shard: Shard
    seq: Seq


class OrderPage(_Answer):
    """Orders, newest first; `next` is null on the last page."""

    orders: list[Order]
    next: str | None


class Fill(_Answer):
    """One execution of an order."""

    exec_id: Identifier
    trade_id: Identifier
    order_id: Identifier
    client_order_id: str
    symbol: str
    side: SideWord
    price: DecimalText
    qty: DecimalText
    liquidity: Literal["maker", "taker", "auction"]
    fee: DecimalText
    state: Literal["valid", "corrected", "cancelled"]
    time_ns: Nanoseconds
    shard: Shard
    seq: Seq


class FillPage(_Answer):
    """Fills, newest first; `next` is null on the last page."""

    fills: list[Fill]
    next: str | None


class Position(_Answer):
    """What the account has bought and sold of one symbol. Notionals are exact sums of
    price x quantity."""

    symbol: str
    net_qty: DecimalText
    bought_qty: DecimalText
    sold_qty: DecimalText
    bought_notional: DecimalText
    sold_notional: DecimalText
    updated_ns: Nanoseconds
    shard: Shard
    seq: Seq


class Positions(_Answer):
    """Positions by symbol."""

    positions: list[Position]


class NotCancelled(_Answer):
    """An order that could not be cancelled, with a code of the error table."""

    client_order_id: str
    code: str
    message: str


class CancelAll(_Answer):
    """What became of each open order. Orders of unavailable shards may be missing."""

    cancelled: list[str]
    not_cancelled: list[NotCancelled]
    unavailable_shards: list[Shard]


class CancelAfter(_Answer):
    """When everything is cancelled; `deadline_ns` is null if it no longer is."""

    deadline_ns: Nanoseconds | None
    time_ns: Nanoseconds
    unavailable_shards: list[Shard]


class Instrument(_Answer):
    """Terms and status of an instrument."""

    symbol: str
    currency: str
    status: Literal["trading", "halted"]
    phase: PhaseWord
    available: bool
    shard: Shard
    tick: DecimalText
    lot: DecimalText
    reference_price: DecimalText | None
    price_min: DecimalText
    price_max: DecimalText
    qty_min: DecimalText | None
    qty_max: DecimalText
    notional_max: DecimalText | None


class Instruments(_Answer):
    """All instruments, by symbol."""

    instruments: list[Instrument]


Level = Annotated[list[DecimalText], Field(min_length=2, max_length=2)]


class Book(_Answer):
    """The best levels as `[price, quantity]`, best first."""

    symbol: str
    seq: Seq
    time_ns: Nanoseconds
    bids: list[Level]
    asks: list[Level]


class Trade(_Answer):
    """One trade; without `aggressor_side` it is of an auction. `change` is there when
    the exchange has corrected or cancelled a trade that was told before."""

    trade_id: Identifier
    symbol: str
    price: DecimalText
    qty: DecimalText
    aggressor_side: SideWord | None
    time_ns: Nanoseconds
    seq: Seq
    change: Literal["corrected", "cancelled"] | None = None


class Trades(_Answer):
    """Trades, newest first; `next` is null when no more are kept."""

    trades: list[Trade]
    next: int | None


class Ticker(_Answer):
    """Best prices, last trade, 24 hours of engine time."""

    symbol: str
    seq: Seq
    time_ns: Nanoseconds
    status: Literal["trading", "halted"]
    phase: PhaseWord
    last: DecimalText | None
    last_qty: DecimalText | None
    bid: DecimalText | None
    bid_qty: DecimalText | None
    ask: DecimalText | None
    ask_qty: DecimalText | None
    open_24h: DecimalText | None
    high_24h: DecimalText | None
    low_24h: DecimalText | None
    volume_24h: DecimalText
    trades_24h: int
    change_24h: DecimalText | None
    change_percent_24h: str | None


class Candle(_Answer):
    """What was traded in one interval that begins at `time_ns`."""

    time_ns: Nanoseconds
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    trades: int
    seq: Annotated[int, Field(description="Number of the last trade in it.")]


class Candles(_Answer):
    """Candles, oldest first; intervals without a trade have none."""

    symbol: str
    interval_s: int
    candles: list[Candle]


class Time(_Answer):
    """The exchange's clock."""

    time_ns: Nanoseconds
    time_ms: Annotated[int, Field(description="As `FIXGW-TIMESTAMP` wants it.")]


class Health(_Answer):
    """The process answers."""

    process: str
    version: str


class Dependency(_Answer):
    """Something the side door needs. `seq`: the last event taken of a shard."""

    up: bool
    seq: Seq | None = None


class Readiness(_Answer):
    """Whether every shard can be reached. Problems may be there although it is ready:
    limits that are not shared, for instance."""

    ready: bool
    dependencies: dict[str, Dependency]
    problems: int = Field(
        ge=0, description="How many there are. Operators see them in full elsewhere."
    )


class FieldFault(_Answer):
    """One thing that is wrong with a request."""

    field: str
    message: str


class Error(_Answer):
    """Why a request was not done. `code` is stable, `message` is for people."""

    code: str
    message: str
    request_id: str
    fields: list[FieldFault] | None = None
    order: Order | None = None


class ErrorAnswer(_Answer):
    """The one form of every answer that is no success."""

    error: Error
