"""Commands to the shards, and the wait for what becomes of them.

A command is *settled* once its shard has it on disk and all events it caused were given
to the accounts: the link calls back after them (``spec/link.md``). Then the accounts
tell what happened; that there was no event means that the shard knew the identifier.

What was submitted is never submitted again from here. A link that is lost keeps its
commands and gives them to the shard when it is back, so a command that timed out may
still be done; it stays in the table of what is under way until it is settled.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fixgw.net.links import ShardLink
from fixgw.orders.routing import ShardMap
from fixgw.sidedoor.account import Content
from fixgw.sidedoor.errors import ApiError, error
from fixgw.sidedoor.figures import Figures

OUTCOME_S_MAX = 5.0
"""A settled command takes milliseconds. After so long the client is told how to ask."""

UNDER_WAY_MAX = 10_000
"""Commands not settled, of all accounts: above this the shards are stuck, and more
orders would only wait behind them."""

CANCELS_UNDER_WAY_MAX = 50_000
"""Who wants out must get out: cancels are taken long after orders are not. About 50
MB."""


@dataclass(eq=False, slots=True)
class Pending:
    """A command under way. ``content`` is what it asks for; None for a cancel."""

    key: int
    client_order_id: str
    content: Content | None
    started_ns: int
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Dispatcher:
    """Gives commands to the links. Belongs to their event loop."""

    def __init__(self, shards: ShardMap, figures: Figures) -> None:
        self._shards = shards
        self._figures = figures
        self._links: Mapping[int, ShardLink] = {}
        self._pending: dict[tuple[int, str], Pending] = {}
        self._new_orders: Counter[int] = Counter()

    def use_links(self, links: Mapping[int, ShardLink]) -> None:
        """The links by shard."""
        self._links = links

    # -- shards ------------------------------------------------------------------------

    def shard_of(self, symbol: str) -> int:
        """The shard that has ``symbol``, traded or not."""
        return self._shards.shard_of(symbol.encode("ascii"))

    @property
    def shards(self) -> range:
        """The numbers of all shards."""
        return range(self._shards.count)

    def is_up(self, shard: int) -> bool:
        """Whether the shard can be reached and all its events are known."""
        link = self._links.get(shard)
        return link is not None and link.is_up

    @property
    def down(self) -> list[int]:
        """Shards that cannot be reached, or whose past is not known yet."""
        return [n for n in self.shards if not self.is_up(n)]

    def require(self, shard: int, *, cancel: bool = False) -> None:
        """Raises ApiError 503 unless a command can be given to the shard now."""
        link = self._links.get(shard)
        if link is None or not link.has_room:
            raise unavailable([shard], "nothing was sent to it")
        most = CANCELS_UNDER_WAY_MAX if cancel else UNDER_WAY_MAX
        if len(self._pending) >= most:
            raise error("OVERLOADED", headers={"Retry-After": "1"})

    # -- commands ----------------------------------------------------------------------

    def pending(self, key: int, client_order_id: str) -> Pending | None:
        """The command under way with this identifier."""
        return self._pending.get((key, client_order_id))

    def new_orders(self, key: int) -> int:
        """New orders of an account that are not settled."""
        return self._new_orders[key]

    def pending_of(self, key: int) -> list[Pending]:
        """All commands of an account that are not settled."""
        return [pending for pending in self._pending.values() if pending.key == key]

    @property
    def under_way(self) -> int:
        """Commands that are not settled."""
        return len(self._pending)

    def submit(
        self,
        shard: int,
        kind: str,
        key: int,
        client_order_id: str,
        content: Content | None,
        command: bytes,
    ) -> Pending:
        """Give a command to its shard: :meth:`require` was called in this turn.

        ``kind`` is "new", "cancel", "replace", "cancel_all" or "deadline".
        """
        pending = Pending(key, client_order_id, content, time.monotonic_ns())
        self._pending[key, client_order_id] = pending
        if kind == "new":
            self._new_orders[key] += 1
        self._figures.orders[kind] += 1

        def settle() -> None:
            self._pending.pop((key, client_order_id), None)
            if kind == "new":
                self._new_orders[key] -= 1
                if not self._new_orders[key]:
                    del self._new_orders[key]
            duration_ns = time.monotonic_ns() - pending.started_ns
            self._figures.order_latency.add(duration_ns)
            pending.settled.set()

        self._links[shard].submit(command, [settle])
        return pending

    async def settled(self, pending: Pending, named: str) -> None:
        """Wait until a command is settled, :data:`OUTCOME_S_MAX` from its start.

        Raises ApiError 504 when that is too long; ``named`` is the identifier to ask
        for the order with.
        """
        passed_s = (time.monotonic_ns() - pending.started_ns) / 1e9
        try:
            async with asyncio.timeout(max(0.0, OUTCOME_S_MAX - passed_s)):
                await pending.settled.wait()
        except TimeoutError:
            self._figures.outcomes_unknown += 1
            raise outcome_unknown(named) from None


def unavailable(shards: list[int], consequence: str) -> ApiError:
    """503: these shards cannot be reached."""
    names = ", ".join(str(shard) for shard in shards)
    word = "shard" if len(shards) == 1 else "shards"
    return error(
        "SHARD_UNAVAILABLE",
        f"{word} {names} cannot be reached; {consequence}. Try again in 1 s",
        headers={"Retry-After": "1"},
    )


def outcome_unknown(client_order_id: str) -> ApiError:
    """504: it was sent, and is not known to be done or refused."""
    path = f"/v1/orders/{client_order_id}"
    return error(
        "OUTCOME_UNKNOWN",
        f"it was sent and may yet be done: ask with GET {path}, or send the same "
        "request again, which does nothing twice",
        headers={"Location": path, "Retry-After": "1"},
    )
