"""``fixgw keys``: who may trade through the side door."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from engine.host.audit import AuditLog
from fixgw.config import Config
from fixgw.ops.setup import Overrides, SetupError, load_config
from fixgw.sidedoor.keys import (
    ApiKey,
    KeyFile,
    KeysError,
    KeyStore,
    Role,
    new_key,
)
from fixgw.sidedoor.redis_keys import RedisKeys

T = TypeVar("T")
_Command = TypeVar("_Command", bound=Callable[..., Any])

EXIT_REFUSED = 1
CONFIGURATION_WRONG = 78
"""Exit code, as of `fixgw up`: the message says what to change."""

_PATH = click.Path(path_type=Path)


def _where(command: _Command) -> _Command:
    """The options that say which exchange is meant."""
    command = click.option("--data", type=_PATH, help="Data folder [./data].")(command)
    return click.option(
        "--config", type=_PATH, help="Configuration [config/fixgw.toml]."
    )(command)


_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def keys() -> None:
    """API keys of the side door: make, list, disable, remove.

    \b
    fixgw keys create --account DEMO --role trade
    fixgw keys list
    fixgw keys disable KEY

    A running side door follows within a second. The secret of a key is shown once, when
    it is made; whoever has it acts for the account.
    """


@keys.command()
@click.option("--account", required=True, metavar="NAME", help="Whose orders it sees.")
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="read sees, trade also enters orders, admin may do all.",
)
@click.option("--label", default="", metavar="TEXT", help="A note for people.")
@_as_json
@_where
def create(
    account: str,
    role: str,
    label: str,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Make a key for an account, which need not be known before.

    Prints the key and its secret; the secret cannot be shown again.
    """
    try:
        key = new_key(account, Role(role), label, time.time_ns())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    loaded = _load(config, data)
    _audited(loaded, "keys.create", _public(key), lambda store: store.add(key))
    if as_json:
        click.echo(json.dumps({**_public(key), "secret": key.secret}, indent=2))
        return
    if not sys.stdout.isatty():
        # So that `eval "$(fixgw keys create ...)"` sets the environment.
        click.echo(_exports(key))
        return
    click.echo(f"key {key.key_id} for account {key.account}, role {key.role.value}\n")
    click.echo(_exports(key))
    click.echo("\nThe secret is not shown again. With these lines in the shell, try:\n")
    click.echo("  fixgw api GET /v1/orders")


@keys.command("list")
@_as_json
@_where
def list_keys(as_json: bool, config: Path | None, data: Path | None) -> None:
    """Show all keys, oldest first, without their secrets.

    Columns: the key, its account, role and state, when it was made (UTC), its label.
    """
    found = _do(_load(config, data), lambda store: store.keys())
    if as_json:
        click.echo(json.dumps([_public(key) for key in found], indent=2))
        return
    if not found:
        click.echo(
            "no keys; make one with: fixgw keys create --account NAME --role trade"
        )
        return
    click.echo(
        f"{'KEY':<16}  {'ACCOUNT':<24}  ROLE   STATE     CREATED           LABEL"
    )
    for key in found:
        click.echo(_line(key))


@keys.command()
@click.argument("key_id", metavar="KEY")
@_where
def disable(key_id: str, config: Path | None, data: Path | None) -> None:
    """Refuse a key from now on; enable takes it again.

    Its orders stay in the book: cancel them first, or as an operator.
    """
    _switch(_load(config, data), key_id, "disable")


@keys.command()
@click.argument("key_id", metavar="KEY")
@_where
def enable(key_id: str, config: Path | None, data: Path | None) -> None:
    """Take a disabled key again.

    Its account, role and secret are what they were before it was disabled.
    """
    _switch(_load(config, data), key_id, "enable")


@keys.command()
@click.argument("key_id", metavar="KEY")
@click.option("--confirm", is_flag=True, help="Really: it cannot be brought back.")
@_where
def remove(key_id: str, confirm: bool, config: Path | None, data: Path | None) -> None:
    """Forget a key for good, and its secret with it.

    The account and its orders stay. To refuse a key for a while, disable it.
    """
    if not confirm:
        raise click.UsageError(
            f"this forgets key {key_id} for good; add --confirm to do it, or use "
            f"'fixgw keys disable {key_id}'"
        )
    _audited(
        _load(config, data),
        "keys.remove",
        {"key": key_id},
        lambda store: store.remove(key_id),
    )
    click.echo(f"key {key_id} is removed")


def _switch(config: Config, key_id: str, verb: str) -> None:
    key = _audited(
        config,
        f"keys.{verb}",
        {"key": key_id},
        lambda store: store.set_disabled(key_id, verb == "disable"),
    )
    click.echo(f"key {key.key_id} of account {key.account} is {verb}d")


def _load(config: Path | None, data: Path | None) -> Config:
    try:
        return load_config(Overrides(config=config, data=data))
    except SetupError as error:
        _refuse(str(error), CONFIGURATION_WRONG)


def _do(config: Config, action: Callable[[KeyStore], T]) -> T:
    """What ``action`` gives on the store the configuration names, or exit with what to
    do."""
    store: KeyStore = KeyFile(config.sidedoor.keys)
    try:
        if config.redis.url:
            store = RedisKeys(config.redis.url)
        return action(store)
    except (KeysError, ValueError) as error:
        _refuse(str(error))


def _audited(
    config: Config,
    command: str,
    arguments: dict[str, Any],
    action: Callable[[KeyStore], T],
) -> T:
    """A change, written down before it is made and again with its outcome."""
    audit = AuditLog(config.audit_log)
    facts = {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "process": "command line",
        "command": command,
        "arguments": arguments,
    }
    outcome = "refused"
    try:
        audit.write(**facts, outcome="begun")
        try:
            result = _do(config, action)
            outcome = "done"
            return result
        finally:
            audit.write(**facts, outcome=outcome)
    except OSError as error:
        done = "the change was made, but" if outcome == "done" else "not done:"
        _refuse(f"{done} {audit.path} cannot be written: {error.strerror}")


def _public(key: ApiKey) -> dict[str, Any]:
    """A key without its secret."""
    return {
        "key": key.key_id,
        "account": key.account,
        "role": key.role.value,
        "label": key.label,
        "created_ns": key.created_ns,
        "disabled": key.disabled,
    }


def _exports(key: ApiKey) -> str:
    return (
        f"export FIXGW_KEY={shlex.quote(key.key_id)}\n"
        f"export FIXGW_SECRET={shlex.quote(key.secret)}"
    )


def _line(key: ApiKey) -> str:
    made = datetime.fromtimestamp(key.created_ns // 1_000_000_000, UTC)
    state = "disabled" if key.disabled else "enabled"
    return (
        f"{key.key_id:<16}  {key.account:<24}  {key.role.value:<5}  {state:<8}  "
        f"{made:%Y-%m-%d %H:%M}  {key.label}"
    ).rstrip()


def _refuse(message: str, code: int = EXIT_REFUSED) -> NoReturn:
    click.echo(f"fixgw keys: {message}", err=True)
    sys.exit(code)
