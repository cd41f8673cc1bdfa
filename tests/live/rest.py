"""A REST client of a running exchange, with a key of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from fixgw.sidedoor.client import RestClient
from tests.live.exchange import Exchange, fixgw

COMMAND_S = 50.0


@contextmanager
def rest_client(exchange: Exchange, account: str) -> Iterator[RestClient]:
    """With a key an operator made for the account."""
    made = subprocess.run(
        fixgw(
            *("keys", "create", "--account", account, "--role", "trade", "--json"),
            *("--config", exchange.config),
        ),
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    url = f"http://127.0.0.1:{exchange.http_port}"
    client = RestClient(url, key["key"], key["secret"])
    try:
        yield client
    finally:
        client.close()
