"""One measurement: the load client against one running server."""

import json
import subprocess
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import processes
from common import BenchError, tail
from contenders import Server


@dataclass(frozen=True)
class Shape:
    """How orders are offered: ``batch`` per write, ``window`` writes outstanding."""

    batch: int
    window: int
    orders: int
    orders_quick: int

    @property
    def title(self) -> str:
        text = f"{self.batch} x {self.window}"
        return text + " (ping-pong)" if self.batch == self.window == 1 else text


# One write must be enough for a few hundred samples, and a repeat take seconds.
SHAPES = [
    Shape(batch=1, window=1, orders=20_000, orders_quick=1_000),
    Shape(batch=10, window=1, orders=100_000, orders_quick=3_000),
    Shape(batch=100, window=1, orders=200_000, orders_quick=5_000),
    Shape(batch=100, window=4, orders=200_000, orders_quick=5_000),
]


@dataclass(frozen=True)
class Order:
    """The order that is sent; it fits the instruments the exchange ships with."""

    symbol: str
    price: str
    tick: str
    quantity: str
    levels: int
    account: str


@dataclass(frozen=True)
class Result:
    """What one measurement gave. Round trips are per write, microseconds."""

    orders: int
    writes: int
    seconds: float
    rate: float
    p50_us: float
    p99_us: float
    max_us: float
    client_cpu_us: float
    server_cpu_us: float

    @property
    def client_busy(self) -> float:
        """The share of one core the client used: near 1, it was the limit."""
        return self.client_cpu_us * self.rate / 1e6


def measure(
    client: Path,
    server: Server,
    shape: Shape,
    order: Order,
    orders: int,
    seconds: float,
    prefix: str,
) -> Result:
    """Runs the client once; raises BenchError with its message if it gave up."""
    options = {
        "port": server.port,
        "batch": shape.batch,
        "window": shape.window,
        "orders": orders,
        "warmup": orders // 10,
        "seconds": seconds,
        "prefix": prefix,
        **asdict(order),
    }
    command = [str(client)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The client gives up by itself after a silence; this is for a client that hangs.
    watchdog = threading.Timer(2 * seconds + 60, process.kill)
    watchdog.start()
    try:
        result = converse(process, server)
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.communicate()
    return result


def converse(process: "subprocess.Popen[str]", server: Server) -> Result:
    """The dialogue described at the top of load_client.c."""
    assert process.stdin
    assert process.stdout
    expect(process, process.stdout, server, "warm")
    before = processes.cpu_ns(server.pid)
    answer(process.stdin)
    line = expect(process, process.stdout, server, "{")
    cpu_ns = processes.cpu_between(before, processes.cpu_ns(server.pid))
    answer(process.stdin)
    if process.wait() != 0:
        raise gave_up(process, server)
    fields = json.loads(line)
    return Result(**fields, server_cpu_us=round(cpu_ns / 1e3 / fields["orders"], 3))


def expect(
    process: "subprocess.Popen[str]", output: IO[str], server: Server, start: str
) -> str:
    line = output.readline()
    if not line.startswith(start):
        process.wait()
        raise gave_up(process, server)
    return line


def answer(stream: IO[str]) -> None:
    stream.write("\n")
    stream.flush()


def gave_up(process: "subprocess.Popen[str]", server: Server) -> BenchError:
    assert process.stderr
    message = process.stderr.read().strip() or f"status {process.returncode}"
    return BenchError(f"{message}\nThe server's output ends with:\n{tail(server.log)}")
