"""API keys: what one is, and the file they are kept in.

A key belongs to an account and has a role. Its secret signs requests and is stored as
it is, because checking an HMAC takes the secret itself: whoever can read the store can
act for every account in it. So the file is readable by its owner only and the secret is
shown once, when the key is made.

Every change is: take the lock, read, change, write a draft, sync it, rename it over the
file. A reader sees the file before or after a change, never half of one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

KEYS_MAX = 10_000
"""As many as there may be FIX sessions; each side door holds all of them in memory."""

ACCOUNT_CHARS_MAX = 24
"""An account travels in the Account field of a record, 24 bytes."""

LABEL_CHARS_MAX = 64
"""A label is a note for people in a table 88 columns wide."""

KEY_ID_BYTES = 8
"""64 random bits: among 10,000 keys two alike are unlikely (3e-12), and refused."""

SECRET_BYTES = 32
"""As long as the digest: a longer secret adds nothing to an HMAC-SHA256."""

KEYS_FILE_BYTES_MAX = 16 * 1024 * 1024
"""KEYS_MAX keys with the longest labels, written with escapes, are 10 MB."""

LOCK_PATIENCE_S = 10.0
"""A change takes milliseconds; who waits longer waits for a process that hangs."""

FORMAT = 1
_ACCOUNT = re.compile(rf"[A-Za-z0-9_-]{{1,{ACCOUNT_CHARS_MAX}}}")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECRET = re.compile(r"[\x21-\x7e]{16,256}")


class Role(StrEnum):
    """What a key may do. Each role may do what the ones before it may."""

    READ = "read"
    """See the orders, fills and positions of its account."""
    TRADE = "trade"
    """Also enter, replace and cancel orders of its account."""
    ADMIN = "admin"
    """Also what concerns more than its account."""


class KeysError(Exception):
    """A key cannot be made, found or changed; the text says what to do."""


class DamagedKeys(KeysError):
    """What is stored is not a list of keys; the text says where it is wrong."""


class KeysUnavailable(KeysError):
    """The store cannot be reached at the moment."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. Raises ValueError for parts that no key can have.

    The secret is kept out of ``repr`` so that no log line or traceback shows it.
    """

    key_id: str
    secret: str = field(repr=False)
    account: str
    role: Role
    label: str = ""
    created_ns: int = 0
    disabled: bool = False

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.key_id):
            raise ValueError(f"{self.key_id!r} is no key")
        if not _SECRET.fullmatch(self.secret):
            raise ValueError(f"key {self.key_id} has no usable secret")
        if not _ACCOUNT.fullmatch(self.account):
            raise ValueError(
                f"{self.account!r} is no account name: it takes 1 to "
                f"{ACCOUNT_CHARS_MAX} letters, digits, _ and -"
            )
        if len(self.label) > LABEL_CHARS_MAX or not self.label.isprintable():
            raise ValueError(
                f"a label has at most {LABEL_CHARS_MAX} printable characters"
            )


def new_key(account: str, role: Role, label: str, now_ns: int) -> ApiKey:
    """A key nobody had before. Raises ValueError for an account or label it cannot
    have."""
    return ApiKey(
        key_id=secrets.token_hex(KEY_ID_BYTES),
        secret=secrets.token_hex(SECRET_BYTES),
        account=account,
        role=role,
        label=label,
        created_ns=now_ns,
    )


class KeyStore(Protocol):
    """Where keys are kept: what the command line does. All raise KeysError."""

    def keys(self) -> list[ApiKey]:
        """All keys, oldest first."""

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""

    def set_disabled(self, key_id: str, disabled: bool) -> ApiKey:
        """Refuse a key from now on, or take it again; the key as it is now."""

    def remove(self, key_id: str) -> None:
        """Forget a key for good."""


def unknown(key_id: str) -> KeysError:
    return KeysError(f"there is no key {key_id}; 'fixgw keys list' shows them")


def to_row(key: ApiKey) -> dict[str, Any]:
    """A key as it is stored, secret and all."""
    return {**asdict(key), "role": key.role.value}


def from_row(row: object) -> ApiKey:
    """The key in a stored row. Raises ValueError naming what is wrong, never with a
    secret in the text."""
    if not isinstance(row, dict):
        raise ValueError("is no object")
    types = {"key_id": str, "secret": str, "account": str, "role": str, "label": str}
    for name, kind in {**types, "created_ns": int, "disabled": bool}.items():
        if name not in row:
            raise ValueError(f"has no {name}")
        if type(row[name]) is not kind:
            raise ValueError(f"has a {name} that is no {kind.__name__}")
    if len(row) > len(types) + 2:
        raise ValueError("has fields this release does not know")
    if row["role"] not in tuple(Role):
        raise ValueError(f"has a role that is none of {', '.join(Role)}")
    return ApiKey(**{**row, "role": Role(row["role"])})


def parse(data: bytes, shown: str) -> dict[str, ApiKey]:
    """The keys in a file, by id. Raises DamagedKeys; ``shown`` names the file."""
    try:
        tree = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise DamagedKeys(f"{shown} is damaged: it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise DamagedKeys(f"{shown} is damaged: {error}") from None
    except (ValueError, RecursionError):
        raise DamagedKeys(f"{shown} is damaged: it is no key file") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise DamagedKeys(f"{shown} is damaged: it is no key file of format {FORMAT}")
    rows = tree.get("keys")
    if not isinstance(rows, list) or len(rows) > KEYS_MAX:
        raise DamagedKeys(
            f"{shown} is damaged: it has no list of up to {KEYS_MAX} keys"
        )
    keys: dict[str, ApiKey] = {}
    for number, row in enumerate(rows, 1):
        try:
            key = from_row(row)
        except ValueError as error:
            raise DamagedKeys(f"{shown} is damaged: key {number} {error}") from None
        if key.key_id in keys:
            raise DamagedKeys(f"{shown} is damaged: key {number} is there twice")
        keys[key.key_id] = key
    return keys


def render(keys: Iterable[ApiKey]) -> bytes:
    """A file with these keys."""
    tree = {"format": FORMAT, "keys": [to_row(key) for key in keys]}
    return json.dumps(tree, indent=1).encode() + b"\n"


Stamp = tuple[int, int, int, int]
"""Device, inode, time of change in ns and size: another stamp, another content."""


class KeyFile:
    """The keys in a file. Any number of processes may use one file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp | None:
        """Which content is there now; None without a file. Raises OSError."""
        try:
            return _stamp(os.stat(self.path))
        except FileNotFoundError:
            return None

    def read(self) -> tuple[dict[str, ApiKey], Stamp | None]:
        """Keys by id, and the stamp of what was read. No file: no keys.

        Raises DamagedKeys, KeysUnavailable.
        """
        try:
            with self.path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                data = file.read(KEYS_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {}, None
        except OSError as error:
            raise KeysUnavailable(f"{self.path}: {error.strerror}") from None
        if len(data) > KEYS_FILE_BYTES_MAX:
            raise DamagedKeys(f"{self.path} is damaged: it is too long for a key file")
        return parse(data, str(self.path)), stamp

    def exposed(self) -> bool:
        """Whether others than the owner may read the file."""
        try:
            return bool(self.path.stat().st_mode & 0o077)
        except OSError:
            return False

    def keys(self) -> list[ApiKey]:
        return list(self.read()[0].values())

    def add(self, key: ApiKey) -> None:
        def change(keys: dict[str, ApiKey]) -> None:
            if len(keys) >= KEYS_MAX:
                raise KeysError(f"there are {KEYS_MAX} keys already: remove some first")
            if key.key_id in keys:
                raise KeysError(f"there is a key {key.key_id} already: try again")
            keys[key.key_id] = key

        self._change(change)

    def set_disabled(self, key_id: str, disabled: bool) -> ApiKey:
        def change(keys: dict[str, ApiKey]) -> ApiKey:
            if key_id not in keys:
                raise unknown(key_id)
            keys[key_id] = replace(keys[key_id], disabled=disabled)
            return keys[key_id]

        return self._change(change)

    def remove(self, key_id: str) -> None:
        def change(keys: dict[str, ApiKey]) -> None:
            if keys.pop(key_id, None) is None:
                raise unknown(key_id)

        self._change(change)

    def _change(self, change: Callable[[dict[str, ApiKey]], T]) -> T:
        """Read, change, write, with nobody else in between."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                keys, _ = self.read()
                result = change(keys)
                self._write(render(keys.values()))
                return result
        except DamagedKeys as error:
            raise DamagedKeys(
                f"{error}. Nothing was changed: mend the file, or move it away to "
                "begin with no keys"
            ) from None
        except OSError as error:
            raise KeysUnavailable(f"{self.path}: {error.strerror or error}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Waits for the other writers. The lock is a file beside the keys, because the
        file itself is another one after each change."""
        path = self.path.with_name(self.path.name + ".lock")
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_PATIENCE_S
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise KeysUnavailable(
                            f"{path} is held by another process: let it end, or stop it"
                        ) from None
                    time.sleep(0.005)
            yield
        finally:
            os.close(file)

    def _write(self, data: bytes) -> None:
        """The file with this content, on disk when this returns."""
        draft = self.path.with_name(self.path.name + ".new")
        # One left by a writer that was killed may have any owner and mode.
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(draft, flags, 0o600)
        try:
            os.fchmod(file, 0o600)
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
