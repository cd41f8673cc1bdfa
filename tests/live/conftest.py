"""Fixtures that leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.exchange import Exchange
from tests.live.initiator import Initiator
from tests.live.proxy import Proxy

MakeExchange = Callable[..., Exchange]
Connect = Callable[..., Initiator]
MakeProxy = Callable[[int], Proxy]


@pytest.fixture
def new_exchange(tmp_path: Path) -> Iterator[MakeExchange]:
    """Makes exchanges, not yet started; ends whatever of them is left."""
    with ExitStack() as stack:

        def make(name: str = "exchange", port: int = 0) -> Exchange:
            exchange = Exchange(tmp_path / name, port=port)
            stack.callback(exchange.clean_up)
            return exchange

        yield make


@pytest.fixture
def exchange(new_exchange: MakeExchange) -> Exchange:
    """A running exchange with the sessions BUYER and SELLER."""
    return new_exchange().start()


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Makes initiators, not yet started; stops them, and hears their complaints."""
    made: list[Initiator] = []
    with ExitStack() as stack:

        def make(
            name: str, port: int, *, reset: bool = False, heart_bt_int_s: int = 30
        ) -> Initiator:
            client = Initiator(
                name, port, tmp_path, reset=reset, heart_bt_int_s=heart_bt_int_s
            )
            stack.callback(client.stop)
            made.append(client)
            return client

        yield make
    for client in made:
        client.check()


@pytest.fixture
def new_proxy() -> Iterator[MakeProxy]:
    """Makes proxies to a port."""
    with ExitStack() as stack:

        def make(target: int) -> Proxy:
            proxy = Proxy(target)
            stack.callback(proxy.close)
            return proxy

        yield make
