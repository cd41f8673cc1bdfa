"""``fixgw credentials``: what clients prove themselves by at their Logon."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import NoReturn

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from fixgw.ops.credential_files import read_credentials
from fixgw.ops.options import CONFIGURATION_WRONG
from fixgw.ops.setup import SetupError, read_settings
from fixgw.session.passwords import SALT_BYTES, PasswordHash

HMAC_KEY_BYTES = 32
PASSWORD_CHARS_MIN = 12
"""Shorter ones are guessed, however slow the hash."""

_PATH = click.Path(path_type=Path)


@click.group()
def credentials() -> None:
    """Passwords and keys of FIX clients: make them, check their file.

    \b
    fixgw credentials hash-password       a password to keep as a hash
    fixgw credentials new-key             a key to sign Logons with
    fixgw credentials check FILE          before a restart reads it

    The file is named by CredentialsFile in sessions.cfg: a [TABLE] for each client, by
    its TargetCompID. Nobody but its owner may read it: chmod 600.
    """


@credentials.command("hash-password")
def hash_password() -> None:
    """Print the line that keeps a password, which is asked for.

    Without a terminal the password is the first line of standard input. The same
    password has another hash each time.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < PASSWORD_CHARS_MIN:
        _refuse(f"a password has at least {PASSWORD_CHARS_MIN} characters")
    if not (password.isascii() and password.isprintable()):
        _refuse("a password has printable ASCII characters only: it is a FIX field")
    made = PasswordHash.make(password.encode("ascii"), os.urandom(SALT_BYTES))
    click.echo(f'password = "{made}"')


@credentials.command("new-key")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["ed25519", "hmac-sha256"]),
    default="ed25519",
    show_default=True,
    help="A pair of keys, or one secret that both sides have.",
)
@click.option(
    "--private-key",
    type=_PATH,
    metavar="FILE",
    help="Where to write the client's key; it must not exist.",
)
def new_key(kind: str, private_key: Path | None) -> None:
    """Make a key for a client to sign its Logons with.

    Prints the line for the file of credentials. What the client needs is written to
    FILE, mode 0600, or else printed on standard error.
    """
    if kind == "ed25519":
        key = Ed25519PrivateKey.generate()
        secret = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        line = f'ed25519 = "{base64.b64encode(public).decode()}"'
    else:
        secret = base64.b64encode(os.urandom(HMAC_KEY_BYTES)).decode() + "\n"
        line = f'hmac_sha256 = "{secret.strip()}"'
    if private_key is None:
        click.echo(f"for the client alone:\n{secret}", err=True, nl=False)
    else:
        try:
            handle = os.open(private_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            _refuse(f"{private_key}: {error.strerror}")
        with os.fdopen(handle, "w") as file:
            file.write(secret)
    click.echo(line)


@credentials.command()
@click.argument("file", type=_PATH)
@click.option(
    "--sessions", type=_PATH, metavar="FILE", help="And what its sessions need of it."
)
def check(file: Path, sessions: Path | None) -> None:
    """Check a file of credentials, without showing any.

    Prints every problem, and ends with code 78 if there is one. Who has no session, or
    has an entry under a name that no session has, is told as a warning.
    """
    try:
        found = read_credentials(file)
        if sessions is not None:
            settings = read_settings(sessions, None, None)
            problems = list(found.problems(settings.sessions))
            if problems:
                _refuse("\n".join(problems), CONFIGURATION_WRONG)
            known = (*settings.sessions, *settings.templates)
            for who in found.unused(known):
                click.echo(f"warning: [{who}] is no session of {sessions}", err=True)
    except SetupError as error:
        _refuse(str(error), CONFIGURATION_WRONG)
    for who, has in found.summary():
        click.echo(f"{who}: {has}")
    click.echo("all is well")


def _refuse(message: str, code: int = 1) -> NoReturn:
    click.echo(f"fixgw credentials: {message}", err=True)
    sys.exit(code)
