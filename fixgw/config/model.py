"""What a process of the exchange needs to know to start."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fixgw.config.tables import Limits
from fixgw.config.timetable import Group

DEFAULT_KEYS = Path("sidedoor") / "api-keys.json"
"""Where API keys are, in the data folder, unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class SideDoor:
    """REST and WebSocket. Limits are per API key, public ones per address."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 8080
    keys: Path = Path()
    receive_window_ms: int = 5000
    orders_per_second: int = 50
    orders_burst: int = 100
    reads_per_second: int = 20
    reads_burst: int = 40
    public_per_second: int = 20
    public_burst: int = 40


@dataclass(frozen=True, slots=True)
class Redis:
    """Where side doors share keys, limits and claims; empty: each has its own."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where events are published; no servers: nowhere."""

    bootstrap_servers: str = ""
    topic: str = "fixgw.events"


@dataclass(frozen=True, slots=True)
class ReadModel:
    """Tables of orders, executions, trades and positions."""

    enabled: bool = True
    source: str = "log"
    """``log``: the shards' event logs; ``kafka``: the topic."""
    database: str = "sqlite"
    """``sqlite``: a file in the data folder; or a ``postgresql://`` URL."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics and health over HTTP. Every process has a port of its own."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 9400
    """The first port; 0 takes free ones."""


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """At which falls of the whole market, in percent, everything is halted, and for how
    many seconds each time; 0 is for the rest of the day."""

    enabled: bool = False
    levels: tuple[int, ...] = (10, 15, 20)
    halt_s: tuple[int, ...] = (300, 900, 0)


_OFFSETS = {
    "supervisor": 0,
    "gateway": 1,
    "sidedoor": 2,
    "publisher": 3,
    "readmodel": 4,
    "breaker": 5,
}
_FIRST_SHARD_OFFSET = 10


@dataclass(frozen=True, slots=True)
class Config:
    """Everything of ``fixgw.toml``. Paths are absolute."""

    path: Path
    sessions: Path
    instruments: Path
    data: Path
    shard_count: int = 2
    pins: dict[str, int] = field(default_factory=dict)
    day_ends_ns: int = 0
    """End of the trading day, nanoseconds after midnight UTC."""
    sidedoor: SideDoor = field(default_factory=SideDoor)
    redis: Redis = field(default_factory=Redis)
    kafka: Kafka = field(default_factory=Kafka)
    readmodel: ReadModel = field(default_factory=ReadModel)
    metrics: Metrics = field(default_factory=Metrics)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    schedule: tuple[Group, ...] = ()
    """Trading days; none: every instrument is always in CONTINUOUS."""
    limits: Limits = field(default_factory=Limits)

    def with_data(self, data: Path) -> Config:
        """The same exchange with its data elsewhere."""
        side_door = self.sidedoor
        if side_door.keys == self.data / DEFAULT_KEYS:
            side_door = replace(side_door, keys=data / DEFAULT_KEYS)
        return replace(self, data=data, sidedoor=side_door)

    def shard_folder(self, shard: int) -> Path:
        """Where a shard keeps its logs."""
        return self.data / f"shard-{shard}"

    def shard_socket(self, shard: int) -> Path:
        """Where a shard listens for gateways."""
        return self.shard_folder(shard) / "link.sock"

    def gateway_folder(self, gateway: int) -> Path:
        """Where a gateway keeps its outbox."""
        return self.data / f"gateway-{gateway}"

    def folder_of(self, process: str) -> Path:
        """The folder of a process: ``gateway``, ``shard 0``, ``sidedoor``, …"""
        if process == "gateway":
            return self.gateway_folder(0)
        return self.data / process.replace(" ", "-")

    def admin_socket(self, process: str) -> Path:
        """Where a process listens for its operators."""
        return self.folder_of(process) / "admin.sock"

    @property
    def audit_log(self) -> Path:
        """Where what operators did is written down."""
        return self.data / "audit.log"

    @property
    def processes(self) -> list[str]:
        """What ``up`` runs under its supervisor, in the order of starting."""
        names = [f"shard {number}" for number in range(self.shard_count)]
        names.append("gateway")
        if self.breaker.enabled:
            names.append("breaker")
        if self.sidedoor.enabled:
            names.append("sidedoor")
        if self.kafka.bootstrap_servers:
            names.append("publisher")
        if self.readmodel.enabled:
            names.append("readmodel")
        return names

    def metrics_port(self, process: str) -> int:
        """The port a process gives its metrics on; 0 for any free one."""
        if self.metrics.port == 0:
            return 0
        if process.startswith("shard "):
            number = int(process.removeprefix("shard "))
            return self.metrics.port + _FIRST_SHARD_OFFSET + number
        return self.metrics.port + _OFFSETS[process]
