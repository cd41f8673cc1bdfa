"""What the desks of market data need of the gateway, and the state they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fixgw.marketdata.projection import Projection
from fixgw.orders.dialect import version_of
from fixgw.orders.routing import ShardMap
from fixgw.session.session import Session
from fixgw.wire import Message

APPLICATION_NOT_AVAILABLE = 4
CONDITIONALLY_REQUIRED_FIELD_MISSING = 5
"""BusinessRejectReason(380)."""

LOADING = "market data is still being loaded, try again later"
"""Text(58) until all events of a shard are known."""

AGGRESSOR_VERSIONS = frozenset({"FIX.5.0SP2"})
"""Versions that have AggressorSide(2446)."""


class Outlet(Protocol):
    """Where messages go: the gateway."""

    def send(self, session: Session, msg_type: str, body: bytes, *, keep: bool) -> bool:
        """Send at the end of this turn; whether it was taken.

        Without ``keep`` it is written now or not at all, and no resend will bring it.
        """

    def has_room(self, session: Session) -> bool:
        """Whether the client reads fast enough for more, and nothing is held back."""

    def cut(self, session: Session) -> None:
        """It does not: end its connection."""


@dataclass(slots=True)
class Floor:
    """Shared by all desks of market data of one gateway."""

    shards: ShardMap
    outlet: Outlet
    projection: Projection = field(default_factory=Projection)
    is_level: Callable[[int], bool] = lambda shard: False
    """Whether all events of a shard are known, and those to come will be."""

    def loading(self, symbols: tuple[str, ...] = ()) -> bool:
        """Whether the shard of one of these is not level; of none, any shard."""
        if not symbols:
            return not all(map(self.is_level, range(self.shards.count)))
        return not all(
            self.is_level(self.shards.shard_of(symbol.encode("latin-1")))
            for symbol in symbols
        )

    def refuse_while_loading(
        self, session: Session, message: Message, now_ns: int
    ) -> None:
        """BusinessMessageReject(j) 380=4."""
        session.business_reject(message, APPLICATION_NOT_AVAILABLE, LOADING, now_ns)


def dialect_of(session: Session) -> str:
    """The version of its application messages."""
    return version_of(session.session_id, session.appl_ver_id)


def text_field(text: str) -> bytes:
    """Text(58)."""
    return b"58=%b\x01" % text.encode("latin-1", "replace")
