"""The exchange a demo runs on: its own folder, configuration, keys and ports."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from fixgw.config import Config
from fixgw.demo.traders import RETAIL_ACCOUNTS
from fixgw.sidedoor.keys import ApiKey, KeyFile, Role, new_key

HUMAN_ACCOUNT = "DEMO"
_LABEL = "fixgw demo"


def write_config(config: Config, folder: Path) -> Path:
    """A ``fixgw.toml`` for the demo in its data folder; its path.

    Sessions, instruments and shards are those of ``config``. Kafka, Redis and
    PostgreSQL are left out whatever it says: simulated orders must not reach the
    systems of a real exchange.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fixgw.toml"
    clock = time.strftime("%H:%M:%S", time.gmtime(config.day_ends_ns // 10**9))
    pins = "".join(f"{_toml(s)} = {shard}\n" for s, shard in config.pins.items())
    door = config.sidedoor
    path.write_text(
        "# Written by fixgw demo, anew at each start.\n"
        f"sessions = {_toml(str(config.sessions))}\n"
        f"instruments = {_toml(str(config.instruments))}\n"
        'data = "."\n\n'
        f"[shards]\ncount = {config.shard_count}\n\n"
        f"[shards.pins]\n{pins}\n"
        f"[engine]\nday_ends = {_toml(clock)}\n\n"
        f"[sidedoor]\nhost = {_toml(door.host)}\nport = {door.port}\n"
        f"orders_per_second = {door.orders_per_second}\n"
        f"orders_burst = {door.orders_burst}\n\n"
        f"[metrics]\nenabled = {_toml(config.metrics.enabled)}\n"
        f"host = {_toml(config.metrics.host)}\nport = {config.metrics.port}\n",
        encoding="utf-8",
    )
    return path


def _toml(value: str | bool) -> str:
    """A value in TOML, whose texts and booleans are those of JSON."""
    return json.dumps(value)


def keys_of(store: KeyFile, accounts: Sequence[str]) -> list[ApiKey]:
    """A key for each account: one that is there, or a new one. Raises KeysError."""
    there = store.keys()
    known = {key.account: key for key in there if not key.disabled}
    keys = []
    for account in accounts:
        key = known.get(account)
        if key is None:
            key = new_key(account, Role.TRADE, _LABEL, time.time_ns())
            store.add(key)
        keys.append(key)
    return keys


def make_keys(config: Config) -> ApiKey:
    """Keys for everybody; the human's. Raises KeysError."""
    store = KeyFile(config.sidedoor.keys)
    return keys_of(store, (HUMAN_ACCOUNT, *RETAIL_ACCOUNTS))[0]


def free_port(host: str, wanted: int, count: int = 1) -> int:
    """``wanted`` if it and those behind it can be listened on; else 0, any free one.

    It is a guess: somebody may take it before we do.
    """
    if wanted == 0:
        return 0
    for port in range(wanted, min(wanted + count, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host or "127.0.0.1", port))
            except OSError:
                return 0
    return wanted
