"""From files to what the processes need: everything is read and checked before a
start."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path

from engine.instruments import InstrumentsError
from engine.instruments import load as load_instruments
from engine.records import InstrumentCommand
from fixgw import config as configuration
from fixgw.config import ROOT, Config, ConfigError
from fixgw.dictionary import Dictionary, DictionaryError
from fixgw.dictionary import load as load_dictionary
from fixgw.orders.routing import ShardMap
from fixgw.session.settings import AcceptorSettings, SettingsError, parse


class SetupError(Exception):
    """The exchange cannot be started like this; the text names file and reason."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says instead of the files."""

    config: Path | None = None
    data: Path | None = None
    sessions: Path | None = None
    instruments: Path | None = None
    host: str | None = None
    port: int | None = None
    http_port: int | None = None
    metrics_port: int | None = None

    def arguments(self) -> list[str]:
        """The same as command line options, for a child process."""
        arguments: list[str] = []
        for name in OVERRIDES:
            value = getattr(self, name)
            if value is not None:
                arguments += [f"--{name.replace('_', '-')}", str(value)]
        return arguments


OVERRIDES = tuple(field.name for field in fields(Overrides))
"""The names of what a command line may say."""


def config_path(wanted: Path | None) -> Path:
    """The file to read: what was asked for, else the one here, else our own."""
    if wanted is None:
        local = Path("config") / "fixgw.toml"
        wanted = local if local.exists() else configuration.DEFAULT_PATH
    return wanted.resolve()


def load_config(overrides: Overrides) -> Config:
    """fixgw.toml with the overrides applied. Raises SetupError."""
    try:
        config = configuration.load(config_path(overrides.config))
    except ConfigError as error:
        raise SetupError(str(error)) from error
    side_door, metrics = config.sidedoor, config.metrics
    if overrides.http_port is not None:
        side_door = replace(side_door, port=overrides.http_port)
    if overrides.metrics_port is not None:
        metrics = replace(metrics, port=overrides.metrics_port)
    config = replace(config, sidedoor=side_door, metrics=metrics)
    return replace(
        config.with_data((overrides.data or config.data).resolve()),
        sessions=(overrides.sessions or config.sessions).resolve(),
        instruments=(overrides.instruments or config.instruments).resolve(),
    )


def load_settings(config: Config, overrides: Overrides) -> AcceptorSettings:
    """sessions.cfg. Raises SetupError with all its problems."""
    try:
        settings = parse(_read(config.sessions), shown_path(config.sessions))
    except SettingsError as error:
        raise SetupError(str(error)) from error
    if overrides.host is not None:
        settings = replace(settings, host=overrides.host)
    if overrides.port is not None:
        settings = replace(settings, port=overrides.port)
    return settings


def load_dictionaries(
    config: Config, settings: AcceptorSettings
) -> dict[str, Dictionary | None]:
    """The dictionary of each session, by its identity. Raises SetupError."""
    loaded: dict[Path, Dictionary] = {}
    result: dict[str, Dictionary | None] = {}
    for session in settings.sessions:
        identity = str(session.session_id)
        if not session.use_data_dictionary:
            result[identity] = None
            continue
        path = _dictionary_path(config, session.data_dictionary)
        if path not in loaded:
            try:
                loaded[path] = load_dictionary(_read(path), shown_path(path))
            except DictionaryError as error:
                raise SetupError(str(error)) from error
        result[identity] = loaded[path]
        if loaded[path].begin_string != session.session_id.begin_string:
            raise SetupError(
                f"{shown_path(config.sessions)}: {identity}: DataDictionary "
                f"{shown_path(path)} is for {loaded[path].begin_string}"
            )
    return result


def load_shard_instruments(config: Config) -> list[list[InstrumentCommand]]:
    """The instruments of each shard. Raises SetupError."""
    try:
        instruments = load_instruments(
            _read(config.instruments), shown_path(config.instruments)
        )
    except InstrumentsError as error:
        raise SetupError(str(error)) from error
    shards = ShardMap(config.shard_count, config.pins)
    result: list[list[InstrumentCommand]] = [[] for _ in range(config.shard_count)]
    for instrument in instruments:
        result[shards.shard_of(instrument.symbol.encode())].append(instrument)
    return result


def check_manifest(config: Config) -> None:
    """Refuse a data folder that was made with another division into shards.

    A symbol's book lives in one shard's log: with other shards or pins, its orders
    would be looked for where they are not.
    """
    path = config.data / "manifest.json"
    wanted = {"format": 1, "shards": config.shard_count, "pins": config.pins}
    if not path.exists():
        config.data.mkdir(parents=True, exist_ok=True)
        text = json.dumps(wanted, indent=2, sort_keys=True) + "\n"
        draft = path.with_suffix(".new")
        draft.write_text(text)
        draft.replace(path)
        return
    try:
        found = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise SetupError(f"{shown_path(path)}: {error}") from error
    if not isinstance(found, dict):
        raise SetupError(f"{shown_path(path)}: is not what the exchange wrote there")
    if found != wanted:
        raise SetupError(
            f"{shown_path(path)}: this data was made with {found.get('shards')} shards "
            f"and pins {found.get('pins')}, the configuration says "
            f"{config.shard_count} and {config.pins}. Books cannot move between "
            "shards: restore the configuration, or begin with an empty data folder"
        )


def _dictionary_path(config: Config, name: str | None) -> Path:
    """A relative DataDictionary is looked for from here, then around sessions.cfg."""
    if name is None:
        return ROOT / "spec" / "FIX44.xml"
    path = Path(name)
    folders = (Path.cwd(), config.sessions.parent, config.sessions.parent.parent, ROOT)
    for folder in folders:
        if (folder / path).exists():
            return (folder / path).resolve()
    raise SetupError(
        f"{shown_path(config.sessions)}: DataDictionary {name}: no such file in "
        + ", ".join(shown_path(folder) for folder in dict.fromkeys(folders))
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{shown_path(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{shown_path(path)}: is not UTF-8 text: {error}") from error


def shown_path(path: Path) -> str:
    """The shortest true name of a path, for messages."""
    try:
        return str(path.relative_to(Path.cwd())) or "."
    except ValueError:
        return str(path)
