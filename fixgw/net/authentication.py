"""Checks who a client is, off the event loop: a password takes its time on purpose.

Threads are few and the queue before them is short, so that a flood of Logons costs
memory and time of nobody else. One address has only a few places in it: whoever floods
stands in its own way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fixgw.net.ratelimit import network_of
from fixgw.session.checks import Objection
from fixgw.session.credentials import Credentials, Freshness
from fixgw.session.policies import Authentication
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message

THREADS = 2
"""A check of a password holds 16 MiB and a core for some 50 ms."""

WAITING_MAX = 128
"""Logons being checked or waiting for it: with two threads the last of them waits for
some seconds, as long as a client waits for its answer."""

WAITING_PER_ADDRESS_MAX = 16
"""The same from one address. Loopback has no such limit."""

AT_ONCE = frozenset({Authentication.NONE, Authentication.CERTIFICATE})
"""What is checked in no time."""


class Authenticator:
    """The check of one listener. Lives on its event loop. ``clock`` gives nanoseconds
    since the epoch."""

    def __init__(self, credentials: Credentials, clock: Callable[[], int]) -> None:
        self.credentials = credentials
        """May be replaced at any time, for the next Logon."""
        self._clock = clock
        self._freshness = Freshness(clock())
        self._threads: ThreadPoolExecutor | None = None
        self._waiting: Counter[str | None] = Counter()

    def check_at_once(
        self, settings: SessionSettings, message: Message, names: frozenset[str]
    ) -> Objection | None:
        """For a session whose way is AT_ONCE. ``names`` are those of the client's
        certificate."""
        return self.credentials.check(settings, message, names)

    async def check(
        self,
        settings: SessionSettings,
        message: Message,
        names: frozenset[str],
        address: str,
    ) -> Objection | None:
        """For any session. Too many at once are refused, RATE_LIMIT."""
        if settings.authentication in AT_ONCE:
            return self.check_at_once(settings, message, names)
        network = network_of(address)
        if self._waiting.total() >= WAITING_MAX or (
            network is not None and self._waiting[network] >= WAITING_PER_ADDRESS_MAX
        ):
            return Objection(
                DisconnectReason.RATE_LIMIT, "Too many Logons are being checked."
            )
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "logon")
        self._waiting[network] += 1
        try:
            objection = await asyncio.get_running_loop().run_in_executor(
                self._threads, self.credentials.check, settings, message, names
            )
        finally:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]
        return objection or self._freshness.check(settings, message, self._clock())

    def close(self) -> None:
        """Those that wait are not checked any more."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
