"""How much one address may ask of a listener: connections, and Logons that fail.

An address of IPv6 counts as its /64, which is what one customer has. Loopback addresses
are not limited: what comes from there is this machine itself, or a balancer that does
not say whose connections it passes on; limits would hit all its clients together.

The clock is passed in, in seconds; it never goes back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import AcceptorSettings

ADDRESSES_MAX = 10_000
"""Addresses remembered that have no connection now: some 5 MB. The one longest unseen
is forgotten first."""

FAILURES = frozenset(
    {
        DisconnectReason.LOGON_TIMEOUT,
        DisconnectReason.LOGON_BYTES_EXCEEDED,
        DisconnectReason.FIRST_MESSAGE_NOT_LOGON,
        DisconnectReason.UNKNOWN_SESSION,
        DisconnectReason.ADDRESS_NOT_ALLOWED,
        DisconnectReason.AUTHENTICATION_FAILED,
        DisconnectReason.TLS_FAILED,
        DisconnectReason.CERTIFICATE_NOT_BOUND,
    }
)
"""Ends of a connection that count as a failed Logon: whoever tries names or passwords
gets these. A member whose session is disabled, or who is connected twice, does not."""


@dataclass(slots=True)
class _Visitor:
    """What is remembered of one address."""

    open: int = 0
    tokens: float = 0.0
    filled_at: float = 0.0
    failures: deque[float] = field(default_factory=deque)
    blocked_until: float = 0.0


class AddressLimits:
    """The limits of one listener. Memory is bounded by the connections open and
    ADDRESSES_MAX."""

    def __init__(self, settings: AcceptorSettings) -> None:
        self._open_max = settings.connections_per_address_max
        self._per_minute_max = settings.connections_per_address_per_minute_max
        self._failures_max = settings.logon_failures_max
        self._failures_s = settings.logon_failures_s
        self._block_s = settings.logon_block_s
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()
        self._idle: OrderedDict[str, None] = OrderedDict()

    def opened(self, address: str, now_s: float) -> DisconnectReason | None:
        """A connection from ``address`` is open. Why it must be closed, if it must.

        In either case :meth:`closed` is to be called at its end.
        """
        key = network_of(address)
        if key is None:
            return None
        visitor = self._visitors.get(key)
        if visitor is None:
            visitor = self._visitors[key] = _Visitor(
                tokens=float(self._per_minute_max), filled_at=now_s
            )
        self._idle.pop(key, None)
        visitor.open += 1
        if now_s < visitor.blocked_until:
            return DisconnectReason.RATE_LIMIT
        if self._open_max and visitor.open > self._open_max:
            return DisconnectReason.CONNECTION_LIMIT
        if not self._take(visitor, now_s):
            return DisconnectReason.RATE_LIMIT
        return None

    def closed(self, address: str, reason: DisconnectReason, now_s: float) -> bool:
        """A connection from ``address`` has ended so. Whether that blocks it now."""
        key = network_of(address)
        if key is None:
            return False
        visitor = self._visitors[key]
        visitor.open -= 1
        blocks = reason in FAILURES and self._failed(visitor, now_s)
        if visitor.open == 0:
            self._idle[key] = None
            if len(self._idle) > ADDRESSES_MAX:
                oldest, _ = self._idle.popitem(last=False)
                del self._visitors[oldest]
        return blocks

    def _take(self, visitor: _Visitor, now_s: float) -> bool:
        """A bucket that holds a minute's connections and is refilled in a minute."""
        if not self._per_minute_max:
            return True
        won = (now_s - visitor.filled_at) * self._per_minute_max / 60.0
        visitor.tokens = min(visitor.tokens + won, float(self._per_minute_max))
        visitor.filled_at = now_s
        if visitor.tokens < 1.0:
            return False
        visitor.tokens -= 1.0
        return True

    def _failed(self, visitor: _Visitor, now_s: float) -> bool:
        if not self._failures_max or now_s < visitor.blocked_until:
            return False
        failures = visitor.failures
        failures.append(now_s)
        while failures[0] <= now_s - self._failures_s:
            failures.popleft()
        if len(failures) < self._failures_max:
            return False
        failures.clear()
        visitor.blocked_until = now_s + self._block_s
        return True

    @property
    def known(self) -> int:
        """How many addresses are remembered."""
        return len(self._visitors)


def network_of(address: str) -> str | None:
    """What an address is limited as; None if it is not limited."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is None:
            if ip.is_loopback:
                return None
            return str(IPv6Network((int(ip) >> 64 << 64, 64)))
        ip = ip.ipv4_mapped
    return None if ip.is_loopback else str(ip)
