"""The tables, described once: from here come the SQL of both databases and the
document.

``python -m fixgw.readmodel.schema`` writes the tables into ``spec/readmodel.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

SCHEMA_VERSION = 2
"""Written into every database. Another one is refused: rebuild it."""


class Type(Enum):
    """What a column holds: its type in PostgreSQL and in SQLite, and how many decimal
    places people would see. The first word keeps members apart."""

    INTEGER = ("integer", "BIGINT", "INTEGER", 0)
    TIME = ("time", "BIGINT", "INTEGER", 0)
    """Nanoseconds since the epoch, UTC. Such a column is named ..._ns."""
    AMOUNT = ("amount", "BIGINT", "INTEGER", 8)
    """A price or quantity in units of 1e-8."""
    QTY_SUM = ("quantities", "NUMERIC(60)", "TEXT", 8)
    """Quantities added up, in units of 1e-8; digits in SQLite, whose integers end at 63
    bits."""
    VALUE_SUM = ("values", "NUMERIC(60)", "TEXT", 16)
    """Prices x quantities added up, in units of 1e-16."""
    TEXT = ("text", "TEXT", "TEXT", 0)

    @property
    def postgres(self) -> str:
        """The type in PostgreSQL."""
        return self.value[1]

    @property
    def sqlite(self) -> str:
        """The type in SQLite."""
        return self.value[2]

    @property
    def places(self) -> int:
        """Decimal places of what is kept as whole units; 0 for everything else."""
        return self.value[3]

    @property
    def is_sum(self) -> bool:
        """Whether numbers of any size are possible."""
        return self in (Type.QTY_SUM, Type.VALUE_SUM)


class Merge(Enum):
    """What becomes of a row that is there already."""

    NEVER = "never"
    """It cannot be: every event is taken once."""
    REPLACE = "replace"
    ADD = "add"
    """Sums are added up, of other columns the greatest stays."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``keep``: once it is set, an empty value leaves it as it is."""

    name: str
    type: Type
    meaning: str
    keep: bool = False
    once: bool = False
    """Set by the first row only."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``key`` names the columns of its primary key."""

    name: str
    meaning: str
    key: tuple[str, ...]
    merge: Merge
    columns: tuple[Column, ...]
    indexes: tuple[tuple[str, ...], ...] = ()


