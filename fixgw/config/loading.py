"""From the file to a Config: everything is checked, every problem is named at once."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixgw.config import tables
from fixgw.config.keys import KEYS, PINS, REQUIRED, SECTIONS, TABLES
from fixgw.config.model import (
    DEFAULT_KEYS,
    CircuitBreaker,
    Config,
    Kafka,
    Metrics,
    ReadModel,
    Redis,
    SideDoor,
)
from fixgw.config.values import without_password

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PATH = ROOT / "config" / "fixgw.toml"


class ConfigError(ValueError):
    """All problems of a configuration, one per line."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and which keys the file sets: the others have defaults."""

    config: Config
    given: frozenset[str]
    values: dict[str, object]
    """Every key's value as it is written in TOML."""


def load(path: Path) -> Config:
    """The configuration in ``path``. Raises ConfigError."""
    return load_whole(path).config


def load_whole(path: Path) -> Loaded:
    """The same, with what the file says. Raises ConfigError."""
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse_whole(tree, path)


def parse(tree: dict[str, Any], path: Path) -> Config:
    """The configuration in a parsed file; ``path`` is for messages and relative
    paths."""
    return parse_whole(tree, path).config


def parse_whole(tree: dict[str, Any], path: Path) -> Loaded:
    """The same, with what the file says."""
    problems: list[str] = []
    given = _flatten(tree, problems)
    raw: dict[str, object] = {}
    values: dict[str, Any] = {}
    for name, key in KEYS.items():
        raw[name] = given.get(name, key.default)
        if raw[name] is REQUIRED:
            problems.append(f"{name} is missing or no path")
            raw[name] = "."
        if name not in given and key.default is None:
            values[name] = None
            continue
        try:
            values[name] = key.kind(raw[name])
        except ValueError as error:
            wrong = f"{name} is {without_password(repr(raw[name]))}, {error}"
            problems.append(f"{name} is missing or no path" if key.path else wrong)
            values[name] = "." if key.path else key.kind(key.default)
        if key.path:
            values[name] = (path.parent / values[name]).resolve()
    pins = _pins(given.get(PINS, {}), values["shards.count"], problems)
    values["schedule"] = tables.schedule(tree.get("schedule", {}), problems)
    values["limits"] = tables.limits(tree.get("limits", {}), problems)
    _check_together(values, problems)
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    raw[PINS] = pins
    raw |= {name: tree[name] for name in TABLES if name in tree}
    return Loaded(_build(path, values, pins), frozenset(given), raw)


def _flatten(tree: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """What a file gives, by full name; unknown names are problems."""
    given: dict[str, Any] = {}
    for name, value in tree.items():
        if name in TABLES:
            continue
        if name not in SECTIONS:
            if name in KEYS:
                given[name] = value
            else:
                problems.append(_unknown(name))
            continue
        if not isinstance(value, dict):
            problems.append(f"{name} is no table")
            continue
        for inner, entry in value.items():
            full = f"{name}.{inner}"
            if full in KEYS or full == PINS:
                given[full] = entry
            else:
                problems.append(_unknown(full))
    return given


def _unknown(name: str) -> str:
    """An unknown key, with the nearest known one of its section, or of any."""
    section, _, key = name.rpartition(".")
    known = [*KEYS, PINS, *SECTIONS, *TABLES]
    beside = {
        other.rpartition(".")[2]: other
        for other in known
        if other.rpartition(".")[0] == section
    }
    near = [beside[found] for found in difflib.get_close_matches(key, beside, 1)]
    near = near or [other for other in known if other.rpartition(".")[2] == key]
    return f"unknown key {name}" + (f"; did you mean {near[0]}?" if near else "")


def _pins(value: object, count: int, problems: list[str]) -> dict[str, int]:
    if not isinstance(value, dict):
        problems.append(f"{PINS} is no table")
        return {}
    for symbol, shard in value.items():
        if not symbol.isascii():
            problems.append(f"{PINS}: {symbol!r} is no symbol: not ASCII")
        is_number = isinstance(shard, int) and not isinstance(shard, bool)
        if not is_number or not 0 <= shard < count:
            problems.append(f"{PINS}: {symbol} is pinned to {shard!r}, no shard")
    return dict(value)


def _check_together(values: dict[str, Any], problems: list[str]) -> None:
    """What single keys cannot know."""
    for what in ("orders", "reads", "public"):
        rate, burst = f"sidedoor.{what}_per_second", f"sidedoor.{what}_burst"
        if values[burst] < values[rate]:
            problems.append(f"{burst} is {values[burst]}, below {rate}")
    levels, halts = "circuit_breaker.levels", "circuit_breaker.halt_s"
    if len(values[levels]) != len(values[halts]):
        problems.append(f"{halts} has not one time for each of {levels}")
    if values["readmodel.source"] == "kafka" and not values["kafka.bootstrap_servers"]:
        problems.append(
            "readmodel.source is kafka, but kafka.bootstrap_servers is not set"
        )


def _build(path: Path, values: dict[str, Any], pins: dict[str, int]) -> Config:
    def section(name: str) -> dict[str, Any]:
        return {
            key.name: values[full] for full, key in KEYS.items() if key.section == name
        }

    data: Path = values["data"]
    side_door = section("sidedoor")
    side_door["keys"] = side_door["keys"] or data / DEFAULT_KEYS
    return Config(
        path,
        values["sessions"],
        values["instruments"],
        data,
        shard_count=values["shards.count"],
        pins=pins,
        day_ends_ns=values["engine.day_ends"],
        sidedoor=SideDoor(**side_door),
        redis=Redis(**section("redis")),
        kafka=Kafka(**section("kafka")),
        readmodel=ReadModel(**section("readmodel")),
        metrics=Metrics(**section("metrics")),
        breaker=CircuitBreaker(**section("circuit_breaker")),
        schedule=values["schedule"],
        limits=values["limits"],
    )
