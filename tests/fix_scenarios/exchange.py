"""What the dialogues of ``orders/`` and ``marketdata/`` are played against: an exchange
with two shards.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from fixgw.certify import Dialogue, Names, Run, Situation, load, run
from fixgw.certify.sessionsfile import sessions_text
from tests.fix_scenarios.acceptor import HERE, WAIT_S
from tests.live.exchange import Exchange

ORDERS = HERE / "orders"
MARKET_DATA = HERE / "marketdata"

DEFAULTS = """\
SocketAcceptHost=127.0.0.1
SocketAcceptPort=9876
ConnectionsPerAddressMax=0
LogonFailuresMax=0
"""


def order_dialogues() -> list[Dialogue]:
    """Those of both folders, for every version."""
    return load([ORDERS, MARKET_DATA], Names(server="EXCHANGE"))


def play_orders(folder: Path) -> Run:
    """Play them one after the other: they meet in the same books."""
    chosen = order_dialogues()
    exchange = Exchange(folder)
    head, mark, rest = sessions_text(chosen).partition("[SESSION]\n")
    exchange.sessions.write_text(head + DEFAULTS + mark + rest)
    exchange.start()
    try:
        situation = Situation("127.0.0.1", exchange.port, wait_s=WAIT_S)
        return asyncio.run(run(chosen, situation))
    finally:
        exchange.clean_up()
