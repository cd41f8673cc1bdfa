"""A connection until it belongs to a session.

What its bytes are for changes as it goes on; each phase but LOGON may be left out:

=========  ======================  ==================================================
phase      its bytes are           it ends when
=========  ======================  ==================================================
HEADER     a PROXY header          the client's address is known, and judged
HANDSHAKE  TLS's                   the client's certificate is known, if it has one
LOGON      the first message       :mod:`fixgw.net.accepting` has judged it
CHECKING   kept, not looked at     the client is known to be who it says
DONE       none of ours            a session has the connection, or nobody
=========  ======================  ==================================================

All of them together have LogonTimeout, but for CHECKING, which takes its own bounded
time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from fixgw.net.accepting import Admission, Admitted, Applicant, Candidate, Refusal
from fixgw.net.gateway import Gateway
from fixgw.net.hosted import End
from fixgw.net.proxyprotocol import ProxyReader
from fixgw.net.ratelimit import AddressLimits
from fixgw.net.tls import Certificates, TlsStream
from fixgw.session.reasons import DisconnectReason
from fixgw.wire import Framer, Garbled, Message

log = logging.getLogger(__name__)

LOGON_BYTES_MAX = 1024
"""A Logon is a few hundred bytes. Who sends more before one, or behind it before the
answer, is no FIX client."""


class Phase(Enum):
    """See the module."""

    HEADER = auto()
    HANDSHAKE = auto()
    LOGON = auto()
    CHECKING = auto()
    DONE = auto()


@dataclass(slots=True)
class Entrance:
    """What all connections of a listener share."""

    gateway: Gateway
    admission: Admission
    limits: AddressLimits
    logon_timeout_s: float
    certificates: Certificates | None = None
    """With them TLS is spoken."""
    is_proxy: Callable[[str], bool] | None = None
    """With it every connection begins with a PROXY header, and comes from an address of
    which this is true."""
    checks: set[asyncio.Task[None]] = field(default_factory=set)
    """Logons being checked."""


class Socket(Protocol):
    """What an arrival needs of its connection."""

    tls: TlsStream | None

    def decrypt(self, data: bytes) -> bytes:
        """What the client says with ``data``. Raises TlsFailed."""

    def log_garbled(self, garbled: Garbled) -> None:
        """Count and log it."""

    def log_on(self, admitted: Admitted, rest: bytes) -> None:
        """The connection is the session's from now on; ``rest`` came behind the
        Logon."""

    def finish(self, reason: DisconnectReason, text: str) -> None:
        """Close."""

    @property
    def is_ending(self) -> bool:
        """Whether it is closed, or about to be."""


class Arrival:
    """One connection's way to its session."""

    def __init__(self, entrance: Entrance, connection: Socket) -> None:
        self.phase = Phase.LOGON
        self.address = ""
        self.peer = "?"
        self._entrance = entrance
        self._connection = connection
        self._gateway = entrance.gateway
        self._header = ProxyReader() if entrance.is_proxy else None
        self._framer = Framer()
        self._early = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._counted_at = ""

    def come_from(self, address: str, port: int) -> None:
        """Where the client is, as far as is known."""
        self.address = address.removeprefix("::ffff:")
        host = f"[{self.address}]" if ":" in self.address else self.address
        self.peer = f"{host}:{port}"

    def begin(self) -> None:
        """The connection is open."""
        self._timer = asyncio.get_running_loop().call_later(
            self._entrance.logon_timeout_s, self._end, DisconnectReason.LOGON_TIMEOUT
        )
        if self._entrance.is_proxy is None:
            self._enter()
        elif self._entrance.is_proxy(self.address):
            self.phase = Phase.HEADER
        else:
            text = "Only balancers may connect, and this is none that is trusted."
            self._end(DisconnectReason.ADDRESS_NOT_ALLOWED, text)

    def end(self, reason: DisconnectReason) -> None:
        """The connection is closed; also when it was a session's."""
        self._stop_timer()
        if self.phase is Phase.CHECKING and reason is DisconnectReason.PEER_CLOSED:
            # Who does not wait for the answer must not be free to ask and ask.
            reason = DisconnectReason.AUTHENTICATION_FAILED
        self.phase = Phase.DONE
        if self._counted_at:
            now_s = asyncio.get_running_loop().time()
            if self._entrance.limits.closed(self._counted_at, reason, now_s):
                log.warning(
                    "too many Logons from %s failed: it has to wait", self.address
                )

    def take(self, data: bytes) -> None:
        """Bytes before there is a session. Raises ProxyHeaderWrong or TlsFailed."""
        if self.phase is Phase.HEADER:
            data = self._take_header(data)
        if self._connection.tls is not None and not self._connection.is_ending:
            data = self._connection.decrypt(data)
            if self.phase is Phase.HANDSHAKE and self._connection.tls.is_established:
                self.phase = Phase.LOGON
        if data and not self._connection.is_ending:
            self._take_early(data)

    # -- where it comes from -----------------------------------------------------------

    def _take_header(self, data: bytes) -> bytes:
        """What follows the PROXY header, once it is complete."""
        assert self._header is not None
        header = self._header.receive(data)
        if header is None:
            return b""
        if header.source is not None:
            self.come_from(*header.source)
        self.phase = Phase.LOGON
        self._enter()
        return self._header.rest

    def _enter(self) -> None:
        """The address is known."""
        self._counted_at = self.address
        now_s = asyncio.get_running_loop().time()
        reason = self._entrance.limits.opened(self.address, now_s)
        if reason is not None:
            self._end(reason)
        elif self._entrance.certificates is not None:
            self.phase = Phase.HANDSHAKE
            self._connection.tls = TlsStream(self._entrance.certificates.context)

    # -- who it is ---------------------------------------------------------------------

    def _take_early(self, data: bytes) -> None:
        """The first message, and what follows it before it is answered."""
        begin = len(self._early)
        self._early += data
        if self.phase is Phase.CHECKING:
            self._check_early()
            return
        items = self._framer.feed(bytes(self._early[begin:LOGON_BYTES_MAX]))
        self._gateway.figures.bytes_in += len(data)
        if not items:
            self._check_early()
            return
        if isinstance(items[0], Garbled):
            self._connection.log_garbled(items[0])
            self._end(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)
            return
        self._gateway.figures.messages_in += 1
        del self._early[: len(items[0].raw)]
        self._gateway.figures.bytes_in -= len(self._early)
        self._ask(items[0])

    def _check_early(self) -> bool:
        """Whether no more bytes wait than may; else it ends."""
        if len(self._early) <= LOGON_BYTES_MAX:
            return True
        self._end(DisconnectReason.LOGON_BYTES_EXCEEDED)
        return False

    def _ask(self, message: Message) -> None:
        """Whether this first message is let in."""
        tls = self._connection.tls
        names: frozenset[str] = tls.names if tls is not None else frozenset()
        admission = self._entrance.admission
        found = admission.judge(message, Applicant(self.address, names))
        if isinstance(found, Refusal):
            self._decide(found)
        elif admission.is_immediate(found):
            self._decide(admission.admit_at_once(found))
        elif self._check_early():
            self.phase = Phase.CHECKING
            self._stop_timer()
            check = asyncio.get_running_loop().create_task(self._check(found))
            self._entrance.checks.add(check)
            check.add_done_callback(self._entrance.checks.discard)

    async def _check(self, candidate: Candidate) -> None:
        try:
            decision = await self._entrance.admission.admit(
                candidate, lambda: not self._connection.is_ending
            )
            if not self._connection.is_ending:
                self._decide(decision)
        except Exception as error:
            log.critical("error of our own, closing %s", self.peer, exc_info=error)
            self._end(DisconnectReason.INTERNAL_ERROR)

    def _decide(self, decision: Refusal | Admitted) -> None:
        self._stop_timer()
        self.phase = Phase.DONE
        if isinstance(decision, Refusal):
            self._turn_away(decision)
        else:
            rest, self._early = bytes(self._early), bytearray()
            self._connection.log_on(decision, rest)

    def _turn_away(self, refusal: Refusal) -> None:
        """A Logon that the session does not get to see."""
        reason, text, hosted = refusal.reason, refusal.text, refusal.hosted
        if hosted is not None:
            text = text or reason.sentence
            end = End(reason, text, self.peer, self._gateway.clock())
            hosted.not_let_in(end)
            text = f"{hosted.session.session_id}: {text}"
        self._end(reason, text)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, reason: DisconnectReason, text: str = "") -> None:
        self._connection.finish(reason, text)
