"""The listener of a gateway: connections in, and the timers of what they become."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address

from fixgw.net.accepting import Admission
from fixgw.net.arrival import Entrance
from fixgw.net.authentication import Authenticator
from fixgw.net.connection import FixConnection
from fixgw.net.dynamic import DynamicSessions
from fixgw.net.gateway import TICK_S, Gateway
from fixgw.net.ratelimit import AddressLimits
from fixgw.net.tls import Certificates
from fixgw.session.credentials import Credentials
from fixgw.session.settings import AcceptorSettings

PORT_TRIES = 20
"""To find one free port for IPv4 and IPv6."""

CLOSE_PATIENCE_S = 3.0
"""How long clients may take to answer the Logout when the gateway stops."""

REFRESH_S = 10.0
"""Certificates and credentials that were replaced hold for new connections after so
long."""

NOBODYS = Credentials({})


class Acceptor:
    """A running gateway: connections in, sessions behind them.

    ``changed_credentials`` is asked now and then for others than ``credentials``.
    Raises TlsUnusable when it is made with settings for TLS that cannot be used.
    """

    def __init__(
        self,
        gateway: Gateway,
        settings: AcceptorSettings,
        connections_max: int,
        credentials: Credentials = NOBODYS,
        dynamic: DynamicSessions | None = None,
        changed_credentials: Callable[[], Credentials | None] = lambda: None,
    ) -> None:
        self.connections: set[FixConnection] = set()
        self.authenticator = Authenticator(credentials, gateway.clock)
        gateway.replays.at_once = settings.replays_max
        self._gateway = gateway
        self._settings = settings
        self._connections_max = connections_max
        self._changed_credentials = changed_credentials
        self._entrance = Entrance(
            gateway,
            Admission(gateway, self.authenticator, dynamic),
            AddressLimits(settings),
            max(
                session.logon_timeout_s
                for session in (*settings.sessions, *settings.templates)
            ),
            Certificates(settings.tls) if settings.tls else None,
            self._is_proxy if settings.use_tcp_proxy else None,
        )
        self._server: asyncio.Server | None = None
        self._timers: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def listen(self) -> None:
        """Begin to accept connections. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await self._bound(self._settings.port)
        for _ in range(PORT_TRIES):
            if len({sock.getsockname()[1] for sock in self._server.sockets}) == 1:
                break
            # Any port, of every interface: the system chose one for IPv4 and another
            # for IPv6, and nobody could be told where to connect.
            chosen = self.port
            self._server.close()
            try:
                self._server = await self._bound(chosen)
            except OSError:
                self._server = await self._bound(0)
        self._timers = [
            loop.create_task(self._every(TICK_S, self._gateway.tick)),
            loop.create_task(self._every(1.0, self._check_progress)),
        ]
        self._timers.append(loop.create_task(self._every(REFRESH_S, self._refresh)))

    async def _bound(self, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            lambda: FixConnection(self._entrance, self._opened, self._closed),
            self._settings.host or None,
            port,
            backlog=512,
        )

    async def close(self) -> None:
        """Log everybody out, wait a little for the answers, close."""
        if self._server is not None:
            self._server.close()
        self._gateway.log_out_all("The gateway is shutting down")
        deadline = asyncio.get_running_loop().time() + CLOSE_PATIENCE_S
        while self._gateway.connected and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for task in (*self._timers, *self._entrance.checks):
            task.cancel()
        self.authenticator.close()
        for connection in list(self.connections):
            connection.shut_down()
        await asyncio.sleep(0)

    def _refresh(self) -> None:
        if self._entrance.certificates is not None:
            self._entrance.certificates.refresh()
        credentials = self._changed_credentials()
        if credentials is not None:
            self.authenticator.credentials = credentials

    def _is_proxy(self, address: str) -> bool:
        """Whether a PROXY header is believed from there."""
        trusted = self._settings.trusted_proxies
        ip = ip_address(address.partition("%")[0])
        return not trusted or any(ip in network for network in trusted)

    def _opened(self, connection: FixConnection, sock: socket.socket) -> bool:
        self.connections.add(connection)
        settings = self._settings
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, settings.no_delay)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, settings.keep_alive)
        if settings.traffic_class:
            is_ip6 = sock.family == socket.AF_INET6
            level = socket.IPPROTO_IPV6 if is_ip6 else socket.IPPROTO_IP
            option = socket.IPV6_TCLASS if is_ip6 else socket.IP_TOS
            sock.setsockopt(level, option, settings.traffic_class)
        for option, size in (
            (socket.SO_SNDBUF, settings.send_buffer_bytes),
            (socket.SO_RCVBUF, settings.receive_buffer_bytes),
        ):
            if size:
                sock.setsockopt(socket.SOL_SOCKET, option, size)
        return len(self.connections) <= self._connections_max

    def _closed(self, connection: FixConnection) -> None:
        self.connections.discard(connection)

    def _check_progress(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            connection.check_progress(now)

    @staticmethod
    async def _every(seconds: float, action: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            action()
