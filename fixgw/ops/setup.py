"""From files to what the processes need: everything is read and checked before a
start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from engine.host.host import OTHER_LAYOUT_ADVICE
from engine.instruments import InstrumentsError
from engine.instruments import load as load_instruments
from engine.records import LAYOUT_VERSION, InstrumentCommand
from fixgw import config as configuration
from fixgw.config import ROOT, Config, ConfigError
from fixgw.dictionary import APPL_VER_IDS, Dictionary, DictionaryError, Rulebook
from fixgw.dictionary import load as load_dictionary
from fixgw.ops.localzone import local_zone
from fixgw.orders.routing import ShardMap
from fixgw.session.book import Book, read
from fixgw.session.settings import (
    AcceptorSettings,
    SessionSettings,
    SettingsError,
    parse,
)

MANIFEST = "manifest.json"
"""In the data folder of an exchange: how it is divided into shards, and the layout of
the records in its logs."""

MANIFEST_FORMAT = 2

FIXT = "FIXT.1.1"
_VERSION_OF = {
    value: name for name, value in APPL_VER_IDS.items() if name.startswith("FIX")
}
"""ApplVerID(1128) -> the version's name."""


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
    return read_settings(config.sessions, overrides.host, overrides.port)


def read_settings(path: Path, host: str | None, port: int | None) -> AcceptorSettings:
    """A sessions file, to be listened for at ``host`` and ``port`` instead if given.

    Raises SetupError with all its problems.
    """
    try:
        settings = parse(_read(path), shown_path(path), local_zone())
    except SettingsError as error:
        raise SetupError(str(error)) from error
    if host is not None:
        settings = replace(settings, host=host)
    if port is not None:
        settings = replace(settings, port=port)
    return settings


def read_book(path: Path) -> Book:
    """A sessions file section by section. Raises SetupError with all its problems."""
    try:
        return read(_read(path), shown_path(path), local_zone())
    except SettingsError as error:
        raise SetupError(str(error)) from error


def load_rulebooks(
    sessions: Path, settings: AcceptorSettings
) -> dict[str, Rulebook | None]:
    """What each session, or template, judges messages by: by its identity.

    ``sessions`` is the file the settings are of. Sessions with the same dictionaries
    share a rulebook. Raises SetupError.
    """
    shelf = _Shelf(sessions)
    return {
        str(session.session_id): shelf.rulebook(session)
        for session in (*settings.sessions, *settings.templates)
    }


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
    """Refuse a data folder that was made with another division into shards, or by a
    build with another layout of records; make the manifest of a new one.

    A symbol's book lives in one shard's log: with other shards or pins, its orders
    would be looked for where they are not.
    """
    path = config.data / MANIFEST
    wanted = {
        "format": MANIFEST_FORMAT,
        "layout": LAYOUT_VERSION,
        "shards": config.shard_count,
        "pins": config.pins,
    }
    found = _manifest(config)
    if found is None:
        config.data.mkdir(parents=True, exist_ok=True)
        text = json.dumps(wanted, indent=2, sort_keys=True) + "\n"
        draft = path.with_suffix(".new")
        draft.write_text(text)
        draft.replace(path)
    elif found != wanted:
        raise SetupError(
            f"{shown_path(path)}: this data was made with {found.get('shards')} shards "
            f"and pins {found.get('pins')}, the configuration says "
            f"{config.shard_count} and {config.pins}. Books cannot move between "
            "shards: restore the configuration, or begin with an empty data folder"
        )


def check_layout(config: Config) -> None:
    """Raises SetupError when the data folder's records have another layout."""
    _manifest(config)


