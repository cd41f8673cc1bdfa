"""A history of two shards in logs, and what the tables should hold of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from engine.eventchain import extend, genesis
from engine.host.host import ShardHost
from engine.records import (
    EVENT_BYTES,
    AuctionEvent,
    InstrumentEvent,
    PhaseEvent,
    unpack_all,
)
from fixgw.config import Config, parse
from fixgw.readmodel.consumer import Consumer
from fixgw.readmodel.database import Database
from fixgw.readmodel.names import Names
from fixgw.readmodel.schema import DATA, Table
from fixgw.readmodel.sources import LogSource, Source
from tests.reference.flow import Flow

SHARDS = 2
NAMES = Names({1: "FIX.4.4:EXCHANGE->ONE", 2: "FIX.4.4:EXCHANGE->TWO"})
UNITS = 48


def config_of(folder: Path, **sections: Any) -> Config:
    """A configuration whose data lie in ``folder``."""
    tree = {"sessions": "s.cfg", "instruments": "i.csv", "data": "data", **sections}
    return parse(tree, folder / "fixgw.toml")


class History:
    """The logs of two shards, written by real hosts from a random flow."""

    def __init__(self, config: Config, seed: int = 0) -> None:
        self._random = Random(seed)
        self._now = 1_800_000_000 * 10**9
        self._hosts = {
            shard: ShardHost(shard, config.shard_folder(shard), self._clock)
            for shard in range(SHARDS)
        }
        self._flows: dict[int, Iterator[Any]] = {
            shard: iter(Flow(Random(f"{seed} {shard}"))) for shard in range(SHARDS)
        }
        self.events: dict[int, list[bytes]] = {shard: [] for shard in range(SHARDS)}

    def _clock(self) -> int:
        self._now += 1000
        return self._now

    def write(self, commands: int) -> None:
        """Some more commands in batches of any size, shared out among the shards."""
        while commands > 0:
            count = min(self._random.randint(1, 40), commands)
            commands -= count
            shard = self._random.randrange(SHARDS)
            batch = b"".join(
                command.pack() for command in islice(self._flows[shard], count)
            )
            packed = self._hosts[shard].process(batch)
            self.events[shard] += [
                packed[start : start + EVENT_BYTES]
                for start in range(0, len(packed), EVENT_BYTES)
            ]

    def chains(self, shard: int) -> list[bytes]:
        """The chain's value after each event."""
        return extend(genesis(shard), b"".join(self.events[shard]))

    @property
    def count(self) -> int:
        """Events of all shards."""
        return sum(map(len, self.events.values()))

    def close(self) -> None:
        """A clean end of both hosts."""
        for host in self._hosts.values():
            host.close()


def consume(source: Source, database: Database, names: Names = NAMES) -> Consumer:
    """Take everything there is now."""

    async def run() -> Consumer:
        consumer = Consumer(source, database, names)
        try:
            await consumer.run(asyncio.Event(), until_level=True)
        finally:
            await consumer.close()
        return consumer

    return asyncio.run(run())


def consume_logs(config: Config, database: Database) -> Consumer:
    """The same from the logs of ``config``."""
    return consume(LogSource(config), database)


