"""``config/fixgw.toml``: typed, checked whole, every problem named at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PATH = ROOT / "config" / "fixgw.toml"

SHARDS_MAX = 256
"""More shards than any machine has cores for."""

NS_PER_S = 1_000_000_000
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)")
_KEYS = {
    "": ("sessions", "instruments", "data", "shards", "engine"),
    "shards": ("count", "pins"),
    "engine": ("day_ends",),
}


class ConfigError(ValueError):
    """All problems of a configuration, one per line."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a process of the exchange needs to know to start."""

    path: Path
    sessions: Path
    instruments: Path
    data: Path
    shard_count: int = 2
    pins: dict[str, int] = field(default_factory=dict)
    day_ends_ns: int = 0
    """End of the trading day, nanoseconds after midnight UTC."""

    def shard_folder(self, shard: int) -> Path:
        """Where a shard keeps its logs."""
        return self.data / f"shard-{shard}"

    def shard_socket(self, shard: int) -> Path:
        """Where a shard listens for gateways."""
        return self.data / f"shard-{shard}" / "link.sock"

    def gateway_folder(self, gateway: int) -> Path:
        """Where a gateway keeps its outbox."""
        return self.data / f"gateway-{gateway}"


def load(path: Path) -> Config:
    """The configuration in ``path``. Raises ConfigError."""
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse(tree, path)


def parse(tree: dict[str, Any], path: Path) -> Config:
    """The configuration in a parsed file; ``path`` is for messages and relative
    paths."""
    problems: list[str] = []
    shards = _table(tree, "shards", problems)
    engine = _table(tree, "engine", problems)
    for section, table in (("", tree), ("shards", shards), ("engine", engine)):
        for key in table:
            if key not in _KEYS[section]:
                problems.append(_unknown(section, key))
    files = {}
    for key in ("sessions", "instruments", "data"):
        value = tree.get(key)
        if not isinstance(value, str) or not value:
            problems.append(f"{key} is missing or no path")
            value = "."
        files[key] = (path.parent / value).resolve()
    count = shards.get("count", 2)
    if not _is_int(count) or not 1 <= count <= SHARDS_MAX:
        problems.append(f"shards.count is {count!r}, not 1 to {SHARDS_MAX}")
        count = SHARDS_MAX
    pins = _table(shards, "pins", problems)
    for symbol, shard in pins.items():
        if not symbol.isascii():
            problems.append(f"shards.pins: {symbol!r} is no symbol: not ASCII")
        if not _is_int(shard) or not 0 <= shard < count:
            problems.append(f"shards.pins: {symbol} is pinned to {shard!r}, no shard")
    day_ends = _time_of_day(engine.get("day_ends", "00:00:00"), problems)
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return Config(path, **files, shard_count=count, pins=pins, day_ends_ns=day_ends)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _table(tree: dict[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    value = tree.get(key, {})
    if isinstance(value, dict):
        return value
    problems.append(f"{key} is no table")
    return {}


def _unknown(section: str, key: str) -> str:
    name = f"{section}.{key}" if section else key
    near = difflib.get_close_matches(key, _KEYS[section], 1)
    return f"unknown key {name}" + (f"; did you mean {near[0]}?" if near else "")


def _time_of_day(value: object, problems: list[str]) -> int:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        problems.append(f"engine.day_ends is {value!r}, not a time like 17:30:00")
        return 0
    hours, minutes, seconds = (int(part) for part in found.groups())
    return (hours * 3600 + minutes * 60 + seconds) * NS_PER_S