def _manifest(config: Config) -> dict[str, object] | None:
    """What the manifest says, None without one. Raises SetupError, also for one of a
    build with another layout."""
    path = config.data / MANIFEST
    if not path.exists():
        return None
    try:
        found = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise SetupError(f"{shown_path(path)}: {error}") from error
    if not isinstance(found, dict) or "format" not in found:
        raise SetupError(f"{shown_path(path)}: is not what the exchange wrote there")
    # The first format did not name the layout: it was the first as well.
    layout = found.get("layout", 1)
    if layout != LAYOUT_VERSION:
        raise SetupError(
            f"{shown_path(path)}: this data has records of layout version {layout}, "
            f"this build reads {LAYOUT_VERSION}. {OTHER_LAYOUT_ADVICE}"
        )
    return found


class _Shelf:
    """The dictionaries that a sessions file names, each loaded once."""

    def __init__(self, sessions: Path) -> None:
        self._sessions = sessions
        self._loaded: dict[Path, Dictionary] = {}
        self._rulebooks: dict[tuple[Path | str, ...], Rulebook] = {}

    def rulebook(self, session: SessionSettings) -> Rulebook | None:
        """None where messages are not to be judged."""
        if not session.use_data_dictionary:
            return None
        who = str(session.session_id)
        version = session.session_id.begin_string
        if version != FIXT:
            path = self._path("DataDictionary", session.data_dictionary, version)
            key: tuple[Path | str, ...] = (path,)
            if key not in self._rulebooks:
                try:
                    self._rulebooks[key] = Rulebook.single(self._load(path))
                except DictionaryError as error:
                    raise SetupError(str(error)) from error
            self._check("DataDictionary", who, path, version)
            return self._rulebooks[key]
        name = session.transport_data_dictionary
        transport = self._path("TransportDataDictionary", name, FIXT)
        self._check("TransportDataDictionary", who, transport, FIXT)
        default = APPL_VER_IDS.get(session.default_appl_ver_id, "")
        paths = dict(self._applications(session, who, default))
        key = (transport, default, *(part for pair in paths.items() for part in pair))
        if key not in self._rulebooks:
            applications = {ver_id: self._load(path) for ver_id, path in paths.items()}
            try:
                self._rulebooks[key] = Rulebook.fixt(
                    self._load(transport), applications, default
                )
            except DictionaryError as error:
                file = shown_path(self._sessions)
                raise SetupError(f"{file}: {who}: {error}") from error
        return self._rulebooks[key]

    def _applications(
        self, session: SessionSettings, who: str, default: str
    ) -> Iterator[tuple[str, Path]]:
        """Application dictionaries by ApplVerID(1128); the default's first."""
        named = {
            APPL_VER_IDS.get(version, version) or default: name
            for version, name in session.app_data_dictionaries
        }
        # Without a name of its own the default has the dictionary that comes with us.
        for ver_id in dict.fromkeys((default, *sorted(named))):
            version = _VERSION_OF.get(ver_id, ver_id)
            key = "AppDataDictionary"
            path = self._path(key, named.get(ver_id), version)
            self._check(key, who, path, version)
            yield ver_id, path

    def _check(self, key: str, who: str, path: Path, version: str) -> None:
        # Published dictionaries of the service packs call themselves FIX.5.0.
        found = self._load(path).begin_string
        if found not in (version, version.partition("SP")[0]):
            raise SetupError(
                f"{shown_path(self._sessions)}: {who}: {key} {shown_path(path)} is for "
                f"{found}"
            )

    def _load(self, path: Path) -> Dictionary:
        if path not in self._loaded:
            try:
                self._loaded[path] = load_dictionary(_read(path), shown_path(path))
            except DictionaryError as error:
                raise SetupError(str(error)) from error
        return self._loaded[path]

    def _path(self, key: str, name: str | None, version: str) -> Path:
        """A relative name is looked for from here, then around the sessions file; no
        name is the dictionary of the version that comes with us."""
        if name is None:
            return ROOT / "spec" / f"{version.replace('.', '')}.xml"
        path = Path(name)
        around = self._sessions.parent
        folders = (Path.cwd(), around, around.parent, ROOT)
        for folder in folders:
            if (folder / path).exists():
                return (folder / path).resolve()
        raise SetupError(
            f"{shown_path(self._sessions)}: {key} {name}: no such file in "
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
