"""``fixgw config check`` and ``fixgw config show``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from fixgw.config import KEYS, ConfigError, Loaded, load_whole, without_password
from fixgw.config.keys import PINS, TABLES
from fixgw.ops.credential_files import load_credentials
from fixgw.ops.market_setup import check_schedule, load_limits
from fixgw.ops.options import CONFIGURATION_WRONG
from fixgw.ops.setup import (
    Overrides,
    SetupError,
    config_path,
    load_config,
    load_rulebooks,
    load_settings,
    load_shard_instruments,
    read_book,
    shown_path,
)
from fixgw.ops.tls_files import with_tls_files
from fixgw.session.directory import Directory, NoSuchSession
from fixgw.session.explaining import shown
from fixgw.session.settings import AcceptorSettings

_file = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration [config/fixgw.toml].",
)


@click.group()
def config() -> None:
    """Look at the configuration, or check it before a restart does.

    \b
    fixgw config check          every file, every problem at once
    fixgw config show           what is in force, and where it comes from
    fixgw config show --session BUYER      the same of a FIX session
    """


@config.command()
@_file
def check(config: Path | None) -> None:
    """Check fixgw.toml and the files it names, without starting anything.

    Prints every problem with its file, and ends with code 78 if there is one.
    """
    overrides = Overrides(config=config)
    try:
        loaded = load_config(overrides)
    except SetupError as error:
        _refuse(str(error))
    problems: list[str] = []
    facts: list[str] = []
    try:
        settings = with_tls_files(loaded.sessions, load_settings(loaded, overrides))
        load_credentials(loaded.sessions, settings)
        load_rulebooks(loaded.sessions, settings)
        load_limits(loaded, settings)
        facts.append(f"{shown_path(loaded.sessions)}: {_summary(settings)}")
        for warning in settings.warnings:
            click.echo(f"warning: {warning}", err=True)
    except SetupError as error:
        problems.append(str(error))
    try:
        count = sum(len(shard) for shard in load_shard_instruments(loaded))
        facts.append(f"{shown_path(loaded.instruments)}: {count} instruments")
        check_schedule(loaded)
    except SetupError as error:
        problems.append(str(error))
    if problems:
        _refuse("\n".join(problems))
    click.echo(f"{shown_path(loaded.path)}: runs {', '.join(loaded.processes)}")
    for fact in facts:
        click.echo(fact)
    click.echo("all is well")


@config.command()
@_file
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--show-secrets", is_flag=True, help="Passwords in addresses, too.")
@click.option(
    "--session",
    metavar="NAME",
    help="The keys of that session instead, as a sessions file.",
)
def show(
    config: Path | None, as_json: bool, show_secrets: bool, session: str | None
) -> None:
    """Show every key with its value: as TOML that could be used as it is.

    A line that the file does not set is marked as a default. With --session, a client's
    name or a whole session, it is every key of sessions.cfg as that session has it; a
    template is called by its name, as FIX.4.4:EXCHANGE->*.
    """
    if session is not None:
        _show_session(config, session)
        return
    try:
        loaded = load_whole(config_path(config))
    except ConfigError as error:
        _refuse(str(error))
    values = {
        name: value if show_secrets else _masked(value)
        for name, value in loaded.values.items()
        if value is not None
    }
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return
    click.echo(f"# {shown_path(loaded.config.path)}")
    click.echo("\n".join(_lines(loaded, values)))


def _summary(settings: AcceptorSettings) -> str:
    parts = [f"{len(settings.sessions)} sessions"]
    if settings.templates:
        parts.append(f"{len(settings.templates)} templates")
    if settings.tls is not None:
        demands = settings.tls.client_certificate
        parts.append("TLS" + (" with certificates of clients" if demands else ""))
    if settings.credentials_file is not None:
        parts.append(f"credentials in {settings.credentials_file}")
    return ", ".join(parts)


def _show_session(config: Path | None, name: str) -> None:
    try:
        loaded = load_config(Overrides(config=config))
        book = read_book(loaded.sessions)
    except SetupError as error:
        _refuse(str(error))
    views = {found: view for view in book.views if (found := view.session_id())}
    try:
        view = views[Directory(views).find(name)]
    except NoSuchSession as error:
        _refuse(f"{shown_path(loaded.sessions)}: {error}")
    click.echo(f"# {shown_path(loaded.sessions)}")
    click.echo("\n".join(shown(book, view)))


def _lines(loaded: Loaded, values: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    section = ""
    for name, key in KEYS.items():
        if key.section != section:
            section = key.section
            lines += ["", f"[{section}]"]
        origin = "" if name in loaded.given else " (default)"
        lines.append(f"# {key.meaning}{origin}")
        if name in values:
            lines.append(f"{key.name} = {_toml(values[name])}")
        else:
            lines.append(f"# {key.name} =")
    if values[PINS]:
        lines += ["", "# symbols that live on a certain shard", f"[{PINS}]"]
        for symbol, shard in values[PINS].items():
            lines.append(f"{json.dumps(symbol)} = {shard}")
    for name in TABLES:
        lines += _table(name, values.get(name, {}))
    return lines


def _table(name: str, table: dict[str, Any]) -> list[str]:
    """A table whose keys are the user's own, and those in it."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = ["", f"[{name}]"] if plain else []
    lines += [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _table(f"{name}.{json.dumps(key)}", value)
    return lines


def _toml(value: Any) -> str:
    """A string, whole number or truth value: in TOML as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def _masked(value: object) -> object:
    """An address without its password."""
    is_address = isinstance(value, str) and "://" in value
    return without_password(str(value)) if is_address else value


def _refuse(problems: str) -> NoReturn:
    click.echo(problems, err=True)
    sys.exit(CONFIGURATION_WRONG)