def _columns(*rows: tuple[str, Type, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_PLACE = (
    ("shard", Type.INTEGER, "shard"),
    ("seq", Type.INTEGER, "event number in the shard, dense from 1"),
)
_OWNER = (
    ("session", Type.TEXT, "key of the session that owns it, 16 hex digits"),
    ("account", Type.TEXT, "Account(1), may be empty"),
    ("symbol", Type.TEXT, "Symbol(55)"),
)

PROGRESS = Table(
    "progress",
    "Up to which event everything else here is true, per shard.",
    ("shard",),
    Merge.REPLACE,
    _columns(
        ("shard", Type.INTEGER, "shard"),
        ("seq", Type.INTEGER, "last event taken"),
        ("chain", Type.TEXT, "chain of the events up to it, 32 hex digits"),
        ("chain_before", Type.TEXT, "chain of the events before it"),
        ("time_ns", Type.TIME, "engine time of it"),
        ("kafka_offset", Type.INTEGER, "its offset in the topic; -1 from a log"),
    ),
)

ORDERS = Table(
    "orders",
    "Every order as it is now, refused ones included.",
    ("order_id",),
    Merge.REPLACE,
    (
        Column("order_id", Type.TEXT, "OrderID(37)"),
        *_columns(*_OWNER),
        Column("cl_ord_id", Type.TEXT, "ClOrdID(11), the current one", keep=True),
        *_columns(
            ("side", Type.TEXT, "Side(54): BUY, SELL or the refused character"),
            ("ord_type", Type.TEXT, "OrdType(40): MARKET, LIMIT, …"),
            ("time_in_force", Type.TEXT, "TimeInForce(59): DAY, GTC, IOC, …"),
            ("status", Type.TEXT, "OrdStatus(39), by name"),
            ("price", Type.AMOUNT, "Price(44), 0 for none"),
            ("qty", Type.AMOUNT, "OrderQty(38)"),
            ("leaves_qty", Type.AMOUNT, "LeavesQty(151)"),
            ("cum_qty", Type.AMOUNT, "CumQty(14)"),
            ("avg_price", Type.AMOUNT, "AvgPx(6), rounded"),
            ("stop_price", Type.AMOUNT, "StopPx(99); of a pegged order its limit"),
            ("triggered", Type.INTEGER, "1: a stop that has been triggered"),
            ("display_qty", Type.AMOUNT, "MaxFloor(111), 0 = all"),
            ("shown_qty", Type.AMOUNT, "what the book displays of it"),
            ("min_qty", Type.AMOUNT, "MinQty(110)"),
            ("peg_offset", Type.AMOUNT, "PegOffsetValue(211), distance of a trail"),
            ("expire_ns", Type.TIME, "ExpireTime(126), 0 = none"),
            ("exec_inst", Type.TEXT, "names in records.md with spaces between"),
            ("stp", Type.TEXT, "self-trade prevention, by name"),
            ("stp_id", Type.TEXT, "SelfMatchPreventionID(2362), may be empty"),
            ("reason", Type.TEXT, "why it was refused, ended or last changed; empty"),
        ),
        Column("created_ns", Type.TIME, "engine time of its arrival", once=True),
        Column("updated_ns", Type.TIME, "engine time of its last event"),
        Column("shard", Type.INTEGER, "shard"),
        Column("seq", Type.INTEGER, "its last event"),
    ),
    indexes=(("session", "status"), ("symbol", "status")),
)

ORDER_EVENTS = Table(
    "order_events",
    "Everything that happened to orders, refused cancels and replaces included. What "
    "was only asked for (statuses, answers to mass requests) is not among it.",
    ("shard", "seq"),
    Merge.NEVER,
    _columns(
        *_PLACE,
        ("command_seq", Type.INTEGER, "number of the causing command"),
        ("kind", Type.TEXT, "ACCEPTED, REJECTED, FILLED, CANCELLED, …"),
        ("order_id", Type.TEXT, "OrderID(37), empty if none is known"),
        *_OWNER,
        ("cl_ord_id", Type.TEXT, "ClOrdID(11) of the message it answers"),
        ("orig_cl_ord_id", Type.TEXT, "OrigClOrdID(41), may be empty"),
        ("side", Type.TEXT, "Side(54)"),
        ("status", Type.TEXT, "OrdStatus(39) afterwards"),
        ("price", Type.AMOUNT, "Price(44)"),
        ("stop_price", Type.AMOUNT, "StopPx(99); of a pegged order its limit"),
        ("qty", Type.AMOUNT, "OrderQty(38)"),
        ("leaves_qty", Type.AMOUNT, "LeavesQty(151)"),
        ("cum_qty", Type.AMOUNT, "CumQty(14)"),
        ("shown_qty", Type.AMOUNT, "what the book displays of it"),
        ("trade_id", Type.TEXT, "of a fill, and of a trade that was changed"),
        ("last_price", Type.AMOUNT, "LastPx(31) of a fill"),
        ("last_qty", Type.AMOUNT, "LastQty(32); what was cancelled on an end"),
        ("reason", Type.TEXT, "why; empty"),
        ("time_ns", Type.TIME, "engine time"),
    ),
    indexes=(("order_id",), ("session", "time_ns")),
)

EXECUTIONS = Table(
    "executions",
    "Fills: two per trade, one for each side, as they are now: order_events tells how "
    "they came about.",
    ("exec_id",),
    Merge.NEVER,
    _columns(
        ("exec_id", Type.TEXT, "ExecID(17)"),
        ("trade_id", Type.TEXT, "the trade"),
        ("order_id", Type.TEXT, "OrderID(37)"),
        ("contra_order_id", Type.TEXT, "OrderID(37) of the other side"),
        *_OWNER,
        ("cl_ord_id", Type.TEXT, "ClOrdID(11) of the order"),
        ("side", Type.TEXT, "Side(54)"),
        ("liquidity", Type.TEXT, "ADDED, REMOVED or AUCTION"),
        ("price", Type.AMOUNT, "LastPx(31), the correct one"),
        ("qty", Type.AMOUNT, "LastQty(32)"),
        ("fee", Type.AMOUNT, "in the currency; below 0 = a rebate"),
        ("state", Type.TEXT, "VALID, CORRECTED or CANCELLED: then it does not count"),
        ("time_ns", Type.TIME, "engine time"),
        *_PLACE,
    ),
    indexes=(("session", "time_ns"), ("order_id",), ("trade_id",)),
)

TRADES = Table(
    "trades",
    "Trades, one row each.",
    ("trade_id",),
    Merge.NEVER,
    _columns(
        ("trade_id", Type.TEXT, "ExecID(17) of its first fill"),
        ("symbol", Type.TEXT, "Symbol(55)"),
        ("price", Type.AMOUNT, "price, the correct one"),
        ("qty", Type.AMOUNT, "quantity"),
        ("aggressor_side", Type.TEXT, "side of the later order; empty of an auction"),
        ("state", Type.TEXT, "VALID, CORRECTED or CANCELLED: then it does not count"),
        ("buy_order_id", Type.TEXT, "OrderID(37) of the buyer"),
        ("sell_order_id", Type.TEXT, "OrderID(37) of the seller"),
        ("time_ns", Type.TIME, "engine time"),
        *_PLACE,
    ),
    indexes=(("symbol", "time_ns"),),
)

POSITIONS = Table(
    "positions",
    "What each owner has bought and sold of each symbol, trades that were cancelled or "
    "corrected as they are now. A value is price x quantity, exact, in units of 1e-16.",
    ("session", "account", "symbol"),
    Merge.ADD,
    _columns(
        *_OWNER,
        ("net_qty", Type.QTY_SUM, "bought less sold, units of 1e-8"),
        ("bought_qty", Type.QTY_SUM, "units of 1e-8"),
        ("bought_value", Type.VALUE_SUM, "units of 1e-16"),
        ("sold_qty", Type.QTY_SUM, "units of 1e-8"),
        ("sold_value", Type.VALUE_SUM, "units of 1e-16"),
        ("updated_ns", Type.TIME, "engine time of the last fill or change of one"),
    ),
)

INSTRUMENTS = Table(
    "instruments",
    "Every instrument: its terms and its trading phase.",
    ("shard", "symbol"),
    Merge.REPLACE,
    (
        *_columns(
            ("symbol", Type.TEXT, "Symbol(55)"),
            ("currency", Type.TEXT, "Currency(15)"),
            ("tick", Type.AMOUNT, "prices are multiples of it"),
            ("lot", Type.AMOUNT, "quantities are multiples of it"),
            ("reference_price", Type.AMOUNT, "last known fair price, 0 = none"),
            ("price_min", Type.AMOUNT, "lowest limit price"),
            ("price_max", Type.AMOUNT, "highest limit price"),
            ("qty_min", Type.AMOUNT, "smallest OrderQty(38), 0 = none"),
            ("qty_max", Type.AMOUNT, "largest OrderQty(38)"),
            ("notional_max", Type.AMOUNT, "largest price x quantity, 0 = unlimited"),
            ("static_band", Type.AMOUNT, "part of the reference price, 0 = any"),
            ("dynamic_band", Type.AMOUNT, "part of the last price, 0 = any"),
            ("volatility_ns", Type.INTEGER, "length of a volatility auction"),
            ("maker_fee", Type.AMOUNT, "part of the value; below 0 = a rebate"),
            ("taker_fee", Type.AMOUNT, "part of the value; below 0 = a rebate"),
            ("auction_fee", Type.AMOUNT, "part of the value; below 0 = a rebate"),
        ),
        Column("phase", Type.TEXT, "trading phase, by name", once=True),
        Column("phase_reason", Type.TEXT, "why it is in it; empty", once=True),
        Column(
            "phase_since_ns", Type.TIME, "when it began, 0 = at the start", once=True
        ),
        Column("phase_until_ns", Type.TIME, "when it ends, 0 = open", once=True),
        Column("shard", Type.INTEGER, "shard"),
        Column("seq", Type.INTEGER, "event that defined it so"),
    ),
)

PHASES = Table(
    "phases",
    "Every change of a trading phase.",
    ("shard", "seq"),
    Merge.NEVER,
    _columns(
        *_PLACE,
        ("symbol", Type.TEXT, "Symbol(55)"),
        ("phase", Type.TEXT, "trading phase, by name"),
        ("reason", Type.TEXT, "why; empty"),
        ("until_ns", Type.TIME, "engine time at which it ends by itself, 0 = never"),
        ("then_phase", Type.TEXT, "phase after that; empty"),
        ("reference_price", Type.AMOUNT, "of the static band, 0 = none"),
        ("last_price", Type.AMOUNT, "of the last trade, 0 = none"),
        ("time_ns", Type.TIME, "engine time"),
    ),
    indexes=(("symbol", "time_ns"),),
)

AUCTIONS = Table(
    "auctions",
    "Every auction that was held: what traded at which price.",
    ("shard", "seq"),
    Merge.NEVER,
    _columns(
        *_PLACE,
        ("symbol", Type.TEXT, "Symbol(55)"),
        ("phase", Type.TEXT, "trading phase it was of"),
        ("price", Type.AMOUNT, "the one price, 0 = nothing traded"),
        ("volume", Type.AMOUNT, "quantity that traded"),
        ("imbalance_side", Type.TEXT, "side of the surplus; empty"),
        ("imbalance_qty", Type.AMOUNT, "surplus at that price"),
        ("time_ns", Type.TIME, "engine time"),
    ),
    indexes=(("symbol", "time_ns"),),
)

PARTICIPANTS = Table(
    "participants",
    "Who is behind a session key.",
    ("session",),
    Merge.REPLACE,
    _columns(
        ("session", Type.TEXT, "key of the session, 16 hex digits"),
        ("name", Type.TEXT, "its name"),
    ),
)

META = Table(
    "meta",
    "About this database.",
    ("key",),
    Merge.REPLACE,
    _columns(
        ("key", Type.TEXT, "schema_version"),
        ("value", Type.TEXT, "its value"),
    ),
)

DATA = (
    *(ORDERS, ORDER_EVENTS, EXECUTIONS, TRADES, POSITIONS),
    *(INSTRUMENTS, PHASES, AUCTIONS, PARTICIPANTS),
)
TABLES = (META, PROGRESS, *DATA)

_BEGIN = "<!-- tables: generated by python -m fixgw.readmodel.schema -->"
_END = "<!-- end of tables -->"
DOCUMENT = Path(__file__).resolve().parents[2] / "spec" / "readmodel.md"


def render_tables() -> str:
    """The tables as Markdown."""
    lines: list[str] = []
    for table in TABLES:
        lines += ["", f"### {table.name}", "", table.meaning, ""]
        lines += ["| column | PostgreSQL | SQLite | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            name = f"**{column.name}**" if column.name in table.key else column.name
            types = f"{column.type.postgres} | {column.type.sqlite}"
            lines.append(f"| {name} | {types} | {column.meaning} |")
    return "\n".join(lines) + "\n"


def with_tables(document: str) -> str:
    """A document with its tables made anew."""
    before, _, rest = document.partition(_BEGIN)
    _, _, behind = rest.partition(_END)
    return f"{before}{_BEGIN}\n{render_tables()}\n{_END}{behind}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
