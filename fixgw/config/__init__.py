"""``fixgw.toml``: typed, checked whole, every problem named at once."""

from fixgw.config.keys import KEYS, METRICS_PORT_MAX, SHARDS_MAX, Key
from fixgw.config.loading import (
    DEFAULT_PATH,
    ROOT,
    ConfigError,
    Loaded,
    load,
    load_whole,
    parse,
)
from fixgw.config.model import (
    CircuitBreaker,
    Config,
    Kafka,
    Metrics,
    ReadModel,
    Redis,
    SideDoor,
)
from fixgw.config.tables import Limits
from fixgw.config.timetable import Group, TradingDays
from fixgw.config.values import without_password

__all__ = [
    "DEFAULT_PATH",
    "KEYS",
    "METRICS_PORT_MAX",
    "ROOT",
    "SHARDS_MAX",
    "CircuitBreaker",
    "Config",
    "ConfigError",
    "Group",
    "Kafka",
    "Key",
    "Limits",
    "Loaded",
    "Metrics",
    "ReadModel",
    "Redis",
    "SideDoor",
    "TradingDays",
    "load",
    "load_whole",
    "parse",
    "without_password",
]