def tables(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows but those about the database itself, as dicts, sorted."""
    snapshot = database.snapshot()
    found = {table.name: sorted_rows(table, snapshot.read(table)) for table in DATA}
    snapshot.close()
    return found


def sorted_rows(table: Table, rows: Any) -> list[dict[str, Any]]:
    """As dicts, in the order of the key."""
    names = [column.name for column in table.columns]
    dicts = [dict(zip(names, row, strict=True)) for row in rows]
    return sorted(dicts, key=lambda row: [str(row[name]) for name in table.key])


def place(number: int) -> str:
    """``shard-number``."""
    return f"{number >> UNITS}-{number % (1 << UNITS)}" if number else ""


_SIDES = {0: "", ord("1"): "BUY", ord("2"): "SELL"}
_KINDS = {
    **{1: "ACCEPTED", 2: "REJECTED", 3: "FILLED", 4: "CANCELLED", 5: "REPLACED"},
    **{6: "CANCEL_REJECTED", 7: "REPLACE_REJECTED", 8: "EXPIRED", 9: "TRIGGERED"},
    10: "RESTATED",
}
"""Of orders, without changed trades: the flow has none."""
_STATUS = {
    **{"0": "NEW", "1": "PARTIALLY_FILLED", "2": "FILLED", "4": "CANCELED"},
    **{"8": "REJECTED", "C": "EXPIRED"},
}


def expected(history: History) -> dict[str, list[dict[str, Any]]]:
    """What the tables should hold: from the events, by the words of the document."""
    orders: dict[str, dict[str, Any]] = {}
    happened, fills, trades, phases, auctions = [], [], [], [], []
    listed: dict[tuple[int, str], dict[str, Any]] = {}
    held: dict[tuple[str, str, str], dict[str, Any]] = {}
    people = set()
    for shard, packed in history.events.items():
        for event in unpack_all(b"".join(packed), EVENT_BYTES):
            if isinstance(event, InstrumentEvent):
                old = listed.get((shard, event.symbol), _NEW_PHASE)
                listed[shard, event.symbol] = {
                    **{name: getattr(event, name) for name in _TERMS},
                    **{name: old[name] for name in _NEW_PHASE},
                    "shard": shard,
                    "seq": event.seq,
                }
            elif isinstance(event, PhaseEvent):
                phases.append(_phase(shard, event))
                listed[shard, event.symbol] |= {
                    "phase": phases[-1]["phase"],
                    "phase_reason": phases[-1]["reason"],
                    "phase_since_ns": event.time,
                    "phase_until_ns": event.until,
                }
            elif isinstance(event, AuctionEvent) and event.uncrossed:
                auctions.append(_auction(shard, event))
            if event.kind not in _KINDS:
                continue
            kind = _KINDS[event.kind]
            owner = {
                "session": f"{event.session:016x}",
                "account": event.account,
                "symbol": event.symbol,
            }
            people.add(event.session)
            side = _SIDES.get(event.side, chr(event.side))
            status = _STATUS[chr(event.ord_status)]
            reason = event.reason and _reason(event.reason)
            amounts = {
                name: getattr(event, name)
                for name in (
                    *("price", "stop_price", "qty", "leaves_qty", "cum_qty"),
                    "shown_qty",
                )
            }
            happened.append(
                {
                    **owner,
                    **amounts,
                    "shard": shard,
                    "seq": event.seq,
                    "command_seq": event.command_seq,
                    "kind": kind,
                    "order_id": place(event.order_id),
                    "cl_ord_id": event.cl_ord_id,
                    "orig_cl_ord_id": event.orig_cl_ord_id,
                    "side": side,
                    "status": status,
                    "trade_id": place(event.trade_id),
                    "last_price": event.last_price,
                    "last_qty": event.last_qty,
                    "reason": reason or "",
                    "time_ns": event.time,
                }
            )
            if kind in ("CANCEL_REJECTED", "REPLACE_REJECTED"):
                continue
            order_id = place(event.order_id)
            old = orders.get(order_id, {})
            orders[order_id] = {
                **owner,
                **amounts,
                "order_id": order_id,
                "cl_ord_id": old["cl_ord_id"]
                if kind == "CANCELLED"
                else event.cl_ord_id,
                "side": side,
                "ord_type": _word("ord_type", event),
                "time_in_force": _word("time_in_force", event),
                "status": status,
                "avg_price": event.avg_price,
                "triggered": event.triggered,
                "display_qty": event.display_qty,
                "min_qty": event.min_qty,
                "peg_offset": event.peg_offset,
                "expire_ns": event.expire_time,
                "exec_inst": _bits(event.exec_inst),
                "stp": _word("stp", event),
                "stp_id": event.stp_id,
                "reason": reason or "",
                "created_ns": old.get("created_ns", event.time),
                "updated_ns": event.time,
                "shard": shard,
                "seq": event.seq,
            }
            if kind != "FILLED":
                continue
            fills.append(
                {
                    **owner,
                    "exec_id": f"{shard}-{event.seq}",
                    "trade_id": place(event.trade_id),
                    "order_id": order_id,
                    "contra_order_id": place(event.contra_order_id),
                    "cl_ord_id": event.cl_ord_id,
                    "side": side,
                    "liquidity": _LIQUIDITY[event.liquidity],
                    "price": event.last_price,
                    "qty": event.last_qty,
                    "fee": event.fee,
                    "state": "VALID",
                    "time_ns": event.time,
                    "shard": shard,
                    "seq": event.seq,
                }
            )
            if place(event.trade_id) != f"{shard}-{event.seq}":
                pair = [order_id, place(event.contra_order_id)]
                trades.append(
                    {
                        "trade_id": place(event.trade_id),
                        "symbol": event.symbol,
                        "price": event.last_price,
                        "qty": event.last_qty,
                        "aggressor_side": side if event.liquidity == 2 else "",
                        "state": "VALID",
                        "buy_order_id": pair[0 if side == "BUY" else 1],
                        "sell_order_id": pair[1 if side == "BUY" else 0],
                        "time_ns": event.time,
                        "shard": shard,
                        "seq": event.seq,
                    }
                )
            position = held.setdefault(
                tuple(owner.values()),  # type: ignore[arg-type]
                {**owner, **dict.fromkeys(_SUMS, 0)},
            )
            word = "bought" if side == "BUY" else "sold"
            position[f"{word}_qty"] += event.last_qty
            position[f"{word}_value"] += event.last_qty * event.last_price
            position["net_qty"] = position["bought_qty"] - position["sold_qty"]
            position["updated_ns"] = max(position.get("updated_ns", 0), event.time)
    names = {1: "FIX.4.4:EXCHANGE->ONE", 2: "FIX.4.4:EXCHANGE->TWO"}
    rows = {
        "orders": list(orders.values()),
        "order_events": happened,
        "executions": fills,
        "trades": trades,
        "positions": list(held.values()),
        "instruments": list(listed.values()),
        "phases": phases,
        "auctions": auctions,
        "participants": [
            {"session": f"{key:016x}", "name": names[key]}
            for key in people
            if key in names
        ],
    }
    keys = {table.name: table.key for table in DATA}
    return {
        name: sorted(rows[name], key=lambda row: [str(row[k]) for k in keys[name]])
        for name in rows
    }


def assert_same(found: dict[str, list[dict[str, Any]]], history: History) -> None:
    """All but names: the process knows the sessions of the sample only."""
    wanted = expected(history)
    for name in wanted.keys() - {"participants"}:
        assert found[name] == wanted[name], name


_SUMS = ("net_qty", "bought_qty", "bought_value", "sold_qty", "sold_value")


_LIQUIDITY = {1: "ADDED", 2: "REMOVED", 4: "AUCTION"}
_PHASES = (
    *("", "CONTINUOUS", "HALTED", "CLOSED", "PRE_OPEN", "OPENING_AUCTION"),
    *("VOLATILITY_AUCTION", "CLOSING_AUCTION", "POST_CLOSE", "CANCEL_ONLY"),
    "POST_ONLY",
)
_PHASE_REASONS = ("", "SCHEDULE", "OPERATOR", "BAND", "CIRCUIT_BREAKER", "TIME")
_TERMS = (
    *("symbol", "currency", "tick", "lot", "reference_price", "price_min"),
    *("price_max", "qty_min", "qty_max", "notional_max", "static_band"),
    *("dynamic_band", "volatility_ns", "maker_fee", "taker_fee", "auction_fee"),
)
_NEW_PHASE = {
    "phase": "CONTINUOUS",
    "phase_reason": "",
    "phase_since_ns": 0,
    "phase_until_ns": 0,
}


def _phase(shard: int, event: PhaseEvent) -> dict[str, Any]:
    return {
        "shard": shard,
        "seq": event.seq,
        "symbol": event.symbol,
        "phase": _PHASES[event.phase],
        "reason": _PHASE_REASONS[event.reason],
        "until_ns": event.until,
        "then_phase": _PHASES[event.then],
        "reference_price": event.reference_price,
        "last_price": event.last_price,
        "time_ns": event.time,
    }


def _auction(shard: int, event: AuctionEvent) -> dict[str, Any]:
    return {
        "shard": shard,
        "seq": event.seq,
        "symbol": event.symbol,
        "phase": _PHASES[event.phase],
        "price": event.price,
        "volume": event.volume,
        "imbalance_side": _SIDES[event.imbalance_side],
        "imbalance_qty": event.imbalance_qty,
        "time_ns": event.time,
    }


def _bits(value: int) -> str:
    words = {
        **{1: "POST_ONLY", 2: "ALL_OR_NONE", 4: "HIDDEN", 8: "PEG_PRIMARY"},
        **{16: "PEG_MIDPOINT", 32: "TRAILING"},
    }
    bits = [1 << n for n in range(16) if value & 1 << n]
    return " ".join(words.get(bit, str(bit)) for bit in bits)


def _reason(code: int) -> str:
    from engine.codes import Reason

    return Reason(code).name


def _word(name: str, event: Any) -> str:
    words = {
        "ord_type": {
            **{"1": "MARKET", "2": "LIMIT", "3": "STOP", "4": "STOP_LIMIT"},
            **{"K": "MARKET_TO_LIMIT", "P": "PEGGED"},
        },
        "time_in_force": {
            **{"0": "DAY", "1": "GTC", "2": "AT_THE_OPENING", "3": "IOC", "4": "FOK"},
            **{"6": "GTD", "7": "AT_THE_CLOSE", "B": "GOOD_FOR_AUCTION"},
        },
        "stp": {
            **{"1": "CANCEL_NEWEST", "2": "CANCEL_OLDEST", "3": "CANCEL_BOTH"},
            "4": "DECREMENT",
        },
    }[name]
    code = getattr(event, name)
    return words.get(chr(code), chr(code) if code else "")
