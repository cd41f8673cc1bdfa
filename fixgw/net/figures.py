"""What a gateway counts, as plain integers: once per read, write and batch, not per
order."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from engine.codes import CommandKind

NS_PER_S = 1_000_000_000

LATENCY_BOUNDS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the buckets, inclusive; one more bucket holds what is above. From a
tenth of a millisecond, less than any disk takes, to ten seconds, a shard's restart."""

_BOUNDS_NS = [round(bound * NS_PER_S) for bound in LATENCY_BOUNDS_S]

MSG_TYPES = {
    CommandKind.NEW_ORDER: "D",
    CommandKind.CANCEL: "F",
    CommandKind.REPLACE: "G",
}
"""MsgType(35) of the messages that become commands."""

OTHER = "other"
"""For any other type: clients may make up as many as they like."""

_ORDERS = frozenset(MSG_TYPES.values())


class Latency:
    """A histogram of how long orders took. ``counts`` is per bucket, not cumulated."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.sum_ns = 0
        self.count = 0

    def observe(self, ns: int, count: int) -> None:
        """``count`` orders took ``ns`` nanoseconds each."""
        self.counts[bisect_left(_BOUNDS_NS, ns)] += count
        self.sum_ns += ns * count
        self.count += count


@dataclass(slots=True)
class Figures:
    """Counted since the process began."""

    messages_in: int = 0
    """Whole FIX messages received, garbled ones aside."""
    messages_out: int = 0
    """Messages handed to connections, replays included."""
    bytes_in: int = 0
    bytes_out: int = 0
    garbled: int = 0
    logons: int = 0
    """Accepted ones."""
    messages_resent: int = 0
    """Stored messages sent again; GapFills are none."""
    resends_refused: int = 0
    """ResendRequest(2) that got less than they asked for, by a limit."""
    rejects: Counter[str] = field(default_factory=Counter)
    """Reject(3) sent, by the MsgType(35) of the order that was refused, or OTHER."""
    business_rejects: Counter[str] = field(default_factory=Counter)
    """BusinessMessageReject(j) sent, in the same way."""
    commands: Counter[int] = field(default_factory=Counter)
    """Orders given to shards by CommandKind, repeats included."""
    latency: Latency = field(default_factory=Latency)
    """From the read that brought an order until it is on the shard's disk and its
    reports are handed to the connections: the whole batch counts as its oldest."""

    @property
    def orders(self) -> dict[str, int]:
        """Orders received by MsgType(35): given to shards, and refused before that."""
        return {
            name: self.commands[kind] + self.rejects[name] + self.business_rejects[name]
            for kind, name in MSG_TYPES.items()
        }

    def count_refusal(self, msg_type: str, *, business: bool) -> None:
        """A message of this type is refused."""
        counts = self.business_rejects if business else self.rejects
        counts[msg_type if msg_type in _ORDERS else OTHER] += 1

    def count_commands(self, commands: bytearray, record_bytes: int) -> int:
        """A batch of commands is given to a shard; how many they are."""
        if len(commands) == record_bytes:
            self.commands[commands[0]] += 1
            return 1
        kinds = commands[::record_bytes]
        for kind in MSG_TYPES:
            self.commands[kind] += kinds.count(kind)
        return len(kinds)


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything a gateway can say of itself in numbers, at one moment."""

    figures: Figures
    orders: dict[str, int]
    """Orders received by MsgType(35): those given to shards and those refused here."""
    rejects: int
    """Reject(3) sent."""
    business_rejects: int
    """BusinessMessageReject(j) sent."""
    disconnects: dict[str, int]
    """Ends of connections by DisconnectReason."""
    sessions: int
    logged_on: int
    disabled: int
    replays_running: int
    replays_waiting: int
    """Replays of stored messages under way, and those that wait for a place."""
    unconfirmed: int
    """Commands given to shards that have not confirmed them."""
