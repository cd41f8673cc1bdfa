"""Every key of ``fixgw.toml``, once: its kind, its default, what it is for."""

from __future__ import annotations

from dataclasses import dataclass

from fixgw.config.values import (
    Kind,
    boolean,
    durations,
    integer,
    one_of,
    percents,
    servers,
    text,
    time_of_day,
    topic,
    url,
)

SHARDS_MAX = 256
"""More shards than any machine has cores for."""

RATE_MAX = 1_000_000
"""Requests per second nobody reaches: a limit above is a mistake."""

METRICS_PORT_MAX = 65535 - 10 - SHARDS_MAX
"""The ports of the shards are behind the first one."""

REQUIRED = object()
"""The default of a key without one."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``path``: its value is a file or folder, relative to fixgw.toml."""

    section: str
    name: str
    kind: Kind
    default: object
    meaning: str
    path: bool = False

    @property
    def full_name(self) -> str:
        """With its section."""
        return f"{self.section}.{self.name}" if self.section else self.name


_PORT = integer(0, 65535)
_RATE = integer(1, RATE_MAX)

_ALL = (
    Key("", "sessions", text, REQUIRED, "FIX sessions, in QuickFIX's format", True),
    Key("", "instruments", text, REQUIRED, "instruments, as CSV", True),
    Key("", "data", text, REQUIRED, "where logs and state are kept", True),
    Key("shards", "count", integer(1, SHARDS_MAX), 2, "how many matching engines"),
    Key("engine", "day_ends", time_of_day, "00:00:00", "end of the trading day, UTC"),
    Key(
        "circuit_breaker",
        "enabled",
        boolean,
        False,
        "halt everything when the whole market falls",
    ),
    Key(
        "circuit_breaker",
        "levels",
        percents,
        [10, 15, 20],
        "falls of the index since the day began at which it does, in percent",
    ),
    Key(
        "circuit_breaker",
        "halt_s",
        durations,
        [300, 900, 0],
        "how long each level halts, in seconds; 0 = for the rest of the day",
    ),
    Key("sidedoor", "enabled", boolean, True, "REST, WebSocket and web page"),
    Key("sidedoor", "host", text, "127.0.0.1", "address to listen on"),
    Key("sidedoor", "port", _PORT, 8080, "port to listen on; 0 takes a free one"),
    Key(
        "sidedoor",
        "keys",
        text,
        None,
        "file of API keys; default: sidedoor/api-keys.json in the data folder",
        True,
    ),
    Key(
        "sidedoor",
        "receive_window_ms",
        integer(100, 60_000),
        5000,
        "how far a request's timestamp may be from our clock",
    ),
    Key("sidedoor", "orders_per_second", _RATE, 50, "orders and replaces, per key"),
    Key("sidedoor", "orders_burst", _RATE, 100, "the same, at once"),
    Key("sidedoor", "reads_per_second", _RATE, 20, "signed reads, per key"),
    Key("sidedoor", "reads_burst", _RATE, 40, "the same, at once"),
    Key("sidedoor", "public_per_second", _RATE, 20, "unsigned reads, per address"),
    Key("sidedoor", "public_burst", _RATE, 40, "the same, at once"),
    Key(
        "redis",
        "url",
        url("redis", "rediss", "unix", empty=True),
        "",
        "shared keys and limits of several side doors; empty: each has its own",
    ),
    Key(
        "kafka",
        "bootstrap_servers",
        servers,
        "",
        "brokers events are published to; empty: no publishing",
    ),
    Key("kafka", "topic", topic, "fixgw.events", "the topic"),
    Key("readmodel", "enabled", boolean, True, "tables of orders, trades, positions"),
    Key(
        "readmodel",
        "source",
        one_of("log", "kafka"),
        "log",
        "where it reads events: the shards' event logs, or Kafka",
    ),
    Key(
        "readmodel",
        "database",
        url("postgresql", "postgres", words=("sqlite",)),
        "sqlite",
        "sqlite (a file in the data folder) or a postgresql:// address",
    ),
    Key("metrics", "enabled", boolean, True, "metrics and health over HTTP"),
    Key("metrics", "host", text, "127.0.0.1", "address to listen on"),
    Key(
        "metrics",
        "port",
        integer(0, METRICS_PORT_MAX),
        9400,
        "first port: supervisor, then gateway +1, sidedoor +2, publisher +3, "
        "readmodel +4, breaker +5, shard N +10+N; 0 takes free ones",
    ),
)

KEYS: dict[str, Key] = {key.full_name: key for key in _ALL}
PINS = "shards.pins"
"""The one table whose keys are the user's own: symbols."""

TABLES = ("schedule", "limits")
"""Sections whose tables have names of the user's own: see fixgw.config.tables."""

SECTIONS = tuple(dict.fromkeys(key.section for key in _ALL if key.section))
